//! Why a query is refused: the message that Loki's clients expect, with line and column.

use std::fmt;

/// A query that cannot be parsed or is not supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogqlError {
    /// Where in the query, as a byte offset.
    pub(super) at: usize,
    /// Line and column, counted from 1.
    position: Option<(usize, usize)>,
    pub(super) message: String,
    /// Whether the text violates the grammar; otherwise it is grammatical but not valid or not supported.
    is_syntax: bool,
}

impl LogqlError {
    /// An error of the grammar at this offset.
    pub(super) fn syntax(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            position: None,
            message: format!("syntax error: {}", message.into()),
            is_syntax: true,
        }
    }

    /// An error in a grammatical query.
    pub(super) fn meaning(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            position: None,
            message: message.into(),
            is_syntax: false,
        }
    }

    /// Computes line and column of the error in `query`.
    pub(crate) fn located(mut self, query: &str) -> Self {
        let before = query.get(..self.at).unwrap_or(query);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        self.position = Some((line, column));
        self
    }

    /// Whether the text violates the grammar.
    #[cfg(test)]
    pub(crate) fn is_syntax(&self) -> bool {
        self.is_syntax
    }
}

impl fmt::Display for LogqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => {
                write!(
                    f,
                    "parse error at line {line}, col {column}: {}",
                    self.message
                )
            }
            None => write!(f, "parse error : {}", self.message),
        }
    }
}

impl std::error::Error for LogqlError {}
