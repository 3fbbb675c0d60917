//! Patterns of the settings. They are compiled at the start within limits, and matched in linear time.

use crate::redact::error::Error;
use regex_automata::Anchored;
use regex_automata::Input;
use regex_automata::MatchKind;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::StartKind;
use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use std::ops::Range;

/// Enough for the kinds of secrets that an installation adds. Each pattern costs one more pass over every text.
pub(in crate::redact) const PATTERNS_MAX: usize = 64;

/// Room for a few hundred alternatives. 64 automatons of this size still fit into a small machine.
pub(in crate::redact) const AUTOMATON_BYTES_MAX: usize = 1 << 20;

/// The maximum number of bytes that are read for each byte of a text; beyond that the rest is redacted unseen. The search restarts
/// after each match, and a pattern such as `.*x|y` reads to the end of the line each time.
pub(in crate::redact) const STEPS_PER_BYTE_MAX: usize = 32;

/// A compiled pattern.
#[derive(Debug)]
pub(in crate::redact) struct Custom {
    number: usize,
    forward: dense::DFA<Vec<u32>>,
    backward: dense::DFA<Vec<u32>>,
}

/// Compiles the patterns of the settings.
pub(in crate::redact) fn compile(patterns: &[String]) -> Result<Vec<Custom>, Error> {
    if patterns.len() > PATTERNS_MAX {
        return Err(Error::ManyPatterns {
            found: patterns.len(),
            max: PATTERNS_MAX,
        });
    }
    patterns
        .iter()
        .zip(1..)
        .map(|(pattern, number)| Custom::new(pattern, number))
        .collect()
}

/// Splits the text of a setting into patterns at commas; `\,` is a comma within a pattern. White space around a pattern is removed, and
/// empty patterns are ignored.
#[must_use]
pub fn split_patterns(setting: &str) -> Vec<String> {
    let mut patterns = vec![String::new()];
    let mut rest = setting.chars();
    while let Some(c) = rest.next() {
        let Some(pattern) = patterns.last_mut() else {
            break;
        };
        match c {
            ',' => patterns.push(String::new()),
            '\\' => match rest.next() {
                Some(',') => pattern.push(','),
                Some(next) => pattern.extend(['\\', next]),
                None => pattern.push('\\'),
            },
            other => pattern.push(other),
        }
    }
    patterns
        .iter()
        .map(|pattern| pattern.trim().to_owned())
        .filter(|pattern| !pattern.is_empty())
        .collect()
}

impl Custom {
    fn new(pattern: &str, number: usize) -> Result<Self, Error> {
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let tree = syntax::parse_with(pattern, &syntax)
            .map_err(|error| bad_pattern(pattern, number, &error))?;
        if tree.properties().minimum_len() == Some(0) {
            let pattern = pattern.to_owned();
            return Err(Error::EmptyMatch { pattern, number });
        }
        let build = |direction, kind, start| {
            dense::Builder::new()
                .configure(
                    dense::Config::new()
                        .match_kind(kind)
                        .start_kind(start)
                        .dfa_size_limit(Some(AUTOMATON_BYTES_MAX))
                        .determinize_size_limit(Some(4 * AUTOMATON_BYTES_MAX)),
                )
                .syntax(syntax)
                .thompson(
                    thompson::Config::new()
                        .utf8(false)
                        .reverse(direction)
                        .nfa_size_limit(Some(AUTOMATON_BYTES_MAX)),
                )
                .build(pattern)
                .map_err(|_| Error::LargePattern {
                    pattern: pattern.to_owned(),
                    number,
                    bytes_max: AUTOMATON_BYTES_MAX,
                })
        };
        Ok(Self {
            number,
            forward: build(false, MatchKind::LeftmostFirst, StartKind::Unanchored)?,
            backward: build(true, MatchKind::All, StartKind::Anchored)?,
        })
    }

    /// Its id in `metadata.redacted`.
    pub(in crate::redact) fn id(&self) -> String {
        format!("pattern-{}", self.number)
    }

