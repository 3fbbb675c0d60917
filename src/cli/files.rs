//! Files that are named on the command line.

use crate::disk::{Disk, RealDisk};
use std::io;
use std::path::Path;

/// The whole text of a small file.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    let file = RealDisk.open(path)?;
    let length = file.length()?;
    if length > bytes_max {
        return Err(io::Error::other(format!(
            "it has {length} bytes, expected at most {bytes_max}"
        )));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}
