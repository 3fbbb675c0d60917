//! One open log file: an uncompressed file is read by offset, so that changes of its content are noticed; a
//! compressed one is read as a stream.

use crate::collect::names::stamp::Inode;
use crate::collect::tail::backlog::Backlog;
use crate::collect::tail::compression::{CHUNK_BYTES, FileCompression, Passed, decompress, retry};
use crate::collect::tail::mark::{HEAD_MAX, Mark, digest};
use crate::collect::text::encoding::TextEncoding;
use crate::collect::text::line::{BEHIND_MAX, Line, LineCutter};
use crate::time::Micros;
use inotify::WatchDescriptor;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Instant;

/// This many zeros in a row were not written by a program: a file system leaves them after a crash, and a writer that
/// does not append leaves them after a truncation.
const ZEROS_MIN: usize = 64;

/// Maximum number of zero bytes skipped at once.
const ZEROS_LOOK_MAX: u64 = 64 << 20;

/// The result of one more read of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// More bytes.
    More,
    /// Nothing, for now.
    End,
    /// The given number of zeros follow the pending bytes, and other bytes follow the zeros.
    Zeros(u64),
    /// The content has changed: the file was truncated, or truncated and rewritten.
    Changed,
}

/// A log file and how far it has been read.
pub(crate) struct LogReader {
    input: ReaderInput,
    inode: Inode,
    /// The first bytes of the file, as far as they were read.
    head: Vec<u8>,
    lines: LineCutter,
    encoding: TextEncoding,
    /// Up to this offset only zeros follow the pending bytes.
    zeros_to: u64,
    /// Offset of the pending bytes.
    offset: u64,
    modified: Micros,
    /// When the file last grew.
    pub(crate) grew: Instant,
    pub(crate) watched: Option<WatchDescriptor>,
    /// Whether nothing is written to it any more, because it is a copy or compressed.
    pub(crate) is_final: bool,
    /// Whether reading has reached it: all files that were rotated before it were read.
    pub(crate) is_reached: bool,
    /// Whether copies of earlier content, made before its first bytes were read, have been searched for.
    pub(crate) is_checked: bool,
    /// How much of it is skipped, if it was found while catching up.
    pub(crate) backlog: Backlog,
}

enum ReaderInput {
    Plain(File),
    Compressed(Decompressed),
}

/// A stream that cannot be read again.
struct Decompressed {
    stream: Box<dyn Read + Send>,
    /// Bytes that were read ahead.
    ahead: Vec<u8>,
    /// Zeros before these bytes.
    zeros: u64,
}

impl Decompressed {
    fn new(stream: Box<dyn Read + Send>) -> Self {
        Self {
            stream,
            ahead: Vec::new(),
            zeros: 0,
        }
    }

    /// Reads the next bytes into `room`, and counts the zeros before them. Zeros at the end are skipped.
    fn read<'a>(&mut self, room: &'a mut [u8]) -> io::Result<(u64, &'a [u8])> {
        loop {
            let kept = self.ahead.len();
            if let Some(start) = room.get_mut(..kept) {
                start.copy_from_slice(&self.ahead);
            }
            let stream = &mut self.stream;
            let count = retry(|| stream.read(room.get_mut(kept..).unwrap_or_default()))?;
            self.ahead.clear();
            let read = room.get(..kept + count).unwrap_or_default();
            let zeros = read.iter().take_while(|&&byte| byte == 0).count();
            if zeros < read.len() {
                let (before, from) = match self.zeros + zeros as u64 {
                    few if few < ZEROS_MIN as u64 && self.zeros == 0 => (0, 0),
                    many => (many, zeros),
                };
                self.zeros = 0;
                let length = kept + count;
                return Ok((before, room.get(from..length).unwrap_or_default()));
            }
            self.zeros += zeros as u64;
            if count == 0 {
                return Ok((0, &[]));
            }
        }
    }
}

