//! Snapshots, and stores made of them: hard links to files that never change, and a small active file of their own. None of it
//! copies records, so that none of it takes longer for more of them.

use super::append::ActiveWriter;
use super::directory::{Directory, Identity};
use super::error::Error;
use super::read_only;
use super::recover::Found;
use super::writer::Store;
use crate::disk::Disk;
use crate::record::Positions;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Store {
    /// Freezes what is in the store now under `snapshots/<name>`: a store that opens like any other, and stays as it is while
    /// this one goes on and prunes. The name is 1 to 64 of `A-Z a-z 0-9 . _ -`, the first no dot.
    pub fn snapshot(&mut self, name: &str) -> Result<PathBuf, Error> {
        self.check()?;
        if !is_name(name) {
            return Err(Error::Name {
                name: name.chars().take(NAME_LENGTH_MAX).collect(),
            });
        }
        let root = self.directory.root.join(SNAPSHOTS).join(name);
        clear(&Directory::new(Arc::clone(&self.directory.disk), &root))?;
        let target = claim(&self.directory.disk, &root)?;
        self.freeze()?;
        let sealed = self.sealed.iter().map(|file| file.path.as_path());
        let frozen = self.frozen.iter();
        let frozen = frozen.map(|frozen| frozen.writer.file.path.as_path());
        for path in sealed.chain(frozen) {
            target.link(path)?;
        }
        let index = &self.active.index;
        let beginning = Beginning {
            next_id: index.next_id,
            low_water: self.low_water,
            positions: &index.positions,
        };
        beginning.write(&target, &self.identity)?;
        Ok(root)
    }
}

/// Makes the store at `to`, a new or empty folder, out of the snapshot at `from`: the same store id, ids go on.
pub fn restore(disk: Arc<dyn Disk>, from: &Path, to: &Path) -> Result<(), Error> {
    derive(disk, from, to, |known| Ok(known.clone()))
}

/// The same with a store id of its own: a second store that shares a past with the first.
pub fn fork(disk: Arc<dyn Disk>, from: &Path, to: &Path) -> Result<(), Error> {
    derive(disk, from, to, |_| {
        Identity::new().map_err(Error::io("make an id for", to))
    })
}

fn derive(
    disk: Arc<dyn Disk>,
    from: &Path,
    to: &Path,
    name: impl Fn(&Identity) -> Result<Identity, Error>,
) -> Result<(), Error> {
    let source = Directory::new(disk, from);
    let identity = name(&source.read_identity()?)?;
    let found = read_only::find(&source)?;
    let target = claim(&source.disk, to)?;
    for file in &found.sealed {
        target.link(&file.path)?;
    }
    for file in &found.lost {
        target.link(&file.path)?;
    }
    let (last, frozen) = split_last(&found);
    for file in frozen {
        target.link(&file.file.path)?;
    }
    let positions = found.newest_positions();
    let beginning = Beginning {
        next_id: found.next_id(),
        low_water: found.low_water(),
        positions: &positions,
    };
    if let Some(last) = last.filter(|last| last.index.rows() > 0) {
        // It may yet be appended to in its own place: here it needs bytes of its own.
        target.copy(&last.file.path, last.length)?;
    }
    beginning.write(&target, &identity)
}

/// The file that may be appended to, and those that wait to be sealed.
fn split_last(
    found: &Found,
) -> (
    Option<&super::scan::ScannedFile>,
    &[super::scan::ScannedFile],
) {
    match found.active.split_last() {
        Some((last, frozen)) => (Some(last), frozen),
        None => (None, &[]),
    }
}

/// A folder to make a store in: new, or without segments. Its `STORE` file comes last and makes it one.
pub(super) fn claim(disk: &Arc<dyn Disk>, root: &Path) -> Result<Directory, Error> {
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

/// Removes what is left of a snapshot that was begun and never finished.
fn clear(directory: &Directory) -> Result<(), Error> {
    let Ok(listing) = directory.list() else {
        // There is no such folder.
        return Ok(());
    };
    if listing.has_store_file {
        return Ok(());
    }
    let sealed = listing.sealed.iter().map(|id| directory.sealed(*id));
    let active = listing.active.iter().map(|id| directory.active(*id));
    for path in sealed.chain(active).chain(listing.temporary) {
        directory.remove(&path)?;
    }
    Ok(())
}

/// What the active file of a new store begins with.
struct Beginning<'a> {
    next_id: u64,
    low_water: u64,
    positions: &'a Positions,
}

impl Beginning<'_> {
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

/// Under a store's root.
const SNAPSHOTS: &str = "snapshots";
const NAME_LENGTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for name in ["a", "2026-02-17_nightly.1", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", ".x", "a/b", "a b", "\u{e9}", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
