//! Reads a file that another process writes: bytes are copied, and only bytes copied while the file still had a name
//! are returned.
//!
//! A journal is never mapped. systemd 252 truncates files when it archives them, and vacuuming unlinks a file and
//! then frees its blocks, so that every byte reads as zero. The link count is checked after each copy: blocks are
//! freed after unlinking, so that a copy followed by a link count above zero is sound.

use super::held::HeldResources;
use super::held::OpenFile;
use crate::journal::format::error::Error;
use crate::journal::format::header::corrupt;
use crate::opening;
use rustix::fs::OFlags;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

/// Size of the first read after a jump: small, for tails that grow by a few entries and for entries far apart.
const WINDOW_BYTES_MIN: usize = 1 << 10;
/// Maximum size of sequential reads: large enough that system calls cost little.
const WINDOW_BYTES_MAX: usize = 256 << 10;
/// A window starts this many bytes before the requested offset, because the fields of an entry are stored before it.
const BEFORE_BYTES: usize = 4 << 10;
/// The same after a jump: the fields that only this entry has are close before it, and the shared ones far before.
const BEFORE_JUMP_BYTES: usize = 1 << 10;
/// Size of a read for an object far from the window; most objects are shorter.
const ASIDE_BYTES: usize = 1 << 10;

/// A file that is counted while it is open.
#[derive(Debug)]
struct CountedFile {
    file: File,
    _count: OpenFile,
}

impl CountedFile {
    fn open(path: &Path, held: &HeldResources) -> Result<(Self, Metadata), Error> {
        let opened = opening::readable_with_metadata(path, OFlags::empty());
        let (file, metadata) = opened.map_err(|source| Error::Io {
            action: "open",
            source,
        })?;
        let counted = Self {
            file,
            _count: held.open_one(),
        };
        Ok((counted, metadata))
    }
}

/// A file, open while it is needed, and the part of it that was copied last.
#[derive(Debug)]
pub(crate) struct FileWindow {
    path: PathBuf,
    inode: (u64, u64),
    held: HeldResources,
    file: Option<CountedFile>,
    /// Whether the link count was above zero when the file was opened; only then does a count of zero mean that it
    /// was deleted since.
    linked: bool,
    /// The length of the file when it was last needed.
    length: u64,
    bytes: Vec<u8>,
    start: u64,
    next_length: usize,
    aside: Vec<u8>,
    aside_start: u64,
    /// Whether the link count is checked once for several copies.
    defers: bool,
    /// Whether bytes were copied since the last check.
    unchecked: bool,
}

impl FileWindow {
    pub(crate) fn open(path: &Path, held: &HeldResources) -> Result<Self, Error> {
        let (file, metadata) = CountedFile::open(path, held)?;
        Ok(Self {
            path: path.to_owned(),
            inode: (metadata.dev(), metadata.ino()),
            held: held.clone(),
            file: Some(file),
            linked: metadata.nlink() > 0,
            length: metadata.len(),
            bytes: Vec::new(),
            start: 0,
            next_length: WINDOW_BYTES_MIN,
            aside: Vec::new(),
            aside_start: 0,
            defers: false,
            unchecked: false,
        })
    }

    /// Device and inode of the file.
    pub(crate) fn inode(&self) -> (u64, u64) {
        self.inode
    }

    /// Sets the path after the file was renamed.
    pub(crate) fn set_path(&mut self, path: &Path) {
        path.clone_into(&mut self.path);
    }

    /// Whether the file is open.
    pub(crate) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Whether the file still has a name, as far as that can be determined.
    pub(crate) fn is_linked(&self) -> bool {
        match &self.file {
            Some(counted) => metadata(&counted.file).is_ok_and(|it| it.nlink() > 0),
            None => {
                std::fs::metadata(&self.path).is_ok_and(|it| (it.dev(), it.ino()) == self.inode)
            }
        }
    }

