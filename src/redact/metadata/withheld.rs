//! What is kept of a record whose redaction took too long: nothing that has not been looked through.

use super::rule_list::REDACTED;
use super::rule_list::WITHHELD;
use crate::record::Metadata;
use crate::record::Record;

/// The key under which the length of the message is kept.
const BYTES: &str = "withheld_bytes";

/// What stands in the place of a message of this many bytes.
pub(in crate::redact) fn mark(bytes: usize) -> String {
    format!("[REDACTED: {bytes} bytes withheld, as redaction took too long]")
}

/// Leaves time, source, level and size.
pub(in crate::redact) fn withhold(record: &mut Record, bytes: usize) {
    record.message = mark(bytes);
    record.metadata = Metadata::new();
    record.metadata.insert(REDACTED, vec![WITHHELD.to_owned()]);
    record.metadata.insert(BYTES, bytes);
}
