//! The part of a tail that finds files which moved: what was rotated while nobody looked, where a former run stopped, and what
//! went through a file that was cut off.

use crate::collect::collector::Error;
use crate::collect::tail::backlog::Backlog;
use crate::collect::tail::mark::{Inode, Mark};
use crate::collect::tail::reader::Reader;
use crate::collect::tail::sibling::{self, Packing, Sibling};
use crate::collect::tail::{Desk, Item, Tail, Visit};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

/// A folder in which names move is looked at again, this many times at most.
const LOOKS_MAX: usize = 10;

/// How long to wait for names that move: a rotation of a few dozen files takes less than a millisecond.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(2);

impl Tail {
    /// The files that were rotated away after the marked one was, which is the newest that was reached. If it is gone itself,
    /// those that were written to later, behind all that are held.
    pub(crate) fn newer_than(&mut self, mark: &Mark, desk: &Desk) -> Result<Vec<Reader>, Error> {
        let marks: Vec<Mark> = self.files.iter().map(Reader::mark).collect();
        let is_held = |inode| marks.iter().any(|held| held.inode == inode);
        self.open_newer(desk, |siblings| {
            let place = |held: &Mark| {
                // an inode belongs to the held file for as long as it is held
                let same = |sibling: &Sibling| sibling.inode == held.inode && is_held(held.inode);
                let same = siblings.iter().position(same);
                same.or_else(|| find(siblings, held, desk).map(|(at, _)| at))
            };
            let behind = |at: Option<usize>| at.map_or(0, |at| at + 1);
            let from = match place(mark) {
                Some(at) => at + 1,
                None => {
                    behind(marks.iter().rev().find_map(place)).max(written_after(siblings, mark))
                }
            };
            let newer = siblings.iter().skip(from);
            newer
                .filter(|sibling| !is_held(sibling.inode))
                .cloned()
                .collect()
        })
    }

    /// The files that came and were rotated away while nothing was held.
    pub(crate) fn news(&mut self, desk: &Desk) -> Result<Vec<Reader>, Error> {
        let known = self.known.clone();
        self.open_newer(desk, |siblings| {
            let news = siblings.iter().filter(|sibling| known.is_news(sibling));
            news.cloned().collect()
        })
    }

    /// Opens the siblings that are chosen from the list.
    fn open_newer(
        &mut self,
        desk: &Desk,
        choose: impl Fn(&[Sibling]) -> Vec<Sibling>,
    ) -> Result<Vec<Reader>, Error> {
        let open_chosen = |siblings: &[Sibling]| {
            let mut chosen = choose(siblings);
            chosen.truncate(desk.opened_max);
            let opened = chosen.iter().filter_map(|sibling| open(sibling, desk));
            opened.collect::<Vec<_>>()
        };
        let (siblings, opened) = self.while_names_stay(desk, open_chosen, |_| true)?;
        self.known = Known::of(&siblings);
        Ok(opened)
    }

    /// Looks for something among the siblings, which are found by their names. Where names move meanwhile, what was looked for may
    /// have been passed over: then all is done again. So it is, once, where nothing was found, since a list leaves out a name that
    /// moves while it is made. Says which siblings there were.
    fn while_names_stay<T>(
        &self,
        desk: &Desk,
        mut look: impl FnMut(&[Sibling]) -> T,
        is_found: impl Fn(&T) -> bool,
    ) -> Result<(Vec<Sibling>, T), Error> {
        let mut siblings = self.siblings(desk)?;
        let mut found = look(&siblings);
        let mut is_in_doubt = true;
        for _ in 1..LOOKS_MAX {
            if sibling::agree(&siblings, &self.siblings(desk)?) {
                if is_found(&found) || !is_in_doubt {
                    break;
                }
                is_in_doubt = false;
            }
            thread::sleep(LOOK_AGAIN_AFTER);
            siblings = self.siblings(desk)?;
            found = look(&siblings);
        }
        // what could not be opened for want of descriptors is no answer
        match desk.scarce.take() {
            Some(errno) => {
                let source = io::Error::from_raw_os_error(errno);
                Err(self.error("open the rotated files of", source))
            }
            None => Ok((siblings, found)),
        }
    }

