//! Forms that are neither words in the head of a line nor texts of one tool: annotations of CI systems, symbols, numbers.
//! [`forms`](super::forms) lists them.

use crate::collect::recognise::level_names;
use crate::collect::recognise::words::{
    self, Needle, WordSet, is_capitals, is_number, needle, split_once,
};
use crate::record::Level;

/// Annotations of CI systems: `::error file=a.js,line=3::text`, `##[error]text`, `##teamcity[message status='ERROR' ...]`.
pub(super) fn annotation(text: &[u8]) -> Option<Level> {
    if let Some(rest) = text.strip_prefix(b"::") {
        let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic())?;
        let (word, after) = rest.split_at_checked(end)?;
        let is_command = matches!(word, b"error" | b"warning" | b"notice" | b"debug");
        let is_stated = after.starts_with(b"::") || after.starts_with(b" ");
        return level_names::named(word).filter(|_| is_command && is_stated);
    }
    if let Some(rest) = text.strip_prefix(b"##[") {
        let (word, _) = split_once(rest, b']')?;
        return level_names::named(word);
    }
    let service = text.strip_prefix(b"##teamcity[")?;
    let has = |words: Needle<'_>| words::contains(service, words);
    let is_error = has(needle!(b" status='ERROR'"))
        || has(needle!(b" status='FAILURE'"))
        || service.starts_with(b"testFailed ")
        || service.starts_with(b"buildProblem ");
    if is_error {
        return Some(Level::Error);
    }
    has(needle!(b" status='WARNING'")).then_some(Level::Warn)
}

/// A cross or a warning sign after the name of a job in brackets: `[CI/build] X  Failure - x`, `[X] x`.
pub(super) fn symbol_of_job(text: &[u8]) -> Option<Level> {
    let (name, rest) = split_once(text.strip_prefix(b"[")?, b']')?;
    if symbol(&[name, b" x"].concat()) == Some(Level::Error) {
        return Some(Level::Error);
    }
    symbol(rest.trim_ascii_start())
}

/// A cross or a warning sign at the start, as minikube, esbuild, Next.js and Playwright write them.
pub(super) fn symbol(text: &[u8]) -> Option<Level> {
    const CROSSES: [&str; 10] = [
        "\u{2715}",
        "\u{26d4}",
        "\u{1f6d1}",
        "\u{1f4a5}",
        "\u{274c}",
        "\u{2718}",
        "\u{2716}",
        "\u{2717}",
        "\u{2a2f}",
        "\u{1f6a8}",
    ];
    const WARNINGS: [&str; 1] = ["\u{26a0}"];
    /// A variant for colour displays may follow a symbol.
    const COLOUR: &[u8] = "\u{fe0f}".as_bytes();
    if !matches!(text.first(), Some(0xc3 | 0xe2 | 0xf0)) {
        return None;
    }
    let after = |symbols: &[&str]| {
        let symbol = symbols
            .iter()
            .find(|symbol| text.starts_with(symbol.as_bytes()))?;
        let rest = text.get(symbol.len()..)?;
        let rest = rest.strip_prefix(COLOUR).unwrap_or(rest);
        let word = rest.trim_ascii_start();
        // a cross and `0 problems`
        (word.len() < rest.len() && !word.starts_with(b"0 ")).then_some(word)
    };
    if after(&CROSSES).is_some() {
        return Some(Level::Error);
    }
    // uv and others write the sign of a product before a sentence.
    let is_times =
        after(&["\u{d7}"]).is_some_and(|word| word.first().is_some_and(u8::is_ascii_uppercase));
    if is_times {
        return Some(Level::Error);
    }
    after(&WARNINGS).map(|_| Level::Warn)
}

