//! Joins the parts in which container engines hand over long lines: Docker cuts at 16 KiB and flags the parts. Parts of
//! several containers and streams come interleaved; a line that does not end within the bounds comes out in marked parts.

use super::line::{LINE_MAX, Line};
use super::mark::digest;
use super::text;
use crate::record::Record;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long a part waits for the next one. The engine hands over the parts of a line as fast as it reads them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lines being joined at once: more than the containers of a small machine have streams.
const OPEN_MAX: usize = 64;

/// Bytes of all lines being joined: a few of the longest, so that hostile containers cannot fill the memory.
const BYTES_MAX: usize = 8 << 20;

/// At this length Docker cuts. Version 18.06 flags the last part like the others, which is known by its being shorter.
const DOCKER_CUT: usize = 16 << 10;

/// What the fields of an entry say about parts.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct PartFields<'a> {
    /// `CONTAINER_PARTIAL_MESSAGE=true`.
    pub(crate) is_flagged: bool,
    /// `CONTAINER_PARTIAL_ID`, the same in all parts of a line.
    pub(crate) id: Option<&'a [u8]>,
    /// `CONTAINER_PARTIAL_LAST`.
    pub(crate) is_last: Option<bool>,
    /// `CONTAINER_ID`.
    pub(crate) container: Option<&'a [u8]>,
}

/// A message of a container and where it belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// Names the line among those being joined.
    pub(crate) key: u64,
    /// Whether more of the line follows.
    pub(crate) goes_on: bool,
    pub(crate) bytes: &'a [u8],
}

impl<'a> PartFields<'a> {
    /// The part that a message is, for the stream of `priority`.
    pub(crate) fn part(
        &self,
        origin: &str,
        priority: Option<u8>,
        bytes: &'a [u8],
        is_docker: bool,
    ) -> Part<'a> {
        let mut name = origin.as_bytes().to_vec();
        for text in [self.container, self.id] {
            name.push(0);
            name.extend_from_slice(text.unwrap_or_default());
        }
        name.push(priority.unwrap_or(u8::MAX));
        let is_short = is_docker && bytes.len() < DOCKER_CUT;
        Part {
            key: digest(&name),
            goes_on: match self.is_last {
                Some(is_last) => !is_last,
                None => self.is_flagged && !is_short,
            },
            bytes,
        }
    }
}

/// A line of which parts are missing.
#[derive(Debug)]
struct Open {
    key: u64,
    origin: String,
    /// The number of the journal entry that began it.
    first: u64,
    /// Of the first part: time, source, level and metadata.
    record: Record,
    bytes: Vec<u8>,
    /// How many records the line has been cut into.
    part: u32,
    since: Instant,
}

/// Where reading must begin again to find all parts of the lines being joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    pub(crate) key: u64,
    pub(crate) first: u64,
}

/// Joins parts.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    /// Oldest first.
    open: Vec<Open>,
    bytes: usize,
}

