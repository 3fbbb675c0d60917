//! The log of the events: a store of their own, behind a lock.

use super::derive;
use super::error::Error;
use super::event::EventDraft;
use super::event_id::EventId;
use super::known_keys::{KEYS_MAX, KeyDigest, KnownKeys, digest};
use super::listing::{id_of, newest};
use crate::disk::Disk;
use crate::query::{self, Budget, Cursor, Direction, Filter, Order, PageRequest};
use crate::record::{Id, Position, StoredRecord};
use crate::redact::{RedactOptions, Redacted, Redactor};
use crate::store::{self, Options, Reader, Recovery, Store, View};
use crate::time::Micros;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The position of the last ID that was given out, which the clock must not undo and retention must not forget.
const LAST_ID: &str = "event_id";
/// The position of the last record of the log that was looked at for events.
const DERIVED: &str = "derived";

/// The metadata field of the digest of an idempotency key.
pub(super) const DEDUPLICATION: &str = "deduplication";

/// The metadata field of an event that follows from a record, which is in the log already.
pub(super) const DERIVED_MARK: &str = "derived";

/// Events of records that could not be stored wait for the next ones; a disk that is full for long must not take memory.
const WAITING_MAX: usize = 1_000;

/// Records that are looked at together at the start.
const PAGE_ROWS: usize = 500;

/// The log of the events. Clones share it.
#[derive(Debug, Clone)]
pub struct EventLog(Arc<SharedLog>);

#[derive(Debug)]
struct SharedLog {
    state: Mutex<State>,
    reader: Reader,
    /// Signalled when there are new events.
    arrived: Condvar,
}

#[derive(Debug)]
struct State {
    store: Store,
    redactor: Redactor,
    last: Option<EventId>,
    keys: KnownKeys,
    /// Events of records that could not be stored yet.
    waiting: Vec<EventDraft>,
}

/// An event that is about to be stored.
struct PendingEvent {
    draft: EventDraft,
    key: Option<KeyDigest>,
    /// Whether it follows from a record.
    is_derived: bool,
}

/// An event that is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// Its ID.
    pub id: EventId,
    /// Whether it was stored earlier, under the same idempotency key.
    pub is_duplicate: bool,
}

impl EventLog {
    /// Opens or creates the log in `root`.
    ///
    /// # Errors
    /// [`Error`] when the folder cannot be opened for writing, or the rules are not valid.
    pub fn open(
        disk: Arc<dyn Disk>,
        root: &Path,
        options: Options,
        redaction: &RedactOptions,
    ) -> Result<(Self, Recovery), Error> {
        let mut redactor = Redactor::new(redaction).map_err(Error::Redaction)?;
        let (store, recovery) = Store::open(disk, root, options)?;
        redactor.restore(store.positions());
        let reader = store.reader();
        let (newest_id, keys) = remembered(&reader.view())?;
        let saved = store.positions().get(LAST_ID);
        let saved = saved.and_then(|bytes| EventId::from_bytes(bytes));
        let state = State {
            store,
            redactor,
            last: saved.max(newest_id),
            keys,
            waiting: Vec::new(),
        };
        let shared = SharedLog {
            state: Mutex::new(state),
            reader,
            arrived: Condvar::new(),
        };
        Ok((Self(Arc::new(shared)), recovery))
    }

