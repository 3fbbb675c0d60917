//! The order of what the sources hold at the start: by time, each part in its own order.
//!
//! A record that waits for its turn was read, so the position of its source lies behind it. That position must not be
//! committed before the record is: so each record comes with its own position, and both go on together. Only when a single part
//! is left it comes in whole batches.

use super::arrival;
use super::counters::Collected;
use super::hang;
use super::lane::InFlightBatches;
use super::starting::{Errand, Question, Starting};
use super::{BatchShare, Delivery, PipelineState};
use crate::collect::Batch;
use crate::record::Record;
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// A source that grows as fast as it is read, with times of long ago, must not keep the others from being followed.
const MERGE_TIME_MAX: Duration = Duration::from_mins(5);

/// A part of a collector.
struct HistoryPart {
    /// Which collector, and which of its parts.
    owner: usize,
    number: usize,
    /// What was read and waits for its turn.
    waiting: Option<Batch>,
    /// What comes now was written after the start.
    is_over: bool,
}

/// Which collector is being asked, and since when.
struct PendingCall {
    owner: usize,
    name: String,
    since: Instant,
}

/// The merge of all parts.
pub(super) struct Merge {
    shared: Arc<PipelineState>,
    sender: SyncSender<Delivery>,
    in_flight: Arc<InFlightBatches>,
    /// None while it is asked, and for good when the merge went on without it.
    starting: Vec<Option<Starting>>,
    collected: Vec<Arc<Collected>>,
    /// Whose parts are looked for next.
    to_begin: usize,
    parts: Vec<HistoryPart>,
    /// The parts by the time of what waits, or that nothing of them is older than.
    turns: BinaryHeap<Reverse<(Micros, usize)>>,
    begun: Instant,
    begun_at: Micros,
    outgoing: Outgoing,
    has_writer: bool,
    call: Option<PendingCall>,
    /// Whoever asks with another number has been left behind.
    round: u64,
}

/// What is sent together.
#[derive(Default)]
struct Outgoing {
    batch: Batch,
    bytes: usize,
    shares: Vec<BatchShare>,
}

impl Merge {
    pub(super) fn new(
        shared: Arc<PipelineState>,
        sender: SyncSender<Delivery>,
        in_flight: Arc<InFlightBatches>,
        starting: Vec<Starting>,
    ) -> Self {
        Self {
            shared,
            sender,
            in_flight,
            collected: starting
                .iter()
                .map(|starting| Arc::clone(&starting.collected))
                .collect(),
            starting: starting.into_iter().map(Some).collect(),
            to_begin: 0,
            parts: Vec::new(),
            turns: BinaryHeap::new(),
            begun: Instant::now(),
            begun_at: Micros::now(),
            outgoing: Outgoing::default(),
            has_writer: true,
            call: None,
            round: 0,
        }
    }

    pub(super) fn round(&self) -> u64 {
        self.round
    }

    /// Takes what waits in order of time, up to the next call that has to be made; `None` at the end.
    pub(super) fn next(&mut self, round: u64) -> Option<Errand> {
        if round != self.round {
            return None;
        }
        while self.to_begin < self.starting.len() {
            let owner = self.to_begin;
            self.to_begin += 1;
            if !self.shared.stopping() {
                return self.ask(owner, Question::Parts, Batch::default());
            }
        }
        while let Some(Reverse((time, at))) = self.turns.pop() {
            if self.shared.stopping() || !self.has_writer {
                return None;
            }
            let is_late = self.begun.elapsed() > MERGE_TIME_MAX;
            let part = self.parts.get_mut(at)?;
            let (owner, number) = (part.owner, part.number);
            if let Some(batch) = part.waiting.take() {
                let is_over = part.is_over || is_late;
                self.take(owner, batch);
                if !is_over {
                    self.turns.push(Reverse((time, at)));
                }
            } else if !is_late {
                let batch = if self.turns.is_empty() {
                    Batch::default()
                } else {
                    Batch::single()
                };
                return self.ask(owner, Question::Next { at, number, time }, batch);
            }
        }
        None
    }

