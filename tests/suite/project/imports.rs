//! Finds which file of `src/` uses items of which other file, through re-exports, so that a test can detect circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::project::files::rust_files;

/// The path of a module below the crate root, such as `["journal", "cache"]`.
pub(crate) type ModulePath = Vec<String>;

/// All files of the crate, and which of them uses which.
pub(crate) struct Imports {
    files: BTreeMap<ModulePath, SourceFile>,
}

struct SourceFile {
    path: PathBuf,
    declarations: Vec<Use>,
    /// Paths with `::` outside `use` declarations.
    mentions: Vec<Vec<String>>,
    /// Every identifier outside `use` declarations.
    words: BTreeSet<String>,
}

/// One leaf of a `use` declaration.
struct Use {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

impl Imports {
    pub(crate) fn read(root: &Path) -> Self {
        let mut files: BTreeMap<_, _> = rust_files(root)
            .into_iter()
            .filter_map(|path| Some((module_path(root, &path)?, path)))
            .collect();
        for test in files
            .values()
            .flat_map(|path| test_modules(path))
            .collect::<Vec<_>>()
        {
            files.retain(|_, path| *path != test);
        }
        let files = files
            .into_iter()
            .map(|(module, path)| (module, SourceFile::read(path)))
            .collect();
        Self { files }
    }

    pub(crate) fn modules(&self) -> impl Iterator<Item = &ModulePath> {
        self.files.keys()
    }

    pub(crate) fn file(&self, module: &ModulePath) -> &Path {
        &self.files[module].path
    }

    /// The files of the same top-level module that define items used in this file. A re-export is not a use: it is
    /// part of the module's interface.
    pub(crate) fn used_by(&self, module: &ModulePath) -> BTreeSet<ModulePath> {
        let file = &self.files[module];
        let declared = file
            .declarations
            .iter()
            .filter(|used| !used.is_public || file.words.contains(&used.name));
        let declared = declared.map(|used| &used.path);
        let targets = declared
            .chain(&file.mentions)
            .filter_map(|path| self.definer(module, path, 0));
        targets
            .filter(|target| target != module && target[0] == module[0])
            .collect()
    }

    /// The file that defines the item at `path`, as written in `module`; `None` for another crate and for a module as a whole.
    fn definer(&self, module: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
        let mut at = module.to_vec();
        let mut rest = path;
        let mut is_rooted = false;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "super" => drop(at.pop()?),
                "self" => {}
                _ => break,
            }
            (rest, is_rooted) = (after, true);
        }
        loop {
            let (first, after) = rest.split_first()?;
            if first == "*" {
                return self.files.contains_key(&at).then_some(at);
            }
            let mut child = at.clone();
            child.push(first.clone());
            if self.files.contains_key(&child) {
                (at, rest, is_rooted) = (child, after, true);
                continue;
            }
            let file = self.files.get(&at)?;
            if let Some(used) = file
                .declarations
                .iter()
                .find(|used| used.name == *first && used.path != rest)
                && depth < 20
            {
                let mut target = used.path.clone();
                target.extend_from_slice(after);
                return self.definer(&at, &target, depth + 1);
            }
            return is_rooted.then_some(at);
        }
    }
}

impl SourceFile {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let tokens = tokens(&without_tests(&text));
        let mut file = Self {
            path,
            declarations: vec![],
            mentions: vec![],
            words: BTreeSet::new(),
        };
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] == "use" && tokens.get(at + 1).is_none_or(|next| next != "<") {
                let is_public = at > 0 && ["pub", ")"].contains(&tokens[at - 1].as_str());
                at += 1;
                use_tree(&tokens, &mut at, &[], is_public, &mut file.declarations);
            } else if is_word(&tokens[at]) {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|next| next == "::")
                    && tokens.get(at + 2).is_some_and(|next| is_word(next))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                file.words.insert(path[0].clone());
                if path.len() > 1 {
                    file.mentions.push(path);
                }
                at += 1;
            } else {
                at += 1;
            }
        }
        file
    }
}

