//! The words of the head of a line, each with the kinds of bytes in it: they decide which forms it may have. What a word by
//! itself can be: a separator, a symbol, a level of a kind of programs.

use crate::collect::recognise::level_names;
use crate::collect::recognise::words::{WordSet, is_capitals, is_number, split_once};
use crate::record::Level;

/// A word, and the kinds of bytes in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HeadWord<'a> {
    pub(super) text: &'a [u8],
    kinds: u8,
}

/// The kinds of bytes that decide which forms a word may have.
pub(super) const DIGIT: u8 = 1;
pub(super) const DOT: u8 = 2;
pub(super) const SLASH: u8 = 4;
pub(super) const COLON: u8 = 8;
/// A bracket that is opened.
pub(super) const OPEN: u8 = 16;
/// A sign between a name and a value.
pub(super) const PAIR: u8 = 32;
/// A blank or a bar, which ends a word.
const BREAK: u8 = 64;
pub(super) const LETTER: u8 = 128;

static KINDS: [u8; 256] = kinds();

#[expect(clippy::indexing_slicing, reason = "runs at compile time")]
const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut byte = 0_u8;
    loop {
        kinds[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'.' => DOT,
            b'/' => SLASH,
            b':' => COLON,
            b'[' | b'(' | b'<' => OPEN,
            b'=' | b'@' => PAIR,
            b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'|' => BREAK,
            _ => 0,
        };
        if byte == u8::MAX {
            return kinds;
        }
        byte += 1;
    }
}

impl HeadWord<'_> {
    /// Whether it has a byte of one of these kinds.
    pub(super) fn has(self, kinds: u8) -> bool {
        self.kinds & kinds != 0
    }
}

/// The next word, which is removed from `rest`.
pub(super) fn next_word<'a>(rest: &mut &'a [u8]) -> Option<HeadWord<'a>> {
    let kind_of = |byte: &u8| KINDS.get(usize::from(*byte)).copied().unwrap_or(0);
    let start = rest.iter().position(|byte| kind_of(byte) != BREAK)?;
    let text = rest.get(start..)?;
    let mut kinds = 0;
    let end = text.iter().position(|byte| {
        let kind = kind_of(byte);
        kinds |= kind;
        kind == BREAK
    });
    let (text, after) = text.split_at_checked(end.unwrap_or(text.len()))?;
    *rest = after;
    Some(HeadWord { text, kinds })
}

/// The words in small letters that loggers write for levels without any mark.
pub(super) fn is_level_of_loggers(word: &[u8]) -> bool {
    static WORDS: WordSet = WordSet::new(&[
        "debug", "info", "notice", "warn", "warning", "err", "error", "crit", "critical", "alert",
        "emerg", "fatal", "severe",
    ]);
    WORDS.has(word)
}

/// Whether a word makes the level before it a part of a name: `error log rotated`, `info page written`.
pub(super) fn is_topic(word: &[u8]) -> bool {
    static WORDS: WordSet = WordSet::new(&[
        "log", "logs", "page", "pages", "rate", "rates", "count", "counts", "code", "codes",
        "report", "reports",
    ]);
    WORDS.has(word.strip_suffix(b":").unwrap_or(word))
}

/// npm, lerna and dpkg write levels as bare words after their names.
pub(super) fn writes_bare_levels(word: &[u8]) -> bool {
    let name = word.strip_suffix(b":").unwrap_or(word);
    matches!(
        name,
        b"npm" | b"lerna" | b"gyp" | b"node-gyp" | b"node-pre-gyp" | b"prebuild-install"
    ) || (name.len() < word.len() && (name.starts_with(b"dpkg") || name.starts_with(b"update-")))
}

/// npm also writes words such as `npm notice`, `npm verb`, `npm http`; `ERR!` is one of its own.
pub(super) fn is_level_of_tools(word: &[u8]) -> bool {
    !matches!(
        word,
        b"config" | b"fail" | b"failed" | b"success" | b"note" | b"fine"
    )
}

