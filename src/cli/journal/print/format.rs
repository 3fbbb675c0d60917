//! Everything that shapes how an entry is printed.

use super::fields::FieldSelection;
use super::style::EntryStyle;
use crate::time::Zone;

/// How entries are printed.
#[derive(Debug, Clone)]
pub(in crate::cli::journal) struct EntryFormat {
    pub(in crate::cli::journal) style: EntryStyle,
    /// `--all`
    pub(in crate::cli::journal) show_all: bool,
    pub(in crate::cli::journal) wanted: FieldSelection,
    pub(in crate::cli::journal) zone: Zone,
}
