//! Journal files compared with recorded output of journalctl.

pub(crate) mod command;
pub(crate) mod damage;
pub(crate) mod installed;
pub(crate) mod oversized;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use vmlog::journal::Cursor;
use vmlog::journal::EntryMatches;
use vmlog::journal::Journal;
use vmlog::journal::JournalEvent;
use vmlog::journal::JournalOptions;
use vmlog::journal::Seek;

/// An entry as a multiset of fields, and its cursor: the order of fields within an entry is irrelevant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    cursor: String,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A large set of journals outside the project, if there is one.
fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("VMLOG_CORPUS")
        .map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    path.is_dir().then_some(path)
}

fn of_file(path: &Path) -> JournalOptions {
    JournalOptions {
        files: vec![path.to_owned()],
        ..JournalOptions::default()
    }
}

fn of_directory(path: &Path) -> JournalOptions {
    JournalOptions {
        directories: vec![path.to_owned()],
        ..JournalOptions::default()
    }
}

fn seen(event: &JournalEvent<'_>) -> Option<Seen> {
    match event {
        JournalEvent::Gap(_) => None,
        JournalEvent::Entry(entry) => {
            let mut fields: Vec<_> = entry
                .fields()
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .collect();
            fields.sort();
            Some(Seen {
                cursor: entry.cursor().to_string(),
                fields,
            })
        }
    }
}

fn forward(journal: &mut Journal) -> Vec<Seen> {
    let mut all = Vec::new();
    while let Some(event) = journal.next() {
        all.extend(seen(&event));
    }
    all
}

fn backward(journal: &mut Journal) -> Vec<Seen> {
    let mut all = Vec::new();
    while let Some(event) = journal.previous() {
        all.extend(seen(&event));
    }
    all
}

/// Parses the export format: `NAME=value` lines, or `NAME`, a length in 8 bytes and that number of bytes.
fn exported(mut rest: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut fields = Vec::new();
    let mut cursor = String::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, tail) = (&rest[..end], &rest[end + 1..]);
        rest = tail;
        if line.is_empty() {
            fields.sort();
            all.push(Seen {
                cursor: std::mem::take(&mut cursor),
                fields: std::mem::take(&mut fields),
            });
            continue;
        }
        let (name, value) = if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            (&line[..at], line[at + 1..].to_vec())
        } else {
            let (length, tail) = rest.split_first_chunk::<8>().unwrap();
            let (value, tail) =
                tail.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
            rest = &tail[1..];
            (line, value.to_vec())
        };
        match name {
            b"__CURSOR" => cursor = String::from_utf8(value).unwrap(),
            name if name.starts_with(b"__") => {}
            // journalctl prints the boot of the entry, whatever the field contains.
            name => fields.push((name.to_vec(), value)),
        }
    }
    all
}

/// The journal files below `path` that have a file with `suffix` beside them.
fn files_with(path: &Path, suffix: &str) -> BTreeMap<PathBuf, PathBuf> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, suffix));
        } else if let Some(journal) = path.to_str().unwrap().strip_suffix(suffix) {
            found.insert(PathBuf::from(journal), path);
        }
    }
    found
}

fn text(fields: &[(Vec<u8>, Vec<u8>)]) -> String {
    let lines = fields
        .iter()
        .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()));
    lines.collect::<Vec<_>>().join("\n")
}

fn assert_same(found: &[Seen], expected: &[Seen], what: &Path) {
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        let place = format!("{}: entry {number}", what.display());
        assert_eq!(found.cursor, expected.cursor, "{place}");
        assert!(
            found.fields == expected.fields,
            "{place}:\n{}\ninstead of\n{}",
            text(&found.fields),
            text(&expected.fields)
        );
    }
    assert_eq!(found.len(), expected.len(), "{}", what.display());
}

fn compare_file(path: &Path, export: &Path) {
    let expected = exported(&fs::read(export).unwrap());
    let mut journal = Journal::open(of_file(path));
    assert_same(&forward(&mut journal), &expected, path);
    let mut back = backward(&mut journal);
    back.reverse();
    assert_same(&back, &expected, path);
    assert!(journal.problems().is_empty(), "{}", path.display());
}

#[test]
fn every_fixture_yields_the_entries_of_journalctl() {
    let fixtures = files_with(&root().join("tests/fixtures/journal"), ".export");
    assert!(fixtures.len() >= 6, "{fixtures:?}");
    for (path, export) in &fixtures {
        compare_file(path, export);
    }
}

