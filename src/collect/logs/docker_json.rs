//! The collector of Docker's json-file logs: `<id>/<id>-json.log` below the folder of the containers, each line
//! `{"log":"text\n","stream":"stdout","time":"2026-02-17T14:30:15.123456789Z"}`. Records have the source `docker:<name>`, as
//! those that come through the journal.

use crate::collect::collector::Batch;
use crate::collect::collector::Collector;
use crate::collect::collector::Error;
use crate::collect::follow::{
    CarriedState, Follower, FoundLogs, LogKind, LogLine, LogPlace, Survey, survey,
};
use crate::collect::names::stamp::FileStamp;
use crate::collect::recognise::progress;
use crate::collect::recognise::time_field;
use crate::collect::recognise::{LineEvents, Recogniser, Recognition};
use crate::collect::tail::backlog::CatchUpMax;
use crate::collect::tail::chunked::{LinePiece, Parse, StreamChunk, TORN};
use crate::collect::tail::path::QUIET;
use crate::collect::tail::sibling;
use crate::collect::text::line::Line;
use crate::opening::{self, TrustedFolder};
use crate::record::{Level, Metadata, Positions, Record, Source};
use crate::time::Micros;
use serde::Deserialize;
use std::borrow::Cow;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often the description of a container that is being read is looked at: a new name is news within this time.
const DESCRIBE_EVERY: Duration = Duration::from_secs(5);

/// Docker's description of a container is some kilobytes long; more than this is none.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// The prefix of the origins of positions.
const ORIGIN: &str = "docker-json:";

/// What a [`DockerJsonCollector`] follows.
#[derive(Debug, Clone)]
pub struct DockerJsonOptions {
    /// Where Docker keeps its containers; it may come later.
    pub directory: PathBuf,
    /// After this time without growth an unterminated last line becomes a record.
    pub quiet: Duration,
    /// How their lines are recognised.
    pub recognition: Recognition,
    /// How much of rotated files that are found at once is read.
    pub catch_up_max: CatchUpMax,
}

impl Default for DockerJsonOptions {
    fn default() -> Self {
        Self {
            directory: "/var/lib/docker/containers".into(),
            quiet: QUIET,
            recognition: Recognition::default(),
            catch_up_max: CatchUpMax::default(),
        }
    }
}

/// Follows the logs of all containers.
#[derive(Debug)]
pub struct DockerJsonCollector {
    follower: Follower<Containers>,
}

impl DockerJsonCollector {
    /// Goes on from where `positions` say. Nothing is opened before the first read.
    #[must_use]
    pub fn open(options: DockerJsonOptions, positions: &Positions) -> Self {
        Self {
            follower: Follower::new(Containers { options }, positions),
        }
    }

    /// What would be read if it began now.
    #[must_use]
    pub fn survey(options: DockerJsonOptions) -> Survey {
        survey(&Containers { options })
    }
}

impl Collector for DockerJsonCollector {
    fn name(&self) -> &'static str {
        "docker-json"
    }

    fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        self.follower.read(batch);
        Ok(())
    }

    fn wait(&mut self, patience: Duration) {
        self.follower.wait(patience);
    }

    fn parts(&mut self, batch: &mut Batch) -> Result<Vec<Micros>, Error> {
        Ok(self.follower.parts(batch))
    }

    fn read_part(&mut self, part: usize, batch: &mut Batch) -> Result<(), Error> {
        self.follower.read_part(part, batch);
        Ok(())
    }
}

#[derive(Debug)]
struct Containers {
    options: DockerJsonOptions,
}

/// A container while its log is being read.
#[derive(Debug)]
struct Container {
    id: String,
    source: Source,
    recogniser: Recogniser,
    /// The event of each of its streams.
    events: LineEvents,
    /// What every record of the container says.
    metadata: Metadata,
    /// When its description was written; it is when the container was renamed that it changes.
    described: Option<SystemTime>,
    /// When that was looked at.
    looked: Option<Instant>,
}

impl Containers {
    fn log_of(&self, id: &str) -> PathBuf {
        let folder = self.options.directory.join(id);
        folder.join(format!("{id}-json.log"))
    }
}

impl LogKind for Containers {
    type Log = Container;

    fn prefix(&self) -> String {
        ORIGIN.to_owned()
    }

    fn title(&self) -> String {
        format!("containers in {}", self.options.directory.display())
    }

