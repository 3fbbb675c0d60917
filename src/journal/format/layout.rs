//! The layout of a journal file: the numbers of `format-spec/journal.md`. A test compares both.

/// A field of a fixed layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutField {
    /// Bytes from the start of the structure.
    pub offset: u64,
    /// Size in bytes.
    pub size: u64,
    /// Its name in systemd's own description of the format.
    pub name: &'static str,
}

const fn field(offset: u64, size: u64, name: &'static str) -> LayoutField {
    LayoutField { offset, size, name }
}

/// The file header. Fields from byte 208 on exist only if `header_size` includes them.
pub const HEADER: &[LayoutField] = &[
    field(0, 8, "signature"),
    field(8, 4, "compatible_flags"),
    field(12, 4, "incompatible_flags"),
    field(16, 1, "state"),
    field(17, 7, "reserved"),
    field(24, 16, "file_id"),
    field(40, 16, "machine_id"),
    field(56, 16, "tail_entry_boot_id"),
    field(72, 16, "seqnum_id"),
    field(88, 8, "header_size"),
    field(96, 8, "arena_size"),
    field(104, 8, "data_hash_table_offset"),
    field(112, 8, "data_hash_table_size"),
    field(120, 8, "field_hash_table_offset"),
    field(128, 8, "field_hash_table_size"),
    field(136, 8, "tail_object_offset"),
    field(144, 8, "n_objects"),
    field(152, 8, "n_entries"),
    field(160, 8, "tail_entry_seqnum"),
    field(168, 8, "head_entry_seqnum"),
    field(176, 8, "entry_array_offset"),
    field(184, 8, "head_entry_realtime"),
    field(192, 8, "tail_entry_realtime"),
    field(200, 8, "tail_entry_monotonic"),
    field(208, 8, "n_data"),
    field(216, 8, "n_fields"),
    field(224, 8, "n_tags"),
    field(232, 8, "n_entry_arrays"),
    field(240, 8, "data_hash_chain_depth"),
    field(248, 8, "field_hash_chain_depth"),
    field(256, 4, "tail_entry_array_offset"),
    field(260, 4, "tail_entry_array_n_entries"),
    field(264, 8, "tail_entry_offset"),
];

/// The start of every object.
pub const OBJECT: &[LayoutField] = &[
    field(0, 1, "type"),
    field(1, 1, "flags"),
    field(2, 6, "reserved"),
    field(8, 8, "size"),
];

/// A DATA object: one `FIELD=value`.
pub const DATA: &[LayoutField] = &[
    field(16, 8, "hash"),
    field(24, 8, "next_hash_offset"),
    field(32, 8, "next_field_offset"),
    field(40, 8, "entry_offset"),
    field(48, 8, "entry_array_offset"),
    field(56, 8, "n_entries"),
];

/// Additional fields of a DATA object in a compact file.
pub const DATA_COMPACT: &[LayoutField] = &[
    field(64, 4, "tail_entry_array_offset"),
    field(68, 4, "tail_entry_array_n_entries"),
];

/// A FIELD object: one name.
pub const FIELD: &[LayoutField] = &[
    field(16, 8, "hash"),
    field(24, 8, "next_hash_offset"),
    field(32, 8, "head_data_offset"),
];

/// An ENTRY object: one log message.
pub const ENTRY: &[LayoutField] = &[
    field(16, 8, "seqnum"),
    field(24, 8, "realtime"),
    field(32, 8, "monotonic"),
    field(40, 16, "boot_id"),
    field(56, 8, "xor_hash"),
];

/// An `ENTRY_ARRAY` object: offsets of entries, in order.
pub const ENTRY_ARRAY: &[LayoutField] = &[field(16, 8, "next_entry_array_offset")];

/// A TAG object: the seal over everything stored before it.
pub const TAG: &[LayoutField] = &[
    field(16, 8, "seqnum"),
    field(24, 8, "epoch"),
    field(32, 32, "tag"),
];

/// The first eight bytes of every journal file.
pub(crate) const SIGNATURE: [u8; 8] = *b"LPKSHHRH";
/// The shortest header of any version.
pub(crate) const HEADER_SIZE_MIN: u64 = 208;
/// The part of a header that this reader knows.
pub(crate) const HEADER_SIZE_KNOWN: usize = 272;

/// Payloads may be compressed with xz.
pub const INCOMPATIBLE_XZ: u32 = 1;
/// Payloads may be compressed with lz4.
pub const INCOMPATIBLE_LZ4: u32 = 2;
/// Hash tables use siphash24 keyed with the file's id.
pub const INCOMPATIBLE_KEYED_HASH: u32 = 4;
/// Payloads may be compressed with zstd.
pub const INCOMPATIBLE_ZSTD: u32 = 8;
/// Offsets in entries and entry arrays take 4 bytes.
pub const INCOMPATIBLE_COMPACT: u32 = 16;
/// The incompatible flags that this reader knows.
pub(crate) const INCOMPATIBLE_KNOWN: u32 = INCOMPATIBLE_XZ
    | INCOMPATIBLE_LZ4
    | INCOMPATIBLE_KEYED_HASH
    | INCOMPATIBLE_ZSTD
    | INCOMPATIBLE_COMPACT;
/// The file is sealed.
pub const COMPATIBLE_SEALED: u32 = 1;
/// `tail_entry_boot_id` is the boot of the last entry.
pub const COMPATIBLE_TAIL_ENTRY_BOOT_ID: u32 = 2;
/// Seals follow each other without a break.
pub const COMPATIBLE_SEALED_CONTINUOUS: u32 = 4;