#[test]
fn entries_in_several_files_are_returned_once() {
    let directory = root().join("tests/fixtures/journal");
    let mut journal = Journal::open(of_directory(&directory));
    let all = forward(&mut journal);
    assert_eq!(all.len(), 30);
    let mut back = backward(&mut journal);
    back.reverse();
    let content = |all: &[Seen]| all.iter().map(|it| it.fields.clone()).collect::<Vec<_>>();
    assert_eq!(content(&back), content(&all));
    assert_eq!(journal.positions().len(), 6, "one of each file's lineage");
}

#[test]
fn many_archived_files_are_not_all_held_open() {
    let directory = tempfile::tempdir().unwrap();
    let whole = fixture("zstd-compact-keyed.journal");
    for number in 0..400 {
        fs::write(
            directory.path().join(format!("system@{number}.journal")),
            &whole,
        )
        .unwrap();
    }
    let held = || {
        let open = fs::read_dir("/proc/self/fd").unwrap();
        let targets = open.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
        targets
            .filter(|target| target.starts_with(directory.path()))
            .count()
    };
    let mut journal = Journal::open(of_directory(directory.path()));
    assert!(held() <= 257, "{} after opening", held());
    // One that is closed while its entry is returned still has all fields.
    let one = directory.path().join("system@0.journal");
    let all = forward(&mut Journal::open(of_file(&one)));
    let mut found = Vec::new();
    while let Some(event) = journal.next() {
        found.extend(seen(&event));
        assert!(held() <= 257, "{} after {} entries", held(), found.len());
    }
    assert_same(&found, &all, directory.path());
    assert_eq!(found.len(), 30);
    assert!(journal.problems().is_empty());
}

#[test]
fn every_corpus_file_yields_the_entries_of_journalctl() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for directory in ["flavour", "content"] {
        for (path, export) in files_with(&corpus.join(directory), ".journal.export") {
            let path = path.with_extension("journal");
            compare_file(&path, &export);
            compared += 1;
        }
    }
    assert!(compared >= 30, "{compared} files");
}

#[test]
fn every_corpus_directory_yields_the_entries_of_journalctl() {
    let Some(corpus) = corpus() else { return };
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        // More is found in damaged files than journalctl finds.
        if path.ends_with("damaged") {
            continue;
        }
        let Ok(export) = fs::read(path.join("_dir.export")) else {
            continue;
        };
        let options = JournalOptions {
            namespaces: vmlog::journal::Namespaces::Default,
            ..of_directory(&path)
        };
        let mut journal = Journal::open(options);
        let expected = exported(&export);
        // Which of two copies is printed depends on the order in which the file system lists the files.
        let plain = |mut all: Vec<Seen>| {
            for seen in &mut all {
                seen.cursor = seen.cursor.split_once(";b=").unwrap().1.to_owned();
            }
            all
        };
        let copies = ["d-duplicate", "flavour", "content"]
            .iter()
            .any(|name| path.ends_with(name));
        let plain = |all: Vec<Seen>| if copies { plain(all) } else { all };
        let expected = plain(expected);
        let found = plain(forward(&mut journal));
        assert_same(&found, &expected, &path);
        let mut back = plain(backward(&mut journal));
        back.reverse();
        assert_same(&back, &expected, &path);
    }
}

#[test]
fn damaged_files_give_no_fewer_entries_than_journalctl_finds() {
    let Some(corpus) = corpus() else { return };
    for (path, export) in files_with(&corpus.join("damaged"), ".export") {
        let expected = exported(&fs::read(export).unwrap());
        let mut journal = Journal::open(of_file(&path));
        let found = forward(&mut journal);
        let problems: Vec<String> = journal
            .problems()
            .iter()
            .map(|problem| problem.error.to_string())
            .collect();
        eprintln!(
            "{} {} {} {problems:?}",
            path.file_name().unwrap().display(),
            found.len(),
            expected.len()
        );
        assert!(found.len() >= expected.len(), "{}", path.display());
    }
}

#[test]
fn reading_continues_exactly_after_every_cursor() {
    let Some(corpus) = corpus() else { return };
    let path = corpus.join("d-chain-v252");
    let mut journal = Journal::open(of_directory(&path));
    let all = forward(&mut journal);
    for (number, seen) in all.iter().enumerate().step_by(7) {
        let cursor: Cursor = seen.cursor.parse().unwrap();
        journal.seek(&Seek::After(cursor));
        assert_same(&forward(&mut journal), &all[number + 1..], &path);
        journal.seek(&Seek::Cursor(cursor));
        assert_same(&forward(&mut journal), &all[number..], &path);
    }
}

