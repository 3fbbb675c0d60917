//! The collector of text logs: each line a record of source `file:<name>`. The path may be a pattern; every file that it names
//! is followed.

use super::clock::Clock;
use super::position::{forget, load, save};
use super::recognise::{Event, Recogniser, Recognition};
use super::tail::{Desk, Item, QUIET, Tail, TailState};
use super::{Batch, CatchUpMax, Collector, Error, Intake, glob, sibling};
use crate::record::{Level, Metadata, Positions, Record, Source};
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the files that a pattern names are looked for: a new file is news within this time.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a [`FileCollector`] follows.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// The name that its records have in `file:<name>`.
    pub name: String,
    /// The log, which need not exist yet, or a pattern with `*` and `?`.
    pub path: PathBuf,
    /// After this time without growth an unterminated last line becomes a record.
    pub quiet: Duration,
    /// How its lines are recognised.
    pub recognition: Recognition,
    /// How much of rotated files that are found at once is read.
    pub catch_up_max: CatchUpMax,
}

impl FileOptions {
    /// Follows `path` as `file:<name>`.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            quiet: QUIET,
            recognition: Recognition::default(),
            catch_up_max: CatchUpMax::default(),
        }
    }
}

/// Follows text logs through all their rotations.
#[derive(Debug)]
pub struct FileCollector {
    name: String,
    options: FileOptions,
    source: Source,
    recogniser: Recogniser,
    /// The next to be read first.
    files: VecDeque<Followed>,
    /// Where former runs stopped in the files.
    saved: Positions,
    /// When the files were looked for; never for a plain path.
    looked: Option<Instant>,
    /// The files of a pattern were looked for before: one that was not there then is new, with all that was rotated from it.
    is_begun: bool,
    desk: Desk,
}

#[derive(Debug)]
struct Followed {
    origin: String,
    tail: Tail,
    clock: Clock,
    event: Event,
}

/// The value of a position, as CBOR.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    tail: TailState,
    known: Option<i64>,
    #[serde(default)]
    event: Event,
}

impl FileCollector {
    /// Goes on from where `positions` say, or from the start of the file. Nothing is opened before the first read.
    #[must_use]
    pub fn open(options: FileOptions, positions: &Positions) -> Self {
        let name = format!("file:{}", options.name);
        let is_own = |(origin, _): &(&String, &Vec<u8>)| origin.starts_with(&name);
        let saved = positions.iter().filter(is_own);
        let source = Source::new("file", &options.name);
        let mut collector = Self {
            recogniser: options.recognition.of(source.as_str()),
            source,
            files: VecDeque::new(),
            saved: saved
                .map(|(origin, value)| (origin.clone(), value.clone()))
                .collect(),
            looked: None,
            is_begun: false,
            desk: Desk::new().within(options.catch_up_max),
            name,
            options,
        };
        collector.is_begun = collector.saved.contains_key(&collector.pattern_origin());
        if !glob::is_pattern(&collector.options.path) {
            collector.follow(&collector.options.path.clone());
        }
        collector
    }

    /// The origin that says that the files of the pattern were looked for.
    fn pattern_origin(&self) -> String {
        format!("{}:{}", self.name, self.options.path.display())
    }

    fn follow(&mut self, path: &Path) {
        if self
            .files
            .iter()
            .any(|followed| followed.tail.path() == path)
        {
            return;
        }
        let origin = format!("{}:{}", self.name, path.display());
        let Saved { tail, known, event } = load(&self.saved, &origin);
        let is_new = self.is_begun && !self.saved.contains_key(&origin);
        let tail = if is_new {
            TailState::from_oldest()
        } else {
            tail
        };
        self.files.push_back(Followed {
            origin,
            tail: Tail::new(path.to_owned(), tail, self.options.quiet),
            clock: Clock::new(known.map(Micros::new)),
            event,
        });
    }

    /// Finds the files that the pattern names. Rotated siblings are read as part of the file that they come from.
    fn look(&mut self) {
        let is_due = self
            .looked
            .is_none_or(|looked| looked.elapsed() >= LOOK_EVERY);
        if !is_due || !glob::is_pattern(&self.options.path) {
            return;
        }
        self.looked = Some(Instant::now());
        self.desk
            .watch
            .folder(&glob::fixed_folder(&self.options.path));
        let found = glob::find(&self.options.path);
        let is_sibling = |path: &PathBuf| found.iter().any(|base| sibling::is_rotation(base, path));
        for path in found.iter().filter(|path| !is_sibling(path)) {
            if self.files.len() < glob::FOUND_MAX {
                self.follow(path);
            }
        }
        self.is_begun = true;
    }

