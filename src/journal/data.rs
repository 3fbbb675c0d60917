//! DATA objects: one `NAME=value` each.

use super::error::Error;
use super::header::Header;
use super::header::corrupt;
use super::layout;
use super::layout::object_type;
use super::payload::Compression;
use super::payload::Inflater;
use super::window::Window;
use crate::bytes::Reader;

/// A field that stands in the file as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain<'a> {
    pub(super) field: &'a [u8],
    pub(super) n_entries: u64,
}

impl<'a> Plain<'a> {
    /// The object at `offset` if it was copied already, is whole, not compressed and has at most `limit` bytes: what
    /// most are. Whatever else it is, [`DataHead::read`] tells.
    pub(super) fn find(
        window: &'a Window,
        header: &Header,
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
pub(super) struct DataHead {
    pub(super) flags: u8,
    size: u64,
    pub(super) hash: u64,
    pub(super) next_hash_offset: u64,
    pub(super) next_field_offset: u64,
    pub(super) entry_offset: u64,
    pub(super) entry_array_offset: u64,
    pub(super) n_entries: u64,
}

impl DataHead {
    /// Reads the object at `offset`, which stands in an entry or a chain.
    pub(super) fn read(window: &mut Window, header: &Header, offset: u64) -> Result<Self, Error> {
        if offset < header.header_size || !offset.is_multiple_of(8) {
            return Err(corrupt(
                "data object offset",
                offset,
                "a multiple of 8 behind the header",
                offset,
            ));
        }
        let bytes = window.random(offset, layout::ENTRY_ITEMS, "data object")?;
        Self::parse(bytes, offset, header.data_payload())
    }

    fn parse(bytes: &[u8], offset: u64, payload_at: u64) -> Result<Self, Error> {
        let flags = bytes.get(1).copied().unwrap_or(0);
        let mut reader = Reader::new(fixed(bytes), offset);
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

    /// The payload of the object at `offset`, decompressed: at most `limit` bytes.
    pub(super) fn payload<'a>(
        &self,
        window: &'a mut Window,
        header: &Header,
        offset: u64,
        inflater: &'a mut Inflater,
        limit: usize,
    ) -> Result<&'a [u8], Error> {
        let over = || Error::Limit {
            what: "field",
            offset,
            limit: limit as u64,
        };
        let start = header.data_payload();
        if self.size - start > limit as u64 {
            return Err(over());
        }
        let size = usize::try_from(self.size).map_err(|_| over())?;
        let bytes = window.random(offset, size, "data payload")?;
        let start = usize::try_from(start).map_err(|_| over())?;
        let raw = bytes.get(start..).unwrap_or_default();
        match Compression::from_flags(self.flags, offset)? {
            Compression::None => Ok(raw),
            compression => inflater.inflate(compression, raw, offset, limit),
        }
    }
}

/// The size of an object of the wanted type.
pub(super) fn object_size(
    reader: &mut Reader<'_>,
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

/// The first 64 bytes of an object. That their number is fixed spares the reader's checks.
pub(super) fn fixed(bytes: &[u8]) -> &[u8] {
    bytes
        .first_chunk::<{ layout::ENTRY_ITEMS }>()
        .map_or(bytes, |fixed| fixed)
}
