//! The events of the streams that share a source: lines of stdout and stderr, or of many processes, interleave.

use super::continued::LineEvent;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Streams whose events are remembered; of more the one that was silent for longest is forgotten, and its next line begins a new
/// event. A kept event takes about 40 bytes beside its name.
const STREAMS_MAX: usize = 64;

/// The event of each stream, the stream that spoke last in front.
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
    fn streams_keep_their_own_events_and_the_quietest_is_forgotten() {
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