impl Joiner {
    /// Whether a message belongs to a line that is being joined.
    pub(crate) fn expects(&self, key: u64) -> bool {
        self.open.iter().any(|open| open.key == key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes a part, from entry `seqnum` of `origin`; `record` makes a record of it. Gives out what is complete or too long,
    /// and what has to make room.
    pub(crate) fn take(
        &mut self,
        part: Part<'_>,
        origin: &str,
        seqnum: u64,
        record: impl FnOnce() -> Record,
        mut give: impl FnMut(Record),
    ) {
        let at = self.open.iter().position(|open| open.key == part.key);
        let mut open = match at {
            Some(at) => self.open.remove(at),
            None => Open {
                key: part.key,
                origin: origin.to_owned(),
                first: seqnum,
                record: record(),
                bytes: Vec::new(),
                part: 0,
                since: Instant::now(),
            },
        };
        self.bytes -= open.bytes.len();
        if open.bytes.len() + part.bytes.len() > LINE_MAX && !open.bytes.is_empty() {
            give(open.cut(false));
            open.first = seqnum;
        }
        open.bytes.extend_from_slice(part.bytes);
        if !part.goes_on {
            give(open.cut(true));
            return;
        }
        self.bytes += open.bytes.len();
        self.open.insert(at.unwrap_or(self.open.len()), open);
        while self.open.len() > OPEN_MAX || self.bytes > BYTES_MAX {
            self.give_oldest(&mut give);
        }
    }

    /// Gives out lines whose next part does not come.
    pub(crate) fn expire(&mut self, now: Instant, mut give: impl FnMut(Record)) {
        while self.due().is_some_and(|due| due <= now) {
            self.give_oldest(&mut give);
        }
    }

    /// When the oldest line will have waited long enough.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.open.first().map(|open| open.since + PATIENCE)
    }

    /// The lines of `origin` that are being joined.
    pub(crate) fn unfinished(&self, origin: &str) -> impl Iterator<Item = Unfinished> {
        let of_origin = self.open.iter().filter(move |open| open.origin == origin);
        of_origin.map(|open| Unfinished {
            key: open.key,
            first: open.first,
        })
    }

    fn give_oldest(&mut self, give: &mut impl FnMut(Record)) {
        if !self.open.is_empty() {
            let mut open = self.open.remove(0);
            self.bytes -= open.bytes.len();
            give(open.cut(false));
        }
    }
}

impl Open {
    /// What has been joined so far, as a record.
    fn cut(&mut self, ended: bool) -> Record {
        let bytes = std::mem::take(&mut self.bytes);
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::own_record;
    use crate::record::{Level, Metadata};

    fn record() -> Record {
        own_record(Level::Info, "test", String::new(), Metadata::new())
    }

    fn take(joiner: &mut Joiner, key: u64, text: &[u8], goes_on: bool) -> Vec<String> {
        let mut given = Vec::new();
        let part = Part {
            key,
            goes_on,
            bytes: text,
        };
        joiner.take(part, "origin", key * 10, record, |record| {
            given.push(record.message);
        });
        given
    }

    #[test]
    fn interleaved_parts_are_joined() {
        let mut joiner = Joiner::default();
        assert!(take(&mut joiner, 1, b"a", true).is_empty());
        assert!(take(&mut joiner, 2, b"x", true).is_empty());
        assert!(joiner.expects(1) && !joiner.expects(3));
        assert!(take(&mut joiner, 1, b"b", true).is_empty());
        assert_eq!(take(&mut joiner, 2, b"y", false), ["xy"]);
        let unfinished: Vec<Unfinished> = joiner.unfinished("origin").collect();
        assert_eq!(unfinished, [Unfinished { key: 1, first: 10 }]);
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
    fn a_line_that_does_not_end_comes_out_in_parts() {
        let mut joiner = Joiner::default();
        let chunk = vec![b'x'; DOCKER_CUT];
        let mut given = Vec::new();
        for _ in 0..100 {
            given.extend(take(&mut joiner, 1, &chunk, true));
        }
        given.extend(take(&mut joiner, 1, b"end", false));
        let lengths: Vec<usize> = given.iter().map(String::len).collect();
        assert_eq!(lengths, [LINE_MAX, 36 * DOCKER_CUT + 3]);
    }

    #[test]
    fn waiting_and_memory_have_bounds() {
        let mut joiner = Joiner::default();
        take(&mut joiner, 1, b"late", true);
        let mut given = Vec::new();
        joiner.expire(Instant::now(), |record| given.push(record));
        assert!(given.is_empty());
        joiner.expire(joiner.due().unwrap(), |record| given.push(record));
        assert_eq!(given[0].metadata["line_incomplete"], true);
        assert!(joiner.is_empty());
        let chunk = vec![b'x'; DOCKER_CUT];
        for key in 0..10_000 {
            take(&mut joiner, key % 100, &chunk, true);
            assert!(joiner.open.len() <= OPEN_MAX && joiner.bytes <= BYTES_MAX);
        }
    }

    #[test]
    fn flags_of_all_versions_are_understood() {
        let goes_on = |is_flagged, is_last, length: usize, is_docker| {
            let fields = PartFields {
                is_flagged,
                is_last,
                ..PartFields::default()
            };
            fields
                .part("o", Some(6), &vec![b'x'; length], is_docker)
                .goes_on
        };
        assert!(goes_on(true, Some(false), DOCKER_CUT, true), "20.10");
        assert!(!goes_on(false, Some(true), 5, true), "20.10, last");
        assert!(!goes_on(true, Some(true), 5, true));
        assert!(goes_on(true, None, DOCKER_CUT, true), "before");
        assert!(!goes_on(false, None, DOCKER_CUT, true), "before, last");
        assert!(!goes_on(true, None, 5, true), "18.06, last");
        assert!(goes_on(true, None, 8192, false), "podman");
    }

    #[test]
    fn streams_containers_and_lines_are_told_apart() {
        let key = |container: &[u8], id: &[u8], priority| {
            let fields = PartFields {
                id: Some(id),
                container: Some(container),
                ..PartFields::default()
            };
            fields.part("o", Some(priority), b"", true).key
        };
        let keys = [
            key(b"a", b"1", 6),
            key(b"a", b"1", 3),
            key(b"a", b"2", 6),
            key(b"b", b"1", 6),
        ];
        let distinct: std::collections::BTreeSet<u64> = keys.into_iter().collect();
        assert_eq!(distinct.len(), 4);
    }
}
