//! The formats for people: one line per entry, with time, host and sender; and the message alone.

use super::field::{display_time, last, number};
use super::format::EntryFormat;
use super::size::size_text;
use super::style::TimeFormat;
use crate::cli::settings::is_utf8;
use crate::cli::terminal::escape::{is_text, push_escaped, push_shown, without_escape_sequences};
use crate::journal::Entry;
use std::borrow::Cow;
use std::io::Write;

/// Appends an entry, if it has a message.
pub(super) fn push(
    out: &mut Vec<u8>,
    entry: &Entry<'_>,
    clock: TimeFormat,
    format: &EntryFormat,
    is_terminal: bool,
) {
    let Some(message) = last(entry, b"MESSAGE") else {
        return;
    };
    let start = out.len();
    push_clock(out, entry, clock, format);
    out.push(b' ');
    if let Some(host) = last(entry, b"_HOSTNAME").filter(|_| format.has_hostname) {
        push_escaped(out, host);
        out.push(b' ');
    }
    push_name(out, entry, clock);
    if let Some(pid) = [&b"_PID"[..], b"SYSLOG_PID"]
        .into_iter()
        .find_map(|field| last(entry, field))
    {
        out.push(b'[');
        push_escaped(out, pid);
        out.push(b']');
    }
    out.extend_from_slice(b": ");
    let indent = String::from_utf8_lossy(out.get(start..).unwrap_or_default())
        .chars()
        .count();
    let colour = if is_terminal { colour(entry) } else { "" };
    push_message(out, message, indent, colour, format.show_all, is_terminal);
    push_explanation(out, entry, format, is_terminal);
}

/// Appends the name of the sender or, with `-o with-unit`, its unit.
fn push_name(out: &mut Vec<u8>, entry: &Entry<'_>, clock: TimeFormat) {
    if clock == TimeFormat::WithUnit {
        let units = [&b"_SYSTEMD_UNIT"[..], b"_SYSTEMD_USER_UNIT"].map(|name| last(entry, name));
        let mut units = units.into_iter().flatten();
        if let Some(unit) = units.next() {
            push_escaped(out, unit);
            if let Some(user_unit) = units.next() {
                out.push(b'/');
                push_escaped(out, user_unit);
            }
            return;
        }
    }
    let name = [&b"SYSLOG_IDENTIFIER"[..], b"_COMM"]
        .into_iter()
        .find_map(|field| last(entry, field));
    push_escaped(out, name.unwrap_or(b"unknown"));
}

/// Appends the explanation from the catalog, with each line marked.
fn push_explanation(out: &mut Vec<u8>, entry: &Entry<'_>, format: &EntryFormat, is_terminal: bool) {
    let explanation = format
        .catalog
        .as_ref()
        .and_then(|catalog| catalog.explain(entry));
    let mark = if is_utf8() {
        "\u{2591}\u{2591} "
    } else {
        "-- "
    };
    for line in explanation.iter().flat_map(|text| text.trim().lines()) {
        out.extend_from_slice(mark.as_bytes());
        push_shown(out, line.as_bytes(), is_terminal);
        out.push(b'\n');
    }
}

fn push_clock(out: &mut Vec<u8>, entry: &Entry<'_>, clock: TimeFormat, format: &EntryFormat) {
    let time = display_time(entry);
    let pattern = match clock {
        TimeFormat::Syslog => "%b %d %H:%M:%S",
        TimeFormat::Precise => "%b %d %H:%M:%S%.6f",
        TimeFormat::Iso => "%Y-%m-%dT%H:%M:%S%z",
        TimeFormat::IsoPrecise => "%Y-%m-%dT%H:%M:%S%.6f%z",
        TimeFormat::Full | TimeFormat::WithUnit => "%a %Y-%m-%d %H:%M:%S %Z",
        TimeFormat::Monotonic => {
            let stated = last(entry, b"_SOURCE_MONOTONIC_TIMESTAMP").and_then(number);
            let micros = stated.unwrap_or(entry.monotonic());
            // Writing to memory cannot fail.
            return drop(write!(
                out,
                "[{:5}.{:06}]",
                micros / 1_000_000,
                micros % 1_000_000
            ));
        }
        TimeFormat::Unix => {
            let (seconds, micros) = (time.get() / 1_000_000, time.get() % 1_000_000);
            return drop(write!(out, "{seconds:>10}.{micros:06}"));
        }
    };
    out.extend_from_slice(format.zone.print(time, pattern).as_bytes());
}

