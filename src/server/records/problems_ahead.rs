//! Finds problems before they are asked for, one segment at a time: the first list would otherwise unpack all blocks that have one, and
//! build the index of the active segment.

use crate::query::{Budget, Cancel, Error};
use crate::server::limits::gate::CancelOnDrop;
use crate::tasks;
use std::time::Duration;
use tokio::time::sleep;

/// A server that has just started has more urgent work, as has its machine.
const BEGIN_AFTER: Duration = Duration::from_secs(2);
/// Between two segments, so that other work is hardly delayed.
const PAUSE: Duration = Duration::from_millis(50);
/// How often newly sealed segments are looked for.
const EVERY: Duration = Duration::from_mins(1);

/// Runs until it is aborted. `next`: what reads one more segment, and returns whether there may be another one.
pub(in crate::server) async fn run<R>(next: impl Fn() -> R + Send)
where
    R: FnOnce(&Budget) -> Result<bool, Error> + Send + 'static,
{
    sleep(BEGIN_AFTER).await;
    loop {
        let pause = if read_one(next()).await { PAUSE } else { EVERY };
        sleep(pause).await;
    }
}

async fn read_one(read: impl FnOnce(&Budget) -> Result<bool, Error> + Send + 'static) -> bool {
    let cancel = Cancel::default();
    let _guard = CancelOnDrop(cancel.clone());
    let budget = Budget {
        cancel,
        ..Budget::default()
    };
    let done = tasks::blocking(move || read(&budget)).await;
    match done {
        Ok(Ok(is_read)) => is_read,
        Ok(Err(error)) => {
            tracing::debug!("cannot look for problems ahead: {error}");
            false
        }
        Err(_) => false,
    }
}
