//! The index of a block: what its footer tells about texts and fields without reading a column.

pub(in crate::store) mod block;
pub(in crate::store) mod bloom;
pub(in crate::store) mod field_builder;
pub(in crate::store) mod fields;
pub(in crate::store) mod fold;
pub(in crate::store) mod grams;
pub(in crate::store) mod ngram;
pub(in crate::store) mod tokens;
