//! Series: their labels and their samples.

use crate::logql::ast::LabelGrouping;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The labels of a series, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesLabels(Vec<(Box<str>, Box<str>)>);

impl SeriesLabels {
    /// Creates labels from pairs that are sorted by name.
    pub(super) fn of_sorted(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Self(pairs.collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| value)
    }

    /// The labels for which `keeps` returns `true`.
    pub(super) fn only(&self, keeps: impl Fn(&str) -> bool) -> Self {
        let kept = self.0.iter().filter(|(name, _)| keeps(name));
        Self(kept.cloned().collect())
    }

    /// The labels of the series' group.
    pub(super) fn grouped(&self, grouping: Option<&LabelGrouping>) -> Self {
        match grouping {
            None => Self::default(),
            Some(grouping) => self.only(|name| {
                grouping.labels.iter().any(|label| label == name) != grouping.is_without
            }),
        }
    }

    /// A copy with another value of one label; an empty value removes the label.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut labels = self.only(|other| other != name);
        if !value.is_empty() {
            labels.0.push((name.into(), value.into()));
            labels.0.sort_unstable();
        }
        labels
    }

    pub(super) fn is_same(&self, pairs: &[(&str, &str)]) -> bool {
        self.0.len() == pairs.len() && self.iter().eq(pairs.iter().copied())
    }

    /// Approximate memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let texts = self
            .0
            .iter()
            .map(|(name, value)| 48 + name.len() + value.len());
        64 + texts.sum::<usize>()
    }
}

/// The form in which Loki writes a series: `{a="b", c="d"}`.
impl fmt::Display for SeriesLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

/// A hash that is equal for equal labels, however they are stored.
pub(super) fn hash_of(pairs: &[(&str, &str)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in pairs {
        name.hash(&mut hasher);
        value.hash(&mut hasher);
    }
    hasher.finish()
}

/// A series at one point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VectorSample {
    pub(crate) labels: Arc<SeriesLabels>,
    pub(crate) value: f64,
}

/// A series with its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeriesPoints {
    pub(crate) labels: Arc<SeriesLabels>,
    /// Indexes of grid points with the values, ascending.
    pub(crate) values: Vec<(u32, f64)>,
}
