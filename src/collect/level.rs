//! The level that a line itself states, in the forms that programs use: a JSON or logfmt field, klog's first letter, a word in
//! brackets, or a word in the head of the line. Prose that merely mentions an error states nothing.

use crate::record::Level;
use std::borrow::Cow;

/// How much of a line is looked at: heads are shorter, and a hostile line must not cost more than an honest one.
const HEAD_MAX: usize = 256;

/// How much of a JSON or logfmt line is looked at: its level may stand behind other fields.
const FIELDS_MAX: usize = 4096;

/// How many words a head has at most before its level: date, time, zone, host, process, thread and separators.
const WORDS_MAX: usize = 12;

/// The names that level fields have in structured lines.
const FIELD_NAMES: [&str; 6] = [
    "level",
    "severity",
    "lvl",
    "loglevel",
    "log.level",
    "levelname",
];

/// The level that `line` states, if it states one.
pub(crate) fn stated(line: &[u8]) -> Option<Level> {
    let line = line.trim_ascii_start();
    match line {
        [b'{', ..] => in_json(prefix(line, FIELDS_MAX)),
        _ if starts_with_pair(line) => in_logfmt(prefix(line, FIELDS_MAX)),
        _ => in_head(prefix(line, HEAD_MAX)),
    }
}

/// The level that a word is the name of, in the vocabularies of syslog, loggers of many languages, and their short forms.
pub(crate) fn named(word: &[u8]) -> Option<Level> {
    const NAMES: [(&str, Level); 29] = [
        ("debug", Level::Debug),
        ("dbg", Level::Debug),
        ("trace", Level::Debug),
        ("trc", Level::Debug),
        ("fine", Level::Debug),
        ("finer", Level::Debug),
        ("finest", Level::Debug),
        ("verbose", Level::Debug),
        ("info", Level::Info),
        ("inf", Level::Info),
        ("information", Level::Info),
        ("notice", Level::Info),
        ("warn", Level::Warn),
        ("warning", Level::Warn),
        ("wrn", Level::Warn),
        ("error", Level::Error),
        ("err", Level::Error),
        ("eror", Level::Error),
        ("severe", Level::Error),
        ("critical", Level::Error),
        ("crit", Level::Error),
        ("alert", Level::Error),
        ("emerg", Level::Error),
        ("emergency", Level::Error),
        ("fatal", Level::Error),
        ("ftl", Level::Error),
        ("panic", Level::Error),
        ("dpanic", Level::Error),
        ("fail", Level::Error),
    ];
    let same = |name: &str| name.as_bytes().eq_ignore_ascii_case(word);
    NAMES
        .iter()
        .find(|(name, _)| same(name))
        .map(|&(_, level)| level)
}

/// Numbers below 8 are syslog's; the tens are those of bunyan and pino.
fn numbered(number: u32) -> Option<Level> {
    match number {
        0..=3 | 50..=69 => Some(Level::Error),
        4 | 40..=49 => Some(Level::Warn),
        5 | 6 | 30..=39 => Some(Level::Info),
        7 | 10..=29 => Some(Level::Debug),
        _ => None,
    }
}

/// The level that the value of a level field means.
pub(crate) fn of_value(value: &[u8]) -> Option<Level> {
    named(value).or_else(|| numbered(std::str::from_utf8(value).ok()?.parse().ok()?))
}

/// Whether a field of this name holds a level.
pub(crate) fn is_level_field(name: &[u8]) -> bool {
    FIELD_NAMES
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

fn prefix(line: &[u8], max: usize) -> &[u8] {
    line.get(..max).unwrap_or(line)
}

/// Walks the top level of an object without building it; a line cut by the bound is read as far as it goes.
fn in_json(line: &[u8]) -> Option<Level> {
    let mut rest = line;
    let mut depth = 0u32;
    let mut is_name = false;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let (text, after) = json_string(rest)?;
                rest = after;
                if depth == 1 && is_name && is_level_field(text) {
                    return of_value(json_scalar(rest)?);
                }
            }
            _ => {}
        }
        is_name = match byte {
            b'{' | b',' => true,
            b' ' | b'\t' => is_name,
            _ => false,
        };
    }
    None
}

