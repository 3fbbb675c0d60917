//! Judges values of one text that overlap. After each colon of `key: key: key:` the rest is a possible value: its runs of letters and
//! digits are read once, and not again for each value. The judgement is that of [`worth`].

use super::worth::{self, LENGTH_MIN};
use std::collections::VecDeque;
use std::ops::Range;

/// A run of letters and digits in a text.
#[derive(Debug)]
struct TextRun {
    start: usize,
    end: usize,
    part: JudgedRun,
    /// The sums up to the end of the run, from any run before: only differences have a meaning.
    sums: RunSums,
}

/// A run, or the part of it that a value has.
#[derive(Debug, Clone, Copy)]
struct JudgedRun {
    kinds: RunKinds,
    /// The kinds of the first and the last byte; the first is [`GAP`] in an empty run.
    ends: (u8, u8),
    /// Whether it is a word or a short number.
    is_plain: bool,
    is_random: bool,
}

/// What is needed to judge whether runs, one after the other, look random: the number of digits, of letters, of bytes that are not
/// hexadecimal, and of neighbours of different kinds. All are in one number, which is added and subtracted at once.
#[derive(Debug, Clone, Copy, Default)]
struct RunKinds {
    counts: u64,
    length: usize,
}

/// Running sums over runs and the bytes before each. Subtracted sums are exact even if a count has overflowed into the next one.
#[derive(Debug, Clone, Copy, Default)]
struct RunSums {
    kinds: RunKinds,
    /// The numbers of [signs](GAP_SIGN), of [bytes that are in no value of words](GAP_STRANGE), and of [other runs](NOT_PLAIN).
    gaps: u64,
    /// Number of runs that are long enough to look random.
    long: usize,
}

/// What the bytes of a value that are examined consist of.
#[derive(Debug, Clone, Copy)]
struct ValueFacts {
    whole: RunKinds,
    /// The length of the longest run, if it is long enough to look random, and whether it does.
    longest: (usize, bool),
    /// Whether the value consists of words and short numbers, without the signs at its end.
    is_plain: bool,
    /// The same with the signs at the end of what is examined of a longer value.
    is_plain_to_end: bool,
}

/// The kind of each byte: that of [`worth::kind_of`] in a run, or [`GAP`].
static KINDS: [u8; 256] = kinds();

/// What each byte adds to the counts: of a run, or of a gap.
static COUNTS: [u64; 256] = counts();

/// The kind of bytes that belong to no run.
const GAP: u8 = 3;

/// The places of the counts of a run.
const DIGITS: u32 = 0;
const LETTERS: u32 = 16;
const OTHERS: u32 = 32;
const CHANGES: u32 = 48;

/// The places of the counts of gaps: ASCII signs, bytes that are in no value of words, and runs that are neither words nor short
/// numbers.
const GAP_SIGN: u32 = 0;
const GAP_STRANGE: u32 = 16;
const NOT_PLAIN: u32 = 32;

#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn kinds() -> [u8; 256] {
    let mut kinds = [GAP; 256];
    let mut byte = 0_u8;
    loop {
        if byte.is_ascii_alphanumeric() || byte >= 0x80 {
            kinds[byte as usize] = worth::kind_of(byte);
        }
        if byte == u8::MAX {
            return kinds;
        }
        byte += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn counts() -> [u64; 256] {
    let mut counts = [0; 256];
    let mut byte = 0_u8;
    loop {
        counts[byte as usize] = if kinds()[byte as usize] == GAP {
            (byte.is_ascii_punctuation() as u64) << GAP_SIGN
                | (!worth::joins_words(byte) as u64) << GAP_STRANGE
        } else {
            (byte.is_ascii_digit() as u64) << DIGITS
                | (byte.is_ascii_alphabetic() as u64) << LETTERS
                | (!byte.is_ascii_hexdigit() as u64) << OTHERS
        };
        if byte == u8::MAX {
            return counts;
        }
        byte += 1;
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "a byte is less than 256: no check is left"
)]
fn kind_of(byte: u8) -> u8 {
    KINDS[usize::from(byte)]
}

#[expect(
    clippy::indexing_slicing,
    reason = "a byte is less than 256: no check is left"
)]
fn counts_of(byte: u8) -> u64 {
    COUNTS[usize::from(byte)]
}

