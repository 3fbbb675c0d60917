//! Lists the rotated files of a log: `app.log.1`, `app.log.2.gz`, `app.log-20260217`, `app-20260217.log.zst`, in the
//! order in which they were written.

use crate::collect::names::stamp::Inode;
use crate::collect::tail::compression::{FileCompression, decompressed};
use crate::opening::{FolderState, TrustedFolder};
use crate::time::Micros;
use rustix::fs::{FileType, Statx, StatxFlags, makedev};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// Maximum number of times that a folder in which names change is listed until two lists agree.
const LISTINGS_MAX: usize = 10;

/// Maximum number of rotated files, more than a year of daily rotation leaves; the newest are kept.
pub(crate) const SIBLINGS_MAX: usize = 512;

/// Folders beside a log into which its rotated files are moved, such as by `olddir` of logrotate.
const OLD_FOLDERS: [&str; 6] = [
    "old", "archive", "archived", "archives", "rotated", "backup",
];

/// A rotated file of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sibling {
    pub(crate) path: PathBuf,
    pub(crate) inode: Inode,
    pub(crate) compression: FileCompression,
    pub(crate) modified: Micros,
    /// When the file was created, in nanoseconds, if the file system stores it: inode numbers are reused at once.
    pub(crate) born: Option<i64>,
    suffix: Suffix,
}

/// The part that rotation adds to the name of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    /// The higher the number, the older the file.
    Number(u32),
    /// A date in a form that sorts.
    Date(String),
    /// `old`, `bak`, `prev`.
    Word,
}

/// The names in the folder that was last listed. The logs of one pattern are often in one folder, and each log needs
/// all names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The state of the folder, if it is certain to show a change.
    state: Option<FolderState>,
    names: Vec<(OsString, FileType)>,
}

impl Names {
    fn of(&mut self, folder: &TrustedFolder) -> io::Result<&[(OsString, FileType)]> {
        let state = folder.state()?;
        if self.state != Some(state) {
            self.state = None;
            self.names.clear();
            for entry in folder.names()? {
                self.names.push(entry?);
            }
            self.state = Some(state).filter(FolderState::is_settled);
        }
        Ok(&self.names)
    }
}

