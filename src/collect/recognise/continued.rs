//! Lines that continue an event: the frames of a stack trace, the rows of an out-of-memory report, the rest of a
//! pretty-printed object. Each stays a record of its own and is not delayed; it is marked, and gets the level of the
//! line that began the event.

use super::bytes::{ByteSet, may_say, says};
use super::frames::{
    is_aligned, is_cargo_status, is_detail, is_diagnostic, is_diagnostic_head, is_field_name,
    is_frame, is_go, is_indented, is_node, is_property, is_rust, is_timed_frame, starts_trace,
    starts_with_uptime,
};
use super::rules::{Rule, RuleSet};
use super::words::{self, Starts, needle};
use super::{kernel, level, prefix};
use crate::record::Level;
use serde::{Deserialize, Serialize};

/// Maximum number of lines of an event: an endless stream of indented lines must not stay an error.
const LINES_MAX: u32 = 5_000;

/// Maximum number of lines of prose.
const PROSE_MAX: u32 = 200;

/// How deep the nesting of objects is tracked.
const DEPTH_MAX: i32 = 1_000;

/// How much of a line is examined.
const HEAD_MAX: usize = 512;

/// The event that the next line may continue. Each stream of a source has one, which is saved with its position.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineEvent {
    /// The level of the line that began the event; `None` before the first line.
    level: Option<Level>,
    kind: EventKind,
    /// Whether the first line stated a time or a level of its own: indented lines after it then belong to it.
    is_headed: bool,
    lines: u32,
    /// Number of open objects and arrays, in an object.
    depth: i32,
    /// Whether each line of the trace has a time, as engines of containers and CI systems add it.
    #[serde(default, skip_serializing_if = "is_false")]
    is_timed: bool,
    /// Whether the line before was empty: a trace may still follow it.
    #[serde(default, skip_serializing_if = "is_false")]
    after_gap: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The kind of lines that an event consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum EventKind {
    /// No special kind.
    #[default]
    Plain,
    /// A Python traceback, before the exception.
    Python,
    /// A trace that has ended; another may follow.
    Ended,
    /// Frames that are recognised by themselves.
    Frames,
    /// An exception that Node did not catch: the program's line, the exception, its properties.
    Node,
    /// A Go panic.
    Go,
    /// A Rust panic whose text is on the next line.
    RustText,
    /// The notes and frames after a Rust panic.
    Rust,
    /// A kernel report.
    Kernel,
    /// A pretty-printed object.
    Object,
    /// A compiler diagnostic.
    Diagnostic,
    /// An exception of Python whose text lists fields, each on a line of its own.
    Fields,
    /// A report of a sanitizer up to its summary, or of Go's race detector up to its ruler.
    Sanitizer,
    /// What failed, and the command on the next line.
    Command,
    /// Prose up to a line with a time or a level.
    Prose,
    /// A paragraph up to a blank line or one with a time or a level.
    Paragraph,
}

/// The level of a line, and its relation to the event before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) level: Level,
    /// Whether it continues the event before.
    pub(crate) continues: bool,
}

/// The head of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineHead {
    /// Nothing.
    None,
    /// A time, which is a part of the text, and the offset of the text after it; 0 if that is not known.
    Time(usize),
    /// The time, the host and the program of a syslog file, which are not a part of the text.
    Program,
}

impl LineEvent {
    /// Classifies the next line of the stream, of which the bytes may be known. `stated` is the level that it states, `usual` the one
    /// that it gets otherwise.
    pub(crate) fn place(
        &mut self,
        (line, bytes): (&[u8], Option<ByteSet>),
        stated: Option<Level>,
        head: LineHead,
        usual: Level,
    ) -> Placement {
        let line = line.get(..HEAD_MAX).unwrap_or(line);
        if self.level.is_some()
            && self.lines < LINES_MAX
            && self.is_continued_by((line, bytes), stated, head)
        {
            self.lines += 1;
            self.after_gap = false;
            return Placement {
                level: self.level.unwrap_or(usual),
                continues: true,
            };
        }
        let level = stated.unwrap_or(usual);
        if line.is_empty() && self.level == Some(Level::Error) && !self.after_gap {
            self.after_gap = true;
            return Placement {
                level,
                continues: false,
            };
        }
        let timed = Self::kind_after_time((line, bytes), stated, head);
        let kind = timed.unwrap_or_else(|| EventKind::of_head((line, bytes), stated));
        *self = Self {
            level: Some(level),
            kind,
            is_headed: head != LineHead::None || stated.is_some(),
            lines: 1,
            depth: if kind == EventKind::Object {
                depth_of(line)
            } else {
                0
            },
            is_timed: timed.is_some(),
            after_gap: false,
        };
        Placement {
            level,
            continues: false,
        }
    }