    /// A reader of the events as records.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.0.reader.clone()
    }

    /// Stores an event, which [`EventDraft::check`] has allowed. Afterwards it is on the disk.
    ///
    /// # Errors
    /// [`Error`] when it cannot be stored; the same call may succeed later.
    pub fn append(&self, draft: EventDraft) -> Result<Acknowledged, Error> {
        let mut state = self.state();
        let workspace = draft.workspace_id.as_deref();
        let key = draft.idempotency_key.as_deref();
        let key = key.map(|key| digest(workspace, key));
        if let Some(id) = key.and_then(|key| state.keys.get(&key)) {
            return Ok(Acknowledged {
                id,
                is_duplicate: true,
            });
        }
        let pending = PendingEvent {
            draft,
            key,
            is_derived: false,
        };
        let id = state.store(vec![pending], vec![])?;
        drop(state);
        self.0.arrived.notify_all();
        let id = id.ok_or(Error::Random)?;
        Ok(Acknowledged {
            id,
            is_duplicate: false,
        })
    }

    /// Stores the events that follow from records of the log, which were just stored. Records without events cost nothing.
    ///
    /// # Errors
    /// [`Error`] when they cannot be stored; they are kept in memory, and the next call stores them.
    pub fn derive(&self, records: &[Arc<StoredRecord>]) -> Result<(), Error> {
        let drafts: Vec<_> = records.iter().flat_map(|it| derive::events(it)).collect();
        let Some(last) = records.last().filter(|_| !drafts.is_empty()) else {
            return Ok(());
        };
        self.derived(drafts, last.id)
    }

    /// Stores the events of records that were stored shortly before the last stop.
    ///
    /// # Errors
    /// As [`EventLog::derive`]; also when the log cannot be read.
    pub fn catch_up(&self, log: &View) -> Result<(), Error> {
        let Some(seen) = self.derived_up_to() else {
            return Ok(());
        };
        let mut request = PageRequest {
            filter: Filter::default().with_expression(derive::expression()),
            cursor: Some(Cursor::Id(Id(seen))),
            direction: Direction::Forward,
            limit: PAGE_ROWS,
            order: Order::Id,
            around: None,
        };
        // a log that was replaced by an older one has nothing new
        while log.ids().contains(&seen.saturating_add(1)) {
            let page = query::page(log, &request, &Budget::default())?;
            let records: Vec<_> = page.entries.into_iter().map(Arc::new).collect();
            self.derive(&records)?;
            match page.next_cursor {
                Some(next) => request.cursor = Some(next),
                None => break,
            }
        }
        Ok(())
    }

    /// Does the maintenance that is due; call it about once a second.
    ///
    /// # Errors
    /// As [`Store::maintain`].
    pub fn maintain(&self) -> Result<(), store::Error> {
        let maintained = self.state().store.maintain(Micros::now())?;
        for trouble in maintained.troubles {
            tracing::warn!("maintenance of the events failed, retrying: {trouble}");
        }
        Ok(())
    }

    /// A text that the log keeps for its owner under this name.
    #[must_use]
    pub fn note(&self, name: &str) -> Option<String> {
        let state = self.state();
        let bytes = state.store.positions().get(&note_origin(name))?;
        String::from_utf8(bytes.clone()).ok()
    }

    /// Keeps a text under a name, together with the event that tells of its change.
    ///
    /// # Errors
    /// [`Error`] when it cannot be stored; neither is kept then.
    pub fn append_with_note(
        &self,
        draft: Option<EventDraft>,
        name: &str,
        text: &str,
    ) -> Result<(), Error> {
        let note = Position {
            origin: note_origin(name),
            value: Some(text.as_bytes().to_vec()),
        };
        let pending = draft.map(|draft| PendingEvent {
            draft,
            key: None,
            is_derived: false,
        });
        let drafts = pending.into_iter().collect();
        self.state().store(drafts, vec![note])?;
        self.0.arrived.notify_all();
        Ok(())
    }

    /// Waits until there are events after this one, at most `patience`.
    pub(super) fn wait_beyond(&self, id: Id, patience: Duration) {
        let is_waiting = |_: &mut State| self.0.reader.view().ids().end <= id.0.saturating_add(1);
        let waited = self
            .0
            .arrived
            .wait_timeout_while(self.state(), patience, is_waiting);
        drop(waited);
    }

    fn derived(&self, drafts: Vec<EventDraft>, last: Id) -> Result<(), Error> {
        let mut state = self.state();
        state.waiting.extend(drafts);
        let position = Position {
            origin: DERIVED.to_owned(),
            value: Some(last.0.to_le_bytes().to_vec()),
        };
        let pending = |draft| PendingEvent {
            draft,
            key: None,
            is_derived: true,
        };
        let drafts = state.waiting.iter().cloned().map(pending).collect();
        let stored = state.store(drafts, vec![position]);
        if stored.is_ok() {
            state.waiting.clear();
        }
        let too_many = state.waiting.len().saturating_sub(WAITING_MAX);
        if too_many > 0 {
            tracing::error!("{too_many} events are lost: they cannot be stored");
            state.waiting.drain(..too_many);
        }
        drop(state);
        self.0.arrived.notify_all();
        stored.map(drop)
    }

    fn derived_up_to(&self) -> Option<u64> {
        let state = self.state();
        let bytes = state.store.positions().get(DERIVED)?;
        Some(u64::from_le_bytes(bytes.as_slice().try_into().ok()?))
    }

    /// A panic in another thread leaves the store as it was before or after an append.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note_origin(name: &str) -> String {
    format!("note:{name}")
}

