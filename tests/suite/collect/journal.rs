//! The journal collector with a real journald: owners of entries, lines in parts, runs of containers, and the start
//! of the first read.

use crate::collect::{commit, drain, find, journald, options};
use std::fs;
use std::path::{Path, PathBuf};
use vmlog::collect::{Batch, Collector, JournaldCollector, Since, own_record};
use vmlog::record::{Level, Metadata, Positions, Record};
use vmlog::time::Micros;

/// Runs a script with its own journald and reads its journal. `None` if the machine does not allow it.
fn read(dir: &Path, script: &str) -> Option<Vec<Record>> {
    let script = format!("{script}\njournalctl --sync\njournald-stop\n");
    let mut child = journald(dir, &script)?;
    assert!(child.wait().unwrap().success());
    let mut positions = Positions::new();
    let mut collector = JournaldCollector::open(options(dir), &positions);
    Some(drain(&mut collector, &mut positions))
}

/// A program called `dockerd` that sends entries, separated by blank lines, and lives until journald has read its
/// process data.
pub(crate) const ENGINE: &str = r#"
    cp "$(readlink -f "$(command -v perl)")" /run/dockerd
    engine() { "$@" /run/dockerd -e '
use Socket;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
connect($s, sockaddr_un("/run/systemd/journal/socket")) or die $!;
local $/;
for (split /\n\n/, <STDIN>) { s/\n*\z/\n/; defined send($s, $_, 0) or die $! }
my $left = pack("i", 1);
do { select(undef, undef, undef, 0.01); ioctl($s, 0x5411, $left) or die $! } while unpack("i", $left);
select(undef, undef, undef, 0.2);'; }
"#;

/// Entries with claims, sent by programs of different users; journald records the sender of each.
const CLAIMS: &str = r#"
    as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    say() { printf 'MESSAGE=%s\nCONTAINER_NAME=web\nCONTAINER_ID=%s\nCONTAINER_LOG_EPOCH=%s\nPRIORITY=6\n' "$@"; }
    say "from the engine" 1 a | engine
    say "from a user" 1 a | as_user logger --journald
    say "from the engine of a user" 1 a | engine as_user
    printf 'MESSAGE=forged failure\nUNIT=nginx.service\nMESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1\nCOREDUMP_UNIT=nginx.service\n' |
        as_user logger --journald
    printf 'MESSAGE=of another unit\nOBJECT_SYSTEMD_UNIT=nginx.service\n' | logger --journald
    say "started again" 1 b | engine
    say "recreated" 2 c | engine
"#;

#[test]
fn trusts_names_of_containers_and_units_from_privileged_senders() {
    let dir = tempfile::tempdir().unwrap();
    let Some(records) = read(dir.path(), &format!("{ENGINE}{CLAIMS}")) else {
        return;
    };
    let source = |text| find(&records, text).source.as_str();
    assert_eq!(source("from the engine"), "docker:web");
    assert_eq!(
        find(&records, "from the engine").metadata["container_name"],
        "web"
    );
    assert!(!source("from a user").starts_with("docker:"));
    assert_eq!(
        find(&records, "from a user").metadata["field_container_name"],
        "web"
    );
    assert_eq!(source("from the engine of a user"), "docker:65534/web");
    assert!(!source("forged failure").ends_with("nginx"));
    assert_eq!(source("of another unit"), "system:nginx");

    let of_runs = records.iter().filter(|record| {
        record.source.as_str() == "docker:web" || record.metadata.contains_key("source")
    });
    let told: Vec<(&str, &str)> = of_runs
        .map(|record| {
            let event = record.metadata.get("event_type");
            let event = event.and_then(|event| event.as_str()).unwrap_or_default();
            (event, record.message.as_str())
        })
        .collect();
    let expected = [
        ("", "from the engine"),
        ("container_restarted", "container web was started again"),
        ("", "started again"),
        ("container_recreated", "container web was recreated"),
        ("", "recreated"),
    ];
    assert_eq!(told, expected);
    let restarted = find(&records, "was started again");
    assert_eq!(restarted.source.as_str(), "system:vmlog");
    assert_eq!(restarted.metadata["source"], "docker:web");
    assert_eq!(restarted.metadata["container_id"], "1");
}

/// A line longer than journald's `LineMax` of 48 KiB, another stream in between, and a line without a newline at its
/// end.
const LONG_LINE: &str = r"
    mkfifo /run/wait
    (printf 'ERROR: '; head -c 60000 /dev/zero | tr '\0' x; printf ' password=hunter2'; head -c 60000 /dev/zero | tr '\0' y
     cat /run/wait; printf ' end\nnext\n') | systemd-cat -t app &
    echo between | systemd-cat -t other
    journalctl --sync
    echo -n > /run/wait
    wait
    journalctl --sync
    printf unended | systemd-cat -t app
";

#[test]
fn joins_lines_of_a_service_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let Some(records) = read(dir.path(), LONG_LINE) else {
        return;
    };
    let line = format!(
        "ERROR: {} password=hunter2{} end",
        "x".repeat(60_000),
        "y".repeat(60_000)
    );
    let of_app = |records: &[Record]| -> Vec<(String, Level, bool)> {
        let of_app = records
            .iter()
            .filter(|record| record.source.as_str() == "system:app");
        of_app
            .map(|record| {
                let is_part = record.metadata.contains_key("line_part");
                (record.message.clone(), record.level, is_part)
            })
            .collect()
    };
    let expected = [
        (line, Level::Error, false),
        ("next".to_owned(), Level::Info, false),
        ("unended".to_owned(), Level::Info, false),
    ];
    assert_eq!(of_app(&records), expected);

    // A batch that is nearly full ends after each record.
    let filler = own_record(Level::Info, "filler", String::new(), Metadata::new());
    let filler = vec![filler; Batch::RECORDS_MAX - 1];
    for stop_after in 0..8 {
        let mut positions = Positions::new();
        let mut found = Vec::new();
        let mut collector = JournaldCollector::open(options(dir.path()), &positions);
        for step in 0..30 {
            let mut batch = Batch::default();
            batch.records.clone_from(&filler);
            collector.read(&mut batch).unwrap();
            let records = batch.records.split_off(filler.len());
            batch.records = records;
            commit(batch, &mut found, &mut positions);
            if step == stop_after {
                collector = JournaldCollector::open(options(dir.path()), &positions);
            }
        }
        assert_eq!(of_app(&found), expected, "restart after {stop_after}");
    }
}

