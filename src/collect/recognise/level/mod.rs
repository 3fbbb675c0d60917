//! The level that a line itself states: in the fields of JSON and logfmt, in the head of a text line, or in the form
//! of a single program. Prose that merely mentions an error states no level.

mod builds;
mod clients;
mod faults;
mod fields;
mod forms;
mod head;
mod head_word;
mod json;
mod marks;
mod needs;
mod programs;
mod reports;
mod sentence;
mod system_errors;
mod tools;

pub(crate) use faults::{exception_name, is_node_place, is_python_place, may_name_exception};
pub(crate) use fields::starts_with_pair;

use super::bytes::{ByteSet, may_say};
use super::rules::{Rule, RuleSet};
use super::stamp::{self, KnownHead};
use super::words::{is_number, split_once};
use super::{level_names, prefix};
use crate::record::Level;
use fields::FieldList;
use forms::LikelyForms;
use std::borrow::Cow;
use std::cell::OnceCell;

/// How much of a text line is examined: heads are shorter, and a hostile line must not cost more than an honest one.
const HEAD_MAX: usize = 256;

/// How much of a JSON or logfmt line is examined: other fields may come before its level.
const FIELDS_MAX: usize = 4096;

/// The level that `line` states, if it states one. `head` and `bytes` are those of the whole line, if they were read.
pub(crate) fn stated(
    line: &[u8],
    head: Option<KnownHead<'_>>,
    bytes: Option<ByteSet>,
    rules: RuleSet,
) -> Option<Level> {
    if rules.is_empty() {
        return None;
    }
    let start = line.get(..FIELDS_MAX).unwrap_or(line).trim_ascii_start();
    if rules.has(Rule::SyslogPriority)
        && let Some(level) = level_names::priority(start)
    {
        return Some(level);
    }
    let start = start.get(..FIELDS_MAX).unwrap_or(start);
    let plain = match bytes {
        Some(bytes) if !may_say!(bytes, b"\x1b") => Cow::Borrowed(start),
        _ => prefix::plain(start),
    };
    let known = head.filter(|_| matches!(plain, Cow::Borrowed(_)) && line.len() <= FIELDS_MAX);
    let text = match known {
        Some(known) => known.inner,
        None => prefix::strip(&plain, bytes.filter(|_| matches!(plain, Cow::Borrowed(_)))),
    };
    // The offset of the text in the line, if it is a part of the line.
    let place = match plain {
        Cow::Borrowed(_) => Some(line.len().min(FIELDS_MAX) - text.len()),
        Cow::Owned(_) => None,
    };
    let bytes = bytes.filter(|_| place.is_some());
    let text = StampedText::new(text);
    let first = head.map(|head| head.first);
    if let Some(first) = first.filter(|first| place.is_some() && first.start() == place) {
        let _ = text.stamp.set(first.length());
    }
    let likely = bytes.map(LikelyForms::of);
    let likely = likely.as_ref();
    let after_head = || {
        let bytes = likely.map(|likely| likely.bytes);
        let (program, said) = text.after_head(bytes)?;
        let of_program = || tools::said_by(program, said, bytes);
        in_line(&StampedText::new(said), likely, rules)
            .or_else(|| of_program().filter(|_| rules.has(Rule::Tool)))
    };
    in_line(&text, likely, rules)
        .or_else(after_head)
        .or_else(|| system_errors::at_end(text.whole).filter(|_| rules.has(Rule::Tool)))
        .or_else(|| in_sentence(&text, rules))
}

/// The level of a sentence that says what failed, after the time.
fn in_sentence(text: &StampedText<'_>, rules: RuleSet) -> Option<Level> {
    if !rules.has(Rule::Failure) {
        return None;
    }
    let near = text.whole.get(..HEAD_MAX).unwrap_or(text.whole);
    let said = near.get(text.after_stamp().unwrap_or(0)..)?;
    sentence::stated(said.trim_ascii())
}

