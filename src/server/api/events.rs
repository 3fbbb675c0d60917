//! Events: written one at a time, and read with a filter. `format-spec/events.md` describes them.

use crate::events::{EVENT_KEYS, EventDraft, EventRow, InvalidEvent};
use crate::query::{
    self, Cursor, Direction, Expression, FieldCondition, FieldTest, Filter, LevelSet, Order, Page,
    PageRequest,
};
use crate::record::Level;
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, refuse, take_number, take_single};
use crate::server::records::{Records, ScopedView};
use crate::tasks;
use crate::time::Micros;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use warp::http::StatusCode;
use warp::http::header::HeaderName;
use warp::reply::Response;

/// Default and maximum number of events on a page.
pub(in crate::server) const LIMIT_DEFAULT: usize = 50;
pub(in crate::server) const LIMIT_MAX: usize = 500;

/// The key of an event that may be sent again, as in draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// `POST /events`
pub(in crate::server) async fn add(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    refuse(&request.parameters)?;
    let events = app.events.clone().ok_or_else(ApiError::no_events)?;
    if !principal.writes_events {
        return Err(ApiError::may_not_write_events());
    }
    let draft = draft(principal, request)?;
    let permit = Arc::clone(&app.event_writes).acquire_owned().await;
    let append = move || {
        let _permit = permit;
        events.append(draft)
    };
    let appended = tasks::blocking(append).await;
    let appended = appended.map_err(|_| ApiError::internal())?;
    let acknowledged = appended.map_err(|error| {
        tracing::error!("an event was not stored: {}", error_chain(&error));
        ApiError::unavailable("store_unavailable", "cannot store the event", 5)
    })?;
    let body = json!({"id": acknowledged.id.to_string(), "duplicate": acknowledged.is_duplicate});
    let mut response = reply::json(&body);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

/// The event of a request. A token for one workspace writes events of that workspace only.
fn draft(principal: &Principal, request: &ApiRequest) -> Result<EventDraft, ApiError> {
    let mut draft = EventDraft::parse(&request.body).map_err(invalid)?;
    if let Some(key) = request.header(&IDEMPOTENCY_KEY) {
        draft.idempotency_key = Some(key.to_owned());
        draft.check().map_err(invalid)?;
    }
    if let Some(own) = &principal.workspace {
        let given = draft.workspace_id.get_or_insert_with(|| own.clone());
        if given != own {
            return Err(ApiError::foreign_workspace());
        }
    }
    Ok(draft)
}

fn invalid(error: InvalidEvent) -> ApiError {
    ApiError::parameter("invalid_event", error.field, error.message)
}

/// The body of a page of events.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventsBody<'a> {
    events: Vec<EventRow<'a>>,
    next_before: Option<&'a str>,
    has_more: bool,
}

/// `GET /events`
pub(in crate::server) async fn page(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    read(app, principal, request, move |view, budget| {
        let (filter, mut rest) = query::parse_filter(&parameters, now)?;
        let filter = narrowed(filter, &mut rest)?;
        let limit = take_number(&mut rest, "limit", "invalid_limit", LIMIT_MAX)?;
        let before = take_single(&mut rest, "before")?;
        refuse(&rest)?;
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        let page = EventPage::read(&view, filter, before.as_deref(), limit, budget)?;
        let next_before = page.0.has_more.then(|| page.oldest()).flatten();
        Ok(to_json(&EventsBody {
            events: page.rows(),
            next_before,
            has_more: page.0.has_more,
        }))
    })
    .await
}

/// Reads the events that this principal may see.
pub(in crate::server) async fn read(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
    read: impl FnOnce(ScopedView, &query::Budget) -> Result<Vec<u8>, ApiError> + Send + 'static,
) -> Result<Response, ApiError> {
    let events = app.events.as_ref().ok_or_else(ApiError::no_events)?;
    let (reader, who) = (events.reader(), principal.clone());
    let view = move || Records::view_of(&reader, &who);
    let read = |view: ScopedView, budget: &query::Budget| Ok((read(view, budget)?, ()));
    let kind = "application/json";
    let (response, ()) = respond::typed_from(app, principal, request, kind, view, read).await?;
    Ok(response)
}

pub(in crate::server) fn to_json(body: &impl Serialize) -> Vec<u8> {
    // writing to memory cannot fail, and no map has keys other than texts
    serde_json::to_vec(body).unwrap_or_default()
}

/// A page of events, newest first.
pub(in crate::server) struct EventPage(Page);

impl EventPage {
    /// The newest events that match, or those before the event `before`.
    pub(in crate::server) fn read(
        view: &ScopedView,
        filter: Filter,
        before: Option<&str>,
        limit: usize,
        budget: &query::Budget,
    ) -> Result<Self, ApiError> {
        let place = before.map(|before| view.place_before(before)).transpose()?;
        let mut request = PageRequest {
            filter,
            cursor: place.map(Cursor::Id),
            direction: Direction::Backward,
            limit,
            order: Order::Id,
            around: None,
        };
        loop {
            let page = view.page(request.clone(), budget)?;
            match page.next_cursor {
                // a scan that its budget ended says nothing yet
                Some(next) if page.entries.is_empty() && !budget.cancel.is_cancelled() => {
                    request.cursor = Some(next);
                }
                _ => return Ok(Self(page)),
            }
        }
    }

    pub(in crate::server) fn rows(&self) -> Vec<EventRow<'_>> {
        self.0.entries.iter().map(EventRow).collect()
    }

    /// The ID of the oldest event of the page.
    pub(in crate::server) fn oldest(&self) -> Option<&str> {
        let oldest = self.0.entries.last()?;
        oldest.record.metadata.get("event_id")?.as_str()
    }
}

/// Only events whose metadata has this value.
pub(in crate::server) fn with_field(filter: Filter, key: &str, value: &str) -> Filter {
    let test = FieldTest::Equals(value.into());
    filter.with_expression(Expression::Field(FieldCondition::new(key, test)))
}

/// Takes the parameters that only events have.
fn narrowed(mut filter: Filter, rest: &mut Vec<(String, String)>) -> Result<Filter, ApiError> {
    if let Some(kind) = take_single(rest, "type")? {
        let (name, is_prefix) = kind
            .strip_suffix('*')
            .map_or((&*kind, false), |it| (it, true));
        if name.is_empty() {
            let message =
                format!("type must be a type, or the beginning of one and *; got {kind:?}");
            return Err(ApiError::parameter("invalid_type", "type", message));
        }
        let test = if is_prefix {
            FieldTest::Prefix(name.into())
        } else {
            FieldTest::Equals(name.into())
        };
        filter = filter.with_expression(Expression::Field(FieldCondition::new("event_type", test)));
    }
    if let Some(severity) = take_single(rest, "severity")? {
        let level = match severity.as_str() {
            "info" => Level::Info,
            "warning" => Level::Warn,
            "error" => Level::Error,
            _ => {
                let message =
                    format!("severity must be one of info, warning, error; got {severity:?}");
                return Err(ApiError::parameter("invalid_severity", "severity", message));
            }
        };
        filter = filter.with_levels([level].into_iter().collect::<LevelSet>());
    }
    for key in EVENT_KEYS {
        if let Some(value) = take_single(rest, key)? {
            filter = with_field(filter, key, &value);
        }
    }
    Ok(filter)
}
