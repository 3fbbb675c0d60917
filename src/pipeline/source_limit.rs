//! The limit of distinct sources in the store.
//!
//! Names of sources come from outside: a job that starts a container per run creates thousands, which cost every list
//! of sources, every footer and every client. Beyond the limit, records of new sources get one common source, and
//! keep their own in metadata.

use crate::collect;
use crate::record::{Level, Metadata, Record, Source};
use crate::store::Reader;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The common source of records beyond the limit. No collector gives a unit this name, and no workspace has it.
const OTHERS: &str = "system:vmlog-other-sources";

/// The interval at which the stored sources are read again while the limit is reached: deleting segments may reduce them.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The interval of reports while the limit is reached.
const REPORT_EVERY: Duration = Duration::from_hours(1);

/// Counts distinct sources.
pub(super) struct SourceLimit {
    most: usize,
    reader: Reader,
    known: HashSet<Source>,
    looked_at: Option<Instant>,
    reported_at: Option<Instant>,
    /// The records moved to [`OTHERS`] since the last report.
    moved: u64,
}

impl SourceLimit {
    /// Allows `most` sources, including those in the store.
    pub(super) fn new(most: usize, reader: Reader) -> Self {
        let known = stored(&reader);
        Self {
            most,
            reader,
            known,
            looked_at: None,
            reported_at: None,
            moved: 0,
        }
    }

    /// Moves a record to [`OTHERS`] if its source is beyond the limit.
    pub(super) fn admit(&mut self, record: &mut Record) {
        if self.known.contains(&record.source) {
            return;
        }
        if self.known.len() >= self.most && self.is_look_due() {
            self.known = stored(&self.reader);
        }
        if self.known.len() < self.most {
            self.known.insert(record.source.clone());
        } else if let Ok(others) = OTHERS.parse()
            && record.source.as_str() != collect::OWN_SOURCE
        {
            record
                .metadata
                .insert("original_source", record.source.as_str());
            record.source = others;
            self.moved += 1;
        }
    }

    /// The report that is due, if any.
    pub(super) fn report(&mut self) -> Option<Record> {
        let is_due = self
            .reported_at
            .is_none_or(|at| at.elapsed() >= REPORT_EVERY);
        if self.moved == 0 || !is_due {
            return None;
        }
        self.reported_at = Some(Instant::now());
        let (most, moved) = (self.most, std::mem::take(&mut self.moved));
        let text = format!(
            "more than {most} sources: records of new ones are kept as {OTHERS} ({moved} so far), with their source as \
             metadata.original_source; see LOG_STORE_MAX_SOURCES"
        );
        let mut metadata = Metadata::new();
        metadata.insert("sources_max", most as u64);
        metadata.insert("records", moved);
        let event = "too_many_sources";
        Some(collect::own_record(Level::Warn, event, text, metadata))
    }

    fn is_look_due(&mut self) -> bool {
        let is_due = self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if is_due {
            self.looked_at = Some(Instant::now());
        }
        is_due
    }
}

/// The sources of all segments.
fn stored(reader: &Reader) -> HashSet<Source> {
    let view = reader.view();
    let sources = view.segments().iter();
    sources
        .flat_map(|segment| segment.sources().iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::redact::{self, Redactor};
    use crate::store::{self, Store};
    use crate::time::Micros;
    use std::sync::Arc;

    fn record(source: &str) -> Record {
        Record {
            timestamp: Micros::new(0),
            source: source.parse().unwrap(),
            level: Level::Info,
            message: "x".to_owned(),
            metadata: Metadata::new(),
        }
    }

    fn admitted(limit: &mut SourceLimit, source: &str) -> Record {
        let mut record = record(source);
        limit.admit(&mut record);
        record
    }

    #[test]
    fn records_of_sources_beyond_the_limit_share_one_source() {
        let root = tempfile::tempdir().unwrap();
        let options = store::Options::default();
        let (mut store, _) = Store::open(Arc::new(RealDisk), root.path(), options).unwrap();
        let mut redactor = Redactor::new(&redact::RedactOptions::default()).unwrap();
        let kept = redactor.redact(record("docker:kept"));
        store.append(&[kept], &[]).unwrap();
        let mut limit = SourceLimit::new(3, store.reader());
        assert!(limit.report().is_none());
        for source in [
            "docker:a",
            "docker:b",
            "docker:a",
            "docker:kept",
            "docker:b",
        ] {
            assert_eq!(admitted(&mut limit, source).source.as_str(), source);
        }
        assert!(limit.report().is_none(), "nothing was moved");
        // Admitted records are not in the store here, so a further look would forget their sources.
        limit.looked_at = Some(Instant::now());
        for source in ["docker:c", "docker:d"] {
            let moved = admitted(&mut limit, source);
            assert_eq!(moved.source.as_str(), OTHERS);
            let original = moved.metadata.get("original_source");
            assert_eq!(original.and_then(|name| name.as_str()), Some(source));
        }
        let own = admitted(&mut limit, collect::OWN_SOURCE);
        assert_eq!(own.source.as_str(), collect::OWN_SOURCE);
        let report = limit.report().unwrap();
        assert_eq!(report.level, Level::Warn);
        assert!(
            report.message.starts_with("more than 3 sources: "),
            "{}",
            report.message
        );
        assert_eq!(
            report
                .metadata
                .get("records")
                .and_then(serde_json::Value::as_u64),
            Some(2)
        );
        admitted(&mut limit, "docker:e");
        assert!(limit.report().is_none(), "once in a while");
        limit.looked_at = None;
        let fresh = admitted(&mut limit, "docker:f");
        assert_eq!(fresh.source.as_str(), "docker:f", "deleted names make room");
    }
}
