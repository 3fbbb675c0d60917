//! The level among the first words of a line: time, host, process, thread, logger and level, in any order. The search
//! ends at the first word that belongs to the text, so that prose that mentions an error states no level.

use super::head_word::{COLON, DIGIT, DOT, HeadWord, LETTER, OPEN, PAIR, SLASH, next_word};
use super::head_word::{
    is_before_place, is_code_place, is_connection, is_counted, is_level_in_brackets,
    is_level_of_loggers, is_level_of_tools, is_logger, is_pair, is_process, is_region,
    is_separator, is_symbol, is_title, is_topic, severity_of_device, writes_bare_levels,
};
use crate::collect::recognise::bytes::{ByteSet, may_say};
use crate::collect::recognise::level_names;
use crate::collect::recognise::rules::{Rule, RuleSet};
use crate::collect::recognise::words::{self, WordSet, is_capitals, is_number, needle, split_once};
use crate::record::Level;

/// Maximum number of words in a head before its level: date, time, zone, host, process, thread and separators.
const WORDS_MAX: usize = 12;

/// Facts about the words before the current one.
#[derive(Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "eleven facts about the words before, any of which may hold"
)]
struct HeadBefore {
    /// Something other than a time, a number or a separator.
    has_name: bool,
    /// A time, a number or a separator.
    has_stamp: bool,
    /// The word just before is a program and a colon, such as `dpkg: ` or `sshd[12]: `.
    is_tag: bool,
    /// The word just before is a program that writes its levels as bare words (`npm error`).
    is_bare_tag: bool,
    /// The line starts with a bare number, which may count the word after it.
    is_count: bool,
    /// The words are joined by `|`: each word that is not a level may be a module name.
    has_bars: bool,
    /// The line has several `|`.
    is_piped: bool,
    /// The line starts with `#`, like a comment or a heading.
    is_comment: bool,
    /// The word just before is a bracket that a blank separates from its content, as in `[ warn]`.
    is_open: bool,
    /// The line starts with a bracket that contains several words.
    is_bracketed: bool,
    /// A timestamp ends just before the word.
    is_after_stamp: bool,
}

/// The level that the head of `text` states; `text` contains no colour codes, `bytes` are those in it, and `after_stamp` is the offset of the text
/// after the timestamp at its start.
pub(super) fn stated(
    text: &[u8],
    bytes: ByteSet,
    rules: RuleSet,
    after_stamp: Option<usize>,
) -> Option<Level> {
    let mut before = HeadBefore::default();
    if may_say!(bytes, b"|") {
        let first = text.split(u8::is_ascii_whitespace).next().unwrap_or(text);
        before.has_bars = memchr::memchr_iter(b'|', first).nth(1).is_some();
        before.is_piped = memchr::memchr_iter(b'|', text).nth(1).is_some();
    }
    let mut rest = text;
    let mut places = 0..WORDS_MAX;
    if let Some((stamp, after)) = after_stamp.and_then(|end| text.split_at_checked(end)) {
        before.has_stamp = true;
        before.is_after_stamp = true;
        before.is_bracketed = stamp.starts_with(b"[") && !stamp.contains(&b']');
        rest = after;
        places.start = 1;
    }
    let mut following = next_word(&mut rest);
    for place in places {
        let word = following?;
        following = next_word(&mut rest);
        let next = following.unwrap_or_default();
        if let Some((level, label)) = in_word(word, next.text, before, rules) {
            let counts_nothing = label && is_count_of_nothing(text, word.text);
            return (!counts_nothing).then_some(level);
        }
        let (is_stamp, is_tag) = (is_stamp_word(word), is_tag(word.text));
        let may_continue = is_stamp
            || is_tag && (!before.has_name || before.has_stamp || before.is_tag)
            || is_head_word(word, next, before);
        if !may_continue {
            return None;
        }
        before = before.after(word.text, place, is_stamp, is_tag);
    }
    None
}

impl HeadBefore {
    fn after(self, word: &[u8], place: usize, is_stamp: bool, is_tag: bool) -> Self {
        let is_open = matches!(word, b"[" | b"(" | b"<");
        Self {
            has_name: self.has_name || !is_stamp && !is_open && !is_symbol(word),
            has_stamp: self.has_stamp || is_stamp,
            is_tag,
            is_bare_tag: writes_bare_levels(word),
            is_count: place == 0 && is_number(word),
            has_bars: self.has_bars,
            is_piped: self.is_piped,
            is_comment: place == 0 && word.iter().all(|&byte| byte == b'#'),
            is_open,
            is_bracketed: self.is_bracketed
                || place == 0 && word.starts_with(b"[") && !word.contains(&b']'),
            is_after_stamp: false,
        }
    }
}

