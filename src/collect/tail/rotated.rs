//! Finds the rotated files of a path: those that were rotated unnoticed, the one in which an earlier run stopped, and
//! copies of content that was truncated. Files that existed before are remembered, so that new ones are recognised.

use crate::collect::collector::Error;
use crate::collect::names::stamp::Inode;
use crate::collect::tail::backlog::Backlog;
use crate::collect::tail::compression::FileCompression;
use crate::collect::tail::context::ReadContext;
use crate::collect::tail::mark::Mark;
use crate::collect::tail::reader::LogReader;
use crate::collect::tail::sibling::{self, Sibling};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// Maximum number of times that a folder whose names change is listed.
const LOOKS_MAX: usize = 10;

/// Time to wait while names change: a rotation of a few dozen files takes less than a millisecond.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(2);

/// Finds the rotated files of one path.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    known: KnownFiles,
}

/// The place where an earlier run stopped.
#[derive(Debug)]
pub(super) struct Resumed {
    /// Whether rotated files exist.
    pub(super) has_siblings: bool,
    /// The files that the earlier run held, except the newest.
    pub(super) lingering: Vec<LogReader>,
    /// The newest file that the earlier run read, if it was rotated since.
    pub(super) newest: Option<LogReader>,
}

/// The file that is open at the path.
#[derive(Debug)]
pub(super) struct AtPath {
    /// The place after everything that was read of it.
    pub(super) newest: Mark,
    /// A second handle of it.
    pub(super) file: Option<File>,
    pub(super) has_name: bool,
}

impl Rotated {
    /// Creates the finder; files in `known` are not new.
    pub(super) fn new(path: PathBuf, known: KnownFiles) -> Self {
        Self { path, known }
    }

    pub(super) fn known(&self) -> &KnownFiles {
        &self.known
    }

    /// Remembers all rotated files that exist as known.
    pub(super) fn learn(&mut self, context: &ReadContext) -> Result<(), Error> {
        self.known = KnownFiles::of(&self.siblings(context)?);
        Ok(())
    }

    /// The files that were rotated after the marked one, which is the newest that was reached. If that file was
    /// deleted, the files that were written to later and come after all that are held.
    pub(super) fn newer_than(
        &mut self,
        mark: &Mark,
        held: &[Mark],
        context: &ReadContext,
    ) -> Result<Vec<LogReader>, Error> {
        let is_held = |inode| held.iter().any(|held| held.inode == inode);
        self.open_newer(context, |siblings| {
            let place = |held: &Mark| {
                // No other file can have the inode of a file that is held open.
                let same = |sibling: &Sibling| sibling.inode == held.inode && is_held(held.inode);
                let same = siblings.iter().position(same);
                same.or_else(|| find(siblings, held, context).map(|(at, _)| at))
            };
            let after = |at: Option<usize>| at.map_or(0, |at| at + 1);
            let from = match place(mark) {
                Some(at) => at + 1,
                None => after(held.iter().rev().find_map(place)).max(written_after(siblings, mark)),
            };
            let newer = siblings.iter().skip(from);
            newer
                .filter(|sibling| !is_held(sibling.inode))
                .cloned()
                .collect()
        })
    }

    /// The files that appeared and were rotated while no file was held.
    pub(super) fn news(&mut self, context: &ReadContext) -> Result<Vec<LogReader>, Error> {
        let known = self.known.clone();
        self.open_newer(context, |siblings| {
            let news = siblings.iter().filter(|sibling| known.is_news(sibling));
            news.cloned().collect()
        })
    }

    /// Opens those rotated files that are selected from the list.
    fn open_newer(
        &mut self,
        context: &ReadContext,
        choose: impl Fn(&[Sibling]) -> Vec<Sibling>,
    ) -> Result<Vec<LogReader>, Error> {
        let open_chosen = |siblings: &[Sibling]| {
            let mut chosen = choose(siblings);
            chosen.truncate(context.opened_max);
            let opened = chosen.iter().filter_map(|sibling| open(sibling, context));
            opened.collect::<Vec<_>>()
        };
        let (siblings, opened) = self.while_names_stay(context, open_chosen, |_| true)?;
        self.known = KnownFiles::of(&siblings);
        Ok(opened)
    }

    /// Finds the files that an earlier run held: `newest` and `lingering` state how far each was read. `is_at_path`
    /// says that the newest is still at the path.
    pub(super) fn resume(
        &self,
        newest: &Mark,
        lingering: &[Mark],
        is_at_path: bool,
        context: &ReadContext,
    ) -> Result<Resumed, Error> {
        let look = |siblings: &[Sibling]| {
            let lingering = lingering.iter().filter_map(|mark| {
                let same = siblings.iter().find(|sibling| sibling.inode == mark.inode);
                resume(same?, mark, context)
            });
            let lingering: Vec<LogReader> = lingering.collect();
            let find = || find(siblings, newest, context);
            (lingering, (!is_at_path).then(find).flatten())
        };
        let is_found =
            |(_, found): &(_, Option<_>)| is_at_path || found.is_some() || newest.offset == 0;
        let (siblings, (lingering, found)) = self.while_names_stay(context, look, is_found)?;
        Ok(Resumed {
            has_siblings: !siblings.is_empty(),
            lingering,
            newest: found.map(|(_, file)| file),
        })
    }

