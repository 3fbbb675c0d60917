//! Finds the part of a message that a search matched.

use crate::cli::parameters::Parameters;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use std::ops::Range;

/// Maximum number of matches in one line that are marked.
const MATCHES_MAX: usize = 100;
const PATTERN_BYTES_MAX: usize = 4 << 20;

/// Finds the searched text in a line.
#[derive(Debug)]
pub(super) struct Highlighter(Regex);

impl Highlighter {
    /// A finder for the searched text; `None` if the parameters contain none.
    pub(super) fn new(parameters: &Parameters) -> Option<Self> {
        let value = |name: &str| {
            let found = parameters.iter().find(|(found, _)| found == name);
            found.map(|(_, value)| value.as_str())
        };
        if value("invert") == Some("true") {
            return None;
        }
        let text = value("search").filter(|text| !text.is_empty())?;
        let pattern = match value("regex") {
            Some("true") => text.to_owned(),
            _ => regex_syntax::escape(text),
        };
        let ignores_case = value("case") != Some("sensitive");
        let regex = Regex::builder()
            .configure(Regex::config().nfa_size_limit(Some(PATTERN_BYTES_MAX)))
            .syntax(syntax::Config::new().case_insensitive(ignores_case))
            .build(&pattern);
        regex.ok().map(Self)
    }

    /// The matches in a line, in order.
    pub(super) fn ranges(&self, line: &str) -> Vec<Range<usize>> {
        let matches = self.0.find_iter(line).take(MATCHES_MAX);
        matches
            .map(|found| found.range())
            .filter(|range| !range.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(pairs: &[(&str, &str)], line: &str) -> Vec<Range<usize>> {
        let pairs = pairs.iter();
        let parameters: Parameters = pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let highlighter = Highlighter::new(&parameters);
        highlighter.map_or_else(Vec::new, |highlighter| highlighter.ranges(line))
    }

    #[test]
    fn finds_texts_and_patterns_as_the_query_does() {
        assert_eq!(ranges(&[("search", "a.b")], "A.B axb a.b"), [0..3, 8..11]);
        let sensitive = [("search", "a.b"), ("case", "sensitive")];
        assert!(ranges(&sensitive, "A.B axb").is_empty());
        let regex = [("search", "a.b"), ("regex", "true")];
        assert_eq!(ranges(&regex, "A.B axb"), [0..3, 4..7]);
        assert!(ranges(&[("search", "x*"), ("regex", "true")], "ab").is_empty());
        assert!(ranges(&[("search", "a"), ("invert", "true")], "a").is_empty());
        assert!(ranges(&[], "a").is_empty());
    }
}
