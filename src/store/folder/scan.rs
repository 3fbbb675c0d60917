//! Reading an active file from start to end, past damaged frames.
//!
//! Every frame says how much of the file was synced when it was written. A bad frame that was synced, according to a later frame, is
//! damaged: the frames after it are read, except the compressed batches that depend on it. Any other bad frame was torn by a crash, and
//! the file ends there.

use super::directory::Directory;
use crate::disk::DiskFile;
use crate::store::error::Error;
use crate::store::format::frame::{self, Frame, FrameKind, Place};
use crate::store::format::layout::{
    FRAME_HEADER_LENGTH, FRAME_MAGIC, FileKind, HEADER_LENGTH, Header, StoreId, VERSION,
};
use crate::store::format::payload::FramePayload;
use crate::store::format::stream::{BatchStreamReader, StreamPart};
use crate::store::read::active::ActiveFile;
use crate::store::read::active_index::ActiveIndex;
use crate::time::Micros;
use std::path::PathBuf;
use std::sync::Arc;

/// An active file that was read.
#[derive(Debug)]
pub(in crate::store) struct ScannedFile {
    pub(in crate::store) file: ActiveFile,
    pub(in crate::store) header: Header,
    pub(in crate::store) header_damaged: bool,
    pub(in crate::store) index: ActiveIndex,
    /// The end of its last complete frame.
    pub(in crate::store) length: u64,
    /// The number of bytes after that.
    pub(in crate::store) torn: u64,
    /// Damaged frames with complete ones after them.
    pub(in crate::store) holes: Vec<Error>,
}

/// Reads the active file with this first id, in the store with this id. `write`: it will be appended to.
pub(in crate::store) fn scan_active(
    directory: &Directory,
    first_id: u64,
    store: StoreId,
    write: bool,
) -> Result<ScannedFile, Error> {
    let path = directory.active(first_id);
    let opened = if write {
        directory.disk.open_write(&path)
    } else {
        directory.disk.open(&path)
    };
    let file = opened.map_err(Error::io("open", &path))?;
    scan_file(file, path, first_id, store, &mut |_, _| {})
}

/// A function that gets each readable frame of a file.
pub(in crate::store) type FrameVisitor<'a> = dyn FnMut(&Frame<'_>, &FramePayload<'_>) + 'a;

/// Reads an active file from start to end; `visit` gets every readable frame.
pub(in crate::store) fn scan_file(
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    first_id: u64,
    store: StoreId,
    visit: &mut FrameVisitor<'_>,
) -> Result<ScannedFile, Error> {
    let file_length = file.length().map_err(Error::io("read", &path))?;
    let file = ActiveFile::new(file, path, store);
    let mut scan = Scan {
        file,
        file_length,
        window: Window::default(),
        vouched: None,
        holes: vec![],
    };
    let header = scan.header(first_id)?;
    let header_damaged = header.is_none();
    let header = header.unwrap_or(Header {
        version: VERSION,
        kind: FileKind::Active,
        store,
        first_id,
        created: Micros::default(),
        thinning: None,
    });
    let mut index = ActiveIndex::new(first_id);
    let length = scan.run(&mut index, visit)?;
    Ok(ScannedFile {
        file: scan.file,
        header,
        header_damaged,
        index,
        length,
        torn: file_length.saturating_sub(length),
        holes: scan.holes,
    })
}

/// The result of replaying a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replayed {
    /// The frame, with its end.
    Frame(u64),
    /// A complete frame, with its end, whose batch depends on a lost one.
    Orphan(u64),
    /// No complete frame.
    Nothing,
}

#[derive(Debug)]
struct Scan {
    file: ActiveFile,
    file_length: u64,
    window: Window,
    /// The synced bytes according to later frames, once they were searched.
    vouched: Option<u64>,
    holes: Vec<Error>,
}

impl Scan {
    /// `None` if it is damaged: the folder and the file name have the needed information.
    fn header(&mut self, first_id: u64) -> Result<Option<Header>, Error> {
        let path: Arc<PathBuf> = Arc::clone(&self.file.path);
        let bytes = self.read(0, HEADER_LENGTH)?.unwrap_or_default();
        match Header::decode(bytes, FileKind::Active, &path) {
            // A file of a fork has the id of the store in which it was written.
            Ok(header) if header.first_id == first_id => {
                self.file.store = header.store;
                Ok(Some(header))
            }
            Err(error @ Error::Unsupported { .. }) => Err(error),
            _ => Ok(None),
        }
    }

    /// Replays every frame; returns the end of the last readable one.
    fn run(&mut self, index: &mut ActiveIndex, visit: &mut FrameVisitor<'_>) -> Result<u64, Error> {
        let mut streams = BatchStreamReader::default();
        let mut offset = HEADER_LENGTH as u64;
        let mut is_in_hole = false;
        loop {
            let found = self.replay_at(offset, index, &mut streams, visit)?;
            if let Replayed::Frame(end) = found {
                is_in_hole = false;
                offset = end;
                continue;
            }
            let next = match found {
                Replayed::Orphan(end) => Some(end),
                _ => self.next_vouched(offset)?,
            };
            let Some(next) = next else {
                return Ok(offset.min(self.file_length));
            };
            if !is_in_hole || found == Replayed::Nothing {
                let hole = Error::corrupt(&self.file.path, offset, "frame");
                self.holes.push(hole);
            }
            is_in_hole = true;
            streams.lose();
            index.skip();
            offset = next;
        }
    }

