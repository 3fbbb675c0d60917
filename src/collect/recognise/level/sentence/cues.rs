//! The words that sentences about failures need: one pass over the words of a line tells which kinds it may have.

use crate::collect::recognise::words::WordLengths;

const ATTEMPT: u16 = 1;
const OMISSION: u16 = 1 << 1;
const PREDICATE: u16 = 1 << 2;
const ACTION: u16 = 1 << 3;
const ERROR: u16 = 1 << 4;
const NOUN: u16 = 1 << 5;
const FATAL: u16 = 1 << 6;
const STATE: u16 = 1 << 7;
const MISSING: u16 = 1 << 8;
const DENIED: u16 = 1 << 9;
const WRONG: u16 = 1 << 10;
const SYNTAX: u16 = 1 << 11;
const END: u16 = 1 << 12;
const EXIT: u16 = 1 << 13;
const UNCAUGHT: u16 = 1 << 14;
const ADVICE: u16 = 1 << 15;

/// The words that sentences need, by their first letters, and the kinds that need them. An apostrophe ends a word.
const CUES: &[(&str, u16)] = &[
    ("abnormally", PREDICATE),
    ("aborted", END),
    ("aborting", END),
    ("accessible", STATE),
    ("can", ATTEMPT),
    ("cannot", ATTEMPT),
    ("could", ATTEMPT),
    ("couldn", ATTEMPT),
    ("crashed", PREDICATE),
    ("denied", DENIED),
    ("deprecated", ADVICE),
    ("did", OMISSION),
    ("didn", OMISSION),
    ("directory", STATE),
    ("dumped", END),
    ("empty", STATE),
    ("enough", STATE),
    ("error", ACTION | ERROR | NOUN | FATAL | END),
    ("errored", PREDICATE),
    ("errors", ACTION | ERROR),
    ("exceeded", PREDICATE),
    ("exception", ERROR | UNCAUGHT),
    ("executable", STATE),
    ("exist", STATE),
    ("exit", EXIT),
    ("exited", EXIT),
    ("failed", ATTEMPT | PREDICATE | ACTION | END),
    ("failure", NOUN),
    ("found", MISSING),
    ("giving", END),
    ("impossible", ATTEMPT),
    ("incompatible", STATE),
    ("insufficient", STATE),
    ("invalid", WRONG),
    ("mismatch", PREDICATE),
    ("missing", WRONG),
    ("oomkilled", END),
    ("problem", ACTION),
    ("ran", END),
    ("reachable", STATE),
    ("readable", STATE),
    ("ready", STATE),
    ("recognized", STATE),
    ("recommended", ADVICE),
    ("refused", PREDICATE),
    ("refusing", ATTEMPT),
    ("status", EXIT),
    ("syntax", SYNTAX),
    ("timed", PREDICATE | ACTION),
    ("too", STATE),
    ("unable", ATTEMPT),
    ("unexpected", WRONG),
    ("unexpectedly", PREDICATE),
    ("unknown", WRONG),
    ("unrecognized", WRONG),
    ("unsupported", WRONG),
    ("use", STATE),
    ("used", STATE),
    ("valid", STATE),
    ("went", PREDICATE),
    ("writable", STATE),
    ("writeable", STATE),
    ("zero", EXIT),
];

static CUE_LENGTHS: WordLengths = cue_lengths();

const fn cue_lengths() -> WordLengths {
    let mut lengths = WordLengths::NONE;
    let mut rest = CUES;
    while let [(word, _), after @ ..] = rest {
        lengths = lengths.with(word);
        rest = after;
    }
    lengths
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
            && (CUES[count as usize].0.as_bytes()[0] & 0x1f) as usize <= letter
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

/// The kinds of sentences that `text` may have, as bits.
pub(super) fn kinds_of(text: &[u8]) -> u16 {
    text.split(|byte| !byte.is_ascii_alphabetic())
        .filter(|word| word.len() > 2 && CUE_LENGTHS.may_have(word))
        .fold(0, |kinds, word| kinds | kinds_of_word(word).unwrap_or(0))
}

fn kinds_of_word(word: &[u8]) -> Option<u16> {
    let letter = usize::from(word.first()? & 0x1f);
    let from = *CUE_PLACES.get(letter.checked_sub(1)?)?;
    let to = *CUE_PLACES.get(letter)?;
    let cues = CUES.get(usize::from(from)..usize::from(to))?;
    let is_same = |(cue, _): &&(&str, u16)| cue.as_bytes().eq_ignore_ascii_case(word);
    cues.iter().find(is_same).map(|&(_, kinds)| kinds)
}
