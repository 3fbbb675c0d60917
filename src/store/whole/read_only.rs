//! Reading a folder without its lock: beside a writer, a copy, or on media that cannot be written.

use crate::disk::Disk;
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, Identity};
use crate::store::folder::recover::{self, Found};
use crate::store::folder::scan;
use crate::store::format::layout::{FileKind, Header};
use crate::store::read::opened;
use crate::store::read::reader::{Reader, Shared, View};
use crate::store::read::segment::Segment;
use crate::store::write::append::ActiveWriter;
use std::io;
use std::path::Path;
use std::sync::Arc;

impl Reader {
    /// Opens a folder without a lock: also beside a writer, copied, on read-only media. The view is of this moment. What is
    /// damaged is left out; [`super::verify()`] names it.
    pub fn open_read_only(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, Error> {
        let opened = find(&Directory::new(disk, root))?;
        let shared = Shared::new(root.to_owned(), view(opened.found));
        Ok(Self::new(Arc::new(shared)))
    }

    /// Opens one segment file, sealed or active, wherever it stands and whatever its name is: copied out of a store, say. The
    /// view holds all its records, also those that the store gave up.
    pub fn open_file(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let file = LoneFile::open(disk, path)?;
        let segment = Arc::new(file.segment()?);
        let shared = Shared::new(path.to_owned(), View::new(segment.ids(), vec![segment]));
        Ok(Self::new(Arc::new(shared)))
    }
}

/// A segment file by itself.
pub(in crate::store) struct LoneFile {
    pub(in crate::store) file: Arc<dyn crate::disk::DiskFile>,
    pub(in crate::store) path: std::path::PathBuf,
    pub(in crate::store) length: u64,
    /// None when it is damaged: then the file may be a sealed one all the same.
    pub(in crate::store) header: Option<Header>,
    pub(in crate::store) kind: FileKind,
}

impl LoneFile {
    /// Opens a file that begins as a segment file does, or is named like one.
    pub(in crate::store) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let open = || {
            let file = disk.open(path)?;
            let length = file.length()?;
            let mut header = [0; crate::store::format::layout::HEADER_LENGTH];
            if length >= header.len() as u64 {
                file.read_exact_at(&mut header, 0)?;
            }
            Ok((file, length, header))
        };
        let (file, length, bytes) = open().map_err(Error::io("open", path))?;
        let header = match Header::decode_any(&bytes, path) {
            Err(error @ Error::Unsupported { .. }) => return Err(error),
            header => header.ok(),
        };
        let named = match path.extension().and_then(|ending| ending.to_str()) {
            Some("seg") => Some(FileKind::Sealed),
            Some("open") => Some(FileKind::Active),
            _ => None,
        };
        let kind = header.map(|header| header.kind).or(named);
        Ok(Self {
            file,
            path: path.to_owned(),
            length,
            header,
            kind: kind.ok_or_else(|| Error::corrupt(path, 0, "header"))?,
        })
    }

    fn segment(self) -> Result<Segment, Error> {
        match self.kind {
            FileKind::Sealed => {
                let map = self.file.map(self.length);
                let map = map.map_err(Error::io("open", &self.path))?;
                Ok(opened::open(&self.path, map, &Arc::default())?.segment)
            }
            FileKind::Active => {
                let scanned = self.scan(&mut |_| {})?;
                Ok(ActiveWriter::from(scanned).segment())
            }
        }
    }

    /// Reads an active file. Without its header there is no knowing which store's frames to look for.
    pub(in crate::store) fn scan(
        self,
        visit: &mut dyn FnMut(&crate::store::format::frame::Frame<'_>),
    ) -> Result<scan::ScannedFile, Error> {
        let header = self
            .header
            .ok_or_else(|| Error::corrupt(&self.path, 0, "header"))?;
        scan::scan_file(self.file, self.path, header.first_id, header.store, visit)
    }
}

/// A store that was found without its lock.
pub(in crate::store) struct Opened {
    pub(in crate::store) directory: Directory,
    pub(in crate::store) identity: Identity,
    pub(in crate::store) found: Found,
}

/// Opens every file of a store that a writer may be changing.
pub(in crate::store) fn find(store: &Directory) -> Result<Opened, Error> {
    retried(|| {
        let directory = store.current();
        let identity = directory.read_identity()?;
        let found = find_once(&directory, &identity)?;
        Ok(Opened {
            directory,
            identity,
            found,
        })
    })
}

/// The same for a folder that is known to be of this store.
pub(in crate::store) fn find_as(
    directory: &Directory,
    identity: &Identity,
) -> Result<Found, Error> {
    retried(|| find_once(directory, identity))
}

fn find_once(directory: &Directory, identity: &Identity) -> Result<Found, Error> {
    let listing = directory.list()?;
    recover::open_all(directory, &listing, identity.store, false)
}

/// Tries again what a writer made fail: it sealed or unlinked a file after the folder was listed.
pub(in crate::store) fn retried<T>(
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut attempts = 1..ATTEMPTS_MAX;
    loop {
        match attempt() {
            Err(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempts.next().is_some() => {}
            result => return result,
        }
    }
}

pub(in crate::store) fn view(found: Found) -> View {
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
