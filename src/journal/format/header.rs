//! Parses and checks the header of a journal file.

use super::error::Error;
use super::hash;
use super::id::Id128;
use super::layout;
use crate::bytes::ByteReader;

/// The part of a header that other modules need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileHeader {
    pub(crate) incompatible_flags: u32,
    pub(crate) state: u8,
    pub(crate) file_id: Id128,
    pub(crate) machine_id: Id128,
    pub(crate) seqnum_id: Id128,
    pub(crate) header_size: u64,
    pub(crate) arena_size: u64,
    pub(crate) data_hash_table_offset: u64,
    pub(crate) data_hash_table_size: u64,
    pub(crate) field_hash_table_offset: u64,
    pub(crate) field_hash_table_size: u64,
    pub(crate) tail_object_offset: u64,
    pub(crate) n_entries: u64,
    pub(crate) tail_entry_seqnum: u64,
    pub(crate) head_entry_seqnum: u64,
    pub(crate) entry_array_offset: u64,
    pub(crate) tail_entry_realtime: u64,
    pub(crate) tail_entry_monotonic: u64,
    /// The boot of the last entry, if the file's flags define the field so.
    pub(crate) tail_entry_boot_id: Option<Id128>,
}

impl FileHeader {
    /// Parses the beginning of a file; fields beyond its end are absent.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = ByteReader::new(bytes, 0);
        if reader.array("file signature")? != layout::SIGNATURE {
            return Err(corrupt("file signature", 0, "LPKSHHRH", 0));
        }
        let compatible_flags = reader.u32("compatible flags")?;
        let incompatible_flags = checked_flags(reader.u32("incompatible flags")?)?;
        let state = reader.u8("file state")?;
        if !layout::STATES.contains(&state) {
            return Err(corrupt(
                "file state",
                16,
                "0 (offline), 1 (online) or 2 (archived)",
                u64::from(state),
            ));
        }
        reader.take(7, "reserved bytes")?;
        let file_id = id(&mut reader, "file id")?;
        let machine_id = id(&mut reader, "machine id")?;
        let boot_id = id(&mut reader, "tail entry boot id")?;
        let flagged = compatible_flags & layout::COMPATIBLE_TAIL_ENTRY_BOOT_ID != 0;
        let header = Self {
            incompatible_flags,
            state,
            file_id,
            machine_id,
            tail_entry_boot_id: flagged.then_some(boot_id),
            seqnum_id: id(&mut reader, "seqnum id")?,
            header_size: reader.u64("header size")?,
            arena_size: reader.u64("arena size")?,
            data_hash_table_offset: reader.u64("data hash table offset")?,
            data_hash_table_size: reader.u64("data hash table size")?,
            field_hash_table_offset: reader.u64("field hash table offset")?,
            field_hash_table_size: reader.u64("field hash table size")?,
            tail_object_offset: reader.u64("tail object offset")?,
            n_entries: after(&mut reader, 8, "number of entries")?,
            tail_entry_seqnum: reader.u64("tail entry seqnum")?,
            head_entry_seqnum: reader.u64("head entry seqnum")?,
            entry_array_offset: reader.u64("entry array offset")?,
            tail_entry_realtime: after(&mut reader, 8, "tail entry realtime")?,
            tail_entry_monotonic: reader.u64("tail entry monotonic")?,
        };
        header.check_size()
    }

    fn check_size(self) -> Result<Self, Error> {
        if self.header_size < layout::HEADER_SIZE_MIN || !self.header_size.is_multiple_of(8) {
            return Err(corrupt(
                "header size",
                88,
                "a multiple of 8, at least 208",
                self.header_size,
            ));
        }
        Ok(self)
    }

    /// Whether offsets are stored in 4 bytes.
    pub(crate) fn compact(&self) -> bool {
        self.incompatible_flags & layout::INCOMPATIBLE_COMPACT != 0
    }

    /// The hash of a payload or a field name with this file's hash function.
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        if self.incompatible_flags & layout::INCOMPATIBLE_KEYED_HASH != 0 {
            hash::keyed(self.file_id, bytes)
        } else {
            hash::jenkins(bytes)
        }
    }

    /// Whether a process is writing the file, or died while writing.
    pub(crate) fn online(&self) -> bool {
        self.state == layout::STATE_ONLINE
    }

    /// Whether entries may still be appended.
    pub(crate) fn growing(&self) -> bool {
        self.state != layout::STATE_ARCHIVED
    }

    /// Upper bound of the offsets of objects in a file of this length. The header alone is not enough: it may be
    /// damaged, or older than the last objects.
    pub(crate) fn end(&self, file_length: u64) -> u64 {
        let end = self.header_size.saturating_add(self.arena_size);
        end.max(file_length)
    }

    /// Offset of the payload within a DATA object.
    pub(crate) fn data_payload(&self) -> u64 {
        if self.compact() {
            layout::DATA_PAYLOAD_COMPACT
        } else {
            layout::DATA_PAYLOAD_REGULAR
        }
    }

    /// Size of one item of an ENTRY object, in bytes.
    pub(crate) fn entry_item(&self) -> u64 {
        if self.compact() { 4 } else { 16 }
    }

    /// Size of one item of an `ENTRY_ARRAY` object, in bytes.
    pub(crate) fn array_item(&self) -> u64 {
        if self.compact() { 4 } else { 8 }
    }
}