    fn find(&self) -> FoundLogs {
        let directory = &self.options.directory;
        let mut found = FoundLogs {
            folders: vec![directory.clone()],
            ..FoundLogs::default()
        };
        let listed = TrustedFolder::open(directory).and_then(|folder| {
            for entry in folder.names()? {
                let (name, _) = entry?;
                let Some(id) = name.to_str().filter(|name| is_id(name)) else {
                    continue;
                };
                let path = self.log_of(id);
                let stamp = FileStamp::at(&path);
                let origin = format!("{ORIGIN}{id}");
                found.logs.push((LogPlace { origin, path }, stamp));
            }
            Ok(())
        });
        if let Err(error) = listed {
            found.is_incomplete = error.kind() != io::ErrorKind::NotFound;
            if found.is_incomplete {
                found.troubles.push((directory.clone(), error));
            }
        }
        found
    }

    /// Whoever is not root may not look there, and most containers log to the journal then: `vmlog doctor` says so.
    fn tells_troubles(&self) -> bool {
        false
    }

    fn path_of(&self, origin: &str) -> Option<PathBuf> {
        origin.strip_prefix(ORIGIN).map(|id| self.log_of(id))
    }

    /// While its folder is there, a container may log again.
    fn is_gone(&self, path: &Path) -> bool {
        !sibling::folder(path).exists()
    }

    /// What Docker rotated before a container was seen is a part of its log.
    fn reads_rotated(&self, _was_looked_for: bool) -> bool {
        true
    }

    fn catch_up_max(&self) -> CatchUpMax {
        self.options.catch_up_max
    }

    fn torn(&self) -> Duration {
        TORN
    }

    fn quiet(&self) -> Duration {
        self.options.quiet
    }

    fn begin(&self, place: &LogPlace, carried: CarriedState) -> Container {
        let id = place.origin.strip_prefix(ORIGIN).unwrap_or_default();
        let source = Source::new("docker", short(id));
        Container {
            id: id.to_owned(),
            recogniser: self.options.recognition.of(source.as_str()),
            source,
            events: carried.events,
            metadata: Metadata::new(),
            described: None,
            looked: None,
        }
    }

    fn refresh(&self, log: &mut Container, place: &LogPlace) {
        let is_fresh = log
            .looked
            .is_some_and(|looked| looked.elapsed() < DESCRIBE_EVERY);
        // its folder may be found before its description is there
        if log.described.is_none() || !is_fresh {
            log.describe(sibling::folder(&place.path), &self.options.recognition);
            log.looked = Some(Instant::now());
        }
    }

    fn parse(&self) -> &Parse<'_> {
        &parse
    }

    fn record(&self, log: &mut Container, line: LogLine<'_>) -> Record {
        let LogLine {
            stream,
            line,
            time,
            age,
        } = line;
        // a line that was cut by a crash, or that Docker did not write: better seen than lost
        let stream = stream.unwrap_or("malformed");
        let mut metadata = log.metadata.clone();
        metadata.insert("stream", stream);
        line.mark(&mut metadata);
        let by_stream = if stream == "stdout" {
            Level::Info
        } else {
            Level::Warn
        };
        let timestamp = time.unwrap_or_else(|| age.guess());
        let bytes = progress::last_state(line.bytes, &log.recogniser, &mut metadata);
        let event = log.events.of(stream);
        let line = Line { bytes, ..line };
        let said = log
            .recogniser
            .read(event, &line, timestamp, by_stream, &mut metadata);
        Record {
            timestamp,
            source: log.source.clone(),
            level: said.level,
            message: said.message,
            metadata,
        }
    }

    fn carried(&self, log: &Container) -> CarriedState {
        CarriedState {
            events: log.events.clone(),
            ..CarriedState::default()
        }
    }
}