/// Ceph, after the time: `7f12ab345640 -1 osd.3 12 heartbeat_check: no reply`. Level -1 marks errors; the others are verbosities.
pub(super) fn ceph(text: &[u8]) -> Option<Level> {
    // `mon.a (mon.0) 12 : cluster [WRN] Health check failed`
    if let Some(at) = words::find(text, needle!(b" : cluster [")) {
        let (level, _) = split_once(text.get(at + 12..)?, b']')?;
        return level_names::named(level);
    }
    let (thread, rest) = split_once(text, b' ')?;
    let is_thread = matches!(thread.len(), 8..=16) && thread.iter().all(u8::is_ascii_hexdigit);
    let rest = rest.trim_ascii_start();
    (is_thread && rest.starts_with(b"-1 ")).then_some(Level::Error)
}

/// WebSphere and Open Liberty, after the time: thread, logger and a letter: `00000001 WsServerImpl  E   WSVR0009E: x`.
pub(super) fn websphere(text: &[u8]) -> Option<Level> {
    let (thread, rest) = text.split_at_checked(8)?;
    let (logger, rest) = split_once(rest.strip_prefix(b" ")?, b' ')?;
    let (letter, _) = split_once(rest.trim_ascii_start(), b' ')?;
    let is_thread = thread.iter().all(u8::is_ascii_hexdigit);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$');
    let is_logger = logger.len() > 2 && logger.iter().all(is_name);
    match letter {
        _ if !is_thread || !is_logger => None,
        b"E" | b"F" => Some(Level::Error),
        b"W" => Some(Level::Warn),
        b"A" | b"I" | b"R" | b"O" | b"C" => Some(Level::Info),
        _ => None,
    }
}

/// The files that npm keeps of its runs: `12 error code ELIFECYCLE`, `7 warn deprecated x`.
pub(super) fn npm_log(text: &[u8]) -> Option<Level> {
    const OF_ERRORS: [&[u8]; 8] = [
        b"code", b"errno", b"syscall", b"path", b"signal", b"command", b"network", b"A",
    ];
    let mut words = text.splitn(4, |&byte| byte == b' ');
    let number = words.next().filter(|number| is_number(number))?;
    let (level, next) = (words.next()?, words.next()?);
    let is_status = next.len() == 3 && is_number(next);
    match level {
        _ if number.len() > 6 => None,
        b"error" if OF_ERRORS.contains(&next) || is_status => Some(Level::Error),
        b"warn"
            if matches!(
                next,
                b"deprecated" | b"ERESOLVE" | b"config" | b"EBADENGINE"
            ) =>
        {
            Some(Level::Warn)
        }
        _ => None,
    }
}

/// CUPS, before the time: `E [17/Feb/2026:14:30:15 +0000] x`.
pub(super) fn cups(text: &[u8]) -> Option<Level> {
    let is_dated = matches!(text.get(..7)?, [_, b' ', b'[', _, _, b'/', b'A'..=b'Z']);
    match text.first()? {
        _ if !is_dated => None,
        b'X' | b'A' | b'C' | b'E' => Some(Level::Error),
        b'W' => Some(Level::Warn),
        b'N' | b'I' => Some(Level::Info),
        b'D' | b'd' => Some(Level::Debug),
        _ => None,
    }
}

/// SSSD: a bit for each level: `(2026-02-17 14:30:15): [be[x]] [sysdb_add_user] (0x0040): x`.
pub(super) fn sssd(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b"] (0x"))?;
    let (bits, rest) = split_once(text.get(at + 5..)?, b')')?;
    let is_mask = bits.len() == 4 && rest.starts_with(b":");
    match bits {
        _ if !is_mask => None,
        b"0010" | b"0020" | b"0040" => Some(Level::Error),
        b"0080" => Some(Level::Warn),
        b"0100" => Some(Level::Info),
        _ => Some(Level::Debug),
    }
}

/// Exim, after the time: `1tj4Xy-000000004Zk-0abC ** ann@example.com: x` failed, `==` was deferred.
pub(super) fn exim(text: &[u8]) -> Option<Level> {
    let (id, rest) = text.split_at_checked(match text {
        _ if text.get(16) == Some(&b' ') => 16,
        _ => 23,
    })?;
    let rest = rest.strip_prefix(b" ")?;
    let parts = || id.split(|&byte| byte == b'-');
    let is_part = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_alphanumeric);
    let is_id = parts().count() == 3 && parts().all(is_part);
    match rest.get(..3)? {
        b"** " if is_id => Some(Level::Error),
        b"== " if is_id => Some(Level::Warn),
        _ => None,
    }
}