    /// Calls `tell` for every match from left to right. If the search takes too many steps, the unread rest counts as a match.
    pub(in crate::redact) fn find(&self, text: &[u8], mut tell: impl FnMut(Range<usize>)) {
        if let Some(unseen) = self.find_seen(text, &mut tell) {
            tell(unseen);
        }
    }

    /// The same, but returns the unread rest.
    pub(super) fn find_seen(
        &self,
        text: &[u8],
        mut tell: impl FnMut(Range<usize>),
    ) -> Option<Range<usize>> {
        let mut steps = text.len().saturating_mul(STEPS_PER_BYTE_MAX);
        let mut at = 0;
        while at < text.len() {
            match self.next(text, at, &mut steps) {
                PatternSearch::Found(range) => {
                    at = range.end.max(at + 1);
                    tell(whole_characters(text, range));
                }
                PatternSearch::Nothing => return None,
                PatternSearch::Exhausted => return Some(whole_characters(text, at..text.len())),
            }
        }
        None
    }

    fn next(&self, text: &[u8], at: usize, steps: &mut usize) -> PatternSearch {
        let end = match self.end(text, at, steps) {
            PatternSearch::Found(range) => range.end,
            other => return other,
        };
        match self.start(text, at..end, steps) {
            PatternSearch::Found(range) => PatternSearch::Found(range),
            _ => PatternSearch::Exhausted,
        }
    }

    /// The end of the leftmost match at or after `at`.
    fn end(&self, text: &[u8], at: usize, steps: &mut usize) -> PatternSearch {
        let automaton = &self.forward;
        let input = Input::new(text).range(at..);
        let Ok(mut state) = automaton.start_state_forward(&input) else {
            return PatternSearch::Exhausted;
        };
        let mut end = None;
        for (index, &byte) in text.iter().enumerate().skip(at) {
            if *steps == 0 {
                return PatternSearch::Exhausted;
            }
            *steps -= 1;
            state = automaton.next_state(state, byte);
            if automaton.is_match_state(state) {
                end = Some(index);
            } else if automaton.is_dead_state(state) {
                return PatternSearch::of(end.map(|end| at..end));
            } else if automaton.is_quit_state(state) {
                return PatternSearch::Exhausted;
            }
        }
        if automaton.is_match_state(automaton.next_eoi_state(state)) {
            end = Some(text.len());
        }
        PatternSearch::of(end.map(|end| at..end))
    }

    /// The start of the match that ends at the end of the range.
    fn start(&self, text: &[u8], range: Range<usize>, steps: &mut usize) -> PatternSearch {
        let automaton = &self.backward;
        let input = Input::new(text)
            .range(range.clone())
            .anchored(Anchored::Yes);
        let Ok(mut state) = automaton.start_state_reverse(&input) else {
            return PatternSearch::Exhausted;
        };
        let mut start = None;
        let bytes = text.get(range.clone()).unwrap_or_default();
        for (offset, &byte) in bytes.iter().enumerate().rev() {
            if *steps == 0 {
                return PatternSearch::Exhausted;
            }
            *steps -= 1;
            state = automaton.next_state(state, byte);
            if automaton.is_match_state(state) {
                start = Some(range.start + offset + 1);
            } else if automaton.is_dead_state(state) {
                return PatternSearch::of(start.map(|start| start..range.end));
            } else if automaton.is_quit_state(state) {
                return PatternSearch::Exhausted;
            }
        }
        let last = match range.start.checked_sub(1).and_then(|index| text.get(index)) {
            Some(&byte) => automaton.next_state(state, byte),
            None => automaton.next_eoi_state(state),
        };
        if automaton.is_match_state(last) {
            start = Some(range.start);
        }
        PatternSearch::of(start.map(|start| start..range.end))
    }
}

/// The result of a search.
enum PatternSearch {
    Found(Range<usize>),
    Nothing,
    Exhausted,
}

impl PatternSearch {
    fn of(range: Option<Range<usize>>) -> Self {
        range.map_or(Self::Nothing, Self::Found)
    }
}

