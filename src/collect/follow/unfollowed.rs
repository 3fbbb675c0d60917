//! Logs that are not followed, and when they are reported.

use crate::collect::own::own_record;
use crate::record::{Level, Metadata, Record};
use std::time::{Duration, Instant};

/// Logs followed by one collector: each costs about a kilobyte, and a position in the store.
pub(super) const FOLLOWED_MAX: usize = 4096;

/// A lack of descriptors is reported again after this time.
const TELL_AGAIN_AFTER: Duration = Duration::from_mins(10);

/// Logs that are not followed.
#[derive(Debug, Default)]
pub(super) struct Unfollowed {
    /// Beyond the bound.
    pub(super) beyond: usize,
    /// For want of descriptors.
    pub(super) starved: usize,
    /// The numbers in the last report.
    pub(super) told_beyond: usize,
    pub(super) told_starved: Option<Instant>,
}

impl Unfollowed {
    /// The reports that are new since the last call.
    pub(super) fn news(&mut self, title: &str, followed: usize, limit: u64) -> Vec<Record> {
        let mut news = Vec::new();
        let beyond = self.beyond;
        if beyond >= 2 * self.told_beyond.max(1) || beyond > 0 && self.told_beyond == 0 {
            let text = format!(
                "{beyond} {title} are not followed: too many; the newest {followed} are (at most {FOLLOWED_MAX} at once)"
            );
            let mut metadata = Metadata::new();
            metadata.insert("not_followed", beyond);
            metadata.insert("followed", followed);
            news.push(own_record(Level::Warn, "not_followed", text, metadata));
            self.told_beyond = beyond;
        } else if beyond == 0 {
            self.told_beyond = 0;
        }
        let may_tell = self
            .told_starved
            .is_none_or(|told| told.elapsed() > TELL_AGAIN_AFTER);
        if self.starved > 0 && may_tell {
            let text = format!(
                "{} {title} are not followed for now: this process may open {limit} files and needs more; raise LimitNOFILE (ulimit -n)",
                self.starved
            );
            let mut metadata = Metadata::new();
            metadata.insert("not_followed", self.starved);
            news.push(own_record(Level::Warn, "not_followed", text, metadata));
            self.told_starved = Some(Instant::now());
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
        let mut told = |beyond, starved| {
            (left_out.beyond, left_out.starved) = (beyond, starved);
            left_out.news("files that match x", 9, 64).len()
        };
        assert_eq!(told(0, 0), 0);
        assert_eq!(told(5, 0), 1);
        assert_eq!(told(9, 0), 0);
        assert_eq!(told(10, 0), 1);
        assert_eq!(told(0, 0), 0);
        assert_eq!(told(1, 0), 1);
        assert_eq!(told(1, 3), 1);
        assert_eq!(told(1, 4), 0, "no loop of records");
    }
}