/// Postfix: `4F1A2B3C4D: to=<ann@example.com>, ..., dsn=5.1.1, status=bounced (x)`; `deferred` is tried again.
pub(super) fn postfix(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b" status="))?;
    let is_delivery = text.get(..at)?.ends_with(b",");
    let status = text.get(at + 8..)?;
    match status {
        _ if !is_delivery => None,
        _ if status.starts_with(b"bounced (") || status.starts_with(b"expired") => {
            Some(Level::Error)
        }
        _ if status.starts_with(b"deferred (") => Some(Level::Warn),
        _ => None,
    }
}

/// libzypp, after the time: `<3> web1(1234) [zypp] MediaCurl.cc(x):12 text`.
pub(super) fn zypp(text: &[u8]) -> Option<Level> {
    let (number, rest) = split_once(text.strip_prefix(b"<")?, b'>')?;
    match number {
        _ if !words::contains(rest, needle!(b") [zypp")) => None,
        b"0" => Some(Level::Debug),
        b"1" => Some(Level::Info),
        b"2" => Some(Level::Warn),
        b"3" | b"4" | b"5" => Some(Level::Error),
        _ => None,
    }
}

/// Falco: a time of day with nanoseconds, and a priority: `14:30:15.123456789: Warning Shell spawned`.
pub(super) fn falco(text: &[u8]) -> Option<Level> {
    let (stamp, rest) = text.split_at_checked(18)?;
    let [_, _, b':', _, _, b':', _, _, b'.', nanos @ ..] = stamp else {
        return None;
    };
    let is_stamp = is_number(nanos);
    let (word, _) = split_once(rest.strip_prefix(b": ")?, b' ')?;
    level_names::named(word)
        .filter(|_| is_stamp && word.first().is_some_and(u8::is_ascii_uppercase))
}

/// `dmesg -x`: facility and severity before the kernel's time: `kern  :err   : [    3.123456] text`.
pub(super) fn decoded(text: &[u8]) -> Option<Level> {
    static FACILITIES: WordSet = WordSet::new(&[
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "cron", "authpriv",
    ]);
    let is_likely = matches!(
        text.first_chunk()?,
        b"kern" | b"user" | b"mail" | b"daem" | b"auth" | b"sysl" | b"lpr " | b"news" | b"cron"
    );
    let (facility, rest) = is_likely
        .then(|| split_once(text.get(..24).unwrap_or(text), b':'))
        .flatten()?;
    let (severity, rest) = split_once(rest, b':')?;
    let is_facility = FACILITIES.has(facility.trim_ascii_end());
    let is_before_time = rest.starts_with(b" [") || rest.starts_with(b" 2");
    level_names::named(severity.trim_ascii()).filter(|_| is_facility && is_before_time)
}

/// syslog-ng: `Error binding socket; addr='AF_INET(0.0.0.0:514)', error='Address already in use (98)'`.
pub(super) fn syslog_ng(text: &[u8]) -> Option<Level> {
    let before = text.get(..words::find(text, needle!(b", error='"))?)?;
    words::contains(before, needle!(b"='")).then_some(Level::Error)
}

/// rsyslog, which names a page about the error: `file 'x': open error: Permission denied [v8.2302.0 try https://www.rsyslog.com/e/2433 ]`.
pub(super) fn rsyslog(text: &[u8]) -> Option<Level> {
    let said = text.get(..words::find(text, needle!(b" [v8"))?)?;
    let has = |words: Needle<'_>| words::contains(said, words);
    let is_error =
        has(needle!(b"error: ")) || has(needle!(b" ERROR: ")) || has(needle!(b"error during "));
    if is_error || super::system_errors::is_at_end(said) {
        return Some(Level::Error);
    }
    (has(needle!(b"' suspended (")) || has(needle!(b"warning: "))).then_some(Level::Warn)
}

