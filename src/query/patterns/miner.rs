//! Groups masked lines that differ in few words (after Drain, He et al., 2017: lines of one length and one first word, merged
//! when most of their words are equal).

use super::answer::{Pattern, Patterns};
use crate::query::text::template::{ANY_WORD, Template};
use crate::record::Id;
use crate::time::Micros;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Memory of all groups together, and of all lines that were not grouped yet.
const BYTES_MAX: usize = 4 << 20;
/// What a group takes beside its words, about.
const GROUP_BYTES: usize = 512;
/// What a line takes beside its text and its buckets, about.
const LINE_BYTES: usize = 256;
/// What a word takes beside its text, about.
const WORD_BYTES: usize = 32;
/// Groups of one length and first word: each line is compared with all of them.
const ALIKE_MAX: usize = 64;
/// Words that must be equal, in tenths of all words.
const EQUAL_TENTHS_MIN: usize = 6;
const EXAMPLES_MAX: usize = 3;

/// What is counted of similar lines.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    rows: u64,
    levels: [u64; 4],
    first: Micros,
    last: Micros,
    buckets: Vec<u64>,
    /// Descending.
    examples: Vec<Id>,
}

impl Lines {
    /// None so far, in this number of buckets.
    pub(super) fn new(time: Micros, buckets: usize) -> Self {
        Self {
            rows: 0,
            levels: [0; 4],
            first: time,
            last: time,
            buckets: vec![0; buckets],
            examples: Vec::new(),
        }
    }

    pub(super) fn add_row(&mut self, id: Id, time: Micros, level: usize, bucket: usize) {
        self.rows += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        if let Some(count) = self.levels.get_mut(level) {
            *count += 1;
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.add_example(id);
    }

    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for (count, more) in self.levels.iter_mut().zip(other.levels) {
            *count += more;
        }
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        for id in &other.examples {
            self.add_example(*id);
        }
    }

    fn add_example(&mut self, id: Id) {
        let at = self.examples.partition_point(|known| *known > id);
        if at < EXAMPLES_MAX {
            self.examples.insert(at, id);
            self.examples.truncate(EXAMPLES_MAX);
        }
    }
}

/// Similar lines: their template and counts.
#[derive(Debug)]
struct LineGroup {
    words: Vec<String>,
    lines: Lines,
}

/// Collects equal lines, and then groups those that are similar.
#[derive(Debug, Default)]
pub(super) struct Miner {
    /// Each line once, so that the result does not depend on the order in which threads read blocks.
    lines: HashMap<String, Lines, RandomState>,
    line_bytes: usize,
    groups: LineGroups,
}

#[derive(Debug, Default)]
struct LineGroups {
    /// By the number of words and the first word.
    groups: HashMap<(usize, String), Vec<LineGroup>, RandomState>,
    bytes: usize,
    total: u64,
    ungrouped: u64,
}

impl Miner {
    pub(super) fn add(&mut self, line: String, lines: Lines) {
        if let Some(known) = self.lines.get_mut(&line) {
            known.add(&lines);
            return;
        }
        let bytes = line.len() + LINE_BYTES + size_of_val(lines.buckets.as_slice());
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
            let by_rows = of_other.rows.cmp(&of_line.rows);
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

impl LineGroups {
    fn add(&mut self, line: &str, lines: &Lines) {
        self.total += lines.rows;
        let words: Vec<&str> = line.split_terminator(' ').collect();
        let first = words.first().copied().unwrap_or_default();
        let key = (words.len(), first.to_owned());
        let alike = self.groups.entry(key).or_default();
        let most_alike = alike
            .iter_mut()
            .map(|group| (equal_words(&group.words, &words), group))
            .max_by_key(|(equal, _)| *equal);
        if let Some((equal, group)) = most_alike
            && equal * 10 >= words.len() * EQUAL_TENTHS_MIN
        {
            generalize(&mut group.words, &words);
            group.lines.add(lines);
            return;
        }
        let texts: usize = words.iter().map(|word| word.len() + WORD_BYTES).sum();
        let bytes = self.bytes + texts + GROUP_BYTES;
        if bytes > BYTES_MAX || alike.len() >= ALIKE_MAX {
            self.ungrouped += lines.rows;
            return;
        }
        self.bytes = bytes;
        alike.push(LineGroup {
            words: words.into_iter().map(str::to_owned).collect(),
            lines: lines.clone(),
        });
    }

    fn finish(self) -> Patterns {
        let groups = self.groups.into_values().flatten();
        let patterns = groups.map(|LineGroup { words, lines }| Pattern {
            template: Template::new(words),
            count: lines.rows,
            levels: lines.levels,
            first: lines.first,
            last: lines.last,
            buckets: lines.buckets,
            examples: lines.examples,
        });
        Patterns {
            patterns: patterns.collect(),
            ungrouped: self.ungrouped,
            total: self.total,
            ..Patterns::default()
        }
    }
}

/// How many words are equal; a word that may be any counts for none.
fn equal_words(template: &[String], words: &[&str]) -> usize {
    let pairs = template.iter().zip(words);
    pairs.filter(|(own, word)| own == word).count()
}

/// Words that differ become any word.
fn generalize(template: &mut [String], words: &[&str]) {
    for (own, word) in template.iter_mut().zip(words) {
        if own != word {
            ANY_WORD.clone_into(own);
        }
    }
}
