//! The collector of the log files of container engines: the json-file driver of Docker and nerdctl, and Podman's
//! k8s-file driver. Records have the source `docker:<name>`, like those that arrive through the journal.

use crate::collect::follow::{
    CarriedState, FollowOptions, FoundLogs, LogKind, LogLine, LogPlace, log_collector,
};
use crate::collect::logs::engine::{ContainerEngine, EngineFolder};
use crate::collect::logs::stream_line::StreamReader;
use crate::collect::logs::{cri, docker_line};
use crate::collect::names::stamp::FileStamp;
use crate::collect::tail::chunked::{Parse, TORN};
use crate::collect::tail::sibling;
use crate::record::{Level, Metadata, Record, Source};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the description of a container is read again while its log is read: a new name is used within this time.
const DESCRIBE_EVERY: Duration = Duration::from_secs(5);

/// Options of a [`ContainerCollector`].
#[derive(Debug, Clone)]
pub struct ContainerOptions {
    /// The engine of the containers.
    pub engine: ContainerEngine,
    /// Where the engine keeps its containers; the folder need not exist yet.
    pub directory: PathBuf,
    /// How the logs are followed.
    pub follow: FollowOptions,
}

impl ContainerOptions {
    /// Follows the containers that `engine` keeps in `directory`.
    #[must_use]
    pub fn new(engine: ContainerEngine, directory: impl Into<PathBuf>) -> Self {
        Self {
            engine,
            directory: directory.into(),
            follow: FollowOptions::default(),
        }
    }
}

log_collector! {
    /// Follows the log files of all containers of one engine.
    ContainerCollector of Containers, set by ContainerOptions
}

/// The containers of one engine.
#[derive(Debug)]
struct Containers {
    options: ContainerOptions,
    folder: EngineFolder,
}

/// A container whose log is being read.
#[derive(Debug)]
struct Container {
    key: String,
    lines: StreamReader,
    /// The metadata of every record of the container.
    metadata: Metadata,
    /// When its description was last read.
    looked: Option<Instant>,
    is_described: bool,
}

impl Containers {
    fn new(options: ContainerOptions) -> Self {
        Self {
            folder: EngineFolder::new(options.engine, options.directory.clone()),
            options,
        }
    }

    fn key<'a>(&self, origin: &'a str) -> Option<&'a str> {
        origin.strip_prefix(self.options.engine.origin())
    }
}

impl LogKind for Containers {
    type Log = Container;

    fn name(&self) -> String {
        self.options.engine.collector().to_owned()
    }

    fn prefix(&self) -> String {
        self.options.engine.origin().to_owned()
    }

    fn title(&self) -> String {
        format!("containers in {}", self.options.directory.display())
    }

    fn find(&self) -> FoundLogs {
        let mut found = FoundLogs::default();
        let listed = self.folder.list(&mut found.folders);
        for key in listed.keys {
            let path = self.folder.log_of(&key);
            let stamp = FileStamp::at(&path);
            // Docker creates the file with the first line; with another log driver, Podman has none.
            if stamp.is_some() || self.options.engine == ContainerEngine::Docker {
                let origin = format!("{}{key}", self.options.engine.origin());
                found.logs.push((LogPlace { origin, path }, stamp));
            }
        }
        found.is_incomplete = !listed.troubles.is_empty();
        found.troubles = listed.troubles;
        found
    }

    /// An unprivileged user may not list the folder, and then most containers log to the journal: `vmlog doctor`
    /// explains it.
    fn tells_troubles(&self) -> bool {
        false
    }

    fn path_of(&self, origin: &str) -> Option<PathBuf> {
        self.key(origin).map(|key| self.folder.log_of(key))
    }

    /// A container may log again as long as its folder exists.
    fn is_gone(&self, path: &Path) -> bool {
        !sibling::folder(path).exists()
    }

    /// Files that the engine rotated before a container was found are part of its log.
    fn reads_rotated(&self, _was_looked_for: bool) -> bool {
        true
    }

    fn options(&self) -> &FollowOptions {
        &self.options.follow
    }

    fn torn(&self) -> Duration {
        TORN
    }

    fn begin(&self, place: &LogPlace, carried: CarriedState) -> Container {
        let key = self.key(&place.origin).unwrap_or_default();
        let source = Source::new("docker", EngineFolder::short_id(key));
        let recognition = &self.options.follow.recognition;
        Container {
            key: key.to_owned(),
            lines: StreamReader::new(source, recognition, carried.events),
            metadata: Metadata::new(),
            looked: None,
            is_described: false,
        }
    }

