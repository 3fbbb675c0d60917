//! The words and numbers that name a level in syslog and in loggers of many languages.

use crate::collect::recognise::words::{WordLengths, is_number, split_once};
use crate::record::Level;

/// The words, in lower case, by their first letters.
const NAMES: &[(&str, Level)] = &[
    ("alert", Level::Error),
    ("config", Level::Info),
    ("critical", Level::Error),
    ("crit", Level::Error),
    ("criti", Level::Error),
    ("crt", Level::Error),
    ("debug", Level::Debug),
    ("dbg", Level::Debug),
    ("dbug", Level::Debug),
    ("ddebug", Level::Debug),
    ("deb", Level::Debug),
    ("debu", Level::Debug),
    ("debg", Level::Debug),
    ("debug1", Level::Debug),
    ("debug2", Level::Debug),
    ("debug3", Level::Debug),
    ("debug4", Level::Debug),
    ("debug5", Level::Debug),
    ("deprecated", Level::Warn),
    ("deprecation", Level::Warn),
    ("dpanic", Level::Error),
    ("error", Level::Error),
    ("err", Level::Error),
    ("eror", Level::Error),
    ("erro", Level::Error),
    ("emerg", Level::Error),
    ("emergency", Level::Error),
    ("fine", Level::Debug),
    ("finer", Level::Debug),
    ("finest", Level::Debug),
    ("fatal", Level::Error),
    ("fata", Level::Error),
    ("ftl", Level::Error),
    ("fail", Level::Error),
    ("failed", Level::Error),
    ("failure", Level::Error),
    ("info", Level::Info),
    ("inf", Level::Info),
    ("information", Level::Info),
    ("informational", Level::Info),
    ("notice", Level::Info),
    ("noti", Level::Info),
    ("note", Level::Info),
    ("panic", Level::Error),
    ("pani", Level::Error),
    ("silly", Level::Debug),
    ("success", Level::Info),
    ("severe", Level::Error),
    ("subdebug", Level::Debug),
    ("trace", Level::Debug),
    ("trc", Level::Debug),
    ("trce", Level::Debug),
    ("trac", Level::Debug),
    ("verbose", Level::Debug),
    ("warn", Level::Warn),
    ("warning", Level::Warn),
    ("warni", Level::Warn),
    ("wrn", Level::Warn),
];

/// Words that name a level only in a field that is known to hold a level; in running text they are ordinary words.
const FIELD_NAMES: &[(&str, Level)] = &[
    ("log", Level::Info),
    ("system", Level::Info),
    ("http", Level::Debug),
    ("audit", Level::Info),
    ("default", Level::Info),
    ("normal", Level::Info),
];

/// The level that a word of a line names, in upper or lower case.
pub(crate) fn named(word: &[u8]) -> Option<Level> {
    if !may_name(word) {
        return None;
    }
    let letter = usize::from(word.first()? & 0x1f);
    let (from, to) = (PLACES.get(letter.checked_sub(1)?)?, PLACES.get(letter)?);
    find(NAMES.get(usize::from(*from)..usize::from(*to))?, word)
}

/// Whether a word has the first letter and the length of one that names a level.
pub(crate) fn may_name(word: &[u8]) -> bool {
    LENGTHS.may_have(word)
}

static LENGTHS: WordLengths = lengths();

/// For each letter, counted from 1, the number of words that begin with it or with a letter before it.
static PLACES: [u8; 32] = places();

#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn places() -> [u8; 32] {
    let mut places = [0; 32];
    let mut letter = 0;
    let mut count: u8 = 0;
    while letter < places.len() {
        while (count as usize) < NAMES.len()
            && (NAMES[count as usize].0.as_bytes()[0] & 0x1f) as usize <= letter
        {
            count += 1;
        }
        places[letter] = count;
        letter += 1;
    }
    assert!(
        count as usize == NAMES.len(),
        "the words are sorted by their first letters"
    );
    places
}

