//! Journal entries to records, parts of lines joined, across restarts: the position of an origin tells which lines were not
//! complete, and their parts are read again.

use super::Intake;
use super::cut;
use super::entry::{Outline, Rules, Taken};
use super::partial::{Joiner, Part, Unfinished};
use super::position;
use crate::journal::{Cursor, Entry, OriginPosition};
use crate::record::Positions;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The prefix of the origins of positions.
const ORIGIN: &str = "journal:";

/// The value of a position, as CBOR.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    /// The last entry that was taken.
    cursor: String,
    /// The lines that were not complete then.
    unfinished: Vec<Unfinished>,
}

/// Makes records of entries.
#[derive(Debug)]
pub(crate) struct Joining {
    joiner: Joiner,
    replays: Vec<Replay>,
}

/// The entries of an origin that are read again for the parts among them.
#[derive(Debug)]
struct Replay {
    origin: String,
    /// The number of the last of them.
    until: u64,
    unfinished: Vec<Unfinished>,
}

impl Joining {
    /// Goes on from `positions`; also says where the journal has to go on.
    pub(crate) fn resume(positions: &Positions) -> (Self, Vec<OriginPosition>) {
        let mut resume = Vec::new();
        let mut replays = Vec::new();
        for name in positions.keys() {
            let Some(origin) = name.strip_prefix(ORIGIN).map(str::to_owned) else {
                continue;
            };
            let Saved { cursor, unfinished } = position::load(positions, name);
            let Ok(cursor) = cursor.parse::<Cursor>() else {
                continue;
            };
            let first = unfinished.iter().map(|unfinished| unfinished.first).min();
            let last_before = first.map_or(cursor.seqnum, |first| first.saturating_sub(1));
            if first.is_some() {
                replays.push(Replay {
                    origin: origin.clone(),
                    until: cursor.seqnum,
                    unfinished,
                });
            }
            let cursor = Cursor {
                seqnum: last_before.min(cursor.seqnum),
                ..cursor
            };
            resume.push(OriginPosition { origin, cursor });
        }
        let joiner = Joiner::default();
        (Self { joiner, replays }, resume)
    }

    /// Takes an entry: a record now, or later when its line is complete.
    pub(crate) fn take(&mut self, entry: &Entry<'_>, rules: &Rules, intake: &mut Intake<'_>) {
        let outline = Outline::of(entry.fields());
        if !outline.is_kept(rules) {
            intake.filter();
            return;
        }
        let taken = Taken {
            realtime: entry.realtime(),
            monotonic: entry.monotonic(),
        };
        let record = || {
            let mut record = outline.record(entry.fields(), taken, rules);
            cut::mark(&mut record, entry);
            record
        };
        let (origin, seqnum) = (entry.origin(), entry.seqnum());
        let part = || outline.part(origin);
        if let Some(replay) = self.replay(origin, seqnum) {
            let is_wanted = |part: &Part<'_>| {
                let wanted = replay.unfinished.iter();
                wanted
                    .into_iter()
                    .any(|line| line.key == part.key && line.first <= seqnum)
            };
            if let Some(part) = part().filter(is_wanted) {
                // what came out then is in the store already
                self.joiner.take(part, origin, seqnum, record, drop);
            }
            return;
        }
        let may_be_part = outline.is_part() || !self.joiner.is_empty();
        match may_be_part.then(part).flatten() {
            Some(part) if part.goes_on || self.joiner.expects(part.key) => {
                self.joiner
                    .take(part, origin, seqnum, record, |record| intake.push(record));
            }
            _ => intake.push(record()),
        }
    }

    /// The replay that an entry belongs to; one that it lies behind is over.
    fn replay(&mut self, origin: &str, seqnum: u64) -> Option<&Replay> {
        if self.replays.is_empty() {
            return None;
        }
        self.replays
            .retain(|replay| replay.origin != origin || seqnum <= replay.until);
        self.replays.iter().find(|replay| replay.origin == origin)
    }

    /// Gives out lines whose next part does not come. `true` when there were some: then positions have changed.
    pub(crate) fn expire(&mut self, intake: &mut Intake<'_>) -> bool {
        let before = intake.count();
        self.joiner
            .expire(Instant::now(), |record| intake.push(record));
        intake.count() > before
    }

    /// When something will have to be given out.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.joiner.due()
    }

    /// Keeps the position of an origin. While entries are read again, the one that was kept stays in force.
    pub(crate) fn save(&self, position: &OriginPosition, intake: &mut Intake<'_>) {
        let origin = &position.origin;
        if self.replays.iter().any(|replay| &replay.origin == origin) {
            return;
        }
        let saved = Saved {
            cursor: position.cursor.to_string(),
            unfinished: self.joiner.unfinished(origin).collect(),
        };
        let reached = position.cursor.seqnum;
        intake.position(
            position::save(&format!("{ORIGIN}{origin}"), &saved),
            Some(reached),
        );
    }
}
