//! Lines in chunks: read by one thread, parsed by others, passed on in order.

use super::line::{self, Defaults, ImportedRecord};
use crate::cli::failure::Failure;
use crate::disk::DiskFile;
use std::fmt;
use std::io;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Size of a chunk: large enough that passing it on costs little, small enough for several of them in memory, where their records
/// take three times the space.
const CHUNK_BYTES: usize = 128 << 10;
/// A longer line is skipped. This fits a message of maximum length, escaped, with metadata.
const LINE_BYTES_MAX: usize = 16 << 20;
/// Maximum number of chunks that wait before and after each parser.
const WAITING_MAX: usize = 1;
/// Parsing costs less than redaction and the store: more threads would only wait.
const PARSERS_MAX: usize = 2;

/// The input of an import.
pub(super) struct ImportInput {
    pub(super) reader: Box<dyn Read + Send>,
    /// Size of the input in bytes, if known.
    pub(super) length: Option<u64>,
}

impl fmt::Debug for ImportInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// A file, front to back.
#[derive(Debug)]
pub(super) struct FileReader {
    file: Arc<dyn DiskFile>,
    offset: u64,
    length: u64,
}

impl FileReader {
    pub(super) fn new(file: Arc<dyn DiskFile>, length: u64) -> Self {
        Self {
            file,
            offset: 0,
            length,
        }
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.offset).unwrap_or(usize::MAX);
        let (part, _) = buffer.split_at_mut(buffer.len().min(left));
        self.file.read_exact_at(part, self.offset)?;
        self.offset += part.len() as u64;
        Ok(part.len())
    }
}

/// Complete lines.
struct LineChunk {
    /// The number of its first line, from 1.
    first_line: u64,
    bytes: Vec<u8>,
}

/// The records of a chunk.
pub(super) struct Parsed {
    pub(super) records: Vec<ImportedRecord>,
    /// Numbers of the lines that could not be parsed, and why.
    pub(super) bad: Vec<(u64, String)>,
    /// Size of all its lines in bytes.
    pub(super) bytes: u64,
}

