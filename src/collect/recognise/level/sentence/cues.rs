//! The words that sentences about failures are recognised by, the text after each, and the kind of sentence that they may begin.

use super::clause::Clause;
use super::{failures, states};
use crate::collect::recognise::words::{LetterTriples, WordLengths};
use crate::record::Level;

/// A word, and what makes the clause around it a report.
#[derive(Debug)]
struct Cue {
    /// In small letters.
    word: &'static str,
    /// The text after the word.
    then: &'static [u8],
    is_report: fn(&Clause<'_>) -> bool,
    level: Level,
}

const fn error(word: &'static str, then: &'static [u8], is_report: fn(&Clause<'_>) -> bool) -> Cue {
    Cue {
        word,
        then,
        is_report,
        level: Level::Error,
    }
}

const fn warning(
    word: &'static str,
    then: &'static [u8],
    is_report: fn(&Clause<'_>) -> bool,
) -> Cue {
    Cue {
        level: Level::Warn,
        ..error(word, then, is_report)
    }
}

/// The words, sorted.
#[rustfmt::skip]
const CUES: &[Cue] = &[
    error("abnormally", b"", failures::predicate),
    error("aborted", b"", states::end),
    error("aborted", b"", states::whole),
    error("aborting", b"", states::end),
    error("aborting", b"", states::whole),
    error("access", b" denied", states::denied),
    error("can't", b" ", failures::attempt),
    error("cannot", b" ", failures::attempt),
    error("could", b" not ", failures::attempt),
    error("couldn't", b" ", failures::attempt),
    error("crashed", b"", failures::predicate),
    warning("deprecated", b"", states::advice),
    error("did", b" not ", failures::omission),
    error("didn't", b" ", failures::omission),
    error("does", b" not exist", states::ends),
    error("does", b" not support ", states::unsupported),
    error("doesn't", b" exist", states::ends),
    error("dumped", b")", states::end),
    error("error", b" ", failures::action),
    error("error", b" ", failures::error),
    error("error", b": ", failures::noun),
    error("error", b" - ", failures::noun),
    error("error", b"! ", failures::noun),
    error("error", b":", failures::noun),
    error("error", b"", states::name_of_error),
    error("errored", b"", failures::predicate),
    error("errors", b" ", failures::action),
    error("errors", b" ", failures::error),
    error("exceeded", b"", failures::predicate),
    error("exceeded", b" limit", failures::excess),
    error("exceeded", b" memory limit", failures::excess),
    error("exceeded", b" quota", failures::excess),
    error("exceeded", b" timeout", failures::excess),
    error("exceeded", b" deadline", failures::excess),
    error("exception", b" ", failures::error),
    error("exit", b" ", failures::exit_in_bracket),
    error("exit", b" code ", failures::exit_code),
    error("exit", b" code: ", failures::exit_code),
    error("exit", b" status ", failures::exit_code),
    error("exited", b" ", failures::exit),
    error("exited", b" with status ", failures::exit),
    error("exited", b" with code ", failures::exit),
    error("failed", b" to ", failures::attempt),
    error("failed", b"", failures::predicate),
    error("failed", b" ", failures::action),
    error("failed", b"", states::whole),
    error("failure", b": ", failures::noun),
    error("fatal", b" ERROR", failures::fatal),
    error("fatal", b" error", failures::fatal),
    error("fatal", b" Error", failures::fatal),
    error("giving", b" up", states::end),
    error("impossible", b" to ", failures::attempt),
    error("incompatible", b" ", states::incompatible),
    error("insufficient", b" ", states::lack),
    error("invalid", b" ", states::wrong),
    error("mismatch", b"", failures::predicate),
    error("missing", b" ", states::wrong),
    error("non-zero", b" ", failures::nonzero),
    error("not", b" ", states::negative),
    error("not", b" enough ", states::few),
    error("not", b" found", states::missing),
    warning("not", b" recommended", states::advice),
    error("oomkilled", b"", states::whole),
    error("panicked", b" at ", states::spent),
    error("permission", b" denied", states::denied),
    error("problem", b" ", failures::action),
    error("ran", b" out of ", states::spent),
    error("refused", b"", failures::predicate),
    error("refusing", b" to ", failures::attempt),
    error("status", b" ", failures::status),
    error("syntax", b" error", states::syntax),
    error("timed", b" out", failures::predicate),
    error("timed", b" out ", failures::action),
    error("too", b" ", states::amount),
    error("unable", b" to ", failures::attempt),
    warning("unavailable", b"", states::unavailable),
    error("uncaught", b" ", failures::uncaught),
    error("unexpected", b" ", states::wrong),
    error("unexpected", b" ", failures::uncaught),
    error("unexpectedly", b"", failures::predicate),
    error("unhandled", b" ", failures::uncaught),
    error("unknown", b" ", states::wrong),
    error("unrecognized", b" ", states::wrong),
    error("unsupported", b" ", states::wrong),
    error("use", b"", states::taken),
    error("used", b"", states::taken),
    error("went", b" wrong", failures::predicate),
];

static CUE_LENGTHS: WordLengths = cue_lengths();

const fn cue_lengths() -> WordLengths {
    let mut lengths = WordLengths::NONE;
    let mut rest = CUES;
    while let [cue, after @ ..] = rest {
        lengths = lengths.with(cue.word);
        rest = after;
    }
    lengths
}

/// The first three letters of each word.
static CUE_TRIPLES: LetterTriples = cue_triples();

const fn cue_triples() -> LetterTriples {
    let mut triples = LetterTriples::NONE;
    let mut rest = CUES;
    while let [cue, after @ ..] = rest {
        if let [first, second, third, ..] = cue.word.as_bytes() {
            triples = triples.with(*first, *second, *third);
        }
        rest = after;
    }
    triples
}

/// For each letter, counted from 1, the number of words that begin with it or with a letter before it.
static CUE_PLACES: [u8; 32] = cue_places();

#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn cue_places() -> [u8; 32] {
    let mut places = [0; 32];
    let mut letter = 0;
    let mut count: u8 = 0;
    while letter < places.len() {
        while (count as usize) < CUES.len()
            && (CUES[count as usize].word.as_bytes()[0] & 0x1f) as usize <= letter
        {
            count += 1;
        }
        places[letter] = count;
        letter += 1;
    }
    assert!(
        count as usize == CUES.len(),
        "the words are sorted by their first letters"
    );
    places
}

/// The level of the first report in `text`.
pub(super) fn first_report(text: &[u8]) -> Option<Level> {
    if let Some(level) = reported_from(text, 0) {
        return Some(level);
    }
    // eight bytes at a time: most of them are before no word
    let (chunks, rest) = text.as_chunks::<8>();
    for (number, chunk) in chunks.iter().enumerate() {
        let mut ends = ends_in(u64::from_le_bytes(*chunk));
        while ends != 0 {
            let start = number * 8 + ends.trailing_zeros() as usize / 8 + 1;
            if let Some(level) = reported_from(text, start) {
                return Some(level);
            }
            ends &= ends - 1;
        }
    }
    let read = text.len() - rest.len();
    for (number, byte) in rest.iter().enumerate() {
        if matches!(byte, b' ' | b':' | b'\t')
            && let Some(level) = reported_from(text, read + number + 1)
        {
            return Some(level);
        }
    }
    None
}

/// The high bit of each of eight bytes that is a blank, a control character or a colon. The byte after one of them may be taken for
/// another one if it is little higher, which finds no word.
fn ends_in(bytes: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let is_below = |bytes: u64, limit: u64| bytes.wrapping_sub(LOW * limit) & !bytes & HIGH;
    is_below(bytes, 0x21) | is_below(bytes ^ (LOW * 0x3a), 1)
}

/// The level that the word at an offset reports, perhaps after signs: `(core dumped)`.
#[inline]
fn reported_from(text: &[u8], start: usize) -> Option<Level> {
    match text.get(start..)? {
        [first, second, third, ..] if CUE_TRIPLES.may_have(*first, *second, *third) => {
            reported_at(text, start)
        }
        [b'(' | b'[' | b'*' | b'!', rest @ ..] => {
            let signs = rest.iter().take_while(|byte| !byte.is_ascii_alphabetic());
            reported_at(text, start + 1 + signs.count())
        }
        _ => None,
    }
}

#[inline(never)]
fn reported_at(text: &[u8], start: usize) -> Option<Level> {
    let part = text.get(start..)?;
    let is_inner = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'\'' | b'-');
    let length = part.iter().take_while(|byte| is_inner(byte)).count();
    let mut word = part.get(..length)?;
    while let [rest @ .., b'\'' | b'-'] = word {
        word = rest;
    }
    CUE_LENGTHS
        .may_have(word)
        .then(|| reported_by_word(text, start, word))?
}

fn reported_by_word(text: &[u8], at: usize, word: &[u8]) -> Option<Level> {
    let letter = usize::from(word.first()? & 0x1f);
    let from = *CUE_PLACES.get(letter.checked_sub(1)?)?;
    let to = *CUE_PLACES.get(letter)?;
    let cues = CUES.get(usize::from(from)..usize::from(to))?;
    let after = text.get(at + word.len()..)?;
    let is_likely = |cue: &&Cue| {
        cue.word.len() == word.len()
            && after.starts_with(cue.then)
            && cue.word.as_bytes().eq_ignore_ascii_case(word)
    };
    let found = cues.iter().filter(is_likely).find(|cue| {
        let clause = Clause::of(text, at, at + word.len() + cue.then.len());
        clause.is_some_and(|clause| (cue.is_report)(&clause) && clause.is_reported())
    });
    found.map(|cue| cue.level)
}