impl Container {
    /// Reads the name and the image of the container, when they may have changed.
    fn describe(&mut self, folder: &Path, recognition: &Recognition) {
        let path = folder.join("config.v2.json");
        let written = modified(&path);
        if written.is_none() && !self.metadata.is_empty()
            || written.is_some() && written == self.described
        {
            return;
        }
        let config = read_config(&path);
        self.described = written.filter(|_| config.is_some());
        let config = config.unwrap_or_default();
        let name = config.name.trim_start_matches('/');
        let name = if name.is_empty() {
            short(&self.id)
        } else {
            name
        };
        self.source = Source::new("docker", name);
        self.recogniser = recognition.of(self.source.as_str());
        self.metadata.insert("container_name", name);
        self.metadata.insert("container_id", short(&self.id));
        self.metadata.insert("container_id_full", self.id.as_str());
        if !config.config.image.is_empty() {
            self.metadata.insert("image_name", config.config.image);
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// A line as Docker writes it.
#[derive(Debug, Deserialize)]
struct DockerLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

impl<'a> DockerLine<'a> {
    fn chunk(self) -> StreamChunk<'a> {
        StreamChunk {
            stream: self.stream.into_owned(),
            time: time_field(self.time.as_bytes()),
            bytes: match self.log {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }
}

/// How every line of Docker begins. Within a text the quotes would be escaped.
const BEGINNING: &[u8] = br#"{"log":"#;

/// Gives what a line holds. After a crash a line may be half of one, with the next one glued to it.
fn parse<'a>(line: &'a [u8], give: &mut dyn FnMut(LinePiece<'a>)) {
    if let Ok(whole) = serde_json::from_slice::<DockerLine<'_>>(line) {
        return give(LinePiece::StreamChunk(whole.chunk()));
    }
    let mut rest = line;
    while !rest.is_empty() {
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<DockerLine<'a>>();
        let read = stream.next();
        let length = if let Some(Ok(chunk)) = read {
            give(LinePiece::StreamChunk(chunk.chunk()));
            stream.byte_offset().max(1)
        } else {
            let behind = rest.get(1..).unwrap_or_default();
            let next = memchr::memmem::find(behind, BEGINNING);
            let length = next.map_or(rest.len(), |at| at + 1);
            give(LinePiece::Text(rest.get(..length).unwrap_or(rest)));
            length
        };
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// As much of Docker's description of a container as is of use.
#[derive(Debug, Default, Deserialize)]
struct ContainerConfig {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Config", default)]
    config: ContainerSettings,
}

#[derive(Debug, Default, Deserialize)]
struct ContainerSettings {
    #[serde(rename = "Image", default)]
    image: String,
}

fn read_config(path: &Path) -> Option<ContainerConfig> {
    let mut text = Vec::new();
    let file = opening::trusted_unlinked(path).ok()?;
    file.take(CONFIG_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether a folder is that of a container.
fn is_id(name: &str) -> bool {
    name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The form in which Docker shows ids.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn append(dir: &Path, text: &str) {
        let path = dir.join(ID).join(format!("{ID}-json.log"));
        let mut options = fs::OpenOptions::new();
        options
            .append(true)
            .create(true)
            .open(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn read(collector: &mut DockerJsonCollector, positions: &mut Positions) -> Vec<Record> {
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

    #[test]
    fn containers_are_found_named_and_followed() {
        let dir = tempfile::tempdir().unwrap();
        let mut positions = Positions::new();
        let options = DockerJsonOptions {
            directory: dir.path().to_owned(),
            ..DockerJsonOptions::default()
        };
        let mut collector = DockerJsonCollector::open(options.clone(), &positions);
        assert!(read(&mut collector, &mut positions).is_empty());
        fs::create_dir(dir.path().join(ID)).unwrap();
        let config = r#"{"ID":"x","Name":"/web","Config":{"Image":"nginx:1"}}"#;
        fs::write(dir.path().join(ID).join("config.v2.json"), config).unwrap();
        append(
            dir.path(),
            concat!(
                r#"{"log":"hello \u001b[31mred\n","stream":"stdout","time":"2026-02-17T14:30:15.123456789Z"}"#,
                "\n",
                r#"{"log":"one ","stream":"stderr","time":"2026-02-17T14:30:16Z"}"#,
                "\n",
                r#"{"log":"[ERROR] x\n","stream":"stdout","time":"2026-02-17T14:30:17Z"}"#,
                "\n",
            ),
        );
        let records = read(&mut collector, &mut positions);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].message, "hello \u{1b}[31mred");
        assert_eq!(records[0].source.as_str(), "docker:web");
        assert_eq!(
            records[0].timestamp.to_string(),
            "2026-02-17T14:30:15.123456Z"
        );
        assert_eq!(
            (records[0].level, records[1].level),
            (Level::Info, Level::Error)
        );
        assert_eq!(records[0].metadata["container_id"], "0123456789ab");
        assert_eq!(records[0].metadata["image_name"], "nginx:1");
        append(
            dir.path(),
            concat!(
                r#"{"log":"two\n","stream":"stderr","time":"2026-02-17T14:30:18Z"}"#,
                "\nnonsense\n"
            ),
        );
        let mut again = DockerJsonCollector::open(options, &positions);
        let records = read(&mut again, &mut positions);
        assert_eq!(records[0].message, "one two");
        assert_eq!(records[0].level, Level::Warn);
        assert_eq!(records[0].metadata["stream"], "stderr");
        assert_eq!(records[1].message, "nonsense");
        assert_eq!(records.len(), 2);
    }

    #[test]
    fn a_container_whose_folder_is_found_first_has_its_name_from_the_first_line_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut positions = Positions::new();
        let options = DockerJsonOptions {
            directory: dir.path().to_owned(),
            ..DockerJsonOptions::default()
        };
        let folder = dir.path().join(ID);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("config.v2.json"), "").unwrap();
        let mut collector = DockerJsonCollector::open(options, &positions);
        assert!(read(&mut collector, &mut positions).is_empty());
        fs::write(folder.join("config.v2.json"), r#"{"Name":"/web"}"#).unwrap();
        append(dir.path(), "{\"log\":\"one\\n\",\"stream\":\"stdout\"}\n");
        let mut batch = Batch::default();
        collector.read(&mut batch).unwrap();
        assert_eq!(batch.records[0].source.as_str(), "docker:web");
    }

    #[test]
    fn a_container_is_read_from_its_first_line_on_whenever_it_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut positions = Positions::new();
        let options = DockerJsonOptions {
            directory: dir.path().to_owned(),
            ..DockerJsonOptions::default()
        };
        fs::create_dir(dir.path().join(ID)).unwrap();
        let log = dir.path().join(ID).join(format!("{ID}-json.log"));
        append(dir.path(), "{\"log\":\"one\\n\",\"stream\":\"stdout\"}\n");
        fs::rename(&log, log.with_extension("log.1")).unwrap();
        append(dir.path(), "{\"log\":\"two\\n\",\"stream\":\"stdout\"}\n");
        let mut collector = DockerJsonCollector::open(options.clone(), &positions);
        let records = read(&mut collector, &mut positions);
        let messages: Vec<_> = records.iter().map(|record| &record.message).collect();
        assert_eq!(messages, ["one", "two"]);
        let mut again = DockerJsonCollector::open(options, &positions);
        assert!(read(&mut again, &mut positions).is_empty());
    }

    #[test]
    fn half_and_glued_lines_are_taken_apart() {
        let whole = r#"{"log":"one\n","stream":"stdout","time":"2026-02-17T14:30:15Z"}"#;
        let quoting = r#"{"log":"{\"log\":1}\n","stream":"stderr"}"#;
        let pieces = |line: &str| {
            let mut found = Vec::new();
            parse(line.as_bytes(), &mut |piece| {
                found.push(match piece {
                    LinePiece::Text(text) => format!("? {}", String::from_utf8_lossy(text)),
                    LinePiece::StreamChunk(chunk) => {
                        format!("{} {}", chunk.stream, String::from_utf8_lossy(&chunk.bytes))
                    }
                });
            });
            found
        };
        assert_eq!(pieces(whole), ["stdout one\n"]);
        assert_eq!(
            pieces(&format!("{whole}{quoting}")),
            ["stdout one\n", "stderr {\"log\":1}\n"]
        );
        let half = &whole[..20];
        assert_eq!(
            pieces(&format!("{half}{whole}")),
            [format!("? {half}"), "stdout one\n".to_owned()]
        );
        assert_eq!(
            pieces(&format!("{whole}{half}")),
            ["stdout one\n".to_owned(), format!("? {half}")]
        );
        assert_eq!(pieces("nonsense"), ["? nonsense"]);
        assert!(pieces("").is_empty());
    }

    #[test]
    fn finished_containers_leave_room_for_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..600 {
            let id = format!("{number:064x}");
            let folder = dir.path().join(&id);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join(format!("{id}-json.log")), "").unwrap();
        }
        let options = DockerJsonOptions {
            directory: dir.path().to_owned(),
            ..DockerJsonOptions::default()
        };
        let mut positions = Positions::new();
        let mut collector = DockerJsonCollector::open(options, &positions);
        collector.follower.share_of(4);
        read(&mut collector, &mut positions);
        fs::create_dir(dir.path().join(ID)).unwrap();
        append(dir.path(), "{\"log\":\"new\\n\",\"stream\":\"stdout\"}\n");
        let mut found = Vec::new();
        for _ in 0..1000 {
            found.extend(read(&mut collector, &mut positions));
            if !found.is_empty() {
                break;
            }
        }
        assert_eq!(found[0].message, "new");
    }
}
