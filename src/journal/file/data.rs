//! DATA objects; each holds one `NAME=value`.

use super::payload::Compression;
use super::payload::Extent;
use super::payload::Inflater;
use super::payload::Stored;
use super::payload::XZ_TAIL_BYTES;
use super::payload::stated_length;
use super::window::FileWindow;
use crate::bytes::ByteReader;
use crate::journal::format::error::Error;
use crate::journal::format::header::FileHeader;
use crate::journal::format::header::corrupt;
use crate::journal::format::layout;
use crate::journal::format::layout::object_type;

/// A field that is stored uncompressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<'a> {
    pub(crate) field: &'a [u8],
    pub(crate) n_entries: u64,
}

impl<'a> Plain<'a> {
    /// The object at `offset`, if it is in the copied part of the file, is complete and uncompressed, and has at most
    /// `limit` bytes. This is the quick path for most objects; [`DataHead::read`] handles the others.
    pub(crate) fn find(
        window: &'a FileWindow,
        header: &FileHeader,
        offset: u64,
        limit: usize,
    ) -> Option<Self> {
        if offset < header.header_size || !offset.is_multiple_of(8) {
            return None;
        }
        let bytes = window.copied(offset)?;
        let (head, _): (&[[u8; 8]], _) = bytes
            .first_chunk::<{ layout::ENTRY_ITEMS }>()?
            .as_chunks::<8>();
        let &[[object_type::DATA, 0, ..], size, .., n_entries] = head else {
            return None;
        };
        let start = usize::try_from(header.data_payload()).ok()?;
        let size = usize::try_from(u64::from_le_bytes(size)).ok()?;
        let field = bytes.get(start..size)?;
        (!field.is_empty() && field.len() <= limit).then_some(Self {
            field,
            n_entries: u64::from_le_bytes(n_entries),
        })
    }
}

/// The fixed part of a DATA object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataHead {
    pub(crate) flags: u8,
    size: u64,
    pub(crate) hash: u64,
    pub(crate) next_hash_offset: u64,
    pub(crate) next_field_offset: u64,
    pub(crate) entry_offset: u64,
    pub(crate) entry_array_offset: u64,
    pub(crate) n_entries: u64,
}

impl DataHead {
    /// Reads the object at `offset`, which an entry or a chain refers to.
    pub(crate) fn read(
        window: &mut FileWindow,
        header: &FileHeader,
        offset: u64,
    ) -> Result<Self, Error> {
        if offset < header.header_size || !offset.is_multiple_of(8) {
            return Err(corrupt(
                "data object offset",
                offset,
                "a multiple of 8 after the header",
                offset,
            ));
        }
        let bytes = window.random(offset, layout::ENTRY_ITEMS, "data object")?;
        Self::parse(bytes, offset, header.data_payload())
    }

    fn parse(bytes: &[u8], offset: u64, payload_at: u64) -> Result<Self, Error> {
        let flags = bytes.get(1).copied().unwrap_or(0);
        let mut reader = ByteReader::new(fixed(bytes), offset);
        let size = object_size(&mut reader, object_type::DATA, "1 (data)")?;
        if size <= payload_at {
            return Err(corrupt("data object size", offset + 8, "a payload", size));
        }
        Ok(Self {
            flags,
            size,
            hash: reader.u64("data hash")?,
            next_hash_offset: reader.u64("next data object of a hash")?,
            next_field_offset: reader.u64("next data object of a field")?,
            entry_offset: reader.u64("first entry of a data object")?,
            entry_array_offset: reader.u64("entry array of a data object")?,
            n_entries: reader.u64("number of entries of a data object")?,
        })
    }

    /// The payload of the object at `offset`, decompressed and cut to its first `limit` bytes. Reads and holds not
    /// much more of the file than that.
    pub(crate) fn payload<'a>(
        &self,
        window: &'a mut FileWindow,
        header: &FileHeader,
        offset: u64,
        inflater: &'a mut Inflater,
        limit: usize,
    ) -> Result<Payload<'a>, Error> {
        let start = header.data_payload();
        let length = self.size - start;
        let compression = Compression::from_flags(self.flags, offset)?;
        // A compressed payload is at most a little longer than the field, so that this much of it is enough for
        // `limit` bytes.
        let room = match compression {
            Compression::None => limit,
            _ => limit.saturating_add(COMPRESSED_BYTES_MORE),
        };
        let read = usize::try_from(length).unwrap_or(usize::MAX).min(room);
        let is_cut = length > read as u64;
        let tail = match compression {
            Compression::Xz if is_cut => xz_length_at(window, offset.saturating_add(self.size)),
            _ => None,
        };
        let bytes = window.random(offset.saturating_add(start), read, "data payload")?;
        if compression == Compression::None {
            let extent = if is_cut {
                Extent::Cut(Some(length))
            } else {
                Extent::Whole
            };
            return Ok(Payload { bytes, extent });
        }
        let stored = Stored {
            bytes,
            offset,
            is_cut,
        };
        let extent = match inflater.inflate(compression, stored, limit)? {
            Extent::Cut(known) => Extent::Cut(tail.or(known)),
            Extent::Whole => Extent::Whole,
        };
        Ok(Payload {
            bytes: inflater.bytes(),
            extent,
        })
    }

    /// The same as [`payload`](Self::payload), but only if the whole payload fits.
    pub(crate) fn whole_payload<'a>(
        &self,
        window: &'a mut FileWindow,
        header: &FileHeader,
        offset: u64,
        inflater: &'a mut Inflater,
        limit: usize,
    ) -> Result<&'a [u8], Error> {
        let payload = self.payload(window, header, offset, inflater, limit)?;
        match payload.extent {
            Extent::Whole => Ok(payload.bytes),
            Extent::Cut(_) => Err(Error::Limit {
                what: "field",
                offset,
                limit: limit as u64,
            }),
        }
    }
}

/// A decompressed payload, or its beginning.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) extent: Extent,
}

/// Bytes of a compressed payload that are read beyond the wanted length of the field, for headers and for blocks that
/// compression did not make shorter.
const COMPRESSED_BYTES_MORE: usize = 64 << 10;

/// The uncompressed length that the xz stream ending at `end` states.
fn xz_length_at(window: &mut FileWindow, end: u64) -> Option<u64> {
    let start = end.checked_sub(XZ_TAIL_BYTES as u64)?;
    let tail = window
        .random(start, XZ_TAIL_BYTES, "end of a payload")
        .ok()?;
    stated_length(Compression::Xz, tail)
}

/// The size of an object, which must have the given type.
pub(crate) fn object_size(
    reader: &mut ByteReader<'_>,
    wanted: u8,
    expected: &'static str,
) -> Result<u64, Error> {
    let offset = reader.offset();
    let kind = reader.u8("object type")?;
    reader.take(7, "object flags")?;
    if kind != wanted {
        return Err(corrupt("object type", offset, expected, u64::from(kind)));
    }
    Ok(reader.u64("object size")?)
}

/// The first 64 bytes of an object. A slice of fixed length spares the parser's bounds checks.
pub(crate) fn fixed(bytes: &[u8]) -> &[u8] {
    bytes
        .first_chunk::<{ layout::ENTRY_ITEMS }>()
        .map_or(bytes, |fixed| fixed)
}