    /// The copy that was made of a file before it was truncated, from `mark` on, and the files rotated after it.
    /// `compressed` identifies the file itself under another name, `at_path` is the file that is at its own name now.
    pub(super) fn copies_of(
        &mut self,
        mark: &Mark,
        compressed: Option<&Mark>,
        at_path: Option<&File>,
        context: &ReadContext,
    ) -> Result<Vec<LogReader>, Error> {
        let look = |siblings: &[Sibling]| row_of(siblings, mark, compressed, context);
        let (siblings, mut row) = self.while_names_stay(context, look, |row| !row.is_empty())?;
        self.known = KnownFiles::of(&siblings);
        if let Some(file) = at_path {
            let mut newer = row.split_off(row.len().min(1));
            self.drop_unfinished(&mut newer, file);
            row.extend(newer);
        }
        Ok(row)
    }

    /// Copies of content that passed through the file at the path before its first bytes were read. They are files
    /// that did not exist when it was opened or last truncated. Files that are held are not among them.
    pub(super) fn missed(
        &mut self,
        at_path: &AtPath,
        held: &[Mark],
        context: &ReadContext,
    ) -> Result<Vec<LogReader>, Error> {
        let newest = &at_path.newest;
        // The file itself, renamed or compressed, or a copy of what has just been read: later files are newer.
        let is_itself = |sibling: &Sibling| {
            sibling.inode == newest.inode
                || (!at_path.has_name || self.known.is_news(sibling))
                    && resume(sibling, newest, context).is_some()
        };
        // A held file that was compressed since is not new.
        let is_held = |sibling: &Sibling| {
            held.iter().any(|mark| {
                let is_compressed = || mark.offset > 0 && resume(sibling, mark, context).is_some();
                mark.inode == sibling.inode || is_compressed()
            })
        };
        let look = |siblings: &[Sibling]| {
            let older = siblings.iter().take_while(|sibling| !is_itself(sibling));
            let missed = older.filter(|sibling| self.known.is_news(sibling) && !is_held(sibling));
            let opened = missed.filter_map(|sibling| open(sibling, context));
            opened.collect::<Vec<_>>()
        };
        let (siblings, mut missed) = self.while_names_stay(context, look, |_| true)?;
        self.known = KnownFiles::of(&siblings);
        if let Some(file) = &at_path.file {
            self.drop_unfinished(&mut missed, file);
        }
        Ok(missed)
    }

    /// Removes the last of these files if it is a copy of the file at the path that is still being made. Once that
    /// file was truncated, the copy differs from it and counts as new.
    pub(super) fn drop_unfinished(&mut self, newer: &mut Vec<LogReader>, at_path: &File) {
        if let Some(copy) = newer.pop_if(|copy| copy.is_copy_of(at_path)) {
            self.known.forget(copy.inode());
        }
    }

    /// Searches the rotated files, which are found by their names, and returns the result with the list of files. If
    /// names change meanwhile, the search may have missed something and is repeated. It is also repeated, once, if
    /// nothing was found, because a list may miss a name that changes while the list is made.
    fn while_names_stay<T>(
        &self,
        context: &ReadContext,
        mut look: impl FnMut(&[Sibling]) -> T,
        is_found: impl Fn(&T) -> bool,
    ) -> Result<(Vec<Sibling>, T), Error> {
        let mut siblings = self.siblings(context)?;
        let mut found = look(&siblings);
        let mut is_in_doubt = true;
        for _ in 1..LOOKS_MAX {
            if sibling::agree(&siblings, &self.siblings(context)?) {
                if is_found(&found) || !is_in_doubt {
                    break;
                }
                is_in_doubt = false;
            }
            thread::sleep(LOOK_AGAIN_AFTER);
            siblings = self.siblings(context)?;
            found = look(&siblings);
        }
        // A file that could not be opened for lack of descriptors may be the wanted one.
        match context.scarce.take() {
            Some(errno) => {
                let source = io::Error::from_raw_os_error(errno);
                Err(self.error("open the rotated files of", source))
            }
            None => Ok((siblings, found)),
        }
    }

    fn siblings(&self, context: &ReadContext) -> Result<Vec<Sibling>, Error> {
        match sibling::list(&self.path, &mut context.names.borrow_mut()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|source| self.error("list the folder of", source)),
        }
    }

    fn error(&self, what: &str, source: io::Error) -> Error {
        Error::Io {
            what: format!("{what} {}", self.path.display()),
            source,
        }
    }
}

/// The rotated files that existed when the newest file began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownFiles {
    files: Vec<KnownFile>,
}

/// The identity of a file, the time of its last write, and its creation time, if known. It is saved without names;
/// versions before the creation time was added saved two parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownFile(Inode, i64, #[serde(default)] Option<i64>);

