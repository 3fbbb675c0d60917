//! Withholds a record whose redaction took too long: nothing unredacted is kept.

use super::rule_list::REDACTED;
use super::rule_list::WITHHELD;
use crate::record::Metadata;
use crate::record::Record;

/// The metadata key of the length of the message.
const BYTES: &str = "withheld_bytes";

/// The text that replaces a message of this many bytes.
pub(in crate::redact) fn mark(bytes: usize) -> String {
    format!("[REDACTED: {bytes} bytes withheld, as redaction took too long]")
}

/// Keeps only the time, source, level and size of a record.
pub(in crate::redact) fn withhold(record: &mut Record, bytes: usize) {
    record.message = mark(bytes);
    record.metadata = Metadata::new();
    record.metadata.insert(REDACTED, vec![WITHHELD.to_owned()]);
    record.metadata.insert(BYTES, bytes);
}
