//! Sentences of programs that nobody described: what was tried and failed, in any position of a line. The words around them
//! separate them from prose.

mod clause;
mod cues;
mod failures;
mod quotation;
mod states;

use crate::collect::recognise::level_names;
use crate::collect::recognise::words::is_capitals;
use crate::record::Level;

/// How far from the start of a text a level is searched.
const NAMED_MAX: usize = 64;

/// A sentence that says what failed: `gr: failed to load firmware "x"`, `establishing connection 'home' failed`, `Error opening x`. The level is
/// lower if the program continues regardless.
pub(super) fn stated(text: &[u8]) -> Option<Level> {
    // an object or markup
    if matches!(text.first(), Some(b'{' | b'<')) {
        return None;
    }
    let level = cues::first_report(text)?;
    let is_report = !quotation::is_quotation(text) && !quotation::is_harmless(text);
    is_report.then(|| unless_named(text, level))?
}

/// The level, unless the program says that it does not matter, or names another one in a place that no other rule reads.
fn unless_named(text: &[u8], level: Level) -> Option<Level> {
    match named(text.get(..NAMED_MAX).unwrap_or(text)) {
        Some(Level::Debug | Level::Info) => None,
        Some(Level::Warn) => Some(Level::Warn),
        _ if quotation::is_minor(text) => Some(Level::Warn),
        _ => Some(level),
    }
}

/// The level that a word in capitals, or one with a colon or a bracket, names: `zigbee2mqtt:info x`.
fn named(text: &[u8]) -> Option<Level> {
    let mut rest = text;
    let mut before = b' ';
    while let Some(start) = rest.iter().position(u8::is_ascii_alphabetic) {
        before = start
            .checked_sub(1)
            .and_then(|at| rest.get(at))
            .copied()
            .unwrap_or(before);
        rest = rest.get(start..)?;
        let end = rest
            .iter()
            .position(|byte| !byte.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        let is_marked = matches!(before, b':' | b'[' | b'(' | b'<')
            || matches!(after, [b':' | b']' | b')' | b'>', ..]);
        let is_ordinary = matches!(word, b"config" | b"success" | b"note" | b"fine" | b"alert");
        let level =
            level_names::named(word).filter(|_| (is_marked || is_capitals(word)) && !is_ordinary);
        if level.is_some() {
            return level;
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_failures_are_told_from_prose() {
        for (text, level) in [
            ("gr: failed to load firmware \"x\"", Some(Level::Error)),
            ("establishing connection 'home' failed", Some(Level::Error)),
            ("upload failed, retrying in 5 s", Some(Level::Warn)),
            ("option x is deprecated", Some(Level::Warn)),
            ("sql:debug query failed: x", None),
            ("if the upload failed, run it again", None),
            ("the tool failed to bind a socket", None),
            ("tests failed: 0, passed: 12", None),
            ("login failed for ann", None),
            ("+ echo upload failed", None),
            ("name=\"x failed\"", None),
        ] {
            assert_eq!(stated(text.as_bytes()), level, "{text}");
        }
    }
}
