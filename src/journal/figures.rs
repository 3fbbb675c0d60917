//! The figures in a file's header, as its writer recorded them.

use crate::bytes::ByteReader;
use crate::journal::format::error::Error;
use crate::journal::format::id::Id128;
use crate::journal::format::layout;
use crate::journal::stream::journal::Journal;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The unit of `st_blocks`, independent of the file system's own block size (POSIX).
const BLOCK_BYTES: u64 = 512;
/// A bucket of a hash table holds the first and the last object of its chain.
const BUCKET_BYTES: u64 = 16;
/// journald starts a new file when a hash chain is longer than this.
const CHAIN_DEPTH_MAX: u64 = 100;
/// The size of a header that has every field this reader knows.
const HEADER_SIZE_WHOLE: u64 = layout::HEADER_SIZE_KNOWN as u64;

/// The figures in a file's header. Figures that the file's version of the format lacks are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The file.
    pub path: PathBuf,
    /// See [`layout::COMPATIBLE_SEALED`] and its neighbours.
    pub compatible_flags: u32,
    /// See [`layout::INCOMPATIBLE_XZ`] and its neighbours.
    pub incompatible_flags: u32,
    /// 0 offline, 1 online, 2 archived.
    pub state: u8,
    /// The id of the file, which keys its hash tables.
    pub file_id: Id128,
    /// The machine that wrote it.
    pub machine_id: Id128,
    /// The boot of the last entry, or the boot in which the file was opened last.
    pub boot_id: Id128,
    /// The source of the sequence numbers.
    pub seqnum_id: Id128,
    /// In bytes.
    pub header_size: u64,
    /// Size of everything after the header, in bytes.
    pub arena_size: u64,
    /// Buckets of the hash table of DATA objects.
    pub data_buckets: u64,
    /// Buckets of the hash table of FIELD objects.
    pub field_buckets: u64,
    /// Offset of the last object.
    pub tail_object_offset: u64,
    /// Offset of the first array of all entries.
    pub entry_array_offset: u64,
    /// The sequence number of the first entry.
    pub head_entry_seqnum: u64,
    /// The sequence number of the last entry.
    pub tail_entry_seqnum: u64,
    /// The time of the first entry, in microseconds since 1970.
    pub head_entry_realtime: u64,
    /// The time of the last entry, in microseconds since 1970.
    pub tail_entry_realtime: u64,
    /// The time of the last entry, in microseconds since its boot.
    pub tail_entry_monotonic: u64,
    /// Number of objects of all types.
    pub n_objects: u64,
    /// Number of ENTRY objects.
    pub n_entries: u64,
    /// Number of DATA objects.
    pub n_data: Option<u64>,
    /// Number of FIELD objects.
    pub n_fields: Option<u64>,
    /// Number of TAG objects.
    pub n_tags: Option<u64>,
    /// Number of `ENTRY_ARRAY` objects.
    pub n_entry_arrays: Option<u64>,
    /// Length of the longest chain of the DATA hash table.
    pub data_hash_chain_depth: Option<u64>,
    /// Length of the longest chain of the FIELD hash table.
    pub field_hash_chain_depth: Option<u64>,
    /// Size of the file on disk in bytes; holes take none.
    pub disk_bytes: u64,
}

impl Figures {
    /// Parses a header; at least its first 208 bytes must be present.
    pub(super) fn parse(path: PathBuf, bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = ByteReader::new(bytes, 0);
        reader.take(8, "file signature")?;
        let compatible_flags = reader.u32("compatible flags")?;
        let incompatible_flags = reader.u32("incompatible flags")?;
        let [state, ..] = reader.array::<8>("file state")?;
        let file_id = Id128::new(reader.array("file id")?);
        let machine_id = Id128::new(reader.array("machine id")?);
        let boot_id = Id128::new(reader.array("tail entry boot id")?);
        let seqnum_id = Id128::new(reader.array("seqnum id")?);
        let header_size = reader.u64("header size")?;
        let arena_size = reader.u64("arena size")?;
        let buckets = data_and_field_buckets(&mut reader)?;
        let mut figures = Self {
            path,
            compatible_flags,
            incompatible_flags,
            state,
            file_id,
            machine_id,
            boot_id,
            seqnum_id,
            header_size,
            arena_size,
            data_buckets: buckets.0,
            field_buckets: buckets.1,
            tail_object_offset: reader.u64("tail object offset")?,
            n_objects: reader.u64("number of objects")?,
            n_entries: reader.u64("number of entries")?,
            tail_entry_seqnum: reader.u64("tail entry seqnum")?,
            head_entry_seqnum: reader.u64("head entry seqnum")?,
            entry_array_offset: reader.u64("entry array offset")?,
            head_entry_realtime: reader.u64("head entry realtime")?,
            tail_entry_realtime: reader.u64("tail entry realtime")?,
            tail_entry_monotonic: reader.u64("tail entry monotonic")?,
            n_data: None,
            n_fields: None,
            n_tags: None,
            n_entry_arrays: None,
            data_hash_chain_depth: None,
            field_hash_chain_depth: None,
            disk_bytes: 0,
        };
        figures.read_counts(&mut reader);
        Ok(figures)
    }

