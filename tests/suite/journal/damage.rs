//! Journal files with one damage each, made here or, if available, taken from the corpus: every undamaged entry is
//! read, nothing else is, and each problem is reported once.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use vmlog::journal::{Journal, JournalEvent, JournalOptions, Seek, layout};

/// Number of entries in every fixture.
const ENTRIES: usize = 30;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    cursor: String,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/fixtures/journal").join(name)).unwrap()
}

fn damaged_corpus() -> Option<PathBuf> {
    let corpus = std::env::var_os("VMLOG_CORPUS")
        .map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    Some(corpus.join("damaged")).filter(|path| path.is_dir())
}

/// All entries found in both directions, and the reported problems.
fn read(path: &Path) -> (Vec<Seen>, Vec<String>) {
    let mut journal = Journal::open(JournalOptions {
        files: vec![path.to_owned()],
        ..JournalOptions::default()
    });
    let mut found = Vec::new();
    while let Some(event) = journal.next() {
        found.extend(seen(&event));
    }
    let mut back = Vec::new();
    while let Some(event) = journal.previous() {
        back.extend(seen(&event));
    }
    back.reverse();
    assert_eq!(found, back, "{}", path.display());
    let problems = journal.problems();
    (found, problems.iter().map(ToString::to_string).collect())
}

fn seen(event: &JournalEvent<'_>) -> Option<Seen> {
    let JournalEvent::Entry(entry) = event else {
        return None;
    };
    let fields = entry.fields();
    let mut fields: Vec<_> = fields
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect();
    fields.sort();
    Some(Seen {
        cursor: entry.cursor().to_string(),
        fields,
    })
}

