//! Collects masked lines: each different line once, until there are many, which are then grouped.

use super::answer::Patterns;
use super::groups::LineGroups;
use super::lines::Lines;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Memory of all lines that were not grouped yet.
const BYTES_MAX: usize = 4 << 20;
/// What a line takes beside its text and its buckets, about.
const LINE_BYTES: usize = 256;

/// Collects equal lines, and then groups those that are similar.
#[derive(Debug, Default)]
pub(super) struct Miner {
    /// Each line once, so that the result does not depend on the order in which threads read blocks.
    lines: HashMap<String, Lines, RandomState>,
    line_bytes: usize,
    groups: LineGroups,
}

impl Miner {
    pub(super) fn add(&mut self, line: String, lines: Lines) {
        if let Some(known) = self.lines.get_mut(&line) {
            known.add(&lines);
            return;
        }
        let bytes = line.len() + LINE_BYTES + lines.bucket_bytes();
        if self.line_bytes + bytes > BYTES_MAX {
            self.group();
        }
        self.line_bytes += bytes;
        self.lines.insert(line, lines);
    }

    /// Groups the lines, the most frequent first: others become like them.
    fn group(&mut self) {
        let mut lines: Vec<(String, Lines)> = self.lines.drain().collect();
        lines.sort_unstable_by(|(line, of_line), (other, of_other)| {
            let by_rows = of_other.rows().cmp(&of_line.rows());
            by_rows.then_with(|| line.cmp(other))
        });
        for (line, lines) in lines {
            self.groups.add(&line, &lines);
        }
        self.line_bytes = 0;
    }

    pub(super) fn finish(mut self) -> Patterns {
        self.group();
        self.groups.finish()
    }
}
