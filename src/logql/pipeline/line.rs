//! A line in a pipeline.

use crate::logql::labels::{LabelKind, Labels};
use std::borrow::Cow;

/// A line in a pipeline.
#[derive(Debug, Clone)]
pub(crate) struct PipelineLine<'a> {
    /// When it was logged.
    pub(crate) timestamp_nanos: i64,
    pub(crate) text: Cow<'a, str>,
    pub(crate) labels: Labels<'a>,
    /// Whether the line was parsed before it was stored, so that its fields are in the metadata.
    pub(crate) is_taken_apart: bool,
}

impl PipelineLine<'_> {
    /// Treats the metadata of a line that was parsed before as parsed labels; returns whether it was.
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
