//! The folder of a store: the names of its files, the `STORE` and `LOCK` files, and durable creation and removal of files.

use crate::disk::{Disk, DiskFile};
use crate::store::error::Error;
use crate::store::folder::holder::{self, LOCK_FILE};
use crate::store::format::layout::{StoreId, VERSION};
use crate::store::read::cache::Cache;
use crate::time::Micros;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder that holds a store.
#[derive(Debug, Clone)]
pub(in crate::store) struct Directory {
    pub(in crate::store) disk: Arc<dyn Disk>,
    pub(in crate::store) root: PathBuf,
    /// The cache for the segments that are opened here.
    pub(in crate::store) cache: Arc<Cache>,
}

/// The meaning of a name in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum StoreFileName {
    Active(u64),
    Sealed(u64),
    /// An unfinished file.
    Temporary,
    /// Not a segment of the store.
    Other,
}

impl StoreFileName {
    pub(in crate::store) fn parse(name: &str) -> Self {
        let Some((stem, ending)) = name.rsplit_once('.') else {
            return Self::Other;
        };
        let digits = stem.len() == ID_DIGITS && stem.bytes().all(|byte| byte.is_ascii_digit());
        match (ending, stem.parse().ok().filter(|_| digits)) {
            ("seg", Some(id)) => Self::Sealed(id),
            ("open", Some(id)) => Self::Active(id),
            ("tmp", _) if stem == STORE_FILE || Self::parse(stem).is_segment() => Self::Temporary,
            _ => Self::Other,
        }
    }

    fn is_segment(self) -> bool {
        matches!(self, Self::Active(_) | Self::Sealed(_))
    }

    fn file_name(self) -> Option<String> {
        match self {
            Self::Active(id) => Some(format!("{id:0ID_DIGITS$}.open")),
            Self::Sealed(id) => Some(format!("{id:0ID_DIGITS$}.seg")),
            Self::Temporary | Self::Other => None,
        }
    }
}

/// The digits of 2^64.
const ID_DIGITS: usize = 20;

/// The segment files of a store, each kind ascending.
#[derive(Debug, Default)]
pub(in crate::store) struct Listing {
    pub(in crate::store) active: Vec<u64>,
    pub(in crate::store) sealed: Vec<u64>,
    pub(in crate::store) temporary: Vec<PathBuf>,
    pub(in crate::store) has_store_file: bool,
}

impl Directory {
    pub(in crate::store) fn new(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self {
            disk,
            root: root.to_owned(),
            cache: Arc::default(),
        }
    }

    /// The folder of the current store: this one, or that of a restore that will replace it.
    pub(in crate::store) fn current(&self) -> Self {
        let restoring = self.root.join(RESTORING);
        let is_decided = self.disk.open(&restoring.join(STORE_FILE)).is_ok();
        let root = if is_decided { &restoring } else { &self.root };
        Self::new(Arc::clone(&self.disk), root)
    }

    pub(in crate::store) fn active(&self, first_id: u64) -> PathBuf {
        self.path(StoreFileName::Active(first_id))
    }

    pub(in crate::store) fn sealed(&self, first_id: u64) -> PathBuf {
        self.path(StoreFileName::Sealed(first_id))
    }

    fn path(&self, name: StoreFileName) -> PathBuf {
        self.root.join(name.file_name().unwrap_or_default())
    }

    pub(in crate::store) fn list(&self) -> Result<Listing, Error> {
        let names = self
            .disk
            .list(&self.root)
            .map_err(Error::io("list", &self.root))?;
        let mut listing = Listing::default();
        for name in &names {
            match name
                .to_str()
                .map_or(StoreFileName::Other, StoreFileName::parse)
            {
                StoreFileName::Active(id) => listing.active.push(id),
                StoreFileName::Sealed(id) => listing.sealed.push(id),
                StoreFileName::Temporary => listing.temporary.push(self.root.join(name)),
                StoreFileName::Other => listing.has_store_file |= name == STORE_FILE,
            }
        }
        listing.active.sort_unstable();
        listing.sealed.sort_unstable();
        Ok(listing)
    }

    /// Creates a file with a temporary name; [`Self::commit`] gives it its own.
    pub(in crate::store) fn create(
        &self,
        path: &Path,
    ) -> Result<(Arc<dyn DiskFile>, PathBuf), Error> {
        let temporary = temporary(path);
        let file = self
            .disk
            .create(&temporary)
            .map_err(Error::io("create", &temporary))?;
        Ok((file, temporary))
    }

