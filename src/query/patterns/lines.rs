//! What is counted of similar lines.

use super::answer::Pattern;
use crate::query::text::template::Template;
use crate::record::Id;
use crate::time::Micros;

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

    pub(super) fn add(&mut self, other: &Self) {
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

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What takes memory beside the struct itself.
    pub(super) fn bucket_bytes(&self) -> usize {
        size_of_val(self.buckets.as_slice())
    }

    pub(super) fn into_pattern(self, template: Template) -> Pattern {
        Pattern {
            template,
            count: self.rows,
            levels: self.levels,
            first: self.first,
            last: self.last,
            buckets: self.buckets,
            examples: self.examples,
        }
    }
}
