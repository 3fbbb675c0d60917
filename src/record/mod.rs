//! The record: the one type that flows from every source to every reader.

pub(crate) mod json;
mod metadata;

pub use metadata::{Key, Metadata};

use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One event, as a collector saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When it happened, by the clock of its source.
    pub timestamp: Micros,
    /// The program or file that logged it.
    pub source: Source,
    /// Its severity.
    pub level: Level,
    /// The text. Bytes that are not UTF-8 are replaced by U+FFFD; the original is in `metadata.message_base64`, as base64.
    pub message: String,
    /// All other known facts.
    pub metadata: Metadata,
}

impl Record {
    /// Approximate memory of the record; cheap to compute.
    pub(crate) fn bytes_about(&self) -> usize {
        /// The structure and the overhead of its texts.
        const OWN: usize = 192;
        /// A short value and its key, each allocated, and their slot in the list.
        const FIELD: usize = 110;
        let long: usize = self.metadata.values().map(long_text_bytes).sum();
        OWN + self.message.len() + self.metadata.len() * FIELD + long
    }
}

#[cfg(feature = "app")]
impl Record {
    /// Truncates the message and removes long metadata, and records both in the metadata.
    pub(crate) fn shortened(self, message_bytes_max: usize, value_bytes_max: usize) -> Self {
        let Self {
            mut message,
            metadata,
            ..
        } = self;
        let (length, before) = (message.len(), metadata.len());
        message.truncate(message.floor_char_boundary(message_bytes_max));
        message.shrink_to_fit();
        let is_short = |(key, value): &(Key, serde_json::Value)| {
            key.len() + long_text_bytes(value) <= value_bytes_max
        };
        let short = metadata.into_iter().filter(is_short);
        let mut metadata: Metadata = short.take(FIELDS_SHORT_MAX).collect();
        let left_out = before - metadata.len();
        if left_out > 0 {
            metadata.insert("fields_left_out", left_out);
        }
        if message.len() < length {
            metadata.insert("message_bytes", length);
        }
        Self {
            message,
            metadata,
            ..self
        }
    }
}

/// The number of pairs that shortened metadata keeps; more than well-behaved programs write.
#[cfg(feature = "app")]
const FIELDS_SHORT_MAX: usize = 1_024;

/// The memory of a value beyond that of a short one.
fn long_text_bytes(value: &serde_json::Value) -> usize {
    /// Counted for each value elsewhere.
    const SHORT: usize = 40;
    match value {
        serde_json::Value::String(text) => text.len().saturating_sub(SHORT),
        serde_json::Value::Array(values) => {
            let own = values.len() * SHORT;
            own + values.iter().map(long_text_bytes).sum::<usize>()
        }
        serde_json::Value::Object(map) => {
            let keys: usize = map.keys().map(|key| SHORT + key.len()).sum();
            keys + map.values().map(long_text_bytes).sum::<usize>()
        }
        _ => 0,
    }
}

/// A record in the store, with the id by which every interface names it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// The record's number in the order of arrival.
    pub id: Id,
    /// The record itself.
    pub record: Record,
}

/// A record's number: starts at 1, contiguous, in order of arrival, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The severity of a record; ordered, `Debug` lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the developers of the program.
    Debug,
    /// Normal operation.
    Info,
    /// A condition that may become a failure.
    Warn,
    /// A failure.
    Error,
}

impl Level {
    /// All levels, lowest first: `ALL[level.index()] == level`.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The level's place in [`Level::ALL`], which is also its number on disk.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The level with this number.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// Its name, equal in all interfaces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The words and numbers that logging systems use for levels, in any case.
impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        match text.to_ascii_lowercase().as_str() {
            "debug" | "trace" | "7" => Ok(Self::Debug),
            "info" | "notice" | "5" | "6" => Ok(Self::Info),
            "warn" | "warning" | "4" => Ok(Self::Warn),
            "error" | "err" | "critical" | "crit" | "alert" | "emerg" | "fatal" | "0" | "1"
            | "2" | "3" => Ok(Self::Error),
            _ => Err(LevelError {
                found: text.to_owned(),
            }),
        }
    }
}

/// A word that does not name a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelError {
    found: String,
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "level must be one of debug, info, warn, error; got {:?}",
            self.found
        )
    }
}

impl std::error::Error for LevelError {}

/// The name of a log source: `cloud-init`, `system:ssh`, `docker:web`, `file:nginx`. 1 to [`Source::LENGTH_MAX`] bytes of UTF-8
/// without control characters. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Arc<str>);

impl Source {
    /// The kinds of other collectors, which a captured command cannot use (`format-spec/capture.md`).
    pub const RESERVED_KINDS: [&str; 7] = [
        "system",
        "user",
        "docker",
        "cloud-init",
        "file",
        "sandbox",
        "event",
    ];

