//! A collector before it moves to its lane, and the calls to it, one at a time.

use super::counters::Collected;
use super::lane::{InFlightBatches, Lane, NAP, is_news, panic_text};
use super::{BatchShare, Build, Delivery, PipelineState, error_chain};
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

/// The state with which a lane continues.
pub(super) struct Handover {
    pub(super) build: Build,
    /// The collector, or `None` if it failed.
    pub(super) collector: Option<Box<dyn Collector>>,
    /// The newest positions that were sent.
    pub(super) sent: Positions,
    /// The reason of the failure.
    pub(super) failure: Option<String>,
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
        // a lane that is gone was told to stop
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
        self.collected.brought(batch);
        found.unwrap_or_default()
    }

    /// Reads what comes next of a part. False when it failed.
    fn read_part(&mut self, number: usize, batch: &mut Batch) -> bool {
        let read = self.attempt(batch, |collector, batch| collector.read_part(number, batch));
        let sent = &mut self.sent;
        batch.positions.retain(|position| is_news(sent, position));
        self.collected.brought(batch);
        if read.is_some() && batch.records.is_empty() && batch.positions.is_empty() {
            self.collected.at_end();
        }
        read.is_some()
    }

    /// Does something with the collector, if it has not failed. What is in the batch is not lost when it fails.
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
                // a signal came in between: the same again, soon
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

/// What a collector is to be asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// Which parts it has.
    Parts,
    /// What comes next of a part.
    Next {
        /// The part, of all parts of all collectors.
        at: usize,
        /// The part, of those of its collector.
        number: usize,
        /// Nothing of it is older.
        time: Micros,
    },
}

/// One call of one collector: it may take as long as the source pleases, so nothing else is held meanwhile.
pub(super) struct PendingRead {
    pub(super) owner: usize,
    pub(super) starting: Starting,
    pub(super) question: Question,
    pub(super) batch: Batch,
    /// The parts that were found.
    pub(super) found: Vec<Micros>,
    pub(super) has_failed: bool,
}

impl PendingRead {
    pub(super) fn run(&mut self, shared: &PipelineState) {
        let batch = &mut self.batch;
        match self.question {
            Question::Parts => self.found = self.starting.begin(&shared.committed(), batch),
            Question::Next { number, .. } => {
                self.has_failed = !self.starting.read_part(number, batch);
            }
        }
    }

    /// The merge went on without it: what it brought is sent, and the lane gets its collector.
    pub(super) fn go_on_alone(
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
        // a lane begins a failed collector anew from what is committed
        while starting.failure.is_some() && in_flight.count() > 0 && !shared.stopping() {
            thread::sleep(NAP);
        }
        starting.hand_over();
    }
}
