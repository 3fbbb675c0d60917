//! The stored form of open secrets. It is kept with the positions of the sources, so that redaction continues after a restart.

use super::announced::Announcement;
use super::keys::OpenKey;
use super::parts::SavedLine;
use serde::Deserialize;
use serde::Serialize;

/// The prefix of the origins of these positions. The source follows it.
pub(super) const ORIGIN: &str = "redact:";

/// The open secrets of one source: counters, and the last bytes of incomplete lines as they were stored. All of it is in the store
/// anyway.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedSecrets {
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(in crate::redact) key: Option<OpenKey>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(super) announcement: Option<Announcement>,
    /// The lines that have not ended, one for each writer of the source.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lines: Vec<SavedLine>,
}

impl SavedSecrets {
    /// The encoded state, or `None` if nothing is open.
    pub(in crate::redact) fn encoded(&self) -> Option<Vec<u8>> {
        if *self == Self::default() {
            return None;
        }
        let mut bytes = Vec::new();
        // encoding plain data to memory cannot fail
        ciborium::into_writer(self, &mut bytes).ok()?;
        Some(bytes)
    }

    /// Decodes a state. One that cannot be read counts as empty.
    pub(in crate::redact) fn decoded(bytes: &[u8]) -> Self {
        ciborium::from_reader(bytes).unwrap_or_default()
    }
}
