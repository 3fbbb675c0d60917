//! A built-in pattern that is matched at one position of a text by a dense automaton, which stops at the first byte that cannot match.

use regex_automata::Anchored;
use regex_automata::Input;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::StartKind;
use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;
use regex_syntax::hir::HirKind;
use regex_syntax::hir::literal::ExtractKind;
use regex_syntax::hir::literal::Extractor;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The memory limit for compiling a pattern, in bytes. A pattern that needs more is ambiguous.
const AUTOMATON_BYTES_MAX: usize = 32 << 20;

/// A pattern over bytes that is matched at a given position only. Classes such as `\s` are ASCII. It is compiled on first use: compiling
/// all patterns takes longer than the rest of the start of a short command.
#[derive(Debug)]
pub(in crate::redact) struct Prefix {
    pattern: Cow<'static, str>,
    /// The alternatives of the pattern if each begins with a literal, otherwise the pattern.
    alternatives: OnceLock<Vec<Alternative>>,
}

/// One alternative of a pattern. It is compiled when the text has its beginning: the pattern of the commands has one for each command,
/// and a machine runs few of them.
#[derive(Debug)]
struct Alternative {
    /// Texts of which each match begins with one. Empty for any.
    starts: Vec<Vec<u8>>,
    tree: Hir,
    automaton: OnceLock<Box<dense::DFA<Vec<u32>>>>,
}

impl Prefix {
    /// A pattern of the rule table or of the list of vendors.
    pub(in crate::redact) fn new(pattern: impl Into<Cow<'static, str>>) -> Self {
        let pattern = pattern.into();
        Self {
            pattern,
            alternatives: OnceLock::new(),
        }
    }

    fn alternatives(&self) -> &[Alternative] {
        self.alternatives
            .get_or_init(|| Alternative::all_of(parsed(&self.pattern)))
    }

    /// The end of the match that starts at `start`. A search that reaches a place in the same state as the last long one is not read
    /// to its end again: a text may repeat the start of a pattern many times before a run that has to end in some way.
    pub(in crate::redact) fn end_after(
        &self,
        text: &[u8],
        start: usize,
        memo: &mut SearchMemo,
    ) -> Option<usize> {
        let mut alternatives = self.alternatives().iter().enumerate();
        alternatives.find_map(|(place, alternative)| {
            if !alternative.may_start(text, start) {
                return None;
            }
            alternative.end_after(text, start, memo.of(place)?)
        })
    }

    /// The end of the match that starts at `start`.
    pub(in crate::redact) fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        if start > text.len() {
            return None;
        }
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        let likely = self.alternatives().iter();
        let mut likely = likely.filter(|alternative| alternative.may_start(text, start));
        likely.find_map(|alternative| {
            // the search fails only on look-around, which is not used here
            let end = alternative.automaton().try_search_fwd(&input);
            Some(end.ok().flatten()?.offset())
        })
    }
}

impl Alternative {
    /// Splits a pattern into alternatives, of which the first that matches counts.
    fn all_of(tree: Hir) -> Vec<Self> {
        let whole = |tree| Self {
            starts: Vec::new(),
            tree,
            automaton: OnceLock::new(),
        };
        let HirKind::Alternation(trees) = tree.kind() else {
            return vec![whole(tree)];
        };
        let mut extractor = Extractor::new();
        extractor.kind(ExtractKind::Prefix);
        let alternatives = trees.iter().map(|tree| {
            let mut seq = extractor.extract(tree);
            // a few bytes tell them apart, and a word in either case would have many beginnings
            seq.keep_first_bytes(START_BYTES);
            seq.dedup();
            let starts = seq
                .literals()?
                .iter()
                .map(|start| start.as_bytes().to_vec());
            let starts: Vec<_> = starts.collect();
            let is_known = !starts.is_empty() && starts.iter().all(|start| start.len() > 1);
            is_known.then(|| Self {
                starts,
                ..whole(tree.clone())
            })
        });
        let alternatives: Option<Vec<_>> = alternatives.collect();
        alternatives.unwrap_or_else(|| vec![whole(tree)])
    }

    /// Whether a match may start here.
    fn may_start(&self, text: &[u8], start: usize) -> bool {
        let rest = text.get(start..).unwrap_or_default();
        self.starts.is_empty() || self.starts.iter().any(|known| rest.starts_with(known))
    }

    fn automaton(&self) -> &dense::DFA<Vec<u32>> {
        self.automaton.get_or_init(|| compiled(&self.tree))
    }

    fn end_after(&self, text: &[u8], start: usize, memo: &mut AutomatonSearch) -> Option<usize> {
        let automaton = self.automaton();
        let config = start::Config::new().anchored(Anchored::Yes);
        // it fails only on look-around, which is not used here
        let mut state = automaton.start_state(&config).ok()?;
        let mut search = AutomatonSearch::default();
        for (at, &byte) in text.iter().enumerate().skip(start) {
            state = automaton.next_state(state, byte);
            if automaton.is_special_state(state) {
                // a match is known one byte after its end
                if automaton.is_match_state(state) {
                    search.end = Some(at);
                } else if automaton.is_dead_state(state) {
                    return memo.keep(search, at - start);
                }
            }
            if at % SAMPLE_BYTES == 0 {
                if memo.is_in(at, state) {
                    return memo.end.filter(|&end| end > at).or(search.end);
                }
                search.note(at, state);
            }
        }
        state = automaton.next_eoi_state(state);
        if automaton.is_match_state(state) {
            search.end = Some(text.len());
        }
        memo.keep(search, text.len().saturating_sub(start))
    }
}

