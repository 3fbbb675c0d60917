//! The one thread that writes: gathers batches, scrubs them, appends them with their positions, and
//! hands them to those who tail.

use super::hang;
use super::lane::InFlight;
use super::maintenance;
use super::{Delivery, Options, Share, Shared, told};
use crate::collect;
use crate::collect::Batch;
use crate::record::{Id, Level, Metadata, Position, Record, StoredRecord};
use crate::redact::{Redacted, Redactor};
use crate::store;
use crate::store::{Pruned, Store};
use crate::time::Micros;
use std::collections::BTreeMap;
use std::mem;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The store wants its upkeep about once a second.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// How long to leave a store alone that refused an append: a full disk may have been cleared by then.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The writer's state.
pub(super) struct Writer {
    store: Store,
    redactor: Redactor,
    options: Options,
    receiver: Receiver<Delivery>,
    shared: Arc<Shared>,
    pending: Pending,
    upkeep_at: Instant,
    last_error: String,
}

/// What waits to be written.
#[derive(Default)]
struct Pending {
    records: Vec<Redacted>,
    /// The newest of each origin.
    positions: BTreeMap<String, Option<Vec<u8>>>,
    shares: Vec<Share>,
    in_flight: Vec<Arc<InFlight>>,
    /// When the first of it came.
    since: Option<Instant>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    fn positions(&self) -> Vec<Position> {
        let pairs = self.positions.iter();
        pairs
            .map(|(origin, value)| Position {
                origin: origin.clone(),
                value: value.clone(),
            })
            .collect()
    }
}

impl Writer {
    pub(super) fn new(
        store: Store,
        redactor: Redactor,
        options: Options,
        receiver: Receiver<Delivery>,
        shared: Arc<Shared>,
    ) -> Self {
        let (pending, last_error) = (Pending::default(), String::new());
        Self {
            store,
            redactor,
            options,
            receiver,
            shared,
            pending,
            upkeep_at: Instant::now(),
            last_error,
        }
    }

    /// Writes until every sender is gone or not waited for; then syncs.
    pub(super) fn run(mut self) -> Result<(), store::Error> {
        loop {
            match self.receive() {
                Ok(delivery) => self.take(delivery),
                Err(RecvTimeoutError::Timeout) if self.shared.is_left() => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.is_due() {
                self.flush()?;
            }
            self.upkeep();
        }
        self.flush()?;
        self.store.sync()
    }

    fn receive(&mut self) -> Result<Delivery, RecvTimeoutError> {
        let flush_at = self
            .pending
            .since
            .map(|since| since + self.options.flush_after);
        let until = flush_at.map_or(self.upkeep_at, |at| at.min(self.upkeep_at));
        self.receiver
            .recv_timeout(until.saturating_duration_since(Instant::now()))
    }

    fn take(&mut self, delivery: Delivery) {
        let Delivery {
            batch,
            shares,
            in_flight,
        } = delivery;
        let mut withheld = vec![];
        for record in batch.records {
            let redacted = self.redactor.redact(record);
            log_own(redacted.record());
            if redacted.is_withheld() {
                withheld.push(withheld_record(redacted.record()));
            }
            self.pending.records.push(redacted);
        }
        let positions = batch.positions.into_iter();
        self.pending
            .positions
            .extend(positions.map(|position| (position.origin, position.value)));
        self.pending.shares.extend(shares);
        self.pending.in_flight.extend(in_flight);
        self.pending.since.get_or_insert_with(Instant::now);
        for record in withheld {
            self.tell(record);
        }
    }

    /// While somebody tails nothing waits.
    fn is_due(&self) -> bool {
        let Some(since) = self.pending.since else {
            return false;
        };
        self.pending.records.len() >= self.options.flush_records
            || since.elapsed() >= self.options.flush_after
            || self.shared.attended()
    }

    /// Appends what is pending. A store that refuses is asked again until it takes it or the
    /// pipeline stops: until then collectors wait, and nothing is lost that its source still holds.
    fn flush(&mut self) -> Result<(), store::Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let positions = self.pending.positions();
        loop {
            match self.store.append(&self.pending.records, &positions) {
                Ok(ids) => {
                    self.publish(ids.start);
                    return Ok(());
                }
                Err(error) if self.shared.stopping() => return Err(error),
                Err(error) => self.bide(&error),
            }
        }
    }

