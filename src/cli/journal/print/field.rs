//! Fields of an entry that several formats show.

use crate::journal::Entry;
use crate::time::Micros;

/// The time stated by the sender or, without one, journald's own time.
pub(super) fn display_time(entry: &Entry<'_>) -> Micros {
    let stated = last(entry, b"_SOURCE_REALTIME_TIMESTAMP").and_then(number);
    Micros::from_unsigned(
        stated
            .filter(|micros| *micros > 0)
            .unwrap_or(entry.realtime()),
    )
}

/// The value of a field. If an entry has it twice, journalctl shows the later one in these formats.
pub(super) fn last<'a>(entry: &Entry<'a>, name: &[u8]) -> Option<&'a [u8]> {
    let named = entry.fields().filter(|(found, _)| *found == name);
    named.last().map(|(_, value)| value)
}

pub(super) fn number(value: &[u8]) -> Option<u64> {
    str::from_utf8(value).ok()?.parse().ok()
}
