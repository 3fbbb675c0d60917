//! Reads one part of a capture log line by line while it is being written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The longest line that is read: a line of output at its limit, with each of its bytes escaped in six.
const LINE_MAX: usize = 8 << 20;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// A part and how far it has been read.
#[derive(Debug)]
pub(crate) struct PartReader {
    file: File,
    /// Offset of the start of the buffer.
    offset: u64,
    buffer: Vec<u8>,
    /// How many bytes of the buffer are done, and how many bytes after them hold no line end.
    done: usize,
    searched: usize,
    /// Whether the reader is inside a line that is too long.
    skipping: bool,
}

/// The next item of a part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PartRead {
    /// A line, which is in the field `line`.
    Line,
    /// A line that is too long was skipped.
    TooLong,
    /// Nothing for now.
    End,
}

impl PartReader {
    pub(crate) fn new(file: File, offset: u64) -> Self {
        Self {
            file,
            offset,
            buffer: Vec::new(),
            done: 0,
            searched: 0,
            skipping: false,
        }
    }

    /// Offset of the next line.
    pub(crate) fn offset(&self) -> u64 {
        self.offset + self.done as u64
    }

    /// Finds the next line; the returned range refers to the buffer that [`PartReader::bytes`] returns.
    pub(crate) fn next(&mut self) -> io::Result<(PartRead, std::ops::Range<usize>)> {
        loop {
            let pending = self
                .buffer
                .get(self.done + self.searched..)
                .unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', pending) {
                let range = self.done..self.done + self.searched + at;
                self.done = range.end + 1;
                self.searched = 0;
                if std::mem::take(&mut self.skipping) {
                    return Ok((PartRead::TooLong, 0..0));
                }
                return Ok((PartRead::Line, range));
            }
            self.searched += pending.len();
            if self.searched > LINE_MAX {
                self.skipping = true;
                self.done = self.buffer.len();
                self.searched = 0;
            }
            if self.fill()? == 0 {
                return Ok((PartRead::End, 0..0));
            }
        }
    }

    pub(crate) fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Frees all of the buffer except an incomplete line, because the reader may wait for long.
    pub(crate) fn rest(&mut self) {
        self.drop_done();
        self.buffer.shrink_to(0);
    }

    fn drop_done(&mut self) {
        self.buffer.drain(..self.done);
        self.offset += self.done as u64;
        self.done = 0;
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.drop_done();
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK_BYTES, 0);
        let room = self.buffer.get_mut(length..).unwrap_or_default();
        let result = self.file.read_at(room, self.offset + length as u64);
        let read = *result.as_ref().unwrap_or(&0);
        self.buffer.truncate(length + read);
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(reader: &mut PartReader) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            match reader.next().unwrap() {
                (PartRead::Line, range) => {
                    found.push(String::from_utf8_lossy(reader.bytes(range)).into_owned());
                }
                (PartRead::TooLong, _) => found.push("too long".to_owned()),
                (PartRead::End, _) => return found,
            }
        }
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut reader = PartReader::new(file.reopen().unwrap(), 0);
        assert_eq!(lines(&mut reader), [""; 0]);
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(lines(&mut reader), ["one"]);
        assert_eq!(reader.offset(), 4);
        reader.rest();
        file.write_all(b"o\n\n").unwrap();
        assert_eq!(lines(&mut reader), ["two", ""]);
        assert_eq!(reader.offset(), 9);
        let mut reader = PartReader::new(file.reopen().unwrap(), 4);
        assert_eq!(lines(&mut reader), ["two", ""]);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut reader = PartReader::new(file.reopen().unwrap(), 0);
        for _ in 0..3 {
            file.write_all(&vec![b'x'; LINE_MAX / 2]).unwrap();
            assert_eq!(lines(&mut reader), [""; 0]);
        }
        assert!(reader.buffer.len() <= LINE_MAX + CHUNK_BYTES);
        file.write_all(b"\nnext\n").unwrap();
        assert_eq!(lines(&mut reader), ["too long", "next"]);
    }
}
