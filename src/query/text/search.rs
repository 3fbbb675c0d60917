//! Searches for a text or a regex, case-insensitive or exact, in one text or in all messages of a block.

use crate::query::text::literals::Need;
use crate::query::text::rarity::OfLogs;
use crate::query::text::weight;
use crate::store::{fold, row_at};
use memchr::memmem::{self, Finder, FinderBuilder};
use regex_automata::Input;
use regex_automata::meta::{self, Regex};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Compiled size: enough for `\w{50}` with all of Unicode, small beside the memory of a request.
const NFA_BYTES_MAX: usize = 4 << 20;
/// Letters and classes within repetitions, each as often as it is repeated. If the lazy automaton gives up, each of them may cost
/// 20 ns for each byte: with this bound a block takes at most a second, and `.{0,200}` is accepted.
const REPEATED_MAX: u64 = 256;
/// Memory of the lazy automaton, for each thread that scans.
const CACHE_BYTES_MAX: usize = 1 << 20;
/// The maximum nesting of groups; people rarely need 10.
const NEST_MAX: u32 = 50;
/// Shorter texts are in most messages: a prefilter would not help.
const PREFILTER_BYTES_MIN: usize = 3;
/// If fewer than one row in this many is left, searching those rows is faster than searching the whole block.
const SPARSE_FACTOR: usize = 8;

/// Whether case matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Case {
    /// Letters match in any case, by simple Unicode folding.
    #[default]
    Insensitive,
    /// Letters match as they are.
    Sensitive,
}

/// A text or a regex to look for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Search {
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Text(Arc<Text>),
    Regex(Arc<RegexNeedle>),
}

/// A regex that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchError {
    /// The text is not a regex.
    Syntax {
        /// The position of the wrong character, from 1.
        position: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The regex is too large, or repeats too much to run in bounded time.
    TooLarge,
}

/// A plain text to look for, as a key: equal keys are found in the same rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::query) struct TextKey {
    needle: Box<[u8]>,
    case: Case,
    /// Whether it is looked for in the values of the metadata, not in the message.
    is_of_values: bool,
}

/// Memory that a scan reuses from block to block.
#[derive(Debug, Default)]
pub(in crate::query) struct SearchScratch {
    /// The messages of the current block.
    lowered: Lowered,
    /// Its metadata, or the metadata of one row.
    metadata: Lowered,
    /// One message, where each is looked at alone.
    message: Vec<u8>,
    /// The automaton of each regex, by the address of the regex, which outlives the scan.
    caches: Vec<(usize, meta::Cache)>,
}

impl SearchScratch {
    /// The messages of the next block follow.
    pub(in crate::query) fn begin(&mut self) {
        self.lowered.is_ascii = None;
    }

    fn cache_of(&mut self, pattern: &RegexNeedle) -> &mut meta::Cache {
        let address = std::ptr::from_ref(pattern).addr();
        let known = self.caches.iter().position(|(of, _)| *of == address);
        let at = known.unwrap_or_else(|| {
            self.caches.push((address, pattern.regex.create_cache()));
            self.caches.len() - 1
        });
        let Some((_, cache)) = self.caches.get_mut(at) else {
            unreachable!("it was found or pushed");
        };
        cache
    }
}

/// The text of a block with its ASCII letters lowered.
#[derive(Debug, Default)]
struct Lowered {
    bytes: Vec<u8>,
    /// `None` until the current block has been lowered.
    is_ascii: Option<bool>,
}

impl Lowered {
    /// Lowers `text` unless that was done, and says whether all of it is ASCII.
    fn fill(&mut self, text: &[u8]) -> bool {
        let bytes = &mut self.bytes;
        *self.is_ascii.get_or_insert_with(|| lower(text, bytes))
    }
}

impl Search {
    /// Messages that hold `text`.
    #[must_use]
    pub fn text(text: &str, case: Case) -> Self {
        Self {
            matcher: Matcher::Text(Arc::new(Text::new(text, case))),
        }
    }

