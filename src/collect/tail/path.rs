//! Follows the file at a path through rotations of every kind. Each line is read once and in order, across renames,
//! truncations, deletions and restarts.
//!
//! A tail holds the files that it reads, oldest first. A renamed file stays in the row for a while, because its
//! writer may still write to it; it is read before the file that replaced it. After a truncation, the rotated files
//! are searched: if a copy was made before, the rest is read from the copy.

use crate::collect::collector::Error;
use crate::collect::names::stamp::{FileStamp, Inode};
use crate::collect::own::own_record;
use crate::collect::tail::backlog::CatchUp;
use crate::collect::tail::compression::FileCompression;
use crate::collect::tail::context::{Age, ReadContext, TailItem, VisitItem};
use crate::collect::tail::mark::Mark;
use crate::collect::tail::reader::{Fill, LogReader};
use crate::collect::tail::rotated::{AtPath, KnownFiles, Rotated};
use crate::collect::tail::row::Row;
use crate::collect::tail::sibling;
use crate::opening;
use crate::record::{Level, Metadata, Record};
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long an unterminated line waits for its end: longer than programs pause within a line.
pub(crate) const QUIET: Duration = Duration::from_secs(5);

/// How far a tail has read: a mark for each file that it holds, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TailState {
    marks: Vec<Mark>,
    /// No file was at the path, but these rotated files existed.
    #[serde(default)]
    absent: Option<KnownFiles>,
}

impl TailState {
    /// Nothing was read, and no rotated file is known: starts with the oldest one.
    pub(crate) fn from_oldest() -> Self {
        Self {
            absent: Some(KnownFiles::default()),
            ..Self::default()
        }
    }

    /// The state after reading up to these marks. Files are read in order: those after the last mark are found again.
    fn of(mut marks: Vec<Mark>) -> Self {
        let last = marks.pop();
        // A file of which nothing was read cannot be recognised.
        marks.retain(|mark| mark.offset > 0);
        marks.extend(last);
        Self {
            marks,
            absent: None,
        }
    }

    /// The stamp of the only file held, if nothing but its position is known.
    pub(crate) fn only_file(&self) -> Option<FileStamp> {
        let [mark] = &self.marks[..] else {
            return None;
        };
        Some(FileStamp {
            inode: mark.inode,
            length: mark.offset,
            modified: Micros::new(mark.modified),
        })
    }

    /// How many bytes of the newest file were read; `None` if nothing is known.
    pub(crate) fn reached(&self) -> Option<u64> {
        self.marks.last().map(|mark| mark.offset)
    }
}

/// Follows one path.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    quiet: Duration,
    /// Where to continue, until the file is found.
    resume: Option<ResumeAt>,
    row: Row,
    rotated: Rotated,
    is_live: bool,
    /// Whether it is known which rotated files existed before.
    is_begun: bool,
    catch_up: CatchUp,
    /// The last fault of the path, so that it is reported once.
    trouble: Option<io::ErrorKind>,
}

/// Where an earlier run stopped.
#[derive(Debug, Clone)]
struct ResumeAt {
    /// In the newest file.
    newest: Mark,
    /// In older files that the run still held.
    lingering: Vec<Mark>,
}

impl Tail {
    /// Follows `path` from `state`, or from the start of the file; files that were rotated before that are not read.
    /// An unterminated line is delivered after `quiet` without growth.
    pub(crate) fn new(path: PathBuf, state: TailState, quiet: Duration) -> Self {
        let mut lingering = state.marks;
        let resume = lingering.pop().map(|newest| ResumeAt { newest, lingering });
        let is_begun = state.absent.is_some();
        Self {
            quiet,
            resume,
            row: Row::default(),
            rotated: Rotated::new(path.clone(), state.absent.unwrap_or_default()),
            is_live: false,
            is_begun,
            catch_up: CatchUp::new(),
            trouble: None,
            path,
        }
    }

    /// Whether everything was read once, so that what comes now was just written.
    pub(crate) fn is_live(&self) -> bool {
        self.is_live
    }

    /// Says that another tail of this process has read the path to its end.
    pub(crate) fn was_read_to_end(&mut self) {
        self.is_live = true;
    }

    /// How many files it holds open.
    pub(crate) fn open_files(&self) -> usize {
        self.row.len()
    }

    /// Closes all files; they are found again through the state.
    pub(crate) fn close(&mut self, context: &mut ReadContext) {
        self.row.close(context);
    }

    /// The position after everything that was delivered; `None` if it has not changed.
    pub(crate) fn state(&self) -> Option<TailState> {
        if self.resume.is_some() {
            return None;
        }
        if self.row.is_empty() {
            return self.is_begun.then(|| TailState {
                absent: Some(self.rotated.known().shortened()),
                ..TailState::default()
            });
        }
        Some(TailState::of(self.row.reached_marks(0)))
    }

    /// The state before the line at which the last read stopped, which had `taken` bytes.
    pub(crate) fn state_before(&self, taken: usize) -> TailState {
        TailState::of(self.row.reached_marks(taken))
    }

