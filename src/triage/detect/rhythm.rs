//! The rhythm of a source: whether its next record is due, so that silence says something.
//!
//! Most sources log when something happens, and are silent when nothing does: sessions, jobs, installations, requests of people, attacks.
//! Their records say nothing of when the next one comes, however many there are. Two kinds of sources do: those whose records come at
//! equal intervals (a heartbeat, a poll, a job every five minutes), and those that log about as much in each hour of a day and a night.

use crate::time::Micros;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Records that follow each other within this time belong to one occasion.
const OCCASION_PAUSE: i64 = SECOND;
/// The newest intervals between occasions that are compared.
const INTERVALS: usize = 32;
/// How many of them must be about equal: one and a half times the median at most, and half of it at least. Of intervals between
/// independent occasions, which are distributed exponentially, a third is.
const EQUAL_INTERVALS: usize = 29;
/// They must cover this time.
const TIMED_FOR: i64 = 30 * MINUTE;

/// The hours of a whole day, and the ring with the hour that is counted now.
const DAY_HOURS: i64 = 24;
const HOURS: usize = 25;
/// The share of the mean that the quietest hour must have, and the records of a mean hour.
const QUIETEST_SHARE: u64 = 4;
const HOURLY_MIN: u64 = 60;

/// A source is silent after this time, and after this many times its longest pause.
pub(super) const SILENT_MIN: i64 = 10 * MINUTE;
const SILENT_FACTOR: i64 = 5;

/// When a source logged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    since: Micros,
    last: Micros,
    longest_pause: i64,
    /// When the last occasion began.
    occasion: Micros,
    /// In milliseconds, a ring; and how many were measured.
    intervals: [u32; INTERVALS],
    measured: usize,
    /// Records of hours, a ring; the hour that is counted; and the first one.
    hours: [u32; HOURS],
    hour: i64,
    first_hour: i64,
}

impl Rhythm {
    pub(super) fn new(time: Micros) -> Self {
        let hour = time.get() / HOUR;
        let mut rhythm = Self {
            since: time,
            last: time,
            longest_pause: 0,
            occasion: time,
            intervals: [0; INTERVALS],
            measured: 0,
            hours: [0; HOURS],
            hour,
            first_hour: hour,
        };
        rhythm.count(time);
        rhythm
    }

    /// The last record.
    pub(super) fn last(&self) -> Micros {
        self.last
    }

    /// The longest pause between two records.
    pub(super) fn longest_pause(&self) -> i64 {
        self.longest_pause
    }

    /// Adds a record.
    pub(super) fn add(&mut self, time: Micros) {
        let pause = time.get().saturating_sub(self.last.get());
        self.longest_pause = self.longest_pause.max(pause);
        if pause > OCCASION_PAUSE {
            let interval = time.get().saturating_sub(self.occasion.get()) / 1_000;
            if let Some(slot) = self.intervals.get_mut(self.measured % INTERVALS) {
                *slot = u32::try_from(interval).unwrap_or(u32::MAX);
            }
            self.measured = self.measured.saturating_add(1);
            self.occasion = time;
        }
        self.last = self.last.max(time);
        self.count(time);
    }

    fn count(&mut self, time: Micros) {
        let hour = time.get() / HOUR;
        // hours without a record are hours, too
        for empty in (self.hour + 1..=hour).rev().take(HOURS) {
            if let Some(slot) = self.hours.get_mut(place(empty)) {
                *slot = 0;
            }
        }
        self.hour = self.hour.max(hour);
        if let Some(slot) = self.hours.get_mut(place(hour)) {
            *slot = slot.saturating_add(1);
        }
    }

    /// How long the source may log nothing; `None` if its records do not say when the next one comes.
    pub(super) fn silent_after(&self) -> Option<i64> {
        let limit = SILENT_MIN.max(self.longest_pause.saturating_mul(SILENT_FACTOR));
        (self.is_timed() || self.is_even()).then_some(limit)
    }

    /// Whether occasions come at equal intervals.
    fn is_timed(&self) -> bool {
        let covered = self.last.get().saturating_sub(self.since.get());
        if self.measured < INTERVALS || covered < TIMED_FOR {
            return false;
        }
        let mut sorted = self.intervals;
        sorted.sort_unstable();
        let median = u64::from(sorted.get(INTERVALS / 2).copied().unwrap_or_default());
        let is_about = |interval: &&u32| {
            let twice = 2 * u64::from(**interval);
            (median..=3 * median).contains(&twice)
        };
        sorted.iter().filter(is_about).count() >= EQUAL_INTERVALS
    }