    /// Messages that match `pattern`, in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// [`SearchError`] if it is not a regex, or too large.
    pub fn regex(pattern: &str, case: Case) -> Result<Self, SearchError> {
        Ok(Self {
            matcher: Matcher::Regex(Arc::new(RegexNeedle::new(pattern, case)?)),
        })
    }

    /// Whether it is found in a text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Text(needle) => needle.is_in_message(text, &mut Vec::new()),
            Matcher::Regex(pattern) => pattern.regex.is_match(text),
        }
    }

    /// Where it is found in a text, as byte ranges in ascending order, at most `ranges_max` of them. They do not overlap.
    #[must_use]
    pub fn positions(&self, text: &str, ranges_max: usize) -> Vec<Range<usize>> {
        match &self.matcher {
            Matcher::Text(needle) => needle.positions(text, ranges_max),
            Matcher::Regex(pattern) => ranges(&pattern.regex, text, ranges_max),
        }
    }

    /// False only when no text of a place can match, where `may_contain` says of a folded text whether it may be there.
    pub(in crate::query) fn may_match(&self, may_contain: impl Fn(&str) -> bool) -> bool {
        match &self.matcher {
            Matcher::Text(text) => may_contain(&text.folded),
            Matcher::Regex(pattern) => pattern.need.may_hold(&may_contain),
        }
    }

    /// False only when no message of a block matches. `text` is all of its messages, one after another; neither where they end
    /// nor whether they are UTF-8 needs to be known.
    pub(in crate::query) fn may_find(&self, text: &[u8], scratch: &mut SearchScratch) -> bool {
        self.needle()
            .is_none_or(|needle| needle.may_be_in(text, &mut scratch.lowered))
    }

    /// False only when no value in this encoded metadata matches. Strings are encoded as they are; what may be part of a number
    /// or a boolean, whose encoding is another, is never ruled out.
    pub(in crate::query) fn may_be_in_metadata(
        &self,
        bytes: &[u8],
        scratch: &mut SearchScratch,
    ) -> bool {
        scratch.metadata.is_ascii = None;
        self.needle().is_none_or(|needle| {
            may_be_in_scalar(&needle.folded) || needle.may_be_in(bytes, &mut scratch.metadata)
        })
    }

    /// The rows whose encoded metadata may match, as [`Self::may_be_in_metadata`] tells for each, in one pass; `None` if that is
    /// not possible. The metadata of row `i` ends at `ends[i]` in `bytes`.
    pub(in crate::query) fn rows_in_metadata(
        &self,
        bytes: &[u8],
        ends: &[u32],
        scratch: &mut SearchScratch,
    ) -> Option<Vec<u32>> {
        let needle = self.needle()?;
        if needle.folded.is_empty() || may_be_in_scalar(&needle.folded) {
            return None;
        }
        scratch.metadata.is_ascii = None;
        needle.rows_in_one_pass(bytes, ends, &mut scratch.metadata)
    }

    /// The key of a plain text; `None` for a regex.
    pub(in crate::query) fn key(&self) -> Option<TextKey> {
        match &self.matcher {
            Matcher::Text(text) => Some(TextKey {
                needle: text.finder.needle().into(),
                case: text.case,
                is_of_values: false,
            }),
            Matcher::Regex(_) => None,
        }
    }

    /// As [`Self::key`], for the values of the metadata.
    pub(in crate::query) fn values_key(&self) -> Option<TextKey> {
        let key = self.key()?;
        Some(TextKey {
            is_of_values: true,
            ..key
        })
    }

    /// A plain text that everything that matches holds.
    fn needle(&self) -> Option<&Text> {
        match &self.matcher {
            Matcher::Text(needle) => Some(needle),
            Matcher::Regex(pattern) => pattern.prefilter.as_ref(),
        }
    }

    /// Keeps the `rows` (ascending) whose message matches; the message of row `i` ends at `ends[i]` in `text`. Where
    /// chars matter, a message that is not UTF-8 does not match.
    pub(in crate::query) fn retain(
        &self,
        text: &[u8],
        ends: &[u32],
        rows: &mut Vec<u32>,
        scratch: &mut SearchScratch,
    ) {
        let column = MessageColumn { text, ends };
        *rows = match &self.matcher {
            Matcher::Text(needle) => needle.rows(column, rows, scratch),
            Matcher::Regex(pattern) => pattern.rows(column, rows, scratch),
        };
    }
}

