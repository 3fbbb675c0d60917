//! The access token that is created at the first start: 256 random bits in a file that only its owner may read.

use crate::opening;
use crate::server::auth::private_file;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use std::fs;
use std::fs::{DirBuilder, File};
use std::io;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// The name of the file in the data directory.
pub(crate) const FILE_NAME: &str = "token";

/// A created token has 43 characters; an administrator may have written a longer one.
const LENGTH_MAX: u64 = 512;

/// Reads the token from `directory`, or creates one. A file that others can read, or that belongs to another user, is an error:
/// its token gives access to all records.
pub(crate) fn load_or_make(directory: &Path) -> io::Result<String> {
    let path = directory.join(FILE_NAME);
    match opening::readable(&path, OFlags::NOFOLLOW) {
        Ok(file) => load(file, geteuid().as_raw()),
        Err(error) if error.kind() == ErrorKind::NotFound => make(directory),
        Err(error) => Err(error),
    }
}

fn load(file: File, user: u32) -> io::Result<String> {
    let metadata = file.metadata()?;
    let owner = metadata.uid();
    // Root may provide the token of a server that runs as another user.
    if owner != user && owner != 0 {
        let text = format!(
            "it belongs to user {owner}, who knows the token (remove it to have a new one created for user {user})"
        );
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let text = format!(
            "its mode is {mode:o}, so other users may have read it (remove it to have a new one created)"
        );
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    let mut text = String::new();
    file.take(LENGTH_MAX).read_to_string(&mut text)?;
    let token = text.trim();
    if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text =
            "expected 16 to 512 visible ASCII characters (remove it to have a new one created)";
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    Ok(token.to_owned())
}

/// Creates a directory that only its owner may enter. An existing one is not changed.
pub(crate) fn make_private_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Says why other users than this one and root may change files in the data directory; `None` if they may not.
pub(crate) fn exposure(directory: &Path) -> Option<String> {
    let metadata = fs::metadata(directory).ok()?;
    let mode = metadata.mode() & 0o777;
    let owner = metadata.uid();
    if owner != geteuid().as_raw() && owner != 0 {
        return Some(format!("it belongs to user {owner}"));
    }
    (mode & 0o022 != 0)
        .then(|| format!("its mode is {mode:o}, so other users may change its files"))
}

fn make(directory: &Path) -> io::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let token = URL_SAFE_NO_PAD.encode(random);
    private_file::write(directory, FILE_NAME, format!("{token}\n").as_bytes())?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_created_once_and_private() {
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
    fn token_that_others_could_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        load_or_make(directory.path()).unwrap();
        let path = directory.path().join(FILE_NAME);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = load_or_make(directory.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "its mode is 644, so other users may have read it (remove it to have a new one created)"
        );
    }

    #[test]
    fn truncated_token_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        load_or_make(directory.path()).unwrap();
        fs::write(directory.path().join(FILE_NAME), "abc\n").unwrap();
        let error = load_or_make(directory.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected 16 to 512 visible ASCII characters (remove it to have a new one created)"
        );
    }

    #[test]
    fn links_are_neither_read_nor_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        fs::write(&victim, "an important file").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        let place = directory.path().join("data");
        fs::create_dir(&place).unwrap();
        std::os::unix::fs::symlink(&victim, place.join("token.new")).unwrap();
        let token = load_or_make(&place).unwrap();
        assert_eq!(token.len(), 43);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "an important file");
        fs::remove_file(place.join(FILE_NAME)).unwrap();
        std::os::unix::fs::symlink(&victim, place.join(FILE_NAME)).unwrap();
        assert!(load_or_make(&place).is_err(), "a link is refused");
    }

    #[test]
    fn exposure_names_the_mode_of_a_writable_directory() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("a/b");
        make_private_directory(&place).unwrap();
        assert_eq!(exposure(&place), None);
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(exposure(&place), None, "others can only read");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o775)).unwrap();
        assert_eq!(
            exposure(&place).as_deref(),
            Some("its mode is 775, so other users may change its files")
        );
    }

    #[test]
    fn token_of_another_user_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        load_or_make(directory.path()).unwrap();
        let path = directory.path().join(FILE_NAME);
        let ours = fs::metadata(&path).unwrap().uid();
        let opened = || File::open(&path).unwrap();
        assert!(load(opened(), ours).is_ok());
        if ours == 0 {
            assert!(load(opened(), 1000).is_ok(), "root created it");
        } else {
            let text = load(opened(), ours + 1).unwrap_err().to_string();
            assert!(
                text.starts_with(&format!("it belongs to user {ours}")),
                "{text}"
            );
        }
        let is_changed = std::os::unix::fs::chown(&path, Some(4242), None).is_ok();
        if is_changed {
            let text = load(opened(), ours).unwrap_err().to_string();
            assert!(text.starts_with("it belongs to user 4242"), "{text}");
        }
    }
}
