//! A position among the tokens of a query.

use crate::logql::ast::QueryText;
use crate::logql::error::LogqlError;
use crate::logql::lexer::{self, Placed, QueryToken};

/// Maximum nesting; real queries stay far below, and the stack of a thread holds several times this.
const DEPTH_MAX: usize = 64;

/// If Loki would list more expected tokens than this, none are listed.
const EXPECTED_MAX: usize = 4;

/// A position among the tokens of a query.
pub(super) struct WordCursor {
    words: Vec<Placed>,
    next: usize,
    depth: usize,
    end: Placed,
}

impl WordCursor {
    pub(super) fn new(query: &str) -> Result<Self, LogqlError> {
        Ok(Self {
            words: lexer::words(query)?,
            next: 0,
            depth: 0,
            end: Placed {
                at: query.len(),
                token: QueryToken::End,
            },
        })
    }

    fn placed(&self, ahead: usize) -> &Placed {
        self.words.get(self.next + ahead).unwrap_or(&self.end)
    }

    /// Offset of the next token.
    pub(super) fn at(&self) -> usize {
        self.placed(0).at
    }

    pub(super) fn peek(&self) -> &QueryToken {
        &self.placed(0).token
    }

    pub(super) fn peek_after(&self) -> &QueryToken {
        &self.placed(1).token
    }

    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    /// A position to return to.
    pub(super) fn mark(&self) -> usize {
        self.next
    }

    pub(super) fn reset(&mut self, mark: usize) {
        self.next = mark;
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), QueryToken::Sign(next) if *next == sign)
    }

    /// Whether the next token is this name, ignoring case.
    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), QueryToken::Name(next) if next.eq_ignore_ascii_case(name))
    }

    /// Consumes the operator if it is next.
    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let is_next = self.is_sign(sign);
        self.next += usize::from(is_next);
        is_next
    }

    /// Consumes the name if it is next.
    pub(super) fn take_name(&mut self, name: &str) -> bool {
        let is_next = self.is_name(name);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn expect_sign(&mut self, sign: &str) -> Result<(), LogqlError> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected(&[sign]))
        }
    }

    pub(super) fn expect_text(&mut self) -> Result<QueryText, LogqlError> {
        let at = self.at();
        if let QueryToken::Text(value) = self.peek() {
            let value = value.clone();
            self.skip();
            return Ok(QueryText { value, at });
        }
        Err(self.unexpected(&["STRING"]))
    }

    pub(super) fn expect_number(&mut self) -> Result<f64, LogqlError> {
        if let QueryToken::Number(number) = *self.peek() {
            self.skip();
            return Ok(number);
        }
        Err(self.unexpected(&["NUMBER"]))
    }

    pub(super) fn expect_duration(&mut self) -> Result<i64, LogqlError> {
        if let QueryToken::Duration(nanos) = *self.peek() {
            self.skip();
            return Ok(nanos);
        }
        Err(self.unexpected(&["DURATION"]))
    }

    /// Consumes the name of a label: any name that is not a keyword.
    pub(super) fn expect_label(&mut self) -> Result<String, LogqlError> {
        match self.peek() {
            QueryToken::Name(name) if !lexer::is_keyword(name) => {
                let name = name.clone();
                self.skip();
                Ok(name)
            }
            _ => Err(self.unexpected(&["IDENTIFIER"])),
        }
    }

    /// Whether the next token can be the name of a label.
    pub(super) fn is_label(&self) -> bool {
        matches!(self.peek(), QueryToken::Name(name) if !lexer::is_keyword(name) && !is_operator(name))
    }

    /// Runs `read` one nesting level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, LogqlError>,
    ) -> Result<T, LogqlError> {
        if self.depth >= DEPTH_MAX {
            let message = format!("the query is nested more than {DEPTH_MAX} levels deep");
            return Err(LogqlError::meaning(self.at(), message));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// The error that the next token is none of `expected`.
    pub(super) fn unexpected(&self, expected: &[&str]) -> LogqlError {
        let mut message = format!("unexpected {}", self.peek().name());
        if !expected.is_empty() && expected.len() <= EXPECTED_MAX {
            message.push_str(", expecting ");
            message.push_str(&expected.join(" or "));
        }
        LogqlError::syntax(self.at(), message)
    }
}

fn is_operator(name: &str) -> bool {
    ["and", "or", "unless"]
        .iter()
        .any(|operator| operator.eq_ignore_ascii_case(name))
}
