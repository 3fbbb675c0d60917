//! Leak rates: kinds of secrets in the form of public rule sets, generated from a seed, each in many contexts, as
//! whole messages and line by line. A leak is any 8 characters of a random part that remain.

use crate::redact::contexts;
use crate::redact::{Random, survivor};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use vmlog::record::{Level, Record, Source};
use vmlog::redact::{RedactOptions, Redactor};
use vmlog::time::Micros;

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Contexts of a secret that needs no name.
const AROUND_TOKENS: &[&str] = &[
    "%T",
    "using %T now",
    "INFO token is %T",
    "{\"msg\":\"%T\",\"n\":1}",
    "{\"a\":{\"b\":\"%T\"}}",
    "x='%T'",
    "x=\"%T\"",
    "x: %T",
    "- %T",
    "- x: \"%T\"",
    "export X=%T",
    "export X='%T'",
    "ENV X=%T",
    "--x=%T --y",
    "--x %T --y",
    "cmd \"%T\" failed",
    "[%T]",
    "(%T)",
    "<%T>",
    "`%T`",
    "\u{1b}[31m%T\u{1b}[0m",
    "one\n%T\ntwo",
    "2026-02-17T14:30:15Z app[7]: %T",
    "level=info msg=\"%T\" n=1",
    "a,%T,b",
    "a;%T;b",
    "| a | %T | b |",
    "\"%T\",",
    "'%T'",
    "error: bad credentials %T: 401",
    "https://x/?a=%T&b=2",
    "GET /x?a=%T HTTP/1.1",
    "x=%T&y=1",
    "X-Header: %T",
    "curl -H 'X-Header: %T' https://x",
    "curl -d '{\"a\":\"%T\"}' https://x",
    "const a = \"%T\";",
    "a := `%T`",
    "a => '%T'",
    "map[a:%T b:c]",
    "Config { a: \"%T\" }",
    "{\\x22a\\x22:\\x22%T\\x22}",
    "{\"log\":\"{\\\"m\\\":\\\"%T\\\"}\"}",
    "<a>%T</a>",
    "<a href=\"%T\">x</a>",
    "# %T",
    "// %T",
    "remote: %T rejected",
    "+ echo %T",
    "panic: %T",
];

/// Contexts of a name and its secret.
const AROUND_NAMES: &[&str] = &[
    "%N=%S",
    "%N = %S",
    "%N: %S",
    "%N:%S",
    "%N='%S'",
    "%N=\"%S\"",
    "%N: '%S'",
    "%N: \"%S\"",
    "%N = '%S'",
    "%N = \"%S\"",
    "%N => \"%S\"",
    "%N := \"%S\"",
    "export %N=%S",
    "export %N=\"%S\"",
    "ENV %N=%S",
    "--build-arg %N=%S",
    "-e %N=%S",
    "set %N=%S&& x",
    "\"%N\": \"%S\"",
    "\"%N\":\"%S\"",
    "{\"a\":1,\"%N\":\"%S\",\"b\":2}",
    "{\"a\":{\"%N\":\"%S\"}}",
    "{'%N': '%S', 'b': 2}",
    "{\"%N\"=>\"%S\"}",
    "{:%N=>\"%S\"}",
    "{\"log\":\"{\\\"%N\\\":\\\"%S\\\"}\"}",
    "{\"name\":\"%N\",\"value\":\"%S\"}",
    "- name: %N\n  value: %S",
    "- name: %N\n  value: \"%S\"",
    "a:\n  %N: %S\n  b: 1",
    "[section]\n%N = %S\n",
    "Config { %N: \"%S\" }",
    "Some { %N: Some(\"%S\") }",
    "map[%N:%S a:b]",
    "level=info %N=%S n=1",
    "level=info %N=\"%S\" n=1",
    "https://x/?a=1&%N=%S&b=2",
    "GET /x?%N=%S HTTP/1.1",
    "a=1&%N=%S",
    "2026-02-17 14:30:15 INFO %N=%S",
    "+ %N=%S",
    "const %N = '%S';",
    "let %N: string = \"%S\";",
    "self.%N = \"%S\"",
    "config['%N'] = '%S'",
    "os.environ[\"%N\"] = \"%S\"",
    "<property name=\"%N\" value=\"%S\"/>",
    "%N -> %S",
    "DEBUG %N is %S",
    "%N:\t%S",
    "(%N=%S)",
    "x %N=%S, y=1",
    "$env:%N = \"%S\"",
    "Environment=%N=%S",
    "  - %N=%S",
    "[\"%N=%S\", \"LANG=C\"]",
    "--set auth.%N=%S",
    "%N = \"%S\" # comment",
    "a=1;%N=%S;b=2",
    "%N%3D%S",
    "x%26%N%3D%S%26y",
    "'%N','%S'",
    "\u{2502} %N \u{2502} %S \u{2502}",
    "<entry key=\"%N\">%S</entry>",
    "%N ..... : %S",
    "INSERT INTO settings (k, v) VALUES ('%N', '%S')",
    "SET %N TO '%S'",
    "config.set(\"%N\", \"%S\")",
    "with(%N(\"%S\"))",
    "%N: !!str %S",
    "%N: &a \"%S\"",
    "Content-Disposition: form-data; name=\"%N\"\n\n%S",
    "{\"key\":\"%N\",\"value\":\"%S\",\"enabled\":true}",
    "{\"value\":\"%S\",\"name\":\"%N\"}",
    "the %N is %S.",
    "%N #1: %S",
    "%N[0]: %S",
    "%N:\n  %S",
    "%N <- \"%S\"",
    "(%N . \"%S\")",
    "%N~>%S",
    "%N;%S",
    "/p:%N=%S",
];

