//! The project's own files, for the tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `directory`, in order of name.
pub(crate) fn rust_files(directory: &Path) -> Vec<PathBuf> {
    files_with_ending(directory, "rs")
}

/// Every file below `directory` that ends so, in order of name; build output and installed packages
/// left out.
pub(crate) fn files_with_ending(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let Ok(entries) = fs::read_dir(directory) else {
        return found;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules"].contains(&name.as_str()) {
            found.extend(files_with_ending(&path, ending));
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            found.push(path);
        }
    }
    found.sort();
    found
}
