//! Paths with wildcards: those of [`wildcard`](super::wildcard) in every component, and `**` for any number of
//! folders. As in a shell, a wildcard does not match a leading dot. A name that equals the pattern, brackets
//! included, always matches.

use crate::collect::names::stamp::FileStamp;
use crate::collect::names::wildcard::{is_wild, matches};
use crate::opening::{TrustedFolder, is_scarce};
use rustix::fs::FileType;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Maximum number of names read for one pattern, so that a tree of millions of files does not block a collector.
const NAMES_MAX: u64 = 200_000;

/// Maximum number of levels that `**` matches; real trees are less deep.
const DEPTH_MAX: usize = 32;

/// Any number of folders.
const ANY_FOLDERS: &[u8] = b"**";

/// Whether the path is a pattern.
pub(crate) fn is_pattern(path: &Path) -> bool {
    path.components()
        .any(|component| is_wild(component.as_os_str().as_bytes()))
}

/// The files that a pattern matches.
#[derive(Debug, Default)]
pub(crate) struct GlobMatches {
    pub(crate) files: Vec<(PathBuf, FileStamp)>,
    /// The folders that were listed.
    pub(crate) folders: Vec<PathBuf>,
    /// The folders that could not be listed.
    pub(crate) troubles: Vec<(PathBuf, io::Error)>,
    /// Whether some names were skipped: too many of them, or no descriptor to read them with.
    pub(crate) is_incomplete: bool,
    names: u64,
}

/// The regular files that match `pattern`, sorted by name, without the excluded ones.
pub(crate) fn find(pattern: &Path, excluded: &[PathBuf]) -> GlobMatches {
    let mut found = GlobMatches::default();
    let components: Vec<Component<'_>> = pattern.components().collect();
    found.visit(&PathBuf::new(), &components, 0);
    let is_wanted = |path: &Path| !excluded.iter().any(|pattern| excludes(pattern, path));
    found.files.retain(|(path, _)| is_wanted(path));
    found.files.sort_by(|(a, _), (b, _)| a.cmp(b));
    found.files.dedup_by(|(a, _), (b, _)| a == b);
    found
}

impl GlobMatches {
    fn visit(&mut self, folder: &Path, components: &[Component<'_>], depth: usize) {
        let Some((component, rest)) = components.split_first() else {
            return;
        };
        let name = component.as_os_str();
        if name.as_bytes() == ANY_FOLDERS {
            self.visit_all(folder, rest, depth);
            return;
        }
        if !is_wild(name.as_bytes()) {
            let path = folder.join(component);
            if rest.is_empty() {
                self.take(path);
            } else {
                self.visit(&path, rest, depth);
            }
            return;
        }
        for (found, kind) in self.list(folder) {
            if !is_match(name, &found) {
                continue;
            }
            let path = folder.join(found);
            if rest.is_empty() {
                self.take(path);
            } else if kind != FileType::RegularFile {
                self.visit(&path, rest, depth);
            }
        }
    }

    /// Visits the files that match the rest of the pattern in `folder` and in all folders below it; does not follow
    /// links to folders.
    fn visit_all(&mut self, folder: &Path, rest: &[Component<'_>], depth: usize) {
        let any = [Component::Normal(OsStr::new("*"))];
        let rest = if rest.is_empty() { &any[..] } else { rest };
        self.visit(folder, rest, depth);
        if depth >= DEPTH_MAX {
            self.is_incomplete = true;
            return;
        }
        for (name, kind) in self.list(folder) {
            let is_folder = kind == FileType::Directory;
            if is_folder && !name.as_bytes().starts_with(b".") {
                self.visit_all(&folder.join(name), rest, depth + 1);
            }
        }
    }

    fn take(&mut self, path: PathBuf) {
        if let Some(stamp) = FileStamp::at(&path) {
            self.files.push((path, stamp));
        }
    }

    /// The names in a folder and their types, if the file system knows them.
    fn list(&mut self, folder: &Path) -> Vec<(OsString, FileType)> {
        let shown = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let mut names = Vec::new();
        let listed = TrustedFolder::open(shown).and_then(|opened| {
            for entry in opened.names()? {
                if self.names >= NAMES_MAX {
                    self.is_incomplete = true;
                    break;
                }
                self.names += 1;
                names.push(entry?);
            }
            Ok(())
        });
        if let Err(error) = listed {
            self.is_incomplete |= is_scarce(&error);
            let is_none = matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            );
            let is_known = self.troubles.iter().any(|(path, _)| path == shown);
            if !is_none && !is_known {
                self.troubles.push((shown.to_owned(), error));
            }
        } else if !self.folders.iter().any(|known| known == shown) {
            self.folders.push(shown.to_owned());
        }
        names
    }
}

fn is_match(pattern: &OsStr, name: &OsStr) -> bool {
    let (pattern, text) = (pattern.as_bytes(), name.as_bytes());
    let is_hidden = text.starts_with(b".") && !pattern.starts_with(b".");
    pattern == text || !is_hidden && matches(pattern, text)
}

/// Whether a pattern excludes a path: the whole path, a folder above it, or, if the pattern contains no `/`, the name
/// alone.
fn excludes(pattern: &Path, path: &Path) -> bool {
    let parts = |path: &Path| -> Vec<OsString> {
        let components = path.components();
        components.map(|part| part.as_os_str().to_owned()).collect()
    };
    let pattern_parts = parts(pattern);
    if let [name] = &pattern_parts[..] {
        return path
            .file_name()
            .is_some_and(|found| matches(name.as_bytes(), found.as_bytes()));
    }
    covers(&pattern_parts, &parts(path))
}

/// Whether the pattern matches the path or a folder above it.
fn covers(pattern: &[OsString], path: &[OsString]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return true;
    };
    if first.as_bytes() == ANY_FOLDERS {
        return (0..=path.len())
            .any(|from| path.get(from..).is_some_and(|path| covers(rest, path)))
            && !path.is_empty();
    }
    path.split_first().is_some_and(|(name, path)| {
        matches(first.as_bytes(), name.as_bytes()) && covers(rest, path)
    })
}

