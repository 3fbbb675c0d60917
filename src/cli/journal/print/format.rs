//! Options of printing an entry.

use super::fields::FieldSelection;
use super::style::EntryStyle;
use crate::cli::journal::catalog::Catalog;
use crate::time::Zone;

/// Options of printing entries.
#[derive(Debug, Clone)]
pub(in crate::cli::journal) struct EntryFormat {
    pub(in crate::cli::journal) style: EntryStyle,
    /// `--all`
    pub(in crate::cli::journal) show_all: bool,
    pub(in crate::cli::journal) wanted: FieldSelection,
    pub(in crate::cli::journal) zone: Zone,
    pub(in crate::cli::journal) has_hostname: bool,
    /// `--catalog`, if the machine has one.
    pub(in crate::cli::journal) catalog: Option<Catalog>,
}
