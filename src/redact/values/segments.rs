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
    facts: RunKinds,
    /// Whether it is a word or a short number.
    is_plain: bool,
    is_random: bool,
}

/// What is needed to judge whether runs, one after the other, look random.
#[derive(Debug, Clone, Copy, Default)]
struct RunKinds {
    length: usize,
    /// Number of neighbours of different kinds.
    changes: usize,
    digits: usize,
    letters: usize,
    /// Number of bytes that are not hexadecimal.
    others: usize,
    /// The kinds of the first and the last byte.
    ends: Option<(u8, u8)>,
}

/// Running sums over runs and the bytes before each.
#[derive(Debug, Clone, Copy, Default)]
struct RunSums {
    facts: RunKinds,
    /// Number of ASCII signs between the runs.
    signs: usize,
    /// Number of bytes between the runs that are in no value of words.
    strange: usize,
    /// Number of runs that are neither words nor short numbers.
    not_plain: usize,
    /// Number of runs that are long enough to look random.
    long: usize,
}

/// What the bytes of a value that are examined consist of.
#[derive(Debug)]
struct ValueFacts {
    whole: RunKinds,
    /// The length of the longest run, if it is long enough to look random, and whether it does.
    longest: (usize, bool),
    /// Whether the value consists of words and short numbers.
    is_plain: bool,
}

impl RunKinds {
    fn of(run: &[u8]) -> Self {
        let mut facts = Self::default();
        let mut last = None;
        for &byte in run {
            let kind = worth::kind_of(byte);
            facts.changes += usize::from(last.is_some_and(|last| last != kind));
            facts.digits += usize::from(byte.is_ascii_digit());
            facts.letters += usize::from(byte.is_ascii_alphabetic());
            facts.others += usize::from(!byte.is_ascii_hexdigit());
            last = Some(kind);
        }
        facts.length = run.len();
        let first = run.first().map(|&byte| worth::kind_of(byte));
        facts.ends = first.zip(last);
        facts
    }

    /// Appends another run.
    fn add(&mut self, other: &Self) {
        let meets = match (self.ends, other.ends) {
            (Some((_, last)), Some((first, _))) => last != first,
            _ => false,
        };
        self.changes += other.changes + usize::from(meets);
        self.length += other.length;
        self.digits += other.digits;
        self.letters += other.letters;
        self.others += other.others;
        self.ends = match (self.ends, other.ends) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (own, None) => own,
            (None, other) => other,
        };
    }

    /// Appends the runs that these sums have and earlier ones have not.
    fn add_between(&mut self, earlier: &Self, later: &Self) {
        self.changes += later.changes - earlier.changes;
        self.length += later.length - earlier.length;
        self.digits += later.digits - earlier.digits;
        self.letters += later.letters - earlier.letters;
        self.others += later.others - earlier.others;
        if let (Some((first, _)), Some((_, last))) = (self.ends, later.ends) {
            self.ends = Some((first, last));
        }
    }

    /// Whether a run with these facts looks random. The run itself matters only if it has no digit.
    fn is_random_run(&self, run: &[u8]) -> bool {
        let has_both = self.digits > 0 && self.letters > 0;
        has_both && self.others == 0 && self.length >= 2 * LENGTH_MIN
            || self.length >= LENGTH_MIN
                && self.letters > 0
                && worth::changes_often(self.changes, self.length)
                && (self.digits > 0 || !worth::is_word(run))
    }
}

impl JudgedRun {
    fn of(run: &[u8]) -> Self {
        let facts = RunKinds::of(run);
        Self {
            is_plain: run.is_empty() || worth::is_plain_segment(run),
            is_random: facts.is_random_run(run),
            facts,
        }
    }

    fn is_long(&self) -> bool {
        self.facts.length >= LENGTH_MIN
    }

    /// The longer one of this and the longest run before it; the later one of equals.
    fn or_longer(&self, longest: (usize, bool)) -> (usize, bool) {
        if self.is_long() && self.facts.length >= longest.0 {
            (self.facts.length, self.is_random)
        } else {
            longest
        }
    }
}

impl RunSums {
    /// The sums after the bytes of a gap and a run.
    fn after(mut self, gap: &[u8], part: &JudgedRun) -> Self {
        self.facts.add(&part.facts);
        self.signs += signs(gap);
        self.strange += strange(gap);
        self.not_plain += usize::from(!part.is_plain);
        self.long += usize::from(part.is_long());
        self
    }
}

