//! Counters of the pipeline.

use super::arrival;
use super::hang::SourceCall;
use crate::collect::{Batch, OWN_SOURCE};
use crate::record::{Level, Record};
use crate::time::Micros;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The counters of all collectors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<Vec<Named>>>);

/// The name of a collector, and its counters.
type Named = (String, Arc<Collected>);

/// The counters of one collector since the start.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    count_batch: AtomicU64,
    stored: AtomicU64,
    filtered: AtomicU64,
    bytes: AtomicU64,
    gaps: AtomicU64,
    errors: AtomicU64,
    not_followed: AtomicU64,
    /// Whether its last read succeeded. False before the first one, while it waits for a restart, and while its source does not respond.
    is_running: AtomicBool,
    /// Whether the last read found nothing new.
    is_at_end: AtomicBool,
    /// The time of the newest record, in microseconds.
    newest: AtomicI64,
    reached: Mutex<BTreeMap<String, u64>>,
    /// Whether its lane sleeps, with everything sent that it has read.
    sleeps: AtomicBool,
    /// The running call of its lane.
    pub(super) call: SourceCall,
}

/// The counters of one collector at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CollectorCount {
    pub(crate) collector: String,
    /// Entries and lines read, including filtered ones.
    pub(crate) read: u64,
    /// Records committed to the store.
    pub(crate) stored: u64,
    /// Entries that were filtered out.
    pub(crate) filtered: u64,
    /// Bytes of the messages.
    pub(crate) bytes: u64,
    /// Gaps: data that was lost before it could be read.
    pub(crate) gaps: u64,
    /// Failures of the collector, and errors that it reported.
    pub(crate) errors: u64,
    /// Logs that it does not follow now.
    pub(crate) not_followed: u64,
    /// The lag: the age of the newest record, or 0 once everything is read and stored.
    pub(crate) lag_s: u64,
    /// Whether its last read succeeded.
    pub(crate) is_running: bool,
    /// The progress in each origin, in its own unit.
    pub(crate) reached: BTreeMap<String, u64>,
}

impl Collected {
    /// Runs a sleep of the lane, which has sent everything that it has read.
    pub(super) fn sleep<T>(&self, sleep: impl FnOnce() -> T) -> T {
        /// Ends the sleep, also after a panic.
        struct Asleep<'a>(&'a AtomicBool);

        impl Drop for Asleep<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::SeqCst);
            }
        }

        self.sleeps.store(true, Ordering::SeqCst);
        let _asleep = Asleep(&self.sleeps);
        sleep()
    }

    /// Whether its lane sleeps. If it does after the stop was requested, it ends when it wakes, without another read.
    pub(super) fn sleeps(&self) -> bool {
        self.sleeps.load(Ordering::SeqCst)
    }
}

impl Counters {
    /// Registers the collector `name`, and returns its counters.
    pub(super) fn register(&self, name: &str) -> Arc<Collected> {
        let collected = Arc::<Collected>::default();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((name.to_owned(), Arc::clone(&collected)));
        collected
    }

    /// The collectors whose source has not responded for at least `timeout`, and for how long. Each call is returned
    /// once.
    pub(super) fn overdue(&self, timeout: Duration) -> Vec<(String, Duration)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = |(name, collected): &Named| {
            let since = collected.call.overdue(timeout)?;
            collected.is_running.store(false, Ordering::Relaxed);
            Some((name.clone(), since))
        };
        all.iter().filter_map(overdue).collect()
    }

    /// All counters now.
    pub(crate) fn read(&self, now: Micros) -> Vec<CollectorCount> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |(name, collected): &Named| collected.count(name, now);
        all.iter().map(count).collect()
    }
}

impl Collected {
    /// Counts the result of a read.
    pub(super) fn count_batch(&self, batch: &Batch) {
        let Batch {
            records,
            reached,
            filtered,
            not_followed,
            ..
        } = batch;
        if let Some(logs) = not_followed {
            self.not_followed.store(*logs, Ordering::Relaxed);
        }
        let bytes: usize = records.iter().map(|record| record.message.len()).sum();
        let gaps = records.iter().filter(|record| is_gap(record)).count();
        let errors = records.iter().filter(|record| is_trouble(record)).count();
        self.is_running.store(true, Ordering::Relaxed);
        add(&self.count_batch, records.len() as u64);
        add(&self.filtered, *filtered);
        add(&self.bytes, bytes as u64);
        add(&self.gaps, gaps as u64);
        add(&self.errors, errors as u64);
        if let Some(newest) = records.last() {
            let now = Micros::now();
            let stated = newest.timestamp;
            let time = if arrival::is_implausible(stated, now) {
                now
            } else {
                stated
            };
            self.newest.store(time.get(), Ordering::Relaxed);
            self.is_at_end.store(false, Ordering::Relaxed);
        }
        if !reached.is_empty() {
            let mut known = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
            for (origin, reached) in reached {
                match reached {
                    Some(reached) => known.insert(origin.clone(), *reached),
                    None => known.remove(origin),
                };
            }
        }
    }

    /// Notes that the last read found nothing new.
    pub(super) fn at_end(&self) {
        self.is_at_end.store(true, Ordering::Relaxed);
    }

    pub(super) fn stored(&self, records: u64) {
        add(&self.stored, records);
    }

    pub(super) fn failed(&self) {
        self.call.end();
        self.is_running.store(false, Ordering::Relaxed);
        add(&self.errors, 1);
    }

    fn count(&self, name: &str, now: Micros) -> CollectorCount {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // Read before the count of records read, so that it is never greater.
        let stored = load(&self.stored);
        let (count_batch, filtered) = (load(&self.count_batch), load(&self.filtered));
        let is_behind = !self.is_at_end.load(Ordering::Relaxed) || stored < count_batch;
        let newest = self.newest.load(Ordering::Relaxed);
        let age_s = now.get().saturating_sub(newest) / 1_000_000;
        let has_lag = is_behind && count_batch > 0;
        CollectorCount {
            collector: name.to_owned(),
            read: count_batch + filtered,
            stored,
            filtered,
            bytes: load(&self.bytes),
            gaps: load(&self.gaps),
            errors: load(&self.errors),
            not_followed: load(&self.not_followed),
            is_running: self.is_running.load(Ordering::Relaxed),
            lag_s: if has_lag {
                u64::try_from(age_s).unwrap_or(0)
            } else {
                0
            },
            reached: self
                .reached
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

/// No decision depends on a counter, so no memory ordering is needed.
fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// Only vmlog itself sets this type: a logged field of that name is renamed.
fn is_gap(record: &Record) -> bool {
    record
        .metadata
        .get("event_type")
        .is_some_and(|event| event == "gap")
}

fn is_trouble(record: &Record) -> bool {
    record.source.as_str() == OWN_SOURCE && record.level >= Level::Warn && !is_gap(record)
}
