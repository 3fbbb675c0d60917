//! The events of the streams that share a source: lines of stdout and stderr, or of many programs, interleave.

use super::continued::LineEvent;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Maximum number of streams whose events are remembered. Beyond it the least recently used one is forgotten, and its
/// next line begins a new event. An event takes about 40 bytes and its names.
const STREAMS_MAX: usize = 64;

/// The event of each stream; the most recently used stream comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineEvents {
    newest: StreamEvent,
    others: VecDeque<StreamEvent>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StreamEvent {
    name: String,
    /// The program that the lines name, in a file that several programs write; otherwise empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    program: String,
    event: LineEvent,
}

impl StreamEvent {
    fn is_of(&self, stream: &str, program: Option<&str>) -> bool {
        self.name == stream && program.is_none_or(|program| self.program == program)
    }
}

impl LineEvents {
    /// The event that the next line of `stream` may continue. A line that names its `program` continues only an event of that program;
    /// any other line continues the newest one.
    pub(crate) fn of(&mut self, stream: &str, program: Option<&str>) -> &mut LineEvent {
        if !self.newest.is_of(stream, program) {
            let is_wanted = |other: &StreamEvent| other.is_of(stream, program);
            let known = self.others.iter().position(is_wanted);
            let next = known
                .and_then(|at| self.others.remove(at))
                .unwrap_or_else(|| StreamEvent {
                    name: stream.to_owned(),
                    program: program.unwrap_or_default().to_owned(),
                    event: LineEvent::default(),
                });
            let before = std::mem::replace(&mut self.newest, next);
            // A machine has many programs, most of which never begin an event that another line continues.
            if before.program.is_empty() || before.event.is_open() {
                self.others.push_front(before);
                self.others.truncate(STREAMS_MAX - 1);
            }
        }
        &mut self.newest.event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::recognise::continued::LineHead;
    use crate::record::Level;

    #[test]
    fn streams_have_events_of_their_own_and_the_least_recent_is_forgotten() {
        let mut events = LineEvents::default();
        let continues = |events: &mut LineEvents, stream: &str| {
            let event = events.of(stream, None);
            event
                .place((b"  at y", None), None, LineHead::None, Level::Info)
                .continues
        };
        events.of("a", None).place(
            (b"ERROR: x", None),
            Some(Level::Error),
            LineHead::None,
            Level::Info,
        );
        assert!(!continues(&mut events, "b"));
        assert!(continues(&mut events, "a"));
        for number in 0..STREAMS_MAX {
            events.of(&number.to_string(), None);
        }
        assert_eq!(events.others.len(), STREAMS_MAX - 1);
        assert!(!continues(&mut events, "a"));
    }

    #[test]
    fn programs_of_one_file_have_events_of_their_own() {
        let mut events = LineEvents::default();
        let error = Some(Level::Error);
        events.of("", Some("kernel")).place(
            (b"BUG: x", None),
            error,
            LineHead::Program,
            Level::Info,
        );
        for number in 0..2 * STREAMS_MAX {
            let event = events.of("", Some(&format!("calm{number}")));
            event.place((b"started", None), None, LineHead::Program, Level::Info);
        }
        assert!(events.others.len() < 3, "calm programs are forgotten");
        let event = events.of("", Some("kernel"));
        assert!(
            event
                .place((b"Call Trace:", None), None, LineHead::Program, Level::Info)
                .continues
        );
        // A line that names no program belongs to the one before it.
        let event = events.of("", None);
        assert!(
            event
                .place((b"  at y", None), None, LineHead::None, Level::Info)
                .continues
        );
    }
}
