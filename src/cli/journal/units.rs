//! Units named by a pattern: the units in the journal that match it.

use super::sources::Sources;
use crate::collect::{is_wild, matches_wildcard};
use crate::journal::{EntryMatches, Journal};

/// The fields that name system units.
pub(super) const SYSTEM_FIELDS: &[&str] = &[
    "_SYSTEMD_UNIT",
    "UNIT",
    "OBJECT_SYSTEMD_UNIT",
    "COREDUMP_UNIT",
    "_SYSTEMD_SLICE",
];
/// The fields that name user units.
pub(super) const USER_FIELDS: &[&str] = &[
    "_SYSTEMD_USER_UNIT",
    "USER_UNIT",
    "OBJECT_SYSTEMD_USER_UNIT",
    "COREDUMP_USER_UNIT",
    "_SYSTEMD_USER_SLICE",
];
/// Maximum number of units, more than any machine has.
const UNITS_MAX: usize = 64 << 10;

/// The units with these names; a pattern is replaced by the matching units of the journal.
pub(super) fn named(asked: &[&str], fields: &[&str], sources: &Sources) -> Vec<String> {
    let (patterns, names): (Vec<&str>, Vec<&str>) = asked
        .iter()
        .partition(|unit| !unit.starts_with('/') && is_wild(unit.as_bytes()));
    let mut units: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if patterns.is_empty() {
        return units;
    }
    let mut journal = Journal::open(sources.options(EntryMatches::default()));
    for field in fields {
        let known = journal.unique(field.as_bytes(), UNITS_MAX);
        let is_match = |name: &[u8]| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| matches_wildcard(pattern.as_bytes(), name))
        };
        let matching = known.into_iter().filter(|name| is_match(name));
        units.extend(matching.filter_map(|name| String::from_utf8(name).ok()));
    }
    units.sort();
    units.dedup();
    units
}
