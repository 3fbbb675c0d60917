//! Tracks files that appear, grow and are deleted, and places the start of reading in them.

use super::journal::Failed;
use super::journal::Journal;
use super::ledger::Ledger;
use super::member::StreamFile;
use super::options::Seek;
use super::order::FileTail;
use super::origin::JournalOrigin;
use super::scan::DirectoryScan;
use super::scan::FoundFile;
use super::watch::JournalWatch;
use crate::journal::file::journal_file::EntryHead;
use crate::journal::file::journal_file::JournalFile;
use crate::journal::filter::direction::Direction;
use crate::journal::filter::file_filter::FileFilter;
use crate::journal::format::cursor::Cursor;
use crate::journal::format::error::Error;
use crate::journal::format::id::Id128;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Maximum number of boots whose machine is kept; those of others are looked up in each file.
const MACHINES_MAX: usize = 1_024;
/// Without notices the directories are listed at this interval, because notices get lost on network file systems.
const SCAN_EVERY: Duration = Duration::from_secs(2);
/// This many of the files that may grow are checked every time, busy or not: a machine has one for the system, and
/// one for each user who is logged in.
const LOOKED_AT_ALWAYS: usize = 8;
/// A file that has grown within this time is checked every time.
const BUSY: Duration = Duration::from_secs(10);
/// Other files are checked after a notice, and otherwise once in this many checks.
const LOOKED_AT_EVERY: u64 = 10;
/// While entries are missing, the directories are listed at this interval.
const CONFIRM_EVERY: Duration = Duration::from_millis(100);
/// A file may lack a header for this long after journald created it.
const NEW_FILE: Duration = Duration::from_secs(1);

impl Journal {
    /// Scans the directories and seeks to the start that the options name.
    pub(crate) fn start(&mut self) {
        self.scan();
        self.find_renumbered();
        self.begin_ledgers();
        for index in 0..self.members.len() {
            self.place(index);
        }
    }

    /// Checks whether files have grown, appeared, or were renamed or deleted. Returns `true` if there may be
    /// something new.
    pub fn refresh(&mut self) -> bool {
        self.check(true)
    }

    /// The same as [`refresh`](Self::refresh), for all files or for those that are likely to have grown.
    fn check(&mut self, all: bool) -> bool {
        self.pass_emitted();
        self.begin_watch();
        let notices = self.watch.as_mut().map(JournalWatch::drain);
        let due = self
            .last_scan
            .is_none_or(|last| last.elapsed() >= SCAN_EVERY);
        let retry = self
            .failed
            .iter()
            .any(|failed| failed.since.elapsed() < NEW_FILE);
        let came = self.missing.iter().any(|path| path.exists());
        let told = came || notices.is_none_or(|notices| notices.files);
        let told_any = notices.is_none_or(|notices| notices.any);
        let mut changed = self.refresh_members(all || told_any);
        let last = self.last_scan.map(|last| last.elapsed());
        let confirms = self.gaps_pending() && last.is_none_or(|last| last >= CONFIRM_EVERY);
        if told || due || retry || confirms {
            changed |= self.scan();
        }
        changed || self.gaps_due()
    }

    /// Requests notices from the kernel, from the first refresh on. A journal that is only read does without them:
    /// closing an inotify instance takes 10 to 20 ms.
    fn begin_watch(&mut self) {
        if self.watched {
            return;
        }
        self.watched = true;
        self.last_scan = None;
        for member in &mut self.members {
            member.patient = true;
        }
        match JournalWatch::new() {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => self.problems.add("inotify".as_ref(), error),
        }
    }