impl std::fmt::Debug for LogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("LogReader");
        debug
            .field("inode", &self.inode)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl LogReader {
    /// Creates a reader at the start of the file.
    pub(crate) fn new(file: File, compression: FileCompression, now: Instant) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let input = match compression {
            FileCompression::Plain => ReaderInput::Plain(file),
            compressed => ReaderInput::Compressed(Decompressed::new(decompress(file, compressed)?)),
        };
        Ok(Self {
            is_final: compression != FileCompression::Plain,
            input,
            inode: Inode::of(&metadata),
            head: Vec::new(),
            lines: LineCutter::new(b"", 0),
            encoding: TextEncoding::Bytes,
            zeros_to: 0,
            offset: 0,
            modified: metadata.modified().map_or(Micros::MIN, Micros::from),
            grew: now,
            watched: None,
            is_reached: false,
            is_checked: compression != FileCompression::Plain,
            backlog: Backlog::None,
        })
    }

    /// Creates a reader at `mark`; `None` if this is not the marked file.
    pub(crate) fn resume(
        file: File,
        compression: FileCompression,
        mark: &Mark,
        now: Instant,
    ) -> io::Result<Option<Self>> {
        let mut reader = Self::new(file, compression, now)?;
        if mark.offset == 0 && mark.inode != reader.inode {
            return Ok(None);
        }
        let recognised = match &mut reader.input {
            ReaderInput::Plain(file) => mark.recognise(|buffer, at| file.read_exact_at(buffer, at)),
            ReaderInput::Compressed(Decompressed { stream, .. }) => {
                let mut passed = Passed::default();
                let found = mark.recognise(|buffer, at| passed.read_at(stream, buffer, at));
                found.filter(|_| passed.skip_to(stream, mark.offset).is_ok())
            }
        };
        Ok(recognised.map(|recognised| {
            reader.encoding = TextEncoding::of(&recognised.head);
            reader.head = recognised.head;
            reader.lines =
                LineCutter::new(&recognised.behind, mark.part).in_encoding(reader.encoding);
            reader.offset = mark.offset;
            reader
        }))
    }

    /// The uncompressed file; `None` if it is compressed.
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.input {
            ReaderInput::Plain(file) => Some(file),
            ReaderInput::Compressed(_) => None,
        }
    }

    pub(crate) fn inode(&self) -> Inode {
        self.inode
    }

    pub(crate) fn modified(&self) -> Micros {
        self.modified
    }

    /// Reads more, using `scratch`, which has room for a chunk and for the bytes before it.
    pub(crate) fn fill(&mut self, scratch: &mut [u8], now: Instant) -> io::Result<Fill> {
        let read = match &mut self.input {
            ReaderInput::Compressed(_) => return self.fill_decompressed(scratch, now),
            ReaderInput::Plain(file) => {
                // The newest bytes are read again together with the following ones, to detect a file that was
                // rewritten.
                let newest = self.lines.newest();
                let from = self.offset + self.lines.pending() as u64 - newest.len() as u64;
                let count = retry(|| file.read_at(scratch, from))?;
                match scratch
                    .get(..count)
                    .and_then(|read| read.strip_prefix(newest))
                {
                    Some(fresh) => Some(fresh),
                    None => return Ok(Fill::Changed),
                }
            }
        };
        let fresh = read.unwrap_or_default();
        if fresh.is_empty() {
            return Ok(Fill::End);
        }
        if self.head.is_empty() {
            if let [0xfe | 0xff] = fresh {
                // Half a byte order mark.
                return Ok(Fill::End);
            }
            self.encoding = TextEncoding::of(fresh);
            self.lines = LineCutter::new(b"", 0).in_encoding(self.encoding);
        }
        let mut length = text_length(fresh, self.encoding);
        if length == 0 {
            let from = self.reached();
            let Some(to) = self.end_of_zeros(fresh, from)? else {
                return Ok(Fill::End);
            };
            let zeros = usize::try_from(to - from).unwrap_or(usize::MAX);
            if zeros >= ZEROS_MIN {
                return Ok(Fill::Zeros(to - from));
            }
            let behind = fresh.get(zeros..).unwrap_or_default();
            length = zeros + text_length(behind, self.encoding);
        }
        self.push(fresh.get(..length).unwrap_or(fresh), now);
        Ok(Fill::More)
    }

    fn fill_decompressed(&mut self, scratch: &mut [u8], now: Instant) -> io::Result<Fill> {
        let ReaderInput::Compressed(input) = &mut self.input else {
            return Ok(Fill::End);
        };
        let room = scratch.get_mut(..CHUNK_BYTES).unwrap_or_default();
        let (zeros, fresh) = input.read(room)?;
        if zeros > 0 {
            input.ahead.extend_from_slice(fresh);
            return Ok(Fill::Zeros(zeros));
        }
        if fresh.is_empty() {
            return Ok(Fill::End);
        }
        if self.head.is_empty() {
            self.encoding = TextEncoding::of(fresh);
        }
        let length = match text_length(fresh, self.encoding) {
            0 => fresh.len(),
            length => length,
        };
        let (text, ahead) = fresh.split_at_checked(length).unwrap_or((fresh, &[]));
        input.ahead.extend_from_slice(ahead);
        if self.head.is_empty() {
            self.lines = LineCutter::new(b"", 0).in_encoding(self.encoding);
        }
        self.push(text, now);
        Ok(Fill::More)
    }

    fn push(&mut self, text: &[u8], now: Instant) {
        let wanted = HEAD_MAX.saturating_sub(self.head.len()).min(text.len());
        self.head
            .extend_from_slice(text.get(..wanted).unwrap_or_default());
        self.lines.push(text);
        self.grew = now;
    }

    /// The end of the zeros that start at `from`, the first of which are in `fresh`. `None` while nothing follows
    /// them: a file may be longer than what was written to it so far.
    fn end_of_zeros(&mut self, fresh: &[u8], from: u64) -> io::Result<Option<u64>> {
        if let Some(zeros) = fresh.iter().position(|&byte| byte != 0) {
            return Ok(Some(from + zeros as u64));
        }
        let ReaderInput::Plain(file) = &self.input else {
            return Ok(None);
        };
        let mut at = self.zeros_to.max(from + fresh.len() as u64);
        let bound = at.saturating_add(ZEROS_LOOK_MAX);
        let mut chunk = vec![0; CHUNK_BYTES];
        while at < bound {
            at = match seek(file, SeekFrom::Data(at)) {
                Ok(data) => data.max(at),
                Err(Errno::NXIO) => return Ok(None),
                // The file system does not support holes.
                Err(_) => at,
            };
            let count = retry(|| file.read_at(&mut chunk, at))?;
            let read = chunk.get(..count).unwrap_or_default();
            if let Some(zeros) = read.iter().position(|&byte| byte != 0) {
                return Ok(Some(at + zeros as u64));
            }
            if count == 0 {
                break;
            }
            at += count as u64;
            self.zeros_to = at;
        }
        Ok(None)
    }

    /// Skips zeros. Drops the pending bytes.
    pub(crate) fn skip_zeros(&mut self, count: u64) {
        let head = usize::try_from(count).map_or(HEAD_MAX, |count| self.head.len() + count);
        self.head.resize(head.min(HEAD_MAX).max(self.head.len()), 0);
        self.offset = self.reached() + count;
        self.lines = LineCutter::new(&[0; BEHIND_MAX], 0).in_encoding(self.encoding);
    }

    pub(crate) fn encoding(&self) -> TextEncoding {
        self.encoding
    }

    /// The next complete line.
    pub(crate) fn next_line(&mut self) -> Option<Line<'_>> {
        let line = self.lines.next()?;
        self.offset += line.taken as u64;
        Some(line)
    }

    /// The pending bytes as a line, without waiting for its end.
    pub(crate) fn rest(&mut self) -> Option<Line<'_>> {
        let line = self.lines.rest()?;
        self.offset += line.taken as u64;
        Some(line)
    }

    /// Whether its first bytes are still to be delivered and copies of earlier content were not searched for yet.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.is_checked && self.offset == 0 && self.lines.pending() > 0
    }

    /// How many bytes wait for the end of their line.
    pub(crate) fn pending(&self) -> usize {
        self.lines.pending()
    }

    /// The place after all bytes that were read, delivered or not.
    pub(crate) fn newest_mark(&self) -> Mark {
        Mark {
            offset: self.reached(),
            behind: digest(self.lines.newest()),
            head: digest(&self.head),
            ..self.mark()
        }
    }

    pub(crate) fn has_rest(&self) -> bool {
        self.lines.has_rest()
    }

    /// Stops reading the file.
    pub(crate) fn give_up(&mut self) {
        self.input = ReaderInput::Compressed(Decompressed::new(Box::new(io::empty())));
    }

    /// The place after the last line that was delivered.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            part: self.lines.part(),
            ..self.mark_before(0)
        }
    }

    /// The place before the line that was just delivered, which had `taken` bytes.
    pub(crate) fn mark_before(&self, taken: usize) -> Mark {
        let offset = self.offset.saturating_sub(taken as u64);
        let head_length = usize::try_from(offset).map_or(HEAD_MAX, |at| at.min(HEAD_MAX));
        Mark {
            inode: self.inode,
            offset,
            part: 0,
            head: digest(self.head.get(..head_length).unwrap_or(&self.head)),
            behind: digest(self.lines.behind_before(taken)),
            modified: self.modified.get(),
        }
    }

    /// A mark near the start of the file's current content, if the file has no name any more. It identifies the same
    /// content under another name.
    pub(crate) fn nameless_mark(&mut self) -> Option<Mark> {
        let has_name = self.look().map_or(true, |(_, has_name)| has_name);
        let ReaderInput::Plain(file) = &self.input else {
            return None;
        };
        let mut head = vec![0; HEAD_MAX];
        let count = file.read_at(&mut head, 0).ok()?;
        head.truncate(count);
        let behind = head.get(count.saturating_sub(BEHIND_MAX)..)?;
        (!has_name && count > 0).then(|| Mark {
            inode: self.inode,
            offset: count as u64,
            part: 0,
            head: digest(&head),
            behind: digest(behind),
            modified: self.modified.get(),
        })
    }

    /// Whether the file holds only the beginning of `original`, which means that it is a copy that is still being
    /// made.
    pub(crate) fn is_copy_of(&self, original: &File) -> bool {
        let ReaderInput::Plain(file) = &self.input else {
            return false;
        };
        let (mut copied, mut bytes) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
        let counts = (
            file.read_at(&mut copied, 0),
            original.read_at(&mut bytes, 0),
        );
        let (Ok(length), Ok(count)) = counts else {
            return false;
        };
        let start = bytes.get(..count).unwrap_or_default();
        start.starts_with(copied.get(..length).unwrap_or_default())
    }

    /// Starts again at the beginning of a file that was truncated. Drops the pending bytes.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.head.clear();
        self.lines = LineCutter::new(b"", 0);
        self.encoding = TextEncoding::Bytes;
        self.zeros_to = 0;
        self.offset = 0;
        self.grew = now;
        self.is_reached = false;
        self.is_checked = false;
    }

    /// Raises the time of the last write to `newest`, that of the file before this one, of which nothing was read
    /// yet. The kernel updates the time of a truncated file only after truncating it, so that a check in between
    /// finds the file older than its copy.
    pub(crate) fn begins_after(&mut self, newest: Option<i64>) {
        let newest = newest.map_or(Micros::MIN, Micros::new);
        self.modified = self.modified.max(newest);
    }

    /// Checks the file again: its length, and whether it still has a name.
    pub(crate) fn look(&mut self) -> io::Result<(u64, bool)> {
        let ReaderInput::Plain(file) = &self.input else {
            return Ok((0, true));
        };
        let metadata = file.metadata()?;
        if self.reached() > 0 {
            // Content that passed through the file before anything was read of it is newer than the time seen when
            // the file was found.
            self.modified = metadata.modified().map_or(Micros::MIN, Micros::from);
        }
        Ok((metadata.len(), metadata.nlink() > 0))
    }

    /// Offset of the next read.
    pub(crate) fn reached(&self) -> u64 {
        self.offset + self.lines.pending() as u64
    }
}

/// How many of the bytes come before zeros that no program wrote, or before zeros that may continue in the next
/// bytes.
fn text_length(fresh: &[u8], encoding: TextEncoding) -> usize {
    if memchr::memchr(0, fresh).is_none() {
        return fresh.len();
    }
    if let Some(at) = memchr::memmem::find(fresh, &[0; ZEROS_MIN]) {
        return at;
    }
    if encoding != TextEncoding::Bytes {
        // The zero is the last byte of a character.
        return fresh.len();
    }
    let zeros = fresh.iter().rev().take_while(|&&byte| byte == 0).count();
    fresh.len() - zeros
}
