//! The answer to a question for problems.

use crate::record::{Id, Level, Source};
use crate::time::Micros;
use crate::triage::kind::ProblemKind;
use crate::triage::wire::{as_optional_text, as_text};
use serde::{Serialize, Serializer};

/// Problems, the most important first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemList {
    /// At most as many as were asked for.
    pub problems: Vec<FoundProblem>,
    /// There are more problems than were asked for.
    pub has_more: bool,
    /// The budget ended the scan: older problems may be missing.
    pub partial: bool,
    /// The times that were asked for.
    pub searched: SearchedTimes,
    /// Why nothing was found, probably; for people.
    pub warnings: Vec<String>,
}

/// The times that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SearchedTimes {
    /// From this time on.
    #[serde(serialize_with = "as_optional_text")]
    pub since: Option<Micros>,
    /// Up to this time.
    #[serde(serialize_with = "as_optional_text")]
    pub until: Option<Micros>,
}

/// One thing that failed, once or several times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundProblem {
    /// What kind of failure it is.
    #[serde(serialize_with = "as_word")]
    pub kind: ProblemKind,
    /// One line for people.
    pub title: String,
    /// A warning or an error.
    pub severity: Level,
    /// What failed; empty for the machine.
    pub subject: String,
    /// The source of the last record that reports it.
    #[serde(serialize_with = "as_text")]
    pub source: Source,
    /// How often it happened.
    pub count: u64,
    /// When it first happened.
    #[serde(serialize_with = "as_text")]
    pub first: Micros,
    /// When it last happened.
    #[serde(serialize_with = "as_text")]
    pub last: Micros,
    /// The first record that reports it.
    #[serde(serialize_with = "as_text")]
    pub first_id: Id,
    /// The last one.
    #[serde(serialize_with = "as_text")]
    pub last_id: Id,
    /// The line that says why, of the last time.
    pub cause: Option<EvidenceLine>,
    /// Lines around it.
    pub context: Vec<EvidenceLine>,
    /// The boot of the last record, if the journal named it.
    pub boot: Option<String>,
    /// The run that failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// A line of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceLine {
    /// Its record.
    #[serde(serialize_with = "as_text")]
    pub id: Id,
    /// When it was logged.
    #[serde(serialize_with = "as_text")]
    pub timestamp: Micros,
    /// Who logged it.
    #[serde(serialize_with = "as_text")]
    pub source: Source,
    /// How bad it is.
    pub level: Level,
    /// The text; of a record of several lines the one that says why.
    pub message: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn as_word<S: Serializer>(kind: &ProblemKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}
