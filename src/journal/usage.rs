//! The disk usage of a journal's files.

use crate::journal::stream::journal::Journal;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// The unit of `st_blocks`, independent of the file system's own block size (POSIX).
const BLOCK_BYTES: u64 = 512;

impl Journal {
    /// Size of the files on disk in bytes. Holes and deleted files take none.
    #[must_use]
    pub fn disk_usage_bytes(&self) -> u64 {
        let files = self.files().filter_map(|file| fs::metadata(file.path).ok());
        files
            .map(|metadata| metadata.blocks().saturating_mul(BLOCK_BYTES))
            .sum()
    }
}
