//! What a template sees of a line.

use crate::logql::labels::Labels;

/// What a template sees of a line.
#[derive(Debug)]
pub(in crate::logql) struct TemplateScope<'s> {
    pub(in crate::logql) labels: &'s Labels<'s>,
    pub(in crate::logql) line: &'s str,
    pub(in crate::logql) timestamp_nanos: i64,
}
