//! Helpers for all forms: finding, splitting, numbers, capitals.

/// Splits at the first `separator`, which belongs to neither part.
pub(crate) fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Whether `text` is digits and nothing else.
pub(crate) fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Whether `word` is in capitals.
pub(crate) fn is_capitals(word: &[u8]) -> bool {
    !word.is_empty()
        && word
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// A text to look for. Every form looks for a few short texts in a short line, and preparing a searcher for each of them
/// (`memchr::memmem`) showed in profiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needle<'a> {
    text: &'a [u8],
    /// The byte of it that log lines have least often, and the number of bytes before that.
    rarest: u8,
    before: usize,
}

impl<'a> Needle<'a> {
    /// Prepares the search for a text that is not empty, if possible at compile time.
    #[expect(
        clippy::indexing_slicing,
        reason = "slices offer nothing else at compile time; every index is below the length"
    )]
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        let mut before = 0;
        let mut at = 1;
        while at < text.len() {
            if frequency(text[at]) < frequency(text[before]) {
                before = at;
            }
            at += 1;
        }
        Self {
            text,
            rarest: if text.is_empty() { 0 } else { text[before] },
            before,
        }
    }

    /// The number of bytes of the text.
    pub(crate) const fn length(self) -> usize {
        self.text.len()
    }

    /// The place of the last occurrence in `text`.
    pub(crate) fn find_last(self, text: &[u8]) -> Option<usize> {
        memchr::memmem::rfind(text, self.text)
    }

    /// The place of the first occurrence in `text`.
    pub(crate) fn find(self, text: &[u8]) -> Option<usize> {
        let mut start = self.before;
        loop {
            let at = start + memchr::memchr(self.rarest, text.get(start..)?)?;
            let first = at - self.before;
            if text.get(first..)?.starts_with(self.text) {
                return Some(first);
            }
            start = at + 1;
        }
    }
}

/// How often log lines have a byte, on a coarse scale.
const fn frequency(byte: u8) -> u8 {
    match byte {
        b' ' | b'e' => 5,
        b'a' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 4,
        b'c' | b'd' | b'h' | b'l' | b'm' | b'p' | b'u' | b'0'..=b'9' | b':' | b'.' | b'-' => 3,
        b'a'..=b'z' | b'/' => 2,
        b'A'..=b'Z' | b'_' | b'=' | b',' | b'(' | b')' | b'[' | b']' => 1,
        _ => 0,
    }
}

/// A [`Needle`] that is prepared at compile time.
macro_rules! needle {
    ($text:expr) => {
        const { $crate::collect::recognise::words::Needle::new($text) }
    };
}

pub(crate) use needle;

impl<'a, const LENGTH: usize> From<&'a [u8; LENGTH]> for Needle<'a> {
    fn from(text: &'a [u8; LENGTH]) -> Self {
        Self::new(text)
    }
}

impl<'a> From<&'a [u8]> for Needle<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self::new(text)
    }
}

/// The place of the first `needle` in `text`. Where many lines are searched, the needle is prepared with [`needle`].
pub(crate) fn find<'a>(text: &[u8], needle: impl Into<Needle<'a>>) -> Option<usize> {
    needle.into().find(text)
}

/// Whether `needle` is in `text`.
pub(crate) fn contains<'a>(text: &[u8], needle: impl Into<Needle<'a>>) -> bool {
    find(text, needle).is_some()
}

/// Texts with which a line may start. Most lines already differ in their first two bytes.
#[derive(Debug)]
pub(crate) struct Starts {
    texts: &'static [&'static [u8]],
    pairs: LetterPairs,
}

impl Starts {
    /// Prepares texts of at least two bytes at compile time.
    pub(crate) const fn new(texts: &'static [&'static [u8]]) -> Self {
        let mut pairs = LetterPairs::NONE;
        let mut rest = texts;
        while let [text, after @ ..] = rest {
            assert!(text.len() > 1, "a shorter text has no pair");
            if let [first, second, ..] = *text {
                pairs = pairs.with(*first, *second);
            }
            rest = after;
        }
        Self { texts, pairs }
    }

    /// Whether `text` starts with one of the texts.
    pub(crate) fn begin(&self, text: &[u8]) -> bool {
        // a comparison of texts is a call
        let begins = |start: &&[u8]| {
            start.first_chunk::<2>() == text.first_chunk::<2>() && text.starts_with(start)
        };
        self.may_begin(text) && self.texts.iter().any(begins)
    }

    /// Whether the first two bytes of `text` may be those of one of the texts.
    pub(crate) fn may_begin(&self, text: &[u8]) -> bool {
        match text {
            [first, second, ..] => self.pairs.may_have(*first, *second),
            _ => false,
        }
    }
}

/// Texts with which a line may end. Most lines already differ in their last three bytes.
#[derive(Debug)]
pub(crate) struct Endings {
    texts: &'static [&'static [u8]],
    triples: LetterTriples,
}

