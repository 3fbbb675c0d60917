//! Snapshots, and stores made from them: hard links to files that never change, and a small active file of their own. Sealed
//! records are not copied, so that the time does not depend on their number.

use super::read_only::{self, OpenedStore};
use crate::disk::Disk;
use crate::record::Positions;
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, Identity};
use crate::store::folder::recover::Found;
use crate::store::folder::scan::ScannedFile;
use crate::store::write::append::ActiveWriter;
use crate::store::write::writer::Store;
use crate::time::Micros;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Store {
    /// Creates a snapshot in `snapshots/<name>`: a store that opens like any other, and does not change while this one appends and
    /// deletes. The name has 1 to 64 of `A-Z a-z 0-9 . _ -`, and does not start with a dot.
    pub fn snapshot(&mut self, name: &str) -> Result<PathBuf, Error> {
        self.check()?;
        let target = begin(&self.directory, name)?;
        self.freeze()?;
        let sealed = self.sealed.iter().map(|file| file.path.as_path());
        let frozen = self.frozen.iter();
        let frozen = frozen.map(|frozen| frozen.writer.file.path.as_path());
        for path in sealed.chain(frozen) {
            target.link(path)?;
        }
        let index = &self.active.index;
        let beginning = SnapshotBeginning {
            next_id: index.next_id,
            low_water: self.low_water,
            positions: &index.positions,
        };
        beginning.write(&target, &self.identity)?;
        Ok(target.root)
    }
}

/// Creates a snapshot of the store in `root` without its lock, also next to a writer, which is not disturbed. It has the records that
/// were appended before the call; those that are not sealed yet are copied.
pub fn snapshot(disk: Arc<dyn Disk>, root: &Path, name: &str) -> Result<PathBuf, Error> {
    let store = Directory::new(disk, root);
    let target = begin(&store, name)?;
    derive(&store, &target, 1, |known| Ok(known.clone()))?;
    Ok(target.root)
}

/// Creates a store in `to`, a new or empty folder, from the snapshot or store at `from`, with the same store id. New ids follow.
pub fn restore(disk: Arc<dyn Disk>, from: &Path, to: &Path) -> Result<(), Error> {
    let target = claim(&disk, to)?;
    derive(&Directory::new(disk, from), &target, 1, |known| {
        Ok(known.clone())
    })
}

/// The same with a new store id: a second store with the same past.
pub fn fork(disk: Arc<dyn Disk>, from: &Path, to: &Path) -> Result<(), Error> {
    let target = claim(&disk, to)?;
    derive(&Directory::new(disk, from), &target, 1, |_| {
        Identity::new().map_err(Error::io("make an id for", to))
    })
}

/// A snapshot.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// Its content; an error if it cannot be read or is unfinished.
    pub content: Result<SnapshotContent, Error>,
}

/// The content of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotContent {
    /// When it was taken.
    pub taken: Micros,
    /// Its visible ids.
    pub ids: Range<u64>,
    /// The number of its records.
    pub records: u64,
    /// The size of its segment files in bytes.
    pub bytes: u64,
    /// The part of that which deleting it would free: files without a link in another folder.
    pub own_bytes: u64,
}

/// The snapshots of the store in `root`, by name.
pub fn snapshots(disk: Arc<dyn Disk>, root: &Path) -> Result<Vec<Snapshot>, Error> {
    let folder = root.join(SNAPSHOTS);
    let names = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
        names => names.map_err(Error::io("list", &folder))?,
    };
    let store = Directory::new(disk, root);
    let names = names.into_iter().filter_map(|name| name.into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_name(name)).collect();
    names.sort_unstable();
    let describe = |name: String| {
        let snapshot = snapshot_folder(&store, &name);
        Snapshot {
            content: content(&snapshot),
            path: snapshot.root,
            name,
        }
    };
    Ok(names.into_iter().map(describe).collect())
}

fn content(snapshot: &Directory) -> Result<SnapshotContent, Error> {
    let OpenedStore {
        directory,
        identity,
        found,
    } = read_only::find(snapshot)?;
    let newest = found.active.last();
    let taken = newest.map_or(identity.created, |file| file.header.created);
    let (mut bytes, mut own_bytes) = (0, 0);
    let listing = directory.list()?;
    for path in directory.segments(&listing) {
        let length = || directory.disk.open(&path)?.length();
        let length = length().map_err(Error::io("open", &path))?;
        let links = directory.disk.links(&path);
        bytes += length;
        if links.map_err(Error::io("read", &path))? <= 1 {
            own_bytes += length;
        }
    }
    let view = read_only::view(found);
    Ok(SnapshotContent {
        taken,
        ids: view.ids(),
        records: view.records()?,
        bytes,
        own_bytes,
    })
}

