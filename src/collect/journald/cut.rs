//! Fields of journal entries that were cut while reading: the record states their full length.

use crate::collect::journald::facts;
use crate::collect::text;
use crate::journal::Entry;
use crate::record::Record;

/// The field that is the message.
const MESSAGE: &[u8] = b"MESSAGE";

/// Marks the record of an entry with cut fields: `message_bytes` is the length of the message, `<name>_bytes` that of
/// another field.
pub(crate) fn mark(record: &mut Record, entry: &Entry<'_>) {
    for cut in entry.cut_fields() {
        // If the file does not state the length, at least as many bytes as were read.
        let length = cut.length.unwrap_or(cut.kept as u64);
        if cut.name == MESSAGE {
            let bytes = entry.field(MESSAGE).unwrap_or_default();
            // Only the first value of a repeated field counts.
            if bytes.len() == cut.kept {
                record.metadata.remove(text::WHOLE);
                record.message = text::cut_message(bytes, length, &mut record.metadata);
            }
            continue;
        }
        let names = [true, false].map(|is_believed| facts::name_of(&cut.name, is_believed));
        for name in names.into_iter().flatten() {
            let is_kept = |name: &str| record.metadata.contains_key(name);
            if is_kept(&name) || is_kept(&format!("{name}_base64")) {
                record.metadata.insert(format!("{name}_bytes"), length);
            }
        }
    }
}