    /// When there will be something to deliver even if nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        let last = self.row.newest().filter(|file| file.has_rest())?;
        Some(last.grew + self.quiet)
    }

    /// Delivers everything that can be read now.
    pub(crate) fn read(
        &mut self,
        context: &mut ReadContext,
        visit: &mut VisitItem<'_>,
    ) -> Result<(), Error> {
        context.watch.folder(sibling::folder(&self.path));
        if self.row.is_unwatched() {
            context.watch.miss();
        }
        if self.settle(context, visit)?.is_break() {
            return Ok(());
        }
        self.row.rewind();
        loop {
            if self.catch_up(context, visit).is_break() {
                return Ok(());
            }
            let is_last = self.row.is_at_last();
            match self.read_file(context, visit)? {
                ReadOutcome::Full => return Ok(()),
                ReadOutcome::Changed => {
                    if self.cut_off(context, visit)?.is_break() {
                        return Ok(());
                    }
                }
                ReadOutcome::End if is_last => {
                    if !self.look(context, visit)? {
                        self.finish(context, visit);
                        return Ok(());
                    }
                }
                ReadOutcome::End => {
                    if self.go_on(context, visit).is_break() {
                        return Ok(());
                    }
                }
                ReadOutcome::Fresh => self.find_missed(context)?,
                ReadOutcome::Again => {}
            }
        }
    }

    /// Before the next file is read: reports skipped lines, and decides how much of rotated files to skip.
    fn catch_up(&mut self, context: &ReadContext, visit: &mut VisitItem<'_>) -> ControlFlow<()> {
        let current = self.row.current().map(|file| &file.backlog);
        if let Some(record) = self.catch_up.report(current, &self.path) {
            visit(TailItem::Own(record))?;
        }
        if self
            .row
            .current()
            .is_some_and(|file| file.backlog.is_uncounted())
        {
            let backlogs = self.row.unread_newest_first();
            let backlogs = backlogs.map(|file| &mut file.backlog);
            self.catch_up.count(backlogs, context.catch_up_max);
        }
        ControlFlow::Continue(())
    }

    /// Continues to read one file.
    fn read_file(
        &mut self,
        context: &mut ReadContext,
        visit: &mut VisitItem<'_>,
    ) -> Result<ReadOutcome, Error> {
        let is_last = self.row.is_at_last();
        let Some(file) = self.row.current_mut() else {
            return Ok(ReadOutcome::End);
        };
        let age = Age {
            is_live: self.is_live,
            modified: file.modified(),
        };
        file.is_reached = true;
        loop {
            if is_last && file.is_fresh() {
                return Ok(ReadOutcome::Fresh);
            }
            let encoding = file.encoding();
            let mut backlog = std::mem::take(&mut file.backlog);
            while let Some(line) = file.next_line() {
                if backlog.skips(line.taken) {
                    self.catch_up.skip(line.taken);
                    continue;
                }
                let item = TailItem::Line(line.in_utf8(encoding, &mut context.text), age);
                if !line.adds_nothing() && visit(item).is_break() {
                    file.backlog = backlog;
                    return Ok(ReadOutcome::Full);
                }
            }
            file.backlog = backlog;
            match file.fill(&mut context.scratch, context.now) {
                Ok(Fill::More) => {}
                Ok(Fill::End) => return Ok(ReadOutcome::End),
                Ok(Fill::Changed) => return Ok(ReadOutcome::Changed),
                Ok(Fill::Zeros(count)) => {
                    let flow = self.skip_zeros(count, visit);
                    return Ok(ReadOutcome::after(flow, ReadOutcome::Again));
                }
                Err(source) if file.file().is_none() => {
                    let offset = file.reached();
                    file.give_up();
                    let flow = visit(TailItem::Own(self.damaged(offset, &source)));
                    return Ok(ReadOutcome::after(flow, ReadOutcome::End));
                }
                Err(source) => return Err(self.error("read", source)),
            }
        }
    }

    /// Continues with the next file of the row. The writer wrote its last bytes to the old file before it switched to
    /// the new one. So the old file is read first, up to the end at the time when the new one has content, and a line
    /// that is incomplete then will not be completed.
    fn go_on(&mut self, context: &mut ReadContext, visit: &mut VisitItem<'_>) -> ControlFlow<()> {
        let has_next = self.row.next_mut().is_some_and(|next| {
            // The same error occurs again where it can be reported.
            next.pending() > 0
                || !matches!(next.fill(&mut context.scratch, context.now), Ok(Fill::End))
        });
        if has_next {
            let current = self.row.current_mut();
            let again = current.map(|file| file.fill(&mut context.scratch, context.now));
            if matches!(again, Some(Ok(Fill::More | Fill::Changed))) {
                return ControlFlow::Continue(());
            }
            self.give_rest(visit)?;
        }
        self.row.advance();
        ControlFlow::Continue(())
    }

    /// Delivers the pending bytes of the current file.
    fn give_rest(&mut self, visit: &mut VisitItem<'_>) -> ControlFlow<()> {
        let age = Age {
            is_live: self.is_live,
            modified: Micros::now(),
        };
        let Some(file) = self.row.current_mut() else {
            return ControlFlow::Continue(());
        };
        let (encoding, mut text) = (file.encoding(), String::new());
        match file.rest() {
            Some(line) => visit(TailItem::Line(line.in_utf8(encoding, &mut text), age)),
            None => ControlFlow::Continue(()),
        }
    }

    /// Skips zeros that no program wrote. At the start of a file they are not reported: a writer that does not append
    /// leaves them after a truncation. Elsewhere data is missing, and the line before them has no end.
    fn skip_zeros(&mut self, count: u64, visit: &mut VisitItem<'_>) -> ControlFlow<()> {
        self.give_rest(visit)?;
        let Some(file) = self.row.current_mut() else {
            return ControlFlow::Continue(());
        };
        let at = file.reached();
        file.skip_zeros(count);
        if at == 0 {
            return ControlFlow::Continue(());
        }
        let message = format!(
            "{} holds {count} bytes of zeros at byte {at}, as after a crash: what was being written there is missing",
            self.path.display()
        );
        let numbers = [("offset", at), ("bytes", count)];
        visit(TailItem::Own(self.own("gap", message, &numbers)))
    }

    /// Everything was read: delivers an incomplete line that has timed out, and closes files.
    fn finish(&mut self, context: &mut ReadContext, visit: &mut VisitItem<'_>) {
        self.is_live |= !self.row.is_empty();
        self.catch_up.finish();
        if self.due().is_some_and(|due| due <= context.now) && self.give_rest(visit).is_break() {
            return;
        }
        self.row.close_finished(context);
    }

    /// Checks whether another file is at the path. If so, adds the files that were rotated before it, and then that
    /// file, to the row.
    fn look(
        &mut self,
        context: &mut ReadContext,
        visit: &mut VisitItem<'_>,
    ) -> Result<bool, Error> {
        let known = self.row.newest_inode();
        let found = fs::metadata(&self.path).map(|metadata| Inode::of(&metadata));
        if found.as_ref().ok() == known.as_ref() && known.is_some() {
            return Ok(false);
        }
        let file = self.open_path(visit)?;
        let newer = if let Some(mark) = self.row.newest().map(LogReader::mark) {
            let held = self.row.marks();
            self.rotated.newer_than(&mark, &held, context)?
        } else if self.is_begun {
            self.rotated.news(context)?
        } else {
            self.rotated.learn(context)?;
            Vec::new()
        };
        self.is_begun = true;
        self.join(newer, file, context)
    }

    /// Adds rotated files to the end of the row or, if there are none left, the file at the path. That one is added
    /// only when all files before it were read, because it may be rotated itself until then.
    fn join(
        &mut self,
        mut newer: Vec<LogReader>,
        at_path: Option<File>,
        context: &mut ReadContext,
    ) -> Result<bool, Error> {
        if let Some(file) = &at_path {
            self.rotated.drop_unfinished(&mut newer, file);
        }
        let at_path = at_path.filter(|_| newer.is_empty());
        let at_path = at_path
            .map(|file| LogReader::new(file, FileCompression::Plain, context.now))
            .transpose();
        let mut at_path = at_path.map_err(|source| self.error("look at", source))?;
        if let Some(file) = &mut at_path {
            file.begins_after(self.rotated.known().newest());
        }
        let before = self.row.len();
        for file in newer.into_iter().chain(at_path) {
            self.row.enter(file, context);
        }
        Ok(self.row.len() > before)
    }

    /// Finds the place where an earlier run stopped. Breaks off while it cannot be found because no file exists.
    fn settle(
        &mut self,
        context: &mut ReadContext,
        visit: &mut VisitItem<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let Some(ResumeAt { newest, lingering }) = self.resume.clone() else {
            return Ok(ControlFlow::Continue(()));
        };
        let at_path = self.open_path(visit)?;
        let again = at_path.as_ref().and_then(|file| file.try_clone().ok());
        let same =
            again.map(|file| LogReader::resume(file, FileCompression::Plain, &newest, context.now));
        let same = same.and_then(|file| file.ok().flatten());
        let found = self
            .rotated
            .resume(&newest, &lingering, same.is_some(), context)?;
        if at_path.is_none() && !found.has_siblings {
            return Ok(ControlFlow::Break(()));
        }
        let is_lost = same.is_none() && found.newest.is_none() && newest.offset > 0;
        // An empty file cannot be recognised; copies made since then show what passed through it.
        let same = same.filter(|_| newest.offset > 0);
        let is_same = same.is_some();
        let newest_read = same.or(found.newest);
        for mut file in found.lingering.into_iter().chain(newest_read) {
            file.is_reached = true;
            self.row.enter(file, context);
        }
        if !is_same {
            let held = self.row.marks();
            let newer = match self.rotated.newer_than(&newest, &held, context) {
                Ok(newer) => newer,
                Err(error) => {
                    self.row.close(context);
                    return Err(error);
                }
            };
            self.resume = None;
            self.join(newer, at_path, context)?;
        }
        self.resume = None;
        Ok(if is_lost {
            visit(TailItem::Own(self.lost(&newest)))
        } else {
            ControlFlow::Continue(())
        })
    }

    /// The content of the current file has been replaced: reads the rest from a copy of the old content, if there is
    /// one, and starts again at the beginning of the file.
    fn cut_off(
        &mut self,
        context: &mut ReadContext,
        visit: &mut VisitItem<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let Some(file) = self.row.current_mut() else {
            return Ok(ControlFlow::Continue(()));
        };
        // Before the copies are searched, because a later copy must be newer than this.
        let _ = file.look();
        let mark = file.mark();
        // The file itself may have been renamed and compressed since; files that were rotated after it are newer.
        let compressed = file.nameless_mark();
        let at_path = file.file().and_then(|file| file.try_clone().ok());
        let rotated = &mut self.rotated;
        let copies = rotated.copies_of(&mark, compressed.as_ref(), at_path.as_ref(), context)?;
        let given = if copies.is_empty() {
            self.give_rest(visit)
        } else {
            ControlFlow::Continue(())
        };
        if let Some(file) = self.row.current_mut() {
            file.restart(context.now);
            file.begins_after(self.rotated.known().newest());
        }
        self.row.insert_copies(copies);
        Ok(given)
    }

    /// Called before the first bytes of a file are delivered: content that passed through the file before and was
    /// copied comes first.
    fn find_missed(&mut self, context: &ReadContext) -> Result<(), Error> {
        let held = self.row.marks();
        let Some(file) = self.row.current_mut() else {
            return Ok(());
        };
        let at_path = AtPath {
            newest: file.newest_mark(),
            has_name: file.look().map_or(true, |(_, has_name)| has_name),
            file: file.file().and_then(|file| file.try_clone().ok()),
        };
        let missed = self.rotated.missed(&at_path, &held, context)?;
        file.is_checked = true;
        file.is_reached &= missed.is_empty();
        self.row.insert_copies(missed);
        Ok(())
    }

    /// Opens the file at the path; reports a fault if it is new.
    fn open_path(&mut self, visit: &mut VisitItem<'_>) -> Result<Option<File>, Error> {
        let error = match opening::trusted(&self.path) {
            Ok(file) => {
                self.trouble = None;
                return Ok(Some(file));
            }
            Err(error) if opening::is_scarce(&error) => return Err(self.error("open", error)),
            Err(error) => error,
        };
        let is_reported = self.trouble.replace(error.kind()) == Some(error.kind());
        if !is_reported && error.kind() != io::ErrorKind::NotFound {
            let remedy = match error.kind() {
                io::ErrorKind::PermissionDenied => "; run vmlog as root or give it access",
                _ => "",
            };
            let message = format!("cannot read {}: {error}{remedy}", self.path.display());
            // The report is taken even if the visitor has enough.
            let _ = visit(TailItem::Own(self.own("file_unreadable", message, &[])));
        }
        Ok(None)
    }

    fn lost(&self, mark: &Mark) -> Record {
        let message = format!(
            "{} was rotated or cut off while it was not being read: what was written to it after byte {} is missing",
            self.path.display(),
            mark.offset
        );
        self.own("gap", message, &[("offset", mark.offset)])
    }

    fn damaged(&self, offset: u64, error: &io::Error) -> Record {
        let message = format!(
            "a rotated file of {} is damaged; what follows in it is missing: {error}",
            self.path.display()
        );
        self.own("gap", message, &[("offset", offset)])
    }

    fn own(&self, event: &str, message: String, numbers: &[(&str, u64)]) -> Record {
        let mut metadata = Metadata::new();
        metadata.insert("file", self.path.display().to_string());
        for &(name, number) in numbers {
            metadata.insert(name.to_owned(), number);
        }
        own_record(Level::Warn, event, message, metadata)
    }

    fn error(&self, what: &str, source: io::Error) -> Error {
        Error::Io {
            what: format!("{what} {}", self.path.display()),
            source,
        }
    }
}

