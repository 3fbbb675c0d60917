//! The message of a record, byte for byte.

use crate::record::Record;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// The message as its program wrote it: the metadata keeps bytes that are not valid UTF-8.
pub(super) fn message_bytes(record: &Record) -> Cow<'_, [u8]> {
    let kept = record
        .metadata
        .get("message_base64")
        .and_then(|kept| kept.as_str());
    match kept.and_then(|kept| STANDARD.decode(kept).ok()) {
        Some(bytes) => bytes.into(),
        None => record.message.as_bytes().into(),
    }
}
