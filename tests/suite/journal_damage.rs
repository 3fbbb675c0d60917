//! Journal files with one damage each, made here and, where somebody keeps them, found in the corpus: what is whole is
//! given, nothing else is, and what is wrong is told once.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use vmlog::journal::{Event, Journal, JournalOptions, layout};

/// Entries of every fixture.
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

/// Everything that is found both ways, and what is told of it.
fn read(path: &Path) -> (Vec<Seen>, Vec<String>) {
    let mut journal = Journal::open(JournalOptions {
        files: vec![path.to_owned()],
        ..JournalOptions::default()
    });
    let mut found = Vec::new();
    while let Some(event) = journal.next().unwrap() {
        found.extend(seen(&event));
    }
    let mut back = Vec::new();
    while let Some(event) = journal.previous().unwrap() {
        back.extend(seen(&event));
    }
    back.reverse();
    assert_eq!(found, back, "{}", path.display());
    let problems = journal.problems();
    (found, problems.iter().map(ToString::to_string).collect())
}

fn seen(event: &Event<'_>) -> Option<Seen> {
    let Event::Entry(entry) = event else {
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
    let mut array = number(bytes, offset_of("entry_array_offset"));
    let item = if is_compact(bytes) { 4 } else { 8 };
    let mut left = wanted;
    loop {
        let items = (number(bytes, array + 8) - 24) / item;
        if left < items {
            let at = array + 24 + left * item;
            let whole = number(&[&bytes[at as usize..], &[0; 8]].concat(), 0);
            return if item == 4 {
                whole & 0xffff_ffff
            } else {
                whole
            };
        }
        left -= items;
        array = number(bytes, array + 16);
    }
}

/// A damage: what it is called, what it does, how many entries are lost, and words of what is told.
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
        "a multiple of 8 behind the array before",
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
fn each_damage_costs_what_is_damaged_and_is_told_once() {
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
            assert_told_once(&problems, &place);
            if told.is_empty() {
                assert!(problems.is_empty(), "{place}");
            } else {
                let tells = problems.iter().filter(|problem| problem.contains(told));
                assert_eq!(tells.count(), 1, "{place}");
            }
            // A file whose entries had to be walked says how many were found so.
            if *lost == 0 && !told.is_empty() {
                assert!(
                    problems.iter().any(|it| it.contains("found by walking")),
                    "{place}"
                );
            }
        }
    }
}

fn assert_told_once(problems: &[String], place: &str) {
    let distinct: HashSet<_> = problems.iter().collect();
    assert_eq!(distinct.len(), problems.len(), "{place}");
    for problem in problems {
        assert!(
            problem.contains("damaged.journal") || problem.contains("/damaged/"),
            "{place}"
        );
    }
}

/// Items of an entry that lead nowhere cost their fields only.
#[test]
fn an_entry_is_given_without_the_field_that_is_damaged() {
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

/// A flipped bit of a value that is not compressed cannot be told from a true value without its hash, which reading does
/// not compare: `--verify` does.
const UNCHECKED: &str = "data-bitflip.journal";

#[test]
fn damaged_files_of_the_corpus_give_nothing_false_and_tell_each_problem_once() {
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
        assert_told_once(&problems, &format!("{name}: {problems:?}"));
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

/// A cursor without the ids of its file, which each copy of the base has anew.
fn of_entry(cursor: &str) -> &str {
    cursor.split_once(';').map_or(cursor, |(_, entry)| entry)
}