    /// Removes the temporary file of a path.
    pub(in crate::store) fn discard(&self, path: &Path) -> Result<(), Error> {
        self.remove(&temporary(path))
    }

    /// Gives a written and synced file its name, durably.
    pub(in crate::store) fn commit(&self, path: &Path) -> Result<(), Error> {
        self.name(path)?;
        self.sync()
    }

    /// Gives a written and synced file its name, which a power loss may undo.
    pub(in crate::store) fn name(&self, path: &Path) -> Result<(), Error> {
        self.disk
            .rename(&temporary(path), path)
            .map_err(Error::io("rename", path))
    }

    /// Writes a small file atomically.
    fn write_whole(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let (file, temporary) = self.create(path)?;
        file.write_all_at(content, 0)
            .map_err(Error::io("write", &temporary))?;
        file.sync().map_err(Error::io("sync", &temporary))?;
        self.commit(path)
    }

    pub(in crate::store) fn remove(&self, path: &Path) -> Result<(), Error> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes all segment files and unfinished files.
    pub(in crate::store) fn remove_segments(&self) -> Result<(), Error> {
        let listing = self.list()?;
        for path in self.segments(&listing).chain(listing.temporary.clone()) {
            self.remove(&path)?;
        }
        self.sync()
    }

    /// The paths of all segment files, sealed ones first.
    pub(in crate::store) fn segments(&self, listing: &Listing) -> impl Iterator<Item = PathBuf> {
        let sealed = listing.sealed.iter().map(|id| self.sealed(*id));
        let active = listing.active.iter().map(|id| self.active(*id));
        sealed.chain(active).collect::<Vec<_>>().into_iter()
    }

    /// Removes the file that makes the folder a store.
    pub(in crate::store) fn remove_identity(&self) -> Result<(), Error> {
        self.remove_in_order(&self.root.join(STORE_FILE))
    }

    /// Moves the `STORE` file of another folder to this one.
    pub(in crate::store) fn take_identity(&self, from: &Self) -> Result<(), Error> {
        let path = self.root.join(STORE_FILE);
        self.disk
            .rename(&from.root.join(STORE_FILE), &path)
            .map_err(Error::io("rename", &path))?;
        self.sync()?;
        from.sync()
    }

    /// Removes the folder, which must contain nothing but a lock file.
    pub(in crate::store) fn remove_folder(&self) -> Result<(), Error> {
        self.remove(&self.root.join(LOCK_FILE))?;
        self.disk
            .remove_dir(&self.root)
            .map_err(Error::io("remove", &self.root))?;
        self.sync_above()
    }

    /// Removes a file durably, so that a power loss never undoes the removal of an older file alone: the remaining files have no
    /// gap.
    pub(in crate::store) fn remove_in_order(&self, path: &Path) -> Result<(), Error> {
        self.remove(path)?;
        self.sync()
    }

    /// Links a file of another folder into this one; copies it if the file system has no links.
    pub(in crate::store) fn link(&self, path: &Path) -> Result<(), Error> {
        let target = self.here(path);
        match self.disk.hard_link(path, &target) {
            Ok(()) => Ok(()),
            Err(error) if is_no_link(&error) => {
                let length = || self.disk.open(path)?.length();
                self.copy(path, length().map_err(Error::io("open", path))?)
            }
            Err(error) => Err(Error::io("link", &target)(error)),
        }
    }

    /// Copies the first `length` bytes of a file of another folder.
    pub(in crate::store) fn copy(&self, path: &Path, length: u64) -> Result<(), Error> {
        let source = self.disk.open(path).map_err(Error::io("open", path))?;
        self.copy_open(source.as_ref(), path, length)
    }

    /// Copies the first `length` bytes of an open file, which was opened at `path`, to a file with its name.
    pub(in crate::store) fn copy_open(
        &self,
        source: &dyn DiskFile,
        path: &Path,
        length: u64,
    ) -> Result<(), Error> {
        let target = self.here(path);
        let (file, temporary) = self.create(&target)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut offset = 0;
        while offset < length {
            let count =
                usize::try_from(length - offset).map_or(COPY_BYTES, |it| it.min(COPY_BYTES));
            let (part, _) = buffer.split_at_mut(count);
            source
                .read_exact_at(part, offset)
                .map_err(Error::io("read", path))?;
            file.write_all_at(part, offset)
                .map_err(Error::io("write", &temporary))?;
            offset += part.len() as u64;
        }
        file.sync().map_err(Error::io("sync", &temporary))?;
        self.commit(&target)
    }

