//! Lines that programs write to a stream: their level, message and fields.

use crate::collect::follow::LogLine;
use crate::collect::recognise::{LineEvents, Recognised, Recogniser, Recognition, progress};
use crate::collect::text::line::Line;
use crate::record::{Level, Metadata, Record, Source};
use crate::time::Micros;

/// Reads the lines of one source. Each of its streams has an event that a line may continue.
#[derive(Debug)]
pub(super) struct StreamReader {
    pub(super) source: Source,
    recogniser: Recogniser,
    pub(super) events: LineEvents,
}

impl StreamReader {
    pub(super) fn new(source: Source, recognition: &Recognition, events: LineEvents) -> Self {
        Self {
            recogniser: recognition.of(source.as_str()),
            source,
            events,
        }
    }

    /// Sets another name of the source for the following lines.
    pub(super) fn rename(&mut self, source: Source, recognition: &Recognition) {
        self.recogniser = recognition.of(source.as_str());
        self.source = source;
    }

    /// Reads a line. A line that states no level gets the `usual` one; its further fields go into `metadata`.
    pub(super) fn read(
        &mut self,
        line: &LogLine<'_>,
        usual: Level,
        metadata: &mut Metadata,
    ) -> Recognised {
        line.line.mark(metadata);
        let bytes = progress::last_state(line.line.bytes, &self.recogniser, metadata);
        let stream = (&mut self.events, line.stream.unwrap_or_default());
        let text = Line { bytes, ..line.line };
        self.recogniser
            .read(stream, &text, written(line), usual, metadata)
    }

    /// The record of a line, with the time that the log states.
    pub(super) fn record(
        &mut self,
        line: &LogLine<'_>,
        usual: Level,
        mut metadata: Metadata,
    ) -> Record {
        let said = self.read(line, usual, &mut metadata);
        Record {
            timestamp: written(line),
            source: self.source.clone(),
            level: said.level,
            message: said.message,
            metadata,
        }
    }
}

/// When a line was written: as the log states, or else as derived from the file.
pub(super) fn written(line: &LogLine<'_>) -> Micros {
    line.time.unwrap_or_else(|| line.age.guess())
}

/// The level of a line that states none: standard error is a warning.
pub(super) fn usual_level(stream: Option<&str>) -> Level {
    match stream {
        Some("stderr") => Level::Warn,
        _ => Level::Info,
    }
}
