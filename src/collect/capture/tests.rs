//! Property tests of runs: logs are written line by line while a collector reads, is killed and starts again.

use super::*;
use crate::capture::{Folder, RunId};
use crate::collect::collector::{Batch, Collector as _};
use crate::record::{Level, Position, Positions, Record};
use crate::time::Micros;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes the log of one run as a captured command does.
struct Writer {
    folder: Folder,
    run: RunId,
    part: u32,
    file: File,
}

impl Writer {
    /// Starts a run; `second` determines the order of the runs.
    fn start(dir: &Path, second: i64) -> Self {
        let folder = Folder::new(dir);
        let run = RunId::new(Micros::new(second * 1_000_000));
        let file = folder.create_part(run, 1).unwrap();
        let mut writer = Self {
            folder,
            run,
            part: 1,
            file,
        };
        let event = json!({"type": "process_start", "source": "build", "name": "step", "pid": 7, "command": "make"});
        writer.entry("system", "started\n", Some(event));
        writer
    }

    fn entry(&mut self, stream: &str, data: &str, event: Option<Value>) {
        let mut line = json!({"t": "2026-02-17T14:30:15Z", "s": stream, "d": data, "id": self.run.to_string()});
        if let Some(event) = event {
            line["event"] = event;
        }
        self.raw(format!("{line}\n").as_bytes());
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.file.write_all(bytes).unwrap();
    }

    fn next_part(&mut self) {
        self.part += 1;
        self.file = self.folder.create_part(self.run, self.part).unwrap();
    }

    fn end(mut self, code: i32, lines: u64, bytes: u64) {
        let streams = json!({"stdout": {"lines": lines, "bytes": bytes}});
        let event = json!({"type": "process_end", "exit_code": code, "duration_us": 1500, "streams": streams});
        self.entry("system", "ended\n", Some(event));
    }
}

/// Stores the output of a collector.
struct Reader {
    options: CaptureOptions,
    positions: Positions,
    collector: CaptureCollector,
    records: Vec<Record>,
}

impl Reader {
    fn new(dir: &Path) -> Self {
        let mut options = CaptureOptions::new(dir);
        options.lines_max = u64::MAX;
        options.bytes_max = u64::MAX;
        options.quiet = Duration::from_hours(1);
        Self::with(options)
    }

    fn with(options: CaptureOptions) -> Self {
        let positions = Positions::new();
        Self {
            collector: CaptureCollector::open(options.clone(), &positions),
            options,
            positions,
            records: Vec::new(),
        }
    }

    /// Reads once and stores the batch. Returns `false` if nothing was read.
    fn read(&mut self) -> bool {
        let mut batch = Batch::default();
        self.collector.read(&mut batch).unwrap();
        let is_empty = batch.records.is_empty() && batch.positions.is_empty();
        for Position { origin, value } in batch.positions {
            match value {
                Some(value) => drop(self.positions.insert(origin, value)),
                None => drop(self.positions.remove(&origin)),
            }
        }
        self.records.extend(batch.records);
        !is_empty
    }

    fn read_all(&mut self) {
        while self.read() {}
    }

    /// Starts again without having stored the last batch, as after a crash.
    fn die(&mut self) {
        self.collector.read(&mut Batch::default()).unwrap();
        self.collector = CaptureCollector::open(self.options.clone(), &self.positions);
    }

    fn of_run(&self, run: RunId) -> impl Iterator<Item = &Record> {
        let run = Value::from(run.to_string());
        self.records
            .iter()
            .filter(move |record| record.metadata["run_id"] == run)
    }

    fn lines(&self, run: RunId) -> Vec<&str> {
        let output = self
            .of_run(run)
            .filter(|record| record.metadata["event_type"] == "process_output");
        output.map(|record| record.message.as_str()).collect()
    }

    /// The text of a stream, with the parts of lines joined.
    fn text(&self, run: RunId, stream: &str) -> String {
        let mut text = String::new();
        let output = self
            .of_run(run)
            .filter(|record| record.metadata.get("stream") == Some(&stream.into()));
        for record in output {
            text.push_str(&record.message);
            if record.metadata.get("line_incomplete").is_none() {
                text.push('\n');
            }
        }
        text
    }

