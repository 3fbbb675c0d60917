//! How many requests a client may make: a bucket of tokens for each address, refilled as time goes.

use super::error::ApiError;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses that are remembered. Who is forgotten starts with a full bucket, which is worth `burst` requests to somebody who
/// has a thousand addresses.
const ADDRESSES_MAX: usize = 1_024;

/// Bounds requests by client.
#[derive(Debug)]
pub(super) struct Rates {
    /// Requests a second; 0 sets no bound.
    rate: u32,
    burst: u32,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

/// What is left of a client's requests, as it was at `since`.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    since: Instant,
}

impl Rates {
    /// `rate` requests a second (0: any number), `burst` at once.
    pub(super) fn new(rate: u32, burst: u32) -> Self {
        Self {
            rate,
            burst: burst.max(1),
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Takes a request off a client's bucket; 429 when it is empty.
    pub(super) fn take(&self, client: IpAddr, now: Instant) -> Result<(), ApiError> {
        if self.rate == 0 {
            return Ok(());
        }
        let client = network(client);
        // a panic elsewhere leaves the numbers as they were
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&client) {
            self.forget(&mut buckets, now);
        }
        let bucket = buckets.entry(client).or_insert(Bucket {
            tokens: f64::from(self.burst),
            since: now,
        });
        bucket.tokens = self.filled(*bucket, now);
        bucket.since = now;
        if bucket.tokens < 1.0 {
            return Err(ApiError::too_many(
                "too_many_requests",
                format!("more than {} requests a second", self.rate),
                1,
            ));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    fn filled(&self, bucket: Bucket, now: Instant) -> f64 {
        let passed: Duration = now.saturating_duration_since(bucket.since);
        let filled = bucket.tokens + passed.as_secs_f64() * f64::from(self.rate);
        filled.min(f64::from(self.burst))
    }

    /// Full buckets say nothing; when none is full, the oldest goes.
    fn forget(&self, buckets: &mut HashMap<IpAddr, Bucket>, now: Instant) {
        buckets.retain(|_, bucket| self.filled(*bucket, now) < f64::from(self.burst));
        if buckets.len() < ADDRESSES_MAX {
            return;
        }
        let oldest = buckets
            .iter()
            .min_by_key(|(_, bucket)| bucket.since)
            .map(|(client, _)| *client);
        if let Some(client) = oldest {
            buckets.remove(&client);
        }
    }
}

/// One customer of a provider has a whole /64 of version 6.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(client) => IpAddr::V4(client),
        IpAddr::V6(client) => {
            let prefix = u128::from(client) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_burst_is_served_and_then_the_rate() {
        let rates = Rates::new(50, 100);
        let start = Instant::now();
        let served = |at: Duration, tries: usize| {
            (0..tries)
                .filter(|_| rates.take(client("10.0.0.1"), start + at).is_ok())
                .count()
        };
        assert_eq!(served(Duration::ZERO, 150), 100);
        assert_eq!(served(Duration::from_millis(100), 150), 5);
        assert_eq!(
            served(Duration::from_mins(1), 150),
            100,
            "no more than a burst is saved"
        );
        assert!(
            rates.take(client("10.0.0.2"), start).is_ok(),
            "others notice nothing"
        );
        let refused = rates.take(client("10.0.0.1"), start).unwrap_err();
        assert_eq!(
            (refused.status.as_u16(), refused.retry_after_seconds),
            (429, Some(1))
        );
    }

    #[test]
    fn no_rate_is_no_bound() {
        let rates = Rates::new(0, 1);
        assert!((0..1_000).all(|_| rates.take(client("::1"), Instant::now()).is_ok()));
    }

    #[test]
    fn neighbours_of_version_six_are_one_client() {
        assert_eq!(
            network(client("2001:db8::1")),
            network(client("2001:db8::ffff:1"))
        );
        assert_ne!(
            network(client("2001:db8::1")),
            network(client("2001:db8:0:1::1"))
        );
        assert_eq!(network(client("::ffff:10.0.0.1")), client("10.0.0.1"));
    }

    #[test]
    fn many_addresses_take_no_more_memory() {
        let rates = Rates::new(1, 2);
        let now = Instant::now();
        for number in 0..10_000_u32 {
            let address = IpAddr::V4((0x0a00_0000 + number).into());
            assert!(rates.take(address, now).is_ok());
        }
        assert!(rates.buckets.lock().expect("not poisoned").len() <= ADDRESSES_MAX);
    }
}
