//! Units named by a pattern: what the journal knows of such names.

use super::request::Sources;
use crate::cli::Failure;
use crate::journal::{Journal, Matches};
use glob::Pattern;

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
pub(super) fn named(asked: &[&str], sources: &Sources) -> Result<Vec<String>, Failure> {
    let (patterns, names): (Vec<&str>, Vec<&str>) = asked
        .iter()
        .partition(|unit| !unit.starts_with('/') && unit.contains(['*', '?', '[']));
    let mut units: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if patterns.is_empty() {
        return Ok(units);
    }
    let patterns = patterns
        .into_iter()
        .map(|text| {
            let wrong = |error| Failure::usage(format!("--unit {text:?}: {error}"));
            Pattern::new(text).map_err(wrong)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut journal = Journal::open(sources.options(Matches::default()));
    for field in FIELDS {
        let known = journal.unique(field.as_bytes(), UNITS_MAX);
        let known = known
            .into_iter()
            .filter_map(|name| String::from_utf8(name).ok());
        units.extend(known.filter(|name| patterns.iter().any(|pattern| pattern.matches(name))));
    }
    units.sort();
    units.dedup();
    Ok(units)
}
