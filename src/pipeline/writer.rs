//! The thread that writes: gathers batches, redacts them, appends them with their positions, and publishes them to subscribers.

use super::arrival;
use super::delivery::{BatchShare, Delivery, InFlightBatches};
use super::hang;
use super::maintenance;
use super::options::{PipelineOptions, Tap};
use super::reported::{Reported, error_chain};
use super::source_limit::SourceLimit;
use super::state::PipelineState;
use crate::collect;
use crate::collect::Batch;
use crate::record::{Id, Level, Metadata, Position, Record, StoredRecord};
use crate::redact::{Redacted, Redactor};
use crate::store;
use crate::store::{Pruned, Store};
use crate::time::Micros;
use crate::triage::ProblemWatch;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The interval of the maintenance of the store.
const MAINTENANCE_EVERY: Duration = Duration::from_secs(1);

/// The back-off after a failed append: a full disk may have been cleared by then.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Memory of the waiting records: at this size they are written, however few and new they are. A frame of this size
/// is 128 times smaller than the store's limit; one more batch, of 1 MiB and a record, may be added to it.
const PENDING_BYTES_MAX: usize = 2 << 20;

/// How much is kept of the message of a record that is too large for a frame: the maximum length of a line.
const MESSAGE_BYTES_KEPT: usize = 1 << 20;
/// The same for each value of its metadata.
const VALUE_BYTES_KEPT: usize = 1 << 10;

/// Upper bound of the size of a shortened record.
const SHORTENED_BYTES_MAX: usize = 4 << 20;

/// The writer's state.
pub(super) struct StoreWriter {
    store: Store,
    redactor: Redactor,
    sources: SourceLimit,
    problems: ProblemWatch,
    options: PipelineOptions,
    receiver: Receiver<Delivery>,
    shared: Arc<PipelineState>,
    tap: Tap,
    pending: Pending,
    maintenance_at: Instant,
    append_error: Reported,
    maintenance_error: Reported,
}

/// Records that wait to be written.
#[derive(Default)]
struct Pending {
    records: VecDeque<Redacted>,
    /// The approximate memory of the records.
    bytes: usize,
    /// The number of records that are written together. Fewer than all only if those were too large for one frame.
    together: usize,
    /// The newest position of each origin.
    positions: BTreeMap<String, Option<Vec<u8>>>,
    shares: Vec<BatchShare>,
    in_flight: Vec<Arc<InFlightBatches>>,
    /// The arrival of the first record.
    since: Option<Instant>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    fn push(&mut self, redacted: Redacted) {
        self.bytes += redacted.record().bytes_about();
        self.records.push_back(redacted);
        self.together = self.records.len();
    }

    /// The records to write next. The last of them come with the positions that cover all.
    fn next(&mut self) -> (&[Redacted], Vec<Position>) {
        let (all, together) = (self.records.len(), self.together);
        let positions = if together < all {
            vec![]
        } else {
            self.positions()
        };
        let records = self.records.make_contiguous();
        let records = records.get(..together).unwrap_or(records);
        (records, positions)
    }