/// Whether a folded text may be part of the JSON form of a number or a boolean.
fn may_be_in_scalar(folded: &str) -> bool {
    let of_number = |byte: u8| byte.is_ascii_digit() || b"+-.e".contains(&byte);
    folded.bytes().all(of_number) || ["true", "false"].iter().any(|word| word.contains(folded))
}

/// The messages of a block, one after another without separator.
#[derive(Clone, Copy)]
struct MessageColumn<'a> {
    text: &'a [u8],
    ends: &'a [u32],
}

impl<'a> MessageColumn<'a> {
    fn row(self, row: u32) -> &'a [u8] {
        let row = row as usize;
        let end_of = |row: usize| self.ends.get(row).map_or(0, |end| *end as usize);
        let start = row.checked_sub(1).map_or(0, end_of);
        self.text.get(start..end_of(row)).unwrap_or_default()
    }
}

/// A plain text to look for.
#[derive(Debug, Clone)]
struct Text {
    /// Finds the text itself, or its folded form if case does not matter.
    finder: Finder<'static>,
    /// Finds the folded form in texts that were lowered by [`lower`]; each hit must be verified.
    lowered: Finder<'static>,
    folded: String,
    case: Case,
    /// The same as a regex, made when positions in a text beyond ASCII are first asked for.
    folding: OnceLock<Option<Regex>>,
}

/// The chars beyond ASCII that fold to ASCII: the Kelvin sign to k, the long s to s.
const FOLDED_TO_ASCII: [(char, char); 2] = [('\u{212a}', 'k'), ('\u{17f}', 's')];

impl Text {
    fn new(text: &str, case: Case) -> Self {
        let folded = fold(text).into_owned();
        let needle = match case {
            Case::Sensitive => text,
            Case::Insensitive => &folded,
        };
        let mut lowered = Vec::new();
        lower(folded.as_bytes(), &mut lowered);
        let finder = |needle: &[u8]| {
            let finder = FinderBuilder::new().build_forward_with_ranker(OfLogs, needle);
            finder.into_owned()
        };
        Self {
            finder: finder(needle.as_bytes()),
            lowered: finder(&lowered),
            folded,
            case,
            folding: OnceLock::new(),
        }
    }

    fn is_in_message(&self, message: &str, lowered: &mut Vec<u8>) -> bool {
        let text = message.as_bytes();
        if self.case == Case::Sensitive {
            return self.finder.find(text).is_some();
        }
        let is_ascii = lower(text, lowered);
        if self.is_exact(lowered, is_ascii) {
            return self.find_lowered(text, lowered, 0).is_some();
        }
        self.finder.find(fold(message).as_bytes()).is_some()
    }

