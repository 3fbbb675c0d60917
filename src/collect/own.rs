//! Records about vmlog itself, from its collectors and its pipeline.

use crate::record::{Level, Metadata, Record, Source};
use crate::time::Micros;

/// The source of our own records.
pub const OWN_SOURCE: &str = "system:vmlog";

/// Makes a record of source [`OWN_SOURCE`] with the current time. `event_type` is one word for the event (`gap`,
/// `journal_missing`, ...) and becomes `metadata.event_type`.
#[must_use]
pub fn own_record(
    level: Level,
    event_type: &str,
    message: String,
    mut metadata: Metadata,
) -> Record {
    metadata.insert("event_type", event_type);
    Record {
        timestamp: Micros::now(),
        source: Source::new("system", "vmlog"),
        level,
        message,
        metadata,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_itself_and_the_event() {
        let mut metadata = Metadata::new();
        metadata.insert("count", 3);
        let record = own_record(
            Level::Warn,
            "gap",
            "3 entries are missing".to_owned(),
            metadata,
        );
        assert_eq!(record.source.as_str(), "system:vmlog");
        assert_eq!(record.metadata["event_type"], "gap");
        assert_eq!(record.metadata["count"], 3);
    }
}
