//! Opening files that other users write. A path in a log folder may lead anywhere: only regular files are opened, without waiting,
//! and a link is followed only if its owner could read the file.
//!
//! A link of root or of our own user is trusted. A link of another user is followed only to a file (or folder) that this user
//! owns. This holds for every component of a path, and it is checked on open descriptors: a path that is changed meanwhile
//! leads to an error or to a file that passes the same test.

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, Statx, StatxFlags,
};
use rustix::fs::{fstat, open, openat, openat2, readlinkat, statx};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

/// The kernel follows this number of links in one path.
const LINKS_MAX: usize = 40;

/// Opens a regular file as `options` say. A pipe or a device is an error and is not waited for.
pub(crate) fn regular(options: &mut OpenOptions, path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    checked(options.custom_flags(flags).open(path)?)
}

/// Opens a regular file for reading.
pub(crate) fn readable(path: &Path, flags: OFlags) -> io::Result<File> {
    regular(OpenOptions::new().read(true), path, flags)
}

/// Opens a regular file for reading, and tells what is known of it.
pub(crate) fn readable_with_metadata(path: &Path, flags: OFlags) -> io::Result<(File, Metadata)> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    checked_with_metadata(
        OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?,
    )
}

/// Opens a descriptor of this process a second time, for writing at the end and without waiting. The new descriptor is not inherited by
/// commands. It does not change the first one. Sockets cannot be opened.
pub(crate) fn descriptor(number: u32) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{number}");
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

/// Opens a regular file for reading, through trusted links only.
pub(crate) fn trusted(path: &Path) -> io::Result<File> {
    let (file, links) = resolve(path, OFlags::RDONLY)?;
    check_links(&file, &links)?;
    checked(file.into())
}

/// Like [`trusted`], but the last component must not be a link.
pub(crate) fn trusted_unlinked(path: &Path) -> io::Result<File> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = TrustedFolder::open(parent(path))?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    checked(openat(&folder.0, name, flags, Mode::empty())?.into())
}

/// The folder of a path; the current one if it names none.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A folder, opened through trusted links only.
#[derive(Debug)]
pub(crate) struct TrustedFolder(OwnedFd);

impl TrustedFolder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (folder, links) = resolve(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        check_links(&folder, &links)?;
        Ok(Self(folder))
    }

    /// The state of the folder, which changes when names are added or removed.
    pub(crate) fn state(&self) -> io::Result<FolderState> {
        let found = fstat(&self.0)?;
        Ok(FolderState {
            folder: (found.st_dev, found.st_ino),
            changed: Duration::new(
                u64::try_from(found.st_mtime).unwrap_or_default(),
                u32::try_from(found.st_mtime_nsec).unwrap_or_default(),
            ),
        })
    }

    /// The metadata of a name in the folder; of a link, that of the link. It has the time of creation if the file system does.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Statx> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        Ok(statx(&self.0, name, AtFlags::SYMLINK_NOFOLLOW, wanted)?)
    }

    /// The names in the folder with their types, in no order.
    pub(crate) fn names(
        &self,
    ) -> io::Result<impl Iterator<Item = io::Result<(OsString, FileType)>>> {
        let named = |entry: Result<rustix::fs::DirEntry, Errno>| {
            let entry = entry?;
            let name = entry.file_name().to_bytes().to_vec();
            Ok((OsString::from_vec(name), entry.file_type()))
        };
        let is_real = |entry: &io::Result<(OsString, FileType)>| {
            !entry
                .as_ref()
                .is_ok_and(|(name, _)| name == "." || name == "..")
        };
        Ok(Dir::read_from(&self.0)?.map(named).filter(is_real))
    }
}

/// The state of a folder at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FolderState {
    folder: (u64, u64),
    /// The time of the last change, since 1970.
    changed: Duration,
}

/// The kernel updates its clock in steps of a few milliseconds.
const TIME_STEP_MAX: Duration = Duration::from_millis(50);

impl FolderState {
    /// Whether a later change is certain to change the state.
    pub(crate) fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.is_ok_and(|now| now.saturating_sub(self.changed) > TIME_STEP_MAX)
    }
}

fn checked(file: File) -> io::Result<File> {
    checked_with_metadata(file).map(|(file, _)| file)
}

fn checked_with_metadata(file: File) -> io::Result<(File, Metadata)> {
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok((file, metadata));
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a regular file",
    ))
}

