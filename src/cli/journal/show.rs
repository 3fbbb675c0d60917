//! Shows entries: where to start, which to print, when to stop, and how to follow new ones.

use super::boots;
use super::print;
use super::request::{BootChoice, LineCount, Show, StartPoint};
use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use crate::journal::{Cursor, Entry, Id128, Journal, JournalEvent, Seek};
use std::ops::ControlFlow;
use std::time::Duration;

/// How long to wait for new entries before checking whether the output is still open.
const WAIT: Duration = Duration::from_secs(1);

/// Shows the requested entries.
pub(super) fn run(
    journal: &mut Journal,
    show: &Show,
    output: &mut StandardOutput,
) -> Result<(), Failure> {
    let boot = match show.boot {
        None => None,
        Some(BootChoice::Id(id)) => Some(id),
        Some(BootChoice::Offset(offset)) => Some(boots::at(journal, offset)?),
        Some(BootChoice::Beside(id, offset)) => Some(boots::beside(journal, id, offset)?),
    };
    let mut shower = Shower {
        show,
        boot,
        output,
        left: u64::MAX,
        last: None,
    };
    shower.begin(journal);
    while shower.step(journal)?.is_continue() {}
    if show.follow {
        shower.follow(journal)?;
    }
    shower.finish()
}

struct Shower<'a> {
    show: &'a Show,
    boot: Option<Id128>,
    output: &'a mut StandardOutput,
    /// Entries that may still be printed.
    left: u64,
    last: Option<Cursor>,
}

impl Shower<'_> {
    /// Moves to the place where printing starts.
    fn begin(&mut self, journal: &mut Journal) {
        let show = self.show;
        match show.lines {
            Some(LineCount::First(lines)) => self.left = lines,
            Some(LineCount::Last(lines)) if show.reverse || show.start != StartPoint::Natural => {
                self.left = lines;
            }
            _ => {}
        }
        let seek = match (show.start, show.reverse) {
            // In reverse order, the entries after a cursor are the ones before it.
            (StartPoint::Cursor(cursor), false) | (StartPoint::AfterCursor(cursor), true) => {
                Seek::Cursor(cursor)
            }
            (StartPoint::AfterCursor(cursor), false) | (StartPoint::Cursor(cursor), true) => {
                Seek::After(cursor)
            }
            (StartPoint::Natural, true) => return self.begin_at_the_end(journal),
            (StartPoint::Natural, false) => match (show.lines, show.since) {
                (Some(LineCount::Last(lines)), _) => {
                    return self.begin_before_the_end(journal, lines);
                }
                (_, Some(since)) => Seek::Realtime(u64::try_from(since.get()).unwrap_or(0)),
                (_, None) => Seek::Head,
            },
        };
        journal.seek(&seek);
    }

    fn begin_at_the_end(&mut self, journal: &mut Journal) {
        let seek = match self.show.until {
            Some(until) => {
                Seek::Realtime(u64::try_from(until.get()).unwrap_or(0).saturating_add(1))
            }
            None => Seek::Tail,
        };
        journal.seek(&seek);
    }

    /// Walks back over `lines` matching entries, to the one before the first of them.
    fn begin_before_the_end(&mut self, journal: &mut Journal, lines: u64) {
        self.begin_at_the_end(journal);
        let (mut wanted, mut first) = (0, None);
        while wanted < lines
            && let Some(event) = journal.previous()
        {
            let JournalEvent::Entry(entry) = event else {
                continue;
            };
            if self.is_before(&entry) {
                break;
            }
            if self.is_wanted(&entry) {
                wanted += 1;
                first = Some(entry.cursor());
            }
        }
        let seek = first.map_or(Seek::Tail, Seek::Cursor);
        journal.seek(&seek);
    }

    /// Prints the next entry, if there is one and it matches.
    fn step(&mut self, journal: &mut Journal) -> Result<ControlFlow<()>, Failure> {
        if self.left == 0 {
            return Ok(ControlFlow::Break(()));
        }
        let backward = self.show.reverse;
        let event = if backward {
            journal.previous()
        } else {
            journal.next()
        };
        match event {
            None => Ok(ControlFlow::Break(())),
            Some(JournalEvent::Gap(gap)) => {
                notice!(
                    "{} entries were deleted before they could be read",
                    gap.count()
                );
                Ok(ControlFlow::Continue(()))
            }
            Some(JournalEvent::Entry(entry)) if self.is_past(&entry, backward) => {
                Ok(ControlFlow::Break(()))
            }
            Some(JournalEvent::Entry(entry)) => self.print(&entry),
        }
    }

    fn print(&mut self, entry: &Entry<'_>) -> Result<ControlFlow<()>, Failure> {
        if self.is_wanted(entry) {
            self.remark_boot(entry);
            print::push(&self.show.format, self.output, entry);
            self.last = Some(entry.cursor());
            self.left -= 1;
            if !self.output.advance()? {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn remark_boot(&mut self, entry: &Entry<'_>) {
        let before = self.last.map(|last| last.boot_id);
        if self.show.remarks.boots && before.is_some_and(|before| before != entry.boot_id()) {
            let line = format!("-- Boot {} --\n", entry.boot_id());
            self.output.buffer().extend_from_slice(line.as_bytes());
        }
    }

    fn is_wanted(&self, entry: &Entry<'_>) -> bool {
        self.boot.is_none_or(|boot| entry.boot_id() == boot)
            && !self.is_before(entry)
            && !self.is_after(entry)
            && self.show.expression.holds(entry)
    }

    fn is_before(&self, entry: &Entry<'_>) -> bool {
        self.show
            .since
            .is_some_and(|since| i64::try_from(entry.realtime()).unwrap_or(i64::MAX) < since.get())
    }

    fn is_after(&self, entry: &Entry<'_>) -> bool {
        self.show
            .until
            .is_some_and(|until| i64::try_from(entry.realtime()).unwrap_or(i64::MAX) > until.get())
    }

    /// Whether no further entry can match, judged by the times.
    fn is_past(&self, entry: &Entry<'_>, backward: bool) -> bool {
        if backward {
            self.is_before(entry)
        } else {
            self.is_after(entry)
        }
    }

    /// Follows new entries until the output is closed.
    fn follow(&mut self, journal: &mut Journal) -> Result<(), Failure> {
        self.left = u64::MAX;
        loop {
            while self.step(journal)?.is_continue() {}
            self.output.flush()?;
            if !self.output.advance()? {
                return Ok(());
            }
            journal.wait(WAIT);
        }
    }

    fn finish(self) -> Result<(), Failure> {
        if self.last.is_none() && self.show.remarks.nothing {
            let line = b"-- No entries --\n";
            self.output.buffer().extend_from_slice(line);
        }
        if let Some(cursor) = self.last.filter(|_| self.show.remarks.cursor) {
            self.output
                .buffer()
                .extend_from_slice(format!("-- cursor: {cursor}\n").as_bytes());
        }
        self.output.advance().map(drop)?;
        if self.last.is_none() && self.show.must_find {
            self.output.flush()?;
            return Err(Failure::failed("--grep found nothing"));
        }
        Ok(())
    }
}
