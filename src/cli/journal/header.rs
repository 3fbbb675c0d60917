//! `--header`: the figures of each file, with journalctl's labels.

use super::print::size_text;
use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use crate::journal::layout;
use crate::journal::{Figures, Journal};
use crate::time::{Micros, Zone};
use std::io::{self, Write};

const COMPATIBLE: [(u32, &str); 3] = [
    (layout::COMPATIBLE_SEALED, "SEALED"),
    (layout::COMPATIBLE_SEALED_CONTINUOUS, "SEALED_CONTINUOUS"),
    (layout::COMPATIBLE_TAIL_ENTRY_BOOT_ID, "TAIL_ENTRY_BOOT_ID"),
];
const INCOMPATIBLE: [(u32, &str); 5] = [
    (layout::INCOMPATIBLE_XZ, "COMPRESSED-XZ"),
    (layout::INCOMPATIBLE_LZ4, "COMPRESSED-LZ4"),
    (layout::INCOMPATIBLE_ZSTD, "COMPRESSED-ZSTD"),
    (layout::INCOMPATIBLE_KEYED_HASH, "KEYED-HASH"),
    (layout::INCOMPATIBLE_COMPACT, "COMPACT"),
];
/// The names of the states, by their number.
const STATES: [&str; 3] = ["OFFLINE", "ONLINE", "ARCHIVED"];

/// Units of a time span in microseconds, as systemd counts them: a year has 365.25 days, a month is its twelfth part.
const UNITS: [(&str, u64, usize); 9] = [
    ("y", 31_557_600_000_000, 14),
    ("month", 2_629_800_000_000, 13),
    ("w", 604_800_000_000, 12),
    ("d", 86_400_000_000, 11),
    ("h", 3_600_000_000, 10),
    ("min", 60_000_000, 8),
    ("s", 1_000_000, 6),
    ("ms", 1_000, 3),
    ("us", 1, 0),
];

/// Prints the figures of every file.
pub(super) fn run(
    journal: &mut Journal,
    zone: &Zone,
    output: &mut StandardOutput,
) -> Result<(), Failure> {
    for (index, figures) in journal.figures().iter().enumerate() {
        if index > 0 {
            output.buffer().push(b'\n');
        }
        // Writing to memory cannot fail.
        let _ = push(output.buffer(), figures, zone);
        if !output.advance()? {
            break;
        }
    }
    Ok(())
}

fn push(out: &mut Vec<u8>, figures: &Figures, zone: &Zone) -> io::Result<()> {
    writeln!(out, "File path: {}", figures.path.display())?;
    writeln!(out, "File ID: {}", figures.file_id)?;
    writeln!(out, "Machine ID: {}", figures.machine_id)?;
    writeln!(out, "Boot ID: {}", figures.boot_id)?;
    writeln!(out, "Sequential number ID: {}", figures.seqnum_id)?;
    let state = STATES.get(usize::from(figures.state)).unwrap_or(&"UNKNOWN");
    writeln!(out, "State: {state}")?;
    let flags = flags_text(figures.compatible_flags, &COMPATIBLE);
    writeln!(out, "Compatible flags:{flags}")?;
    let flags = flags_text(figures.incompatible_flags, &INCOMPATIBLE);
    writeln!(out, "Incompatible flags:{flags}")?;
    writeln!(out, "Header size: {}", figures.header_size)?;
    writeln!(out, "Arena size: {}", figures.arena_size)?;
    writeln!(out, "Data hash table size: {}", figures.data_buckets)?;
    writeln!(out, "Field hash table size: {}", figures.field_buckets)?;
    let rotate = if figures.rotation_suggested() {
        "yes"
    } else {
        "no"
    };
    writeln!(out, "Rotate suggested: {rotate}")?;
    push_ends(out, figures, zone)?;
    push_counts(out, figures)
}

