//! Forms in which single programs and languages state a level. Unless stated otherwise, they examine the beginning of a text with its
//! timestamp, host and tag. [`forms`](super::forms) lists them.

use crate::collect::recognise::level_names;
use crate::collect::recognise::prefix::without_uptime;
use crate::collect::recognise::words::{self, is_capitals, is_number, needle, split_once};
use crate::record::Level;

/// `E0217 14:30:15.123456   12345 file.go:123] text`; also with a year (`E20260217`, `E260217`), with a hyphen (Meteor), and in brackets
/// (`[rank0]:[E217 14:30:15.123456789 a.cpp:616]` of `PyTorch`).
pub(super) fn klog(text: &[u8]) -> Option<Level> {
    let ranked = text.strip_prefix(b"[rank").and_then(|rest| {
        let at = words::find(rest.get(..16).unwrap_or(rest), needle!(b"]:"))?;
        rest.get(at + 2..)
    });
    let open = ranked.unwrap_or(text).strip_prefix(b"[");
    let (letter, rest) = open.unwrap_or(text).split_first()?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let time = rest.get(digits..)?;
    let is_date = matches!(digits, 4 | 6 | 8) || digits == 3 && open.is_some();
    let is_klog = is_date
        && matches!(time, [b' ' | b'-', tens, ones, b':', ..] if tens.is_ascii_digit() && ones.is_ascii_digit());
    match letter {
        b'D' | b'I' | b'W' | b'E' | b'F' if is_klog => level_names::of_letter(&[*letter]),
        _ => None,
    }
}

/// `1:M 17 Feb 2026 14:30:15.123 # text`: `.` debug, `-` verbose, `*` notice, `#` warning.
pub(super) fn redis(text: &[u8]) -> Option<Level> {
    let mut words = text.split(|&byte| byte == b' ');
    let (pid, role) = split_once(words.next()?, b':')?;
    let is_redis = is_number(pid) && matches!(role, b"X" | b"C" | b"S" | b"M" | b"signal-handler");
    let mark = words
        .take(5)
        .find(|word| matches!(word, [b'.' | b'-' | b'*' | b'#']))?;
    match mark {
        _ if !is_redis => None,
        b"#" => Some(Level::Warn),
        b"*" => Some(Level::Info),
        _ => Some(Level::Debug),
    }
}

/// `E: Unable to locate package`, `W: ...`, `N: ...`, and Kotlin's `e: file:///...`.
pub(super) fn apt(text: &[u8]) -> Option<Level> {
    let [letter, b':', b' ', next, ..] = text else {
        return None;
    };
    match letter {
        b'E' => Some(Level::Error),
        b'W' => Some(Level::Warn),
        b'N' => Some(Level::Info),
        b'e' if text.starts_with(b"e: file:") || *next == b'/' => Some(Level::Error),
        b'w' if text.starts_with(b"w: file:") || *next == b'/' => Some(Level::Warn),
        _ => None,
    }
}

/// `make[1]: *** [Makefile:3: all] Error 2`, `ninja: build stopped: ...`.
pub(super) fn make(text: &[u8]) -> Option<Level> {
    let (tag, rest) = split_once(text, b' ')?;
    let name = tag.strip_suffix(b":")?;
    let name = name.split(|&byte| byte == b'[').next().unwrap_or(name);
    let is_make = [&b"make"[..], b"gmake", b"bmake", b"remake", b"scons"]
        .iter()
        .any(|make| name.ends_with(make));
    match rest {
        _ if name == b"ninja" && rest.starts_with(b"build stopped") => Some(Level::Error),
        _ if !is_make => None,
        _ if rest.starts_with(b"*** ") => Some(Level::Error),
        _ => None,
    }
}

/// `CMake Error at CMakeLists.txt:3 (find_package):`, `CMake Warning (dev) at ...`, `CMake Deprecation Warning ...`.
pub(super) fn cmake(text: &[u8]) -> Option<Level> {
    let rest = text.strip_prefix(b"CMake ")?;
    let rest = rest.strip_prefix(b"Deprecation ").unwrap_or(rest);
    let (word, _) = split_once(rest, b' ').or_else(|| split_once(rest, b':'))?;
    level_names::named(word.strip_suffix(b":").unwrap_or(word))
}

