//! The interface between a follower and the collector whose logs it follows.

use super::options::FollowOptions;
use crate::collect::names::stamp::FileStamp;
use crate::collect::recognise::LineEvents;
use crate::collect::tail::chunked::Parse;
use crate::collect::tail::context::Age;
use crate::collect::tail::sibling::{self, Names};
use crate::collect::text::line::Line;
use crate::record::Record;
use crate::time::Micros;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A log: its path and the name of its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogPlace {
    pub(crate) origin: String,
    pub(crate) path: PathBuf,
}

/// The logs that exist.
#[derive(Debug, Default)]
pub(crate) struct FoundLogs {
    /// Each log with a stamp that shows changes; `None` if the file does not exist yet.
    pub(crate) logs: Vec<(LogPlace, Option<FileStamp>)>,
    /// The folders that were listed.
    pub(crate) folders: Vec<PathBuf>,
    /// Folders that could not be listed.
    pub(crate) troubles: Vec<(PathBuf, io::Error)>,
    /// Whether some logs may be missing in `logs`.
    pub(crate) is_incomplete: bool,
}

/// The state carried from line to line, saved with the position of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CarriedState {
    /// The newest time that a line stated.
    pub(crate) known: Option<i64>,
    /// The stage of cloud-init that is running.
    pub(crate) stage: Option<String>,
    /// The event of each stream that the next line may continue.
    pub(crate) events: LineEvents,
}

/// A kind of logs: where they are and how their lines become records.
pub(crate) trait LogKind: std::fmt::Debug + Send {
    /// The state of a log while it is open.
    type Log: std::fmt::Debug + Send;

    /// The name of its collector: `docker-json`, `file:nginx`.
    fn name(&self) -> String;

    /// The prefix of the names of all its positions.
    fn prefix(&self) -> String;

    /// A name for the logs in messages: `files that match /var/log/*.log`.
    fn title(&self) -> String;

    /// Finds the logs that exist.
    fn find(&self) -> FoundLogs;

    /// The path of the log that a saved position belongs to, if it is known.
    fn path_of(&self, origin: &str) -> Option<PathBuf>;

    /// Whether a folder that cannot be listed is reported in a record.
    fn tells_troubles(&self) -> bool {
        true
    }

    /// Whether the positions of deleted logs are removed.
    fn forgets(&self) -> bool {
        true
    }

    /// Whether a log that was not found will not come back.
    fn is_gone(&self, path: &Path) -> bool {
        // Rotated files may remain, but they were read; without the position that would be unknown.
        !path.exists()
            && sibling::list(path, &mut Names::default())
                .map_or(true, |siblings| siblings.is_empty())
    }

    /// The origin of a position that records that the logs were looked for before, if the kind needs that.
    fn marker(&self) -> Option<String> {
        None
    }

    /// Whether a log that is found for the first time is read from its oldest rotated file.
    fn reads_rotated(&self, was_looked_for: bool) -> bool;

    /// How the logs are followed.
    fn options(&self) -> &FollowOptions;

    /// How long an unterminated last line of the file waits for its end. A line of a stream waits as long as the
    /// options say.
    fn torn(&self) -> Duration {
        self.options().quiet
    }

    /// Creates the state of a log that is about to be read.
    fn begin(&self, place: &LogPlace, carried: CarriedState) -> Self::Log;

    /// Updates the state of a log before it is read again.
    fn refresh(&self, _log: &mut Self::Log, _place: &LogPlace) {}

    /// The parser of the lines of the log.
    fn parse(&self) -> &Parse<'_>;

    /// Makes a record of a line. Is never called with `ChunkedOutput::Own`.
    fn record(&self, log: &mut Self::Log, line: LogLine<'_>) -> Record;

    /// The report of a log that appeared since the last scan, if it has to be reported.
    fn appeared(&self, _log: &Self::Log) -> Option<Record> {
        None
    }

    /// The state to save with the position of the log.
    fn carried(&self, _log: &Self::Log) -> CarriedState {
        CarriedState::default()
    }
}

/// A line that becomes a record.
#[derive(Debug)]
pub(crate) struct LogLine<'a> {
    /// The stream that it belongs to; `None` for a log line of unknown form.
    pub(crate) stream: Option<&'a str>,
    pub(crate) line: Line<'a>,
    /// The time that the log gives it.
    pub(crate) time: Option<Micros>,
    pub(crate) age: Age,
}