/// Django without a format: `Internal Server Error: /pay/`, `Not Found: /favicon.ico`, `Forbidden (CSRF cookie not set.): /pay/`.
pub(super) fn django(text: &[u8]) -> Option<Level> {
    if !matches!(text.first(), Some(b'I' | b'N' | b'B' | b'F' | b'M')) {
        return None;
    }
    let at = words::find(text, needle!(b": /"))?;
    let answer = text.get(..at)?;
    let path = text.get(at + 2..)?;
    let is_path = !path.contains(&b' ');
    match answer {
        _ if !is_path => None,
        b"Internal Server Error" => Some(Level::Error),
        b"Not Found" | b"Bad Request" => Some(Level::Warn),
        _ if answer.starts_with(b"Forbidden (") || answer.starts_with(b"Method Not Allowed (") => {
            Some(Level::Warn)
        }
        _ => None,
    }
}

/// PostgreSQL's files of comma-separated values: level, state and text after user, database and session: `2026-02-17 14:30:15.123
/// UTC,"app","shop",7,...,0,ERROR,42P01,"x"`.
pub(super) fn postgresql_csv(text: &[u8]) -> Option<Level> {
    if !matches!(text.first(), Some(b'0'..=b'9' | b',')) {
        return None;
    }
    words::find(text, needle!(b",\""))?;
    memchr::memchr_iter(b',', text).find_map(|at| {
        let mut fields = text.get(at + 1..)?.splitn(3, |&byte| byte == b',');
        let (level, state, rest) = (fields.next()?, fields.next()?, fields.next()?);
        let is_state = state.len() == 5
            && state
                .iter()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        let is_row = is_state && rest.starts_with(b"\"") && is_capitals(level);
        is_row.then(|| level_names::named(level))?
    })
}

/// `mariadbd: x (Errcode: 13 "Permission denied")`. PostgreSQL reports the death of its processes at its level LOG:
/// `LOG:  server process (PID 7) was terminated by signal 9: Killed`.
pub(super) fn database_report(text: &[u8]) -> Option<Level> {
    text.get(..10)?;
    let is_death = || {
        let (process, end) =
            text.split_at_checked(words::find(text, needle!(b" was terminated by signal "))?)?;
        Some(
            words::contains(process, needle!(b"LOG:  "))
                && process.ends_with(b")")
                && end.len() < 64,
        )
    };
    let is_errcode = || {
        let (message, code) = text.split_at_checked(words::find(text, needle!(b" (Errcode: "))?)?;
        Some(words::contains(message, needle!(b": Can't ")) && code.ends_with(b")"))
    };
    // `04:11:12 UTC - mysqld got signal 6 ;`
    let is_signal = words::find(text, needle!(b"d got signal ")).is_some_and(|at| at < 40);
    let is_failure = is_death() == Some(true) || is_errcode() == Some(true) || is_signal;
    is_failure.then_some(Level::Error)
}

/// Codes of databases: `ORA-01017: x`, `TNS-12541: x`, `SQL0204N  x`.
pub(super) fn database_code(text: &[u8]) -> Option<Level> {
    let code = text.get(..10)?;
    let is_oracle = [&b"ORA-"[..], b"TNS-", b"PLS-"]
        .iter()
        .any(|start| code.starts_with(start))
        && code.get(4..9).is_some_and(is_number)
        && code.get(9) == Some(&b':');
    if is_oracle {
        return Some(Level::Error);
    }
    let digits = code.strip_prefix(b"SQL")?;
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if !matches!(count, 4 | 5) || digits.get(count + 1) != Some(&b' ') {
        return None;
    }
    match digits.get(count)? {
        b'N' | b'C' => Some(Level::Error),
        b'W' => Some(Level::Warn),
        _ => None,
    }
}

