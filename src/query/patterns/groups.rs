//! Groups of masked lines that differ in few words (after Drain, He et al., 2017: lines of one length and one first word, merged
//! when most of their words are equal).

use super::answer::Patterns;
use super::lines::Lines;
use crate::query::text::template::{ANY_WORD, Template};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Memory of all groups together.
const BYTES_MAX: usize = 4 << 20;
/// What a group takes beside its words, about.
const GROUP_BYTES: usize = 512;
/// What a word takes beside its text, about: its number, and its place among the words.
const WORD_BYTES: usize = 48;
/// Groups of one length and first word: each line is compared with all of them.
const ALIKE_MAX: usize = 64;
/// Words that must be equal, in tenths of all words.
const EQUAL_TENTHS_MIN: usize = 6;

/// The number of a word of a group.
type WordNumber = u32;

/// The number of all words that are in no group.
const UNKNOWN: WordNumber = 0;
/// The number of the placeholder of any word.
const ANY: WordNumber = 1;

/// Similar lines: the words of their template and their counts.
#[derive(Debug)]
struct LineGroup {
    words: Vec<WordNumber>,
    lines: Lines,
}

/// The groups so far.
#[derive(Debug, Default)]
pub(super) struct LineGroups {
    /// By the number of words and the first word.
    groups: HashMap<(usize, WordNumber), Vec<LineGroup>, RandomState>,
    vocabulary: Vocabulary,
    /// The words of the line that is added, kept for its memory.
    line: Vec<WordNumber>,
    bytes: usize,
    total: u64,
    ungrouped: u64,
}

impl LineGroups {
    pub(super) fn add(&mut self, line: &str, lines: &Lines) {
        self.total += lines.rows();
        let mut words = std::mem::take(&mut self.line);
        words.clear();
        words.extend(
            line.split_terminator(' ')
                .map(|word| self.vocabulary.find(word)),
        );
        if !self.join(&words, lines) {
            self.begin(line, lines);
        }
        self.line = words;
    }

    /// Adds lines to the group that is most like them, if it is alike enough.
    fn join(&mut self, words: &[WordNumber], lines: &Lines) -> bool {
        let key = (words.len(), words.first().copied().unwrap_or(UNKNOWN));
        let alike = self.groups.get_mut(&key).into_iter().flatten();
        let most_alike = alike
            .map(|group| (equal_words(&group.words, words), group))
            .max_by_key(|(equal, _)| *equal);
        match most_alike {
            Some((equal, group)) if equal * 10 >= words.len() * EQUAL_TENTHS_MIN => {
                generalize(&mut group.words, words);
                group.lines.add(lines);
                true
            }
            _ => false,
        }
    }

    /// Begins a group, if there is room for one.
    fn begin(&mut self, line: &str, lines: &Lines) {
        let words = line.split_terminator(' ');
        let texts: usize = words.clone().map(|word| word.len() + WORD_BYTES).sum();
        let bytes = self.bytes + texts + GROUP_BYTES;
        let first = words.clone().next().unwrap_or_default();
        let key = (words.clone().count(), self.vocabulary.find(first));
        let alike = self.groups.get(&key).map_or(0, Vec::len);
        if bytes > BYTES_MAX || alike >= ALIKE_MAX {
            self.ungrouped += lines.rows();
            return;
        }
        self.bytes = bytes;
        let words: Vec<WordNumber> = words.map(|word| self.vocabulary.number(word)).collect();
        let key = (words.len(), words.first().copied().unwrap_or(UNKNOWN));
        self.groups.entry(key).or_default().push(LineGroup {
            words,
            lines: lines.clone(),
        });
    }

    pub(super) fn finish(self) -> Patterns {
        let vocabulary = self.vocabulary;
        let groups = self.groups.into_values().flatten();
        let patterns = groups.map(|group| {
            let words = group.words.iter();
            let words = words.map(|word| vocabulary.text(*word).to_owned());
            group.lines.into_pattern(Template::new(words.collect()))
        });
        Patterns {
            patterns: patterns.collect(),
            ungrouped: self.ungrouped,
            total: self.total,
            ..Patterns::default()
        }
    }
}

/// The words of all groups, numbered from [`ANY`], so that words are compared by their numbers.
#[derive(Debug)]
struct Vocabulary {
    numbers: HashMap<String, WordNumber, RandomState>,
    texts: Vec<String>,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self {
            numbers: HashMap::from_iter([(ANY_WORD.to_owned(), ANY)]),
            texts: vec![ANY_WORD.to_owned()],
        }
    }
}

impl Vocabulary {
    fn find(&self, word: &str) -> WordNumber {
        self.numbers.get(word).copied().unwrap_or(UNKNOWN)
    }

    /// The number of a word, which gets one if it has none.
    fn number(&mut self, word: &str) -> WordNumber {
        let known = self.find(word);
        if known != UNKNOWN {
            return known;
        }
        self.texts.push(word.to_owned());
        let number = WordNumber::try_from(self.texts.len()).unwrap_or(UNKNOWN);
        self.numbers.insert(word.to_owned(), number);
        number
    }

    fn text(&self, number: WordNumber) -> &str {
        let place = number.checked_sub(ANY).map(|place| place as usize);
        place
            .and_then(|place| self.texts.get(place))
            .map_or("", String::as_str)
    }
}

/// How many words are equal; a word that may be any counts for none.
fn equal_words(template: &[WordNumber], words: &[WordNumber]) -> usize {
    let pairs = template.iter().zip(words);
    pairs.filter(|(own, word)| own == word).count()
}

/// Words that differ become any word.
fn generalize(template: &mut [WordNumber], words: &[WordNumber]) {
    for (own, word) in template.iter_mut().zip(words) {
        if own != word {
            *own = ANY;
        }
    }
}