/// The raw text up to the closing quote, and what follows that.
fn json_string(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', rest.get(from..)?)?;
        if rest.get(at) == Some(&b'"') {
            return Some((rest.get(..at)?, rest.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// The string or number behind the colon of a field.
fn json_scalar(rest: &[u8]) -> Option<&[u8]> {
    let value = rest
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    if let Some(text) = value.strip_prefix(b"\"") {
        return json_string(text).map(|(text, _)| text);
    }
    let end = value.iter().position(|byte| !byte.is_ascii_digit())?;
    value.get(..end)
}

/// Whether the first word is `key=...`, as every word of a logfmt line is.
fn starts_with_pair(line: &[u8]) -> bool {
    let name = line.iter().take_while(|&&byte| is_name_byte(byte)).count();
    name > 0 && line.get(name) == Some(&b'=')
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@')
}

fn in_logfmt(line: &[u8]) -> Option<Level> {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        let name = rest.iter().take_while(|&&byte| is_name_byte(byte)).count();
        let (name, after) = rest.split_at_checked(name)?;
        let Some(value) = after.strip_prefix(b"=") else {
            let skipped = after.iter().position(u8::is_ascii_whitespace)?;
            rest = after.get(skipped..)?;
            continue;
        };
        let (value, after) = logfmt_value(value)?;
        if is_level_field(name) {
            return of_value(value);
        }
        rest = after;
    }
}

fn logfmt_value(value: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(text) = value.strip_prefix(b"\"") {
        return json_string(text);
    }
    let end = value
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(value.len());
    value.split_at_checked(end)
}

/// Looks at the words of the head, until a word that belongs to the text.
fn in_head(head: &[u8]) -> Option<Level> {
    let plain = without_colours(head);
    if let Some(level) = in_klog(&plain) {
        return Some(level);
    }
    let is_break = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'|';
    let mut words = plain
        .split(is_break)
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .peekable();
    let mut is_first = true;
    while let Some(word) = words.next() {
        if let Some(level) = in_word(word, is_first) {
            return Some(level);
        }
        let before_dash = words.peek().is_some_and(|next| is_punctuation(next));
        if !(is_head_word(word) || before_dash) {
            return None;
        }
        is_first &= is_stamp_word(word);
    }
    None
}

/// The text without ANSI colour sequences, which loggers put around times and levels.
fn without_colours(head: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0x1b, head).is_none() {
        return Cow::Borrowed(head);
    }
    let mut plain = Vec::with_capacity(head.len());
    let mut rest = head;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == 0x1b && after.first() == Some(&b'[') {
            let end = after
                .iter()
                .skip(1)
                .position(|byte| (0x40..=0x7e).contains(byte));
            rest = end.and_then(|end| after.get(end + 2..)).unwrap_or_default();
        } else {
            plain.push(byte);
        }
    }
    Cow::Owned(plain)
}

/// `E0217 14:30:15.123456   12345 file.go:123] text`.
fn in_klog(line: &[u8]) -> Option<Level> {
    let [letter, date @ .., b' ', hour_tens, hour_ones, b':'] = line.first_chunk::<9>()? else {
        return None;
    };
    if !date
        .iter()
        .chain([hour_tens, hour_ones])
        .all(u8::is_ascii_digit)
    {
        return None;
    }
    match letter {
        b'D' => Some(Level::Debug),
        b'I' => Some(Level::Info),
        b'W' => Some(Level::Warn),
        b'E' | b'F' => Some(Level::Error),
        _ => None,
    }
}

/// The level in one word of a head: in brackets (`[warn]`, `file.py[WARNING]:`, `[core:error]`), in capitals (`WARN`,
/// `ERROR:`), or, at the beginning of the text, in any case before a colon (`warning:`, `error[E0308]:`).
fn in_word(word: &[u8], is_first: bool) -> Option<Level> {
    if let Some(open) = word
        .iter()
        .position(|&byte| matches!(byte, b'[' | b'(' | b'<'))
    {
        let (before, inner) = word.split_at_checked(open)?;
        let inner = inner.get(1..)?;
        let end = inner
            .iter()
            .position(|&byte| matches!(byte, b']' | b')' | b'>'));
        let inner = end.and_then(|end| inner.get(..end)).unwrap_or(inner);
        let last = inner.rsplit(|&byte| byte == b':').next().unwrap_or(inner);
        let before = (is_first && word.ends_with(b":"))
            .then(|| named(before))
            .flatten();
        return named(last).or(before);
    }
    let bare = word
        .strip_suffix(b"]")
        .or(word.strip_suffix(b"!"))
        .unwrap_or(word);
    if let Some(bare) = bare.strip_suffix(b":") {
        return named(bare).filter(|_| is_first || is_capitals(bare));
    }
    named(bare).filter(|_| is_capitals(bare))
}

fn is_capitals(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_uppercase)
}

fn is_punctuation(word: &[u8]) -> bool {
    word.iter()
        .all(|byte| matches!(byte, b'-' | b':' | b'>' | b'=' | b'*' | b'#'))
}

/// Whether a word may stand before the level: a time, a number, a separator, a bracketed name, a host or logger with a digit,
/// Ruby's letter, or npm, which puts its name before each line.
fn is_head_word(word: &[u8]) -> bool {
    is_stamp_word(word)
        || matches!(
            word,
            [b'[' | b'(' | b'<', ..] | [.., b']' | b')'] | b"npm" | [_, b',']
        )
}

