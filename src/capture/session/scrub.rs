//! Splits output into lines and redacts them, so that they may be written to a file. Redaction needs a complete line,
//! so a line is written when it has ended. An unfinished line that waits for a while (a prompt, a progress bar) is
//! written up to its last space; the rest is redacted later, together with that beginning.

use crate::record::{Level, Metadata, Record, Source};
use crate::redact::Redactor;
use crate::time::Micros;
use std::borrow::Cow;

/// The longest line that is held. Stack traces and JSON dumps of real programs are shorter.
const LINE_MAX: usize = 1 << 20;

/// How far back a cut searches for a space, to avoid cutting a word.
const CUT_BACK_MAX: usize = 4096;

/// Redacted output that may be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScrubbedPiece<'a> {
    /// The output, with the end of the line if it has arrived.
    pub(crate) data: &'a [u8],
    /// Whether it ends a line.
    pub(crate) ends: bool,
    /// The redacted line as far as it is known, without its end.
    pub(crate) line: &'a str,
}

/// Scrubs the lines of one stream.
#[derive(Debug)]
pub(crate) struct LineScrubber {
    source: Source,
    redactor: Redactor,
    /// The line that has not ended.
    raw: Vec<u8>,
    /// How much of it has been written, and the redacted form of that.
    written: usize,
    written_text: String,
}

impl LineScrubber {
    /// A secret may span several lines of a stream, so each stream has its own redactor.
    pub(crate) fn new(source: Source, redactor: Redactor) -> Self {
        Self {
            source,
            redactor,
            raw: Vec::new(),
            written: 0,
            written_text: String::new(),
        }
    }

