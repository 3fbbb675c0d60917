//! The constants of the format, and the header of segment files. `format-spec/store.md` describes them.

use crate::bytes::ByteReader;
use crate::store::error::Error;
use crate::time::Micros;
use std::path::Path;

/// The format version that is written, and the latest that is read.
pub(in crate::store) const VERSION: u32 = 4;
/// The first version, without filters and field index.
pub(in crate::store) const VERSION_1: u32 = 1;
/// The version without compressed batches, and without metadata that is stored by key.
pub(in crate::store) const VERSION_2: u32 = 2;
/// The version whose field index does not say which values a block has of keys with many.
pub(in crate::store) const VERSION_3: u32 = 3;

/// The start of both kinds of segment file.
pub(in crate::store) const HEADER_MAGIC: [u8; 8] = *b"VMLOGSEG";
/// Length of the header of a segment file.
pub(in crate::store) const HEADER_LENGTH: usize = 64;
/// The bytes of the header that its crc covers.
const HEADER_CHECKED: usize = 60;

/// The start of every frame.
pub(in crate::store) const FRAME_MAGIC: [u8; 4] = *b"VMLF";
/// Length of the header of a frame.
pub(in crate::store) const FRAME_HEADER_LENGTH: usize = 24;
/// The maximum payload of a frame: sixteen times the longest message of a collector.
pub(in crate::store) const FRAME_PAYLOAD_MAX: usize = 256 << 20;

/// The start of a footer.
pub(in crate::store) const FOOTER_MAGIC: [u8; 8] = *b"VMLOGFTR";
/// Length of the part of a footer before its content.
pub(in crate::store) const FOOTER_HEADER_LENGTH: usize = 16;
/// The end of a sealed file.
pub(in crate::store) const TRAILER_MAGIC: [u8; 8] = *b"VMLOGEND";
/// Length of the trailer.
pub(in crate::store) const TRAILER_LENGTH: usize = 48;
/// The bytes of the trailer that its crc covers.
pub(in crate::store) const TRAILER_CHECKED: usize = 36;
/// Columns of a block, in the order of [`Column`].
pub(in crate::store) const COLUMNS: usize = 8;
/// Length of a block's entry in the footer of this format version.
pub(in crate::store) fn block_entry_length(version: u32) -> usize {
    let columns = 80 + COLUMNS * 12;
    match version {
        VERSION_1 => columns,
        VERSION_2 => columns + 16,
        _ => columns + 24,
    }
}
/// The source of a block entry if the rows have several; a column names them.
pub(in crate::store) const SOURCE_SEVERAL: u32 = u32::MAX;
/// The length of a position's value if the origin is forgotten.
pub(in crate::store) const VALUE_FORGOTTEN: u32 = u32::MAX;

/// The columns of a sealed block, in the order in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Column {
    Ids,
    Sources,
    Timestamps,
    Levels,
    MessageLengths,
    MetadataLengths,
    Messages,
    Metadata,
}

impl Column {
    /// Every column, in the order in which they are stored.
    pub(in crate::store) const ALL: [Self; COLUMNS] = [
        Self::Ids,
        Self::Sources,
        Self::Timestamps,
        Self::Levels,
        Self::MessageLengths,
        Self::MetadataLengths,
        Self::Messages,
        Self::Metadata,
    ];

    /// Its name in errors and inspections.
    pub(in crate::store) fn name(self) -> &'static str {
        match self {
            Self::Ids => "block ids",
            Self::Sources => "block sources",
            Self::Timestamps => "block timestamps",
            Self::Levels => "block levels",
            Self::MessageLengths => "block message lengths",
            Self::MetadataLengths => "block metadata lengths",
            Self::Messages => "block messages",
            Self::Metadata => "block metadata",
        }
    }
}

/// 16 random bytes that identify a store. They are part of the crc of every frame, so that a logged message cannot be mistaken for
/// a frame.
pub(in crate::store) type StoreId = [u8; 16];

/// The kind of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum FileKind {
    Active,
    Sealed,
}

impl FileKind {
    fn number(self) -> u32 {
        match self {
            Self::Active => 1,
            Self::Sealed => 2,
        }
    }
}

/// How much of the evidence of a segment remains in a kept segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Degree {
    /// All evidence.
    Evidence,
    /// A small part of it, since all evidence together exceeded its budget.
    Essence,
}

/// Says in the header of a kept segment that most of its records were left out when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Thinning {
    pub(in crate::store) degree: Degree,
    /// The number of records that were left out.
    pub(in crate::store) removed: u64,
}

impl Thinning {
    fn encode(thinning: Option<Self>) -> [u8; 12] {
        let degree: u32 = match thinning.map(|thinning| thinning.degree) {
            None => 0,
            Some(Degree::Evidence) => 1,
            Some(Degree::Essence) => 2,
        };
        let removed = thinning.map_or(0, |thinning| thinning.removed);
        let mut out = [0; 12];
        let (first, last) = out.split_at_mut(4);
        first.copy_from_slice(&degree.to_le_bytes());
        last.copy_from_slice(&removed.to_le_bytes());
        out
    }

