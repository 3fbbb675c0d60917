//! Journal entries that continue an event: the lines that a service or a container prints, and the reports of the
//! kernel.

use crate::collect::recognise::{LineEvents, Recognition};
use crate::record::{Metadata, Record};
use serde_json::Value;
use std::collections::BTreeMap;

/// The events by origin of the journals that are read.
#[derive(Debug, Default)]
pub(crate) struct JournalEvents(BTreeMap<String, LineEvents>);

impl JournalEvents {
    /// Restores the events that were open when `origin` was last read.
    pub(crate) fn restore(&mut self, origin: &str, events: LineEvents) {
        self.0.insert(origin.to_owned(), events);
    }

    /// The events that are open in `origin`.
    pub(crate) fn of(&self, origin: &str) -> LineEvents {
        self.0.get(origin).cloned().unwrap_or_default()
    }

    /// Gives a record that continues an event the level of that event, and marks it.
    pub(crate) fn place(&mut self, origin: &str, record: &mut Record, recognition: &Recognition) {
        let Some((stream, voice)) = stream(record) else {
            return;
        };
        if !self.0.contains_key(origin) {
            self.0.insert(origin.to_owned(), LineEvents::default());
        }
        let Some(events) = self.0.get_mut(origin) else {
            return;
        };
        let event = events.of(&stream, None);
        if voice == Speaker::Kernel {
            recognition.place_kernel(event, record);
        } else {
            recognition.place(event, record);
        }
    }
}

/// The kind of writer of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Kernel,
    Program,
}

/// The stream that a record belongs to: that of one process, or of the kernel. Messages with a priority of their own,
/// and all parts of a line except the first, belong to none.
fn stream(record: &Record) -> Option<(String, Speaker)> {
    let metadata = &record.metadata;
    let text = |key: &str| metadata.get(key).and_then(Value::as_str);
    let is_later_part = metadata.get("line_part").and_then(Value::as_u64) > Some(1);
    if is_later_part || metadata.contains_key("event_type") {
        return None;
    }
    if let Some(container) = text("container_id") {
        // The priority tells apart standard output and standard error.
        let priority = metadata.get("priority").map(Value::to_string);
        let stream = format!("{container} {}", priority.unwrap_or_default());
        return Some((stream, Speaker::Program));
    }
    match text("transport") {
        Some("kernel") => Some((String::from("kernel"), Speaker::Kernel)),
        Some("stdout") if has_usual_priority(metadata) => {
            let pid = metadata
                .get("pid")
                .map(Value::to_string)
                .unwrap_or_default();
            Some((format!("{} {pid}", record.source), Speaker::Program))
        }
        _ => None,
    }
}

/// Whether the entry has priority 6, which the output of a service has unless the line states another.
fn has_usual_priority(metadata: &Metadata) -> bool {
    metadata
        .get("priority")
        .and_then(Value::as_u64)
        .is_none_or(|priority| priority == 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Level, Source};
    use crate::time::Micros;

    fn record(source: &str, transport: &str, level: Level, message: &str, pid: u64) -> Record {
        let mut metadata = Metadata::new();
        metadata.insert("transport", transport);
        metadata.insert("pid", pid);
        metadata.insert("priority", 6);
        Record {
            timestamp: Micros::new(1),
            source: Source::new("system", source),
            level,
            message: message.to_owned(),
            metadata,
        }
    }

    fn placed(lines: &[(&str, &str, Level, &str, u64)]) -> Vec<(Level, bool)> {
        let mut events = JournalEvents::default();
        let recognition = Recognition::default();
        lines
            .iter()
            .map(|&(source, transport, level, message, pid)| {
                let mut record = record(source, transport, level, message, pid);
                events.place("origin", &mut record, &recognition);
                (record.level, record.metadata.contains_key("continues"))
            })
            .collect()
    }

    #[test]
    fn a_trace_keeps_its_level_although_processes_interleave() {
        let found = placed(&[
            (
                "app",
                "stdout",
                Level::Error,
                "Traceback (most recent call last):",
                7,
            ),
            ("app", "stdout", Level::Info, "served /", 8),
            (
                "app",
                "stdout",
                Level::Info,
                "  File \"a.py\", line 3, in pay",
                7,
            ),
            ("app", "stdout", Level::Error, "ValueError: no card", 7),
            ("app", "stdout", Level::Info, "served /", 7),
        ]);
        let (error, info) = (Level::Error, Level::Info);
        assert_eq!(
            found,
            [
                (error, false),
                (info, false),
                (error, true),
                (error, true),
                (info, false)
            ]
        );
    }

    #[test]
    fn a_kernel_report_has_the_level_of_its_first_line() {
        let found = placed(&[
            (
                "kernel",
                "kernel",
                Level::Warn,
                "java invoked oom-killer: gfp_mask=0xcc0",
                0,
            ),
            ("kernel", "kernel", Level::Warn, "Call Trace:", 0),
            ("kernel", "kernel", Level::Info, "Mem-Info:", 0),
            ("kernel", "kernel", Level::Info, "eth0: link up", 0),
            ("kernel", "kernel", Level::Error, "ata1: failed command", 0),
        ]);
        let (error, info) = (Level::Error, Level::Info);
        assert_eq!(
            found,
            [
                (error, false),
                (error, true),
                (error, true),
                (info, false),
                (error, false)
            ]
        );
    }

    #[test]
    fn entries_with_a_priority_of_their_own_are_unchanged() {
        let mut events = JournalEvents::default();
        let mut record = record("app", "journal", Level::Info, "  indented", 7);
        events.place("origin", &mut record, &Recognition::default());
        assert!(!record.metadata.contains_key("continues"));
    }
}