    /// Adds output; `emit` receives the pieces that may be written.
    pub(crate) fn push(&mut self, mut chunk: &[u8], emit: &mut impl FnMut(ScrubbedPiece<'_>)) {
        while let Some(at) = memchr::memchr(b'\n', chunk) {
            let (line, rest) = chunk.split_at(at + 1);
            chunk = rest;
            if self.raw.is_empty() {
                self.whole_line(line, emit);
            } else {
                self.raw.extend_from_slice(line);
                self.line_so_far(self.raw.len(), emit);
                self.forget();
            }
        }
        self.raw.extend_from_slice(chunk);
        if self.raw.len() > LINE_MAX {
            let cut = self.cut_of_a_long_line();
            self.line_so_far(cut, emit);
            let rest = self.raw.split_off(cut);
            self.forget();
            self.raw = rest;
        }
    }

    /// Whether complete words are held that could be written if the command pauses.
    pub(crate) fn holds_words(&self) -> bool {
        self.end_of_words() > self.written
    }

    /// Writes the unfinished line up to its last space, because the last word may be the first half of a secret.
    pub(crate) fn quiet(&mut self, emit: &mut impl FnMut(ScrubbedPiece<'_>)) {
        let end = self.end_of_words();
        if end > self.written {
            self.line_so_far(end, emit);
        }
    }

    /// Writes the rest at the end of the stream.
    pub(crate) fn end(&mut self, emit: &mut impl FnMut(ScrubbedPiece<'_>)) {
        if self.raw.len() > self.written {
            self.line_so_far(self.raw.len(), emit);
        }
        self.forget();
    }

    /// Whether the stream ended within a line.
    pub(crate) fn is_within_a_line(&self) -> bool {
        !self.raw.is_empty()
    }

    fn end_of_words(&self) -> usize {
        // A `\r` may be half of a line end.
        let space = self.raw.iter().rposition(|byte| b" \t".contains(byte));
        space.map_or(0, |at| at + 1)
    }

    fn cut_of_a_long_line(&self) -> usize {
        let lowest = LINE_MAX.saturating_sub(CUT_BACK_MAX).max(self.written);
        let back = self.raw.get(lowest..LINE_MAX).unwrap_or_default();
        let space = back.iter().rposition(u8::is_ascii_whitespace);
        let character = back.iter().rposition(|byte| byte & 0xC0 != 0x80);
        match (space, character) {
            (Some(at), _) => lowest + at + 1,
            (None, Some(at)) => lowest + at,
            (None, None) => LINE_MAX,
        }
    }

    fn forget(&mut self) {
        self.raw.clear();
        self.raw.shrink_to(LINE_MAX / 4);
        self.written = 0;
        self.written_text.clear();
    }

    /// The common case: a line that arrived in one piece.
    fn whole_line(&mut self, line: &[u8], emit: &mut impl FnMut(ScrubbedPiece<'_>)) {
        let content = without_end(line);
        let text = String::from_utf8_lossy(content);
        let scrubbed = self.scrub(&text);
        if scrubbed == text {
            let line_text = &*text;
            emit(ScrubbedPiece {
                data: line,
                ends: true,
                line: line_text,
            });
            return;
        }
        let mut data = scrubbed.clone().into_bytes();
        data.extend_from_slice(line.get(content.len()..).unwrap_or_default());
        emit(ScrubbedPiece {
            data: &data,
            ends: true,
            line: &scrubbed,
        });
    }

    /// Writes the new part of the line up to `end`. Text that was already written cannot be withdrawn; if the whole
    /// line shows that it was part of a secret, at least the rest of the secret is not written.
    fn line_so_far(&mut self, end: usize, emit: &mut impl FnMut(ScrubbedPiece<'_>)) {
        let raw = std::mem::take(&mut self.raw);
        let so_far = raw.get(..end).unwrap_or(&raw);
        let content = without_end(so_far);
        let text = String::from_utf8_lossy(content);
        let scrubbed = self.scrub(&text);
        let is_clean = scrubbed == text;
        let data: Cow<'_, [u8]> = if is_clean && text.starts_with(&self.written_text) {
            Cow::Borrowed(so_far.get(self.written..).unwrap_or_default())
        } else {
            let mut data = added(&self.written_text, &scrubbed).as_bytes().to_vec();
            data.extend_from_slice(so_far.get(content.len()..).unwrap_or_default());
            Cow::Owned(data)
        };
        let ends = so_far.len() > content.len();
        emit(ScrubbedPiece {
            data: &data,
            ends,
            line: &scrubbed,
        });
        drop(data);
        self.written = end;
        self.written_text = scrubbed;
        self.raw = raw;
    }

    fn scrub(&mut self, text: &str) -> String {
        let record = Record {
            timestamp: Micros::default(),
            source: self.source.clone(),
            level: Level::Info,
            message: text.to_owned(),
            metadata: Metadata::new(),
        };
        self.redactor.redact(record).into_record().message
    }
}

/// The part of `now` after its common prefix with `before`.
fn added<'a>(before: &str, now: &'a str) -> &'a str {
    let same = before
        .bytes()
        .zip(now.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    now.get(now.floor_char_boundary(same)..).unwrap_or_default()
}

/// A line without its `\n` or `\r\n`. A lone `\r` at the end is kept, because it belongs to the text that overwrites
/// the line.
fn without_end(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\n") {
        Some(content) => content.strip_suffix(b"\r").unwrap_or(content),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::RedactOptions;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn scrubber() -> LineScrubber {
        /// Compiling the rules takes longer than a test.
        static REDACTOR: LazyLock<Redactor> =
            LazyLock::new(|| Redactor::new(&RedactOptions::default()).unwrap());
        LineScrubber::new(Source::new("test", ""), REDACTOR.clone())
    }

    #[derive(Default)]
    struct Emitted {
        data: Vec<u8>,
        pieces: Vec<String>,
        ended: usize,
    }

    impl Emitted {
        fn emit(&mut self) -> impl FnMut(ScrubbedPiece<'_>) {
            |piece| {
                self.data.extend_from_slice(piece.data);
                self.pieces
                    .push(String::from_utf8_lossy(piece.data).into_owned());
                self.ended += usize::from(piece.ends);
            }
        }
    }

    #[test]
    fn lines_without_secrets_are_unchanged() {
        let (mut lines, mut seen) = (scrubber(), Emitted::default());
        lines.push(b"one\r\n\ntwo", &mut seen.emit());
        assert_eq!(seen.pieces, ["one\r\n", "\n"]);
        lines.push(b" more\nthree", &mut seen.emit());
        lines.end(&mut seen.emit());
        assert_eq!(seen.pieces[2..], ["two more\n", "three"]);
        assert_eq!(seen.ended, 3);
    }

    #[test]
    fn a_secret_in_several_pieces_is_redacted() {
        let (mut lines, mut seen) = (scrubber(), Emitted::default());
        for piece in ["export TOKEN=hun", "ter2secret", "99\nnext\n"] {
            lines.push(piece.as_bytes(), &mut seen.emit());
            lines.quiet(&mut seen.emit());
        }
        let text = seen.pieces.concat();
        assert!(
            !text.contains("hun") && !text.contains("ter2") && text.ends_with("\nnext\n"),
            "{text}"
        );
        assert_eq!(seen.pieces[0], "export ", "finished words are shown");
    }

    #[test]
    fn a_secret_whose_name_was_written_before_is_not() {
        let (mut lines, mut seen) = (scrubber(), Emitted::default());
        lines.push(b"password: ", &mut seen.emit());
        assert!(lines.holds_words());
        lines.quiet(&mut seen.emit());
        assert!(!lines.holds_words());
        assert_eq!(seen.pieces, ["password: "]);
        lines.push(b"hunter2hunter2\n", &mut seen.emit());
        assert!(
            !seen.pieces.concat().contains("hunter2"),
            "{:?}",
            seen.pieces
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_unless_they_hide_a_secret() {
        let (mut lines, mut seen) = (scrubber(), Emitted::default());
        lines.push(b"\xff\xfe raw\n", &mut seen.emit());
        assert_eq!(seen.data, b"\xff\xfe raw\n");
        lines.push(b"\xff password=hunter2hunter2\n", &mut seen.emit());
        assert!(!seen.pieces[1].contains("hunter2"));
    }

    #[test]
    fn a_line_without_end_is_cut_at_the_bound() {
        let (mut lines, mut seen) = (scrubber(), Emitted::default());
        let chunk = "word and ".repeat(7000);
        for _ in 0..40 {
            lines.push(chunk.as_bytes(), &mut seen.emit());
            assert!(lines.raw.len() <= LINE_MAX);
        }
        lines.end(&mut seen.emit());
        assert_eq!(seen.data, chunk.repeat(40).as_bytes());
        assert!(
            seen.pieces
                .iter()
                .all(|piece| piece.len() <= LINE_MAX && piece.ends_with(' '))
        );
        assert_eq!((seen.pieces.len(), seen.ended), (3, 0));
    }

    proptest! {
        #[test]
        fn clean_output_is_written_whole(pieces in prop::collection::vec("[a-c \r\n\u{e9}]{0,9}", 0..20), quiet in any::<u32>()) {
            let (mut lines, mut seen) = (scrubber(), Emitted::default());
            for (n, piece) in pieces.iter().enumerate() {
                lines.push(piece.as_bytes(), &mut seen.emit());
                if quiet >> n & 1 == 1 {
                    lines.quiet(&mut seen.emit());
                }
            }
            lines.end(&mut seen.emit());
            let whole = pieces.concat();
            prop_assert_eq!(&seen.data, whole.as_bytes());
            prop_assert_eq!(seen.ended, whole.matches('\n').count());
        }

        #[test]
        fn any_cut_of_a_secret_is_scrubbed(cuts in prop::collection::vec(1usize..12, 1..6), quiet in any::<bool>()) {
            let (mut lines, mut seen) = (scrubber(), Emitted::default());
            let mut rest = &b"login with password=hunter2hunter2 done\n"[..];
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                rest = after;
                lines.push(piece, &mut seen.emit());
                if quiet {
                    lines.quiet(&mut seen.emit());
                }
            }
            lines.push(rest, &mut seen.emit());
            prop_assert!(!seen.pieces.concat().contains("hunter2"));
        }
    }
}