impl KnownFile {
    /// Whether it is this file. Of two files with the same inode the second was created later.
    fn is(&self, sibling: &Sibling) -> bool {
        let &Self(inode, _, born) = self;
        let is_other = born.is_some() && sibling.born.is_some() && born != sibling.born;
        inode == sibling.inode && !is_other
    }
}

impl KnownFiles {
    pub(crate) fn of(siblings: &[Sibling]) -> Self {
        let file =
            |sibling: &Sibling| KnownFile(sibling.inode, sibling.modified.get(), sibling.born);
        Self {
            files: siblings.iter().map(file).collect(),
        }
    }

    /// When the newest of them was last written to.
    pub(super) fn newest(&self) -> Option<i64> {
        let modified = self.files.iter().map(|&KnownFile(_, modified, _)| modified);
        modified.max()
    }

    /// The part that is needed to recognise files created from now on.
    pub(crate) fn shortened(&self) -> Self {
        let newest = self.newest();
        let files = self.files.iter();
        let files = files.filter(|&&KnownFile(_, modified, _)| Some(modified) == newest);
        Self {
            files: files.cloned().collect(),
        }
    }

    fn forget(&mut self, inode: Inode) {
        self.files.retain(|&KnownFile(known, ..)| known != inode);
    }

    /// Whether a file was created since. Compressing also creates a file, but keeps the time of the last write.
    fn is_news(&self, sibling: &Sibling) -> bool {
        let modified = Some(sibling.modified.get());
        let is_same_time = modified == self.newest();
        let is_later = modified > self.newest();
        let is_plain = sibling.compression == FileCompression::Plain;
        let is_known = self.files.iter().any(|file| file.is(sibling));
        !is_known && (is_later || is_same_time && is_plain)
    }
}

/// The index of the first file that was written to later than the marked file.
fn written_after(siblings: &[Sibling], mark: &Mark) -> usize {
    let is_newer = |sibling: &Sibling| sibling.modified.get() > mark.modified;
    siblings.iter().position(is_newer).unwrap_or(siblings.len())
}

/// The file that contains the marked place: the file itself under its new name, or a copy of it, compressed or not.
fn find(siblings: &[Sibling], mark: &Mark, context: &ReadContext) -> Option<(usize, LogReader)> {
    let is_same = |at: usize| {
        siblings
            .get(at)
            .is_some_and(|sibling| sibling.inode == mark.inode)
    };
    let newest_first = || (0..siblings.len()).rev();
    let order = newest_first()
        .filter(|&at| is_same(at))
        .chain(newest_first().filter(|&at| !is_same(at)));
    for at in order {
        if let Some(reader) = siblings
            .get(at)
            .and_then(|sibling| resume(sibling, mark, context))
        {
            return Some((at, reader));
        }
    }
    None
}

/// The copy that was made of the marked file, from the mark on, and the files rotated after it. `compressed`
/// identifies the file itself under another name.
fn row_of(
    siblings: &[Sibling],
    mark: &Mark,
    compressed: Option<&Mark>,
    context: &ReadContext,
) -> Vec<LogReader> {
    let Some((at, copy)) = find(siblings, mark, context) else {
        return Vec::new();
    };
    let is_compressed =
        |sibling: &Sibling| compressed.is_some_and(|mark| resume(sibling, mark, context).is_some());
    let newer = siblings.iter().skip(at + 1);
    let newer = newer.take_while(|sibling| sibling.inode != mark.inode && !is_compressed(sibling));
    let newer = newer.filter_map(|sibling| open(sibling, context));
    std::iter::once(copy).chain(newer).collect()
}

/// Opens a rotated file. One that cannot be opened was moved or deleted, or may not be read.
fn open(sibling: &Sibling, context: &ReadContext) -> Option<LogReader> {
    let file = context.open(&sibling.path)?;
    let backlog = Backlog::of(&file, sibling.compression);
    let mut reader = LogReader::new(file, sibling.compression, context.now).ok()?;
    reader.is_checked = true;
    reader.backlog = backlog;
    (reader.inode() == sibling.inode).then_some(reader)
}

fn resume(sibling: &Sibling, mark: &Mark, context: &ReadContext) -> Option<LogReader> {
    let file = context.open(&sibling.path)?;
    LogReader::resume(file, sibling.compression, mark, context.now).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_saved_files_without_a_birth_time() {
        let inode = Inode {
            device: 1,
            number: 2,
        };
        let mut bytes = Vec::new();
        let before = std::collections::BTreeMap::from([("files", [(inode, 3)])]);
        ciborium::into_writer(&before, &mut bytes).unwrap();
        let known: KnownFiles = ciborium::from_reader(&bytes[..]).unwrap();
        assert_eq!(known.files, [KnownFile(inode, 3, None)]);
        bytes.clear();
        let known = KnownFiles {
            files: vec![KnownFile(inode, 3, Some(4))],
        };
        ciborium::into_writer(&known, &mut bytes).unwrap();
        let again: KnownFiles = ciborium::from_reader(&bytes[..]).unwrap();
        assert_eq!(again, known);
    }
}
