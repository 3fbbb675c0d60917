//! How values are written in answers.

use crate::record::Level;
use serde::Serializer;
use std::fmt::Display;

pub(super) fn as_text<S: Serializer>(
    value: &impl Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
pub(super) fn as_optional_text<S: Serializer>(
    value: &Option<impl Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

pub(super) fn as_level_counts<S: Serializer>(
    counts: &[u64; 4],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Level::ALL.into_iter().map(Level::as_str).zip(counts))
}
