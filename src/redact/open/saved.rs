//! What the records so far have left open, as it is kept with the positions of the sources, so that redaction goes on after a restart
//! where it was.

use super::announced::Announcement;
use super::keys::OpenKey;
use serde::Deserialize;
use serde::Serialize;

/// The start of the origins of these positions; the source follows.
pub(super) const ORIGIN: &str = "redact:";

/// The open state of one source. It holds counters, and of a line that has not ended the last bytes as they were stored: nothing that
/// is not in the store already.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedSecrets {
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(in crate::redact) key: Option<OpenKey>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(super) announcement: Option<Announcement>,
    /// The number of the last part of a line, and the end of its text without secrets.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(in crate::redact) part: Option<(u64, String)>,
}

impl SavedSecrets {
    /// The state as bytes; nothing where nothing is open.
    pub(in crate::redact) fn encoded(&self) -> Option<Vec<u8>> {
        if *self == Self::default() {
            return None;
        }
        let mut bytes = Vec::new();
        // writing plain data to memory has no way to fail
        ciborium::into_writer(self, &mut bytes).ok()?;
        Some(bytes)
    }

    /// The state from its bytes; what cannot be read is as good as none.
    pub(in crate::redact) fn decoded(bytes: &[u8]) -> Self {
        ciborium::from_reader(bytes).unwrap_or_default()
    }
}
