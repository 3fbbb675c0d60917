//! Turns journal entries into records and joins the parts of lines, across restarts: the position of an origin names
//! the lines that were incomplete, and their parts are read again.

use crate::collect::collector::Intake;
use crate::collect::journald::cut;
use crate::collect::journald::entry::{EntryRules, EntryTimes, Outline};
use crate::collect::journald::generations::{Generations, KnownContainer};
use crate::collect::journald::journal_events::JournalEvents;
use crate::collect::journald::partial::{EntryPlace, Joiner, LinePart, Rest, Unfinished};
use crate::collect::position;
use crate::collect::recognise::{LineEvents, Recognition};
use crate::journal::{Cursor, Entry, OriginPosition};
use crate::record::{Positions, Record};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The prefix of the origins of positions.
const ORIGIN: &str = "journal:";

/// The value of a position, as CBOR.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SavedOrigin {
    /// The last entry that was processed.
    cursor: String,
    /// The lines that were incomplete then.
    unfinished: Vec<Unfinished>,
    /// The lines that were delivered before their end.
    #[serde(default)]
    rests: Vec<Rest>,
    /// The runs of containers.
    #[serde(default)]
    containers: Vec<KnownContainer>,
    /// The events that the next lines may continue.
    #[serde(default)]
    events: LineEvents,
}

/// Makes records of entries.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    joiner: Joiner,
    replays: Vec<EntryReplay>,
    generations: Generations,
    events: JournalEvents,
}

/// The entries of an origin that are read again for the parts among them.
#[derive(Debug)]
struct EntryReplay {
    origin: String,
    /// The sequence number of the last of them.
    until: u64,
    unfinished: Vec<Unfinished>,
}

