//! The level that a line itself states: in the fields of JSON and logfmt, in the head of a text line, or in the form
//! of a single program. Prose that merely mentions an error states no level.

mod fields;
mod forms;
mod head;
mod json;
mod marks;
mod tools;

pub(crate) use forms::{exception_name, is_node_place};

use super::rules::{Rule, RuleSet};
use super::{level_names, prefix, stamp};
use crate::record::Level;
use fields::FieldList;

/// How much of a text line is examined: heads are shorter, and a hostile line must not cost more than an honest one.
const HEAD_MAX: usize = 256;

/// How much of a JSON or logfmt line is examined: other fields may come before its level.
const FIELDS_MAX: usize = 4096;

/// The level that `line` states, if it states one.
pub(crate) fn stated(line: &[u8], rules: RuleSet) -> Option<Level> {
    let start = line.get(..FIELDS_MAX).unwrap_or(line).trim_ascii_start();
    if rules.has(Rule::SyslogPriority)
        && let Some(level) = level_names::priority(start)
    {
        return Some(level);
    }
    let plain = prefix::plain(start.get(..FIELDS_MAX).unwrap_or(start));
    let text = prefix::strip(&plain);
    in_line(text, rules).or_else(|| in_line(after_head(text)?, rules))
}

/// The level that a line without prefixes states.
fn in_line(text: &[u8], rules: RuleSet) -> Option<Level> {
    match text {
        [b'{', ..] if rules.has(Rule::Json) => {
            json::stated(&FieldList::of_json(text)).map(|(level, _)| level)
        }
        _ if fields::starts_with_pair(text) && rules.has(Rule::Logfmt) => {
            in_pairs(text).or_else(|| in_text(text, rules))
        }
        _ => in_text(text, rules),
    }
}

/// The level that the fields of a structured line state, and the field that holds it; empty when no single field does.
pub(crate) fn of_structured(line: &[u8], rules: RuleSet) -> Option<(Level, &'static str)> {
    let line = line.get(..FIELDS_MAX).unwrap_or(line).trim_ascii();
    match line {
        [b'{', ..] => json::stated(&FieldList::of_json(line)).filter(|_| rules.has(Rule::Json)),
        _ => json::stated_in_pairs(&FieldList::of_logfmt(line)).filter(|_| rules.has(Rule::Logfmt)),
    }
}

fn in_pairs(text: &[u8]) -> Option<Level> {
    json::stated_in_pairs(&FieldList::of_logfmt(text)).map(|(level, _)| level)
}

fn in_text(text: &[u8], rules: RuleSet) -> Option<Level> {
    let text = text.get(..HEAD_MAX).unwrap_or(text);
    in_forms(text, rules)
        .or_else(|| head::stated(text, rules))
        .or_else(|| in_forms(after_stamp(text)?, rules))
}

fn in_forms(text: &[u8], rules: RuleSet) -> Option<Level> {
    forms::FORMS
        .iter()
        .filter(|(rule, _)| rules.has(*rule))
        .find_map(|(_, form)| form(text))
}

/// The text after a time, or after time, host and tag of a syslog line, in the program's own form.
fn after_head(text: &[u8]) -> Option<&[u8]> {
    let after = after_stamp(text)?;
    let mut words = after.splitn(3, |&byte| byte == b' ');
    let (host, tag) = (words.next()?, words.next().unwrap_or_default());
    let is_tag = |tag: &[u8]| tag.len() > 1 && tag.ends_with(b":");
    if is_tag(host) {
        return after.get(host.len() + 1..);
    }
    if is_tag(tag) {
        return words.next();
    }
    matches!(after, [b'{', ..]).then_some(after)
}

/// The text after a time, which programs write before forms of their own.
fn after_stamp(text: &[u8]) -> Option<&[u8]> {
    let is_stamp = matches!(text, [b'[' | b'0'..=b'9' | b'A'..=b'Z', ..]);
    let length = is_stamp.then(|| stamp::length(text)).flatten()?;
    let rest = text.get(length..)?;
    let is_separator = |byte: &u8| matches!(byte, b' ' | b'\t' | b':' | b'-' | b'|' | b']');
    let skipped = rest.iter().take_while(|byte| is_separator(byte)).count();
    rest.get(skipped..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expected(word: &str) -> Option<Level> {
        (word != "none").then(|| word.parse().unwrap())
    }

    #[test]
    fn lines_of_real_programs_state_their_level() {
        let corpus = include_str!("../../../../tests/fixtures/recognition/levels.tsv");
        let mut faults = vec![];
        for line in corpus.lines() {
            let (word, line) = line.split_once('\t').unwrap();
            let found = stated(line.as_bytes(), RuleSet::ALL);
            if found != expected(word) {
                faults.push(format!("{word}, found {found:?}: {line}"));
            }
        }
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }

    /// The rows of the table of rules: rule, level, example and counter-example.
    fn rows() -> Vec<(Rule, Level, String, String)> {
        let page = include_str!("../../../../format-spec/recognition.md");
        let code = |cell: &str| {
            let text = cell.split('`').nth(1).unwrap();
            text.replace("<tab>", "\t").replace("\\|", "|")
        };
        let row = |line: &str| {
            let line = line.replace("\\|", "\u{1}");
            let cells: Vec<String> = line
                .split('|')
                .map(|cell| cell.replace('\u{1}', "|"))
                .collect();
            let [_, name, _, example, other, _] = &cells[..] else {
                return None;
            };
            let name = code(name);
            let rule = *Rule::ALL.iter().find(|rule| rule.name() == name)?;
            let level = example.trim().split(' ').next()?.parse().ok()?;
            Some((rule, level, code(example), code(other)))
        };
        page.lines()
            .filter(|line| line.starts_with("| `"))
            .filter_map(row)
            .collect()
    }

    #[test]
    fn the_specification_lists_every_rule_with_valid_examples() {
        let mut listed = vec![];
        for (rule, level, example, other) in rows() {
            listed.push(rule);
            assert_eq!(
                stated(example.as_bytes(), RuleSet::ALL),
                Some(level),
                "{example}"
            );
            let only = RuleSet::only(rule);
            assert_eq!(
                stated(example.as_bytes(), only),
                Some(level),
                "{} alone: {example}",
                rule.name()
            );
            assert_eq!(
                stated(other.as_bytes(), only),
                None,
                "{}: {other}",
                rule.name()
            );
        }
        let of_levels = Rule::ALL
            .iter()
            .filter(|rule| !matches!(rule, Rule::Continued | Rule::Time));
        assert_eq!(
            listed,
            of_levels.copied().collect::<Vec<_>>(),
            "in the order of the page"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = stated(&line, RuleSet::ALL);
        }

        #[test]
        fn any_line_of_words_is_read(line in "([A-Z]{0,6}|[a-z]{0,5}|[0-9]{0,3}|[\\[\\]():<>{}|!=/#. -]){0,30}") {
            let _ = stated(line.as_bytes(), RuleSet::ALL);
        }
    }
}