fn number(bytes: &[u8], at: u64) -> u64 {
    let at = at as usize;
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn put(bytes: &mut [u8], at: u64, number: u64) {
    let at = at as usize;
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

fn offset_of(name: &str) -> u64 {
    let field = layout::HEADER.iter().find(|field| field.name == name);
    field.unwrap().offset
}

fn is_compact(bytes: &[u8]) -> bool {
    number(bytes, offset_of("compatible_flags")) >> 32 & u64::from(layout::INCOMPATIBLE_COMPACT)
        != 0
}

/// The offset of entry `wanted`, by the chain of arrays.
fn entry_at(bytes: &[u8], wanted: u64) -> u64 {
    let at = item_of(bytes, wanted) as usize;
    let whole = number(&[&bytes[at..], &[0; 8]].concat(), 0);
    if is_compact(bytes) {
        whole & 0xffff_ffff
    } else {
        whole
    }
}

/// A damage: its name, its effect, the number of lost entries, and words of the reported problem.
type Damage = (&'static str, fn(&mut [u8]), usize, &'static str);

const DAMAGES: &[Damage] = &[
    (
        "no entry array",
        |bytes| put(bytes, offset_of("entry_array_offset"), 0),
        0,
        "entry array offset",
    ),
    (
        "an entry array that follows itself",
        |bytes| {
            let array = number(bytes, offset_of("entry_array_offset"));
            put(bytes, array + 16, array);
        },
        0,
        "a multiple of 8 after the previous array",
    ),
    (
        "an entry array of another type",
        |bytes| {
            let array = number(bytes, offset_of("entry_array_offset"));
            bytes[array as usize] = 1;
        },
        0,
        "expected 6 (entry array)",
    ),
    (
        "an entry array that is larger than the file",
        |bytes| {
            let array = number(bytes, offset_of("entry_array_offset"));
            put(bytes, array + 8, 1 << 40);
        },
        0,
        "whole items within the file",
    ),
    (
        "an item that is no multiple of 8",
        |bytes| {
            let array = number(bytes, offset_of("entry_array_offset"));
            bytes[(array + 24) as usize] |= 3;
        },
        0,
        "a multiple of 8 between the header and the last object",
    ),
    (
        "an entry of zeros",
        |bytes| {
            let entry = entry_at(bytes, 7) as usize;
            bytes[entry..entry + 64].fill(0);
        },
        1,
        "expected 3 (entry)",
    ),
    (
        "an entry of 1 TiB",
        |bytes| {
            let entry = entry_at(bytes, 7);
            put(bytes, entry + 8, 1 << 40);
        },
        1,
        "whole items",
    ),
    (
        "an entry of a time that cannot be",
        |bytes| {
            let entry = entry_at(bytes, 7);
            put(bytes, entry + 24, u64::MAX);
        },
        1,
        "microseconds below 2^55",
    ),
    (
        "an entry without a boot",
        |bytes| {
            let entry = entry_at(bytes, 7) as usize;
            bytes[entry + 40..entry + 56].fill(0);
        },
        1,
        "expected an id",
    ),
    (
        "a hash table of zeros",
        |bytes| {
            let (table, size) = (
                number(bytes, offset_of("data_hash_table_offset")) as usize,
                number(bytes, offset_of("data_hash_table_size")) as usize,
            );
            bytes[table..table + size].fill(0);
        },
        0,
        "",
    ),
];

#[test]
fn each_damage_costs_only_damaged_entries_and_is_reported_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.journal");
    for name in [
        "zstd-compact-keyed.journal",
        "zstd-regular-keyed.journal",
        "lz4-regular-jenkins.journal",
        "none-compact-keyed.journal",
    ] {
        fs::write(&path, fixture(name)).unwrap();
        let (whole, problems) = read(&path);
        assert_eq!((whole.len(), problems.len()), (ENTRIES, 0), "{name}");
        for (what, damage, lost, told) in DAMAGES {
            let mut bytes = fixture(name);
            damage(&mut bytes);
            fs::write(&path, &bytes).unwrap();
            let (found, problems) = read(&path);
            let place = format!("{name}: {what}: {problems:?}");
            assert_eq!(found.len(), ENTRIES - lost, "{place}");
            assert!(found.iter().all(|seen| whole.contains(seen)), "{place}");
            assert_reported_once(&problems, &place);
            if told.is_empty() {
                assert!(problems.is_empty(), "{place}");
            } else {
                let tells = problems.iter().filter(|problem| problem.contains(told));
                assert_eq!(tells.count(), 1, "{place}");
            }
            // The report for a file whose entries had to be found by a walk states how many were found.
            if *lost == 0 && !told.is_empty() {
                assert!(
                    problems.iter().any(|it| it.contains("found by walking")),
                    "{place}"
                );
            }
        }
    }
}

/// The offset of the array item that refers to entry `wanted`.
fn item_of(bytes: &[u8], wanted: u64) -> u64 {
    let mut array = number(bytes, offset_of("entry_array_offset"));
    let item = if is_compact(bytes) { 4 } else { 8 };
    let mut left = wanted;
    loop {
        let items = (number(bytes, array + 8) - 24) / item;
        if left < items {
            return array + 24 + left * item;
        }
        left -= items;
        array = number(bytes, array + 16);
    }
}

fn put_item(bytes: &mut [u8], wanted: u64, offset: u32) {
    let at = item_of(bytes, wanted) as usize;
    let size = if is_compact(bytes) { 4 } else { 8 };
    bytes[at..at + size].fill(0);
    bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
}

/// A damage of one entry at the end, and the number of entries it costs.
type TailDamage = (&'static str, fn(&mut Vec<u8>, u64), u64);

const TAIL_DAMAGES: &[TailDamage] = &[
    (
        "zeros",
        |bytes, entry| {
            let at = entry_at(bytes, entry) as usize;
            bytes[at..at + 64].fill(0);
        },
        1,
    ),
    (
        "a size of 1 TiB",
        |bytes, entry| {
            let at = entry_at(bytes, entry);
            put(bytes, at + 8, 1 << 40);
        },
        1,
    ),
    (
        "another type",
        |bytes, entry| {
            let at = entry_at(bytes, entry) as usize;
            bytes[at] = 1;
        },
        1,
    ),
    (
        "an item of zero",
        |bytes, entry| put_item(bytes, entry, 0),
        0,
    ),
    (
        "an unaligned item",
        |bytes, entry| put_item(bytes, entry, 60_001),
        0,
    ),
    (
        "an item beyond the file",
        |bytes, entry| put_item(bytes, entry, 0x7fff_fff8),
        0,
    ),
    (
        "more entries than there are",
        |bytes, entry| put(bytes, offset_of("n_entries"), ENTRIES as u64 + 30 - entry),
        0,
    ),
];

/// A file whose writer died stays online for ever: damage at its end hides nothing, in either direction.
#[test]
fn the_rest_of_an_online_file_with_a_damaged_tail_is_read_in_both_directions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.journal");
    for name in [
        "zstd-compact-keyed.journal",
        "zstd-regular-keyed.journal",
        "lz4-regular-jenkins.journal",
        "xz-compact-keyed.journal",
    ] {
        fs::write(&path, fixture(name)).unwrap();
        let (whole, _) = read(&path);
        for (what, damage, lost) in TAIL_DAMAGES {
            for entry in ENTRIES as u64 - 12..ENTRIES as u64 {
                let mut bytes = fixture(name);
                bytes[offset_of("state") as usize] = 1;
                damage(&mut bytes, entry);
                fs::write(&path, &bytes).unwrap();
                let place = format!("{name}: {what} in entry {entry}");
                assert_reads_both_ways(&path, &whole, ENTRIES - *lost as usize, &place);
            }
        }
    }
}

/// A copy of a file in use may be truncated after a crash, or end in zeros.
#[test]
fn the_rest_of_a_truncated_or_zeroed_online_file_is_read_in_both_directions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.journal");
    for name in ["zstd-compact-keyed.journal", "lz4-regular-jenkins.journal"] {
        fs::write(&path, fixture(name)).unwrap();
        let (whole, _) = read(&path);
        let mut online = fixture(name);
        online[offset_of("state") as usize] = 1;
        for entry in ENTRIES as u64 - 12..ENTRIES as u64 {
            let at = entry_at(&online, entry) as usize;
            for (what, bytes) in [
                ("cut", online[..at + 8].to_vec()),
                (
                    "zeros",
                    [&online[..at], &vec![0; online.len() - at]].concat(),
                ),
            ] {
                fs::write(&path, &bytes).unwrap();
                let place = format!("{name}: {what} at entry {entry}");
                assert_reads_both_ways(&path, &whole, entry as usize, &place);
            }
        }
    }
}

