//! The folder of the capture logs: the names of its files, which of them are being written, and how much is kept.

use super::run_id::RunId;
use crate::opening;
use rustix::fs::OFlags;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How much of the folder is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureLimits {
    /// Size at which a log continues in its next part.
    pub part_bytes: u64,
    /// Number of parts kept in addition to the one being written: always the first, which names the command, and the
    /// newest others.
    pub parts_kept: u32,
    /// Number of runs kept, including running ones.
    pub runs: usize,
    /// Maximum size of all runs together, in bytes.
    pub bytes: u64,
    /// Number of error reports kept.
    pub reports: usize,
}

/// 50 MiB per run and 256 MiB in total fit a small disk; 200 runs are weeks of lifecycle commands.
impl Default for CaptureLimits {
    fn default() -> Self {
        Self {
            part_bytes: 10 << 20,
            parts_kept: 4,
            runs: 200,
            bytes: 256 << 20,
            reports: 20,
        }
    }
}

/// Redacted output may still contain secrets, so only the owner may read it.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

const PART_SUFFIX: &str = ".log";
const REPORT_SUFFIX: &str = ".report.txt";

/// Maximum number of runs, the newest ones, that are read from another user's folder: as many as `vmlog exec` keeps.
pub(crate) const FOREIGN_RUNS_MAX: usize = 200;

/// Maximum size of these runs together: twice what `vmlog exec` keeps, because running commands are never removed.
pub(crate) const FOREIGN_BYTES_MAX: u64 = 512 << 20;

/// The first part of a run.
pub(crate) const FIRST_PART: u32 = 1;

/// The folder of the capture logs of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The owner of the folder, if it belongs to another user: its content is then limited and checked.
    owner: Option<u32>,
}

/// The files of one run in the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunParts {
    /// Ascending.
    pub(crate) numbers: Vec<u32>,
    pub(crate) bytes: u64,
}

/// The runs of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunList {
    pub(crate) runs: BTreeMap<RunId, RunParts>,
    /// Number of logs of older runs that the limits exclude.
    pub(crate) skipped_logs: u64,
}

