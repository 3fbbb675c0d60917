//! Sentences about what was tried, what failed, and with which error. Each examines the clause of a word that [`cues`](super::cues) lists.

use super::clause::{Clause, first_word, is_action, is_count, last_part};
use crate::collect::recognise::words::{self, Starts, WordSet, is_number, needle};

/// What a program tried in vain: `failed to load x`, `unable to start`, `cannot find card '0'`, `refusing to run`.
pub(super) fn attempt(clause: &Clause<'_>) -> bool {
    let word = first_word(clause.after);
    let verb = word.strip_suffix(b",").unwrap_or(word);
    let is_letter = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'/';
    let is_verb = verb.len() > 1 && verb.iter().all(is_letter);
    let has_object = clause.after.len() > verb.len() + 1;
    let is_rule = verb == b"be" && clause.subject.is_empty();
    is_verb && !is_rule && (has_object || !clause.subject.is_empty() || clause.is_labelled)
}

/// What did not happen: `x did not become ready`.
pub(super) fn omission(clause: &Clause<'_>) -> bool {
    static VERBS: WordSet = WordSet::new(&[
        "respond", "start", "become", "complete", "match", "receive", "exit", "finish", "return",
        "pass", "find", "succeed", "get", "contain", "answer", "stop", "provide", "reply",
        "appear", "run", "load", "reach",
    ]);
    let verb = first_word(clause.after);
    VERBS.has(verb.strip_suffix(b".").unwrap_or(verb))
        && clause.has_evidence()
        && !clause.is_of_peer()
}

/// `mkdir failed: x`, `ALL VIRUS SCANNERS FAILED`, `server closed the connection unexpectedly`.
pub(super) fn predicate(clause: &Clause<'_>) -> bool {
    let is_zero = clause.after.starts_with(b" with exit code 0")
        || clause.after.starts_with(b" with status 0");
    let has_name = last_part(clause.subject)
        .iter()
        .any(u8::is_ascii_alphabetic);
    let places = [&b" in "[..], b" for ", b" with ", b" (", b" - "];
    let is_part = clause.is_labelled
        && clause.subject.is_empty()
        && places.iter().any(|place| clause.after.starts_with(place));
    (has_name || is_part) && clause.is_predicate() && !is_zero && !clause.is_of_peer()
}

/// `x exceeded memory limit`.
pub(super) fn excess(clause: &Clause<'_>) -> bool {
    !clause.is_of_peer()
}

/// `Failed parsing x`, `Error opening x`, `Problem writing x`, `Timed out waiting for x`.
pub(super) fn action(clause: &Clause<'_>) -> bool {
    let is_of_peer = clause.after.starts_with(b"waiting for reply");
    clause.subject.is_empty() && is_action(clause.after) && !is_of_peer
}

/// `error while decoding x`, `an error occurred`, `mmc0: error -110 whilst x`.
pub(super) fn error(clause: &Clause<'_>) -> bool {
    static TIMES: Starts = Starts::new(&[
        b"while ",
        b"when ",
        b"during ",
        b"in ",
        b"on ",
        b"at ",
        b"from ",
        b"trying to ",
        b"executing ",
    ]);
    let is_named = clause.is_labelled || !clause.subject.contains(&b' ');
    let is_code = matches!(clause.after, [b'-', b'1'..=b'9', ..]) && is_named;
    let is_start = clause.subject.is_empty() && TIMES.begin(clause.after);
    // `web encountered an error!`, `initiator reported error (24 - x)`
    let verb = clause
        .subject
        .strip_suffix(b" an")
        .unwrap_or(clause.subject);
    let is_object = [&b"encountered"[..], b"reported", b"returned"]
        .iter()
        .any(|known| verb.ends_with(known));
    is_start
        || is_code
        || is_object
        || clause.after.starts_with(b"occurred")
        || clause.after.starts_with(b"was encountered")
}

/// `DB connection error: timeout`, `SMART Failure: x`: a noun after up to three words, and a reason.
pub(super) fn noun(clause: &Clause<'_>) -> bool {
    static OTHERS: WordSet = WordSet::new(&[
        "no", "last", "any", "max", "log", "without", "on", "the", "each", "first", "or",
        "previous", "prev",
    ]);
    let mut words = clause
        .subject
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty());
    let count = words.clone().count();
    let is_other = words.any(|word| OTHERS.has_in_any_case(word));
    let is_number = is_number(first_word(clause.after));
    let is_first = clause.is_labelled || clause.after.first().is_some_and(u8::is_ascii_uppercase);
    let least = usize::from(!is_first);
    // `x:Verify error:DNS problem`, but no name of a field
    let is_reason = clause
        .after
        .first()
        .is_some_and(|byte| !byte.is_ascii_punctuation() && !byte.is_ascii_lowercase())
        || clause.is_after_blank();
    // `Handler for POST /x returned error: No such image`
    let is_object = clause.subject.ends_with(b" returned");
    ((least..=3).contains(&count) || is_object)
        && is_reason
        && !is_other
        && !is_number
        && !is_count(clause.after)
        && !clause.is_of_peer()
}

/// `A fatal error was encountered.`
pub(super) fn fatal(clause: &Clause<'_>) -> bool {
    static NAMES: Starts = Starts::new(&[
        b" count",
        b" rate",
        b" handler",
        b" handling",
        b" log",
        b" code",
        b" page",
    ]);
    let is_end = matches!(clause.after, [] | [b':' | b'.' | b'!' | b',' | b' ', ..]);
    is_end && !NAMES.begin(clause.after)
}

/// `web exited 1`, `x exited with code [2]`, `web-1 exited with code 1 (restarting)`.
pub(super) fn exit(clause: &Clause<'_>) -> bool {
    let code = clause.after.strip_prefix(b"[").unwrap_or(clause.after);
    let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_end = matches!(
        code.get(digits..),
        None | Some([] | [b'.' | b',' | b':' | b';' | b')' | b']', ..] | [b' ', b'(', ..])
    );
    digits > 0 && code.first() != Some(&b'0') && is_end
}

/// `x finished with exit code 2`, but no `Exit code: 2`, which is a fact about an error before it.
pub(super) fn exit_code(clause: &Clause<'_>) -> bool {
    !clause.subject.is_empty() && exit(clause)
}

/// `(exit 2)` at the end of a line, as dune prints it after a command.
pub(super) fn exit_in_bracket(clause: &Clause<'_>) -> bool {
    let code = clause.after.strip_suffix(b")");
    clause.is_in_bracket() && code.is_some_and(|code| is_number(code) && code != b"0")
}

/// `x exited with status 1`.
pub(super) fn status(clause: &Clause<'_>) -> bool {
    clause.subject.ends_with(b" with") && exit(clause)
}

/// `x returned non-zero exit status 1`.
pub(super) fn nonzero(clause: &Clause<'_>) -> bool {
    let after = clause.after.get(..16).unwrap_or(clause.after);
    [&b"exit"[..], b"code", b"status", b"return"]
        .iter()
        .any(|word| words::contains(after, *word))
}

/// `(500) uncaught archiver exception at x`.
pub(super) fn uncaught(clause: &Clause<'_>) -> bool {
    let near = clause.after.get(..32).unwrap_or(clause.after);
    words::contains(near, needle!(b"xception"))
}
