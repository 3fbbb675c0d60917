//! Parses log queries: a selector and the stages of its pipeline.

use super::cursor::WordCursor;
use super::{labels, selector};
use crate::logql::ast::{
    Extraction, LabelChoice, LabelFormat, LabelFormatValue, LineFilter, LineOp, LineTest, LogQuery,
    PipelineStage, QueryText,
};
use crate::logql::error::LogqlError;
use crate::logql::lexer::QueryToken;

/// Maximum number of stages: each costs memory and time for every line.
const STAGES_MAX: usize = 256;

/// `{a="b"} |= "c" | json`
pub(super) fn log_query(cursor: &mut WordCursor) -> Result<LogQuery, LogqlError> {
    let at = cursor.at();
    let selector = selector::selector(cursor)?;
    let stages = stages(cursor)?;
    Ok(LogQuery {
        selector,
        stages,
        at,
    })
}

/// All following stages, except `unwrap`.
pub(super) fn stages(cursor: &mut WordCursor) -> Result<Vec<PipelineStage>, LogqlError> {
    let mut stages = Vec::new();
    loop {
        if stages.len() > STAGES_MAX {
            let message = format!("a pipeline has at most {STAGES_MAX} stages");
            return Err(LogqlError::meaning(cursor.at(), message));
        }
        if let Some(op) = line_op(cursor) {
            cursor.skip();
            stages.push(PipelineStage::LineFilter(line_filter(cursor, op)?));
        } else if cursor.is_sign("|") && !is_unwrap(cursor.peek_after()) {
            cursor.skip();
            stages.push(stage(cursor)?);
        } else {
            return Ok(stages);
        }
    }
}

pub(super) fn is_unwrap(token: &QueryToken) -> bool {
    matches!(token, QueryToken::Name(name) if name.eq_ignore_ascii_case("unwrap"))
}

/// The operator of a line filter, if one is next. `!=` compares numbers as well.
fn line_op(cursor: &WordCursor) -> Option<LineOp> {
    let QueryToken::Sign(sign) = cursor.peek() else {
        return None;
    };
    let op = LineOp::named(sign)?;
    let is_text = match cursor.peek_after() {
        QueryToken::Text(_) => true,
        QueryToken::Name(name) => name.eq_ignore_ascii_case("ip"),
        _ => false,
    };
    (is_text || *sign != "!=").then_some(op)
}

fn line_filter(cursor: &mut WordCursor, op: LineOp) -> Result<LineFilter, LogqlError> {
    let mut tests = vec![line_test(cursor)?];
    while cursor.is_name("or") && !matches!(cursor.peek_after(), QueryToken::Sign("{" | "(")) {
        cursor.skip();
        tests.push(line_test(cursor)?);
    }
    Ok(LineFilter { op, tests })
}

fn line_test(cursor: &mut WordCursor) -> Result<LineTest, LogqlError> {
    if cursor.take_name("ip") {
        cursor.expect_sign("(")?;
        let text = cursor.expect_text()?;
        cursor.expect_sign(")")?;
        return Ok(LineTest { is_ip: true, text });
    }
    if !matches!(cursor.peek(), QueryToken::Text(_)) {
        return Err(cursor.unexpected(&["STRING", "ip"]));
    }
    let text = cursor.expect_text()?;
    Ok(LineTest { is_ip: false, text })
}

/// A stage after its `|`.
fn stage(cursor: &mut WordCursor) -> Result<PipelineStage, LogqlError> {
    let QueryToken::Name(name) = cursor.peek() else {
        if cursor.is_sign("(") {
            return labels::label_filter(cursor).map(PipelineStage::LabelFilter);
        }
        return Err(cursor.unexpected(&[]));
    };
    let name = name.to_ascii_lowercase();
    let keyword = cursor.mark();
    cursor.skip();
    Ok(match name.as_str() {
        "json" => PipelineStage::Json(extractions(cursor)?),
        "logfmt" => logfmt(cursor)?,
        "regexp" => PipelineStage::Regexp(cursor.expect_text()?),
        "pattern" => PipelineStage::Pattern(cursor.expect_text()?),
        "unpack" => PipelineStage::Unpack,
        "line_format" => PipelineStage::LineFormat(cursor.expect_text()?),
        "label_format" => PipelineStage::LabelFormat(label_formats(cursor)?),
        "decolorize" => PipelineStage::Decolorize,
        "drop" => PipelineStage::Drop(label_choices(cursor)?),
        "keep" => PipelineStage::Keep(label_choices(cursor)?),
        _ => {
            cursor.reset(keyword);
            PipelineStage::LabelFilter(labels::label_filter(cursor)?)
        }
    })
}

fn logfmt(cursor: &mut WordCursor) -> Result<PipelineStage, LogqlError> {
    let (mut strict, mut keep_empty) = (false, false);
    while let QueryToken::Flag(flag) = *cursor.peek() {
        cursor.skip();
        strict |= flag == "--strict";
        keep_empty |= flag == "--keep-empty";
    }
    Ok(PipelineStage::Logfmt {
        strict,
        keep_empty,
        extractions: extractions(cursor)?,
    })
}

/// `a, b="c.d"`, or nothing.
fn extractions(cursor: &mut WordCursor) -> Result<Vec<Extraction>, LogqlError> {
    if !cursor.is_label() {
        return Ok(Vec::new());
    }
    list(cursor, |cursor| {
        let at = cursor.at();
        let label = cursor.expect_label()?;
        let expression = if cursor.take_sign("=") {
            cursor.expect_text()?
        } else {
            QueryText {
                value: label.clone(),
                at,
            }
        };
        Ok(Extraction { label, expression })
    })
}

/// `a=b, c="{{.d}}"`
fn label_formats(cursor: &mut WordCursor) -> Result<Vec<LabelFormat>, LogqlError> {
    list(cursor, |cursor| {
        let at = cursor.at();
        let label = cursor.expect_label()?;
        cursor.expect_sign("=")?;
        let value = match cursor.peek() {
            QueryToken::Text(_) => LabelFormatValue::LineTemplate(cursor.expect_text()?),
            QueryToken::Name(_) => LabelFormatValue::Rename(cursor.expect_label()?),
            _ => return Err(cursor.unexpected(&["IDENTIFIER", "STRING"])),
        };
        Ok(LabelFormat { label, value, at })
    })
}

/// `a, b="c"`
fn label_choices(cursor: &mut WordCursor) -> Result<Vec<LabelChoice>, LogqlError> {
    list(cursor, |cursor| {
        let is_matcher = matches!(
            cursor.peek_after(),
            QueryToken::Sign("=" | "!=" | "=~" | "!~")
        );
        if is_matcher {
            selector::matcher(cursor).map(LabelChoice::Matcher)
        } else {
            cursor.expect_label().map(LabelChoice::Name)
        }
    })
}

/// At least one, separated by commas.
fn list<T>(
    cursor: &mut WordCursor,
    mut read: impl FnMut(&mut WordCursor) -> Result<T, LogqlError>,
) -> Result<Vec<T>, LogqlError> {
    let mut list = vec![read(cursor)?];
    while cursor.take_sign(",") {
        list.push(read(cursor)?);
    }
    Ok(list)
}
