//! The collector of cloud-init's logs, source `cloud-init`: the first boot of a VM. The output of its stages
//! (`cloud-init-output.log`) has no times except in the banners that the stages print; its own log (`cloud-init.log`)
//! states time, module, level and stage.

use crate::collect::follow::clock::LineClock;
use crate::collect::follow::{
    CarriedState, FollowOptions, FoundLogs, LogKind, LogLine, LogPlace, log_collector,
};
use crate::collect::names::stamp::FileStamp;
use crate::collect::recognise::{
    CONTINUES, Context, LineEvents, Recogniser, leading, level_of_log, mail,
};
use crate::collect::tail::chunked::{LinePiece, Parse};
use crate::collect::tail::context::Age;
use crate::collect::text;
use crate::collect::text::line::Line;
use crate::record::{Level, Metadata, Record, Source};
use crate::time::Micros;
use std::path::PathBuf;

/// The prefix of the origins of positions.
const ORIGIN: &str = "cloud-init:";

/// Options of a [`CloudInitCollector`].
#[derive(Debug, Clone)]
pub struct CloudInitOptions {
    /// The output of the stages; the file need not exist yet.
    pub output: PathBuf,
    /// cloud-init's own log, if it is read.
    pub log: Option<PathBuf>,
    /// How the logs are followed.
    pub follow: FollowOptions,
}

impl Default for CloudInitOptions {
    fn default() -> Self {
        Self {
            output: "/var/log/cloud-init-output.log".into(),
            log: Some("/var/log/cloud-init.log".into()),
            follow: FollowOptions::default(),
        }
    }
}

log_collector! {
    /// Follows cloud-init's logs.
    CloudInitCollector of CloudInit, set by CloudInitOptions
}

/// The two logs of cloud-init.
#[derive(Debug)]
struct CloudInit {
    options: CloudInitOptions,
    source: Source,
    recogniser: Recogniser,
}

impl CloudInit {
    fn new(options: CloudInitOptions) -> Self {
        let source = Source::new("cloud-init", "");
        Self {
            recogniser: options.follow.recognition.of(source.as_str()),
            options,
            source,
        }
    }
}

impl LogKind for CloudInit {
    type Log = CloudInitLog;

    fn name(&self) -> String {
        "cloud-init".to_owned()
    }

    fn prefix(&self) -> String {
        ORIGIN.to_owned()
    }

    fn title(&self) -> String {
        "logs of cloud-init".to_owned()
    }

    fn find(&self) -> FoundLogs {
        let CloudInitOptions { output, log, .. } = &self.options;
        let found = |path: &PathBuf| {
            let place = LogPlace {
                origin: format!("{ORIGIN}{}", path.display()),
                path: path.clone(),
            };
            (place, FileStamp::at(path))
        };
        FoundLogs {
            logs: std::iter::once(output).chain(log).map(found).collect(),
            ..FoundLogs::default()
        }
    }

    fn path_of(&self, origin: &str) -> Option<PathBuf> {
        origin.strip_prefix(ORIGIN).map(PathBuf::from)
    }

    fn forgets(&self) -> bool {
        false
    }

    fn reads_rotated(&self, _was_looked_for: bool) -> bool {
        false
    }

    fn options(&self) -> &FollowOptions {
        &self.options.follow
    }

    fn begin(&self, place: &LogPlace, carried: CarriedState) -> CloudInitLog {
        let name = place.path.file_name().unwrap_or_default();
        CloudInitLog {
            file: name.to_string_lossy().into_owned(),
            clock: LineClock::new(carried.known.map(Micros::new)),
            stage: carried.stage,
            events: carried.events,
            is_output: place.path == self.options.output,
        }
    }

    fn parse(&self) -> &Parse<'_> {
        &|line, give| give(LinePiece::Text(line))
    }

    fn record(&self, log: &mut CloudInitLog, line: LogLine<'_>) -> Record {
        let LogLine { line, age, .. } = line;
        let mut lines = LineState {
            file: &log.file,
            clock: &mut log.clock,
            stage: &mut log.stage,
            events: &mut log.events,
            recogniser: &self.recogniser,
        };
        if log.is_output {
            lines.output(&self.source, &line, age)
        } else {
            lines.log(&self.source, &line, age)
        }
    }

    fn carried(&self, log: &CloudInitLog) -> CarriedState {
        CarriedState {
            known: log.clock.known().map(Micros::get),
            stage: log.stage.clone(),
            events: log.events.clone(),
        }
    }
}