/// The level that a word states, and whether the word is a label (`ERROR:`) that a count may follow.
fn in_word(
    word: HeadWord<'_>,
    next: &[u8],
    before: HeadBefore,
    rules: RuleSet,
) -> Option<(Level, bool)> {
    /// The longest word that is a letter with a mark.
    const LETTER_MAX: usize = 3;
    if !word.has(LETTER) {
        return None;
    }
    let is_marked =
        word.has(DOT | SLASH | COLON | OPEN) || word.text.len() <= LETTER_MAX || before.is_open;
    if is_marked && let Some(level) = in_marked_word(word, next, before, rules) {
        return Some((level, false));
    }
    let word = word.text;
    let bare = word
        .strip_suffix(b"]:")
        .or(word.strip_suffix(b"]"))
        .unwrap_or(word);
    let bare = bare.strip_suffix(b",").unwrap_or(bare);
    let bare = bare.strip_suffix(b"!").unwrap_or(bare);
    // The kernel's graphics drivers: `*ERROR*`.
    let starred = bare
        .strip_prefix(b"*")
        .and_then(|bare| bare.strip_suffix(b"*"));
    let bare = starred.unwrap_or(bare);
    let name = bare.strip_suffix(b":").unwrap_or(bare);
    if !level_names::may_name(name) && name != b"LOG" {
        return None;
    }
    let is_start = !before.has_name && !before.has_stamp;
    let is_plain_dash = is_start && matches!(bare, b"error" | b"warn");
    let is_title_dash = next == b"-" && (!before.has_name && is_title(bare) || is_plain_dash);
    let is_label = next == b":" || is_title_dash;
    match bare.strip_suffix(b":").or(is_label.then_some(bare)) {
        Some(label) => in_label(label, before, rules).map(|level| (level, true)),
        None => in_bare_word(bare, word, next, before, rules).map(|level| (level, false)),
    }
}

/// The forms in which a word carries a mark: a facility, brackets, a slash, colons, an exclamation mark, a single
/// letter.
fn in_marked_word(
    word: HeadWord<'_>,
    next: &[u8],
    before: HeadBefore,
    rules: RuleSet,
) -> Option<Level> {
    let (text, is_first) = (word.text, !before.has_name);
    let may = |rule: Rule, is_likely: bool| is_likely && rules.has(rule);
    if may(Rule::Channel, word.has(DOT) && before.has_stamp)
        && let Some(level) = channel(text)
    {
        return Some(level);
    }
    if may(
        Rule::SyslogFacility,
        word.has(DOT) || text.starts_with(b"%"),
    ) && let Some(level) = with_facility(text).or_else(|| severity_of_device(text))
    {
        return Some(level);
    }
    if may(Rule::Bracket, word.has(OPEN))
        && let Some(level) = in_brackets(text, is_first)
    {
        return Some(level);
    }
    if may(Rule::Bracket, before.is_open)
        && let Some(level) = closed(text).and_then(level_names::named)
    {
        return Some(level);
    }
    // Chromium: `[0217/143015.123:ERROR:gpu_init.cc(523)]`, after the time
    if may(Rule::Bracket, before.is_bracketed && word.has(COLON))
        && let Some(level) = closed(text).and_then(|inner| in_bracket(inner, false))
    {
        return Some(level);
    }
    if may(
        Rule::ProgramWord,
        word.has(SLASH) && before.has_stamp && is_first,
    ) && let Some(level) = with_component(text)
    {
        return Some(level);
    }
    if may(Rule::Celery, word.has(SLASH))
        && let Some(level) = celery(text)
    {
        return Some(level);
    }
    // `2026-02-17 14:30:15,123:WARN:text`
    let is_after_stamp = word.has(COLON) && before.is_after_stamp;
    if may(Rule::PythonLogging, is_after_stamp)
        && let Some((level, _)) = split_once(text, b':')
        && is_capitals(level)
        && let Some(level) = level_names::named(level)
    {
        return Some(level);
    }
    if may(Rule::PythonLogging, word.has(COLON) && is_first)
        && let Some(level) = python_logging(text)
    {
        return Some(level);
    }
    if may(Rule::Exclamation, before.has_stamp)
        && let Some(level) = text.strip_suffix(b"!").and_then(level_names::of_letter)
    {
        return Some(level);
    }
    let is_letter = may(Rule::Letter, true);
    is_letter.then(|| letter(text, next, before)).flatten()
}

