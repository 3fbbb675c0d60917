//! Events that follow from records of the log: gaps, runs that end, and what the log knows of units and containers.

use super::event::{EventDraft, Severity};
use crate::query::{Condition, Expression};
use crate::record::{Level, Metadata, StoredRecord};
use serde_json::{Map, Value};

/// The beginning of a message is enough: the event names the record.
const MESSAGE_CHARS_MAX: usize = 500;

/// Types of records that become events.
const GAP: &str = "gap";
const RUN_END: &str = "process_end";

/// All records that [`event`] makes an event of, and perhaps others.
pub(super) fn expression() -> Expression {
    let conditions = [
        "event_type=gap",
        "event_type=process_end",
        "event_type=started",
        "problem=*",
    ];
    let conditions = conditions.into_iter().filter_map(Condition::parse);
    Expression::Any(conditions.map(|condition| condition.expression()).collect())
}

/// The event of a record, if it has one.
pub(super) fn event(stored: &StoredRecord) -> Option<EventDraft> {
    let record = &stored.record;
    let metadata = &record.metadata;
    let source = record.source.as_str();
    // events come back as records
    if source.starts_with("event:") {
        return None;
    }
    let is_own = source == "system:vmlog";
    let kind = match text(metadata, "event_type") {
        Some(GAP) => "log.gap".to_owned(),
        Some(RUN_END) => "run.ended".to_owned(),
        Some("started") if is_own => "vmlog.started".to_owned(),
        _ => format!("problem.{}", text(metadata, "problem")?),
    };
    let severity = match record.level {
        // a gap is a condition that people must know of
        Level::Debug | Level::Info if kind == "log.gap" => Severity::Warning,
        level => Severity::of_level(level),
    };
    let message = record
        .message
        .chars()
        .take(MESSAGE_CHARS_MAX)
        .collect::<String>();
    let mut draft = EventDraft::new(&kind, severity, message);
    draft.run_id = text(metadata, "run_id").map(str::to_owned);
    draft.workspace_id = source.strip_prefix("devcontainer:").map(str::to_owned);
    draft.sandbox_id = source.strip_prefix("sandbox:").map(str::to_owned);
    draft.payload = Some(payload(stored));
    if draft.check().is_err() {
        // a name of a container or a unit may be anything: it is in the payload
        (draft.run_id, draft.workspace_id, draft.sandbox_id) = (None, None, None);
    }
    draft.check().is_ok().then_some(draft)
}

/// Facts for programs: the record, and what it says of the run or of the gap.
fn payload(stored: &StoredRecord) -> Map<String, Value> {
    const KEPT: [&str; 12] = [
        "name",
        "command",
        "success",
        "exit_code",
        "signal",
        "duration_ms",
        "category",
        "unit",
        "container",
        "lines",
        "bytes",
        "entries",
    ];
    let mut payload = Map::new();
    payload.insert("record_id".to_owned(), stored.id.to_string().into());
    payload.insert("source".to_owned(), stored.record.source.as_str().into());
    for name in KEPT {
        if let Some(value) = stored.record.metadata.get(name) {
            let value = match value {
                Value::String(text) => text
                    .chars()
                    .take(MESSAGE_CHARS_MAX)
                    .collect::<String>()
                    .into(),
                Value::Array(_) | Value::Object(_) => continue,
                plain => plain.clone(),
            };
            payload.insert(name.to_owned(), value);
        }
    }
    payload
}

fn text<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a str> {
    metadata.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Id, Record};
    use crate::time::Micros;
    use serde_json::json;

    fn stored(source: &str, level: Level, metadata: &Value) -> StoredRecord {
        StoredRecord {
            id: Id(7),
            record: Record {
                timestamp: Micros::new(0),
                source: source.parse().unwrap(),
                level,
                message: "ended: make: exit code 2".to_owned(),
                metadata: metadata.as_object().cloned().unwrap().into(),
            },
        }
    }

    #[test]
    fn a_run_that_ends_is_an_event_of_its_workspace() {
        let metadata =
            json!({"event_type": "process_end", "run_id": "r1", "exit_code": 2, "success": false});
        let event = event(&stored("devcontainer:ws-1", Level::Error, &metadata)).unwrap();
        assert_eq!(
            (event.kind.as_str(), event.severity),
            ("run.ended", Severity::Error)
        );
        assert_eq!(event.run_id.as_deref(), Some("r1"));
        assert_eq!(event.workspace_id.as_deref(), Some("ws-1"));
        let payload = json!({"record_id": "7", "source": "devcontainer:ws-1", "exit_code": 2, "success": false});
        assert_eq!(Value::Object(event.payload.unwrap()), payload);
    }

    #[test]
    fn gaps_and_problems_are_events_and_others_are_not() {
        let kind = |source: &str, metadata: Value| {
            Some(event(&stored(source, Level::Info, &metadata))?.kind)
        };
        assert_eq!(
            kind("system:vmlog", json!({"event_type": "gap"})).as_deref(),
            Some("log.gap")
        );
        let failed = kind("system:nginx", json!({"problem": "unit_failed"}));
        assert_eq!(failed.as_deref(), Some("problem.unit_failed"));
        assert_eq!(
            kind("system:nginx", json!({"event_type": "process_output"})),
            None
        );
        assert_eq!(kind("file:app", json!({"event_type": "started"})), None);
        assert_eq!(kind("event:node", json!({"event_type": "gap"})), None);
        assert_eq!(kind("file:app", json!({"problem": "not a word"})), None);
    }

    #[test]
    fn a_name_that_cannot_be_an_id_does_not_hide_the_event() {
        let metadata = json!({"event_type": "process_end", "run_id": "r1"});
        let event = event(&stored("devcontainer:my ws", Level::Info, &metadata)).unwrap();
        assert_eq!(event.workspace_id, None);
        assert_eq!(event.payload.unwrap()["source"], "devcontainer:my ws");
    }
}
