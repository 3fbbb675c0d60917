//! The bytes of the format: encoding and decoding, without files.

pub(super) mod batch;
pub(super) mod cbor;
pub(super) mod cbor_decode;
pub(super) mod column;
pub(super) mod fold;
pub(super) mod footer;
pub(super) mod frame;
pub(super) mod layout;
pub(super) mod ngram;
pub(super) mod summary;
