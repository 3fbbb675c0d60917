//! The collector of Docker's json-file logs: `<id>/<id>-json.log` below the folder of the containers, each line
//! `{"log":"text\n","stream":"stdout","time":"2026-02-17T14:30:15.123456789Z"}`. Records have the source `docker:<name>`, as
//! those that come through the journal.

use super::chunked::{Chunk, ChunkedState, ChunkedTail, Output};
use super::position::{forget, load, save};
use super::recognise::{Events, Recogniser, Recognition};
use super::tail::{Desk, QUIET};
use super::{Batch, CatchUpMax, Collector, Error, Intake, sibling, time_field};
use crate::record::{Level, Metadata, Positions, Record, Source};
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often containers are looked for: a new one is news within this time.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Containers followed at once. Each costs a descriptor and a watch.
const CONTAINERS_MAX: usize = 512;

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
    options: DockerJsonOptions,
    /// The next to be read first.
    containers: VecDeque<Container>,
    /// Where former runs stopped.
    saved: Positions,
    looked: Option<Instant>,
    /// When the folder of the containers had last changed.
    changed: Option<SystemTime>,
    desk: Desk,
}

#[derive(Debug)]
struct Container {
    id: String,
    tail: ChunkedTail,
    source: Source,
    recogniser: Recogniser,
    /// The event of each of its streams.
    events: Events,
    /// What every record of the container says.
    metadata: Metadata,
    /// When its description was written; it is when the container was renamed that it changes.
    described: Option<SystemTime>,
}

/// The value of a position, as CBOR.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    #[serde(flatten)]
    state: ChunkedState,
    #[serde(default)]
    events: Events,
}

impl DockerJsonCollector {
    /// Goes on from where `positions` say. Nothing is opened before the first read.
    #[must_use]
    pub fn open(options: DockerJsonOptions, positions: &Positions) -> Self {
        let own = positions
            .iter()
            .filter(|(origin, _)| origin.starts_with(ORIGIN));
        Self {
            desk: Desk::new().within(options.catch_up_max),
            options,
            containers: VecDeque::new(),
            saved: own
                .map(|(origin, value)| (origin.clone(), value.clone()))
                .collect(),
            looked: None,
            changed: None,
        }
    }

    /// Finds new containers and the new names of known ones.
    fn look(&mut self) {
        // a container that is removed when it ends may be gone soon
        let changed = modified(&self.options.directory);
        let is_due = self
            .looked
            .is_none_or(|looked| looked.elapsed() >= LOOK_EVERY);
        if !is_due && changed == self.changed {
            return;
        }
        self.changed = changed;
        self.looked = Some(Instant::now());
        self.desk.watch.folder(&self.options.directory);
        for container in &mut self.containers {
            container.describe(&self.options);
        }
        let Ok(entries) = fs::read_dir(&self.options.directory) else {
            return;
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        for id in names.filter(|name| is_id(name)) {
            let is_known = self.containers.iter().any(|container| container.id == id);
            if !is_known && self.containers.len() < CONTAINERS_MAX {
                self.follow(id);
            }
        }
    }

    fn follow(&mut self, id: String) {
        let path = self
            .options
            .directory
            .join(&id)
            .join(format!("{id}-json.log"));
        let origin = format!("{ORIGIN}{id}");
        // what Docker rotated before a container was seen is a part of its log
        let Saved { state, events } = if self.saved.contains_key(&origin) {
            load(&self.saved, &origin)
        } else {
            Saved {
                state: ChunkedState::from_oldest(),
                events: Events::default(),
            }
        };
        let source = Source::new("docker", short(&id));
        let mut container = Container {
            tail: ChunkedTail::new(path, state, self.options.quiet),
            recogniser: self.options.recognition.of(source.as_str()),
            source,
            events,
            metadata: Metadata::new(),
            described: None,
            id,
        };
        container.describe(&self.options);
        self.containers.push_back(container);
    }

    /// Lets go of containers that were removed, once all of their logs has been read.
    fn let_go(&mut self, intake: &mut Intake<'_>) {
        let saved = &mut self.saved;
        self.containers.retain(|container| {
            // while its folder is there, a container may log again
            let folder = sibling::folder(container.tail.path());
            let is_over = container.tail.is_over() && !folder.exists();
            if is_over {
                let origin = format!("{ORIGIN}{}", container.id);
                intake.position(forget(&origin), None);
                saved.remove(&origin);
            }
            !is_over
        });
    }
}

impl Collector for DockerJsonCollector {
    fn name(&self) -> &'static str {
        "docker-json"
    }

    fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        self.look();
        let mut intake = Intake::new(batch);
        let before = intake.count();
        self.desk.start();
        let mut result = Ok(());
        for container in &mut self.containers {
            // a log that cannot be read must not hold the others up
            let read = container.read(&self.options, &mut self.desk, &mut intake);
            result = result.and(read);
            if intake.is_full() {
                break;
            }
        }
        if intake.is_full() {
            // the next read begins with another container: one that never ends must not hold the others up
            self.containers
                .rotate_left(usize::from(!self.containers.is_empty()));
        }
        self.let_go(&mut intake);
        if intake.count() == before {
            self.desk.rest();
        }
        result
    }

    fn wait(&mut self, patience: Duration) {
        let due = self
            .containers
            .iter()
            .filter_map(|container| container.tail.due());
        let look = self.looked.map(|looked| looked + LOOK_EVERY);
        self.desk.wait(due.chain(look).min(), patience);
    }

    fn parts(&mut self, _: &mut Batch) -> Result<Vec<Micros>, Error> {
        self.look();
        Ok(vec![Micros::MIN; self.containers.len()])
    }

    fn read_part(&mut self, part: usize, batch: &mut Batch) -> Result<(), Error> {
        let Some(container) = self.containers.get_mut(part) else {
            return Ok(());
        };
        self.desk.start();
        container.read(&self.options, &mut self.desk, &mut Intake::new(batch))
    }
}

impl Container {
    /// Reads the name and the image of the container, when they may have changed.
    fn describe(&mut self, options: &DockerJsonOptions) {
        let path = sibling::folder(self.tail.path()).join("config.v2.json");
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
        self.recogniser = options.recognition.of(self.source.as_str());
        self.metadata.insert("container_name", name);
        self.metadata.insert("container_id", short(&self.id));
        self.metadata.insert("container_id_full", self.id.as_str());
        if !config.config.image.is_empty() {
            self.metadata.insert("image_name", config.config.image);
        }
    }

    fn read(
        &mut self,
        options: &DockerJsonOptions,
        desk: &mut Desk,
        intake: &mut Intake<'_>,
    ) -> Result<(), Error> {
        if self.described.is_none() {
            // its folder was found before its description was there
            self.describe(options);
        }
        let Self {
            tail,
            source,
            recogniser,
            events,
            metadata,
            ..
        } = self;
        let result = tail.read(desk, &parse, &mut |output| {
            let (stream, line, time, age) = match output {
                Output::Own(record) => {
                    intake.push(record);
                    return intake.flow();
                }
                Output::Line {
                    stream,
                    line,
                    time,
                    age,
                } => (stream, line, time, age),
                // a line that was cut by a crash, or that Docker did not write: better seen than lost
                Output::Malformed(line, age) => ("malformed", line, None, age),
            };
            let mut metadata = metadata.clone();
            metadata.insert("stream", stream);
            line.mark(&mut metadata);
            let by_stream = if stream == "stdout" {
                Level::Info
            } else {
                Level::Warn
            };
            let timestamp = time.unwrap_or_else(|| age.guess());
            let event = events.of(stream);
            let said = recogniser.read(event, &line, timestamp, by_stream, &mut metadata);
            intake.push(Record {
                timestamp,
                source: source.clone(),
                level: said.level,
                message: said.message,
                metadata,
            });
            intake.flow()
        });
        if let Some(state) = self.tail.state() {
            let reached = state.reached();
            let events = self.events.clone();
            intake.position(
                save(&format!("{ORIGIN}{}", self.id), &Saved { state, events }),
                reached,
            );
        }
        result
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// A line as Docker writes it.
#[derive(Debug, Deserialize)]
struct LogLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

fn parse(line: &[u8]) -> Option<Chunk<'_>> {
    let line: LogLine<'_> = serde_json::from_slice(line).ok()?;
    Some(Chunk {
        stream: line.stream.into_owned(),
        time: time_field(line.time.as_bytes()),
        bytes: match line.log {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    })
}

/// As much of Docker's description of a container as is of use.
#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Config", default)]
    config: Inner,
}

#[derive(Debug, Default, Deserialize)]
struct Inner {
    #[serde(rename = "Image", default)]
    image: String,
}

fn read_config(path: &Path) -> Option<Config> {
    let mut text = Vec::new();
    let file = sibling::open(path).ok()?;
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
}
