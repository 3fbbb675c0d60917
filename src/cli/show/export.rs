//! `-o export`: records in the journal export format, for `systemd-journal-remote` and other readers.

use super::message::message_bytes;
use crate::record::{Level, StoredRecord};
use serde_json::Value;
use std::io::Write;

/// Appends an entry and the empty line after it. Everything except time, level and message becomes fields that start
/// with `VMLOG_`.
pub(super) fn push(out: &mut Vec<u8>, stored: &StoredRecord) {
    let record = &stored.record;
    // Writing to memory cannot fail.
    let _ = write!(
        out,
        "__CURSOR={id}\n__REALTIME_TIMESTAMP={}\nPRIORITY={}\nSYSLOG_IDENTIFIER={source}\nVMLOG_ID={id}\nVMLOG_SOURCE={source}\n",
        record.timestamp.get(),
        priority(record.level),
        id = stored.id,
        source = record.source,
    );
    push_field(out, "MESSAGE", &message_bytes(record));
    for (key, value) in record.metadata.iter() {
        let name = name(key);
        match value {
            _ if key == "message_base64" => {}
            Value::String(text) => push_field(out, &name, text.as_bytes()),
            other => push_field(out, &name, other.to_string().as_bytes()),
        }
    }
    out.push(b'\n');
}

fn priority(level: Level) -> u8 {
    match level {
        Level::Debug => 7,
        Level::Info => 6,
        Level::Warn => 4,
        Level::Error => 3,
    }
}

/// Field names consist of `A-Z 0-9 _` and have at most 64 characters.
fn name(key: &str) -> String {
    let letters = key.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    "VMLOG_".chars().chain(letters).take(64).collect()
}

/// Text without control characters follows `=`; other values follow their length.
fn push_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if str::from_utf8(value).is_ok_and(|text| !text.chars().any(|c| c.is_control() && c != '\t')) {
        out.push(b'=');
    } else {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Id, Record};
    use crate::time::Micros;

    #[test]
    fn an_entry_has_every_field() {
        let metadata = serde_json::json!({"unit": "a.service", "exit-code": 7, "note": "x\ny"});
        let stored = StoredRecord {
            id: Id(9),
            record: Record {
                timestamp: Micros::new(5),
                source: "docker:web".parse().expect("a source"),
                level: Level::Warn,
                message: "hello".to_owned(),
                metadata: metadata.as_object().expect("a map").clone().into(),
            },
        };
        let mut out = vec![];
        push(&mut out, &stored);
        let expected = b"__CURSOR=9\n__REALTIME_TIMESTAMP=5\nPRIORITY=4\nSYSLOG_IDENTIFIER=docker:web\nVMLOG_ID=9\n\
            VMLOG_SOURCE=docker:web\nMESSAGE=hello\nVMLOG_EXIT_CODE=7\nVMLOG_NOTE\n\x03\0\0\0\0\0\0\0x\ny\nVMLOG_UNIT=a.service\n\n";
        assert_eq!(
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(expected)
        );
    }
}
