//! A sandbox as other systems name it: the ID is the name of a source, and events say whether it runs.

use super::follow::{first, last};
use crate::query::{Budget, Error, Expression, FieldCondition, FieldTest, Filter, SourcePattern};
use crate::record::StoredRecord;
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;
use serde_json::Value;
use warp::http::StatusCode;

/// The kinds of sources whose names are IDs of sandboxes.
pub(in crate::server) const KINDS: [&str; 3] = ["sandbox", "devcontainer", "docker"];

/// The records of a sandbox.
pub(super) fn records(id: &str) -> Filter {
    let named =
        |filter: Filter, kind| filter.with_source(SourcePattern::exact(&format!("{kind}:{id}")));
    KINDS.into_iter().fold(Filter::default(), named)
}

/// What is known of a sandbox.
pub(super) struct KnownSandbox {
    pub(super) oldest: StoredRecord,
    pub(super) newest: StoredRecord,
    pub(super) is_running: bool,
}

impl KnownSandbox {
    /// 404 if there is no visible record of it, or if it was deleted.
    pub(super) fn find(
        log: &ScopedView,
        events: Option<&ScopedView>,
        id: &str,
        budget: &Budget,
    ) -> Result<Self, ApiError> {
        let oldest = first(log, records(id), budget)?;
        let newest = last(log, records(id), budget)?;
        let ended = events.map(|events| ended(events, id, budget)).transpose()?;
        let ended = ended.flatten();
        match (oldest, newest) {
            (Some(oldest), Some(newest)) if ended.as_deref() != Some(DELETED) => Ok(Self {
                oldest,
                newest,
                is_running: ended.is_none(),
            }),
            _ => Err(unknown()),
        }
    }
}

const DELETED: &str = "sandbox.deleted";

/// The event by which the sandbox ended, if the newest one is such an event.
pub(super) fn ended(
    events: &ScopedView,
    id: &str,
    budget: &Budget,
) -> Result<Option<String>, Error> {
    let field = |key: &str, test| Expression::Field(FieldCondition::new(key, test));
    let filter = Filter::default()
        .with_expression(field("sandbox_id", FieldTest::Equals(id.into())))
        .with_expression(field("event_type", FieldTest::Prefix("sandbox.".into())));
    let newest = last(events, filter, budget)?;
    let kind = newest
        .as_ref()
        .and_then(|event| event.record.metadata.get("event_type"));
    let kind = kind.and_then(Value::as_str);
    Ok(kind
        .filter(|kind| [DELETED, "sandbox.stopped"].contains(kind))
        .map(str::to_owned))
}

pub(super) fn unknown() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "sandbox not found")
}
