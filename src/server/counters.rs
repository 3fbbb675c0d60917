//! Counters of the server itself.

use crate::server::http::route::{Endpoint, ROUTES};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use warp::http::StatusCode;

/// Upper bounds of the latency histogram: from a cached page to a scan that uses its whole budget.
pub(super) const LATENCY_MICROS: [u64; 11] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
];

/// 2xx to 5xx.
const STATUS_CLASSES: usize = 4;

/// Counters of the server itself.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) endpoints: [PerEndpoint; ROUTES.len()],
    /// Requests without a route: unknown paths, foreign hosts, bad encoding.
    pub(super) unrouted: AtomicU64,
    /// Records sent to tail clients.
    pub(super) tail_records: AtomicU64,
    /// Gap events sent to tail clients.
    pub(super) tail_gaps: AtomicU64,
    /// Requests refused by the rate limit.
    pub(super) rate_refused: AtomicU64,
    /// 1 while the server is connected to its gateway.
    pub(super) uplink: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct PerEndpoint {
    pub(super) statuses: [AtomicU64; STATUS_CLASSES],
    /// Not cumulative; the last bucket has no upper bound.
    pub(super) latencies: [AtomicU64; LATENCY_MICROS.len() + 1],
    pub(super) micros: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            endpoints: std::array::from_fn(|_| PerEndpoint::default()),
            unrouted: AtomicU64::default(),
            tail_records: AtomicU64::default(),
            tail_gaps: AtomicU64::default(),
            rate_refused: AtomicU64::default(),
            uplink: AtomicU64::default(),
        }
    }
}

impl Metrics {
    /// Counts a response; `None`: no route was found.
    pub(super) fn answered(&self, endpoint: Option<Endpoint>, status: StatusCode, took: Duration) {
        let place = endpoint.and_then(|endpoint| {
            let index = ROUTES.iter().position(|route| route.endpoint == endpoint)?;
            self.endpoints.get(index)
        });
        let Some(counted) = place else {
            add(&self.unrouted, 1);
            return;
        };
        let class = usize::from(status.as_u16() / 100).saturating_sub(2);
        if let Some(count) = counted.statuses.get(class) {
            add(count, 1);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_MICROS.partition_point(|bound| *bound < micros);
        if let Some(count) = counted.latencies.get(bucket) {
            add(count, 1);
        }
        add(&counted.micros, micros);
    }
}

/// Adds to a counter. No decision depends on its value, so relaxed ordering is enough.
pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

pub(super) fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
