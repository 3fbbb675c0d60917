//! Which module may use which: the table in this file is the architecture, and `src/` is held to
//! it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::project::files::rust_files;

/// Each module and the only others that it may name. Bottom-up: a row names rows above it only, so
/// no circle can be.
const MAY_USE: &[(&str, &[&str])] = &[
    ("bytes", &[]),
    ("memory", &[]),
    ("mapped", &[]),
    ("opening", &[]),
    ("disk", &["mapped", "opening"]),
    ("time", &[]),
    ("record", &["time"]),
    ("redact", &["record"]),
    ("capture", &["opening", "record", "redact", "time"]),
    ("journal", &["bytes", "opening", "time"]),
    (
        "collect",
        &["capture", "journal", "opening", "record", "time"],
    ),
    (
        "store",
        &["bytes", "disk", "mapped", "record", "redact", "time"],
    ),
    ("query", &["record", "store", "time"]),
    ("live", &["query", "record"]),
    (
        "pipeline",
        &["collect", "live", "record", "redact", "store", "time"],
    ),
    ("server", &["live", "query", "record", "store", "time"]),
    (
        "config",
        &[
            "collect", "journal", "pipeline", "record", "redact", "server", "store", "time",
        ],
    ),
    (
        "cli",
        &[
            "capture", "collect", "config", "disk", "journal", "live", "opening", "pipeline",
            "query", "record", "redact", "server", "store", "time",
        ],
    ),
];

/// What only some modules may touch, by the text that gives it away.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("tokio::", &["capture", "pipeline", "server", "cli"]),
    ("warp::", &["server"]),
    ("std::env", &["config", "cli"]),
    (
        "std::fs",
        &[
            "disk", "mapped", "opening", "capture", "journal", "collect", "server",
        ],
    ),
    ("memmap2", &["mapped"]),
    ("unsafe {", &["mapped", "memory"]),
    ("inotify::", &["journal", "collect"]),
    ("println!", &["cli"]),
];

#[test]
fn the_table_has_no_arrow_upwards() {
    for (row, (module, uses)) in MAY_USE.iter().enumerate() {
        for used in *uses {
            let above = MAY_USE[..row].iter().any(|(name, _)| name == used);
            assert!(above, "{module} -> {used} points up, or nowhere");
        }
    }
}

#[test]
fn modules_use_only_what_they_may() {
    let table: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut faults = vec![];
    for file in rust_files(Path::new("src")) {
        let Some(module) = module_of(&file) else {
            continue;
        };
        let Some(uses) = table.get(module.as_str()) else {
            faults.push(format!(
                "{}: module {module} is not in the table",
                file.display()
            ));
            continue;
        };
        for (number, line) in code_lines(&file) {
            for used in crate_paths(&line) {
                if used != module && table.contains_key(used) && !uses.contains(&used) {
                    faults.push(format!(
                        "{}:{number}: {module} must not use {used}",
                        file.display()
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_outside_is_touched_in_few_places() {
    let mut faults = vec![];
    for file in rust_files(Path::new("src")) {
        let Some(module) = module_of(&file) else {
            continue;
        };
        for (number, line) in code_lines(&file) {
            for (text, modules) in ONLY_IN {
                if line.contains(text) && !modules.contains(&module.as_str()) {
                    faults.push(format!(
                        "{}:{number}: {text} belongs in {modules:?}",
                        file.display()
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_module_of_the_table_exists_and_is_on_the_map() {
    let map = fs::read_to_string("src/lib.rs").unwrap();
    for (module, _) in MAY_USE {
        let exists = Path::new(&format!("src/{module}.rs")).exists()
            || Path::new(&format!("src/{module}/mod.rs")).exists();
        assert!(exists, "{module} is in the table only");
        assert!(
            map.contains(&format!("//! {module} ")),
            "{module} is not on the map in src/lib.rs"
        );
    }
}

/// The top-level module that a file belongs to; the two crate roots belong to none.
fn module_of(file: &Path) -> Option<String> {
    let first = file
        .strip_prefix("src")
        .unwrap()
        .iter()
        .next()
        .unwrap()
        .to_str()
        .unwrap();
    let module = first.trim_end_matches(".rs");
    (!["lib", "main"].contains(&module)).then(|| module.to_owned())
}

/// Numbered lines without comments and up to the tests, which may reach across.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    let code = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    let numbered = code
        .enumerate()
        .map(|(index, line)| (index + 1, line.to_owned()));
    numbered
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .collect()
}

/// The `NAME` of every `crate::NAME` on a line.
fn crate_paths(line: &str) -> impl Iterator<Item = &str> {
    assert!(
        !line.contains("crate::{"),
        "write one `use crate::x` a module: {line}"
    );
    line.split("crate::").skip(1).map(|rest| {
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        &rest[..end]
    })
}
