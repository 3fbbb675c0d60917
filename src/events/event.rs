//! An event before it is stored, and what is allowed in it.

use crate::record::{Level, Metadata, Record, Source};
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A type is a few words: `snapshot.capture.failed`.
const KIND_BYTES_MAX: usize = 64;
/// A sentence or two; long texts belong into the log.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// UUIDs, names of containers and hashes are shorter.
const ID_BYTES_MAX: usize = 128;
/// Facts, not files.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024;
/// Deeper objects are not facts.
const PAYLOAD_DEPTH_MAX: usize = 8;
/// A UUID or a hash.
const KEY_BYTES_MAX: usize = 128;

/// How bad an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Normal operation.
    #[default]
    Info,
    /// A condition that may become a failure.
    #[serde(alias = "warn")]
    Warning,
    /// A failure.
    Error,
}

impl Severity {
    /// The level of the record of the event.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Info => Level::Info,
            Self::Warning => Level::Warn,
            Self::Error => Level::Error,
        }
    }

    /// The severity of a record.
    #[must_use]
    pub fn of_level(level: Level) -> Self {
        match level {
            Level::Debug | Level::Info => Self::Info,
            Level::Warn => Self::Warning,
            Level::Error => Self::Error,
        }
    }

    /// Its name on every interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// An event before it is stored. What it is about is said by IDs, each of which may be absent.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventDraft {
    /// Words with dots between them: `snapshot.captured`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// A sentence for people.
    pub message: String,
    /// The machine.
    pub node_id: Option<String>,
    /// The app, which outlives its sandboxes.
    pub app_id: Option<String>,
    /// The sandbox.
    pub sandbox_id: Option<String>,
    /// The task.
    pub task_id: Option<String>,
    /// The snapshot.
    pub snapshot_id: Option<String>,
    /// The workspace.
    pub workspace_id: Option<String>,
    /// The run of a captured command.
    pub run_id: Option<String>,
    /// Facts for programs.
    pub payload: Option<Map<String, Value>>,
    /// An event with the same key is stored once.
    pub idempotency_key: Option<String>,
}

/// An event that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEvent {
    /// The part that is at fault.
    pub field: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Display for InvalidEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidEvent {}

impl EventDraft {
    /// An event of this type.
    #[must_use]
    pub fn new(kind: &str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            severity,
            message: message.into(),
            ..Self::default()
        }
    }

    /// Reads the JSON object of a request, and checks it.
    ///
    /// # Errors
    /// [`InvalidEvent`] names the first part that is not allowed.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidEvent> {
        // a list of the values in their order would be an event too
        let object: Map<String, Value> = serde_json::from_slice(json)
            .map_err(|error| invalid("body", format!("the body is not an event: {error}")))?;
        let draft: Self = serde_json::from_value(Value::Object(object))
            .map_err(|error| invalid("body", format!("the body is not an event: {error}")))?;
        draft.check()?;
        Ok(draft)
    }

    /// Checks all bounds.
    ///
    /// # Errors
    /// [`InvalidEvent`] names the first part that is not allowed.
    pub fn check(&self) -> Result<(), InvalidEvent> {
        if !is_kind(&self.kind) {
            let message = format!(
                "type must be 2 or more words of a-z, 0-9 and _ with dots between them, such as snapshot.captured, at most \
                 {KIND_BYTES_MAX} characters; got {:?}",
                shown(&self.kind)
            );
            return Err(invalid("type", message));
        }
        if self.message.trim().is_empty() || self.message.len() > MESSAGE_BYTES_MAX {
            let found = self.message.len();
            let message = format!("message must have 1 to {MESSAGE_BYTES_MAX} bytes; got {found}");
            return Err(invalid("message", message));
        }
        for (name, id) in self.ids() {
            if id.as_deref().is_some_and(|id| !is_id(id)) {
                let found = shown(id.as_deref().unwrap_or_default());
                let message = format!(
                    "{name} must be 1 to {ID_BYTES_MAX} letters, digits and . _ : @ -; got {found:?}"
                );
                return Err(invalid(name, message));
            }
        }
        let is_key = |key: &str| {
            (1..=KEY_BYTES_MAX).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if self
            .idempotency_key
            .as_deref()
            .is_some_and(|key| !is_key(key))
        {
            let message =
                format!("idempotency_key must be 1 to {KEY_BYTES_MAX} visible ASCII characters");
            return Err(invalid("idempotency_key", message));
        }
        self.check_payload()
    }

    fn check_payload(&self) -> Result<(), InvalidEvent> {
        let Some(payload) = &self.payload else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(payload).map_or(usize::MAX, |json| json.len());
        let message = if bytes > PAYLOAD_BYTES_MAX {
            format!("payload must be at most {PAYLOAD_BYTES_MAX} bytes of JSON; got {bytes}")
        } else if payload
            .values()
            .any(|value| is_deeper(value, PAYLOAD_DEPTH_MAX - 1))
        {
            format!("payload must be nested at most {PAYLOAD_DEPTH_MAX} levels deep")
        } else {
            return Ok(());
        };
        Err(invalid("payload", message))
    }

    /// The names and values of all IDs.
    fn ids(&self) -> [(&'static str, &Option<String>); 7] {
        [
            ("node_id", &self.node_id),
            ("app_id", &self.app_id),
            ("sandbox_id", &self.sandbox_id),
            ("task_id", &self.task_id),
            ("snapshot_id", &self.snapshot_id),
            ("workspace_id", &self.workspace_id),
            ("run_id", &self.run_id),
        ]
    }

    /// The source of the record: the workspace, the app or the sandbox. Tasks, snapshots and runs are too many to be sources.
    fn source(&self) -> Source {
        let owners = [
            ("workspace", &self.workspace_id),
            ("app", &self.app_id),
            ("sandbox", &self.sandbox_id),
        ];
        let mut owners = owners.into_iter();
        let owner = owners.find_map(|(kind, id)| Some(format!("{kind}/{}", id.as_ref()?)));
        Source::new("event", owner.as_deref().unwrap_or("node"))
    }

    /// The record of the event, without its ID.
    pub(super) fn into_record(self, now: Micros) -> Record {
        let mut metadata = Metadata::new();
        for (name, id) in self.ids() {
            if let Some(id) = id {
                metadata.insert(name, id.clone());
            }
        }
        let source = self.source();
        metadata.insert("event_type", self.kind);
        if let Some(payload) = self.payload {
            metadata.insert("payload", payload);
        }
        Record {
            timestamp: now,
            source,
            level: self.severity.level(),
            message: self.message,
            metadata,
        }
    }
}

fn invalid(field: &'static str, message: String) -> InvalidEvent {
    InvalidEvent { field, message }
}

/// The beginning of a text that is too long to be repeated.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Records of vmlog itself have types of one word (`gap`), so that events cannot be mistaken for them.
fn is_kind(kind: &str) -> bool {
    let is_word = |word: &str| {
        let mut bytes = word.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    kind.len() <= KIND_BYTES_MAX && kind.contains('.') && kind.split('.').all(is_word)
}

fn is_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_allowed)
}