/// The range widened so that it cuts no character of a UTF-8 text.
fn whole_characters(text: &[u8], range: Range<usize>) -> Range<usize> {
    let continues = |index: usize| text.get(index).is_some_and(|&byte| byte & 0xc0 == 0x80);
    let (mut start, mut end) = (range.start, range.end);
    while start > 0 && continues(start) {
        start -= 1;
    }
    while continues(end) {
        end += 1;
    }
    start..end
}

/// The error of the parser, with the place counted in characters.
fn bad_pattern(pattern: &str, number: usize, error: &regex_syntax::Error) -> Error {
    let (offset, why) = match error {
        regex_syntax::Error::Parse(error) => (error.span().start.offset, error.kind().to_string()),
        regex_syntax::Error::Translate(error) => {
            (error.span().start.offset, error.kind().to_string())
        }
        other => (0, other.to_string()),
    };
    Error::BadPattern {
        pattern: pattern.to_owned(),
        number,
        character: pattern.get(..offset).unwrap_or_default().chars().count() + 1,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_automata::meta::Regex;

    fn matches(pattern: &str, text: &[u8]) -> Vec<(usize, usize)> {
        let patterns = compile(&[pattern.to_owned()]).unwrap();
        let mut found = Vec::new();
        patterns[0].find(text, |range| found.push((range.start, range.end)));
        found
    }

    #[test]
    fn matches_are_found_as_by_a_plain_search() {
        assert_eq!(matches("ab+", b"xabbb ab"), [(1, 5), (6, 8)]);
        assert_eq!(
            matches("a|ab", b"ab"),
            [(0, 1)],
            "the first alternative wins"
        );
        assert_eq!(matches("^ab$", b"ab"), [(0, 2)]);
        assert_eq!(
            matches("^ab", b"abab"),
            [(0, 2)],
            "the start is that of the text"
        );
        assert_eq!(matches("(?i)\\bID-\\d+\\b", b"xid-1 id-22"), [(6, 11)]);
        assert!(matches("b", b"").is_empty());
    }

    #[test]
    fn random_texts_match_as_in_the_reference_engine() {
        let mut seed = 3_u64;
        for pattern in [
            "a+b|ba",
            "[ab]*c",
            "(?:ab|b)+$",
            "^a?b",
            "\\bab\\b",
            "a.c|b",
        ] {
            let syntax = syntax::Config::new().unicode(false).utf8(false);
            let engine = Regex::builder().syntax(syntax).build(pattern).unwrap();
            for _ in 0..500 {
                let text: Vec<u8> = (0..10)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        b"aabbc "[(seed >> 33) as usize % 6]
                    })
                    .collect();
                let expected: Vec<_> = engine
                    .find_iter(&text)
                    .map(|found| (found.start(), found.end()))
                    .collect();
                let text_shown = String::from_utf8_lossy(&text).into_owned();
                assert_eq!(
                    matches(pattern, &text),
                    expected,
                    "{pattern} {text_shown:?}"
                );
            }
        }
    }

    #[test]
    fn widens_a_match_to_whole_characters() {
        let text = "\u{20ac}x\u{20ac}";
        assert_eq!(matches("(?-u:\\xacx)", text.as_bytes()), [(0, 4)]);
        assert_eq!(matches("(?-u:x\\xe2)", text.as_bytes()), [(3, 7)]);
    }

    #[test]
    fn redacts_the_rest_if_the_search_takes_too_long() {
        let text = "y".repeat(10_000);
        let found = matches(".*x|y", text.as_bytes());
        let hidden: usize = found.iter().map(|(start, end)| end - start).sum();
        assert_eq!(hidden, text.len());
        assert!(found.len() < 100, "{}", found.len());
    }

    #[test]
    fn splits_a_setting_at_its_commas() {
        assert_eq!(split_patterns(""), [""; 0]);
        assert_eq!(split_patterns(" a , ,b"), ["a", "b"]);
        assert_eq!(split_patterns(r"a{2\,3},\\,\d"), [r"a{2,3}", r"\\", r"\d"]);
        assert_eq!(split_patterns(r"a\"), [r"a\"]);
    }
}
