//! Style rules that no lint checks: sizes, words, the first line of files.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::project::files::{files_with_ending, rust_files};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 150;

/// Texts that are not allowed in code, and the replacement. Written in two parts, so that this file may contain them.
const BANNED: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "an issue"),
    (concat!("FIX", "ME"), "an issue"),
    (concat!("dbg", "!("), "nothing"),
    (concat!("#[ig", "nore]"), "the reason"),
    (concat!("std::mem::for", "get"), "an owner"),
    (concat!("unwrap_un", "checked"), "a check"),
];

/// Words and phrases that the glossary retired, and the replacement. Written in two parts, so that this file may
/// contain them.
const RETIRED: &[(&str, &str)] = &[
    (concat!("filter ", "means"), "that match the filter"),
    (concat!("who", "ever"), "the person or program"),
    (concat!("what", "ever is"), "the thing"),
    (concat!("is ", "told"), "is reported"),
    (concat!("are ", "told"), "are reported"),
    (concat!("be ", "told"), "be reported"),
    (concat!("was ", "told"), "was reported"),
    (concat!("goes ", "on"), "continues"),
    (concat!("go ", "on"), "continue"),
    (concat!("went ", "on"), "continued"),
    (concat!("passed ", "over"), "skipped"),
    (concat!("passes ", "over"), "skips"),
    (concat!("so ", "many"), "the number of"),
    (concat!("stan", "ds"), "is, or is stored"),
    (concat!("li", "es"), "is, or is stored"),
    (concat!("holds ", "up"), "blocks"),
    (concat!("held ", "up"), "blocked"),
    (concat!("behind ", "this one"), "after this one"),
    (concat!("what is ", "left"), "the rest"),
    (concat!("Ask", "er"), "Principal"),
    (concat!("Do", "or"), "Authenticator"),
    (concat!("Cro", "wd"), "ConnectionLimiter"),
    (concat!("Se", "at"), "Slot"),
    (concat!("Sig", "ht"), "ScopedView"),
    (concat!("De", "sk"), "ReadContext"),
    (concat!("Erra", "nd"), "PendingRead"),
    (concat!("Pack", "ing"), "Compression"),
    (concat!("Pati", "ence"), "timeouts"),
    (concat!("up", "keep"), "maintenance"),
    (concat!("bi", "de"), "back_off"),
];