    /// Memory of the copies, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.aside.capacity()
    }

    /// Closes the file until it is read again.
    pub(crate) fn close(&mut self) {
        self.release();
        self.file = None;
    }

    fn file(&mut self) -> Result<&File, Error> {
        if self.file.is_none() {
            let opened = CountedFile::open(&self.path, &self.held).map_err(gone_if_missing)?;
            let (opened, metadata) = opened;
            if (metadata.dev(), metadata.ino()) != self.inode {
                return Err(Error::Gone);
            }
            self.file = Some(opened);
        }
        self.file
            .as_ref()
            .map(|counted| &counted.file)
            .ok_or(Error::Gone)
    }

    /// Discards the copies, because the file has grown since.
    pub(crate) fn invalidate(&mut self) {
        self.bytes.clear();
        self.aside.clear();
        self.next_length = WINDOW_BYTES_MIN;
    }

    /// Frees the memory of the copies.
    pub(crate) fn release(&mut self) {
        self.bytes = Vec::new();
        self.aside = Vec::new();
        self.next_length = WINDOW_BYTES_MIN;
    }

    /// `length` bytes at `offset`, for a caller that reads the file in order, in either direction.
    pub(crate) fn sequential(
        &mut self,
        offset: u64,
        length: usize,
        what: &'static str,
    ) -> Result<&[u8], Error> {
        if !covers(self.start, &self.bytes, offset, length) {
            self.check_length(offset, length, what)?;
            self.refill(offset, length)?;
        }
        part(self.start, &self.bytes, offset, length, what)
    }

    /// `length` bytes at any `offset`; does not move the window.
    pub(crate) fn random(
        &mut self,
        offset: u64,
        length: usize,
        what: &'static str,
    ) -> Result<&[u8], Error> {
        if covers(self.start, &self.bytes, offset, length) {
            return part(self.start, &self.bytes, offset, length, what);
        }
        if !covers(self.aside_start, &self.aside, offset, length) {
            self.check_length(offset, length, what)?;
            if length <= WINDOW_BYTES_MAX {
                self.aside.shrink_to(WINDOW_BYTES_MAX);
            }
            self.aside.resize(length.max(ASIDE_BYTES), 0);
            let copied = self.copy(offset, ReadBuffer::Aside)?;
            self.aside.truncate(copied);
            self.aside_start = offset;
        }
        part(self.aside_start, &self.aside, offset, length, what)
    }

    /// The copied bytes from `offset` on, if any.
    pub(crate) fn copied(&self, offset: u64) -> Option<&[u8]> {
        let skip = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(skip..)
    }

    /// Fills `buffer` from `offset` as far as the file goes and returns the number of bytes.
    pub(crate) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let file = self.file()?;
        let copied = read_fully(file, offset, buffer)?;
        if self.defers {
            self.unchecked = true;
        } else {
            self.check()?;
        }
        Ok(copied)
    }

    /// Puts the check of what is copied off until [`Self::settle`], which gets the result of this.
    pub(crate) fn defer(&mut self) -> bool {
        std::mem::replace(&mut self.defers, true)
    }

    /// Checks what was copied since the check was put off; only then may a result of it be used.
    pub(crate) fn settle(&mut self, deferred_before: bool) -> Result<(), Error> {
        self.defers = deferred_before;
        if self.defers || !std::mem::take(&mut self.unchecked) {
            return Ok(());
        }
        self.check().inspect_err(|_| {
            self.bytes.clear();
            self.aside.clear();
        })
    }

    /// Whether the file had a name until now.
    fn check(&mut self) -> Result<(), Error> {
        let metadata = metadata(self.file()?)?;
        self.length = metadata.len();
        if self.linked && metadata.nlink() == 0 {
            return Err(Error::Gone);
        }
        Ok(())
    }

    /// The length of the file when it was last read.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Refuses a read beyond the end of the file before it takes memory.
    fn check_length(
        &mut self,
        offset: u64,
        length: usize,
        what: &'static str,
    ) -> Result<(), Error> {
        let end = offset.saturating_add(length as u64);
        if end > self.length {
            self.length = metadata(self.file()?)?.len();
        }
        if end > self.length {
            let found = self.length.saturating_sub(offset);
            return Err(corrupt(what, offset, "more bytes than the file has", found));
        }
        Ok(())
    }

    fn refill(&mut self, offset: u64, length: usize) -> Result<(), Error> {
        let end = self.start.saturating_add(self.bytes.len() as u64);
        let near = self.next_length.max(BEFORE_BYTES) as u64;
        let backward = offset < self.start && offset.saturating_add(near) >= self.start;
        // Entries selected by a match are far apart: only an offset close after the window counts as sequential.
        let forward = offset >= self.start && offset <= end.saturating_add(BEFORE_BYTES as u64);
        let jump = self.bytes.is_empty() || !(forward || backward);
        self.next_length = if jump {
            WINDOW_BYTES_MIN
        } else {
            (self.next_length * 2).min(WINDOW_BYTES_MAX)
        };
        let size = self.next_length.max(length);
        let before = if jump {
            BEFORE_JUMP_BYTES
        } else if backward {
            size - length
        } else {
            BEFORE_BYTES
        };
        let start = offset.saturating_sub(before as u64) & !7;
        let room = before.min(BEFORE_BYTES) + 8;
        let left = usize::try_from(self.length.saturating_sub(start)).unwrap_or(usize::MAX);
        self.bytes.resize(size.saturating_add(room).min(left), 0);
        let copied = self.copy(start, ReadBuffer::Window)?;
        self.bytes.truncate(copied);
        self.start = start;
        Ok(())
    }

    fn copy(&mut self, offset: u64, target: ReadBuffer) -> Result<usize, Error> {
        let mut buffer = match target {
            ReadBuffer::Window => std::mem::take(&mut self.bytes),
            ReadBuffer::Aside => std::mem::take(&mut self.aside),
        };
        let copied = self.read_at(offset, &mut buffer);
        if copied.is_err() {
            buffer.clear();
        }
        match target {
            ReadBuffer::Window => self.bytes = buffer,
            ReadBuffer::Aside => self.aside = buffer,
        }
        copied
    }
}