/// Reads `input` to its end and passes the records of its lines on, in order.
pub(super) fn read(
    input: ImportInput,
    defaults: &Defaults,
    take: &mut dyn FnMut(Parsed) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let parsers = thread::available_parallelism()
        .map_or(1, usize::from)
        .clamp(1, PARSERS_MAX);
    thread::scope(|scope| {
        let (mut chunks, mut parsed) = (vec![], vec![]);
        for _ in 0..parsers {
            let (sender, receiver) = sync_channel::<LineChunk>(WAITING_MAX);
            let (done, results) = sync_channel(WAITING_MAX);
            scope.spawn(move || parse(&receiver, &done, defaults));
            chunks.push(sender);
            parsed.push(results);
        }
        let reading = scope.spawn(move || split(input.reader, &chunks));
        let mut turns = parsed.iter().cycle();
        while let Some(Ok(parsed)) = turns.next().map(Receiver::recv) {
            take(parsed)?;
        }
        // The parsers end when nothing receives their results.
        drop(parsed);
        match reading.join() {
            Ok(read) => read.map_err(|error| Failure::failed(format!("cannot read: {error}"))),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn parse(chunks: &Receiver<LineChunk>, done: &SyncSender<Parsed>, defaults: &Defaults) {
    while let Ok(chunk) = chunks.recv() {
        let mut parsed = Parsed {
            records: vec![],
            bad: vec![],
            bytes: chunk.bytes.len() as u64,
        };
        let lines = chunk
            .bytes
            .split(|byte| *byte == b'\n')
            .zip(chunk.first_line..);
        for (text, number) in lines {
            let text = text.trim_ascii();
            if text.is_empty() {
                continue;
            }
            match line::parse(text, defaults) {
                Ok(record) => parsed.records.push(record),
                Err(why) => parsed.bad.push((number, why)),
            }
        }
        if done.send(parsed).is_err() {
            return;
        }
    }
}

/// Splits the input at line ends and passes the chunks to the parsers in turn. Ends early if the parsers have ended.
fn split(mut reader: Box<dyn Read + Send>, parsers: &[SyncSender<LineChunk>]) -> io::Result<()> {
    let mut turns = parsers.iter().cycle();
    let mut rest = Vec::new();
    let mut first_line = 1;
    loop {
        let begun = rest.len();
        rest.resize(begun + CHUNK_BYTES, 0);
        let read = fill(reader.as_mut(), rest.get_mut(begun..).unwrap_or_default())?;
        rest.truncate(begun + read);
        let is_end = read < CHUNK_BYTES;
        let end = match memchr::memrchr(b'\n', &rest) {
            _ if is_end || rest.len() > LINE_BYTES_MAX => rest.len(),
            Some(at) => at + 1,
            None => continue,
        };
        let after = rest.split_off(end);
        let bytes = std::mem::replace(&mut rest, after);
        let lines = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        let chunk = LineChunk { first_line, bytes };
        first_line += lines;
        if turns
            .next()
            .is_none_or(|parser| parser.send(chunk).is_err())
            || is_end
        {
            return Ok(());
        }
    }
}

/// Reads until `buffer` is full or the input has ended.
fn fill(reader: &mut dyn Read, mut buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while !buffer.is_empty() {
        match reader.read(buffer) {
            Ok(0) => break,
            Ok(count) => {
                filled += count;
                buffer = buffer.get_mut(count..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;

    fn read_all(text: Vec<u8>) -> (Vec<String>, Vec<u64>, u64) {
        let defaults = Defaults {
            source: None,
            now: Micros::new(0),
        };
        let input = ImportInput {
            length: None,
            reader: Box::new(io::Cursor::new(text)),
        };
        let (mut messages, mut bad, mut bytes) = (vec![], vec![], 0);
        read(input, &defaults, &mut |parsed| {
            messages.extend(parsed.records.into_iter().map(|line| line.record.message));
            bad.extend(parsed.bad.into_iter().map(|(number, _)| number));
            bytes += parsed.bytes;
            Ok(())
        })
        .expect("it is read");
        (messages, bad, bytes)
    }

    fn json(message: &str) -> String {
        format!("{{\"timestamp\":1,\"source\":\"x\",\"level\":\"info\",\"message\":\"{message}\"}}")
    }

    #[test]
    fn lines_come_in_order_with_their_numbers() {
        let mut text = String::new();
        for number in 1..=40_000 {
            let line = if number % 10_000 == 0 {
                "not json".to_owned()
            } else {
                json(&number.to_string())
            };
            text += &line;
            text += if number % 7 == 0 { "\r\n" } else { "\n" };
        }
        let length = text.len() as u64;
        let (messages, bad, bytes) = read_all(text.into_bytes());
        assert_eq!(bad, [10_000, 20_000, 30_000, 40_000]);
        let expected: Vec<String> = (1..=40_000)
            .filter(|number| number % 10_000 != 0)
            .map(|number: u32| number.to_string())
            .collect();
        assert!(messages == expected, "{} messages", messages.len());
        assert_eq!(bytes, length);
    }

    #[test]
    fn a_last_line_needs_no_end_and_a_long_one_is_skipped() {
        assert_eq!(read_all(format!("\n\n{}", json("a")).into_bytes()).0, ["a"]);
        assert_eq!(read_all(vec![]).0, Vec::<String>::new());
        let long = json(&"x".repeat(3 << 20));
        assert_eq!(
            read_all(format!("{long}\n{}", json("b")).into_bytes())
                .0
                .len(),
            2
        );
        let endless = read_all(vec![b'x'; 40 << 20]);
        assert_eq!(endless.0.len(), 0);
        assert!(!endless.1.is_empty());
    }

    #[test]
    fn a_failure_ends_the_reading() {
        let text = json("a") + "\n";
        let input = ImportInput {
            length: None,
            reader: Box::new(io::Cursor::new(text.repeat(100_000).into_bytes())),
        };
        let defaults = Defaults {
            source: None,
            now: Micros::new(0),
        };
        let failed = read(input, &defaults, &mut |_| Err(Failure::failed("full")));
        assert_eq!(failed.expect_err("a failure").text, "full");
    }
}
