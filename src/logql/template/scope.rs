//! The data of a line that a template can access.

use crate::logql::labels::Labels;

/// The data of a line that a template can access.
#[derive(Debug)]
pub(in crate::logql) struct TemplateScope<'s> {
    pub(in crate::logql) labels: &'s Labels<'s>,
    pub(in crate::logql) line: &'s str,
    pub(in crate::logql) timestamp_nanos: i64,
}