    /// Removes the records that were written with these ids.
    fn take(&mut self, ids: Range<u64>) -> Vec<Arc<StoredRecord>> {
        let written = self.records.drain(..self.together.min(self.records.len()));
        let stored = written.zip(ids).map(|(redacted, id)| {
            let record = redacted.into_record();
            Arc::new(StoredRecord { id: Id(id), record })
        });
        let stored = stored.collect();
        self.together = self.together.min(self.records.len());
        stored
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

impl StoreWriter {
    pub(super) fn new(
        store: Store,
        redactor: Redactor,
        options: PipelineOptions,
        receiver: Receiver<Delivery>,
        shared: Arc<PipelineState>,
        tap: Tap,
    ) -> Self {
        let sources = SourceLimit::new(options.sources_max, store.reader());
        let mut redactor = redactor;
        redactor.restore(store.positions());
        Self {
            store,
            redactor,
            sources,
            problems: ProblemWatch::default(),
            options,
            receiver,
            shared,
            tap,
            pending: Pending::default(),
            maintenance_at: Instant::now(),
            append_error: Reported::default(),
            maintenance_error: Reported::default(),
        }
    }

    /// Writes until every sender has ended or was abandoned; then syncs.
    pub(super) fn run(mut self) -> Result<(), store::Error> {
        loop {
            match self.receive() {
                Ok(delivery) => self.take(delivery),
                Err(RecvTimeoutError::Timeout) if self.shared.is_abandoned() => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.is_due() {
                self.flush()?;
            }
            self.maintain();
        }
        self.flush()?;
        self.store.sync()
    }

    fn receive(&mut self) -> Result<Delivery, RecvTimeoutError> {
        let flush_at = self
            .pending
            .since
            .map(|since| since + self.options.flush_after);
        let until = flush_at.map_or(self.maintenance_at, |at| at.min(self.maintenance_at));
        let timeout = if self.shared.is_abandoned() {
            // no more than what is in the queue
            Duration::ZERO
        } else {
            until.saturating_duration_since(Instant::now())
        };
        self.receiver.recv_timeout(timeout)
    }

    fn take(&mut self, delivery: Delivery) {
        let Delivery {
            batch,
            shares,
            in_flight,
        } = delivery;
        let mut withheld = vec![];
        let now = Micros::now();
        for mut record in batch.records {
            arrival::place(&mut record, now);
            self.sources.admit(&mut record);
            self.problems.mark(&mut record, now);
            let redacted = self.redactor.redact(record);
            log_own(redacted.record());
            if redacted.is_withheld() {
                withheld.push(withheld_record(redacted.record()));
            }
            self.pending.push(redacted);
        }
        // Open secrets are committed together with the records that opened them.
        let positions = batch.positions.into_iter().chain(self.redactor.changes());
        self.pending
            .positions
            .extend(positions.map(|position| (position.origin, position.value)));
        self.pending.shares.extend(shares);
        self.pending.in_flight.extend(in_flight);
        self.pending.since.get_or_insert_with(Instant::now);
        for record in withheld.into_iter().chain(self.sources.report()) {
            self.report(record);
        }
    }

    /// Whether to write now. While a client tails, nothing waits.
    fn is_due(&self) -> bool {
        let Some(since) = self.pending.since else {
            return false;
        };
        self.pending.records.len() >= self.options.flush_records
            || self.pending.bytes >= PENDING_BYTES_MAX
            || since.elapsed() >= self.options.flush_after
            || self.shared.has_subscribers()
    }

    /// Appends the pending records. A failed append is retried until it succeeds or the pipeline stops. Until then
    /// collectors wait, and nothing is lost that its source still holds.
    fn flush(&mut self) -> Result<(), store::Error> {
        while !self.pending.is_empty() {
            let (records, positions) = self.pending.next();
            match self.store.append(records, &positions) {
                Ok(ids) => {
                    self.append_error.end();
                    self.publish(ids);
                }
                Err(error @ store::Error::TooLarge { .. }) => self.make_smaller(&error),
                Err(error) if self.shared.stopping() => return Err(error),
                Err(error) => self.back_off(&error),
            }
        }
        Ok(())
    }

    /// Publishes the stored records. The positions are committed with the last of them.
    fn publish(&mut self, ids: Range<u64>) {
        let records = self.pending.take(ids);
        self.shared.live.publish(&records);
        (self.tap)(&records);
        if !self.pending.records.is_empty() {
            return;
        }
        let done = std::mem::take(&mut self.pending);
        let mut committed = self
            .shared
            .committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (origin, value) in done.positions {
            match value {
                Some(value) => committed.insert(origin, value),
                None => committed.remove(&origin),
            };
        }
        drop(committed);
        done.shares.iter().for_each(BatchShare::stored);
        for in_flight in done.in_flight {
            in_flight.committed();
        }
    }

    /// Reduces the pending data until it fits into a frame: first the number of records, then the size of a single
    /// one.
    fn make_smaller(&mut self, error: &store::Error) {
        let pending = &mut self.pending;
        if pending.together > 1 {
            pending.together /= 2;
            return;
        }
        let is_long = |it: &mut Redacted| it.record().bytes_about() > SHORTENED_BYTES_MAX;
        if let Some(record) = pending.records.pop_front_if(is_long) {
            return self.shorten(record);
        }
        // The sources are read again from their previous positions.
        let origins = std::mem::take(&mut pending.positions).len();
        let why = error_chain(error);
        tracing::error!("the positions of {origins} sources are not kept: {why}");
    }

    /// Shortens a record so that it fits, and reports that.
    fn shorten(&mut self, redacted: Redacted) {
        let before = redacted.record().bytes_about();
        let shortened = redacted.shortened(MESSAGE_BYTES_KEPT, VALUE_BYTES_KEPT);
        let record = shortened.record();
        let source = record.source.clone();
        self.pending.bytes = self.pending.bytes.saturating_sub(before) + record.bytes_about();
        self.pending.records.push_front(shortened);
        let text = format!(
            "a record of {source} was shortened: it took {before} bytes, more than the store takes at once"
        );
        let mut metadata = Metadata::new();
        metadata.insert("source", source.as_str());
        metadata.insert("bytes", before);
        let event = "record_shortened";
        self.report(collect::own_record(Level::Warn, event, text, metadata));
    }

    /// Reports an error, once for each reason, and waits.
    fn back_off(&mut self, error: &store::Error) {
        let why = error_chain(error);
        if self.append_error.is_news(&why) {
            tracing::error!("cannot append to the store: {why}");
        }
        thread::sleep(RETRY_AFTER);
        self.maintain();
    }

    fn maintain(&mut self) {
        if Instant::now() < self.maintenance_at {
            return;
        }
        self.maintenance_at = Instant::now() + MAINTENANCE_EVERY;
        match self.store.maintain(Micros::now()) {
            Ok(done) => {
                self.maintenance_error.end();
                if done.pruned.short_of_room {
                    self.report_low_space(&done.pruned);
                }
                for record in maintenance::records(&done) {
                    self.report(record);
                }
            }
            Err(error) => {
                let why = error_chain(&error);
                if self.maintenance_error.is_news(&why) {
                    tracing::error!("maintenance of the store failed: {why}");
                }
            }
        }
        self.report_silent();
        let timeout = self.options.timeouts.answer;
        for (name, since) in self.shared.counters.overdue(timeout) {
            self.report(hang::hangs(&name, since));
        }
    }

    /// Reports sources that stopped logging.
    fn report_silent(&mut self) {
        let now = Micros::now();
        for silent in self.problems.silent(now) {
            let (event, text, metadata) = silent.report(now);
            self.report(collect::own_record(Level::Warn, event, text, metadata));
        }
    }

    /// Reports that records were deleted early. It is reported again only when more are deleted.
    fn report_low_space(&mut self, pruned: &Pruned) {
        let Pruned { rows, bytes, .. } = pruned;
        if *rows == 0 {
            return;
        }
        let text = format!("low disk space: deleted the {rows} oldest records, {bytes} bytes");
        let mut metadata = Metadata::new();
        metadata.insert("rows", *rows);
        metadata.insert("bytes", *bytes);
        let event = "store_short_of_room";
        self.report(collect::own_record(Level::Warn, event, text, metadata));
    }

    /// Adds a report of vmlog itself.
    fn report(&mut self, record: Record) {
        self.take(Delivery {
            batch: Batch {
                records: vec![record],
                ..Batch::default()
            },
            shares: vec![],
            in_flight: None,
        });
    }
}

/// Reports a record whose redaction took too long, so that only its size is stored.
fn withheld_record(record: &Record) -> Record {
    let source = record.source.as_str();
    let text = format!("withheld a record of {source}: redaction took too long");
    let mut metadata = Metadata::new();
    metadata.insert("withheld_source", source);
    collect::own_record(Level::Warn, "record_withheld", text, metadata)
}

/// Also logs a report of vmlog itself as a line of its own log.
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
