//! Pipelines: the stages of a log query, applied to lines.

mod format;
mod ip;
mod json;
mod label_filter;
mod line;
mod line_filter;
mod logfmt;
mod pattern;

pub(super) use label_filter::LabelTest;
pub(crate) use line::PipelineLine;

use super::ast::{LineFilter, LogQuery, PipelineStage, QueryText};
use super::error::LogqlError;
use super::labels::{ERROR, ERROR_DETAILS, LabelKind, Labels};
use super::matching::{self, GoRegex, ValueMatcher};
use super::template::LineTemplate;
use format::CompiledFormat;
use json::JsonPath;
use label_filter::ChosenLabel;
use line_filter::LineMatcher;
use logfmt::LogfmtOptions;
use pattern::GapPattern;

/// The compiled stages of a log query.
#[derive(Debug, Clone)]
pub(crate) struct LogPipeline {
    selector: Vec<(String, ValueMatcher)>,
    stages: Vec<CompiledStage>,
}

#[derive(Debug, Clone)]
enum CompiledStage {
    Line(LineMatcher),
    Json(Vec<JsonPath>),
    Logfmt(LogfmtOptions, Vec<(String, String)>),
    Regexp(GoRegex),
    Pattern(GapPattern),
    Unpack,
    Label(LabelTest),
    LineFormat(LineTemplate),
    LabelFormat(Vec<CompiledFormat>),
    Decolorize,
    Drop(Vec<ChosenLabel>),
    Keep(Vec<ChosenLabel>),
}

