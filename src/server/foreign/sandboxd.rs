//! The read API of sandboxd: events of apps and tasks, output of processes, and the stream of a task.

use super::follow::{MakeView, StreamForm, asking, last, stream};
use super::sandbox;
use crate::events::EventRow;
use crate::query::{Budget, Direction, Filter};
use crate::record::{Id, StoredRecord};
use crate::server::api::events::{EventPage, read, to_json, with_field};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use crate::server::records::{Records, ScopedView};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use warp::http::StatusCode;
use warp::http::header::HeaderName;
use warp::reply::Response;

/// A limit that is absent or not a positive number is this one, a greater one than the maximum is the maximum.
pub(in crate::server) const LIMIT_DEFAULT: usize = 50;
pub(in crate::server) const LIMIT_MAX: usize = 200;

/// The same for the lines of a process.
pub(in crate::server) const TAIL_DEFAULT: usize = 200;
pub(in crate::server) const TAIL_MAX: usize = 1_000;
/// The last lines have at most this many bytes together.
const TAIL_BYTES_MAX: usize = 256 * 1024;
/// The maximum length of the name of a process.
const NAME_BYTES_MAX: usize = 64;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `GET /v1/apps/{id}/events`: 404 for an app without events, or of others.
pub(in crate::server) async fn app_events(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    id: &str,
) -> Result<Response, ApiError> {
    let asked = EventsQuery::new(request, "app_id", id);
    read(app, principal, request, move |view, budget| {
        let page = asked.page(&view, budget)?;
        let is_known = page.oldest().is_some() || asked.is_known(&view, budget)?;
        if !is_known {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "app not found",
            ));
        }
        Ok(body(&page))
    })
    .await
}

/// `GET /v1/tasks/{id}/events`: an empty page for a task without events, or of others.
pub(in crate::server) async fn task_events(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    id: &str,
) -> Result<Response, ApiError> {
    let asked = EventsQuery::new(request, "task_id", id);
    read(app, principal, request, move |view, budget| {
        Ok(body(&asked.page(&view, budget)?))
    })
    .await
}

/// A parameter; an empty one counts as absent.
fn first_parameter<'r>(request: &'r ApiRequest, name: &str) -> Option<&'r str> {
    let mut parameters = request.parameters.iter();
    let (_, value) = parameters.find(|(given, _)| given == name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// The events with an ID, before an event.
struct EventsQuery {
    key: &'static str,
    id: String,
    before: Option<String>,
    limit: usize,
}

impl EventsQuery {
    fn new(request: &ApiRequest, key: &'static str, id: &str) -> Self {
        let limit = first_parameter(request, "limit").and_then(|text| text.parse::<i64>().ok());
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        Self {
            key,
            id: id.to_owned(),
            before: first_parameter(request, "before").map(str::to_owned),
            limit: match limit {
                None | Some(0) => LIMIT_DEFAULT,
                Some(limit) => limit.min(LIMIT_MAX),
            },
        }
    }

    fn filter(&self) -> Filter {
        with_field(Filter::default(), self.key, &self.id)
    }

    fn page(&self, view: &ScopedView, budget: &Budget) -> Result<EventPage, ApiError> {
        let before = self.before.as_deref();
        EventPage::read(view, self.filter(), before, self.limit, budget)
    }

    /// Whether there is an event at all.
    fn is_known(&self, view: &ScopedView, budget: &Budget) -> Result<bool, ApiError> {
        let page = EventPage::read(view, self.filter(), None, 1, budget)?;
        Ok(page.oldest().is_some())
    }
}

/// `next_before` is there on every page with events, also on the last one: clients stop at an empty page.
fn body(page: &EventPage) -> Vec<u8> {
    #[derive(Serialize)]
    struct SandboxdEvents<'a> {
        events: Vec<EventRow<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_before: Option<&'a str>,
    }
    to_json(&SandboxdEvents {
        events: page.rows(),
        next_before: page.oldest(),
    })
}