/// The outcome of reading one file further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadOutcome {
    Full,
    End,
    Changed,
    /// The first bytes of a new file were read; nothing was delivered.
    Fresh,
    /// There is more to read.
    Again,
}

impl ReadOutcome {
    /// Returns `otherwise`, unless the visitor has enough.
    fn after(flow: ControlFlow<()>, otherwise: Self) -> Self {
        if flow.is_break() {
            Self::Full
        } else {
            otherwise
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tail::compression::CHUNK_BYTES;
    use crate::collect::tail::row::{LINGER, LINGER_DELETED};
    use proptest::prelude::*;
    use std::io::Write;
    use tempfile::TempDir;

    /// A log that is written to and rotated, and a tail that follows it.
    struct FollowedLog {
        dir: TempDir,
        tail: Tail,
        context: ReadContext,
        lines: Vec<String>,
        own: Vec<Record>,
        /// The state as saved in the store.
        saved: TailState,
    }

    impl FollowedLog {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let tail = Tail::new(dir.path().join("a.log"), TailState::default(), QUIET);
            Self {
                dir,
                tail,
                context: ReadContext::new(),
                lines: Vec::new(),
                own: Vec::new(),
                saved: TailState::default(),
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn append(&self, name: &str, text: &str) -> File {
            let mut options = fs::OpenOptions::new();
            let mut file = options
                .append(true)
                .create(true)
                .open(self.path(name))
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        }

        fn rename(&self, from: &str, to: &str) {
            fs::rename(self.path(from), self.path(to)).unwrap();
        }

        /// Rotates as `logrotate` does with `copytruncate`.
        fn copytruncate(&self, to: &str) {
            fs::copy(self.path("a.log"), self.path(to)).unwrap();
            fs::OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(self.path("a.log"))
                .unwrap();
        }

        fn compress(&self, name: &str) {
            let text = fs::read(self.path(name)).unwrap();
            let file = File::create(self.path(&format!("{name}.gz"))).unwrap();
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            encoder.write_all(&text).unwrap();
            let modified = fs::metadata(self.path(name)).unwrap().modified().unwrap();
            encoder.finish().unwrap().set_modified(modified).unwrap();
            fs::remove_file(self.path(name)).unwrap();
        }

        /// Reads at most `max` items.
        fn read_some(&mut self, max: usize) {
            let Self {
                tail,
                context,
                lines,
                own,
                ..
            } = self;
            let mut left = max;
            context.scratch.resize(CHUNK_BYTES + 64, 0);
            tail.read(context, &mut |item| {
                match item {
                    TailItem::Own(record) => own.push(record),
                    TailItem::Line(line, _) => {
                        let open = if line.ended { "" } else { "..." };
                        lines.push(format!("{}{open}", String::from_utf8_lossy(line.bytes)));
                    }
                }
                left -= 1;
                if left == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .unwrap();
            self.saved = self.tail.state().unwrap_or_else(|| self.saved.clone());
        }

        fn read(&mut self) -> Vec<String> {
            self.read_some(usize::MAX);
            std::mem::take(&mut self.lines)
        }

        fn restart(&mut self) {
            let state = self.saved.clone();
            self.tail = Tail::new(self.path("a.log"), state, QUIET);
        }

        fn later(&mut self, by: Duration) {
            self.context.now += by;
        }

        fn gaps(&mut self) -> usize {
            let own = std::mem::take(&mut self.own);
            assert!(own.iter().all(|record| record.level == Level::Warn));
            own.iter()
                .filter(|record| record.metadata["event_type"] == "gap")
                .count()
        }
    }

    #[test]
    fn a_file_that_appears_later_is_followed() {
        let mut story = FollowedLog::new();
        assert!(story.read().is_empty());
        story.append("a.log", "one\ntwo\n");
        assert_eq!(story.read(), ["one", "two"]);
        story.append("a.log", "three\n");
        assert_eq!(story.read(), ["three"]);
        assert!(story.read().is_empty());
        assert!(story.own.is_empty());
    }

    #[test]
    fn a_line_written_in_pieces_is_one_line_and_an_unterminated_one_is_delivered() {
        let mut story = FollowedLog::new();
        story.append("a.log", "in ");
        assert!(story.read().is_empty());
        story.append("a.log", "pieces\nhalf");
        assert_eq!(story.read(), ["in pieces"]);
        assert!(story.tail.due().is_some());
        story.later(QUIET);
        assert_eq!(story.read(), ["half..."]);
        assert_eq!(story.tail.due(), None);
        story.restart();
        story.append("a.log", "\nnext\n");
        assert_eq!(
            story.read(),
            ["next"],
            "the late end is not a line of its own, also after a restart"
        );
    }

    #[test]
    fn the_rest_of_a_renamed_file_comes_before_the_new_one() {
        let mut story = FollowedLog::new();
        let mut writer = story.append("a.log", "one\n");
        assert_eq!(story.read(), ["one"]);
        writer.write_all(b"two\n").unwrap();
        story.rename("a.log", "a.log.1");
        story.append("a.log", "four\n");
        writer.write_all(b"three\n").unwrap();
        assert_eq!(story.read(), ["two", "three", "four"]);
        writer.write_all(b"late\n").unwrap();
        story.append("a.log", "five\n");
        assert_eq!(story.read(), ["late", "five"], "the writer had not noticed");
        story.restart();
        writer.write_all(b"later\n").unwrap();
        assert_eq!(story.read(), ["later"], "also after a restart");
    }

    #[test]
    fn reads_files_that_were_rotated_before_they_were_seen() {
        for restart in [false, true] {
            let mut story = FollowedLog::new();
            story.append("a.log.1", "before\n");
            assert!(story.read().is_empty());
            assert!(story.read().is_empty(), "older files are not read");
            if restart {
                story.restart();
            }
            story.rename("a.log.1", "a.log.2");
            story.append("a.log", "one\n");
            story.rename("a.log", "a.log.1");
            story.append("a.log", "two\n");
            assert_eq!(story.read(), ["one", "two"], "restart: {restart}");
        }
    }

    #[test]
    fn a_file_can_be_read_from_its_oldest_rotated_file() {
        let mut story = FollowedLog::new();
        story.append("a.log.2", "one\n");
        story.compress("a.log.2");
        story.append("a.log.1", "two\n");
        story.append("a.log", "three\n");
        story.tail = Tail::new(story.path("a.log"), TailState::from_oldest(), QUIET);
        assert_eq!(story.read(), ["one", "two", "three"]);
    }

    #[test]
    fn a_writer_that_is_late_is_waited_for_over_a_restart() {
        for restart in [false, true] {
            let mut story = FollowedLog::new();
            let mut writer = story.append("a.log", "one\n");
            assert_eq!(story.read(), ["one"]);
            story.rename("a.log", "a.log.1");
            story.append("a.log", "");
            assert!(story.read().is_empty());
            writer.write_all(b"two\n").unwrap();
            story.read_some(1);
            assert_eq!(std::mem::take(&mut story.lines), ["two"]);
            if restart {
                story.restart();
            }
            writer.write_all(b"three\nfour\n").unwrap();
            story.append("a.log", "five\n");
            story.read_some(1);
            if restart {
                story.restart();
            }
            assert_eq!(
                story.read(),
                ["three", "four", "five"],
                "restart: {restart}"
            );
        }
    }

    #[test]
    fn reports_a_truncation_once_if_it_is_noticed_early() {
        let mut story = FollowedLog::new();
        story.append("a.log", "one\n");
        assert_eq!(story.read(), ["one"]);
        story.copytruncate("a.log.1");
        let copied = fs::metadata(story.path("a.log.1")).unwrap();
        let before = copied.modified().unwrap() - Duration::from_millis(5);
        let file = story.append("a.log", "");
        file.set_modified(before).unwrap();
        assert!(story.read().is_empty());
        story.restart();
        assert!(story.read().is_empty(), "the copy was read");
        story.append("a.log", "two\n");
        assert_eq!(story.read(), ["two"]);
        assert_eq!(story.gaps(), 0);
    }

    #[test]
    fn a_copy_that_is_being_made_is_not_read_beside_its_file() {
        // The file is truncated beforehand, noticed or not; with or without a restart while the next copy is made.
        for (seen, restart) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut story = FollowedLog::new();
            story.append("a.log", "one\n");
            assert_eq!(story.read(), ["one"]);
            story.append("a.log", "two\n");
            story.copytruncate("a.log.1");
            if seen {
                assert_eq!(story.read(), ["two"]);
            }
            story.append("a.log", "three\nfour\n");
            story.rename("a.log.1", "a.log.2");
            story.append("a.log.1", "three\n");
            if restart {
                story.restart();
            }
            let mut lines = story.read();
            if !seen {
                assert_eq!(lines.remove(0), "two");
            }
            assert_eq!(lines, ["three", "four"], "seen: {seen}, restart: {restart}");
            story.append("a.log.1", "four\n");
            File::create(story.path("a.log")).unwrap();
            assert!(story.read().is_empty(), "seen: {seen}, restart: {restart}");
            story.append("a.log", "five\n");
            assert_eq!(story.read(), ["five"], "seen: {seen}, restart: {restart}");
            assert_eq!(story.gaps(), 0);
        }
    }

    /// A log whose writer copies and truncates it step by step. Its clock ensures that each write is later than the
    /// one before.
    struct Copied {
        story: FollowedLog,
        time: std::time::SystemTime,
        written: usize,
        /// How many bytes the copy has while one is being made.
        copy: Option<usize>,
    }

    impl Copied {
        fn new() -> Self {
            let mut story = FollowedLog::new();
            assert!(story.read().is_empty());
            Self {
                story,
                time: std::time::SystemTime::now() - Duration::from_hours(1),
                written: 0,
                copy: None,
            }
        }

        fn touch(&mut self, name: &str) {
            self.time += Duration::from_millis(7);
            let file = self.story.append(name, "");
            file.set_modified(self.time).unwrap();
        }

        fn write(&mut self, lines: usize) {
            for _ in 0..lines {
                self.story
                    .append("a.log", &format!("line {}\n", self.written));
                self.written += 1;
            }
            self.touch("a.log");
        }

        /// Continues a rotation: renames the old copies, makes the new one in two steps, truncates the file.
        fn rotate_on(&mut self, pack: bool) {
            let text = fs::read(self.story.path("a.log")).unwrap_or_default();
            match self.copy {
                None if text.is_empty() => {}
                None => {
                    for number in (1..30).rev() {
                        for compressed in ["", ".gz"] {
                            let from = format!("a.log.{number}{compressed}");
                            if self.story.path(&from).exists() {
                                self.story
                                    .rename(&from, &format!("a.log.{}{compressed}", number + 1));
                            }
                        }
                    }
                    if pack && self.story.path("a.log.3").exists() {
                        self.story.compress("a.log.3");
                    }
                    self.copy = Some(text.len() / 2);
                    fs::write(self.story.path("a.log.1"), &text[..text.len() / 2]).unwrap();
                    self.touch("a.log.1");
                }
                Some(length) if length < text.len() => {
                    self.copy = Some(text.len());
                    fs::write(self.story.path("a.log.1"), &text).unwrap();
                    self.touch("a.log.1");
                }
                Some(_) => {
                    self.copy = None;
                    File::create(self.story.path("a.log")).unwrap();
                    self.touch("a.log");
                }
            }
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Move {
        Write(usize),
        RotateOn(bool),
        Read(usize),
        Restart,
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            3 => (1..4_usize).prop_map(Move::Write),
            4 => any::<bool>().prop_map(Move::RotateOn),
            4 => (1..6_usize).prop_map(Move::Read),
            1 => Just(Move::Restart),
        ];
        prop::collection::vec(one, 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
        #[test]
        fn copies_and_truncations_in_any_order_deliver_each_line_once(moves in moves()) {
            let mut copied = Copied::new();
            copied.write(1);
            let mut lines = copied.story.read();
            for step in moves {
                match step {
                    // Data written while a copy is made is lost by the rotating program itself.
                    Move::Write(_) if copied.copy.is_some() => {}
                    Move::Write(count) => copied.write(count),
                    Move::RotateOn(pack) => copied.rotate_on(pack),
                    Move::Read(max) => copied.story.read_some(max),
                    Move::Restart => copied.story.restart(),
                }
                lines.append(&mut copied.story.lines);
            }
            while copied.copy.is_some() {
                copied.rotate_on(false);
            }
            // Content that passed through a file unseen is searched for when the file has content again.
            copied.write(1);
            lines.extend(copied.story.read());
            let expected: Vec<String> = (0..copied.written).map(|number| format!("line {number}")).collect();
            prop_assert_eq!(lines, expected);
        }
    }

    #[test]
    fn renames_during_the_search_for_a_copy_hide_nothing() {
        for round in 0..200 {
            let mut story = FollowedLog::new();
            story.append("a.log.50", "old\n");
            story.append("a.log", "one\n");
            assert_eq!(story.read(), ["one"]);
            story.append("a.log", "two\n");
            story.copytruncate("a.log.1");
            let names: Vec<PathBuf> = (1..40)
                .map(|number| story.path(&format!("a.log.{number}")))
                .collect();
            let (began, when_began) = std::sync::mpsc::channel();
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    for pair in names.windows(2) {
                        fs::rename(&pair[0], &pair[1]).unwrap();
                        let _ = began.send(());
                    }
                });
                when_began.recv().unwrap();
                assert_eq!(story.read(), ["two"], "round {round}");
            });
            story.append("a.log", "three\n");
            assert_eq!(story.read(), ["three"], "round {round}");
        }
    }

    #[test]
    fn rotations_that_pass_unseen_are_read_in_order() {
        let mut story = FollowedLog::new();
        story.append("a.log", "one\n");
        assert_eq!(story.read(), ["one"]);
        for text in ["two\n", "three\n", "four\n"] {
            for number in (1..4).rev() {
                let from = format!("a.log.{number}");
                if story.path(&from).exists() {
                    story.rename(&from, &format!("a.log.{}", number + 1));
                }
            }
            story.rename("a.log", "a.log.1");
            story.append("a.log", text);
        }
        assert_eq!(story.read(), ["two", "three", "four"]);
        assert!(story.own.is_empty());
    }

    #[test]
    fn a_restart_finds_its_place_among_rotated_and_compressed_files() {
        let mut story = FollowedLog::new();
        story.append("a.log", "one\ntwo\nthree\n");
        story.read_some(1);
        story.rename("a.log", "a.log.2");
        story.compress("a.log.2");
        story.append("a.log.1", "four\n");
        story.append("a.log", "five\n");
        story.restart();
        story.lines.clear();
        assert_eq!(story.read(), ["two", "three", "four", "five"]);
        story.restart();
        assert!(story.read().is_empty());
        assert_eq!(story.gaps(), 0);
    }

    #[test]
    fn a_copied_and_truncated_file_loses_nothing() {
        for restart in [false, true] {
            let mut story = FollowedLog::new();
            story.append("a.log", "one\ntwo\nhalf");
            assert_eq!(story.read(), ["one", "two"]);
            story.append("a.log", "way\nthree\n");
            story.copytruncate("a.log.1");
            story.append("a.log", "four\nfive\nsix\nseven\neight\nnine\n");
            if restart {
                story.restart();
            }
            let expected = [
                "halfway", "three", "four", "five", "six", "seven", "eight", "nine",
            ];
            assert_eq!(story.read(), expected, "restart: {restart}");
            assert_eq!(story.gaps(), 0);
        }
    }

    #[test]
    fn reads_content_that_passed_through_an_empty_file_after_a_restart() {
        let mut story = FollowedLog::new();
        story.append("a.log.1", "before\n");
        File::create(story.path("a.log")).unwrap();
        let old = std::time::SystemTime::now() - Duration::from_mins(1);
        for name in ["a.log", "a.log.1"] {
            fs::OpenOptions::new()
                .write(true)
                .open(story.path(name))
                .unwrap()
                .set_modified(old)
                .unwrap();
        }
        assert!(story.read().is_empty());
        story.append("a.log", "one\n");
        story.rename("a.log.1", "a.log.2");
        story.copytruncate("a.log.1");
        story.append("a.log", "two\n");
        story.restart();
        assert_eq!(story.read(), ["one", "two"]);
    }

    #[test]
    fn a_truncated_file_is_read_from_the_start() {
        let mut story = FollowedLog::new();
        story.append("a.log", "one\nhalf");
        assert_eq!(story.read(), ["one"]);
        File::create(story.path("a.log")).unwrap();
        assert_eq!(story.read(), ["half..."], "the old content is not lost");
        story.append("a.log", "two\n");
        assert_eq!(story.read(), ["two"]);
    }

    #[test]
    fn a_file_rewritten_to_the_same_size_is_read_from_the_start() {
        for (restart, copied) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut story = FollowedLog::new();
            story.append("a.log", "one\ntwo\n");
            assert_eq!(story.read(), ["one", "two"]);
            let size = |story: &FollowedLog| fs::metadata(story.path("a.log")).unwrap().len();
            let before = size(&story);
            if copied {
                story.append("a.log", "three\n");
                story.copytruncate("a.log.1");
            } else {
                File::create(story.path("a.log")).unwrap();
            }
            story.append("a.log", "six\nten\n");
            assert_eq!(size(&story), before);
            if restart {
                story.restart();
            }
            let expected: &[&str] = if copied {
                &["three", "six", "ten"]
            } else {
                &["six", "ten"]
            };
            let context = format!("restart: {restart}, copied: {copied}");
            assert_eq!(story.read(), expected, "{context}");
            // Data written between the last check and a restart may be missing.
            assert_eq!(story.gaps(), usize::from(restart && !copied), "{context}");
            assert!(story.read().is_empty(), "{context}");
        }
    }

    #[test]
    fn a_hole_in_the_file_is_not_a_line() {
        use std::os::unix::fs::FileExt;
        for at in [700, 5_000, 200_000, 300_001] {
            let mut story = FollowedLog::new();
            story.append("a.log", "one\n");
            assert_eq!(story.read(), ["one"]);
            fs::copy(story.path("a.log"), story.path("a.log.1")).unwrap();
            let file = fs::OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(story.path("a.log"))
                .unwrap();
            file.write_at(b"two\nhalf", at).unwrap();
            assert_eq!(story.read(), ["two"], "{at}");
            story.restart();
            story.append("a.log", "way\n");
            assert_eq!(story.read(), ["halfway"], "{at}");
            assert_eq!(story.gaps(), 0);
        }
    }

    #[test]
    fn an_unseen_truncation_is_a_gap() {
        let mut story = FollowedLog::new();
        story.append("a.log", "one\n");
        assert_eq!(story.read(), ["one"]);
        fs::write(story.path("a.log"), "anew\n").unwrap();
        story.restart();
        assert_eq!(story.read(), ["anew"], "same inode, another content");
        assert_eq!(story.gaps(), 1);
        story.restart();
        assert!(story.read().is_empty());
        assert_eq!(story.gaps(), 0, "a gap is reported once");
    }

    #[test]
    fn a_file_that_reuses_the_inode_is_another_file() {
        let mut story = FollowedLog::new();
        story.append("a.log", "old line one\n");
        assert_eq!(story.read(), ["old line one"]);
        story.restart();
        story.tail = {
            let mut state = TailState {
                marks: vec![story.tail.resume.clone().unwrap().newest],
                absent: None,
            };
            fs::remove_file(story.path("a.log")).unwrap();
            let file = story.append("a.log", "new line one\nnew line two\n");
            state.marks[0].inode = Inode::of(&file.metadata().unwrap());
            Tail::new(story.path("a.log"), state, QUIET)
        };
        assert_eq!(story.read(), ["new line one", "new line two"]);
        assert_eq!(story.gaps(), 1);
    }

    #[test]
    fn a_deleted_file_is_read_to_its_end_and_closed() {
        let mut story = FollowedLog::new();
        let mut writer = story.append("a.log", "one\n");
        assert_eq!(story.read(), ["one"]);
        writer.write_all(b"two\n").unwrap();
        fs::remove_file(story.path("a.log")).unwrap();
        assert_eq!(story.read(), ["two"]);
        story.later(LINGER_DELETED * 2);
        assert!(story.read().is_empty());
        assert!(story.tail.row.is_empty());
        story.append("a.log", "three\n");
        assert_eq!(story.read(), ["three"]);
    }

    #[test]
    fn renamed_files_are_closed_in_the_end() {
        let mut story = FollowedLog::new();
        story.append("a.log", "one\n");
        story.read();
        story.rename("a.log", "a.log.1");
        story.append("a.log", "two\n");
        story.read();
        assert_eq!(story.tail.row.len(), 2);
        story.later(LINGER * 2);
        story.read();
        assert_eq!(story.tail.row.len(), 1);
    }

    #[test]
    fn a_state_waits_for_a_file_that_is_not_there_yet() {
        let mut story = FollowedLog::new();
        story.append("a.log", "one\n");
        assert_eq!(story.read(), ["one"]);
        story.rename("a.log", "elsewhere");
        story.restart();
        assert!(story.read().is_empty());
        assert_eq!(story.tail.state(), None, "the old position is kept");
        story.rename("elsewhere", "a.log");
        story.append("a.log", "two\n");
        assert_eq!(story.read(), ["two"]);
    }

    #[test]
    fn reports_an_unreadable_file_once() {
        let mut story = FollowedLog::new();
        fs::create_dir(story.path("a.log")).unwrap();
        story.read();
        story.read();
        assert_eq!(story.own.len(), 1);
        assert!(
            story.own[0].message.contains("it is not a regular file"),
            "{}",
            story.own[0].message
        );
    }

    #[test]
    fn a_damaged_compressed_file_is_a_gap_and_reading_continues() {
        let mut story = FollowedLog::new();
        story.append("a.log", "one\n");
        assert_eq!(story.read(), ["one"]);
        story.rename("a.log", "a.log.2");
        let text: String = (0..20_000u32)
            .flat_map(|n| {
                [
                    "line ".to_owned(),
                    (n * 7919 % 10_007).to_string(),
                    "\n".to_owned(),
                ]
            })
            .collect();
        story.append("a.log.1", &text);
        story.compress("a.log.1");
        let compressed = fs::read(story.path("a.log.1.gz")).unwrap();
        fs::write(
            story.path("a.log.1.gz"),
            &compressed[..compressed.len() / 2],
        )
        .unwrap();
        story.append("a.log", "after\n");
        let lines = story.read();
        assert!(
            lines.len() > 100 && lines.last().unwrap() == "after",
            "{}",
            lines.len()
        );
        assert_eq!(story.gaps(), 1);
    }

    /// A small random number generator with a fixed seed, so that every run is the same.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % sides).unwrap()
        }
    }

    fn shift(story: &FollowedLog) {
        for number in (1..200).rev() {
            for extension in ["", ".gz"] {
                let from = format!("a.log.{number}{extension}");
                if story.path(&from).exists() {
                    story.rename(&from, &format!("a.log.{}{extension}", number + 1));
                }
            }
        }
    }

    /// Random writes, rotations of all kinds, partial reads and restarts: every line once and in order.
    #[test]
    fn random_rotations_lose_and_repeat_nothing() {
        let stories = std::env::var("VMLOG_STORMS").map_or(40, |count| count.parse().unwrap());
        for seed in 1..=stories {
            let mut dice = Dice(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
            let mut story = FollowedLog::new();
            let mut written = Vec::new();
            let mut told = Vec::new();
            story.append("a.log", "first\n");
            assert_eq!(story.read(), ["first"]);
            for _ in 0..120 {
                match dice.roll(10) {
                    0..=4 => {
                        for _ in 0..dice.roll(30) {
                            let line = format!("{} {}", written.len(), "x".repeat(dice.roll(40)));
                            story.append("a.log", &format!("{line}\n"));
                            written.push(line);
                        }
                    }
                    5 if story.path("a.log").exists() => {
                        shift(&story);
                        story.rename("a.log", "a.log.1");
                    }
                    // A held file of which nothing was read cannot be distinguished from its successor.
                    6 if story.path("a.log").exists()
                        && story
                            .tail
                            .row
                            .newest()
                            .is_none_or(|file| file.mark().offset > 0)
                        && story.saved.marks.last().is_none_or(|mark| mark.offset > 0) =>
                    {
                        shift(&story);
                        story.copytruncate("a.log.1");
                    }
                    7 if story.path("a.log.2").exists() => story.compress("a.log.2"),
                    8 => story.restart(),
                    _ => story.read_some(1 + dice.roll(40)),
                }
                told.append(&mut story.lines);
            }
            for _ in 0..4 {
                told.append(&mut story.read());
            }
            let first_fault = told
                .iter()
                .zip(&written)
                .position(|(told, written)| told != written);
            assert_eq!(
                (first_fault, told.len()),
                (None, written.len()),
                "story {seed}"
            );
            assert_eq!(story.gaps(), 0, "story {seed}");
        }
    }
}