/// Reads one tree of a `use` declaration, up to the `,`, `}` or `;` after it.
fn use_tree(
    tokens: &[String],
    at: &mut usize,
    prefix: &[String],
    is_public: bool,
    found: &mut Vec<Use>,
) {
    let mut path = prefix.to_vec();
    let mut name = None;
    while *at < tokens.len() {
        match tokens[*at].as_str() {
            "{" => {
                *at += 1;
                while ![";", "}"].contains(&tokens[*at].as_str()) {
                    use_tree(tokens, at, &path, is_public, found);
                    if tokens[*at] == "," {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "as" => {
                *at += 1;
                name = Some(tokens[*at].clone());
            }
            "::" => {}
            "," | "}" | ";" => break,
            segment => path.push(segment.to_owned()),
        }
        *at += 1;
    }
    // `use a::{self}` refers to the module itself.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
    found.push(Use {
        path,
        name,
        is_public,
    });
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single punctuation characters of a text, without comments, strings and characters.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = vec![];
    let mut at = 0;
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        match chars[at] {
            '/' if next == Some('/') => {
                at += chars[at..]
                    .iter()
                    .position(|c| *c == '\n')
                    .unwrap_or(chars.len() - at);
            }
            '"' => at = end_of_string(&chars, at),
            'r' if next == Some('"')
                || (next == Some('#') && raw_string_hashes(&chars, at) > 0) =>
            {
                at = end_of_raw_string(&chars, at);
            }
            '\'' => at = end_of_character_or_lifetime(&chars, at),
            ':' if next == Some(':') => {
                found.push("::".to_owned());
                at += 2;
            }
            c if c.is_alphanumeric() || c == '_' => {
                let length = chars[at..]
                    .iter()
                    .position(|c| !c.is_alphanumeric() && *c != '_')
                    .unwrap_or(chars.len() - at);
                found.push(chars[at..at + length].iter().collect());
                at += length;
            }
            c if c.is_whitespace() => at += 1,
            c => {
                found.push(c.to_string());
                at += 1;
            }
        }
    }
    found
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The number of `#` of the raw string that starts here; 0 if none starts.
fn raw_string_hashes(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + 1 + hashes) == Some(&'"') {
        hashes
    } else {
        0
    }
}

fn end_of_raw_string(chars: &[char], start: usize) -> usize {
    let hashes = raw_string_hashes(chars, start);
    let mut at = start + 2 + hashes;
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

fn end_of_character_or_lifetime(chars: &[char], start: usize) -> usize {
    match (chars.get(start + 1), chars.get(start + 2)) {
        (Some('\\'), _) => {
            start
                + 3
                + chars[start + 3..]
                    .iter()
                    .position(|c| *c == '\'')
                    .unwrap_or(0)
                + 1
        }
        (Some(_), Some('\'')) => start + 3,
        _ => start + 1,
    }
}

/// A text without the items under `#[cfg(test)]`.
pub(crate) fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        if !code.starts_with("#[cfg(test)]") && !code.starts_with("#[cfg(any(test") {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        let indent = line.len() - code.len();
        let closing = |line: &str| {
            let is_outer = line.len() - line.trim_start().len() == indent;
            is_outer && line.ends_with(['}', ';', ',']) && !line.trim_start().starts_with('#')
        };
        let _ = lines.find(|line| closing(line));
    }
    kept
}

/// The module of a file; `None` for the two crate roots.
fn module_path(root: &Path, path: &Path) -> Option<ModulePath> {
    let inner = path.strip_prefix(root).unwrap().with_extension("");
    let mut module: ModulePath = inner
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    (module != ["lib"] && module != ["main"]).then_some(module)
}

/// The files of the modules that `path` declares for tests only.
fn test_modules(path: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(path).unwrap();
    let folder = if path.ends_with("mod.rs") {
        path.parent().unwrap().to_owned()
    } else {
        path.with_extension("")
    };
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines
        .windows(2)
        .filter(|pair| pair[0].starts_with("#[cfg(test)]"));
    let names = pairs.filter_map(|pair| {
        pair[1]
            .strip_suffix(';')?
            .rsplit_once("mod ")
            .map(|(_, name)| name)
    });
    names
        .flat_map(|name| {
            [
                folder.join(format!("{name}.rs")),
                folder.join(name).join("mod.rs"),
            ]
        })
        .collect()
}
