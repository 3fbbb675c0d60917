//! What systemd says of its units, by the message IDs of its catalog (`sd-messages.h`) or, in logs without them, by its text.

use crate::record::Metadata;
use crate::triage::detect::owner::owner_of;
use crate::triage::detect::sign::{DetectedProblem, Sign};
use crate::triage::kind::ProblemKind as K;
use serde_json::Value;

/// `SD_MESSAGE_UNIT_FAILED`: a start job failed, timed out, or depended on one that did.
pub(super) const JOB_FAILED: &str = "be02cf6855d2428ba40df7e9d022f03d";
/// `SD_MESSAGE_UNIT_FAILURE_RESULT`: a unit entered the failed state.
pub(super) const UNIT_FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";
/// `SD_MESSAGE_UNIT_RESTART_SCHEDULED`
pub(super) const RESTART_SCHEDULED: &str = "5eb03494b6584870a536b337290809b3";
/// `SD_MESSAGE_UNIT_OUT_OF_MEMORY`
pub(super) const UNIT_OUT_OF_MEMORY: &str = "fe6faa94e7774663a0da52717891d8ef";
/// `SD_MESSAGE_UNIT_OOMD_KILL`
pub(super) const UNIT_OOMD_KILL: &str = "d989611b15e44c9dbf31e3c81256e4ed";

/// Texts of systemd that may report a problem.
pub(super) const LITERALS: &[&str] = &[
    ": Failed with result '",
    "Failed to start ",
    "Failed to mount ",
    "Failed to listen on ",
    "Failed to activate swap ",
    "Timed out waiting for device ",
    "tart request repeated too quickly",
    ", restart counter is at ",
    ": Watchdog timeout (limit",
    "has been killed by the OOM killer",
    "systemd-oomd killed ",
    " entered failed state",
];

/// A unit that restarts for this many times in a row is in a loop.
const RESTARTS_MIN: u64 = 5;

/// What the service manager says with a message ID, of a unit that it may speak of.
pub(super) fn of_id(id: &str, metadata: &Metadata, message: &str) -> Option<Sign> {
    let about = ["about_unit", "about_user_unit"];
    let unit = about.iter().find_map(|key| metadata.get(key)?.as_str())?;
    let word = |key: &str| metadata.get(key).and_then(Value::as_str);
    let kind = match id {
        UNIT_FAILED => of_result(word("unit_result").or_else(|| result_of(message))),
        JOB_FAILED => K::JobFailed,
        UNIT_OUT_OF_MEMORY | UNIT_OOMD_KILL => K::OomKill,
        RESTART_SCHEDULED => {
            let counter = word("n_restarts").and_then(|text| text.parse().ok());
            return restart(unit, counter.or_else(|| counter_of(message))?);
        }
        _ => return None,
    };
    Some(Sign::Problem(of_unit(kind, unit.to_owned())))
}

/// The kernel names the same owner of what it killed.
fn of_unit(kind: K, unit: String) -> DetectedProblem {
    let owner = match kind {
        K::OomKill => owner_of(&unit).unwrap_or(unit),
        _ => unit,
    };
    DetectedProblem::new(kind, owner)
}

/// What a line of systemd without a message ID says.
pub(super) fn of_text(text: &str) -> Option<DetectedProblem> {
    let unit = || {
        // the words of systemd 219 have the unit at their end
        let limit = "start request repeated too quickly for ";
        let name = text.split(": ").next().unwrap_or(text);
        let name = name.strip_prefix("Unit ").unwrap_or(name);
        let name = name.strip_prefix(limit).unwrap_or(name);
        name.split(' ').next().unwrap_or(name).to_owned()
    };
    let has = |literal: &str| text.contains(literal);
    if has(", restart counter is at ") {
        return match restart(&unit(), counter_of(text)?)? {
            Sign::Problem(problem) => Some(problem),
            _ => None,
        };
    }
    let kind = if has(": Failed with result '") || has(" entered failed state") {
        of_result(result_of(text))
    } else if has("tart request repeated too quickly") {
        K::StartLimit
    } else if has(": Watchdog timeout (limit") {
        K::Watchdog
    } else if has("killed by the OOM killer") || has("systemd-oomd killed ") {
        K::OomKill
    } else {
        let job = LITERALS
            .iter()
            .find(|literal| text.starts_with(**literal))?;
        let rest = text.get(job.len()..)?;
        let named = rest.split(" - ").next().unwrap_or(rest);
        let named = named.trim_end_matches('.').to_owned();
        return Some(DetectedProblem::new(K::JobFailed, named));
    };
    Some(of_unit(kind, unit()))
}

fn of_result(result: Option<&str>) -> K {
    match result {
        Some("oom-kill") => K::OomKill,
        Some("watchdog") => K::Watchdog,
        Some("start-limit-hit" | "start-limit") => K::StartLimit,
        Some("core-dump") => K::CoreDump,
        _ => K::UnitFailed,
    }
}

/// `nginx.service: Failed with result 'exit-code'.`
fn result_of(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("result '")?;
    rest.split('\'').next()
}

fn counter_of(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("restart counter is at ")?;
    rest.trim_end_matches('.').parse().ok()
}

/// A loop is reported at its 5th, 10th, 20th, 50th, 100th ... restart: one that lasts for weeks must not fill the store.
fn restart(unit: &str, counter: u64) -> Option<Sign> {
    let mut leading = counter;
    while leading >= 10 && leading.is_multiple_of(10) {
        leading /= 10;
    }
    let is_reported = counter >= RESTARTS_MIN && matches!(leading, 1 | 2 | 5);
    is_reported.then(|| Sign::Problem(DetectedProblem::new(K::RestartLoop, unit.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_restarts_are_reported_ever_more_rarely() {
        let reported: Vec<u64> = (1..=1_000)
            .filter(|counter| restart("a.service", *counter).is_some())
            .collect();
        assert_eq!(reported, [5, 10, 20, 50, 100, 200, 500, 1_000]);
    }
}
