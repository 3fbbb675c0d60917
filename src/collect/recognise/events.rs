//! The events of the streams that share a source: lines of stdout and stderr, or of many processes, interleave.

use super::continued::LineEvent;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Maximum number of streams whose events are remembered. Beyond it the least recently used one is forgotten, and its
/// next line begins a new event. An event takes about 40 bytes and its name.
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
    event: LineEvent,
}

impl LineEvents {
    /// The event that the next line of `stream` may continue.
    pub(crate) fn of(&mut self, stream: &str) -> &mut LineEvent {
        if self.newest.name != stream {
            let known = self.others.iter().position(|other| other.name == stream);
            let next = known
                .and_then(|at| self.others.remove(at))
                .unwrap_or_else(|| StreamEvent {
                    name: stream.to_owned(),
                    event: LineEvent::default(),
                });
            let before = std::mem::replace(&mut self.newest, next);
            self.others.push_front(before);
            self.others.truncate(STREAMS_MAX - 1);
        }
        &mut self.newest.event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Level;

    #[test]
    fn streams_have_events_of_their_own_and_the_least_recent_is_forgotten() {
        let mut events = LineEvents::default();
        events
            .of("a")
            .place(b"ERROR: x", Some(Level::Error), false, Level::Info);
        assert!(
            !events
                .of("b")
                .place(b"  at y", None, false, Level::Info)
                .continues
        );
        assert!(
            events
                .of("a")
                .place(b"  at y", None, false, Level::Info)
                .continues
        );
        for number in 0..STREAMS_MAX {
            events.of(&number.to_string());
        }
        assert_eq!(events.others.len(), STREAMS_MAX - 1);
        assert!(
            !events
                .of("a")
                .place(b"  at y", None, false, Level::Info)
                .continues
        );
    }
}
