//! How long to wait before the next attempt.

use std::time::Duration;

/// The first wait is between a half and the whole of this.
const FIRST: Duration = Duration::from_millis(500);

/// A gateway that is restarted is found again within this time.
const LONGEST: Duration = Duration::from_mins(1);

/// After a refusal: an administrator has to act, and should not have to visit each machine afterwards.
const AFTER_REFUSAL: Duration = Duration::from_mins(10);

/// A connection that lasted this long was a success: the waits begin anew.
pub(super) const SUCCESS_AFTER: Duration = Duration::from_secs(10);

/// The waits between attempts: each twice as long as the one before, up to a minute. Each is shortened by chance to as little as its half,
/// so that the nodes of a gateway do not all come at the same time.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
}

impl Retry {
    /// The wait after an attempt that failed, or a connection that ended.
    pub(super) fn after_failure(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures.min(16)).unwrap_or(1);
        self.failures = self.failures.saturating_add(1);
        shortened(FIRST.saturating_mul(factor).min(LONGEST), chance())
    }

    /// The wait after a refusal, which lasts until an administrator acts.
    pub(super) fn after_refusal(&mut self) -> Duration {
        self.failures = 0;
        shortened(AFTER_REFUSAL, chance())
    }

    /// An attempt succeeded.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Between the half (0) and the whole (255) of a time.
fn shortened(whole: Duration, chance: u8) -> Duration {
    let half = whole / 2;
    half + half * u32::from(chance) / 255
}

fn chance() -> u8 {
    let mut byte = [0];
    // without random numbers the nodes come at the same time, which the gateway bounds
    match getrandom::fill(&mut byte) {
        Ok(()) => byte[0],
        Err(_) => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_anew_after_a_success() {
        let mut retry = Retry::default();
        let mut whole = FIRST;
        for _ in 0..40 {
            let wait = retry.after_failure();
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
            whole = (whole * 2).min(LONGEST);
        }
        retry.reset();
        assert!(retry.after_failure() <= FIRST);
        let refused = retry.after_refusal();
        assert!(refused >= AFTER_REFUSAL / 2 && refused <= AFTER_REFUSAL);
    }

    #[test]
    fn chance_decides_between_half_and_whole() {
        let whole = Duration::from_mins(1);
        assert_eq!(shortened(whole, 0), whole / 2);
        assert_eq!(shortened(whole, 255), whole);
    }
}