/// A kind with its random parts filled in, and those of them that are secret.
fn filled(template: &str, random: &mut Random) -> (String, Vec<String>) {
    let (mut text, mut secrets) = (String::new(), vec![]);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (class, after) = after.split_once('}').unwrap();
        rest = after;
        text += before;
        let (kind, count) = class.split_at(1);
        let count = count.parse().unwrap_or(1);
        let part = match kind {
            "H" => random.text("0123456789abcdef", count),
            "W" => random.text(&format!("{ALNUM}_-"), count),
            "B" => random.text(&format!("{ALNUM}+/"), count),
            "U" => random.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", count),
            "L" => random.text("abcdefghijklmnopqrstuvwxyz0123456789", count),
            "N" => random.text("123456789", count),
            "P" => random.text(&format!("{ALNUM}!$*._~"), count),
            "u" => [8, 4, 4, 4, 12]
                .map(|length| random.text("0123456789abcdef", length))
                .join("-"),
            "a" => "k".to_owned(),
            "S" => " ".to_owned(),
            _ => random.text(ALNUM, count),
        };
        text += &part;
        if !matches!(kind, "N" | "a" | "S") && part.len() >= 8 {
            secrets.push(part);
        }
    }
    (text + rest, secrets)
}

/// The redacted message, as a whole or line by line.
fn left(redactor: &mut Redactor, text: &str, by_line: bool, number: usize) -> String {
    let source = Source::new("docker", &number.to_string());
    let lines: Vec<_> = if by_line {
        text.lines().collect()
    } else {
        vec![text]
    };
    let mut out = String::new();
    for line in lines {
        let record = Record {
            timestamp: Micros::new(1),
            source: source.clone(),
            level: Level::Info,
            message: line.to_owned(),
            metadata: json!({}).as_object().unwrap().clone().into(),
        };
        writeln!(out, "{}", redactor.redact(record).record().message).unwrap();
    }
    out
}

/// Cases and leaks.
#[derive(Default)]
struct Rate {
    cases: usize,
    leaks: usize,
    kinds: BTreeMap<String, usize>,
}

impl Rate {
    fn percent(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let percent = self.leaks as f64 * 100.0 / self.cases as f64;
        percent
    }

    fn worst(&self) -> String {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(kind, count)| (usize::MAX - **count, (*kind).clone()));
        let worst = kinds
            .iter()
            .take(40)
            .map(|(kind, count)| format!("{kind}: {count}"));
        worst.collect::<Vec<_>>().join("\n")
    }
}

/// A secret in a context.
pub(crate) struct Case {
    tier: &'static str,
    kind: &'static str,
    context: &'static str,
    pub(crate) text: String,
    pub(crate) secrets: Vec<String>,
}

impl Case {
    /// Whether the kind is a known prefix or a plain name.
    pub(crate) fn is_common(&self) -> bool {
        self.tier == "1"
    }
}

