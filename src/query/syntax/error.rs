//! Why a text is not an expression.

use std::fmt;

/// Why a text is not an expression. Display is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// The character at which it is wrong, from 1.
    pub position: usize,
    /// What is wrong, and what is expected there.
    pub reason: String,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (character {})", self.reason, self.position)
    }
}

impl std::error::Error for ExpressionError {}