fn push_ends(out: &mut Vec<u8>, figures: &Figures, zone: &Zone) -> io::Result<()> {
    let (head, tail) = (figures.head_entry_seqnum, figures.tail_entry_seqnum);
    writeln!(out, "Head sequential number: {head} ({head:x})")?;
    writeln!(out, "Tail sequential number: {tail} ({tail:x})")?;
    let (head, tail) = (figures.head_entry_realtime, figures.tail_entry_realtime);
    let text = time_text(head, zone);
    writeln!(out, "Head realtime timestamp: {text} ({head:x})")?;
    let text = time_text(tail, zone);
    writeln!(out, "Tail realtime timestamp: {text} ({tail:x})")?;
    let tail = figures.tail_entry_monotonic;
    let text = span_text(tail);
    writeln!(out, "Tail monotonic timestamp: {text} ({tail:x})")
}

fn push_counts(out: &mut Vec<u8>, figures: &Figures) -> io::Result<()> {
    writeln!(out, "Objects: {}", figures.n_objects)?;
    writeln!(out, "Entry objects: {}", figures.n_entries)?;
    for (name, table, count, buckets) in [
        ("Data objects", "Data", figures.n_data, figures.data_buckets),
        (
            "Field objects",
            "Field",
            figures.n_fields,
            figures.field_buckets,
        ),
    ] {
        let Some(count) = count else { continue };
        writeln!(out, "{name}: {count}")?;
        writeln!(
            out,
            "{table} hash table fill: {}",
            fill_text(count, buckets)
        )?;
    }
    for (name, count) in [
        ("Tag objects", figures.n_tags),
        ("Entry array objects", figures.n_entry_arrays),
        ("Deepest field hash chain", figures.field_hash_chain_depth),
        ("Deepest data hash chain", figures.data_hash_chain_depth),
    ] {
        if let Some(count) = count {
            writeln!(out, "{name}: {count}")?;
        }
    }
    let bytes = usize::try_from(figures.disk_bytes).unwrap_or(usize::MAX);
    writeln!(out, "Disk usage: {}", size_text(bytes))
}

fn flags_text(flags: u32, names: &[(u32, &str)]) -> String {
    let known = names.iter().fold(0, |known, (flag, _)| known | flag);
    let mut text = String::new();
    for (_, name) in names.iter().filter(|(flag, _)| flags & flag != 0) {
        text.push(' ');
        text.push_str(name);
    }
    if flags & !known != 0 {
        text.push_str(" ???");
    }
    text
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a percentage with one digit needs no more"
)]
fn fill_text(count: u64, buckets: u64) -> String {
    format!("{:.1}%", 100.0 * count as f64 / buckets.max(1) as f64)
}

fn time_text(micros: u64, zone: &Zone) -> String {
    if micros == 0 {
        return " --- ".to_owned();
    }
    zone.print(Micros::from_unsigned(micros), "%a %Y-%m-%d %H:%M:%S %Z")
}

/// A time span as systemd prints it to the millisecond: `1h 8min 22.604s`.
fn span_text(micros: u64) -> String {
    const ACCURACY: u64 = 1_000;
    const ACCURACY_DIGITS: usize = 3;
    if micros == 0 {
        return "0".to_owned();
    }
    let mut left = micros;
    let mut parts: Vec<String> = vec![];
    for (unit, factor, digits) in UNITS {
        if left == 0 || (left < ACCURACY && !parts.is_empty()) {
            break;
        }
        if left < factor {
            continue;
        }
        let (whole, rest) = (left / factor, left % factor);
        let shown = digits.saturating_sub(ACCURACY_DIGITS);
        if left < 60_000_000 && rest > 0 && shown > 0 {
            parts.push(format!("{whole}.{:0shown$}{unit}", rest / ACCURACY));
            break;
        }
        parts.push(format!("{whole}{unit}"));
        left = rest;
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_printed_as_systemd_does() {
        let texts = [
            (0, "0"),
            (500, "500us"),
            (12_000_000, "12s"),
            (12_000_030, "12.000s"),
            (64_752_600, "1min 4.752s"),
            (4_102_604_590, "1h 8min 22.604s"),
            (31_557_600_000_000 + 86_400_000_000, "1y 1d"),
        ];
        for (micros, text) in texts {
            assert_eq!(span_text(micros), text);
        }
    }

    #[test]
    fn an_unknown_flag_is_shown() {
        assert_eq!(flags_text(1 | 1 << 7, &COMPATIBLE), " SEALED ???");
        assert_eq!(flags_text(0, &COMPATIBLE), "");
    }
}
