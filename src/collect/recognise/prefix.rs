//! Prefixes that other programs put before a line: colours, and the marks of docker compose, BuildKit, git, Turborepo, Vagrant,
//! Ray and terraform. The line after them states its time and level.

use super::bytes::{ByteSet, may_say};
use super::level_names;
use super::words::{Needle, is_capitals, is_number, split_once};
use std::borrow::Cow;

/// How much of a line may consist of prefixes.
const PREFIX_MAX: usize = 128;

/// The text without ANSI escape sequences, which loggers put around times and levels.
pub(crate) fn plain(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0x1b, text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == 0x1b && after.first() == Some(&b'[') {
            let is_final = |byte: &u8| (0x40..=0x7e).contains(byte);
            let end = after.iter().skip(1).position(is_final);
            rest = end.and_then(|end| after.get(end + 2..)).unwrap_or_default();
        } else {
            plain.push(byte);
        }
    }
    Cow::Owned(plain)
}

/// The text after the prefixes; each kind may occur once. `bytes` are those of the line, if they are known.
pub(crate) fn strip(text: &[u8], bytes: Option<ByteSet>) -> &[u8] {
    let mut rest = text.trim_ascii_start();
    if bytes.is_none_or(|bytes| may_say!(bytes, b" | ")) {
        rest = compose(rest).unwrap_or(rest).trim_ascii_start();
    }
    if matches!(rest, [b'#' | b'r' | 0xe2, ..]) {
        for prefix in [buildkit, remote, frame] {
            rest = prefix(rest).unwrap_or(rest).trim_ascii_start();
        }
    }
    if rest.starts_with(b"==> ") {
        rest = machine(rest).unwrap_or(rest).trim_ascii_start();
    }
    if rest.starts_with(b"(") {
        rest = worker(rest)
            .map_or(rest, |(_, text)| text)
            .trim_ascii_start();
    }
    let may_be_task = matches!(rest, [b'a'..=b'z' | b'@', ..]);
    if may_be_task && bytes.is_none_or(|bytes| may_say!(bytes, b": ")) {
        rest = task(rest).unwrap_or(rest).trim_ascii_start();
    }
    rest
}

/// The service or the step that docker compose and BuildKit name at the start of a line, and the text after it.
pub(crate) fn service(line: &[u8]) -> Option<(&str, &[u8])> {
    let (text, marks) = match line.first()? {
        // PHP numbers its frames: `#1 {main}`
        b'#' => {
            let (_, rest) = split_once(line, b' ')?;
            let text = buildkit(line).filter(|text| text.len() < rest.len())?;
            (text, b" ".as_slice())
        }
        byte if byte.is_ascii_alphanumeric() => (compose(line)?, b" |".as_slice()),
        _ => return None,
    };
    let end = line.iter().position(|byte| marks.contains(byte))?;
    Some((std::str::from_utf8(line.get(..end)?).ok()?, text))
}

/// docker compose: `web-1  | text`; PM2: `0|api  | text`.
fn compose(text: &[u8]) -> Option<&[u8]> {
    const BAR: Needle<'_> = Needle::new(b" | ");
    let head = text.get(..PREFIX_MAX).unwrap_or(text);
    let at = BAR.find(head)?;
    let name = head.get(..at)?.trim_ascii_end();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let name = split_once(name, b'|')
        .filter(|(number, _)| is_number(number))
        .map_or(name, |(_, name)| name);
    let is_service = name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(is_name);
    is_service.then(|| text.get(at + 3..)).flatten()
}

/// BuildKit: `#12 0.345 text`, `#12 text`.
fn buildkit(text: &[u8]) -> Option<&[u8]> {
    let (step, rest) = split_once(text.strip_prefix(b"#")?, b' ')?;
    if !is_number(step) {
        return None;
    }
    let seconds = split_once(rest, b' ').filter(|(word, _)| {
        word.contains(&b'.')
            && word
                .iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'.')
    });
    Some(seconds.map_or(rest, |(_, rest)| rest))
}

/// git: `remote: error: text`.
fn remote(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"remote: ")
}

/// terraform's frame: a vertical line and `Error: text`.
fn frame(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix("\u{2502}".as_bytes())
}

/// The machine that Vagrant and Packer name: `==> default: text`.
fn machine(text: &[u8]) -> Option<&[u8]> {
    let (name, rest) = split_once(text.strip_prefix(b"==> ")?, b' ')?;
    let name = name.strip_suffix(b":")?;
    (!name.is_empty() && level_names::named(name).is_none()).then_some(rest)
}

/// The process that Ray and vLLM name before its output, and the text after it: `(raylet) text`, `(train pid=12, ip=10.0.0.7) text`,
/// `(VllmWorker rank=0 pid=12) text`, `(autoscaler +5s) text`. Ray colours the name.
pub(crate) fn worker(line: &[u8]) -> Option<(&str, &[u8])> {
    let text = without_colour(line).strip_prefix(b"(")?;
    let (name, text) = split_once(text.get(..PREFIX_MAX).unwrap_or(text), b')')
        .and_then(|(name, _)| Some((name, text.get(name.len() + 1..)?)))?;
    let text = without_colour(text).strip_prefix(b" ")?;
    let (first, second) = split_once(name, b' ').unwrap_or((name, b""));
    let is_process = second.split(|&byte| byte == b' ').any(|word| {
        let pid = word.strip_prefix(b"pid=");
        pid.and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit)
    });
    let is_worker = is_process
        || matches!(first, b"raylet" | b"gcs_server") && second.is_empty()
        || first == b"autoscaler" && second.starts_with(b"+");
    is_worker.then(|| Some((std::str::from_utf8(name).ok()?, text)))?
}

