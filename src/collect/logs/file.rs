//! The collector of text logs: each line becomes a record of source `file:<name>`. The path may be a pattern or a
//! folder; every file that it matches is followed. Lines of container runtimes are read as lines of the container.

use crate::collect::follow::clock::LineClock;
use crate::collect::follow::{
    CarriedState, FollowOptions, FoundLogs, LogKind, LogLine, LogPlace, log_collector,
};
use crate::collect::logs::cri;
use crate::collect::logs::stream_line::{StreamReader, usual_level};
use crate::collect::names::glob;
use crate::collect::names::stamp::FileStamp;
use crate::collect::tail::chunked::Parse;
use crate::collect::tail::compression;
use crate::collect::tail::sibling;
use crate::record::{Metadata, Record, Source};
use crate::time::Micros;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Options of a [`FileCollector`].
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// The name in the source `file:<name>` of its records.
    pub name: String,
    /// The log, which need not exist yet; a pattern with `*`, `?`, `[...]` and `**`; or a folder, of which all files
    /// are read.
    pub path: PathBuf,
    /// Patterns of files that are not read. A pattern applies to a path, to a folder above it, or to a name alone.
    pub excluded: Vec<PathBuf>,
    /// How the files are followed.
    pub follow: FollowOptions,
}

impl FileOptions {
    /// Follows `path` as `file:<name>`.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            excluded: Vec::new(),
            follow: FollowOptions::default(),
        }
    }
}

log_collector! {
    /// Follows text logs through all their rotations.
    FileCollector of TextFiles, set by FileOptions
}

/// The files of one name.
#[derive(Debug)]
struct TextFiles {
    options: FileOptions,
    source: Source,
}

/// A file that is being read.
#[derive(Debug)]
struct TextFile {
    path: String,
    clock: LineClock,
    lines: StreamReader,
}

impl TextFiles {
    fn new(options: FileOptions) -> Self {
        Self {
            source: Source::new("file", &options.name),
            options,
        }
    }

    /// The pattern, if it may match many files.
    fn pattern(&self) -> Option<PathBuf> {
        let path = &self.options.path;
        if path.is_dir() {
            return Some(path.join("*"));
        }
        glob::is_pattern(path).then(|| path.clone())
    }

    fn place(&self, path: &Path) -> LogPlace {
        LogPlace {
            origin: format!("{}{}", self.prefix(), path.display()),
            path: path.to_owned(),
        }
    }
}

impl LogKind for TextFiles {
    type Log = TextFile;

    fn name(&self) -> String {
        format!("file:{}", self.options.name)
    }

    fn prefix(&self) -> String {
        format!("file:{}:", self.options.name)
    }

    fn title(&self) -> String {
        format!("files that match {}", self.options.path.display())
    }

    /// Rotated files are read as part of the file that they belong to; compressed files are read only that way.
    fn find(&self) -> FoundLogs {
        let path = &self.options.path;
        let Some(pattern) = self.pattern() else {
            return FoundLogs {
                logs: vec![(self.place(path), FileStamp::at(path))],
                ..FoundLogs::default()
            };
        };
        let found = glob::find(&pattern, &self.options.excluded);
        let paths: HashSet<&Path> = found.files.iter().map(|(path, _)| path.as_path()).collect();
        let is_rotated = |path: &Path| {
            let bases = sibling::bases(path.file_name().unwrap_or_default());
            bases
                .iter()
                .any(|base| paths.contains(path.with_file_name(base).as_path()))
        };
        let is_compressed =
            |path: &Path| compression::is_compressed(path.file_name().unwrap_or_default());
        let own = found
            .files
            .iter()
            .filter(|(path, _)| !is_compressed(path) && !is_rotated(path));
        FoundLogs {
            logs: own
                .map(|(path, stamp)| (self.place(path), Some(*stamp)))
                .collect(),
            folders: found.folders,
            troubles: found.troubles,
            is_incomplete: found.is_incomplete,
        }
    }

    fn path_of(&self, origin: &str) -> Option<PathBuf> {
        origin.strip_prefix(&self.prefix()).map(PathBuf::from)
    }

    fn forgets(&self) -> bool {
        self.marker().is_some()
    }

    fn marker(&self) -> Option<String> {
        self.pattern()
            .map(|_| self.place(&self.options.path).origin)
    }

    /// A file that did not exist before is new, together with the files rotated from it.
    fn reads_rotated(&self, was_looked_for: bool) -> bool {
        was_looked_for && self.marker().is_some()
    }

    fn options(&self) -> &FollowOptions {
        &self.options.follow
    }

    fn begin(&self, place: &LogPlace, carried: CarriedState) -> TextFile {
        TextFile {
            path: place.path.display().to_string(),
            clock: LineClock::new(carried.known.map(Micros::new)),
            lines: StreamReader::new(
                self.source.clone(),
                &self.options.follow.recognition,
                carried.events,
            ),
        }
    }

