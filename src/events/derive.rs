//! Events that follow from records of the log: gaps, runs that end, problems, and containers that start and exit.

use super::event::{EventDraft, Severity};
use crate::query::{Condition, Expression};
use crate::record::{Level, Metadata, StoredRecord};
use serde_json::{Map, Value};

/// The beginning of the first line of a message is enough: the event names the record.
const MESSAGE_CHARS_MAX: usize = 500;

/// Types of records that become events.
const GAP: &str = "gap";
const RUN_END: &str = "process_end";

/// All records that [`events`] makes events of, and perhaps others.
pub(super) fn expression() -> Expression {
    let conditions = [
        "event_type=gap",
        "event_type=process_end",
        "event_type=started",
        "problem=*",
        "podman_event=*",
        "message_id=39f53479d3a045ac8e11786248231fbf",
        "message_id=7ad2d189f7e94e70a38c781354912448",
        "message_id=d9b373ed55a64feb8242e02dbe79a49c",
    ];
    let conditions = conditions.into_iter().filter_map(Condition::parse);
    Expression::Any(conditions.map(|condition| condition.expression()).collect())
}

/// The events of a record: a container may exit by a problem.
pub(super) fn events(stored: &StoredRecord) -> impl Iterator<Item = EventDraft> {
    // events come back as records
    let is_event = stored.record.source.as_str().starts_with("event:");
    let found = if is_event {
        [None, None]
    } else {
        [of_record(stored), of_container(stored)]
    };
    found.into_iter().flatten()
}

fn of_record(stored: &StoredRecord) -> Option<EventDraft> {
    let record = &stored.record;
    let metadata = &record.metadata;
    let source = record.source.as_str();
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
    draft(stored, &kind, severity)
}

/// The event of a container that starts or exits. Podman writes its own entries; of Docker and of Kubernetes, systemd reports the scope in
/// which a container runs.
fn of_container(stored: &StoredRecord) -> Option<EventDraft> {
    let record = &stored.record;
    let metadata = &record.metadata;
    let is_start = match record.source.as_str() {
        "system:podman" | "user:podman" => match text(metadata, "podman_event")? {
            "start" => true,
            "died" => false,
            _ => return None,
        },
        // Only systemd itself is in this unit.
        _ if text(metadata, "unit") == Some("init.scope") => {
            container_of_scope(text(metadata, "about_unit")?)?;
            match text(metadata, "message_id")? {
                UNIT_STARTED => true,
                UNIT_SUCCEEDED | UNIT_FAILED => false,
                _ => return None,
            }
        }
        _ => return None,
    };
    let (kind, severity) = if is_start {
        ("container.started", Severity::Info)
    } else {
        ("container.exited", Severity::of_level(record.level))
    };
    let mut draft = draft(stored, kind, severity)?;
    let scope = text(metadata, "about_unit").and_then(container_of_scope);
    let facts = [
        ("container", text(metadata, "podman_name")),
        ("container_id", text(metadata, "podman_id").or(scope)),
        ("exit_code", text(metadata, "podman_exit_code")),
    ];
    let payload = draft.payload.get_or_insert_default();
    for (name, value) in facts {
        let value = value.map(|value| match value.parse::<i64>() {
            Ok(code) if name == "exit_code" => code.into(),
            _ => value
                .chars()
                .take(MESSAGE_CHARS_MAX)
                .collect::<String>()
                .into(),
        });
        payload.extend(value.map(|value: Value| (name.to_owned(), value)));
    }
    Some(draft)
}

/// Message IDs of systemd (systemd.journal-fields(7)): a unit was started, has ended well, or has failed.
const UNIT_STARTED: &str = "39f53479d3a045ac8e11786248231fbf";
const UNIT_SUCCEEDED: &str = "7ad2d189f7e94e70a38c781354912448";
const UNIT_FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";

/// The ID of the container of a scope such as `docker-ID.scope`. Podman reports its containers itself.
fn container_of_scope(unit: &str) -> Option<&str> {
    let name = unit.strip_suffix(".scope")?;
    let (engine, id) = name.rsplit_once('-')?;
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_known = ["docker", "cri-containerd", "crio"].contains(&engine);
    (is_known && is_id).then_some(id)
}

