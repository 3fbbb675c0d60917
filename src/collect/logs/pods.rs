//! The collector of the logs of Kubernetes pods in kubelet's layout: `NAMESPACE_POD_UID/CONTAINER/RESTARTS.log`. Each
//! restart of a container starts a new file; kubelet rotates a file by renaming it to `0.log.20260217-143015` and
//! compresses older ones. A folder of links to these files (`/var/log/containers`) is read as well.
//!
//! All pods of a workload are one source, `pod:NAMESPACE/WORKLOAD/CONTAINER`; pod, UID and restarts are in the metadata.

use crate::collect::follow::{
    CarriedState, FollowOptions, FoundLogs, LogKind, LogLine, LogPlace, log_collector,
};
use crate::collect::logs::cri;
use crate::collect::logs::stream_line::{StreamReader, usual_level};
use crate::collect::logs::workload::workload;
use crate::collect::names::stamp::FileStamp;
use crate::collect::own::own_record;
use crate::collect::tail::chunked::{Parse, TORN};
use crate::opening::{self, TrustedFolder};
use crate::record::{Level, Metadata, Record, Source};
use rustix::fs::FileType;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The prefix of the origins of positions.
const ORIGIN: &str = "pod:";

/// Maximum number of names read in one folder: a node has some hundred pods, each with a few containers.
const NAMES_MAX: usize = 16_384;

/// Options of a [`PodCollector`].
#[derive(Debug, Clone)]
pub struct PodOptions {
    /// Where kubelet keeps the logs of pods, or a folder of links to them; the folder need not exist yet.
    pub directory: PathBuf,
    /// How the logs are followed.
    pub follow: FollowOptions,
}

impl PodOptions {
    /// Follows the logs of pods in `directory`.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            follow: FollowOptions::default(),
        }
    }
}

log_collector! {
    /// Follows the logs of all containers of all pods.
    PodCollector of Pods, set by PodOptions
}

/// The pods of this machine.
#[derive(Debug)]
struct Pods {
    options: PodOptions,
}

/// One run of a container of a pod, as the names in its path identify it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PodRun {
    namespace: String,
    pod: String,
    uid: String,
    container: String,
    restarts: u32,
}

/// A run whose log is being read.
#[derive(Debug)]
struct PodLog {
    run: PodRun,
    lines: StreamReader,
    /// The metadata of every record of the run.
    metadata: Metadata,
}

impl PodRun {
    /// Parses the last three names of a path: `NAMESPACE_POD_UID/CONTAINER/RESTARTS.log`.
    fn of(path: &Path) -> Option<Self> {
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        let container = path.parent()?;
        let (namespace, pod, uid) = pod_names(&name(container.parent()?)?)?;
        Some(Self {
            namespace,
            pod,
            uid,
            container: name(container)?,
            restarts: restarts(&name(path)?)?,
        })
    }

    fn source(&self) -> Source {
        let Self {
            namespace,
            pod,
            container,
            ..
        } = self;
        Source::new("pod", &format!("{namespace}/{}/{container}", workload(pod)))
    }

    fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new();
        metadata.insert("container_name", self.container.as_str());
        metadata.insert("namespace", self.namespace.as_str());
        metadata.insert("pod", self.pod.as_str());
        metadata.insert("pod_uid", self.uid.as_str());
        metadata.insert("restarts", self.restarts);
        metadata
    }
}

/// Splits `NAMESPACE_POD_UID`; none of these contains an underscore.
fn pod_names(folder: &str) -> Option<(String, String, String)> {
    let mut names = folder.split('_');
    let (namespace, pod, uid) = (names.next()?, names.next()?, names.next()?);
    let is_uid = uid.len() >= 8
        && uid
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_pod = names.next().is_none() && !namespace.is_empty() && !pod.is_empty() && is_uid;
    is_pod.then(|| (namespace.to_owned(), pod.to_owned(), uid.to_owned()))
}

