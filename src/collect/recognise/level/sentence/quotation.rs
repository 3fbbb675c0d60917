//! Texts that only mention a failure: commands, options, commits, tests that passed, and failures without effect.

use super::clause::first_word;
use crate::collect::recognise::words::{self, Needle, Starts, needle, split_once};

/// Beginnings of commands, options, comments, commits and reports of installers that try several ways.
static STARTS: Starts = Starts::new(&[
    b"+ ",
    b"++ ",
    b"$ ",
    b"# ",
    b"#!",
    b"//",
    b"/*",
    b"<!",
    b"ok ",
    b"PASS",
    b"Step ",
    b"RUN ",
    b"HEAD is now at ",
    b"Subject:",
    b"GET ",
    b"POST ",
    b"usage:",
    b"Usage:",
    b"echo ",
    b"export ",
    b"if ",
    b"- ",
    b"-- ",
    b"curl ",
    b"class ",
    b"def ",
    b"raise ",
    b"throw ",
    b"test ",
    b"rename ",
    b"create mode ",
    b"TASK [",
    b"INSERT ",
    b"SELECT ",
    b"Setting up ",
    b"Unable to find image ",
    b"debconf: ",
    b"dpkg-preconfigure: ",
    b"invoke-rc.d: ",
    b"policy-rc.d: ",
]);

/// Whether a text shows commands, options, commits or tests that passed.
pub(super) fn is_quotation(text: &[u8]) -> bool {
    static MARKS: [&str; 3] = ["\u{2713}", "\u{2714}", "\u{221a}"];
    let is_bullet = || {
        let item = text.strip_prefix(b"* ").map(first_word);
        item.is_some_and(|word| !word.ends_with(b":") && !word.iter().all(u8::is_ascii_uppercase))
    };
    let is_option = || {
        let name = text.strip_prefix(b"-").unwrap_or(text);
        let name = name.strip_prefix(b"-").unwrap_or(name);
        name.first().is_some_and(u8::is_ascii_alphabetic)
    };
    let is_passed = || MARKS.iter().any(|mark| text.starts_with(mark.as_bytes()));
    let ends = [&b"... ok"[..], b" PASSED", b" passed"];
    match text.first() {
        None => true,
        Some(b'*') => is_bullet(),
        Some(0xe2) => is_passed(),
        Some(b'[') => names_commit(text),
        Some(b'-') => is_option() || STARTS.begin(text),
        _ => {
            STARTS.begin(text)
                || is_commit(first_word(text))
                || ends.iter().any(|end| text.ends_with(end))
        }
    }
}

/// Whether a word is the number of a commit.
fn is_commit(word: &[u8]) -> bool {
    (7..=40).contains(&word.len())
        && word.iter().all(u8::is_ascii_hexdigit)
        && word.iter().any(u8::is_ascii_digit)
        && word.iter().any(u8::is_ascii_alphabetic)
}

/// `[main 1a2b3c4] text` of git.
fn names_commit(text: &[u8]) -> bool {
    let branch = text
        .strip_prefix(b"[")
        .and_then(|rest| split_once(rest, b']'));
    branch.is_some_and(|(branch, _)| {
        branch
            .rsplit(|&byte| byte == b' ')
            .next()
            .is_some_and(is_commit)
    })
}

/// Questions, and failures that many machines report at each start, and that have no effect.
pub(super) fn is_harmless(text: &[u8]) -> bool {
    static KNOWN: [Needle<'static>; 7] = [
        Needle::new(b"reverse mapping"),
        Needle::new(b"identification string"),
        Needle::new(b"can't claim"),
        Needle::new(b"fail to add MMCONFIG"),
        Needle::new(b" calibrat"),
        Needle::new(b"setlocale"),
        Needle::new(b" and will be "),
    ];
    text.ends_with(b"?") && !words::contains(text, needle!(b". "))
        || KNOWN.iter().any(|known| words::contains(text, *known))
}

/// Whether a program says that a failure does not matter, or that it tries again.
pub(super) fn is_minor(text: &[u8]) -> bool {
    static MARKS: [Needle<'static>; 12] = [
        Needle::new(b"gnoring"),
        Needle::new(b"kipping"),
        Needle::new(b"kipped"),
        Needle::new(b"etry"),
        Needle::new(b"try again"),
        Needle::new(b", using "),
        Needle::new(b": using "),
        Needle::new(b"assuming "),
        Needle::new(b"harmless"),
        Needle::new(b"not fatal"),
        Needle::new(b"alling back"),
        Needle::new(b"ignored"),
    ];
    MARKS.iter().any(|mark| words::contains(text, *mark))
}
