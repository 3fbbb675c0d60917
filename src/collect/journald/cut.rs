//! Fields of journal entries that were cut when they were read: the record says how long they were.

use crate::collect::journald::facts;
use crate::collect::text;
use crate::journal::Entry;
use crate::record::Record;

/// The field that is the message.
const MESSAGE: &[u8] = b"MESSAGE";

/// Marks the record of an entry of which fields were cut: `message_bytes` is the length of the message, `<name>_bytes` that of
/// another field.
pub(crate) fn mark(record: &mut Record, entry: &Entry<'_>) {
    for cut in entry.cut_fields() {
        // where the file does not say: at least as long as the bytes that were read
        let length = cut.length.unwrap_or(cut.kept as u64);
        if cut.name == MESSAGE {
            let bytes = entry.field(MESSAGE).unwrap_or_default();
            // of a repeated field the first counts
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