    /// The kind of a trace that begins directly after the time of a line.
    fn kind_after_time(
        (line, bytes): (&[u8], Option<ByteSet>),
        stated: Option<Level>,
        head: LineHead,
    ) -> Option<EventKind> {
        let text = after_time(line, head).filter(|_| stated == Some(Level::Error))?;
        if level::exception_name(text).is_some() {
            return Some(EventKind::Frames);
        }
        let kind = EventKind::of_head((text, bytes), stated);
        let is_trace = [
            EventKind::Python,
            EventKind::Go,
            EventKind::Rust,
            EventKind::RustText,
        ]
        .contains(&kind);
        is_trace.then_some(kind)
    }

    /// Whether the text after the time of a line belongs to a trace of which each line has a time.
    fn is_timed_part(&mut self, text: &[u8]) -> bool {
        let is_exception = level::exception_name(text).is_some();
        match self.kind {
            EventKind::Python if is_exception => self.in_traceback(text),
            EventKind::Python => is_indented(text) || text.is_empty(),
            EventKind::Go => is_go(text),
            EventKind::RustText => {
                self.kind = EventKind::Rust;
                true
            }
            EventKind::Rust => is_rust(text),
            EventKind::Ended => self.after_trace(text) == Some(true),
            _ => is_frame(text, None),
        }
    }

    /// Begins an event of `level`, for collectors that recognise the first lines of events themselves.
    pub(crate) fn begin(&mut self, level: Level) {
        *self = Self {
            level: Some(level),
            is_headed: true,
            lines: 1,
            ..Self::default()
        };
    }

    /// The level of the event.
    pub(crate) fn level(&self) -> Option<Level> {
        self.level
    }

    /// Whether further lines are likely.
    pub(crate) fn is_open(&self) -> bool {
        self.kind != EventKind::Plain || matches!(self.level, Some(Level::Warn | Level::Error))
    }

    /// Whether `line` belongs to the event; updates the kind of the event.
    fn is_continued_by(
        &mut self,
        (line, bytes): (&[u8], Option<ByteSet>),
        stated: Option<Level>,
        head: LineHead,
    ) -> bool {
        if matches!(head, LineHead::Time(_)) {
            let text = after_time(line, head).filter(|_| self.is_timed);
            return text.is_some_and(|text| self.is_timed_part(text))
                || self.level == Some(Level::Error)
                    && (is_detail(line, bytes) || is_timed_frame(line, bytes));
        }
        let by_kind = match self.kind {
            EventKind::Python => Some(self.in_traceback(line)),
            EventKind::Ended => self.after_trace(line),
            EventKind::Go => is_go(line).then_some(true),
            // the second line is the source
            EventKind::Node if self.lines == 1 || is_node(line) => Some(true),
            EventKind::Command => self.in_command(line, stated),
            EventKind::RustText => {
                self.kind = EventKind::Rust;
                Some(true)
            }
            EventKind::Rust => is_rust(line).then_some(true),
            EventKind::Kernel => self.in_kernel_report(line, stated),
            EventKind::Object => Some(self.in_object(line)),
            EventKind::Diagnostic if head == LineHead::None => is_diagnostic(line).then_some(true),
            EventKind::Fields => (is_indented(line) || is_field_name(line, stated)).then_some(true),
            EventKind::Sanitizer => {
                self.in_sanitizer_report(line);
                Some(true)
            }
            EventKind::Prose | EventKind::Paragraph => self.in_prose(line, stated),
            EventKind::Plain | EventKind::Frames | EventKind::Diagnostic | EventKind::Node => None,
        };
        if let Some(continues) = by_kind {
            return continues;
        }
        let is_serious = matches!(self.level, Some(Level::Warn | Level::Error));
        // Haskell prints it after the text of the error, which has no form of its own.
        let is_first_sign = !is_serious && line.starts_with(b"CallStack (");
        // the modules that led to one that Node did not find
        let is_module = self.level == Some(Level::Error) && line.starts_with(b"- /");
        let is_timed = || self.level == Some(Level::Error) && is_timed_frame(line, bytes);
        if (is_frame(line, bytes) || is_module || is_timed()) && !is_first_sign {
            return true;
        }
        if self.is_headed && is_serious && stated.is_none() && is_property(line) {
            return true;
        }
        if self.is_headed && self.level == Some(Level::Error) && self.in_ruler(line) {
            return true;
        }
        if self.is_headed && is_serious && starts_trace(line) {
            self.kind = EventKind::of_head((line, bytes), stated);
            return true;
        }
        let is_worse = stated.is_some_and(|stated| self.level.is_some_and(|level| stated > level));
        let is_blank = line.trim_ascii().is_empty() && !line.is_empty();
        let is_inner = match head {
            // Programs align their messages in a syslog file: `sudo:    alice : TTY=pts/0`.
            LineHead::Program => is_serious && is_indented(line) && !is_aligned(line),
            _ => is_indented(line) || (is_blank && is_serious),
        };
        self.is_headed
            && is_inner
            && !is_worse
            && !is_cargo_status(line)
            && !starts_with_uptime(line)
    }

