//! Buckets of time with round lengths, aligned to multiples of their length.

use crate::time::Micros;

const MILLISECOND: i64 = 1_000;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Lengths that are easy to read.
const ROUND: &[i64] = &[
    1,
    10,
    100,
    MILLISECOND,
    10 * MILLISECOND,
    100 * MILLISECOND,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];

/// Consecutive buckets of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::query) struct Scale {
    /// The number of the first bucket, counted from 1970.
    first: i64,
    width: i64,
    buckets: usize,
}

impl Scale {
    /// The shortest round buckets that cover `earliest` to `latest` with at most `buckets_max` of them, which must not be 0.
    pub(in crate::query) fn new(earliest: Micros, latest: Micros, buckets_max: usize) -> Self {
        let days = std::iter::successors(Some(2 * DAY), |width| width.checked_mul(2));
        let widths = ROUND.iter().copied().chain(days);
        let scales = widths.map(|width| {
            let first = earliest.get().div_euclid(width);
            let last = latest.get().div_euclid(width);
            let buckets = usize::try_from(last - first).map_or(usize::MAX, |count| count + 1);
            Self {
                first,
                width,
                buckets,
            }
        });
        let mut longest = None;
        for scale in scales {
            if scale.buckets <= buckets_max {
                return scale;
            }
            longest = Some(scale);
        }
        // a range around 1970 needs two buckets; if only one is allowed, it counts all
        longest.map_or(
            Self {
                first: 0,
                width: DAY,
                buckets: 1,
            },
            |scale| Self {
                buckets: buckets_max,
                ..scale
            },
        )
    }

    pub(in crate::query) fn start(self) -> Micros {
        Micros::new(self.first.saturating_mul(self.width))
    }

    pub(in crate::query) fn bucket_micros(self) -> i64 {
        self.width
    }

    pub(in crate::query) fn buckets(self) -> usize {
        self.buckets
    }

    /// The bucket of `time`; the nearest one for a time outside all buckets.
    pub(in crate::query) fn bucket(self, time: Micros) -> usize {
        let number = time.get().div_euclid(self.width) - self.first;
        usize::try_from(number.max(0)).map_or(0, |number| number.min(self.buckets - 1))
    }

    /// Looks up buckets of times that mostly ascend.
    pub(in crate::query) fn follow(self) -> Follow {
        Follow {
            scale: self,
            bucket: 0,
            holds: Micros::MAX..Micros::MIN,
        }
    }
}

/// Remembers the last bucket: a division for each of a million times would take longer than reading them.
pub(in crate::query) struct Follow {
    scale: Scale,
    bucket: usize,
    holds: std::ops::Range<Micros>,
}

impl Follow {
    pub(in crate::query) fn bucket(&mut self, time: Micros) -> usize {
        if !self.holds.contains(&time) {
            let width = self.scale.width;
            let start = Micros::new(time.get().div_euclid(width).saturating_mul(width));
            self.bucket = self.scale.bucket(time);
            self.holds = start..start.plus(width);
        }
        self.bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_round_and_borders_are_multiples() {
        let scale = Scale::new(Micros::new(61 * SECOND), Micros::new(3_700 * SECOND), 60);
        assert_eq!((scale.bucket_micros(), scale.buckets()), (2 * MINUTE, 31));
        assert_eq!(scale.start(), Micros::new(0));
        let one = Scale::new(Micros::new(5), Micros::new(5), 60);
        assert_eq!(
            (one.bucket_micros(), one.buckets(), one.start().get()),
            (1, 1, 5)
        );
    }

    #[test]
    fn all_of_time_fits() {
        for buckets in [1, 2, 60, 500] {
            let scale = Scale::new(Micros::MIN, Micros::MAX, buckets);
            assert!((1..=buckets).contains(&scale.buckets()), "{scale:?}");
            assert!(scale.bucket(Micros::MAX) < buckets);
        }
        let around = Scale::new(Micros::new(-1), Micros::new(1), 1);
        assert_eq!(around.buckets(), 1);
    }

    proptest! {
        #[test]
        fn every_time_of_the_range_is_in_its_bucket(
            a in -10_000_000_000_000_i64..10_000_000_000_000,
            length in 0..1_000_000_000_000_i64,
            at in 0.0..1.0_f64,
            buckets in 2..500_usize,
        ) {
            let scale = Scale::new(Micros::new(a), Micros::new(a + length), buckets);
            prop_assert!((1..=buckets).contains(&scale.buckets()));
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any point will do")]
            let time = a + (length as f64 * at) as i64;
            let bucket = scale.bucket(Micros::new(time));
            prop_assert_eq!(scale.follow().bucket(Micros::new(time)), bucket);
            let start = scale.start().get() + i64::try_from(bucket).unwrap() * scale.bucket_micros();
            prop_assert!((start..start + scale.bucket_micros()).contains(&time));
        }
    }
}
