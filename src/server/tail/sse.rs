//! Server-sent events of the live tail.

use crate::record::{Id, StoredRecord};
use crate::server::wire;
use serde::Serialize;

/// Records that the client has not received.
#[derive(Serialize)]
pub(in crate::server) struct GapEvent {
    from: String,
    to: String,
    count: u64,
}

impl GapEvent {
    pub(in crate::server) fn new(from: Id, to: Id, count: u64) -> Self {
        Self {
            from: from.to_string(),
            to: to.to_string(),
            count,
        }
    }
}

/// Writes a record with its ID. Its JSON contains no line end, so it is one `data` line.
pub(in crate::server) fn write_record(out: &mut Vec<u8>, record: &StoredRecord) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(record.id.to_string().as_bytes());
    out.extend_from_slice(b"\ndata: ");
    wire::write_entry(out, record);
    out.extend_from_slice(b"\n\n");
}

pub(in crate::server) fn write_event(out: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    wire::write(out, data);
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Level, Metadata, Record};
    use crate::time::Micros;

    #[test]
    fn record_is_one_event_whatever_its_text() {
        let record = StoredRecord {
            id: Id(12),
            record: Record {
                timestamp: Micros::new(0),
                source: "docker:web".parse().expect("a source"),
                level: Level::Warn,
                message: "a\nid: 99\r\n\ndata: x\u{2028}\u{1b}[31m".to_owned(),
                metadata: Metadata::new(),
            },
        };
        let mut out = Vec::new();
        write_record(&mut out, &record);
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            concat!(
                "id: 12\n",
                r#"data: {"id":"12","timestamp":"1970-01-01T00:00:00.000000Z","source":"docker:web","level":"warn","#,
                r#""message":"a\nid: 99\r\n\ndata: x"#,
                "\u{2028}",
                r#"\u001b[31m","metadata":{}}"#,
                "\n\n"
            )
        );
    }

    #[test]
    fn gap_names_the_missing_records() {
        let mut out = Vec::new();
        write_event(&mut out, "gap", &GapEvent::new(Id(3), Id(9), 2));
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            "event: gap\ndata: {\"from\":\"3\",\"to\":\"9\",\"count\":2}\n\n"
        );
    }
}
