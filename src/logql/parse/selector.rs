//! Parses selectors: conditions on the labels of streams.

use super::cursor::WordCursor;
use crate::logql::ast::{LabelMatcher, LogQuery, MatchOp};
use crate::logql::error::LogqlError;
use crate::logql::lexer::QueryToken;
use crate::logql::matching::compile_anchored;

const MATCHES_EVERYTHING: &str = "queries require at least one regexp or equality matcher that does not have an \
    empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will";

/// `{a="b", c=~"d"}`
pub(super) fn selector(cursor: &mut WordCursor) -> Result<Vec<LabelMatcher>, LogqlError> {
    cursor.expect_sign("{")?;
    let mut matchers = Vec::new();
    while !cursor.take_sign("}") {
        if !matchers.is_empty() {
            if !cursor.take_sign(",") {
                return Err(cursor.unexpected(&["}", ","]));
            }
            // A comma may follow the last matcher.
            if cursor.take_sign("}") {
                break;
            }
        }
        if matchers.is_empty() && !matches!(cursor.peek(), QueryToken::Name(_)) {
            return Err(cursor.unexpected(&["IDENTIFIER", "}"]));
        }
        matchers.push(matcher(cursor)?);
    }
    Ok(matchers)
}

/// `a="b"`
pub(super) fn matcher(cursor: &mut WordCursor) -> Result<LabelMatcher, LogqlError> {
    let name = cursor.expect_label()?;
    let QueryToken::Sign(sign) = *cursor.peek() else {
        return Err(cursor.unexpected(&["=", "=~", "!~", "!="]));
    };
    let op = MatchOp::named(sign).ok_or_else(|| cursor.unexpected(&["=", "=~", "!~", "!="]))?;
    cursor.skip();
    let value = cursor.expect_text()?;
    if matches!(op, MatchOp::Regex | MatchOp::NotRegex) {
        compile_anchored(&value)?;
    }
    Ok(LabelMatcher { name, op, value })
}

/// Rejects a selector that matches every stream.
pub(super) fn check(query: &LogQuery) -> Result<(), LogqlError> {
    let mut narrows = false;
    for matcher in &query.selector {
        narrows |= match matcher.op {
            MatchOp::Equal => !matcher.value.value.is_empty(),
            MatchOp::Regex => !compile_anchored(&matcher.value)?.is_match(b""),
            MatchOp::NotEqual | MatchOp::NotRegex => false,
        };
    }
    if narrows {
        Ok(())
    } else {
        Err(LogqlError::meaning(query.at, MATCHES_EVERYTHING))
    }
}
