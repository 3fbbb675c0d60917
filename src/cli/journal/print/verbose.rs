//! `-o verbose`: every field of an entry on a line of its own.

use super::field::display_time;
use super::format::EntryFormat;
use super::size::size_text;
use crate::cli::terminal::escape::{is_text, push_shown};
use crate::journal::Entry;
use std::io::Write;

/// Appends an entry.
pub(super) fn push(out: &mut Vec<u8>, entry: &Entry<'_>, format: &EntryFormat, is_terminal: bool) {
    let time = format
        .zone
        .print(display_time(entry), "%a %Y-%m-%d %H:%M:%S%.6f %Z");
    // Writing to memory cannot fail.
    let _ = writeln!(out, "{time} [{}]", entry.cursor());
    for (name, value) in entry.fields().filter(|(name, _)| format.wanted.holds(name)) {
        out.extend_from_slice(b"    ");
        out.extend_from_slice(name);
        out.push(b'=');
        if !format.show_all && !is_text(value, true) {
            let _ = writeln!(out, "[{} blob data]", size_text(value.len()));
            continue;
        }
        let lines = value.strip_suffix(b"\n").unwrap_or(value);
        for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                out.push(b'\n');
                out.resize(out.len() + 4 + name.len() + 1, b' ');
            }
            push_shown(out, line, is_terminal);
        }
        out.push(b'\n');
    }
}
