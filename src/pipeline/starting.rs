//! A collector before it moves to its lane, and the calls made to it, one at a time.

use super::counters::Collected;
use super::delivery::{BatchShare, Delivery, InFlightBatches};
use super::lane::{Handover, Lane, NAP, is_news, panic_text};
use super::options::Build;
use super::reported::error_chain;
use super::state::PipelineState;
use crate::collect::{self, Batch, Collector};
use crate::record::Positions;
use crate::time::Micros;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};
use std::thread;

/// A collector that has not moved to its lane yet.
pub(super) struct Starting {
    build: Build,
    pub(super) name: String,
    pub(super) collected: Arc<Collected>,
    lane: Sender<Handover>,
    collector: Option<Box<dyn Collector>>,
    sent: Positions,
    failure: Option<String>,
}

impl Starting {
    pub(super) fn new(name: String, build: Build, lane: &Lane, handover: Sender<Handover>) -> Self {
        Self {
            build,
            name,
            collected: lane.collected(),
            lane: handover,
            collector: None,
            sent: Positions::new(),
            failure: None,
        }
    }

    /// Gives the lane its collector.
    pub(super) fn hand_over(self) {
        let handover = Handover {
            build: self.build,
            collector: self.collector,
            sent: self.sent,
            failure: self.failure,
        };
        // A lane that has ended was asked to stop.
        let _ = self.lane.send(handover);
    }

    fn fail(&mut self, why: String) {
        self.collector = None;
        self.failure = Some(why);
    }

    fn begin(&mut self, positions: &Positions, batch: &mut Batch) -> Vec<Micros> {
        match catch_unwind(AssertUnwindSafe(|| (self.build)(positions))) {
            Ok(collector) => self.collector = Some(collector),
            Err(panic) => self.fail(format!("panicked: {}", panic_text(panic.as_ref()))),
        }
        let found = self.attempt(batch, |collector, batch| collector.parts(batch));
        self.collected.count_batch(batch);
        found.unwrap_or_default()
    }

    /// Reads the next records of a part. Returns `false` if the collector failed.
    fn read_part(&mut self, number: usize, batch: &mut Batch) -> bool {
        let read = self.attempt(batch, |collector, batch| collector.read_part(number, batch));
        let sent = &mut self.sent;
        batch.positions.retain(|position| is_news(sent, position));
        self.collected.count_batch(batch);
        if read.is_some() && batch.records.is_empty() && batch.positions.is_empty() {
            self.collected.at_end();
        }
        read.is_some()
    }

    /// Calls the collector, if it has not failed. The content of the batch is kept if it fails.
    fn attempt<T>(
        &mut self,
        batch: &mut Batch,
        act: impl Fn(&mut dyn Collector, &mut Batch) -> Result<T, collect::Error>,
    ) -> Option<T> {
        let collector = self.collector.as_mut()?;
        loop {
            let attempted = catch_unwind(AssertUnwindSafe(|| act(collector.as_mut(), batch)));
            let why = match attempted {
                Ok(Ok(done)) => return Some(done),
                // A signal interrupted the call: repeat it soon.
                Ok(Err(error)) if error.is_interruption() => {
                    thread::sleep(NAP);
                    continue;
                }
                Ok(Err(error)) => error_chain(&error),
                Err(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
            };
            self.fail(why);
            return None;
        }
    }
}

/// A request to a collector.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReadRequest {
    /// Which parts it has.
    Parts,
    /// The next records of a part.
    Next {
        /// Index of the part among those of all collectors.
        at: usize,
        /// Index of the part within its collector.
        number: usize,
        /// No unread record of the part is older than this.
        time: Micros,
    },
}

/// One call of one collector. It may take as long as the source needs, so no lock is held meanwhile.
pub(super) struct PendingRead {
    pub(super) owner: usize,
    pub(super) starting: Starting,
    pub(super) request: ReadRequest,
    pub(super) batch: Batch,
    /// The parts that were found.
    pub(super) found: Vec<Micros>,
    pub(super) has_failed: bool,
}

impl PendingRead {
    pub(super) fn run(&mut self, shared: &PipelineState) {
        let batch = &mut self.batch;
        match self.request {
            ReadRequest::Parts => self.found = self.starting.begin(&shared.committed(), batch),
            ReadRequest::Next { number, .. } => {
                self.has_failed = !self.starting.read_part(number, batch);
            }
        }
    }

    /// Called when the merge has continued without it: its result is sent, and the lane gets its collector.
    pub(super) fn finish_late(
        self,
        shared: &PipelineState,
        sender: &SyncSender<Delivery>,
        in_flight: &Arc<InFlightBatches>,
    ) {
        let Self {
            starting, batch, ..
        } = self;
        if !batch.records.is_empty() || !batch.positions.is_empty() {
            in_flight.sent();
            let delivery = Delivery {
                shares: vec![BatchShare::new(&starting.collected, &batch)],
                batch,
                in_flight: Some(Arc::clone(in_flight)),
            };
            if sender.send(delivery).is_err() {
                return;
            }
        }
        // A lane restarts a failed collector from the committed positions.
        while starting.failure.is_some() && in_flight.count() > 0 && !shared.stopping() {
            thread::sleep(NAP);
        }
        starting.hand_over();
    }
}
