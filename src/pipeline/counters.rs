//! What the pipeline counts, for whoever watches it.

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

/// A collector's name, and what it has brought.
type Named = (String, Arc<Collected>);

/// What one collector has brought since the start.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    brought: AtomicU64,
    stored: AtomicU64,
    filtered: AtomicU64,
    bytes: AtomicU64,
    gaps: AtomicU64,
    errors: AtomicU64,
    not_followed: AtomicU64,
    /// Whether its last read went well: false before the first, while it waits to be started again, and while its source does
    /// not answer.
    is_running: AtomicBool,
    /// Whether the last read found nothing new.
    is_at_end: AtomicBool,
    /// The time of the newest record brought, in microseconds.
    newest: AtomicI64,
    reached: Mutex<BTreeMap<String, u64>>,
    /// What it is asked by its lane.
    pub(super) call: SourceCall,
}

/// The same at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CollectorCount {
    pub(crate) collector: String,
    /// Entries and lines read, wanted or not.
    pub(crate) read: u64,
    /// Records of them that the store has.
    pub(crate) stored: u64,
    /// Entries that are not wanted.
    pub(crate) filtered: u64,
    /// Bytes of the messages brought.
    pub(crate) bytes: u64,
    /// Times that something was gone before it could be read.
    pub(crate) gaps: u64,
    /// Times that it failed and was started again, and all else that it found wrong.
    pub(crate) errors: u64,
    /// Logs that it does not follow at the moment.
    pub(crate) not_followed: u64,
    /// How far it is behind: the age of the newest record, or 0 when everything has been read and is stored.
    pub(crate) lag_s: u64,
    /// Whether its last read went well.
    pub(crate) is_running: bool,
    /// How far each origin has been read, in a measure of its own.
    pub(crate) reached: BTreeMap<String, u64>,
}

impl Counters {
    /// Counters of their own for the collector called `name`.
    pub(super) fn register(&self, name: &str) -> Arc<Collected> {
        let collected = Arc::<Collected>::default();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((name.to_owned(), Arc::clone(&collected)));
        collected
    }

    /// The collectors whose source has not answered for `patience` or more, and for how long; each call is told once.
    pub(super) fn overdue(&self, patience: Duration) -> Vec<(String, Duration)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = |(name, collected): &Named| {
            let since = collected.call.overdue(patience)?;
            collected.is_running.store(false, Ordering::Relaxed);
            Some((name.clone(), since))
        };
        all.iter().filter_map(overdue).collect()
    }

    /// Where everything stands.
    pub(crate) fn read(&self, now: Micros) -> Vec<CollectorCount> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |(name, collected): &Named| collected.count(name, now);
        all.iter().map(count).collect()
    }
}

impl Collected {
    /// Counts what a read brought.
    pub(super) fn brought(&self, batch: &Batch) {
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
        add(&self.brought, records.len() as u64);
        add(&self.filtered, *filtered);
        add(&self.bytes, bytes as u64);
        add(&self.gaps, gaps as u64);
        add(&self.errors, errors as u64);
        if let Some(newest) = records.last() {
            let now = Micros::now();
            let stated = newest.timestamp;
            let time = if arrival::is_wild(stated, now) {
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

    /// The last read found nothing new.
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
        // before what was brought, so that it is never more
        let stored = load(&self.stored);
        let (brought, filtered) = (load(&self.brought), load(&self.filtered));
        let is_behind = !self.is_at_end.load(Ordering::Relaxed) || stored < brought;
        let newest = self.newest.load(Ordering::Relaxed);
        let age_s = now.get().saturating_sub(newest) / 1_000_000;
        let has_lag = is_behind && brought > 0;
        CollectorCount {
            collector: name.to_owned(),
            read: brought + filtered,
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

/// Nothing is decided by the value of a counter, so no order is needed.
fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// Only vmlog itself gives this type: a field of that name that somebody logs is kept under another.
fn is_gap(record: &Record) -> bool {
    record
        .metadata
        .get("event_type")
        .is_some_and(|event| event == "gap")
}

fn is_trouble(record: &Record) -> bool {
    record.source.as_str() == OWN_SOURCE && record.level >= Level::Warn && !is_gap(record)
}