impl RunList {
    /// Removes the oldest run, and returns its size.
    fn skip_oldest(&mut self) -> u64 {
        let Some((_, parts)) = self.runs.pop_first() else {
            return 0;
        };
        self.skipped_logs += parts.numbers.len() as u64;
        parts.bytes
    }
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            owner: None,
        }
    }

    /// The folder of another user, for reading.
    pub(crate) fn of_user(path: &Path, uid: u32) -> Self {
        Self {
            path: path.to_owned(),
            owner: Some(uid),
        }
    }

    /// The owner of the folder, if it belongs to another user.
    pub(crate) fn owner(&self) -> Option<u32> {
        self.owner
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a part, and locks it while it is open: the lock shows others that it is being written.
    pub(crate) fn create_part(&self, run: RunId, part: u32) -> io::Result<File> {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(&self.path)?;
        let file = create_new(&self.part_path(run, part))?;
        hold(&file);
        Ok(file)
    }

    /// Opens a part for reading. Links and pipes are refused.
    pub(crate) fn open_part(&self, run: RunId, part: u32) -> io::Result<File> {
        let file = open_plain(&self.part_path(run, part))?;
        if let Some(owner) = self.owner {
            let metadata = file.metadata()?;
            if metadata.uid() != owner || metadata.nlink() != 1 {
                return Err(io::Error::other("it is not a file of this user alone"));
            }
        }
        Ok(file)
    }

    pub(crate) fn remove_part(&self, run: RunId, part: u32) -> io::Result<()> {
        match fs::remove_file(self.part_path(run, part)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Whether the writer of this part is alive.
    pub(crate) fn is_being_written(&self, run: RunId, part: u32) -> io::Result<bool> {
        is_locked(&self.open_part(run, part)?)
    }

    /// The runs with at least one log, oldest first.
    pub(crate) fn runs(&self) -> io::Result<BTreeMap<RunId, RunParts>> {
        self.list().map(|list| list.runs)
    }

    /// The same, with the number of logs that the limits for another user's folder exclude.
    pub(crate) fn list(&self) -> io::Result<RunList> {
        self.list_within(FOREIGN_RUNS_MAX, FOREIGN_BYTES_MAX)
    }

    fn list_within(&self, runs_max: usize, bytes_max: u64) -> io::Result<RunList> {
        let mut list = RunList::default();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((run, part)) = name.to_str().and_then(parse_part) else {
                continue;
            };
            // A part may be removed while the folder is listed.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_file() {
                let parts = list.runs.entry(run).or_default();
                parts.numbers.push(part);
                parts.bytes += metadata.len();
            }
            if self.owner.is_some() && list.runs.len() > runs_max {
                list.skip_oldest();
            }
        }
        let mut bytes: u64 = list.runs.values().map(|parts| parts.bytes).sum();
        while self.owner.is_some() && bytes > bytes_max && list.runs.len() > 1 {
            bytes -= list.skip_oldest();
        }
        for parts in list.runs.values_mut() {
            parts.numbers.sort_unstable();
        }
        Ok(list)
    }

    /// Deletes the oldest ended runs and the oldest reports until the limits are met. A running run is never deleted:
    /// its size is limited separately.
    pub(crate) fn prune(&self, limits: &CaptureLimits) -> io::Result<()> {
        let runs = self.runs()?;
        let mut count = runs.len();
        let mut bytes: u64 = runs.values().map(|parts| parts.bytes).sum();
        for (&run, parts) in &runs {
            if count <= limits.runs && bytes <= limits.bytes {
                break;
            }
            let last = parts.numbers.last().copied().unwrap_or(FIRST_PART);
            if self.is_being_written(run, last).unwrap_or(true) {
                continue;
            }
            for &part in &parts.numbers {
                self.remove_part(run, part)?;
            }
            count -= 1;
            bytes -= parts.bytes;
        }
        self.prune_reports(limits.reports)
    }

    pub(crate) fn prune_reports(&self, kept: usize) -> io::Result<()> {
        let mut reports = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let run = name
                .to_str()
                .and_then(|name| name.strip_suffix(REPORT_SUFFIX));
            reports.extend(run.and_then(|run| run.parse::<RunId>().ok()));
        }
        reports.sort_unstable();
        for &run in reports.iter().rev().skip(kept) {
            self.remove_report(run)?;
        }
        Ok(())
    }

    /// Creates the error report of a run; an existing one is not overwritten.
    pub(crate) fn create_report(&self, run: RunId) -> io::Result<File> {
        create_new(&self.path.join(report_name(run)))
    }

    pub(crate) fn remove_report(&self, run: RunId) -> io::Result<()> {
        fs::remove_file(self.path.join(report_name(run)))
    }

    fn part_path(&self, run: RunId, part: u32) -> PathBuf {
        self.path.join(part_name(run, part))
    }
}

/// Takes the lock that shows that a part is being written. Waits for it, because a reader that checks the lock holds
/// it for microseconds.
fn hold(file: &File) {
    // On a file system without locks, runs only appear interrupted; the capture itself still works.
    let _ = file.lock();
}

/// Whether another process holds the lock on an open file.
fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}

/// Opens a regular file without following a link or waiting for the other end of a pipe.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    opening::readable(path, OFlags::NOFOLLOW)
}

fn part_name(run: RunId, part: u32) -> String {
    format!("{run}.{part:06}{PART_SUFFIX}")
}

fn parse_part(name: &str) -> Option<(RunId, u32)> {
    let (run, part) = name.strip_suffix(PART_SUFFIX)?.split_once('.')?;
    let (run, part) = (run.parse().ok()?, part.parse().ok()?);
    (part_name(run, part) == name).then_some((run, part))
}

