//! The stages `line_format`, `label_format` and `decolorize`: new lines and new values of labels.

use super::line::PipelineLine;
use crate::logql::ast::{LabelFormat, LabelFormatValue, QueryText};
use crate::logql::error::LogqlError;
use crate::logql::labels::{ERROR, ERROR_DETAILS, LabelKind};
use crate::logql::template::{LineTemplate, TemplateScope};
use std::borrow::Cow;

const ERROR_NAME: &str = "TemplateFormatErr";

/// A label that gets a new value.
#[derive(Debug, Clone)]
pub(super) struct CompiledFormat {
    label: String,
    value: CompiledValue,
}

#[derive(Debug, Clone)]
enum CompiledValue {
    Rename(String),
    LineTemplate(LineTemplate),
}

impl CompiledFormat {
    pub(super) fn list(formats: &[LabelFormat]) -> Result<Vec<Self>, LogqlError> {
        let mut compiled: Vec<Self> = Vec::with_capacity(formats.len());
        for format in formats {
            let label = &format.label;
            if label == ERROR || label == ERROR_DETAILS {
                return Err(LogqlError::meaning(
                    format.at,
                    format!("{label} cannot be formatted"),
                ));
            }
            if compiled.iter().any(|other| other.label == *label) {
                let message = format!(
                    "multiple label name '{label}' not allowed in a single format operation"
                );
                return Err(LogqlError::meaning(format.at, message));
            }
            compiled.push(Self {
                label: label.clone(),
                value: match &format.value {
                    LabelFormatValue::Rename(from) => CompiledValue::Rename(from.clone()),
                    LabelFormatValue::LineTemplate(text) => {
                        CompiledValue::LineTemplate(template(text)?)
                    }
                },
            });
        }
        Ok(compiled)
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn apply(&self, line: &mut PipelineLine<'_>) {
        match &self.value {
            CompiledValue::Rename(from) => {
                if let Some(found) = line.labels.remove(from) {
                    let name = Cow::Owned(self.label.clone());
                    line.labels.set(found.kind, name, found.value);
                }
            }
            CompiledValue::LineTemplate(template) => {
                if let Some(value) = run(template, line) {
                    let name = Cow::Owned(self.label.clone());
                    line.labels.set(LabelKind::Parsed, name, value.into());
                }
            }
        }
    }
}

pub(super) fn template(text: &QueryText) -> Result<LineTemplate, LogqlError> {
    LineTemplate::new(&text.value)
        .map_err(|reason| LogqlError::meaning(text.at, format!("invalid line template: {reason}")))
}

/// The output of the template for a line; notes the error if there is none.
fn run(template: &LineTemplate, line: &mut PipelineLine<'_>) -> Option<String> {
    let scope = TemplateScope {
        labels: &line.labels,
        line: &line.text,
        timestamp_nanos: line.timestamp_nanos,
    };
    match template.run(&scope) {
        Ok(text) => Some(text),
        Err(reason) => {
            line.labels.set_error(ERROR_NAME, reason);
            None
        }
    }
}

pub(super) fn line_format(template: &LineTemplate, line: &mut PipelineLine<'_>) {
    if let Some(text) = run(template, line) {
        line.text = Cow::Owned(text);
    }
}

/// Removes a terminal's colour sequences.
pub(super) fn decolorize(line: &mut PipelineLine<'_>) {
    if line.text.contains('\u{1b}') {
        line.text = Cow::Owned(without_colours(&line.text));
    }
}

fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        let Some(parameters) = sequence.strip_prefix('[') else {
            out.push('\u{1b}');
            rest = sequence;
            continue;
        };
        let is_parameter = |c: char| !('\u{40}'..='\u{7e}').contains(&c);
        let after = parameters.trim_start_matches(is_parameter);
        let mut chars = after.chars();
        chars.next();
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_removed() {
        assert_eq!(without_colours("a\u{1b}[31;1mred\u{1b}[0m b"), "ared b");
        assert_eq!(without_colours("\u{1b}x \u{1b}["), "\u{1b}x ");
    }
}
