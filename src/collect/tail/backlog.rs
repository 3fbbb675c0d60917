//! How much of existing rotated files is read: their newest lines, up to a share of what the store keeps, so that a
//! compressed file with many lines does not evict the records of other sources. Skipped lines are counted and
//! reported.

use crate::collect::own::own_record;
use crate::collect::tail::compression::{self, FileCompression};
use crate::record::{Level, Metadata, Record};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much is read of rotated files that exist when a log is first found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatchUpMax {
    /// Maximum number of lines.
    pub lines: u64,
    /// Maximum size of the lines in bytes.
    pub bytes: u64,
}

impl CatchUpMax {
    const NONE: Self = Self { lines: 0, bytes: 0 };

    fn is_none(self) -> bool {
        self.lines == 0 || self.bytes == 0
    }

    fn without(self, other: Self) -> Self {
        Self {
            lines: self.lines.saturating_sub(other.lines),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

impl Default for CatchUpMax {
    /// No limit.
    fn default() -> Self {
        Self {
            lines: u64::MAX,
            bytes: u64::MAX,
        }
    }
}

/// How much of a rotated file is skipped.
#[derive(Debug, Default)]
pub(crate) enum Backlog {
    /// Nothing: the file was followed before, or is yet to be rotated.
    #[default]
    None,
    /// Not decided yet, because its lines were not counted.
    Uncounted(File, FileCompression),
    /// Its first lines are skipped, until both counts are used up.
    Skip(CatchUpMax),
}

impl Backlog {
    pub(crate) fn of(file: &File, compression: FileCompression) -> Self {
        let again = file.try_clone();
        again.map_or(Self::None, |file| Self::Uncounted(file, compression))
    }

    /// Whether a line of this length is skipped.
    pub(crate) fn skips(&mut self, bytes: usize) -> bool {
        let Self::Skip(skip) = self else {
            return false;
        };
        let skips = skip.lines > 0 || skip.bytes > 0;
        // A file that cannot be counted is skipped completely.
        if *skip != CatchUpMax::default() {
            *skip = skip.without(CatchUpMax {
                lines: 1,
                bytes: bytes as u64,
            });
        }
        skips
    }

    pub(super) fn is_uncounted(&self) -> bool {
        matches!(self, Self::Uncounted(..))
    }

    fn is_skipping(&self) -> bool {
        matches!(self, Self::Skip(skip) if *skip != CatchUpMax::NONE)
    }
}

/// The progress of catching up with rotated files.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// How much may still be read; `None` when no rotated file is being read.
    left: Option<CatchUpMax>,
    /// Lines that were skipped and not reported yet, and their size.
    skipped: CatchUpMax,
}

impl CatchUp {
    pub(super) fn new() -> Self {
        Self {
            left: None,
            skipped: CatchUpMax::NONE,
        }
    }

    /// Called before an existing rotated file is read: counts its lines and those of the files after it, and decides
    /// how much of each is skipped. `backlogs` are newest first.
    pub(super) fn count<'a>(
        &mut self,
        backlogs: impl Iterator<Item = &'a mut Backlog>,
        max: CatchUpMax,
    ) {
        let left = self.left.get_or_insert(max);
        for backlog in backlogs {
            let Backlog::Uncounted(found, compression) = backlog else {
                continue;
            };
            let skip = if left.is_none() {
                CatchUpMax::default()
            } else if *left == CatchUpMax::default() {
                CatchUpMax::NONE
            } else {
                let held = count(found, *compression);
                let skip = held.without(*left);
                *left = left.without(held);
                skip
            };
            *backlog = Backlog::Skip(skip);
        }
    }

    /// Counts a skipped line of this length.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.skipped.lines += 1;
        self.skipped.bytes += bytes as u64;
    }

    /// Called when all rotated files were read.
    pub(super) fn finish(&mut self) {
        self.left = None;
    }

    /// The report of the skipped lines, unless more lines of the current file will be skipped.
    pub(super) fn report(&mut self, current: Option<&Backlog>, path: &Path) -> Option<Record> {
        if self.skipped.lines == 0 || current.is_some_and(Backlog::is_skipping) {
            return None;
        }
        let CatchUpMax { lines, bytes } = std::mem::replace(&mut self.skipped, CatchUpMax::NONE);
        let path = path.display().to_string();
        let message = format!(
            "skipped the {lines} oldest lines of rotated files of {path}: one log may fill only a part of the store at once"
        );
        let mut metadata = Metadata::new();
        metadata.insert("file", path);
        metadata.insert("lines", lines);
        metadata.insert("bytes", bytes);
        Some(own_record(
            Level::Warn,
            "backlog_skipped",
            message,
            metadata,
        ))
    }
}

