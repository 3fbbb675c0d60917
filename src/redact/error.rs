//! Errors in the settings of redaction.

use std::fmt;

/// An unusable setting. Redaction itself cannot fail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A pattern that is not a regular expression.
    BadPattern {
        /// The pattern.
        pattern: String,
        /// Its place in the list, from 1.
        number: usize,
        /// The position of the first wrong character, from 1.
        character: usize,
        /// The reason.
        why: String,
    },
    /// A pattern that matches the empty text, and therefore at every position.
    EmptyMatch {
        /// The pattern.
        pattern: String,
        /// Its place in the list, from 1.
        number: usize,
    },
    /// A pattern whose automaton exceeds the limit.
    LargePattern {
        /// The pattern.
        pattern: String,
        /// Its place in the list, from 1.
        number: usize,
        /// The limit of one automaton, in bytes.
        bytes_max: usize,
    },
    /// Too many patterns.
    ManyPatterns {
        /// Their number.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// The same errors for a pattern of texts that are never redacted.
    Allowed(Box<Self>),
    /// An unknown rule in the list of disabled rules.
    UnknownRule {
        /// The name.
        found: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadPattern {
                pattern,
                number,
                character,
                why,
            } => write!(
                f,
                "redaction pattern {number} ({pattern:?}) is wrong at character {character}: {why}"
            ),
            Self::EmptyMatch { pattern, number } => write!(
                f,
                "redaction pattern {number} ({pattern:?}) matches the empty text; expected a \
                 pattern that needs at least one character"
            ),
            Self::LargePattern {
                pattern,
                number,
                bytes_max,
            } => write!(
                f,
                "redaction pattern {number} ({pattern:?}) needs more than the {bytes_max} bytes \
                 that one pattern may take"
            ),
            Self::ManyPatterns { found, max } => {
                write!(
                    f,
                    "{found} redaction patterns were given; at most {max} fit"
                )
            }
            Self::Allowed(error) => write!(f, "in the list of what is never redacted: {error}"),
            Self::UnknownRule { found } => write!(
                f,
                "no redaction rule is named {found:?}; expected rule ids or the word all"
            ),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_names_the_setting_and_the_reason() {
        let pattern = || "a(b".to_owned();
        let texts = [
            (
                Error::BadPattern {
                    pattern: pattern(),
                    number: 2,
                    character: 2,
                    why: "unclosed group".to_owned(),
                },
                "redaction pattern 2 (\"a(b\") is wrong at character 2: unclosed group",
            ),
            (
                Error::EmptyMatch {
                    pattern: pattern(),
                    number: 1,
                },
                "redaction pattern 1 (\"a(b\") matches the empty text; expected a pattern that \
                 needs at least one character",
            ),
            (
                Error::LargePattern {
                    pattern: pattern(),
                    number: 3,
                    bytes_max: 1024,
                },
                "redaction pattern 3 (\"a(b\") needs more than the 1024 bytes that one pattern may \
                 take",
            ),
            (
                Error::ManyPatterns { found: 70, max: 64 },
                "70 redaction patterns were given; at most 64 fit",
            ),
            (
                Error::UnknownRule {
                    found: "jtw".to_owned(),
                },
                "no redaction rule is named \"jtw\"; expected rule ids or the word all",
            ),
        ];
        for (error, text) in texts {
            assert_eq!(error.to_string(), text);
            assert!(std::error::Error::source(&error).is_none());
        }
    }
}
