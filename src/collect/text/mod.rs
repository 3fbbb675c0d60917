//! Turns bytes into text: encodings, lines, and the messages of records.

pub(crate) mod encoding;
pub(crate) mod line;
mod message;

pub(crate) use message::{WHOLE, cut_message, message};