/// One of the logs.
#[derive(Debug)]
struct CloudInitLog {
    /// The name of the file, which distinguishes the two logs.
    file: String,
    clock: LineClock,
    /// The stage that is running.
    stage: Option<String>,
    /// The event that the next line may continue.
    events: LineEvents,
    is_output: bool,
}

/// The state after one line, for the next.
struct LineState<'a> {
    file: &'a str,
    clock: &'a mut LineClock,
    stage: &'a mut Option<String>,
    events: &'a mut LineEvents,
    recogniser: &'a Recogniser,
}

impl LineState<'_> {
    /// The record of a line that a stage or a script printed.
    fn output(&mut self, source: &Source, line: &Line<'_>, age: Age) -> Record {
        let banner = StageBanner::read(line.bytes);
        if let Some(banner) = &banner {
            *self.stage = banner.stage.map(str::to_owned);
        }
        let stated = banner.as_ref().map(|banner| banner.time);
        let mut metadata = self.metadata(line);
        let is_end = banner.is_some_and(|banner| banner.stage.is_none());
        if let Some(stage) = self.stage.as_ref() {
            metadata.insert("stage", stage.as_str());
        } else if is_end {
            metadata.insert("event_type", "cloud_init_finished");
        }
        let said = self.recogniser.read(
            (self.events, ""),
            line,
            age.guess(),
            Level::Info,
            &mut metadata,
        );
        Record {
            timestamp: self.clock.time(stated.or(said.time), age),
            source: source.clone(),
            level: said.level,
            message: said.message,
            metadata,
        }
    }

    /// The record of a line of cloud-init's own log: `2026-02-17 14:30:14,512 - util.py[DEBUG]: text`. The lines of a
    /// traceback have no head; they get the level and time of the line that they belong to.
    fn log(&mut self, source: &Source, line: &Line<'_>, age: Age) -> Record {
        let mut metadata = self.metadata(line);
        let head = LogHead::read(line.bytes, &self.recogniser.context(age.guess()));
        let event = self.events.of("", None);
        let mut level = event.level().unwrap_or(Level::Info);
        if let Some(head) = &head {
            metadata.insert("module", head.module);
            let report = StageReport::read(text_prefix(head.text));
            level = report
                .as_ref()
                .and_then(StageReport::level)
                .unwrap_or(head.level);
            if let Some(report) = report {
                report.describe(&mut metadata, self.stage);
            }
            event.begin(level);
        } else if event.level().is_some() {
            metadata.insert(CONTINUES, true);
        }
        if let (Some(stage), false) = (self.stage.as_ref(), metadata.contains_key("stage")) {
            metadata.insert("stage", stage.as_str());
        }
        let time = match (&head, self.clock.known()) {
            (None, Some(known)) => known,
            _ => self.clock.time(head.as_ref().map(|head| head.time), age),
        };
        // The record has fields of its own for the parts of the head.
        let text = head.map_or(line.bytes, |head| head.text);
        Self::record(source, text, time, level, metadata)
    }

    fn metadata(&self, line: &Line<'_>) -> Metadata {
        let mut metadata = Metadata::new();
        metadata.insert("file", self.file);
        line.mark(&mut metadata);
        metadata
    }

    fn record(
        source: &Source,
        text: &[u8],
        timestamp: Micros,
        level: Level,
        mut metadata: Metadata,
    ) -> Record {
        Record {
            timestamp,
            source: source.clone(),
            level,
            message: text::message(text, &mut metadata),
            metadata,
        }
    }
}

/// The line that a stage prints when it starts, and cloud-init when it is done.
#[derive(Debug, PartialEq, Eq)]
struct StageBanner<'a> {
    /// `init-local`, `init`, `modules:config`, `modules:final`; none when all is done.
    stage: Option<&'a str>,
    time: Micros,
}

