//! Tokens of vendors, recognised by their start. The list is data (`vendors.txt`), one line per form.

use super::prefix::Prefix;
use super::shape;
use crate::redact::values::worth;
use foldhash::HashMap;
use foldhash::HashMapExt;
use std::ops::Range;
use std::sync::LazyLock;

/// The list, with a start and a pattern per line.
const LIST: &str = include_str!("vendors.txt");

/// The abbreviations of character classes in the list.
const CLASSES: &[(&str, &str)] = &[
    ("<A>", "[A-Za-z0-9]"),
    ("<H>", "[0-9A-Fa-f]"),
    ("<W>", "[A-Za-z0-9_-]"),
    ("<B>", "(?:[A-Za-z0-9+/_-]|%2[BFbf])"),
];

/// The vendors by their starts.
static VENDORS: LazyLock<HashMap<&'static str, Vec<Prefix>>> = LazyLock::new(|| {
    let mut vendors: HashMap<_, Vec<_>> = HashMap::new();
    for (start, pattern) in lines() {
        let patterns = vendors.entry(start).or_default();
        patterns.push(Prefix::new(expanded(pattern)));
    }
    vendors
});

/// The starts in lower case.
static LITERALS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut starts: Vec<_> = lines()
        .map(|(start, _)| start.to_ascii_lowercase())
        .collect();
    starts.sort_unstable();
    starts.dedup();
    starts
});

/// Each start with its pattern.
pub(in crate::redact) fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

/// The starts in lower case, for the first pass.
pub(in crate::redact) fn literals() -> Vec<&'static str> {
    LITERALS.iter().map(String::as_str).collect()
}

/// The pattern with its classes expanded. A token at the end of a truncated text may be shorter.
fn expanded(pattern: &str) -> String {
    let mut expanded = pattern.to_owned();
    let class = pattern.get(..3).filter(|class| class.starts_with('<'));
    let counted = pattern.get(3..).and_then(|rest| rest.strip_suffix(",}"));
    if let (Some(class), Some(count)) = (class, counted)
        && count.starts_with('{')
        && !count.contains('<')
    {
        expanded = format!("{pattern}|{class}{{8,}}\\z");
    }
    for (name, class) in CLASSES {
        expanded = expanded.replace(name, class);
    }
    expanded
}

/// The rest of the token after its start, and whether it is a secret rather than words. `None` if the text does not have the form of a
/// token.
pub(in crate::redact) fn token(text: &[u8], start: Range<usize>) -> Option<(Range<usize>, bool)> {
    let word = std::str::from_utf8(text.get(start.clone())?).ok()?;
    let patterns = VENDORS.get(word)?;
    let ends = patterns
        .iter()
        .filter_map(|pattern| pattern.end(text, start.end));
    let end = ends.max()?;
    let secret = text.get(start.end..end)?;
    let continues = text.get(end).is_some_and(u8::is_ascii_alphanumeric);
    let is_secret = !continues && shape::is_random(secret) && !worth::is_plain(secret);
    Some((start.end..end, is_secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest text that the pattern of a line matches, with mixed letters and digits.
    fn example(pattern: &str) -> String {
        let mut out = String::new();
        let mut rest = pattern;
        let mut number = 0_u32;
        while let Some(first) = rest.chars().next() {
            let class_end = match first {
                '<' => 3,
                '[' => rest.find(']').unwrap() + 1,
                '(' => {
                    // the first alternative of a group, unless the group may be left out
                    let end = rest.rfind(')').unwrap();
                    let optional = rest[end + 1..].starts_with(['?', '*']);
                    let inner = rest[1..end].trim_start_matches("?:");
                    if !optional {
                        out += &example(inner.split('|').next().unwrap());
                    }
                    rest = rest[end + 1..].trim_start_matches(['?', '*', '+']);
                    continue;
                }
                '\\' => 2,
                _ => 1,
            };
            let class = &rest[..class_end];
            rest = &rest[class_end..];
            let mut count = 1;
            if let Some(counted) = rest.strip_prefix('{') {
                let (inside, after) = counted.split_once('}').unwrap();
                count = inside.split(',').next().unwrap().parse().unwrap();
                rest = after;
            } else if let Some(after) = rest.strip_prefix(['+', '*', '?']) {
                count = usize::from(rest.starts_with('+'));
                rest = after;
            }
            for _ in 0..count {
                number = number.wrapping_mul(1_103_515_245).wrapping_add(12345);
                let pick =
                    |text: &str| text.as_bytes()[(number >> 16) as usize % text.len()] as char;
                out.push(match class {
                    "<H>" => pick("0a1b2c3d4e5f6789"),
                    "[0-9]" => pick("0123456789"),
                    _ if class.starts_with('<') || class.starts_with("[A-Za-z0-9") => {
                        pick("aB3cD4eF5gH6iJ7kL8")
                    }
                    _ if class.starts_with("[A-Z") => pick("A2B3C4D5E6F7"),
                    _ if class.starts_with('[') && class.contains("a-z") => pick("a2b3c4d5e6"),
                    _ if class.starts_with('[') => class.as_bytes()[1] as char,
                    _ => class.chars().last().unwrap(),
                });
            }
        }
        out
    }

    #[test]
    fn each_line_finds_a_token_of_its_own() {
        for (start, pattern) in lines() {
            let secret_text = example(pattern);
            let text = format!("using {start}{secret_text} now");
            let place = 6..6 + start.len();
            let found = token(text.as_bytes(), place);
            let found = found.map(|(range, is_secret)| (&text[range], is_secret));
            assert_eq!(found, Some((&*secret_text, true)), "{start} {pattern}");
            assert!(start.len() >= 3, "{start}");
        }
        assert!(lines().count() > 200);
    }

    #[test]
    fn the_specified_list_is_that_in_the_code() {
        let spec = include_str!("../../../format-spec/redaction.md");
        let section = spec.split("\n## Vendors\n").nth(1).unwrap();
        let written = section.split("```").nth(1).unwrap();
        let written: Vec<_> = written.lines().skip(1).collect();
        let in_force: Vec<_> = LIST.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(written, in_force);
    }

    #[test]
    fn words_after_a_start_are_not_a_token() {
        let text = b"hf_hub_download_from_the_registry_failed";
        assert!(token(text, 0..3).is_none_or(|(_, is_secret)| !is_secret));
    }
}