    fn ask(&mut self, owner: usize, question: Question, batch: Batch) -> Option<Errand> {
        let starting = self.starting.get_mut(owner)?.take()?;
        self.call = Some(PendingCall {
            owner,
            name: starting.name.clone(),
            since: Instant::now(),
        });
        Some(Errand {
            owner,
            starting,
            question,
            batch,
            found: Vec::new(),
            has_failed: false,
        })
    }

    /// Puts what an errand brought into its place. It comes back when the merge has gone on without it.
    pub(super) fn settle(&mut self, round: u64, errand: Errand) -> Result<(), Box<Errand>> {
        if round != self.round {
            return Err(Box::new(errand));
        }
        self.call = None;
        let Errand {
            owner,
            starting,
            question,
            batch,
            found,
            has_failed,
        } = errand;
        if let Some(place) = self.starting.get_mut(owner) {
            *place = Some(starting);
        }
        match question {
            Question::Parts => {
                self.found(owner, &found);
                self.take(owner, batch);
            }
            Question::Next { at, time, .. } => self.read(at, time, batch, has_failed),
        }
        Ok(())
    }

    fn found(&mut self, owner: usize, found: &[Micros]) {
        for (number, earliest) in found.iter().enumerate() {
            self.turns.push(Reverse((*earliest, self.parts.len())));
            self.parts.push(HistoryPart {
                owner,
                number,
                waiting: None,
                is_over: false,
            });
        }
    }

    fn read(&mut self, at: usize, time: Micros, batch: Batch, has_failed: bool) {
        let Some(part) = self.parts.get_mut(at) else {
            return;
        };
        if let (Some(first), Some(newest)) = (batch.records.first(), batch.records.last()) {
            // a time that cannot be right says nothing about the order
            let is_wild = |record: &Record| arrival::is_wild(record.timestamp, self.begun_at);
            let is_new = newest.timestamp >= self.begun_at && !is_wild(newest);
            part.is_over = is_new || has_failed;
            // what is older than what it stands behind keeps its place
            let turn = if is_wild(first) {
                time
            } else {
                time.max(first.timestamp)
            };
            part.waiting = Some(batch);
            self.turns.push(Reverse((turn, at)));
            return;
        }
        let is_idle = batch.positions.is_empty();
        let owner = part.owner;
        // a position alone has no time
        self.take(owner, batch);
        if !is_idle && !has_failed {
            self.turns.push(Reverse((time, at)));
        }
    }

    /// Goes on without a collector that has been asked for longer than `patience`. What was read of it goes first: what the
    /// answer brings, if ever, stands behind that. False when none has.
    pub(super) fn leave_behind(&mut self, patience: Duration) -> bool {
        let is_stuck = |call: &mut PendingCall| call.since.elapsed() >= patience;
        let Some(call) = self.call.take_if(is_stuck) else {
            return false;
        };
        self.round += 1;
        let (parts, owner) = (&self.parts, call.owner);
        self.turns
            .retain(|Reverse((_, at))| parts.get(*at).is_some_and(|part| part.owner != owner));
        let own = self.parts.iter_mut().filter(|part| part.owner == owner);
        let waiting: Vec<_> = own.filter_map(|part| part.waiting.take()).collect();
        for batch in waiting {
            self.take(owner, batch);
        }
        self.outgoing
            .batch
            .records
            .push(hang::hangs(&call.name, call.since.elapsed()));
        self.send();
        true
    }

    /// Puts a batch behind those that were taken before.
    fn take(&mut self, owner: usize, batch: Batch) {
        let Outgoing {
            batch: outgoing,
            bytes,
            shares,
        } = &mut self.outgoing;
        if let Some(collected) = self.collected.get(owner)
            && !batch.records.is_empty()
        {
            let share = BatchShare::new(collected, &batch);
            match shares.last_mut() {
                Some(last) if last.is_of(&share) => last.add(&share),
                _ => shares.push(share),
            }
        }
        *bytes += batch.records.iter().map(Record::bytes_about).sum::<usize>();
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
    pub(super) fn send(&mut self) {
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

    /// The collectors that answered.
    pub(super) fn take_all(&mut self) -> Vec<Starting> {
        self.starting.iter_mut().filter_map(Option::take).collect()
    }
}