/// The level that a line without prefixes states.
fn in_line(text: &StampedText<'_>, likely: Option<&LikelyForms>, rules: RuleSet) -> Option<Level> {
    let may_have_pair = likely.is_none_or(|likely| may_say!(likely.bytes, b"="));
    match text.whole {
        [b'{', ..] if rules.has(Rule::Json) => {
            json::stated(&FieldList::of_json(text.whole)).map(|(level, _)| level)
        }
        line if may_have_pair && starts_with_pair(line) && rules.has(Rule::Logfmt) => {
            in_pairs(line).or_else(|| in_text(text, likely, rules))
        }
        _ => in_text(text, likely, rules),
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

fn in_text(text: &StampedText<'_>, likely: Option<&LikelyForms>, rules: RuleSet) -> Option<Level> {
    let near = text.whole.get(..HEAD_MAX).unwrap_or(text.whole);
    let of_near = || LikelyForms::of(ByteSet::of_line(near));
    let likely = &likely.copied().unwrap_or_else(of_near);
    forms::stated(near, likely, rules)
        .or_else(|| head::stated(near, likely.bytes, rules, text.after_stamp()))
        .or_else(|| forms::stated(near.get(text.after_stamp()?..)?, likely, rules))
}

/// A text and the time that it may begin with.
struct StampedText<'a> {
    whole: &'a [u8],
    /// The length of the timestamp, once it is known.
    stamp: OnceCell<Option<usize>>,
}

impl<'a> StampedText<'a> {
    fn new(whole: &'a [u8]) -> Self {
        Self {
            whole,
            stamp: OnceCell::new(),
        }
    }

    /// The offset of the text after the time, which programs write before forms of their own.
    fn after_stamp(&self) -> Option<usize> {
        let is_stamp = matches!(self.whole, [b'[' | b'<' | b'0'..=b'9' | b'A'..=b'Z', ..]);
        let length = || *self.stamp.get_or_init(|| stamp::length(self.whole));
        let length = is_stamp.then(length).flatten()?;
        let rest = self.whole.get(length..)?;
        let is_separator = |byte: &u8| matches!(byte, b' ' | b'\t' | b':' | b'-' | b'|' | b']');
        let skipped = rest.iter().take_while(|byte| is_separator(byte)).count();
        Some(length + skipped)
    }

    /// The tag of a syslog line, and the text after a time, or after time, host and tag, in the program's own form.
    /// The bytes of the line may be known.
    fn after_head(&self, bytes: Option<ByteSet>) -> Option<(&'a [u8], &'a [u8])> {
        let Some(stamp) = self.after_stamp() else {
            let may_have_tag = bytes.is_none_or(|bytes| may_say!(bytes, b"]: "));
            return may_have_tag.then(|| after_process(self.whole))?;
        };
        let after = self.whole.get(stamp..)?;
        let mut words = after.splitn(3, |&byte| byte == b' ');
        let (host, tag) = (words.next()?, words.next().unwrap_or_default());
        let is_tag = |tag: &[u8]| tag.len() > 1 && tag.ends_with(b":");
        if is_tag(host) {
            return Some((host, after.get(host.len() + 1..)?));
        }
        if is_tag(tag) {
            return Some((tag, words.next()?));
        }
        matches!(after, [b'{', ..]).then_some((b"", after))
    }
}

/// The tag of a line that begins with it, as the journal gives it without time and host: `ntpd[602]: text`.
fn after_process(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_likely = text.first().is_some_and(u8::is_ascii_alphabetic);
    let (tag, rest) = is_likely.then(|| split_once(text, b' '))??;
    let (name, process) = split_once(tag.strip_suffix(b"]:")?, b'[')?;
    (!name.is_empty() && is_number(process)).then_some((tag, rest))
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
            let found = stated(line.as_bytes(), None, None, RuleSet::ALL);
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
                stated(example.as_bytes(), None, None, RuleSet::ALL),
                Some(level),
                "{example}"
            );
            let only = RuleSet::only(rule);
            assert_eq!(
                stated(example.as_bytes(), None, None, only),
                Some(level),
                "{} alone: {example}",
                rule.name()
            );
            assert_eq!(
                stated(other.as_bytes(), None, None, only),
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
            let _ = stated(&line, None, None, RuleSet::ALL);
        }

        #[test]
        fn any_line_of_words_is_read(line in "([A-Z]{0,6}|[a-z]{0,5}|[0-9]{0,3}|[\\[\\]():<>{}|!=/#. -]){0,30}") {
            let _ = stated(line.as_bytes(), None, None, RuleSet::ALL);
        }
    }
}
