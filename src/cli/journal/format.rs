//! How an entry is printed.

use super::fields::Wanted;
use super::json::{self, Json};
use super::short::{self, Clock};
use super::{export, verbose};
use crate::cli::output::Output;
use crate::journal::Entry;
use crate::time::Zone;

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Short(Clock),
    Cat,
    Json(json::Style),
    Export,
    Verbose,
}

/// Everything that shapes the print of an entry.
#[derive(Debug, Clone)]
pub(super) struct Format {
    pub(super) style: Style,
    /// `--all`
    pub(super) show_all: bool,
    pub(super) wanted: Wanted,
    pub(super) zone: Zone,
}

impl Format {
    /// Appends an entry to the output.
    pub(super) fn push(&self, output: &mut Output, entry: &Entry<'_>) {
        let is_terminal = output.is_terminal();
        let out = output.buffer();
        match self.style {
            Style::Export => export::push(out, entry, &self.wanted),
            Style::Json(style) => Json {
                style,
                show_all: self.show_all,
            }
            .push(out, entry, &self.wanted),
            Style::Verbose => verbose::push(out, entry, self, is_terminal),
            Style::Cat => short::push_cat(out, entry, self, is_terminal),
            Style::Short(clock) => short::push(out, entry, clock, self, is_terminal),
        }
    }
}
