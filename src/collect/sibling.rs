//! The rotated siblings of a log file: `app.log.1`, `app.log.2.gz`, `app.log-20260217`, `app-20260217.log.zst`, in the order in
//! which they were written.

use super::mark::Inode;
use crate::time::Micros;
use rustix::fs::{AtFlags, CWD, OFlags, StatxFlags, statx};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder in which names move is listed again, this many times at most, until two lists agree.
const LISTINGS_MAX: usize = 10;

/// More rotated files than a year of daily rotation leaves; the newest are kept.
pub(crate) const SIBLINGS_MAX: usize = 512;

/// How the bytes of a file are packed, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
    Xz,
}

/// A file that was rotated away from a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sibling {
    pub(crate) path: PathBuf,
    pub(crate) inode: Inode,
    pub(crate) packing: Packing,
    pub(crate) modified: Micros,
    /// When the file was made, in nanoseconds, where the file system tells: numbers of inodes are given out again at once.
    pub(crate) born: Option<i64>,
    suffix: Suffix,
}

/// What a rotated file's name has beyond that of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    /// The higher the number, the older the file.
    Number(u32),
    /// A date in an order that sorts.
    Date(String),
    /// `old`.
    Word,
}

/// The rotated siblings of `path`, oldest first.
pub(crate) fn list(path: &Path) -> io::Result<Vec<Sibling>> {
    let mut found = list_once(path)?;
    for _ in 1..LISTINGS_MAX {
        let again = list_once(path)?;
        let is_same = agree(&found, &again);
        found = again;
        if is_same {
            break;
        }
    }
    drop_twins(&mut found);
    sort(&mut found);
    let surplus = found.len().saturating_sub(SIBLINGS_MAX);
    found.drain(..surplus);
    Ok(found)
}

/// Whether no name has come, gone or moved from one list to the other.
pub(crate) fn agree(before: &[Sibling], after: &[Sibling]) -> bool {
    let same =
        |(a, b): (&Sibling, &Sibling)| a.path == b.path && a.inode == b.inode && a.born == b.born;
    before.len() == after.len() && before.iter().zip(after).all(same)
}

/// Opens a sibling. A link is not followed: whoever may write logs in the folder must not choose what is read as root.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NOFOLLOW)
}

/// Opens the file at a path that the settings name. The path may be a link, as logs of containers are; but one that a user made to
/// a file that is not his own would have us read what he may not.
pub(crate) fn open_named(path: &Path) -> io::Result<File> {
    match open(path) {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {}
        opened => return opened,
    }
    let file = open_with(path, OFlags::empty())?;
    // asked after opening: the file was found through this link, or what has the name has changed since
    let link = fs::symlink_metadata(path)?;
    let (by, of) = (link.uid(), file.metadata()?.uid());
    if !link.is_symlink() {
        // the next look finds what is there then
        return Err(io::ErrorKind::NotFound.into());
    }
    if may_lead(by, of, geteuid().as_raw()) {
        return Ok(file);
    }
    let text = format!("it is a link of user {by} to a file of user {of}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// Whether a link that `by` made may lead to a file of `of`, for a reader that runs as `user`.
fn may_lead(by: u32, of: u32, user: u32) -> bool {
    by == 0 || by == user || by == of
}

/// Opens a regular file; a pipe or device does not hold the opener up.
fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not a regular file",
    ))
}

/// While a file is being packed it is there twice: the packed one may not be complete.
fn drop_twins(siblings: &mut Vec<Sibling>) {
    let plain = siblings
        .iter()
        .filter(|sibling| sibling.packing == Packing::Plain);
    let plain: Vec<PathBuf> = plain.map(|sibling| sibling.path.clone()).collect();
    siblings.retain(|sibling| {
        let unpacked = sibling.path.with_extension("");
        sibling.packing == Packing::Plain || !plain.contains(&unpacked)
    });
}