/// One of the counts in a number.
fn count(counts: u64, place: u32) -> usize {
    usize::from(u16::try_from(counts >> place & u64::from(u16::MAX)).unwrap_or(u16::MAX))
}

impl RunKinds {
    fn digits(self) -> usize {
        count(self.counts, DIGITS)
    }

    fn letters(self) -> usize {
        count(self.counts, LETTERS)
    }

    fn others(self) -> usize {
        count(self.counts, OTHERS)
    }

    fn changes(self) -> usize {
        count(self.counts, CHANGES)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            counts: self.counts.wrapping_add(other.counts),
            length: self.length.wrapping_add(other.length),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            counts: self.counts.wrapping_sub(other.counts),
            length: self.length.wrapping_sub(other.length),
        }
    }

    /// Whether a run with these facts looks random. If it has no digit, it may be a word.
    fn is_random_run(self, is_word: impl FnOnce() -> bool) -> bool {
        let has_digit = self.digits() > 0;
        self.length >= LENGTH_MIN
            && self.letters() > 0
            && (has_digit && self.others() == 0 && self.length >= 2 * LENGTH_MIN
                || worth::changes_often(self.changes(), self.length) && (has_digit || !is_word()))
    }
}

impl JudgedRun {
    /// Judges a run of at most as many bytes as are examined of a value.
    fn of(run: &[u8]) -> Self {
        let Some((&first, rest)) = run.split_first() else {
            return Self {
                kinds: RunKinds::default(),
                ends: (GAP, GAP),
                is_plain: true,
                is_random: false,
            };
        };
        let first_kind = kind_of(first);
        let mut counts = counts_of(first);
        let mut capitals = usize::from(first_kind == 1);
        let (mut changes, mut humps, mut last) = (0, 0, first_kind);
        for &byte in rest {
            let kind = kind_of(byte);
            counts += counts_of(byte);
            changes += u64::from(kind != last);
            capitals += usize::from(kind == 1);
            // a capital after a lower-case letter, in a run of letters
            humps += usize::from(kind == 1 && last == 2);
            last = kind;
        }
        let kinds = RunKinds {
            counts: counts + (changes << CHANGES),
            length: run.len(),
        };
        let is_word = || {
            kinds.letters() < run.len()
                || worth::is_word_of(run.len(), capitals, humps, first_kind == 1)
        };
        Self {
            is_plain: match kinds.digits() {
                0 => is_word(),
                all if all == run.len() => all <= worth::NUMBER_DIGITS_MAX,
                _ => worth::is_measure(run) || worth::is_numbered_word(run),
            },
            is_random: kinds.is_random_run(is_word),
            kinds,
            ends: (first_kind, last),
        }
    }

    fn is_long(&self) -> bool {
        self.kinds.length >= LENGTH_MIN
    }

    /// The longer one of this and the longest run before it; the later one of equals.
    fn or_longer(&self, longest: (usize, bool)) -> (usize, bool) {
        if self.is_long() && self.kinds.length >= longest.0 {
            (self.kinds.length, self.is_random)
        } else {
            longest
        }
    }

    /// Its kinds, and a change if it begins with another kind than the run before it ends with.
    fn kinds_after(&self, last: u8) -> RunKinds {
        let meets = last != GAP && self.ends.0 != GAP && last != self.ends.0;
        RunKinds {
            counts: self.kinds.counts + (u64::from(meets) << CHANGES),
            ..self.kinds
        }
    }
}

impl RunSums {
    /// The sums after a gap with these counts and a run. `last` is the kind of the last byte of the run before it.
    fn after(self, gap: u64, part: &JudgedRun, last: u8) -> Self {
        Self {
            kinds: self.kinds.plus(part.kinds_after(last)),
            gaps: self
                .gaps
                .wrapping_add(gap)
                .wrapping_add(u64::from(!part.is_plain) << NOT_PLAIN),
            long: self.long + usize::from(part.is_long()),
        }
    }
}

/// The counts of the bytes between two runs.
fn gap_counts(gap: &[u8]) -> u64 {
    gap.iter().map(|&byte| counts_of(byte)).sum()
}

/// Splits a text into the gap at its start and the rest.
fn split_gap(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().position(|&byte| kind_of(byte) != GAP);
    text.split_at_checked(length.unwrap_or(text.len()))
        .unwrap_or_default()
}