    fn publish(&mut self, first_id: u64) {
        let pending = mem::take(&mut self.pending);
        let records = pending.records.into_iter().zip(first_id..);
        let records: Vec<_> = records
            .map(|(redacted, id)| StoredRecord {
                id: Id(id),
                record: redacted.into_record(),
            })
            .map(Arc::new)
            .collect();
        self.shared.live.publish(&records);
        let mut committed = self
            .shared
            .committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (origin, value) in pending.positions {
            match value {
                Some(value) => committed.insert(origin, value),
                None => committed.remove(&origin),
            };
        }
        drop(committed);
        pending.shares.iter().for_each(Share::stored);
        for in_flight in pending.in_flight {
            in_flight.committed();
        }
        self.last_error.clear();
    }

    /// Says what is wrong, once for each reason, and waits.
    fn bide(&mut self, error: &store::Error) {
        self.log_once("the store takes no records", error);
        thread::sleep(RETRY_AFTER);
        self.upkeep();
    }

    fn upkeep(&mut self) {
        if Instant::now() < self.upkeep_at {
            return;
        }
        self.upkeep_at = Instant::now() + UPKEEP_EVERY;
        match self.store.upkeep(Micros::now()) {
            Ok(upkeep) => {
                if upkeep.pruned.short_of_room {
                    self.tell_short_of_room(&upkeep.pruned);
                }
                for record in maintenance::records(&upkeep) {
                    self.tell(record);
                }
            }
            Err(error) => self.log_once("upkeep of the store failed", &error),
        }
        let patience = self.options.patience.answer;
        for (name, since) in self.shared.counters.overdue(patience) {
            self.tell(hang::hangs(&name, since));
        }
    }

    /// Records that went before their time are worth a record; it is told again only when more go.
    fn tell_short_of_room(&mut self, pruned: &Pruned) {
        let Pruned { rows, bytes, .. } = pruned;
        if *rows == 0 {
            return;
        }
        let text = format!(
            "the file system is short of room: the {rows} oldest records went, {bytes} bytes"
        );
        let mut metadata = Metadata::new();
        metadata.insert("rows", *rows);
        metadata.insert("bytes", *bytes);
        let event = "store_short_of_room";
        self.tell(collect::own_record(Level::Warn, event, text, metadata));
    }

    /// Takes in what we have to say ourselves.
    fn tell(&mut self, record: Record) {
        self.take(Delivery {
            batch: Batch {
                records: vec![record],
                ..Batch::default()
            },
            shares: vec![],
            in_flight: None,
        });
    }

    /// Logs an error that lasts once, not every second.
    fn log_once(&mut self, what: &str, error: &store::Error) {
        let text = told(error);
        if text != self.last_error {
            tracing::error!("{what}: {text}");
            self.last_error = text;
        }
    }
}

/// Reports a record of which nothing is stored but its size, as its redaction took too long.
fn withheld_record(record: &Record) -> Record {
    let source = record.source.as_str();
    let text = format!("withheld a record of {source}: redaction took too long");
    let mut metadata = Metadata::new();
    metadata.insert("withheld_source", source);
    collect::own_record(Level::Warn, "record_withheld", text, metadata)
}

/// What we have to say of ourselves is a record and a line of our own log.
fn log_own(record: &Record) {
    if record.source.as_str() != collect::OWN_SOURCE {
        return;
    }
    match record.level {
        Level::Debug => tracing::debug!("{}", record.message),
        Level::Info => tracing::info!("{}", record.message),
        Level::Warn => tracing::warn!("{}", record.message),
        Level::Error => tracing::error!("{}", record.message),
    }
}
