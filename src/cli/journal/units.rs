//! Units named by a pattern: what the journal knows of such names.

use super::sources::Sources;
use crate::collect::{is_wild, matches_wildcard};
use crate::journal::{EntryMatches, Journal};

/// The fields that name units.
const FIELDS: [&str; 5] = [
    "_SYSTEMD_UNIT",
    "UNIT",
    "OBJECT_SYSTEMD_UNIT",
    "COREDUMP_UNIT",
    "_SYSTEMD_SLICE",
];
/// More units than any machine has.
const UNITS_MAX: usize = 64 << 10;

/// The units that are meant: names stand for themselves, patterns for the units that the journal knows.
pub(super) fn named(asked: &[&str], sources: &Sources) -> Vec<String> {
    let (patterns, names): (Vec<&str>, Vec<&str>) = asked
        .iter()
        .partition(|unit| !unit.starts_with('/') && is_wild(unit.as_bytes()));
    let mut units: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if patterns.is_empty() {
        return units;
    }
    let mut journal = Journal::open(sources.options(EntryMatches::default()));
    for field in FIELDS {
        let known = journal.unique(field.as_bytes(), UNITS_MAX);
        let is_meant = |name: &[u8]| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| matches_wildcard(pattern.as_bytes(), name))
        };
        let meant = known.into_iter().filter(|name| is_meant(name));
        units.extend(meant.filter_map(|name| String::from_utf8(name).ok()));
    }
    units.sort();
    units.dedup();
    units
}