    fn refresh(&self, log: &mut Container, _place: &LogPlace) {
        let is_fresh = log
            .looked
            .is_some_and(|looked| looked.elapsed() < DESCRIBE_EVERY);
        // The folder may be found before its description exists.
        if is_fresh && log.is_described {
            return;
        }
        log.looked = Some(Instant::now());
        let description = self.folder.describe(&log.key);
        if description.is_none() && log.is_described {
            return;
        }
        log.is_described = description.is_some();
        let description = description.unwrap_or_default();
        let name = match &*description.name {
            "" => EngineFolder::short_id(&log.key),
            name => name,
        };
        let source = Source::new("docker", name);
        if source != log.lines.source {
            log.lines.rename(source, &self.options.follow.recognition);
        }
        log.metadata = description.metadata(name, EngineFolder::id(&log.key));
    }

    fn parse(&self) -> &Parse<'_> {
        match self.options.engine {
            ContainerEngine::Docker | ContainerEngine::Nerdctl => &docker_line::parse,
            ContainerEngine::Podman => &cri::parse,
        }
    }

    fn record(&self, log: &mut Container, mut line: LogLine<'_>) -> Record {
        // A line that a crash cut, or that the engine did not write, is kept rather than lost.
        let stream = line.stream.unwrap_or("malformed");
        line.stream = Some(stream);
        let mut metadata = log.metadata.clone();
        metadata.insert("stream", stream);
        let usual = match stream {
            "stdout" => Level::Info,
            _ => Level::Warn,
        };
        log.lines.record(&line, usual, metadata)
    }

    fn carried(&self, log: &Container) -> CarriedState {
        CarriedState {
            events: log.lines.events.clone(),
            ..CarriedState::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::collector::{Batch, Collector};
    use crate::record::Positions;
    use std::fs;
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

    fn read(collector: &mut ContainerCollector, positions: &mut Positions) -> Vec<Record> {
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
        let options = ContainerOptions::new(ContainerEngine::Docker, dir.path());
        let mut collector = ContainerCollector::open(options.clone(), &positions);
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
        let mut again = ContainerCollector::open(options, &positions);
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
        let options = ContainerOptions::new(ContainerEngine::Docker, dir.path());
        let folder = dir.path().join(ID);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("config.v2.json"), "").unwrap();
        let mut collector = ContainerCollector::open(options, &positions);
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
        let options = ContainerOptions::new(ContainerEngine::Docker, dir.path());
        fs::create_dir(dir.path().join(ID)).unwrap();
        let log = dir.path().join(ID).join(format!("{ID}-json.log"));
        append(dir.path(), "{\"log\":\"one\\n\",\"stream\":\"stdout\"}\n");
        fs::rename(&log, log.with_extension("log.1")).unwrap();
        append(dir.path(), "{\"log\":\"two\\n\",\"stream\":\"stdout\"}\n");
        let mut collector = ContainerCollector::open(options.clone(), &positions);
        let records = read(&mut collector, &mut positions);
        let messages: Vec<_> = records.iter().map(|record| &record.message).collect();
        assert_eq!(messages, ["one", "two"]);
        let mut again = ContainerCollector::open(options, &positions);
        assert!(read(&mut again, &mut positions).is_empty());
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
        let options = ContainerOptions::new(ContainerEngine::Docker, dir.path());
        let mut positions = Positions::new();
        let mut collector = ContainerCollector::open(options, &positions);
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

    const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

    fn json(text: &str) -> String {
        format!(
            "{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"2026-02-17T14:30:15Z\"}}\n"
        )
    }

    #[test]
    fn labels_of_compose_and_attributes_of_lines_are_metadata() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(ID);
        fs::create_dir(&folder).unwrap();
        let long = "x".repeat(5_000);
        let config = format!(
            r#"{{"Name":"/shop-web-1","Config":{{"Image":"nginx:1","Labels":{{
                "com.docker.compose.project":"shop","com.docker.compose.service":"web",
                "com.docker.compose.config-hash":"0123","maintainer":"me",
                "devcontainer.local_folder":"/code/{long}","devcontainer.metadata":"[]"}}}}}}"#
        );
        fs::write(folder.join("config.v2.json"), config).unwrap();
        append(
            dir.path(),
            "{\"log\":\"one\\n\",\"stream\":\"stdout\",\"attrs\":{\"TIER\":\"front\",\"stream\":\"odd\"}}\n",
        );
        let options = ContainerOptions::new(ContainerEngine::Docker, dir.path());
        let mut collector = ContainerCollector::open(options, &Positions::new());
        let records = read(&mut collector, &mut Positions::new());
        let metadata = &records[0].metadata;
        assert_eq!(metadata["com_docker_compose_project"], "shop");
        assert_eq!(metadata["com_docker_compose_service"], "web");
        assert_eq!(metadata["tier"], "front");
        assert_eq!(
            (&metadata["stream"], &metadata["field_stream"]),
            (&"stdout".into(), &"odd".into())
        );
        let folder = metadata["devcontainer_local_folder"].as_str().unwrap();
        assert_eq!(folder.len(), 1 << 10);
        for left_out in [
            "maintainer",
            "devcontainer_metadata",
            "com_docker_compose_config_hash",
        ] {
            assert!(!metadata.contains_key(left_out), "{left_out}");
        }
    }

    #[test]
    fn containers_of_nerdctl_are_found_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let address = dir.path().join("1935db59");
        for (namespace, id, name) in [("default", ID, "web"), ("k8s.io", OTHER, "")] {
            let folder = address.join("containers").join(namespace).join(id);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{id}-json.log")), json(namespace)).unwrap();
            fs::write(folder.join("log-config.json"), "{\"driver\":\"json-file\"}").unwrap();
            let names = address.join("names").join(namespace);
            fs::create_dir_all(&names).unwrap();
            if !name.is_empty() {
                fs::write(names.join(name), id).unwrap();
            }
        }
        let mut positions = Positions::new();
        let options = ContainerOptions::new(ContainerEngine::Nerdctl, dir.path());
        let mut collector = ContainerCollector::open(options.clone(), &positions);
        let mut records = read(&mut collector, &mut positions);
        records.sort_by(|a, b| a.message.cmp(&b.message));
        let sources: Vec<_> = records
            .iter()
            .map(|record| record.source.as_str())
            .collect();
        assert_eq!(sources, ["docker:web", "docker:fedcba987654"]);
        assert_eq!(records[0].metadata["namespace"], "default");
        // rotated by nerdctl
        let log = address
            .join("containers/default")
            .join(ID)
            .join(format!("{ID}-json.log"));
        fs::rename(&log, log.with_extension("log.1")).unwrap();
        fs::write(&log, json("next")).unwrap();
        let mut again = ContainerCollector::open(options, &positions);
        let records = read(&mut again, &mut positions);
        let messages: Vec<_> = records.iter().map(|record| &*record.message).collect();
        assert_eq!(messages, ["next"]);
    }

    #[test]
    fn containers_of_podman_are_found_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let list = format!(
            r#"[{{"id":"{ID}","names":["db"],"image":"abc","metadata":"{{\"image-name\":\"docker.io/library/postgres:16\",\"name\":\"db\"}}"}}]"#
        );
        fs::write(dir.path().join("containers.json"), list).unwrap();
        let userdata = |id: &str| dir.path().join(id).join("userdata");
        fs::create_dir_all(userdata(ID)).unwrap();
        fs::create_dir_all(userdata(OTHER)).unwrap();
        let text = concat!(
            "2026-02-17T14:30:15.123456789+01:00 stdout P ERROR:  rela\n",
            "2026-02-17T14:30:15.123456789+01:00 stderr F starting\n",
            "2026-02-17T14:30:15.123456789+01:00 stdout F tion is missing\n",
        );
        fs::write(userdata(ID).join("ctr.log"), text).unwrap();
        let mut positions = Positions::new();
        let options = ContainerOptions::new(ContainerEngine::Podman, dir.path());
        let survey = ContainerCollector::survey(options.clone());
        assert_eq!(survey.found, 1, "the other one logs to the journal");
        let mut collector = ContainerCollector::open(options, &positions);
        let records = read(&mut collector, &mut positions);
        let found: Vec<_> = records
            .iter()
            .map(|record| (record.source.as_str(), record.level, &*record.message))
            .collect();
        let expected = [
            ("docker:db", Level::Warn, "starting"),
            ("docker:db", Level::Error, "ERROR:  relation is missing"),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            records[0].metadata["image_name"],
            "docker.io/library/postgres:16"
        );
        assert_eq!(
            records[0].timestamp.to_string(),
            "2026-02-17T13:30:15.123456Z"
        );
    }
}
