//! Problems that the fields of a record report: message IDs of the journal, and events that collectors name.

use crate::record::{Metadata, Record};
use crate::triage::detect::manager;
use crate::triage::detect::sign::{DetectedProblem, Sign};
use crate::triage::kind::ProblemKind as K;
use serde_json::Value;

/// `SD_MESSAGE_COREDUMP`
const COREDUMP: &str = "fc2e22bc6ee647b6b90729ab34a250b1";
/// `SD_MESSAGE_TIME_CHANGE`
const TIME_CHANGE: &str = "c7a787079b354eaaa9e77b371893cd27";

/// The event of a source that went silent, which the pipeline reports itself.
pub(super) const SILENT_EVENT: &str = "source_silent";
/// Which source it is.
pub(super) const SILENT_SOURCE: &str = "silent_source";

/// What the fields of a record report.
pub(super) fn sign(record: &Record) -> Option<Sign> {
    let metadata = &record.metadata;
    let word = |key: &str| metadata.get(key).and_then(Value::as_str);
    if let Some(event) = word("event_type") {
        return of_event(event, record).map(Sign::Problem);
    }
    if let Some(id) = word("message_id") {
        return match id {
            COREDUMP => of_core_dump(metadata).map(Sign::Problem),
            TIME_CHANGE => Some(Sign::TimeSet),
            id => manager::of_id(id, metadata, &record.message),
        };
    }
    let event = word("podman_event")?;
    of_podman(event, metadata, &record.message).map(Sign::Problem)
}

fn of_event(event: &str, record: &Record) -> Option<DetectedProblem> {
    let metadata = &record.metadata;
    let word = |key: &str| metadata.get(key).and_then(Value::as_str);
    match event {
        "process_end" if is_failure(metadata) => {
            let name = word("name").or_else(|| word("command")).unwrap_or_default();
            Some(DetectedProblem::new(K::RunFailed, name.to_owned()))
        }
        "cloud_init_finish" => {
            let kind = match word("result")? {
                result if result.starts_with("FAIL") => K::CloudInitFailed,
                "WARN" => K::CloudInitDegraded,
                _ => return None,
            };
            let stage = word("stage").unwrap_or_default();
            Some(DetectedProblem::new(kind, stage.to_owned()))
        }
        SILENT_EVENT if record.source.as_str() == "system:vmlog" => {
            let source = word(SILENT_SOURCE)?.to_owned();
            Some(DetectedProblem::new(K::SourceSilent, source))
        }
        _ => None,
    }
}

/// Whether a run failed by itself: one that a person or its manager ended did not.
fn is_failure(metadata: &Metadata) -> bool {
    /// The exit codes of shells for a command that SIGHUP, SIGINT or SIGTERM ended.
    const ENDED: [i64; 3] = [129, 130, 143];
    let signal = metadata.get("signal").and_then(Value::as_str);
    let code = metadata.get("exit_code").and_then(Value::as_i64);
    let was_ended = matches!(
        signal,
        Some("SIGHUP" | "SIGINT" | "SIGTERM" | "1" | "2" | "15")
    ) || code.is_some_and(|code| ENDED.contains(&code));
    metadata.get("success").and_then(Value::as_bool) == Some(false) && !was_ended
}

/// systemd-coredump names the unit and the program.
fn of_core_dump(metadata: &Metadata) -> Option<DetectedProblem> {
    let word = |key: &str| metadata.get(key).and_then(Value::as_str);
    let is_service = |unit: &&str| unit.ends_with(".service") && !unit.starts_with("user@");
    let unit = word("coredump_user_unit").or_else(|| word("coredump_unit"));
    let subject = unit.filter(is_service).or_else(|| word("coredump_comm"))?;
    Some(DetectedProblem::new(K::CoreDump, subject.to_owned()))
}

/// Podman writes its events into the journal.
fn of_podman(event: &str, metadata: &Metadata, message: &str) -> Option<DetectedProblem> {
    /// What a container returns that was stopped.
    const STOPPED: [&str; 4] = ["0", "130", "137", "143"];
    let word = |key: &str| metadata.get(key).and_then(Value::as_str);
    let kind = match event {
        "died" if !STOPPED.contains(&word("podman_exit_code")?) => K::ContainerFailed,
        "oom" => K::ContainerOom,
        "health_status"
            if word("podman_health_status") == Some("unhealthy")
                || message.contains("health_status=unhealthy") =>
        {
            K::ContainerUnhealthy
        }
        _ => return None,
    };
    let name = word("podman_name").unwrap_or_default();
    Some(DetectedProblem::new(kind, name.to_owned()))
}