/// Interpreters that name the line of a script: Perl's `Can't locate Foo.pm in @INC at a.pl line 3.`, R's `Error in f(x) : text`, Lua's
/// `lua: a.lua:3: text`, Symfony's `In Connection.php line 822:`.
pub(super) fn script(text: &[u8]) -> Option<Level> {
    if let Some(rest) = text.strip_prefix(b"Error in ") {
        return words::find(rest, needle!(b" : ")).map(|_| Level::Error);
    }
    if text == b"Execution halted" {
        return Some(Level::Error);
    }
    if text.starts_with(b"Warning message:") || text.starts_with(b"Warning messages:") {
        return Some(Level::Warn);
    }
    if text.starts_with(b"lua") && words::find(text, needle!(b".lua:")).is_some_and(|at| at < 64) {
        let tag = split_once(text, b' ').map_or(text, |(tag, _)| tag);
        return tag.ends_with(b":").then_some(Level::Error);
    }
    if let Some(rest) = text.strip_prefix(b"In ") {
        let place = rest.strip_suffix(b":")?;
        let (file, line) = place.split_at_checked(words::find(place, needle!(b".php line "))?)?;
        let is_place = !file.contains(&b' ') && line.get(10..).is_some_and(is_number);
        return is_place.then_some(Level::Error);
    }
    let place = text.strip_suffix(b".")?;
    let at = memchr::memmem::rfind(place, b" line ")?;
    let is_line = place.get(at + 6..).is_some_and(is_number);
    let before = place.get(..at)?;
    let from = memchr::memmem::rfind(before, b" at ")?;
    let file = before.get(from + 4..)?;
    let is_perl = is_line && !file.is_empty() && !file.contains(&b' ');
    let is_death = [
        &b"Can't "[..],
        b"BEGIN failed--compilation aborted",
        b"Compilation failed in require",
        b"Cannot ",
        b"Died",
        b"Global symbol ",
        b"Could not ",
        b"Undefined subroutine ",
        b"syntax error",
    ]
    .iter()
    .any(|start| text.starts_with(start));
    let is_death = is_death || words::contains(before, needle!(b" failed: "));
    match is_death {
        _ if !is_perl => None,
        true => Some(Level::Error),
        false => Some(Level::Warn),
    }
}

/// Corosync: `Feb 17 14:30:15 [7] node1 corosync warning [MAIN  ] text`.
pub(super) fn corosync(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b" corosync ")).filter(|&at| at < 96)?;
    let (level, rest) = split_once(text.get(at + 10..)?, b' ')?;
    let is_part = rest.trim_ascii_start().starts_with(b"[");
    level_names::named(level).filter(|_| is_part)
}

/// Db2: `2026-02-17-14.30.15.123456+000 I1234E567            LEVEL: Severe`.
pub(super) fn db2(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b" LEVEL: "))?;
    let word = text.get(at + 8..)?.trim_ascii();
    let is_dated = matches!(
        text.get(4..20)?,
        [b'-', _, _, b'-', _, _, b'-', _, _, b'.', ..]
    );
    match word {
        _ if !is_dated => None,
        b"Event" => Some(Level::Info),
        _ => level_names::named(word),
    }
}

/// `ImageMagick`, with the place in its code: ``convert: no images defined `x' @ error/convert.c/ConvertImageCommand/3273.``
pub(super) fn imagemagick(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b" @ "))?;
    let (level, place) = split_once(text.get(at + 3..)?, b'/')?;
    let is_place = place.ends_with(b".") && words::contains(place, needle!(b".c/"));
    match level {
        _ if !is_place => None,
        b"fatal" => Some(Level::Error),
        b"error" | b"warning" => level_names::named(level),
        _ => None,
    }
}

/// NVIDIA's NCCL: `node1:7:8 [0] NCCL WARN text`, `node1:7:8 [0] include/alloc.h:125 NCCL WARN text`.
pub(super) fn nccl(text: &[u8]) -> Option<Level> {
    let at = words::find(text, needle!(b" NCCL WARN "))?;
    (at < 96).then_some(Level::Warn)
}
