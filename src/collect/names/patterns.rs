//! A selection of units or sources: patterns with wildcards, and `!` patterns for excluded names.

use crate::collect::names::wildcard::matches;
use std::convert::Infallible;
use std::str::FromStr;

/// A selection of names, parsed from a comma-separated list such as `*,!cron,!snap.*`. Without a positive pattern,
/// everything is kept that is not excluded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamePatterns {
    kept: Vec<String>,
    left_out: Vec<String>,
}

impl FromStr for NamePatterns {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut patterns = Self::default();
        for pattern in text
            .split(',')
            .map(str::trim)
            .filter(|pattern| !pattern.is_empty())
        {
            match pattern.strip_prefix('!') {
                Some(pattern) => patterns.left_out.push(pattern.trim_start().to_owned()),
                None => patterns.kept.push(pattern.to_owned()),
            }
        }
        Ok(patterns)
    }
}

impl NamePatterns {
    /// Whether this name is kept. A pattern may name a unit with or without `.service`.
    #[must_use]
    pub fn keep(&self, name: &[u8]) -> bool {
        let short = name.strip_suffix(b".service").unwrap_or(name);
        let names = |pattern: &String| {
            let pattern = pattern.as_bytes();
            matches(pattern, name) || matches(pattern, short)
        };
        (self.kept.is_empty() || self.kept.iter().any(names)) && !self.left_out.iter().any(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps(patterns: &str, unit: &str) -> bool {
        let Ok(patterns) = patterns.parse::<NamePatterns>();
        patterns.keep(unit.as_bytes())
    }

    #[test]
    fn units_are_kept_or_excluded() {
        assert!(keeps("", "ssh.service"));
        assert!(keeps("*", "ssh.service"));
        assert!(keeps("ssh", "ssh.service"));
        assert!(keeps("ssh.service", "ssh.service"));
        assert!(keeps("cron, s*h", "ssh.service"));
        assert!(!keeps("cron", "ssh.service"));
        assert!(!keeps("*,!ssh", "ssh.service"));
        assert!(!keeps("!ssh*", "ssh@1.service"));
        assert!(keeps("!ssh*", "cron.service"));
        assert!(!keeps("ssh,!*", "ssh.service"));
        assert!(!keeps("ssh", "sshd.service"));
    }
}
