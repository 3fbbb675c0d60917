//! Inspection: a description of the files of a store, in the terms of `format-spec/store.md`, down to the place of each byte.
//!
//! It works on a whole store and on a single segment file, and reads past damage.

mod active;
pub(super) mod model;
mod sealed;

use crate::disk::Disk;
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, Listing};
use crate::store::format::layout::FileKind;
use crate::store::whole::read_only::{self, LoneFile};
use crate::store::whole::snapshot;
use model::{SegmentInspection, SegmentKind, StoreIdentity, StoreInspection, hexadecimal};
use std::path::Path;
use std::sync::Arc;

/// Describes every file of the store in `root`, which may be in use. Nothing is changed.
pub fn inspect_store(disk: Arc<dyn Disk>, root: &Path) -> Result<StoreInspection, Error> {
    let directory = Directory::new(disk, root).current();
    let snapshots = snapshot::snapshots(Arc::clone(&directory.disk), root)?;
    let identity = directory.read_identity().map(|identity| StoreIdentity {
        store_id: hexadecimal(identity.store),
        created: identity.created,
        by: identity.by().to_owned(),
    });
    let mut store = read_only::retried(|| {
        let listing = directory.list()?;
        let mut store = StoreInspection {
            path: directory.root.clone(),
            identity: identity.clone(),
            ids: 0..0,
            records: 0,
            low_water: 1,
            bytes: 0,
            segments: vec![],
            unreadable: vec![],
            leftover: listing.temporary.clone(),
            snapshots: snapshots.clone(),
        };
        store.read(&directory, &listing).map(|()| store)
    })?;
    if let Err(error @ Error::NotAStore { .. }) = &store.identity
        && store.segments.is_empty()
        && store.unreadable.is_empty()
    {
        return Err(error.clone());
    }
    store.segments.sort_by_key(|segment| segment.ids.start);
    let start = store.segments.first().map_or(1, |first| first.ids.start);
    let end = store.segments.last().map_or(1, |last| last.ids.end);
    store.ids = store.low_water.max(start)..end.max(store.low_water);
    Ok(store)
}

impl StoreInspection {
    fn read(&mut self, directory: &Directory, listing: &Listing) -> Result<(), Error> {
        let paths = directory.segments(listing);
        let first_ids = listing.sealed.iter().chain(&listing.active);
        for (path, first_id) in paths.zip(first_ids) {
            let sealed = self.segments.iter();
            let mut sealed = sealed.filter(|segment| segment.kind == SegmentKind::Sealed);
            if sealed.any(|segment| segment.ids.contains(first_id)) {
                self.leftover.push(path);
                continue;
            }
            match inspect_segment(directory.disk.as_ref(), &path) {
                Ok(segment) => {
                    self.records += segment.records;
                    self.bytes += segment.bytes;
                    self.low_water = self.low_water.max(segment.low_water);
                    self.segments.push(segment);
                }
                Err(error @ Error::Io { .. }) => return Err(error),
                Err(error) => self.unreadable.push(error),
            }
        }
        Ok(())
    }
}

/// Describes one segment file, at any path and with any name.
pub fn inspect_segment(disk: &dyn Disk, path: &Path) -> Result<SegmentInspection, Error> {
    let file = LoneFile::open(disk, path)?;
    match file.kind {
        FileKind::Active => active::inspect(file),
        FileKind::Sealed => sealed::inspect(&file),
    }
}

/// Whether a file has the header or the name of a segment file.
pub fn is_segment(disk: &dyn Disk, path: &Path) -> bool {
    LoneFile::open(disk, path).is_ok()
}
