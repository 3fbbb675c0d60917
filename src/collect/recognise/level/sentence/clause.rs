//! The clause that a word is in, and what tells the report of a program from prose, from a condition and from the text of a command.

use crate::collect::recognise::words::{Starts, WordSet, is_number, needle, split_once};

/// Maximum number of words between the start of a clause and its verb.
const SUBJECT_MAX: usize = 8;

/// Maximum number of words of a report in small letters that names nothing.
const SHORT_MAX: usize = 4;

/// A word in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clause<'a> {
    text: &'a [u8],
    /// The text between the start of the clause and the word.
    pub(super) subject: &'a [u8],
    /// The text after the word.
    pub(super) after: &'a [u8],
    /// Whether a label or a name in brackets is before the clause.
    pub(super) is_labelled: bool,
    /// The offset of the word.
    at: usize,
}

impl<'a> Clause<'a> {
    /// The clause of the word at `at` in `text`, whose end is at `end`.
    pub(super) fn of(text: &'a [u8], at: usize, end: usize) -> Option<Self> {
        let before = text.get(..at)?;
        let is_word = before.last().is_none_or(|byte| {
            matches!(byte, b' ' | b':' | b']' | b')' | b'\t' | b'*' | b'(' | b'!')
        });
        if !is_word || !memchr::memchr_iter(b'"', before).count().is_multiple_of(2) {
            return None;
        }
        let start = start_of_clause(before);
        Some(Self {
            text,
            subject: without_marks(before.get(start..)?),
            after: text.get(end..)?,
            is_labelled: start > 0,
            at,
        })
    }

    /// Whether the word and the signs after it are the whole text.
    pub(super) fn is_whole(&self) -> bool {
        self.at == 0 && self.after.iter().all(u8::is_ascii_punctuation)
    }

    /// Whether the first two letters of the word are capitals.
    pub(super) fn is_in_capitals(&self) -> bool {
        let word = self.text.get(self.at..self.at + 2);
        word.is_some_and(|word| word.iter().all(u8::is_ascii_uppercase))
    }

    /// Whether a bracket is before the word.
    pub(super) fn is_in_bracket(&self) -> bool {
        let before = self.text.get(..self.at);
        before.is_some_and(|before| before.ends_with(b"("))
    }

    /// Whether `word` is the last of the subject.
    pub(super) fn is_after(&self, word: &str) -> bool {
        let last = self.subject.rsplit(|&byte| byte == b' ').next();
        last == Some(word.as_bytes())
    }

    /// Whether a blank ends the word.
    pub(super) fn is_after_blank(&self) -> bool {
        let word = self.text.get(..self.text.len() - self.after.len());
        word.is_some_and(|word| word.ends_with(b" "))
    }

    /// Whether it is a report: no prose, no condition and nothing that did not happen.
    pub(super) fn is_reported(&self) -> bool {
        static ARTICLES: WordSet = WordSet::new(&[
            "the", "a", "an", "it", "we", "they", "i", "this", "these", "there", "to",
        ]);
        let first = first_word(self.subject);
        let is_prose = ARTICLES.has(first) && !self.is_labelled;
        let is_small = self.subject.is_empty()
            && !self.is_labelled
            && self.text.first().is_some_and(u8::is_ascii_lowercase);
        let is_short = self.text.split(|&byte| byte == b' ').count() <= SHORT_MAX;
        let is_vague = (is_prose || is_small && !is_short) && !has_evidence(self.after);
        let is_long = self.subject.split(|&byte| byte == b' ').count() > SUBJECT_MAX;
        !is_vague && !is_long && !starts_with_nothing(self.subject) && !self.is_hedged()
    }

    /// Whether the sentence up to the word is about what may happen.
    fn is_hedged(&self) -> bool {
        static HEDGES: WordSet = WordSet::new(&[
            "if",
            "when",
            "whenever",
            "unless",
            "whether",
            "may",
            "might",
            "would",
            "should",
            "you",
            "that",
            "which",
            "who",
            "until",
            "avoid",
            "prevent",
            "can",
            "will",
            "never",
            "not",
            "retry",
            "recovered",
            "previously",
            "previous",
            "without",
            "ignore",
            "ignoring",
        ]);
        let sentence = self.text.get(..self.at).unwrap_or(self.text);
        let start = [needle!(b". "), needle!(b"; ")]
            .iter()
            .filter_map(|end| end.find_last(sentence))
            .max();
        let sentence = start
            .and_then(|start| sentence.get(start..))
            .unwrap_or(sentence);
        sentence
            .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'\'')
            .any(|word| HEDGES.has_in_any_case(word))
    }

    /// Whether the sentence ends with the word, or with it and where, when or why it happened.
    pub(super) fn is_predicate(&self) -> bool {
        static ENDS: Starts = Starts::new(&[
            b" (",
            b" with ",
            b" for ",
            b" on ",
            b" at ",
            b" in ",
            b" because ",
            b" due to ",
            b" after ",
            b" while ",
            b" during ",
            b" from ",
            b" by ",
            b" - ",
            b", ",
            b". ",
            b"! ",
            b"; ",
            b" !",
            b"..",
        ]);
        match self.after {
            [] | [b'.' | b'!' | b':'] => true,
            [b':', b' ', reason @ ..] => !is_count(reason),
            after => ENDS.begin(after),
        }
    }

    /// Whether the text ends with the word.
    pub(super) fn is_last(&self) -> bool {
        matches!(
            self.after,
            [] | [b'.' | b'!'] | [b'.', b'.' | b' ', ..] | [b',', b' ', ..]
        )
    }

    /// Whether another machine or a user failed, which is no failure of this one.
    pub(super) fn is_of_peer(&self) -> bool {
        static PEERS: WordSet = WordSet::new(&[
            "login",
            "logon",
            "authentication",
            "password",
            "auth",
            "logins",
            "attempt",
            "attempts",
            "client",
            "reverse",
            "session",
        ]);
        self.subject
            .split(|byte| !byte.is_ascii_alphanumeric())
            .any(|word| PEERS.has_in_any_case(word))
    }

    /// Whether the text has a name in quotes, a path, a number or a reason, as prose seldom has.
    pub(super) fn has_evidence(&self) -> bool {
        self.is_labelled || has_evidence(self.text)
    }
}

