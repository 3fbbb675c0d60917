//! How far a log was read, as saved in its position.

use super::kind::CarriedState;
use crate::collect::names::stamp::FileStamp;
use crate::collect::recognise::LineEvents;
use crate::collect::tail::chunked::{ChunkedState, SavedStream};
use crate::collect::tail::path::TailState;
use serde::{Deserialize, Serialize};

/// The value of a position, as CBOR.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedLog {
    tail: TailState,
    #[serde(default, skip_serializing_if = "is_zero")]
    again: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    streams: Vec<SavedStream>,
    #[serde(default)]
    known: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(default)]
    events: LineEvents,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl SavedLog {
    pub(super) fn new(state: ChunkedState, carried: CarriedState) -> Self {
        let ChunkedState {
            tail,
            again,
            streams,
        } = state;
        let CarriedState {
            known,
            stage,
            events,
        } = carried;
        Self {
            tail,
            again,
            streams,
            known,
            stage,
            events,
        }
    }

    pub(super) fn split(self) -> (ChunkedState, CarriedState) {
        let Self {
            tail,
            again,
            streams,
            known,
            stage,
            events,
        } = self;
        let state = ChunkedState {
            tail,
            again,
            streams,
        };
        (
            state,
            CarriedState {
                known,
                stage,
                events,
            },
        )
    }

    /// The stamp of the file when it was read to its end.
    pub(super) fn read_to_end(&self) -> Option<FileStamp> {
        let is_done = self.again == 0 && self.streams.is_empty();
        self.tail.only_file().filter(|_| is_done)
    }
}
