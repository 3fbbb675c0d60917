//! A record as a JSON object, in the form of the API.

use crate::record::StoredRecord;
use crate::server::write_entry;

/// Appends an object on one line. On a terminal, characters that JSON allows but a terminal interprets are escaped
/// too; the JSON stays equivalent.
pub(super) fn push(out: &mut Vec<u8>, stored: &StoredRecord, is_terminal: bool) {
    if !is_terminal {
        return write_entry(out, stored);
    }
    let mut line = vec![];
    write_entry(&mut line, stored);
    for c in String::from_utf8_lossy(&line).chars() {
        if crate::cli::terminal::escape::is_harmless(c) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Id, Level, Metadata, Record};
    use crate::time::Micros;

    #[test]
    fn a_terminal_gets_equivalent_json_without_control_characters() {
        let message = "\u{1b}[2J \u{9b}2J \u{202e} \u{7f} \u{e9}";
        let stored = StoredRecord {
            id: Id(1),
            record: Record {
                timestamp: Micros::new(0),
                source: "x".parse().expect("a source"),
                level: Level::Info,
                message: message.to_owned(),
                metadata: Metadata::new(),
            },
        };
        let (mut raw, mut shown) = (vec![], vec![]);
        push(&mut raw, &stored, false);
        push(&mut shown, &stored, true);
        let text = String::from_utf8(shown.clone()).expect("UTF-8");
        assert!(text.contains(r"\u001b[2J \u009b2J \u202e \u007f"), "{text}");
        let value =
            |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON");
        assert_eq!(value(&raw), value(&shown));
    }
}
