//! The one way from a handler to the core: blocking work on threads of its own, a few at a time.

use super::error::ApiError;
use crate::query::{BlockCache, Budget, Cancel};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Scans at a time. They are bound by the processor, and the machine has work of its own; a few more than cores keep a short
/// question from waiting behind a long one.
pub(super) const RUNNING_MAX: usize = 4;

/// Requests that wait for their turn. At a few milliseconds each this is a second of waiting; past it a client is better
/// told to come back.
pub(super) const WAITING_MAX: usize = 256;

/// What one scan may cost before its page is handed out as it is, to be gone on with from its cursor. A proxy in front gives
/// up after half a minute, a person much earlier.
pub(super) const SCAN_ROWS_MAX: u64 = 50_000_000;
pub(super) const SCAN_TIME_MAX: Duration = Duration::from_secs(2);

/// Bounds the work that is done for requests.
#[derive(Debug)]
pub(super) struct Gate {
    running: Arc<Semaphore>,
    waiting: Semaphore,
    /// Decoded blocks that the next page is likely to need again.
    blocks: BlockCache,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            waiting: Semaphore::new(WAITING_MAX),
            blocks: BlockCache::default(),
        }
    }

    /// Runs `work` on a thread that may block, with what it may spend. When nobody waits for it any more, its scan is ended
    /// early; it counts until then.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Budget) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.waiting.try_acquire().map_err(|_| {
            ApiError::unavailable("busy", "too many requests are waiting; try again", 1)
        })?;
        let turn = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| ApiError::unavailable("stopping", "the server is stopping", 1))?;
        drop(place);
        let cancel = Cancel::default();
        let _waiter = Waiter(cancel.clone());
        let cache = self.blocks.clone();
        let done = tokio::task::spawn_blocking(move || {
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
            tracing::error!("a request failed inside: {error}");
            ApiError::internal()
        })
    }
}

/// Who waits for a scan: dropped when its client hangs up.
struct Waiter(Cancel);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn no_more_than_the_limit_run_and_all_come_through() {
        let gate = Arc::new(Gate::new());
        let running = Arc::new(AtomicUsize::new(0));
        let requests = (0..20).map(|number| {
            let (gate, running) = (Arc::clone(&gate), Arc::clone(&running));
            async move {
                let work = move |_: &Budget| {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    std::thread::sleep(Duration::from_millis(2));
                    running.fetch_sub(1, Ordering::SeqCst);
                    (number, now)
                };
                gate.run(work).await.expect("within the bounds")
            }
        });
        for (index, (number, at_once)) in futures_util::future::join_all(requests)
            .await
            .into_iter()
            .enumerate()
        {
            assert_eq!(number, index);
            assert!(at_once <= RUNNING_MAX);
        }
    }

    #[tokio::test]
    async fn past_the_queue_a_request_is_refused() {
        let gate = Arc::new(Gate::new());
        let (open, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let mut requests: Vec<_> = (0..RUNNING_MAX + WAITING_MAX)
            .map(|_| {
                let (gate, held) = (Arc::clone(&gate), Arc::clone(&held));
                Box::pin(async move {
                    let work = move |_: &Budget| {
                        let ended = held.lock().expect("not poisoned").recv();
                        assert!(ended.is_err(), "nothing is sent");
                    };
                    gate.run(work).await
                })
            })
            .collect();
        for request in &mut requests {
            assert!(futures_util::poll!(request).is_pending());
        }
        let refused = gate.run(|_| ()).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (503, "busy"));
        drop(open);
        for result in futures_util::future::join_all(requests).await {
            assert_eq!(result, Ok(()));
        }
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_request_only() {
        let gate = Gate::new();
        let failed: Result<(), _> = gate.run(|_| panic!("on purpose")).await;
        assert_eq!(failed.unwrap_err().status, 500);
        assert_eq!(gate.run(|_| 1).await, Ok(1));
    }
}
