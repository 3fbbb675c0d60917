//! The first pass over a text: finds where one of the rules' literals stands, in any case of its
//! letters.
//!
//! Each literal is put into one of 64 buckets by its first three bytes. Tables give, for a byte,
//! the buckets that have it in first, second, third and fourth place; where the three masks of
//! three neighbours share a bit, a literal of that bucket may start, and only there the fourth byte
//! is asked and then the literals themselves are compared. The step from one byte to the next
//! depends on little that was found before, so that a processor overlaps several of them: measured,
//! this is about three times as fast as an automaton over the same literals, whose every step waits
//! for the one before.

use std::ops::Range;

/// How many buckets a mask has room for.
const BUCKETS: usize = u64::BITS as usize;

/// How many bytes of a literal are looked up at each place of a text; no literal is shorter.
const KNOWN: usize = 3;

/// How many bytes the tables know. The last is looked up where the first ones fit, which is where
/// most texts that hold no literal end.
const TABLES: usize = KNOWN + 1;

/// Literals of rules, ready to be looked for.
#[derive(Debug)]
pub(super) struct Literals {
    /// For each place in a literal and each byte, the buckets with a literal that has the byte
    /// there.
    masks: Box<[[u64; 256]; TABLES]>,
    buckets: Vec<Vec<Literal>>,
}

#[derive(Debug, Clone, Copy)]
struct Literal {
    text: &'static [u8],
    /// The rule that it belongs to.
    rule: usize,
}

impl Literals {
    /// Takes literals, in lower case and each with its rule.
    pub(super) fn new(literals: &[(&'static str, usize)]) -> Self {
        let mut sorted: Vec<_> = literals
            .iter()
            .map(|&(text, rule)| (text.as_bytes(), rule))
            .collect();
        // Neighbours share their first bytes: a bucket of them lets few other texts through.
        sorted.sort_unstable();
        let mut prefixes: Vec<_> = sorted
            .iter()
            .filter_map(|(text, _)| text.get(..KNOWN))
            .collect();
        prefixes.dedup();
        let mut all = Self {
            masks: Box::new([[0; 256]; TABLES]),
            buckets: vec![Vec::new(); BUCKETS],
        };
        for &(text, rule) in &sorted {
            let place = prefixes.iter().position(|&prefix| text.starts_with(prefix));
            debug_assert!(
                place.is_some(),
                "no literal is shorter than the tables know"
            );
            let bucket = place.unwrap_or(0) * BUCKETS / prefixes.len().max(BUCKETS);
            all.add(Literal { text, rule }, bucket);
        }
        all
    }

    fn add(&mut self, literal: Literal, bucket: usize) {
        let bit = 1 << bucket;
        for (place, mask) in self.masks.iter_mut().enumerate() {
            match literal.text.get(place) {
                Some(byte) => {
                    for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                        if let Some(entry) = mask.get_mut(usize::from(byte)) {
                            *entry |= bit;
                        }
                    }
                }
                // behind its end anything may come
                None => mask.iter_mut().for_each(|entry| *entry |= bit),
            }
        }
        if let Some(literals) = self.buckets.get_mut(bucket) {
            literals.push(literal);
        }
    }

    /// Tells each place where a literal stands, from left to right, with the rule that it belongs
    /// to; stops where `visit` says so.
    pub(super) fn visit(&self, text: &[u8], mut visit: impl FnMut(usize, Range<usize>) -> Go) {
        // Buckets with a literal whose first byte was the last one, and whose first two bytes were
        // the last two: each byte is looked up once in each table.
        let (mut one, mut two) = (0, 0);
        for (last, byte) in text.iter().enumerate() {
            let [first, second, third, _] = self.masks_of(*byte);
            let buckets = two & third;
            two = one & second;
            one = first;
            if buckets != 0 {
                let start = last + 1 - KNOWN;
                if self.compare(text, start, buckets, &mut visit) == Go::Stop {
                    return;
                }
            }
        }
    }

    /// Whether any literal stands in a text.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        let mut found = false;
        self.visit(text, |_, _| {
            found = true;
            Go::Stop
        });
        found
    }

    /// The buckets with a literal that has the byte in first, second, third and fourth place.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "a byte is less than 256: no check is left"
    )]
    fn masks_of(&self, byte: u8) -> [u64; TABLES] {
        self.masks.each_ref().map(|mask| mask[usize::from(byte)])
    }

    /// Tells the literals of these buckets that stand at `start`.
    #[cold]
    fn compare(
        &self,
        text: &[u8],
        start: usize,
        mut buckets: u64,
        visit: &mut impl FnMut(usize, Range<usize>) -> Go,
    ) -> Go {
        if let Some(byte) = text.get(start + KNOWN) {
            let [.., fourth] = self.masks_of(*byte);
            buckets &= fourth;
        }
        while buckets != 0 {
            let bucket = buckets.trailing_zeros() as usize;
            buckets &= buckets - 1;
            for literal in self.buckets.get(bucket).into_iter().flatten() {
                let range = start..start + literal.text.len();
                let found = text.get(range.clone());
                if found.is_some_and(|found| found.eq_ignore_ascii_case(literal.text))
                    && visit(literal.rule, range) == Go::Stop
                {
                    return Go::Stop;
                }
            }
        }
        Go::On
    }
}

/// Whether to look for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    /// Look for more.
    On,
    /// That was enough.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(literals: &[(&'static str, usize)], text: &str) -> Vec<(usize, Range<usize>)> {
        let mut all = Vec::new();
        Literals::new(literals).visit(text.as_bytes(), |rule, range| {
            all.push((rule, range));
            Go::On
        });
        all
    }

    #[test]
    fn literals_are_found_in_any_case_and_nested() {
        let literals = [
            ("token", 0),
            ("secret", 1),
            ("secrets", 2),
            ("://", 3),
            ("ret", 4),
        ];
        assert_eq!(
            found(&literals, "SecretS http://TOKEN"),
            [(1, 0..6), (2, 0..7), (4, 3..6), (3, 12..15), (0, 15..20)]
        );
        assert_eq!(found(&literals, "secre"), []);
        assert_eq!(found(&literals, ""), []);
    }

    #[test]
    fn one_literal_may_belong_to_several_rules() {
        assert_eq!(
            found(&[("key", 7), ("key", 2)], "key"),
            [(2, 0..3), (7, 0..3)]
        );
    }

    #[test]
    fn the_search_stops_when_told() {
        let mut count = 0;
        Literals::new(&[("key", 0)]).visit(b"key key", |_, _| {
            count += 1;
            Go::Stop
        });
        assert_eq!(count, 1);
    }

    #[test]
    fn what_a_plain_search_finds_is_found() {
        let literals: Vec<_> = ["abc", "abcab", "bca", "aaa", "cab", "b_-"]
            .into_iter()
            .zip(0..)
            .collect();
        let mut seed = 7_u64;
        for _ in 0..2_000 {
            let text: String = (0..12)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    char::from(b"abcABC_-"[(seed >> 60) as usize % 8])
                })
                .collect();
            let lower = text.to_ascii_lowercase();
            let mut expected: Vec<_> = literals
                .iter()
                .flat_map(|&(literal, rule)| {
                    (0..lower.len())
                        .filter(|&at| lower[at..].starts_with(literal))
                        .map(move |at| (rule, at..at + literal.len()))
                        .collect::<Vec<_>>()
                })
                .collect();
            let mut all = found(&literals, &text);
            expected.sort_by_key(|(rule, range)| (*rule, range.start));
            all.sort_by_key(|(rule, range)| (*rule, range.start));
            assert_eq!(all, expected, "{text}");
        }
    }
}
