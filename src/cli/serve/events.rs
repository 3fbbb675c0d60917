//! The events of the server: their log, and what the server itself reports at its start.

use crate::cli::failure::Failure;
use crate::collect;
use crate::config::{Config, RawSettings};
use crate::disk::RealDisk;
use crate::events::{Error, EventDraft, EventLog, Severity};
use crate::pipeline::{Tap, error_chain};
use crate::record::{Level, Metadata, Record};
use crate::store::{Reader, Recovery};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A broken disk damages much at once; the first reports are enough.
const DAMAGE_TOLD_MAX: usize = 20;

/// The folder of the events in the data directory.
pub(in crate::cli) const FOLDER: &str = "events";

/// Opens the log of the events.
pub(super) fn open(config: &Config) -> Result<(EventLog, Vec<Record>), Failure> {
    let root = config.data_dir.join(FOLDER);
    let options = config.events.clone();
    let (events, recovery) = EventLog::open(Arc::new(RealDisk), &root, options, &config.redact)
        .map_err(|error| Failure::failed(error_chain(&error)))?;
    Ok((events, damage(&recovery)))
}

fn damage(recovery: &Recovery) -> Vec<Record> {
    let damage = recovery.damage.iter().take(DAMAGE_TOLD_MAX).map(|damage| {
        let text = format!("events cannot be read: {}", error_chain(damage));
        collect::own_record(Level::Error, "store_damaged", text, Metadata::new())
    });
    damage.collect()
}

/// Adds the events of what happened while no server was running. A failure is logged: the log itself is more important.
pub(super) fn begin(events: &EventLog, log: &Reader, raw: &RawSettings) {
    let steps = [
        events.catch_up(&log.view()),
        booted(events),
        settings_changed(events, raw),
    ];
    for error in steps.into_iter().filter_map(Result::err) {
        tracing::warn!("an event was not stored: {}", error_chain(&error));
    }
}

/// Makes events of what is stored.
pub(super) fn tap(events: EventLog) -> Tap {
    Box::new(move |records| {
        if let Err(error) = events.derive(records) {
            tracing::warn!("an event was not stored: {}", error_chain(&error));
        }
    })
}

/// Reports a boot since the last start.
fn booted(events: &EventLog) -> Result<(), Error> {
    let Some(boot) = collect::this_boot() else {
        return Ok(());
    };
    let known = events.note("boot");
    if known.as_deref() == Some(boot.as_str()) {
        return Ok(());
    }
    let event = known.map(|previous| EventDraft {
        payload: json!({"boot_id": boot, "previous_boot_id": previous})
            .as_object()
            .cloned(),
        ..EventDraft::new("node.booted", Severity::Info, "the machine booted")
    });
    events.append_with_note(event, "boot", &boot)
}

/// Reports settings that differ from those of the last start, by their names: values may be secrets.
fn settings_changed(events: &EventLog, raw: &RawSettings) -> Result<(), Error> {
    let now = raw.fingerprints();
    let text = serde_json::to_string(&now).unwrap_or_default();
    let Some(known) = events.note("settings") else {
        return events.append_with_note(None, "settings", &text);
    };
    let before: BTreeMap<String, String> = serde_json::from_str(&known).unwrap_or_default();
    let changed = changed_names(&before, &now);
    if changed.is_empty() {
        return Ok(());
    }
    let message = format!("settings changed: {}", changed.join(", "));
    let event = EventDraft {
        payload: json!({"settings": changed}).as_object().cloned(),
        ..EventDraft::new("config.updated", Severity::Info, message)
    };
    events.append_with_note(Some(event), "settings", &text)
}

fn changed_names(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |name: &&String| before.get(*name) != now.get(*name);
    let mut names: Vec<_> = before
        .keys()
        .chain(now.keys())
        .filter(differs)
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_settings_that_were_set_unset_or_changed() {
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            pairs.collect::<BTreeMap<_, _>>()
        };
        let before = map(&[("LOG_A", "1"), ("LOG_B", "2"), ("LOG_C", "3")]);
        let now = map(&[("LOG_A", "1"), ("LOG_B", "9"), ("LOG_D", "4")]);
        assert_eq!(changed_names(&before, &now), ["LOG_B", "LOG_C", "LOG_D"]);
        assert!(changed_names(&now, &now).is_empty());
    }
}
