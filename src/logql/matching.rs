//! Text matching: regular expressions of limited size, and matchers of labels.

use super::ast::{LabelMatcher, MatchOp, QueryText};
use super::error::LogqlError;
use super::regex;
use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;
use std::fmt;

/// Maximum compiled size. If the lazy automaton gives up, searching a line takes time proportional to it: 10,000
/// states and a line of 64 KB take about a second.
const NFA_BYTES_MAX: usize = 320 << 10;
/// Maximum memory of the lazy automaton.
const CACHE_BYTES_MAX: usize = 1 << 20;
/// Maximum nesting of groups; real expressions stay below 10.
const NEST_MAX: u32 = 50;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub(super) struct GoRegex(Regex);

impl GoRegex {
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// The names of its groups; the first group is the whole match.
    pub(super) fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.0
            .group_info()
            .pattern_names(regex_automata::PatternID::ZERO)
    }

    /// The first match and its groups; `None` without a match.
    pub(super) fn captures(&self, text: &str) -> Option<Captures> {
        let mut captures = self.0.create_captures();
        self.0.captures(text, &mut captures);
        captures.is_match().then_some(captures)
    }

    /// `text` with every match replaced; `replacement` may refer to groups as `$1` or `${name}`, unless it is
    /// literal.
    pub(super) fn replace_all(&self, text: &str, replacement: &str, is_literal: bool) -> String {
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for captures in self.0.captures_iter(text) {
            let Some(found) = captures.get_match() else {
                continue;
            };
            out.push_str(text.get(end..found.start()).unwrap_or_default());
            if is_literal {
                out.push_str(replacement);
            } else {
                captures.interpolate_string_into(text, replacement, &mut out);
            }
            end = found.end();
        }
        out.push_str(text.get(end..).unwrap_or_default());
        out
    }

    /// How many matches there are.
    pub(super) fn count(&self, text: &str) -> usize {
        self.0.find_iter(text).count()
    }

    /// The replacement for one match.
    pub(super) fn expand(captures: &Captures, text: &str, replacement: &str) -> String {
        let mut out = String::new();
        captures.interpolate_string_into(text, replacement, &mut out);
        out
    }
}

/// Compiles a regular expression that may match anywhere in a text.
///
/// # Errors
///
/// [`LogqlError`] at the offset of the text.
pub(super) fn compile(text: &QueryText) -> Result<GoRegex, LogqlError> {
    build(&text.value, &regex::translated(&text.value), text.at)
}

/// Compiles one that must match a whole text.
pub(super) fn compile_anchored(text: &QueryText) -> Result<GoRegex, LogqlError> {
    let translated = regex::translated(&text.value);
    // Parsed on its own first: an expression that closes a group it did not open must not become valid by being
    // wrapped.
    parse(&text.value, &translated, text.at)?;
    build(&text.value, &format!("^(?s:{translated})$"), text.at)
}

/// Compiles an expression from a template; `None` if it is invalid.
pub(super) fn compile_at_run_time(text: &str) -> Option<GoRegex> {
    build(text, &regex::translated(text), 0).ok()
}

fn build(written: &str, translated: &str, at: usize) -> Result<GoRegex, LogqlError> {
    let config = Regex::config()
        .nfa_size_limit(Some(NFA_BYTES_MAX))
        .hybrid_cache_capacity(CACHE_BYTES_MAX)
        // complete automata take longer to build than the lazy one takes to match all labels
        .dfa(false)
        .onepass(false);
    let parsed = parse(written, translated, at)?;
    let built = Regex::builder().configure(config).build_from_hir(&parsed);
    built
        .map(GoRegex)
        .map_err(|_| invalid(written, "expression is too large", at))
}

fn parse(written: &str, translated: &str, at: usize) -> Result<Hir, LogqlError> {
    let config = syntax::Config::new().nest_limit(NEST_MAX);
    syntax::parse_with(translated, &config).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => invalid(written, error.kind(), at),
        regex_syntax::Error::Translate(error) => invalid(written, error.kind(), at),
        _ => invalid(written, "expression is invalid", at),
    })
}

fn invalid(written: &str, reason: impl fmt::Display, at: usize) -> LogqlError {
    LogqlError::meaning(at, format!("error parsing regexp: {reason}: `{written}`"))
}

/// A matcher whose regular expression is compiled.
#[derive(Debug, Clone)]
pub(super) struct ValueMatcher {
    op: MatchOp,
    value: String,
    pattern: Option<GoRegex>,
}

impl ValueMatcher {
    pub(super) fn new(matcher: &LabelMatcher) -> Result<Self, LogqlError> {
        let pattern = match matcher.op {
            MatchOp::Regex | MatchOp::NotRegex => Some(compile_anchored(&matcher.value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Self {
            op: matcher.op,
            value: matcher.value.value.clone(),
            pattern,
        })
    }

    /// Whether a value matches; an absent label counts as empty.
    pub(super) fn matches(&self, value: &str) -> bool {
        let is_found = match &self.pattern {
            Some(pattern) => pattern.is_match(value.as_bytes()),
            None => self.value == value,
        };
        is_found == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> QueryText {
        QueryText {
            value: value.to_owned(),
            at: 0,
        }
    }

    #[test]
    fn anchored_expressions_match_whole_values() {
        let pattern = compile_anchored(&text("a|b")).unwrap();
        assert!(pattern.is_match(b"a") && pattern.is_match(b"b"));
        assert!(!pattern.is_match(b"ab") && !pattern.is_match(b"xa"));
        assert!(compile_anchored(&text("a)(b")).is_err());
    }

    #[test]
    fn a_bad_expression_says_so() {
        let error = compile(&text("a(")).unwrap_err().located("a(");
        assert_eq!(
            error.to_string(),
            "parse error at line 1, col 1: error parsing regexp: unclosed group: `a(`"
        );
        assert!(compile(&text("(?:a{500}){500}")).is_err(), "too large");
    }

    #[test]
    fn replacements_name_groups() {
        let pattern = compile(&text("(?P<a>[a-z])([0-9])")).unwrap();
        assert_eq!(pattern.replace_all("x1 y2", "$2${a}", false), "1x 2y");
        assert_eq!(pattern.replace_all("x1 y2", "$2", true), "$2 $2");
        assert_eq!(pattern.count("x1 y2 z"), 2);
    }
}