    fn positions(&self, text: &str, ranges_max: usize) -> Vec<Range<usize>> {
        if self.folded.is_empty() {
            return Vec::new();
        }
        let bytes = text.as_bytes();
        let mut lowered = Vec::new();
        let is_ascii = lower(bytes, &mut lowered);
        if self.case == Case::Insensitive && !self.is_exact(&lowered, is_ascii) {
            // folding may change lengths; a regex knows where the text itself is
            let folding = self.folding.get_or_init(|| {
                let hir = parse(&regex_syntax::escape(&self.folded), Case::Insensitive).ok()?;
                Regex::builder().build_from_hir(&hir).ok()
            });
            let ranges = |regex| ranges(regex, text, ranges_max);
            return folding.as_ref().map(ranges).unwrap_or_default();
        }
        let length = self.finder.needle().len();
        let find = |at: usize| match self.case {
            Case::Sensitive => Some(at + self.finder.find(bytes.get(at..)?)?),
            Case::Insensitive => self.find_lowered(bytes, &lowered, at),
        };
        let starts = std::iter::successors(find(0), |start| find(start + length));
        let starts = starts.take(ranges_max);
        starts.map(|start| start..start + length).collect()
    }

    /// Whether searching the `lowered` text finds exactly what searching the folded text does. Only two chars beyond ASCII fold
    /// to ASCII.
    fn is_exact(&self, lowered: &[u8], is_ascii: bool) -> bool {
        let may_be_folded_to = |(from, to): &(char, char)| {
            let mut from_lowered = Vec::new();
            lower(from.encode_utf8(&mut [0; 4]).as_bytes(), &mut from_lowered);
            self.folded.contains(*to) && memmem::find(lowered, &from_lowered).is_some()
        };
        is_ascii || self.folded.is_ascii() && !FOLDED_TO_ASCII.iter().any(may_be_folded_to)
    }

    /// The next occurrence of the folded needle in a text, from `at`.
    fn find_lowered(&self, text: &[u8], lowered: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let start = at + self.lowered.find(lowered.get(at..)?)?;
            let found = text.get(start..)?.get(..self.folded.len())?;
            if found.eq_ignore_ascii_case(self.folded.as_bytes()) {
                return Some(start);
            }
            at = start + 1;
        }
    }

    /// False only if no message in `text` contains it.
    fn may_be_in(&self, text: &[u8], lowered: &mut Lowered) -> bool {
        if self.case == Case::Sensitive {
            return self.finder.find(text).is_some();
        }
        let is_ascii = lowered.fill(text);
        !self.is_exact(&lowered.bytes, is_ascii) || self.lowered.find(&lowered.bytes).is_some()
    }

    fn rows(
        &self,
        column: MessageColumn<'_>,
        rows: &[u32],
        scratch: &mut SearchScratch,
    ) -> Vec<u32> {
        let is_sparse = rows.len() < column.ends.len() / SPARSE_FACTOR;
        let found = if is_sparse {
            None
        } else {
            self.rows_in_one_pass(column.text, column.ends, &mut scratch.lowered)
        };
        let Some(found) = found else {
            let mut is_in = |message| self.is_in_message(message, &mut scratch.message);
            let matches = |row: &u32| str::from_utf8(column.row(*row)).is_ok_and(&mut is_in);
            return rows.iter().copied().filter(matches).collect();
        };
        if rows.len() == column.ends.len() {
            found
        } else {
            common(rows, &found)
        }
    }

    /// The rows of a column that contain it; `None` if they must be looked at one by one.
    fn rows_in_one_pass(
        &self,
        text: &[u8],
        ends: &[u32],
        lowered: &mut Lowered,
    ) -> Option<Vec<u32>> {
        if self.finder.needle().is_empty() {
            return None;
        }
        if self.case == Case::Sensitive {
            return Some(self.hits(ends, |at| Some(at + self.finder.find(text.get(at..)?)?)));
        }
        let is_ascii = lowered.fill(text);
        // folding may change lengths, so that `ends` would no longer be valid
        self.is_exact(&lowered.bytes, is_ascii)
            .then(|| self.hits(ends, |at| self.find_lowered(text, &lowered.bytes, at)))
    }

    /// The rows that contain the needle; `find` returns the next occurrence from an offset. An occurrence across the border of
    /// two rows does not count.
    fn hits(&self, ends: &[u32], find: impl Fn(usize) -> Option<usize>) -> Vec<u32> {
        let needle_length = self.finder.needle().len();
        let mut hits = Vec::new();
        let (mut row, mut at) = (0, 0);
        while let Some(start) = find(at) {
            row = row_at(ends, row, start);
            let Some(end) = ends.get(row).map(|end| *end as usize) else {
                break;
            };
            if start + needle_length <= end {
                hits.extend(u32::try_from(row));
                at = end;
            } else {
                at = start + 1;
            }
        }
        hits
    }
}

