//! The table of modules and their permitted dependencies, which `src/` must obey.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::project::files::rust_files;
use crate::project::imports::{Imports, ModulePath, tokens, without_tests};

/// Each module and the only others that it may use. A row refers only to rows above it, which rules out circles.
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
    (
        "events",
        &[
            "collect", "disk", "query", "record", "redact", "store", "time",
        ],
    ),
    ("logql", &[]),
    ("triage", &["query", "record", "store", "time"]),
    (
        "evidence",
        &[
            "disk", "query", "record", "redact", "store", "time", "triage",
        ],
    ),
    ("mcp", &["query", "record", "store", "time", "triage"]),
    ("live", &["query", "record"]),
    (
        "pipeline",
        &[
            "collect", "live", "record", "redact", "store", "time", "triage",
        ],
    ),
    ("tasks", &[]),
    ("http_client", &["tasks"]),
    (
        "server",
        &[
            "events",
            "evidence",
            "http_client",
            "live",
            "logql",
            "mcp",
            "opening",
            "query",
            "record",
            "store",
            "tasks",
            "time",
            "triage",
        ],
    ),
    (
        "gateway",
        &[
            "http_client",
            "logql",
            "opening",
            "query",
            "record",
            "server",
            "tasks",
            "time",
        ],
    ),
    (
        "config",
        &[
            "capture", "collect", "gateway", "journal", "pipeline", "record", "redact", "server",
            "store", "time",
        ],
    ),
    (
        "cli",
        &[
            "capture",
            "collect",
            "config",
            "disk",
            "events",
            "evidence",
            "gateway",
            "http_client",
            "journal",
            "live",
            "mcp",
            "opening",
            "pipeline",
            "query",
            "record",
            "redact",
            "server",
            "store",
            "time",
            "triage",
        ],
    ),
];

/// Code that only some modules may contain, recognised by its text.
const ONLY_IN: &[(&str, &[&str])] = &[
    (
        "tokio::",
        &[
            "capture",
            "http_client",
            "pipeline",
            "server",
            "gateway",
            "cli",
            "tasks",
        ],
    ),
    ("warp::", &["server"]),
    ("std::env", &["config", "cli"]),
    (
        "std::fs",
        &[
            "disk",
            "mapped",
            "opening",
            "capture",
            "http_client",
            "journal",
            "collect",
            "evidence",
            "server",
            "gateway",
        ],
    ),
    ("memmap2", &["mapped"]),
    ("unsafe {", &["mapped", "memory"]),
    ("inotify::", &["journal", "collect"]),
    ("println!", &["cli"]),
];

/// Maximum number of Rust files directly in one folder.
const FILES_IN_FOLDER_MAX: usize = 16;

/// Type names that may be defined more than once, with the reason.
const SHARED_NAMES: &[(&str, &str)] = &[
    (
        "Error",
        "one error type per layer, always written with its module",
    ),
    ("Result", "the result of a layer's own error"),
    (
        "Cursor",
        "systemd's place of an entry in a journal, and the place of a record in an answer",
    ),
    ("CursorError", "the error of both cursors"),
    (
        "Rule",
        "a row of the recognition table and of the redaction table",
    ),
    (
        "Direction",
        "the order in which entries of a journal and records of a store are read",
    ),
];

