//! Lines on their way through a pipeline.

use crate::logql::labels::{LabelKind, Labels};
use std::borrow::Cow;

/// A line on its way through a pipeline.
#[derive(Debug, Clone)]
pub(crate) struct PipelineLine<'a> {
    /// When it was logged.
    pub(crate) timestamp_nanos: i64,
    pub(crate) text: Cow<'a, str>,
    pub(crate) labels: Labels<'a>,
    /// Whether the line was taken apart before it was stored: what a parser would find is in the metadata.
    pub(crate) is_taken_apart: bool,
}

impl PipelineLine<'_> {
    /// Makes the metadata of a line that was taken apart what a parser found; whether it was.
    pub(super) fn expose_fields(&mut self) -> bool {
        if self.is_taken_apart {
            let metadata = |kind: &LabelKind| *kind == LabelKind::Metadata;
            for label in self.labels.iter_mut().filter(|label| metadata(&label.kind)) {
                label.kind = LabelKind::Parsed;
            }
        }
        self.is_taken_apart
    }
}
