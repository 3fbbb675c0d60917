//! Patterns of source names: exact names and prefixes.

use crate::record::Source;
use std::fmt;

/// `docker:web` exactly, or `docker:` / `docker:*` for all names that begin with it; `*` alone is every source.
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

    /// Every source whose name begins with this text.
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

    /// The name, or the beginning of the names.
    pub(in crate::query) fn text(&self) -> &str {
        &self.text
    }

    /// The only name that it matches, if it is no prefix.
    pub(in crate::query) fn name(&self) -> Option<&str> {
        (!self.prefix).then_some(&*self.text)
    }

    /// Whether the pattern matches `source`.
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
}
