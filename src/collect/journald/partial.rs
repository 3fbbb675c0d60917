//! Joins the parts of long lines. Container engines cut lines at a few KiB and flag the parts; journald cuts lines of
//! services at its `LineMax` (48 KiB) and marks the cut. Parts of several writers are interleaved. A line that does
//! not end within the limits is delivered in marked parts, and its later parts continue from there.

use crate::collect::recognise::Recognition;
use crate::collect::tail::mark::digest;
use crate::collect::text;
use crate::collect::text::line::{LINE_MAX, Line};
use crate::journal::Id128;
use crate::record::{Level, Record};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long a line waits for its next part. Programs that cut lines send all parts at once.
const PART_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of lines being joined: more than the containers of a small machine have streams.
const OPEN_MAX: usize = 64;

/// Maximum size of all lines being joined: a few of the longest, so that hostile containers cannot fill the memory.
const BYTES_MAX: usize = 8 << 20;

/// Maximum number of lines that were delivered before their end and may continue. Each takes a few words; the oldest
/// is dropped for a new one.
const RESTS_MAX: usize = 64;

/// Docker cuts at this length. Version 18.06 flags the last part like the others; it is recognised by being shorter.
const DOCKER_CUT: usize = 16 << 10;

/// The writer of a part: the origin in the journal, and the process.
type PartWriter<'a> = (&'a str, Option<&'a [u8]>);

/// Fields of a container's output that describe parts.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct PartFields<'a> {
    /// `CONTAINER_PARTIAL_MESSAGE=true`.
    pub(crate) is_flagged: bool,
    /// `CONTAINER_PARTIAL_ID`, equal in all parts of a line.
    pub(crate) id: Option<&'a [u8]>,
    /// `CONTAINER_PARTIAL_LAST`.
    pub(crate) is_last: Option<bool>,
    /// `CONTAINER_ID`.
    pub(crate) container: Option<&'a [u8]>,
}

/// Fields of a service's output that describe parts.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct StreamFields<'a> {
    /// `_STREAM_ID`: one connection to journald.
    pub(crate) id: Option<&'a [u8]>,
    /// `_LINE_BREAK=line-max`: the line continues. A line that ends with `nul`, `eof` or `pid-change` is complete.
    pub(crate) is_cut: bool,
}

/// A message and the line that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinePart<'a> {
    /// Identifies the line among those being joined.
    pub(crate) key: u64,
    /// Whether the line continues.
    pub(crate) continues: bool,
    pub(crate) bytes: &'a [u8],
    /// The level of a line that may state one but does not.
    pub(crate) fallback: Option<Level>,
}

/// The entry that holds a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryPlace {
    pub(crate) seqnum: u64,
    pub(crate) boot: Id128,
    /// Microseconds since the boot.
    pub(crate) monotonic: u64,
}

impl<'a> PartFields<'a> {
    /// The part that a message of the stream with `priority` holds.
    pub(crate) fn part(
        &self,
        writer: PartWriter<'_>,
        priority: Option<u8>,
        bytes: &'a [u8],
        is_docker: bool,
        fallback: Option<Level>,
    ) -> LinePart<'a> {
        let is_short = is_docker && bytes.len() < DOCKER_CUT;
        let texts = [self.container, self.id];
        LinePart {
            key: key(writer, texts, priority.unwrap_or(u8::MAX)),
            continues: match self.is_last {
                Some(is_last) => !is_last,
                None => self.is_flagged && !is_short,
            },
            bytes,
            fallback,
        }
    }
}

impl<'a> StreamFields<'a> {
    /// The part that a message holds. journald never joins lines of two processes.
    pub(crate) fn part(
        &self,
        writer: PartWriter<'_>,
        bytes: &'a [u8],
        fallback: Option<Level>,
    ) -> Option<LinePart<'a>> {
        Some(LinePart {
            key: key(writer, [Some(self.id?), None], 0),
            continues: self.is_cut,
            bytes,
            fallback,
        })
    }
}