/// The colours of journalctl: errors red, warnings yellow, notices bold, debug grey.
fn colour(entry: &Entry<'_>) -> &'static str {
    match last(entry, b"PRIORITY") {
        Some(b"0" | b"1" | b"2" | b"3") => "\x1b[0;1;31m",
        Some(b"4") => "\x1b[0;1;38;5;185m",
        Some(b"5") => "\x1b[0;1;39m",
        Some(b"7") => "\x1b[0;38;5;245m",
        _ => "",
    }
}

/// Appends a message. Further lines are indented. For binary data only the size is shown, unless `--all` is given.
fn push_message(
    out: &mut Vec<u8>,
    message: &[u8],
    indent: usize,
    colour: &str,
    show_all: bool,
    is_terminal: bool,
) {
    let shown = if show_all {
        Cow::Borrowed(message)
    } else {
        without_escape_sequences(message)
    };
    out.extend_from_slice(colour.as_bytes());
    if !show_all && !is_text(&shown, true) {
        let _ = write!(out, "[{} blob data]", size_text(shown.len()));
    } else {
        let lines = shown.strip_suffix(b"\n").unwrap_or(&shown);
        for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                out.push(b'\n');
                out.resize(out.len() + indent, b' ');
            }
            push_shown(out, line, is_terminal);
        }
    }
    if !colour.is_empty() {
        out.extend_from_slice(b"\x1b[0m");
    }
    out.push(b'\n');
}

/// Appends only the message, or only the values of the requested fields.
pub(super) fn push_cat(
    out: &mut Vec<u8>,
    entry: &Entry<'_>,
    format: &EntryFormat,
    is_terminal: bool,
) {
    let mut line = |value: &[u8]| {
        push_shown(out, value, is_terminal);
        out.push(b'\n');
    };
    match format.wanted.names() {
        Some(names) => names
            .iter()
            .filter_map(|name| entry.field(name))
            .for_each(&mut line),
        None => entry.field(b"MESSAGE").into_iter().for_each(&mut line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &[u8], show_all: bool, is_terminal: bool) -> String {
        let mut out = vec![];
        push_message(&mut out, text, 4, "", show_all, is_terminal);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(message(b"one\r\ntwo\n", false, false), "one\n    two\n");
        assert_eq!(message(b"", false, false), "\n");
        assert_eq!(message(b"one \n\n", false, false), "one \n    \n");
    }

    #[test]
    fn binary_data_is_shown_by_size_or_completely() {
        assert_eq!(message(b"a\0b", false, false), "[3B blob data]\n");
        assert_eq!(message(b"\x1b[1;31mred\x1b[0m", false, false), "red\n");
        assert_eq!(
            message(b"\x1b]0;title\x07\ttext", false, true),
            "        text\n"
        );
        assert_eq!(message(b"\x1b]8;;url\x1b\\link", false, true), "link\n");
        assert_eq!(message(b"\x1b]8;;url", false, true), "[8B blob data]\n");
        assert_eq!(message(b"\x1b[2Jclear", false, true), "[9B blob data]\n");
        assert_eq!(message(b"\x1b[2Jclear", true, true), "\\x1b[2Jclear\n");
        assert_eq!(message(b"\x1b[2Jclear", true, false), "\x1b[2Jclear\n");
    }
}