/// A word before a colon.
fn in_label(label: &[u8], before: HeadBefore, rules: RuleSet) -> Option<Level> {
    // PostgreSQL's word for messages to administrators.
    if label == b"LOG" && before.has_stamp && rules.has(Rule::Capitals) {
        return Some(Level::Info);
    }
    let is_plain = label.iter().all(u8::is_ascii_lowercase) || is_title(label);
    let rule = match () {
        () if is_capitals(label) => Rule::Capitals,
        () if !before.has_name && is_plain => Rule::FirstWord,
        () if (before.is_tag || before.has_stamp) && is_plain => Rule::ProgramWord,
        () => return None,
    };
    level_names::named(label).filter(|_| rules.has(rule))
}

/// A word without a colon: in capitals, or from a program that writes its levels so.
fn in_bare_word(
    bare: &[u8],
    word: &[u8],
    next: &[u8],
    before: HeadBefore,
    rules: RuleSet,
) -> Option<Level> {
    if before.is_bare_tag && rules.has(Rule::ProgramWord) {
        return level_names::named(bare).filter(|_| is_level_of_tools(bare));
    }
    // yarn: `error Command failed with exit code 1.`
    let is_start = !before.has_name && !before.has_stamp;
    if is_start && rules.has(Rule::ProgramWord) && matches!(bare, b"error" | b"warning") {
        // Kibana: `error  [14:30:15.123] x`; mamba: `error    libmamba x`
        let is_time = matches!(next, [b'[', digit, ..] if digit.is_ascii_digit());
        let is_sentence = next.first().is_some_and(u8::is_ascii_uppercase);
        let is_stated = is_sentence || is_time || next == b"libmamba" || is_package(next);
        return level_names::named(bare).filter(|_| is_stated);
    }
    if next == b"libmamba" && is_start && rules.has(Rule::ProgramWord) {
        return level_names::named(bare);
    }
    // `2026-02-17 14:30:15 error x`
    let is_plain = before.is_after_stamp && rules.has(Rule::FirstWord);
    if is_plain && is_level_of_loggers(bare) && !is_topic(next) {
        return level_names::named(bare);
    }
    // NLog, n8n: `2026-02-17 14:30:15.1|Error|Service|x`
    let is_between_bars = before.is_piped && before.has_stamp && !before.has_name;
    if is_between_bars && rules.has(Rule::Bars) && bare.iter().all(u8::is_ascii_alphabetic) {
        let level = level_names::named(bare).filter(|_| is_level_of_tools(bare));
        if level.is_some() {
            return level;
        }
    }
    // PgBouncer: `LOG C-0x55d: app/bob@10.0.0.7:5432 login attempt: x`
    let is_of_client = || {
        [&b"C-0x"[..], b"S-0x", b"stats:"]
            .iter()
            .any(|start| next.starts_with(start))
    };
    if bare == b"LOG" && before.has_stamp && rules.has(Rule::Capitals) && is_of_client() {
        return Some(Level::Info);
    }
    // Factorio: `1.234 Error ServerMultiplayerManager.cpp:91: x`; Google's agent: `GCEGuestAgent Error main.go:123: x`
    if is_title(bare) && is_before_place(next) && rules.has(Rule::ProgramWord) {
        return level_names::named(bare).filter(|_| before.has_stamp);
    }
    // Dynatrace: `2026-02-17 14:30:15.123 UTC [0000abcd] severe  [native] x`
    let is_between = before.has_stamp && !before.has_name && next.starts_with(b"[");
    if is_between && is_level_of_loggers(bare) && rules.has(Rule::ProgramWord) {
        return level_names::named(bare);
    }
    let is_stated = is_capitals(bare) && rules.has(Rule::Capitals);
    if !is_stated || before.is_comment || before.is_count && is_counted(word, next) {
        return None;
    }
    let is_ambiguous = matches!(
        bare,
        b"FINE" | b"ALERT" | b"NOTE" | b"SUCCESS" | b"CONFIG" | b"SILLY" | b"DEPRECATED"
    );
    level_names::named(bare).filter(|_| before.has_stamp || !is_ambiguous)
}