    /// Waits until something changes, but no longer than `timeout`.
    pub fn wait(&mut self, timeout: Duration) {
        let start = Instant::now();
        let mut all = true;
        while !self.check(all) {
            all = false;
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return;
            }
            let nap = left.min(self.options.poll);
            match &self.watch {
                Some(watch) => watch.sleep(nap),
                None => std::thread::sleep(nap),
            }
        }
    }

    /// Moves to another place. Positions are then those of the new place.
    pub fn seek(&mut self, seek: &Seek) {
        let seek = &self.resolve(seek);
        self.emitted = None;
        self.current = None;
        self.prepared = false;
        self.direction = Direction::Forward;
        self.start = seek.clone();
        self.seek_round = self.round;
        for (_, ledger) in &mut self.ledgers {
            ledger.reset();
        }
        if *seek == Seek::Resume {
            let resume = std::mem::take(&mut self.options.resume);
            for origin in &mut self.origins {
                let known = resume.iter().find(|known| known.origin == origin.key);
                origin.last = known.map(|known| known.cursor);
            }
            self.options.resume = resume;
            self.begin_ledgers();
        } else {
            for origin in &mut self.origins {
                origin.last = None;
            }
        }
        for index in 0..self.members.len() {
            self.place(index);
        }
        if *seek != Seek::Resume {
            self.take_positions();
        }
    }

    /// Reads the counts of entries: of all files if a notice named one of them, otherwise of those that are likely to
    /// have grown.
    pub(super) fn refresh_members(&mut self, all: bool) -> bool {
        self.looks += 1;
        let all = all || self.looks.is_multiple_of(LOOKED_AT_EVERY);
        let mut likely = LOOKED_AT_ALWAYS;
        let mut changed = false;
        for index in 0..self.members.len() {
            let Some(member) = self.members.get_mut(index) else {
                continue;
            };
            if member.gone || member.finished {
                continue;
            }
            let is_likely = likely > 0;
            likely = likely.saturating_sub(1);
            if !(all || is_likely || member.is_waiting() || member.grew_within(BUSY)) {
                continue;
            }
            match member.file.refresh() {
                Ok(grown) => {
                    if member.is_waiting() {
                        member.file.forget_copies();
                    }
                    let grown = grown || member.is_waiting();
                    // An archived file was complete before it was renamed.
                    member.finished = member.name.archived && !grown;
                    if grown {
                        changed = true;
                        member.seen_round = self.round;
                        member.grow();
                        self.note_tail(index);
                        self.wake(index);
                    }
                }
                Err(_) => self.last_scan = None,
            }
        }
        changed
    }

    /// Puts a member that was at its end back into the order.
    fn wake(&mut self, index: usize) {
        let waiting = self
            .members
            .get(index)
            .is_some_and(|member| member.candidate.is_none());
        if self.prepared && waiting && self.emitted != Some(index) {
            self.find_candidate(index);
        }
    }

    /// Lists the directories. Returns `true` if files were added.
    pub(crate) fn scan(&mut self) -> bool {
        let scan = DirectoryScan::new(&self.options, &mut self.list);
        self.last_scan = Some(Instant::now());
        self.round += 1;
        if let Some(watch) = &mut self.watch
            && let Err(error) = watch.set(&scan.directories)
        {
            self.problems.add("inotify".as_ref(), error);
        }
        self.missing = scan.missing;
        for problem in scan.problems {
            self.problems.add(&problem.path, problem.error);
        }
        self.drop_missing(&scan.found);
        let mut added = false;
        let first = self.members.is_empty() && self.round == 1;
        let known: HashMap<_, _> = (0..)
            .zip(&self.members)
            .map(|(index, member)| (member.inode, index))
            .collect();
        for found in scan.found {
            added |= self.meet(found, &known, first);
        }
        added
    }

    /// Removes members whose file was deleted, once they have returned what was copied of it.
    fn drop_missing(&mut self, found: &[FoundFile]) {
        let inodes: HashSet<_> = found.iter().map(|found| found.inode).collect();
        let paths: HashSet<_> = found.iter().map(|found| &found.path).collect();
        let stays = self.members.iter_mut().map(|member| {
            let open = member.file.is_open();
            let has_name = open || paths.contains(&member.path);
            member.stays(has_name && inodes.contains(&member.inode))
        });
        let stays: Vec<bool> = stays.collect();
        if stays.iter().all(|stays| *stays) {
            return;
        }
        self.pass_emitted();
        let mut stays = stays.into_iter();
        self.members.retain(|_| stays.next().unwrap_or(true));
        self.prepared = false;
    }

    /// Handles a file found in a directory: it may be known, renamed or new. Returns `true` if it was added.
    fn meet(&mut self, found: FoundFile, inodes: &HashMap<(u64, u64), usize>, first: bool) -> bool {
        let known = inodes.get(&found.inode);
        let member = known.and_then(|index| self.members.get_mut(*index));
        if let Some(member) = member.filter(|member| member.is_at(&found)) {
            if member.path != found.path {
                member.file.set_path(&found.path);
                member.path = found.path;
                member.name = found.name;
            }
            return false;
        }
        let known = self
            .failed
            .iter()
            .position(|failed| failed.path == found.path)
            .map(|at| self.failed.swap_remove(at).since);
        match JournalFile::open(&found.path, &self.held, self.options.fields) {
            Ok(file) => {
                self.add(found, file, first);
                true
            }
            Err(error) => {
                self.refuse(found, error, known);
                false
            }
        }
    }

    fn refuse(&mut self, found: FoundFile, error: Error, known: Option<Instant>) {
        let since = known.unwrap_or_else(Instant::now);
        let young = matches!(error, Error::Corrupt { .. }) && self.round > 1;
        if matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
        {
            return;
        }
        if !young || since.elapsed() >= NEW_FILE {
            self.problems.add(&found.path, error.copied());
        }
        self.failed.push(Failed {
            path: found.path,
            error,
            since,
        });
    }

    fn add(&mut self, found: FoundFile, file: JournalFile, first: bool) {
        let header = *file.header();
        let lineage = format!("{}/{}", found.directory, found.name.prefix);
        let origin = self.origin_of(format!("{lineage}/{}", header.seqnum_id));
        let local = found.name.prefix == "system" || found.name.prefix.starts_with("user-");
        let is_of_machine = found.names_machine(header.machine_id);
        let ledger = self.ledger_of(if local { found.directory } else { lineage });
        let mut member =
            StreamFile::new(found.path, found.name, file, (origin, ledger), &self.held);
        member.patient = self.watched;
        member.seen_round = self.round;
        member.met_round = self.round;
        if is_of_machine {
            member.set_machine_of_header();
        }
        if !self.matches.is_empty() {
            member.set_filter(FileFilter::new(Arc::clone(&self.matches)));
        }
        self.members.push(member);
        let index = self.members.len() - 1;
        self.note_tail(index);
        self.bound_open_files();
        if !first {
            self.place(index);
            if self.prepared {
                self.find_candidate(index);
            }
        }
    }

    fn origin_of(&mut self, key: String) -> usize {
        if let Some(at) = self.origins.iter().position(|origin| origin.key == key) {
            return at;
        }
        let origin = JournalOrigin::new(key, None);
        self.volatile_origins |= origin.volatile();
        self.origins.push(origin);
        self.origins.len() - 1
    }

    fn ledger_of(&mut self, key: String) -> usize {
        if let Some(at) = self.ledgers.iter().position(|(known, _)| *known == key) {
            return at;
        }
        self.ledgers.push((key, Ledger::default()));
        self.ledgers.len() - 1
    }

    /// Records the end of a file, which tells the order of boots.
    fn note_tail(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let header = *member.file.header();
        if header.n_entries == 0 {
            return;
        }
        let mut problems = Vec::new();
        let told = header
            .tail_entry_boot_id
            .filter(|boot| *boot != Id128::NULL);
        let tail = if let Some(boot) = told {
            Some((
                boot,
                header.tail_entry_monotonic,
                header.tail_entry_realtime,
            ))
        } else {
            let last = member.last_readable(&mut problems).map(|last| last.cursor);
            last.map(|last| (last.boot_id, last.monotonic, last.realtime))
        };
        let tail = tail.map(|(boot, monotonic, realtime)| {
            let of = (header.machine_id, boot);
            let known = self.machines.get(&of).copied();
            let machine = known.unwrap_or_else(|| member.machine(boot, &mut problems));
            if self.machines.len() < MACHINES_MAX {
                self.machines.insert(of, machine);
            }
            FileTail {
                machine,
                boot,
                monotonic,
                realtime,
            }
        });
        if let Some(tail) = tail {
            self.boots.add(tail);
        }
        self.item_problems().append(&mut problems);
        self.tell(index);
    }

    /// Finds the origins whose sequence numbers restarted: see [`super::origin`].
    fn find_renumbered(&mut self) {
        let mut highest = vec![0; self.origins.len()];
        let mut other = vec![false; self.origins.len()];
        for index in 0..self.members.len() {
            let mut problems = std::mem::take(self.item_problems());
            let Some(member) = self.members.get_mut(index) else {
                continue;
            };
            let last = self.origins.get(member.origin).and_then(|it| it.last);
            let tail = member.file.header().tail_entry_seqnum;
            if let (Some(last), Some(high)) = (last, highest.get_mut(member.origin)) {
                *high = tail.max(*high);
                member.seek(|entry| entry.seqnum < last.seqnum, &mut problems);
                let found = member.entry(member.position, &mut problems).ok();
                let differs = found.is_some_and(|found| {
                    found.cursor.seqnum == last.seqnum && found.cursor.boot_id != last.boot_id
                });
                if let Some(other) = other.get_mut(member.origin) {
                    *other |= differs;
                }
            }
            *self.item_problems() = problems;
            self.tell(index);
        }
        for ((origin, high), other) in self.origins.iter_mut().zip(highest).zip(other) {
            let below = origin.last.is_some_and(|last| high < last.seqnum) && high > 0;
            origin.renumbered = below || other;
        }
    }

    /// Starts the ledgers: numbers missing from before the start of reading are not a gap, numbers missing after the
    /// positions are.
    fn begin_ledgers(&mut self) {
        for member in &self.members {
            let last = self.origins.get(member.origin).and_then(|it| it.last);
            let Some((_, ledger)) = self.ledgers.get_mut(member.ledger) else {
                continue;
            };
            match last {
                Some(last) => ledger.resume(&last, member.of_system()),
                None if self.options.resume.is_empty() => {
                    ledger.begin_after(member.file.header().tail_entry_seqnum);
                }
                None => {}
            }
        }
    }

    fn gaps_due(&self) -> bool {
        let mut ledgers = self.ledgers.iter();
        ledgers.any(|(_, ledger)| ledger.is_due(self.round))
    }

    fn gaps_pending(&self) -> bool {
        self.ledgers.iter().any(|(_, ledger)| ledger.pending())
    }

    /// Places a member at the start of reading.
    fn place(&mut self, index: usize) {
        let mut problems = std::mem::take(self.item_problems());
        let start = self.start.clone();
        let (since, since_boots) = (self.options.since, &self.options.since_boots);
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let origin = self.origins.get(member.origin);
        if let Some(origin) = origin.filter(|origin| origin.last.is_some()) {
            let ledger = self.ledgers.get(member.ledger);
            let missing = ledger.and_then(|(_, ledger)| ledger.first_missing());
            let is_missing = |entry: &Cursor| missing.is_some_and(|first| entry.seqnum >= first);
            let before = |entry: &Cursor| origin.covers(entry) && !is_missing(entry);
            member.seek(before, &mut problems);
        } else {
            let boots = &self.boots;
            match (start, since) {
                (Seek::Head, _) => member.go_to(0),
                (Seek::Tail, _) if self.round > self.seek_round => member.go_to(0),
                (Seek::Tail, _) => member.seek_tail(),
                (Seek::Cursor(target), _) => {
                    let before = |entry: &Cursor| boots.order(entry, &target).is_lt();
                    member.seek_beside(&target, before, &mut problems);
                }
                (Seek::After(target), _) => {
                    let before = |entry: &Cursor| boots.order(entry, &target).is_le();
                    member.seek_beside(&target, before, &mut problems);
                }
                (Seek::Realtime(time), _) => {
                    member.seek_realtime(time, &mut problems);
                }
                (Seek::Resume, Some(time)) if since_boots.is_empty() => {
                    member.seek_realtime(time, &mut problems);
                    self.skipped = self.skipped.saturating_add(member.position);
                }
                (Seek::Resume, None) if since_boots.is_empty() => member.go_to(0),
                (Seek::Resume, since) => {
                    let is_skipped = |entry: &Cursor| match since_boots.get(&entry.boot_id) {
                        Some(from) => entry.monotonic < *from,
                        None => since.is_some_and(|since| entry.realtime < since),
                    };
                    member.seek(is_skipped, &mut problems);
                    self.skipped = self.skipped.saturating_add(member.position);
                }
                // Resolved to one of the other kinds before members are placed.
                (Seek::Seqnum { .. } | Seek::Monotonic { .. }, _) => {}
            }
        }
        member.candidate = None;
        *self.item_problems() = problems;
        self.tell(index);
        self.bound_open_files();
    }

    fn bound_open_files(&mut self) {
        if self.held.files() > self.options.open_files_max {
            self.close_some();
        }
    }

    /// Takes the place of each member as the position of its origin, so that files that appear later continue from
    /// there.
    fn take_positions(&mut self) {
        for index in 0..self.members.len() {
            let mut problems = std::mem::take(self.item_problems());
            let Some(member) = self.members.get_mut(index) else {
                continue;
            };
            let before = member
                .position
                .checked_sub(1)
                .and_then(|number| member.entry(number, &mut problems).ok());
            if let (Some(EntryHead { cursor, .. }), Some(origin)) =
                (before, self.origins.get_mut(member.origin))
                && origin.last.is_none_or(|last| last.seqnum < cursor.seqnum)
            {
                origin.last = Some(cursor);
                origin.changed = true;
            }
            *self.item_problems() = problems;
            self.tell(index);
            self.bound_open_files();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::journal::file::held::HeldResources;
    use crate::journal::stream::entry::JournalEvent;
    use crate::journal::stream::options::JournalOptions;
    use crate::journal::stream::scan;
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::path::Path;
    use std::path::PathBuf;
    use std::sync::Mutex;

    /// Number of entries of a file before it grows, and growth per step.
    pub(crate) const ENTRIES: u64 = 30;
    const GROWTH: u64 = 10;

    pub(crate) fn put(bytes: &mut [u8], at: usize, change: impl Fn(u64) -> u64) {
        let (number, _) = bytes[at..].split_first_chunk_mut::<8>().unwrap();
        *number = change(u64::from_le_bytes(*number)).to_le_bytes();
    }

    /// The fixture as a rotated file with this index; sequence numbers and times continue from file to file.
    pub(crate) fn file_of_row(number: u64) -> Vec<u8> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/journal/none-compact-keyed.journal");
        let mut file = JournalFile::open(&path, &HeldResources::default(), None).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let entries = (0..ENTRIES).map(|entry| file.entry_offset(entry).unwrap());
        let later = |time: u64| time + number * 1_000_000_000;
        for at in entries.map(|offset| usize::try_from(offset).unwrap()) {
            put(&mut bytes, at + 16, |seqnum| seqnum + number * ENTRIES);
            put(&mut bytes, at + 24, later);
            put(&mut bytes, at + 32, later);
        }
        put(&mut bytes, 160, |seqnum| seqnum + number * ENTRIES);
        put(&mut bytes, 168, |seqnum| seqnum + number * ENTRIES);
        for at in [184, 192, 200] {
            put(&mut bytes, at, later);
        }
        bytes
    }

    /// A directory that journald writes to, with listings under the test's control.
    struct Directory {
        path: PathBuf,
        /// Index and entry count of the active file.
        active: (u64, u64),
        /// Names that this many further listings omit, or still return although the file was deleted.
        hidden: Arc<Mutex<Vec<(OsString, u32)>>>,
        stale: Arc<Mutex<Vec<(OsString, u32)>>>,
    }

    impl Directory {
        fn list(&self) -> scan::List {
            let (hidden, stale) = (Arc::clone(&self.hidden), Arc::clone(&self.stale));
            Box::new(move |path| {
                let mut names = scan::list(path)?;
                for (name, left) in hidden.lock().unwrap().iter_mut().filter(|it| it.1 > 0) {
                    *left -= 1;
                    names.retain(|found| found != name);
                }
                for (name, left) in stale.lock().unwrap().iter_mut().filter(|it| it.1 > 0) {
                    *left -= 1;
                    names.push(name.clone());
                }
                Ok(names)
            })
        }

        fn archived_name(number: u64) -> String {
            let (seqnum, time) = (number * ENTRIES + 1, number);
            format!("system@aaaabbbbccccdddd0000111122223333-{seqnum:016x}-{time:016x}.journal")
        }

        fn write(&mut self) {
            let mut bytes = file_of_row(self.active.0);
            let missing = ENTRIES - self.active.1;
            put(&mut bytes, 152, |count| count - missing);
            put(&mut bytes, 160, |seqnum| seqnum - missing);
            bytes[16] = 1;
            let active = self.path.join("system.journal");
            if active.exists() {
                // The active file grows in place.
                std::fs::write(&active, bytes).unwrap();
            } else {
                let aside = self.path.join("new");
                std::fs::write(&aside, bytes).unwrap();
                std::fs::rename(&aside, &active).unwrap();
            }
        }

        fn grow(&mut self) {
            if self.active.1 < ENTRIES {
                self.active.1 += GROWTH;
                self.write();
            }
        }

        fn rotate(&mut self, listings: u32) {
            self.active.1 = ENTRIES;
            self.write();
            let active = self.path.join("system.journal");
            let name = Self::archived_name(self.active.0);
            std::fs::rename(active, self.path.join(&name)).unwrap();
            self.hidden.lock().unwrap().push((name.into(), listings));
            self.active = (self.active.0 + 1, GROWTH);
            self.write();
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Grow,
        /// Rotates; the archived file is missing from this many listings.
        Rotate(u32),
        /// Hides the active file from this many listings.
        Hide(u32),
        /// Lists a deleted name this many times.
        Stale(u64, u32),
        Read,
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => Just(Step::Grow),
            3 => (0..8_u32).prop_map(Step::Rotate),
            1 => (1..8_u32).prop_map(Step::Hide),
            1 => (0..9_u64, 1..8_u32).prop_map(|(number, listings)| Step::Stale(number, listings)),
            4 => Just(Step::Read),
            1 => Just(Step::Restart),
        ]
    }

    /// Reads to the end: collects sequence numbers and counts the entries reported as lost.
    fn drain(journal: &mut Journal, seqnums: &mut Vec<u64>) -> u64 {
        let mut gone = 0;
        while let Some(event) = journal.next() {
            match event {
                JournalEvent::Entry(entry) => seqnums.push(entry.seqnum()),
                JournalEvent::Gap(gap) => gone += gap.count(),
            }
        }
        gone
    }

    #[test]
    fn what_a_file_grew_by_before_its_rotation_comes_before_the_next_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory {
            path: folder.path().to_owned(),
            active: (0, GROWTH),
            hidden: Arc::default(),
            stale: Arc::default(),
        };
        directory.write();
        let mut list = directory.list();
        let options = JournalOptions {
            directories: vec![directory.path.clone()],
            ..JournalOptions::default()
        };
        let rotates = Arc::new(Mutex::new(false));
        let asked = Arc::clone(&rotates);
        // files are looked at before the directory is listed, and journald writes in between
        let listing = move |path: &Path| {
            if std::mem::take(&mut *asked.lock().unwrap()) {
                directory.rotate(0);
            }
            list(path)
        };
        let mut journal = Journal::open_listed(options, Box::new(listing));
        let mut seqnums = Vec::new();
        journal.refresh();
        drain(&mut journal, &mut seqnums);
        assert_eq!(seqnums, (1..=GROWTH).collect::<Vec<_>>());
        *rotates.lock().unwrap() = true;
        journal.last_scan = None;
        journal.refresh();
        drain(&mut journal, &mut seqnums);
        assert_eq!(seqnums, (1..=ENTRIES + GROWTH).collect::<Vec<_>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Every entry is delivered once, whatever listings omit or return too late.
        #[test]
        fn a_file_that_listings_miss_is_delivered(
            steps in prop::collection::vec(step(), 1..24),
        ) {
            let start = Instant::now();
            let directory = tempfile::tempdir().unwrap();
            let mut directory = Directory {
                path: directory.path().to_owned(),
                active: (0, GROWTH),
                hidden: Arc::default(),
                stale: Arc::default(),
            };
            directory.write();
            let mut options = JournalOptions {
                directories: vec![directory.path.clone()],
                ..JournalOptions::default()
            };
            let mut journal = Journal::open_listed(options.clone(), directory.list());
            let (mut seqnums, mut gone) = (Vec::new(), 0);
            for step in steps.iter().chain([&Step::Read; 12]) {
                match step {
                    Step::Grow => directory.grow(),
                    Step::Rotate(listings) => directory.rotate(*listings),
                    Step::Hide(listings) => {
                        let name = OsString::from("system.journal");
                        directory.hidden.lock().unwrap().push((name, *listings));
                    }
                    Step::Stale(number, listings) => {
                        let name = Directory::archived_name(*number + 100).into();
                        directory.stale.lock().unwrap().push((name, *listings));
                    }
                    Step::Read => {
                        gone += drain(&mut journal, &mut seqnums);
                        journal.last_scan = None;
                        journal.refresh();
                        gone += drain(&mut journal, &mut seqnums);
                    }
                    Step::Restart => {
                        directory.hidden.lock().unwrap().clear();
                        journal.last_scan = None;
                        journal.refresh();
                        gone += drain(&mut journal, &mut seqnums);
                        options.resume = journal.positions();
                        journal = Journal::open_listed(options.clone(), directory.list());
                    }
                }
            }
            seqnums.sort_unstable();
            let last = directory.active.0 * ENTRIES + directory.active.1;
            prop_assert_eq!(seqnums, (1..=last).collect::<Vec<_>>());
            // Data missing for a second is reported, so the check holds only if the test itself was faster.
            if start.elapsed() < Duration::from_millis(900) {
                prop_assert_eq!(gone, 0);
            }
        }
    }
}
