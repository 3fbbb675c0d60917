//! Reading the files of a folder, after a clean end or a crash.

use super::directory::{Directory, Identity, Listing};
use super::scan::{self, ScannedFile};
use crate::record::Positions;
use crate::store::error::Error;
use crate::store::format::footer::Facts;
use crate::store::format::layout::{FileKind, HEADER_LENGTH, Header, StoreId};
use crate::store::read::opened::{self, OpenedSegment};
use crate::store::read::segment::Segment;
use crate::time::Micros;
use std::path::PathBuf;
use std::sync::Arc;

/// A sealed segment and its file.
#[derive(Debug)]
pub(in crate::store) struct SealedFile {
    pub(in crate::store) segment: Arc<Segment>,
    pub(in crate::store) path: PathBuf,
    pub(in crate::store) bytes: u64,
    /// When it was created, by the clock at that time; `None` if its header is damaged.
    pub(in crate::store) begun: Option<Micros>,
    pub(in crate::store) facts: Facts,
    /// Damage that loses no record.
    pub(in crate::store) damage: Vec<Error>,
}

/// A file that cannot be read.
#[derive(Debug)]
pub(in crate::store) struct LostFile {
    pub(in crate::store) first_id: u64,
    pub(in crate::store) path: PathBuf,
    pub(in crate::store) bytes: u64,
    pub(in crate::store) error: Error,
}

/// The files of a store.
#[derive(Debug, Default)]
pub(in crate::store) struct Found {
    pub(in crate::store) sealed: Vec<SealedFile>,
    /// Ascending by id; all but the last are frozen.
    pub(in crate::store) active: Vec<ScannedFile>,
    /// Files whose records are in a sealed file as well: they can be removed.
    pub(in crate::store) leftover: Vec<PathBuf>,
    pub(in crate::store) lost: Vec<LostFile>,
}

impl Found {
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.active.is_empty() && self.lost.is_empty()
    }

    /// Whether a sealed file also has the records of the file with this first id: it was sealed from it, or merged from it.
    fn covers(&self, first_id: u64) -> bool {
        let sealed = self.sealed.iter();
        sealed
            .rev()
            .any(|file| file.segment.ids().contains(&first_id))
    }

    /// The low-water id according to the files; ids start at 1.
    pub(in crate::store) fn low_water(&self) -> u64 {
        let sealed = self.sealed.iter().map(|file| file.facts.low_water);
        let active = self.active.iter().map(|file| file.index.low_water);
        sealed.chain(active).fold(1, u64::max)
    }

    /// The id after all known ones, and after all that files that cannot be read may have.
    pub(in crate::store) fn next_id(&self) -> u64 {
        let sealed = self.sealed.iter().map(|file| file.segment.ids().end);
        let active = self.active.iter().map(|file| file.index.next_id);
        let lost = self.lost.iter();
        let lost = lost.map(|file| file.first_id.saturating_add(UNKNOWN_IDS));
        let all = sealed.chain(active);
        // The next id of an active file is above those of all earlier files.
        match self.active.last() {
            Some(newest) if newest.index.has_state => all.fold(1, u64::max),
            _ => all.chain(lost).fold(1, u64::max),
        }
    }

    /// The positions of the last file.
    pub(in crate::store) fn newest_positions(&self) -> Positions {
        let sealed = self.sealed.iter();
        let sealed = sealed.map(|file| (file.segment.ids().start, &file.facts.positions));
        let active = self.active.iter();
        let active = active.map(|file| (file.header.first_id, &file.index.positions));
        let newest = sealed.chain(active).max_by_key(|(first_id, _)| *first_id);
        newest
            .map(|(_, positions)| positions.clone())
            .unwrap_or_default()
    }

    /// Every damage, in order of file.
    pub(in crate::store) fn damage(&self) -> Vec<Error> {
        let lost = self.lost.iter().map(|file| &file.error);
        let sealed = self.sealed.iter().flat_map(|file| &file.damage);
        let holes = self.active.iter().flat_map(|file| &file.holes);
        let headers = self.active.iter().filter(|file| file.header_damaged);
        let headers = headers.map(|file| Error::corrupt(&file.file.path, 0, "header"));
        lost.chain(sealed)
            .chain(holes)
            .cloned()
            .chain(headers)
            .collect()
    }
}

