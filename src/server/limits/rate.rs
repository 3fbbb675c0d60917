//! Rate limits: a token bucket for each principal. Requests without a valid token have smaller buckets of their own, by address, so that
//! strangers never use up the rate of a principal.

use crate::server::auth::principal::{Principal, PrincipalId};
use crate::server::http::error::ApiError;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of buckets. A forgotten client starts with a full one, which gains a client with a thousand addresses one burst.
const BUCKETS_MAX: usize = 1_024;

/// The rate of strangers is that of a principal divided by this.
pub(in crate::server) const STRANGER_PART: u32 = 5;

/// The rate limits.
#[derive(Debug)]
pub(in crate::server) struct Rates {
    principals: TokenBuckets<PrincipalId>,
    strangers: TokenBuckets<IpAddr>,
}

/// A bucket for each key.
#[derive(Debug)]
pub(crate) struct TokenBuckets<K> {
    /// Requests per second; 0: unlimited.
    rate: u32,
    burst: u32,
    filled: Mutex<HashMap<K, TokenBucket>>,
}

/// The remaining requests at the time `since`.
#[derive(Debug, Clone, Copy)]
struct TokenBucket {
    tokens: f64,
    since: Instant,
}

impl Rates {
    /// `rate` requests per second (0: unlimited), `burst` at once.
    pub(in crate::server) fn new(rate: u32, burst: u32) -> Self {
        Self {
            principals: TokenBuckets::new(rate, burst),
            strangers: TokenBuckets::new(
                rate.div_ceil(STRANGER_PART),
                burst.div_ceil(STRANGER_PART),
            ),
        }
    }

    /// Takes a request from the bucket of its principal; 429 if it is empty.
    pub(in crate::server) fn take(
        &self,
        principal: &Principal,
        now: Instant,
    ) -> Result<(), ApiError> {
        match principal.id {
            PrincipalId::Stranger(address) => self.strangers.take(network(address), now),
            id => self.principals.take(id, now),
        }
    }
}

impl<K: Hash + Eq + Copy> TokenBuckets<K> {
    /// `rate` requests a second, and `burst` at once.
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        Self {
            rate,
            burst: burst.max(1),
            filled: Mutex::new(HashMap::new()),
        }
    }

    fn take(&self, key: K, now: Instant) -> Result<(), ApiError> {
        if self.admits(key, now) {
            return Ok(());
        }
        Err(ApiError::too_many(
            "too_many_requests",
            format!("more than {} requests per second", self.rate),
            1,
        ))
    }

    /// Takes a request from the bucket of `key`; false if it is empty.
    pub(crate) fn admits(&self, key: K, now: Instant) -> bool {
        if self.rate == 0 {
            return true;
        }
        // A panic elsewhere leaves the numbers intact.
        let mut buckets = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&key) {
            self.forget(&mut buckets, now);
        }
        let bucket = buckets.entry(key).or_insert(TokenBucket {
            tokens: f64::from(self.burst),
            since: now,
        });
        bucket.tokens = self.filled(*bucket, now);
        bucket.since = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    fn filled(&self, bucket: TokenBucket, now: Instant) -> f64 {
        let passed: Duration = now.saturating_duration_since(bucket.since);
        let filled = bucket.tokens + passed.as_secs_f64() * f64::from(self.rate);
        filled.min(f64::from(self.burst))
    }

    /// Forgets full buckets, or the oldest one if none is full.
    fn forget(&self, buckets: &mut HashMap<K, TokenBucket>, now: Instant) {
        buckets.retain(|_, bucket| self.filled(*bucket, now) < f64::from(self.burst));
        if buckets.len() < BUCKETS_MAX {
            return;
        }
        let oldest = buckets
            .iter()
            .min_by_key(|(_, bucket)| bucket.since)
            .map(|(key, _)| *key);
        if let Some(key) = oldest {
            buckets.remove(&key);
        }
    }
}

/// One customer of a provider usually has a whole IPv6 /64 network.
pub(crate) fn network(client: IpAddr) -> IpAddr {
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

    fn served(rates: &Rates, principal: &Principal, at: Instant, tries: usize) -> usize {
        let taken = (0..tries).filter(|_| rates.take(principal, at).is_ok());
        taken.count()
    }

    #[test]
    fn burst_is_served_first_then_the_rate() {
        let rates = Rates::new(50, 100);
        let (start, owner) = (Instant::now(), Principal::owner());
        let served = |at: Duration| served(&rates, &owner, start + at, 150);
        assert_eq!(served(Duration::ZERO), 100);
        assert_eq!(served(Duration::from_millis(100)), 5);
        assert_eq!(
            served(Duration::from_mins(1)),
            100,
            "at most one burst accumulates"
        );
        let refused = rates.take(&owner, start).unwrap_err();
        assert_eq!(
            (refused.status.as_u16(), refused.retry_after_seconds),
            (429, Some(1))
        );
    }

    #[test]
    fn strangers_have_their_own_small_rate() {
        let rates = Rates::new(50, 100);
        let (now, stranger) = (Instant::now(), Principal::stranger(client("127.0.0.1")));
        assert_eq!(served(&rates, &stranger, now, 1_000), 20);
        assert_eq!(served(&rates, &Principal::owner(), now, 1_000), 100);
        let other = Principal::stranger(client("127.0.0.2"));
        assert_eq!(served(&rates, &other, now, 1_000), 20);
        let few = Rates::new(1, 1);
        assert_eq!(served(&few, &stranger, now, 10), 1);
    }

    #[test]
    fn rate_of_zero_is_unlimited() {
        let rates = Rates::new(0, 1);
        let (now, stranger) = (Instant::now(), Principal::stranger(client("::1")));
        assert_eq!(served(&rates, &stranger, now, 1_000), 1_000);
        assert_eq!(served(&rates, &Principal::owner(), now, 1_000), 1_000);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
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
    fn number_of_buckets_is_bounded() {
        let rates = Rates::new(1, 2);
        let now = Instant::now();
        for number in 0..10_000_u32 {
            let address = IpAddr::V4((0x0a00_0000 + number).into());
            assert!(rates.take(&Principal::stranger(address), now).is_ok());
        }
        let buckets = rates.strangers.filled.lock().expect("not poisoned");
        assert!(buckets.len() <= BUCKETS_MAX);
    }
}
