//! Finds the journal files.

use super::options::JournalOptions;
use super::origin::VOLATILE;
use crate::journal::format::error::Error;
use crate::journal::format::error::Problem;
use crate::journal::format::id::Id128;
use crate::journal::format::layout::FILES_MAX;
use crate::journal::format::name::FileName;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

/// A file that may be a journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FoundFile {
    pub(crate) path: PathBuf,
    pub(crate) name: FileName,
    /// Device and inode of the file.
    pub(crate) inode: (u64, u64),
    /// The name of its directory, prefixed with `run/` if the directory is lost when the machine stops.
    pub(crate) directory: String,
}

impl FoundFile {
    /// Whether its directory is the one that the journald of this machine writes to.
    pub(crate) fn names_machine(&self, machine: Id128) -> bool {
        let name = self
            .directory
            .strip_prefix(VOLATILE)
            .unwrap_or(&self.directory);
        let name = name.split_once('.').map_or(name, |(name, _)| name);
        name.parse() == Ok(machine)
    }
}

/// All files found, sorted by path, and the directories that were listed.
#[derive(Debug, Default)]
pub(crate) struct DirectoryScan {
    pub(crate) found: Vec<FoundFile>,
    pub(crate) directories: Vec<PathBuf>,
    /// Requested directories and files that do not exist.
    pub(crate) missing: Vec<PathBuf>,
    pub(crate) problems: Vec<Problem>,
}

impl DirectoryScan {
    /// Scans everything that the options name.
    pub(crate) fn new(options: &JournalOptions, list: &mut List) -> Self {
        let mut scan = Self::default();
        for directory in &options.directories {
            scan.directory(directory, Some(options), list);
        }
        for path in &options.files {
            scan.file(path, FileName::parse_any(path));
        }
        scan.found.sort_by(|a, b| a.path.cmp(&b.path));
        scan.found.dedup_by(|a, b| a.path == b.path);
        scan
    }

    /// `options` selects the subdirectories; without options none are scanned.
    fn directory(&mut self, path: &Path, options: Option<&JournalOptions>, list: &mut List) {
        let names = match settled_names(path, list) {
            Ok(names) => names,
            Err(error) => {
                self.refused(path, "list the directory", error);
                return;
            }
        };
        self.directories.push(path.to_owned());
        for file_name in names {
            let path = path.join(&file_name);
            let Some(text) = file_name.to_str() else {
                continue;
            };
            if let Some(name) = FileName::parse(text) {
                self.file(&path, name);
            } else if let Some(options) = options
                && options.namespaces.take_directory(text)
            {
                self.directory(&path, None, list);
            }
        }
    }

    fn file(&mut self, path: &Path, name: FileName) {
        if self.found.len() >= FILES_MAX {
            let what = format!("more than {FILES_MAX} files");
            self.problem(path, Error::Unsupported { what });
            return;
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => self.found.push(FoundFile {
                path: path.to_owned(),
                name,
                inode: (metadata.dev(), metadata.ino()),
                directory: directory_name(path),
            }),
            Ok(_) => {}
            Err(error) => self.refused(path, "look at the file", error),
        }
    }

    /// Records a path that could not be read. A path that does not exist may be created later, or was deleted during
    /// the listing.
    fn refused(&mut self, path: &Path, action: &'static str, source: io::Error) {
        if source.kind() == io::ErrorKind::NotFound {
            self.missing.push(path.to_owned());
        } else {
            self.problem(path, Error::Io { action, source });
        }
    }

    fn problem(&mut self, path: &Path, error: Error) {
        let path = path.to_owned();
        self.problems.push(Problem { path, error });
    }
}

/// Lists the names in a directory.
pub(crate) type List = Box<dyn FnMut(&Path) -> io::Result<Vec<OsString>> + Send>;

/// Lists a directory through the kernel.
pub(crate) fn list(path: &Path) -> io::Result<Vec<OsString>> {
    let entries = std::fs::read_dir(path)?;
    Ok(entries.flatten().map(|entry| entry.file_name()).collect())
}

/// The names in a directory. A listing may miss a file that is renamed meanwhile, so a directory that has just
/// changed is listed until two listings agree.
fn settled_names(path: &Path, list: &mut List) -> io::Result<Vec<OsString>> {
    let mut before = changed_at(path);
    let mut names = sorted(list(path)?);
    for _ in 1..LISTINGS_MAX {
        let after = changed_at(path);
        let is_settled = before == after && after.is_some_and(is_past);
        if is_settled {
            break;
        }
        before = after;
        let again = sorted(list(path)?);
        if again == names {
            break;
        }
        names = again;
    }
    Ok(names)
}

/// Maximum number of listings of a directory whose files are renamed faster than it is listed; it is scanned again
/// later anyway.
const LISTINGS_MAX: usize = 5;
/// Timestamps of files come from a clock that ticks this often at the slowest.
const CLOCK_TICK: Duration = Duration::from_millis(20);

fn sorted(mut names: Vec<OsString>) -> Vec<OsString> {
    names.sort();
    names
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

fn is_past(time: SystemTime) -> bool {
    SystemTime::now()
        .duration_since(time)
        .is_ok_and(|age| age > CLOCK_TICK)
}

fn directory_name(path: &Path) -> String {
    let parent = path.parent().unwrap_or(Path::new(""));
    let name = parent
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if parent.starts_with("/run") {
        format!("{VOLATILE}{name}")
    } else {
        name
    }
}