/// Monolog: `production.ERROR:` after a time.
fn channel(word: &[u8]) -> Option<Level> {
    let at = word.iter().rposition(|&byte| byte == b'.')?;
    let level = word.get(at + 1..)?.strip_suffix(b":")?;
    level_names::named(level).filter(|_| at > 0 && is_capitals(level))
}

/// The content of a bracket that ends with this word.
fn closed(word: &[u8]) -> Option<&[u8]> {
    let word = word.strip_suffix(b":").unwrap_or(word);
    match word {
        [inner @ .., b']' | b')' | b'>'] => Some(inner),
        _ => None,
    }
}

/// Icinga: `critical/ApiListener:`.
fn with_component(word: &[u8]) -> Option<Level> {
    let (level, component) = split_once(word.strip_suffix(b":")?, b'/')?;
    let is_component = !component.is_empty() && component.iter().all(u8::is_ascii_alphanumeric);
    level_names::named(level).filter(|_| is_component && level.len() > 3)
}

/// `ERROR/MainProcess]` of Celery, `thread/ERROR]:` of Minecraft.
fn celery(word: &[u8]) -> Option<Level> {
    let word = word.strip_suffix(b":").unwrap_or(word);
    let (first, second) = split_once(word.strip_suffix(b"]")?, b'/')?;
    let named = |word| level_names::named(word).filter(|_| is_capitals(word));
    named(first).or_else(|| named(second))
}

/// Whether only a zero, zeros of other labels, or a word for nothing follow the label: `# FAIL:  0`, `error: 0`,
/// `ERROR: 0, WARN: 0`, `failed: 0, passed: 3`, `error: null`.
fn is_count_of_nothing(text: &[u8], label: &[u8]) -> bool {
    let Some(at) = words::find(text, label) else {
        return false;
    };
    let rest = text.get(at + label.len()..).unwrap_or_default();
    let mut words = rest
        .split(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b':'))
        .filter(|word| !word.is_empty());
    match words.next() {
        Some(
            b"null" | b"nil" | b"none" | b"None" | b"false" | b"true" | b"off" | b"on" | b"no"
            | b"yes" | b"undefined" | b"\"\"",
        ) => words.next().is_none(),
        Some(b"0") => {
            // `failed: 0, passed: 3`
            rest.trim_ascii_start().starts_with(b"0,")
                || words.all(|word| word == b"0" || word.iter().all(u8::is_ascii_alphabetic))
        }
        _ => false,
    }
}

/// `daemon.err`, as BusyBox's syslogd writes it.
fn with_facility(word: &[u8]) -> Option<Level> {
    static FACILITIES: WordSet = WordSet::new(&[
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "security", "ntp", "audit",
    ]);
    let (facility, severity) = split_once(word, b'.')?;
    let is_facility =
        FACILITIES.has(facility) || matches!(facility, [b'l', b'o', b'c', b'a', b'l', b'0'..=b'7']);
    level_names::named(severity).filter(|_| is_facility)
}

/// `[warn]`, `[core:error]`, `file.py[WARNING]:`, `<Error>`, `(EE)`, `[a][error][main]`, `error[E0308]:`, `[0217/143015.1:ERROR:a.cc(7)]`.
fn in_brackets(word: &[u8], is_first: bool) -> Option<Level> {
    // stunnel, with a severity of syslog: `LOG4[ui]: text`
    if let [b'L', b'O', b'G', digit @ b'0'..=b'7', b'[', ..] = word {
        return level_names::of_syslog(u64::from(digit - b'0'));
    }
    let open = word
        .iter()
        .position(|&byte| matches!(byte, b'[' | b'(' | b'<'))?;
    let mut rest = word;
    while let Some(at) = rest
        .iter()
        .position(|&byte| matches!(byte, b'[' | b'(' | b'<'))
    {
        let inner = rest.get(at + 1..)?;
        let is_close = |byte: &u8| matches!(byte, b']' | b')' | b'>');
        let end = inner.iter().position(is_close).unwrap_or(inner.len());
        // `krb5kdc[7](Error):` is no call
        let is_tag = before_bracket(rest, at) == Some(b']') && inner.get(end..) == Some(b"):");
        let is_call = rest.get(at) == Some(&b'(') && at > 0 && !is_tag;
        if let Some(level) = in_bracket(inner.get(..end)?, is_call) {
            return Some(level);
        }
        rest = inner.get(end..)?;
    }
    let before = word.get(..open)?;
    let is_label = is_first && word.ends_with(b":") && !before.is_empty();
    // geth: `ERROR[02-17|14:30:15.123] x`
    let inside = word.get(open + 1..).unwrap_or_default();
    let is_dated = is_first
        && is_capitals(before)
        && matches!(inside, [_, _, b'-', _, _, ..] if inside.iter().filter(|byte| byte.is_ascii_digit()).count() >= 4);
    (is_label || is_dated)
        .then(|| level_names::named(before))
        .flatten()
}

