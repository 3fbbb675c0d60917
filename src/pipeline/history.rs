//! What lies in the sources at the start, merged by time before it is appended: so the order of arrival, in which people page,
//! is that of what happened on the machine. When everything has been read that was written before the start, each collector
//! gets its lane.
//!
//! A record that waits for its turn was read, so the position of its source lies behind it. That position must not be
//! committed before the record is: so each record comes with its own position, and both go on together. Only when a single part
//! is left it comes in whole batches.

use super::counters::Collected;
use super::lane::{InFlight, Lane, NAP, is_news, panic_text};
use super::{Build, Delivery, Share, Shared, told};
use crate::collect::{self, Batch, Collector};
use crate::record::Positions;
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// A source that grows as fast as it is read, with times of long ago, must not keep the others from being followed.
const MERGE_TIME_MAX: Duration = Duration::from_mins(5);

/// A collector on its way to its lane.
pub(super) struct Starting {
    build: Build,
    collected: Arc<Collected>,
    lane: Sender<Handover>,
    collector: Option<Box<dyn Collector>>,
    sent: Positions,
    failure: Option<String>,
}

/// What a lane goes on with.
pub(super) struct Handover {
    pub(super) build: Build,
    /// The collector as it is; none when it failed.
    pub(super) collector: Option<Box<dyn Collector>>,
    /// The newest positions that were sent.
    pub(super) sent: Positions,
    /// Why it failed.
    pub(super) failure: Option<String>,
}

impl Starting {
    pub(super) fn new(build: Build, lane: &Lane, handover: Sender<Handover>) -> Self {
        Self {
            build,
            collected: lane.collected(),
            lane: handover,
            collector: None,
            sent: Positions::new(),
            failure: None,
        }
    }

    fn fail(&mut self, why: String) {
        self.collector = None;
        self.failure = Some(why);
    }

    /// Does something with the collector, if it has not failed. What is in the batch is not lost when it fails.
    fn attempt<T>(
        &mut self,
        batch: &mut Batch,
        act: impl FnOnce(&mut dyn Collector, &mut Batch) -> Result<T, collect::Error>,
    ) -> Option<T> {
        let collector = self.collector.as_mut()?;
        let attempted = catch_unwind(AssertUnwindSafe(|| act(collector.as_mut(), batch)));
        let why = match attempted {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => told(&error),
            Err(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
        };
        self.fail(why);
        None
    }
}

/// A part of a collector.
struct Part {
    /// Which collector, and which of its parts.
    owner: usize,
    number: usize,
    /// What was read and waits for its turn.
    waiting: Option<Batch>,
    /// What comes now was written after the start.
    is_over: bool,
}

/// The merge of all parts.
pub(super) struct History {
    shared: Arc<Shared>,
    sender: SyncSender<Delivery>,
    in_flight: Arc<InFlight>,
    starting: Vec<Starting>,
    parts: Vec<Part>,
    /// The parts by the time of what waits, or that nothing of them is older than.
    turns: BinaryHeap<Reverse<(Micros, usize)>>,
    begun: Instant,
    begun_at: Micros,
    outgoing: Outgoing,
    has_writer: bool,
}

/// What is sent together.
#[derive(Default)]
struct Outgoing {
    batch: Batch,
    bytes: usize,
    shares: Vec<Share>,
}

impl History {
    pub(super) fn new(
        shared: Arc<Shared>,
        sender: SyncSender<Delivery>,
        starting: Vec<Starting>,
    ) -> Self {
        Self {
            shared,
            sender,
            in_flight: Arc::default(),
            starting,
            parts: Vec::new(),
            turns: BinaryHeap::new(),
            begun: Instant::now(),
            begun_at: Micros::now(),
            outgoing: Outgoing::default(),
            has_writer: true,
        }
    }

    /// Sends everything that was written before the start, in order; then every lane gets its collector.
    pub(super) fn run(mut self) {
        self.find_parts();
        self.merge();
        self.send();
        // a lane begins a failed collector anew from what is committed
        while self.in_flight.count() > 0 && !self.shared.stopping() {
            thread::sleep(NAP);
        }
        for starting in self.starting {
            let handover = Handover {
                build: starting.build,
                collector: starting.collector,
                sent: starting.sent,
                failure: starting.failure,
            };
            // a lane that is gone was told to stop
            let _ = starting.lane.send(handover);
        }
    }