#[derive(Clone, Copy)]
enum ReadBuffer {
    Window,
    Aside,
}

fn covers(start: u64, bytes: &[u8], offset: u64, length: usize) -> bool {
    offset
        .checked_sub(start)
        .and_then(|skip| skip.checked_add(length as u64))
        .is_some_and(|needed| needed <= bytes.len() as u64)
}

fn part<'a>(
    start: u64,
    bytes: &'a [u8],
    offset: u64,
    length: usize,
    what: &'static str,
) -> Result<&'a [u8], Error> {
    let found = offset
        .checked_sub(start)
        .and_then(|skip| usize::try_from(skip).ok())
        .and_then(|skip| bytes.get(skip..)?.get(..length));
    found.ok_or_else(|| {
        let end = start.saturating_add(bytes.len() as u64);
        corrupt(
            what,
            offset,
            "more bytes than the file has",
            end.saturating_sub(offset),
        )
    })
}

fn metadata(file: &File) -> Result<Metadata, Error> {
    file.metadata().map_err(|source| Error::Io {
        action: "ask for the state of the file",
        source,
    })
}

/// Turns the error of a missing file into [`Error::Gone`].
fn gone_if_missing(error: Error) -> Error {
    match error {
        Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Error::Gone,
        other => other,
    }
}

