//! Which rows of the tables have a text that is in a line: one scan for the texts of all rows, as hundreds of lines of each failure are
//! looked at for hundreds of texts.

use crate::triage::cause::table::{CAUSES, CauseRule, NEVER};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

/// A bit for each row: those of [`NEVER`], then those of [`CAUSES`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FoundParts(u128);

const _: () = assert!(NEVER.len() + CAUSES.len() <= 128, "a bit for each row");

impl FoundParts {
    /// Looks for the texts of all rows.
    pub(super) fn of(text: &str) -> Self {
        let mut found = Self::default();
        match &*SCAN {
            Some((scan, rows)) => {
                for part in scan.find_overlapping_iter(text) {
                    found.add(rows.get(part.pattern().as_usize()).copied());
                }
            }
            // cannot happen: the texts of the tables make an automaton
            None => {
                for (index, row) in rows().enumerate() {
                    let is_found = row.parts().iter().any(|part| text.contains(part));
                    found.add(is_found.then_some(index));
                }
            }
        }
        found
    }

    fn add(&mut self, row: Option<usize>) {
        self.0 |= row.map_or(0, |row| 1 << row);
    }

    /// Whether one of the texts of a row was found.
    pub(super) fn has(self, row: usize) -> bool {
        self.0 >> row & 1 == 1
    }
}

/// Whether a line is progress, advice or a footer.
pub(super) fn is_never(text: &str, found: FoundParts) -> bool {
    let mut rows = NEVER.iter().enumerate();
    rows.any(|(index, row)| row.matches(text, found.has(index)))
}

/// The first row that matches a line.
pub(super) fn cause_of(text: &str, found: FoundParts) -> Option<&'static CauseRule> {
    let rows = CAUSES.iter().enumerate();
    let mut matching =
        rows.filter(|(index, row)| row.matches(text, found.has(NEVER.len() + index)));
    matching.next().map(|(_, row)| row)
}

fn rows() -> impl Iterator<Item = &'static CauseRule> {
    NEVER.iter().chain(CAUSES)
}

/// The automaton, and the row of each of its patterns.
static SCAN: LazyLock<Option<(AhoCorasick, Vec<usize>)>> = LazyLock::new(|| {
    let parts = rows().enumerate().flat_map(|(index, row)| {
        let parts = row.parts().iter();
        parts.map(move |part| (*part, index))
    });
    let (parts, rows): (Vec<&str>, Vec<usize>) = parts.unzip();
    // 50 KB, where one with a table for each state takes a megabyte
    let mut builder = AhoCorasick::builder();
    builder.kind(Some(AhoCorasickKind::ContiguousNFA));
    Some((builder.build(parts).ok()?, rows))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_what_each_row_looks_for() {
        let mut texts: Vec<String> = rows()
            .flat_map(CauseRule::parts)
            .map(|part| format!("a {part} b"))
            .collect();
        let causes = include_str!("../../../tests/fixtures/triage/causes.txt");
        texts.extend(causes.lines().map(str::to_owned));
        assert!(texts.len() > 500);
        for text in texts {
            let found = FoundParts::of(&text);
            for (index, row) in rows().enumerate() {
                let is_in = row.parts().iter().any(|part| text.contains(part));
                assert_eq!(found.has(index), is_in, "{text}: {row:?}");
            }
        }
    }
}