/// A journal of two boots in one file; the clock of the first 5 entries of the second boot is off by `seconds`.
fn journal_with_clock(dir: &Path, seconds: i64) {
    const ENTRY: u8 = 3;
    let name = "tests/fixtures/journal/none-compact-keyed.journal";
    let mut bytes = fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut at = word(&bytes, 88) as usize;
    let second: [u8; 2] = [0x22, 0x22];
    let mut left = 5;
    while at + 56 <= bytes.len() && word(&bytes, at + 8) > 0 {
        if bytes[at] == ENTRY && bytes[at + 40..at + 42] == second && left > 0 {
            let time = word(&bytes, at + 24).wrapping_add_signed(seconds * 1_000_000);
            bytes[at + 24..at + 32].copy_from_slice(&time.to_le_bytes());
            left -= 1;
        }
        at += (word(&bytes, at + 8) as usize).next_multiple_of(8);
    }
    assert_eq!(left, 0);
    fs::write(dir.join("system.journal"), bytes).unwrap();
}

#[test]
fn a_wrong_clock_hides_nothing_from_the_first_start() {
    let earliest = Micros::parse("2026-02-10T00:00:00Z", Micros::now()).unwrap();
    let read = |dir: &Path, since| {
        let options = vmlog::collect::JournaldOptions {
            since,
            ..options(dir)
        };
        let mut positions = Positions::new();
        drain(
            &mut JournaldCollector::open(options, &positions),
            &mut positions,
        )
    };
    for seconds in [0, -200_000_000, 7_200, 200_000_000] {
        let dir = tempfile::tempdir().unwrap();
        journal_with_clock(dir.path(), seconds);
        let all = read(dir.path(), Since::Ever).len();
        let found = read(dir.path(), Since::LastBoot { earliest });
        assert_eq!(found.len(), all, "{seconds} s");
        if seconds != 0 {
            let time = Micros::parse("2026-02-17T13:00:00Z", Micros::now()).unwrap();
            let found = read(dir.path(), Since::Time(time));
            assert!(
                found.len() >= all,
                "{seconds} s: all of the boot whose clock was set"
            );
        }
    }
}

#[test]
fn first_start_reports_skipped_entries_and_later_starts_do_not() {
    let dir = tempfile::tempdir().unwrap();
    journal_with_clock(dir.path(), 0);
    let since = Micros::parse("2026-02-17T14:30:15.010Z", Micros::now()).unwrap();
    let options = vmlog::collect::JournaldOptions {
        since: Since::Time(since),
        ..options(dir.path())
    };
    let all = {
        let mut positions = Positions::new();
        let options = crate::collect::options(dir.path());
        drain(
            &mut JournaldCollector::open(options, &positions),
            &mut positions,
        )
        .len()
    };
    let mut positions = Positions::new();
    let records = drain(
        &mut JournaldCollector::open(options.clone(), &positions),
        &mut positions,
    );
    let is_told = |record: &&Record| {
        let event = record.metadata.get("event_type");
        event.is_some_and(|event| event == "journal_skipped")
    };
    let told: Vec<&Record> = records.iter().filter(is_told).collect();
    assert_eq!(told.len(), 1);
    let skipped = told[0].metadata["count"].as_u64().unwrap() as usize;
    assert_eq!(skipped + records.len() - 1, all);
    let again = drain(
        &mut JournaldCollector::open(options, &positions),
        &mut positions,
    );
    assert_eq!(again.iter().find(is_told), None);
}