    /// Reads the counts; older headers have fewer of them.
    fn read_counts(&mut self, reader: &mut ByteReader<'_>) {
        let mut next = || {
            let is_there = reader.offset() + 8 <= self.header_size;
            let number = reader.u64("count").ok();
            number.filter(|_| is_there)
        };
        self.n_data = next();
        self.n_fields = next();
        self.n_tags = next();
        self.n_entry_arrays = next();
        self.data_hash_chain_depth = next();
        self.field_hash_chain_depth = next();
    }

    /// Whether journald would start a new file: the header has an older format, a hash table is three quarters full
    /// or has a long chain, or fields are not indexed.
    #[must_use]
    pub fn rotation_suggested(&self) -> bool {
        let is_full = |used: Option<u64>, buckets: u64| {
            used.is_some_and(|used| used.saturating_mul(4) > buckets.saturating_mul(3))
        };
        let is_deep = |depth: Option<u64>| depth.is_some_and(|depth| depth > CHAIN_DEPTH_MAX);
        self.header_size < HEADER_SIZE_WHOLE
            || is_full(self.n_data, self.data_buckets)
            || is_full(self.n_fields, self.field_buckets)
            || is_deep(self.data_hash_chain_depth)
            || is_deep(self.field_hash_chain_depth)
            || (self.n_data.is_some_and(|data| data > 0) && self.n_fields == Some(0))
    }
}

/// The number of buckets of the two hash tables.
fn data_and_field_buckets(reader: &mut ByteReader<'_>) -> Result<(u64, u64), Error> {
    reader.take(8, "data hash table offset")?;
    let data = reader.u64("data hash table size")?;
    reader.take(8, "field hash table offset")?;
    let field = reader.u64("field hash table size")?;
    Ok((data / BUCKET_BYTES, field / BUCKET_BYTES))
}

impl Journal {
    /// The current figures of all files that are read. A file that was deleted meanwhile is reported by
    /// [`problems`](Self::problems).
    pub fn figures(&mut self) -> Vec<Figures> {
        let mut all = Vec::new();
        for member in &mut self.members {
            let figures = member
                .file
                .raw_header()
                .and_then(|raw| Figures::parse(member.path.clone(), &raw));
            match figures {
                Ok(figures) => all.push(Figures {
                    disk_bytes: fs::metadata(&member.path)
                        .map_or(0, |metadata| metadata.blocks().saturating_mul(BLOCK_BYTES)),
                    ..figures
                }),
                Err(error) => self.problems.add(&member.path, error),
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::format::header::tests::header_bytes;

    #[test]
    fn an_older_header_has_fewer_figures() {
        for (size, known) in [(208, 0), (224, 2), (240, 4), (256, 6), (272, 6)] {
            let mut bytes = header_bytes(size);
            bytes.resize(272, 1);
            let parsed = Figures::parse(PathBuf::new(), &bytes).unwrap();
            let counts = [
                parsed.n_data,
                parsed.n_fields,
                parsed.n_tags,
                parsed.n_entry_arrays,
                parsed.data_hash_chain_depth,
                parsed.field_hash_chain_depth,
            ];
            assert_eq!(counts.iter().flatten().count(), known, "{size}");
        }
    }

    #[test]
    fn rotation_is_suggested_for_each_reason_alone() {
        let mut bytes = header_bytes(272);
        bytes[112..120].copy_from_slice(&1600_u64.to_le_bytes());
        bytes[128..136].copy_from_slice(&1600_u64.to_le_bytes());
        let sound = Figures {
            n_data: Some(75),
            n_fields: Some(75),
            ..Figures::parse(PathBuf::new(), &bytes).unwrap()
        };
        assert!(!sound.rotation_suggested());
        let changes: [fn(&mut Figures); 6] = [
            |figures| figures.header_size = 264,
            |figures| figures.n_data = Some(76),
            |figures| figures.n_fields = Some(76),
            |figures| figures.n_fields = Some(0),
            |figures| figures.data_hash_chain_depth = Some(101),
            |figures| figures.field_hash_chain_depth = Some(101),
        ];
        for change in changes {
            let mut worse = sound.clone();
            change(&mut worse);
            assert!(worse.rotation_suggested());
        }
    }
}