const fn lengths() -> WordLengths {
    let mut lengths = WordLengths::NONE;
    let mut rest = NAMES;
    while let [(word, _), after @ ..] = rest {
        lengths = lengths.with(word);
        rest = after;
    }
    lengths
}

fn find(names: &[(&str, Level)], word: &[u8]) -> Option<Level> {
    let same = |name: &str| name.as_bytes().eq_ignore_ascii_case(word);
    names
        .iter()
        .find(|(name, _)| same(name))
        .map(|&(_, level)| level)
}

/// The level that the value of a level field names: a word, possibly with an offset as in Go's slog (`INFO+2`), or a
/// letter as in MongoDB and glog.
pub(crate) fn of_field(value: &[u8]) -> Option<Level> {
    let value = value.trim_ascii();
    let word_end = value.iter().position(|byte| matches!(byte, b'+' | b'-'));
    let word = word_end.and_then(|end| value.get(..end)).unwrap_or(value);
    named(word)
        .or_else(|| find(FIELD_NAMES, word))
        .or_else(|| of_letter(value))
        .or_else(|| value.starts_with(b"Level(-").then_some(Level::Debug))
}

/// The level of a letter in glog, MongoDB, etcd, Android and others.
pub(crate) fn of_letter(value: &[u8]) -> Option<Level> {
    match value {
        b"F" | b"E" | b"C" | b"A" => Some(Level::Error),
        b"W" => Some(Level::Warn),
        b"I" | b"N" => Some(Level::Info),
        b"D" | b"V" | b"T" | b"D1" | b"D2" | b"D3" | b"D4" | b"D5" => Some(Level::Debug),
        _ => None,
    }
}

/// The level of a syslog severity (RFC 5424, section 6.2.1).
pub(crate) fn of_syslog(severity: u64) -> Option<Level> {
    match severity {
        0..=3 => Some(Level::Error),
        4 => Some(Level::Warn),
        5 | 6 => Some(Level::Info),
        7 => Some(Level::Debug),
        _ => None,
    }
}

/// The level of `<3>text`, `<34>1 text`: the severity is in the lowest three bits (RFC 5424, section 6.2.1).
pub(crate) fn priority(line: &[u8]) -> Option<Level> {
    let (digits, _) = split_once(line.get(..5).unwrap_or(line).strip_prefix(b"<")?, b'>')?;
    let number = std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?;
    of_syslog(number & 7).filter(|_| number <= 191 && is_number(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_severities_with_a_facility() {
        assert_eq!(priority(b"<3>disk failed"), Some(Level::Error));
        assert_eq!(priority(b"<30>started"), Some(Level::Info));
        assert_eq!(
            priority(b"<165>1 2026-02-17T14:30:15Z h a - - x"),
            Some(Level::Info)
        );
        for line in [&b"<192>x"[..], b"<b>x", b"<>x", b"<12 x", b"x"] {
            assert_eq!(priority(line), None);
        }
    }

    #[test]
    fn every_word_is_found() {
        for (name, level) in NAMES {
            assert_eq!(named(name.as_bytes()), Some(*level), "{name}");
            assert_eq!(
                named(name.to_uppercase().as_bytes()),
                Some(*level),
                "{name}"
            );
        }
    }

    #[test]
    fn words_name_levels_in_any_case() {
        for (word, level) in [
            ("ERROR", Some(Level::Error)),
            ("Warning", Some(Level::Warn)),
            ("notice", Some(Level::Info)),
            ("TRCE", Some(Level::Debug)),
            ("errors", None),
            ("log", None),
            ("", None),
        ] {
            assert_eq!(named(word.as_bytes()), level, "{word}");
        }
    }

    #[test]
    fn values_of_level_fields_have_more_forms() {
        for (value, level) in [
            ("INFO+2", Some(Level::Info)),
            ("DEBUG-4", Some(Level::Debug)),
            ("Level(-3)", Some(Level::Debug)),
            ("E", Some(Level::Error)),
            ("LOG", Some(Level::Info)),
            ("loud", None),
        ] {
            assert_eq!(of_field(value.as_bytes()), level, "{value}");
        }
    }
}
