//! A store put in the place of another: built whole in a folder within it, and from the moment that it is whole, the store.
//! Whoever opens it to write finishes what a crash interrupted.

use super::read_only;
use super::snapshot;
use crate::disk::Disk;
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, RESTORING};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Puts what the snapshot at `from` holds in the place of everything in the store at `to`, which nobody may be writing to. Its
/// snapshots stay, and may be what `from` is. Ids go on behind those of both, so that none ever means two records.
pub fn restore_replacing(disk: Arc<dyn Disk>, from: &Path, to: &Path) -> Result<(), Error> {
    disk.create_dir_all(to).map_err(Error::io("create", to))?;
    let source = Directory::new(Arc::clone(&disk), from);
    let target = Directory::new(disk, to);
    let _lock = target.lock()?;
    finish(&target)?;
    let old = read_only::find(&target);
    // What cannot be read has no ids that are known.
    let next_id = old.map_or(1, |old| old.found.next_id());
    let staging = snapshot::claim(&target.disk, &target.root.join(RESTORING))?;
    snapshot::derive(&source, &staging, next_id, |known| Ok(known.clone()))?;
    finish(&target)
}

/// Finishes a replacement that was decided, and clears away one that was not.
pub(in crate::store) fn finish(target: &Directory) -> Result<(), Error> {
    let staging = Directory::new(Arc::clone(&target.disk), &target.root.join(RESTORING));
    let listing = match staging.list() {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        listing => listing?,
    };
    if listing.has_store_file {
        // Each step may have been done before, in part or whole: until the last, the folder within stays complete.
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