impl LogPipeline {
    /// Compiles a log query.
    ///
    /// # Errors
    /// [`LogqlError`] for a regular expression, a pattern, a template or an address that is not one.
    pub(crate) fn new(query: &LogQuery) -> Result<Self, LogqlError> {
        let matcher = |matcher| ValueMatcher::new(matcher);
        let selector = query
            .selector
            .iter()
            .map(|each| Ok((each.name.clone(), matcher(each)?)));
        Ok(Self {
            selector: selector.collect::<Result<_, LogqlError>>()?,
            stages: query
                .stages
                .iter()
                .map(compiled)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether the selector matches the labels of a stream.
    pub(crate) fn selects(&self, labels: &Labels<'_>) -> bool {
        self.selector.iter().all(|(name, matcher)| {
            let of_stream = labels
                .find(name)
                .filter(|label| label.kind == LabelKind::Stream);
            matcher.matches(of_stream.map_or("", |label| &label.value))
        })
    }

    /// Runs the stages; returns `false` if one of them drops the line.
    pub(crate) fn run(&self, line: &mut PipelineLine<'_>) -> bool {
        self.stages.iter().all(|stage| stage.run(line))
    }

    /// Whether the stages only filter the text of a line and remove labels that are known by `is_known` or belong to
    /// an error.
    pub(super) fn reads_only(&self, is_known: &impl Fn(&str) -> bool) -> bool {
        self.stages.iter().all(|stage| match stage {
            CompiledStage::Line(_) => true,
            CompiledStage::Drop(chosen) => chosen.iter().all(|choice| {
                let name = choice.name();
                is_known(name) || name == ERROR || name == ERROR_DETAILS
            }),
            _ => false,
        })
    }

    /// Whether there are line filters.
    pub(crate) fn filters_lines(&self) -> bool {
        let is_line = |stage: &CompiledStage| matches!(stage, CompiledStage::Line(_));
        self.stages.iter().any(is_line)
    }

    /// Runs the stages except line filters.
    pub(super) fn run_on_labels(&self, line: &mut PipelineLine<'_>) -> bool {
        let is_line = |stage: &&CompiledStage| matches!(stage, CompiledStage::Line(_));
        let mut others = self.stages.iter().filter(|stage| !is_line(stage));
        others.all(|stage| stage.run(line))
    }

    /// The names of labels that the stages read or set.
    pub(super) fn label_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for stage in &self.stages {
            match stage {
                CompiledStage::Label(test) => test.add_names(&mut names),
                CompiledStage::Keep(chosen) => {
                    names.extend(chosen.iter().map(|choice| choice.name().to_owned()));
                }
                CompiledStage::LabelFormat(formats) => {
                    names.extend(formats.iter().map(|format| format.label().to_owned()));
                }
                _ => {}
            }
        }
        names
    }
}

fn compiled(stage: &PipelineStage) -> Result<CompiledStage, LogqlError> {
    Ok(match stage {
        PipelineStage::LineFilter(filter) => CompiledStage::Line(line_matcher(filter)?),
        PipelineStage::Json(paths) => {
            CompiledStage::Json(paths.iter().map(JsonPath::new).collect::<Result<_, _>>()?)
        }
        PipelineStage::Logfmt {
            strict,
            keep_empty,
            extractions,
        } => {
            let options = LogfmtOptions {
                strict: *strict,
                keep_empty: *keep_empty,
            };
            let wanted = extractions
                .iter()
                .map(|each| (each.expression.value.clone(), each.label.clone()));
            CompiledStage::Logfmt(options, wanted.collect())
        }
        PipelineStage::Regexp(text) => CompiledStage::Regexp(regexp(text)?),
        PipelineStage::Pattern(text) => CompiledStage::Pattern(GapPattern::capturing(text)?),
        PipelineStage::Unpack => CompiledStage::Unpack,
        PipelineStage::LabelFilter(filter) => CompiledStage::Label(LabelTest::new(filter)?),
        PipelineStage::LineFormat(text) => CompiledStage::LineFormat(format::template(text)?),
        PipelineStage::LabelFormat(formats) => {
            CompiledStage::LabelFormat(CompiledFormat::list(formats)?)
        }
        PipelineStage::Decolorize => CompiledStage::Decolorize,
        PipelineStage::Drop(list) => CompiledStage::Drop(
            list.iter()
                .map(ChosenLabel::new)
                .collect::<Result<_, _>>()?,
        ),
        PipelineStage::Keep(list) => CompiledStage::Keep(
            list.iter()
                .map(ChosenLabel::new)
                .collect::<Result<_, _>>()?,
        ),
    })
}

fn line_matcher(filter: &LineFilter) -> Result<LineMatcher, LogqlError> {
    LineMatcher::new(filter)
}

/// A regular expression whose named groups become labels.
fn regexp(text: &QueryText) -> Result<GoRegex, LogqlError> {
    let pattern = matching::compile(text)?;
    if pattern.group_names().flatten().next().is_none() {
        let message = "at least one named capture must be supplied";
        return Err(LogqlError::meaning(text.at, message));
    }
    Ok(pattern)
}

impl CompiledStage {
    fn run(&self, line: &mut PipelineLine<'_>) -> bool {
        match self {
            Self::Line(matcher) => return matcher.matches(&line.text),
            Self::Label(test) => return test.matches(&mut line.labels),
            Self::Json(paths) if paths.is_empty() => json::parse_all(line),
            Self::Json(paths) => json::parse_paths(line, paths),
            Self::Logfmt(options, wanted) => logfmt::parse(line, *options, wanted),
            Self::Regexp(pattern) => extract_groups(pattern, line),
            Self::Pattern(pattern) => extract_gaps(pattern, line),
            Self::Unpack => json::unpack(line),
            Self::LineFormat(template) => format::line_format(template, line),
            Self::LabelFormat(formats) => formats.iter().for_each(|format| format.apply(line)),
            Self::Decolorize => format::decolorize(line),
            Self::Drop(chosen) => label_filter::drop_chosen(&mut line.labels, chosen),
            Self::Keep(chosen) => label_filter::keep_chosen(&mut line.labels, chosen),
        }
        true
    }
}

/// Makes labels of the named groups of the first match.
fn extract_groups(pattern: &GoRegex, line: &mut PipelineLine<'_>) {
    let text = line.text.clone();
    let Some(captures) = pattern.captures(&text) else {
        return;
    };
    for (name, group) in pattern.group_names().zip(captures.iter()) {
        if let (Some(name), Some(span)) = (name, group) {
            let value = text.get(span.range()).unwrap_or_default().to_owned();
            line.labels.set_parsed(name.to_owned().into(), value.into());
        }
    }
}

/// Makes labels of the named gaps.
fn extract_gaps(pattern: &GapPattern, line: &mut PipelineLine<'_>) {
    let text = line.text.clone();
    pattern.captures(&text, |name, value| {
        let (name, value) = (name.to_owned(), value.to_owned());
        line.labels.set_parsed(name.into(), value.into());
    });
}

#[cfg(test)]
mod tests;