#[test]
fn positions_resume_exactly_after_every_entry() {
    let Some(corpus) = corpus() else { return };
    let path = corpus.join("d-chain-v252");
    let all = forward(&mut Journal::open(of_directory(&path)));
    for stop in (1..all.len()).step_by(13) {
        let mut journal = Journal::open(of_directory(&path));
        for _ in 0..stop {
            journal.next().unwrap();
        }
        let resume = journal.positions();
        let options = JournalOptions {
            resume,
            ..of_directory(&path)
        };
        let mut journal = Journal::open(options);
        assert_same(&forward(&mut journal), &all[stop..], &path);
    }
}

/// A private journald that runs `script` in a shell; `None` if this machine does not allow it.
fn journald(directory: &Path, conf: &str, script: &str) -> Option<std::process::Child> {
    let tool = root().join("tools/journald");
    let can = std::process::Command::new(&tool)
        .args([
            "--dir",
            directory.join("probe").to_str().unwrap(),
            "--",
            "true",
        ])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: no private journald on this machine");
        return None;
    }
    let conf_path = directory.join("journald.conf");
    fs::write(
        &conf_path,
        format!(
            "[Journal]\nStorage=persistent\nReadKMsg=no\nAudit=no\nSeal=no\nRateLimitIntervalSec=0\nRateLimitBurst=0\n\
             SystemKeepFree=1M\nSyncIntervalSec=1s\nMaxLevelStore=debug\n{conf}"
        ),
    )
    .unwrap();
    let child = std::process::Command::new(&tool)
        .arg("--dir")
        .arg(directory.join("log"))
        .arg("--conf")
        .arg(conf_path)
        .args(["--", "bash", "-c", script])
        .spawn()
        .unwrap();
    Some(child)
}

/// The numbered lines, written by a script with the tag `storm`, that a follower has read.
#[derive(Debug, Default)]
struct Followed {
    lines: Vec<u64>,
    entries: u64,
    missing: u64,
    torn: u64,
    highest: u64,
}

/// Follows a journal until `child` has ended and nothing new arrives for as long as it takes until a gap is reported, with a pause between
/// two reads.
fn follow(
    journal: &mut Journal,
    child: &mut std::process::Child,
    pause: std::time::Duration,
) -> Followed {
    let mut followed = Followed::default();
    let mut news = std::time::Instant::now();
    while news.elapsed() < std::time::Duration::from_secs(2) {
        let ended = child.try_wait().unwrap().is_some();
        let before = followed.entries + followed.missing;
        while let Some(event) = journal.next() {
            note(&mut followed, &event);
        }
        if !ended || followed.entries + followed.missing != before {
            news = std::time::Instant::now();
        }
        std::thread::sleep(pause);
        journal.wait(std::time::Duration::from_millis(50));
    }
    assert!(child.wait().unwrap().success());
    followed
}

fn note(followed: &mut Followed, event: &JournalEvent<'_>) {
    match event {
        JournalEvent::Gap(gap) => followed.missing += gap.count(),
        JournalEvent::Entry(entry) => {
            followed.entries += 1;
            followed.highest = followed.highest.max(entry.seqnum());
            let Some(message) = entry.field(b"MESSAGE") else {
                followed.torn += 1;
                return;
            };
            if entry.field(b"SYSLOG_IDENTIFIER") == Some(b"storm") {
                let text = std::str::from_utf8(message).unwrap();
                followed.lines.push(text.parse().unwrap());
            }
        }
    }
}

fn storm(conf: &str, lines: u64, pause_ms: u64) -> Option<Followed> {
    let directory = tempfile::tempdir().unwrap();
    let conf = format!("SystemMaxUse=512M\nSystemMaxFileSize=512K\n{conf}");
    let script = format!("sleep 0.3; seq 1 {lines} | logger -t storm; journalctl --sync");
    let mut child = journald(directory.path(), &conf, &script)?;
    let mut journal = Journal::open(of_directory(&directory.path().join("log")));
    let pause = std::time::Duration::from_millis(pause_ms);
    let followed = follow(&mut journal, &mut child, pause);
    assert_eq!(followed.torn, 0);
    let turned = followed
        .lines
        .windows(2)
        .position(|pair| pair[0] >= pair[1]);
    if let Some(at) = turned {
        let around = &followed.lines[at.saturating_sub(3)..(at + 6).min(followed.lines.len())];
        let again = followed.lines.len()
            - followed
                .lines
                .iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len();
        panic!(
            "out of order: {around:?} at {at}, {again} twice; {} entries and {} missing of {}",
            followed.entries, followed.missing, followed.highest
        );
    }
    assert_eq!(
        followed.entries + followed.missing,
        followed.highest,
        "journald numbers from 1"
    );
    Some(followed)
}

