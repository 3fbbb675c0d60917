//! The collector of microsandbox's folders: the captured output of every command in a sandbox, in `exec.log` and its rotated
//! siblings. The lines have the form of our own capture logs, but many commands share a log, and it is rotated by renaming.

use super::chunked::{Chunk, ChunkedState, ChunkedTail, Output};
use super::position::{forget, load, save};
use super::recognise::{Event, Events, Recogniser, Recognition};
use super::tail::{Desk, QUIET};
use super::{Batch, CatchUpMax, Collector, Error, Intake, line, text, time_field};
use crate::record::{Level, Metadata, Positions, Record, Source};
use crate::time::Micros;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often new logs are looked for; the folder itself is watched.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Logs followed at once, one a sandbox. Each costs a descriptor and a watch.
const LOGS_MAX: usize = 256;

/// A log that has not grown for this long is closed until it grows again: most commands are over.
const IDLE: Duration = Duration::from_mins(2);

/// The prefix of the origins of positions.
const ORIGIN: &str = "sandbox:";

/// Between the parts of a stream's name.
const SEPARATOR: char = '\0';

/// What a [`SandboxCollector`] follows.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// The folder of the sandboxes; it may come later.
    pub directory: PathBuf,
    /// After this time without growth an unterminated last line becomes a record.
    pub quiet: Duration,
    /// How their lines are recognised.
    pub recognition: Recognition,
    /// How much of rotated files that are found at once is read.
    pub catch_up_max: CatchUpMax,
}

impl SandboxOptions {
    /// Follows the logs in `directory`.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            quiet: QUIET,
            recognition: Recognition::default(),
            catch_up_max: CatchUpMax::default(),
        }
    }
}

/// Follows the logs of all sandboxes.
#[derive(Debug)]
pub struct SandboxCollector {
    options: SandboxOptions,
    /// The next to be read first.
    logs: VecDeque<Log>,
    /// Where former runs stopped, and logs that were closed.
    saved: Positions,
    looked: Option<Instant>,
    desk: Desk,
}

#[derive(Debug)]
struct Log {
    origin: String,
    tail: ChunkedTail,
    source: Source,
    recogniser: Recogniser,
    /// The event of each of its streams.
    events: Events,
    grew: Instant,
}

/// The value of a position, as CBOR.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    tail: ChunkedState,
    #[serde(default)]
    events: Events,
}

impl SandboxCollector {
    /// Goes on from where `positions` say. Nothing is opened before the first read.
    #[must_use]
    pub fn open(options: SandboxOptions, positions: &Positions) -> Self {
        let own = positions
            .iter()
            .filter(|(origin, _)| origin.starts_with(ORIGIN));
        Self {
            desk: Desk::new().within(options.catch_up_max),
            options,
            logs: VecDeque::new(),
            saved: own
                .map(|(origin, value)| (origin.clone(), value.clone()))
                .collect(),
            looked: None,
        }
    }

    fn look(&mut self, intake: &mut Intake<'_>) {
        if self
            .looked
            .is_some_and(|looked| looked.elapsed() < LOOK_EVERY)
        {
            return;
        }
        self.looked = Some(Instant::now());
        self.desk.watch.folder(&self.options.directory);
        let Self { logs, saved, .. } = self;
        logs.retain(|log| log.grew.elapsed() < IDLE || log.tail.due().is_some());
        let found = find(&self.options.directory);
        // a position of a log that is gone is of no use any more
        saved.retain(|origin, _| {
            let is_there = found.iter().any(|(name, _)| *origin == origin_of(name));
            let is_held = logs.iter().any(|log| log.origin == *origin);
            if !(is_there || is_held) {
                intake.position(forget(origin), None);
            }
            is_there || is_held
        });
        for (name, path) in found {
            let origin = origin_of(&name);
            let is_held = self.logs.iter().any(|log| log.origin == origin);
            if !is_held && self.logs.len() < LOGS_MAX && self.has_news(&path, &origin) {
                self.follow(&name, path, origin);
            }
        }
    }

    /// Whether a log that is not held has something to read.
    fn has_news(&self, path: &Path, origin: &str) -> bool {
        let Saved { tail, .. } = load(&self.saved, origin);
        let length = fs::metadata(path).map(|metadata| metadata.len()).ok();
        tail.reached().is_none() || tail.reached() != length
    }

    fn follow(&mut self, name: &str, path: PathBuf, origin: String) {
        let Saved { tail, events } = load(&self.saved, &origin);
        let source = Source::new("sandbox", name);
        self.logs.push_back(Log {
            origin,
            tail: ChunkedTail::new(path, tail, self.options.quiet),
            recogniser: self.options.recognition.of(source.as_str()),
            source,
            events,
            grew: Instant::now(),
        });
    }
}

