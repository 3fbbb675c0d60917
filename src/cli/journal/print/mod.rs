//! How entries are printed.

mod export;
mod field;
mod fields;
mod format;
mod json;
mod short;
mod size;
mod style;
mod verbose;

use crate::cli::terminal::output::StandardOutput;
use crate::journal::Entry;
pub(super) use fields::FieldSelection;
pub(super) use format::EntryFormat;
use json::JsonPrinter;
pub(super) use size::size_text;
pub(super) use style::EntryStyle;

/// Appends an entry to the output.
pub(super) fn push(format: &EntryFormat, output: &mut StandardOutput, entry: &Entry<'_>) {
    let is_terminal = output.is_terminal();
    let out = output.buffer();
    match format.style {
        EntryStyle::Export => export::push(out, entry, &format.wanted),
        EntryStyle::Json(style) => JsonPrinter {
            style,
            show_all: format.show_all,
        }
        .push(out, entry, &format.wanted),
        EntryStyle::Verbose => verbose::push(out, entry, format, is_terminal),
        EntryStyle::Cat => short::push_cat(out, entry, format, is_terminal),
        EntryStyle::Short(clock) => short::push(out, entry, clock, format, is_terminal),
    }
}