    /// Frames are indented; the exception is not, and ends the trace.
    fn in_traceback(&mut self, line: &[u8]) -> bool {
        if !is_indented(line) && !line.is_empty() {
            // `ValidationError: 2 validation errors for Settings` of pydantic
            let lists_fields = words::contains(line, needle!(b" validation error"));
            self.kind = if lists_fields {
                EventKind::Fields
            } else {
                EventKind::Ended
            };
        }
        true
    }

    /// One line, but no progress of ninja (`[2/3] x`).
    fn in_command(&mut self, line: &[u8], stated: Option<Level>) -> Option<bool> {
        self.kind = EventKind::Plain;
        (stated.is_none() && !line.starts_with(b"[")).then_some(true)
    }

    /// A ruler of stars begins prose.
    fn in_ruler(&mut self, line: &[u8]) -> bool {
        let is_ruler = is_star_ruler(line);
        if is_ruler {
            self.kind = EventKind::Prose;
        }
        is_ruler
    }

    /// A blank line ends a paragraph.
    fn in_prose(&mut self, line: &[u8], stated: Option<Level>) -> Option<bool> {
        if self.kind == EventKind::Paragraph && line.trim_ascii().is_empty() {
            self.kind = EventKind::Plain;
            self.is_headed = false;
            return None;
        }
        // prose explains the failure in sentences that say what failed
        let is_explained = || {
            let others = RuleSet::ALL.without(Rule::Failure);
            level::stated(line, None, None, others).is_none()
        };
        let is_part = stated.is_none() || line == FAILED_START || is_explained();
        (is_part && self.lines < PROSE_MAX).then_some(true)
    }

    /// The summary is the last line of the report.
    fn in_sanitizer_report(&mut self, line: &[u8]) {
        if line.starts_with(b"SUMMARY: ") || line.starts_with(b"==================") {
            self.kind = EventKind::Plain;
            self.is_headed = false;
        }
    }

    /// A blank line, and a line that announces another exception, continue the event.
    fn after_trace(&mut self, line: &[u8]) -> Option<bool> {
        let announces = [
            &b"During handling of the above exception"[..],
            b"The above exception was the direct cause",
        ];
        if line.trim_ascii().is_empty() || announces.iter().any(|start| line.starts_with(start)) {
            return Some(true);
        }
        if line.starts_with(b"Traceback (most recent call last)") {
            self.kind = EventKind::Python;
            return Some(true);
        }
        None
    }

