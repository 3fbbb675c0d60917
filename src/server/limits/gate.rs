//! The only way from a handler to blocking work: a few threads, shared fairly among principals.
//!
//! Each principal has a queue, and the queues are served in turn. No principal exceeds its share, and narrowed principals together never
//! take the last slot: the owner is served at once, however many expensive queries they send.

use crate::query::{BlockCache, Budget, Cancel};
use crate::server::auth::principal::{Principal, PrincipalId};
use crate::server::http::error::ApiError;
use crate::tasks;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Maximum number of scans at a time. They are CPU-bound, and the machine has other work. A few more than the number
/// of cores keep short queries from waiting for long ones.
pub(in crate::server) const RUNNING_MAX: usize = 4;

/// Maximum number of scans of one principal that sees everything, and of all narrowed ones together: one slot is left for others.
const RUNNING_WIDE_MAX: usize = RUNNING_MAX - 1;

/// Maximum number of scans of one narrowed principal.
pub(in crate::server) const RUNNING_NARROW_MAX: usize = 2;

/// Maximum number of waiting requests of one principal: several times as many as the page sends at once. A waiting
/// request needs little memory, because its filter is not compiled yet.
pub(in crate::server) const WAITING_MAX: usize = 64;

/// Maximum number of waiting requests of all principals.
const WAITING_TOGETHER_MAX: usize = 512;

/// How long a request waits for its turn. Proxies give up after half a minute, people much earlier.
pub(in crate::server) const WAIT_MAX: Duration = Duration::from_secs(5);

/// The budget of one scan. Beyond it, the page is returned as it is, with a cursor to continue.
pub(in crate::server) const SCAN_ROWS_MAX: u64 = 50_000_000;
pub(in crate::server) const SCAN_TIME_MAX: Duration = Duration::from_secs(2);

/// Bounds the work for requests.
#[derive(Debug)]
pub(in crate::server) struct Gate {
    queues: Arc<Mutex<GateQueues>>,
    /// Decoded blocks, which the next page is likely to need.
    blocks: BlockCache,
    wait_max: Duration,
}

/// How long a request waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitPolicy {
    /// At most [`WAIT_MAX`].
    Bounded,
    /// Without bound: the next page of a stream, of which each principal has few.
    Stream,
}

impl Gate {
    pub(in crate::server) fn new() -> Self {
        Self {
            queues: Arc::default(),
            blocks: BlockCache::default(),
            wait_max: WAIT_MAX,
        }
    }

    /// Runs `work` with its budget on a thread that may block; fails with 503 if its turn does not come in time. If
    /// the client disconnects, the scan is cancelled; it counts until it has ended.
    pub(in crate::server) async fn run<T: Send + 'static>(
        &self,
        principal: &Principal,
        work: impl FnOnce(&Budget) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.run_when(principal, WaitPolicy::Bounded, work).await
    }

    /// As [`Self::run`], for a stream that has begun: it waits without bound.
    pub(in crate::server) async fn run_stream<T: Send + 'static>(
        &self,
        principal: &Principal,
        work: impl FnOnce(&Budget) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.run_when(principal, WaitPolicy::Stream, work).await
    }

    async fn run_when<T: Send + 'static>(
        &self,
        principal: &Principal,
        patience: WaitPolicy,
        work: impl FnOnce(&Budget) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.turn(principal, patience).await?;
        let cancel = Cancel::default();
        let _waiter = CancelOnDrop(cancel.clone());
        let cache = self.blocks.clone();
        let done = tasks::blocking(move || {
            let result = work(&Budget {
                rows_max: SCAN_ROWS_MAX,
                time_max: SCAN_TIME_MAX,
                cancel,
                cache,
            });
            drop(turn);
            result
        });
        done.await.map_err(|error| {
            tracing::error!("a request panicked: {error}");
            ApiError::internal()
        })
    }

    async fn turn(&self, principal: &Principal, patience: WaitPolicy) -> Result<Turn, ApiError> {
        let coming = lock(&self.queues).ask(principal, &self.queues);
        let mut coming = match coming.ok_or_else(busy)? {
            Admission::Now(turn) => return Ok(turn),
            Admission::Later(coming) => coming,
        };
        let stopping = |_| ApiError::unavailable("stopping", "the server is stopping", 1);
        match patience {
            WaitPolicy::Stream => coming.await.map_err(stopping),
            WaitPolicy::Bounded => match timeout(self.wait_max, &mut coming).await {
                Ok(turn) => turn.map_err(stopping),
                Err(_) => Err(busy()),
            },
        }
    }
}

