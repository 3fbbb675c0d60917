//! Label filters: conditions on the labels of a line.

use super::cursor::WordCursor;
use super::selector;
use crate::logql::ast::{FilterQuantity, LabelFilter, NumberComparison};
use crate::logql::error::LogqlError;
use crate::logql::lexer::QueryToken;

/// Parses `a="b" and (c>5 or d<1s)`; `and`, a comma and a blank bind tighter than `or`.
pub(super) fn label_filter(cursor: &mut WordCursor) -> Result<LabelFilter, LogqlError> {
    let mut filter = conjunction(cursor)?;
    while cursor.is_name("or") && begins_condition(cursor.peek_after()) {
        cursor.skip();
        let right = conjunction(cursor)?;
        filter = LabelFilter::Or(Box::new(filter), Box::new(right));
    }
    Ok(filter)
}

fn begins_condition(token: &QueryToken) -> bool {
    matches!(token, QueryToken::Name(_) | QueryToken::Sign("("))
}

fn conjunction(cursor: &mut WordCursor) -> Result<LabelFilter, LogqlError> {
    let mut filter = condition(cursor)?;
    loop {
        let is_joined = cursor.is_name("and") && begins_condition(cursor.peek_after());
        if is_joined || cursor.is_sign(",") {
            cursor.skip();
        } else if !cursor.is_label() && !cursor.is_sign("(") {
            return Ok(filter);
        }
        let right = condition(cursor)?;
        filter = LabelFilter::And(Box::new(filter), Box::new(right));
    }
}

fn condition(cursor: &mut WordCursor) -> Result<LabelFilter, LogqlError> {
    if cursor.take_sign("(") {
        let filter = cursor.deeper(label_filter)?;
        cursor.expect_sign(")")?;
        return Ok(filter);
    }
    let mark = cursor.mark();
    let name = cursor.expect_label()?;
    let QueryToken::Sign(sign) = *cursor.peek() else {
        return Err(cursor.unexpected(&[]));
    };
    if matches!(sign, "=~" | "!~") || matches!(cursor.peek_after(), QueryToken::Text(_)) {
        cursor.reset(mark);
        return selector::matcher(cursor).map(LabelFilter::Text);
    }
    let comparison = NumberComparison::named(sign).ok_or_else(|| cursor.unexpected(&[]))?;
    cursor.skip();
    if cursor.is_name("ip") && matches!(sign, "=" | "!=") {
        cursor.skip();
        cursor.expect_sign("(")?;
        let text = cursor.expect_text()?;
        cursor.expect_sign(")")?;
        return Ok(LabelFilter::Ip {
            name,
            is_negative: sign == "!=",
            text,
        });
    }
    Ok(LabelFilter::Number {
        name,
        comparison,
        quantity: quantity(cursor)?,
    })
}

fn quantity(cursor: &mut WordCursor) -> Result<FilterQuantity, LogqlError> {
    let quantity = match *cursor.peek() {
        QueryToken::Duration(nanos) => FilterQuantity::Duration(nanos),
        QueryToken::Size(bytes) => FilterQuantity::Bytes(bytes),
        _ => return signed_number(cursor).map(FilterQuantity::Number),
    };
    cursor.skip();
    Ok(quantity)
}

/// A number with an optional sign.
pub(super) fn signed_number(cursor: &mut WordCursor) -> Result<f64, LogqlError> {
    let is_negative = cursor.take_sign("-");
    if !is_negative {
        cursor.take_sign("+");
    }
    let number = cursor.expect_number()?;
    Ok(if is_negative { -number } else { number })
}