    /// The first line may be a mere ruler, and the next one says how serious the report is.
    fn in_kernel_report(&mut self, line: &[u8], stated: Option<Level>) -> Option<bool> {
        let continues = kernel::continues(prefix::without_uptime(line));
        if continues && self.lines == 1 {
            self.level = self.level.max(stated);
        }
        continues.then_some(true)
    }

    fn in_object(&mut self, line: &[u8]) -> bool {
        let text = line.trim_ascii();
        let is_closing = matches!(text.first(), Some(b'}' | b']'));
        if !(is_indented(line) || is_closing) {
            return false;
        }
        self.depth = (self.depth + depth_of(line)).min(DEPTH_MAX);
        if self.depth <= 0 {
            self.kind = EventKind::Plain;
            self.is_headed = false;
        }
        true
    }
}

impl EventKind {
    /// The kind of event that a line begins.
    fn of_head((line, bytes): (&[u8], Option<ByteSet>), stated: Option<Level>) -> Self {
        let text = line.trim_ascii_end();
        let is_report = may_report((text, bytes), stated);
        let report = is_report.then(|| Self::of_report((text, bytes), stated));
        if let Some(kind) = report.flatten() {
            kind
        } else if matches!(text, b"{" | b"[" | b"[{") {
            Self::Object
        } else if stated.is_some() && is_diagnostic_head(text) {
            Self::Diagnostic
        } else if bytes.is_none_or(level::may_name_exception)
            && level::exception_name(text).is_some()
        {
            Self::Frames
        } else {
            Self::Plain
        }
    }

    /// The kind of a trace or a report that a line begins.
    fn of_report((text, bytes): (&[u8], Option<ByteSet>), stated: Option<Level>) -> Option<Self> {
        let kind = if text.starts_with(b"Traceback (most recent call last)")
            || text.ends_with(b": Traceback (most recent call last):")
            || stated == Some(Level::Error) && level::is_python_place(text.trim_ascii_start())
        {
            Self::Python
        } else if text == b"Unhandled exception:" {
            // Dart prints the exception on the next line
            Self::RustText
        } else if says!(text, bytes, b"Exception Group Traceback") {
            Self::Frames
        } else if level::is_node_place(text) {
            Self::Node
        } else if text.starts_with(b"WARNING: DATA RACE")
            || text.starts_with(b"==")
                && says!(text, bytes, b"==ERROR: ")
                && says!(text, bytes, b"Sanitizer: ")
        {
            Self::Sanitizer
        } else if is_go_head(text, bytes) || says!(text, bytes, b"http: panic serving") {
            Self::Go
        } else if text.starts_with(b"thread '") && says!(text, bytes, b"panicked at ") {
            if text.ends_with(b":") {
                Self::RustText
            } else {
                Self::Rust
            }
        } else if stated == Some(Level::Error) && text.starts_with(b"FAILED: ") {
            Self::Command
        } else if stated == Some(Level::Error) && begins_prose(text) {
            Self::Prose
        } else if text.starts_with(b"=") && says!(text, bytes, b" REPORT==== ") {
            Self::Paragraph
        } else if kernel::begins(prefix::without_uptime(text), bytes) {
            Self::Kernel
        } else {
            return None;
        };
        Some(kind)
    }
}

/// The title of Spring Boot's explanation.
const FAILED_START: &[u8] = b"APPLICATION FAILED TO START";

/// Whether a line is stars and nothing else, as around the title of Spring Boot's explanation.
fn is_star_ruler(line: &[u8]) -> bool {
    line.len() >= 20 && line.iter().all(|&byte| byte == b'*')
}

/// Whether an error is explained by the prose after it: a signal that ended `MySQL`, the failed start of Spring Boot, a message of Elm.
fn begins_prose(text: &[u8]) -> bool {
    text.ends_with(b" ;") && words::contains(text, needle!(b"d got signal "))
        || text == FAILED_START
        || text.starts_with(b"-- ") && text.ends_with(b".elm")
}

/// The text after the time of a line and a blank.
#[inline]
fn after_time(line: &[u8], head: LineHead) -> Option<&[u8]> {
    let LineHead::Time(end @ 1..) = head else {
        return None;
    };
    let text = line.get(end..)?;
    let text = text.strip_prefix(b" ").unwrap_or(text);
    Some(after_place(text).unwrap_or(text))
}