#[test]
fn the_table_has_no_upward_dependency() {
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
fn system_interfaces_are_used_in_few_modules() {
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

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let imports = Imports::read(Path::new("src"));
    let graph = imports
        .modules()
        .map(|module| (module.clone(), imports.used_by(module)))
        .collect();
    let faults: Vec<String> = circles(&graph)
        .into_iter()
        .map(|circle| report(&circle, &graph, &imports))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn folders_do_not_import_each_other_in_a_circle() {
    let imports = Imports::read(Path::new("src"));
    let folders: BTreeSet<ModulePath> = imports
        .modules()
        .flat_map(|module| (1..module.len()).map(|depth| module[..depth].to_vec()))
        .collect();
    let mut faults = vec![];
    for folder in &folders {
        let part = |module: &ModulePath| module[..module.len().min(folder.len() + 1)].to_vec();
        let mut graph = BTreeMap::<ModulePath, BTreeSet<ModulePath>>::new();
        for module in imports
            .modules()
            .filter(|module| module.starts_with(folder))
        {
            let used = imports
                .used_by(module)
                .into_iter()
                .filter(|used| used.starts_with(folder) && part(used) != part(module));
            graph
                .entry(part(module))
                .or_default()
                .extend(used.map(|used| part(&used)));
        }
        for circle in circles(&graph) {
            let names: Vec<String> = circle.iter().map(|part| part.join("/")).collect();
            faults.push(format!("circle of {}:", names.join(", ")));
            for module in imports
                .modules()
                .filter(|module| circle.contains(&part(module)))
            {
                for used in imports.used_by(module) {
                    if circle.contains(&part(&used)) && part(&used) != part(module) {
                        faults.push(format!(
                            "  {} uses {}",
                            imports.file(module).display(),
                            used.join("::")
                        ));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn folders_hold_few_files() {
    let mut counts = BTreeMap::<String, usize>::new();
    for file in rust_files(Path::new("src")) {
        *counts
            .entry(file.parent().unwrap().display().to_string())
            .or_default() += 1;
    }
    let faults: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count > FILES_IN_FOLDER_MAX)
        .map(|(folder, count)| {
            format!("{folder}: {count} files; at most {FILES_IN_FOLDER_MAX}: make sub-modules")
        })
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn type_names_are_unique() {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for file in rust_files(Path::new("src")) {
        if file.ends_with("tests.rs") {
            continue;
        }
        for name in type_names(&fs::read_to_string(&file).unwrap()) {
            places
                .entry(name)
                .or_default()
                .push(file.display().to_string());
        }
    }
    let faults: Vec<String> = places
        .into_iter()
        .filter(|(name, files)| {
            files.len() > 1 && !SHARED_NAMES.iter().any(|(shared, _)| shared == name)
        })
        .map(|(name, files)| format!("{name} is defined in {}", files.join(", ")))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The names of the structs, enums, traits and type aliases of a file; types that belong to a trait or an `impl` do not count.
fn type_names(text: &str) -> Vec<String> {
    let mut found = vec![];
    let code = without_tests(text);
    for line in code.lines() {
        let line_tokens = tokens(line);
        let visibility = match &line_tokens[..] {
            [first, second, ..] if first == "pub" && second == "(" => {
                1 + line_tokens.iter().position(|word| word == ")").unwrap_or(0)
            }
            [first, ..] if first == "pub" => 1,
            _ => 0,
        };
        let mut words = line_tokens.into_iter().skip(visibility);
        let kind = words.next();
        let is_nested = line.starts_with(' ');
        let is_definition = match kind.as_deref() {
            Some("struct" | "enum" | "trait" | "union") => true,
            Some("type") => !is_nested,
            _ => false,
        };
        if is_definition {
            found.extend(
                words
                    .next()
                    .filter(|name| name.starts_with(char::is_uppercase)),
            );
        }
    }
    found
}

/// The groups of nodes that reach each other.
fn circles(graph: &BTreeMap<ModulePath, BTreeSet<ModulePath>>) -> Vec<Vec<ModulePath>> {
    let reached: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = graph
        .keys()
        .map(|node| (node, reachable(graph, node)))
        .collect();
    let mut groups = BTreeSet::new();
    for (node, others) in &reached {
        let mutual = others.iter().filter(|other| reached[*other].contains(node));
        let mut group: Vec<ModulePath> = mutual.map(|other| (*other).clone()).collect();
        group.sort();
        groups.insert(group);
    }
    groups.into_iter().filter(|group| group.len() > 1).collect()
}

fn reachable<'a>(
    graph: &'a BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    start: &'a ModulePath,
) -> BTreeSet<&'a ModulePath> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        open.extend(graph[node].iter().filter(|next| found.insert(*next)));
    }
    found
}

/// A circle with the imports that make it.
fn report(
    circle: &[ModulePath],
    graph: &BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    imports: &Imports,
) -> String {
    let mut lines = vec![format!("circle of {} files:", circle.len())];
    for module in circle {
        let used = graph[module].iter().filter(|used| circle.contains(used));
        let used: Vec<String> = used.map(|used| used.join("::")).collect();
        lines.push(format!(
            "  {} uses {}",
            imports.file(module).display(),
            used.join(", ")
        ));
    }
    lines.join("\n")
}

#[test]
fn circles_are_found() {
    let node = |name: &str| vec![name.to_owned()];
    let edges = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")];
    let mut graph = BTreeMap::from(["a", "b", "c", "d"].map(|name| (node(name), BTreeSet::new())));
    for (from, to) in edges {
        graph.get_mut(&node(from)).unwrap().insert(node(to));
    }
    assert_eq!(circles(&graph), [vec![node("b"), node("c")]]);
}

#[test]
fn imports_are_followed_to_the_file_that_defines_them() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "m/mod.rs",
        "mod a;\nmod b;\nmod deep;\n#[cfg(test)]\nmod tests;\npub use a::A;\npub(crate) use deep::{leaf::Leaf as Renamed};\n",
    );
    write(
        "m/a.rs",
        "use super::Renamed;\n// super::b::B\npub struct A(&'static str);\nfn f() { \"super::b::B\"; }\n",
    );
    write(
        "m/b.rs",
        "use super::{A, deep};\nfn f(x: deep::Leaf) {}\n#[cfg(test)]\nmod tests {\n    use super::super::tests;\n}\n",
    );
    write("m/deep/mod.rs", "mod leaf;\npub(crate) use leaf::Leaf;\n");
    write(
        "m/deep/leaf.rs",
        "use std::fs;\npub struct Leaf;\nfn f() { crate::other::x(); }\n",
    );
    write("m/tests.rs", "use super::a::A;\n");
    write("other.rs", "use crate::m::A;\n");
    let imports = Imports::read(root.path());
    let used = |module: &str| -> Vec<String> {
        let module: ModulePath = module.split('/').map(str::to_owned).collect();
        imports
            .used_by(&module)
            .into_iter()
            .map(|used| used.join("/"))
            .collect()
    };
    assert_eq!(used("m"), Vec::<String>::new());
    assert_eq!(used("m/a"), ["m/deep/leaf"]);
    assert_eq!(used("m/b"), ["m/a", "m/deep/leaf"]);
    assert_eq!(used("m/deep/leaf"), Vec::<String>::new());
    assert_eq!(imports.modules().count(), 6);
}

#[test]
fn type_names_are_read_where_they_are_defined() {
    let text = "pub(crate) struct One<T>(T);\nenum Two {}\nimpl X {\n    type Item = u8;\n}\n\
        pub type Three = u8;\n#[cfg(test)]\nmod tests {\n    struct Four;\n}\n";
    assert_eq!(type_names(text), ["One", "Two", "Three"]);
}

/// The top-level module that a file belongs to; `None` for the two crate roots.
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

/// Numbered lines without comments, up to the tests, which may use any module.
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