impl Endings {
    /// Prepares texts of at least three bytes at compile time.
    pub(crate) const fn new(texts: &'static [&'static [u8]]) -> Self {
        let mut triples = LetterTriples::NONE;
        let mut rest = texts;
        while let [text, after @ ..] = rest {
            assert!(text.len() > 2, "a shorter text has no three bytes");
            if let [.., first, second, third] = *text {
                triples = triples.with(*first, *second, *third);
            }
            rest = after;
        }
        Self { texts, triples }
    }

    /// What is before the texts that `text` ends with.
    pub(crate) fn before<'a>(&self, text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let is_likely = match text {
            [.., first, second, third] => self.triples.may_have(*first, *second, *third),
            _ => false,
        };
        let likely = if is_likely { self.texts } else { &[] };
        likely
            .iter()
            .filter(|end| end.last() == text.last())
            .filter_map(|end| text.strip_suffix(*end))
    }
}

/// Words to compare others with.
#[derive(Debug)]
pub(crate) struct WordSet {
    words: &'static [&'static str],
    lengths: WordLengths,
}

impl WordSet {
    pub(crate) const fn new(words: &'static [&'static str]) -> Self {
        let mut lengths = WordLengths::NONE;
        let mut rest = words;
        while let [word, after @ ..] = rest {
            lengths = lengths.with(word);
            rest = after;
        }
        Self { words, lengths }
    }

    pub(crate) fn has(&self, word: &[u8]) -> bool {
        // a comparison of whole words is a call
        let is_same = |known: &&'static str| {
            let known = known.as_bytes();
            known.first() == word.first() && known == word
        };
        self.lengths.may_have(word) && self.words.iter().any(is_same)
    }

    /// The same for a word in either case, with words in small letters.
    pub(crate) fn has_in_any_case(&self, word: &[u8]) -> bool {
        let is_same = |known: &&'static str| known.as_bytes().eq_ignore_ascii_case(word);
        self.lengths.may_have(word) && self.words.iter().any(is_same)
    }
}

/// For each letter the letters that are beside it in some texts, as bits, in either case: most texts have others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LetterPairs([u32; 32]);

impl LetterPairs {
    pub(crate) const NONE: Self = Self([0; 32]);

    /// The same pairs and another.
    #[expect(clippy::indexing_slicing, reason = "runs at compile time")]
    #[must_use]
    pub(crate) const fn with(mut self, first: u8, second: u8) -> Self {
        self.0[WordLengths::letter(first)] |= 1 << WordLengths::letter(second);
        self
    }

    /// Whether `second` may be beside `first`.
    pub(crate) fn may_have(&self, first: u8, second: u8) -> bool {
        let seconds = self.0.get(WordLengths::letter(first));
        seconds.is_some_and(|seconds| seconds >> WordLengths::letter(second) & 1 != 0)
    }
}

/// For each two letters the third ones after them in some texts, as bits, in either case.
#[derive(Debug, Clone)]
pub(crate) struct LetterTriples([u32; 1024]);

impl LetterTriples {
    pub(crate) const NONE: Self = Self([0; 1024]);

    /// The same triples and another.
    #[expect(clippy::indexing_slicing, reason = "runs at compile time")]
    #[must_use]
    pub(crate) const fn with(mut self, first: u8, second: u8, third: u8) -> Self {
        self.0[Self::place(first, second)] |= 1 << WordLengths::letter(third);
        self
    }

    /// Whether the three letters may be in one of the texts.
    pub(crate) fn may_have(&self, first: u8, second: u8, third: u8) -> bool {
        let thirds = self.0.get(Self::place(first, second));
        thirds.is_some_and(|thirds| thirds >> WordLengths::letter(third) & 1 != 0)
    }

    const fn place(first: u8, second: u8) -> usize {
        WordLengths::letter(first) << 5 | WordLengths::letter(second)
    }
}

/// For each first letter the lengths of some words, as bits: most words begin with another letter or have another length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WordLengths([u16; 32]);

impl WordLengths {
    /// The longest words that are distinguished.
    const LENGTH_MAX: usize = 15;

    pub(crate) const NONE: Self = Self([0; 32]);

    /// The lengths of these words and another.
    #[expect(clippy::indexing_slicing, reason = "runs at compile time")]
    #[must_use]
    pub(crate) const fn with(mut self, word: &str) -> Self {
        let word = word.as_bytes();
        assert!(word.len() <= Self::LENGTH_MAX, "a longer word has no bit");
        self.0[Self::letter(word[0])] |= 1 << word.len();
        self
    }

    /// Whether one of the words may be `word`, in either case.
    pub(crate) fn may_have(&self, word: &[u8]) -> bool {
        let lengths = word
            .first()
            .and_then(|&first| self.0.get(Self::letter(first)));
        let length = word.len().min(Self::LENGTH_MAX + 1);
        lengths.is_some_and(|&lengths| u32::from(lengths) >> length & 1 != 0)
    }

    /// What remains of a letter without its case.
    const fn letter(byte: u8) -> usize {
        (byte & 0x1f) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_naive_search_finds(text in "[ab:! ]{0,40}", needle in "[ab:! ]{1,4}") {
            prop_assert_eq!(find(text.as_bytes(), Needle::new(needle.as_bytes())), text.find(&needle));
        }

        #[test]
        fn a_set_has_its_words_and_no_others(word in "[A-Ca-c0-3.-]{0,3}|[a-p]{14,18}") {
            const WORDS: [&str; 6] = ["a", "Ab", "b.1", "ca", "c-a", "3a"];
            const SET: WordSet = WordSet::new(&WORDS);
            prop_assert_eq!(SET.has(word.as_bytes()), WORDS.contains(&word.as_str()));
        }
    }
}
