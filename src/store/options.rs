//! The settings of a store.

use std::time::Duration;

/// The settings of a store; `Default` has the documented defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The maximum number of records (`LOG_STORE_MAX_ROWS`).
    pub rows_max: u64,
    /// The maximum time since a record arrived (`LOG_STORE_MAX_AGE`).
    pub age_max: Duration,
    /// The maximum size of the store's files in bytes (`LOG_STORE_MAX_BYTES`).
    pub bytes_max: u64,
    /// How often the age of records is checked (`LOG_STORE_PRUNE_INTERVAL`); rows and bytes are checked in every maintenance.
    pub prune_interval: Duration,
    /// The number of records after which the active segment is sealed (`LOG_STORE_SEGMENT_ROWS`), at most a quarter of `rows_max`.
    pub segment_rows: u64,
    /// The size in bytes, before compression, after which the active segment is sealed (`LOG_STORE_SEGMENT_BYTES`), at most an eighth of
    /// `bytes_max`.
    pub segment_bytes: u64,
    /// When appended records are synced to the disk (`LOG_STORE_SYNC`).
    pub sync: SyncPolicy,
    /// Free space below which the oldest segments are deleted, in percent of the file system (`LOG_STORE_MIN_FREE`).
    pub free_percent_min: u8,
    /// The same in bytes; the greater of the two applies.
    pub free_bytes_min: u64,
    /// The maximum size in bytes of the kept segments (`LOG_STORE_KEEP_BYTES`), apart from `bytes_max`. They have the evidence of segments
    /// that rows or bytes have pushed out. With 0 nothing is kept.
    pub kept_bytes_max: u64,
    /// How many of the newest records of each source are evidence (`LOG_STORE_KEEP_ROWS`).
    pub kept_rows_per_source: u64,
    /// Bytes of the newest segments that are kept even if space is short (`LOG_STORE_MIN_KEEP`), so that a program that fills the
    /// file system cannot make the log disappear.
    pub keep_bytes_min: u64,
}

/// When appended records are synced to the disk. A killed process loses nothing under any of these policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before `append` returns: a power loss loses nothing.
    Batch,
    /// In the first maintenance after this time: a power loss loses at most the records of that time.
    Interval(Duration),
    /// When the operating system writes them back, and when a segment is sealed.
    Off,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rows_max: 1_000_000,
            age_max: Duration::from_hours(168),
            bytes_max: 512 << 20,
            prune_interval: Duration::from_hours(1),
            segment_rows: 65_536,
            segment_bytes: 32 << 20,
            sync: SyncPolicy::Interval(Duration::from_secs(1)),
            free_percent_min: 5,
            free_bytes_min: 64 << 20,
            kept_bytes_max: 64 << 20,
            kept_rows_per_source: 1_000,
            keep_bytes_min: 64 << 20,
        }
    }
}

impl Options {
    /// Retention deletes whole segments, so that a segment must be a small part of the store; yet not so small that compression
    /// suffers.
    pub(super) fn segment_rows_bound(&self) -> u64 {
        self.segment_rows
            .min((self.rows_max / 4).max(SEGMENT_ROWS_FLOOR))
            .clamp(1, SEGMENT_ROWS_CEILING)
    }

    /// The time after which an active file is sealed: age is counted by files, and only whole files are removed.
    pub(super) fn segment_age_bound(&self) -> Duration {
        (self.age_max / 4).max(SEGMENT_AGE_FLOOR)
    }

    /// The maximum size of the active file while it cannot be sealed, in rows and bytes.
    pub(super) fn overfull(&self) -> (u64, u64) {
        let rows = self.segment_rows_bound().saturating_mul(OVERFULL);
        let bytes = self.segment_bytes_bound().saturating_mul(OVERFULL);
        (rows, bytes.min(SEGMENT_BYTES_END))
    }

    /// The size of the active file before compression at which it is sealed, in bytes.
    pub(super) fn segment_bytes_bound(&self) -> u64 {
        self.segment_bytes
            .min((self.bytes_max / 8).max(SEGMENT_BYTES_FLOOR))
            .clamp(1, SEGMENT_BYTES_CEILING)
    }
}

/// Below this size a footer costs more space than an earlier deletion saves.
const SEGMENT_ROWS_FLOOR: u64 = 1_024;
const SEGMENT_BYTES_FLOOR: u64 = 1 << 20;
/// Sealing needs about 40 bytes of memory for each row of the blocks that are being filled.
const SEGMENT_ROWS_CEILING: u64 = 1 << 20;
/// Sealing holds the blocks that are being filled in memory: with many sources these may be the whole segment.
const SEGMENT_BYTES_CEILING: u64 = 1 << 30;
/// The columns of a block have 32-bit lengths; a last frame may exceed the bound.
const SEGMENT_BYTES_END: u64 = 2 << 30;
/// More would exceed the bounds of the whole store.
const OVERFULL: u64 = 8;
/// A segment costs a footer and a few syncs.
const SEGMENT_AGE_FLOOR: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_a_small_part_of_the_store() {
        let defaults = Options::default();
        assert_eq!(defaults.segment_rows_bound(), 65_536);
        assert_eq!(defaults.segment_bytes_bound(), 32 << 20);
        let medium = Options {
            rows_max: 100_000,
            ..Options::default()
        };
        assert_eq!(medium.segment_rows_bound(), 25_000);
        let small = Options {
            rows_max: 10,
            bytes_max: 10,
            ..Options::default()
        };
        assert_eq!(small.segment_rows_bound(), 1_024);
        assert_eq!(small.segment_bytes_bound(), 1 << 20);
        assert_eq!(defaults.segment_age_bound(), Duration::from_hours(42));
        assert_eq!(defaults.overfull(), (524_288, 256 << 20));
        let greatest = Options {
            rows_max: u64::MAX,
            bytes_max: u64::MAX,
            segment_rows: u64::MAX,
            segment_bytes: u64::MAX,
            ..Options::default()
        };
        let (rows, bytes) = greatest.overfull();
        assert!(
            rows < 1 << 24 && bytes < 1 << 32,
            "ids and places of a file"
        );
    }
}
