//! Collectors -> redact -> append -> live. What the sources hold at the start is merged by time; then each collector
//! has its own thread. One thread writes. A short queue connects them: if the writer is slow, the collectors wait,
//! and their sources keep the unread data.

mod arrival;
mod counters;
mod delivery;
mod hang;
mod history;
mod lane;
mod maintenance;
mod merge;
mod options;
mod reported;
mod source_limit;
mod starting;
mod state;
mod writer;

use crate::collect::Batch;
use crate::live::Live;
use crate::record::Record;
use crate::redact::Redactor;
use crate::store;
use crate::store::Store;
use counters::Collected;
pub(crate) use counters::{CollectorCount, Counters};
use delivery::Delivery;
use history::History;
use lane::Lane;
pub(crate) use options::{Build, PipelineOptions, SourceTimeouts, Tap};
pub(crate) use reported::error_chain;
use starting::Starting;
use state::PipelineState;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use writer::StoreWriter;

/// Batches that wait for the writer. A batch is at most about 1 MiB, so this bounds memory; more
/// would not make the writer faster.
const QUEUE_BATCHES: usize = 2;

/// The interval at which a stop checks whether a collector has ended.
const STOP_LOOK_EVERY: Duration = Duration::from_millis(2);

/// The running threads.
#[derive(Debug)]
pub(crate) struct Pipeline {
    shared: Arc<PipelineState>,
    history: JoinHandle<()>,
    lanes: Vec<(JoinHandle<()>, Arc<Collected>)>,
    /// Wakes the writer at the stop.
    sender: SyncSender<Delivery>,
    writer: JoinHandle<Result<(), store::Error>>,
    timeouts: SourceTimeouts,
}

/// Asks the threads to stop, from anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Stopper(Arc<PipelineState>);

impl Stopper {
    /// Collectors end after their current read, the writer after it has written what they sent.
    pub(crate) fn stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
    }
}

impl Pipeline {
    /// As [`Self::start_tapped`], without a tap.
    #[cfg(test)]
    fn start(
        store: Store,
        redactor: Redactor,
        live: Live,
        options: PipelineOptions,
        first: Vec<Record>,
        collectors: Vec<(String, Build)>,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let tap: Tap = Box::new(|_| ());
        Self::start_tapped(store, redactor, live, options, first, collectors, tap)
    }

    /// Starts a thread for each collector, one that merges histories, and one that writes. `first` is appended before everything else;
    /// `tap` receives all that is stored. The receiver resolves when the writer has ended, which without [`Stopper::stop`] is a failure.
    pub(crate) fn start_tapped(
        store: Store,
        redactor: Redactor,
        live: Live,
        options: PipelineOptions,
        first: Vec<Record>,
        collectors: Vec<(String, Build)>,
        tap: Tap,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let committed = Mutex::new(store.positions().clone());
        let (stop, is_abandoned) = (AtomicBool::new(false), AtomicBool::new(false));
        let counters = Counters::default();
        let shared = Arc::new(PipelineState {
            stop,
            is_abandoned,
            committed,
            live,
            counters,
        });
        let (sender, receiver) = mpsc::sync_channel(QUEUE_BATCHES);
        // Cannot fail: the queue is empty.
        let _ = sender.try_send(Delivery {
            batch: Batch {
                records: first,
                ..Batch::default()
            },
            ..Delivery::default()
        });
        let (ended, when_ended) = oneshot::channel();
        let writer = StoreWriter::new(store, redactor, options, receiver, Arc::clone(&shared), tap);
        let writer = thread::Builder::new()
            .name("writer".into())
            .spawn(move || {
                let _ended = ended;
                writer.run()
            })?;
        let mut lanes = Vec::with_capacity(collectors.len());
        let mut starting = Vec::with_capacity(collectors.len());
        for (name, build) in collectors {
            let retry = options.timeouts.retry;
            let lane = Lane::new(name.clone(), Arc::clone(&shared), sender.clone(), retry);
            let (giver, handover) = mpsc::channel();
            starting.push(Starting::new(name.clone(), build, &lane, giver));
            let collected = lane.collected();
            let thread = thread::Builder::new()
                .name(name)
                .spawn(move || lane.run(&handover))?;
            lanes.push((thread, collected));
        }
        let answer_max = options.timeouts.answer;
        let of_history = sender.clone();
        let history = History::new(Arc::clone(&shared), of_history, starting, answer_max);
        let history = thread::Builder::new()
            .name("history".into())
            .spawn(move || history.run())?;
        Ok((
            Self {
                shared,
                history,
                lanes,
                sender,
                writer,
                timeouts: options.timeouts,
            },
            when_ended,
        ))
    }

