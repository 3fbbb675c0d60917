//! What tells which blocks cannot contain a text or a value without reading a column: bitmaps, filters and the field index.

pub(in crate::store) mod block;
pub(in crate::store) mod bloom;
pub(in crate::store) mod field_builder;
mod field_decoder;
pub(in crate::store) mod fields;
pub(in crate::store) mod fold;
pub(in crate::store) mod grams;
pub(in crate::store) mod ngram;
mod texts;
pub(in crate::store) mod tokens;
pub(in crate::store) mod unlisted;
