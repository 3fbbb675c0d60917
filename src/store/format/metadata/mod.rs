//! Metadata: its encoding and its values.

pub(in crate::store) mod by_key;
pub(in crate::store) mod cbor;
pub(in crate::store) mod cbor_decode;
pub(in crate::store) mod json;
pub(in crate::store) mod values;
