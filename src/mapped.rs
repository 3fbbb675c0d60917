//! Read-only maps of our own immutable files: the only `unsafe` in the library.

#![expect(
    unsafe_code,
    reason = "mapping a file is sound only if nothing changes it, which the contract below ensures"
)]

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// The bytes of a file, which never change: a map, or memory for the doubles in tests.
#[derive(Clone)]
pub struct Mapped(Bytes);

#[derive(Clone)]
enum Bytes {
    File(Arc<memmap2::Mmap>),
    Memory(Arc<[u8]>),
}

impl Mapped {
    /// Maps the first `length` bytes of `file`.
    ///
    /// The file must belong to the store, and the mapped bytes must be final: afterwards the file is only read or
    /// unlinked, never changed or truncated. The store maps sealed segments, and truncates none.
    ///
    /// # Errors
    /// The error of the operating system; also if the file is shorter than `length` or too long for the address space.
    pub(crate) fn file(file: &File, length: u64) -> io::Result<Self> {
        let found = file.metadata()?.len();
        if found < length {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("cannot map {length} bytes of a file of {found}"),
            ));
        }
        let length = usize::try_from(length).map_err(io::Error::other)?;
        if length == 0 {
            return Ok(Self::memory(&[]));
        }
        // SAFETY: the bytes below `length` exist (checked above) and, by the contract of this function, are neither
        // changed nor truncated as long as the file exists; unlinking a file leaves its map intact.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(file) }?;
        Ok(Self(Bytes::File(Arc::new(map))))
    }

    /// Says that reads will be far apart: a page that is missing is read alone. What is read at once is asked for by
    /// [`Self::read_ahead`].
    pub(crate) fn expect_random_reads(&self) {
        if let Bytes::File(map) = &self.0 {
            // a hint: without it more is read
            let _ = map.advise(memmap2::Advice::Random);
        }
    }

    /// Begins to read these bytes from the disk, if they are not in memory.
    pub(crate) fn read_ahead(&self, range: Range<usize>) {
        if let Bytes::File(map) = &self.0
            && range.end <= map.len()
        {
            let length = range.len();
            // a hint: without it they are read page by page
            let _ = map.advise_range(memmap2::Advice::WillNeed, range.start, length);
        }
    }

    /// Bytes in memory.
    #[must_use]
    pub fn memory(bytes: &[u8]) -> Self {
        Self(Bytes::Memory(bytes.into()))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::File(map) => map,
            Bytes::Memory(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapped({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn map_shows_the_file_after_it_is_unlinked() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abcdef").unwrap();
        let map = Mapped::file(file.as_file(), 4).unwrap();
        file.close().unwrap();
        assert_eq!(&*map, b"abcd");
        assert_eq!(format!("{map:?}"), "Mapped(4 bytes)");
    }

    #[test]
    fn more_bytes_than_the_file_has_are_an_error() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(&*Mapped::file(&file, 0).unwrap(), b"");
        let error = Mapped::file(&file, 1).unwrap_err();
        assert_eq!(error.to_string(), "cannot map 1 bytes of a file of 0");
    }
}