fn read_fully(file: &File, offset: u64, buffer: &mut [u8]) -> Result<usize, Error> {
    // The kernel accepts no offset beyond this, and no file reaches it.
    if offset > i64::MAX.unsigned_abs() - buffer.len() as u64 {
        return Ok(0);
    }
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(Error::Io {
                    action: "read",
                    source,
                });
            }
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(bytes: &[u8]) -> (tempfile::TempDir, FileWindow) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let window = FileWindow::open(&path, &HeldResources::default()).unwrap();
        (directory, window)
    }

    fn sample(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| u8::try_from(at * 7 % 251).unwrap())
            .collect()
    }

    #[test]
    fn a_pipe_with_the_name_of_a_journal_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("system.journal");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).unwrap();
        for path in [path.as_path(), directory.path(), Path::new("/dev/zero")] {
            let error = FileWindow::open(path, &HeldResources::default()).unwrap_err();
            let text = format!("{error:?}");
            assert!(text.contains("it is not a regular file"), "{text}");
        }
    }

    #[test]
    fn any_order_of_reads_gives_the_bytes_of_the_file() {
        let bytes = sample(600_000);
        let (_directory, mut window) = window(&bytes);
        let mut at = 1_usize;
        for step in 0..2_000_usize {
            at = (at * 48_271 + step) % bytes.len();
            let length = (step * 37 % 3_000).min(bytes.len() - at);
            let expected = &bytes[at..at + length];
            let offset = at as u64;
            let found = if step % 3 == 0 {
                window.random(offset, length, "x").unwrap()
            } else {
                window.sequential(offset, length, "x").unwrap()
            };
            assert_eq!(found, expected, "{length} bytes at {at}");
        }
        for at in (0..bytes.len() - 100).rev().step_by(997) {
            assert_eq!(
                window.sequential(at as u64, 100, "x").unwrap(),
                &bytes[at..at + 100]
            );
        }
    }

    #[test]
    fn a_jump_copies_little_and_reading_on_copies_more() {
        let (_directory, mut window) = window(&sample(600_000));
        for start in [300_000, 100_000, 500_000] {
            window.sequential(start, 160, "x").unwrap();
            assert!(window.bytes.len() < 3 << 10, "one entry");
            assert!(window.copied(start - 1_000).is_some(), "its fields");
            for step in 0..100 {
                window.sequential(start + step * 700, 160, "x").unwrap();
            }
            assert!(window.bytes.len() > 32 << 10, "entries in a row");
        }
        for step in 0..100 {
            window.sequential(500_000 - step * 3_000, 160, "x").unwrap();
        }
        assert!(window.bytes.len() > 64 << 10, "the same backward");
    }

    #[test]
    fn past_the_end_is_an_error_that_says_how_much_there_is() {
        let (_directory, mut window) = window(&sample(100));
        let error = window.sequential(90, 20, "entry").unwrap_err();
        assert_eq!(
            error.to_string(),
            "entry at offset 90: expected more bytes than the file has, found 10"
        );
        for offset in [u64::MAX, i64::MAX.unsigned_abs(), 1 << 62] {
            assert!(window.random(offset, 1, "entry").is_err());
            assert_eq!(window.read_at(offset, &mut [0; 9]).unwrap(), 0);
        }
    }

    #[test]
    fn a_closed_file_is_opened_again_when_it_is_the_same() {
        let bytes = sample(100_000);
        let (directory, mut window) = window(&bytes);
        let held = window.held.clone();
        assert_eq!(held.files(), 1);
        window.close();
        assert_eq!(held.files(), 0);
        assert_eq!(
            window.sequential(99_000, 9, "x").unwrap(),
            &bytes[99_000..99_009]
        );
        assert_eq!(held.files(), 1);
        window.close();
        let path = directory.path().join("file");
        std::fs::write(directory.path().join("other"), "other").unwrap();
        std::fs::rename(directory.path().join("other"), &path).unwrap();
        assert!(matches!(window.sequential(0, 1, "x"), Err(Error::Gone)));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(window.sequential(0, 1, "x"), Err(Error::Gone)));
    }

    #[test]
    fn bytes_of_a_deleted_file_are_not_handed_out() {
        let (directory, mut window) = window(&sample(100_000));
        assert!(window.sequential(0, 10, "x").is_ok());
        std::fs::remove_file(directory.path().join("file")).unwrap();
        assert!(window.sequential(0, 10, "x").is_ok(), "copied before");
        assert!(matches!(
            window.sequential(90_000, 10, "x"),
            Err(Error::Gone)
        ));
        assert!(matches!(window.random(80_000, 10, "x"), Err(Error::Gone)));
        assert!(matches!(window.read_at(0, &mut [0; 8]), Err(Error::Gone)));
    }
}