/// Each kind in each of its contexts.
pub(crate) fn cases() -> Vec<Case> {
    let seed = std::env::var("VMLOG_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    assert!(AROUND_NAMES.len() >= 50 && AROUND_TOKENS.len() >= 50);
    cases_in(AROUND_TOKENS, AROUND_NAMES, seed.unwrap_or(18))
}

/// The contexts of names and of tokens in a file of them.
fn contexts_of(text: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let (mut names, mut tokens) = (vec![], vec![]);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (kind, context) = line.split_once(' ').unwrap();
        let context: &'static str = unescaped(context).leak();
        match kind {
            "N" => names.push(context),
            "T" => tokens.push(context),
            _ => panic!("{line}"),
        }
    }
    (names, tokens)
}

/// A text whose ends of lines, tabs, carriage returns and escapes are written with a backslash.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        out.push(match character {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('e') => '\u{1b}',
                Some('\\') => '\\',
                other => panic!("{text}: {other:?}"),
            },
            other => other,
        });
    }
    out
}

fn cases_in(around_tokens: &[&'static str], around_names: &[&'static str], seed: u64) -> Vec<Case> {
    let kinds: Vec<_> = include_str!("../../fixtures/redact/kinds.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    assert!(kinds.len() >= 300);
    let mut random = Random::new(seed);
    let mut cases = vec![];
    for (tier, kind) in kinds {
        let contexts = if kind.starts_with('=') {
            around_names
        } else {
            around_tokens
        };
        for context in contexts {
            let (text, secrets) = if let Some(name) = kind.strip_prefix('=') {
                let shape = random.pick(&["{A24}", "{H32}", "{W32}", "{A16}", "{B40}"]);
                let (secret, secrets) = filled(shape, &mut random);
                (context.replace("%N", name).replace("%S", &secret), secrets)
            } else {
                let (token, secrets) = filled(kind, &mut random);
                (context.replace("%T", &token), secrets)
            };
            cases.push(Case {
                tier,
                kind,
                context,
                text,
                secrets,
            });
        }
    }
    cases
}

#[test]
fn leak_rates_are_within_their_bounds() {
    check(cases());
}

#[test]
fn leak_rates_in_other_contexts_are_within_their_bounds() {
    assert!(contexts::AROUND_NAMES.len() + contexts::AROUND_TOKENS.len() >= 80);
    check(cases_in(
        contexts::AROUND_TOKENS,
        contexts::AROUND_NAMES,
        7741,
    ));
}

#[test]
fn leak_rates_in_contexts_of_many_languages_are_within_their_bounds() {
    let (names, tokens) = contexts_of(include_str!("../../fixtures/redact/contexts.txt"));
    assert!(names.len() >= 150 && tokens.len() >= 50);
    check(cases_in(&tokens, &names, 5150));
}

/// Checks the rates of leaks, and prints the table.
fn check(cases: Vec<Case>) {
    let mut redactor = Redactor::new(&RedactOptions::default()).unwrap();
    let mut rates: BTreeMap<(&str, bool), Rate> = BTreeMap::new();
    let mut number = 0;
    for case in cases {
        let Case {
            tier,
            kind,
            context,
            text,
            secrets,
        } = case;
        for by_line in [false, true] {
            number += 1;
            let kept = left(&mut redactor, &text, by_line, number);
            let rate = rates.entry((tier, by_line)).or_default();
            rate.cases += 1;
            if secrets
                .iter()
                .any(|secret| survivor(secret, &kept).is_some())
            {
                rate.leaks += 1;
                *rate
                    .kinds
                    .entry(format!("{kind} in {context:?}"))
                    .or_default() += 1;
                *rate.kinds.entry(kind.to_owned()).or_default() += 1;
                *rate.kinds.entry(format!("{context:?}")).or_default() += 1;
            }
        }
    }
    for ((tier, by_line), rate) in &rates {
        println!(
            "tier {tier}, {}: {} of {} = {:.2} %",
            if *by_line { "by line" } else { "whole" },
            rate.leaks,
            rate.cases,
            rate.percent()
        );
        println!("{}", rate.worst());
    }
    for ((tier, by_line), rate) in &rates {
        let bound = match (*tier, by_line) {
            ("1", false) => 0.5,
            ("1", true) => 1.0,
            _ => 30.0,
        };
        assert!(
            rate.percent() <= bound,
            "tier {tier}, by line {by_line}: {:.2} %\n{}",
            rate.percent(),
            rate.worst()
        );
    }
}
