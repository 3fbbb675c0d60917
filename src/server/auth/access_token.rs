//! The access token that is made at the first start: 256 random bits in a file that only its owner
//! may read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The file's name in the data directory.
pub(crate) const FILE_NAME: &str = "token";

const PRIVATE: u32 = 0o600;

/// A token is 43 characters; a person may have put a longer one there.
const LENGTH_MAX: u64 = 512;

/// Reads the token from `directory`, or makes one. A file that others could read, or that another
/// user put there, is an error: what they know opens every log.
pub(crate) fn load_or_make(directory: &Path) -> io::Result<String> {
    let path = directory.join(FILE_NAME);
    // neither a link nor a pipe is followed or waited for
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&path);
    match opened {
        Ok(file) => load(file, geteuid().as_raw()),
        Err(error) if error.kind() == ErrorKind::NotFound => make(directory, &path),
        Err(error) => Err(error),
    }
}

fn load(file: File, user: u32) -> io::Result<String> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "it is not a regular file",
        ));
    }
    let owner = metadata.uid();
    // what root puts there for a server with fewer rights is as good as its own
    if owner != user && owner != 0 {
        let text = format!(
            "it belongs to user {owner}, who knows it: remove it, a new one is made for user {user}"
        );
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    let mode = metadata.permissions().mode() & 0o777;
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

/// Who besides this user and root may change what is in the data directory, in words.
pub(crate) fn exposure(directory: &Path) -> Option<String> {
    let metadata = fs::metadata(directory).ok()?;
    let mode = metadata.mode() & 0o777;
    let owner = metadata.uid();
    if owner != geteuid().as_raw() && owner != 0 {
        return Some(format!("it belongs to user {owner}"));
    }
    (mode & 0o022 != 0).then(|| format!("its mode is {mode:o}, so others may change what is in it"))
}

/// A crash leaves no half token: it is written aside and linked into place.
fn make(directory: &Path, path: &Path) -> io::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let token = URL_SAFE_NO_PAD.encode(random);
    let aside = directory.join("token.new");
    // what a crash has left, or a link that somebody put there to have its target overwritten
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
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

    #[test]
    fn a_link_is_neither_read_nor_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious to somebody").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(PRIVATE)).unwrap();
        let place = directory.path().join("data");
        fs::create_dir(&place).unwrap();
        std::os::unix::fs::symlink(&victim, place.join("token.new")).unwrap();
        let token = load_or_make(&place).unwrap();
        assert_eq!(token.len(), 43);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious to somebody");
        fs::remove_file(place.join(FILE_NAME)).unwrap();
        std::os::unix::fs::symlink(&victim, place.join(FILE_NAME)).unwrap();
        assert!(load_or_make(&place).is_err(), "a link is no token");
    }

    #[test]
    fn a_directory_that_others_may_change_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("a/b");
        make_private_directory(&place).unwrap();
        assert_eq!(exposure(&place), None);
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(exposure(&place), None, "others may only read");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o775)).unwrap();
        assert_eq!(
            exposure(&place).as_deref(),
            Some("its mode is 775, so others may change what is in it")
        );
    }

    #[test]
    fn one_of_another_user_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        load_or_make(directory.path()).unwrap();
        let path = directory.path().join(FILE_NAME);
        let ours = fs::metadata(&path).unwrap().uid();
        let opened = || File::open(&path).unwrap();
        assert!(load(opened(), ours).is_ok());
        if ours == 0 {
            assert!(load(opened(), 1000).is_ok(), "root put it there");
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