/// Refuses a file that a user's link led to, unless that user owns it.
fn check_links(file: &OwnedFd, links: &[u32]) -> io::Result<()> {
    if links.is_empty() {
        return Ok(());
    }
    let (of, user) = (fstat(file)?.st_uid, geteuid().as_raw());
    match links.iter().find(|&&by| !may_lead(by, of, user)) {
        None => Ok(()),
        Some(by) => {
            let text = format!("it is a link of user {by} to a file of user {of}");
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

/// Whether a link that `by` made may lead to a file of `of`, for a reader that runs as `user`.
fn may_lead(by: u32, of: u32, user: u32) -> bool {
    by == 0 || by == user || by == of
}

/// Opens the target of a path, and returns the owners of the links on the way.
fn resolve(path: &Path, flags: OFlags) -> io::Result<(OwnedFd, Vec<u32>)> {
    let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Most paths have no link, which one call tells.
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(file) => return Ok((file, Vec::new())),
        // There is a link; or the kernel, or a filter of system calls, does not support the call.
        Err(Errno::LOOP | Errno::NOSYS | Errno::PERM | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let mut walk = Walk::new(path)?;
    while let Some(name) = walk.names.pop() {
        let is_last = walk.names.is_empty();
        if let Some(file) = walk.step(&name, is_last.then_some(flags))? {
            return Ok((file, walk.links));
        }
    }
    let file = openat(&walk.folder, ".", flags, Mode::empty())?;
    Ok((file, walk.links))
}

/// A path that is being followed component by component.
struct Walk {
    folder: OwnedFd,
    /// The remaining components, the next one last.
    names: Vec<OsString>,
    /// The owners of the links so far.
    links: Vec<u32>,
}

/// A handle of a path, which does not allow reading.
const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

impl Walk {
    fn new(path: &Path) -> io::Result<Self> {
        let mut walk = Self {
            folder: open(".", PLACE | OFlags::DIRECTORY, Mode::empty())?,
            names: Vec::new(),
            links: Vec::new(),
        };
        walk.push(path)?;
        Ok(walk)
    }

    /// Continues with `path`, and then with the remaining components.
    fn push(&mut self, path: &Path) -> io::Result<()> {
        if path.is_absolute() {
            self.folder = open("/", PLACE | OFlags::DIRECTORY, Mode::empty())?;
        }
        for component in path.components().rev() {
            match component {
                Component::Normal(name) => self.names.push(name.to_owned()),
                Component::ParentDir => self.names.push("..".into()),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        Ok(())
    }

    /// Enters the folder `name`, or follows the link. The last component is opened with `flags`.
    fn step(&mut self, name: &OsStr, flags: Option<OFlags>) -> io::Result<Option<OwnedFd>> {
        let wanted = flags.unwrap_or(PLACE | OFlags::DIRECTORY) | OFlags::NOFOLLOW;
        let error = match openat(&self.folder, name, wanted, Mode::empty()) {
            Ok(file) if flags.is_some() => return Ok(Some(file)),
            Ok(folder) => {
                self.folder = folder;
                return Ok(None);
            }
            Err(error) => error,
        };
        if !matches!(error, Errno::LOOP | Errno::NOTDIR) {
            return Err(error.into());
        }
        let link = openat(&self.folder, name, PLACE | OFlags::NOFOLLOW, Mode::empty())?;
        let found: Stat = fstat(&link)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
            // It was a link before: the next attempt finds its present type.
            let is_changed = error == Errno::LOOP;
            return Err(if is_changed { Errno::NOENT } else { error }.into());
        }
        if self.links.len() >= LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        self.links.push(found.st_uid);
        let target = readlinkat(&link, "", Vec::new())?;
        self.push(Path::new(OsStr::from_bytes(target.to_bytes())))?;
        Ok(None)
    }
}

/// Raises the limit of open files of this process to the maximum, and returns it.
pub(crate) fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum.or(Some(DESCRIPTORS_MAX)),
        maximum: limit.maximum,
    };
    // If it is not permitted, everything works with fewer files.
    let _ = setrlimit(Resource::Nofile, raised);
    descriptor_limit()
}

/// The limit of open files of this process.
pub(crate) fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile)
        .current
        .unwrap_or(DESCRIPTORS_MAX)
}

/// The limit if the system has none: more than are ever used.
const DESCRIPTORS_MAX: u64 = 1 << 20;

/// Whether an error is a temporary lack of descriptors or memory, which tells nothing about the file.
pub(crate) fn is_scarce(error: &io::Error) -> bool {
    let scarce = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    let raw = error.raw_os_error();
    scarce.iter().any(|errno| raw == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{MetadataExt, chown, lchown, symlink};
    use std::path::PathBuf;

    fn text(file: io::Result<File>) -> String {
        let mut text = String::new();
        file.unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// `kept/secret`, and a link `way` to `kept`.
    fn tree() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("kept")).unwrap();
        fs::write(dir.path().join("kept/secret"), "text").unwrap();
        symlink("kept", dir.path().join("way")).unwrap();
        let root = dir.path().to_owned();
        (dir, root)
    }

    #[test]
    fn links_of_trusted_users_are_followed_in_every_component() {
        let (_dir, root) = tree();
        for path in [
            "kept/secret",
            "way/secret",
            "way/../way/./secret",
            "kept/../way//secret",
        ] {
            assert_eq!(text(trusted(&root.join(path))), "text", "{path}");
        }
        symlink(root.join("way/secret"), root.join("last")).unwrap();
        assert_eq!(text(trusted(&root.join("last"))), "text");
        assert!(trusted_unlinked(&root.join("last")).is_err());
        assert_eq!(text(trusted_unlinked(&root.join("way/secret"))), "text");
        let folder = TrustedFolder::open(&root.join("way")).unwrap();
        let names: Vec<_> = folder
            .names()
            .unwrap()
            .map(|entry| entry.unwrap().0)
            .collect();
        assert_eq!(names, ["secret"]);
        symlink("/", root.join("top")).unwrap();
        assert!(TrustedFolder::open(&root.join("top")).is_ok());
    }

    #[test]
    fn a_link_of_another_user_leads_to_what_he_owns_only() {
        let (_dir, root) = tree();
        // Only root can change the owner of a link.
        if lchown(root.join("way"), Some(4242), None).is_err() {
            return;
        }
        let owner = fs::metadata(root.join("kept/secret")).unwrap().uid();
        let expected = format!("it is a link of user 4242 to a file of user {owner}");
        let refused = trusted(&root.join("way/secret")).unwrap_err();
        assert_eq!(refused.to_string(), expected);
        assert!(trusted_unlinked(&root.join("way/secret")).is_err());
        assert!(TrustedFolder::open(&root.join("way")).is_err());
        symlink(root.join("way/secret"), root.join("ours")).unwrap();
        assert!(trusted(&root.join("ours")).is_err(), "a link to a link");
        assert_eq!(text(trusted(&root.join("kept/secret"))), "text");
        chown(root.join("kept/secret"), Some(4242), None).unwrap();
        assert_eq!(text(trusted(&root.join("way/secret"))), "text", "his own");
    }

    #[test]
    fn whose_links_are_followed() {
        let (root, we, other) = (0, 1000, 1001);
        for (by, of, is_fine) in [
            (root, other, true),
            (we, other, true),
            (other, other, true),
            (other, we, false),
            (other, root, false),
        ] {
            assert_eq!(
                may_lead(by, of, we),
                is_fine,
                "a link of {by} to a file of {of}"
            );
        }
    }

    #[test]
    fn what_is_no_regular_file_and_what_is_missing_are_errors() {
        let (_dir, root) = tree();
        symlink("round", root.join("round")).unwrap();
        let error = |path: &str| trusted(&root.join(path)).unwrap_err();
        assert_eq!(error("kept").to_string(), "it is not a regular file");
        assert_eq!(error("none").kind(), io::ErrorKind::NotFound);
        assert_eq!(error("way/none").kind(), io::ErrorKind::NotFound);
        assert_eq!(error("kept/secret/x").kind(), io::ErrorKind::NotADirectory);
        assert_eq!(
            error("round").raw_os_error(),
            Some(Errno::LOOP.raw_os_error())
        );
        assert!(trusted(Path::new("/dev/null")).is_err());
        let pipe = root.join("pipe");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
        assert_eq!(error("pipe").to_string(), "it is not a regular file");
        assert!(readable(&pipe, OFlags::empty()).is_err());
    }
}
