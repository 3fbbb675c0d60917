//! The read API of microsandbox: a sandbox by its name, and its log as a stream.

use super::follow::{MakeView, StreamForm, stream};
use super::sandbox::{self, KnownSandbox};
use crate::events::EventLog;
use crate::query::Budget;
use crate::record::{Id, StoredRecord};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::{ApiRequest, take_single};
use crate::server::records::{Records, ScopedView};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;
use warp::http::header::HeaderName;
use warp::reply::Response;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Where a line comes from.
const SOURCES: [&str; 4] = ["stdout", "stderr", "output", "system"];
/// Without what the system says of the sandbox.
const SOURCES_DEFAULT: usize = 3;

/// `GET /v1/sandboxes/by-name/{name}`
pub(in crate::server) async fn by_name(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    name: &str,
) -> Result<Response, ApiError> {
    let (name, events) = (name.to_owned(), app.events.as_ref().map(EventLog::reader));
    let who = principal.clone();
    respond::json(app, principal, request, move |view, budget| {
        let events = events.map(|reader| Records::view_of(&reader, &who));
        let known = KnownSandbox::find(&view, events.as_ref(), &name, budget)?;
        let status = if known.is_running { "running" } else { "stopped" };
        let created = known.oldest.record.timestamp.to_string();
        let body = json!({"id": name, "org_id": "vmlog", "name": name, "slug": name, "status": status, "ephemeral": false,
            "created_at": created});
        Ok(body.to_string().into_bytes())
    })
    .await
}

/// `GET /v1/sandboxes/{id}/logs`: what is stored, then, for a client that accepts a stream, new lines until the sandbox ends.
pub(in crate::server) async fn logs(
    app: &Arc<App>,
    principal: &Principal,
    request: &ApiRequest,
    id: &str,
) -> Result<Response, ApiError> {
    let mut given = request.parameters.clone();
    let sources = sources(take_single(&mut given, "sources")?.as_deref())?;
    let after = match request
        .header(&LAST_EVENT_ID)
        .filter(|text| !text.is_empty())
    {
        Some(text) => read_cursor(text)?,
        None => Id(0),
    };
    let view = app.records.of(principal).now();
    let asked = id.to_owned();
    let known = app.gate.run(principal, move |budget| {
        KnownSandbox::find(&view, None, &asked, budget).map(drop)
    });
    known.await??;
    let events: Option<MakeView> = app.events.as_ref().map(|log| -> MakeView {
        let (reader, who) = (log.reader(), principal.clone());
        Box::new(move || Records::view_of(&reader, &who))
    });
    let form = LogEvents {
        sources,
        follows: request.accepts("text/event-stream"),
        id: id.to_owned(),
        events,
    };
    let records = app.records.of(principal);
    let view: MakeView = Box::new(move || records.now());
    let wanted = (sandbox::records(id), after);
    stream(app, principal, "text/event-stream", view, wanted, form)
}

struct LogEvents {
    sources: Vec<&'static str>,
    follows: bool,
    id: String,
    events: Option<MakeView>,
}

impl StreamForm for LogEvents {
    fn write(&mut self, record: &StoredRecord, out: &mut Vec<u8>) -> bool {
        let source = source_of(record);
        if self.sources.contains(&source) {
            let time = record.record.timestamp.to_string();
            let text = format!("{}\n", record.record.message);
            let data = json!({"source": source, "ts": time, "text": text});
            let block = format!("id: {}\nevent: log\ndata: {data}\n\n", cursor(record.id));
            out.extend_from_slice(block.as_bytes());
        }
        false
    }

    fn caught_up(&mut self, budget: &Budget) -> Option<Vec<u8>> {
        let is_over = |events: ScopedView| {
            let ended = sandbox::ended(&events, &self.id, budget);
            ended.ok().flatten().is_some()
        };
        let is_over = !self.follows || self.events.as_ref().is_some_and(|events| is_over(events()));
        is_over.then(|| b"event: end\ndata: {}\n\n".to_vec())
    }

    fn keep_alive(&self) -> &'static [u8] {
        b": keep-alive\n\n"
    }
}

/// Output of a command by its stream; what a container prints is its output; the rest is said by the system.
fn source_of(record: &StoredRecord) -> &'static str {
    let metadata = &record.record.metadata;
    let stream = metadata.get("stream").and_then(Value::as_str);
    let known = stream.and_then(|stream| SOURCES.into_iter().find(|source| *source == stream));
    let is_event = metadata.get("event_type").and_then(Value::as_str);
    match (known, is_event) {
        (Some(source), _) => source,
        (None, None | Some("process_output")) => "output",
        (None, Some(_)) => "system",
    }
}

fn sources(given: Option<&str>) -> Result<Vec<&'static str>, ApiError> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(SOURCES.into_iter().take(SOURCES_DEFAULT).collect());
    };
    let read = |word: &str| SOURCES.into_iter().find(|source| *source == word.trim());
    let sources: Option<Vec<_>> = given.split(',').map(read).collect();
    sources.ok_or_else(|| {
        let message = format!("sources must be of stdout, stderr, output, system; got {given:?}");
        ApiError::parameter("invalid_source", "sources", message)
    })
}

/// The layout that the client decodes: a count of 1, and for the only file its generation and an offset, which is our ID.
fn cursor(id: Id) -> String {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&id.0.to_le_bytes());
    STANDARD.encode(bytes)
}

fn read_cursor(text: &str) -> Result<Id, ApiError> {
    let read = || {
        let bytes = STANDARD.decode(text).ok()?;
        let (head, id) = bytes.split_last_chunk::<8>()?;
        (head == [1, 0, 0, 0, 0, 0, 0, 0, 0]).then(|| Id(u64::from_le_bytes(*id)))
    };
    read().ok_or_else(|| {
        let message = "Last-Event-ID is not a cursor of this log";
        ApiError::parameter("invalid_cursor", "Last-Event-ID", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_have_the_layout_of_the_client() {
        assert_eq!(cursor(Id(0)), "AQAAAAAAAAAAAAAAAAAAAAA=");
        for id in [0, 1, 255, 1 << 40, u64::MAX] {
            assert_eq!(read_cursor(&cursor(Id(id))), Ok(Id(id)));
        }
        for text in [
            "",
            "MQ==",
            "AgAAAAAAAAAAAAAAAAAAAAA=",
            "AQEAAAAAAAAAAAAAAAAAAAA=",
            "!",
        ] {
            assert_eq!(
                read_cursor(text).unwrap_err().code,
                "invalid_cursor",
                "{text}"
            );
        }
    }

    #[test]
    fn sources_are_words_of_the_client() {
        assert_eq!(sources(None), Ok(vec!["stdout", "stderr", "output"]));
        assert_eq!(sources(Some("stderr,system")), Ok(vec!["stderr", "system"]));
        assert_eq!(sources(Some("all")).unwrap_err().code, "invalid_source");
    }
}