    fn events(&self, run: RunId) -> Vec<String> {
        let of = |record: &Record| record.metadata["event_type"].as_str().unwrap().to_owned();
        self.of_run(run)
            .map(of)
            .filter(|event| event != "process_output")
            .collect()
    }
}

/// The next action on one of the runs.
#[derive(Debug, Clone, Copy)]
enum Move {
    Line,
    Piece,
    Part,
    Read,
    Die,
}

fn moves() -> impl Strategy<Value = Vec<(usize, Move)>> {
    let one = prop_oneof![
        4 => Just(Move::Line),
        3 => Just(Move::Piece),
        1 => Just(Move::Part),
        2 => Just(Move::Read),
        1 => Just(Move::Die),
    ];
    prop::collection::vec((0usize..3, one), 0..80)
}

#[test]
fn reports_successive_commands_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let lines = Batch::RECORDS_MAX + 10;
    let mut reader = Reader::new(dir.path());
    for second in 1..=3 {
        let mut writer = Writer::start(dir.path(), second);
        for number in 0..lines {
            writer.entry("stdout", &format!("{second} {number}\n"), None);
        }
        reader.read();
        writer.end(0, lines as u64, 0);
    }
    reader.read_all();
    let messages: Vec<_> = reader
        .records
        .iter()
        .map(|record| &record.message)
        .collect();
    let output = messages.iter().filter(|message| message.contains(' '));
    let output: Vec<_> = output.filter(|message| !message.contains(':')).collect();
    let expected = (1..=3).flat_map(|run| (0..lines).map(move |number| format!("{run} {number}")));
    assert!(output.iter().map(|message| message.as_str()).eq(expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_byte_is_delivered_once_across_crashes(moves in moves(), eager in any::<bool>(), killed in 0usize..3) {
        let dir = tempfile::tempdir().unwrap();
        let mut writers: Vec<Writer> = (0..3).map(|n| Writer::start(dir.path(), n)).collect();
        let mut reader = Reader::new(dir.path());
        if eager {
            reader.options.quiet = Duration::ZERO;
            reader.die();
        }
        let mut written = vec![[String::new(), String::new()]; 3];
        for (number, (run, act)) in moves.into_iter().enumerate() {
            let which = number % 2;
            let stream = ["stdout", "stderr"][which];
            match act {
                Move::Line | Move::Piece => {
                    let end = if matches!(act, Move::Line) { "\n" } else { " " };
                    let text = format!("{number}{end}");
                    writers[run].entry(stream, &text, None);
                    written[run][which].push_str(&text);
                }
                Move::Part => writers[run].next_part(),
                Move::Read => drop(reader.read()),
                Move::Die => reader.die(),
            }
        }
        let ids: Vec<RunId> = writers.iter().map(|writer| writer.run).collect();
        for (number, writer) in writers.into_iter().enumerate() {
            if number != killed {
                writer.end(0, 0, 0);
            }
        }
        reader.die();
        reader.read_all();
        for (number, id) in ids.into_iter().enumerate() {
            for (which, stream) in ["stdout", "stderr"].into_iter().enumerate() {
                let expected = &written[number][which];
                let found = reader.text(id, stream);
                prop_assert_eq!(found.strip_suffix('\n').unwrap_or(&found), expected.strip_suffix('\n').unwrap_or(expected));
            }
            prop_assert_eq!(reader.events(id), ["process_start", "process_end"]);
            let end = reader.of_run(id).last().unwrap();
            prop_assert_eq!(end.metadata.contains_key("interrupted"), number == killed);
        }
        reader.die();
        prop_assert!(!reader.read(), "nothing comes twice");
    }

    #[test]
    fn caps_hold_across_crashes(moves in moves(), lines_max in 1u64..30) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::start(dir.path(), 1);
        let mut reader = Reader::new(dir.path());
        reader.options.lines_max = lines_max;
        reader.die();
        let mut written = Vec::new();
        for (number, (_, act)) in moves.into_iter().enumerate() {
            match act {
                Move::Line => {
                    writer.entry("stdout", &format!("{number}\n"), None);
                    written.push(number.to_string());
                }
                Move::Piece => {
                    // One entry may hold several lines.
                    writer.entry("stdout", &format!("{number}a\n{number}b\n{number}c\n"), None);
                    written.extend(["a", "b", "c"].map(|end| format!("{number}{end}")));
                }
                Move::Part => writer.next_part(),
                Move::Read => drop(reader.read()),
                Move::Die => reader.die(),
            }
        }
        let run = writer.run;
        writer.end(0, written.len() as u64, 0);
        reader.die();
        reader.read_all();
        let lines_max = usize::try_from(lines_max).unwrap();
        let head = (lines_max - lines_max / 4).min(written.len());
        let tail = (lines_max - head).min(written.len() - head);
        let left_out = written.len() - head - tail;
        let mut expected: Vec<&str> = written.iter().map(String::as_str).collect();
        if left_out > 0 {
            expected.splice(head..head + left_out, ["[output truncated: command exceeded log capture limit]"]);
        }
        prop_assert_eq!(reader.lines(run), expected);
    }

    #[test]
    fn reading_continues_after_arbitrary_bytes(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::start(dir.path(), 1);
        let run = writer.run;
        writer.raw(&noise);
        writer.raw(b"\n");
        writer.entry("stdout", "after\n", None);
        writer.end(0, 1, 6);
        let mut reader = Reader::new(dir.path());
        reader.read_all();
        prop_assert_eq!(reader.lines(run), ["after"]);
        let events = reader.events(run);
        prop_assert!(events.first().unwrap() == "process_start" && events.last().unwrap() == "process_end");
        prop_assert!(events.len() <= 3, "damage is reported once");
    }
}