    fn parse(&self) -> &Parse<'_> {
        &cri::parse
    }

    fn record(&self, log: &mut TextFile, line: LogLine<'_>) -> Record {
        let mut metadata = Metadata::new();
        metadata.insert("file", log.path.clone());
        if let Some(stream) = line.stream {
            metadata.insert("stream", stream);
        }
        let usual = usual_level(line.stream);
        let said = log.lines.read(&line, usual, &mut metadata);
        Record {
            timestamp: log.clock.time(line.time.or(said.time), line.age),
            source: log.lines.source.clone(),
            level: said.level,
            message: said.message,
            metadata,
        }
    }

    fn carried(&self, log: &TextFile) -> CarriedState {
        CarriedState {
            known: log.clock.known().map(Micros::get),
            events: log.lines.events.clone(),
            ..CarriedState::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::collector::{Batch, Collector};
    use crate::record::{Level, Positions};
    use std::fs;
    use std::io::Write as _;

    fn read(collector: &mut FileCollector, positions: &mut Positions) -> Vec<String> {
        let mut batch = Batch::default();
        collector.read(&mut batch).unwrap();
        for position in batch.positions {
            match position.value {
                Some(value) => drop(positions.insert(position.origin, value)),
                None => drop(positions.remove(&position.origin)),
            }
        }
        let describe = |record: Record| format!("{} {}", record.level, record.message);
        batch.records.into_iter().map(describe).collect()
    }

    #[test]
    fn lines_become_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        let mut positions = Positions::new();
        let mut collector = FileCollector::open(FileOptions::new("app", &path), &positions);
        assert_eq!(collector.name(), "file:app");
        fs::write(
            &path,
            "plain\r\n[WARN] hm\n{\"level\":\"error\",\"msg\":\"boom\",\"n\":1}\n",
        )
        .unwrap();
        assert_eq!(
            read(&mut collector, &mut positions),
            ["info plain", "warn [WARN] hm", "error boom"]
        );
        let mut again = FileCollector::open(FileOptions::new("app", &path), &positions);
        assert!(read(&mut again, &mut positions).is_empty());
    }

    fn look_again(collector: &mut FileCollector) {
        collector.follower.look_at_once();
    }

    #[test]
    fn every_file_of_a_pattern_is_followed_until_it_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let mut positions = Positions::new();
        fs::write(dir.path().join("a.log"), "a\n").unwrap();
        fs::write(
            dir.path().join("a.log.1"),
            "rotated before the first start\n",
        )
        .unwrap();
        let options = FileOptions::new("all", dir.path().join("*.log*"));
        let mut collector = FileCollector::open(options.clone(), &positions);
        assert_eq!(read(&mut collector, &mut positions), ["info a"]);
        fs::write(dir.path().join("b.log.1"), "b before\n").unwrap();
        fs::write(dir.path().join("b.log"), "b\n").unwrap();
        look_again(&mut collector);
        assert_eq!(
            read(&mut collector, &mut positions),
            ["info b before", "info b"],
            "it is new with all that was rotated from it"
        );
        assert_eq!(positions.len(), 3);
        fs::remove_file(dir.path().join("a.log")).unwrap();
        fs::remove_file(dir.path().join("a.log.1")).unwrap();
        look_again(&mut collector);
        assert!(read(&mut collector, &mut positions).is_empty());
        assert_eq!(positions.len(), 3, "it may still be written to");
        let mut again = FileCollector::open(options, &positions);
        assert!(read(&mut again, &mut positions).is_empty());
        assert_eq!(positions.len(), 2, "a deleted file is forgotten");
    }

    #[test]
    fn all_files_of_a_folder_are_read_except_excluded_ones() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log", "b.log", "debug.log", "old.gz", ".hidden"] {
            fs::write(dir.path().join(name), format!("{name}\n")).unwrap();
        }
        fs::create_dir(dir.path().join("below")).unwrap();
        fs::write(dir.path().join("below/c.log"), "c\n").unwrap();
        let options = FileOptions {
            excluded: vec!["debug*".into()],
            ..FileOptions::new("all", dir.path())
        };
        let survey = FileCollector::survey(options.clone());
        assert_eq!((survey.found, survey.refused.len()), (2, 0));
        let mut collector = FileCollector::open(options, &Positions::new());
        let mut found = read(&mut collector, &mut Positions::new());
        found.sort();
        assert_eq!(found, ["info a.log", "info b.log"]);
    }

    #[test]
    fn lines_of_container_runtimes_are_joined_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let text = concat!(
            "2026-02-17T14:30:15.123456781Z stdout F {\"level\":\"error\",\"msg\":\"db down\"}\n",
            "2026-02-17T14:30:15.2Z stdout P ERROR: tok\n",
            "2026-02-17T14:30:15.3Z stderr F plain\n",
            "2026-02-17T14:30:15.4Z stdout F en\n",
            "of another form\n",
        );
        let mut positions = Positions::new();
        let options = FileOptions::new("pods", &path);
        for length in 0..=text.len() {
            fs::write(&path, &text[..length]).unwrap();
            let mut collector = FileCollector::open(options.clone(), &positions);
            let found = read(&mut collector, &mut positions);
            assert!(
                found
                    .iter()
                    .all(|line| !line.contains("tok") || line.ends_with("token"))
            );
            if length < text.len() {
                continue;
            }
            positions.clear();
            let mut whole = FileCollector::open(options.clone(), &positions);
            let expected = [
                "error db down",
                "warn plain",
                "error ERROR: token",
                "info of another form",
            ];
            assert_eq!(read(&mut whole, &mut positions), expected);
        }
    }

    #[test]
    fn an_event_keeps_its_level_over_a_rotation_and_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        let mut positions = Positions::new();
        let options = FileOptions::new("app", &path);
        let head = "Traceback (most recent call last):\n  File \"a.py\", line 3, in pay\n";
        fs::write(&path, head).unwrap();
        let mut collector = FileCollector::open(options.clone(), &positions);
        assert_eq!(read(&mut collector, &mut positions).len(), 2);
        drop(collector);
        fs::rename(&path, path.with_extension("log.1")).unwrap();
        fs::write(&path, "    charge(order)\nValueError: no card\nnext\n").unwrap();
        let mut again = FileCollector::open(options, &positions);
        let mut batch = Batch::default();
        again.read(&mut batch).unwrap();
        let found: Vec<_> = batch
            .records
            .iter()
            .map(|record| {
                let continues = record.metadata.contains_key("continues");
                (record.level, continues, record.message.trim())
            })
            .collect();
        let expected = [
            (Level::Error, true, "charge(order)"),
            (Level::Error, true, "ValueError: no card"),
            (Level::Info, false, "next"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn more_files_than_may_be_open_are_all_read_and_followed() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..60 {
            fs::write(
                dir.path().join(format!("{number}.log")),
                format!("{number}\n"),
            )
            .unwrap();
        }
        let mut positions = Positions::new();
        let options = FileOptions::new("all", dir.path().join("*.log"));
        let mut collector = FileCollector::open(options.clone(), &positions);
        collector.follower.share_of(3);
        let mut found = Vec::new();
        while found.len() < 60 {
            found.extend(read(&mut collector, &mut positions));
            assert!(collector.follower.open_paths().len() <= 3);
        }
        for number in [0, 30, 59] {
            let path = dir.path().join(format!("{number}.log"));
            fs::write(&path, format!("{number}\nmore\n")).unwrap();
        }
        collector.follower.look_at_once();
        assert_eq!(read(&mut collector, &mut positions), ["info more"; 3]);
        let mut again = FileCollector::open(options, &positions);
        assert_eq!(
            again.parts(&mut Batch::default()).unwrap().len(),
            0,
            "nothing is opened again"
        );
    }

    #[test]
    fn a_line_that_a_closed_log_grew_by_has_the_time_of_now() {
        let dir = tempfile::tempdir().unwrap();
        let stated = "2026-02-17T14:30:15Z INFO x\n";
        for number in 0..9 {
            fs::write(dir.path().join(format!("{number}.log")), stated).unwrap();
        }
        let options = FileOptions::new("all", dir.path().join("*.log"));
        let mut positions = Positions::new();
        let mut collector = FileCollector::open(options.clone(), &positions);
        collector.follower.share_of(2);
        let mut lines = 0;
        while lines < 9 {
            lines += read(&mut collector, &mut positions).len();
        }
        let grow = |number: u32| {
            let path = dir.path().join(format!("{number}.log"));
            let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"without a time\n").unwrap();
        };
        let only = |collector: &mut FileCollector, positions: &mut Positions| {
            collector.follower.look_at_once();
            let mut batch = Batch::default();
            collector.read(&mut batch).unwrap();
            for position in batch.positions {
                positions.insert(position.origin, position.value.unwrap());
            }
            let [record] = &batch.records[..] else {
                panic!("{:?}", batch.records);
            };
            record.timestamp
        };
        let before = Micros::now();
        for number in 0..9 {
            grow(number);
            assert!(only(&mut collector, &mut positions) >= before, "{number}");
        }
        drop(collector);
        // what was written while nobody looked may be as old as the line before it
        grow(0);
        let mut again = FileCollector::open(options, &positions);
        let stated = Micros::new(1_771_338_615_000_000);
        assert_eq!(only(&mut again, &mut positions), stated);
    }

    #[test]
    fn history_of_more_files_than_may_be_open_is_read_in_few_parts() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..20 {
            fs::write(
                dir.path().join(format!("{number}.log")),
                format!("{number}\n{number}\n"),
            )
            .unwrap();
        }
        let options = FileOptions::new("all", dir.path().join("*.log"));
        let mut collector = FileCollector::open(options, &Positions::new());
        collector.follower.share_of(3);
        let parts = collector.parts(&mut Batch::default()).unwrap().len();
        assert_eq!(parts, 4);
        let mut lines = 0;
        for part in 0..parts {
            loop {
                let mut batch = Batch::single();
                collector.read_part(part, &mut batch).unwrap();
                assert!(batch.records.len() <= 1);
                lines += batch.records.len();
                if batch.records.is_empty() {
                    break;
                }
            }
        }
        assert_eq!(lines, 40);
    }
}