/// The paths that `pattern` matches, sorted by name, for patterns on the command line.
#[must_use]
pub fn paths(pattern: &Path) -> Vec<PathBuf> {
    let found = find(pattern, &[]).files.into_iter();
    found.map(|(path, _)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    fn names(dir: &Path, pattern: &str, excluded: &[&str]) -> Vec<String> {
        let exclude = |pattern: &&str| {
            if pattern.contains('/') {
                dir.join(pattern)
            } else {
                PathBuf::from(pattern)
            }
        };
        let excluded: Vec<PathBuf> = excluded.iter().map(exclude).collect();
        let found = find(&dir.join(pattern), &excluded);
        let name =
            |(path, _): (PathBuf, FileStamp)| path.strip_prefix(dir).unwrap().display().to_string();
        found.files.into_iter().map(name).collect()
    }

    #[test]
    fn files_are_found_in_order() {
        let dir = tree(&[
            "b/x.log",
            "a/x.log",
            "a/y.txt",
            "a/.hidden.log",
            "c/z.log/inner",
        ]);
        let names = |pattern| names(dir.path(), pattern, &[]);
        assert_eq!(names("*/*.log"), ["a/x.log", "b/x.log"]);
        assert_eq!(names("a/?.*"), ["a/x.log", "a/y.txt"]);
        assert_eq!(names("a/.*.log"), ["a/.hidden.log"]);
        assert_eq!(names("a/x.log"), ["a/x.log"]);
        assert_eq!(names("[ab]/[!y]*"), ["a/x.log", "b/x.log"]);
        assert!(names("nothing/*").is_empty());
    }

    #[test]
    fn two_stars_match_any_number_of_folders() {
        let dir = tree(&[
            "x.log",
            "a/x.log",
            "a/b/x.log",
            "a/b/y.txt",
            ".git/x.log",
            "a/.h/x.log",
        ]);
        let names = |pattern| names(dir.path(), pattern, &[]);
        assert_eq!(names("**/*.log"), ["a/b/x.log", "a/x.log", "x.log"]);
        assert_eq!(names("a/**/x.log"), ["a/b/x.log", "a/x.log"]);
        assert_eq!(names("a/**"), ["a/b/x.log", "a/b/y.txt", "a/x.log"]);
        assert_eq!(names("**/b/*"), ["a/b/x.log", "a/b/y.txt"]);
        std::os::unix::fs::symlink("..", dir.path().join("a/up")).unwrap();
        assert_eq!(
            names("**/y.txt"),
            ["a/b/y.txt"],
            "links to folders are not followed"
        );
    }

    #[test]
    fn skips_excluded_files() {
        let dir = tree(&["a/x.log", "a/debug.log", "a/old/x.log", "b/x.log"]);
        let names = |excluded: &[&str]| names(dir.path(), "**/*.log", excluded);
        assert_eq!(names(&["debug*"]), ["a/old/x.log", "a/x.log", "b/x.log"]);
        assert_eq!(names(&["a/*"]), ["b/x.log"]);
        assert_eq!(names(&["*/old"]), ["a/debug.log", "a/x.log", "b/x.log"]);
        assert_eq!(names(&["**/old/*"]), ["a/debug.log", "a/x.log", "b/x.log"]);
        assert_eq!(names(&["a/old", "b/**", "debug.log"]), ["a/x.log"]);
    }

    #[test]
    fn a_name_with_brackets_is_found_by_itself() {
        let dir = tree(&["app[1].log", "app1.log"]);
        assert_eq!(
            names(dir.path(), "app[1].log", &[]),
            ["app1.log", "app[1].log"]
        );
    }

    #[test]
    fn reports_a_folder_that_cannot_be_listed() {
        let dir = tree(&["a/x.log"]);
        // Only root can give a link to another user.
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        if std::os::unix::fs::lchown(dir.path().join("link"), Some(4242), None).is_err() {
            return;
        }
        let found = find(&dir.path().join("link/*.log"), &[]);
        assert!(found.files.is_empty());
        assert_eq!(found.troubles.len(), 1);
        assert!(is_pattern(Path::new("/a/*.log")) && !is_pattern(Path::new("/var/log/a")));
    }
}