/// This number of lines takes part of a second; `VMLOG_TEST_FLOOD_LINES` sets another.
fn flood_lines() -> u64 {
    let asked = std::env::var("VMLOG_TEST_FLOOD_LINES");
    asked.map_or(30_000, |lines| lines.parse().unwrap())
}

#[test]
fn a_flood_below_the_size_limit_is_followed_completely() {
    let lines = flood_lines();
    if let Some(followed) = storm("SystemMaxFiles=1000\n", lines, 0) {
        assert_eq!(followed.missing, 0);
        assert!(followed.lines.into_iter().eq(1..=lines));
    }
}

/// A reader at full speed with a journald that deletes at full speed: every entry that was not read in time is
/// reported.
#[test]
fn a_flood_that_is_vacuumed_meanwhile_is_read_or_reported_as_gaps() {
    let lines = flood_lines();
    if let Some(followed) = storm("SystemMaxFiles=2\n", lines, 0) {
        reports_all_losses(&followed, lines);
    }
}

#[test]
fn entries_vacuumed_before_a_slow_reader_reads_them_are_reported_as_gaps() {
    let lines = flood_lines().max(60_000);
    if let Some(followed) = storm("SystemMaxFiles=2\n", lines, 300) {
        assert!(followed.missing > 0, "the reader was not slow enough");
        reports_all_losses(&followed, lines);
    }
}

fn reports_all_losses(followed: &Followed, lines: u64) {
    let mut read = followed.lines.clone();
    read.dedup();
    assert_eq!(read.len(), followed.lines.len(), "each line once");
    let lost = lines - read.len() as u64;
    eprintln!("{lines} lines written, {} read, {lost} lost", read.len());
    // journald's own few lines may be among the lost ones.
    let told = followed.missing;
    assert!(
        (lost..lost + 10).contains(&told),
        "{lost} lost, {told} told"
    );
}

/// Reads everything; then what a new journal finds from the positions of this one on.
fn drain(journal: &mut Journal) -> (Vec<String>, u64) {
    let mut messages = Vec::new();
    let mut missing = 0;
    for _ in 0..3 {
        while let Some(event) = journal.next() {
            match event {
                JournalEvent::Gap(gap) => missing += gap.count(),
                JournalEvent::Entry(entry) => {
                    let message = entry.field(b"MESSAGE").unwrap();
                    messages.push(String::from_utf8(message.to_vec()).unwrap());
                }
            }
        }
        journal.refresh();
    }
    (messages, missing)
}