fn busy() -> ApiError {
    let message = "too many requests are waiting (try again)";
    ApiError::unavailable("busy", message, 2)
}

/// Running and waiting requests.
#[derive(Debug, Default)]
struct GateQueues {
    running: usize,
    /// Of these, those of narrowed principals.
    running_narrow: usize,
    waiting: usize,
    /// Principals with running or waiting requests.
    by_principal: HashMap<PrincipalId, PrincipalQueue>,
    /// Waiting principals in the order in which they are served, each once.
    order: VecDeque<PrincipalId>,
}

/// Running and waiting requests of one principal.
#[derive(Debug, Default)]
struct PrincipalQueue {
    is_narrow: bool,
    running: usize,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// When a request may run.
enum Admission {
    Now(Turn),
    Later(oneshot::Receiver<Turn>),
}

/// A running request; dropping it lets the next one run.
#[derive(Debug)]
struct Turn {
    principal: PrincipalId,
    queues: Arc<Mutex<GateQueues>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queues = lock(&self.queues);
        queues.end(self.principal);
        let turns = queues.serve(&self.queues);
        drop(queues);
        // If the receiver is gone, its turn is dropped, which takes the lock again.
        for (waiting, turn) in turns {
            let _ = waiting.send(turn);
        }
    }
}

impl GateQueues {
    /// A turn now or later; `None` if too many requests wait.
    fn ask(&mut self, principal: &Principal, queues: &Arc<Mutex<Self>>) -> Option<Admission> {
        let queue = self.by_principal.entry(principal.id).or_default();
        queue.is_narrow = !principal.sees_everything();
        // Requests of clients that have disconnected do not count.
        let before = queue.waiting.len();
        queue.waiting.retain(|waiting| !waiting.is_closed());
        self.waiting -= before - queue.waiting.len();
        let is_first = queue.waiting.is_empty();
        if is_first && self.may_run(principal.id) {
            return Some(Admission::Now(self.start(principal.id, queues)));
        }
        let queue = self.by_principal.get_mut(&principal.id)?;
        if queue.waiting.len() >= WAITING_MAX || self.waiting >= WAITING_TOGETHER_MAX {
            self.forget(principal.id);
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        queue.waiting.push_back(sender);
        self.waiting += 1;
        if !self.order.contains(&principal.id) {
            self.order.push_back(principal.id);
        }
        Some(Admission::Later(receiver))
    }

    fn may_run(&self, principal: PrincipalId) -> bool {
        let Some(queue) = self.by_principal.get(&principal) else {
            return false;
        };
        let has_share = if queue.is_narrow {
            queue.running < RUNNING_NARROW_MAX && self.running_narrow < RUNNING_WIDE_MAX
        } else {
            queue.running < RUNNING_WIDE_MAX
        };
        has_share && self.running < RUNNING_MAX
    }

    fn start(&mut self, principal: PrincipalId, queues: &Arc<Mutex<Self>>) -> Turn {
        self.running += 1;
        if let Some(queue) = self.by_principal.get_mut(&principal) {
            queue.running += 1;
            self.running_narrow += usize::from(queue.is_narrow);
        }
        Turn {
            principal,
            queues: Arc::clone(queues),
        }
    }

    fn end(&mut self, principal: PrincipalId) {
        self.running -= 1;
        if let Some(queue) = self.by_principal.get_mut(&principal) {
            queue.running -= 1;
            self.running_narrow -= usize::from(queue.is_narrow);
        }
        self.forget(principal);
    }

    /// Forgets a principal without running or waiting requests.
    fn forget(&mut self, principal: PrincipalId) {
        let queue = self.by_principal.get(&principal);
        if queue.is_some_and(|queue| queue.running == 0 && queue.waiting.is_empty()) {
            self.by_principal.remove(&principal);
        }
    }

    /// Starts the next requests: a principal that was served moves to the end of the order.
    fn serve(&mut self, queues: &Arc<Mutex<Self>>) -> Vec<(oneshot::Sender<Turn>, Turn)> {
        let mut served = Vec::new();
        while let Some(at) = self.order.iter().position(|id| self.may_run(*id)) {
            let Some(id) = self.order.remove(at) else {
                break;
            };
            let Some(queue) = self.by_principal.get_mut(&id) else {
                continue;
            };
            let next = queue.waiting.pop_front();
            self.waiting -= usize::from(next.is_some());
            if !queue.waiting.is_empty() {
                self.order.push_back(id);
            }
            match next {
                Some(waiting) if !waiting.is_closed() => {
                    let turn = self.start(id, queues);
                    served.push((waiting, turn));
                }
                _ => self.forget(id),
            }
        }
        served
    }
}

/// A panic elsewhere leaves the counts intact.
fn lock(queues: &Mutex<GateQueues>) -> MutexGuard<'_, GateQueues> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cancels a scan when it is dropped: the client has disconnected, or the task that waits has ended.
pub(in crate::server) struct CancelOnDrop(pub(in crate::server) Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::auth::scope::AccessScope;
    use futures_util::poll;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    fn narrow(name: &str) -> Principal {
        Principal {
            id: PrincipalId::vouched(Some(name), None),
            scope: AccessScope::Only(Vec::new()),
            workspace: Some(name.to_owned()),
            writes_events: false,
            remaining: None,
        }
    }

    /// Work that runs until the sender is dropped.
    struct HeldWork {
        _open: mpsc::Sender<()>,
        held: Arc<Mutex<mpsc::Receiver<()>>>,
    }

    impl HeldWork {
        fn new() -> Self {
            let (open, held) = mpsc::channel();
            Self {
                _open: open,
                held: Arc::new(Mutex::new(held)),
            }
        }

        fn work(&self) -> impl FnOnce(&Budget) + Send + 'static {
            let held = Arc::clone(&self.held);
            move |_| {
                let ended = held.lock().expect("not poisoned").recv();
                assert!(ended.is_err(), "nothing is sent");
            }
        }
    }