/// `curl: (6) Could not resolve host`.
pub(super) fn curl(text: &[u8]) -> Option<Level> {
    let rest = text.strip_prefix(b"curl: (")?;
    let (code, _) = split_once(rest, b')')?;
    is_number(code).then_some(Level::Error)
}

/// `Error response from daemon: ...`, also after `docker: `; `ERROR: failed to solve` is handled as a first word.
pub(super) fn docker_client(text: &[u8]) -> Option<Level> {
    let rest = text.strip_prefix(b"docker: ").unwrap_or(text);
    let starts = [
        &b"Error response from daemon"[..],
        b"Cannot connect to the Docker daemon",
    ];
    starts
        .iter()
        .any(|start| rest.starts_with(start))
        .then_some(Level::Error)
}

/// `ERRO[0012] text`, as logrus writes on a terminal.
pub(super) fn logrus(text: &[u8]) -> Option<Level> {
    let (word, rest) = text.split_at_checked(4)?;
    let rest = rest.strip_prefix(b"[")?;
    let (seconds, _) = split_once(rest, b']')?;
    let is_capitals = word.iter().all(u8::is_ascii_uppercase);
    level_names::named(word).filter(|_| is_capitals && is_number(seconds))
}

/// `(process:123): GLib-WARNING **: text`, `** (process:123): CRITICAL **: text`.
pub(super) fn glib(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b" **:"))?;
    let before = text.get(..at)?;
    let word = before.rsplit(|byte| matches!(byte, b' ' | b'-')).next()?;
    match word {
        b"Message" => Some(Level::Info),
        _ if is_capitals(word) => level_names::named(word),
        _ => None,
    }
}

/// The linker, after a place: `main.c:(.text+0x1a): undefined reference to `f'`, `multiple definition of `f'; b.o:b.c:1: first defined here`.
pub(super) fn linker(text: &[u8]) -> Option<Level> {
    let marks = [
        needle!(b": undefined reference to `"),
        needle!(b": multiple definition of `"),
    ];
    let is_fault = marks.iter().any(|mark| words::contains(text, *mark));
    is_fault.then_some(Level::Error)
}

/// Xorg: `[    12.345] (EE) text`.
pub(super) fn xorg(text: &[u8]) -> Option<Level> {
    match without_uptime(text).first_chunk::<4>()? {
        b"(EE)" => Some(Level::Error),
        b"(WW)" => Some(Level::Warn),
        b"(II)" | b"(--)" | b"(**)" | b"(==)" => Some(Level::Info),
        _ => None,
    }
}

/// SQL Server: `2026-02-17 14:30:15.12 Logon       Error: 18456, Severity: 14, State: 8.`; severities up to 10 are
/// informational.
pub(super) fn mssql(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b"Error: "))?;
    let (number, rest) = split_once(text.get(at + 7..)?, b',')?;
    let (severity, _) = split_once(rest.strip_prefix(b" Severity: ")?, b',')?;
    let severity = std::str::from_utf8(severity).ok()?.parse::<u32>().ok()?;
    let level = if severity > 10 {
        Level::Error
    } else {
        Level::Info
    };
    (is_number(number) && at < 64).then_some(level)
}

/// `=ERROR REPORT==== 17-Feb-2026::14:30:15 ===`.
pub(super) fn erlang(text: &[u8]) -> Option<Level> {
    let (word, rest) = split_once(text.strip_prefix(b"=")?, b' ')?;
    let is_report = rest.starts_with(b"REPORT====");
    match word {
        _ if !is_report => None,
        b"CRASH" | b"SUPERVISOR" => Some(Level::Error),
        b"PROGRESS" => Some(Level::Info),
        _ => level_names::named(word),
    }
}

/// `PHP Fatal error:  Uncaught ...`, `PHP Parse error: `, `Fatal error: `, `PHP Warning:  `, `PHP Deprecated:  `.
pub(super) fn php(text: &[u8]) -> Option<Level> {
    let (is_php, rest) = match text.strip_prefix(b"PHP ") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let errors = [
        &b"Fatal error:"[..],
        b"Parse error:",
        b"Recoverable fatal error:",
        b"Catchable fatal error:",
        b"Uncaught ",
    ];
    if errors.iter().any(|start| rest.starts_with(start)) {
        return Some(Level::Error);
    }
    if rest.starts_with(b"Deprecated:") || rest.starts_with(b"Strict Standards:") {
        return is_php.then_some(Level::Warn);
    }
    let (word, _) = split_once(rest, b':')?;
    level_names::named(word).filter(|_| is_php)
}