/// The number of bytes by which the beginnings of alternatives are distinguished.
const START_BYTES: usize = 3;

/// The number of bytes between two places at which the state of a search is noted.
const SAMPLE_BYTES: usize = 16;

/// The maximum number of changes of the state that are noted: room for a command with its arguments.
const CHANGES_MAX: usize = 64;

/// The last long search of each alternative of a pattern in a text.
#[derive(Debug, Default)]
pub(in crate::redact) struct SearchMemo(Vec<AutomatonSearch>);

impl SearchMemo {
    /// The last long search of the alternative at this place in the pattern.
    fn of(&mut self, place: usize) -> Option<&mut AutomatonSearch> {
        if self.0.len() <= place {
            self.0.resize_with(place + 1, AutomatonSearch::default);
        }
        self.0.get_mut(place)
    }
}

/// A search of a pattern.
#[derive(Debug, Default)]
struct AutomatonSearch {
    /// The places at which the state differs from the one noted before, with the state.
    changes: Vec<(usize, StateID)>,
    /// The last place at which the state was noted.
    last: usize,
    /// The end of the match.
    end: Option<usize>,
}

impl AutomatonSearch {
    /// Whether this search was in the same state at the same place.
    fn is_in(&self, at: usize, state: StateID) -> bool {
        let count = self.changes.partition_point(|(place, _)| *place <= at);
        at <= self.last
            && count
                .checked_sub(1)
                .and_then(|index| self.changes.get(index))
                .is_some_and(|(_, known)| *known == state)
    }

    fn note(&mut self, at: usize, state: StateID) {
        let is_same = self.changes.last().is_some_and(|(_, last)| *last == state);
        if is_same && self.last + SAMPLE_BYTES == at {
            self.last = at;
        } else if self.changes.len() < CHANGES_MAX
            && (self.changes.is_empty() || self.last + SAMPLE_BYTES == at)
        {
            self.changes.push((at, state));
            self.last = at;
        }
    }

    /// Remembers a search that read this many bytes, if it is a long one, and returns its result.
    fn keep(&mut self, search: Self, length: usize) -> Option<usize> {
        /// A shorter search takes less time than it takes to remember it.
        const LENGTH_MIN: usize = 64;
        let end = search.end;
        if length >= LENGTH_MIN {
            *self = search;
        }
        end
    }
}

/// The syntax of all patterns.
fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants of the rule table, and a test compiles each of them"
)]
fn parsed(pattern: &str) -> Hir {
    syntax::parse_with(pattern, &syntax()).expect("a rule's pattern is a regular expression")
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants of the rule table, and a test compiles each of them"
)]
fn compiled(tree: &Hir) -> Box<dense::DFA<Vec<u32>>> {
    let nfa = thompson::Config::new()
        .utf8(false)
        .which_captures(thompson::WhichCaptures::None);
    let nfa = thompson::Compiler::new()
        .configure(nfa)
        .build_from_hir(tree)
        .expect("a rule's pattern compiles");
    let automaton = dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(StartKind::Anchored)
                .determinize_size_limit(Some(AUTOMATON_BYTES_MAX)),
        )
        .build_from_nfa(&nfa)
        .expect("a rule's pattern compiles");
    Box::new(automaton)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_prefix_matches_at_the_given_position_only() {
        let prefix = Prefix::new("[a-c]{2,}(?:=|\\z)");
        assert_eq!(prefix.end(b"xxabc=", 2), Some(6));
        assert_eq!(prefix.end(b"xxabc", 2), Some(5));
        assert_eq!(prefix.end(b"xxabc=", 0), None);
        assert_eq!(prefix.end(b"ab", 3), None, "past the end");
        assert_eq!(Prefix::new("[^\\s]+").end(b"\xff\xfe z", 0), Some(2));
    }

    proptest! {
        #[test]
        fn a_search_with_memory_finds_the_same(
            text in "(a\\.|a|b| |[a-c.]{1,90}| b){0,30}", starts in prop::collection::vec(0usize..400, 1..40), pattern in 0usize..5,
        ) {
            let patterns = ["a\\.[^ ]+[ ]+", "[a-c]+(?:b|\\z)", "a(?: [^ ]+){0,3}? b", "a\\.(?:[^ ]+|[^.]+\\.)", "ab[^ ]*c|a\\.[^ ]+ |b a|ab[^.]+"];
            let prefix = Prefix::new(patterns[pattern]);
            let mut memo = SearchMemo::default();
            for start in starts {
                let start = start.min(text.len());
                let found = prefix.end_after(text.as_bytes(), start, &mut memo);
                prop_assert_eq!(found, prefix.end(text.as_bytes(), start), "{}", start);
            }
        }
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
                        prefix.alternatives.get().is_none(),
                        "nothing is compiled early"
                    );
                    assert_eq!(prefix.end(b"", 1), None);
                    for alternative in prefix.alternatives() {
                        assert!(alternative.automaton().memory_usage() > 0, "{}", rule.id);
                    }
                    count += 1;
                }
            }
        }
        assert!(count > 60, "{count}");
    }
}
