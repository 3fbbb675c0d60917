//! The sizes of the rows of an active file, as far as sealing needs them before it reads a row.

use std::collections::VecDeque;

/// The size of a row.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct RowWeight {
    /// The number of its source.
    pub(in crate::store) source: u32,
    /// The size of message and metadata in bytes.
    pub(in crate::store) bytes: u64,
}

/// The rows of a source, and their size in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::store) struct SourceWeight {
    pub(in crate::store) rows: u64,
    pub(in crate::store) bytes: u64,
}

/// The size of each source, and of the newest rows.
#[derive(Debug, Default)]
pub(in crate::store) struct Weights {
    sources: Vec<SourceWeight>,
    newest: VecDeque<RowWeight>,
    rows: u64,
}

impl Weights {
    pub(in crate::store) fn add(&mut self, row: RowWeight) {
        let index = row.source as usize;
        if self.sources.len() <= index {
            self.sources.resize(index + 1, SourceWeight::default());
        }
        if let Some(source) = self.sources.get_mut(index) {
            source.rows += 1;
            source.bytes += row.bytes;
        }
        if self.newest.len() >= NEWEST_ROWS {
            self.newest.pop_front();
        }
        self.newest.push_back(row);
        self.rows += 1;
    }

    /// All rows by number of the source.
    pub(in crate::store) fn sources(&self) -> &[SourceWeight] {
        &self.sources
    }

    /// The last [`NEWEST_ROWS`] rows, or fewer, in order of id.
    pub(in crate::store) fn newest(&self) -> impl DoubleEndedIterator<Item = &RowWeight> {
        self.newest.iter()
    }

    /// The number of rows.
    pub(in crate::store) fn rows(&self) -> u64 {
        self.rows
    }
}

/// The maximum number of newest rows that are known one by one.
pub(in crate::store) const NEWEST_ROWS: usize = 512;
