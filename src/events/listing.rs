//! Events as they are listed: their shape, and the place of an ID in the store.

use super::event::Severity;
use super::event_id::EventId;
use crate::query::{self, Budget, Cursor, Direction, Error, Filter, Order, PageRequest};
use crate::record::{Id, StoredRecord};
use crate::store::View;
use crate::time::{Micros, Zone};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The metadata fields by which an event says what it is about; also the names of parameters that filter by them.
pub const EVENT_KEYS: [&str; 7] = [
    "node_id",
    "app_id",
    "sandbox_id",
    "task_id",
    "snapshot_id",
    "workspace_id",
    "run_id",
];

/// An event as it is listed.
#[derive(Debug, Clone, Copy)]
pub struct EventRow<'a>(pub &'a StoredRecord);

impl EventRow<'_> {
    /// Its ID as text.
    #[must_use]
    pub fn id(&self) -> &str {
        self.fact("event_id")
    }

    fn fact(&self, name: &str) -> &str {
        let fact = self.0.record.metadata.get(name);
        fact.and_then(Value::as_str).unwrap_or_default()
    }
}

impl Serialize for EventRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = &self.0.record;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", self.id())?;
        map.serialize_entry("type", self.fact("event_type"))?;
        map.serialize_entry("severity", Severity::of_level(record.level).as_str())?;
        map.serialize_entry("message", &record.message)?;
        for name in EVENT_KEYS {
            if let Some(id) = record.metadata.get(name) {
                map.serialize_entry(name, id)?;
            }
        }
        if let Some(payload) = record.metadata.get("payload") {
            map.serialize_entry("payload", payload)?;
        }
        map.serialize_entry("created_at", &whole_seconds(record.timestamp))?;
        map.end()
    }
}

fn whole_seconds(time: Micros) -> String {
    Zone::utc().print(time, "%Y-%m-%dT%H:%M:%SZ")
}

/// The ID of a stored event.
pub(super) fn id_of(record: &StoredRecord) -> Option<EventId> {
    EventRow(record).id().parse().ok()
}

/// The newest events, newest first.
pub(super) fn newest(view: &View, count: usize) -> Result<Vec<StoredRecord>, Error> {
    let mut request = asking(Direction::Backward, None, count.min(1_000));
    let mut found = Vec::new();
    loop {
        let page = query::page(view, &request, &Budget::default())?;
        found.extend(page.entries);
        match page.next_cursor {
            Some(next) if found.len() < count => request.cursor = Some(next),
            _ => return Ok(found),
        }
    }
}

/// The events after this one, oldest first.
pub(super) fn after(view: &View, id: Id, count: usize) -> Result<Vec<StoredRecord>, Error> {
    let mut request = asking(Direction::Forward, Some(Cursor::Id(id)), count);
    loop {
        let page = query::page(view, &request, &Budget::default())?;
        match page.next_cursor {
            Some(next) if page.entries.is_empty() => request.cursor = Some(next),
            _ => return Ok(page.entries),
        }
    }
}

/// The number in the store of the first event whose ID is `before` or later: those before it are older. `before` may be any text; texts
/// are compared as IDs are, by their characters.
///
/// # Errors
/// [`Error`] when the store cannot be read.
pub fn place_before(view: &View, before: &str) -> Result<Id, Error> {
    let ids = view.ids();
    let (mut low, mut high) = (ids.start, ids.end);
    // all events below `low` are older, none from `high` on is
    while low < high {
        let middle = low.midpoint(high);
        let found = after(view, Id(middle.saturating_sub(1)), 1)?;
        match found.first().filter(|record| record.id.0 < high) {
            Some(record) if EventRow(record).id() < before => low = record.id.0.saturating_add(1),
            _ => high = middle,
        }
    }
    Ok(Id(low))
}

fn asking(direction: Direction, cursor: Option<Cursor>, limit: usize) -> PageRequest {
    PageRequest {
        filter: Filter::default(),
        cursor,
        direction,
        limit,
        order: Order::Id,
        around: None,
    }
}