/// How many restarts the container had before this log.
fn restarts(file: &str) -> Option<u32> {
    let digits = file.strip_suffix(".log")?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

impl Pods {
    fn new(options: PodOptions) -> Self {
        Self { options }
    }

    /// Adds the logs of a pod.
    fn find_pod(pod: &Path, found: &mut FoundLogs) {
        for (container, kind) in names(pod, found) {
            let folder = pod.join(container);
            if kind == FileType::RegularFile {
                continue;
            }
            for (file, _) in names(&folder, found) {
                if restarts(&file).is_some() {
                    find_log(folder.join(file), found);
                }
            }
        }
    }
}

/// Adds a log, unless it is a link to one that Docker writes; Docker's own collector reads those.
fn find_log(path: PathBuf, found: &mut FoundLogs) {
    let target = fs::read_link(&path).unwrap_or_default();
    let is_docker = target.to_string_lossy().ends_with("-json.log");
    let Some(run) = PodRun::of(&path).filter(|_| !is_docker) else {
        return;
    };
    let origin = format!(
        "{ORIGIN}{}_{}_{}/{}/{}",
        run.namespace, run.pod, run.uid, run.container, run.restarts
    );
    let stamp = FileStamp::at(&path);
    let is_known = found.logs.iter().any(|(place, _)| place.origin == origin);
    if stamp.is_some() && !is_known {
        found.logs.push((LogPlace { origin, path }, stamp));
    }
}

/// The log of a pod that a link points to, if all links on the way are trusted.
fn target_of_link(path: &Path) -> Option<PathBuf> {
    let opened = opening::trusted(path).ok()?.metadata().ok()?;
    let target = fs::canonicalize(path).ok()?;
    let found = opening::trusted(&target).ok()?.metadata().ok()?;
    // The target is opened by its own name later, so it must be the file that the trusted links point to.
    let is_same = (opened.dev(), opened.ino()) == (found.dev(), found.ino());
    (is_same && PodRun::of(&target).is_some()).then_some(target)
}

/// The names in a folder, and their types.
fn names(path: &Path, found: &mut FoundLogs) -> Vec<(String, FileType)> {
    let mut names = Vec::new();
    let listed = TrustedFolder::open(path).and_then(|folder| {
        for entry in folder.names()? {
            if names.len() >= NAMES_MAX {
                found.is_incomplete = true;
                break;
            }
            let (name, kind) = entry?;
            names.extend(name.into_string().ok().map(|name| (name, kind)));
        }
        Ok(())
    });
    match listed {
        Ok(()) => found.folders.push(path.to_owned()),
        // Pods may be removed during the scan.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            found.is_incomplete = true;
            found.troubles.push((path.to_owned(), error));
        }
    }
    names
}

impl LogKind for Pods {
    type Log = PodLog;

    fn name(&self) -> String {
        "pods".to_owned()
    }

    fn prefix(&self) -> String {
        ORIGIN.to_owned()
    }

    fn title(&self) -> String {
        format!("logs of pods in {}", self.options.directory.display())
    }

    fn find(&self) -> FoundLogs {
        let directory = &self.options.directory;
        let mut found = FoundLogs::default();
        for (name, kind) in names(directory, &mut found) {
            let path = directory.join(&name);
            if pod_names(&name).is_some() && kind != FileType::RegularFile {
                Self::find_pod(&path, &mut found);
            } else if path.extension() == Some("log".as_ref())
                && let Some(target) = target_of_link(&path)
            {
                find_log(target, &mut found);
            }
        }
        if found.folders.is_empty() {
            // it may appear later
            found.folders.push(directory.clone());
        }
        found
    }

    fn path_of(&self, origin: &str) -> Option<PathBuf> {
        let names = origin.strip_prefix(ORIGIN)?;
        Some(self.options.directory.join(format!("{names}.log")))
    }

    /// Files that kubelet rotated before a container was found are part of its log.
    fn reads_rotated(&self, _was_looked_for: bool) -> bool {
        true
    }

    fn options(&self) -> &FollowOptions {
        &self.options.follow
    }

    fn torn(&self) -> Duration {
        TORN
    }

    fn begin(&self, place: &LogPlace, carried: CarriedState) -> PodLog {
        let run = PodRun::of(&place.path).unwrap_or_else(|| PodRun {
            namespace: String::new(),
            pod: place.path.display().to_string(),
            uid: String::new(),
            container: String::new(),
            restarts: 0,
        });
        let recognition = &self.options.follow.recognition;
        PodLog {
            lines: StreamReader::new(run.source(), recognition, carried.events),
            metadata: run.metadata(),
            run,
        }
    }