    /// Replays the frame at `offset`.
    fn replay_at(
        &mut self,
        offset: u64,
        index: &mut ActiveIndex,
        streams: &mut BatchStreamReader,
        visit: &mut FrameVisitor<'_>,
    ) -> Result<Replayed, Error> {
        let Some(frame) = self.frame(offset)? else {
            return Ok(Replayed::Nothing);
        };
        let end = frame.end();
        if frame.kind == FrameKind::CompressedBatch
            && StreamPart::parse(frame.payload).is_ok_and(|part| !streams.can_read(&part))
        {
            return Ok(Replayed::Orphan(end));
        }
        let replayed = FramePayload::decode(&frame, streams).and_then(|payload| {
            index.replay(&payload, offset..end)?;
            visit(&frame, &payload);
            Ok(Replayed::Frame(end))
        });
        Ok(replayed.unwrap_or(Replayed::Nothing))
    }

    /// The next complete frame after a bad one at `bad`, if a later frame says that `bad` was synced.
    fn next_vouched(&mut self, bad: u64) -> Result<Option<u64>, Error> {
        if bad >= self.file_length {
            return Ok(None);
        }
        if self.vouched.is_none() {
            self.vouched = Some(self.greatest_durable(bad)?);
        }
        if self.vouched.is_none_or(|vouched| bad >= vouched) {
            return Ok(None);
        }
        let mut tries = TRIES_MAX;
        Ok(self.search(bad + 1, &mut tries)?.map(|(at, _)| at))
    }

    /// The maximum of the synced bytes according to the frames after `from`.
    fn greatest_durable(&mut self, from: u64) -> Result<u64, Error> {
        let mut greatest = 0;
        let mut offset = from + 1;
        let mut tries = TRIES_MAX;
        while let Some((at, durable)) = self.search(offset, &mut tries)? {
            greatest = greatest.max(durable);
            offset = at + 1;
        }
        Ok(greatest)
    }

    /// Finds the next complete frame from `offset` on by its magic: its offset, and the synced bytes according to it.
    fn search(&mut self, mut offset: u64, tries: &mut u32) -> Result<Option<(u64, u64)>, Error> {
        while *tries > 0 {
            let rest = self.file_length.saturating_sub(offset);
            let length = usize::try_from(rest.min(SEARCH_BYTES)).unwrap_or_default();
            let Some(bytes) = self.read(offset, length)? else {
                return Ok(None);
            };
            if length < FRAME_HEADER_LENGTH {
                return Ok(None);
            }
            let Some(at) = memchr::memmem::find(bytes, &FRAME_MAGIC) else {
                offset += (length - FRAME_MAGIC.len() + 1) as u64;
                continue;
            };
            offset += at as u64;
            *tries -= 1;
            if let Some(frame) = self.frame(offset)? {
                return Ok(Some((offset, frame.durable)));
            }
            offset += 1;
        }
        Ok(None)
    }

    /// The frame at `offset`, if it is complete.
    fn frame(&mut self, offset: u64) -> Result<Option<Frame<'_>>, Error> {
        let store = self.file.store;
        let header = self.read(offset, FRAME_HEADER_LENGTH)?;
        let Some(length) = header.and_then(frame::length) else {
            return Ok(None);
        };
        let bytes = self.read(offset, length)?;
        Ok(bytes.and_then(|bytes| frame::parse(bytes, Place { store, offset })))
    }

    /// `length` bytes from `offset`; `None` if the file ends before.
    fn read(&mut self, offset: u64, length: usize) -> Result<Option<&[u8]>, Error> {
        self.window
            .read(&self.file, offset, length, self.file_length)
    }
}

/// The part of a file that is in memory.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn read(
        &mut self,
        file: &ActiveFile,
        offset: u64,
        length: usize,
        file_length: u64,
    ) -> Result<Option<&[u8]>, Error> {
        let rest = file_length.saturating_sub(offset);
        if rest < length as u64 {
            return Ok(None);
        }
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || end < offset + length as u64 {
            let room = usize::try_from(rest.min(WINDOW_BYTES)).unwrap_or_default();
            self.bytes.resize(room.max(length), 0);
            self.start = offset;
            file.file
                .read_exact_at(&mut self.bytes, offset)
                .map_err(Error::io("read", &file.path))?;
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..).and_then(|rest| rest.get(..length)))
    }
}

/// Large enough for few reads, small enough for little memory.
const WINDOW_BYTES: u64 = 1 << 20;
/// The magic is searched in parts of this size.
const SEARCH_BYTES: u64 = 64 << 10;
/// The maximum number of attempts. Messages could contain the magic many times, each of which costs a crc over the rest of the file.
const TRIES_MAX: u32 = 100_000;