    /// The same file name in this folder.
    fn here(&self, path: &Path) -> PathBuf {
        self.root.join(path.file_name().unwrap_or_default())
    }

    /// Renames a file so that it is no longer part of the store.
    pub(in crate::store) fn set_aside(&self, path: &Path) -> Result<(), Error> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".damaged");
        self.disk
            .rename(path, Path::new(&aside))
            .map_err(Error::io("rename", path))?;
        self.sync()
    }

    /// Makes the folder and its ancestors durable, which may be new as well.
    pub(in crate::store) fn sync_above(&self) -> Result<(), Error> {
        for above in self.root.ancestors().skip(1) {
            let above = if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            };
            match self.disk.sync_dir(above) {
                // A process that may not read a folder did not create it.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                result => result.map_err(Error::io("sync", above))?,
            }
        }
        Ok(())
    }

    pub(in crate::store) fn sync(&self) -> Result<(), Error> {
        self.sync_names().map_err(Error::io("sync", &self.root))
    }

    /// The same with the unconverted error.
    pub(in crate::store) fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_dir(&self.root)
    }

    /// The time by the machine's clock.
    pub(in crate::store) fn now(&self) -> Micros {
        Micros::from(self.disk.now())
    }

    /// Whether a lock that was taken here still belongs to the folder.
    pub(in crate::store) fn is_locked_by(&self, lock: &dyn DiskFile) -> bool {
        let at_path = lock.is_at(&self.root.join(LOCK_FILE));
        at_path.unwrap_or(false)
    }

    /// Locks the store for this process, until the handle is dropped.
    pub(in crate::store) fn lock(&self) -> Result<Arc<dyn DiskFile>, Error> {
        let path = self.root.join(LOCK_FILE);
        let locked = self.disk.lock(&path).map_err(Error::io("lock", &path))?;
        let Some(file) = locked else {
            let pid = holder::process(self.disk.as_ref(), &path);
            return Err(Error::Locked { path, pid });
        };
        let pid = format!("{}\n", std::process::id());
        let written = file
            .write_all_at(pid.as_bytes(), 0)
            .and_then(|()| file.set_length(pid.len() as u64))
            .map_err(Error::io("write", &path));
        match written {
            // The process id is only a hint for the next process: a full file system must not prevent opening.
            Err(Error::Full { .. }) | Ok(()) => Ok(file),
            Err(error) => Err(error),
        }
    }

    fn read_small(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let read = || {
            let file = self.disk.open(path)?;
            let mut content = vec![0; file.length()?.min(SMALL_FILE_MAX) as usize];
            file.read_exact_at(&mut content, 0)?;
            Ok(content)
        };
        read().map_err(Error::io("read", path))
    }

    /// Reads the `STORE` file.
    pub(in crate::store) fn read_identity(&self) -> Result<Identity, Error> {
        let path = self.root.join(STORE_FILE);
        let content = match self.read_small(&path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let path = self.root.clone();
                return Err(Error::NotAStore { path });
            }
            content => content?,
        };
        Identity::parse(&content, &path)
    }

    pub(in crate::store) fn write_identity(&self, identity: &Identity) -> Result<(), Error> {
        self.write_whole(&self.root.join(STORE_FILE), identity.to_text().as_bytes())
    }
}

/// Whether the error is due to another file system, or one without hard links.
fn is_no_link(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::CrossesDevices
            | io::ErrorKind::Unsupported
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TooManyLinks
    )
}

/// The size of the buffer for copying.
const COPY_BYTES: usize = 256 << 10;

/// The temporary name of a file.
pub(in crate::store) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

const STORE_FILE: &str = "STORE";
/// The folder of a store that will replace the one in its parent.
pub(in crate::store) const RESTORING: &str = "restoring";
/// `STORE` has about 150 bytes.
const SMALL_FILE_MAX: u64 = 4096;

/// The content of the `STORE` file: the identity of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Identity {
    pub(in crate::store) store: StoreId,
    pub(in crate::store) created: Micros,
    by: String,
}

