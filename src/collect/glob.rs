//! Paths with `*` and `?` in them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Files that one pattern may name: each costs a descriptor.
pub(crate) const FOUND_MAX: usize = 256;

/// Names looked at in one folder, so that a folder of a million files does not hold a collector up for ever.
const NAMES_MAX: usize = 100_000;

/// Whether the path is a pattern.
pub(crate) fn is_pattern(path: &Path) -> bool {
    path.components()
        .any(|component| is_wild(component.as_os_str()))
}

fn is_wild(name: &OsStr) -> bool {
    name.as_bytes()
        .iter()
        .any(|byte| matches!(byte, b'*' | b'?'))
}

/// The existing files that `pattern` names, in order, at most [`FOUND_MAX`].
pub(crate) fn find(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        found = match component {
            Component::Normal(name) if is_wild(name) => found
                .iter()
                .flat_map(|folder| matching(folder, name))
                .collect(),
            other => found.into_iter().map(|folder| folder.join(other)).collect(),
        };
        found.truncate(FOUND_MAX);
    }
    found.retain(|path| path.is_file());
    found
}

/// The deepest folder that stands before the first wildcard.
pub(crate) fn fixed_folder(pattern: &Path) -> PathBuf {
    let fixed = pattern
        .components()
        .take_while(|component| !is_wild(component.as_os_str()));
    fixed.collect()
}

fn matching(folder: &Path, name: &OsStr) -> Vec<PathBuf> {
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let Ok(entries) = fs::read_dir(listed) else {
        return Vec::new();
    };
    // as in the shell, a wildcard does not stand for a leading dot
    let shows_hidden = name.as_bytes().starts_with(b".");
    let is_match = |found: &OsStr| {
        let found = found.as_bytes();
        (shows_hidden || !found.starts_with(b".")) && matches(name.as_bytes(), found)
    };
    let names = entries
        .take(NAMES_MAX)
        .filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut paths: Vec<PathBuf> = names
        .filter(|name| is_match(name))
        .map(|name| folder.join(name))
        .collect();
    paths.sort();
    paths
}

/// Whether `text` is what `pattern` describes: `*` stands for any bytes, `?` for one. Steps are bounded by the product of both
/// lengths.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while let Some(byte) = text.get(at) {
        match pattern.get(place) {
            Some(b'*') => {
                star = Some((place, at));
                place += 1;
            }
            Some(wanted) if wanted == byte || *wanted == b'?' => {
                at += 1;
                place += 1;
            }
            // the last star takes one byte more
            _ => match &mut star {
                Some((star_place, star_at)) => {
                    *star_at += 1;
                    at = *star_at;
                    place = *star_place + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(place..)
        .unwrap_or_default()
        .iter()
        .all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files_are_found_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b/x.log",
            "a/x.log",
            "a/y.txt",
            "a/.hidden.log",
            "c/z.log/inner",
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = find(&dir.path().join(pattern));
            let name =
                |path: &PathBuf| path.strip_prefix(dir.path()).unwrap().display().to_string();
            found.iter().map(name).collect()
        };
        assert_eq!(names("*/*.log"), ["a/x.log", "b/x.log"]);
        assert_eq!(names("a/?.*"), ["a/x.log", "a/y.txt"]);
        assert_eq!(names("a/.*.log"), ["a/.hidden.log"]);
        assert_eq!(names("a/x.log"), ["a/x.log"]);
        assert!(names("nothing/*").is_empty());
    }

    #[test]
    fn a_pattern_has_a_fixed_folder() {
        assert_eq!(
            fixed_folder(Path::new("/var/log/*/x.log")),
            Path::new("/var/log")
        );
        assert!(is_pattern(Path::new("/var/log/*.log")) && !is_pattern(Path::new("/var/log/a")));
    }

    /// The definition, without a thought for cost.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => model(rest, text),
            (Some((b'*', rest)), Some((_, after))) => model(rest, text) || model(pattern, after),
            (Some((a, rest)), Some((b, after))) => (a == b || *a == b'?') && model(rest, after),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_defined(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), model(pattern, text));
        }
    }
}
