//! Long tokens (format version 2): identifiers such as UUIDs, trace IDs and long numbers, whose 3-grams say nothing.
//!
//! A token is a maximal run of the bytes `0-9 a-z _ -` of folded text that is at least [`TOKEN_MIN`] long and contains a digit. Of
//! each window of 7 consecutive 6-grams of a token the one with the smallest hash is sampled (a minimizer). Any part of a token
//! that is at least [`TOKEN_MIN`] long contains a whole window, and therefore a sample, wherever it begins.

use std::ops::Range;

/// Calls `sample` with the hashes that stand for the long tokens of a folded text. A hash may come more than once.
pub(in crate::store) fn each_sample(folded: &[u8], mut sample: impl FnMut(u64)) {
    let mut done = 0;
    // A token contains every position that is a multiple of its minimum length after its start: most bytes are never looked at.
    let mut probe = TOKEN_MIN - 1;
    while let Some(byte) = folded.get(probe) {
        if !is_of_token(*byte) {
            done = probe + 1;
            probe += TOKEN_MIN;
            continue;
        }
        let before = folded.get(done..probe).unwrap_or_default();
        let start = before.iter().rposition(|byte| !is_of_token(*byte));
        let start = done + start.map_or(0, |last| last + 1);
        let after = folded.get(probe..).unwrap_or_default();
        let length = after.iter().position(|byte| !is_of_token(*byte));
        let end = probe + length.unwrap_or(after.len());
        let token = folded.get(start..end).unwrap_or_default();
        if token.len() >= TOKEN_MIN && token.iter().any(u8::is_ascii_digit) {
            each_minimizer(token, &mut sample);
        }
        done = end + 1;
        probe = end + TOKEN_MIN;
    }
}

/// The smallest hash of each window, once for windows in a row that share it.
fn each_minimizer(token: &[u8], sample: &mut impl FnMut(u64)) {
    let mut hashes = [0; WINDOW];
    let mut slot = 0;
    let mut smallest = (u64::MAX, 0);
    for (index, gram) in token.array_windows::<GRAM>().enumerate() {
        let hash = gram_hash(*gram);
        if let Some(place) = hashes.get_mut(slot) {
            *place = hash;
        }
        slot = if slot + 1 == WINDOW { 0 } else { slot + 1 };
        let before = smallest;
        if hash < smallest.0 {
            smallest = (hash, index);
        } else if smallest.1 + WINDOW <= index {
            smallest = smallest_of(&hashes, index);
        }
        if index + 1 == WINDOW || (index + 1 > WINDOW && smallest != before) {
            sample(smallest.0);
        }
    }
}

/// The smallest hash of the window that ends with the gram of this index, and its index.
fn smallest_of(hashes: &[u64; WINDOW], last: usize) -> (u64, usize) {
    let window: Range<usize> = (last + 1).saturating_sub(WINDOW)..last + 1;
    let entries = window.filter_map(|index| Some((*hashes.get(index % WINDOW)?, index)));
    entries.min().unwrap_or((u64::MAX, last))
}

fn gram_hash(gram: [u8; GRAM]) -> u64 {
    let mut padded = [0; 8];
    for (to, byte) in padded.iter_mut().zip(gram) {
        *to = byte;
    }
    mixed(u64::from_le_bytes(padded))
}

/// The finalizer of `SplitMix64`.
pub(in crate::store) fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

fn is_of_token(byte: u8) -> bool {
    OF_TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

#[expect(clippy::indexing_slicing, reason = "it is evaluated by the compiler")]
const OF_TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-');
        byte += 1;
    }
    table
};

/// The shortest token, and the shortest part of a token that can be looked up.
pub(in crate::store) const TOKEN_MIN: usize = GRAM + WINDOW - 1;
/// Six hexadecimal digits are 16 million grams: two tokens share one by chance rarely enough.
const GRAM: usize = 6;
/// Grams of which one is sampled.
const WINDOW: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn samples(text: &str) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        each_sample(text.as_bytes(), |hash| {
            all.insert(hash);
        });
        all
    }

    #[test]
    fn only_long_runs_with_a_digit_are_tokens() {
        assert!(samples("authentication-service").is_empty());
        assert!(samples("v1.2.3 10.1.22.133 /api/v1/users").is_empty());
        assert!(samples("12345678901").is_empty());
        assert_eq!(samples("123456789012").len(), 1);
        assert_eq!(
            samples("id=5a1f0c9e2b7d4f3e;").len(),
            samples("5a1f0c9e2b7d4f3e").len()
        );
    }

    /// The samples by definition: the minimum of every window of every token.
    fn defined(text: &str) -> BTreeSet<u64> {
        let runs = text.split(|c: char| !matches!(c, '0'..='9' | 'a'..='z' | '_' | '-'));
        let is_token =
            |run: &&str| run.len() >= TOKEN_MIN && run.contains(|c: char| c.is_ascii_digit());
        let mut all = BTreeSet::new();
        for token in runs.filter(is_token) {
            let hashes: Vec<u64> = token
                .as_bytes()
                .array_windows()
                .map(|gram| gram_hash(*gram))
                .collect();
            all.extend(
                hashes
                    .windows(WINDOW)
                    .filter_map(|window| window.iter().min()),
            );
        }
        all
    }

    #[test]
    fn few_grams_of_a_token_are_sampled() {
        let count = samples("0f8fad5b-d9cb-469f-a165-70867728950e").len();
        assert!((4..=12).contains(&count), "{count}");
    }

    proptest! {
        #[test]
        fn samples_are_those_of_the_definition(text in "[0-9a-c_ .-]{0,120}", other in "[ -~\\u{e9}]{0,60}") {
            prop_assert_eq!(samples(&text), defined(&text));
            let folded = super::super::fold::fold(&other).into_owned();
            prop_assert_eq!(samples(&folded), defined(&folded));
        }

        #[test]
        fn samples_of_a_part_are_samples_of_the_whole(text in "[0-9a-f_ .-]{0,80}", from in 0usize..80, length in 0usize..40) {
            let part: String = text.chars().skip(from).take(length).collect();
            prop_assert!(samples(&part).is_subset(&samples(&text)));
        }

        #[test]
        fn every_part_that_is_long_enough_has_a_sample(token in "[0-9a-f-]{12,40}", from in 0usize..28) {
            let part: String = token.chars().skip(from).take(TOKEN_MIN).collect();
            if part.len() == TOKEN_MIN && part.bytes().any(|byte| byte.is_ascii_digit()) {
                prop_assert!(!samples(&part).is_empty());
            }
        }
    }
}