/// `GET /v1/sandboxes/{id}/processes/{name}/logs`: the last lines that a command of a sandbox wrote. `path` is `ID/processes/NAME`.
pub(in crate::server) async fn process_logs(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    path: &str,
) -> Result<Response, ApiError> {
    let (id, name) = path
        .split_once("/processes/")
        .ok_or_else(ApiError::unknown_path)?;
    if !is_process_name(name) {
        let message = "name must be 1 to 64 letters, digits, _ and -";
        return Err(ApiError::parameter("invalid_id", "name", message));
    }
    let tail = first_parameter(request, "tail").and_then(|text| text.parse::<i64>().ok());
    let tail = match tail.and_then(|tail| usize::try_from(tail).ok()) {
        None | Some(0) => TAIL_DEFAULT,
        Some(tail) => tail.min(TAIL_MAX),
    };
    let (filter, name) = (
        with_field(sandbox::records(id), "name", name),
        name.to_owned(),
    );
    respond::json(app, principal, request, move |view, budget| {
        let output = with_field(filter.clone(), "event_type", "process_output");
        let lines = newest_lines(&view, output, tail, budget)?;
        if lines.is_empty() && last(&view, filter, budget)?.is_none() {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "process not found",
            ));
        }
        Ok(json!({"process": name, "lines": lines})
            .to_string()
            .into_bytes())
    })
    .await
}

fn is_process_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// The newest lines in their order, up to the bounds.
fn newest_lines(
    view: &ScopedView,
    filter: Filter,
    count: usize,
    budget: &Budget,
) -> Result<Vec<String>, ApiError> {
    let mut asked = asking(filter, Direction::Backward, None, count);
    let (mut lines, mut bytes) = (Vec::new(), 0);
    'pages: loop {
        let page = view.page(asked.clone(), budget)?;
        for record in page.entries {
            bytes += record.record.message.len() + 1;
            if lines.len() >= count || bytes > TAIL_BYTES_MAX {
                break 'pages;
            }
            lines.push(record.record.message);
        }
        match page.next_cursor {
            Some(next) if !budget.cancel.is_cancelled() => asked.cursor = Some(next),
            _ => break,
        }
    }
    lines.reverse();
    Ok(lines)
}

/// `GET /v1/sandboxes/{id}/tasks/{task}/events`: the events of a task as a stream that ends with the task. `path` is `ID/tasks/TASK`.
pub(in crate::server) fn task_stream(
    app: &Arc<App>,
    principal: &Principal,
    request: &ApiRequest,
    path: &str,
) -> Result<Response, ApiError> {
    let (_, task) = path
        .split_once("/tasks/")
        .ok_or_else(ApiError::unknown_path)?;
    let events = app.events.as_ref().ok_or_else(ApiError::no_events)?;
    let resumed = request.header(&LAST_EVENT_ID).map(|text| (text, 1));
    let since = resumed.or(first_parameter(request, "since").map(|text| (text, 0)));
    let from = match since.filter(|(text, _)| !text.is_empty()) {
        None => 0,
        Some((text, more)) => text
            .parse::<u64>()
            .map(|number| number.saturating_add(more))
            .map_err(|_| {
                let message = format!("expected the index of an event; got {text:?}");
                ApiError::parameter("invalid_cursor", "since", message)
            })?,
    };
    let (reader, who) = (events.reader(), principal.clone());
    let view: MakeView = Box::new(move || Records::view_of(&reader, &who));
    let filter = with_field(Filter::default(), "task_id", task);
    let form = TaskEvents { next: 0, from };
    stream(
        app,
        principal,
        "text/event-stream",
        view,
        (filter, Id(0)),
        form,
    )
}

/// The events of a task by their index.
struct TaskEvents {
    next: u64,
    /// Earlier ones are known to the client.
    from: u64,
}

impl StreamForm for TaskEvents {
    fn write(&mut self, record: &StoredRecord, out: &mut Vec<u8>) -> bool {
        let index = self.next;
        self.next += 1;
        let kind = record
            .record
            .metadata
            .get("event_type")
            .and_then(Value::as_str);
        let name = match kind.unwrap_or_default() {
            "task.completed" | "task.failed" => "done",
            kind if kind.starts_with("task.build.") => "build",
            kind if kind.starts_with("task.tool.") => "tool",
            kind if kind.starts_with("task.message") => "message",
            _ => "status",
        };
        if index >= self.from {
            let data = to_json(&EventRow(record));
            out.extend_from_slice(format!("id: {index}\nevent: {name}\ndata: ").as_bytes());
            out.extend_from_slice(&data);
            out.extend_from_slice(b"\n\n");
        }
        name == "done"
    }

    fn caught_up(&mut self, _budget: &Budget) -> Option<Vec<u8>> {
        None
    }

    fn keep_alive(&self) -> &'static [u8] {
        b": keep-alive\n\n"
    }
}