    pub(crate) fn siblings(&self, desk: &Desk) -> Result<Vec<Sibling>, Error> {
        match sibling::list(self.path(), &mut desk.names.borrow_mut()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|source| self.error("list the folder of", source)),
        }
    }

    /// Puts rotated files at the end of the row, or else the one at the path: that one comes only when all before it have been
    /// read, since it may be rotated in its turn until then.
    pub(crate) fn join(
        &mut self,
        newer: Vec<Reader>,
        at_path: Option<File>,
        desk: &mut Desk,
    ) -> Result<bool, Error> {
        let mut newer = newer;
        if let Some(file) = &at_path {
            self.leave_unfinished(&mut newer, file);
        }
        let at_path = at_path.filter(|_| newer.is_empty());
        let at_path = at_path
            .map(|file| Reader::new(file, Packing::Plain, desk.now))
            .transpose();
        let mut at_path = at_path.map_err(|source| self.error("look at", source))?;
        if let Some(file) = &mut at_path {
            file.begins_after(self.known.newest());
        }
        let before = self.files.len();
        for file in newer.into_iter().chain(at_path) {
            self.enter(file, desk);
        }
        Ok(self.files.len() > before)
    }

    /// Leaves out the last of these files where it is a copy that is being made of the file at the path. It is told from that file
    /// once that has been cut off, and is news then.
    fn leave_unfinished(&mut self, newer: &mut Vec<Reader>, at_path: &File) {
        if let Some(copy) = newer.pop_if(|copy| copy.is_copy_of(at_path)) {
            self.known.forget(copy.inode());
        }
    }

    /// Enters a file that a former run had reached.
    fn enter_reached(&mut self, mut file: Reader, desk: &mut Desk) {
        file.is_reached = true;
        self.enter(file, desk);
    }

    fn enter(&mut self, mut file: Reader, desk: &mut Desk) {
        file.watched = file.file().and_then(|file| desk.watch.file(file));
        self.files.push_back(file);
    }

    /// Finds the place where a former run stopped.
    pub(crate) fn settle(
        &mut self,
        desk: &mut Desk,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let Some(mark) = self.resume.clone() else {
            return Ok(ControlFlow::Continue(()));
        };
        let at_path = self.open_path(visit)?;
        let again = at_path.as_ref().and_then(|file| file.try_clone().ok());
        let same = again.map(|file| Reader::resume(file, Packing::Plain, &mark, desk.now));
        let same = same.and_then(|file| file.ok().flatten());
        let look = |siblings: &[Sibling]| {
            let lingering = self.resume_lingering.iter().filter_map(|mark| {
                let same = siblings.iter().find(|sibling| sibling.inode == mark.inode);
                resume(same?, mark, desk)
            });
            let lingering: Vec<Reader> = lingering.collect();
            let find = || find(siblings, &mark, desk);
            (lingering, same.is_none().then(find).flatten())
        };
        let is_found =
            |(_, found): &(_, Option<_>)| same.is_some() || found.is_some() || mark.offset == 0;
        let (siblings, (lingering, found)) = self.while_names_stay(desk, look, is_found)?;
        if at_path.is_none() && siblings.is_empty() {
            return Ok(ControlFlow::Break(()));
        }
        self.resume = None;
        let resume_lingering = std::mem::take(&mut self.resume_lingering);
        for file in lingering {
            self.enter_reached(file, desk);
        }
        let is_lost = same.is_none() && found.is_none() && mark.offset > 0;
        // of an empty file nothing can be recognised: copies made since then tell what went through it
        if let Some(file) = same.filter(|_| mark.offset > 0) {
            self.enter_reached(file, desk);
            return Ok(ControlFlow::Continue(()));
        }
        if let Some((_, file)) = found {
            self.enter_reached(file, desk);
        }
        let newer = match self.newer_than(&mark, desk) {
            Ok(newer) => newer,
            Err(error) => {
                self.files.clear();
                self.resume = Some(mark);
                self.resume_lingering = resume_lingering;
                return Err(error);
            }
        };
        self.join(newer, at_path, desk)?;
        Ok(if is_lost {
            visit(Item::Own(self.lost(&mark)))
        } else {
            ControlFlow::Continue(())
        })
    }

    /// The current file is not what it was: reads the rest from the copy that was made of it, if there is one, and begins
    /// again at its start.
    pub(crate) fn cut_off(
        &mut self,
        desk: &mut Desk,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let Some(file) = self.files.get_mut(self.at) else {
            return Ok(ControlFlow::Continue(()));
        };
        // before the copies are looked for: one that is made later must be newer
        let _ = file.look();
        let mark = file.mark();
        // the file itself may have been renamed since, and packed: what was rotated after it comes behind it
        let packed = file.nameless_mark();
        let at_path = file.file().and_then(|file| file.try_clone().ok());
        let look = |siblings: &[Sibling]| row_of(siblings, &mark, packed.as_ref(), desk);
        let (siblings, mut row) = self.while_names_stay(desk, look, |row| !row.is_empty())?;
        self.known = Known::of(&siblings);
        let told = if row.is_empty() {
            self.give_rest(visit)
        } else {
            ControlFlow::Continue(())
        };
        if let Some(file) = &at_path {
            let mut newer = row.split_off(row.len().min(1));
            self.leave_unfinished(&mut newer, file);
            row.extend(newer);
        }
        if let Some(file) = self.files.get_mut(self.at) {
            file.restart(desk.now);
            file.begins_after(self.known.newest());
        }
        for (place, mut copy) in row.into_iter().enumerate() {
            copy.is_final = true;
            self.files.insert(self.at + place, copy);
        }
        Ok(told)
    }

    /// The first bytes of a file are about to be given out: what went through it before, and was copied and cut off, comes
    /// first. It is in files that were not there when the file was opened, or cut off last.
    pub(crate) fn find_missed(&mut self, desk: &mut Desk) -> Result<(), Error> {
        let Some(file) = self.files.get_mut(self.at) else {
            return Ok(());
        };
        let own = file.newest_mark();
        let has_name = file.look().map_or(true, |(_, has_name)| has_name);
        let own_file = file.file().and_then(|file| file.try_clone().ok());
        let held: Vec<Mark> = self.files.iter().map(Reader::mark).collect();
        // the file itself, renamed or packed, or a copy of what has just been read: what follows is newer
        let is_itself = |sibling: &Sibling| {
            sibling.inode == own.inode
                || (!has_name || self.known.is_news(sibling))
                    && resume(sibling, &own, desk).is_some()
        };
        // a held file that was packed since is no news
        let is_held = |sibling: &Sibling| {
            held.iter().any(|mark| {
                let is_packed = || mark.offset > 0 && resume(sibling, mark, desk).is_some();
                mark.inode == sibling.inode || is_packed()
            })
        };
        let look = |siblings: &[Sibling]| {
            let older = siblings.iter().take_while(|sibling| !is_itself(sibling));
            let missed = older.filter(|sibling| self.known.is_news(sibling) && !is_held(sibling));
            let opened = missed.filter_map(|sibling| open(sibling, desk));
            opened.collect::<Vec<_>>()
        };
        let (siblings, mut missed) = self.while_names_stay(desk, look, |_| true)?;
        self.known = Known::of(&siblings);
        if let Some(file) = &own_file {
            self.leave_unfinished(&mut missed, file);
        }
        if let Some(file) = self.files.get_mut(self.at) {
            file.is_checked = true;
            file.is_reached &= missed.is_empty();
        }
        for (place, mut copy) in missed.into_iter().enumerate() {
            copy.is_final = true;
            self.files.insert(self.at + place, copy);
        }
        Ok(())
    }
}