#[test]
fn retired_words_are_gone() {
    let mut faults = vec![];
    let mut files = vec![Path::new("README.md").to_owned()];
    for (folder, endings) in [
        ("src", &["rs", "js", "css", "html", "json", "md", "txt"][..]),
        ("format-spec", &["md"]),
        (
            "tools",
            &[
                "rs", "md", "sh", "py", "mjs", "js", "toml", "service", "unit", "",
            ],
        ),
        ("tests", &["rs", "js", "mjs", "md", "py"]),
        ("benches", &["rs", "md"]),
    ] {
        files.extend(
            endings
                .iter()
                .flat_map(|ending| files_with_ending(Path::new(folder), ending)),
        );
    }
    files.retain(|file| !file.starts_with("tests/fixtures"));
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for (word, instead) in RETIRED.iter().filter(|(word, _)| has_word(line, word)) {
                faults.push(format!(
                    "{}:{}: {word}: write {instead}",
                    file.display(),
                    number + 1
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Whether `line` contains `word` with no letter beside it; the first letter may be a capital in the line.
fn has_word(line: &str, word: &str) -> bool {
    let ends = |at: Option<char>| at.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    let first = word.chars().next().unwrap();
    let capital: String = first.to_uppercase().chain(word.chars().skip(1)).collect();
    let spellings = [word, capital.as_str()];
    spellings.iter().any(|spelling| {
        let mut found = line.match_indices(spelling);
        found.any(|(at, _)| {
            ends(line[..at].chars().next_back()) && ends(line[at + word.len()..].chars().next())
        })
    })
}

#[test]
fn words_are_found_whole() {
    assert!(has_word("/// A file of which so much stays.", "stays"));
    assert!(has_word("Stays here", "stays"));
    assert!(!has_word("It outstays_x", "stays"));
    assert!(!has_word("stays_put", "stays"));
}

#[test]
fn files_and_functions_are_small() {
    let mut faults = vec![];
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let code: Vec<&str> = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .collect();
        if code.len() > FILE_LINES_MAX {
            faults.push(format!(
                "{}: {} lines before its tests",
                file.display(),
                code.len()
            ));
        }
        for (name, line, length) in functions(&code) {
            if length > FUNCTION_LINES_MAX {
                faults.push(format!(
                    "{}:{line}: fn {name} has {length} lines",
                    file.display()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    for file in ["src", "tests", "benches"]
        .iter()
        .flat_map(|dir| rust_files(Path::new(dir)))
    {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//!"),
            "{}: begins without //!",
            file.display()
        );
    }
    for file in files_with_ending(Path::new("src/ui"), "js") {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//") || text.starts_with("/*"),
            "{}: begins without a comment",
            file.display()
        );
    }
}

#[test]
fn nothing_banned_is_left() {
    let mut faults = vec![];
    for file in ["src", "tests", "benches", "tools"]
        .iter()
        .flat_map(|dir| rust_files(Path::new(dir)))
    {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for (word, instead) in BANNED {
                if line.contains(word) {
                    faults.push(format!(
                        "{}:{}: {word}: write {instead}",
                        file.display(),
                        number + 1
                    ));
                }
            }
            if line.trim_start().starts_with("matches!(") && line.ends_with(';') {
                faults.push(format!(
                    "{}:{}: matches! whose answer is dropped",
                    file.display(),
                    number + 1
                ));
            }
            // A literal text is less readable when it is split.
            let is_text = line.trim_start().starts_with('"');
            if line.chars().count() > COLUMNS_MAX && !is_text {
                faults.push(format!(
                    "{}:{}: over {COLUMNS_MAX} columns",
                    file.display(),
                    number + 1
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn sources_are_ascii() {
    for file in ["src", "tests", "benches"]
        .iter()
        .flat_map(|dir| rust_files(Path::new(dir)))
    {
        let text = fs::read_to_string(&file).unwrap();
        if let Some(line) = text.lines().position(|line| !line.is_ascii()) {
            panic!(
                "{}:{}: not ASCII: write an escape",
                file.display(),
                line + 1
            );
        }
    }
}

#[test]
fn the_top_level_contains_only_agreed_names() {
    const ALLOWED: &[&str] = &[
        "Cargo.toml",
        "Cargo.lock",
        "CHANGELOG.md",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "benches",
        "format-spec",
        "src",
        "tests",
        "tools",
    ];
    let listed = Command::new("git").args(["ls-files"]).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    for path in text.lines() {
        let top = path.split('/').next().unwrap();
        assert!(
            top.starts_with('.') || ALLOWED.contains(&top),
            "{path} is not in the list of top-level names"
        );
    }
}

/// Name, first line and length of each function: from its `fn` to the brace that closes at the same
/// depth.
fn functions<'a>(code: &[&'a str]) -> Vec<(&'a str, usize, usize)> {
    let mut found = vec![];
    for (index, line) in code.iter().enumerate() {
        let Some((indent, name)) = function_name(line) else {
            continue;
        };
        let closing = format!("{}}}", " ".repeat(indent));
        let length = code[index..].iter().position(|line| **line == closing);
        if let Some(length) = length {
            found.push((name, index + 1, length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<(usize, &str)> {
    let code = line.trim_start();
    let indent = line.len() - code.len();
    let starts = [
        "fn ",
        "pub fn ",
        "pub(crate) fn ",
        "pub(super) fn ",
        "const fn ",
        "pub const fn ",
        "async fn ",
    ];
    let after = starts
        .iter()
        .find_map(|start| code.strip_prefix(start))
        .or_else(|| {
            let (before, after) = code.split_once(" fn ")?;
            before.starts_with("pub").then_some(after)
        })?;
    if code.trim_end().ends_with(';') || code.trim_end().ends_with('}') {
        return None;
    }
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some((indent, &after[..end]))
}

#[test]
fn function_lengths_are_measured() {
    let code = [
        "impl X {",
        "    pub(crate) async fn long(&self) {",
        "        one();",
        "    }",
        "}",
        "fn f(",
        "    a: u8,",
        ") {",
        "}",
    ];
    assert_eq!(functions(&code), [("long", 2, 3), ("f", 6, 4)]);
}

/// A file that no module declares is not compiled, and its tests never run.
#[test]
fn every_file_is_a_declared_module() {
    let mut faults = vec![];
    for file in ["src", "tests/suite"]
        .iter()
        .flat_map(|root| rust_files(Path::new(root)))
    {
        let (folder, name) = match file.file_stem().unwrap().to_str().unwrap() {
            "lib" | "main" => continue,
            "mod" => (
                file.parent().unwrap().parent().unwrap(),
                file.parent().unwrap().file_name().unwrap(),
            ),
            _ => (file.parent().unwrap(), file.file_stem().unwrap()),
        };
        let declaration = format!("mod {};", name.to_str().unwrap());
        let declares = |parent: &str| {
            let text = fs::read_to_string(folder.join(parent)).unwrap_or_default();
            text.lines().any(|line| line.ends_with(&declaration))
        };
        if !["mod.rs", "lib.rs", "main.rs"]
            .iter()
            .any(|parent| declares(parent))
        {
            faults.push(format!(
                "{} is no module: add {declaration}",
                file.display()
            ));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