/// The bytes of a value that are examined, and where they are.
fn near_of<'a>(text: &'a [u8], range: &Range<usize>) -> Option<(Range<usize>, &'a [u8])> {
    let near = worth::trimmed_near(text.get(range.clone())?);
    let near = range.start + near.start..range.start + near.end;
    Some((near.clone(), text.get(near)?))
}

/// The runs of the part of a text that was read last.
#[derive(Debug, Default)]
pub(in crate::redact) struct SegmentMemo {
    /// The runs that are complete, at most as many as the bytes of a value that are examined have.
    known: VecDeque<TextRun>,
    /// The part of the text that was read. It ends at the end of a run.
    read: Range<usize>,
    /// The value that was judged last: several rules judge the same one, and a repeated text has the same bytes there.
    last: Option<(Range<usize>, ValueFacts)>,
}

impl SegmentMemo {
    /// Whether the value at `range` looks generated, as [`worth::is_random`] judges it.
    pub(in crate::redact) fn is_random(&mut self, text: &[u8], range: Range<usize>) -> bool {
        let Some((near, value)) = near_of(text, &range) else {
            return false;
        };
        if value.len() < LENGTH_MIN
            || !worth::has_digit_or_capital(value)
            || worth::is_uuid(value)
            || worth::is_path_start(value)
            || worth::starts_with_word(value)
        {
            return false;
        }
        let facts = self.facts(text, near);
        let (longest, is_random) = facts.longest;
        if is_random {
            return true;
        }
        if longest == value.len() || facts.is_plain || facts.whole.length < LENGTH_MIN {
            return false;
        }
        if facts.whole.digits() > 0 {
            facts.whole.is_random_run(|| false)
        } else {
            worth::is_random_whole(value)
        }
    }

    /// Whether the value at `range` is likely a secret after a strong name, as [`worth::is_likely_secret`] judges it.
    pub(in crate::redact) fn is_likely_secret(&mut self, text: &[u8], range: Range<usize>) -> bool {
        let Some((near, value)) = near_of(text, &range) else {
            return false;
        };
        if value.len() < worth::STRONG_LENGTH_MIN || worth::is_path_start(value) {
            return false;
        }
        let facts = self.facts(text, near);
        let is_one_word = facts.whole.digits() > 0
            && facts.whole.letters() > 0
            && value.iter().all(u8::is_ascii_alphanumeric)
            && !worth::is_measure(value);
        is_one_word || !facts.is_plain
    }

    /// Whether the value at `range` consists of words and short numbers, as [`worth::is_plain`] judges it.
    pub(in crate::redact) fn is_plain(&mut self, text: &[u8], range: Range<usize>) -> bool {
        let Some((near, _)) = near_of(text, &range) else {
            return true;
        };
        self.facts(text, near).is_plain_to_end
    }

    fn facts(&mut self, text: &[u8], near: Range<usize>) -> ValueFacts {
        if let Some((known, facts)) = &self.last
            && (*known == near || text.get(known.clone()) == text.get(near.clone()))
        {
            return *facts;
        }
        self.read_to(text, &near);
        let facts = self.facts_of(text, &near);
        self.last = Some((near, facts));
        facts
    }

