//! One collector's way to the writer: reads, waits, and after a failure starts the collector anew
//! from what the store has committed.

use super::counters::Collected;
use super::{Build, Delivery, Shared, told};
use crate::collect;
use crate::collect::{Batch, Collector};
use crate::record::{Level, Metadata, Position, Positions};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

/// While nobody waits a collector may sleep this long: an inotify event wakes it earlier, and a stop
/// is seen in time.
const PATIENCE: Duration = Duration::from_millis(250);

/// While somebody tails: journald announces its changes up to 250 ms late, so look without being told.
const PATIENCE_ATTENDED: Duration = Duration::from_millis(10);

const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_mins(1);

/// How often a sleeping lane looks whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// A collector and its place in the queue.
#[derive(Debug)]
pub(super) struct Lane {
    name: String,
    shared: Arc<Shared>,
    sender: SyncSender<Delivery>,
    in_flight: Arc<InFlight>,
    collected: Arc<Collected>,
}

/// Batches that were sent and are not committed yet.
#[derive(Debug, Default)]
pub(super) struct InFlight(AtomicUsize);

impl InFlight {
    /// One of them is committed.
    pub(super) fn committed(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a collector's turn ended.
enum End {
    /// It was asked to, or nobody takes its batches any more.
    Stopped,
    Failed(String),
}

impl Lane {
    pub(super) fn new(name: String, shared: Arc<Shared>, sender: SyncSender<Delivery>) -> Self {
        let collected = shared.counters.register(&name);
        Self {
            name,
            shared,
            sender,
            in_flight: Arc::default(),
            collected,
        }
    }

    /// Runs until the pipeline stops.
    pub(super) fn run(self, mut build: Build) {
        let mut backoff = BACKOFF_MIN;
        while !self.shared.stopping() {
            let positions = self.shared.committed();
            let mut has_read = false;
            let turn = catch_unwind(AssertUnwindSafe(|| {
                let mut collector = build(&positions);
                self.drive(collector.as_mut(), &mut has_read)
            }));
            let why = match turn {
                Ok(End::Stopped) => return,
                Ok(End::Failed(why)) => why,
                Err(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
            };
            if has_read {
                backoff = BACKOFF_MIN;
            }
            self.collected.failed();
            self.report(&why, backoff);
            self.sleep_while(
                || self.in_flight.0.load(Ordering::Acquire) > 0,
                Duration::MAX,
            );
            self.sleep_while(|| true, backoff);
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    fn drive(&self, collector: &mut dyn Collector, has_read: &mut bool) -> End {
        let mut sent = Positions::new();
        while !self.shared.stopping() {
            let mut batch = Batch::default();
            let result = collector.read(&mut batch);
            batch
                .positions
                .retain(|position| is_news(&mut sent, position));
            let idle = batch.records.is_empty() && batch.positions.is_empty();
            *has_read |= !idle;
            let bytes = batch
                .records
                .iter()
                .map(|record| record.message.len())
                .sum();
            self.collected.brought(batch.records.len(), bytes);
            if !idle && !self.send(batch) {
                return End::Stopped;
            }
            if let Err(error) = result {
                return End::Failed(told(&error));
            }
            if idle {
                let attended = self.shared.attended();
                collector.wait(if attended {
                    PATIENCE_ATTENDED
                } else {
                    PATIENCE
                });
            }
        }
        End::Stopped
    }

    /// Blocks while the queue is full. False when the writer is gone.
    fn send(&self, batch: Batch) -> bool {
        self.in_flight.0.fetch_add(1, Ordering::AcqRel);
        let delivery = Delivery {
            batch,
            in_flight: Some(Arc::clone(&self.in_flight)),
        };
        self.sender.send(delivery).is_ok()
    }

    fn report(&self, why: &str, backoff: Duration) {
        let name = &self.name;
        let seconds = backoff.as_secs();
        let text = format!("collector {name} failed: {why}; it starts again in {seconds} s");
        let mut metadata = Metadata::new();
        metadata.insert("collector".into(), name.as_str().into());
        let record = collect::own_record(Level::Error, "collector_failed", text, metadata);
        self.send(Batch {
            records: vec![record],
            ..Batch::default()
        });
    }

    fn sleep_while(&self, condition: impl Fn() -> bool, at_most: Duration) {
        let mut slept = Duration::ZERO;
        while condition() && slept < at_most && !self.shared.stopping() {
            thread::sleep(NAP);
            slept += NAP;
        }
    }
}

/// Whether a position says more than the last of its origin did: only then it is worth a write.
fn is_news(sent: &mut Positions, position: &Position) -> bool {
    let Position { origin, value } = position;
    if sent.get(origin) == value.as_ref() {
        return false;
    }
    match value {
        Some(value) => sent.insert(origin.clone(), value.clone()),
        None => sent.remove(origin),
    };
    true
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}
