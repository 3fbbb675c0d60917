//! The trait that all collectors implement, the batch that they fill, and their errors.

use crate::record::{Position, Record};
use crate::time::Micros;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

/// The result of one read of a collector. A position covers the records before it.
#[derive(Debug)]
pub struct Batch {
    /// The records, in the order of the origin.
    pub records: Vec<Record>,
    /// The newest position of each origin that was read.
    pub positions: Vec<Position>,
    /// How far each origin has been read, in its own measure: the number of a journal entry, or bytes of a file.
    /// `None` when an origin has been read to its end for good, or was deleted.
    pub reached: BTreeMap<String, Option<u64>>,
    /// The number of records that were read and filtered out.
    pub filtered: u64,
    /// How many logs are not followed because there are too many, or no descriptors for them. `None` if the collector
    /// does not know.
    pub not_followed: Option<u64>,
    /// A read stops at this number of records.
    pub(crate) records_max: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            positions: Vec::new(),
            reached: BTreeMap::new(),
            filtered: 0,
            not_followed: None,
            records_max: Self::RECORDS_MAX,
        }
    }
}

impl Batch {
    /// A batch that takes one record, so that records of several collectors can be merged in order; two if they
    /// belong together.
    #[must_use]
    pub fn single() -> Self {
        Self {
            records_max: 1,
            ..Self::default()
        }
    }

    /// Maximum number of records in one read, so that memory stays small and other collectors get their turn.
    pub const RECORDS_MAX: usize = 512;
    /// Memory of records, in bytes, at which a read stops.
    pub const BYTES_MAX: usize = 1 << 20;
}

/// A source of records. It is blocking; the pipeline gives each collector its own thread.
pub trait Collector: Send {
    /// Its name in positions, logs and counters: `journald`, `cloud-init`, `file:nginx`.
    fn name(&self) -> &str;

    /// Adds everything that can be read now, up to the bounds of a [`Batch`]; adds nothing when there is nothing new. An error does not
    /// lose the records that are already in the batch.
    fn read(&mut self, batch: &mut Batch) -> Result<(), Error>;

    /// Blocks until there may be something new, but no longer than `timeout`.
    fn wait(&mut self, timeout: Duration);

    /// Whether [`Collector::wait`] may notice a change late, so that the collector is polled while a client tails.
    fn notices_late(&self) -> bool {
        false
    }

    /// The parts of the collector, each with an order of its own: files, containers, commands. Returns for each the
    /// earliest time that it can contain. A part is referred to by its index, which is valid until the next
    /// [`Collector::read`]. Reports that arise meanwhile are added to the batch.
    fn parts(&mut self, batch: &mut Batch) -> Result<Vec<Micros>, Error> {
        let _ = batch;
        Ok(vec![Micros::MIN])
    }

    /// The same as [`Collector::read`] for one part only.
    fn read_part(&mut self, part: usize, batch: &mut Batch) -> Result<(), Error> {
        let _ = part;
        self.read(batch)
    }
}

/// Why a collector cannot continue.
#[derive(Debug)]
pub enum Error {
    /// The operating system refused an operation.
    Io {
        /// The action that failed, and the file.
        what: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether a signal interrupted the call before anything was read, which is not a fault.
    pub(crate) fn is_interruption(&self) -> bool {
        let Self::Io { source, .. } = self;
        source.kind() == std::io::ErrorKind::Interrupted
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Io { what, source } = self;
        write!(f, "cannot {what}: {source}")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let Self::Io { source, .. } = self;
        Some(source)
    }
}

/// A batch while it is being filled: counts bytes and keeps one position for each origin.
#[derive(Debug)]
pub(crate) struct Intake<'a> {
    batch: &'a mut Batch,
    bytes: usize,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(batch: &'a mut Batch) -> Self {
        let bytes = batch.records.iter().map(Record::bytes_about).sum();
        Self { batch, bytes }
    }

    /// Whether the read must stop. One record may exceed the byte limit by at most its own length.
    pub(crate) fn is_full(&self) -> bool {
        self.batch.records.len() >= self.batch.records_max || self.bytes >= Batch::BYTES_MAX
    }

    pub(crate) fn count(&self) -> usize {
        self.batch.records.len()
    }

    /// `Continue`, or `Break` when the batch is full.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.is_full() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += record.bytes_about();
        self.batch.records.push(record);
    }

    /// Counts a record that is filtered out.
    pub(crate) fn filter(&mut self) {
        self.batch.filtered += 1;
    }

    /// Adds to the number of logs that are not followed at the moment.
    pub(crate) fn not_followed(&mut self, logs: u64) {
        self.batch.not_followed = Some(logs);
    }

    /// Sets the newest position of an origin and how far that is, replacing an older one.
    pub(crate) fn position(&mut self, position: Position, reached: Option<u64>) {
        self.batch.reached.insert(position.origin.clone(), reached);
        let same = |known: &&mut Position| known.origin == position.origin;
        match self.batch.positions.iter_mut().find(same) {
            Some(known) => *known = position,
            None => self.batch.positions.push(position),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::own_record;
    use crate::record::Level;
    use crate::record::Metadata;
    use std::error::Error as _;

    #[test]
    fn an_error_says_what_and_why() {
        let error = Error::Io {
            what: "open /var/log/x".to_owned(),
            source: std::io::Error::other("no luck"),
        };
        assert_eq!(error.to_string(), "cannot open /var/log/x: no luck");
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some("no luck")
        );
    }

    #[test]
    fn an_intake_is_full_by_count_and_by_bytes() {
        let mut batch = Batch::default();
        let mut intake = Intake::new(&mut batch);
        for _ in 1..Batch::RECORDS_MAX {
            intake.push(own_record(
                Level::Info,
                "test",
                "x".to_owned(),
                Metadata::new(),
            ));
        }
        assert!(!intake.is_full());
        intake.push(own_record(
            Level::Info,
            "test",
            "x".to_owned(),
            Metadata::new(),
        ));
        assert!(intake.is_full());

        let mut batch = Batch::default();
        let long = "x".repeat(Batch::BYTES_MAX);
        Intake::new(&mut batch).push(own_record(Level::Info, "test", long, Metadata::new()));
        assert!(
            Intake::new(&mut batch).is_full(),
            "what is already in the batch counts"
        );
    }

    #[test]
    fn an_origin_has_one_position_in_a_batch() {
        let position = |origin: &str, byte: u8| Position {
            origin: origin.to_owned(),
            value: Some(vec![byte]),
        };
        let mut batch = Batch::default();
        let mut intake = Intake::new(&mut batch);
        intake.position(position("a", 1), Some(1));
        intake.position(position("b", 2), None);
        intake.position(position("a", 3), Some(3));
        assert_eq!(batch.positions, [position("a", 3), position("b", 2)]);
        let reached = [("a".to_owned(), Some(3)), ("b".to_owned(), None)];
        assert_eq!(batch.reached, BTreeMap::from(reached));
    }
}
