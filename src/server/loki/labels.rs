//! Records as lines of streams: which labels identify a stream, and which are metadata.

use crate::logql::{LabelKind, Labels, PipelineLine, sanitized};
use crate::query::nanos_of;
use crate::record::{Id, Level, Metadata, Record, Source, StoredRecord};
use serde_json::Value;
use std::borrow::Cow;

/// The labels that a stream can have, in order.
pub(super) const NAMES: [&str; 6] = [
    "kind",
    "level",
    "node",
    "service_name",
    "source",
    "workspace",
];

/// The label with the name of the machine.
pub(super) const NODE: &str = "node";

/// Whether streams can have a label of this name. `node`: the name of the machine; a machine without one has no such label.
pub(super) fn is_of_stream(node: Option<&str>, name: &str) -> bool {
    NAMES.contains(&name) && (name != NODE || node.is_some())
}

/// The label with the level, which every line has.
const DETECTED_LEVEL: &str = "detected_level";
/// The label with the ID of the record, which every line has.
const RECORD_ID: &str = "id";

/// A name that outlives its line; those that every line has are not copied.
pub(super) fn owned_name(name: &str) -> Cow<'static, str> {
    let known = NAMES.into_iter().chain([DETECTED_LEVEL, RECORD_ID]);
    let mut known = known.filter(|known| *known == name);
    known
        .next()
        .map_or_else(|| name.to_owned().into(), Cow::Borrowed)
}

/// Metadata that vmlog itself adds. All other metadata was parsed from the line, of which only the text was kept.
const OWN_KEYS: &[&str] = &[
    "_BOOT_ID",
    "_MACHINE_ID",
    "boot_id",
    "code_file",
    "code_line",
    "command",
    "container_id",
    "container_id_full",
    "container_name",
    "continues",
    "event_type",
    "file",
    "format",
    "identifier",
    "image_name",
    "instance",
    "invocation_id",
    "line_incomplete",
    "line_part",
    "machine_id",
    "message_base64",
    "message_bytes",
    "module",
    "pid",
    "priority",
    "run_id",
    "session_id",
    "stage",
    "stream",
    "transport",
    "truncated",
    "uid",
    "unit",
];

/// Maximum number of labels of a line's stream, and of those that every line has in addition.
const FIXED: usize = NAMES.len() + 2;

/// The kind of a source: its name up to the first colon.
fn kind(source: &str) -> &str {
    source.split_once(':').map_or(source, |(kind, _)| kind)
}

/// The service of a source: its name after the first colon.
fn service_name(source: &str) -> &str {
    source.split_once(':').map_or(source, |(_, name)| name)
}

/// The workspace that a source belongs to.
fn workspace(source: &str) -> Option<&str> {
    source
        .strip_prefix("devcontainer:")
        .filter(|name| !name.is_empty())
}

/// Adds the labels of a stream.
fn add_stream<'a>(
    labels: &mut Labels<'a>,
    node: Option<&'a str>,
    source: &'a Source,
    level: Level,
) {
    let source = source.as_str();
    labels.push(LabelKind::Stream, "kind", kind(source));
    labels.push(LabelKind::Stream, "level", level.as_str());
    if let Some(node) = node {
        labels.push(LabelKind::Stream, NODE, node);
    }
    labels.push(LabelKind::Stream, "service_name", service_name(source));
    labels.push(LabelKind::Stream, "source", source);
    if let Some(workspace) = workspace(source) {
        labels.push(LabelKind::Stream, "workspace", workspace);
    }
}

/// The labels of a stream. `node`: the name of the machine.
pub(super) fn of_stream<'a>(node: Option<&'a str>, source: &'a Source, level: Level) -> Labels<'a> {
    let mut labels = Labels::with_capacity(NAMES.len());
    add_stream(&mut labels, node, source, level);
    labels
}

/// The time of a record in nanoseconds: its id makes the times of records in one microsecond differ, equally for
/// every client.
pub(super) fn nanos(record: &StoredRecord) -> i64 {
    nanos_of(record.record.timestamp, record.id)
}

/// A line of a stream, with the labels that all its lines share.
pub(super) fn stream_line<'a>(
    node: Option<&'a str>,
    source: &'a Source,
    level: Level,
    timestamp_nanos: i64,
) -> PipelineLine<'a> {
    let mut labels = of_stream(node, source, level);
    labels.push(LabelKind::Metadata, DETECTED_LEVEL, level.as_str());
    PipelineLine {
        timestamp_nanos,
        text: "".into(),
        labels,
        is_taken_apart: false,
    }
}

/// Whether all lines of a stream have the same label of this name.
pub(super) fn is_shared(node: Option<&str>, name: &str) -> bool {
    is_of_stream(node, name) || name == DETECTED_LEVEL
}

/// A record as a line of a stream.
pub(super) fn line<'a>(node: Option<&'a str>, record: &'a StoredRecord) -> PipelineLine<'a> {
    let Record {
        source,
        level,
        message,
        metadata,
        ..
    } = &record.record;
    let stream = (node, source, *level);
    line_of(stream, nanos(record), record.id, message, metadata)
}

