//! A built-in pattern, matched at one place of a text: a dense automaton that stops at the first
//! byte that cannot belong.

use regex_automata::Anchored;
use regex_automata::Input;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::StartKind;
use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

/// A pattern over bytes that only ever looks at the place where it is asked to. Classes such as
/// `\s` are ASCII.
#[derive(Debug)]
pub(super) struct Prefix(Box<dense::DFA<Vec<u32>>>);

impl Prefix {
    /// Compiles a pattern of the rule table.
    #[expect(
        clippy::expect_used,
        reason = "the patterns are constants of the rule table, and a test compiles each of them"
    )]
    pub(super) fn new(pattern: &str) -> Self {
        let automaton = dense::Builder::new()
            .configure(dense::Config::new().start_kind(StartKind::Anchored))
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build(pattern)
            .expect("a rule's pattern compiles");
        Self(Box::new(automaton))
    }

    /// Where the match that starts at `start` ends.
    pub(super) fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        if start > text.len() {
            return None;
        }
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        // The search can only fail on look-around that is not used here: no match is the safe
        // reading.
        let end = self.0.try_search_fwd(&input).ok().flatten()?;
        Some(end.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_matches_where_it_is_asked_and_nowhere_else() {
        let prefix = Prefix::new("[a-c]{2,}(?:=|\\z)");
        assert_eq!(prefix.end(b"xxabc=", 2), Some(6));
        assert_eq!(prefix.end(b"xxabc", 2), Some(5));
        assert_eq!(prefix.end(b"xxabc=", 0), None);
        assert_eq!(prefix.end(b"ab", 3), None, "past the end");
        assert_eq!(Prefix::new("[^\\s]+").end(b"\xff\xfe z", 0), Some(2));
    }
}