fn has_evidence(text: &[u8]) -> bool {
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`' | b'/' | b'(' | b'=' | b'_' | b'[' | b'<' | b':' | b';' | b'0'..=b'9' | 0x80..);
    text.iter().any(is_mark)
}

/// A text without blanks and the signs that frame it: `*** `, ` !!!`.
fn without_marks(text: &[u8]) -> &[u8] {
    let is_mark = |byte: &u8| matches!(byte, b' ' | b'\t' | b'*' | b'!' | b'>' | b'=' | b'#');
    let start = text.iter().take_while(|byte| is_mark(byte)).count();
    let end = text.iter().rev().take_while(|byte| is_mark(byte)).count();
    text.get(start..text.len() - end).unwrap_or_default()
}

/// The offset of the clause at the end of a text: what is before it names who speaks.
fn start_of_clause(text: &[u8]) -> usize {
    let is_end = |&(at, byte): &(usize, &u8)| {
        let before = text.get(..at).unwrap_or_default();
        *byte == b'\t'
            || *byte == b' '
                && match before {
                    [.., b':' | b']' | b';' | b'|' | b'!' | b'>']
                    | [.., b' ', b'-']
                    | [.., b' ', b'-', b'-'] => true,
                    [.., b'.'] => {
                        before.len() > 3 && text.get(at + 1).is_none_or(u8::is_ascii_uppercase)
                    }
                    _ => false,
                }
    };
    text.iter()
        .enumerate()
        .rev()
        .find(is_end)
        .map_or(0, |(at, _)| at + 1)
}

pub(super) fn first_word(text: &[u8]) -> &[u8] {
    split_once(text, b' ').map_or(text, |(word, _)| word)
}

/// The text after the last comma.
pub(super) fn last_part(text: &[u8]) -> &[u8] {
    let at = needle!(b", ").find_last(text).map_or(0, |at| at + 2);
    text.get(at..).unwrap_or(text)
}

/// Whether a subject is none: `0 jobs`, `no job`.
pub(super) fn starts_with_nothing(subject: &[u8]) -> bool {
    matches!(
        first_word(last_part(subject)),
        b"0" | b"no" | b"No" | b"zero" | b"none" | b"without"
    )
}

/// Whether nothing but a number follows, perhaps with others, or a word for nothing: `3`, `0, passed: 12`, `none`.
pub(super) fn is_count(text: &[u8]) -> bool {
    let word = text
        .split(|byte| matches!(byte, b' ' | b',' | b';' | b'.'))
        .next()
        .unwrap_or(text);
    let rest = text.get(word.len()..).unwrap_or_default();
    let is_end = matches!(rest, [] | [b',' | b';', ..] | [b'.'] | [b'.', b' ', ..]);
    let is_bare = word == b"0" || is_end;
    let is_nothing = matches!(
        word,
        b"" | b"null"
            | b"nil"
            | b"none"
            | b"None"
            | b"false"
            | b"true"
            | b"no"
            | b"ok"
            | b"OK"
            | b"success"
            | b"Success"
    );
    is_nothing || is_number(word) && is_bare
}

/// Whether a text begins with what was done: `loading x`. `handling` is a subject.
pub(super) fn is_action(text: &[u8]) -> bool {
    static SUBJECTS: WordSet = WordSet::new(&[
        "handling",
        "reporting",
        "logging",
        "tracking",
        "checking",
        "correcting",
        "monitoring",
        "during",
        "string",
    ]);
    let first = first_word(text);
    let word = first.strip_suffix(b":").unwrap_or(first);
    word.len() > 4
        && first.len() < text.len()
        && word.ends_with(b"ing")
        && word.iter().all(u8::is_ascii_lowercase)
        && !SUBJECTS.has(word)
}
