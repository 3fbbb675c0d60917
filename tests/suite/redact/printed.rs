//! Lines as programs print them: with secrets in `printed.txt`, without any in `harmless.txt`. Both were written before the rules that
//! they led to, with generated values, and half of each was held back until the rules were done.

use crate::redact::{
    ALNUM, BASE64, HEX, Random, UPPER_DIGITS, URL_SAFE, record, redactor, survivor,
};
use serde_json::json;
use vmlog::record::Source;
use vmlog::redact::Redactor;

const LOWER_DIGITS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const DIGITS: &str = "0123456789";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The mark of a case that the rules are known not to get right.
const KNOWN: &str = "? ";

/// A case: whether it is known to fail, its text, and the random parts of it that are secret.
struct Printed {
    is_known: bool,
    text: String,
    secrets: Vec<String>,
}

/// Fills the random parts of a template: `{A24}` is a secret of 24 letters and digits, `{~A24}` the same and none.
fn filled(template: &str, random: &mut Random) -> Printed {
    let is_known = template.starts_with(KNOWN);
    let mut rest = template.strip_prefix(KNOWN).unwrap_or(template);
    let (mut text, mut secrets) = (String::new(), vec![]);
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        let part = after.split_once('}').and_then(|(class, after)| {
            let (is_secret, class) = class
                .strip_prefix('~')
                .map_or((true, class), |class| (false, class));
            let (kind, count) = class.split_at_checked(1)?;
            let count = if count.is_empty() {
                1
            } else {
                count.parse().ok()?
            };
            Some((part(kind, count, random)?, is_secret, after))
        });
        let Some((part, is_secret, after)) = part else {
            text.push('{');
            rest = after;
            continue;
        };
        text += &part;
        if is_secret {
            secrets.push(part);
        }
        rest = after;
    }
    text += rest;
    Printed {
        is_known,
        text,
        secrets,
    }
}

/// A random part of a class.
fn part(kind: &str, count: usize, random: &mut Random) -> Option<String> {
    let alphabet = match kind {
        "A" => ALNUM,
        "B" => BASE64,
        "D" | "n" => DIGITS,
        "H" | "h" => HEX,
        "K" => "0123456789ABCDEF",
        "L" => LOWER_DIGITS,
        "T" => BASE32,
        "U" => UPPER_DIGITS,
        "W" => URL_SAFE,
        "P" => return Some(random.text(&format!("{ALNUM}!$*._~"), count)),
        "m" => {
            let bytes: Vec<_> = (0..count).map(|_| random.text(HEX, 2)).collect();
            return Some(bytes.join(":"));
        }
        "u" => {
            let parts = [8, 4, 4, 4, 12].map(|length| random.text(HEX, length));
            return Some(parts.join("-"));
        }
        _ => return None,
    };
    Some(random.text(alphabet, count))
}

/// The lines of a case after redaction, one record each.
fn kept(redactor: &mut Redactor, text: &str, number: usize) -> String {
    let lines = text.lines().map(|line| {
        let mut record = record(line, &json!({}));
        record.source = Source::new("docker", &number.to_string());
        redactor.redact(record).record().message.clone()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a secret remains: eight characters of it, or all of a shorter one.
fn remains(secret: &str, text: &str) -> bool {
    if secret.len() < 8 {
        text.contains(secret)
    } else {
        survivor(secret, text).is_some()
    }
}

/// Each case is filled so often. One random value in a hundred looks like a word.
const FILLINGS: usize = 5;

/// Whether most fillings of a template have a property, which must agree with its mark.
fn mostly(template: &str, random: &mut Random, mut has: impl FnMut(&Printed) -> bool) -> bool {
    let cases: Vec<_> = (0..FILLINGS).map(|_| filled(template, random)).collect();
    let count = cases.iter().filter(|case| has(case)).count();
    let is_most = 2 * count > FILLINGS;
    assert_eq!(
        is_most, cases[0].is_known,
        "{template}: {count} of {FILLINGS}"
    );
    is_most
}

#[test]
fn secrets_that_programs_print_are_redacted() {
    const LEAKS_IN_100_MAX: usize = 10;
    let mut redactor = redactor();
    let mut random = Random::new(90125);
    let cases = include_str!("../../fixtures/redact/printed.txt").split("\n\n");
    let cases: Vec<_> = cases.filter(|case| !case.starts_with('#')).collect();
    assert!(cases.len() >= 250, "{}", cases.len());
    let mut number = 0;
    let mut leaks = 0;
    for template in &cases {
        leaks += usize::from(mostly(template.trim_matches('\n'), &mut random, |case| {
            assert!(!case.secrets.is_empty(), "{template}");
            number += 1;
            let kept = kept(&mut redactor, &case.text, number);
            case.secrets.iter().any(|secret| remains(secret, &kept))
        }));
    }
    assert!(leaks * 100 <= cases.len() * LEAKS_IN_100_MAX, "{leaks}");
}

#[test]
fn harmless_lines_that_programs_print_are_kept() {
    const CHANGED_IN_100_MAX: usize = 3;
    let mut redactor = redactor();
    let mut random = Random::new(90125);
    let lines = include_str!("../../fixtures/redact/harmless.txt").lines();
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("# ")).collect();
    assert!(lines.len() >= 400, "{}", lines.len());
    let mut number = 0;
    let mut changed = 0;
    for template in &lines {
        changed += usize::from(mostly(template, &mut random, |line| {
            number += 1;
            kept(&mut redactor, &line.text, number) != line.text
        }));
    }
    assert!(
        changed * 100 <= lines.len() * CHANGED_IN_100_MAX,
        "{changed}"
    );
}
