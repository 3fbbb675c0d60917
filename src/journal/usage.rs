//! The room that a journal's files take on disk.

use crate::journal::stream::journal::Journal;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Of `st_blocks`, whatever the file system's own blocks are (POSIX).
const BLOCK_BYTES: u64 = 512;

impl Journal {
    /// Bytes that the files take on disk. Holes take none; a file that has gone takes none either.
    #[must_use]
    pub fn disk_usage_bytes(&self) -> u64 {
        let files = self.files().filter_map(|file| fs::metadata(file.path).ok());
        files
            .map(|metadata| metadata.blocks().saturating_mul(BLOCK_BYTES))
            .sum()
    }
}