/// The event of a type that names the record. `None` if it cannot be stored.
fn draft(stored: &StoredRecord, kind: &str, severity: Severity) -> Option<EventDraft> {
    let record = &stored.record;
    let (metadata, source) = (&record.metadata, record.source.as_str());
    let lines = record.message.lines();
    let first = lines.map(str::trim_end).find(|line| !line.is_empty());
    let message = first
        .unwrap_or(kind)
        .chars()
        .take(MESSAGE_CHARS_MAX)
        .collect::<String>();
    let mut draft = EventDraft::new(kind, severity, message);
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
    const KEPT: [&str; 14] = [
        "name",
        "command",
        "success",
        "exit_code",
        "signal",
        "duration_ms",
        "error_category",
        "failure",
        "problem_subject",
        "unit",
        "container",
        "lines",
        "bytes",
        "entries",
    ];
    let mut payload = Map::new();
    payload.insert("record_id".to_owned(), stored.id.to_string().into());
    let occurred_at = stored.record.timestamp.to_string();
    payload.insert("occurred_at".to_owned(), occurred_at.into());
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

    fn only(stored: &StoredRecord) -> Option<EventDraft> {
        let mut found = events(stored);
        let first = found.next();
        assert!(found.next().is_none());
        first
    }

    #[test]
    fn containers_start_and_exit() {
        let id = "0123456789abcdef".repeat(4);
        let found = |source: &str, level, metadata: &Value| {
            let stored = stored(source, level, metadata);
            let found = events(&stored).map(|event| {
                let payload = Value::Object(event.payload.unwrap_or_default());
                (event.kind, event.severity, payload)
            });
            found.collect::<Vec<_>>()
        };
        let podman = |event: &str| {
            json!({"podman_event": event, "podman_type": "container", "podman_name": "web", "podman_id": id,
                "podman_exit_code": "137", "problem": "container_failed"})
        };
        let [(problem, ..), (exited, severity, payload)] =
            &found("system:podman", Level::Error, &podman("died"))[..]
        else {
            panic!("a problem and an exit")
        };
        assert_eq!(problem, "problem.container_failed");
        assert_eq!(
            (exited.as_str(), *severity),
            ("container.exited", Severity::Error)
        );
        assert_eq!(
            (&payload["container"], &payload["exit_code"]),
            (&json!("web"), &json!(137))
        );
        let scope = |unit: &str, message_id: &str, sender: &str| json!({"unit": sender, "about_unit": unit, "message_id": message_id});
        let docker = format!("docker-{id}.scope");
        let [(started, _, payload)] = &found(
            "system:docker",
            Level::Info,
            &scope(&docker, UNIT_STARTED, "init.scope"),
        )[..] else {
            panic!("a start")
        };
        assert_eq!(
            (started.as_str(), &payload["container_id"]),
            ("container.started", &json!(id))
        );
        let of = |metadata: &Value| found("system:x", Level::Info, metadata).len();
        assert_eq!(of(&scope(&docker, UNIT_SUCCEEDED, "init.scope")), 1);
        assert_eq!(
            of(&scope(&docker, UNIT_STARTED, "evil.service")),
            0,
            "forged"
        );
        assert_eq!(of(&scope("nginx.service", UNIT_STARTED, "init.scope")), 0);
        assert_eq!(
            of(&scope(
                &format!("libpod-{id}.scope"),
                UNIT_STARTED,
                "init.scope"
            )),
            0,
            "Podman says so itself"
        );
        assert_eq!(of(&json!({"podman_event": "start"})), 0, "not from Podman");
    }

    #[test]
    fn a_run_that_ends_is_an_event_of_its_workspace() {
        let metadata =
            json!({"event_type": "process_end", "run_id": "r1", "exit_code": 2, "success": false});
        let event = only(&stored("devcontainer:ws-1", Level::Error, &metadata)).unwrap();
        assert_eq!(
            (event.kind.as_str(), event.severity),
            ("run.ended", Severity::Error)
        );
        assert_eq!(event.run_id.as_deref(), Some("r1"));
        assert_eq!(event.workspace_id.as_deref(), Some("ws-1"));
        let payload = json!({"record_id": "7", "occurred_at": "1970-01-01T00:00:00.000000Z", "source": "devcontainer:ws-1",
            "exit_code": 2, "success": false});
        assert_eq!(Value::Object(event.payload.unwrap()), payload);
    }

    #[test]
    fn gaps_and_problems_are_events_and_others_are_not() {
        let kind = |source: &str, metadata: Value| {
            Some(only(&stored(source, Level::Info, &metadata))?.kind)
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
    fn the_message_is_the_beginning_of_the_first_line() {
        let of = |message: &str| {
            let mut stored = stored("system:x", Level::Error, &json!({"problem": "core_dump"}));
            stored.record.message = message.to_owned();
            only(&stored).unwrap().message
        };
        assert_eq!(
            of("Process 7 (app) dumped core.\n\nStack trace:\n#0 main"),
            "Process 7 (app) dumped core."
        );
        assert_eq!(of("\n  \nlate"), "late");
        assert_eq!(of(&"x".repeat(501)), "x".repeat(500));
        assert_eq!(of(" \n"), "problem.core_dump", "an event has a message");
    }

    #[test]
    fn a_name_that_cannot_be_an_id_does_not_hide_the_event() {
        let metadata = json!({"event_type": "process_end", "run_id": "r1"});
        let event = only(&stored("devcontainer:my ws", Level::Info, &metadata)).unwrap();
        assert_eq!(event.workspace_id, None);
        assert_eq!(event.payload.unwrap()["source"], "devcontainer:my ws");
    }
}