/// Whether a value has more levels than `levels`.
fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(values) => {
            levels == 0 || values.iter().any(|value| is_deeper(value, levels - 1))
        }
        Value::Object(map) => levels == 0 || map.values().any(|value| is_deeper(value, levels - 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(event: &Value) -> (&'static str, String) {
        let error = EventDraft::parse(event.to_string().as_bytes()).unwrap_err();
        (error.field, error.message)
    }

    #[test]
    fn names_the_part_that_is_refused() {
        let good = json!({"type": "snapshot.captured", "message": "taken"});
        assert!(EventDraft::parse(good.to_string().as_bytes()).is_ok());
        let with = |name: &str, value: Value| {
            let mut event = good.clone();
            event[name] = value;
            refused(&event)
        };
        for kind in [
            "",
            "gap",
            "a.",
            ".a",
            "A.b",
            "a b.c",
            "a.1b",
            &format!("a.{}", "b".repeat(63)),
        ] {
            let (field, message) = with("type", json!(kind));
            assert_eq!(field, "type", "{kind}");
            assert!(message.contains("such as snapshot.captured"), "{message}");
        }
        for (name, value) in [
            ("message", json!("")),
            ("message", json!("x".repeat(4_097))),
            ("app_id", json!("a/b")),
            ("app_id", json!("")),
            ("run_id", json!("x".repeat(129))),
            ("idempotency_key", json!("a b")),
            ("payload", json!({"a": "x".repeat(20_000)})),
            ("payload", json!({"a": [[[[[[[[1]]]]]]]]})),
        ] {
            assert_eq!(with(name, value.clone()).0, name, "{value}");
        }
        for (name, value) in [
            ("severity", json!("fatal")),
            ("payload", json!([1])),
            ("timestamp", json!("now")),
            ("message", json!(7)),
        ] {
            assert_eq!(with(name, value.clone()).0, "body", "{value}");
        }
        let depth_8 = json!({"a": [[[[[[[1]]]]]]]});
        let mut event = good.clone();
        event["payload"] = depth_8;
        assert!(EventDraft::parse(event.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn belongs_to_what_lasts_longest() {
        let source = |event: Value| {
            let draft = EventDraft::parse(event.to_string().as_bytes()).unwrap();
            let record = draft.into_record(Micros::new(0));
            record.source.as_str().to_owned()
        };
        let event = |ids: Value| {
            let mut event = json!({"type": "a.b", "message": "x"});
            for (name, id) in ids.as_object().unwrap() {
                event[name] = id.clone();
            }
            event
        };
        let all = json!({"workspace_id": "w", "app_id": "a", "sandbox_id": "s", "task_id": "t"});
        assert_eq!(source(event(all)), "event:workspace/w");
        assert_eq!(
            source(event(json!({"app_id": "a", "sandbox_id": "s"}))),
            "event:app/a"
        );
        assert_eq!(source(event(json!({"sandbox_id": "s"}))), "event:sandbox/s");
        assert_eq!(source(event(json!({"task_id": "t"}))), "event:node");
    }
}
