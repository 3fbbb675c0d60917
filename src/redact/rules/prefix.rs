//! A built-in pattern that is matched at one position of a text by a dense automaton, which stops at the first byte that cannot match.

use regex_automata::Anchored;
use regex_automata::Input;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::StartKind;
use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The memory limit for compiling a pattern, in bytes. A pattern that needs more is ambiguous.
const AUTOMATON_BYTES_MAX: usize = 32 << 20;

/// A pattern over bytes that is matched at a given position only. Classes such as `\s` are ASCII. It is compiled on first use: compiling
/// all patterns takes longer than the rest of the start of a short command.
#[derive(Debug)]
pub(in crate::redact) struct Prefix {
    pattern: Cow<'static, str>,
    automaton: OnceLock<Box<dense::DFA<Vec<u32>>>>,
}

impl Prefix {
    /// A pattern of the rule table or of the list of vendors.
    pub(in crate::redact) fn new(pattern: impl Into<Cow<'static, str>>) -> Self {
        let pattern = pattern.into();
        Self {
            pattern,
            automaton: OnceLock::new(),
        }
    }

    fn automaton(&self) -> &dense::DFA<Vec<u32>> {
        self.automaton.get_or_init(|| compiled(&self.pattern))
    }

    /// The end of the match that starts at `start`.
    pub(in crate::redact) fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        if start > text.len() {
            return None;
        }
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        // the search fails only on look-around, which is not used here
        let end = self.automaton().try_search_fwd(&input).ok().flatten()?;
        Some(end.offset())
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants of the rule table, and a test compiles each of them"
)]
fn compiled(pattern: &str) -> Box<dense::DFA<Vec<u32>>> {
    let automaton = dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(StartKind::Anchored)
                .determinize_size_limit(Some(AUTOMATON_BYTES_MAX)),
        )
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false))
        .build(pattern)
        .expect("a rule's pattern compiles");
    Box::new(automaton)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_matches_at_the_given_position_only() {
        let prefix = Prefix::new("[a-c]{2,}(?:=|\\z)");
        assert_eq!(prefix.end(b"xxabc=", 2), Some(6));
        assert_eq!(prefix.end(b"xxabc", 2), Some(5));
        assert_eq!(prefix.end(b"xxabc=", 0), None);
        assert_eq!(prefix.end(b"ab", 3), None, "past the end");
        assert_eq!(Prefix::new("[^\\s]+").end(b"\xff\xfe z", 0), Some(2));
    }

    #[test]
    fn every_pattern_of_the_table_compiles() {
        use crate::redact::RULES;
        use crate::redact::rules::rule::Shape;
        let mut count = 0;
        for rule in RULES {
            if let Shape::Token(token) = rule.shape {
                for pattern in [token.head, token.secret] {
                    let prefix = Prefix::new(pattern);
                    assert!(
                        prefix.automaton.get().is_none(),
                        "nothing is compiled early"
                    );
                    assert_eq!(prefix.end(b"", 1), None);
                    assert!(prefix.automaton().memory_usage() > 0, "{}", rule.id);
                    count += 1;
                }
            }
        }
        assert!(count > 60, "{count}");
    }
}
