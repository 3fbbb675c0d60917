//! Merges by time what the sources hold at the start, so that the order of arrival, which pages follow, is the order
//! of events on the machine. Once everything written before the start has been read, each collector moves to its
//! lane.
//!
//! One thread calls the collectors, and another watches it: a source that hangs (a file system on an unreachable server) blocks its reader
//! forever. That thread is then abandoned together with the collector, and a new thread continues with the others.

use super::delivery::{Delivery, InFlightBatches};
use super::lane::NAP;
use super::merge::Merge;
use super::starting::Starting;
use super::state::PipelineState;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// The interval at which the calling thread is checked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The merge, and its watchdog.
#[derive(Clone)]
pub(super) struct History {
    shared: Arc<PipelineState>,
    sender: SyncSender<Delivery>,
    in_flight: Arc<InFlightBatches>,
    merge: Arc<Mutex<Merge>>,
    answer_time_max: Duration,
}

impl History {
    pub(super) fn new(
        shared: Arc<PipelineState>,
        sender: SyncSender<Delivery>,
        starting: Vec<Starting>,
        answer_time_max: Duration,
    ) -> Self {
        let in_flight = Arc::<InFlightBatches>::default();
        let merge = Merge::new(
            Arc::clone(&shared),
            sender.clone(),
            Arc::clone(&in_flight),
            starting,
        );
        Self {
            shared,
            sender,
            in_flight,
            merge: Arc::new(Mutex::new(merge)),
            answer_time_max,
        }
    }

    /// Sends everything that was written before the start, in order. Then each lane gets its collector.
    pub(super) fn run(self) {
        let mut asking = self.spawn();
        while asking.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            let is_abandoned = self.merge().abandon_overdue(self.answer_time_max);
            if is_abandoned {
                asking = self.spawn();
            }
        }
        self.merge().send();
        // a lane restarts a failed collector from the committed positions
        while self.in_flight.count() > 0 && !self.shared.stopping() {
            thread::sleep(NAP);
        }
        for starting in self.merge().take_all() {
            starting.hand_over();
        }
    }

    /// Calls the collectors on a new thread. The receiver is disconnected when the thread ends.
    fn spawn(&self) -> Receiver<()> {
        let (ending, ended) = mpsc::channel();
        let own = self.clone();
        let thread = thread::Builder::new()
            .name("history".into())
            .spawn(move || own.ask(&ending));
        if let Err(error) = thread {
            tracing::error!("no thread to merge the histories with: {error}; they are not merged");
        }
        ended
    }

    fn ask(&self, _ending: &Sender<()>) {
        let round = self.merge().round();
        loop {
            let pending = self.merge().next(round);
            let Some(mut pending) = pending else { return };
            pending.run(&self.shared);
            let settled = self.merge().settle(round, pending);
            if let Err(pending) = settled {
                pending.finish_late(&self.shared, &self.sender, &self.in_flight);
                return;
            }
        }
    }

    fn merge(&self) -> MutexGuard<'_, Merge> {
        self.merge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