fn signs(gap: &[u8]) -> usize {
    gap.iter()
        .filter(|byte| byte.is_ascii_punctuation())
        .count()
}

fn strange(gap: &[u8]) -> usize {
    gap.iter()
        .filter(|&&byte| !worth::joins_words(byte))
        .count()
}

/// Whether a byte belongs to a run.
fn of_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
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
        if facts.whole.digits > 0 {
            facts.whole.is_random_run(&[])
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
        let is_one_word = facts.whole.digits > 0
            && facts.whole.letters > 0
            && value.iter().all(u8::is_ascii_alphanumeric)
            && !worth::is_measure(value);
        is_one_word || !facts.is_plain
    }

    fn facts(&mut self, text: &[u8], near: Range<usize>) -> ValueFacts {
        self.read_to(text, &near);
        let trimmed = worth::trimmed(text.get(near.clone()).unwrap_or_default());
        let last = self.known.iter().rposition(|run| run.end <= near.end);
        let last = last.and_then(|last| Some((last, self.known.get(last)?)));
        let mut facts = ValueFacts {
            whole: RunKinds::default(),
            longest: (0, false),
            is_plain: true,
        };
        let (mut all_signs, mut at) = (0, near.start);
        if let Some((last, run)) = last
            && let Some(first) = self.known.front()
        {
            let is_cut = first.start < near.start;
            let cut =
                is_cut.then(|| JudgedRun::of(text.get(near.start..first.end).unwrap_or_default()));
            let part = cut.as_ref().unwrap_or(&first.part);
            let gap = text.get(near.start..first.start).unwrap_or_default();
            let (earlier, later) = (&first.sums, &run.sums);
            all_signs = signs(gap) + later.signs - earlier.signs;
            facts.is_plain = part.is_plain
                && strange(gap) == 0
                && later.strange == earlier.strange
                && later.not_plain == earlier.not_plain;
            facts.longest = part.or_longer(facts.longest);
            if later.long > earlier.long {
                let others = self.known.iter().take(last + 1).skip(1);
                facts.longest =
                    others.fold(facts.longest, |longest, run| run.part.or_longer(longest));
            }
            facts.whole = part.facts;
            facts.whole.add_between(&earlier.facts, &later.facts);
            at = run.end;
        }
        let rest = text.get(at..near.end).unwrap_or_default();
        let length = rest.iter().take_while(|&&byte| !of_run(byte)).count();
        let (gap, cut) = rest.split_at_checked(length).unwrap_or_default();
        // the signs at the end of the value are not a part of it
        let gap_end = (near.start + trimmed.len()).saturating_sub(at);
        let gap = gap.get(..gap_end).unwrap_or(gap);
        let part = JudgedRun::of(cut);
        all_signs += signs(gap);
        facts.is_plain &= strange(gap) == 0 && part.is_plain && 2 * all_signs <= trimmed.len();
        facts.longest = part.or_longer(facts.longest);
        facts.whole.add(&part.facts);
        facts
    }

    /// Reads all runs that end in this range of the text, and forgets those before it.
    fn read_to(&mut self, text: &[u8], near: &Range<usize>) {
        let mut sums = self
            .known
            .back()
            .map_or_else(RunSums::default, |run| run.sums);
        while let Some(first) = self.known.pop_front_if(|first| first.end <= near.start) {
            self.read.start = first.end;
        }
        if near.start < self.read.start || near.start > self.read.end {
            self.known.clear();
            self.read = near.start..near.start;
            sums = RunSums::default();
        }
        loop {
            let at = self.read.end;
            let rest = text.get(at..near.end).unwrap_or_default();
            let gap = rest.iter().take_while(|&&byte| !of_run(byte)).count();
            let (gap, rest) = rest.split_at_checked(gap).unwrap_or_default();
            let length = rest.iter().take_while(|&&byte| of_run(byte)).count();
            let end = at + gap.len() + length;
            if length == 0 || end == near.end && text.get(end).copied().is_some_and(of_run) {
                return;
            }
            let part = JudgedRun::of(rest.get(..length).unwrap_or_default());
            sums = sums.after(gap, &part);
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
            }
        }
    }
}