fn key((origin, process): PartWriter<'_>, texts: [Option<&[u8]>; 2], stream: u8) -> u64 {
    let mut name = origin.as_bytes().to_vec();
    for text in [process].into_iter().chain(texts) {
        name.push(0);
        name.extend_from_slice(text.unwrap_or_default());
    }
    name.push(stream);
    digest(&name)
}

/// A line with missing parts.
#[derive(Debug)]
struct OpenLine {
    key: u64,
    origin: String,
    /// The number of the journal entry where it starts, or where its current piece starts.
    first: u64,
    /// Time, source, level and metadata of the first part.
    record: Record,
    fallback: Option<Level>,
    bytes: Vec<u8>,
    /// How many records the line has been split into.
    part: u32,
    /// The last entry of the line, and when that was read.
    last: EntryPlace,
    since: Instant,
}

/// A line that was delivered before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub(crate) key: u64,
    /// How many records it has been split into.
    pub(crate) part: u32,
    /// The level of those records.
    pub(crate) level: Level,
}

/// Where reading must start again to find all parts of the lines being joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    pub(crate) key: u64,
    pub(crate) first: u64,
    /// The state of the line after the parts that were delivered before that.
    #[serde(default)]
    pub(crate) rest: Option<Rest>,
}

/// Joins parts.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    recognition: Recognition,
    /// Lines being joined; the one whose last part is oldest comes first.
    open: Vec<OpenLine>,
    /// Lines delivered before their end, each with its origin; the oldest comes first.
    rests: Vec<(String, Rest)>,
    bytes: usize,
}

impl Joiner {
    /// Creates a joiner without lines; `recognition` finds the level that a line states.
    pub(crate) fn new(recognition: Recognition) -> Self {
        Self {
            recognition,
            ..Self::default()
        }
    }

    /// Whether a message belongs to a line with earlier parts.
    pub(crate) fn expects(&self, key: u64) -> bool {
        self.open.iter().any(|open| open.key == key)
            || self.rests.iter().any(|(_, rest)| rest.key == key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.rests.is_empty()
    }

    /// Adds a part, from the entry at `place` of `origin`; `record` makes a record of it. Delivers lines that are
    /// complete or too long, and lines that have to make room.
    pub(crate) fn take(
        &mut self,
        part: LinePart<'_>,
        origin: &str,
        place: EntryPlace,
        record: impl FnOnce() -> Record,
        mut give: impl FnMut(Record),
    ) {
        let at = self.open.iter().position(|open| open.key == part.key);
        let mut open = match at {
            Some(at) => self.open.remove(at),
            None => self.begin(part, origin, place, record()),
        };
        self.bytes -= open.bytes.len();
        open.last = place;
        open.since = Instant::now();
        if open.bytes.len() + part.bytes.len() > LINE_MAX && !open.bytes.is_empty() {
            give(open.cut(false, &self.recognition));
            open.first = place.seqnum;
        }
        open.bytes.extend_from_slice(part.bytes);
        if !part.continues {
            // The late end of a line that was already delivered adds nothing.
            if open.part == 0 || !open.bytes.is_empty() {
                give(open.cut(true, &self.recognition));
            }
            return;
        }
        self.bytes += open.bytes.len();
        self.open.push(open);
        while self.open.len() > OPEN_MAX || self.bytes > BYTES_MAX {
            self.give_oldest(&mut give);
        }
    }

    fn begin(
        &mut self,
        part: LinePart<'_>,
        origin: &str,
        place: EntryPlace,
        record: Record,
    ) -> OpenLine {
        let rest = self.rests.iter().position(|(_, rest)| rest.key == part.key);
        let rest = rest.map(|at| self.rests.remove(at).1);
        let mut open = OpenLine {
            key: part.key,
            origin: origin.to_owned(),
            first: place.seqnum,
            record,
            fallback: part.fallback,
            bytes: Vec::new(),
            part: 0,
            last: place,
            since: Instant::now(),
        };
        if let Some(rest) = rest {
            open.part = rest.part;
            open.record.level = rest.level;
        }
        open
    }

    /// Delivers lines of `origin` that had waited too long when the entry at `place` was written.
    pub(crate) fn pass(&mut self, origin: &str, place: EntryPlace, mut give: impl FnMut(Record)) {
        let timeout = u64::try_from(PART_TIMEOUT.as_micros()).unwrap_or(u64::MAX);
        let is_late = |open: &OpenLine| {
            let waited = place.monotonic.saturating_sub(open.last.monotonic);
            open.origin == origin && (open.last.boot != place.boot || waited > timeout)
        };
        while let Some(at) = self.open.iter().position(is_late) {
            self.give_out(at, &mut give);
        }
    }

    /// Delivers lines whose next part has not arrived in time.
    pub(crate) fn expire(&mut self, now: Instant, mut give: impl FnMut(Record)) {
        while self.due().is_some_and(|due| due <= now) {
            self.give_oldest(&mut give);
        }
    }

    /// When the oldest line times out.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.open.first().map(|open| open.since + PART_TIMEOUT)
    }

