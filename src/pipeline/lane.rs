//! The thread of one collector: reads, waits, and after a failure restarts the collector from the committed positions.

use super::counters::Collected;
use super::delivery::{BatchShare, Delivery, InFlightBatches};
use super::hang;
use super::options::Build;
use super::reported::{Reported, error_chain};
use super::state::PipelineState;
use crate::collect;
use crate::collect::{Batch, Collector};
use crate::record::{Level, Metadata, Position, Positions, Record};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// The sleep of a collector while no client tails. What it follows wakes it earlier, and a stop does not wait for it: this
/// only bounds how late a change is seen that nothing reports, such as one on a network file system.
const SLEEP: Duration = Duration::from_secs(1);

/// The sleep while a client tails.
const SLEEP_WITH_SUBSCRIBERS: Duration = Duration::from_millis(250);

/// The sleep while a client tails, of a collector that notices changes late, or by looking alone.
const POLL_WITH_SUBSCRIBERS: Duration = Duration::from_millis(10);

/// The maximum back-off of a failed collector. It doubles each time, because a lack of descriptors or memory is often over soon.
const BACKOFF_MAX: Duration = Duration::from_mins(1);

/// A collector that has worked for this many times the first back-off is considered recovered. Its next failure is a new one.
const WORKS_AFTER: u32 = 5;

/// The interval at which a sleeping lane checks whether to stop.
pub(super) const NAP: Duration = Duration::from_millis(50);

/// A collector and its place in the queue.
#[derive(Debug)]
pub(super) struct Lane {
    name: String,
    shared: Arc<PipelineState>,
    sender: SyncSender<Delivery>,
    in_flight: Arc<InFlightBatches>,
    collected: Arc<Collected>,
    /// The first wait after a failure.
    retry: Duration,
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

/// The failures of a collector since it last worked.
struct Failures {
    count: u64,
    /// The next back-off.
    wait: Duration,
    reported: Reported,
}

impl Failures {
    fn new(wait: Duration) -> Self {
        Self {
            count: 0,
            wait,
            reported: Reported::default(),
        }
    }

    /// Counts a failure, and returns the back-off after it.
    fn add(&mut self) -> Duration {
        self.count += 1;
        let wait = self.wait;
        self.wait = (wait * 2).min(BACKOFF_MAX);
        wait
    }
}

/// The reason why a collector stopped reading.
enum LaneEnd {
    /// On request, or because the writer has ended.
    Stopped,
    Failed(String),
}

impl Lane {
    pub(super) fn new(
        name: String,
        shared: Arc<PipelineState>,
        sender: SyncSender<Delivery>,
        retry: Duration,
    ) -> Self {
        let collected = shared.counters.register(&name);
        Self {
            name,
            shared,
            sender,
            in_flight: Arc::default(),
            collected,
            retry,
        }
    }

    pub(super) fn collected(&self) -> Arc<Collected> {
        Arc::clone(&self.collected)
    }

    /// Waits for the collector and runs until the pipeline stops.
    pub(super) fn run(self, handover: &Receiver<Handover>) {
        let Some(handover) = self.receive(handover) else {
            return;
        };
        let Handover {
            mut build,
            mut collector,
            mut sent,
            mut failure,
        } = handover;
        let mut failures = Failures::new(self.retry);
        while !self.shared.stopping() {
            let turn = || {
                let mut collector = collector.take().unwrap_or_else(|| {
                    sent.clear();
                    self.ask(|| build(&self.shared.committed()))
                });
                self.drive(collector.as_mut(), &mut sent, &mut failures)
            };
            let end = match failure.take() {
                Some(why) => LaneEnd::Failed(why),
                None => catch_unwind(AssertUnwindSafe(turn)).unwrap_or_else(|panic| {
                    LaneEnd::Failed(format!("panicked: {}", panic_text(panic.as_ref())))
                }),
            };
            let LaneEnd::Failed(why) = end else { return };
            self.collected.failed();
            let wait = failures.add();
            if failures.reported.is_news(&why) {
                self.report(&why, wait);
            }
            self.sleep_while(|| self.in_flight.count() > 0, Duration::MAX);
            self.sleep_while(|| true, wait);
        }
    }

