//! Replacing a store: the new one is built in a folder within the old one, and replaces it when it is complete. Opening for writing
//! finishes a replacement that a crash interrupted.

use super::read_only;
use super::snapshot;
use crate::disk::Disk;
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, RESTORING};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Replaces all records of the store at `to`, which must not be open for writing, by those of the snapshot at `from`. The snapshots of
/// the store are kept, and `from` may be one of them. New ids follow those of both, so that no id is used twice.
pub fn restore_replacing(disk: Arc<dyn Disk>, from: &Path, to: &Path) -> Result<(), Error> {
    disk.create_dir_all(to).map_err(Error::io("create", to))?;
    let source = Directory::new(Arc::clone(&disk), from);
    let target = Directory::new(disk, to);
    let _lock = target.lock()?;
    finish(&target)?;
    let old = read_only::find(&target);
    // The ids of an unreadable store are unknown.
    let next_id = old.map_or(1, |old| old.found.next_id());
    let staging = snapshot::claim(&target.disk, &target.root.join(RESTORING))?;
    snapshot::derive(&source, &staging, next_id, |known| Ok(known.clone()))?;
    finish(&target)
}

/// Finishes a complete replacement, and removes an incomplete one.
pub(in crate::store) fn finish(target: &Directory) -> Result<(), Error> {
    let staging = Directory::new(Arc::clone(&target.disk), &target.root.join(RESTORING));
    let listing = match staging.list() {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        listing => listing?,
    };
    if listing.has_store_file {
        // Each step may have been done before. The inner folder is complete until the last one.
        target.remove_segments()?;
        for path in staging.segments(&listing) {
            target.link(&path)?;
        }
        target.sync()?;
        target.take_identity(&staging)?;
    }
    staging.remove_segments()?;
    staging.remove_folder()
}