#[test]
fn positions_survive_rotation_unclean_ends_and_new_users() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"
        as_user() { setpriv --reuid $1 --regid $1 --clear-groups "${@:2}"; }
        step() { echo $1 > $VMLOG_STEP; while [ "$(cat $VMLOG_STEP)" = $1 ]; do sleep 0.02; done; }
        export VMLOG_STEP=$JOURNALD_DIR/../../step
        logger one; as_user 1000 logger two; journalctl --sync; step 1
        logger three; journalctl --rotate; as_user 1000 logger four; logger five; journalctl --sync; step 2
        logger six; as_user 1001 logger seven; journalctl --sync; journald-stop KILL; journald-start; logger eight
        as_user 1000 logger nine; journalctl --sync; step 3"#;
    let Some(mut child) = journald(directory.path(), "SystemMaxUse=64M\n", script) else {
        return;
    };
    let step = directory.path().join("step");
    let mut resume = Vec::new();
    let mut rounds = Vec::new();
    for number in ["1", "2", "3"] {
        while fs::read_to_string(&step).unwrap_or_default().trim() != number {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let mut journal = Journal::open(JournalOptions {
            resume,
            ..of_directory(&directory.path().join("log"))
        });
        let (messages, missing) = drain(&mut journal);
        assert_eq!(missing, 0, "{messages:?}");
        let problems = journal.problems();
        assert!(problems.is_empty(), "{problems:?}");
        resume = journal.positions();
        rounds.push(messages);
        fs::write(&step, "go").unwrap();
    }
    assert!(child.wait().unwrap().success());
    let ours = |messages: &[String]| {
        let own = [
            "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        ];
        let found = messages.iter().filter(|text| own.contains(&text.as_str()));
        found.cloned().collect::<Vec<_>>()
    };
    assert_eq!(ours(&rounds[0]), ["one", "two"]);
    assert_eq!(ours(&rounds[1]), ["three", "four", "five"]);
    assert_eq!(ours(&rounds[2]), ["six", "seven", "eight", "nine"]);
}

/// The range of a fixture that contains its hash tables, not quite to the end; reading in order does not use them.
const TABLES: std::ops::Range<usize> = 300..53_300;

/// Only a few of the thousands of places for damage are tested, unless the environment requests all.
fn stride() -> usize {
    if std::env::var_os("VMLOG_TEST_EVERY_BIT").is_some() {
        1
    } else {
        96
    }
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/fixtures/journal").join(name)).unwrap()
}

/// Reads a damaged file in both directions; reading ends in any case, and both directions agree.
fn survive(path: &Path, what: &dyn std::fmt::Display) -> Vec<Seen> {
    let options = JournalOptions {
        field_bytes_max: 1 << 20,
        ..of_file(path)
    };
    let mut journal = Journal::open(options);
    let found = forward(&mut journal);
    let mut back = backward(&mut journal);
    back.reverse();
    assert!(found.len() <= 30, "{what}: {} entries", found.len());
    assert_eq!(found.len(), back.len(), "{what}");
    found
}

#[test]
fn every_prefix_of_a_file_yields_only_true_entries() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.journal");
    for name in ["lz4-regular-jenkins.journal", "zstd-compact-keyed.journal"] {
        let whole = fixture(name);
        fs::write(&path, &whole).unwrap();
        let all = survive(&path, &name);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let lengths = (0..whole.len()).rev().step_by(stride());
        let mut last = all.len();
        for length in lengths.filter(|length| !TABLES.contains(length) || length % 4_096 < 96) {
            file.set_len(length as u64).unwrap();
            let found = survive(&path, &format!("{length} bytes of {name}"));
            assert!(found.len() <= last, "{length} bytes of {name}");
            last = found.len();
            for seen in &found {
                let whole = all.iter().find(|whole| whole.cursor == seen.cursor);
                let whole = whole.expect("an entry that is there");
                let known = seen.fields.iter().all(|field| whole.fields.contains(field));
                assert!(known, "{length} bytes of {name}");
            }
        }
    }
}

#[test]
fn any_flipped_bit_leaves_most_entries_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flipped.journal");
    let every = stride() == 1;
    let mut random = 1_u64;
    for name in ["xz-compact-keyed.journal", "zstd-regular-keyed.journal"] {
        let whole = fixture(name);
        fs::write(&path, &whole).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let mut lost = 0;
        for (at, byte) in whole
            .iter()
            .enumerate()
            .filter(|(at, _)| !TABLES.contains(at))
        {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let chosen = random >> 61;
            for bit in (0..8).filter(|bit| every || *bit == chosen) {
                write_at(&file, &[byte ^ 1 << bit], at);
                let found = survive(&path, &format!("bit {bit} of byte {at} of {name}"));
                lost += usize::from(found.len() < 28);
            }
            write_at(&file, &[*byte], at);
        }
        // A header or an object that claims to be larger hides others; that is rare.
        let most = if every { 8_000 } else { 1_000 };
        assert!(
            lost < most,
            "{lost} flips lost more than two entries of {name}"
        );
    }
}

fn write_at(file: &fs::File, bytes: &[u8], at: usize) {
    use std::os::unix::fs::FileExt;
    file.write_all_at(bytes, at as u64).unwrap();
}

/// Runs inside the namespaces of the test below, where `/run` belongs to journald.
#[test]
#[ignore = "run by entries_flushed_from_run_are_delivered_once"]
fn within_a_private_journald_that_is_flushed() {
    let directories = ["/run/log/journal", "/var/log/journal"];
    let options = JournalOptions {
        directories: directories.iter().map(PathBuf::from).collect(),
        ..JournalOptions::default()
    };
    let shell = |script: &str| {
        let status = std::process::Command::new("bash")
            .args(["-c", script])
            .status();
        assert!(status.unwrap().success());
    };
    shell("for i in 1 2 3; do logger before $i; done; journalctl --sync");
    let mut journal = Journal::open(options.clone());
    let (before, _) = drain(&mut journal);
    assert!(before.contains(&"before 3".to_owned()), "{before:?}");
    shell("logger between; journalctl --sync; journalctl --flush; logger after; journalctl --sync");
    let resumed = JournalOptions {
        resume: journal.positions(),
        ..options
    };
    for mut journal in [journal, Journal::open(resumed)] {
        journal.refresh();
        let (after, missing) = drain(&mut journal);
        let logged = |text: &&String| {
            ["before", "between", "after"]
                .iter()
                .any(|it| text.starts_with(it))
        };
        let logged: Vec<_> = after.iter().filter(logged).collect();
        assert_eq!(logged, ["between", "after"]);
        assert_eq!(missing, 0);
    }
}

