//! The time limit for the redaction of one record.
//!
//! Every rule takes linear time, so that no text should reach the limit. It guards against a rule that does not, and against slow
//! patterns of the settings: a record that exceeds it is withheld, and the next records are read.

use rustix::time::ClockId;
use rustix::time::clock_gettime;
use std::cell::Cell;

/// The processor time that a record may take: twenty times that of the slowest text of 1 MiB.
pub(super) const RECORD_MS_MAX: u64 = 2000;

/// The additional time for each MiB of the record.
pub(super) const MIB_MS_MAX: u64 = 500;

/// The number of steps between two looks at the clock, which costs as much as several steps.
const STEPS_BETWEEN: u32 = 64;

/// The processor time that remains for a record. The time of other threads does not count.
#[derive(Debug)]
pub(in crate::redact) struct TimeBudget {
    ms_max: u64,
    steps: Cell<u32>,
    /// The end of the budget, in nanoseconds of the clock of the thread. Unknown until the first look.
    ends_at: Cell<Option<u64>>,
    is_spent: Cell<bool>,
}

impl TimeBudget {
    /// The budget for a record of this many bytes.
    pub(in crate::redact) fn for_bytes(bytes: usize) -> Self {
        let mib = u64::try_from(bytes >> 20).unwrap_or(u64::MAX);
        Self::of_ms(RECORD_MS_MAX.saturating_add(mib.saturating_mul(MIB_MS_MAX)))
    }

    /// A budget of this many milliseconds.
    pub(in crate::redact) fn of_ms(ms_max: u64) -> Self {
        Self {
            ms_max,
            steps: Cell::new(0),
            ends_at: Cell::new(None),
            is_spent: Cell::new(false),
        }
    }

    /// Counts a step, and returns whether the time is used up.
    pub(in crate::redact) fn step(&self) -> bool {
        let steps = self.steps.get().saturating_add(1);
        if steps < STEPS_BETWEEN {
            self.steps.set(steps);
            return self.is_spent.get();
        }
        self.steps.set(0);
        self.look()
    }

    /// Counts several steps at once.
    pub(super) fn steps(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.steps.set(self.steps.get().saturating_add(count));
        self.step();
    }

    /// Whether the time is used up.
    pub(in crate::redact) fn is_spent(&self) -> bool {
        self.is_spent.get()
    }

    #[cold]
    fn look(&self) -> bool {
        let now = thread_ns();
        let ends_at = self.ends_at.get().unwrap_or_else(|| {
            let ends_at = now.saturating_add(self.ms_max.saturating_mul(1_000_000));
            self.ends_at.set(Some(ends_at));
            ends_at
        });
        self.is_spent.set(self.is_spent.get() || now >= ends_at);
        self.is_spent.get()
    }
}

/// The processor time that this thread has used, in nanoseconds.
fn thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, ns) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(ns.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_spent_once_the_time_is_used_up() {
        let none = TimeBudget::of_ms(0);
        assert!((1..STEPS_BETWEEN).all(|_| !none.step()));
        assert!(none.step() && none.step() && none.is_spent());
        let much = TimeBudget::for_bytes(1 << 30);
        assert!((0..1000).all(|_| !much.step()) && !much.is_spent());
        assert_eq!(much.ms_max, RECORD_MS_MAX + 1024 * MIB_MS_MAX);
    }
}
