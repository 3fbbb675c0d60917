//! What is kept of a record whose redaction took too long: nothing that has not been looked through.

use crate::record::Metadata;
use crate::record::Record;

/// The id under which `metadata.redacted` lists it.
pub(super) const ID: &str = "withheld";

/// The key under which the length of the message is kept.
const BYTES: &str = "withheld_bytes";

/// What stands in the place of a message of this many bytes.
pub(super) fn mark(bytes: usize) -> String {
    format!("[REDACTED: {bytes} bytes withheld, as redaction took too long]")
}

/// Leaves time, source, level and size.
pub(super) fn withhold(record: &mut Record, bytes: usize) {
    record.message = mark(bytes);
    record.metadata = Metadata::new();
    record
        .metadata
        .insert(super::metadata::REDACTED, vec![ID.to_owned()]);
    record.metadata.insert(BYTES, bytes);
}
