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
        let listing = match settled(path, list) {
            Ok(listing) => listing,
            Err(error) => {
                self.refused(path, "list the directory", error);
                return;
            }
        };
        self.directories.push(path.to_owned());
        for (file_name, state) in listing {
            let path = path.join(&file_name);
            let Some(text) = file_name.to_str() else {
                continue;
            };
            if let Some(state) = state {
                self.found(&path, FileName::parse_any(&path), state);
            } else if let Some(options) = options
                && options.namespaces.take_directory(text)
            {
                self.directory(&path, None, list);
            }
        }
    }

    fn file(&mut self, path: &Path, name: FileName) {
        self.found(path, name, state_of(path));
    }

    fn found(&mut self, path: &Path, name: FileName, state: FileState) {
        if self.found.len() >= FILES_MAX {
            let what = format!("more than {FILES_MAX} files");
            self.problem(path, Error::Unsupported { what });
            return;
        }
        match state {
            Ok(Some(inode)) => self.found.push(FoundFile {
                path: path.to_owned(),
                name,
                inode,
                directory: directory_name(path),
            }),
            Ok(None) => {}
            Err(number) => {
                let error = io::Error::from_raw_os_error(number);
                self.refused(path, "look at the file", error);
            }
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

/// Device and inode of a file, `None` for what is no file; or the number of the error, by which two states are compared.
type FileState = Result<Option<(u64, u64)>, i32>;

fn state_of(path: &Path) -> FileState {
    let metadata = std::fs::metadata(path);
    // only a path that the system was not asked about has none
    let metadata = metadata.map_err(|error| error.raw_os_error().unwrap_or_default())?;
    let inode = (metadata.dev(), metadata.ino());
    Ok(metadata.is_file().then_some(inode))
}

/// The names in a directory in their order, with the state of those that journals have.
type JournalNames = Vec<(OsString, Option<FileState>)>;

fn listed(path: &Path, list: &mut List) -> io::Result<JournalNames> {
    let mut names = list(path)?;
    names.sort();
    let with_state = |name: OsString| {
        let is_journal = name.to_str().and_then(FileName::parse).is_some();
        let state = is_journal.then(|| state_of(&path.join(&name)));
        (name, state)
    };
    Ok(names.into_iter().map(with_state).collect())
}

/// What a directory contains. A listing may miss a file that is renamed meanwhile, and after it another file may have the name of one
/// that was renamed since. So a directory that has just changed is listed until two listings agree, also on the files that have the names.
fn settled(path: &Path, list: &mut List) -> io::Result<JournalNames> {
    let mut before = changed_at(path);
    let mut listing = listed(path, list)?;
    for _ in 1..LISTINGS_MAX {
        let after = changed_at(path);
        let is_settled = before == after && after.is_some_and(is_past);
        if is_settled {
            break;
        }
        before = after;
        let again = listed(path, list)?;
        if again == listing {
            break;
        }
        listing = again;
    }
    Ok(listing)
}

/// Maximum number of listings of a directory whose files are renamed faster than it is listed; it is scanned again
/// later anyway.
const LISTINGS_MAX: usize = 5;
/// Timestamps of files come from a clock that ticks this often at the slowest.
const CLOCK_TICK: Duration = Duration::from_millis(20);

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
