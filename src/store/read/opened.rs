//! Opening a sealed file.
//!
//! Only its ends are read, and not through the map: a fault would read pages around, which together may be the whole store.

use super::cache::Cache;
use super::sealed::SealedSegment;
use super::segment::Segment;
use crate::disk::DiskFile;
use crate::mapped::Mapped;
use crate::store::error::Error;
use crate::store::format::footer::{self, Ends, Facts, Footer, Trailer};
use crate::store::format::layout::{FileKind, HEADER_LENGTH, Header, TRAILER_LENGTH};
use crate::time::Micros;
use std::path::Path;
use std::sync::Arc;

/// A sealed file and the part of its footer that is not about blocks.
#[derive(Debug)]
pub(in crate::store) struct OpenedSegment {
    pub(in crate::store) segment: Segment,
    /// When the file was created; `None` if its header is damaged.
    pub(in crate::store) begun: Option<Micros>,
    pub(in crate::store) facts: Facts,
    /// Damage that loses no record.
    pub(in crate::store) damage: Vec<Error>,
}

/// Opens a sealed file of this length.
pub(in crate::store) fn open(
    path: &Path,
    file: &dyn DiskFile,
    length: u64,
    cache: &Arc<Cache>,
) -> Result<OpenedSegment, Error> {
    file.expect_random_reads();
    let ends = read_ends(path, file, length);
    let map = file.map(length).map_err(Error::io("open", path))?;
    map.expect_random_reads();
    match ends {
        Some(ends) => Ok(opened(path, map, ends, cache)),
        None => open_map(path, map, cache),
    }
}

/// Opens a sealed file that may be damaged.
pub(in crate::store) fn open_map(
    path: &Path,
    map: Mapped,
    cache: &Arc<Cache>,
) -> Result<OpenedSegment, Error> {
    let ends = footer::find(path, &map)?;
    Ok(opened(path, map, ends, cache))
}

/// Reads the ends of a file; `None` if any part of them is damaged or cannot be read.
fn read_ends(path: &Path, file: &dyn DiskFile, length: u64) -> Option<Ends> {
    let read = |offset: u64, length: u64| {
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    };
    let head = read(0, HEADER_LENGTH as u64)?;
    let header = Header::decode(&head, FileKind::Sealed, path).ok()?;
    let tail_at = length.saturating_sub(TAIL_BYTES);
    let mut tail = read(tail_at, length - tail_at)?;
    let trailer = Trailer::decode(&tail)?;
    let [first_at, second_at] = trailer.footers;
    let end = length.checked_sub(TRAILER_LENGTH as u64)?;
    let footer_length = end.checked_sub(second_at)?;
    if second_at < tail_at {
        let mut whole = read(second_at, tail_at - second_at)?;
        whole.append(&mut tail);
        tail = whole;
    }
    let start = usize::try_from(second_at.saturating_sub(tail_at)).ok()?;
    let second = tail
        .get(start..)?
        .get(..usize::try_from(footer_length).ok()?)?;
    let is_possible = first_at.checked_add(footer_length)? <= second_at;
    if !is_possible || read(first_at, footer_length)? != second {
        return None;
    }
    let footer = Footer::decode(second, header.store, header.version).ok()?;
    let is_one_file = (trailer.store, trailer.version) == (header.store, header.version)
        && header.first_id == footer.ids.start;
    is_one_file.then_some(Ends {
        begun: Some(header.created),
        thinning: header.thinning,
        footer,
        damage: vec![],
    })
}

fn opened(path: &Path, map: Mapped, ends: Ends, cache: &Arc<Cache>) -> OpenedSegment {
    let Ends {
        begun,
        thinning,
        footer,
        damage,
    } = ends;
    let (ids, sources, facts) = (
        footer.ids.clone(),
        footer.sources.clone(),
        footer.facts.clone(),
    );
    let sealed = SealedSegment::new(path, map, footer, cache);
    OpenedSegment {
        segment: Segment::sealed(ids, sources, sealed, thinning),
        begun,
        facts,
        damage,
    }
}

/// The end of a file that is read first: the trailer and a usual footer.
const TAIL_BYTES: u64 = 16 << 10;
