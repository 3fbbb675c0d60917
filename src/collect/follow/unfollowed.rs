//! Logs that are not followed, and when they are reported.

use crate::collect::own::own_record;
use crate::record::{Level, Metadata, Record};
use std::time::{Duration, Instant};

/// Maximum number of logs that one collector follows: each costs about a kilobyte, and a position in the store.
pub(super) const FOLLOWED_MAX: usize = 4096;

/// A lack of descriptors is reported again after this time.
const REPORT_AGAIN_AFTER: Duration = Duration::from_mins(10);

/// Logs that are not followed.
#[derive(Debug, Default)]
pub(super) struct Unfollowed {
    /// Number of logs beyond the maximum.
    pub(super) beyond: usize,
    /// Number of logs without a descriptor.
    pub(super) starved: usize,
    /// The number in the last report.
    pub(super) reported_beyond: usize,
    pub(super) reported_starved: Option<Instant>,
}

impl Unfollowed {
    /// Reports that are due since the last call.
    pub(super) fn news(&mut self, title: &str, followed: usize, limit: u64) -> Vec<Record> {
        let mut news = Vec::new();
        let beyond = self.beyond;
        if beyond >= 2 * self.reported_beyond.max(1) || beyond > 0 && self.reported_beyond == 0 {
            let text = format!(
                "{beyond} {title} are not followed: too many; the newest {followed} are (at most {FOLLOWED_MAX} at once)"
            );
            let mut metadata = Metadata::new();
            metadata.insert("not_followed", beyond);
            metadata.insert("followed", followed);
            news.push(own_record(Level::Warn, "not_followed", text, metadata));
            self.reported_beyond = beyond;
        } else if beyond == 0 {
            self.reported_beyond = 0;
        }
        let may_tell = self
            .reported_starved
            .is_none_or(|reported| reported.elapsed() > REPORT_AGAIN_AFTER);
        if self.starved > 0 && may_tell {
            let text = format!(
                "{} {title} are not followed for now: this process may open {limit} files and needs more; raise LimitNOFILE (ulimit -n)",
                self.starved
            );
            let mut metadata = Metadata::new();
            metadata.insert("not_followed", self.starved);
            news.push(own_record(Level::Warn, "not_followed", text, metadata));
            self.reported_starved = Some(Instant::now());
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_unfollowed_logs_once_and_again_when_they_double() {
        let mut left_out = Unfollowed::default();
        let mut reported = |beyond, starved| {
            (left_out.beyond, left_out.starved) = (beyond, starved);
            left_out.news("files that match x", 9, 64).len()
        };
        assert_eq!(reported(0, 0), 0);
        assert_eq!(reported(5, 0), 1);
        assert_eq!(reported(9, 0), 0);
        assert_eq!(reported(10, 0), 1);
        assert_eq!(reported(0, 0), 0);
        assert_eq!(reported(1, 0), 1);
        assert_eq!(reported(1, 3), 1);
        assert_eq!(reported(1, 4), 0, "no loop of records");
    }
}
