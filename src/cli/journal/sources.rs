//! The journal that `vmlog journal` reads: directories, files and namespaces.

use crate::cli::failure::Failure;
use crate::collect::{is_wild, paths_of_pattern};
use crate::journal::{EntryMatches, JournalOptions, Namespaces};
use crate::opening;
use clap::ArgMatches;
use std::path::{Path, PathBuf};

/// The default directories of a machine's journal.
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// The journal to read.
#[derive(Debug)]
pub(super) struct Sources {
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
    namespaces: Namespaces,
}

impl Sources {
    /// Reads `--directory`, `--file` and `--namespace`.
    pub(super) fn check(matches: &ArgMatches) -> Result<Self, Failure> {
        let files = files(matches)?;
        let directories = all(matches, "directory").map(|path| named("--directory", path));
        let mut directories = directories.collect::<Result<Vec<_>, _>>()?;
        if directories.is_empty() && files.is_empty() {
            directories.extend(DIRECTORIES.map(PathBuf::from));
        }
        Ok(Self {
            directories,
            files,
            namespaces: namespaces(matches),
        })
    }

    /// The options that open it.
    pub(super) fn options(&self, matches: EntryMatches) -> JournalOptions {
        JournalOptions {
            directories: self.directories.clone(),
            files: self.files.clone(),
            namespaces: self.namespaces.clone(),
            matches,
            open_files_max: open_files_max(),
            ..JournalOptions::default()
        }
    }
}

/// Half of the files that this process may open at most.
fn open_files_max() -> usize {
    let limit = opening::raise_descriptor_limit() / 2;
    usize::try_from(limit)
        .unwrap_or(OPEN_FILES_MAX)
        .min(OPEN_FILES_MAX)
}

/// Journals of several years. Each open file takes a few KiB.
const OPEN_FILES_MAX: usize = 8_192;

/// Checks that a named path exists, because an empty result would look as if nothing had been logged.
fn named(flag: &str, path: &str) -> Result<PathBuf, Failure> {
    match Path::new(path).metadata() {
        Ok(_) => Ok(PathBuf::from(path)),
        Err(error) => Err(Failure::failed(format!("{flag} {path:?}: {error}"))),
    }
}

fn files(matches: &ArgMatches) -> Result<Vec<PathBuf>, Failure> {
    let mut found = vec![];
    for pattern in all(matches, "file") {
        if !is_wild(pattern.as_bytes()) {
            found.push(named("--file", pattern)?);
            continue;
        }
        let before = found.len();
        found.extend(paths_of_pattern(Path::new(pattern)));
        if found.len() == before {
            return Err(Failure::failed(format!(
                "--file {pattern:?} matches no file"
            )));
        }
    }
    Ok(found)
}

fn namespaces(matches: &ArgMatches) -> Namespaces {
    match one(matches, "namespace") {
        None => Namespaces::Default,
        Some("*") => Namespaces::All,
        Some(name) => match name.strip_prefix('+') {
            Some(name) => Namespaces::Named(vec![name.to_owned(), String::new()]),
            None => Namespaces::Named(vec![name.to_owned()]),
        },
    }
}

fn one<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

fn all<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a String> {
    matches.get_many::<String>(name).into_iter().flatten()
}
