//! Long tokens (format version 2): identifiers such as UUIDs, trace IDs and long numbers, whose 3-grams say nothing.
//!
//! A token is a maximal run of the bytes `0-9 a-z _ -` of folded text that is at least [`TOKEN_MIN`] long and contains a digit. Of
//! each window of 7 consecutive 6-grams of a token the one with the smallest hash is sampled (a minimizer). Any part of a token
//! that is at least [`TOKEN_MIN`] long contains a whole window, and therefore a sample, wherever it begins.

use super::fold::fold;

/// Calls `sample` with the hashes that stand for the long tokens of a folded text. A hash may come more than once.
pub(in crate::store) fn each_sample(folded: &[u8], mut sample: impl FnMut(u64)) {
    // The last bytes of the previous chunk that a token may have begun with, and the end of the last token.
    let (mut carried, mut done) = (0, 0);
    let mut add_tokens = |chunk: &[u8; CHUNK], offset: usize| {
        let runs = u128::from(token_bytes(chunk)) << CARRIED | carried;
        carried = runs >> CHUNK;
        // A bit that is left says that a run of at least this length begins there.
        let two = runs & runs >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let mut starts = eight & four >> (TOKEN_MIN - 4);
        while starts != 0 {
            let first = starts.trailing_zeros();
            let start = (offset + first as usize).saturating_sub(CARRIED);
            let seen = (runs >> first).trailing_ones();
            // The others of the same run.
            starts &= starts.wrapping_add(1 << first);
            if start >= done {
                let rest = folded.get(start..).unwrap_or_default();
                done = start + add_token(rest, seen as usize, &mut sample);
            }
        }
    };
    let (chunks, rest) = folded.as_chunks::<CHUNK>();
    for (chunk, offset) in chunks.iter().zip((0..).step_by(CHUNK)) {
        add_tokens(chunk, offset);
    }
    let mut last = [0; CHUNK];
    if let Some(to) = last.get_mut(..rest.len()) {
        to.copy_from_slice(rest);
        add_tokens(&last, folded.len() - rest.len());
    }
}

/// Whether a text has a long token once it is folded.
pub(super) fn has_token(text: &str) -> bool {
    let (mut length, mut has_digit) = (0, false);
    fold(text).bytes().any(|byte| {
        if is_of_token(byte) {
            length += 1;
            has_digit |= byte.is_ascii_digit();
        } else {
            (length, has_digit) = (0, false);
        }
        length >= TOKEN_MIN && has_digit
    })
}

/// Samples the run at the start of `text`, of which `seen` bytes are known, if it is a token; returns its length.
fn add_token(text: &[u8], seen: usize, sample: &mut impl FnMut(u64)) -> usize {
    let more = text.get(seen..).unwrap_or_default();
    let more = more.iter().take_while(|byte| is_of_token(**byte)).count();
    let token = text.get(..seen + more).unwrap_or_default();
    if token.iter().any(u8::is_ascii_digit) {
        each_minimizer(token, sample);
    }
    token.len()
}

/// A bit for each byte of the chunk that a token may have.
fn token_bytes(chunk: &[u8; CHUNK]) -> u64 {
    // Compilers turn this into a few instructions for 16 bytes.
    let flags = chunk.map(|byte| u8::from(is_of_token(byte)));
    let (words, _) = flags.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        // The product moves the lowest bit of each byte to the top byte.
        let packed = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits << 8 | packed
    })
}

/// The smallest hash of each window, once for windows in a row that share it.
fn each_minimizer(token: &[u8], sample: &mut impl FnMut(u64)) {
    let mut sampled = None;
    let mut rest = token;
    // In parts that fit a buffer on the stack, each of which begins with the first window that the part before did not have.
    while rest.len() >= TOKEN_MIN {
        let mut hashes = [0; PART];
        let mut count = 0;
        for (hash, gram) in hashes.iter_mut().zip(rest.array_windows::<GRAM>()) {
            *hash = gram_hash(*gram);
            count += 1;
        }
        let hashes = hashes.get(..count).unwrap_or_default();
        for [a, b, c, d, e, f, g] in hashes.array_windows::<WINDOW>() {
            let smallest = (*a).min(*b).min((*c).min(*d)).min((*e).min(*f).min(*g));
            if sampled != Some(smallest) {
                sample(smallest);
                sampled = Some(smallest);
            }
        }
        rest = rest.get(PART + 1 - WINDOW..).unwrap_or_default();
    }
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
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-')
}

/// The bytes that are looked at together.
const CHUNK: usize = 64;
/// A token that is not seen in one chunk has at most this many bytes in it.
const CARRIED: usize = TOKEN_MIN - 1;
/// The shortest token, and the shortest part of a token that can be looked up.
pub(in crate::store) const TOKEN_MIN: usize = GRAM + WINDOW - 1;
/// Six hexadecimal digits are 16 million grams: two tokens share one by chance rarely enough.
const GRAM: usize = 6;
/// Grams of which one is sampled.
const WINDOW: usize = 7;
/// The grams of a UUID, which is the most frequent token, fit.
const PART: usize = 40;

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
        fn a_text_has_a_token_where_it_has_samples(text in "[a-fA-F0-9_\u{212a}\u{e9} ]{0,60}") {
            prop_assert_eq!(has_token(&text), !samples(&fold(&text)).is_empty());
        }

        #[test]
        fn samples_are_those_of_the_definition(text in "[0-9a-c_ .-]{0,120}", other in "[ -~\\u{e9}]{0,60}") {
            prop_assert_eq!(samples(&text), defined(&text));
            let folded = fold(&other).into_owned();
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
