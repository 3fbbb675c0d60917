//! The bytes of the format: encoding and decoding, without files.

pub(super) mod alphabets;
pub(super) mod batch;
pub(super) mod column;
pub(super) mod compress;
pub(super) mod footer;
pub(super) mod frame;
pub(super) mod index;
pub(super) mod layout;
pub(super) mod metadata;
pub(super) mod payload;
pub(super) mod stream;
pub(super) mod summary;