/// Writes `text` with its ASCII letters in lower case to `into`, and returns whether all of it is ASCII. The compiler vectorizes
/// this pass. The lower-case bit is set in every byte, letter or not, which takes half the time of a test: some signs and control
/// characters become equal to others.
fn lower(text: &[u8], into: &mut Vec<u8>) -> bool {
    into.resize(text.len(), 0);
    let (words, rest) = text.as_chunks::<8>();
    let (into_words, into_rest) = into.as_chunks_mut::<8>();
    let mut all = 0;
    for (into, word) in into_words.iter_mut().zip(words) {
        let word = u64::from_le_bytes(*word);
        all |= word;
        *into = (word | SMALL).to_le_bytes();
    }
    for (into, byte) in into_rest.iter_mut().zip(rest) {
        *into = byte | SMALL.to_le_bytes()[0];
    }
    all & BEYOND_ASCII == 0 && rest.is_ascii()
}

/// The bit that distinguishes lower from upper case, in each byte.
const SMALL: u64 = 0x2020_2020_2020_2020;
/// The bit that no ASCII byte has.
const BEYOND_ASCII: u64 = 0x8080_8080_8080_8080;

/// A regex to match.
#[derive(Debug, Clone)]
struct RegexNeedle {
    regex: Regex,
    need: Need,
    /// The longest text that every match contains; searching for it first is many times as fast.
    prefilter: Option<Text>,
}

impl RegexNeedle {
    fn new(pattern: &str, case: Case) -> Result<Self, SearchError> {
        let hir = parse(pattern, case)?;
        if weight::repeated(&hir) > REPEATED_MAX {
            return Err(SearchError::TooLarge);
        }
        let config = Regex::config()
            .nfa_size_limit(Some(NFA_BYTES_MAX))
            .hybrid_cache_capacity(CACHE_BYTES_MAX);
        let regex = Regex::builder()
            .configure(config)
            .build_from_hir(&hir)
            .map_err(|_| SearchError::TooLarge)?;
        let need = Need::of(&hir);
        let prefilter = need
            .longest()
            .filter(|text| text.len() >= PREFILTER_BYTES_MIN)
            .map(|text| Text::new(text, Case::Insensitive));
        Ok(Self {
            regex,
            need,
            prefilter,
        })
    }

    fn rows(
        &self,
        column: MessageColumn<'_>,
        rows: &[u32],
        scratch: &mut SearchScratch,
    ) -> Vec<u32> {
        let likely = match &self.prefilter {
            Some(text) => text.rows(column, rows, scratch),
            None => rows.to_vec(),
        };
        let cache = scratch.cache_of(self);
        let mut matches = |row: &u32| {
            let input = Input::new(column.row(*row)).earliest(true);
            self.regex.search_half_with(cache, &input).is_some()
        };
        likely.into_iter().filter(|row| matches(row)).collect()
    }
}

fn parse(pattern: &str, case: Case) -> Result<Hir, SearchError> {
    let syntax = |offset: usize, reason: String| SearchError::Syntax {
        position: pattern
            .get(..offset)
            .map_or(0, |before| before.chars().count())
            + 1,
        reason,
    };
    ParserBuilder::new()
        .nest_limit(NEST_MAX)
        .case_insensitive(case == Case::Insensitive)
        .build()
        .parse(pattern)
        .map_err(|error| match error {
            regex_syntax::Error::Parse(error) => {
                syntax(error.span().start.offset, error.kind().to_string())
            }
            regex_syntax::Error::Translate(error) => {
                syntax(error.span().start.offset, error.kind().to_string())
            }
            other => syntax(0, other.to_string()),
        })
}

