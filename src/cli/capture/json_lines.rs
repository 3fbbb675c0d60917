//! The output of a command as lines of JSON for programs: `{"type":"log"}` for each line, then `{"type":"result"}`.
//! `format-spec/capture.md` specifies them.

use crate::capture::{CapturedLine, Category, CommandEnd, SinkItem, Stream};
use crate::opening;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, write};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, OwnedFd};

/// A reader of `--events-fd` that takes nothing for this long is given up, so that it cannot keep vmlog from ending.
const STALLED_AFTER: Timespec = Timespec {
    tv_sec: 30,
    tv_nsec: 0,
};

/// One line of JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RunLine<'a> {
    Log {
        timestamp: String,
        stream: Stream,
        message: Cow<'a, str>,
        /// The bytes, if they are not UTF-8.
        #[serde(skip_serializing_if = "Option::is_none")]
        message_base64: Option<String>,
        /// Whether the next line of the same stream continues this one.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        line_incomplete: bool,
    },
    Gap {
        lines: u64,
        bytes: u64,
        reason: &'static str,
    },
    Result {
        result: RunResult,
    },
}

/// How the run ended, with the names of the record of the end.
#[derive(Serialize)]
struct RunResult {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_category: Option<&'static str>,
    message: String,
}

/// A line of JSON for an item, with its line end.
pub(super) fn item_line(item: &SinkItem) -> Vec<u8> {
    match item {
        SinkItem::Line(line) => line_of(&log(line)),
        SinkItem::Gap(gap) => line_of(&RunLine::Gap {
            lines: gap.lines,
            bytes: gap.bytes,
            reason: gap.reason.as_str(),
        }),
    }
}

fn log(line: &CapturedLine) -> RunLine<'_> {
    let message = String::from_utf8_lossy(&line.text);
    let is_changed = matches!(message, Cow::Owned(_));
    RunLine::Log {
        timestamp: line.time.to_string(),
        stream: line.stream,
        message,
        message_base64: is_changed.then(|| STANDARD.encode(&line.text)),
        line_incomplete: !line.is_complete,
    }
}

/// The last line of JSON.
pub(super) fn result_line(end: &CommandEnd) -> Vec<u8> {
    let result = RunResult {
        success: end.code == 0,
        run_id: end.run_id.map(|id| id.to_string()),
        exit_code: end.ending.code(),
        signal: end.ending.signal(),
        failure: end.ending.why(),
        duration_ms: u64::try_from(end.took.as_millis()).unwrap_or(u64::MAX),
        error_category: end.category.map(Category::as_str),
        message: end.ending.words(),
    };
    line_of(&RunLine::Result { result })
}

fn line_of(line: &RunLine<'_>) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Where the lines are written.
#[derive(Debug)]
pub(super) enum LineOutput {
    Stdout,
    /// The descriptor of `--events-fd`.
    Descriptor(OwnedFd),
}

impl LineOutput {
    /// Opens the descriptor with this number a second time, which the command does not inherit.
    ///
    /// # Errors
    /// The descriptor is not open, not for writing, or a socket.
    pub(super) fn descriptor(number: u32) -> io::Result<Self> {
        opening::descriptor(number).map(Self::Descriptor)
    }

    /// Writes a line at once.
    ///
    /// # Errors
    /// The reader has closed its end, or takes nothing for [`STALLED_AFTER`].
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(line)?;
                stdout.flush()
            }
            Self::Descriptor(to) => write_waiting(to, line),
        }
    }
}

fn write_waiting(to: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut waited = [PollFd::from_borrowed_fd(to.as_fd(), PollFlags::OUT)];
                match poll(&mut waited, Some(&STALLED_AFTER)) {
                    Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Ending, GapReason, SinkGap};
    use crate::time::Micros;
    use std::time::Duration;

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    fn line(bytes: &[u8], is_complete: bool) -> SinkItem {
        SinkItem::Line(CapturedLine {
            time: Micros::new(1_500_000),
            stream: Stream::Stderr,
            text: bytes.to_vec(),
            is_complete,
        })
    }

    /// The example in the specification is what is written.
    #[test]
    fn lines_have_the_form_of_the_specification() {
        let spec = include_str!("../../../format-spec/capture.md");
        let example = spec.split("```json-lines\n").nth(1).unwrap();
        let example = example.split("```").next().unwrap();
        let gap = SinkItem::Gap(SinkGap {
            lines: 12,
            bytes: 512,
            reason: GapReason::SlowReader,
        });
        let end = CommandEnd {
            code: 3,
            ending: Ending::Exited(3),
            took: Duration::from_secs(4),
            category: Some(Category::PortConflict),
            trouble: None,
            run_id: Some("01kj5p4zhs0g5cv2tnmq83y7re".parse().unwrap()),
            left_open: Vec::new(),
        };
        let items = [line(b"Error: listen ", false), line(b"\xff", true), gap];
        let mut lines: Vec<u8> = items.iter().flat_map(item_line).collect();
        lines.extend(result_line(&end));
        assert_eq!(text(lines), example);
    }

    #[test]
    fn a_signal_takes_the_place_of_the_exit_code() {
        let end = CommandEnd {
            code: 137,
            ending: Ending::Killed(9),
            took: Duration::ZERO,
            category: None,
            trouble: None,
            run_id: None,
            left_open: Vec::new(),
        };
        assert_eq!(
            text(result_line(&end)),
            "{\"type\":\"result\",\"result\":{\"success\":false,\"signal\":\"SIGKILL\",\"duration_ms\":0,\
             \"message\":\"killed by SIGKILL\"}}\n"
        );
    }
}
