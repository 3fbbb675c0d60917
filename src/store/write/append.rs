//! Appending frames to the active file, each in one write.

use crate::record::{Position, Positions, Record};
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, Identity};
use crate::store::folder::scan::ScannedFile;
use crate::store::format::batch::{self, BatchColumns, Scratch};
use crate::store::format::frame::{self, FrameKind, Place};
use crate::store::format::layout::{
    FRAME_HEADER_LENGTH, FRAME_PAYLOAD_MAX, FileKind, HEADER_LENGTH, Header, VERSION, VERSION_2,
};
use crate::store::format::payload::{self, BatchPayload};
use crate::store::format::stream::{BatchStreamWriter, StreamPlace};
use crate::store::read::active::ActiveFile;
use crate::store::read::active_index::ActiveIndex;
use crate::store::read::segment::Segment;
use std::io;
use std::sync::Arc;

/// The file that frames are appended to.
#[derive(Debug)]
pub(in crate::store) struct ActiveWriter {
    pub(in crate::store) file: ActiveFile,
    pub(in crate::store) header: Header,
    pub(in crate::store) index: ActiveIndex,
    /// The end of its last complete frame.
    pub(in crate::store) length: u64,
    /// The number of bytes that are synced.
    pub(in crate::store) durable: u64,
    /// Compresses the batches, until the file is full.
    stream: Option<BatchStream>,
}

#[derive(Debug)]
struct BatchStream {
    writer: BatchStreamWriter,
    /// Whether all that it compressed is in the file, so that it can be continued.
    is_written: bool,
}

/// Encodes and writes frames, with reused buffers.
#[derive(Debug, Default)]
pub(in crate::store) struct FrameWriter {
    buffer: Vec<u8>,
    /// The payload of a batch frame before compression.
    raw: Vec<u8>,
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
        let is_compressed = records.len() > 0 && active.header.version > VERSION_2;
        self.append_frame(active, first_id, records, positions, is_compressed)
    }

    /// Appends a batch frame that is not compressed: a stream that ends after few records costs more than they take. For files that are
    /// sealed at once.
    pub(in crate::store) fn append_plain<'a>(
        &mut self,
        active: &mut ActiveWriter,
        first_id: u64,
        records: &(impl ExactSizeIterator<Item = &'a Record> + Clone),
    ) -> Result<(), Error> {
        self.append_frame(active, first_id, records, &[], false)
    }

    fn append_frame<'a>(
        &mut self,
        active: &mut ActiveWriter,
        first_id: u64,
        records: &(impl ExactSizeIterator<Item = &'a Record> + Clone),
        positions: &[Position],
        is_compressed: bool,
    ) -> Result<(), Error> {
        let dictionary = &mut active.index.dictionary;
        let known = dictionary.names().len();
        let Self { raw, scratch, .. } = self;
        raw.clear();
        batch::encode(raw, first_id, records, positions, dictionary, scratch);
        let begin = active.length;
        let stream = match self.write_batch(active, first_id, is_compressed) {
            Ok(stream) => stream,
            Err(failed) => {
                active.index.dictionary.truncate(known);
                return Err(failed);
            }
        };
        match BatchColumns::decode(&self.raw) {
            Ok(columns) => {
                let payload = BatchPayload {
                    columns,
                    raw_length: self.raw.len() as u64,
                    stream,
                };
                active.index.add_batch(&payload, begin..active.length);
            }
            Err(damage) => debug_assert!(false, "encoded wrongly: {damage:?}"),
        }
        if self.raw.capacity().max(self.buffer.capacity()) > BUFFER_KEPT_MAX {
            *self = Self::default();
        }
        Ok(())
    }

    /// Writes the frame of the encoded batch.
    fn write_batch(
        &mut self,
        active: &mut ActiveWriter,
        first_id: u64,
        is_compressed: bool,
    ) -> Result<StreamPlace, Error> {
        // The limit is about the batch as a reader sees it.
        check_length(self.raw.len())?;
        self.buffer.clear();
        let start = frame::begin(&mut self.buffer);
        if !is_compressed {
            self.buffer.extend_from_slice(&self.raw);
            self.write(active, start, FrameKind::Batch)?;
            return Ok(StreamPlace::Apart);
        }
        let path = Arc::clone(&active.file.path);
        let (stream, place) = active.stream_for(first_id)?;
        stream
            .writer
            .append(&self.raw, &mut self.buffer)
            .map_err(Error::io("compress", &path))?;
        self.write(active, start, FrameKind::CompressedBatch)?;
        if let Some(stream) = &mut active.stream {
            stream.is_written = true;
        }
        Ok(place)
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
        check_length(self.buffer.len() - start - FRAME_HEADER_LENGTH)?;
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
        payload::encode_state(&mut bytes, low_water, positions);
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
        let mut index = ActiveIndex::new(first_id);
        index.low_water = low_water;
        index.positions.clone_from(positions);
        let length = bytes.len() as u64;
        Ok(Self {
            file: ActiveFile::new(file, path, identity.store),
            header,
            index,
            length,
            durable: length,
            stream: None,
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

    /// The stream for a batch that begins with this id, and the place of the batch in it. The stream counts as not written until the
    /// caller has written the batch.
    fn stream_for(&mut self, first_id: u64) -> Result<(&mut BatchStream, StreamPlace), Error> {
        let failed = Error::io("compress", &self.file.path);
        let known = self.stream.take();
        let known = match known {
            Some(stream) => Ok(stream),
            None => BatchStreamWriter::new().map(|writer| BatchStream {
                writer,
                is_written: false,
            }),
        };
        let continues = self.index.can_extend(first_id);
        let begun = known.and_then(|mut stream| {
            if stream.is_written && continues {
                return Ok((stream, StreamPlace::Later));
            }
            stream.writer.begin()?;
            Ok((stream, StreamPlace::First))
        });
        let (mut stream, place) = begun.map_err(failed)?;
        stream.is_written = false;
        Ok((self.stream.insert(stream), place))
    }

    /// Frees the memory of compression, as nothing more is appended.
    pub(in crate::store) fn end_stream(&mut self) {
        self.stream = None;
    }

    /// Its size in bytes before compression, which bounds the memory of sealing.
    pub(in crate::store) fn raw_length(&self) -> u64 {
        self.length.max(self.index.raw_length())
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
            stream: None,
        }
    }
}

/// Checks the length of the payload of a frame.
fn check_length(payload: usize) -> Result<(), Error> {
    if payload > FRAME_PAYLOAD_MAX {
        return Err(Error::TooLarge {
            bytes: payload as u64,
            bytes_max: FRAME_PAYLOAD_MAX as u64,
        });
    }
    Ok(())
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
