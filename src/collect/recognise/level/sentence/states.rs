//! Sentences about states that prevent what was asked for, and about the end of a program's work.

use super::clause::{any, is_count};
use crate::collect::recognise::words::{self, Needle, Starts, needle};
use crate::record::Level;

/// States that prevent what was asked for: `x is not writable`, `x is too low`, `port 80 is already in use`, `insufficient free space`.
pub(super) fn state(text: &[u8]) -> Option<Level> {
    static NEGATIVE: Starts = Starts::new(&[
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
    static AMOUNTS: Starts = Starts::new(&[b"low", b"large", b"small", b"long", b"big", b"old"]);
    let is = |word: Needle<'static>, states: &Starts| {
        any(text, &[word], |clause| {
            states.begin(clause.after) && clause.has_evidence()
        })
    };
    let ends = [
        needle!(b" already in use"),
        needle!(b" does not exist"),
        needle!(b" doesn't exist"),
        needle!(b" already being used"),
    ];
    is(needle!(b" is not "), &NEGATIVE)
        .or_else(|| is(needle!(b" is too "), &AMOUNTS))
        .or_else(|| {
            any(text, &ends, |clause| {
                matches!(clause.after, [] | [b'.' | b'!'] | [b' ', b'(' | b'b', ..])
                    && clause.has_evidence()
            })
        })
        .or_else(|| {
            let words = [needle!(b"nsufficient "), needle!(b" is incompatible ")];
            any(text, &words, |clause| {
                clause.has_evidence() && !clause.is_of_peer()
            })
        })
        .or_else(|| {
            any(text, &[needle!(b"ot enough ")], |clause| {
                clause.subject.is_empty() && !words::contains(clause.after, needle!(b"waiting"))
            })
        })
}

/// `Package x was not found in the search path.`, ``version `GLIBC_2.34' not found (required by x)``.
pub(super) fn missing(text: &[u8]) -> Option<Level> {
    any(text, &[needle!(b" not found")], |clause| {
        let is_sentence = clause.subject.ends_with(b" was")
            && clause.subject.first().is_some_and(u8::is_ascii_uppercase);
        let is_required = clause.after.starts_with(b" (required by ")
            || clause.subject.ends_with(b"executable file");
        let reason = clause.after.strip_prefix(b": ").and_then(<[u8]>::first);
        let is_reason = reason.is_some_and(u8::is_ascii_lowercase) && !clause.subject.is_empty();
        is_sentence && clause.is_predicate() || is_required || is_reason && clause.has_evidence()
    })
}

/// `Permission denied to x`, `access denied for x`.
pub(super) fn denied(text: &[u8]) -> Option<Level> {
    static WHAT: Starts = Starts::new(&[
        b" to ", b" for ", b" on ", b": ", b" by ", b" when ", b" while ",
    ]);
    let words = [needle!(b"ermission denied"), needle!(b"ccess denied")];
    any(text, &words, |clause| {
        let is_plain = clause.subject.iter().all(u8::is_ascii_lowercase);
        is_plain && WHAT.begin(clause.after) && !clause.is_of_peer()
    })
}

/// What a program does not take: `Invalid maximum heap size: -Xmx4gb`, `Load key "x": invalid format`, `Unknown option 'x'`.
pub(super) fn wrong(text: &[u8]) -> Option<Level> {
    static WORDS: [Needle<'static>; 6] = [
        Needle::new(b"nvalid "),
        Needle::new(b"nknown "),
        Needle::new(b"nsupported "),
        Needle::new(b"nrecognized "),
        Needle::new(b"nexpected "),
        Needle::new(b"issing "),
    ];
    /// The longest name of what is wrong.
    const NAME_MAX: usize = 4;
    any(text, &WORDS, |clause| {
        let colon = needle!(b": ").find(clause.after);
        let (name, reason) = colon
            .and_then(|at| clause.after.split_at_checked(at))
            .unwrap_or((clause.after, b""));
        let count = name.split(|&byte| byte == b' ').count();
        let has_reason =
            reason.get(2..).is_some_and(|reason| !is_count(reason)) && count <= NAME_MAX;
        let is_quoted =
            name.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`')) && count <= NAME_MAX;
        let is_short = clause.is_labelled && count == 1 && reason.is_empty();
        is_place(clause.subject)
            && !name.starts_with(b"user ")
            && (has_reason || is_quoted || is_short)
    })
}

/// What is wrong with a line of a file.
pub(super) fn syntax(text: &[u8]) -> Option<Level> {
    any(text, &[needle!(b"yntax error")], |clause| {
        is_place(clause.subject) && (clause.is_labelled || !clause.subject.is_empty())
    })
}

/// Whether nothing but the line of a file is before a word: `/etc/udev/rules.d/7.rules:3 Unknown group 'x'`.
fn is_place(subject: &[u8]) -> bool {
    subject.is_empty()
        || subject.starts_with(b"/")
            && !subject.contains(&b' ')
            && subject.last().is_some_and(u8::is_ascii_digit)
}

/// The end of a program's work: `Aborting.`, `assembly aborted`, `Failed!`.
pub(super) fn end(text: &[u8]) -> Option<Level> {
    static WHOLE: [&[u8]; 8] = [
        b"OOMKilled",
        b"Failed!",
        b"FAILED!",
        b"FAILED",
        b"Failed.",
        b"Aborting.",
        b"Aborting",
        b"Aborted.",
    ];
    static WORDS: [Needle<'static>; 4] = [
        Needle::new(b"borting"),
        Needle::new(b" aborted"),
        Needle::new(b"iving up"),
        Needle::new(b"core dumped)"),
    ];
    if WHOLE.contains(&text) {
        return Some(Level::Error);
    }
    any(text, &WORDS, |clause| {
        clause.is_last() && !clause.is_of_peer()
    })
    .or_else(|| {
        any(text, &[needle!(b" ran out of ")], |clause| {
            !clause.is_of_peer()
        })
    })
    .or_else(|| {
        // `passwd: Authentication token manipulation error`
        any(text, &[needle!(b" error")], |clause| {
            let is_whole = matches!(clause.after, [] | [b'.' | b'!']);
            let is_name = clause.subject.contains(&b' ')
                && clause.subject.first().is_some_and(u8::is_ascii_uppercase);
            clause.is_labelled && is_whole && is_name
        })
    })
}

/// `option x is deprecated`, `Running as root is not recommended.`
pub(super) fn advice(text: &[u8]) -> Option<Level> {
    static BEFORE: [&[u8]; 5] = [b"is", b"are", b"been", b"be", b"Is"];
    any(
        text,
        &[needle!(b" deprecated"), needle!(b" not recommended")],
        |clause| {
            let word = clause
                .subject
                .rsplit(|&byte| byte == b' ')
                .next()
                .unwrap_or_default();
            BEFORE.contains(&word)
        },
    )
    .map(|_| Level::Warn)
}