fn ranges(regex: &Regex, text: &str, ranges_max: usize) -> Vec<Range<usize>> {
    let found = regex.find_iter(text).filter(|found| !found.is_empty());
    found.take(ranges_max).map(|found| found.range()).collect()
}

/// The numbers that are in both ascending lists.
pub(in crate::query) fn common(rows: &[u32], found: &[u32]) -> Vec<u32> {
    let mut found = found.iter().peekable();
    let mut is_found = |row: &u32| {
        while found.next_if(|next| *next < row).is_some() {}
        found.next_if_eq(&row).is_some()
    };
    rows.iter().copied().filter(|row| is_found(row)).collect()
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { position, reason } => {
                write!(f, "search is not a regex: {reason} (character {position})")
            }
            Self::TooLarge => f.write_str("search is a regex that is too large to run"),
        }
    }
}

impl std::error::Error for SearchError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `retain` keeps, and a check that single messages say the same.
    fn retained(search: &Search, messages: &[&str], rows: &[u32]) -> Vec<u32> {
        let text = messages.concat();
        let mut ends = Vec::new();
        for message in messages {
            ends.push(ends.last().copied().unwrap_or(0) + u32::try_from(message.len()).unwrap());
        }
        let mut kept = rows.to_vec();
        search.retain(
            text.as_bytes(),
            &ends,
            &mut kept,
            &mut SearchScratch::default(),
        );
        let single: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|row| search.matches(messages[*row as usize]))
            .collect();
        assert_eq!(kept, single, "{search:?} on {messages:?} of {rows:?}");
        kept
    }

    fn all(search: &Search, messages: &[&str]) -> Vec<u32> {
        let rows: Vec<u32> = (0..u32::try_from(messages.len()).unwrap()).collect();
        retained(search, messages, &rows)
    }

    #[test]
    fn a_text_matches_in_any_case_unless_asked() {
        let messages = ["Disk full", "", "the DISK", "dis", "k", "disk disk"];
        assert_eq!(
            all(&Search::text("disk", Case::Insensitive), &messages),
            [0, 2, 5]
        );
        assert_eq!(all(&Search::text("disk", Case::Sensitive), &messages), [5]);
        assert_eq!(
            all(&Search::text("", Case::Insensitive), &messages).len(),
            6
        );
    }

    #[test]
    fn chars_that_fold_to_ascii_are_known() {
        let all = ('\u{80}'..=char::MAX).filter_map(|from| {
            let folded = fold(from.encode_utf8(&mut [0; 4])).into_owned();
            let to = folded.chars().next()?;
            to.is_ascii().then_some((from, to))
        });
        let mut known = FOLDED_TO_ASCII;
        known.sort_unstable();
        assert_eq!(all.collect::<Vec<_>>(), known);
    }

    #[test]
    fn ascii_is_found_among_other_letters() {
        let messages = [
            "\u{e4}\u{20ac} Disk",
            "\u{212a}ey",
            "\u{17f}et",
            "key \u{fc}",
        ];
        let search = |text| Search::text(text, Case::Insensitive);
        assert_eq!(all(&search("disk"), &messages), [0]);
        assert_eq!(all(&search("key"), &messages), [1, 3]);
        assert_eq!(all(&search("set"), &messages), [2]);
        assert_eq!(all(&search("ey"), &messages), [1, 3]);
    }

    #[test]
    fn signs_that_differ_as_small_letters_do_from_capitals_are_not_the_same() {
        let messages = [
            "a[1]",
            "A{1}",
            "a@b",
            "a`b",
            "a\nb",
            "a*B",
            "\u{e4} x_y",
            "\u{e4} x\u{7f}y",
        ];
        for (text, found) in [
            ("A[1", 0),
            ("a{1", 1),
            ("A@b", 2),
            ("a`B", 3),
            ("A\nB", 4),
            ("a*b", 5),
            ("X_Y", 6),
            ("X\u{7f}Y", 7),
        ] {
            let search = Search::text(text, Case::Insensitive);
            assert_eq!(all(&search, &messages), [found], "{text:?}");
        }
    }

    #[test]
    fn a_block_without_the_text_is_not_cut() {
        let mut scratch = SearchScratch::default();
        let mut may_find = |search: &Search, text: &[u8]| {
            scratch.begin();
            search.may_find(text, &mut scratch)
        };
        let search = Search::text("Disk", Case::Insensitive);
        assert!(may_find(&search, b"a disk") && !may_find(&search, b"a dis k"));
        assert!(!may_find(&search, b"\xff dis"), "whatever it is");
        assert!(may_find(&search, "di\u{17f}k".as_bytes()), "not known");
        let exact = Search::text("Disk", Case::Sensitive);
        assert!(may_find(&exact, b"Disk") && !may_find(&exact, b"disk"));
        let pattern = Search::regex("disk [0-9]", Case::Sensitive).unwrap();
        assert!(may_find(&pattern, b"DISK ") && !may_find(&pattern, b"dis"));
        let any = Search::regex("disk|full", Case::Sensitive).unwrap();
        assert!(may_find(&any, b""), "it has no text of its own");
    }

    #[test]
    fn letters_beyond_ascii_fold_too() {
        let messages = [
            "\u{c4}RGER",
            "\u{e4}rger",
            "arger",
            "\u{39f}\u{3a3}",
            "\u{3bf}\u{3c2}",
        ];
        let search = |text| Search::text(text, Case::Insensitive);
        assert_eq!(all(&search("\u{e4}r"), &messages), [0, 1]);
        assert_eq!(all(&search("\u{3bf}\u{3c3}"), &messages), [3, 4]);
        assert_eq!(all(&search("rger"), &messages), [0, 1, 2]);
    }

    #[test]
    fn positions_are_byte_ranges_of_the_text_itself() {
        let text = |needle: &str, case, text: &str| Search::text(needle, case).positions(text, 10);
        assert_eq!(
            text("disk", Case::Insensitive, "Disk full, DISK"),
            [0..4, 11..15]
        );
        assert_eq!(
            text("Disk", Case::Sensitive, "disk Disk Disk"),
            [5..9, 10..14]
        );
        assert_eq!(text("aa", Case::Insensitive, "aaaa"), [0..2, 2..4]);
        assert_eq!(text("k", Case::Insensitive, "\u{212a}k"), [0..3, 3..4]);
        assert_eq!(
            text("\u{e4}r", Case::Insensitive, "x \u{c4}R\u{e4}r"),
            [2..5, 5..8]
        );
        assert!(text("", Case::Insensitive, "abc").is_empty());
        let regex = Search::regex(r"\d+|x*", Case::Insensitive).unwrap();
        assert_eq!(regex.positions("a 12 b 7", 10), [2..4, 7..8]);
        assert_eq!(regex.positions("1 2 3", 2), [0..1, 2..3]);
    }

    #[test]
    fn a_regex_knows_alternation_anchors_and_classes() {
        let messages = ["error 12", "warn", "an error", "", "ERROR 7"];
        let search = |pattern| Search::regex(pattern, Case::Insensitive).unwrap();
        assert_eq!(all(&search("^error"), &messages), [0, 4]);
        assert_eq!(all(&search("error$|warn"), &messages), [1, 2]);
        assert_eq!(all(&search(r"error \d{2}"), &messages), [0]);
        assert_eq!(all(&search("^$"), &messages), [3]);
        let exact = Search::regex("ERROR", Case::Sensitive).unwrap();
        assert_eq!(all(&exact, &messages), [4]);
    }

    #[test]
    fn a_bad_regex_says_where() {
        let refused = |pattern: &str| {
            Search::regex(pattern, Case::Insensitive)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused("a(b"),
            "search is not a regex: unclosed group (character 2)"
        );
        assert_eq!(
            refused("\u{e4}\u{e4}["),
            "search is not a regex: unclosed character class (character 3)"
        );
        assert_eq!(
            refused(r"(\w{200}){200}"),
            "search is a regex that is too large to run"
        );
        assert_eq!(
            refused("(?:.?){257}q"),
            "search is a regex that is too large to run"
        );
        assert!(Search::regex("a.{0,200}b", Case::Insensitive).is_ok());
        assert!(Search::regex(r"\w{50}", Case::Insensitive).is_ok());
        assert!(refused(&"(".repeat(60)).starts_with("search is not a regex"));
        assert!(refused(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).contains("nest"));
    }

    #[test]
    fn a_place_without_the_text_cannot_match() {
        let nothing = |_: &str| false;
        let search = Search::text("Needle", Case::Sensitive);
        assert!(!search.may_match(nothing));
        assert!(search.may_match(|text| text == "needle"));
        let pattern = Search::regex("x+", Case::Insensitive).unwrap();
        assert!(!pattern.may_match(nothing));
        let free = Search::regex("[0-9]+", Case::Insensitive).unwrap();
        assert!(free.may_match(nothing));
    }

    #[test]
    fn metadata_is_ruled_out_only_by_texts_that_no_number_has() {
        let mut scratch = SearchScratch::default();
        let mut may_be = |text: &str| {
            let search = Search::text(text, Case::Insensitive);
            search.may_be_in_metadata(b"\xa1dUnitkSSH.service", &mut scratch)
        };
        assert!(may_be("ssh") && may_be("SERVICE"));
        assert!(!may_be("cron"));
        assert!(may_be("12") && may_be("1e5") && may_be("ru") && may_be("-0.5"));
        assert!(!may_be("12a"));
    }

    proptest! {
        #[test]
        fn a_block_is_searched_as_its_messages_are(
            messages in prop::collection::vec("[aAbB\u{e4}\u{c4}\u{212a}kK ]{0,6}", 0..40),
            wanted in prop::collection::vec(any::<bool>(), 40),
            needle in "[aAbB\u{e4}\u{c4}kK]{0,3}",
            sensitive: bool,
            regex: bool,
        ) {
            let case = if sensitive { Case::Sensitive } else { Case::Insensitive };
            let search = if regex {
                Search::regex(&needle, case).unwrap()
            } else {
                Search::text(&needle, case)
            };
            let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
            let rows: Vec<u32> = (0..messages.len())
                .filter(|row| wanted[*row])
                .map(|row| u32::try_from(row).unwrap())
                .collect();
            retained(&search, &messages, &rows);
            all(&search, &messages);
        }

        #[test]
        fn a_literal_regex_finds_the_same_as_its_text(
            message in "[aAbB\u{e4}\u{c4}\u{212a}\u{17f}sSkK\u{3c3}\u{3c2}\u{df}]{0,12}",
            needle in "[aAbB\u{e4}\u{c4}kKsS\u{3c3}\u{df}]{1,3}",
        ) {
            let text = Search::text(&needle, Case::Insensitive);
            let regex = Search::regex(&needle, Case::Insensitive).unwrap();
            prop_assert_eq!(text.matches(&message), regex.matches(&message));
        }

        #[test]
        fn every_match_of_a_regex_holds_its_literals(
            pattern in r"([ab(|)?+.\[\]^$]|\(a\|b\)|[ab]\*){0,8}",
            message in "[abAB]{0,8}",
        ) {
            if let Ok(search) = Search::regex(&pattern, Case::Insensitive)
                && search.matches(&message)
            {
                let folded = fold(&message);
                prop_assert!(search.may_match(|text| folded.contains(text)));
            }
        }
    }
}
