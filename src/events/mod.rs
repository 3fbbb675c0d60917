//! Events: what happened to the machine and to what runs on it, kept apart from the log, so that no flood of records can push it out.
//!
//! ```text
//! POST /events, vmlog event  -+
//! snapshots, settings, boots -+-> EventLog: redact -> a store of its own --> GET /events
//! runs that end, gaps        -+                            +-> EventCollector --> the log, as source event:SCOPE
//! ```
//!
//! The event log is a second store of the same format, in the folder `events/` beside the first: frames with checksums, torn tails,
//! sealed segments, retention and the tools for stores need no second implementation. Each event is synced to the disk before it is
//! acknowledged. A collector brings each event into the log exactly once, as it does for all other sources: its position, the ID of the
//! last event, is committed together with the records. `format-spec/events.md` describes events.

mod collector;
mod derive;
mod error;
mod event;
mod event_id;
mod event_log;
mod known_keys;
mod listing;

pub use collector::EventCollector;
pub use error::Error;
pub use event::{EventDraft, InvalidEvent, Severity};
pub use event_id::EventId;
pub use event_log::{Acknowledged, EventLog};
pub use listing::{EVENT_KEYS, EventRow, place_before};
