//! `-o verbose`: every field of an entry on a line of its own.

use super::format::Format;
use super::printable::{is_text, push_shown};
use super::short::display_time;
use crate::journal::Entry;
use std::io::Write;

/// Appends an entry.
pub(super) fn push(out: &mut Vec<u8>, entry: &Entry<'_>, format: &Format, is_terminal: bool) {
    let time = format
        .zone
        .print(display_time(entry), "%a %Y-%m-%d %H:%M:%S%.6f %Z");
    // writing to memory cannot fail
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

/// A size as systemd prints it: `12B`, `1.2K`.
pub(super) fn size_text(bytes: usize) -> String {
    const UNITS: [(&str, usize); 4] = [
        ("T", 1 << 40),
        ("G", 1 << 30),
        ("M", 1 << 20),
        ("K", 1 << 10),
    ];
    match UNITS.iter().find(|(_, factor)| bytes >= *factor) {
        None => format!("{bytes}B"),
        Some((unit, factor)) => {
            let (whole, tenths) = (bytes / factor, bytes % factor * 10 / factor);
            if tenths == 0 {
                format!("{whole}{unit}")
            } else {
                format!("{whole}.{tenths}{unit}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let texts = [0, 10, 1023, 1024, 1536, 5_000_000].map(size_text);
        assert_eq!(texts, ["0B", "10B", "1023B", "1K", "1.5K", "4.7M"]);
    }
}