fn is_stamp_word(word: &[u8]) -> bool {
    const NAMES: [&str; 25] = [
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "UTC", "GMT", "AM", "PM", "CET", "CEST",
    ];
    let name = word.strip_suffix(b",").unwrap_or(word);
    is_punctuation(word)
        || word.iter().any(u8::is_ascii_digit)
        || NAMES.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(level: Option<Level>, lines: &[&str]) {
        for line in lines {
            assert_eq!(stated(line.as_bytes()), level, "{line}");
        }
    }

    #[test]
    fn json_lines_state_their_level() {
        check(
            Some(Level::Error),
            &[
                r#"{"level":"error","msg":"x"}"#,
                r#"  {"time":"t","Severity" : "CRITICAL"}"#,
                r#"{"nested":{"level":"debug"},"level":50}"#,
                r#"{"a\"level":"debug","log.level":"fatal"}"#,
                r#"{"list":["level","debug"],"levelname":"ERROR"}"#,
            ],
        );
        check(
            Some(Level::Info),
            &[r#"{"level":30,"msg":"error"}"#, r#"{"level":6,"msg":"x"}"#],
        );
        check(
            None,
            &[
                r#"{"msg":"level","x":"error"}"#,
                r#"{"msg":"\"level\":\"error\""}"#,
                r#"{"nested":{"level":"error"}}"#,
                r#"{"level":"#,
                r#"{"level":"loud"}"#,
                r#"}}{"level":"error"}"#,
                "{",
            ],
        );
    }

    #[test]
    fn logfmt_lines_state_their_level() {
        check(
            Some(Level::Warn),
            &[
                r#"time="2026-02-17T14:30:15Z" level=warning msg="level=error""#,
                "ts=1 lvl=warn err=none",
                r#"level="warn""#,
                "msg=x bare words severity=4",
            ],
        );
        check(
            None,
            &[
                "setting level=error now",
                "key=value without",
                "=level=error",
            ],
        );
    }

    #[test]
    fn klog_letters_are_levels() {
        check(
            Some(Level::Error),
            &[
                "E0217 14:30:15.123456   12345 file.go:123] boom",
                "F0217 14:30:15.1 1 x] y",
            ],
        );
        check(
            Some(Level::Warn),
            &["W0217 14:30:15.123456   12345 file.go:123] hm"],
        );
        check(None, &["E0217 is a code", "X0217 14:30:15.1 1 x] y"]);
    }

    #[test]
    fn heads_state_their_level() {
        check(
            Some(Level::Error),
            &[
                "2026/02/17 14:30:15 [error] 1234#0: *1 open() failed",
                "[Tue Feb 17 14:30:15.1 2026] [core:error] [pid 7] AH00124",
                "2026-02-17 14:30:15,123 - my.module - ERROR - failed",
                "2026-02-17 14:30:15.123 UTC [123] ERROR:  relation does not exist",
                "error[E0308]: mismatched types",
                "Error: cannot find module",
                "fatal: not a git repository",
                "panic: runtime error",
                "14:30:15.123 [main] ERROR com.example.App - boom",
                "E, [2026-02-17T14:30:15.1 #9] ERROR -- : boom",
                "2026-02-17T14:30:15Z FATAL x",
                "npm ERR! code ELIFECYCLE",
            ],
        );
        check(
            Some(Level::Warn),
            &[
                "[WARN] disk is nearly full",
                "2026-02-17 14:30:16,123 - util.py[WARNING]: failed",
                "WARNING: apt does not have a stable CLI interface",
                "\u{1b}[2m2026-02-17T14:30:15.1Z\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m app: slow",
                "2:30PM WRN slow",
                "2026-02-17T14:30:15.1Z 0 [Warning] [MY-010068] [Server] CA",
                "npm WARN deprecated x",
            ],
        );
        check(
            Some(Level::Info),
            &[
                "INFO:     Uvicorn running",
                "[info] hello",
                "info: Microsoft.Hosting",
            ],
        );
        check(
            Some(Level::Debug),
            &["DEBUG x", "2026-02-17 14:30:15 | DEBUG    | app:main:1 - x"],
        );
    }

    #[test]
    fn prose_states_nothing() {
        check(
            None,
            &[
                "",
                "hello",
                "no error found",
                "there was an ERROR in the log",
                "error while loading shared libraries",
                "Failed to start",
                "see [the docs] for errors",
                "errors: 0",
                "0 errors, 1 warning",
                "\u{1b}[",
            ],
        );
    }

    #[test]
    fn a_level_far_inside_a_long_line_is_not_looked_for() {
        let line = format!("{} [ERROR]", "1 ".repeat(500));
        check(None, &[&line]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = stated(&line);
        }

        #[test]
        fn any_prefix_of_a_structured_line_is_read(at in 0usize..80) {
            let json = br#"{"a":[1,{"b":"\\\"x"}],"severity":"error","level":40,"c":"\u00e9"}   "#;
            let _ = stated(&json[..at.min(json.len())]);
        }
    }
}
