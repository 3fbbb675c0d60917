//! Splits bytes into lines. The lines do not depend on how the input is divided into chunks. A line longer than the
//! maximum is split into marked parts, so that no input can block the reader or fill the memory.

use crate::collect::text::encoding::TextEncoding;
use crate::record::Metadata;

/// The longest line that is one record. Stack traces and JSON dumps of real programs are shorter, and a collector can
/// hold one such line in memory on a small machine.
pub(crate) const LINE_MAX: usize = 1 << 20;

/// How many bytes before the next line are remembered, to recognise the place in the file later.
pub(crate) const BEHIND_MAX: usize = 64;

/// A buffer that had to grow beyond this for a long line is freed.
const BUFFER_KEPT: usize = 256 << 10;

/// One line, or one part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The text without its end (`\n` or `\r\n`).
    pub(crate) bytes: &'a [u8],
    /// How many bytes of the input the line takes, including its end.
    pub(crate) taken: usize,
    /// How many parts of the same line came before.
    pub(crate) part: u32,
    /// Whether the line ends here; otherwise more of it follows or may follow.
    pub(crate) ended: bool,
}

impl<'a> Line<'a> {
    /// The same line with its text as UTF-8; uses `buffer` if it has to be changed.
    pub(crate) fn in_utf8(self, encoding: TextEncoding, buffer: &'a mut String) -> Self {
        let bytes = match (encoding, self.part) {
            (TextEncoding::Bytes, 1..) => self.bytes,
            _ => encoding.text(self.bytes, buffer),
        };
        Self { bytes, ..self }
    }

    /// Whether this is only the late end of a line that was already delivered.
    pub(crate) fn adds_nothing(&self) -> bool {
        self.part > 0 && self.ended && self.bytes.is_empty()
    }

    /// Marks a part in the metadata of its record: `line_part` counts from 1, `line_incomplete` says that the line
    /// continues.
    pub(crate) fn mark(&self, metadata: &mut Metadata) {
        if self.part > 0 || !self.ended {
            metadata.insert("line_part", self.part + 1);
        }
        if !self.ended {
            metadata.insert("line_incomplete", true);
        }
    }
}

/// Splits a stream of bytes into lines.
#[derive(Debug)]
pub(crate) struct LineCutter {
    /// Up to [`BEHIND_MAX`] bytes that were taken, more while lines are being taken; then the pending bytes.
    bytes: Vec<u8>,
    /// Index of the first pending byte.
    start: usize,
    /// How many of the pending bytes are known to contain no `\n`.
    searched: usize,
    part: u32,
    max: usize,
    encoding: TextEncoding,
}

impl LineCutter {
    /// Starts after the bytes `behind`, in the middle of a line if `part` is not 0.
    pub(crate) fn new(behind: &[u8], part: u32) -> Self {
        Self::with_max(behind, part, LINE_MAX)
    }

    fn with_max(behind: &[u8], part: u32, max: usize) -> Self {
        Self {
            bytes: behind.to_vec(),
            start: behind.len(),
            searched: 0,
            part,
            max,
            encoding: TextEncoding::Bytes,
        }
    }

    /// The same for input in `encoding`.
    pub(crate) fn in_encoding(self, encoding: TextEncoding) -> Self {
        Self { encoding, ..self }
    }

