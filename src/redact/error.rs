//! What can be wrong with the settings of redaction.

use std::fmt;

/// A setting that cannot be used. Nothing else about redaction can fail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A pattern that is no regular expression.
    BadPattern {
        /// The pattern as it was given.
        pattern: String,
        /// Its place in the list, from 1.
        number: usize,
        /// The first character that is at fault, from 1.
        character: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A pattern that matches the empty text, and so every place of every line.
    EmptyMatch {
        /// The pattern as it was given.
        pattern: String,
        /// Its place in the list, from 1.
        number: usize,
    },
    /// A pattern whose automaton would be larger than the bound.
    LargePattern {
        /// The pattern as it was given.
        pattern: String,
        /// Its place in the list, from 1.
        number: usize,
        /// The bound of one automaton, in bytes.
        bytes_max: usize,
    },
    /// More patterns than the bound.
    ManyPatterns {
        /// How many were given.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// The same of a pattern of what is never redacted.
    Allowed(Box<Self>),
    /// A name in the list of disabled rules that is no rule.
    UnknownRule {
        /// The name as it was given.
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
    fn every_error_says_which_setting_and_why() {
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
