//! From bytes to text: encodings, lines, and the message of a record.

pub(crate) mod encoding;
pub(crate) mod line;
mod message;

pub(crate) use message::{WHOLE, cut_message, message};