/// The rotated files that were there when the newest file began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    files: Vec<KnownFile>,
}

/// Which file, when it was last written to, and when it was made, as far as that was told. It is saved without names, and what was
/// saved before births were told has two parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownFile(Inode, i64, #[serde(default)] Option<i64>);

impl KnownFile {
    /// Whether it is the file that stands there now. Of two with the same inode the second was made later.
    fn is(&self, sibling: &Sibling) -> bool {
        let &Self(inode, _, born) = self;
        let is_other = born.is_some() && sibling.born.is_some() && born != sibling.born;
        inode == sibling.inode && !is_other
    }
}

impl Known {
    pub(crate) fn of(siblings: &[Sibling]) -> Self {
        let file =
            |sibling: &Sibling| KnownFile(sibling.inode, sibling.modified.get(), sibling.born);
        Self {
            files: siblings.iter().map(file).collect(),
        }
    }

    /// When the newest of them was written to last.
    fn newest(&self) -> Option<i64> {
        let modified = self.files.iter().map(|&KnownFile(_, modified, _)| modified);
        modified.max()
    }

    /// As much of it as is needed to tell what is made from now on.
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

    /// Whether a file was made since. Packing makes a file, too, but leaves it as old as it was.
    fn is_news(&self, sibling: &Sibling) -> bool {
        let modified = Some(sibling.modified.get());
        let is_same_time = modified == self.newest();
        let is_later = modified > self.newest();
        let is_plain = sibling.packing == Packing::Plain;
        let is_known = self.files.iter().any(|file| file.is(sibling));
        !is_known && (is_later || is_same_time && is_plain)
    }
}

