//! The spool: a folder of root in which every user may have a folder for captures that the machine's server reads.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The folder of a user in the spool; creates it if it does not exist.
pub(crate) fn user_folder(spool: &Path, uid: u32) -> io::Result<PathBuf> {
    let found = fs::symlink_metadata(spool)?;
    if !found.is_dir() || (found.uid() != 0 && found.uid() != uid) {
        return Err(io::Error::other("it is not a folder of root"));
    }
    let folder = spool.join(uid.to_string());
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != uid || found.mode() & 0o077 != 0 {
        let text = format!("{} is not a folder of this user alone", folder.display());
        return Err(io::Error::other(text));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn creates_the_folder_of_a_user_and_refuses_replacements() {
        let root = tempfile::tempdir().unwrap();
        let spool = root.path().join("spool");
        let uid = rustix::process::geteuid().as_raw();
        let refused = |spool: &Path| user_folder(spool, uid).unwrap_err().to_string();
        assert!(refused(&spool).contains("No such file"));
        fs::create_dir(&spool).unwrap();
        let folder = user_folder(&spool, uid).unwrap();
        assert_eq!(folder, spool.join(uid.to_string()));
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(
            user_folder(&spool, uid).unwrap(),
            folder,
            "it is used again"
        );

        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(refused(&spool).ends_with("is not a folder of this user alone"));
        fs::remove_dir(&folder).unwrap();
        symlink(root.path(), &folder).unwrap();
        assert!(refused(&spool).ends_with("is not a folder of this user alone"));
        let link = root.path().join("link");
        symlink(&spool, &link).unwrap();
        assert_eq!(refused(&link), "it is not a folder of root");
    }
}
