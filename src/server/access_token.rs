//! The access token that is made at the first start: 256 random bits in a file that only its owner
//! may read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The file's name in the data directory.
pub(crate) const FILE_NAME: &str = "token";

const PRIVATE: u32 = 0o600;

/// A token is 43 characters; a person may have put a longer one there.
const LENGTH_MAX: u64 = 512;

/// Reads the token from `directory`, or makes one. A file that others could read is an error: what
/// they may have seen opens every log.
pub(crate) fn load_or_make(directory: &Path) -> io::Result<String> {
    let path = directory.join(FILE_NAME);
    match File::open(&path) {
        Ok(file) => load(file),
        Err(error) if error.kind() == ErrorKind::NotFound => make(directory, &path),
        Err(error) => Err(error),
    }
}

fn load(file: File) -> io::Result<String> {
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let text = format!(
            "its mode is {mode:o}, so others may have read it: remove it, a new one is made"
        );
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    let mut text = String::new();
    file.take(LENGTH_MAX).read_to_string(&mut text)?;
    let token = text.trim();
    if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text = "expected 16 to 512 visible ASCII characters: remove it, a new one is made";
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    Ok(token.to_owned())
}

/// Makes a directory that only its owner may enter; one that exists stays as it is.
pub(crate) fn make_private_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// A crash leaves no half token: it is written aside and linked into place.
fn make(directory: &Path, path: &Path) -> io::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let token = URL_SAFE_NO_PAD.encode(random);
    let aside = directory.join("token.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE)
        .open(&aside)?;
    file.set_permissions(fs::Permissions::from_mode(PRIVATE))?;
    file.write_all(token.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    File::open(directory)?.sync_all()?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_kept_private() {
        let directory = tempfile::tempdir().unwrap();
        let token = load_or_make(directory.path()).unwrap();
        assert_eq!(token.len(), 43);
        assert_eq!(load_or_make(directory.path()).unwrap(), token);
        let mode = fs::metadata(directory.path().join(FILE_NAME))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(load_or_make(other.path()).unwrap(), token);
    }

    #[test]
    fn one_that_others_could_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        load_or_make(directory.path()).unwrap();
        let path = directory.path().join(FILE_NAME);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = load_or_make(directory.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "its mode is 644, so others may have read it: remove it, a new one is made"
        );
    }

    #[test]
    fn one_that_is_cut_short_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        load_or_make(directory.path()).unwrap();
        fs::write(directory.path().join(FILE_NAME), "abc\n").unwrap();
        let error = load_or_make(directory.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected 16 to 512 visible ASCII characters: remove it, a new one is made"
        );
    }
}