#[test]
fn a_log_cut_at_any_byte_is_that_of_an_interrupted_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::start(dir.path(), 1);
    writer.entry("stdout", "one\n", None);
    writer.entry("stdout", "two\n", None);
    let (run, folder) = (writer.run, writer.folder.clone());
    drop(writer);
    let path = fs::read_dir(dir.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let whole = fs::read(&path).unwrap();
    let first = 1 + whole.iter().position(|&byte| byte == b'\n').unwrap();
    for length in first..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let mut reader = Reader::new(folder.path());
        reader.read_all();
        let lines = memchr::memchr_iter(b'\n', &whole[..length]).count();
        let expected: &[&str] = if lines == 1 { &[] } else { &["one"] };
        assert_eq!(reader.lines(run), expected, "{length} bytes");
        assert_eq!(reader.events(run), ["process_start", "process_end"]);
    }
}

#[test]
fn reports_removed_parts() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::start(dir.path(), 1);
    for part in 0..6 {
        for line in 0..10 {
            writer.entry("stdout", &format!("{part}{line}\n"), None);
        }
        writer.next_part();
    }
    let (run, folder) = (writer.run, writer.folder.clone());
    writer.end(0, 60, 180);
    for part in 2..=4 {
        folder.remove_part(run, part).unwrap();
    }
    let mut reader = Reader::new(dir.path());
    reader.read_all();
    assert_eq!(reader.lines(run).len(), 30);
    assert_eq!(reader.events(run), ["process_start", "gap", "process_end"]);
    let gap = reader
        .of_run(run)
        .find(|record| record.metadata["event_type"] == "gap")
        .unwrap();
    assert_eq!(
        gap.message,
        "3 parts of the capture log were removed before they were read"
    );

    // Within the omitted lines, only the count shows that a part was removed.
    let mut reader = Reader::new(dir.path());
    reader.options.lines_max = 8;
    reader.die();
    reader.read_all();
    assert_eq!(
        reader.lines(run),
        [
            "00",
            "01",
            "02",
            "03",
            "04",
            "05",
            "[output truncated: command exceeded log capture limit]",
            "58",
            "59"
        ]
    );
    let cut = reader
        .of_run(run)
        .find(|record| record.metadata.contains_key("truncated"))
        .unwrap();
    assert_eq!(cut.metadata["lines_left_out"], 52);
}

#[test]
fn reports_output_that_the_writer_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::start(dir.path(), 1);
    let run = writer.run;
    let gap = json!({"type": "capture_gap", "lines": 5, "bytes": 50});
    writer.entry("system", "lost\n", Some(gap));
    writer.end(0, 5, 50);
    let mut reader = Reader::new(dir.path());
    reader.read_all();
    let gap = reader.of_run(run).nth(1).unwrap();
    assert_eq!(
        (gap.message.as_str(), gap.level),
        ("5 lines of output could not be kept", Level::Warn)
    );
}