    /// Lets go of the files of a pattern that are gone and read to their end.
    fn let_go(&mut self, intake: &mut Intake<'_>) {
        let saved = &mut self.saved;
        self.files.retain(|followed| {
            // rotated files that are left were read: with the position that would be forgotten
            let has_siblings =
                || sibling::list(followed.tail.path()).is_ok_and(|all| !all.is_empty());
            let is_over = followed.tail.is_over() && !has_siblings();
            if is_over {
                saved.remove(&followed.origin);
                intake.position(forget(&followed.origin), None);
            }
            !is_over
        });
    }
}

impl Collector for FileCollector {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        self.look();
        let mut intake = Intake::new(batch);
        let before = intake.count();
        self.desk.start();
        let mut result = Ok(());
        for followed in &mut self.files {
            // a file that cannot be read must not hold the others up
            let read = followed.read(&self.recogniser, &self.source, &mut self.desk, &mut intake);
            result = result.and(read);
            if intake.is_full() {
                break;
            }
        }
        if intake.is_full() {
            // the next read begins with another file: one that never ends must not hold the others up
            self.files.rotate_left(usize::from(!self.files.is_empty()));
        }
        if glob::is_pattern(&self.options.path) {
            intake.position(save(&self.pattern_origin(), &Saved::default()), None);
            self.let_go(&mut intake);
        }
        if intake.count() == before {
            self.desk.rest();
        }
        result
    }

    fn wait(&mut self, patience: Duration) {
        let due = self
            .files
            .iter()
            .filter_map(|followed| followed.tail.due())
            .min();
        let look = self.looked.map(|looked| looked + LOOK_EVERY);
        self.desk.wait(due.into_iter().chain(look).min(), patience);
    }

    fn parts(&mut self, _: &mut Batch) -> Result<Vec<Micros>, Error> {
        self.look();
        Ok(vec![Micros::MIN; self.files.len()])
    }

    fn read_part(&mut self, part: usize, batch: &mut Batch) -> Result<(), Error> {
        let Some(followed) = self.files.get_mut(part) else {
            return Ok(());
        };
        self.desk.start();
        let mut intake = Intake::new(batch);
        followed.read(&self.recogniser, &self.source, &mut self.desk, &mut intake)
    }
}

impl Followed {
    fn read(
        &mut self,
        recogniser: &Recogniser,
        source: &Source,
        desk: &mut Desk,
        intake: &mut Intake<'_>,
    ) -> Result<(), Error> {
        let Self {
            tail, clock, event, ..
        } = self;
        let path = tail.path().display().to_string();
        let result = tail.read(desk, &mut |item| {
            intake.push(match item {
                Item::Own(record) => record,
                Item::Line(line, age) => {
                    let mut metadata = Metadata::new();
                    metadata.insert("file", path.clone());
                    line.mark(&mut metadata);
                    let said =
                        recogniser.read(event, &line, age.guess(), Level::Info, &mut metadata);
                    Record {
                        timestamp: clock.time(said.time, age),
                        source: source.clone(),
                        level: said.level,
                        message: said.message,
                        metadata,
                    }
                }
            });
            intake.flow()
        });
        if let Some(tail) = tail.state() {
            let known = clock.known().map(Micros::get);
            let reached = tail.reached();
            let event = self.event.clone();
            intake.position(save(&self.origin, &Saved { tail, known, event }), reached);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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

    #[test]
    fn every_file_of_a_pattern_is_followed_and_let_go() {
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
        collector.looked = None;
        assert_eq!(
            read(&mut collector, &mut positions),
            ["info b before", "info b"],
            "it is new with all that was rotated from it"
        );
        assert_eq!(positions.len(), 3);
        fs::remove_file(dir.path().join("a.log")).unwrap();
        fs::remove_file(dir.path().join("a.log.1")).unwrap();
        collector.let_go(&mut Intake::new(&mut Batch::default()));
        assert_eq!(collector.files.len(), 2, "it may still be written to");
        let mut again = FileCollector::open(options, &positions);
        assert!(read(&mut again, &mut positions).is_empty());
        assert_eq!(again.files.len(), 1);
    }
}