    /// The lines of `origin` that are being joined.
    pub(crate) fn unfinished(&self, origin: &str) -> impl Iterator<Item = Unfinished> {
        let of_origin = self.open.iter().filter(move |open| open.origin == origin);
        of_origin.map(|open| Unfinished {
            key: open.key,
            first: open.first,
            rest: (open.part > 0).then(|| open.rest()),
        })
    }

    /// The lines of `origin` that were delivered before their end.
    pub(crate) fn rests(&self, origin: &str) -> impl Iterator<Item = Rest> {
        let of_origin = self.rests.iter().filter(move |(other, _)| other == origin);
        of_origin.map(|(_, rest)| *rest)
    }

    /// Restores a line that was delivered before its end.
    pub(crate) fn restore(&mut self, origin: &str, rest: Rest) {
        if self.rests.len() >= RESTS_MAX {
            self.rests.remove(0);
        }
        self.rests.push((origin.to_owned(), rest));
    }

    fn give_oldest(&mut self, give: &mut impl FnMut(Record)) {
        if !self.open.is_empty() {
            self.give_out(0, give);
        }
    }

    fn give_out(&mut self, at: usize, give: &mut impl FnMut(Record)) {
        let mut open = self.open.remove(at);
        self.bytes -= open.bytes.len();
        give(open.cut(false, &self.recognition));
        self.restore(&open.origin, open.rest());
    }
}

impl OpenLine {
    /// The parts joined so far, as a record.
    fn cut(&mut self, ended: bool, recognition: &Recognition) -> Record {
        let bytes = std::mem::take(&mut self.bytes);
        if self.part == 0
            && let Some(fallback) = self.fallback
        {
            let source = || self.record.source.clone();
            let stated = recognition.level(source, &bytes);
            self.record.level = stated.unwrap_or(fallback);
        }
        let mut record = self.record.clone();
        let line = Line {
            bytes: &bytes,
            taken: 0,
            part: self.part,
            ended,
        };
        line.mark(&mut record.metadata);
        record.metadata.remove(text::WHOLE);
        record.message = text::message(&bytes, &mut record.metadata);
        self.part = self.part.saturating_add(1);
        record
    }

