//! Orders what the sources hold at the start by time, while each part keeps its own order.
//!
//! A record that waits for its turn has been read, so the position of its source is after it. That position must not be committed before
//! the record. Therefore each record is read with its own position, and both are sent together. Only the last remaining part is read in
//! whole batches.

use super::arrival;
use super::counters::Collected;
use super::delivery::{BatchShare, Delivery, InFlightBatches};
use super::hang;
use super::starting::{PendingRead, ReadRequest, Starting};
use super::state::PipelineState;
use crate::collect::Batch;
use crate::record::Record;
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// The time limit of the merge: a source that grows as fast as it is read, with old times, must not delay the others.
const MERGE_TIME_MAX: Duration = Duration::from_mins(5);

/// The memory of records that wait in the merge. A machine has thousands of logs, and a line of one may take 3 MiB: beyond this a record is
/// sent at once, before its turn.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// A part of a collector.
struct HistoryPart {
    /// The collector, and the number of the part within it.
    owner: usize,
    number: usize,
    /// The record that waits for its turn.
    waiting: Option<Batch>,
    /// All further records were written after the start.
    is_over: bool,
}

/// The running call, and its start.
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
    /// `None` during a call, and permanently once the merge has continued without it.
    starting: Vec<Option<Starting>>,
    collected: Vec<Arc<Collected>>,
    /// The next collector to ask for its parts.
    to_begin: usize,
    parts: Vec<HistoryPart>,
    /// The approximate memory of all waiting records.
    waiting_bytes: usize,
    /// The parts by the time of their waiting record, or by a lower bound of it.
    turns: BinaryHeap<Reverse<(Micros, usize)>>,
    begun: Instant,
    begun_at: Micros,
    outgoing: Outgoing,
    has_writer: bool,
    call: Option<PendingCall>,
    /// Incremented when a caller is abandoned; callers with an older number must stop.
    round: u64,
}

/// Records that are sent together.
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
            waiting_bytes: 0,
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

    /// Sends waiting records in order of time, up to the next necessary call. `None` at the end.
    pub(super) fn next(&mut self, round: u64) -> Option<PendingRead> {
        if round != self.round {
            return None;
        }
        while self.to_begin < self.starting.len() {
            let owner = self.to_begin;
            self.to_begin += 1;
            if !self.shared.stopping() {
                return self.ask(owner, ReadRequest::Parts, Batch::default());
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
                self.waiting_bytes -= bytes_about(&batch);
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
                return self.ask(owner, ReadRequest::Next { at, number, time }, batch);
            }
        }
        None
    }

    fn ask(&mut self, owner: usize, request: ReadRequest, batch: Batch) -> Option<PendingRead> {
        let starting = self.starting.get_mut(owner)?.take()?;
        self.call = Some(PendingCall {
            owner,
            name: starting.name.clone(),
            since: Instant::now(),
        });
        Some(PendingRead {
            owner,
            starting,
            request,
            batch,
            found: Vec::new(),
            has_failed: false,
        })
    }

    /// Adds the result of a call. Returns it if the merge has continued without it.
    pub(super) fn settle(
        &mut self,
        round: u64,
        pending: PendingRead,
    ) -> Result<(), Box<PendingRead>> {
        if round != self.round {
            return Err(Box::new(pending));
        }
        self.call = None;
        let PendingRead {
            owner,
            starting,
            request,
            batch,
            found,
            has_failed,
        } = pending;
        if let Some(place) = self.starting.get_mut(owner) {
            *place = Some(starting);
        }
        match request {
            ReadRequest::Parts => {
                self.found(owner, &found);
                self.take(owner, batch);
            }
            ReadRequest::Next { at, time, .. } => self.read(at, time, batch, has_failed),
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
            // an implausible time does not affect the order
            let is_implausible =
                |record: &Record| arrival::is_implausible(record.timestamp, self.begun_at);
            let is_new = newest.timestamp >= self.begun_at && !is_implausible(newest);
            part.is_over = is_new || has_failed;
            // A record older than its predecessor keeps its place after it.
            let turn = if is_implausible(first) {
                time
            } else {
                time.max(first.timestamp)
            };
            let bytes = bytes_about(&batch);
            let is_over = part.is_over;
            if self.waiting_bytes + bytes <= WAITING_BYTES_MAX {
                self.waiting_bytes += bytes;
                part.waiting = Some(batch);
            } else {
                let owner = part.owner;
                self.take(owner, batch);
                if is_over {
                    return;
                }
            }
            self.turns.push(Reverse((turn, at)));
            return;
        }
        let is_idle = batch.positions.is_empty();
        let owner = part.owner;
        // a position without records has no time
        self.take(owner, batch);
        if !is_idle && !has_failed {
            self.turns.push(Reverse((time, at)));
        }
    }

    /// Continues without a collector whose call takes longer than `timeout`, and returns whether there is one. What
    /// was read from it is sent first, because the result of the call comes after that.
    pub(super) fn abandon_overdue(&mut self, timeout: Duration) -> bool {
        let is_stuck = |call: &mut PendingCall| call.since.elapsed() >= timeout;
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
            self.waiting_bytes -= bytes_about(&batch);
            self.take(owner, batch);
        }
        self.outgoing
            .batch
            .records
            .push(hang::hangs(&call.name, call.since.elapsed()));
        self.send();
        true
    }

    /// Appends a batch to those that are sent next.
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
        *bytes += bytes_about(&batch);
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

    /// The collectors that responded.
    pub(super) fn take_all(&mut self) -> Vec<Starting> {
        self.starting.iter_mut().filter_map(Option::take).collect()
    }
}

fn bytes_about(batch: &Batch) -> usize {
    batch.records.iter().map(Record::bytes_about).sum()
}
