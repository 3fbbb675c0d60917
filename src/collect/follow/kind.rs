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

/// A log, where it is, and the name of its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogPlace {
    pub(crate) origin: String,
    pub(crate) path: PathBuf,
}

/// The logs that are there.
#[derive(Debug, Default)]
pub(crate) struct FoundLogs {
    /// Each with a stamp that shows changes; `None` where no file exists (yet).
    pub(crate) logs: Vec<(LogPlace, Option<FileStamp>)>,
    /// The folders that were looked into.
    pub(crate) folders: Vec<PathBuf>,
    /// Folders that could not be listed.
    pub(crate) troubles: Vec<(PathBuf, io::Error)>,
    /// Some logs may be missing here.
    pub(crate) is_incomplete: bool,
}

/// The state that a log carries from line to line, saved with its position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CarriedState {
    /// The newest time that a line stated.
    pub(crate) known: Option<i64>,
    /// The stage of cloud-init that is running.
    pub(crate) stage: Option<String>,
    /// The event of each stream that the next line may continue.
    pub(crate) events: LineEvents,
}

/// One kind of logs: where they are and how their lines become records.
pub(crate) trait LogKind: std::fmt::Debug + Send {
    /// The state of a log while it is open.
    type Log: std::fmt::Debug + Send;

    /// The name of its collector: `docker-json`, `file:nginx`.
    fn name(&self) -> String;

    /// The prefix of the names of all its positions.
    fn prefix(&self) -> String;

    /// A name for the logs in messages: `files that match /var/log/*.log`.
    fn title(&self) -> String;

    /// Finds the logs.
    fn find(&self) -> FoundLogs;

    /// The path of the log that a saved position belongs to, if it is known.
    fn path_of(&self, origin: &str) -> Option<PathBuf>;

    /// Whether a folder that cannot be listed is reported in a record.
    fn tells_troubles(&self) -> bool {
        true
    }

    /// Whether logs that are not found any more are forgotten.
    fn forgets(&self) -> bool {
        true
    }

    /// Whether a log that was not found will not come back.
    fn is_gone(&self, path: &Path) -> bool {
        // rotated files that are left were read: with the position that would be forgotten
        !path.exists()
            && sibling::list(path, &mut Names::default())
                .map_or(true, |siblings| siblings.is_empty())
    }

    /// The origin of the position that says that the logs were looked for before, where that matters.
    fn marker(&self) -> Option<String> {
        None
    }

    /// Whether a log that is found for the first time is read from the oldest of its rotated files on.
    fn reads_rotated(&self, was_looked_for: bool) -> bool;

    /// How the logs are followed.
    fn options(&self) -> &FollowOptions;

    /// How long an unterminated last line of the file waits for its end. A line of a stream waits as the options say.
    fn torn(&self) -> Duration {
        self.options().quiet
    }

    /// Begins to describe a log that is about to be read.
    fn begin(&self, place: &LogPlace, carried: CarriedState) -> Self::Log;

    /// Updates the state of a log before it is read again.
    fn refresh(&self, _log: &mut Self::Log, _place: &LogPlace) {}

    /// The parser of the lines of the log.
    fn parse(&self) -> &Parse<'_>;

    /// Makes a record. `ChunkedOutput::Own` never comes here.
    fn record(&self, log: &mut Self::Log, line: LogLine<'_>) -> Record;

    /// The report of a log that appeared since the last look, if it is to be reported.
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
    /// The stream that it belongs to; `None` for a log line of no known form.
    pub(crate) stream: Option<&'a str>,
    pub(crate) line: Line<'a>,
    /// The time that the log gives it.
    pub(crate) time: Option<Micros>,
    pub(crate) age: Age,
}
