//! `-o export`: the journal export format (systemd's `JOURNAL_EXPORT_FORMATS`).

use super::fields::FieldSelection;
use crate::cli::terminal::escape::is_text;
use crate::journal::Entry;
use std::io::Write;

/// Appends an entry and the empty line after it.
pub(super) fn push(out: &mut Vec<u8>, entry: &Entry<'_>, wanted: &FieldSelection) {
    // Writing to memory cannot fail.
    let _ = write!(
        out,
        "__CURSOR={}\n__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n__SEQNUM={}\n__SEQNUM_ID={}\n_BOOT_ID={}\n",
        entry.cursor(),
        entry.realtime(),
        entry.monotonic(),
        entry.seqnum(),
        entry.seqnum_id(),
        entry.boot_id(),
    );
    for (name, value) in entry.fields() {
        if name != b"_BOOT_ID" && wanted.holds(name) {
            push_field(out, name, value);
        }
    }
    out.push(b'\n');
}

fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    if is_text(value, false) {
        out.push(b'=');
    } else {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}
