//! Files that are named on the command line.

use crate::disk::{Disk, RealDisk};
use std::io;
use std::path::Path;

/// The whole text of a small file.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    String::from_utf8(read_bytes(path, bytes_max)?)
        .map_err(|_| io::Error::other("it is not valid UTF-8"))
}

/// All bytes of a small file.
pub(super) fn read_bytes(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = RealDisk.open(path)?;
    let length = file.length()?;
    if length > bytes_max {
        return Err(io::Error::other(format!(
            "it has {length} bytes; at most {bytes_max} are read"
        )));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