impl Joining {
    /// Continues from `positions`; also returns where the journal has to continue.
    pub(crate) fn resume(
        positions: &Positions,
        recognition: Recognition,
    ) -> (Self, Vec<OriginPosition>) {
        let mut resume = Vec::new();
        let mut joining = Self {
            joiner: Joiner::new(recognition),
            ..Self::default()
        };
        for name in positions.keys() {
            let Some(origin) = name.strip_prefix(ORIGIN).map(str::to_owned) else {
                continue;
            };
            let SavedOrigin {
                cursor,
                unfinished,
                rests,
                containers,
                events,
            } = position::load(positions, name);
            let Ok(cursor) = cursor.parse::<Cursor>() else {
                continue;
            };
            let begun = unfinished.iter().filter_map(|line| line.rest);
            for rest in begun.chain(rests) {
                joining.joiner.restore(&origin, rest);
            }
            joining.events.restore(&origin, events);
            for known in containers {
                joining.generations.restore(&origin, known);
            }
            let first = unfinished.iter().map(|unfinished| unfinished.first).min();
            let last_before = first.map_or(cursor.seqnum, |first| first.saturating_sub(1));
            if first.is_some() {
                joining.replays.push(EntryReplay {
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
        (joining, resume)
    }

    /// Processes an entry: a record is made now, or later when its line is complete.
    pub(crate) fn take(&mut self, entry: &Entry<'_>, rules: &EntryRules, intake: &mut Intake<'_>) {
        let (origin, seqnum) = (entry.origin(), entry.seqnum());
        let place = EntryPlace {
            seqnum,
            boot: entry.boot_id(),
            monotonic: entry.monotonic(),
        };
        let is_replayed = self.replay(origin, seqnum).is_some();
        if !is_replayed {
            let events = &mut self.events;
            self.joiner.pass(origin, place, |mut record| {
                events.place(origin, &mut record, &rules.recognition);
                intake.push(record);
            });
        }
        let outline = Outline::of(entry.fields());
        if !outline.is_kept(rules) {
            intake.filter();
            return;
        }
        let taken = EntryTimes {
            realtime: entry.realtime(),
            monotonic: entry.monotonic(),
            directory: directory(origin),
        };
        let record = || {
            let mut record = outline.record(entry.fields(), taken, rules);
            cut::mark(&mut record, entry);
            record
        };
        let part = || outline.part(origin, rules);
        if let Some(replay) = self.replay(origin, seqnum) {
            let is_wanted = |part: &LinePart<'_>| {
                let wanted = replay.unfinished.iter();
                wanted
                    .into_iter()
                    .any(|line| line.key == part.key && line.first <= seqnum)
            };
            if let Some(part) = part().filter(is_wanted) {
                // The records before that place are in the store already.
                self.joiner.take(part, origin, place, record, drop);
            }
            return;
        }
        if let Some(generation) = outline.generation()
            && let Some(change) = self.generations.observe(origin, &generation)
        {
            intake.push(change.record(&record()));
        }
        let may_be_part = outline.is_part() || !self.joiner.is_empty();
        let Self { joiner, events, .. } = self;
        let mut push = |mut record: Record| {
            events.place(origin, &mut record, &rules.recognition);
            intake.push(record);
        };
        match may_be_part.then(part).flatten() {
            Some(part) if part.continues || joiner.expects(part.key) => {
                joiner.take(part, origin, place, record, push);
            }
            _ => push(record()),
        }
    }

    /// The replay that an entry belongs to. A replay ends with its last entry.
    fn replay(&mut self, origin: &str, seqnum: u64) -> Option<&EntryReplay> {
        if self.replays.is_empty() {
            return None;
        }
        self.replays
            .retain(|replay| replay.origin != origin || seqnum <= replay.until);
        self.replays.iter().find(|replay| replay.origin == origin)
    }

    /// Delivers lines whose next part has not arrived in time. Returns `true` if there were any: positions have then
    /// changed.
    pub(crate) fn expire(&mut self, intake: &mut Intake<'_>) -> bool {
        let before = intake.count();
        self.joiner
            .expire(Instant::now(), |record| intake.push(record));
        intake.count() > before
    }

    /// When the next incomplete line times out.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.joiner.due()
    }

    /// Saves the position of an origin. While entries are read again, the saved position does not change.
    pub(crate) fn save(&self, position: &OriginPosition, intake: &mut Intake<'_>) {
        let origin = &position.origin;
        if self.replays.iter().any(|replay| &replay.origin == origin) {
            return;
        }
        let saved = SavedOrigin {
            cursor: position.cursor.to_string(),
            unfinished: self.joiner.unfinished(origin).collect(),
            rests: self.joiner.rests(origin).collect(),
            containers: self.generations.of(origin).collect(),
            events: self.events.of(origin),
        };
        let reached = position.cursor.seqnum;
        intake.position(
            position::save(&format!("{ORIGIN}{origin}"), &saved),
            Some(reached),
        );
    }
}

/// The name of the directory of an origin's files.
fn directory(origin: &str) -> &str {
    let lasting = origin.strip_prefix("run/").unwrap_or(origin);
    lasting
        .split_once('/')
        .map_or(lasting, |(directory, _)| directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Level, Position};
    use ciborium::cbor;

    const CURSOR: &str =
        "s=00000000000000000000000000000001;i=2a;b=00000000000000000000000000000002;m=1;t=2;x=3";

    #[test]
    fn positions_of_earlier_versions_are_read() {
        let unfinished = cbor!({"key" => 7, "first" => 40}).unwrap();
        let saved = cbor!({"cursor" => CURSOR, "unfinished" => [unfinished]}).unwrap();
        let mut value = Vec::new();
        ciborium::into_writer(&saved, &mut value).unwrap();
        let positions = Positions::from([("journal:m/system/s".to_owned(), value)]);
        let (joining, resume) = Joining::resume(&positions, Recognition::default());
        assert_eq!(resume.len(), 1);
        assert_eq!(
            (resume[0].origin.as_str(), resume[0].cursor.seqnum),
            ("m/system/s", 39)
        );
        let expected = Unfinished {
            key: 7,
            first: 40,
            rest: None,
        };
        assert_eq!(joining.replays[0].unfinished, [expected]);
        assert_eq!(joining.replays[0].until, 42);
    }

    #[test]
    fn restores_unfinished_lines() {
        let rest = Rest {
            key: 7,
            part: 3,
            level: Level::Warn,
        };
        let begun = Unfinished {
            key: 8,
            first: 40,
            rest: Some(Rest { key: 8, ..rest }),
        };
        let saved = SavedOrigin {
            cursor: CURSOR.to_owned(),
            unfinished: vec![begun],
            rests: vec![rest],
            containers: Vec::new(),
            events: LineEvents::default(),
        };
        let Position { origin, value } = position::save("journal:m/system/s", &saved);
        let (joining, _) = Joining::resume(
            &Positions::from([(origin, value.unwrap())]),
            Recognition::default(),
        );
        let rests: Vec<Rest> = joining.joiner.rests("m/system/s").collect();
        assert_eq!(rests, [Rest { key: 8, ..rest }, rest]);
    }

    #[test]
    fn an_origin_names_its_directory() {
        assert_eq!(directory("0123/system/s"), "0123");
        assert_eq!(directory("run/0123.app/system/s"), "0123.app");
        assert_eq!(directory("journal"), "journal");
    }
}