fn before_bracket(word: &[u8], at: usize) -> Option<u8> {
    word.get(at.checked_sub(1)?).copied()
}

/// The inside of a bracket. In round brackets after a name, as in a call, only capitals state a level.
fn in_bracket(inner: &[u8], is_call: bool) -> Option<Level> {
    match inner {
        b"DEPEND" => return Some(Level::Warn),
        // MySQL's level of start and stop
        b"System" => return Some(Level::Info),
        _ => {}
    }
    let last = inner.rsplit(|&byte| byte == b':').next().unwrap_or(inner);
    let capitals = || {
        inner
            .split(|&byte| byte == b':')
            .find_map(|part| level_names::named(part).filter(|_| is_capitals(part)))
    };
    if is_call {
        return capitals();
    }
    level_names::named(last).or_else(capitals)
}

/// `ERROR:root:text`, `WARNING:urllib3.connectionpool:text`.
fn python_logging(word: &[u8]) -> Option<Level> {
    let (level, rest) = split_once(word, b':')?;
    let (logger, _) = split_once(rest, b':')?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let is_logger = !logger.is_empty() && logger.iter().all(is_name) && !is_number(logger);
    level_names::named(level).filter(|_| is_capitals(level) && is_logger)
}

/// A letter after a time: MongoDB (`E NETWORK`), etcd (`E | etcdserver`), Android (`E Tag`), tornado (`[E 260217
/// 14:30:15 web:1]`), Ruby (`E, [2026-...`), and alone in brackets (`[E] text`).
fn letter(word: &[u8], next: &[u8], before: HeadBefore) -> Option<Level> {
    match word {
        [
            b'[',
            letter @ (b'E' | b'W' | b'F' | b'I' | b'D' | b'V'),
            b']',
            rest @ ..,
        ] if !before.has_name => {
            // PipeWire: `[E][12345.678901] text`; ESPHome: `[E][wifi:123]: text` after the time
            let is_alone = rest.is_empty()
                || matches!(rest, [b'[', b'0'..=b'9', ..])
                || before.has_stamp && rest.starts_with(b"[") && rest.ends_with(b"]:");
            level_names::of_letter(&[*letter]).filter(|_| is_alone)
        }
        // Mumble: `<W>2026-02-17 14:30:15.123 text`
        [b'<', letter, b'>', b'0'..=b'9', ..] if !before.has_name => {
            level_names::of_letter(&[*letter])
        }
        // qBittorrent: `(W) 2026-02-17T14:30:15 - text`
        [b'(', letter, b')'] if !before.has_name && starts_with_digit(next) => {
            level_names::of_letter(&[*letter])
        }
        // Passenger: `[ E 2026-02-17 14:30:15.1234 7/T1 a.cpp:3 ]: text`
        [letter] if before.is_open && !before.has_name && starts_with_digit(next) => {
            level_names::of_letter(&[*letter])
        }
        // Android's brief form: `E/Tag(123): text`; `I/O: text` does not count.
        [letter, b'/', tag @ ..] if !before.has_name => {
            let name = tag
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
            let is_tag = name >= 3 && matches!(tag.get(name), Some(b':' | b'('));
            level_names::of_letter(&[*letter]).filter(|_| is_tag)
        }
        [b'[', letter] => {
            let is_stamp = starts_with_digit(next) || is_code_place(next);
            level_names::of_letter(&[*letter]).filter(|_| is_stamp && !before.has_name)
        }
        [letter, b','] => level_names::of_letter(&[*letter])
            .filter(|_| next.starts_with(b"[") && !before.has_name && !before.has_stamp),
        // vLLM and SkyPilot: `E 02-17 14:30:15 a.py:123] text`
        [letter] if !before.has_stamp && !before.has_name && is_month_and_day(next) => {
            level_names::of_letter(&[*letter])
        }
        [_] | [b'D', b'1'..=b'5'] => {
            let is_name = next.first().is_some_and(u8::is_ascii_uppercase) && next.len() > 1
                || next.is_empty()
                || next == b"-"
                || next.ends_with(b":")
                || next.starts_with(b"[") && word != b"A"
                || is_code_place(next)
                || before.is_bracketed && is_number(next);
            level_names::of_letter(word).filter(|_| before.has_stamp && !before.has_name && is_name)
        }
        _ => None,
    }
}

