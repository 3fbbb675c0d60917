//! The collector of microsandbox's folders: the captured output of every command in a sandbox, in `exec.log` and its
//! rotated files. The lines have the form of vmlog's own capture logs, but many commands share a log, and it is
//! rotated by renaming.

use crate::collect::follow::{
    CarriedState, FollowOptions, FoundLogs, LogKind, LogLine, LogPlace, log_collector,
};
use crate::collect::logs::stream_line::{StreamReader, written};
use crate::collect::names::stamp::FileStamp;
use crate::collect::recognise::time_field;
use crate::collect::tail::chunked::{LinePiece, Parse, StreamChunk, TORN};
use crate::collect::text;
use crate::opening::TrustedFolder;
use crate::record::{Level, Metadata, Record, Source};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The prefix of the origins of positions.
const ORIGIN: &str = "sandbox:";

/// Separates the parts of a stream's name.
const SEPARATOR: char = '\0';

/// Options of a [`SandboxCollector`].
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// The folder of the sandboxes; it need not exist yet.
    pub directory: PathBuf,
    /// How the logs are followed.
    pub follow: FollowOptions,
}

impl SandboxOptions {
    /// Follows the logs in `directory`.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            follow: FollowOptions::default(),
        }
    }
}

log_collector! {
    /// Follows the logs of all sandboxes.
    SandboxCollector of Sandboxes, set by SandboxOptions
}

#[derive(Debug)]
struct Sandboxes {
    options: SandboxOptions,
}

/// A sandbox whose log is being read.
#[derive(Debug)]
struct Sandbox {
    lines: StreamReader,
}

impl Sandboxes {
    fn new(options: SandboxOptions) -> Self {
        Self { options }
    }

    /// The path of a sandbox's log, which may be in one of two places.
    fn log_of(&self, name: &str) -> (PathBuf, Option<FileStamp>) {
        let folder = self.options.directory.join(name);
        let places = [folder.join("logs").join(LOG), folder.join(LOG)];
        let found = places
            .iter()
            .find_map(|path| Some((path.clone(), Some(FileStamp::at(path)?))));
        let [usual, _] = places;
        found.unwrap_or((usual, None))
    }
}

impl LogKind for Sandboxes {
    type Log = Sandbox;

    fn name(&self) -> String {
        "sandbox".to_owned()
    }

    fn prefix(&self) -> String {
        ORIGIN.to_owned()
    }

    fn title(&self) -> String {
        format!("sandboxes in {}", self.options.directory.display())
    }

    fn find(&self) -> FoundLogs {
        let mut found = FoundLogs {
            folders: vec![self.options.directory.clone()],
            ..FoundLogs::default()
        };
        let listed = TrustedFolder::open(&self.options.directory).and_then(|folder| {
            for entry in folder.names()? {
                let name = entry?.0.to_string_lossy().into_owned();
                let (path, stamp) = self.log_of(&name);
                if stamp.is_some() {
                    let origin = format!("{ORIGIN}{name}");
                    found.logs.push((LogPlace { origin, path }, stamp));
                }
            }
            Ok(())
        });
        if let Err(error) = listed {
            found.is_incomplete = error.kind() != io::ErrorKind::NotFound;
            if found.is_incomplete {
                let directory = self.options.directory.clone();
                found.troubles.push((directory, error));
            }
        }
        found
    }

    fn path_of(&self, origin: &str) -> Option<PathBuf> {
        let name = origin.strip_prefix(ORIGIN)?;
        Some(self.log_of(name).0)
    }

    /// The rotated files of a removed log are not read.
    fn is_gone(&self, path: &Path) -> bool {
        !path.exists()
    }

    fn reads_rotated(&self, _was_looked_for: bool) -> bool {
        false
    }

    fn torn(&self) -> Duration {
        TORN
    }

    fn options(&self) -> &FollowOptions {
        &self.options.follow
    }

    fn begin(&self, place: &LogPlace, carried: CarriedState) -> Sandbox {
        let name = place.origin.strip_prefix(ORIGIN).unwrap_or_default();
        let source = Source::new("sandbox", name);
        let recognition = &self.options.follow.recognition;
        Sandbox {
            lines: StreamReader::new(source, recognition, carried.events),
        }
    }

    fn parse(&self) -> &Parse<'_> {
        &parse
    }

    fn record(&self, log: &mut Sandbox, line: LogLine<'_>) -> Record {
        record(log, line)
    }

    fn carried(&self, log: &Sandbox) -> CarriedState {
        CarriedState {
            events: log.lines.events.clone(),
            ..CarriedState::default()
        }
    }
}

fn record(log: &mut Sandbox, mut line: LogLine<'_>) -> Record {
    let stream = line.stream.unwrap_or("malformed");
    line.stream = Some(stream);
    let (kind, session) = stream.split_once(SEPARATOR).unwrap_or((stream, ""));
    let is_event = kind == "system";
    let mut metadata = Metadata::new();
    let event_type = if is_event {
        "sandbox_event"
    } else {
        "process_output"
    };
    metadata.insert("event_type", event_type);
    metadata.insert("stream", kind);
    if !session.is_empty() {
        metadata.insert("session_id", number_or_text(session));
    }
    let usual = match kind {
        "stderr" | "malformed" => Level::Warn,
        _ => Level::Info,
    };
    if !is_event {
        return log.lines.record(&line, usual, metadata);
    }
    line.line.mark(&mut metadata);
    Record {
        timestamp: written(&line),
        source: log.lines.source.clone(),
        level: usual,
        message: text::message(line.line.bytes, &mut metadata),
        metadata,
    }
}

fn number_or_text(text: &str) -> Value {
    text.parse::<u64>()
        .map_or_else(|_| text.into(), Value::from)
}

/// The name of the log of a sandbox's commands.
const LOG: &str = "exec.log";

/// A line of a log.
#[derive(Debug, Deserialize)]
struct SandboxLine<'a> {
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

fn parse<'a>(line: &'a [u8], give: &mut dyn FnMut(LinePiece<'a>)) {
    give(chunk(line).map_or(LinePiece::Text(line), LinePiece::StreamChunk));
}

fn chunk(bytes: &[u8]) -> Option<StreamChunk<'_>> {
    let line: SandboxLine<'_> = serde_json::from_slice(bytes).ok()?;
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
        // Text that is not base64 is kept as it is.
        Some("b64") => STANDARD
            .decode(&*line.d)
            .unwrap_or_else(|_| line.d.into_owned().into_bytes()),
        _ => line.d.into_owned().into_bytes(),
    };
    if is_system && !data.ends_with(b"\n") {
        data.push(b'\n');
    }
    Some(StreamChunk {
        stream,
        time: time_field(line.t.as_bytes()),
        bytes: data.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::collector::{Batch, Collector};
    use crate::record::Positions;
    use std::fs;

    fn read(collector: &mut SandboxCollector, positions: &mut Positions) -> Vec<Record> {
        let mut batch = Batch::default();
        collector.follower.look_at_once();
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
        let found: Vec<String> = records
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
        assert_eq!(found, expected);
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
        assert!(positions.is_empty(), "a deleted log is forgotten");
    }

    #[test]
    fn distinguishes_sandboxes() {
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