/// The text after the place in the code that vLLM writes after the time of each line: `[engine.py:123] text`.
fn after_place(text: &[u8]) -> Option<&[u8]> {
    let (place, rest) = words::split_once(text.strip_prefix(b"[")?, b']')?;
    let (file, line) = words::split_once(place, b':')?;
    let is_place = file.ends_with(b".py") && words::is_number(line);
    is_place.then(|| rest.strip_prefix(b" ").unwrap_or(rest))
}

/// Whether a line may begin a trace or a report: by its first bytes, or by what else is in it. Most lines begin none.
fn may_report((text, bytes): (&[u8], Option<ByteSet>), stated: Option<Level>) -> bool {
    /// Those that are recognised by their beginning, apart from the kernel's.
    static STARTS: Starts = Starts::new(&[
        b"Traceback (most recent call last)",
        b"Unhandled exception:",
        b"==",
        b"file:///",
        b"node:internal/",
        b"panic: ",
        b"fatal error: ",
        b"unexpected fault address ",
        b"goroutine ",
        b"SIG",
        b"thread '",
        b"APPLICATION FAILED",
        b"FAILED: ",
        b"-- ",
    ]);
    let Some(bytes) = bytes else {
        return true;
    };
    STARTS.may_begin(text)
        || kernel::may_begin(text)
        || matches!(
            text,
            [
                b'W',
                _,
                _,
                _,
                _,
                _,
                _,
                b':',
                b' ',
                b'D',
                b'A',
                b'T',
                b'A',
                ..
            ]
        )
        || text.starts_with(b"/") && text.last().is_some_and(u8::is_ascii_digit)
        || stated == Some(Level::Error) && text.trim_ascii_start().starts_with(b"File \"")
        || may_say!(bytes, b"Exception Group Traceback")
        || may_say!(bytes, b"http: panic serving")
        || may_say!(bytes, b": Traceback (most")
        || may_say!(bytes, b" invoked oom-killer: ")
        || may_say!(bytes, b" REPORT==== ")
        || stated == Some(Level::Error) && text.ends_with(b" ;")
}

/// `panic: x`, `fatal error: x`, `goroutine 1 [running]:`, `SIGQUIT: quit`.
fn is_go_head(text: &[u8], bytes: Option<ByteSet>) -> bool {
    static STARTS: Starts = Starts::new(&[
        b"panic: ",
        b"fatal error: ",
        b"unexpected fault address ",
        b"goroutine ",
    ]);
    STARTS.begin(text) || text.starts_with(b"SIG") && says!(text, bytes, b": ")
}

/// By how much `line` changes the number of open objects and arrays; ignores brackets in strings.
fn depth_of(line: &[u8]) -> i32 {
    let mut depth = 0;
    let mut is_string = false;
    let mut is_escaped = false;
    for &byte in line {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => depth += 1,
            b'}' | b']' if !is_string => depth -= 1,
            _ => {}
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(event: &mut LineEvent, line: &[u8], stated: Option<Level>) -> Placement {
        event.place((line, None), stated, LineHead::None, Level::Info)
    }

    #[test]
    fn endless_indented_lines_stop_being_an_error() {
        let mut event = LineEvent::default();
        place(&mut event, b"ERROR: x", Some(Level::Error));
        let last = (0..=LINES_MAX)
            .map(|_| place(&mut event, b"  y", None))
            .last()
            .unwrap();
        assert_eq!(
            last,
            Placement {
                level: Level::Info,
                continues: false
            }
        );
    }

    #[test]
    fn an_event_is_carried_over_a_restart() {
        let mut event = LineEvent::default();
        place(
            &mut event,
            b"Traceback (most recent call last):",
            Some(Level::Error),
        );
        let mut bytes = vec![];
        ciborium::into_writer(&event, &mut bytes).unwrap();
        let mut event: LineEvent = ciborium::from_reader(&bytes[..]).unwrap();
        assert!(place(&mut event, b"  File \"a.py\", line 3, in pay", None).continues);
    }
}
