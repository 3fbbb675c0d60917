//! Why a request parameter cannot be used.

use std::fmt;

/// The maximum length of a wrong value in an error.
pub(super) const QUOTED_CHARS_MAX: usize = 80;

/// A request parameter that cannot be used. Display is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterError {
    /// A code for programs (`invalid_level`).
    pub code: &'static str,
    /// The name of the parameter.
    pub parameter: String,
    /// A text for people.
    pub message: String,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParameterError {}

/// The error for a parameter that does not exist.
#[must_use]
pub fn unknown(name: &str) -> ParameterError {
    ParameterError {
        code: "unknown_parameter",
        parameter: name.chars().take(QUOTED_CHARS_MAX).collect(),
        message: format!("unknown parameter {}", quoted(name)),
    }
}

pub(super) fn choice(code: &'static str, name: &str, choices: &str, value: &str) -> ParameterError {
    let message = format!("{name} must be one of {choices}; got {}", quoted(value));
    error(code, name, message)
}

pub(super) fn conflict(name: &str, message: &str) -> ParameterError {
    error("conflicting_parameters", name, message.to_owned())
}

pub(super) fn error(code: &'static str, name: &str, message: String) -> ParameterError {
    ParameterError {
        code,
        parameter: name.to_owned(),
        message,
    }
}

/// A value as it is shown in an error: escaped, and truncated if long.
pub(super) fn quoted(value: &str) -> String {
    match value.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}...", value.get(..end).unwrap_or_default()),
        None => format!("{value:?}"),
    }
}
