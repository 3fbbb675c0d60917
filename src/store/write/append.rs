//! Appending frames to the active file, each in one write.

use crate::record::{Position, Positions, Record};
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, Identity};
use crate::store::folder::scan::ScannedFile;
use crate::store::format::batch::{self, Batch, Scratch};
use crate::store::format::frame::{self, FrameKind, Place};
use crate::store::format::layout::{
    FRAME_HEADER_LENGTH, FRAME_PAYLOAD_MAX, FileKind, HEADER_LENGTH, Header, VERSION,
};
use crate::store::read::active::{self, ActiveFile, Index};
use crate::store::read::segment::Segment;
use std::io;

/// The file that frames are appended to.
#[derive(Debug)]
pub(in crate::store) struct ActiveWriter {
    pub(in crate::store) file: ActiveFile,
    pub(in crate::store) header: Header,
    pub(in crate::store) index: Index,
    /// The end of its last complete frame.
    pub(in crate::store) length: u64,
    /// The number of bytes that are synced.
    pub(in crate::store) durable: u64,
}

/// Encodes and writes frames, with reused buffers.
#[derive(Debug, Default)]
pub(in crate::store) struct FrameWriter {
    buffer: Vec<u8>,
    scratch: Scratch,
}

impl FrameWriter {
    /// Appends a batch frame to `active`. A failure changes nothing.
    pub(in crate::store) fn append<'a>(
        &mut self,
        active: &mut ActiveWriter,
        first_id: u64,
        records: &(impl ExactSizeIterator<Item = &'a Record> + Clone),
        positions: &[Position],
    ) -> Result<(), Error> {
        let dictionary = &mut active.index.dictionary;
        let known = dictionary.names().len();
        self.buffer.clear();
        let start = frame::begin(&mut self.buffer);
        let Self { buffer, scratch } = self;
        batch::encode(buffer, first_id, records, positions, dictionary, scratch);
        let begin = active.length;
        if let Err(failed) = self.write(active, start, FrameKind::Batch) {
            active.index.dictionary.truncate(known);
            return Err(failed);
        }
        let payload = self.buffer.get(FRAME_HEADER_LENGTH..).unwrap_or_default();
        match Batch::decode(payload) {
            Ok(batch) => active.index.add_batch(&batch, begin..active.length),
            Err(damage) => debug_assert!(false, "encoded wrongly: {damage:?}"),
        }
        if self.buffer.capacity() > BUFFER_KEPT_MAX {
            *self = Self::default();
        }
        Ok(())
    }

    /// Appends a frame with a new low-water id.
    pub(in crate::store) fn append_low_water(
        &mut self,
        active: &mut ActiveWriter,
        low_water: u64,
    ) -> Result<(), Error> {
        self.buffer.clear();
        let start = frame::begin(&mut self.buffer);
        self.buffer.extend(low_water.to_le_bytes());
        self.write(active, start, FrameKind::LowWater)?;
        active.index.low_water = low_water;
        Ok(())
    }

    /// Writes the frame in the buffer after the others.
    fn write(
        &mut self,
        active: &mut ActiveWriter,
        start: usize,
        kind: FrameKind,
    ) -> Result<(), Error> {
        let payload = self.buffer.len() - start - FRAME_HEADER_LENGTH;
        if payload > FRAME_PAYLOAD_MAX {
            return Err(Error::TooLarge {
                bytes: payload as u64,
                bytes_max: FRAME_PAYLOAD_MAX as u64,
            });
        }
        let place = Place {
            store: active.file.store,
            offset: active.length,
        };
        frame::finish(&mut self.buffer, start, kind, active.durable, place);
        let file = &active.file;
        if let Err(error) = file.file.write_all_at(&self.buffer, active.length) {
            // The file is unchanged only if the write failed for lack of space or memory, and its traces could be truncated.
            let is_undone = file.file.set_length(active.length).is_ok();
            return Err(match Error::io("write", &file.path)(error) {
                error @ Error::Full { .. } if is_undone => error,
                Error::Io {
                    action,
                    path,
                    source,
                } if is_undone && is_momentary(&source) => Error::Io {
                    action,
                    path,
                    source,
                },
                Error::Full { source, .. } | Error::Io { source, .. } => Error::Data {
                    action: "write",
                    path: file.path.to_path_buf(),
                    source,
                },
                error => error,
            });
        }
        active.length += self.buffer.len() as u64;
        Ok(())
    }
}

impl ActiveWriter {
    /// Creates an active file that starts with the state of its predecessor.
    pub(in crate::store) fn create(
        directory: &Directory,
        identity: &Identity,
        first_id: u64,
        low_water: u64,
        positions: &Positions,
    ) -> Result<Self, Error> {
        let path = directory.active(first_id);
        let (file, temporary) = directory.create(&path)?;
        let header = Header {
            version: VERSION,
            kind: FileKind::Active,
            store: identity.store,
            first_id,
            created: directory.now(),
            thinning: None,
        };
        let mut bytes = header.encode().to_vec();
        let start = frame::begin(&mut bytes);
        active::encode_state(&mut bytes, low_water, positions);
        let place = Place {
            store: identity.store,
            offset: HEADER_LENGTH as u64,
        };
        frame::finish(&mut bytes, start, FrameKind::State, 0, place);
        file.write_all_at(&bytes, 0)
            .map_err(Error::io("write", &temporary))?;
        file.sync().map_err(Error::io("sync", &temporary))?;
        directory.name(&path)?;
        // Whether the name is durable is unknown until this succeeds: nothing may be appended before.
        directory
            .sync_names()
            .map_err(Error::data("sync", &directory.root))?;
        let mut index = Index::new(first_id);
        index.low_water = low_water;
        index.positions.clone_from(positions);
        let length = bytes.len() as u64;
        Ok(Self {
            file: ActiveFile::new(file, path, identity.store),
            header,
            index,
            length,
            durable: length,
        })
    }

    /// Whether there are bytes that are not synced.
    pub(in crate::store) fn is_dirty(&self) -> bool {
        self.durable < self.length
    }

    pub(in crate::store) fn sync(&mut self) -> Result<(), Error> {
        if self.is_dirty() {
            let file = &self.file;
            file.file.sync().map_err(Error::data("sync", &file.path))?;
            self.durable = self.length;
        }
        Ok(())
    }

    /// Its present state for readers.
    pub(in crate::store) fn segment(&self) -> Segment {
        let ids = self.index.first_id()..self.index.next_id;
        let (sources, active) = self.index.snapshot(&self.file);
        Segment::active(ids, sources, active)
    }
}

impl From<ScannedFile> for ActiveWriter {
    fn from(scanned: ScannedFile) -> Self {
        Self {
            file: scanned.file,
            header: scanned.header,
            index: scanned.index,
            length: scanned.length,
            durable: 0,
        }
    }
}

/// Whether the operating system temporarily lacked a resource.
fn is_momentary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::OutOfMemory | io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}

/// The buffer of a frame of usual size is kept; that of a larger one is freed.
const BUFFER_KEPT_MAX: usize = 4 << 20;
