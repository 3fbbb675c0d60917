//! Reading a folder without its lock: next to a writer, a copy, or on read-only media.

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
    /// damaged is left out; `verify` names it.
    pub fn open_read_only(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, Error> {
        let opened = find(&Directory::new(disk, root))?;
        let shared = Shared::new(root.to_owned(), None, view(opened.found));
        Ok(Self::new(Arc::new(shared)))
    }

    /// Opens one segment file, sealed or active, at any path and with any name, for instance a copy. The view has all of its records,
    /// also those that retention deleted.
    pub fn open_file(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let file = LoneFile::open(disk, path)?;
        let segment = Arc::new(file.segment()?);
        let shared = Shared::new(
            path.to_owned(),
            None,
            View::new(segment.ids(), vec![segment]),
        );
        Ok(Self::new(Arc::new(shared)))
    }
}

/// A single segment file.
pub(in crate::store) struct LoneFile {
    pub(in crate::store) file: Arc<dyn crate::disk::DiskFile>,
    pub(in crate::store) path: std::path::PathBuf,
    pub(in crate::store) length: u64,
    /// `None` if it is damaged; a sealed file can still be read.
    pub(in crate::store) header: Option<Header>,
    pub(in crate::store) kind: FileKind,
}

impl LoneFile {
    /// Opens a file with the header or the name of a segment file.
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
                let file = self.file.as_ref();
                Ok(opened::open(&self.path, file, self.length, &Arc::default())?.segment)
            }
            FileKind::Active => {
                let scanned = self.scan(&mut |_, _| {})?;
                Ok(ActiveWriter::from(scanned).segment())
            }
        }
    }

    /// Reads an active file. Without its header the store id of its frames is unknown.
    pub(in crate::store) fn scan(
        self,
        visit: &mut scan::FrameVisitor<'_>,
    ) -> Result<scan::ScannedFile, Error> {
        let header = self
            .header
            .ok_or_else(|| Error::corrupt(&self.path, 0, "header"))?;
        scan::scan_file(self.file, self.path, header.first_id, header.store, visit)
    }
}

/// The files of a store that was opened without its lock.
pub(in crate::store) struct OpenedStore {
    pub(in crate::store) directory: Directory,
    pub(in crate::store) identity: Identity,
    pub(in crate::store) found: Found,
}

/// Opens all files of a store that a writer may be changing.
pub(in crate::store) fn find(store: &Directory) -> Result<OpenedStore, Error> {
    retried(|| {
        let directory = store.current();
        let identity = directory.read_identity()?;
        let found = find_once(&directory, &identity)?;
        Ok(OpenedStore {
            directory,
            identity,
            found,
        })
    })
}

/// The same for a folder with a known identity.
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

/// Retries an attempt that failed because a writer sealed or removed a file after the folder was listed.
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

/// A writer seals a segment at most every few seconds: after this many attempts something else is wrong.
const ATTEMPTS_MAX: u32 = 10;
