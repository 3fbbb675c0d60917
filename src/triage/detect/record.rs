//! Looks at a record: first at its fields, then at its text.

use crate::record::{Level, Record};
use crate::triage::detect::fields;
use crate::triage::detect::manager;
use crate::triage::detect::rules::{By, RULES, TextRule};
use crate::triage::detect::sign::{DetectedProblem, Sign};
use crate::triage::detect::speaker::LineAuthor;
use regex_automata::meta::Regex;
use std::sync::OnceLock;

/// Longer texts are dumps: a report of a problem names it early.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// The problem that a record reports by itself. Bursts and loops need [`crate::triage::ProblemWatch`].
#[must_use]
pub fn detect(record: &Record) -> Option<DetectedProblem> {
    match sign(record)? {
        Sign::Problem(problem) => Some(problem),
        _ => None,
    }
}

pub(super) fn sign(record: &Record) -> Option<Sign> {
    if let Some(sign) = fields::sign(record) {
        return Some(sign);
    }
    let text = head(&record.message);
    // the literals of all rules that can apply, in one pass
    let literals = if may_be_of_system(record) {
        literals()?
    } else {
        database_literals()?
    };
    if !literals.is_match(text) {
        return None;
    }
    let (speaker, text) = LineAuthor::of(record, text);
    if speaker == LineAuthor::Manager {
        return manager::of_text(text).map(Sign::Problem);
    }
    let rule = RULES
        .iter()
        .find(|rule| matches(rule, &speaker, text, record))?;
    rule.sign(text, record)
}

fn head(text: &str) -> &str {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    text.get(..end).unwrap_or(text)
}

/// Whether a rule other than those of databases can apply: not to a line of a container or a command below warning level, which most
/// lines of a busy machine are.
fn may_be_of_system(record: &Record) -> bool {
    let source = record.source.as_str();
    let kinds = ["system:", "user:", "file:", "cloud-init"];
    record.level >= Level::Warn || kinds.iter().any(|kind| source.starts_with(kind))
}

/// The literals of all rules; one of them is in every text that a rule matches.
fn literals() -> Option<&'static Regex> {
    static LITERALS: OnceLock<Option<Regex>> = OnceLock::new();
    let made = LITERALS.get_or_init(|| {
        let of_rules = RULES.iter().flat_map(|rule| rule.any);
        any_of(of_rules.chain(manager::LITERALS))
    });
    made.as_ref()
}

/// The literals of the rules of databases.
fn database_literals() -> Option<&'static Regex> {
    static LITERALS: OnceLock<Option<Regex>> = OnceLock::new();
    let made = LITERALS.get_or_init(|| {
        let of_databases = RULES.iter().filter(|rule| matches!(rule.by, By::Database));
        any_of(of_databases.flat_map(|rule| rule.any))
    });
    made.as_ref()
}

fn any_of<'l>(literals: impl Iterator<Item = &'l &'l str>) -> Option<Regex> {
    let escaped: Vec<String> = literals
        .map(|literal| regex_syntax::escape(literal))
        .collect();
    Regex::new(&escaped.join("|")).ok()
}

fn matches(rule: &TextRule, speaker: &LineAuthor<'_>, text: &str, record: &Record) -> bool {
    let is_by = match (rule.by, speaker) {
        (By::Kernel, LineAuthor::Kernel) => true,
        (By::Program(names), LineAuthor::Program(name)) => names.contains(name),
        // output of a command counts as its failure alone, and lines below a head as part of it
        (By::Anyone, LineAuthor::Program(_)) => {
            record.level >= Level::Warn
                && !record.metadata.contains_key("run_id")
                && !record.metadata.contains_key("continues")
                && record.source.as_str() != "cloud-init"
                && record.source.as_str() != "system:vmlog"
        }
        (By::Database, LineAuthor::Program(_)) => !record.metadata.contains_key("run_id"),
        _ => false,
    };
    let has = |literal: &&str| text.contains(*literal);
    is_by && rule.any.iter().any(has) && rule.all.iter().all(has) && !rule.not.iter().any(has)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::record::{Metadata, Source};
    use crate::time::Micros;
    use crate::triage::detect::sign::SUBJECT_BYTES_MAX;
    use crate::triage::kind::ProblemKind;

    /// A row of the table: the source, fields as `key=value;`, the level, the text.
    pub(in crate::triage) fn record(columns: &[&str]) -> Record {
        let [source, fields, level, message] = columns else {
            panic!("{columns:?}");
        };
        let pairs = fields.split(';').filter_map(|pair| pair.split_once('='));
        let metadata: Metadata = pairs
            .map(|(key, value)| {
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
                (key.to_owned(), value)
            })
            .collect::<Vec<(String, serde_json::Value)>>()
            .into_iter()
            .collect();
        Record {
            timestamp: Micros::new(1_771_338_615_000_000),
            source: source.parse::<Source>().unwrap(),
            level: level.parse().unwrap(),
            message: (*message).to_owned(),
            metadata,
        }
    }

    fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
        let lines = table.lines().filter(|line| !line.is_empty());
        let lines = lines.filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split('\t').collect())
    }

    #[test]
    fn reports_of_problems_are_detected_with_their_subject() {
        let table = include_str!("../../../tests/fixtures/triage/problems.tsv");
        let (mut faults, mut kinds) = (vec![], std::collections::BTreeSet::new());
        for columns in rows(table) {
            let (expected, rest) = columns.split_first().unwrap();
            let found = match sign(&record(rest)) {
                None => "-".to_owned(),
                Some(Sign::Problem(found)) => {
                    kinds.insert(found.kind);
                    format!(
                        "{} {}",
                        found.kind.as_str(),
                        found.subject.unwrap_or_default()
                    )
                }
                Some(Sign::Repeated(found)) => {
                    kinds.insert(found.kind);
                    let subject = found.subject.unwrap_or_default();
                    format!("{}* {subject}", found.kind.as_str())
                }
                Some(Sign::OomVictim { pid, owner }) => {
                    format!("victim {pid} {}", owner.unwrap_or_default())
                }
                Some(Sign::TimeSet) => "time_set".to_owned(),
            };
            if found.trim_end() != *expected {
                faults.push(format!("{expected}, found {found}: {rest:?}"));
            }
        }
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
        let by_state = [
            ProblemKind::ErrorBurst,
            ProblemKind::TimeJump,
            ProblemKind::SourceSilent,
        ];
        let missing: Vec<_> = ProblemKind::all()
            .filter(|kind| !kinds.contains(kind) && !by_state.contains(kind))
            .collect();
        assert!(missing.is_empty(), "without an example: {missing:?}");
    }

    #[test]
    fn harmless_neighbours_are_no_problem() {
        let table = include_str!("../../../tests/fixtures/triage/harmless.tsv");
        let found: Vec<_> = rows(table)
            .filter_map(|columns| Some((sign(&record(&columns))?, columns)))
            .collect();
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn long_texts_are_looked_at_up_to_a_bound() {
        let long = format!("{} No space left on device", "x".repeat(TEXT_BYTES_MAX));
        assert_eq!(detect(&record(&["file:app", "", "error", &long])), None);
        let subject = DetectedProblem::new(ProblemKind::OomKill, "\u{20ac}".repeat(100)).subject;
        assert!(subject.unwrap().len() <= SUBJECT_BYTES_MAX);
    }
}
