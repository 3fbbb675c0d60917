//! Files that only their owner may read: tokens and keys.

use crate::opening;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;

const PRIVATE: u32 = 0o600;

/// Writes a whole file in `directory`, or keeps the one that is there. A crash leaves no incomplete file: it is written under another
/// name and renamed.
pub(crate) fn write(directory: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    write_as(directory, name, content, None)
}

/// The same, for a user and a group.
pub(crate) fn write_as(
    directory: &Path,
    name: &str,
    content: &[u8],
    owner: Option<(u32, u32)>,
) -> io::Result<()> {
    let aside = directory.join(format!("{name}.new"));
    // Left by a crash, or a link that an attacker created to have its target overwritten.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(&aside)?;
    file.set_permissions(fs::Permissions::from_mode(PRIVATE))?;
    if let Some((user, group)) = owner {
        fchown(&file, Some(user), Some(group))?;
    }
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&aside, directory.join(name))?;
    File::open(directory)?.sync_all()
}

/// Reads a file of at most `bytes_max`. One that others can read, or that belongs to another user than this one, root or the owner of
/// the folder, is an error: they may know what is in it.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = opening::readable(path, OFlags::NOFOLLOW)?;
    let metadata = file.metadata()?;
    let owner = metadata.uid();
    let of_folder = path.parent().map(fs::metadata).transpose()?;
    // root reads what the user of a server has written
    let is_of_folder = of_folder.is_some_and(|folder| folder.uid() == owner);
    let is_ours = owner == geteuid().as_raw() || owner == 0;
    let is_ours = is_ours || (geteuid().is_root() && is_of_folder);
    let denied = |text: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    if !is_ours {
        let text = format!("{} belongs to user {owner}, who knows it", path.display());
        return denied(text);
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return denied(format!(
            "{}: its mode is {mode:o}, so other users may have read it",
            path.display()
        ));
    }
    let mut content = Vec::new();
    file.take(bytes_max).read_to_end(&mut content)?;
    Ok(content)
}