/// The text after escape sequences.
fn without_colour(mut text: &[u8]) -> &[u8] {
    while let Some(sequence) = text.strip_prefix(b"\x1b[") {
        let end = sequence
            .iter()
            .position(|byte| (0x40..=0x7e).contains(byte));
        text = end
            .and_then(|end| sequence.get(end + 1..))
            .unwrap_or_default();
    }
    text
}

/// Turborepo: `web:build: text`, `@acme/web:build: text`.
fn task(text: &[u8]) -> Option<&[u8]> {
    let (word, _) = split_once(text.get(..PREFIX_MAX).unwrap_or(text), b' ')?;
    let (package, task) = split_once(word.strip_suffix(b":")?, b':')?;
    let is_package = |byte: &u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'@' | b'/' | b'-' | b'_')
    };
    let is_task = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_');
    let is_named = package.iter().all(is_package)
        && matches!(package, [b'a'..=b'z' | b'@', ..])
        && matches!(task, [b'a'..=b'z', ..])
        && task.iter().all(is_task);
    let is_level = || {
        let mut words = [package, task].into_iter();
        words.any(|word| level_names::named(word).is_some())
    };
    (is_named && !is_level()).then(|| text.get(word.len() + 1..))?
}

/// The program of a line of a syslog file, and the text after it: `web1 kernel: text`, `web1 app[7]: text`, with BusyBox
/// `alpine daemon.err crond[2101]: text`. `text` begins after the time.
pub(crate) fn program(text: &[u8]) -> Option<(&str, &[u8])> {
    const NAME_MAX: usize = 48;
    let (host, after) = split_once(text.strip_prefix(b" ")?, b' ')?;
    let is_host_byte = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'%')
    };
    let is_host = host.first().is_some_and(u8::is_ascii_alphanumeric)
        && host.iter().all(is_host_byte)
        && !host.ends_with(b":")
        && level_names::named(host).is_none();
    if !is_host {
        return None;
    }
    let (mut tag, mut text) = split_once(after, b' ')?;
    if let Some((_, severity)) = split_once(tag, b'.')
        && level_names::named(severity).is_some()
    {
        (tag, text) = split_once(text, b' ')?;
    }
    let tag = tag.strip_suffix(b":")?;
    let name = split_once(tag, b'[').map_or(tag, |(name, _)| name);
    let is_name_byte = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'@' | b'(' | b')')
    };
    // `ERROR:` and `DETAIL:` are labels, and so is `Caused by:`
    let is_label = tag.len() == name.len() && (is_capitals(name) || name == b"by")
        || level_names::named(name).is_some();
    let is_program = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.len() <= NAME_MAX
        && name.iter().all(is_name_byte)
        && !is_label;
    is_program.then(|| Some((std::str::from_utf8(name).ok()?, text)))?
}

/// The text after the kernel's `[   12.345678] `, perhaps with the task or processor that said it: `[   12.345678][  T817] `.
pub(crate) fn without_uptime(text: &[u8]) -> &[u8] {
    let uptime = || {
        let (inner, rest) = split_once(text.strip_prefix(b"[")?, b']')?;
        let inner = inner.trim_ascii();
        let is_uptime = inner.contains(&b'.')
            && inner
                .iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'.');
        let rest = is_uptime.then(|| speaker(rest).unwrap_or(rest))?;
        Some(rest.strip_prefix(b" ").unwrap_or(rest))
    };
    uptime().unwrap_or(text)
}

/// The text after `[  T817]` or `[    C0]`.
fn speaker(text: &[u8]) -> Option<&[u8]> {
    let (inner, rest) = split_once(text.strip_prefix(b"[")?, b']')?;
    let [b'T' | b'C', number @ ..] = inner.trim_ascii_start() else {
        return None;
    };
    is_number(number).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_other_programs_are_removed() {
        for (line, text) in [
            ("web-1  | ERROR: x", "ERROR: x"),
            ("#12 0.345 E: Unable to locate", "E: Unable to locate"),
            ("#12 ERROR: process", "ERROR: process"),
            ("remote: error: denied", "error: denied"),
            ("\u{2502} Error: invalid", "Error: invalid"),
            ("@acme/web:build: error x", "error x"),
            ("web:error: x", "web:error: x"),
            ("a.c:12: x", "a.c:12: x"),
            ("a b | c", "a b | c"),
            ("# FAIL: 0", "# FAIL: 0"),
            ("==> default: E: x", "E: x"),
            ("==> Error: x", "==> Error: x"),
            ("==> web1 ready", "==> web1 ready"),
            ("(train pid=12, ip=10.0.0.7) x", "x"),
            ("(raylet) x", "x"),
            ("(root) CMD x", "(root) CMD x"),
        ] {
            assert_eq!(strip(line.as_bytes(), None), text.as_bytes(), "{line}");
        }
    }

    #[test]
    fn escape_sequences_are_removed() {
        assert_eq!(plain(b"\x1b[33m WARN\x1b[0m x").as_ref(), b" WARN x");
        assert_eq!(plain(b"open \x1b[3").as_ref(), b"open ");
    }
}