    #[tokio::test]
    async fn at_most_the_limit_runs_and_all_complete() {
        let gate = Arc::new(Gate::new());
        let running = Arc::new(AtomicUsize::new(0));
        let requests = (0..40).map(|number| {
            let (gate, running) = (Arc::clone(&gate), Arc::clone(&running));
            async move {
                let work = move |_: &Budget| {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    std::thread::sleep(Duration::from_millis(2));
                    running.fetch_sub(1, Ordering::SeqCst);
                    (number, now)
                };
                let principal = narrow(&(number % 5).to_string());
                gate.run(&principal, work).await.expect("within the bounds")
            }
        });
        let done = futures_util::future::join_all(requests).await;
        for (index, (number, at_once)) in done.into_iter().enumerate() {
            assert_eq!(number, index);
            assert!(at_once <= RUNNING_MAX);
        }
        let queues = lock(&gate.queues);
        assert_eq!(
            (queues.running, queues.running_narrow, queues.waiting),
            (0, 0, 0)
        );
        assert!(queues.by_principal.is_empty() && queues.order.is_empty());
    }

    #[tokio::test]
    async fn narrowed_principals_never_take_the_last_slot() {
        let gate = Gate::new();
        let held = HeldWork::new();
        let crowd: Vec<_> = ["a", "b", "c", "d"].into_iter().map(narrow).collect();
        let mut requests: Vec<_> = crowd
            .iter()
            .cycle()
            .take(100)
            .map(|principal| Box::pin(gate.run(principal, held.work())))
            .collect();
        for request in &mut requests {
            assert!(poll!(request).is_pending());
        }
        assert_eq!(lock(&gate.queues).running, RUNNING_WIDE_MAX);
        assert_eq!(gate.run(&Principal::owner(), |_| 1).await, Ok(1));
        drop(requests);
        drop(held);
    }

