//! Reading a folder without its lock: beside a writer, a copy, or on media that cannot be written.

use super::append::ActiveWriter;
use super::directory::{Directory, Identity};
use super::error::Error;
use super::reader::{Reader, Shared, View};
use super::recover::{self, Found};
use crate::disk::Disk;
use std::io;
use std::path::Path;
use std::sync::Arc;

impl Reader {
    /// Opens a folder without a lock: also beside a writer, copied, on read-only media. The view is of this moment. What is
    /// damaged is left out; [`super::verify()`] names it.
    pub fn open_read_only(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, Error> {
        let directory = Directory::new(disk, root);
        let found = find(&directory)?;
        let shared = Shared::new(directory.root, view(found));
        Ok(Self::new(Arc::new(shared)))
    }
}

/// Opens every file of a folder that a writer may be changing.
pub(super) fn find(directory: &Directory) -> Result<Found, Error> {
    find_as(directory, &directory.read_identity()?)
}

/// The same for a folder that is known to be of this store.
pub(super) fn find_as(directory: &Directory, identity: &Identity) -> Result<Found, Error> {
    let mut attempts = 1..ATTEMPTS_MAX;
    loop {
        let listing = directory.list()?;
        match recover::open_all(directory, &listing, identity.store, false) {
            // A writer sealed or unlinked it after the folder was listed.
            Err(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempts.next().is_some() => {}
            found => return found,
        }
    }
}

fn view(found: Found) -> View {
    let low_water = found.low_water();
    let mut segments: Vec<_> = found.sealed.into_iter().map(|file| file.segment).collect();
    for scanned in found.active {
        segments.push(Arc::new(ActiveWriter::from(scanned).segment()));
    }
    segments.sort_by_key(|segment| segment.ids().start);
    let start = segments.first().map_or(1, |segment| segment.ids().start);
    let end = segments.last().map_or(1, |segment| segment.ids().end);
    View::new(low_water.max(start)..end.max(low_water), segments)
}

/// A writer seals a segment in seconds at most often: to lose this many races, something else must be wrong.
const ATTEMPTS_MAX: u32 = 10;
