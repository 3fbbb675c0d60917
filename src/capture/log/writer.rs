//! Writes the capture log of one run in parts. Lines that cannot be written are counted, and reported as soon as
//! writing works again; the command must not notice.

use super::entry::{self, CaptureGap, LogEntry, RunEvent, Stream};
use super::folder::{CaptureLimits, FIRST_PART, Folder};
use super::run_id::RunId;
use crate::time::Micros;
use std::fs::File;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Pause after a failed write, because a retry for each line would slow the command down.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The log of one run.
#[derive(Debug)]
pub(crate) struct RunLog {
    folder: Folder,
    limits: CaptureLimits,
    run: RunId,
    part: LogPart,
    lost: CaptureGap,
}

#[derive(Debug)]
enum LogPart {
    Open {
        number: u32,
        file: File,
        /// Size of the complete lines.
        length: u64,
    },
    /// The number of the next part, and when creating it was last tried.
    Wanted { number: u32, tried: Option<Instant> },
}

impl RunLog {
    pub(crate) fn new(folder: Folder, limits: CaptureLimits, run: RunId) -> Self {
        Self {
            folder,
            limits,
            run,
            part: LogPart::Wanted {
                number: FIRST_PART,
                tried: None,
            },
            lost: CaptureGap::default(),
        }
    }

    /// Appends complete lines. Lines of a failed write are already counted; the caller only reports the error.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut kept = 0;
        let result = loop {
            let before = kept;
            let result = self.try_append(lines.get(kept..).unwrap_or_default(), &mut kept);
            match &result {
                // The size limit of files was reached: the next part takes the rest.
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge && kept > before => {
                    self.limits.part_bytes = self.length();
                }
                _ => break result,
            }
        };
        if result.is_err() {
            self.drop_empty();
            let lost = output_in(lines.get(kept..).unwrap_or_default());
            self.lost.lines += lost.lines;
            self.lost.bytes += lost.bytes;
        }
        result
    }

    fn try_append(&mut self, lines: &[u8], kept: &mut usize) -> io::Result<()> {
        self.make_room(lines.len() as u64)?;
        if self.lost != CaptureGap::default() {
            let gap = self.gap_line();
            self.write(&gap, &mut 0)?;
            self.lost = CaptureGap::default();
        }
        self.write(lines, kept)
    }

    /// Removes a log without any line.
    fn drop_empty(&mut self) {
        if let LogPart::Open {
            number, length: 0, ..
        } = self.part
            && self.folder.remove_part(self.run, number).is_ok()
        {
            let tried = Some(Instant::now());
            self.part = LogPart::Wanted { number, tried };
        }
    }

    fn length(&self) -> u64 {
        match self.part {
            LogPart::Open { length, .. } => length,
            LogPart::Wanted { .. } => 0,
        }
    }

    fn gap_line(&self) -> Vec<u8> {
        let text = match self.lost.lines {
            1 => "--- 1 line could not be kept ---\n".to_owned(),
            lines => format!("--- {lines} lines could not be kept ---\n"),
        };
        let event = RunEvent::CaptureGap(self.lost);
        let mut line = Vec::new();
        let now = Micros::now().to_string();
        entry::write(
            &mut line,
            &now,
            Stream::System,
            &self.run.to_string(),
            text.as_bytes(),
            Some(&event),
        );
        line
    }

    /// Opens the next part if none is open, or if this one would exceed its size with `bytes` more.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let number = match self.part {
            LogPart::Open { length, .. }
                if length == 0 || length + bytes <= self.limits.part_bytes =>
            {
                return Ok(());
            }
            LogPart::Open { number, .. } => number + 1,
            LogPart::Wanted {
                tried: Some(tried), ..
            } if tried.elapsed() < RETRY_AFTER => {
                return Err(io::Error::other(
                    "the capture log could not be made just now",
                ));
            }
            LogPart::Wanted { number, .. } => number,
        };
        match self.folder.create_part(self.run, number) {
            Ok(file) => {
                // The previous part stays locked until this one is locked, so that a reader never sees a running
                // command without a lock.
                self.part = LogPart::Open {
                    number,
                    file,
                    length: 0,
                };
                self.drop_old(number);
                Ok(())
            }
            // Writing to a part that is too long is better than not writing.
            Err(_) if matches!(self.part, LogPart::Open { .. }) => Ok(()),
            Err(error) => {
                let tried = Some(Instant::now());
                self.part = LogPart::Wanted { number, tried };
                Err(error)
            }
        }
    }

    /// Deletes old parts. The first part is kept because it names the command.
    fn drop_old(&self, newest: u32) {
        let old = newest.saturating_sub(self.limits.parts_kept.max(1));
        if old > FIRST_PART {
            // Parts that cannot be removed are deleted together with the run.
            let _ = self.folder.remove_part(self.run, old);
        }
    }

    /// Writes as many of the lines as possible; `kept` grows by their size.
    fn write(&mut self, lines: &[u8], kept: &mut usize) -> io::Result<()> {
        let LogPart::Open { file, length, .. } = &mut self.part else {
            return Err(io::Error::other("no part is open"));
        };
        let mut written = 0;
        let result = loop {
            match file.write(lines.get(written..).unwrap_or_default()) {
                Ok(0) if written < lines.len() => break Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if written == lines.len() {
                break Ok(());
            }
        };
        let whole = lines
            .get(..written)
            .and_then(|written| memchr::memrchr(b'\n', written));
        let whole = whole.map_or(0, |end| end + 1);
        *kept += whole;
        *length += whole as u64;
        if whole < written {
            // An incomplete line would corrupt the next one.
            let _ = file.set_len(*length);
        }
        result
    }
}