    fn find_parts(&mut self) {
        let positions = self.shared.committed();
        for owner in 0..self.starting.len() {
            let mut batch = Batch::default();
            let Some(starting) = self.starting.get_mut(owner) else {
                return;
            };
            match catch_unwind(AssertUnwindSafe(|| (starting.build)(&positions))) {
                Ok(collector) => starting.collector = Some(collector),
                Err(panic) => starting.fail(format!("panicked: {}", panic_text(panic.as_ref()))),
            }
            let found = starting.attempt(&mut batch, |collector, batch| collector.parts(batch));
            for (number, earliest) in found.unwrap_or_default().into_iter().enumerate() {
                self.turns.push(Reverse((earliest, self.parts.len())));
                self.parts.push(Part {
                    owner,
                    number,
                    waiting: None,
                    is_over: false,
                });
            }
            starting.collected.brought(&batch);
            self.take(owner, batch);
        }
    }

    fn merge(&mut self) {
        while let Some(Reverse((time, at))) = self.turns.pop() {
            if self.shared.stopping() || !self.has_writer {
                return;
            }
            let is_late = self.begun.elapsed() > MERGE_TIME_MAX;
            let Some(part) = self.parts.get_mut(at) else {
                return;
            };
            if let Some(batch) = part.waiting.take() {
                let (owner, is_over) = (part.owner, part.is_over || is_late);
                self.take(owner, batch);
                if !is_over {
                    self.turns.push(Reverse((time, at)));
                }
            } else if !is_late && let Some(next) = self.load(at) {
                // what is older than what it stands behind keeps its place
                self.turns.push(Reverse((time.max(next), at)));
            }
        }
    }

    /// Reads what comes next of a part and says its time; `None` at its end.
    fn load(&mut self, at: usize) -> Option<Micros> {
        let is_alone = self.turns.is_empty();
        let part = self.parts.get_mut(at)?;
        let (owner, number) = (part.owner, part.number);
        loop {
            let starting = self.starting.get_mut(owner)?;
            let mut batch = if is_alone {
                Batch::default()
            } else {
                Batch::single()
            };
            let read = starting.attempt(&mut batch, |collector, batch| {
                collector.read_part(number, batch)
            });
            let sent = &mut starting.sent;
            batch.positions.retain(|position| is_news(sent, position));
            starting.collected.brought(&batch);
            let is_idle = batch.records.is_empty() && batch.positions.is_empty();
            if let Some(newest) = batch.records.last() {
                let part = self.parts.get_mut(at)?;
                part.is_over = newest.timestamp >= self.begun_at || read.is_none();
                let first = batch.records.first().map(|record| record.timestamp);
                part.waiting = Some(batch);
                return first;
            }
            if is_idle && read.is_some() {
                starting.collected.at_end();
            }
            // a position alone has no time
            self.take(owner, batch);
            if is_idle || read.is_none() || self.shared.stopping() {
                return None;
            }
        }
    }

    /// Puts a batch behind those that were taken before.
    fn take(&mut self, owner: usize, batch: Batch) {
        let Outgoing {
            batch: outgoing,
            bytes,
            shares,
        } = &mut self.outgoing;
        if let Some(starting) = self.starting.get(owner)
            && !batch.records.is_empty()
        {
            let share = Share::new(&starting.collected, &batch);
            match shares.last_mut() {
                Some(last) if last.is_of(&share) => last.add(&share),
                _ => shares.push(share),
            }
        }
        *bytes += batch
            .records
            .iter()
            .map(|record| record.message.len())
            .sum::<usize>();
        outgoing.records.extend(batch.records);
        for position in batch.positions {
            let known = outgoing.positions.iter_mut();
            let mut known = known.filter(|known| known.origin == position.origin);
            match known.next() {
                Some(known) => *known = position,
                None => outgoing.positions.push(position),
            }
        }
        if outgoing.records.len() >= Batch::RECORDS_MAX || *bytes >= Batch::BYTES_MAX {
            self.send();
        }
    }

    /// Blocks while the queue is full.
    fn send(&mut self) {
        let Outgoing { batch, shares, .. } = std::mem::take(&mut self.outgoing);
        if batch.records.is_empty() && batch.positions.is_empty() {
            return;
        }
        self.in_flight.sent();
        let delivery = Delivery {
            batch,
            shares,
            in_flight: Some(Arc::clone(&self.in_flight)),
        };
        self.has_writer &= self.sender.send(delivery).is_ok();
    }
}