impl State {
    /// Stores events and positions as one frame, and returns the ID of the last event.
    fn store(
        &mut self,
        events: Vec<PendingEvent>,
        positions: Vec<Position>,
    ) -> Result<Option<EventId>, Error> {
        let now = Micros::now();
        let now_ms = u64::try_from(now.get() / 1_000).unwrap_or(0);
        let (mut last, mut keys) = (self.last, Vec::new());
        let mut redacted = Vec::with_capacity(events.len());
        for event in events {
            let mut random = [0; 10];
            getrandom::fill(&mut random).map_err(|_| Error::Random)?;
            let id = EventId::after(last, now_ms, random);
            last = Some(id);
            keys.extend(event.key.map(|key| (key, id)));
            redacted.push(self.redacted(event, id, now));
        }
        let mut all: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
        let positions = positions.into_iter().chain(self.redactor.changes());
        all.extend(positions.map(|position| (position.origin, position.value)));
        if let Some(last) = last {
            all.insert(LAST_ID.to_owned(), Some(last.to_bytes().to_vec()));
        }
        let positions: Vec<_> = all
            .into_iter()
            .map(|(origin, value)| Position { origin, value })
            .collect();
        self.store.append(&redacted, &positions)?;
        self.last = last;
        for (key, id) in keys {
            self.keys.insert(key, id);
        }
        Ok(last)
    }

    fn redacted(&mut self, event: PendingEvent, id: EventId, now: Micros) -> Redacted {
        let PendingEvent {
            draft,
            key,
            is_derived,
        } = event;
        let mut record = draft.into_record(now);
        if is_derived {
            record.metadata.insert(DERIVED_MARK, true);
        }
        record.metadata.insert("event_id", id.to_string());
        if let Some(key) = key {
            let number = u128::from_le_bytes(key);
            record
                .metadata
                .insert(DEDUPLICATION, format!("{number:032x}"));
        }
        self.redactor.redact(record)
    }
}

/// The ID of the newest event, and the newest idempotency keys.
fn remembered(view: &View) -> Result<(Option<EventId>, KnownKeys), Error> {
    let mut records = newest(view, KEYS_MAX)?;
    records.reverse();
    let mut keys = KnownKeys::default();
    for record in &records {
        let key = record.record.metadata.get(DEDUPLICATION);
        let key = key.and_then(serde_json::Value::as_str).and_then(key_digest);
        if let (Some(key), Some(id)) = (key, id_of(record)) {
            keys.insert(key, id);
        }
    }
    Ok((records.last().and_then(id_of), keys))
}