/// Counts the output in lines of a log.
fn output_in(lines: &[u8]) -> CaptureGap {
    let entries = lines
        .split(|&byte| byte == b'\n')
        .filter_map(|line| LogEntry::parse(line).ok());
    entries
        .filter(|entry| entry.event.is_none())
        .fold(CaptureGap::default(), |sum, entry| CaptureGap {
            lines: sum.lines + u64::from(entry.data.ends_with(b"\n")),
            bytes: sum.bytes + entry.data.len() as u64,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn line(text: &str) -> Vec<u8> {
        let mut line = Vec::new();
        entry::write(
            &mut line,
            "2026-02-17T14:30:15Z",
            Stream::Stdout,
            "r",
            text.as_bytes(),
            None,
        );
        line
    }

    fn log(dir: &std::path::Path, part_bytes: u64) -> (Folder, RunLog) {
        let folder = Folder::new(dir);
        let limits = CaptureLimits {
            part_bytes,
            parts_kept: 2,
            ..CaptureLimits::default()
        };
        let log = RunLog::new(folder.clone(), limits, RunId::new(Micros::now()));
        (folder, log)
    }

    fn text(folder: &Folder, run: RunId, part: u32) -> String {
        io::read_to_string(folder.open_part(run, part).unwrap()).unwrap()
    }

    #[test]
    fn the_first_part_and_the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, mut log) = log(dir.path(), 12);
        for n in 0..8 {
            log.append(format!("line {n}\n").as_bytes()).unwrap();
        }
        let parts = folder.runs().unwrap().remove(&log.run).unwrap();
        assert_eq!(parts.numbers, [1, 7, 8]);
        assert_eq!(text(&folder, log.run, 1), "line 0\n");
        assert_eq!(text(&folder, log.run, 8), "line 7\n");
    }

    #[test]
    fn a_line_longer_than_a_part_has_one_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, mut log) = log(dir.path(), 12);
        for line in ["short\n", "much longer than that\n", "short\n"] {
            log.append(line.as_bytes()).unwrap();
        }
        assert_eq!(text(&folder, log.run, 2), "much longer than that\n");
    }

    #[test]
    fn lost_lines_are_reported_when_writing_works_again() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("logs");
        fs::write(&place, "in the way").unwrap();
        let (folder, mut log) = log(&place, 1 << 20);
        assert!(log.append(&line("one\n")).is_err());
        assert!(log.append(&line("two\n")).is_err());
        fs::remove_file(&place).unwrap();
        assert!(
            log.append(&line("three\n")).is_err(),
            "it is not tried at once"
        );
        let LogPart::Wanted { tried, .. } = &mut log.part else {
            panic!("open")
        };
        *tried = None;
        log.append(&line("four")).unwrap();
        let text = text(&folder, log.run, 1);
        assert!(
            text.contains(r#""d":"four""#)
                && text.contains(r#""event":{"type":"capture_gap","lines":3,"bytes":14}"#),
            "{text}"
        );
        log.append(&line("five\n")).unwrap();
        assert_eq!(
            self::text(&folder, log.run, 1).lines().count(),
            3,
            "reported once"
        );
    }

    #[test]
    fn a_disk_that_was_full_from_the_start_leaves_no_empty_file() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, mut log) = log(dir.path(), 1 << 20);
        drop(folder.create_part(log.run, 1).unwrap());
        log.part = LogPart::Open {
            number: 1,
            file: folder.open_part(log.run, 1).unwrap(),
            length: 0,
        };
        assert!(log.append(&line("one\n")).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_full_disk_leaves_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, mut log) = log(dir.path(), 1 << 20);
        log.append(&line("one\n")).unwrap();
        // Writing to a file opened for reading fails, as on a full disk.
        let reader = folder.open_part(log.run, 1).unwrap();
        let LogPart::Open { file, .. } = &mut log.part else {
            panic!("not open")
        };
        let good = std::mem::replace(file, reader);
        assert!(log.append(&line("two\n")).is_err());
        let LogPart::Open { file, .. } = &mut log.part else {
            panic!("not open")
        };
        *file = good;
        log.append(&line("three\n")).unwrap();
        let text = text(&folder, log.run, 1);
        assert!(
            text.lines().count() == 3
                && text
                    .lines()
                    .all(|line| LogEntry::parse(line.as_bytes()).is_ok()),
            "{text}"
        );
    }
}