/// Where the siblings begin that were written to later than the marked file.
fn written_after(siblings: &[Sibling], mark: &Mark) -> usize {
    let is_newer = |sibling: &Sibling| sibling.modified.get() > mark.modified;
    siblings.iter().position(is_newer).unwrap_or(siblings.len())
}

/// The sibling that holds what was marked: the file itself under its new name, or a copy of it, packed or not.
fn find(siblings: &[Sibling], mark: &Mark, desk: &Desk) -> Option<(usize, Reader)> {
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
            .and_then(|sibling| resume(sibling, mark, desk))
        {
            return Some((at, reader));
        }
    }
    None
}

/// The copy that was made of the marked file, from the mark on, and what was rotated after it. `packed` tells the file itself under
/// another name.
fn row_of(siblings: &[Sibling], mark: &Mark, packed: Option<&Mark>, desk: &Desk) -> Vec<Reader> {
    let Some((at, copy)) = find(siblings, mark, desk) else {
        return Vec::new();
    };
    let is_packed =
        |sibling: &Sibling| packed.is_some_and(|mark| resume(sibling, mark, desk).is_some());
    let newer = siblings.iter().skip(at + 1);
    let newer = newer.take_while(|sibling| sibling.inode != mark.inode && !is_packed(sibling));
    let newer = newer.filter_map(|sibling| open(sibling, desk));
    std::iter::once(copy).chain(newer).collect()
}

/// A sibling that cannot be opened has moved, is gone, or is not ours to read.
fn open(sibling: &Sibling, desk: &Desk) -> Option<Reader> {
    let file = desk.open(&sibling.path)?;
    let backlog = Backlog::of(&file, sibling.packing);
    let mut reader = Reader::new(file, sibling.packing, desk.now).ok()?;
    reader.is_checked = true;
    reader.backlog = backlog;
    (reader.inode() == sibling.inode).then_some(reader)
}

fn resume(sibling: &Sibling, mark: &Mark, desk: &Desk) -> Option<Reader> {
    let file = desk.open(&sibling.path)?;
    Reader::resume(file, sibling.packing, mark, desk.now).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_without_a_birth_is_read() {
        let inode = Inode {
            device: 1,
            number: 2,
        };
        let mut bytes = Vec::new();
        let before = std::collections::BTreeMap::from([("files", [(inode, 3)])]);
        ciborium::into_writer(&before, &mut bytes).unwrap();
        let known: Known = ciborium::from_reader(&bytes[..]).unwrap();
        assert_eq!(known.files, [KnownFile(inode, 3, None)]);
        bytes.clear();
        let known = Known {
            files: vec![KnownFile(inode, 3, Some(4))],
        };
        ciborium::into_writer(&known, &mut bytes).unwrap();
        let again: Known = ciborium::from_reader(&bytes[..]).unwrap();
        assert_eq!(again, known);
    }
}