impl Collector for SandboxCollector {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let mut intake = Intake::new(batch);
        let before = intake.count();
        self.look(&mut intake);
        self.desk.start();
        let mut result = Ok(());
        for log in &mut self.logs {
            // a log that cannot be read must not hold the others up
            result = result.and(log.read(&mut self.desk, &mut self.saved, &mut intake));
            if intake.is_full() {
                break;
            }
        }
        if intake.is_full() {
            self.logs.rotate_left(usize::from(!self.logs.is_empty()));
        }
        if intake.count() == before {
            self.desk.rest();
        }
        result
    }

    fn wait(&mut self, patience: Duration) {
        let due = self.logs.iter().filter_map(|log| log.tail.due());
        let look = self.looked.map(|looked| looked + LOOK_EVERY);
        self.desk.wait(due.chain(look).min(), patience);
    }

    fn parts(&mut self, batch: &mut Batch) -> Result<Vec<Micros>, Error> {
        self.look(&mut Intake::new(batch));
        Ok(vec![Micros::MIN; self.logs.len()])
    }

    fn read_part(&mut self, part: usize, batch: &mut Batch) -> Result<(), Error> {
        let Some(log) = self.logs.get_mut(part) else {
            return Ok(());
        };
        self.desk.start();
        log.read(&mut self.desk, &mut self.saved, &mut Intake::new(batch))
    }
}

impl Log {
    fn read(
        &mut self,
        desk: &mut Desk,
        positions: &mut Positions,
        intake: &mut Intake<'_>,
    ) -> Result<(), Error> {
        let Self {
            tail,
            source,
            recogniser,
            events,
            ..
        } = self;
        let before = intake.count();
        let result = tail.read(desk, &parse, &mut |output| {
            match output {
                Output::Own(record) => intake.push(record),
                Output::Line {
                    stream,
                    line,
                    time,
                    age,
                } => {
                    let time = time.unwrap_or_else(|| age.guess());
                    let event = events.of(stream);
                    intake.push(record(source, stream, &line, time, (recogniser, event)));
                }
                Output::Malformed(line, age) => {
                    let mut event = Event::default();
                    intake.push(record(
                        source,
                        "malformed",
                        &line,
                        age.guess(),
                        (recogniser, &mut event),
                    ));
                }
            }
            intake.flow()
        });
        if intake.count() > before {
            self.grew = desk.now;
        }
        if let Some(tail) = self.tail.state() {
            let reached = tail.reached();
            let position = save(
                &self.origin,
                &Saved {
                    tail,
                    events: self.events.clone(),
                },
            );
            if let Some(value) = &position.value {
                positions.insert(self.origin.clone(), value.clone());
            }
            intake.position(position, reached);
        }
        result
    }
}

fn record(
    source: &Source,
    stream: &str,
    line: &line::Line<'_>,
    time: Micros,
    (recogniser, event): (&Recogniser, &mut Event),
) -> Record {
    let (kind, session) = stream.split_once(SEPARATOR).unwrap_or((stream, ""));
    let is_event = kind == "system";
    let event_type = if is_event {
        "sandbox_event"
    } else {
        "process_output"
    };
    let mut metadata = Metadata::new();
    metadata.insert("event_type", event_type);
    metadata.insert("stream", kind);
    if !session.is_empty() {
        metadata.insert("session_id", number_or_text(session));
    }
    line.mark(&mut metadata);
    let usual = match kind {
        "stderr" | "malformed" => Level::Warn,
        _ => Level::Info,
    };
    let (level, message) = if is_event {
        (usual, text::message(line.bytes, &mut metadata))
    } else {
        let said = recogniser.read(event, line, time, usual, &mut metadata);
        (said.level, said.message)
    };
    Record {
        timestamp: time,
        source: source.clone(),
        level,
        message,
        metadata,
    }
}

fn number_or_text(text: &str) -> Value {
    text.parse::<u64>()
        .map_or_else(|_| text.into(), Value::from)
}

/// The sandboxes in the folder, by name, and their logs.
fn find(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let logs = folders.take(10 * LOGS_MAX).filter_map(|folder| {
        let name = folder.file_name()?.to_string_lossy().into_owned();
        let places = [folder.join("logs").join(LOG), folder.join(LOG)];
        let log = places.into_iter().find(|path| path.is_file())?;
        Some((name, log))
    });
    let mut logs: Vec<_> = logs.collect();
    logs.sort();
    logs.truncate(LOGS_MAX);
    logs
}

/// What a sandbox calls the log of its commands.
const LOG: &str = "exec.log";

fn origin_of(name: &str) -> String {
    format!("{ORIGIN}{name}")
}

/// A line of a log.
#[derive(Debug, Deserialize)]
struct LogLine<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    d: Cow<'a, str>,
    #[serde(default)]
    id: Option<u64>,
    #[serde(borrow, default)]
    e: Option<Cow<'a, str>>,
}