/// Counts the lines and bytes of a file from its start, as far as it can be read; does not move the position of the
/// file handle.
fn count(file: &File, compression: FileCompression) -> CatchUpMax {
    let from_start = file.try_clone().map(|file| FromStart { file, at: 0 });
    let stream = from_start.and_then(|file| compression::decompress(file, compression));
    let Ok(mut stream) = stream else {
        return CatchUpMax::NONE;
    };
    let mut chunk = vec![0; compression::CHUNK_BYTES];
    let mut held = CatchUpMax::NONE;
    let mut is_open = false;
    loop {
        let count = match stream.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // The fault is reported when the file is read.
            count => count.unwrap_or(0),
        };
        let read = chunk.get(..count).unwrap_or_default();
        let Some(last) = read.last() else {
            held.lines += u64::from(is_open);
            return held;
        };
        is_open = *last != b'\n';
        held.lines += memchr::memchr_iter(b'\n', read).count() as u64;
        held.bytes += count as u64;
    }
}

/// Reads a file without moving the position that its handles share.
struct FromStart {
    file: File,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tail::context::{ReadContext, TailItem};
    use crate::collect::tail::path::{QUIET, Tail, TailState};
    use std::fs;
    use std::io::Write;
    use std::ops::ControlFlow;

    const LINES: u64 = 100;

    /// Creates rotated files of a path, oldest first, each with the given number of lines; returns the lines and the
    /// reports of a tail.
    fn read(files: &[(&str, u64)], catch_up_max: CatchUpMax) -> (Vec<String>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        for (at, (name, lines)) in files.iter().enumerate() {
            let lines: Vec<_> = (0..*lines).map(|line| format!("{at}:{line}\n")).collect();
            let text = lines.concat();
            write(&dir.path().join(name), &text);
        }
        let path = dir.path().join("a.log");
        let mut tail = Tail::new(path, TailState::from_oldest(), QUIET);
        let mut context = ReadContext::new();
        context.catch_up_max = catch_up_max;
        let (mut lines, mut own) = (vec![], vec![]);
        for _ in 0..3 {
            context.start();
            let visited = tail.read(&mut context, &mut |item| {
                match item {
                    TailItem::Own(record) => own.push(record.message),
                    TailItem::Line(line, _) => {
                        lines.push(String::from_utf8_lossy(line.bytes).into_owned());
                    }
                }
                ControlFlow::Continue(())
            });
            visited.unwrap();
        }
        (lines, own)
    }

    fn write(path: &Path, text: &str) {
        if path.extension().is_some_and(|ending| ending == "gz") {
            let file = File::create(path).unwrap();
            let mut compressed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            compressed.write_all(text.as_bytes()).unwrap();
            compressed.finish().unwrap();
        } else {
            fs::write(path, text).unwrap();
        }
    }

    fn some() -> CatchUpMax {
        CatchUpMax {
            lines: LINES,
            bytes: 1 << 20,
        }
    }

    fn skipped(own: &[String]) -> Option<u64> {
        let [report] = own else {
            assert!(own.is_empty(), "{own:?}");
            return None;
        };
        let words = report.strip_prefix("skipped the ").unwrap();
        words.split(' ').next().unwrap().parse().ok()
    }

    #[test]
    fn reads_the_newest_lines_of_a_compressed_file_and_counts_the_others() {
        let (lines, own) = read(&[("a.log.1.gz", 50_000), ("a.log", 2)], some());
        assert_eq!(skipped(&own), Some(50_000 - LINES));
        assert_eq!(lines.len() as u64, LINES + 2);
        assert_eq!(lines[0], "0:49900");
        assert_eq!(
            lines.last().unwrap(),
            "1:1",
            "a followed file is read completely"
        );
    }

    #[test]
    fn reads_the_newest_of_several_files() {
        let files = [
            ("a.log.4", 500),
            ("a.log.3.gz", 500),
            ("a.log.2", 80),
            ("a.log.1", 40),
            ("a.log", 300),
        ];
        let (lines, own) = read(&files, some());
        assert_eq!(skipped(&own), Some(500 + 500 + 20));
        assert_eq!(lines[0], "2:20");
        assert_eq!(lines.len(), 60 + 40 + 300);
    }

    #[test]
    fn bytes_count_as_well() {
        let bytes = CatchUpMax {
            lines: u64::MAX,
            bytes: 60,
        };
        let (lines, own) = read(&[("a.log.1", 100), ("a.log", 1)], bytes);
        assert_eq!(lines.len(), 12 + 1, "five bytes each");
        assert_eq!(skipped(&own), Some(88));
    }

    #[test]
    fn skips_nothing_below_the_limit() {
        let (lines, own) = read(&[("a.log.1", LINES), ("a.log", 500)], some());
        assert_eq!((lines.len() as u64, skipped(&own)), (LINES + 500, None));
        let all = CatchUpMax::default();
        let (lines, own) = read(&[("a.log.1.gz", 5_000), ("a.log", 1)], all);
        assert_eq!((lines.len(), skipped(&own)), (5_001, None));
    }
}