fn list_once(path: &Path) -> io::Result<Vec<Sibling>> {
    let mut found = Vec::new();
    let Some(base) = path.file_name() else {
        return Ok(found);
    };
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let Some((suffix, packing)) = rotation(base, &entry.file_name()) else {
            continue;
        };
        // a name that is gone again is no sibling
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_file() {
            let path = entry.path();
            found.push(Sibling {
                born: born(&path),
                path,
                inode: Inode::of(&metadata),
                packing,
                modified: metadata.modified().map_or(Micros::MIN, Micros::from),
                suffix,
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// When a file was made.
fn born(path: &Path) -> Option<i64> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let found = statx(CWD, path, flags, StatxFlags::BTIME).ok()?;
    let is_told = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME);
    let time = found.stx_btime;
    let whole = time.tv_sec.checked_mul(1_000_000_000)?;
    is_told.then(|| whole.saturating_add(time.tv_nsec.into()))
}

/// The folder that holds `path`.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Names tell the order where all are of one kind; otherwise the time of the last write does.
fn sort(siblings: &mut [Sibling]) {
    if siblings
        .iter()
        .all(|sibling| matches!(sibling.suffix, Suffix::Number(_)))
    {
        siblings.sort_by(|a, b| (&b.suffix, a.modified).cmp(&(&a.suffix, b.modified)));
    } else if siblings
        .iter()
        .all(|sibling| matches!(sibling.suffix, Suffix::Date(_)))
    {
        siblings.sort_by(|a, b| (&a.suffix, a.modified).cmp(&(&b.suffix, b.modified)));
    } else {
        siblings.sort_by_key(|sibling| sibling.modified);
    }
}

/// Whether `name` is what rotation makes of `base`.
fn rotation(base: &OsStr, name: &OsStr) -> Option<(Suffix, Packing)> {
    let (base, name) = (base.to_str()?, name.to_str()?);
    let (name, packing) = unpacked(name);
    if let Some(rest) = name.strip_prefix(base) {
        return suffix(rest).map(|suffix| (suffix, packing));
    }
    let (stem, extension) = base.rsplit_once('.')?;
    let middle = name
        .strip_prefix(stem)?
        .strip_suffix(extension)?
        .strip_suffix('.')?;
    suffix(middle).map(|suffix| (suffix, packing))
}

/// Whether `path` is what rotation made of `base`.
pub(crate) fn is_rotation(base: &Path, path: &Path) -> bool {
    let names = base.file_name().zip(path.file_name());
    base.parent() == path.parent()
        && names.is_some_and(|(base, name)| rotation(base, name).is_some())
}

fn unpacked(name: &str) -> (&str, Packing) {
    let packings = [
        (".gz", Packing::Gzip),
        (".zst", Packing::Zstd),
        (".xz", Packing::Xz),
    ];
    for (extension, packing) in packings {
        if let Some(name) = name.strip_suffix(extension) {
            return (name, packing);
        }
    }
    (name, Packing::Plain)
}

fn suffix(rest: &str) -> Option<Suffix> {
    let mut characters = rest.chars();
    if !matches!(characters.next(), Some('.' | '-' | '_')) {
        return None;
    }
    let text = characters.as_str();
    if text == "old" {
        return Some(Suffix::Word);
    }
    let is_digit = |c: char| c.is_ascii_digit();
    match text.chars().filter(|&c| is_digit(c)).count() {
        1..=5 if text.chars().all(is_digit) => text.parse().ok().map(Suffix::Number),
        8.. if text.len() <= 40 && text.chars().all(|c| is_digit(c) || "-_.:TZ+".contains(c)) => {
            Some(Suffix::Date(text.to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn is_rotation(base: &str, name: &str) -> bool {
        rotation(OsStr::new(base), OsStr::new(name)).is_some()
    }

    #[test]
    fn names_of_rotated_files_are_known() {
        for name in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20260217",
            "app.log-20260217-1771338615.zst",
            "app.log.2026-02-17T14:30:15.xz",
            "app-20260217.log",
            "app-20260217.log.gz",
            "app.1.log",
            "app.log.old",
        ] {
            assert!(is_rotation("app.log", name), "{name}");
        }
        for name in [
            "app.log",
            "app.log.gz",
            "app.log.swp",
            "app.log.1~",
            "app.log.",
            "app.logger.1",
            "other.log.1",
            "app.log.lock",
            "application.log",
            "app.log-errors",
            "app.log.123456",
            "app2.log",
        ] {
            assert!(!is_rotation("app.log", name), "{name}");
        }
        assert!(is_rotation("syslog", "syslog.1"));
        assert!(!is_rotation("syslog", "syslog-ng.1"));
    }

    fn write(dir: &Path, name: &str, age_s: u64) {
        let file = File::create(dir.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age_s))
            .unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let list = list(&dir.join("a.log")).unwrap();
        list.iter()
            .map(|s| s.path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn numbers_count_backwards() {
        let dir = tempfile::tempdir().unwrap();
        for (name, age) in [
            ("a.log.1", 30),
            ("a.log.10.gz", 20),
            ("a.log.2", 10),
            ("a.log", 0),
        ] {
            write(dir.path(), name, age);
        }
        assert_eq!(names(dir.path()), ["a.log.10.gz", "a.log.2", "a.log.1"]);
    }

    #[test]
    fn dates_count_forwards_and_other_names_go_by_time() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a.log-20260218", 300);
        write(dir.path(), "a.log-20260217.gz", 100);
        assert_eq!(names(dir.path()), ["a.log-20260217.gz", "a.log-20260218"]);
        write(dir.path(), "a.log.1", 200);
        assert_eq!(
            names(dir.path()),
            ["a.log-20260218", "a.log.1", "a.log-20260217.gz"]
        );
    }

    #[test]
    fn a_file_that_is_being_packed_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log.1", "a.log.1.gz", "a.log.2.gz"] {
            write(dir.path(), name, 5);
        }
        assert_eq!(names(dir.path()), ["a.log.2.gz", "a.log.1"]);
    }

    #[test]
    fn links_and_pipes_are_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "target", 0);
        std::os::unix::fs::symlink(dir.path().join("target"), dir.path().join("a.log.1")).unwrap();
        assert!(names(dir.path()).is_empty());
        assert!(open(&dir.path().join("a.log.1")).is_err());
        assert!(open_with(&dir.path().join("a.log.1"), OFlags::empty()).is_ok());
        assert!(open_with(dir.path(), OFlags::empty()).is_err());
    }

    #[test]
    fn a_link_is_followed_for_who_may_read_what_it_leads_to() {
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
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("kept"), dir.path().join("app.log"));
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open_named(&file).is_ok() && open_named(&link).is_ok());
        // only root can give a link away
        if std::os::unix::fs::lchown(&link, Some(4242), None).is_ok() {
            let owner = fs::metadata(&file).unwrap().uid();
            assert_eq!(
                open_named(&link).unwrap_err().to_string(),
                format!("it is a link of user 4242 to a file of user {owner}")
            );
            std::os::unix::fs::chown(&file, Some(4242), None).unwrap();
            assert!(open_named(&link).is_ok(), "his own file");
        }
        fs::remove_file(&link).unwrap();
        let missing = open_named(&link).unwrap_err().kind();
        assert_eq!(missing, io::ErrorKind::NotFound);
    }
}