fn parse(bytes: &[u8]) -> Option<Chunk<'_>> {
    let line: LogLine<'_> = serde_json::from_slice(bytes).ok()?;
    let is_system = line.s == "system";
    if !is_system && !matches!(&*line.s, "stdout" | "stderr" | "output") {
        return None;
    }
    let mut stream = line.s.into_owned();
    stream.push(SEPARATOR);
    if let Some(id) = line.id {
        stream.push_str(&id.to_string());
    }
    let mut data = match line.e.as_deref() {
        // what is no base64 is taken as it is
        Some("b64") => STANDARD
            .decode(&*line.d)
            .unwrap_or_else(|_| line.d.into_owned().into_bytes()),
        _ => line.d.into_owned().into_bytes(),
    };
    if is_system && !data.ends_with(b"\n") {
        data.push(b'\n');
    }
    Some(Chunk {
        stream,
        time: time_field(line.t.as_bytes()),
        bytes: data.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(collector: &mut SandboxCollector, positions: &mut Positions) -> Vec<Record> {
        let mut batch = Batch::default();
        collector.looked = None;
        collector.read(&mut batch).unwrap();
        for position in batch.positions {
            match position.value {
                Some(value) => drop(positions.insert(position.origin, value)),
                None => drop(positions.remove(&position.origin)),
            }
        }
        batch.records
    }

    fn sandbox(dir: &Path, log: &str, lines: &[&str]) -> PathBuf {
        let path = dir.join(log);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
        path
    }

    #[test]
    fn chunks_of_commands_side_by_side_are_joined_to_lines() {
        let dir = tempfile::tempdir().unwrap();
        let lines = [
            r#"{"t":"2026-04-30T20:32:58Z","s":"system","d":"--- sandbox started ---\n"}"#,
            r#"{"t":"2026-04-30T20:32:59.1Z","s":"stdout","d":"added \u001b[32m1","id":7}"#,
            r#"{"t":"2026-04-30T20:32:59.2Z","s":"stdout","d":"other\n","id":8}"#,
            r#"{"t":"2026-04-30T20:32:59.3Z","s":"stderr","d":"npm ERR! code\n\n","id":7}"#,
            r#"{"t":"2026-04-30T20:32:59.4Z","s":"stdout","d":" package\n","id":7}"#,
            r#"{"t":"2026-04-30T20:32:59.5Z","s":"output","d":"/woK","e":"b64","id":9}"#,
            "nonsense",
        ];
        let path = sandbox(dir.path(), "box/logs/exec.log", &lines);
        let mut positions = Positions::new();
        let options = SandboxOptions::new(dir.path());
        let mut collector = SandboxCollector::open(options.clone(), &positions);
        let records = read(&mut collector, &mut positions);
        let told: Vec<String> = records
            .iter()
            .map(|record| {
                let of = |name: &str| {
                    record
                        .metadata
                        .get(name)
                        .map_or(String::new(), ToString::to_string)
                };
                format!(
                    "{} {} {} {:?}",
                    of("stream"),
                    of("session_id"),
                    record.level,
                    record.message
                )
            })
            .collect();
        let expected = [
            r#""system"  info "--- sandbox started ---""#,
            r#""stdout" 8 info "other""#,
            r#""stderr" 7 error "npm ERR! code""#,
            r#""stderr" 7 warn """#,
            r#""stdout" 7 info "added \u{1b}[32m1 package""#,
            "\"output\" 9 info \"\u{fffd}\"",
            r#""output" 9 info """#,
            r#""malformed"  warn "nonsense""#,
        ];
        assert_eq!(told, expected);
        assert!(
            records
                .iter()
                .all(|record| record.source.as_str() == "sandbox:box")
        );

        let mut again = SandboxCollector::open(options.clone(), &positions);
        assert!(read(&mut again, &mut positions).is_empty());
        fs::remove_file(&path).unwrap();
        let mut empty = SandboxCollector::open(options, &positions);
        read(&mut empty, &mut positions);
        assert!(positions.is_empty(), "a log that is gone is forgotten");
    }

    #[test]
    fn sandboxes_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let line = r#"{"t":"2026-04-30T20:32:59Z","s":"stdout","d":"hi\n","id":1}"#;
        sandbox(dir.path(), "one/logs/exec.log", &[line]);
        sandbox(dir.path(), "two/logs/exec.log", &[line]);
        sandbox(dir.path(), "three/exec.log", &[line]);
        fs::write(dir.path().join("run.log"), line).unwrap();
        let mut positions = Positions::new();
        let mut collector = SandboxCollector::open(SandboxOptions::new(dir.path()), &positions);
        let records = read(&mut collector, &mut positions);
        let mut sources: Vec<&str> = records
            .iter()
            .map(|record| record.source.as_str())
            .collect();
        sources.sort_unstable();
        assert_eq!(sources, ["sandbox:one", "sandbox:three", "sandbox:two"]);
        assert_eq!(positions.len(), 3);
    }
}