/// The file was closed cleanly.
pub(crate) const STATE_OFFLINE: u8 = 0;
/// journald is writing to the file, or died while writing.
pub(crate) const STATE_ONLINE: u8 = 1;
/// The file was rotated.
pub(crate) const STATE_ARCHIVED: u8 = 2;

/// The object types that this reader uses, by their number in the file.
pub(crate) mod object_type {
    pub(crate) const DATA: u8 = 1;
    pub(crate) const FIELD: u8 = 2;
    pub(crate) const ENTRY: u8 = 3;
    pub(crate) const DATA_HASH_TABLE: u8 = 4;
    pub(crate) const FIELD_HASH_TABLE: u8 = 5;
    pub(crate) const ENTRY_ARRAY: u8 = 6;
    pub(crate) const TAG: u8 = 7;
}

/// The payload of a DATA object is an xz stream.
pub(crate) const OBJECT_XZ: u8 = 1;
/// The payload of a DATA object is a little-endian length and an lz4 block.
pub(crate) const OBJECT_LZ4: u8 = 2;
/// The payload of a DATA object is a zstd frame.
pub(crate) const OBJECT_ZSTD: u8 = 4;

/// The accepted states of a file.
pub const STATES: &[u8] = &[STATE_OFFLINE, STATE_ONLINE, STATE_ARCHIVED];
/// The types of objects, by their number in the file.
pub const OBJECT_TYPES: &[(u8, &str)] = &[
    (object_type::DATA, "DATA"),
    (object_type::FIELD, "FIELD"),
    (object_type::ENTRY, "ENTRY"),
    (object_type::DATA_HASH_TABLE, "DATA_HASH_TABLE"),
    (object_type::FIELD_HASH_TABLE, "FIELD_HASH_TABLE"),
    (object_type::ENTRY_ARRAY, "ENTRY_ARRAY"),
    (object_type::TAG, "TAG"),
];
/// The compressions of the payload of a DATA object, by the flag of the object.
pub const OBJECT_COMPRESSIONS: &[(u8, &str)] = &[
    (OBJECT_XZ, "xz"),
    (OBJECT_LZ4, "lz4"),
    (OBJECT_ZSTD, "zstd"),
];

/// Maximum size of an entry, which is 262,140 items of a regular file: journald stops at 1,024 fields per entry, but
/// systemd-journal-remote accepts whatever it is sent.
pub(crate) const ENTRY_BYTES_MAX: u64 = 4 << 20;
/// Maximum length of a chain of arrays. Each array is about twice as long as the one before, so that 64 arrays would
/// hold more than a file can; but journald limits the doubling, so that a long file has more. A longer chain is
/// damaged.
pub(crate) const ARRAYS_MAX: usize = 1 << 20;
/// Maximum number of entries found by a walk. Their offsets take 32 MiB; later entries are left out.
pub(crate) const FOUND_MAX: usize = 4 << 20;
/// Maximum number of files, more than libsystemd opens (7,168). Further files are reported as a problem.
pub(crate) const FILES_MAX: usize = 16 << 10;
/// Maximum memory of all files together, plus one entry: a few files side by side use a tenth of it.
pub(crate) const HELD_BYTES_MAX: usize = 16 << 20;
/// Default for the longest field that is read: the limit of systemd's own tools is larger than the memory of a small
/// machine.
pub(crate) const FIELD_BYTES_MAX: usize = 64 << 20;
/// The limits of the reader, in the order of the specification.
pub const BOUNDS: &[u64] = &[
    FIELD_BYTES_MAX as u64,
    ENTRY_BYTES_MAX,
    ARRAYS_MAX as u64,
    FOUND_MAX as u64,
    FILES_MAX as u64,
    HELD_BYTES_MAX as u64,
];

/// Size of an object header.
pub(crate) const OBJECT_SIZE: u64 = 16;
/// Offset of the payload of a DATA object in a regular file.
pub(crate) const DATA_PAYLOAD_REGULAR: u64 = 64;
/// Offset of the payload of a DATA object in a compact file.
pub(crate) const DATA_PAYLOAD_COMPACT: u64 = 72;
/// Offset of the name in a FIELD object.
pub(crate) const FIELD_PAYLOAD: usize = 40;
/// Offset of the items in an ENTRY object.
pub(crate) const ENTRY_ITEMS: usize = 64;
/// Offset of the items in an `ENTRY_ARRAY` object.
pub(crate) const ENTRY_ARRAY_ITEMS: u64 = 24;
/// Times from this value on are invalid (`2^55` microseconds, systemd's own limit).
pub(crate) const TIME_BOUND: u64 = 1 << 55;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_tile_their_structures() {
        let tables: [(&[LayoutField], u64, u64); 7] = [
            (HEADER, 0, HEADER_SIZE_KNOWN as u64),
            (OBJECT, 0, OBJECT_SIZE),
            (DATA, OBJECT_SIZE, DATA_PAYLOAD_REGULAR),
            (DATA_COMPACT, DATA_PAYLOAD_REGULAR, DATA_PAYLOAD_COMPACT),
            (FIELD, OBJECT_SIZE, FIELD_PAYLOAD as u64),
            (ENTRY, OBJECT_SIZE, ENTRY_ITEMS as u64),
            (ENTRY_ARRAY, OBJECT_SIZE, ENTRY_ARRAY_ITEMS),
        ];
        for (fields, start, end) in tables {
            let mut at = start;
            for field in fields {
                assert_eq!(field.offset, at, "{} leaves a hole", field.name);
                at += field.size;
            }
            assert_eq!(at, end);
        }
    }
}