impl<'a> StageBanner<'a> {
    /// Reads `Cloud-init v. 24.1 running 'init' at Tue, 17 Feb 2026 14:30:15 +0000. Up 12.30 seconds.` and `... finished at
    /// Tue, 17 Feb 2026 14:31:02 +0000. Datasource ...`.
    fn read(line: &'a [u8]) -> Option<Self> {
        /// Banners are shorter than this, including version and data source.
        const LENGTH_MAX: usize = 1024;
        let line = std::str::from_utf8(line.get(..LENGTH_MAX).unwrap_or(line)).ok()?;
        let rest = line.trim_start().strip_prefix("Cloud-init v. ")?;
        let (_version, rest) = rest.split_once(' ')?;
        let (stage, rest) = match rest.strip_prefix("running '") {
            Some(rest) => rest
                .split_once("' at ")
                .map(|(stage, rest)| (Some(stage), rest))?,
            None => (None, rest.strip_prefix("finished at ")?),
        };
        let date = rest.split_once('.').map_or(rest, |(date, _)| date);
        let time = mail(date)?;
        Some(Self { stage, time })
    }
}

/// The head of a line of cloud-init's own log.
#[derive(Debug, PartialEq, Eq)]
struct LogHead<'a> {
    time: Micros,
    module: &'a str,
    level: Level,
    text: &'a [u8],
}

impl<'a> LogHead<'a> {
    fn read(line: &'a [u8], context: &Context) -> Option<Self> {
        /// Longer than any module name and level.
        const HEAD_MAX: usize = 128;
        let (time, end) = leading(line, context)?;
        let rest = after_time(line.get(end..)?)?;
        let head = rest.get(..HEAD_MAX).unwrap_or(rest);
        let open = memchr::memchr(b'[', head)?;
        let close = open + memchr::memmem::find(head.get(open..)?, b"]:")?;
        let text = rest.get(close + 2..)?;
        Some(Self {
            time,
            module: std::str::from_utf8(head.get(..open)?).ok()?,
            level: level_of_log(head.get(open + 1..close)?)?,
            text: text.strip_prefix(b" ").unwrap_or(text),
        })
    }
}

/// The module and the rest of the line: `... - util.py[DEBUG]: text`, or Amazon's `... cloud-init[12]: util.py[DEBUG]: text`.
fn after_time(rest: &[u8]) -> Option<&[u8]> {
    /// Longer than a host name and the name of the program.
    const TAG_MAX: usize = 128;
    if let Some(rest) = rest.strip_prefix(b" - ") {
        return Some(rest);
    }
    let head = rest.get(..TAG_MAX).unwrap_or(rest);
    let tag = memchr::memmem::find(head, b" cloud-init[")?;
    let end = tag + memchr::memmem::find(head.get(tag..)?, b"]: ")?;
    rest.get(end + 3..)
}

/// The part of the beginning that is text, cut to the length of a stage's report.
fn text_prefix(bytes: &[u8]) -> &str {
    const LENGTH_MAX: usize = 1024;
    let bytes = bytes.get(..LENGTH_MAX).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default())
            .unwrap_or_default(),
    }
}

/// The report of a stage or module: `start: init-network/config-ssh: running config-ssh ...`, `finish:
/// init-network/config-ssh: SUCCESS: ...`.
#[derive(Debug, PartialEq, Eq)]
struct StageReport<'a> {
    event: &'static str,
    stage: &'a str,
    step: Option<&'a str>,
    result: Option<&'a str>,
}

impl<'a> StageReport<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (event, rest) = match text.strip_prefix("start: ") {
            Some(rest) => ("start", rest),
            None => ("finish", text.strip_prefix("finish: ")?),
        };
        let (name, rest) = rest.split_once(": ")?;
        let (stage, step) = match name.split_once('/') {
            Some((stage, step)) => (stage, Some(step)),
            None => (name, None),
        };
        let result = (event == "finish").then(|| rest.split(':').next().unwrap_or(rest));
        Some(Self {
            event,
            stage,
            step,
            result,
        })
    }

    /// A stage or module that failed states so in its result, but its line has the usual level.
    fn level(&self) -> Option<Level> {
        match self.result {
            Some("FAIL") => Some(Level::Error),
            Some("WARN") => Some(Level::Warn),
            _ => None,
        }
    }

    fn describe(&self, metadata: &mut Metadata, stage: &mut Option<String>) {
        let Self {
            event,
            step,
            result,
            ..
        } = *self;
        *stage = (event == "start" || step.is_some()).then(|| self.stage.to_owned());
        metadata.insert("event_type", format!("cloud_init_{event}"));
        metadata.insert("stage", self.stage);
        for (name, value) in [("step", step), ("result", result)] {
            if let Some(value) = value {
                metadata.insert(name.to_owned(), value);
            }
        }
    }
}
