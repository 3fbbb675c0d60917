//! Sets of levels.

use crate::query::expression::cover::Cover;
use crate::record::Level;

/// Which levels match: bit `Level::index` of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelSet(u8);

impl LevelSet {
    /// Every level.
    pub const ALL: Self = Self(0b1111);
    const NONE: Self = Self(0);

    /// `minimum` and the levels above it.
    #[must_use]
    pub fn at_least(minimum: Level) -> Self {
        Level::ALL
            .into_iter()
            .filter(|level| *level >= minimum)
            .collect()
    }

    /// The levels that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `level` is in the set.
    #[must_use]
    pub fn contains(self, level: Level) -> bool {
        self.0 & (1 << level.index()) != 0
    }

    /// How many of the rows with these counts by `Level::index` have one of the levels.
    pub(in crate::query) fn cover(self, counts: &[u32; 4]) -> Cover {
        let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        match self.count(counts) {
            0 => Cover::None,
            matching if matching == all => Cover::All,
            _ => Cover::Some,
        }
    }

    /// How many rows with these counts by `Level::index` have one of the levels.
    fn count(self, counts: &[u32; 4]) -> u64 {
        Level::ALL
            .into_iter()
            .zip(counts)
            .filter(|(level, _)| self.contains(*level))
            .map(|(_, count)| u64::from(*count))
            .sum()
    }
}

impl Default for LevelSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<Level> for LevelSet {
    fn from_iter<I: IntoIterator<Item = Level>>(levels: I) -> Self {
        levels
            .into_iter()
            .fold(Self::NONE, |set, level| Self(set.0 | 1 << level.index()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_includes_the_levels_above_it() {
        let set = LevelSet::at_least(Level::Warn);
        assert!(set.contains(Level::Warn) && set.contains(Level::Error));
        assert!(!set.contains(Level::Debug) && !set.contains(Level::Info));
        assert_eq!(LevelSet::at_least(Level::Debug), LevelSet::ALL);
    }

    #[test]
    fn named_levels_are_exact_and_both_rules_narrow() {
        let named: LevelSet = [Level::Debug, Level::Error].into_iter().collect();
        assert_eq!(named.count(&[1, 10, 100, 1000]), 1001);
        let both = named.and(LevelSet::at_least(Level::Info));
        assert_eq!(both, [Level::Error].into_iter().collect());
    }
}