/// A word of symbols such as arrows, bullets and frames (U+2000 to U+2FFF), or an emoji.
pub(super) fn is_symbol(word: &[u8]) -> bool {
    if word.first().is_some_and(u8::is_ascii) {
        return false;
    }
    let text = std::str::from_utf8(word).unwrap_or_default();
    let is_one = |c: char| matches!(c, '\u{2000}'..='\u{2fff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '\u{b7}');
    !text.is_empty() && text.chars().all(is_one)
}

/// `user=x`, `postgres@db`, `[myid:1]`.
pub(super) fn is_pair(word: &[u8]) -> bool {
    let at = word.iter().position(|byte| matches!(byte, b'=' | b'@'));
    at.is_some_and(|at| at > 0)
}

/// A separate `-`, `:`, `--` or the like.
pub(super) fn is_separator(word: &[u8]) -> bool {
    !word.is_empty()
        && word
            .iter()
            .all(|byte| matches!(byte, b'-' | b':' | b'>' | b'=' | b'*' | b'#' | b'~' | b'!'))
}

/// `Error:`, `Warning:`.
pub(super) fn is_title(word: &[u8]) -> bool {
    word.split_first().is_some_and(|(first, rest)| {
        first.is_ascii_uppercase() && rest.iter().all(u8::is_ascii_lowercase)
    })
}

/// `12 FAILED, 3 passed`, `7 ERROR`: a word counted by the number before it.
pub(super) fn is_counted(word: &[u8], next: &[u8]) -> bool {
    next.is_empty() || word.ends_with(b",")
}

/// Pacemaker: `[12]` after the name of a program.
pub(super) fn is_process(word: &[u8]) -> bool {
    let inner = word
        .strip_prefix(b"[")
        .and_then(|word| word.strip_suffix(b"]"));
    inner.is_some_and(is_number)
}

/// Fly.io: `ams [info]x` after the name of a machine.
pub(super) fn is_region(word: &[u8], next: &[u8]) -> bool {
    let level = || split_once(next.strip_prefix(b"[")?, b']').map(|(level, _)| level);
    matches!(word, [a, b, c] if [a, b, c].iter().all(|byte| byte.is_ascii_lowercase()))
        && level().is_some_and(|level| level_names::named(level).is_some())
}

/// Libreswan: the name of a connection in quotes, and a number: `"vpn" #1: ERROR: x`.
pub(super) fn is_connection(word: &[u8], next: &[u8]) -> bool {
    word.len() > 2 && word.starts_with(b"\"") && word.ends_with(b"\"") && next.starts_with(b"#")
}

/// Puppet: `(err):` after the name of a resource.
pub(super) fn is_level_in_brackets(word: &[u8]) -> bool {
    let inner = word
        .strip_prefix(b"(")
        .and_then(|word| word.strip_suffix(b"):"));
    inner.is_some_and(|inner| level_names::named(inner).is_some())
}

/// The name of a logger between the time and a level in capitals: `my.module ERROR`, `root ERROR`, `hyper::client WARN`.
pub(super) fn is_logger(word: &[u8], next: &[u8]) -> bool {
    static LOGGERS: WordSet = WordSet::new(&[
        "root",
        "main",
        "app",
        "worker",
        "server",
        "scheduler",
        "__main__",
        "celery",
        "django",
        "uvicorn",
        "werkzeug",
        "netdata",
    ]);
    let level = next.strip_suffix(b":").unwrap_or(next);
    let level = level.strip_prefix(b"[").unwrap_or(level);
    let is_level = level_names::named(level).is_some() && is_capitals(level);
    let is_qualified = || {
        word.iter()
            .any(|byte| matches!(byte, b'.' | b':' | b'_' | b'/'))
    };
    is_level && (LOGGERS.has(word) || is_qualified())
}

/// `socket.cpp:697]`, `external/xla/cuda_dnn.cc:9261]`: the place in the code, before the text.
pub(super) fn is_code_place(word: &[u8]) -> bool {
    let Some(place) = word.strip_suffix(b"]") else {
        return false;
    };
    let line = place.rsplit(|&byte| byte == b':').next().unwrap_or(place);
    is_number(line) && line.len() < place.len() && place.contains(&b'.')
}

/// `ServerMultiplayerManager.cpp:91:`, `main.go:123:`: the place in the code, before a colon and the text.
pub(super) fn is_before_place(word: &[u8]) -> bool {
    let place = word.strip_suffix(b":").and_then(|place| {
        let at = memchr::memrchr(b':', place)?;
        Some((place.get(..at)?, place.get(at + 1..)?))
    });
    place.is_some_and(|(file, line)| is_number(line) && file.contains(&b'.'))
}

/// Devices of Cisco: `%LINK-3-UPDOWN:`, `%ASA-4-106023:`, with the severity of syslog.
pub(super) fn severity_of_device(word: &[u8]) -> Option<Level> {
    let code = word.strip_prefix(b"%")?.strip_suffix(b":")?;
    let mut parts = code.splitn(3, |&byte| byte == b'-');
    let (facility, severity, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_facility = facility.len() > 1 && facility.first().is_some_and(u8::is_ascii_uppercase);
    let [digit @ b'0'..=b'7'] = *severity else {
        return None;
    };
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    level_names::of_syslog(u64::from(digit - b'0'))
        .filter(|_| is_facility && !name.is_empty() && name.iter().all(is_name))
}
