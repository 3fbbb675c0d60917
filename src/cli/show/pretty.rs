//! One line per record, with colours by level and source; and the message alone.

use super::message::message_bytes;
use crate::cli::terminal::escape::{push_escaped, without_escape_sequences};
use crate::record::{Level, Record};

/// Colours that are visible on dark and on light terminals; levels use others.
const SOURCE_COLOURS: [&str; 6] = ["36", "35", "34", "32", "96", "95"];
const DIM: &str = "2";

/// Appends a record: its time, level and source, then the message; further lines of it are indented.
pub(super) fn push(
    out: &mut Vec<u8>,
    time: &str,
    record: &Record,
    has_colour: bool,
    is_terminal: bool,
) {
    let colour = |code| if has_colour { code } else { "" };
    paint(out, colour(DIM), time);
    out.push(b' ');
    paint(
        out,
        colour(level_colour(record.level)),
        &format!("{:<5}", record.level),
    );
    out.push(b' ');
    let source = shown(record.source.as_str(), is_terminal);
    paint(out, colour(source_colour(record.source.as_str())), &source);
    out.extend_from_slice(b": ");
    let text_colour = match record.level {
        Level::Debug => DIM,
        Level::Info | Level::Warn => "",
        Level::Error => "31",
    };
    for (index, line) in record
        .message
        .trim_end_matches('\n')
        .split('\n')
        .enumerate()
    {
        if index > 0 {
            out.extend_from_slice(b"\n    ");
        }
        paint(out, colour(text_colour), &shown(line, is_terminal));
    }
    out.push(b'\n');
}

/// Appends only the message: escaped on a terminal, otherwise byte for byte.
pub(super) fn push_cat(out: &mut Vec<u8>, record: &Record, is_terminal: bool) {
    if is_terminal {
        for line in record.message.split('\n') {
            out.extend_from_slice(shown(line, true).as_bytes());
            out.push(b'\n');
        }
    } else {
        out.extend_from_slice(&message_bytes(record));
        out.push(b'\n');
    }
}

/// A line for display. Colours in a program's output would mix with ours, so a terminal does not get them.
fn shown(line: &str, is_terminal: bool) -> String {
    if !is_terminal {
        return line.to_owned();
    }
    let mut out = vec![];
    push_escaped(
        &mut out,
        without_escape_sequences(line.as_bytes()).trim_ascii_end(),
    );
    String::from_utf8_lossy(&out).into_owned()
}

fn paint(out: &mut Vec<u8>, code: &str, text: &str) {
    if code.is_empty() || text.is_empty() {
        return out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(format!("\x1b[{code}m{text}\x1b[0m").as_bytes());
}

pub(super) fn level_colour(level: Level) -> &'static str {
    match level {
        Level::Debug => DIM,
        Level::Info => "",
        Level::Warn => "33",
        Level::Error => "1;31",
    }
}

/// The colour of a source, always the same, also on other machines.
pub(super) fn source_colour(source: &str) -> &'static str {
    let sum = crc32fast::hash(source.as_bytes()) as usize;
    SOURCE_COLOURS
        .get(sum % SOURCE_COLOURS.len())
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Metadata;
    use crate::time::Micros;

    fn record(level: Level, message: &str) -> Record {
        Record {
            timestamp: Micros::new(0),
            source: "docker:web".parse().expect("a source"),
            level,
            message: message.to_owned(),
            metadata: Metadata::new(),
        }
    }

    fn line(level: Level, message: &str, has_colour: bool, is_terminal: bool) -> String {
        let mut out = vec![];
        push(
            &mut out,
            "TIME",
            &record(level, message),
            has_colour,
            is_terminal,
        );
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_pipe_gets_plain_lines_and_raw_bytes() {
        assert_eq!(
            line(Level::Warn, "a\nb\n", false, false),
            "TIME warn  docker:web: a\n    b\n"
        );
        assert_eq!(
            line(Level::Info, "\u{1b}[2J", false, false),
            "TIME info  docker:web: \u{1b}[2J\n"
        );
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let text = line(
            Level::Info,
            "\u{1b}[31mred\u{1b}[0m \u{1b}[2J\u{7}\u{9b}\r\nb\u{202e}",
            false,
            true,
        );
        assert_eq!(
            text,
            "TIME info  docker:web: red \\x1b[2J\\x07\\u{9b}\n    b\\u{202e}\n"
        );
    }

    #[test]
    fn colours_show_level_and_source() {
        let source = source_colour("docker:web");
        assert_eq!(
            line(Level::Error, "x", true, true),
            format!(
                "\x1b[2mTIME\x1b[0m \x1b[1;31merror\x1b[0m \x1b[{source}mdocker:web\x1b[0m: \x1b[31mx\x1b[0m\n"
            )
        );
    }

    #[test]
    fn the_message_alone_is_unchanged() {
        let mut record = record(Level::Info, "a\u{fffd}");
        record.metadata.insert("message_base64", "Yf8=");
        let mut out = vec![];
        push_cat(&mut out, &record, false);
        assert_eq!(out, b"a\xff\n");
        out.clear();
        push_cat(&mut out, &record, true);
        assert_eq!(out, "a\u{fffd}\n".as_bytes());
    }
}