    /// Adds input.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let done = self.start.saturating_sub(BEHIND_MAX);
        self.bytes.drain(..done);
        self.start -= done;
        if self.bytes.capacity() > BUFFER_KEPT && self.bytes.len() + chunk.len() < BUFFER_KEPT / 2 {
            self.bytes.shrink_to(BUFFER_KEPT / 2);
        }
        self.bytes.extend_from_slice(chunk);
    }

    /// The next line, or part of a line that is too long; `None` until more input arrives.
    pub(crate) fn next(&mut self) -> Option<Line<'_>> {
        let encoding = self.encoding;
        let pending = self.bytes.get(self.start..)?;
        let Some(end) = encoding.find_newline(pending, self.searched) else {
            self.searched = pending.len() - pending.len() % encoding.unit();
            // One unit more than the maximum may still be the `\r` of a line that fits.
            return (pending.len() > self.max + encoding.unit()).then(|| self.split());
        };
        let length = encoding.content_length(pending.get(..end)?);
        if length > self.max {
            return Some(self.split());
        }
        Some(self.take(length, end + encoding.unit(), true))
    }

    /// The pending bytes, as a part of a line whose end has not arrived. A `\r` is kept pending, because it may be
    /// half of that end.
    pub(crate) fn rest(&mut self) -> Option<Line<'_>> {
        let pending = self.bytes.get(self.start..)?;
        let length = self.encoding.content_length(pending);
        (length > 0).then(|| self.take(length, length, false))
    }

    /// Whether [`LineCutter::rest`] would return something.
    pub(crate) fn has_rest(&self) -> bool {
        let pending = self.bytes.get(self.start..).unwrap_or_default();
        self.encoding.content_length(pending) > 0
    }

    /// How many bytes wait for the end of their line.
    pub(crate) fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The bytes that wait for the end of their line.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// How many parts of the pending line were delivered.
    pub(crate) fn part(&self) -> u32 {
        self.part
    }

    /// The bytes before the last `taken` ones that were taken, at most [`BEHIND_MAX`].
    pub(crate) fn behind_before(&self, taken: usize) -> &[u8] {
        let end = self.start.saturating_sub(taken);
        self.bytes
            .get(end.saturating_sub(BEHIND_MAX)..end)
            .unwrap_or_default()
    }

    /// The newest bytes of the input, taken or pending, at most [`BEHIND_MAX`].
    pub(crate) fn newest(&self) -> &[u8] {
        let from = self.bytes.len().saturating_sub(BEHIND_MAX);
        self.bytes.get(from..).unwrap_or_default()
    }

    /// The first part of a line that is longer than the maximum, not split within a UTF-8 character.
    fn split(&mut self) -> Line<'_> {
        let pending = self.bytes.get(self.start..).unwrap_or_default();
        let continues = |at: usize| self.encoding.is_within_character(pending, at);
        let lowest = self.max.saturating_sub(3).max(1);
        let length = (lowest..=self.max)
            .rev()
            .find(|&at| !continues(at))
            .unwrap_or(self.max);
        self.take(length, length, false)
    }

    fn take(&mut self, length: usize, taken: usize, ended: bool) -> Line<'_> {
        let from = self.start;
        let part = self.part;
        self.start += taken;
        self.searched = if ended {
            0
        } else {
            self.searched.saturating_sub(taken)
        };
        self.part = if ended { 0 } else { part.saturating_add(1) };
        Line {
            bytes: self.bytes.get(from..from + length).unwrap_or_default(),
            taken,
            part,
            ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Owned = (Vec<u8>, usize, u32, bool);

    fn drain(lines: &mut LineCutter, into: &mut Vec<Owned>) {
        while let Some(line) = lines.next() {
            into.push((line.bytes.to_vec(), line.taken, line.part, line.ended));
        }
    }

    fn cut(input: &[u8], max: usize, chunk: usize) -> (Vec<Owned>, usize) {
        let mut lines = LineCutter::with_max(b"", 0, max);
        let mut found = Vec::new();
        for piece in input.chunks(chunk.max(1)) {
            lines.push(piece);
            drain(&mut lines, &mut found);
        }
        (found, lines.pending())
    }

    fn texts(input: &[u8], max: usize) -> Vec<String> {
        let (found, _) = cut(input, max, input.len());
        found
            .iter()
            .map(|line| String::from_utf8_lossy(&line.0).into_owned())
            .collect()
    }

    #[test]
    fn ends_are_removed_and_blank_lines_are_lines() {
        assert_eq!(
            texts(b"a\n\nb\r\n\r\nc\rd\n", 100),
            ["a", "", "b", "", "c\rd"]
        );
        assert_eq!(texts(b"nul\0byte\n", 100), ["nul\0byte"]);
        assert_eq!(
            texts(b"a\r\r\n", 100),
            ["a\r"],
            "only one of them belongs to the end"
        );
    }

    #[test]
    fn an_unterminated_line_waits_and_then_continues() {
        let mut lines = LineCutter::new(b"", 0);
        lines.push(b"half");
        assert_eq!(lines.next(), None);
        assert_eq!(lines.pending(), 4);
        let half = lines.rest().unwrap();
        assert_eq!(
            (half.bytes, half.taken, half.part, half.ended),
            (&b"half"[..], 4, 0, false)
        );
        assert_eq!(lines.rest(), None);
        lines.push(b" done\n");
        let done = lines.next().unwrap();
        assert_eq!(
            (done.bytes, done.taken, done.part, done.ended),
            (&b" done"[..], 6, 1, true)
        );
        lines.push(b"next");
        assert_eq!(lines.rest().unwrap().part, 0);
        lines.push(b"\n");
        assert!(lines.next().unwrap().adds_nothing());
    }

    #[test]
    fn a_carriage_return_is_not_separated_from_its_newline() {
        let mut lines = LineCutter::new(b"", 0);
        lines.push(b"text\r");
        assert_eq!(lines.rest().unwrap().bytes, b"text");
        assert!(!lines.has_rest() && lines.rest().is_none());
        lines.push(b"\n");
        assert!(lines.next().unwrap().adds_nothing());
    }

    #[test]
    fn a_line_of_maximum_length_is_whole_and_a_longer_one_is_split() {
        assert_eq!(texts(b"abcd\n", 4), ["abcd"]);
        assert_eq!(texts(b"abcd\r\n", 4), ["abcd"]);
        assert_eq!(texts(b"abcde\n", 4), ["abcd", "e"]);
        assert_eq!(
            texts(b"abcdefghi", 4),
            ["abcd"],
            "the rest may still be the last part"
        );
    }

    #[test]
    fn a_split_does_not_cut_a_character() {
        assert_eq!(
            texts("aa\u{20ac}bb\n".as_bytes(), 4),
            ["aa", "\u{20ac}b", "b"]
        );
    }

    #[test]
    fn parts_are_marked() {
        let marks = |part, ended| {
            let mut metadata = Metadata::new();
            let line = Line {
                bytes: b"x",
                taken: 1,
                part,
                ended,
            };
            line.mark(&mut metadata);
            serde_json::to_string(&metadata).unwrap()
        };
        assert_eq!(marks(0, true), "{}");
        assert_eq!(marks(0, false), r#"{"line_incomplete":true,"line_part":1}"#);
        assert_eq!(marks(2, true), r#"{"line_part":3}"#);
    }

    #[test]
    fn remembers_the_bytes_before_the_next_line() {
        let mut lines = LineCutter::new(b"seed\n", 0);
        assert_eq!(lines.behind_before(0), b"seed\n");
        lines.push(b"one\ntwo");
        assert!(lines.next().is_some());
        assert_eq!(lines.behind_before(0), b"seed\none\n");
        assert_eq!(lines.newest(), b"seed\none\ntwo");
        for _ in 0..100 {
            lines.push(b"0123456789\n");
            while lines.next().is_some() {}
        }
        assert_eq!(lines.behind_before(0).len(), BEHIND_MAX);
        assert!(
            lines.bytes.len() <= 2 * BEHIND_MAX,
            "taken bytes are not kept"
        );
    }

    #[test]
    fn the_memory_of_a_long_line_is_freed() {
        let mut lines = LineCutter::new(b"", 0);
        lines.push(&vec![b'x'; LINE_MAX]);
        assert_eq!(lines.next(), None);
        lines.push(b"\n");
        assert_eq!(lines.next().unwrap().bytes.len(), LINE_MAX);
        lines.push(b"short\n");
        assert!(lines.bytes.capacity() <= BUFFER_KEPT);
        assert_eq!(lines.next().unwrap().bytes, b"short");
    }

    /// Input in which ends, carriage returns and multi-byte characters are frequent.
    fn input() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"\n"[..]),
            Just(&b"\r"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"a"[..]),
            Just("\u{e9}".as_bytes()),
            Just("\u{1f980}".as_bytes()),
            Just(&b"\xff\0"[..]),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(input in input(), max in 1usize..12, chunk in 1usize..9) {
            prop_assert_eq!(cut(&input, max, chunk), cut(&input, max, usize::MAX));
        }

        #[test]
        fn no_byte_is_lost_and_no_part_too_long(input in input(), max in 1usize..12) {
            let (found, pending) = cut(&input, max, usize::MAX);
            let taken: usize = found.iter().map(|line| line.1).sum();
            prop_assert_eq!(taken + pending, input.len());
            prop_assert!(pending <= max + 1);
            let mut at = 0;
            for (bytes, taken, _, ended) in &found {
                prop_assert!(bytes.len() <= max && (*ended || !bytes.is_empty()));
                prop_assert_eq!(&input[at..at + bytes.len()], &bytes[..]);
                let end = &input[at + bytes.len()..at + taken];
                prop_assert_eq!(*ended, end == b"\n" || end == b"\r\n");
                at += taken;
            }
        }
    }
}
