//! The fields of an entry to print.

/// `--output-fields`: all fields, or the named ones.
#[derive(Debug, Clone, Default)]
pub(in crate::cli::journal) struct FieldSelection(Option<Vec<Vec<u8>>>);

impl FieldSelection {
    /// Only these.
    pub(in crate::cli::journal) fn only(names: impl Iterator<Item = String>) -> Self {
        Self(Some(names.map(String::into_bytes).collect()))
    }

    pub(in crate::cli::journal) fn holds(&self, name: &[u8]) -> bool {
        self.0
            .as_ref()
            .is_none_or(|names| names.iter().any(|wanted| wanted == name))
    }

    /// The names, when only some are wanted.
    pub(in crate::cli::journal) fn names(&self) -> Option<&[Vec<u8>]> {
        self.0.as_deref()
    }
}
