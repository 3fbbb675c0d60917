//! The writer: appends frames, syncs them, and publishes views.

use super::append::{ActiveWriter, FrameWriter};
use super::arrival::AgeClock;
use super::seal::Sealer;
use super::trouble::{Backoff, Troubles};
use crate::disk::DiskFile;
use crate::record::{Position, Positions};
use crate::redact::Redacted;
use crate::store::error::Error;
use crate::store::evidence::thinner::Thinner;
use crate::store::folder::directory::{Directory, Identity};
use crate::store::folder::recover::{LostFile, SealedFile};
use crate::store::options::{Options, SyncPolicy};
use crate::store::read::reader::{Reader, Shared, View};
use crate::store::read::segment::Segment;
use crate::time::Micros;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// The writer of a store. There is only one at a time.
///
/// ```
/// use std::sync::Arc;
/// use vmlog::disk::RealDisk;
/// use vmlog::record::{Level, Metadata, Record, Source};
/// use vmlog::redact::{RedactOptions, Redactor};
/// use vmlog::store::{Options, Store};
/// use vmlog::time::Micros;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let (mut store, _) = Store::open(Arc::new(RealDisk), folder.path(), Options::default())?;
/// let record = Record {
///     timestamp: Micros::now(),
///     source: Source::new("file", "app"),
///     level: Level::Info,
///     message: "started".to_owned(),
///     metadata: Metadata::new(),
/// };
/// let redacted = Redactor::new(&RedactOptions::default())?.redact(record);
/// let ids = store.append(&[redacted], &[])?;
/// assert_eq!(ids, 1..2);
/// store.sync()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Store {
    pub(in crate::store) directory: Directory,
    pub(in crate::store) options: Options,
    pub(in crate::store) identity: Identity,
    pub(in crate::store) sealed: Vec<SealedFile>,
    pub(in crate::store) lost: Vec<LostFile>,
    pub(in crate::store) frozen: Vec<Frozen>,
    pub(in crate::store) active: ActiveWriter,
    pub(in crate::store) shared: Arc<Shared>,
    /// Records below this id are deleted.
    pub(in crate::store) low_water: u64,
    /// The number of rows to seal in the next appends.
    pub(in crate::store) seal_credit: u64,
    pub(in crate::store) last_sync: Micros,
    pub(in crate::store) last_prune: Option<Micros>,
    /// When files were last deleted for lack of space on the file system.
    pub(in crate::store) room_made: Option<Micros>,
    /// Segments below this id are thinned for lack of space on the file system.
    pub(in crate::store) noise_end: u64,
    pub(in crate::store) frames: FrameWriter,
    pub(in crate::store) age_clock: AgeClock,
    /// Files that are no longer part of the store, and must be removed.
    pub(in crate::store) doomed: Vec<Doomed>,
    pub(in crate::store) troubles: Troubles,
    /// The pause before rotation and sealing are retried.
    pub(in crate::store) rotation_pause: Backoff,
    /// The pause before removals are retried.
    pub(in crate::store) unlink_pause: Backoff,
    /// The pause before recovery is retried.
    pub(in crate::store) recovery_pause: Backoff,
    /// Segments that are being thinned.
    pub(in crate::store) thinner: Option<Thinner>,
    /// The number of records that thinning has left out since it was last reported.
    pub(in crate::store) thinned_rows: u64,
    /// The pause before thinning is retried.
    pub(in crate::store) thin_pause: Backoff,
    /// Held while the store is open.
    pub(in crate::store) lock: Arc<dyn DiskFile>,
}

/// A file that is no longer part of the store.
#[derive(Debug)]
pub(in crate::store) struct Doomed {
    pub(in crate::store) path: PathBuf,
    /// Its size in bytes, if it was a segment; `None` for other files.
    pub(in crate::store) bytes: Option<u64>,
}

/// A full active file that will be sealed.
#[derive(Debug)]
pub(in crate::store) struct Frozen {
    pub(in crate::store) segment: Arc<Segment>,
    pub(in crate::store) writer: ActiveWriter,
    pub(in crate::store) sealer: Option<Sealer>,
    /// Its bytes can no longer be read, so that it cannot be sealed.
    pub(in crate::store) damaged: bool,
}

impl Store {
    /// Appends records and the positions that cover them as one frame, and returns the ids. Both survive a `kill -9` afterwards.
    ///
    /// After a transient error the same append may succeed later, see [`Error::is_transient`]. After any other failed write or sync
    /// every append fails without effect, until [`Self::maintain`] has recovered the store.
    pub fn append(
        &mut self,
        records: &[Redacted],
        positions: &[Position],
    ) -> Result<Range<u64>, Error> {
        self.check()?;
        let first_id = self.active.index.next_id;
        if records.is_empty() && positions.is_empty() {
            return Ok(first_id..first_id);
        }
        self.make_way()?;
        let begin = match self.write(first_id, records, positions) {
            Err(error) if error.is_file_too_large() && self.active.index.rows() > 0 => {
                self.rotate()?;
                self.write(first_id, records, positions)?
            }
            written => written?,
        };
        if self.options.sync == SyncPolicy::Batch
            && let Err(error) = self.sync()
        {
            // The caller will retry: the written frame must not count.
            self.active.length = begin;
            return Err(error);
        }
        let rows = records.len() as u64;
        self.publish();
        self.seal_in_passing(rows);
        self.thin_in_passing(rows);
        Ok(first_id..first_id + rows)
    }

    /// Writes a frame; returns its offset.
    fn write(
        &mut self,
        first_id: u64,
        records: &[Redacted],
        positions: &[Position],
    ) -> Result<u64, Error> {
        let begin = self.active.length;
        let records = records.iter().map(Redacted::record);
        let written = self
            .frames
            .append(&mut self.active, first_id, &records, positions);
        self.latched(written)?;
        Ok(begin)
    }

    /// Appends a frame without records.
    pub(in crate::store) fn append_low_water(&mut self) -> Result<(), Error> {
        self.check()?;
        let written = self
            .frames
            .append_low_water(&mut self.active, self.low_water);
        self.latched(written)
    }

    /// Records a failure after which nothing may be written.
    pub(in crate::store) fn latched<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| {
            if error.is_failure() {
                self.shared.fail(error);
            }
        })
    }

    /// Syncs the appended records, so that they survive a power loss.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.check()?;
        let synced = self.active.sync();
        self.latched(synced)
    }

    /// The newest position of every origin.
    #[must_use]
    pub fn positions(&self) -> &Positions {
        &self.active.index.positions
    }

    /// Returns a handle for readers.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// Fails if an earlier failure has not been recovered from.
    pub(in crate::store) fn check(&self) -> Result<(), Error> {
        self.shared.failure().map_or(Ok(()), Err)
    }

    /// Publishes the present state to readers.
    pub(in crate::store) fn publish(&self) {
        let sealed = self.sealed.iter().map(|file| &file.segment);
        let frozen = self.frozen.iter().map(|frozen| &frozen.segment);
        let mut segments: Vec<Arc<Segment>> = sealed.chain(frozen).cloned().collect();
        segments.push(Arc::new(self.active.segment()));
        segments.sort_by_key(|segment| segment.ids().start);
        let first = segments.first().map_or(0, |segment| segment.ids().start);
        let ids = self.low_water.max(first)..self.active.index.next_id;
        self.shared.publish(View::new(ids, segments));
    }
}

impl Frozen {
    pub(in crate::store) fn new(mut writer: ActiveWriter, damaged: bool) -> Self {
        writer.end_stream();
        Self {
            segment: Arc::new(writer.segment()),
            writer,
            sealer: None,
            damaged,
        }
    }
}