/// Removes a snapshot, also an unfinished one. The store, its other snapshots and stores made from this one do not change.
pub fn delete_snapshot(disk: Arc<dyn Disk>, root: &Path, name: &str) -> Result<(), Error> {
    let snapshot = named(&Directory::new(disk, root), name)?;
    match snapshot.disk.list(&snapshot.root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = snapshot.root;
            return Err(Error::Missing { path });
        }
        listed => listed.map_err(Error::io("list", &snapshot.root))?,
    };
    // Another process may have opened it for writing.
    let lock = snapshot.lock()?;
    // Without this file it is not a store: after a crash the rest is not mistaken for one.
    snapshot.remove_identity()?;
    snapshot.remove_segments()?;
    drop(lock);
    snapshot.remove_folder()
}

fn named(store: &Directory, name: &str) -> Result<Directory, Error> {
    if is_name(name) {
        return Ok(snapshot_folder(store, name));
    }
    let name = name.chars().take(NAME_LENGTH_MAX).collect();
    Err(Error::Name { name })
}

fn snapshot_folder(store: &Directory, name: &str) -> Directory {
    let root = store.root.join(SNAPSHOTS).join(name);
    Directory::new(Arc::clone(&store.disk), &root)
}

/// Creates the empty folder of a new snapshot.
fn begin(store: &Directory, name: &str) -> Result<Directory, Error> {
    let target = named(store, name)?;
    clear(&target)?;
    claim(&store.disk, &target.root)
}

/// Creates a store with the content of another. Its next id is at least `next_id`.
pub(in crate::store) fn derive(
    source: &Directory,
    target: &Directory,
    next_id: u64,
    name: impl Fn(&Identity) -> Result<Identity, Error>,
) -> Result<(), Error> {
    read_only::retried(|| {
        clear(target)?;
        let opened = read_only::find(source)?;
        let identity = name(&opened.identity)?;
        let found = &opened.found;
        let damaged = found.lost.iter().map(|file| &file.path);
        let sealed = found.sealed.iter().map(|file| &file.path);
        for path in sealed.chain(damaged) {
            target.link(path)?;
        }
        let (last, frozen) = split_last(found);
        for file in frozen {
            target.link(&file.file.path)?;
        }
        if let Some(last) = last.filter(|last| last.index.rows() > 0) {
            // The original may still be appended to, so that it is copied.
            target.copy(&last.file.path, last.length)?;
        }
        let beginning = SnapshotBeginning {
            next_id: found.next_id().max(next_id),
            low_water: found.low_water(),
            positions: &found.newest_positions(),
        };
        beginning.write(target, &identity)
    })
}

/// The file that may be appended to, and those that will be sealed.
fn split_last(found: &Found) -> (Option<&ScannedFile>, &[ScannedFile]) {
    match found.active.split_last() {
        Some((last, frozen)) => (Some(last), frozen),
        None => (None, &[]),
    }
}

/// Creates a folder for a new store, or takes one without segments. Its `STORE` file is written last.
pub(in crate::store) fn claim(disk: &Arc<dyn Disk>, root: &Path) -> Result<Directory, Error> {
    let directory = Directory::new(Arc::clone(disk), root);
    disk.create_dir_all(root)
        .map_err(Error::io("create", root))?;
    directory.sync_above()?;
    let listing = directory.list()?;
    if listing.has_store_file || !listing.active.is_empty() || !listing.sealed.is_empty() {
        let path = root.to_owned();
        return Err(Error::Exists { path });
    }
    Ok(directory)
}

/// Removes the rest of an unfinished store.
pub(in crate::store) fn clear(directory: &Directory) -> Result<(), Error> {
    match directory.list() {
        Ok(listing) if !listing.has_store_file => directory.remove_segments(),
        // The folder does not exist, or contains a complete store.
        _ => Ok(()),
    }
}

/// The start of the active file of a new store.
struct SnapshotBeginning<'a> {
    next_id: u64,
    low_water: u64,
    positions: &'a Positions,
}

impl SnapshotBeginning<'_> {
    /// Writes the active file, and then the file that makes the folder a store.
    fn write(&self, target: &Directory, identity: &Identity) -> Result<(), Error> {
        let Self {
            next_id,
            low_water,
            positions,
        } = *self;
        ActiveWriter::create(target, identity, next_id, low_water, positions)?;
        target.write_identity(identity)
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_LENGTH_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(allowed)
}

/// The folder of the snapshots in that of the store.
const SNAPSHOTS: &str = "snapshots";
const NAME_LENGTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_folder() {
        for name in ["a", "2026-02-17_nightly.1", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", ".x", "a/b", "a b", "\u{e9}", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
