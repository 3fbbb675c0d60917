//! The last lines of a run, and the report with them that is written when the run fails.

use crate::capture::log::{Category, RunStart, Stream};
use std::collections::VecDeque;
use std::fmt;

/// Maximum number of lines of each stream in a report: a stack trace and the lines before it.
const LINES_MAX: usize = 250;

/// Maximum size of each stream in a report: what a person reads, and what fits into a message.
const BYTES_MAX: usize = 12_000;

/// The last lines of one stream.
#[derive(Debug, Default)]
pub(crate) struct LastLines {
    lines: VecDeque<String>,
    bytes: usize,
    /// Whether the newest line has not ended, so that its continuation replaces it.
    is_open: bool,
}

impl LastLines {
    /// Adds a line, or a longer version of the same line. Of a line that is too long the end is kept.
    pub(crate) fn push(&mut self, line: &str, ends: bool) {
        if self.is_open
            && let Some(open) = self.lines.pop_back()
        {
            self.bytes -= open.len();
        }
        let from = line.ceil_char_boundary(line.len().saturating_sub(BYTES_MAX));
        let line = line.get(from..).unwrap_or_default();
        self.lines.push_back(line.to_owned());
        self.bytes += line.len();
        self.is_open = !ends;
        while self.lines.len() > LINES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.len();
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.lines.iter().map(String::as_str)
    }
}

/// The content of a report.
#[derive(Debug)]
pub(crate) struct ErrorReport<'a> {
    pub(crate) start: &'a RunStart,
    pub(crate) run_id: &'a str,
    /// How it ended, as text.
    pub(crate) ending: &'a str,
    pub(crate) category: Category,
    /// The streams, in the order of display.
    pub(crate) streams: &'a [(Stream, &'a LastLines)],
}

impl fmt::Display for ErrorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunStart {
            name,
            source,
            command,
            cwd,
            user,
            ..
        } = self.start;
        writeln!(f, "Exit: {}", self.ending)?;
        writeln!(f, "Category: {}", self.category)?;
        writeln!(f, "Command: {command}")?;
        writeln!(f, "Name: {name}")?;
        writeln!(f, "Source: {source}")?;
        writeln!(f, "CWD: {cwd}")?;
        writeln!(f, "User: {user}")?;
        writeln!(f, "Run: {}", self.run_id)?;
        for (stream, lines) in self.streams {
            writeln!(
                f,
                "\n--- {} (last lines) ---",
                stream.as_str().to_ascii_uppercase()
            )?;
            lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_by_count_and_by_bytes() {
        let mut last = LastLines::default();
        for n in 0..1000 {
            last.push(&format!("{n}"), true);
        }
        assert_eq!(last.iter().count(), LINES_MAX);
        assert_eq!(last.iter().next_back(), Some("999"));
        last.push(&"\u{e9}".repeat(BYTES_MAX), true);
        assert_eq!(last.iter().map(str::len).sum::<usize>(), BYTES_MAX);
        last.push("end", true);
        assert_eq!(last.iter().collect::<Vec<_>>(), ["end"]);
    }

    #[test]
    fn an_unfinished_line_counts_once() {
        let mut last = LastLines::default();
        last.push("Continue? ", false);
        last.push("Continue? no", true);
        last.push("bye", true);
        assert_eq!(last.iter().collect::<Vec<_>>(), ["Continue? no", "bye"]);
    }

    #[test]
    fn a_report_has_the_expected_layout() {
        let mut stderr = LastLines::default();
        stderr.push("no", true);
        let start = RunStart {
            source: "devcontainer:w".to_owned(),
            name: "postCreateCommand".to_owned(),
            command: "npm ci".to_owned(),
            cwd: "/w".to_owned(),
            user: "root".to_owned(),
            ..RunStart::default()
        };
        let report = ErrorReport {
            start: &start,
            run_id: "r",
            ending: "exit code 1",
            category: Category::Unknown,
            streams: &[
                (Stream::Stderr, &stderr),
                (Stream::Stdout, &LastLines::default()),
            ],
        };
        assert_eq!(
            report.to_string(),
            "Exit: exit code 1\nCategory: unknown\nCommand: npm ci\nName: postCreateCommand\nSource: devcontainer:w\n\
             CWD: /w\nUser: root\nRun: r\n\n--- STDERR (last lines) ---\nno\n\n--- STDOUT (last lines) ---\n"
        );
    }
}