    /// Whether each hour of a whole day had about as many records.
    fn is_even(&self) -> bool {
        // the first hour is no whole one
        if self.hour - self.first_hour <= DAY_HOURS {
            return false;
        }
        let whole = (self.hour - DAY_HOURS)..self.hour;
        let counts = whole.map(|hour| self.hours.get(place(hour)).copied().unwrap_or_default());
        let (least, all) = counts.fold((u32::MAX, 0), |(least, all), count| {
            (least.min(count), all + u64::from(count))
        });
        let mean = all / DAY_HOURS.unsigned_abs();
        mean >= HOURLY_MIN && u64::from(least) * QUIETEST_SHARE >= mean
    }
}

fn place(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(DAY_HOURS + 1)).unwrap_or_default()
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "times within days"
)]
mod tests {
    use super::*;

    const START: i64 = 1_771_338_600_000_000;

    /// The rhythm of records at these times, in milliseconds.
    fn rhythm(times: impl IntoIterator<Item = i64>) -> Rhythm {
        let mut times = times
            .into_iter()
            .map(|time| Micros::new(START + time * 1_000));
        let mut rhythm = Rhythm::new(times.next().expect("a time"));
        times.for_each(|time| rhythm.add(time));
        rhythm
    }

    /// Numbers from 0 to 1, the same ones each time.
    fn chance(seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64
        })
    }

    /// Independent occasions with a rate per second, over this number of seconds.
    fn requests(seed: u64, rate: impl Fn(f64) -> f64, seconds: f64) -> Vec<i64> {
        let (mut now, mut times) = (0.0, vec![0]);
        for part in chance(seed) {
            now += -(1.0 - part).ln() / rate(now);
            if now >= seconds {
                break;
            }
            times.push((now * 1e3) as i64);
        }
        times
    }

    #[test]
    fn equal_intervals_are_a_rhythm_after_half_an_hour() {
        let every = |seconds: i64, count: i64| rhythm((0..count).map(|i| i * seconds * 1_000));
        assert_eq!(every(10, 400).silent_after(), Some(SILENT_MIN));
        assert_eq!(every(10, 100).silent_after(), None, "a quarter of an hour");
        assert_eq!(every(300, 50).silent_after(), Some(25 * MINUTE));
        assert_eq!(every(300, 20).silent_after(), None, "too few");
        // several lines each time, and delays by chance as those of a timer
        let lines = (0..200_i64)
            .zip(chance(1))
            .flat_map(|(i, part)| [0, 2, 700].map(|line| i * 60_000 + (part * 2e4) as i64 + line));
        assert!(rhythm(lines).silent_after().is_some());
    }

    #[test]
    fn what_happens_by_chance_is_no_rhythm() {
        for (seed, rate) in (1..).zip([0.01, 0.1, 0.5, 1.2, 3.0, 10.0, 100.0]) {
            for seconds in [2_000.0, 20_000.0] {
                let times = requests(seed, |_| rate, seconds);
                let count = times.len();
                let found = rhythm(times).silent_after();
                assert_eq!(found, None, "{rate} a second, {count} records");
            }
        }
    }

    #[test]
    fn sessions_jobs_and_installations_are_no_rhythm() {
        // a session of 20 lines now and then, a job of 500 lines every two hours, an installation of 40 minutes
        let sessions = requests(7, |_| 1.0 / 400.0, 80_000.0);
        let sessions = sessions
            .into_iter()
            .flat_map(|start| (0..20).map(move |i| start + i * i * 300));
        assert_eq!(rhythm(sessions).silent_after(), None);
        let jobs = (0..10).flat_map(|job| (0..500).map(move |i| job * 7_200_000 + i * 200));
        assert_eq!(rhythm(jobs).silent_after(), None);
        let installation = requests(8, |now| 0.05 + 3.0 * (now / 300.0).sin().abs(), 2_400.0);
        assert_eq!(rhythm(installation).silent_after(), None);
    }

    #[test]
    fn a_day_and_a_night_of_even_hours_are_a_rhythm() {
        let day = 86_400.0;
        let even = |seconds| rhythm(requests(3, |_| 0.2, seconds));
        assert_eq!(even(day).silent_after(), None, "not a whole day yet");
        assert!(even(day * 1.1).silent_after().is_some());
        // people sleep
        let people = |now: f64| 0.02 + 0.5 * (now / day * std::f64::consts::TAU).sin().max(0.0);
        let people = rhythm(requests(4, people, day * 3.0));
        assert_eq!(people.silent_after(), None);
        // and a day that was quiet is not forgotten at once
        let mut paused = requests(5, |_| 0.2, day * 1.1);
        paused.retain(|time| !(40_000_000..48_000_000).contains(time));
        assert_eq!(rhythm(paused).silent_after(), None);
    }
}