/// Reads forward, backward, and backward from the end as `--lines` does: each finds the same entries and reports the
/// damage.
fn assert_reads_both_ways(path: &Path, whole: &[Seen], count: usize, place: &str) {
    let open = || {
        Journal::open(JournalOptions {
            files: vec![path.to_owned()],
            ..JournalOptions::default()
        })
    };
    let mut journal = open();
    let mut found = Vec::new();
    while let Some(event) = journal.next() {
        found.extend(seen(&event));
    }
    let told = journal.problems();
    assert_eq!(found.len(), count, "{place}: {told:?}");
    assert!(!told.is_empty(), "{place}");
    assert!(found.iter().all(|seen| whole.contains(seen)), "{place}");
    let mut journal = open();
    journal.seek(&Seek::Tail);
    let mut back = Vec::new();
    while let Some(event) = journal.previous() {
        back.extend(seen(&event));
    }
    back.reverse();
    assert!(found == back, "{place}: {} backward", back.len());
    assert!(!journal.problems().is_empty(), "{place}");
}

/// A follower returns an entry that arrives late, and does not wait for one that is followed by another.
#[test]
fn a_follower_waits_for_an_entry_that_is_being_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("system.journal");
    let mut whole = fixture("zstd-compact-keyed.journal");
    whole[offset_of("state") as usize] = 1;
    let count = |journal: &mut Journal| {
        let mut count = 0;
        while journal.next().is_some() {
            count += 1;
        }
        count
    };
    let last = entry_at(&whole, ENTRIES as u64 - 1) as usize;
    let mut late = whole.clone();
    late[last..last + 64].fill(0);
    fs::write(&path, &late).unwrap();
    let mut journal = Journal::open(JournalOptions {
        files: vec![path.clone()],
        ..JournalOptions::default()
    });
    assert_eq!(count(&mut journal), ENTRIES - 1);
    journal.refresh();
    assert_eq!(count(&mut journal), 0);
    // Written into the same file, as journald does.
    write_at(&path, last, &whole[last..last + 64]);
    journal.refresh();
    assert_eq!(count(&mut journal), 1);
    assert_eq!(count(&mut journal), 0);
}

#[test]
fn a_follower_skips_a_damaged_entry_that_others_follow() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("system.journal");
    let mut bytes = fixture("zstd-compact-keyed.journal");
    bytes[offset_of("state") as usize] = 1;
    let damaged = entry_at(&bytes, ENTRIES as u64 - 3) as usize;
    bytes[damaged..damaged + 64].fill(0);
    fs::write(&path, &bytes).unwrap();
    let mut journal = Journal::open(JournalOptions {
        directories: vec![directory.path().to_owned()],
        ..JournalOptions::default()
    });
    journal.refresh();
    let mut found = 0;
    while journal.next().is_some() {
        found += 1;
    }
    assert_eq!(found, ENTRIES - 1);
    let problems = journal.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

fn write_at(path: &Path, at: usize, bytes: &[u8]) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at as u64).unwrap();
}

fn assert_reported_once(problems: &[String], place: &str) {
    let distinct: HashSet<_> = problems.iter().collect();
    assert_eq!(distinct.len(), problems.len(), "{place}");
    for problem in problems {
        assert!(
            problem.contains("damaged.journal") || problem.contains("/damaged/"),
            "{place}"
        );
    }
}