    /// The facts of a value of which all complete runs are known.
    fn facts_of(&self, text: &[u8], near: &Range<usize>) -> ValueFacts {
        let value = text.get(near.clone()).unwrap_or_default();
        let trimmed = worth::trimmed(value).len();
        let mut whole = RunKinds::default();
        let mut longest = (0, false);
        let (mut gaps, mut last_kind, mut at) = (0_u64, GAP, near.start);
        let last = self.known.iter().rposition(|run| run.end <= near.end);
        if let Some(last) = last
            && let (Some(first), Some(run)) = (self.known.front(), self.known.get(last))
        {
            let cut = text.get(near.start..first.end);
            let cut = cut.filter(|_| first.start < near.start);
            let part = cut.map_or(first.part, JudgedRun::of);
            let gap = text.get(near.start..first.start).unwrap_or_default();
            gaps = gap_counts(gap)
                .wrapping_add(run.sums.gaps)
                .wrapping_sub(first.sums.gaps)
                .wrapping_add(u64::from(!part.is_plain) << NOT_PLAIN);
            longest = part.or_longer(longest);
            if run.sums.long > first.sums.long {
                let others = self.known.iter().take(last + 1).skip(1);
                longest = others.fold(longest, |longest, run| run.part.or_longer(longest));
            }
            whole = part.kinds.plus(run.sums.kinds.minus(first.sums.kinds));
            last_kind = run.part.ends.1;
            at = run.end;
        }
        let rest = text.get(at..near.end).unwrap_or_default();
        let (gap, cut) = split_gap(rest);
        let part = JudgedRun::of(cut);
        let is_plain = part.is_plain && count(gaps, NOT_PLAIN) == 0;
        let are_few = |gap: &[u8], length: usize| {
            let gaps = gaps.wrapping_add(gap_counts(gap));
            count(gaps, GAP_STRANGE) == 0 && 2 * count(gaps, GAP_SIGN) <= length
        };
        // the signs at the end of the value are not a part of it
        let gap_end = (near.start + trimmed).saturating_sub(at);
        ValueFacts {
            whole: whole.plus(part.kinds_after(last_kind)),
            longest: part.or_longer(longest),
            is_plain: is_plain && are_few(gap.get(..gap_end).unwrap_or(gap), trimmed),
            is_plain_to_end: is_plain && are_few(gap, near.len()),
        }
    }

    /// Reads all runs that end in this range of the text, and forgets those before it.
    fn read_to(&mut self, text: &[u8], near: &Range<usize>) {
        let (mut sums, mut last) = self
            .known
            .back()
            .map_or((RunSums::default(), GAP), |run| (run.sums, run.part.ends.1));
        while let Some(first) = self.known.pop_front_if(|first| first.end <= near.start) {
            self.read.start = first.end;
        }
        if near.start < self.read.start || near.start > self.read.end {
            self.known.clear();
            self.read = near.start..near.start;
            (sums, last) = (RunSums::default(), GAP);
        }
        loop {
            let at = self.read.end;
            let (gap, rest) = split_gap(text.get(at..near.end).unwrap_or_default());
            let length = rest.iter().position(|&byte| kind_of(byte) == GAP);
            let length = length.unwrap_or(rest.len());
            let end = at + gap.len() + length;
            let is_cut = end == near.end && text.get(end).is_some_and(|&byte| kind_of(byte) != GAP);
            if length == 0 || is_cut {
                return;
            }
            let part = JudgedRun::of(rest.get(..length).unwrap_or_default());
            sums = sums.after(gap_counts(gap), &part, last);
            last = part.ends.1;
            self.known.push_back(TextRun {
                start: end - length,
                end,
                part,
                sums,
            });
            self.read.end = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "key0?|pwd|_pass|psk1|token|[a-z]{1,12}|[A-Z]{1,12}",
            "[a-zA-Z0-9]{1,40}",
            "[0-9a-f]{8,40}",
            "[0-9]{1,9}",
            "[a-z]{130,140}|[.;)]{120,600}",
            "[-:=_./,;()\\[\\]{}\"'<>!?+*#$%~\\\\ ]{0,6}",
            "\u{e9}|\u{65e5}",
        ];
        prop::collection::vec(part, 1..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn overlapping_values_are_judged_as_each_by_itself(
            text in values(), starts in prop::collection::vec(0usize..2000, 1..60), lengths in prop::collection::vec(0usize..700, 60),
            is_sorted: bool, has_one_end: bool,
        ) {
            let text = text.as_bytes();
            let mut starts: Vec<_> = starts.iter().map(|start| start % (text.len() + 1)).collect();
            if is_sorted {
                starts.sort_unstable();
            }
            let mut segments = SegmentMemo::default();
            for (start, length) in starts.into_iter().zip(lengths) {
                let end = if has_one_end { text.len() } else { (start + length).min(text.len()) };
                let value = &text[start..end];
                let shown = value.escape_ascii();
                prop_assert_eq!(segments.is_random(text, start..end), worth::is_random(value), "{}", shown);
                let shown = value.escape_ascii();
                let found = segments.is_likely_secret(text, start..end);
                prop_assert_eq!(found, worth::is_likely_secret(value), "{}", shown);
                let shown = value.escape_ascii();
                prop_assert_eq!(segments.is_plain(text, start..end), worth::is_plain(value), "{}", shown);
            }
        }
    }
}