/// The same of the name of the machine and the parts of a record.
pub(super) fn line_of<'a>(
    (node, source, level): (Option<&'a str>, &'a Source, Level),
    timestamp_nanos: i64,
    id: Id,
    message: &'a str,
    metadata: &'a Metadata,
) -> PipelineLine<'a> {
    let mut labels = Labels::with_capacity(FIXED + metadata.len());
    add_stream(&mut labels, node, source, level);
    labels.push(LabelKind::Metadata, DETECTED_LEVEL, level.as_str());
    labels.push(LabelKind::Metadata, RECORD_ID, id.to_string());
    let mut is_taken_apart = false;
    for (key, value) in metadata.iter() {
        is_taken_apart |= !OWN_KEYS.contains(&key) && !key.starts_with("field_");
        add_metadata(&mut labels, key, value, 0);
    }
    PipelineLine {
        timestamp_nanos,
        text: message.into(),
        labels,
        is_taken_apart,
    }
}

/// Maximum nesting of objects.
const DEPTH_MAX: usize = 8;

/// Adds metadata; the members of an object become separate labels.
fn add_metadata<'a>(labels: &mut Labels<'a>, key: &'a str, value: &'a Value, depth: usize) {
    if let Value::Object(map) = value
        && depth < DEPTH_MAX
    {
        let mut members = Vec::new();
        members_of(key, map, depth, &mut members);
        for (name, text) in members {
            push_new(labels, name.into(), text.into());
        }
        return;
    }
    if let Some(text) = text_of(value) {
        push_new(labels, sanitized(key), text);
    }
}

fn members_of(
    prefix: &str,
    map: &serde_json::Map<String, Value>,
    depth: usize,
    members: &mut Vec<(String, String)>,
) {
    for (key, value) in map {
        let name = format!("{prefix}_{key}");
        match value {
            Value::Object(map) if depth < DEPTH_MAX => members_of(&name, map, depth + 1, members),
            value => {
                if let Some(text) = text_of(value) {
                    members.push((sanitized(&name).into_owned(), text.into_owned()));
                }
            }
        }
    }
}

fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.as_str().into()),
        other => Some(other.to_string().into()),
    }
}

/// Adds a label unless one of this name exists.
fn push_new<'a>(labels: &mut Labels<'a>, name: Cow<'a, str>, value: Cow<'a, str>) {
    if labels.get(&name).is_none() && !value.is_empty() {
        labels.push(LabelKind::Metadata, name, value);
    } else if labels.get(&format!("{name}_extracted")).is_none() && !value.is_empty() {
        labels.push(LabelKind::Metadata, format!("{name}_extracted"), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;
    use serde_json::json;

    fn record(source: &str, metadata: Value) -> StoredRecord {
        StoredRecord {
            id: Id(1_234_567),
            record: Record {
                timestamp: Micros::new(1_700_000_000_000_001),
                source: source.parse().expect("a source"),
                level: Level::Warn,
                message: "text".to_owned(),
                metadata: serde_json::from_value(metadata).expect("an object"),
            },
        }
    }

    fn shown(record: &StoredRecord, kind: LabelKind) -> Vec<String> {
        let line = line(None, record);
        let labels = line.labels.iter().filter(|label| label.kind == kind);
        labels
            .map(|label| format!("{}={}", label.name, label.value))
            .collect()
    }

    #[test]
    fn few_labels_name_a_stream_and_the_rest_is_metadata() {
        let record = record(
            "system:ssh.service",
            json!({"pid": 7, "http": {"status": 500, "x-y": true}, "none": null, "kind": "k", "list": [1]}),
        );
        assert_eq!(
            shown(&record, LabelKind::Stream),
            [
                "kind=system",
                "level=warn",
                "service_name=ssh.service",
                "source=system:ssh.service"
            ]
        );
        assert_eq!(
            shown(&record, LabelKind::Metadata),
            [
                "detected_level=warn",
                "id=1234567",
                "http_status=500",
                "http_x_y=true",
                "kind_extracted=k",
                "list=[1]",
                "pid=7"
            ]
        );
        assert!(line(None, &record).is_taken_apart);
        assert_eq!(nanos(&record), 1_700_000_000_000_001_567);
    }

    #[test]
    fn a_devcontainer_names_its_workspace() {
        let record = record("devcontainer:ws-1", json!({"pid": 7, "stream": "stdout"}));
        assert!(shown(&record, LabelKind::Stream).contains(&"workspace=ws-1".to_owned()));
        assert!(!line(None, &record).is_taken_apart, "metadata of our own");
        assert_eq!(
            of_stream(None, &"cloud-init".parse().expect("a source"), Level::Info)
                .get("service_name"),
            Some("cloud-init")
        );
    }

    #[test]
    fn the_names_of_labels_are_listed_in_order() {
        let source = "devcontainer:a".parse().expect("a source");
        let labels = of_stream(Some("n1"), &source, Level::Info);
        let names: Vec<_> = labels.iter().map(|label| label.name.to_string()).collect();
        assert_eq!(names, NAMES);
    }
}