    fn rest(&self) -> Rest {
        Rest {
            key: self.key,
            part: self.part,
            level: self.record.level,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::own::own_record;
    use crate::record::Metadata;

    const ORIGIN: &str = "origin";

    fn record() -> Record {
        own_record(Level::Info, "test", String::new(), Metadata::new())
    }

    fn at(seconds: u64) -> EntryPlace {
        EntryPlace {
            seqnum: seconds,
            boot: Id128::NULL,
            monotonic: seconds * 1_000_000,
        }
    }

    fn part(key: u64, bytes: &[u8], continues: bool) -> LinePart<'_> {
        LinePart {
            key,
            continues,
            bytes,
            fallback: Some(Level::Info),
        }
    }

    fn records(joiner: &mut Joiner, part: LinePart<'_>, place: EntryPlace) -> Vec<Record> {
        let mut given = Vec::new();
        joiner.take(part, ORIGIN, place, record, |record| given.push(record));
        given
    }

    fn take(joiner: &mut Joiner, key: u64, text: &[u8], continues: bool) -> Vec<String> {
        let given = records(joiner, part(key, text, continues), at(key * 10));
        given.into_iter().map(|record| record.message).collect()
    }

    /// The number of the part, whether the line continues, its level and text.
    fn summary(record: &Record) -> (Option<u64>, bool, Level, &str) {
        let part = record.metadata.get("line_part");
        (
            part.and_then(serde_json::Value::as_u64),
            record.metadata.contains_key("line_incomplete"),
            record.level,
            &record.message,
        )
    }

    #[test]
    fn interleaved_parts_are_joined() {
        let mut joiner = Joiner::default();
        assert!(take(&mut joiner, 1, b"a", true).is_empty());
        assert!(take(&mut joiner, 2, b"x", true).is_empty());
        assert!(joiner.expects(1) && !joiner.expects(3));
        assert!(take(&mut joiner, 1, b"b", true).is_empty());
        assert_eq!(take(&mut joiner, 2, b"y", false), ["xy"]);
        let unfinished: Vec<Unfinished> = joiner.unfinished(ORIGIN).collect();
        let expected = Unfinished {
            key: 1,
            first: 10,
            rest: None,
        };
        assert_eq!(unfinished, [expected]);
        assert_eq!(take(&mut joiner, 1, b"c", false), ["abc"]);
        assert!(joiner.is_empty() && joiner.bytes == 0);
        assert_eq!(take(&mut joiner, 1, b"whole", false), ["whole"]);
    }

    #[test]
    fn a_character_cut_between_parts_is_whole_again() {
        let mut joiner = Joiner::default();
        take(&mut joiner, 1, b"caf\xc3", true);
        assert_eq!(take(&mut joiner, 1, b"\xa9", false), ["caf\u{e9}"]);
    }

    #[test]
    fn the_whole_line_states_the_level() {
        let mut joiner = Joiner::default();
        take(&mut joiner, 1, b"ERR", true);
        let given = records(&mut joiner, part(1, b"OR: no disk", false), at(1));
        assert_eq!(
            summary(&given[0]),
            (None, false, Level::Error, "ERROR: no disk")
        );
    }

    #[test]
    fn a_line_that_does_not_end_is_delivered_in_parts() {
        let mut joiner = Joiner::default();
        let chunk = vec![b'x'; DOCKER_CUT];
        let mut given = Vec::new();
        for _ in 0..100 {
            given.extend(take(&mut joiner, 1, &chunk, true));
        }
        let unfinished: Vec<Unfinished> = joiner.unfinished(ORIGIN).collect();
        assert_eq!(unfinished[0].rest.map(|rest| rest.part), Some(1));
        given.extend(take(&mut joiner, 1, b"end", false));
        let lengths: Vec<usize> = given.iter().map(String::len).collect();
        assert_eq!(lengths, [LINE_MAX, 36 * DOCKER_CUT + 3]);
    }

    #[test]
    fn the_timeout_starts_with_the_last_part_and_uses_the_times_of_entries() {
        let mut joiner = Joiner::default();
        let passed = |joiner: &mut Joiner, place| {
            let mut given = Vec::new();
            joiner.pass(ORIGIN, place, |record| given.push(record));
            joiner.pass("another origin", at(1_000), |_| panic!("of another origin"));
            given
        };
        for second in 0..30 {
            assert!(passed(&mut joiner, at(second)).is_empty());
            assert!(records(&mut joiner, part(1, b".", true), at(second)).is_empty());
        }
        assert!(passed(&mut joiner, at(39)).is_empty());
        let given = passed(&mut joiner, at(40));
        let dots = ".".repeat(30);
        assert_eq!(summary(&given[0]), (Some(1), true, Level::Info, &*dots));
        records(&mut joiner, part(1, b"x", true), at(41));
        let next_boot = EntryPlace {
            boot: Id128::new([1; 16]),
            ..at(0)
        };
        let given = passed(&mut joiner, next_boot);
        assert_eq!(summary(&given[0]), (Some(2), true, Level::Info, "x"));
    }

    #[test]
    fn later_parts_of_a_line_continue_its_numbers() {
        let mut joiner = Joiner::default();
        take(&mut joiner, 1, b"ERROR: half a ", true);
        let mut given = Vec::new();
        joiner.expire(joiner.due().unwrap(), |record| given.push(record));
        let expected = (Some(1), true, Level::Error, "ERROR: half a ");
        assert_eq!(summary(&given[0]), expected);
        assert!(joiner.expects(1) && joiner.due().is_none());

        let rests: Vec<Rest> = joiner.rests(ORIGIN).collect();
        let mut restarted = Joiner::default();
        restarted.restore(ORIGIN, rests[0]);
        for joiner in [&mut joiner, &mut restarted] {
            let given = records(joiner, part(1, b"line", false), at(100));
            assert_eq!(summary(&given[0]), (Some(2), false, Level::Error, "line"));
            assert!(joiner.is_empty());
        }
        restarted.restore(ORIGIN, rests[0]);
        assert!(
            take(&mut restarted, 1, b"", false).is_empty(),
            "only its end"
        );
        assert!(restarted.is_empty());
    }

    #[test]
    fn lines_being_joined_and_their_memory_are_limited() {
        let mut joiner = Joiner::default();
        take(&mut joiner, 1, b"late", true);
        let mut given = Vec::new();
        joiner.expire(Instant::now(), |record| given.push(record));
        assert!(given.is_empty());
        joiner.expire(joiner.due().unwrap(), |record| given.push(record));
        assert_eq!(given[0].metadata["line_incomplete"], true);
        assert!(joiner.open.is_empty());
        let chunk = vec![b'x'; DOCKER_CUT];
        for key in 0..1_000 {
            take(&mut joiner, key % 200, &chunk, true);
            assert!(joiner.open.len() <= OPEN_MAX && joiner.bytes <= BYTES_MAX);
            assert!(joiner.rests.len() <= RESTS_MAX);
        }
    }

    #[test]
    fn flags_of_all_versions_are_understood() {
        let continues = |is_flagged, is_last, length: usize, is_docker| {
            let fields = PartFields {
                is_flagged,
                is_last,
                ..PartFields::default()
            };
            let bytes = vec![b'x'; length];
            let part = fields.part(("o", None), Some(6), &bytes, is_docker, None);
            part.continues
        };
        assert!(continues(true, Some(false), DOCKER_CUT, true), "20.10");
        assert!(!continues(false, Some(true), 5, true), "20.10, last");
        assert!(!continues(true, Some(true), 5, true));
        assert!(continues(true, None, DOCKER_CUT, true), "before");
        assert!(!continues(false, None, DOCKER_CUT, true), "before, last");
        assert!(!continues(true, None, 5, true), "18.06, last");
        assert!(continues(true, None, 8192, false), "podman");
    }

    #[test]
    fn distinguishes_writers_streams_containers_and_lines() {
        let key = |process: &[u8], container: &[u8], id: &[u8], priority| {
            let fields = PartFields {
                id: Some(id),
                container: Some(container),
                ..PartFields::default()
            };
            let writer = ("o", Some(process));
            fields.part(writer, Some(priority), b"", true, None).key
        };
        let stream = |process: &[u8], id: &[u8]| {
            let fields = StreamFields {
                id: Some(id),
                is_cut: true,
            };
            fields.part(("o", Some(process)), b"", None).unwrap().key
        };
        let keys = [
            key(b"7", b"a", b"1", 6),
            key(b"8", b"a", b"1", 6),
            key(b"7", b"a", b"1", 3),
            key(b"7", b"a", b"2", 6),
            key(b"7", b"b", b"1", 6),
            stream(b"7", b"a"),
            stream(b"7", b"b"),
            stream(b"8", b"a"),
        ];
        let distinct: std::collections::BTreeSet<u64> = keys.into_iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
