//! Temporary folders, which are removed when they are dropped.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

const PREFIX: &str = ".vmlog-evidence-";

/// A new folder with a random name that only its owner may enter. It is removed with all that is in it.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Creates one in `parent`.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn new(parent: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let mut name = PREFIX.to_owned();
        for byte in random {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        let path = parent.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Removes those in `parent` that a killed process left.
    pub fn remove_left(parent: &Path) {
        let left = fs::read_dir(parent).into_iter().flatten().flatten();
        for entry in left {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                // It costs space only.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What cannot be removed is in a folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_is_private_and_removed_with_its_content() {
        let parent = tempfile::tempdir().unwrap();
        let folder = TemporaryFolder::new(parent.path()).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::create_dir(path.join("store")).unwrap();
        fs::write(path.join("store/file"), "text").unwrap();
        drop(folder);
        assert!(!path.exists());
        fs::create_dir(parent.path().join(".vmlog-evidence-0123")).unwrap();
        fs::write(parent.path().join("other"), "").unwrap();
        TemporaryFolder::remove_left(parent.path());
        let left = fs::read_dir(parent.path()).unwrap();
        assert_eq!(left.count(), 1);
    }
}