/// Lists the rotated files of `path`, oldest first.
pub(crate) fn list(path: &Path, names: &mut Names) -> io::Result<Vec<Sibling>> {
    let mut found = list_once(path, names)?;
    for _ in 1..LISTINGS_MAX {
        let again = list_once(path, names)?;
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

/// Whether no name was added, removed or moved between the two lists.
pub(crate) fn agree(before: &[Sibling], after: &[Sibling]) -> bool {
    let same =
        |(a, b): (&Sibling, &Sibling)| a.path == b.path && a.inode == b.inode && a.born == b.born;
    before.len() == after.len() && before.iter().zip(after).all(same)
}

/// While a file is being compressed it exists twice, and the compressed one may be incomplete.
fn drop_twins(siblings: &mut Vec<Sibling>) {
    let plain = siblings
        .iter()
        .filter(|sibling| sibling.compression == FileCompression::Plain);
    let plain: Vec<PathBuf> = plain.map(|sibling| sibling.path.clone()).collect();
    siblings.retain(|sibling| {
        let decompressed = sibling.path.with_extension("");
        sibling.compression == FileCompression::Plain || !plain.contains(&decompressed)
    });
}

fn list_once(path: &Path, names: &mut Names) -> io::Result<Vec<Sibling>> {
    let mut found = Vec::new();
    let Some(base) = path.file_name() else {
        return Ok(found);
    };
    let folder = folder(path);
    let olders = list_folder(folder, base, names, &mut found)?;
    for older in olders {
        // A folder that cannot be listed contains nothing readable.
        match list_folder(&folder.join(older), base, &mut Names::default(), &mut found) {
            Err(error) if crate::opening::is_scarce(&error) => return Err(error),
            _ => {}
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Adds the rotated files in one folder, and returns the subfolders that may contain more of them.
fn list_folder(
    path: &Path,
    base: &OsStr,
    names: &mut Names,
    found: &mut Vec<Sibling>,
) -> io::Result<Vec<OsString>> {
    let folder = TrustedFolder::open(path)?;
    let mut olders = Vec::new();
    for (name, kind) in names.of(&folder)? {
        if *kind == FileType::Directory {
            let is_older = name
                .to_str()
                .is_some_and(|name| OLD_FOLDERS.contains(&name));
            olders.extend(is_older.then(|| name.clone()));
            continue;
        }
        let Some((suffix, compression)) = rotation(base, name) else {
            continue;
        };
        // The file was deleted or renamed meanwhile.
        let Ok(status) = folder.look(name) else {
            continue;
        };
        if FileType::from_raw_mode(status.stx_mode.into()) == FileType::RegularFile {
            found.push(Sibling {
                born: born(&status),
                path: path.join(name),
                inode: Inode {
                    device: makedev(status.stx_dev_major, status.stx_dev_minor),
                    number: status.stx_ino,
                },
                compression,
                modified: modified(&status),
                suffix,
            });
        }
    }
    Ok(olders)
}

/// When a file was last written to, with the same rounding as [`Micros::from`] of a system time.
fn modified(status: &Statx) -> Micros {
    let time = status.stx_mtime;
    let whole = time.tv_sec.saturating_mul(1_000_000);
    Micros::new(whole.saturating_add(i64::from(time.tv_nsec / 1000)))
}

/// When a file was created.
fn born(status: &Statx) -> Option<i64> {
    let is_reported = StatxFlags::from_bits_retain(status.stx_mask).contains(StatxFlags::BTIME);
    let time = status.stx_btime;
    let whole = time.tv_sec.checked_mul(1_000_000_000)?;
    is_reported.then(|| whole.saturating_add(time.tv_nsec.into()))
}

/// The folder that holds `path`.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Names determine the order if all are of one kind; otherwise the time of the last write does.
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

/// The suffix and compression, if rotation turns `base` into `name`.
fn rotation(base: &OsStr, name: &OsStr) -> Option<(Suffix, FileCompression)> {
    let (base, name) = (base.to_str()?, name.to_str()?);
    let (name, compression) = decompressed(name);
    if base == TIMED_BASE && is_timed(name) {
        return Some((Suffix::Date(name.to_owned()), compression));
    }
    if let Some(rest) = name.strip_prefix(base) {
        return suffix(rest).map(|suffix| (suffix, compression));
    }
    let (stem, extension) = base.rsplit_once('.')?;
    let middle = name
        .strip_prefix(stem)?
        .strip_suffix(extension)?
        .strip_suffix('.')?;
    suffix(middle).map(|suffix| (suffix, compression))
}

/// The log of programs that give rotated files a TAI64N time as their name: s6-log, svlogd, multilog.
const TIMED_BASE: &str = "current";

/// Whether a name is such a time: `@400000006994a2f7219c5d1c.s`.
fn is_timed(name: &str) -> bool {
    let name = name
        .strip_suffix(".s")
        .or_else(|| name.strip_suffix(".u"))
        .unwrap_or(name);
    let digits = name.strip_prefix('@').unwrap_or_default();
    digits.len() == 24 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The names that rotation may have turned into `name`.
pub(crate) fn bases(name: &OsStr) -> Vec<OsString> {
    let Some(text) = name.to_str() else {
        return Vec::new();
    };
    let (text, _) = decompressed(text);
    if is_timed(text) {
        return vec![TIMED_BASE.into()];
    }
    let mut bases = Vec::new();
    for (at, _) in text
        .match_indices(['.', '-', '_'])
        .filter(|&(at, _)| at > 0)
    {
        let (base, rest) = text.split_at(at);
        if suffix(rest).is_some() {
            bases.push(base.into());
        }
        if let Some((middle, extension)) = rest.rsplit_once('.')
            && suffix(middle).is_some()
        {
            bases.push(format!("{base}.{extension}").into());
        }
    }
    bases
}

fn suffix(rest: &str) -> Option<Suffix> {
    let mut characters = rest.chars();
    if !matches!(characters.next(), Some('.' | '-' | '_')) {
        return None;
    }
    let text = characters.as_str();
    if matches!(text, "old" | "bak" | "prev") {
        return Some(Suffix::Word);
    }
    let is_digit = |c: char| c.is_ascii_digit();
    let is_month = text.split_once('-').is_some_and(|(year, month)| {
        (year.len(), month.len()) == (4, 2) && (year.chars().chain(month.chars())).all(is_digit)
    });
    if is_month {
        return Some(Suffix::Date(text.to_owned()));
    }
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
    use std::fs::{self, File};
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
            "app.log.bak",
            "app.log.2026-02",
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
        assert!(is_rotation("current", "@400000006994a2f7219c5d1c.s"));
        assert!(!is_rotation("current", "@400000006994.s"));
        assert!(is_rotation("syslog", "syslog.1"));
        assert!(!is_rotation("syslog", "syslog-ng.1"));
    }

    fn write(dir: &Path, name: &str, age_s: u64) {
        let file = File::create(dir.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age_s))
            .unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let list = list(&dir.join("a.log"), &mut Names::default()).unwrap();
        list.iter()
            .map(|s| s.path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn higher_numbers_are_older() {
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
    fn later_dates_are_newer_and_other_names_are_sorted_by_time() {
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
    fn a_file_that_is_being_compressed_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log.1", "a.log.1.gz", "a.log.2.gz"] {
            write(dir.path(), name, 5);
        }
        assert_eq!(names(dir.path()), ["a.log.2.gz", "a.log.1"]);
    }

    #[test]
    fn rotated_files_in_a_folder_for_old_files_are_found() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("old")).unwrap();
        fs::create_dir(dir.path().join("other")).unwrap();
        for (name, age) in [("old/a.log.2", 20), ("a.log.1", 10), ("other/a.log.3", 30)] {
            write(dir.path(), name, age);
        }
        assert_eq!(names(dir.path()), ["a.log.2", "a.log.1"]);
    }

    #[test]
    fn links_are_not_rotated_files() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "target", 0);
        std::os::unix::fs::symlink(dir.path().join("target"), dir.path().join("a.log.1")).unwrap();
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn finds_the_names_before_rotation() {
        let bases = |name: &str| -> Vec<String> {
            let found = bases(OsStr::new(name)).into_iter();
            found.map(|base| base.into_string().unwrap()).collect()
        };
        assert_eq!(bases("app.log"), Vec::<String>::new());
        for (name, base) in [
            ("app.log.1", "app.log"),
            ("app.log.2.gz", "app.log"),
            ("app-20260217.log", "app.log"),
            ("app.log-20260217-1771338615.zst", "app.log"),
            ("syslog.old", "syslog"),
        ] {
            assert!(
                bases(name).contains(&base.to_owned()),
                "{name}: {:?}",
                bases(name)
            );
            assert!(is_rotation(base, name));
        }
    }
}
