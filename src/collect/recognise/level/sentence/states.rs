//! Sentences about states that prevent what was asked for, and about the end of a program's work. Each examines the clause of a word
//! that [`cues`](super::cues) lists.

use super::clause::{Clause, is_count};
use crate::collect::recognise::words::{self, Starts, needle};

/// `x is not writable`, `x is not a valid y`.
pub(super) fn negative(clause: &Clause<'_>) -> bool {
    static STATES: Starts = Starts::new(&[
        b"writable",
        b"writeable",
        b"readable",
        b"accessible",
        b"executable",
        b"reachable",
        b"valid",
        b"a valid ",
        b"a directory",
        b"empty",
        b"ready: ",
        b"recognized",
    ]);
    clause.is_after("is") && STATES.begin(clause.after) && clause.has_evidence()
}

/// `x is too low`.
pub(super) fn amount(clause: &Clause<'_>) -> bool {
    static AMOUNTS: Starts = Starts::new(&[b"low", b"large", b"small", b"long", b"big", b"old"]);
    clause.is_after("is") && AMOUNTS.begin(clause.after) && clause.has_evidence()
}

/// `port 80 is already in use`, `port 80 is already being used by x`.
pub(super) fn taken(clause: &Clause<'_>) -> bool {
    let is_taken =
        clause.subject.ends_with(b" already in") || clause.subject.ends_with(b" already being");
    is_taken && ends(clause)
}

/// `x does not exist`.
pub(super) fn ends(clause: &Clause<'_>) -> bool {
    let is_end = matches!(clause.after, [] | [b'.' | b'!'] | [b' ', b'(' | b'b', ..]);
    is_end && clause.has_evidence()
}

/// `exportfs: /srv does not support NFS export`.
pub(super) fn unsupported(clause: &Clause<'_>) -> bool {
    clause.is_labelled && !clause.is_of_peer()
}

/// `insufficient free space`.
pub(super) fn lack(clause: &Clause<'_>) -> bool {
    clause.has_evidence() && !clause.is_of_peer()
}

/// `UPS x is unavailable`.
pub(super) fn unavailable(clause: &Clause<'_>) -> bool {
    clause.is_after("is") && clause.is_last() && clause.has_evidence()
}

/// `x is incompatible with y`.
pub(super) fn incompatible(clause: &Clause<'_>) -> bool {
    clause.is_after("is") && lack(clause)
}

/// `not enough x to start`.
pub(super) fn few(clause: &Clause<'_>) -> bool {
    clause.subject.is_empty() && !words::contains(clause.after, needle!(b"waiting"))
}

/// `Package x was not found in the search path.`, ``version `GLIBC_2.34' not found (required by x)``.
pub(super) fn missing(clause: &Clause<'_>) -> bool {
    let is_sentence = clause.subject.ends_with(b" was")
        && clause.subject.first().is_some_and(u8::is_ascii_uppercase);
    let is_required =
        clause.after.starts_with(b" (required by ") || clause.subject.ends_with(b"executable file");
    let reason = clause.after.strip_prefix(b": ").and_then(<[u8]>::first);
    let is_reason = reason.is_some_and(u8::is_ascii_lowercase) && !clause.subject.is_empty();
    is_sentence && clause.is_predicate() || is_required || is_reason && clause.has_evidence()
}

/// `Permission denied to x`, `access denied for x`, `Got permission denied while trying to connect`.
pub(super) fn denied(clause: &Clause<'_>) -> bool {
    static WHAT: Starts = Starts::new(&[
        b" to ", b" for ", b" on ", b": ", b" by ", b" when ", b" while ",
    ]);
    let is_plain = clause.subject.iter().all(u8::is_ascii_lowercase);
    (is_plain || clause.subject == b"Got") && WHAT.begin(clause.after) && !clause.is_of_peer()
}

/// What a program does not take: `Invalid maximum heap size: -Xmx4gb`, `Load key "x": invalid format`, `Unknown option 'x'`.
pub(super) fn wrong(clause: &Clause<'_>) -> bool {
    /// The longest name of what is wrong.
    const NAME_MAX: usize = 4;
    let colon = needle!(b": ").find(clause.after);
    let (name, reason) = colon
        .and_then(|at| clause.after.split_at_checked(at))
        .unwrap_or((clause.after, b""));
    let count = name.split(|&byte| byte == b' ').count();
    let has_reason = reason.get(2..).is_some_and(|reason| !is_count(reason)) && count <= NAME_MAX;
    let is_quoted =
        name.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`')) && count <= NAME_MAX;
    let is_short = clause.is_labelled && count == 1 && reason.is_empty();
    is_place(clause.subject) && !name.starts_with(b"user ") && (has_reason || is_quoted || is_short)
}

/// What is wrong with a line of a file.
pub(super) fn syntax(clause: &Clause<'_>) -> bool {
    is_place(clause.subject) && (clause.is_labelled || !clause.subject.is_empty())
}

/// Whether nothing but the line of a file is before a word: `/etc/udev/rules.d/7.rules:3 Unknown group 'x'`.
fn is_place(subject: &[u8]) -> bool {
    subject.is_empty()
        || subject.starts_with(b"/")
            && !subject.contains(&b' ')
            && subject.last().is_some_and(u8::is_ascii_digit)
}

/// The end of a program's work: `assembly aborted`, `giving up`.
pub(super) fn end(clause: &Clause<'_>) -> bool {
    clause.is_last() && !clause.is_of_peer()
}

/// `Failed!`, `FAILED`, `OOMKilled`: nothing else, and no heading.
pub(super) fn whole(clause: &Clause<'_>) -> bool {
    clause.is_whole() && (!clause.after.is_empty() || clause.is_in_capitals())
}

/// `x ran out of memory`, `thread x panicked at y`.
pub(super) fn spent(clause: &Clause<'_>) -> bool {
    !clause.is_of_peer()
}

/// `passwd: Authentication token manipulation error`.
pub(super) fn name_of_error(clause: &Clause<'_>) -> bool {
    let is_whole = matches!(clause.after, [] | [b'.' | b'!']);
    let is_name = clause.subject.contains(&b' ')
        && clause.subject.first().is_some_and(u8::is_ascii_uppercase);
    clause.is_labelled && is_whole && is_name
}

/// `option x is deprecated`, `Running as root is not recommended.`
pub(super) fn advice(clause: &Clause<'_>) -> bool {
    ["is", "are", "been", "be"]
        .iter()
        .any(|word| clause.is_after(word))
}
