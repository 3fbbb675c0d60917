//! Requests that several nodes answer: their answers are merged, and every answer says which nodes gave none.

pub(super) mod ask;
pub(super) mod branch;
pub(super) mod cursor;
pub(super) mod fields;
pub(super) mod follow;
pub(super) mod histogram;
pub(super) mod page;
pub(super) mod patterns;
pub(super) mod position;
pub(super) mod select;
pub(super) mod signed;
pub(super) mod sources;
pub(super) mod tail;
