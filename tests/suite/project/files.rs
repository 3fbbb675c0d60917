//! The project's own files, for the tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `directory`, in order of name.
pub(crate) fn rust_files(directory: &Path) -> Vec<PathBuf> {
    files_with_ending(directory, "rs")
}

/// Every file below `directory` with this ending, or with none if it is empty, in order of name; without build output and installed
/// packages.
pub(crate) fn files_with_ending(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let Ok(entries) = fs::read_dir(directory) else {
        return found;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules"].contains(&name.as_str()) {
            found.extend(files_with_ending(&path, ending));
        } else if path.is_file() && path.extension().unwrap_or_default() == ending {
            found.push(path);
        }
    }
    found.sort();
    found
}
