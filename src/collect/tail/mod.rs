//! Follows files while they are written, rotated, truncated and compressed.
//!
//! A [`path::Tail`] follows one path. Its files are a [`row::Row`] of [`reader::LogReader`]s; [`rotated::Rotated`]
//! finds those that were renamed or copied. [`chunked::ChunkedTail`] joins the chunks of logs that contain several
//! streams.

pub(crate) mod backlog;
pub(crate) mod chunked;
pub(crate) mod compression;
pub(crate) mod context;
pub(crate) mod mark;
pub(crate) mod path;
mod reader;
mod rotated;
mod row;
pub(crate) mod sibling;

pub use backlog::CatchUpMax;