    /// An unknown degree is one of a later program: the segment is a kept one.
    fn decode(degree: u32, removed: u64) -> Option<Self> {
        let degree = match degree {
            0 => return None,
            1 => Degree::Evidence,
            _ => Degree::Essence,
        };
        Some(Self { degree, removed })
    }
}

/// The start of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Header {
    pub(in crate::store) version: u32,
    pub(in crate::store) kind: FileKind,
    pub(in crate::store) store: StoreId,
    pub(in crate::store) first_id: u64,
    /// When the active file was created, by this machine's clock.
    pub(in crate::store) created: Micros,
    /// `None` for a whole segment.
    pub(in crate::store) thinning: Option<Thinning>,
}

impl Header {
    pub(in crate::store) fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut out = Vec::with_capacity(HEADER_LENGTH);
        out.extend(HEADER_MAGIC);
        out.extend(self.version.to_le_bytes());
        out.extend(self.kind.number().to_le_bytes());
        out.extend(self.store);
        out.extend(self.first_id.to_le_bytes());
        out.extend(self.created.get().to_le_bytes());
        out.extend(Thinning::encode(self.thinning));
        debug_assert_eq!(out.len(), HEADER_CHECKED);
        let crc = crc32fast::hash(&out);
        out.extend(crc.to_le_bytes());
        let mut header = [0; HEADER_LENGTH];
        header.copy_from_slice(&out);
        header
    }

    /// Decodes the header of a file of this `kind`.
    pub(in crate::store) fn decode(
        bytes: &[u8],
        kind: FileKind,
        path: &Path,
    ) -> Result<Self, Error> {
        let header = Self::decode_any(bytes, path)?;
        if header.kind != kind {
            return Err(Error::corrupt(path, 0, "header kind"));
        }
        Ok(header)
    }

    /// Decodes the header of a file of either kind.
    pub(in crate::store) fn decode_any(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let damaged = |what| Error::corrupt(path, 0, what);
        let Some((checked, rest)) = bytes.split_at_checked(HEADER_CHECKED) else {
            return Err(damaged("header"));
        };
        let mut reader = ByteReader::new(checked, 0);
        let mut read = || -> Result<_, crate::bytes::Truncated> {
            Ok((
                reader.array::<8>("magic")?,
                reader.u32("version")?,
                reader.u32("kind")?,
                reader.array::<16>("store id")?,
                reader.u64("first id")?,
                reader.i64("created")?,
                Thinning::decode(reader.u32("thinning")?, reader.u64("removed records")?),
            ))
        };
        let (magic, version, number, store, first_id, created, thinning) =
            read().map_err(|_| damaged("header"))?;
        if magic != HEADER_MAGIC {
            return Err(damaged("header magic"));
        }
        let crc = ByteReader::new(rest, 60).u32("header crc");
        if crc != Ok(crc32fast::hash(checked)) {
            return Err(damaged("header"));
        }
        if version == 0 {
            return Err(damaged("header version"));
        }
        if version > VERSION {
            return Err(Error::Unsupported {
                path: path.to_owned(),
                found: version,
                known: VERSION,
            });
        }
        let kinds = [FileKind::Active, FileKind::Sealed];
        let kind = kinds.into_iter().find(|kind| kind.number() == number);
        Ok(Self {
            version,
            kind: kind.ok_or_else(|| damaged("header kind"))?,
            store,
            first_id,
            created: Micros::new(created),
            thinning,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            version: VERSION,
            kind: FileKind::Sealed,
            store: *b"0123456789abcdef",
            first_id: 7,
            created: Micros::new(1),
            thinning: Some(Thinning {
                degree: Degree::Essence,
                removed: 9,
            }),
        }
    }

    #[test]
    fn header_round_trips_and_every_flip_and_prefix_is_refused() {
        let path = Path::new("x");
        let bytes = header().encode();
        let back = Header::decode(&bytes, FileKind::Sealed, path);
        assert_eq!(back.unwrap(), header());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&flipped, FileKind::Sealed, path).is_err());
        }
        for length in 0..bytes.len() {
            assert!(Header::decode(&bytes[..length], FileKind::Sealed, path).is_err());
        }
        let error = Header::decode(&bytes, FileKind::Active, path).unwrap_err();
        assert_eq!(error.to_string(), "x: header kind at offset 0 is damaged");
    }

    #[test]
    fn later_version_is_refused_with_its_number() {
        let mut bytes = header().encode();
        bytes[8] = 9;
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        let error = Header::decode(&bytes, FileKind::Sealed, Path::new("x")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x: format version 9 is newer than 4, the latest known here"
        );
    }
}
