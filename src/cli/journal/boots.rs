//! The boots in a journal, in the order of their first entries.

use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use crate::journal::{Id128, Journal};
use crate::time::{Micros, Zone};
use std::io::Write;

/// The boot with this offset: 0 is the last, -1 the one before it, 1 the first.
pub(super) fn at(journal: &mut Journal, offset: i64) -> Result<Id128, Failure> {
    let boots = journal.boots();
    let count = i64::try_from(boots.len()).unwrap_or(i64::MAX);
    let place = if offset > 0 {
        offset - 1
    } else {
        count - 1 + offset
    };
    let boot = usize::try_from(place)
        .ok()
        .and_then(|place| boots.get(place));
    boot.map(|boot| boot.id).ok_or_else(|| {
        Failure::failed(format!(
            "there is no boot {offset}: the journal knows {count}"
        ))
    })
}

/// The boot `offset` places after the one with this ID.
pub(super) fn beside(journal: &mut Journal, id: Id128, offset: i64) -> Result<Id128, Failure> {
    let boots = journal.boots();
    let place = boots
        .iter()
        .position(|boot| boot.id == id)
        .and_then(|place| place.checked_add_signed(isize::try_from(offset).ok()?));
    let boot = place.and_then(|place| boots.get(place));
    boot.map(|boot| boot.id)
        .ok_or_else(|| Failure::failed(format!("there is no boot {offset:+} of {id}")))
}

/// `--list-boots`.
pub(super) fn list(
    journal: &mut Journal,
    zone: &Zone,
    output: &mut StandardOutput,
) -> Result<(), Failure> {
    let boots = journal.boots();
    let print = |micros: u64| zone.print(Micros::from_unsigned(micros), "%a %Y-%m-%d %H:%M:%S %Z");
    let width = (boots.len().saturating_sub(1).to_string().len() + 1).max(3);
    let out = output.buffer();
    let rows = boots.iter().enumerate().map(|(index, boot)| {
        let offset = index.cast_signed() - boots.len().cast_signed() + 1;
        (
            offset.to_string(),
            boot.id.to_string(),
            print(boot.first.realtime),
            print(boot.last.realtime),
        )
    });
    let heads = (
        "IDX".to_owned(),
        "BOOT ID".to_owned(),
        "FIRST ENTRY".to_owned(),
        "LAST ENTRY".to_owned(),
    );
    for (offset, id, first, last) in std::iter::once(heads).chain(rows) {
        // Writing to memory cannot fail.
        let _ = writeln!(out, "{offset:>width$} {id:<32} {first:<27} {last}");
    }
    output.advance().map(drop)
}