    /// A handle that stops the threads.
    pub(crate) fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }

    /// The counters of the collectors.
    pub(crate) fn counters(&self) -> Counters {
        self.shared.counters.clone()
    }

    /// Stops the collectors, writes and syncs what they have read, and closes the store. Does not wait for a collector that sleeps, which
    /// would take up to a quarter of a second, nor for one whose source hangs.
    pub(crate) fn finish(self) -> Result<(), store::Error> {
        self.stopper().stop();
        let until = Instant::now() + self.timeouts.stop;
        end(self.history, until, || false);
        for (lane, collected) in self.lanes {
            end(lane, until, || collected.sleeps());
        }
        self.shared.is_abandoned.store(true, Ordering::Release);
        // With a full queue the writer is awake.
        let _ = self.sender.try_send(Delivery::default());
        self.writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Waits until a thread has ended or may be left alone, but no longer than `until`.
fn end(thread: JoinHandle<()>, until: Instant, may_be_left: impl Fn() -> bool) {
    while !thread.is_finished() && !may_be_left() {
        if Instant::now() >= until {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            tracing::warn!("collector {name} does not stop: its source does not respond");
            return;
        }
        thread::sleep(STOP_LOOK_EVERY);
    }
    if thread.is_finished() {
        // panics of a collector are caught inside its thread
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Collector;
    use crate::disk::RealDisk;
    use crate::query::{Budget, Direction, Filter, Order, PageRequest};
    use crate::record::{Id, Level, Metadata, Position, Positions, Source};
    use crate::redact;
    use crate::time::Micros;
    use std::path::Path;
    use std::sync::PoisonError;

    /// The result of one read of a scripted collector.
    #[derive(Clone)]
    enum ScriptStep {
        /// Returns this many numbered records, and the position after them.
        Bring(usize),
        /// Returns these records.
        Give(Vec<Record>),
        Fail,
        /// A signal interrupts the read.
        Interrupted,
        Panic,
    }

    /// Returns numbered records from its position on; its script continues across restarts.
    struct Scripted {
        script: Arc<Mutex<Vec<ScriptStep>>>,
        next: usize,
    }

    impl Scripted {
        fn build(steps: &[ScriptStep]) -> Build {
            let script = Arc::new(Mutex::new(steps.iter().rev().cloned().collect()));
            Box::new(move |positions| {
                let next = positions.get("scripted").map_or(0, |value| {
                    String::from_utf8(value.clone()).unwrap().parse().unwrap()
                });
                Box::new(Self {
                    script: Arc::clone(&script),
                    next,
                })
            })
        }
    }

    impl Collector for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        fn read(&mut self, batch: &mut Batch) -> Result<(), crate::collect::Error> {
            let step = self
                .script
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            match step {
                // A collector may repeat its position.
                None => self.say_position(batch),
                Some(ScriptStep::Bring(count)) => {
                    batch
                        .records
                        .extend((self.next..self.next + count).map(numbered));
                    self.next += count;
                    let value = Some(self.next.to_string().into_bytes());
                    batch
                        .reached
                        .insert("scripted".into(), Some(self.next as u64));
                    batch.positions.push(Position {
                        origin: "scripted".into(),
                        value,
                    });
                }
                Some(ScriptStep::Give(records)) => {
                    batch.records.extend(records);
                    self.say_position(batch);
                }
                Some(ScriptStep::Interrupted) => {
                    return Err(crate::collect::Error::Io {
                        what: "read".into(),
                        source: io::ErrorKind::Interrupted.into(),
                    });
                }
                // unsent data is lost together with the collector
                Some(ScriptStep::Fail) => {
                    self.next += 100;
                    let source = io::Error::from(io::ErrorKind::NotFound);
                    return Err(crate::collect::Error::Io {
                        what: "scripted failure".into(),
                        source,
                    });
                }
                Some(ScriptStep::Panic) => panic!("scripted panic"),
            }
            Ok(())
        }

        fn wait(&mut self, timeouts: Duration) {
            thread::sleep(timeouts.min(Duration::from_millis(5)));
        }
    }

    impl Scripted {
        fn say_position(&self, batch: &mut Batch) {
            let value = Some(self.next.to_string().into_bytes());
            batch.positions.push(Position {
                origin: "scripted".into(),
                value,
            });
        }
    }

    /// A plausible time in 2001.
    fn time(micros: i64) -> Micros {
        Micros::new(1_000_000_000_000_000 + micros)
    }

    fn numbered(number: usize) -> Record {
        Record {
            timestamp: time(i64::try_from(number).unwrap()),
            source: Source::new("file", "numbers"),
            level: Level::Info,
            message: number.to_string(),
            metadata: Metadata::new(),
        }
    }

    /// A store that retains the old scripted records.
    fn open(root: &Path) -> Store {
        let age_max = Duration::from_hours(200 * 365 * 24);
        let options = store::Options {
            age_max,
            ..store::Options::default()
        };
        Store::open(Arc::new(RealDisk), root, options).unwrap().0
    }

    fn redactor() -> Redactor {
        Redactor::new(&redact::RedactOptions::default()).unwrap()
    }

    const OPTIONS: PipelineOptions = PipelineOptions {
        flush_after: Duration::from_millis(20),
        flush_records: 100,
        sources_max: 1_000,
        timeouts: SourceTimeouts {
            answer: Duration::from_mins(1),
            stop: Duration::from_mins(1),
            retry: Duration::from_secs(1),
        },
    };

    fn options_with(change: impl FnOnce(&mut SourceTimeouts)) -> PipelineOptions {
        let mut options = OPTIONS;
        change(&mut options.timeouts);
        options
    }

    fn messages(store: &Store, source: &str) -> Vec<String> {
        let records = all_records(store).into_iter();
        let wanted = records.filter(|record| record.source.as_str() == source);
        wanted.map(|record| record.message).collect()
    }

    fn all_records(store: &Store) -> Vec<Record> {
        let request = PageRequest {
            filter: Filter::default(),
            cursor: None,
            direction: Direction::Forward,
            order: Order::Id,
            around: None,
            limit: 10_000,
        };
        let budget = Budget {
            rows_max: u64::MAX,
            time_max: Duration::from_mins(1),
            ..Budget::default()
        };
        let page = crate::query::page(&store.reader().view(), &request, &budget).unwrap();
        page.entries.into_iter().map(|entry| entry.record).collect()
    }

    /// Runs a pipeline until `done` of the live records holds, then stops it.
    fn run_until(root: &Path, steps: &[ScriptStep], done: impl Fn(u64) -> bool) {
        let store = open(root);
        let reader = store.reader();
        let live = Live::new(1000, Id(reader.view().ids().end));
        let collectors = vec![("scripted".to_owned(), Scripted::build(steps))];
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live, OPTIONS, vec![], collectors).unwrap();
        let begin = Instant::now();
        while !done(reader.view().ids().end - 1) {
            assert!(
                begin.elapsed() < Duration::from_mins(1),
                "it takes too long"
            );
            thread::sleep(Duration::from_millis(5));
        }
        pipeline.finish().unwrap();
    }

    #[test]
    fn an_error_chain_contains_all_causes() {
        let path = Path::new("/x/LOCK").to_owned();
        let source = Arc::new(io::Error::other("the disk is gone"));
        let error = store::Error::Io {
            action: "sync",
            path,
            source,
        };
        assert_eq!(
            error_chain(&error),
            "/x/LOCK: cannot sync: the disk is gone"
        );
    }

    #[test]
    fn everything_read_is_stored_once_and_in_order() {
        let root = tempfile::tempdir().unwrap();
        let steps = [
            ScriptStep::Bring(3),
            ScriptStep::Bring(250),
            ScriptStep::Bring(1),
        ];
        run_until(root.path(), &steps, |count| count == 254);
        let stored = messages(&open(root.path()), "file:numbers");
        assert_eq!(
            stored,
            (0..254)
                .map(|number| number.to_string())
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_failed_collector_continues_from_the_committed_position() {
        for failure in [ScriptStep::Fail, ScriptStep::Panic] {
            let root = tempfile::tempdir().unwrap();
            let steps = [ScriptStep::Bring(3), failure, ScriptStep::Bring(2)];
            run_until(root.path(), &steps, |count| count == 6);
            let store = open(root.path());
            assert_eq!(messages(&store, "file:numbers"), ["0", "1", "2", "3", "4"]);
            let reports = messages(&store, "system:vmlog");
            assert!(
                reports[0].starts_with("collector scripted failed: "),
                "{reports:?}"
            );
            assert!(
                reports[0].ends_with("; it starts again in 1 s"),
                "{reports:?}"
            );
        }
    }

    #[test]
    fn counts_the_records_of_a_collector() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let live = Live::new(10, Id(1));
        let steps = [ScriptStep::Bring(11), ScriptStep::Fail];
        let collectors = vec![("scripted".to_owned(), Scripted::build(&steps))];
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live, OPTIONS, vec![], collectors).unwrap();
        let counters = pipeline.counters();
        let begin = Instant::now();
        while counters.read(Micros::now())[0].errors == 0 {
            assert!(begin.elapsed() < Duration::from_mins(1));
            thread::sleep(Duration::from_millis(5));
        }
        pipeline.finish().unwrap();
        let count = &counters.read(time(17_000_000))[0];
        // ten digits and one number of two; the newest record is of ten microseconds later than the first
        let expected = CollectorCount {
            collector: "scripted".to_owned(),
            read: 11,
            stored: 11,
            filtered: 0,
            bytes: 12,
            gaps: 0,
            errors: 1,
            not_followed: 0,
            lag_s: 16,
            is_running: false,
            reached: [("scripted".to_owned(), 11)].into(),
        };
        assert_eq!(*count, expected);
    }

    #[test]
    fn histories_are_merged_by_time() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let reader = store.reader();
        let parts = |name: &'static str, parts: &'static [&'static [i64]]| -> (String, Build) {
            let build = move |positions: &Positions| -> Box<dyn Collector> {
                Box::new(ScriptedParts::new(name, parts, positions))
            };
            (name.to_owned(), Box::new(build))
        };
        let collectors = vec![
            parts("a", &[&[1, 5, 9], &[2, 7, 3]]),
            parts("b", &[&[4, 4, 8]]),
            parts("c", &[&[]]),
        ];
        let live = Live::new(10, Id(1));
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live, OPTIONS, vec![], collectors).unwrap();
        let begin = Instant::now();
        while reader.view().ids().end <= 9 {
            assert!(begin.elapsed() < Duration::from_mins(1));
            thread::sleep(Duration::from_millis(5));
        }
        pipeline.finish().unwrap();
        let store = open(root.path());
        let all = messages(&store, "file:parts");
        let expected = [
            "a0:1", "a1:2", "b0:4", "b0:4", "a0:5", "a1:7", "a1:3", "b0:8", "a0:9",
        ];
        assert_eq!(all, expected, "a late record keeps its place in its part");
        let positions = store.positions();
        for (origin, count) in [("a0", 3), ("a1", 3), ("b0", 3)] {
            assert_eq!(positions[origin], [count], "{origin}");
        }
    }

    /// Returns records with these times, part by part.
    struct ScriptedParts {
        name: &'static str,
        times: &'static [&'static [i64]],
        next: Vec<usize>,
    }

    impl ScriptedParts {
        fn new(
            name: &'static str,
            times: &'static [&'static [i64]],
            positions: &Positions,
        ) -> Self {
            let next = |part| {
                let value = positions.get(&format!("{name}{part}"));
                value.map_or(0, |value| usize::from(value[0]))
            };
            Self {
                name,
                times,
                next: (0..times.len()).map(next).collect(),
            }
        }
    }

    impl Collector for ScriptedParts {
        fn name(&self) -> &str {
            self.name
        }

        fn read(&mut self, batch: &mut Batch) -> Result<(), crate::collect::Error> {
            (0..self.times.len()).try_for_each(|part| self.read_part(part, batch))
        }

        fn wait(&mut self, _: Duration) {
            thread::sleep(Duration::from_millis(5));
        }

        fn parts(&mut self, _: &mut Batch) -> Result<Vec<Micros>, crate::collect::Error> {
            Ok(vec![Micros::MIN; self.times.len()])
        }

        fn read_part(
            &mut self,
            part: usize,
            batch: &mut Batch,
        ) -> Result<(), crate::collect::Error> {
            let origin = format!("{}{part}", self.name);
            while batch.records.len() < batch.records_max
                && let Some(time) = self.times[part].get(self.next[part])
            {
                self.next[part] += 1;
                batch.records.push(Record {
                    timestamp: self::time(*time),
                    source: Source::new("file", "parts"),
                    message: format!("{origin}:{time}"),
                    ..numbered(0)
                });
            }
            let value = Some(vec![u8::try_from(self.next[part]).unwrap()]);
            batch.positions.push(Position { origin, value });
            Ok(())
        }
    }

    /// Has many logs, each with one record of 1 MiB; the record of a later log has a later time.
    struct LargeParts {
        read: [bool; Self::PARTS],
    }

    impl LargeParts {
        const PARTS: usize = 12;
    }

    impl Collector for LargeParts {
        fn name(&self) -> &'static str {
            "large"
        }

        fn read(&mut self, _: &mut Batch) -> Result<(), crate::collect::Error> {
            Ok(())
        }

        fn wait(&mut self, _: Duration) {
            thread::sleep(Duration::from_millis(5));
        }

        fn parts(&mut self, _: &mut Batch) -> Result<Vec<Micros>, crate::collect::Error> {
            Ok(vec![Micros::MIN; Self::PARTS])
        }

        fn read_part(
            &mut self,
            part: usize,
            batch: &mut Batch,
        ) -> Result<(), crate::collect::Error> {
            if !std::mem::replace(&mut self.read[part], true) {
                batch.records.push(Record {
                    timestamp: time(i64::try_from(part).unwrap()),
                    ..of_length((1 << 20) + part)
                });
            }
            Ok(())
        }
    }

    #[test]
    fn records_that_wait_in_the_merge_are_bounded_by_bytes() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let reader = store.reader();
        let build: Build = Box::new(|_| {
            let read = [false; LargeParts::PARTS];
            Box::new(LargeParts { read })
        });
        let collectors = vec![("large".to_owned(), build)];
        let live = Live::new(10, Id(1));
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live, OPTIONS, vec![], collectors).unwrap();
        wait_for("it takes too long", || {
            reader.view().ids().end > LargeParts::PARTS as u64
        });
        pipeline.finish().unwrap();
        let records = all_records(&open(root.path()));
        let parts: Vec<_> = records
            .iter()
            .map(|record| record.message.len() - (1 << 20))
            .collect();
        // Seven of them fit into the limit and wait for their turns; the others are sent when they are read. A page
        // has at most 8 MiB.
        assert!(parts.starts_with(&[7, 8, 9, 10, 11, 0, 1]), "{parts:?}");
    }

    /// Runs a pipeline of one collector until this many records are stored; returns the content of the store.
    fn stored_of(
        steps: &[ScriptStep],
        options: PipelineOptions,
        redactor: Redactor,
        count: u64,
    ) -> Vec<Record> {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let reader = store.reader();
        let collectors = vec![("scripted".to_owned(), Scripted::build(steps))];
        let live = Live::new(10, Id(1));
        let (pipeline, _ended) =
            Pipeline::start(store, redactor, live, options, vec![], collectors).unwrap();
        wait_for("it takes too long", || reader.view().ids().end > count);
        pipeline.finish().unwrap();
        all_records(&open(root.path()))
    }

    fn of_length(bytes: usize) -> Record {
        Record {
            message: "x".repeat(bytes),
            ..numbered(0)
        }
    }

    #[test]
    fn a_batch_too_large_for_a_frame_is_split_and_a_record_too_large_is_shortened() {
        let off = redact::RedactOptions {
            disabled: vec!["all".to_owned()],
            ..redact::RedactOptions::default()
        };
        let mut huge = of_length(257 << 20);
        huge.metadata.insert("short", 1);
        huge.metadata.insert("long", "x".repeat(100_000));
        let mut batch: Vec<_> = (1..8).map(of_length).collect();
        batch.insert(4, huge);
        let steps = [ScriptStep::Give(batch), ScriptStep::Bring(1)];
        let records = stored_of(&steps, OPTIONS, Redactor::new(&off).unwrap(), 10);
        let lengths: Vec<_> = records
            .iter()
            .filter(|record| record.source.as_str() == "file:numbers")
            .map(|record| record.message.len())
            .collect();
        assert_eq!(lengths, [1, 2, 3, 4, 1 << 20, 5, 6, 7, 1]);
        let shortened = &records[4].metadata;
        assert_eq!(shortened["message_bytes"], 257 << 20);
        assert_eq!(shortened["fields_left_out"], 1);
        assert_eq!(shortened["short"], 1);
        let own = records
            .iter()
            .find(|it| it.source.as_str() == "system:vmlog");
        let reports = &own.unwrap().message;
        assert!(
            reports.starts_with("a record of file:numbers was shortened: it took 2695"),
            "{reports}"
        );
    }

    #[test]
    fn large_records_are_written_without_waiting() {
        let options = PipelineOptions {
            flush_after: Duration::from_hours(1),
            flush_records: usize::MAX,
            ..OPTIONS
        };
        let steps: Vec<_> = (0..9)
            .map(|_| ScriptStep::Give(vec![of_length(1 << 20)]))
            .collect();
        let redactor = redactor();
        assert!(stored_of(&steps, options, redactor, 8).len() >= 8);
    }

    #[test]
    fn an_implausible_time_changes_neither_order_nor_place() {
        // relative to 2001: the year 1, and one far ahead
        const EARLY: i64 = -63_000_000_000_000_000;
        const LATE: i64 = 9_000_000_000_000_000;
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let reader = store.reader();
        let collector = |positions: &Positions| -> Box<dyn Collector> {
            Box::new(ScriptedParts::new(
                "a",
                &[&[EARLY, 5, LATE, 6, 9], &[1, 7, 8]],
                positions,
            ))
        };
        let collectors: Vec<(String, Build)> = vec![("a".to_owned(), Box::new(collector))];
        let live = Live::new(10, Id(1));
        let before = Micros::now();
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live, OPTIONS, vec![], collectors).unwrap();
        wait_for("it takes too long", || reader.view().ids().end > 8);
        pipeline.finish().unwrap();
        let records = all_records(&open(root.path()));
        let (wild, right): (Vec<_>, Vec<_>) = records
            .into_iter()
            .partition(|record| record.metadata.contains_key("stated_time"));
        let messages: Vec<_> = right.iter().map(|record| record.message.as_str()).collect();
        assert_eq!(messages, ["a1:1", "a0:5", "a0:6", "a1:7", "a1:8", "a0:9"]);
        assert_eq!(wild.len(), 2);
        for record in wild {
            assert!(record.timestamp >= before && record.timestamp <= Micros::now());
        }
    }

    #[test]
    fn reports_a_lasting_failure_once_and_its_end_once() {
        let options = options_with(|timeouts| timeouts.retry = Duration::from_millis(10));
        let mut steps = vec![ScriptStep::Interrupted, ScriptStep::Bring(1)];
        steps.extend([const { ScriptStep::Fail }; 4]);
        let records = stored_of(&steps, options, redactor(), 3);
        let reports = records
            .iter()
            .filter(|it| it.source.as_str() == "system:vmlog");
        let reports: Vec<_> = reports.map(|record| record.message.as_str()).collect();
        let [failed, works] = reports[..] else {
            panic!("{reports:?}");
        };
        assert!(
            failed.starts_with("collector scripted failed: "),
            "{failed}"
        );
        assert_eq!(works, "collector scripted works again after 4 failures");
    }

    /// When a collector blocks.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum HangsAt {
        /// When asked for its parts.
        Parts,
        /// At the third read of a part.
        Part,
        /// When it has moved to its lane.
        Lane,
    }

    /// Blocks until its gate is dropped, as a file on an unreachable server does.
    struct Hanging {
        at: HangsAt,
        inner: ScriptedParts,
        gate: Option<mpsc::Receiver<()>>,
        reads: usize,
    }

    impl Hanging {
        fn build(at: HangsAt) -> (Build, mpsc::Sender<()>) {
            let (key, gate) = mpsc::channel();
            let mut gate = Some(gate);
            let build = move |positions: &Positions| -> Box<dyn Collector> {
                Box::new(Self {
                    at,
                    inner: ScriptedParts::new("h", &[&[3, 6, 7], &[1]], positions),
                    gate: gate.take(),
                    reads: 0,
                })
            };
            (Box::new(build), key)
        }

        fn hang(&mut self) {
            if let Some(gate) = self.gate.take() {
                let _ = gate.recv();
            }
        }
    }

    impl Collector for Hanging {
        fn name(&self) -> &'static str {
            "hanging"
        }

        fn read(&mut self, batch: &mut Batch) -> Result<(), crate::collect::Error> {
            if self.at == HangsAt::Lane {
                self.hang();
            }
            self.inner.read(batch)
        }

        fn wait(&mut self, timeouts: Duration) {
            self.inner.wait(timeouts);
        }

        fn parts(&mut self, batch: &mut Batch) -> Result<Vec<Micros>, crate::collect::Error> {
            if self.at == HangsAt::Parts {
                self.hang();
            }
            self.inner.parts(batch)
        }

        fn read_part(
            &mut self,
            part: usize,
            batch: &mut Batch,
        ) -> Result<(), crate::collect::Error> {
            self.reads += 1;
            if self.at == HangsAt::Part && self.reads == 3 {
                self.hang();
            }
            self.inner.read_part(part, batch)
        }
    }

    fn wait_for(what: &str, done: impl Fn() -> bool) {
        let begin = Instant::now();
        while !done() {
            assert!(begin.elapsed() < Duration::from_mins(1), "{what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_source_that_hangs_at_the_start_does_not_delay_others() {
        for at in [HangsAt::Parts, HangsAt::Part] {
            let root = tempfile::tempdir().unwrap();
            let store = open(root.path());
            let reader = store.reader();
            let (hanging, key) = Hanging::build(at);
            let others = |positions: &Positions| -> Box<dyn Collector> {
                Box::new(ScriptedParts::new("a", &[&[2, 5, 9]], positions))
            };
            let collectors: Vec<(String, Build)> = vec![
                ("hanging".to_owned(), hanging),
                ("a".to_owned(), Box::new(others)),
            ];
            let options = options_with(|timeouts| timeouts.answer = Duration::from_millis(200));
            let live = Live::new(10, Id(1));
            let (pipeline, _ended) =
                Pipeline::start(store, redactor(), live, options, vec![], collectors).unwrap();
            let count = || reader.view().ids().end - 1;
            // The records that it had returned by then do not wait either.
            let before = if at == HangsAt::Parts { 4 } else { 6 };
            wait_for("the others wait", || count() == before);
            drop(key);
            wait_for("it does not continue", || count() == 8);
            pipeline.finish().unwrap();
            let store = open(root.path());
            let own = |owner: char| -> Vec<_> {
                let all = messages(&store, "file:parts").into_iter();
                all.filter(|message| message.starts_with(owner)).collect()
            };
            assert_eq!(own('a'), ["a0:2", "a0:5", "a0:9"]);
            let mut hung = own('h');
            let first_part: Vec<_> = hung.extract_if(.., |it| it.starts_with("h0")).collect();
            assert_eq!(first_part, ["h0:3", "h0:6", "h0:7"]);
            assert_eq!(hung, ["h1:1"]);
            let reports = messages(&store, "system:vmlog");
            let [report] = &reports[..] else {
                panic!("{reports:?}");
            };
            assert!(
                report.starts_with("collector hanging has been waiting for its source for "),
                "{report}"
            );
            assert!(
                report.ends_with(": the others continue without it"),
                "{report}"
            );
        }
    }

    #[test]
    fn reports_a_hanging_source_and_its_response() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let reader = store.reader();
        let (hanging, key) = Hanging::build(HangsAt::Lane);
        let options = options_with(|timeouts| timeouts.answer = Duration::from_millis(100));
        let collectors = vec![("hanging".to_owned(), hanging)];
        let live = Live::new(10, Id(1));
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live, options, vec![], collectors).unwrap();
        let counters = pipeline.counters();
        let is_running = || counters.read(Micros::now())[0].is_running;
        let reported = |count: u64| {
            // The four records of its parts come first.
            wait_for("it is not reported", || {
                reader.view().ids().end - 1 == 4 + count
            });
        };
        reported(1);
        assert!(!is_running());
        drop(key);
        reported(2);
        wait_for("it does not run", is_running);
        pipeline.finish().unwrap();
        let reports = messages(&open(root.path()), "system:vmlog");
        let seconds = |text: &str, before: &str, after: &str| {
            let rest = text
                .strip_prefix(before)
                .and_then(|it| it.strip_suffix(after));
            rest.unwrap_or_else(|| panic!("{text}"))
                .parse::<u64>()
                .unwrap()
        };
        let before = "collector hanging has been waiting for its source for ";
        assert!(seconds(&reports[0], before, " s: the others continue without it") < 60);
        let before = "collector hanging continues: its source responded after ";
        assert!(seconds(&reports[1], before, " s") < 60);
    }

    #[test]
    fn a_hanging_source_does_not_prevent_the_store_from_closing() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let (hanging, key) = Hanging::build(HangsAt::Parts);
        let collectors = vec![("hanging".to_owned(), hanging)];
        let options = options_with(|timeouts| timeouts.stop = Duration::from_millis(100));
        let live = Live::new(10, Id(1));
        let first = vec![numbered(1)];
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live, options, first, collectors).unwrap();
        pipeline.finish().unwrap();
        assert_eq!(messages(&open(root.path()), "file:numbers"), ["1"]);
        // It returns when its receiver is gone.
        drop(key);
    }

    #[test]
    fn a_stop_writes_what_was_read_and_a_start_continues() {
        let root = tempfile::tempdir().unwrap();
        for (steps, total) in [
            (&[ScriptStep::Bring(7)][..], 7),
            (&[ScriptStep::Bring(1), ScriptStep::Bring(1)][..], 9),
        ] {
            run_until(root.path(), steps, |count| count == total);
        }
        let stored = messages(&open(root.path()), "file:numbers");
        assert_eq!(
            stored,
            (0..9).map(|number| number.to_string()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_unchanged_position_is_not_written() {
        let root = tempfile::tempdir().unwrap();
        let begin = Instant::now();
        run_until(root.path(), &[ScriptStep::Bring(1)], |_| {
            begin.elapsed().as_millis() > 300
        });
        let files = std::fs::read_dir(root.path())
            .unwrap()
            .map(|entry| entry.unwrap());
        let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
        assert!(bytes < 1000, "{bytes} bytes for one record");
    }

    #[test]
    fn a_stop_is_quick() {
        let root = tempfile::tempdir().unwrap();
        let begin = Instant::now();
        run_until(root.path(), &[], |_| true);
        // A busy machine takes its time, but must not reach the stop timeout of a minute.
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{:?}",
            begin.elapsed()
        );
    }

    /// Reads nothing, and records how long it may sleep.
    struct Idler {
        sleeps: Arc<Mutex<Vec<Duration>>>,
        notices_late: bool,
    }

    impl Collector for Idler {
        fn name(&self) -> &'static str {
            "idler"
        }

        fn read(&mut self, _: &mut Batch) -> Result<(), crate::collect::Error> {
            Ok(())
        }

        fn wait(&mut self, timeout: Duration) {
            self.sleeps.lock().unwrap().push(timeout);
            thread::sleep(Duration::from_millis(1));
        }

        fn notices_late(&self) -> bool {
            self.notices_late
        }
    }

    #[test]
    fn only_a_collector_that_notices_late_is_polled_for_a_client_that_tails() {
        let longest = |notices_late: bool, clients: usize| {
            let root = tempfile::tempdir().unwrap();
            let live = Live::new(10, Id(1));
            let tails: Vec<_> = (0..clients)
                .map(|_| live.subscribe(Filter::default(), None, 10))
                .collect();
            let sleeps = Arc::<Mutex<Vec<Duration>>>::default();
            let told = Arc::clone(&sleeps);
            let build: Build = Box::new(move |_| {
                let sleeps = Arc::clone(&told);
                Box::new(Idler {
                    sleeps,
                    notices_late,
                })
            });
            let collectors = vec![("idler".to_owned(), build)];
            let store = open(root.path());
            let started = Pipeline::start(store, redactor(), live, OPTIONS, vec![], collectors);
            let (pipeline, _ended) = started.unwrap();
            let begin = Instant::now();
            while sleeps.lock().unwrap().len() < 3 {
                assert!(begin.elapsed() < Duration::from_mins(1));
                thread::sleep(Duration::from_millis(1));
            }
            pipeline.finish().unwrap();
            drop(tails);
            let longest = sleeps.lock().unwrap().iter().max().copied();
            longest.unwrap().as_millis()
        };
        assert_eq!(longest(false, 0), 1000);
        assert_eq!(longest(true, 0), 1000);
        assert_eq!(longest(false, 1), 250);
        assert_eq!(longest(true, 1), 10);
    }

    /// Reads three records, and then sleeps until the sender is dropped.
    struct Sleeper {
        has_read: bool,
        woken: mpsc::Receiver<()>,
    }

    impl Collector for Sleeper {
        fn name(&self) -> &'static str {
            "sleeper"
        }

        fn read(&mut self, batch: &mut Batch) -> Result<(), crate::collect::Error> {
            if !std::mem::replace(&mut self.has_read, true) {
                batch.records.extend((0..3).map(numbered));
            }
            Ok(())
        }

        fn wait(&mut self, _: Duration) {
            let _ = self.woken.recv();
        }
    }

    #[test]
    fn a_stop_does_not_wait_for_a_collector_that_sleeps() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let reader = store.reader();
        let (wake, woken) = mpsc::channel();
        let mut sleeper = Some(Sleeper {
            has_read: false,
            woken,
        });
        let build: Build = Box::new(move |_| Box::new(sleeper.take().unwrap()));
        let collectors = vec![("sleeper".to_owned(), build)];
        let live = Live::new(10, Id(1));
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live, OPTIONS, vec![], collectors).unwrap();
        let begin = Instant::now();
        let limit = Duration::from_secs(30);
        while reader.view().ids().end < 4 && begin.elapsed() < limit {
            thread::sleep(Duration::from_millis(1));
        }
        // The stop timeout is a minute.
        pipeline.finish().unwrap();
        assert!(begin.elapsed() < limit, "{:?}", begin.elapsed());
        let stored = messages(&open(root.path()), "file:numbers");
        assert_eq!(stored, ["0", "1", "2"]);
        drop(wake);
    }

    #[test]
    fn live_delivers_the_records_of_the_store() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let live = Live::new(1000, Id(1));
        let mut subscription = live.subscribe(Filter::default(), None, 1000);
        let collectors = vec![(
            "scripted".to_owned(),
            Scripted::build(&[ScriptStep::Bring(5)]),
        )];
        let first = vec![numbered(99)];
        let (pipeline, _ended) =
            Pipeline::start(store, redactor(), live.clone(), OPTIONS, first, collectors).unwrap();
        let mut seen = vec![];
        let begin = Instant::now();
        while seen.len() < 6 {
            assert!(begin.elapsed() < Duration::from_mins(1), "{seen:?}");
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match subscription.poll_next(&mut context) {
                std::task::Poll::Ready(Some(crate::live::Event::Record(stored))) => {
                    seen.push((stored.id.0, stored.record.message.clone()));
                }
                std::task::Poll::Pending => thread::sleep(Duration::from_millis(2)),
                std::task::Poll::Ready(other) => panic!("{other:?}"),
            }
        }
        pipeline.finish().unwrap();
        let expected = ["99", "0", "1", "2", "3", "4"];
        assert_eq!(
            seen,
            (1..).zip(expected.map(str::to_owned)).collect::<Vec<_>>()
        );
    }
}