#[test]
fn entries_flushed_from_run_are_delivered_once() {
    let directory = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(root().join("tools/journald"))
        .env("JOURNALD_UNFLUSHED", "1")
        .arg("--dir")
        .arg(directory.path())
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "within_a_private_journald_that_is_flushed"])
        .output()
        .unwrap();
    if output.status.code() == Some(77) {
        eprintln!("skipped: no private journald on this machine");
        return;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

/// The rows of the tables in one section of the format's specification: offset, size and name, or bit and meaning.
fn tables(section: &str) -> Vec<Vec<Vec<String>>> {
    let text = fs::read_to_string(root().join("format-spec/journal.md")).unwrap();
    let start = text
        .find(&format!("\n## {section} "))
        .expect("the section is there");
    let body = &text[start + 4..];
    let body = &body[..body.find("\n## ").unwrap_or(body.len())];
    let mut tables = Vec::new();
    for line in body.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            continue;
        };
        let cells: Vec<String> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
        if cells[0].starts_with("---") {
            continue;
        }
        if cells[0].parse::<u64>().is_err() {
            tables.push(Vec::new());
            continue;
        }
        tables.last_mut().unwrap().push(cells);
    }
    tables
}

#[test]
fn the_specification_of_the_format_matches_the_code() {
    use vmlog::journal::layout;
    let of_code = |fields: &[layout::LayoutField]| -> Vec<Vec<String>> {
        let row = |field: &layout::LayoutField| {
            vec![
                field.offset.to_string(),
                field.size.to_string(),
                field.name.to_owned(),
            ]
        };
        fields.iter().map(row).collect()
    };
    for (section, fields) in [
        ("J1", vec![layout::HEADER]),
        ("J2", vec![layout::OBJECT]),
        ("J3", vec![layout::DATA, layout::DATA_COMPACT]),
        ("J4", vec![layout::FIELD]),
        ("J5", vec![layout::ENTRY]),
        ("J6", vec![layout::ENTRY_ARRAY]),
        ("J7", vec![layout::TAG]),
    ] {
        let written = tables(section);
        let coded: Vec<_> = fields.into_iter().map(of_code).collect();
        assert_eq!(written[..coded.len()], coded, "{section}");
    }
    let bits = |table: &[Vec<String>]| -> Vec<u32> {
        table.iter().map(|row| row[0].parse().unwrap()).collect()
    };
    let mut flags = tables("J1");
    let states = flags.remove(1);
    assert!(
        bits(&states)
            .into_iter()
            .eq(layout::STATES.iter().map(|state| u32::from(*state)))
    );
    let rows = |named: &[(u8, &str)]| -> Vec<Vec<String>> {
        let row = |(number, name): &(u8, &str)| vec![number.to_string(), (*name).to_owned()];
        named.iter().map(row).collect()
    };
    assert_eq!(tables("J2")[1], rows(layout::OBJECT_TYPES));
    assert_eq!(tables("J3")[2], rows(layout::OBJECT_COMPRESSIONS));
    let bounds = tables("J13").remove(0);
    let bounds: Vec<u64> = bounds.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(bounds, layout::BOUNDS);
    let incompatible = [
        layout::INCOMPATIBLE_XZ,
        layout::INCOMPATIBLE_LZ4,
        layout::INCOMPATIBLE_KEYED_HASH,
        layout::INCOMPATIBLE_ZSTD,
        layout::INCOMPATIBLE_COMPACT,
    ];
    assert_eq!(bits(&flags[1]), incompatible);
    let compatible = [
        layout::COMPATIBLE_SEALED,
        layout::COMPATIBLE_TAIL_ENTRY_BOOT_ID,
        layout::COMPATIBLE_SEALED_CONTINUOUS,
    ];
    assert_eq!(bits(&flags[2]), compatible);
}