/// Items of an entry with invalid offsets cost only their fields.
#[test]
fn an_entry_is_returned_without_its_damaged_field() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.journal");
    for name in ["zstd-compact-keyed.journal", "zstd-regular-keyed.journal"] {
        fs::write(&path, fixture(name)).unwrap();
        let (whole, _) = read(&path);
        let mut bytes = fixture(name);
        let item = entry_at(&bytes, 7) as usize + 64;
        bytes[item..item + 4].copy_from_slice(&0xffff_fff8_u32.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        let (found, problems) = read(&path);
        assert_eq!(found.len(), ENTRIES);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("4294967288"), "{problems:?}");
        for (number, (found, whole)) in found.iter().zip(&whole).enumerate() {
            let lost = usize::from(number == 7);
            assert_eq!(found.fields.len(), whole.fields.len() - lost, "{number}");
            assert!(
                found
                    .fields
                    .iter()
                    .all(|field| whole.fields.contains(field))
            );
        }
    }
}

/// A flipped bit in an uncompressed value cannot be detected without comparing its hash, which only `--verify` does.
const UNCHECKED: &str = "data-bitflip.journal";

#[test]
fn damaged_corpus_files_yield_only_true_entries_and_each_problem_once() {
    let Some(directory) = damaged_corpus() else {
        return;
    };
    let intact: HashSet<_> = ["compact", "regular"]
        .iter()
        .flat_map(|kind| read(&directory.join(format!("_intact-base-{kind}.journal"))).0)
        .map(|seen| (of_entry(&seen.cursor).to_owned(), seen.fields))
        .collect();
    let mut files = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".journal") {
            continue;
        }
        files += 1;
        let (found, problems) = read(&path);
        assert_reported_once(&problems, &format!("{name}: {problems:?}"));
        for seen in found.iter().filter(|_| name != UNCHECKED) {
            let is_true = |(cursor, fields): &(String, Vec<_>)| {
                cursor == of_entry(&seen.cursor)
                    && seen.fields.iter().all(|field| fields.contains(field))
            };
            assert!(intact.iter().any(is_true), "{name}: {seen:?}");
        }
        let walked = [
            "array-self-loop",
            "array-item-unaligned",
            "header-no-entry-array",
        ];
        if walked.iter().any(|walked| name.starts_with(walked)) {
            assert_eq!(found.len(), 60, "{name}");
        }
    }
    assert!(files >= 20, "{files} files");
}

/// A cursor without the ids of its file, which are different in each copy.
fn of_entry(cursor: &str) -> &str {
    cursor.split_once(';').map_or(cursor, |(_, entry)| entry)
}

/// The clock was set back inside the file, so that a binary search by time would miss matching entries.
#[test]
fn a_time_is_found_although_the_clock_was_set_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("system.journal");
    for name in ["zstd-compact-keyed.journal", "lz4-regular-jenkins.journal"] {
        let mut bytes = fixture(name);
        let first = number(&bytes, entry_at(&bytes, 0) + 24);
        // Ten entries, then ten an hour later, ten an hour earlier, and ten with the right clock.
        let times: Vec<u64> = (0..ENTRIES as u64)
            .map(|entry| match entry / 10 {
                0 => first + 3_600_000_000 + entry,
                1 => first - 3_600_000_000 + entry,
                _ => first + entry,
            })
            .collect();
        for (entry, time) in times.iter().enumerate() {
            let at = entry_at(&bytes, entry as u64);
            put(&mut bytes, at + 24, *time);
        }
        fs::write(&path, &bytes).unwrap();
        let since = first + 12;
        let mut journal = Journal::open(JournalOptions {
            files: vec![path.clone()],
            ..JournalOptions::default()
        });
        journal.seek(&Seek::Realtime(since));
        let mut found = 0;
        while let Some(event) = journal.next() {
            if let JournalEvent::Entry(entry) = event {
                found += usize::from(entry.realtime() >= since);
            }
        }
        let wanted = times.iter().filter(|time| **time >= since).count();
        assert_eq!(found, wanted, "{name}");
    }
}

/// Entries with more fields than journald writes, as systemd-journal-remote stores them.
#[test]
fn an_entry_of_very_many_items_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("many.journal");
    let mut bytes = fixture("none-compact-keyed.journal");
    let old = entry_at(&bytes, ENTRIES as u64 - 1) as usize;
    let size = number(&bytes, old as u64 + 8) as usize;
    let items = bytes[old + 64..old + size].to_vec();
    bytes.truncate(bytes.len().next_multiple_of(8));
    let at = bytes.len();
    bytes.extend_from_within(old..old + 64);
    while bytes.len() < at + 64 + 4 * 20_000 {
        bytes.extend_from_slice(&items);
    }
    let length = (bytes.len() - at) as u64;
    put(&mut bytes, at as u64 + 8, length);
    put_item(&mut bytes, ENTRIES as u64 - 1, at as u32);
    put(&mut bytes, offset_of("tail_object_offset"), at as u64);
    fs::write(&path, &bytes).unwrap();
    let (found, problems) = read(&path);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(found.len(), ENTRIES);
    assert!(found.last().unwrap().fields.len() >= 20_000);
}