    #[tokio::test]
    async fn principals_are_served_in_turn() {
        let gate = Arc::new(Gate::new());
        let held = HeldWork::new();
        let many = narrow("many");
        let blocked: Vec<_> = (0..RUNNING_NARROW_MAX)
            .map(|_| {
                let (gate, many, work) = (Arc::clone(&gate), many.clone(), held.work());
                tokio::spawn(async move { gate.run(&many, work).await })
            })
            .collect();
        while lock(&gate.queues).running < RUNNING_NARROW_MAX {
            tokio::task::yield_now().await;
        }
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name: &'static str| {
            let order = Arc::clone(&order);
            move |_: &Budget| order.lock().expect("not poisoned").push(name)
        };
        let mut waiting: Vec<_> = (0..10)
            .map(|_| Box::pin(gate.run(&many, note("many"))))
            .collect();
        for request in &mut waiting {
            assert!(poll!(request).is_pending());
        }
        let one = narrow("one");
        gate.run(&one, note("one")).await.expect("served");
        assert_eq!(
            *order.lock().expect("not poisoned"),
            ["one"],
            "before all that wait"
        );
        drop(held);
        for result in futures_util::future::join_all(waiting).await {
            assert_eq!(result, Ok(()));
        }
        for result in blocked {
            assert_eq!(result.await.expect("no panic"), Ok(()));
        }
    }

    #[tokio::test]
    async fn full_queue_refuses_only_its_own_principal() {
        let gate = Gate::new();
        let held = HeldWork::new();
        let many = narrow("many");
        let mut requests: Vec<_> = (0..RUNNING_NARROW_MAX + WAITING_MAX)
            .map(|_| Box::pin(gate.run(&many, held.work())))
            .collect();
        for request in &mut requests {
            assert!(poll!(request).is_pending());
        }
        let refused = gate.run(&many, |_| ()).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (503, "busy"));
        assert!(refused.retry_after_seconds.is_some());
        assert_eq!(gate.run(&narrow("other"), |_| 1).await, Ok(1));
        drop(held);
        for result in futures_util::future::join_all(requests).await {
            assert_eq!(result, Ok(()));
        }
    }

    #[tokio::test]
    async fn waiting_request_is_refused_in_time_but_stream_waits() {
        let gate = Gate {
            wait_max: Duration::from_millis(10),
            ..Gate::new()
        };
        let owner = Principal::owner();
        let turns: Vec<_> = (0..RUNNING_WIDE_MAX)
            .map(|_| lock(&gate.queues).ask(&owner, &gate.queues))
            .collect();
        let refused = gate.run(&owner, |_| ()).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (503, "busy"));
        let stream = timeout(gate.wait_max * 10, gate.run_stream(&owner, |_| ()));
        assert!(stream.await.is_err(), "a stream waits on");
        drop(turns);
        assert_eq!(lock(&gate.queues).waiting, 0);
        assert_eq!(lock(&gate.queues).running, 0);
    }

    #[tokio::test]
    async fn panic_fails_only_its_own_request() {
        let gate = Gate::new();
        let owner = Principal::owner();
        let failed: Result<(), _> = gate.run(&owner, |_| panic!("on purpose")).await;
        assert_eq!(failed.unwrap_err().status, 500);
        assert_eq!(gate.run(&owner, |_| 1).await, Ok(1));
    }
}