fn key_digest(hex: &str) -> Option<KeyDigest> {
    u128::from_str_radix(hex, 16).ok().map(u128::to_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{Batch, Collector as _};
    use crate::disk::RealDisk;
    use crate::events::{EventCollector, EventRow, Severity};
    use crate::record::{Level, Metadata, Positions, Record, Source};
    use serde_json::{Value, json};

    fn open(root: &Path) -> EventLog {
        let options = Options {
            free_percent_min: 0,
            free_bytes_min: 0,
            ..Options::default()
        };
        let disk = Arc::new(RealDisk);
        EventLog::open(disk, root, options, &RedactOptions::default())
            .unwrap()
            .0
    }

    fn draft(message: &str) -> EventDraft {
        EventDraft::new("app.created", Severity::Info, message)
    }

    fn all(events: &EventLog) -> Vec<StoredRecord> {
        let mut all = newest(&events.reader().view(), 10_000).unwrap();
        all.reverse();
        all
    }

    #[test]
    fn ids_ascend_over_restarts_and_when_the_clock_is_set_back() {
        let root = tempfile::tempdir().unwrap();
        let future = EventId::after(None, 9_999_999_999_999, [7; 10]);
        let events = open(root.path());
        events.state().last = Some(future);
        let mut last = future;
        let mut events = Some(events);
        for _ in 0..3 {
            let log = events.take().unwrap_or_else(|| open(root.path()));
            for _ in 0..2 {
                let id = log.append(draft("x")).unwrap().id;
                assert!(id > last);
                last = id;
            }
        }
        let texts: Vec<_> = all(&open(root.path()))
            .iter()
            .map(|record| EventRow(record).id().to_owned())
            .collect();
        assert_eq!(texts.len(), 6);
        assert!(texts.is_sorted());
    }

    #[test]
    fn an_idempotency_key_holds_over_restarts_in_its_workspace() {
        let root = tempfile::tempdir().unwrap();
        let with = |workspace: Option<&str>| EventDraft {
            idempotency_key: Some("k1".to_owned()),
            workspace_id: workspace.map(str::to_owned),
            ..draft("x")
        };
        let first = open(root.path()).append(with(None)).unwrap();
        assert!(!first.is_duplicate);
        let events = open(root.path());
        let again = events.append(with(None)).unwrap();
        assert_eq!((again.id, again.is_duplicate), (first.id, true));
        let other = events.append(with(Some("ws-1"))).unwrap();
        assert!(!other.is_duplicate, "another workspace has keys of its own");
        assert_eq!(all(&events).len(), 2);
    }

    #[test]
    fn secrets_are_redacted_and_ids_are_not() {
        let root = tempfile::tempdir().unwrap();
        let events = open(root.path());
        let id = "a1b2c3d4-e5f6-4711-8899-aabbccddeeff";
        let acknowledged = events
            .append(EventDraft {
                app_id: Some(id.to_owned()),
                idempotency_key: Some("k".to_owned()),
                payload: json!({"password": "hunter22hunter22", "n": 1})
                    .as_object()
                    .cloned(),
                ..draft("login failed, password=hunter22hunter22")
            })
            .unwrap();
        let stored = all(&events).remove(0).record;
        assert!(!format!("{stored:?}").contains("hunter22"), "{stored:?}");
        assert_eq!(stored.metadata["event_id"], acknowledged.id.to_string());
        assert_eq!(stored.metadata["app_id"], id);
        assert_eq!(stored.metadata["payload"]["n"], 1);
        let digest = stored.metadata[DEDUPLICATION].as_str().unwrap();
        assert!(key_digest(digest).is_some(), "{digest}");
    }

    fn run_end(id: u64) -> Arc<StoredRecord> {
        let metadata = json!({"event_type": "process_end", "run_id": format!("r{id}")});
        let record = Record {
            timestamp: Micros::new(0),
            source: Source::new("devcontainer", "ws"),
            level: Level::Info,
            message: "ended".to_owned(),
            metadata: Metadata::from(metadata.as_object().cloned().unwrap()),
        };
        Arc::new(StoredRecord { id: Id(id), record })
    }

    #[test]
    fn events_of_records_are_stored_once_although_the_last_stop_was_a_crash() {
        let (root, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mut store, _) =
            Store::open(Arc::new(RealDisk), log.path(), Options::default()).unwrap();
        let mut redactor = Redactor::new(&RedactOptions::default()).unwrap();
        let records: Vec<_> = (1..=5).map(run_end).collect();
        let redacted: Vec<_> = records
            .iter()
            .map(|it| redactor.redact(it.record.clone()))
            .collect();
        store.append(&redacted, &[]).unwrap();
        // the first two were seen before the crash
        open(root.path()).derive(&records[..2]).unwrap();
        for _ in 0..2 {
            open(root.path()).catch_up(&store.reader().view()).unwrap();
        }
        let runs: Vec<_> = all(&open(root.path()))
            .into_iter()
            .map(|it| it.record.metadata["run_id"].clone())
            .collect();
        assert_eq!(runs, ["r1", "r2", "r3", "r4", "r5"]);
    }

    #[test]
    fn collector_brings_each_event_once_and_none_that_the_log_has() {
        let root = tempfile::tempdir().unwrap();
        let events = open(root.path());
        let mut positions = Positions::new();
        let mut brought = Vec::new();
        for round in 0..3 {
            events.derive(&[run_end(7)]).unwrap();
            for number in 0..700 {
                let message = format!("{round} {number}");
                events
                    .state()
                    .store(
                        vec![PendingEvent {
                            draft: draft(&message),
                            key: None,
                            is_derived: false,
                        }],
                        vec![],
                    )
                    .unwrap();
            }
            // a new collector, as after a restart
            let mut collector = EventCollector::open(events.clone(), &positions);
            loop {
                let mut batch = Batch::default();
                collector.read(&mut batch).unwrap();
                if batch.positions.is_empty() {
                    break;
                }
                assert!(batch.records.len() <= Batch::RECORDS_MAX);
                brought.extend(batch.records.into_iter().map(|record| record.message));
                for position in batch.positions {
                    positions.insert(position.origin, position.value.unwrap());
                }
            }
        }
        let expected: Vec<_> = (0..3)
            .flat_map(|round| (0..700).map(move |number| format!("{round} {number}")))
            .collect();
        assert_eq!(brought, expected);
    }

    #[test]
    fn a_page_begins_before_any_text() {
        let root = tempfile::tempdir().unwrap();
        let events = open(root.path());
        for number in 0..100 {
            events.append(draft(&number.to_string())).unwrap();
        }
        let (view, stored) = (events.reader().view(), all(&events));
        let place = |before: &str| super::super::place_before(&view, before).unwrap().0;
        for record in &stored {
            assert_eq!(place(EventRow(record).id()), record.id.0);
        }
        assert_eq!(place(""), 1, "none is older");
        assert_eq!(place("zzz"), 101, "all are older");
    }

    #[test]
    fn notes_are_kept_with_their_event() {
        let root = tempfile::tempdir().unwrap();
        let events = open(root.path());
        assert_eq!(events.note("boot"), None);
        events.append_with_note(None, "boot", "a").unwrap();
        events
            .append_with_note(Some(draft("booted")), "boot", "b")
            .unwrap();
        drop(events);
        let events = open(root.path());
        assert_eq!(events.note("boot").as_deref(), Some("b"));
        assert_eq!(all(&events).len(), 1);
        let _: Value = serde_json::to_value(EventRow(&all(&events)[0])).unwrap();
    }
}