    /// `None` if the pipeline stops first: a hanging source is never handed over.
    fn receive(&self, handover: &Receiver<Handover>) -> Option<Handover> {
        while !self.shared.stopping() {
            match self.collected.sleep(|| handover.recv_timeout(NAP)) {
                Ok(handover) => return Some(handover),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        None
    }

    fn drive(
        &self,
        collector: &mut dyn Collector,
        sent: &mut Positions,
        failures: &mut Failures,
    ) -> LaneEnd {
        let begun = Instant::now();
        while !self.shared.stopping() {
            if failures.count > 0 && begun.elapsed() >= self.retry * WORKS_AFTER {
                self.report_end(failures);
            }
            let mut batch = Batch::default();
            let result = self.ask(|| collector.read(&mut batch));
            batch.positions.retain(|position| is_news(sent, position));
            let idle = batch.records.is_empty() && batch.positions.is_empty();
            self.collected.count_batch(&batch);
            if idle && result.is_ok() {
                self.collected.at_end();
            }
            let share = BatchShare::new(&self.collected, &batch);
            if !idle && !self.send(batch, vec![share]) {
                return LaneEnd::Stopped;
            }
            match result {
                // interrupted by a signal: try again soon
                Err(error) if error.is_interruption() => thread::sleep(NAP),
                Err(error) => return LaneEnd::Failed(error_chain(&error)),
                Ok(()) => {}
            }
            if idle {
                let sleep = self.sleep_of(collector);
                self.collected.sleep(|| collector.wait(sleep));
            }
        }
        LaneEnd::Stopped
    }

    /// The longest time until an idle collector reads again.
    fn sleep_of(&self, collector: &dyn Collector) -> Duration {
        if !self.shared.has_subscribers() {
            return SLEEP;
        }
        if collector.notices_late() {
            return POLL_WITH_SUBSCRIBERS;
        }
        SLEEP_WITH_SUBSCRIBERS
    }

    /// Runs a call that may take long if the source does not respond.
    fn ask<T>(&self, call: impl FnOnce() -> T) -> T {
        self.collected.call.begin();
        let answer = call();
        if let Some(after) = self.collected.call.end() {
            self.tell(hang::answers(&self.name, after));
        }
        answer
    }

    /// Blocks while the queue is full. Returns `false` if the writer has ended.
    fn send(&self, batch: Batch, shares: Vec<BatchShare>) -> bool {
        self.in_flight.sent();
        let delivery = Delivery {
            batch,
            shares,
            in_flight: Some(Arc::clone(&self.in_flight)),
        };
        self.sender.send(delivery).is_ok()
    }

    fn report(&self, why: &str, backoff: Duration) {
        let name = &self.name;
        let seconds = backoff.as_secs();
        let text = format!("collector {name} failed: {why}; it starts again in {seconds} s");
        let mut metadata = Metadata::new();
        metadata.insert("collector", name.as_str());
        let event = "collector_failed";
        self.tell(collect::own_record(Level::Error, event, text, metadata));
    }

    /// Reports that the collector has recovered.
    fn report_end(&self, failures: &mut Failures) {
        let name = &self.name;
        let count = failures.count;
        *failures = Failures::new(self.retry);
        let text = format!("collector {name} works again after {count} failures");
        let mut metadata = Metadata::new();
        metadata.insert("collector", name.as_str());
        metadata.insert("failures", count);
        let event = "collector_works";
        self.tell(collect::own_record(Level::Info, event, text, metadata));
    }

    fn tell(&self, record: Record) {
        let batch = Batch {
            records: vec![record],
            ..Batch::default()
        };
        self.send(batch, vec![]);
    }

    fn sleep_while(&self, condition: impl Fn() -> bool, at_most: Duration) {
        let mut slept = Duration::ZERO;
        while condition() && slept < at_most && !self.shared.stopping() {
            self.collected.sleep(|| thread::sleep(NAP));
            slept += NAP;
        }
    }
}

/// Whether a position differs from the last one of its origin and therefore needs a write.
pub(super) fn is_news(sent: &mut Positions, position: &Position) -> bool {
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

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}