/// `OpenJDK 64-Bit Server VM warning: text`.
pub(super) fn jvm_warning(text: &[u8]) -> Option<Level> {
    let is_warning = words::find(text, needle!(b" VM warning: ")).is_some_and(|at| at < 64);
    is_warning.then_some(Level::Warn)
}

/// `/app/x.py:7: DeprecationWarning: text`, `(node:12) [DEP0040] DeprecationWarning: text`.
pub(super) fn language_warning(text: &[u8]) -> Option<Level> {
    let end = words::find(text, needle!(b"Warning: "))?;
    let before = text.get(..end)?;
    let start = before
        .iter()
        .rposition(|byte| !byte.is_ascii_alphanumeric())
        .map_or(0, |at| at + 1);
    let name = before.get(start..)?;
    let head = before.get(..start)?.trim_ascii_end();
    let is_name = name.first().is_some_and(u8::is_ascii_uppercase);
    let is_head = head.is_empty()
        || head.ends_with(b":")
        || (words::contains(head, needle!(b"(node:"))
            && (head.ends_with(b")") || head.ends_with(b"]")));
    (is_name && is_head).then_some(Level::Warn)
}

/// zap's console: time, level, logger and text, separated by tabs.
pub(super) fn tabbed(text: &[u8]) -> Option<Level> {
    let (_, rest) = split_once(text, b'\t')?;
    let (word, _) = split_once(rest, b'\t')?;
    level_names::named(word).filter(|_| text.first().is_some_and(u8::is_ascii_digit))
}

/// `src/main.c:3:5: error: text`, `a.c(3): warning C4996: text`, `src/a.ts(1,2): error TS2304: text`, `src/a.ts:1:2 - error TS2304: text`,
/// `Foo.java:3: error: text`.
pub(super) fn at_place(text: &[u8]) -> Option<Level> {
    let end = text
        .iter()
        .position(|&byte| matches!(byte, b':' | b'(' | b' '))?;
    let place = text.get(end..)?;
    if place.starts_with(b" ") || !(1..=200).contains(&end) {
        return None;
    }
    let is_place =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b':' | b'(' | b')' | b',' | b'-');
    let length = place.iter().take_while(|byte| is_place(byte)).count();
    let rest = place.get(length..)?;
    if !place.get(1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let rest = rest
        .strip_prefix(b" - ")
        .or_else(|| rest.strip_prefix(b" "))?;
    let rest = rest.strip_prefix(b"fatal ").unwrap_or(rest);
    let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic())?;
    let (word, after) = rest.split_at_checked(end)?;
    // CoreDNS: `/etc/coredns/Corefile:3 - Error during parsing: x`
    let is_parsing = after.starts_with(b" during parsing: ");
    let is_stated = after.starts_with(b":") || is_parsing || has_code(after);
    match word {
        b"error" | b"ERROR" | b"Error" if is_stated => Some(Level::Error),
        b"warning" | b"Warning" if is_stated => Some(Level::Warn),
        b"note" | b"remark" if is_stated => Some(Level::Info),
        _ => None,
    }
}

/// `/src/app.csproj : error NU1101: text`, `MSBUILD : error MSB1009: text`, `LINK : fatal error LNK1104: text`.
pub(super) fn in_project(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b" : ")).filter(|&at| at < 200)?;
    let rest = text.get(at + 3..)?;
    let rest = rest.strip_prefix(b"fatal ").unwrap_or(rest);
    let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic())?;
    let (word, after) = rest.split_at_checked(end)?;
    match word {
        b"error" if has_code(after) => Some(Level::Error),
        b"warning" if has_code(after) => Some(Level::Warn),
        _ => None,
    }
}

/// Whether ` TS2304:` or ` C4996:` follows: letters, digits and a colon.
fn has_code(text: &[u8]) -> bool {
    let Some((code, _)) = text
        .strip_prefix(b" ")
        .and_then(|text| split_once(text, b':'))
    else {
        return false;
    };
    code.len() <= 12
        && code.iter().all(u8::is_ascii_alphanumeric)
        && code.last().is_some_and(u8::is_ascii_digit)
}