/// `02-17`.
fn is_month_and_day(word: &[u8]) -> bool {
    matches!(
        word,
        [b'0'..=b'9', b'0'..=b'9', b'-', b'0'..=b'9', b'0'..=b'9']
    )
}

/// What Yarn's warnings are about: `app@1.0.0:`, `"app > x@1.0.0"`, `package.json:`.
fn is_package(word: &[u8]) -> bool {
    let word = word.strip_suffix(b":").unwrap_or(word);
    matches!(word, [b'"' | b'@', _, ..])
        || word.ends_with(b".json")
        || memchr::memchr(b'@', word).is_some_and(|at| {
            word.get(at + 1)
                .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'^')
        })
}

fn starts_with_digit(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_digit)
}

/// `dpkg:`, `sshd[12]:`, `general:`, `health(warnable=login-state):`, `health("overall"):`: a program and a colon.
fn is_tag(word: &[u8]) -> bool {
    let Some(name) = word.strip_suffix(b":") else {
        return false;
    };
    let is_name = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'_' | b'-' | b'.' | b'/' | b'[' | b']' | b'+' | b'@' | b'(' | b')' | b'=' | b'"'
            )
    };
    // The name of a setting: `log_level: WARN`.
    let end = name.get(name.len().saturating_sub(b"level".len())..);
    let is_setting = end.is_some_and(|end| end.eq_ignore_ascii_case(b"level"));
    name.len() > 1 && name.iter().all(is_name) && !is_setting
}

/// Whether a word other than a time and the name of a program may be before the level: a separator, a bracketed name, a
/// logger, a host.
fn is_head_word(word: HeadWord<'_>, next: HeadWord<'_>, before: HeadBefore) -> bool {
    let text = word.text;
    is_separator(next.text)
        || matches!(
            text,
            [b'[' | b'(' | b'<' | b'{', ..]
                | [.., b']' | b')' | b'}']
                | b"npm"
                | b"lerna"
                | b"gyp"
                | b"prebuild-install"
                | [_, b',']
        )
        || word.has(PAIR) && is_pair(text)
        || before.is_tag && is_connection(text, next.text)
        || is_symbol(text)
        || text == b"log" && !before.has_stamp && next.text.starts_with(b"[")
        // dbt: `14:30:15  3 of 7 ERROR creating x`
        || before.has_stamp && text == b"of" && next.has(DIGIT)
        || before.has_stamp
            && (before.has_bars
                || is_level_in_brackets(next.text)
                || is_process(next.text)
                || is_logger(text, next.text)
                || text == b"GCEGuestAgent"
                || before.is_piped && is_capitals(text)
                || is_region(text, next.text)
                || !before.has_name && is_host(next))
}

/// Whether the word before `next` is the host of a syslog line.
fn is_host(next: HeadWord<'_>) -> bool {
    let has_level = next.has(OPEN) && next.text.ends_with(b"):");
    is_tag(next.text)
        || next.has(DOT) && with_facility(next.text).is_some()
        || has_level && words::contains(next.text, needle!(b"]("))
}

fn is_stamp_word(word: HeadWord<'_>) -> bool {
    static NAMES: WordSet = WordSet::new(&[
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "UTC", "GMT", "AM", "PM", "am", "pm", "CET",
        "CEST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "BST", "IST", "JST",
    ]);
    let name = word.text.strip_suffix(b",").unwrap_or(word.text);
    word.has(DIGIT) || NAMES.has(name) || is_separator(word.text)
}