    fn parse(&self) -> &Parse<'_> {
        &cri::parse
    }

    fn record(&self, log: &mut PodLog, line: LogLine<'_>) -> Record {
        let mut metadata = log.metadata.clone();
        let stream = line.stream.unwrap_or("malformed");
        metadata.insert("stream", stream);
        log.lines.record(&line, usual_level(line.stream), metadata)
    }

    /// Reports that a container was restarted.
    fn appeared(&self, log: &PodLog) -> Option<Record> {
        let PodRun {
            pod,
            container,
            restarts,
            ..
        } = &log.run;
        if *restarts == 0 {
            return None;
        }
        let mut metadata = log.metadata.clone();
        metadata.insert("source", log.lines.source.as_str());
        let text =
            format!("container {container} of pod {pod} was started again ({restarts} restarts)");
        Some(own_record(
            Level::Info,
            "container_restarted",
            text,
            metadata,
        ))
    }

    fn carried(&self, log: &PodLog) -> CarriedState {
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
    use std::io::Write;
    use std::os::unix::fs::symlink;

    const UID: &str = "0f8a1b6e-4b1e-4e57-9d0c-6b1f5a3f9c11";

    /// The folder of a node's pods, and a collector that reads it across restarts.
    struct Node {
        dir: tempfile::TempDir,
        directory: PathBuf,
        positions: Positions,
        collector: PodCollector,
    }

    impl Node {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let directory = dir.path().join("pods");
            fs::create_dir(&directory).unwrap();
            Self::on(dir, directory)
        }

        fn on(dir: tempfile::TempDir, directory: PathBuf) -> Self {
            let positions = Positions::new();
            Self {
                collector: PodCollector::open(PodOptions::new(&directory), &positions),
                dir,
                directory,
                positions,
            }
        }

        fn log(&self, pod: &str, container: &str, restarts: u32) -> PathBuf {
            let folder = self
                .dir
                .path()
                .join("pods")
                .join(format!("shop_{pod}_{UID}"));
            fs::create_dir_all(folder.join(container)).unwrap();
            folder.join(container).join(format!("{restarts}.log"))
        }

        fn restart(&mut self) {
            let options = PodOptions::new(&self.directory);
            self.collector = PodCollector::open(options, &self.positions);
        }

        fn records(&mut self) -> Vec<Record> {
            let mut records = Vec::new();
            self.collector.follower.look_at_once();
            loop {
                let mut batch = Batch::default();
                self.collector.read(&mut batch).unwrap();
                for position in batch.positions {
                    match position.value {
                        Some(value) => drop(self.positions.insert(position.origin, value)),
                        None => drop(self.positions.remove(&position.origin)),
                    }
                }
                if batch.records.is_empty() {
                    return records;
                }
                records.extend(batch.records);
            }
        }

        fn read(&mut self) -> Vec<String> {
            let records = self.records();
            records.into_iter().map(|record| record.message).collect()
        }
    }

    fn append(path: &Path, lines: &[&str]) {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        for line in lines {
            writeln!(file, "2026-02-17T14:30:15.123456789Z {line}").unwrap();
        }
    }

    fn compress(path: &Path) {
        let text = fs::read(path).unwrap();
        let packed = fs::File::create(format!("{}.gz", path.display())).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        let modified = fs::metadata(path).unwrap().modified().unwrap();
        encoder.finish().unwrap().set_modified(modified).unwrap();
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn pods_of_one_workload_are_one_source_that_names_its_pods() {
        let mut node = Node::new();
        for pod in ["web-6d4cf56db6-x7k2p", "web-6d4cf56db6-9zvqt"] {
            let text =
                format!("stderr F {{\"level\":\"error\",\"msg\":\"no database for {pod}\"}}");
            append(
                &node.log(pod, "nginx", 0),
                &["stdout P half a ", "stdout F line", &text],
            );
        }
        let records = node.records();
        assert_eq!(records.len(), 4);
        let sources: Vec<_> = records
            .iter()
            .map(|record| record.source.as_str())
            .collect();
        assert_eq!(sources, ["pod:shop/web/nginx"; 4]);
        assert_eq!(records[0].message, "half a line");
        assert_eq!(records[1].level, Level::Error);
        for (key, value) in [
            ("namespace", "shop"),
            ("pod_uid", UID),
            ("container_name", "nginx"),
            ("stream", "stderr"),
        ] {
            assert_eq!(records[1].metadata[key], value, "{key}");
        }
        assert_eq!(records[1].metadata["restarts"], 0);
        let text = records[1].metadata["pod"].as_str().unwrap();
        assert!(records[1].message.ends_with(text), "{text}");
    }

    #[test]
    fn a_log_is_read_through_the_rotation_of_kubelet_and_restarts() {
        for restart in [false, true] {
            let mut node = Node::new();
            let log = node.log("db-0", "postgres", 0);
            append(&log, &["stdout F one"]);
            assert_eq!(node.read(), ["one"]);
            append(&log, &["stdout F two"]);
            let first = log.with_extension("log.20260217-143015");
            fs::rename(&log, &first).unwrap();
            append(&log, &["stdout F three"]);
            let second = log.with_extension("log.20260217-153015");
            fs::rename(&log, second).unwrap();
            compress(&first);
            append(&log, &["stdout F four"]);
            if restart {
                node.restart();
            }
            assert_eq!(node.read(), ["two", "three", "four"], "restart: {restart}");
            assert!(node.read().is_empty());
        }
    }

    #[test]
    fn a_container_that_was_restarted_is_reported_and_keeps_its_source() {
        let mut node = Node::new();
        append(
            &node.log("job-x7k2p", "main", 0),
            &["stderr F panic: out of memory"],
        );
        assert_eq!(node.read(), ["panic: out of memory"]);
        append(&node.log("job-x7k2p", "main", 1), &["stdout F started"]);
        let records = node.records();
        let restarted: Vec<_> = records
            .iter()
            .filter(|record| record.metadata["event_type"] == "container_restarted")
            .collect();
        assert_eq!(restarted.len(), 1);
        assert_eq!(restarted[0].metadata["source"], "pod:shop/job/main");
        let started = records
            .iter()
            .find(|record| record.message == "started")
            .unwrap();
        assert_eq!(started.source.as_str(), "pod:shop/job/main");
        assert_eq!(started.metadata["restarts"], 1);
        node.restart();
        assert!(
            node.read().is_empty(),
            "neither lines nor the report come again"
        );
    }

    #[test]
    fn a_removed_pod_is_forgotten() {
        let mut node = Node::new();
        let log = node.log("job-x7k2p", "main", 0);
        append(&log, &["stdout F done"]);
        assert_eq!(node.read(), ["done"]);
        assert_eq!(node.positions.len(), 1);
        fs::remove_dir_all(node.directory.join(format!("shop_job-x7k2p_{UID}"))).unwrap();
        node.restart();
        assert!(node.read().is_empty());
        assert!(node.positions.is_empty());
    }

    #[test]
    fn links_to_logs_of_pods_are_followed_once() {
        let node = Node::new();
        let links = node.dir.path().join("containers");
        fs::create_dir(&links).unwrap();
        let log = node.log("web-6d4cf56db6-x7k2p", "nginx", 0);
        append(&log, &["stdout F one"]);
        // The folder of pods may itself be a link, for instance to a data disk.
        let elsewhere = node.dir.path().join("log");
        symlink(node.dir.path().join("pods"), &elsewhere).unwrap();
        let below = log.strip_prefix(node.dir.path().join("pods")).unwrap();
        symlink(elsewhere.join(below), links.join("web_shop_nginx-0123.log")).unwrap();
        symlink(&log, links.join("web_shop_nginx-4567.log")).unwrap();
        symlink("/etc/passwd", links.join("evil_shop_nginx-89ab.log")).unwrap();
        let mut node = Node::on(node.dir, links);
        assert_eq!(node.read(), ["one"]);
        append(&log, &["stdout F two"]);
        node.restart();
        assert_eq!(node.read(), ["two"]);
    }

    #[test]
    fn a_link_of_another_user_leads_to_his_own_files_only() {
        let node = Node::new();
        let links = node.dir.path().join("containers");
        fs::create_dir(&links).unwrap();
        let log = node.log("web-0", "nginx", 0);
        append(&log, &["stdout F of the cluster"]);
        let link = links.join("web_shop_nginx-0123.log");
        symlink(&log, &link).unwrap();
        if std::os::unix::fs::lchown(&link, Some(65_534), None).is_err() {
            return;
        }
        let mut node = Node::on(node.dir, links);
        assert!(node.read().is_empty());
    }

    #[test]
    fn hundreds_of_pods_are_read_whole() {
        let mut node = Node::new();
        for number in 0..300 {
            let log = node.log(&format!("pod{number}-x7k2p"), "main", 0);
            append(&log, &["stdout F one", "stderr F two"]);
        }
        node.collector.follower.share_of(20);
        let mut found = Vec::new();
        for _ in 0..100 {
            found.extend(node.read());
            if found.len() == 600 {
                break;
            }
        }
        assert_eq!(found.len(), 600);
        node.restart();
        assert!(node.read().is_empty());
    }

    #[test]
    fn logs_that_docker_writes_are_skipped() {
        let mut node = Node::new();
        let json = node.dir.path().join("0123456789abcdef-json.log");
        fs::write(&json, "{\"log\":\"x\\n\"}\n").unwrap();
        symlink(&json, node.log("web-0", "nginx", 0)).unwrap();
        assert!(node.read().is_empty());
    }

    #[test]
    fn only_folders_of_pods_are_listed() {
        for (name, is_pod) in [
            (
                "kube-system_etcd-node1_5c1f7d2e8b9a4f60b1c2d3e4f5a60718",
                true,
            ),
            ("shop_web-0_0f8a1b6e-4b1e-4e57-9d0c-6b1f5a3f9c11", true),
            ("lost+found", false),
            ("a_b_c", false),
            ("a_b_0123456789_x", false),
            ("_b_0123456789", false),
        ] {
            assert_eq!(pod_names(name).is_some(), is_pod, "{name}");
        }
        assert_eq!(restarts("12.log"), Some(12));
        for name in ["0.log.20260217-143015", "x.log", ".log", "0"] {
            assert_eq!(restarts(name), None, "{name}");
        }
    }
}