impl Identity {
    /// The identity of a new store.
    pub(in crate::store) fn new() -> io::Result<Self> {
        let mut store = [0; 16];
        getrandom::fill(&mut store).map_err(io::Error::other)?;
        Ok(Self {
            store,
            created: Micros::now(),
            by: BY.to_owned(),
        })
    }

    /// The identity of a store according to its segments.
    pub(in crate::store) fn known(store: StoreId, created: Micros) -> Self {
        Self {
            store,
            created,
            by: BY.to_owned(),
        }
    }

    /// The program that created it.
    pub(in crate::store) fn by(&self) -> &str {
        &self.by
    }

    fn to_text(&self) -> String {
        let text = format!(
            "vmlog store\nformat {VERSION}\nid {:032x}\ncreated {}\nby {}\n",
            u128::from_le_bytes(self.store).swap_bytes(),
            self.created,
            self.by
        );
        let crc = crc32fast::hash(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    fn parse(content: &[u8], path: &Path) -> Result<Self, Error> {
        let damaged = || Error::corrupt(path, 0, "store file");
        let text = str::from_utf8(content).map_err(|_| damaged())?;
        let checked = text.len().checked_sub(CRC_LINE_LENGTH);
        let (fields, crc) = checked
            .and_then(|at| text.split_at_checked(at))
            .ok_or_else(damaged)?;
        if crc != format!("crc {:08x}\n", crc32fast::hash(fields.as_bytes())) {
            return Err(damaged());
        }
        let mut lines = fields.lines();
        let mut field = |name: &str| {
            let rest = lines.next()?.strip_prefix(name)?;
            rest.strip_prefix(' ')
        };
        field("vmlog")
            .filter(|word| *word == "store")
            .ok_or_else(damaged)?;
        let version = field("format").and_then(|version| version.parse::<u32>().ok());
        let found = version.ok_or_else(damaged)?;
        if found > VERSION {
            return Err(Error::Unsupported {
                path: path.to_owned(),
                found,
                known: VERSION,
            });
        }
        let store = field("id").and_then(|id| u128::from_str_radix(id, 16).ok());
        let created = field("created").and_then(|time| Micros::parse(time, Micros::default()).ok());
        Ok(Self {
            store: store.ok_or_else(damaged)?.swap_bytes().to_le_bytes(),
            created: created.ok_or_else(damaged)?,
            by: field("by").ok_or_else(damaged)?.to_owned(),
        })
    }
}

/// This program.
const BY: &str = concat!("vmlog ", env!("CARGO_PKG_VERSION"));
const CRC_LINE_LENGTH: usize = "crc 00000000\n".len();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn names_round_trip_and_other_names_are_ignored() {
        for name in [
            StoreFileName::Active(1),
            StoreFileName::Sealed(u64::MAX),
            StoreFileName::Sealed(0),
        ] {
            assert_eq!(StoreFileName::parse(&name.file_name().unwrap()), name);
        }
        for begun in ["00000000000000000001.seg.tmp", "STORE.tmp"] {
            assert_eq!(
                StoreFileName::parse(begun),
                StoreFileName::Temporary,
                "{begun}"
            );
        }
        for other in [
            "STORE",
            "LOCK",
            "1.seg",
            "+0000000000000000001.seg",
            "99999999999999999999.seg",
            "x.open",
            "letter.tmp",
            "00000000000000000001.seg.tmp.tmp",
            "",
        ] {
            assert_eq!(StoreFileName::parse(other), StoreFileName::Other, "{other}");
        }
    }

    #[test]
    fn identity_round_trips_and_every_flip_and_prefix_is_refused() {
        let path = Path::new("STORE");
        let identity = Identity::new().unwrap();
        let text = identity.to_text().into_bytes();
        assert_eq!(Identity::parse(&text, path).unwrap(), identity);
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Identity::parse(&flipped, path).is_err(), "bit {bit}");
        }
        for length in 0..text.len() {
            assert!(Identity::parse(&text[..length], path).is_err());
        }
    }

    #[test]
    fn second_lock_is_refused_with_the_process_id_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::new(Arc::new(RealDisk), dir.path());
        let held = directory.lock().unwrap();
        let error = directory.lock().unwrap_err();
        let expected = format!("held by process {}", std::process::id());
        assert!(error.to_string().ends_with(&expected), "{error}");
        drop(held);
        directory.lock().unwrap();
    }
}