/// Opens a sealed segment.
pub(in crate::store) fn open_sealed(
    directory: &Directory,
    first_id: u64,
) -> Result<SealedFile, Error> {
    let path = directory.sealed(first_id);
    let open = || {
        let file = directory.disk.open(&path)?;
        let bytes = file.length()?;
        Ok((file, bytes))
    };
    let (file, bytes) = open().map_err(Error::io("open", &path))?;
    let OpenedSegment {
        segment,
        begun,
        facts,
        damage,
    } = opened::open(&path, file.as_ref(), bytes, &directory.cache)?;
    if segment.ids().start != first_id {
        return Err(Error::corrupt(&path, 0, "first id"));
    }
    Ok(SealedFile {
        segment: Arc::new(segment),
        path,
        bytes,
        begun,
        facts,
        damage,
    })
}

/// Opens every file in `listing`. Damage is part of the result; only a failed call to the operating system is an error.
pub(in crate::store) fn open_all(
    directory: &Directory,
    listing: &Listing,
    store: StoreId,
    write: bool,
) -> Result<Found, Error> {
    let mut found = Found::default();
    for first_id in &listing.sealed {
        if found.covers(*first_id) {
            found.leftover.push(directory.sealed(*first_id));
            continue;
        }
        match open_sealed(directory, *first_id) {
            Ok(file) => found.sealed.push(file),
            Err(error @ Error::Corrupt { .. }) => {
                let lost = lost_file(directory, *first_id, error)?;
                found.lost.push(lost);
            }
            Err(error) => return Err(error),
        }
    }
    for first_id in &listing.active {
        if found.covers(*first_id) {
            found.leftover.push(directory.active(*first_id));
            continue;
        }
        let mut scanned = scan::scan_active(directory, *first_id, store, write)?;
        if !scanned.index.has_state {
            inherit_positions(&mut scanned, &found);
        }
        found.active.push(scanned);
    }
    Ok(found)
}

fn lost_file(directory: &Directory, first_id: u64, error: Error) -> Result<LostFile, Error> {
    let path = directory.sealed(first_id);
    let length = || directory.disk.open(&path)?.length();
    Ok(LostFile {
        first_id,
        bytes: length().map_err(Error::io("open", &path))?,
        path,
        error,
    })
}

/// A file that lost its first frame gets the positions from the end of the previous file.
fn inherit_positions(scanned: &mut ScannedFile, found: &Found) {
    let mut positions = found.newest_positions();
    positions.append(&mut scanned.index.positions);
    scanned.index.positions = positions;
}

/// The identity according to the newest readable segment, for a folder without a readable `STORE` file.
pub(in crate::store) fn identity_of_segments(
    directory: &Directory,
) -> Result<Option<Identity>, Error> {
    let listing = directory.list()?;
    let active = listing.active.iter().rev();
    let active = active.map(|id| (directory.active(*id), FileKind::Active));
    let sealed = listing.sealed.iter().rev();
    let sealed = sealed.map(|id| (directory.sealed(*id), FileKind::Sealed));
    for (path, kind) in active.chain(sealed) {
        let mut bytes = [0; HEADER_LENGTH];
        let mut read = || directory.disk.open(&path)?.read_exact_at(&mut bytes, 0);
        if let Ok(()) = read()
            && let Ok(header) = Header::decode(&bytes, kind, &path)
        {
            return Ok(Some(Identity::known(header.store, header.created)));
        }
    }
    Ok(None)
}

/// More ids than a file has records: a file that cannot be read may have used this many, and an id is never used twice.
pub(in crate::store) const UNKNOWN_IDS: u64 = 1 << 24;