#[test]
fn the_example_of_the_specification_matches_the_fixture() {
    let bytes = fixture("none-compact-keyed.journal");
    let example = tables("J14").remove(0);
    assert!(example.len() > 20);
    for row in example {
        let start: usize = row[0].parse().unwrap();
        let told: Vec<u8> = row[1]
            .split(' ')
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        assert_eq!(bytes[start..start + told.len()], told, "{row:?}");
    }
}

/// A sequence of pseudo-random numbers that is the same on every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Random conditions on existing fields, and the entries that a naive evaluation selects.
fn random_matches(random: &mut Seeded, all: &[Seen]) -> (EntryMatches, Vec<Seen>) {
    let mut matches = EntryMatches::default();
    let mut groups = Vec::new();
    for _ in 0..=random.below(2) {
        let mut group: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for _ in 0..=random.below(3) {
            let seen = &all[random.below(all.len())];
            let (name, value) = &seen.fields[random.below(seen.fields.len())];
            matches = matches.and(name, value);
            group.entry(name.clone()).or_default().push(value.clone());
        }
        matches = matches.or();
        groups.push(group);
    }
    let meets = |seen: &&Seen| {
        groups.iter().any(|group| {
            group.iter().all(|(name, values)| {
                let mut fields = seen.fields.iter();
                fields.any(|(other, value)| other == name && values.contains(value))
            })
        })
    };
    let wanted = all.iter().filter(meets).cloned().collect();
    (matches, wanted)
}

fn compare_matches(options: &JournalOptions, rounds: usize) {
    let all = forward(&mut Journal::open(options.clone()));
    let mut random = Seeded(42);
    for _ in 0..rounds {
        let (matches, wanted) = random_matches(&mut random, &all);
        let what = format!("{matches:?}");
        let mut journal = Journal::open(JournalOptions {
            matches: matches.clone(),
            ..options.clone()
        });
        assert_same(&forward(&mut journal), &wanted, Path::new(&what));
        let mut back = backward(&mut journal);
        back.reverse();
        assert_same(&back, &wanted, Path::new(&what));
        if let Some(middle) = wanted.get(wanted.len() / 2) {
            let cursor = middle.cursor.parse().unwrap();
            journal.seek(&Seek::After(cursor));
            assert_same(
                &forward(&mut journal),
                &wanted[wanted.len() / 2 + 1..],
                Path::new(&what),
            );
        }
        compare_chosen_fields(options, matches, wanted);
    }
}

/// Compares entries for which a few fields are selected, whichever fields are matched.
fn compare_chosen_fields(options: &JournalOptions, matches: EntryMatches, mut wanted: Vec<Seen>) {
    let is_chosen = |name: &[u8]| matches!(name, b"MESSAGE" | b"PRIORITY" | b"_PID");
    for seen in &mut wanted {
        seen.fields.retain(|(name, _)| is_chosen(name));
    }
    let mut journal = Journal::open(JournalOptions {
        matches,
        fields: Some(is_chosen),
        ..options.clone()
    });
    let what = Path::new("chosen fields");
    assert_same(&forward(&mut journal), &wanted, what);
    wanted.reverse();
    assert_same(&backward(&mut journal), &wanted, what);
}

#[test]
fn matches_equal_a_naive_selection() {
    for (path, _) in files_with(&root().join("tests/fixtures/journal"), ".export") {
        compare_matches(&of_file(&path), 20);
    }
    if let Some(corpus) = corpus() {
        compare_matches(&of_directory(&corpus.join("d-chain-v252")), 40);
    }
}

#[test]
fn matches_work_without_a_hash_table() {
    let mut bytes = fixture("zstd-compact-keyed.journal");
    let number = |at: usize| {
        let raw = bytes[at..at + 8].try_into().unwrap();
        usize::try_from(u64::from_le_bytes(raw)).unwrap()
    };
    let (table, size) = (number(104), number(112));
    bytes[table..table + size].fill(0);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wiped.journal");
    fs::write(&path, bytes).unwrap();
    compare_matches(&of_file(&path), 20);
}

#[test]
fn impossible_counts_in_a_header_are_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("huge.journal");
    let mut bytes = fixture("zstd-compact-keyed.journal");
    bytes[152..160].copy_from_slice(&(1_u64 << 62).to_le_bytes());
    for offset in [1_u64 << 63, u64::MAX - 7, 1 << 40] {
        bytes[176..184].copy_from_slice(&offset.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        assert_eq!(survive(&path, &offset).len(), 30);
    }
}