pub(crate) fn report_name(run: RunId) -> String {
    format!("{run}{REPORT_SUFFIX}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;
    use std::io::Write;

    fn run(second: i64) -> RunId {
        RunId::new(Micros::new(second * 1_000_000))
    }

    fn fill(folder: &Folder, run: RunId, part: u32, bytes: usize) -> File {
        let mut file = folder.create_part(run, part).unwrap();
        file.write_all(&vec![b'x'; bytes]).unwrap();
        file
    }

    #[test]
    fn names_are_read_back_and_other_files_ignored() {
        let run = run(1);
        assert_eq!(parse_part(&part_name(run, 7)), Some((run, 7)));
        assert_eq!(
            parse_part(&part_name(run, 1_234_567)),
            Some((run, 1_234_567))
        );
        for name in [
            "x.000001.log",
            &format!("{run}.1.log"),
            &format!("{run}.000001.log.gz"),
            &format!("{run}.+00001.log"),
            &report_name(run),
        ] {
            assert_eq!(parse_part(name), None, "{name}");
        }
    }

    #[test]
    fn a_writer_is_detected_while_it_lives() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(&dir.path().join("a/b"));
        let run = run(1);
        let file = fill(&folder, run, 1, 1);
        assert!(folder.is_being_written(run, 1).unwrap());
        drop(file);
        assert!(!folder.is_being_written(run, 1).unwrap());
        assert!(folder.create_part(run, 1).is_err(), "a part is made once");
    }

    #[test]
    fn a_concurrent_check_does_not_take_the_lock_from_the_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        let file = create_new(&path).unwrap();
        let reader = open_plain(&path).unwrap();
        reader.try_lock_shared().unwrap();
        let letting_go = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(reader);
        });
        hold(&file);
        letting_go.join().unwrap();
        assert!(is_locked(&open_plain(&path).unwrap()).unwrap());
    }

    #[test]
    fn the_oldest_ended_runs_are_deleted_first() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let ids = [run(1), run(2), run(3), run(4)];
        let running = fill(&folder, ids[0], 1, 10);
        for id in &ids[1..] {
            drop(fill(&folder, *id, 1, 10));
            drop(fill(&folder, *id, 5, 10));
        }
        let keep = |runs, bytes| {
            let limits = CaptureLimits {
                runs,
                bytes,
                ..CaptureLimits::default()
            };
            folder.prune(&limits).unwrap();
            folder.runs().unwrap().into_keys().collect::<Vec<_>>()
        };
        assert_eq!(keep(4, 70), ids);
        assert_eq!(keep(4, 69), [ids[0], ids[2], ids[3]]);
        assert_eq!(keep(2, 1000), [ids[0], ids[3]]);
        assert_eq!(keep(0, 0), [ids[0]], "it is running");
        drop(running);
        assert_eq!(keep(0, 0), []);
    }

    #[test]
    fn the_newest_reports_are_kept_and_none_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let ids: Vec<RunId> = (0..5).map(run).collect();
        for &id in &ids {
            folder.create_report(id).unwrap();
        }
        assert!(folder.create_report(ids[4]).is_err());
        fs::write(dir.path().join("notes.report.txt"), "mine").unwrap();
        folder
            .prune(&CaptureLimits {
                reports: 2,
                ..CaptureLimits::default()
            })
            .unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                report_name(ids[3]),
                report_name(ids[4]),
                "notes.report.txt".to_owned()
            ]
        );
    }

    #[test]
    fn another_users_folder_is_read_within_limits_and_reports_skipped_logs() {
        let dir = tempfile::tempdir().unwrap();
        let own = Folder::new(dir.path());
        for second in 1..=5 {
            let run = run(second);
            drop(fill(&own, run, 1, 10));
            drop(fill(&own, run, 2, 10));
        }
        let foreign = Folder::of_user(dir.path(), 0);
        let listed = |folder: &Folder, runs, bytes| {
            let list = folder.list_within(runs, bytes).unwrap();
            let times: Vec<_> = list.runs.keys().map(|run| run.begun().get()).collect();
            (times.len(), times.last().copied(), list.skipped_logs)
        };
        let newest = Some(5_000_000);
        assert_eq!(listed(&foreign, 5, 100), (5, newest, 0));
        assert_eq!(listed(&foreign, 3, 100), (3, newest, 4));
        assert_eq!(listed(&foreign, 5, 59), (2, newest, 6));
        assert_eq!(
            listed(&foreign, 5, 1),
            (1, newest, 8),
            "the newest is always read"
        );
        assert_eq!(
            listed(&own, 1, 1),
            (5, newest, 0),
            "our own folder has no such limits"
        );
    }

    #[test]
    fn links_and_pipes_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let id = run(1);
        std::os::unix::fs::symlink("/etc/passwd", folder.part_path(id, 1)).unwrap();
        assert!(folder.open_part(id, 1).is_err());
        assert!(folder.runs().unwrap().is_empty());
    }
}