    /// Whether the source belongs to a collector other than that of captured commands.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let name = self.as_str();
        let kind = name.split_once(':').map_or(name, |(kind, _)| kind);
        Self::RESERVED_KINDS.contains(&kind)
    }

    /// Unit names and container names have at most 255 bytes; the kind and its colon precede them.
    pub const LENGTH_MAX: usize = 300;

    /// A source of this `kind` (`system`, `docker`, ...) and foreign `name`: control characters become U+FFFD and a long name is
    /// truncated, so that no name causes records to be lost. With an empty name, the source is the kind alone.
    #[must_use]
    pub fn new(kind: &str, name: &str) -> Self {
        let mut text = String::with_capacity(kind.len() + 1 + name.len());
        text.push_str(kind);
        if !name.is_empty() {
            text.push(':');
            if name.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
                text.push_str(name);
            } else {
                text.extend(name.chars().map(|c| {
                    if c.is_control() {
                        char::REPLACEMENT_CHARACTER
                    } else {
                        c
                    }
                }));
            }
        }
        text.truncate(text.floor_char_boundary(Self::LENGTH_MAX));
        Self(text.into())
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if text.is_empty() || text.len() > Self::LENGTH_MAX || text.chars().any(char::is_control) {
            return Err(SourceError {
                found: text.chars().take(40).collect(),
            });
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is not a valid source name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    found: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found } = self;
        write!(
            f,
            "a source is 1 to {} bytes without control characters; got {found:?}",
            Source::LENGTH_MAX
        )
    }
}

impl std::error::Error for SourceError {}

/// How far a collector has read one of its origins. It is committed with the records that it covers; after a restart the
/// collector gets it back and continues exactly there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The origin: the name of the collector and of the thing that it reads (`journal:<file id>`, `file:<path>`).
    pub origin: String,
    /// Opaque data of the collector; `None` removes the origin.
    pub value: Option<Vec<u8>>,
}

/// The newest position of every origin.
pub type Positions = std::collections::BTreeMap<String, Vec<u8>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_counts_long_values_at_any_depth() {
        let long = || "x".repeat(1_000_000);
        let bytes = |value: serde_json::Value| {
            let record = Record {
                timestamp: Micros::new(0),
                source: Source::new("file", "x"),
                level: Level::Info,
                message: String::new(),
                metadata: Metadata::of_pairs(vec![("key".into(), value)]),
            };
            record.bytes_about()
        };
        assert!(bytes(serde_json::json!(1)) < 500);
        assert!(bytes(long().into()) > 999_000);
        assert!(bytes(serde_json::json!([long(), {"a": long()}])) > 1_999_000);
    }

    #[test]
    fn levels_are_ordered_and_numbered() {
        assert!(
            Level::Debug < Level::Info && Level::Info < Level::Warn && Level::Warn < Level::Error
        );
        for (index, level) in Level::ALL.into_iter().enumerate() {
            assert_eq!(level.index(), index);
            assert_eq!(Level::from_index(index), Some(level));
            assert_eq!(level.as_str().parse(), Ok(level));
        }
        assert_eq!(Level::from_index(4), None);
    }

    #[test]
    fn levels_are_read_in_all_vocabularies() {
        assert_eq!("WARNING".parse(), Ok(Level::Warn));
        assert_eq!("CRITICAL".parse(), Ok(Level::Error));
        assert_eq!("5".parse(), Ok(Level::Info));
        assert_eq!("7".parse(), Ok(Level::Debug));
        let error = "loud".parse::<Level>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "level must be one of debug, info, warn, error; got \"loud\""
        );
    }

    #[test]
    fn a_hostile_name_becomes_a_valid_source() {
        assert_eq!(
            Source::new("docker", "a\nb\u{1b}[31m").as_str(),
            "docker:a\u{fffd}b\u{fffd}[31m"
        );
        assert_eq!(Source::new("cloud-init", "").as_str(), "cloud-init");
        let long = Source::new("system", &"\u{20ac}".repeat(200));
        assert!(long.as_str().len() <= Source::LENGTH_MAX);
        assert_eq!(
            long.as_str().parse(),
            Ok(long.clone()),
            "what is made can be read"
        );
    }

    #[test]
    fn a_bad_name_is_refused() {
        for text in ["", "a\0b", "x\u{9b}y", &"x".repeat(301)] {
            assert!(text.parse::<Source>().is_err(), "{text:?}");
        }
        let error = "a\tb".parse::<Source>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a source is 1 to 300 bytes without control characters; got \"a\\tb\""
        );
    }
}