/// Returns the flags if all of them are known.
fn checked_flags(flags: u32) -> Result<u32, Error> {
    let unknown = flags & !layout::INCOMPATIBLE_KNOWN;
    if unknown == 0 {
        return Ok(flags);
    }
    let bits: Vec<String> = (0..u32::BITS)
        .filter(|bit| unknown & (1 << bit) != 0)
        .map(|bit| bit.to_string())
        .collect();
    Err(Error::Unsupported {
        what: format!(
            "incompatible flag {} is unknown, the file was written by a newer systemd",
            bits.join(", ")
        ),
    })
}

fn id(reader: &mut ByteReader<'_>, what: &'static str) -> Result<Id128, Error> {
    Ok(Id128::new(reader.array(what)?))
}

/// Reads the number after `skip` bytes of other fields.
fn after(reader: &mut ByteReader<'_>, skip: usize, what: &'static str) -> Result<u64, Error> {
    reader.take(skip, what)?;
    Ok(reader.u64(what)?)
}

/// The error for a value at `offset` that violates the format.
pub(crate) fn corrupt(
    what: &'static str,
    offset: u64,
    expected: &'static str,
    found: u64,
) -> Error {
    Error::Corrupt {
        what,
        offset,
        expected,
        found,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A header of `size` bytes in a file without entries.
    pub(crate) fn header_bytes(size: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        bytes[..8].copy_from_slice(&layout::SIGNATURE);
        bytes[88..96].copy_from_slice(&size.to_le_bytes());
        bytes
    }

    #[test]
    fn every_known_length_is_accepted() {
        for size in [208, 224, 240, 256, 264, 272, 280, 4096] {
            let header = FileHeader::parse(&header_bytes(size)).unwrap();
            assert_eq!(header.header_size, size);
            assert!(!header.compact());
            assert!(header.tail_entry_boot_id.is_none());
        }
    }

    #[test]
    fn every_shorter_prefix_is_refused() {
        let bytes = header_bytes(208);
        for length in 0..208 {
            let error = FileHeader::parse(&bytes[..length]).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{length}: {error}");
        }
    }

    #[test]
    fn unknown_flags_are_named() {
        let mut bytes = header_bytes(272);
        bytes[12] = 1 << 5 | 1;
        bytes[13] = 1;
        let error = FileHeader::parse(&bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unsupported: incompatible flag 5, 8 is unknown, the file was written by a newer systemd"
        );
    }

    #[test]
    fn a_wrong_state_signature_or_size_is_refused() {
        for (at, value, what) in [
            (16, 9, "file state"),
            (0, 9, "file signature"),
            (88, 9, "header size"),
        ] {
            let mut bytes = header_bytes(272);
            bytes[at] = value;
            let error = FileHeader::parse(&bytes).unwrap_err();
            assert!(error.to_string().starts_with(what), "{error}");
        }
    }
}