#[test]
fn a_run_with_much_output_does_not_starve_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut chatty = Writer::start(dir.path(), 1);
    for line in 0..5000 {
        chatty.entry("stdout", &format!("{line}\n"), None);
    }
    let mut quiet = Writer::start(dir.path(), 2);
    quiet.entry("stdout", "here\n", None);
    let mut reader = Reader::new(dir.path());
    reader.read();
    reader.read();
    assert_eq!(reader.lines(quiet.run), ["here"]);
    reader.read_all();
    assert_eq!(reader.lines(chatty.run).len(), 5000);
}

#[test]
fn the_position_of_a_deleted_log_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let read_to_its_end = Writer::start(dir.path(), 1);
    let (ended, folder) = (read_to_its_end.run, read_to_its_end.folder.clone());
    read_to_its_end.end(0, 0, 0);
    let going_on = Writer::start(dir.path(), 2);
    let mut reader = Reader::new(dir.path());
    reader.read_all();
    assert_eq!(reader.positions.len(), 2);
    folder.remove_part(ended, 1).unwrap();
    folder.remove_part(going_on.run, 1).unwrap();
    reader.collector = CaptureCollector::open(reader.options.clone(), &reader.positions);
    reader.read_all();
    assert!(reader.positions.is_empty());
    assert_eq!(reader.events(ended), ["process_start", "process_end"]);
    assert_eq!(reader.events(going_on.run), ["process_start", "gap"]);
}

#[test]
fn a_prompt_without_line_end_is_delivered_before_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::start(dir.path(), 1);
    writer.entry("stdout", "Continue? ", None);
    let mut reader = Reader::new(dir.path());
    reader.options.quiet = Duration::from_millis(20);
    reader.die();
    reader.read();
    assert!(reader.lines(writer.run).is_empty());
    let start = Instant::now();
    while reader.lines(writer.run).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20));
        reader.collector.wait(Duration::from_secs(10));
        reader.read();
    }
    assert_eq!(reader.lines(writer.run), ["Continue? "]);
    writer.entry("stdout", "yes\n", None);
    reader.die();
    reader.read_all();
    assert_eq!(reader.lines(writer.run), ["Continue? ", "yes"]);
    let answer = reader.records.last().unwrap();
    assert_eq!(answer.metadata["line_part"], 2);
}

#[test]
fn a_missing_folder_is_accepted_and_a_file_in_its_place_reported() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("capture");
    let mut reader = Reader::new(&place);
    assert!(!reader.read());
    let mut writer = Writer::start(&place, 1);
    writer.entry("stdout", "hello\n", None);
    reader.read_all();
    assert_eq!(reader.lines(writer.run), ["hello"]);
    fs::write(dir.path().join("file"), "").unwrap();
    let error = Reader::new(&dir.path().join("file"))
        .collector
        .read(&mut Batch::default())
        .unwrap_err();
    assert!(error.to_string().starts_with("cannot list "), "{error}");
}

#[test]
fn a_start_that_is_half_written_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path());
    let run = RunId::new(Micros::new(1));
    let mut file = folder.create_part(run, 1).unwrap();
    let line = r#"{"t":"2026-02-17T14:30:15Z","s":"system","d":"x","event":{"type":"process_start","source":"build"}}"#;
    let (begin, rest) = line.split_at(50);
    file.write_all(begin.as_bytes()).unwrap();
    let mut reader = Reader::new(dir.path());
    assert!(!reader.read());
    file.write_all(format!("{rest}\n").as_bytes()).unwrap();
    reader.read_all();
    assert_eq!(reader.events(run), ["process_start"]);
    assert_eq!(reader.records[0].source.as_str(), "build");
}

#[test]
fn a_cap_within_an_entry_repeats_nothing_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::start(dir.path(), 1);
    writer.entry("stdout", "0\n", None);
    writer.entry("stdout", "1\n2\n3\n", None);
    let mut reader = Reader::new(dir.path());
    reader.options.lines_max = 4;
    reader.die();
    reader.read_all();
    assert_eq!(reader.lines(writer.run), ["0", "1", "2"], "the head");
    reader.die();
    let run = writer.run;
    writer.end(0, 4, 8);
    reader.read_all();
    assert_eq!(reader.lines(run), ["0", "1", "2", "3"]);
}
