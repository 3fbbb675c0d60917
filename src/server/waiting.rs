//! What every stream waits for beside its data: the end of its access, and the stop of the server.

use tokio::sync::watch;
use tokio::time::Instant;

/// Waits until that time; without one, forever.
pub(super) async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Waits until the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server has ended, which is equivalent.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