/// Compares the results from the indexes of a journal with those from all its entries.
fn compare_indexes(options: &JournalOptions) {
    let mut journal = Journal::open(options.clone());
    let all = forward(&mut journal);
    let mut values: BTreeMap<Vec<u8>, std::collections::BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (name, value) in all.iter().flat_map(|seen| &seen.fields) {
        values
            .entry(name.clone())
            .or_default()
            .insert(value.clone());
    }
    let names = journal.field_names();
    for (name, values) in &values {
        assert!(names.contains(name), "{}", name.escape_ascii());
        let found = journal.unique(name, usize::MAX);
        assert!(found.iter().eq(values), "{}", name.escape_ascii());
    }
    assert_eq!(journal.unique(b"MESSAGE", 3).len(), 3);
    assert_eq!(journal.unique(b"NO_SUCH_FIELD", 3).len(), 0);
    let mut ends: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for seen in &all {
        let cursor: Cursor = seen.cursor.parse().unwrap();
        let end = ends
            .entry(cursor.boot_id.to_string())
            .or_insert((u64::MAX, 0));
        *end = (end.0.min(cursor.monotonic), end.1.max(cursor.monotonic));
    }
    let boots = journal.boots();
    assert_eq!(boots.len(), ends.len());
    let in_order: Vec<_> = boots.iter().map(|boot| boot.id).collect();
    let mut met = Vec::new();
    for seen in &all {
        let boot = seen.cursor.parse::<Cursor>().unwrap().boot_id;
        if !met.contains(&boot) {
            met.push(boot);
        }
    }
    assert_eq!(in_order, met);
    for boot in boots {
        let end = ends[&boot.id.to_string()];
        assert_eq!((boot.first.monotonic, boot.last.monotonic), end);
    }
}

#[test]
fn indexes_contain_all_values_names_and_boots() {
    for (path, _) in files_with(&root().join("tests/fixtures/journal"), ".export") {
        compare_indexes(&of_file(&path));
    }
    if let Some(corpus) = corpus() {
        compare_indexes(&of_directory(&corpus.join("d-chain-v252")));
        compare_indexes(&of_file(&corpus.join("damaged/hash-table-empty.journal")));
        compare_indexes(&of_file(&corpus.join("damaged/array-self-loop.journal")));
    }
}

#[test]
fn seeking_by_number_and_by_time_of_a_boot_works() {
    for path in files_with(&root().join("tests/fixtures/journal"), ".export").keys() {
        let mut journal = Journal::open(of_file(path));
        let all = forward(&mut journal);
        for (number, seen) in all.iter().enumerate() {
            let cursor: Cursor = seen.cursor.parse().unwrap();
            for seek in [
                Seek::Seqnum {
                    seqnum_id: cursor.seqnum_id,
                    seqnum: cursor.seqnum,
                },
                Seek::Monotonic {
                    boot_id: cursor.boot_id,
                    monotonic: cursor.monotonic,
                },
                Seek::Cursor(cursor),
            ] {
                journal.seek(&seek);
                assert_same(&forward(&mut journal), &all[number..], path);
                journal.seek(&seek);
                let mut back = backward(&mut journal);
                back.reverse();
                assert_same(&back, &all[..number], path);
            }
        }
        for seek in [
            Seek::Tail,
            Seek::Seqnum {
                seqnum_id: vmlog::journal::Id128::NULL,
                seqnum: 1,
            },
        ] {
            journal.seek(&seek);
            assert_eq!(forward(&mut journal).len(), 0);
            assert_eq!(backward(&mut journal).len(), all.len());
        }
    }
}

#[test]
fn reading_can_change_direction_anywhere() {
    let mut journal = Journal::open(of_directory(&root().join("tests/fixtures/journal")));
    let all = forward(&mut journal);
    journal.seek(&Seek::Head);
    let mut random = Seeded(7);
    let mut at = 0_usize;
    for _ in 0..2_000 {
        let (event, expected) = if random.below(2) == 0 {
            let next = if at > all.len() { None } else { all.get(at) };
            at = (at + 1).min(all.len() + 1);
            (journal.next(), next)
        } else {
            at = at.saturating_sub(1);
            (
                journal.previous(),
                at.checked_sub(1).and_then(|at| all.get(at)),
            )
        };
        let fields = event.and_then(|event| seen(&event)).map(|seen| seen.fields);
        assert_eq!(
            fields.as_ref(),
            expected.map(|seen| &seen.fields),
            "at {at}"
        );
    }
}
