//! Which sources are meant: exact names and prefixes, included and excluded, within what the asker may see at all.

use crate::record::Source;
use std::fmt;

/// `docker:web` exactly, or `docker:` / `docker:*` for all that begin so; `*` alone is every source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePattern {
    text: Box<str>,
    prefix: bool,
}

impl SourcePattern {
    /// The source with exactly this name, whatever characters end it.
    #[must_use]
    pub fn exact(name: &str) -> Self {
        Self {
            text: name.into(),
            prefix: false,
        }
    }

    /// Every source whose name begins so.
    #[must_use]
    pub fn prefix(text: &str) -> Self {
        Self {
            text: text.into(),
            prefix: true,
        }
    }

    /// Reads a pattern as people type it: a last `*` or `:` makes it a prefix.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::prefix(prefix),
            None if text.ends_with(':') => Self::prefix(text),
            None => Self::exact(text),
        }
    }

    /// The name, or what the names begin with.
    pub(in crate::query) fn text(&self) -> &str {
        &self.text
    }

    /// Whether `source` is meant.
    #[must_use]
    pub fn matches(&self, source: &Source) -> bool {
        let name = source.as_str();
        if self.prefix {
            name.starts_with(&*self.text)
        } else {
            name == &*self.text
        }
    }
}

/// As people type it.
impl fmt::Display for SourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.prefix && !self.text.ends_with(':') {
            "*"
        } else {
            ""
        };
        write!(f, "{}{star}", self.text)
    }
}

/// The rules of one filter. Nothing that a query sets can undo a narrowing.
#[derive(Debug, Clone, Default)]
pub(in crate::query) struct SourceFilter {
    included: Vec<SourcePattern>,
    excluded: Vec<SourcePattern>,
    narrowings: Vec<Vec<SourcePattern>>,
}

impl SourceFilter {
    pub(in crate::query) fn include(&mut self, pattern: SourcePattern) {
        self.included.push(pattern);
    }

    pub(in crate::query) fn included(&self) -> &[SourcePattern] {
        &self.included
    }

    pub(in crate::query) fn exclude(&mut self, pattern: SourcePattern) {
        self.excluded.push(pattern);
    }

    pub(in crate::query) fn narrow(&mut self, patterns: Vec<SourcePattern>) {
        self.narrowings.push(patterns);
    }

    /// The narrowings alone: what the asker may see.
    pub(in crate::query) fn narrowings_only(&self) -> Self {
        Self {
            narrowings: self.narrowings.clone(),
            ..Self::default()
        }
    }

    pub(in crate::query) fn matches(&self, source: &Source) -> bool {
        let any = |patterns: &[SourcePattern]| patterns.iter().any(|p| p.matches(source));
        (self.included.is_empty() || any(&self.included))
            && !any(&self.excluded)
            && self.narrowings.iter().all(|patterns| any(patterns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Source {
        name.parse().unwrap()
    }

    #[test]
    fn a_colon_or_a_star_at_the_end_makes_a_prefix() {
        for (pattern, name, expected) in [
            ("docker:web", "docker:web", true),
            ("docker:web", "docker:web-2", false),
            ("docker:", "docker:web", true),
            ("docker:*", "docker:web", true),
            ("docker:w*", "docker:web", true),
            ("docker:w*", "docker:db", false),
            ("docker", "docker:web", false),
            ("*", "cloud-init", true),
            ("a*b", "a*b", true),
            ("a*b", "axb", false),
            ("Docker:", "docker:web", false),
        ] {
            assert_eq!(
                SourcePattern::parse(pattern).matches(&source(name)),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn exclusion_is_stronger_than_inclusion() {
        let mut filter = SourceFilter::default();
        filter.exclude(SourcePattern::parse("docker:noisy"));
        assert!(filter.matches(&source("cloud-init")));
        filter.include(SourcePattern::parse("docker:"));
        assert!(!filter.matches(&source("cloud-init")));
        assert!(filter.matches(&source("docker:web")));
        assert!(!filter.matches(&source("docker:noisy")));
    }

    #[test]
    fn a_narrowing_stays_whatever_is_included() {
        let mut filter = SourceFilter::default();
        filter.narrow(vec![SourcePattern::exact("devcontainer:a")]);
        filter.include(SourcePattern::parse("*"));
        assert!(filter.matches(&source("devcontainer:a")));
        assert!(!filter.matches(&source("devcontainer:b")));
        filter.narrow(Vec::new());
        assert!(
            !filter.matches(&source("devcontainer:a")),
            "no right at all"
        );
    }
}
