//! Forms in which single programs and languages state a level. Each is a row of [`FORMS`]; the first match wins.
//! Unless stated otherwise, they examine the beginning of a text with its timestamp, host and tag.

use super::marks;
use super::tools;
use crate::collect::recognise::level_names;
use crate::collect::recognise::prefix::without_uptime;
use crate::collect::recognise::rules::Rule;
use crate::collect::recognise::words::{self, is_capitals, is_number, split_once};
use crate::record::Level;

/// Reads one form; returns `None` if the text has another.
type LevelForm = fn(&[u8]) -> Option<Level>;

/// The forms, in the order in which they are tried.
pub(crate) const FORMS: &[(Rule, LevelForm)] = &[
    (Rule::Klog, klog),
    (Rule::Redis, redis),
    (Rule::Apt, apt),
    (Rule::Make, make),
    (Rule::Cmake, cmake),
    (Rule::Curl, curl),
    (Rule::DockerClient, docker_client),
    (Rule::Logrus, logrus),
    (Rule::Glib, glib),
    (Rule::Xorg, xorg),
    (Rule::Mssql, mssql),
    (Rule::Erlang, erlang),
    (Rule::Php, php),
    (Rule::LanguageWarning, language_warning),
    (Rule::Compiler, compiler),
    (Rule::Tabbed, tabbed),
    (Rule::Panic, panic),
    (Rule::Systemd, tools::systemd),
    (Rule::BuildTool, tools::build_tool),
    (Rule::Linter, tools::linter),
    (Rule::Client, tools::client),
    (Rule::Ansible, tools::ansible),
    (Rule::Annotation, marks::annotation),
    (Rule::Ceph, marks::ceph),
    (Rule::Exim, marks::exim),
    (Rule::Django, marks::django),
    (Rule::Database, marks::database),
    (Rule::Script, marks::script),
    (Rule::TestFailure, test_failure),
    (Rule::Exception, exception),
    (Rule::Kernel, kernel),
    (Rule::Symbol, marks::symbol),
    (Rule::Tool, tools::tool),
];

/// `E0217 14:30:15.123456   12345 file.go:123] text`; also with a year (`E20260217`, `E260217`), with a hyphen (Meteor), and in brackets
/// (`[rank0]:[E217 14:30:15.123456789 a.cpp:616]` of `PyTorch`).
fn klog(text: &[u8]) -> Option<Level> {
    let ranked = text.strip_prefix(b"[rank").and_then(|rest| {
        let at = words::find(rest.get(..16).unwrap_or(rest), b"]:")?;
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
fn redis(text: &[u8]) -> Option<Level> {
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
fn apt(text: &[u8]) -> Option<Level> {
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
fn make(text: &[u8]) -> Option<Level> {
    let (tag, rest) = split_once(text, b' ')?;
    let name = tag.strip_suffix(b":")?;
    let name = name.split(|&byte| byte == b'[').next().unwrap_or(name);
    let is_make = [&b"make"[..], b"gmake", b"bmake", b"remake"]
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
fn cmake(text: &[u8]) -> Option<Level> {
    let rest = text.strip_prefix(b"CMake ")?;
    let rest = rest.strip_prefix(b"Deprecation ").unwrap_or(rest);
    let (word, _) = split_once(rest, b' ').or_else(|| split_once(rest, b':'))?;
    level_names::named(word.strip_suffix(b":").unwrap_or(word))
}

/// `curl: (6) Could not resolve host`.
fn curl(text: &[u8]) -> Option<Level> {
    let rest = text.strip_prefix(b"curl: (")?;
    let (code, _) = split_once(rest, b')')?;
    is_number(code).then_some(Level::Error)
}

/// `Error response from daemon: ...`, also after `docker: `; `ERROR: failed to solve` is handled as a first word.
fn docker_client(text: &[u8]) -> Option<Level> {
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
fn logrus(text: &[u8]) -> Option<Level> {
    let (word, rest) = text.split_at_checked(4)?;
    let rest = rest.strip_prefix(b"[")?;
    let (seconds, _) = split_once(rest, b']')?;
    let is_capitals = word.iter().all(u8::is_ascii_uppercase);
    level_names::named(word).filter(|_| is_capitals && is_number(seconds))
}

/// `(process:123): GLib-WARNING **: text`, `** (process:123): CRITICAL **: text`.
fn glib(text: &[u8]) -> Option<Level> {
    let at = words::find(text, b" **:")?;
    let before = text.get(..at)?;
    let word = before.rsplit(|byte| matches!(byte, b' ' | b'-')).next()?;
    match word {
        b"Message" => Some(Level::Info),
        _ if is_capitals(word) => level_names::named(word),
        _ => None,
    }
}

/// Xorg: `[    12.345] (EE) text`.
fn xorg(text: &[u8]) -> Option<Level> {
    match without_uptime(text).first_chunk::<4>()? {
        b"(EE)" => Some(Level::Error),
        b"(WW)" => Some(Level::Warn),
        b"(II)" | b"(--)" | b"(**)" | b"(==)" => Some(Level::Info),
        _ => None,
    }
}

/// SQL Server: `2026-02-17 14:30:15.12 Logon       Error: 18456, Severity: 14, State: 8.`; severities up to 10 are
/// informational.
fn mssql(text: &[u8]) -> Option<Level> {
    let at = words::find(text, b"Error: ")?;
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
fn erlang(text: &[u8]) -> Option<Level> {
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
fn php(text: &[u8]) -> Option<Level> {
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

/// `/app/x.py:7: DeprecationWarning: text`, `(node:12) [DEP0040] DeprecationWarning: text`, `OpenJDK 64-Bit Server VM warning: text`.
fn language_warning(text: &[u8]) -> Option<Level> {
    if words::find(text, b" VM warning: ").is_some_and(|at| at < 64) {
        return Some(Level::Warn);
    }
    let end = words::find(text, b"Warning: ")?;
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
        || (text.starts_with(b"(node:") && (head.ends_with(b")") || head.ends_with(b"]")));
    (is_name && is_head).then_some(Level::Warn)
}

/// zap's console: time, level, logger and text, separated by tabs.
fn tabbed(text: &[u8]) -> Option<Level> {
    let (_, rest) = split_once(text, b'\t')?;
    let (word, _) = split_once(rest, b'\t')?;
    level_names::named(word).filter(|_| text.first().is_some_and(u8::is_ascii_digit))
}

/// `src/main.c:3:5: error: text`, `a.c(3): warning C4996: text`, `src/a.ts(1,2): error TS2304: text`, `src/a.ts:1:2 - error TS2304: text`,
/// `Foo.java:3: error: text`.
fn compiler(text: &[u8]) -> Option<Level> {
    in_project(text).or_else(|| at_place(text))
}

fn at_place(text: &[u8]) -> Option<Level> {
    let colon = text.iter().position(|&byte| matches!(byte, b':' | b'('))?;
    let path = text.get(..colon)?;
    if path.is_empty() || path.len() > 200 || path.contains(&b' ') {
        return None;
    }
    let place = text.get(colon..)?;
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
    let is_stated = after.starts_with(b":") || has_code(after);
    match word {
        b"error" | b"ERROR" | b"Error" if is_stated => Some(Level::Error),
        b"warning" | b"Warning" if is_stated => Some(Level::Warn),
        b"note" | b"remark" if is_stated => Some(Level::Info),
        _ => None,
    }
}

/// `/src/app.csproj : error NU1101: text`, `MSBUILD : error MSB1009: text`, `LINK : fatal error LNK1104: text`.
fn in_project(text: &[u8]) -> Option<Level> {
    let at = words::find(text, b" : ").filter(|&at| at < 200)?;
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

/// `panic: text` of Go, `thread 'main' panicked at src/main.rs:3:5:` of Rust, `Kernel panic - not syncing`, `fatal error: ` of Go.
fn panic(text: &[u8]) -> Option<Level> {
    let starts = [
        &b"panic: "[..],
        b"fatal error: ",
        b"Fatal error : ",
        b"Kernel panic - ",
        b"Segmentation fault",
        b"Assertion failed",
        b"terminate called ",
        b"*** stack smashing detected",
        b"*** Error in ",
        b"double free or corruption",
        b"free(): ",
        b"malloc(): ",
        b"corrupted size vs. prev_size",
        b"Fatal Python error: ",
        b"# A fatal error has been detected by the Java Runtime Environment",
        b"Error occurred during initialization of VM",
        b"http: panic serving ",
        b"Aborted (core dumped)",
        b"Bus error",
        b"Illegal instruction",
        b"SIGSEGV: segmentation violation",
        b"SIGBUS: bus error",
        b"Floating point exception",
        b"Unhandled exception",
        b"Unhandled Exception",
    ];
    if starts.iter().any(|start| text.starts_with(start)) {
        return Some(Level::Error);
    }
    if text == b"Killed" || text == b"Aborted" {
        return Some(Level::Error);
    }
    // The address sanitizer.
    if text.starts_with(b"==") && words::find(text, b"==ERROR: ").is_some_and(|at| at < 16) {
        return Some(Level::Error);
    }
    // Valgrind.
    if text.starts_with(b"==") && words::find(text, b"== Invalid ").is_some_and(|at| at < 16) {
        return Some(Level::Error);
    }
    let is_rust = text.starts_with(b"thread '") && words::contains(text, b"panicked at ");
    is_rust.then_some(Level::Error)
}

/// `--- FAIL: TestX (0.01s)` of Go, `not ok 3 - x` of TAP, `test result: FAILED.` and `test x ... FAILED` of Rust, `E   assert 1 == 2` of
/// pytest.
fn test_failure(text: &[u8]) -> Option<Level> {
    if text.starts_with(b"not ok ") {
        // An expected failure in TAP is not a failure.
        let is_expected = [&b"# TO\x44O"[..], b"# SKIP", b"# todo", b"# skip"]
            .iter()
            .any(|mark| words::contains(text, mark));
        let is_numbered = text.get(7).is_some_and(u8::is_ascii_digit);
        return (is_numbered && !is_expected).then_some(Level::Error);
    }
    let starts = [
        &b"--- FAIL: "[..],
        b"FAIL\t",
        b"test result: FAILED",
        b"Failure/Error: ",
        b"The following tests FAILED:",
        b"Errors while running CTest",
        b"FAILURES!",
        b"ERRORS!",
    ];
    let has = |words: &[u8]| words::contains(text, words);
    let is_numbered = text.first().is_some_and(u8::is_ascii_digit);
    let is_jest = text.starts_with("\u{25cf} ".as_bytes()) && has(" \u{203a} ".as_bytes());
    let is_ctest = is_numbered
        && has(b" Test ")
        && (has(b"***Failed") || has(b"***Exception: ") || has(b"***Timeout"));
    let is_bazel = text.starts_with(b"//") && has(b" FAILED in ");
    let is_gradle = text.ends_with(b" FAILED") && has(b" > ") && !text.starts_with(b"> Task ");
    let is_failure = starts.iter().any(|start| text.starts_with(start))
        || is_jest
        || is_ctest
        || is_bazel
        || is_gradle;
    let is_rust = text.starts_with(b"test ") && text.ends_with(b" ... FAILED");
    let is_pytest = text.starts_with(b"E   ") && !text.get(4..)?.trim_ascii().is_empty();
    (is_failure || is_rust || is_pytest).then_some(Level::Error)
}

/// `Traceback (most recent call last):`, `ValueError: text`, `java.lang.IllegalStateException: text`, `Exception in thread "main" ...`,
/// `Uncaught TypeError: text`, `Error: Cannot find module`.
fn exception(text: &[u8]) -> Option<Level> {
    let starts = [
        &b"Traceback (most recent call last)"[..],
        b"Exception in thread ",
        b"Exception Group Traceback",
        b"+ Exception Group Traceback",
        b"Caused by:",
        b"** (EXIT",
        b"Unhandled rejection ",
        b"Uncaught ",
        b"APPLICATION FAILED TO START",
    ];
    if starts.iter().any(|start| text.starts_with(start)) {
        return Some(Level::Error);
    }
    // Composer and Symfony: `  [RuntimeException]`
    let framed = text
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    if framed.is_some_and(|name| exception_name(name).is_some()) {
        return Some(Level::Error);
    }
    // Ruby: `a.rb:3:in 'pay': undefined method (NoMethodError)`
    let inner = text
        .strip_suffix(b")")
        .and_then(|text| text.get(memchr::memrchr(b'(', text)? + 1..))
        .unwrap_or_default();
    let is_class = inner.ends_with(b"Error")
        || inner.ends_with(b"Exception")
        || inner.starts_with(b"Errno::E");
    let is_ruby = is_class && words::contains(text, b":in ");
    (is_ruby
        || is_elixir_exception(text)
        || is_node_place(text)
        || is_ruby_exception(text)
        || exception_name(text).is_some())
    .then_some(Level::Error)
}

/// Elixir: `** (RuntimeError) text`.
fn is_elixir_exception(text: &[u8]) -> bool {
    let name = text
        .strip_prefix(b"** (")
        .and_then(|rest| split_once(rest, b')'));
    name.is_some_and(|(name, _)| {
        name == b"Mix" || name.ends_with(b"Error") || name.ends_with(b"Exception")
    })
}

/// The place that Node prints for an uncaught exception: a line that is only `/app/pay.js:3` or
/// `node:internal/process:1143`.
pub(crate) fn is_node_place(text: &[u8]) -> bool {
    let colon = memchr::memrchr(b':', text).unwrap_or(0);
    let (path, line) = (text.get(..colon), text.get(colon + 1..));
    let is_line = line.is_some_and(is_number);
    let is_module = |path: &[u8]| {
        let endings = [&b".js"[..], b".mjs", b".cjs", b".ts"];
        let is_file = path.starts_with(b"/") || path.starts_with(b"file:///");
        path.starts_with(b"node:internal/")
            || is_file && endings.iter().any(|end| path.ends_with(end))
    };
    is_line && path.is_some_and(|path| !path.contains(&b' ') && is_module(path))
}

/// `Errno::ECONNREFUSED: text`, `PG::ConnectionBad: text`, `ActiveRecord::RecordNotFound: text`.
fn is_ruby_exception(text: &[u8]) -> bool {
    const ENDS: [&str; 6] = [
        "Error",
        "Exception",
        "NotFound",
        "Invalid",
        "Bad",
        "Timeout",
    ];
    // Rails puts the id of the request before it, and the text in brackets: `[3f2b8a30-...] A::RoutingError (x):`
    let tagged = text
        .strip_prefix(b"[")
        .and_then(|rest| split_once(rest, b']'));
    let text = match tagged {
        Some((tag, rest)) if tag.contains(&b'-') && !tag.contains(&b' ') => rest.trim_ascii_start(),
        _ => text,
    };
    let bracket = text
        .strip_suffix(b"):")
        .and_then(|text| words::find(text, b" ("));
    let colon = words::find(text, b": ");
    let Some(at) = bracket.or(colon).filter(|&at| at < 128) else {
        return false;
    };
    let name = text.get(..at).unwrap_or_default();
    let parts = || {
        name.split(|&byte| byte == b':')
            .filter(|part| !part.is_empty())
    };
    let is_constant = parts().all(|part| {
        part.first().is_some_and(u8::is_ascii_uppercase)
            && part.iter().all(u8::is_ascii_alphanumeric)
    });
    let is_error =
        name.starts_with(b"Errno::E") || ENDS.iter().any(|end| name.ends_with(end.as_bytes()));
    is_constant && is_error && words::contains(name, b"::")
}

/// Kernel reports of serious faults, with or without a time before them.
fn kernel(text: &[u8]) -> Option<Level> {
    // In a syslog file the kernel has a tag.
    let head = text.get(..64).unwrap_or(text);
    let tagged = match text.strip_prefix(b"kernel: ") {
        Some(rest) => Some(rest),
        None => words::find(head, b" kernel: ").and_then(|at| text.get(at + 9..)),
    };
    let text = without_uptime(tagged.unwrap_or(text));
    let errors = [
        &b"BUG: "[..],
        b"kernel BUG at ",
        b"EXT4-fs error ",
        b"Buffer I/O error ",
        b"Kernel panic - ",
        b"blk_update_request: I/O error",
        b"critical medium error",
        b"critical target error",
        b"traps: ",
        b"Oops: ",
        b"Oops[",
        b"general protection fault",
        b"Unable to handle kernel",
        b"Out of memory: Killed process",
        b"Memory cgroup out of memory: Killed process",
        b"watchdog: BUG: ",
        b"rcu: INFO: rcu_",
        b"Internal error: ",
        b"stack segment",
    ];
    if errors.iter().any(|start| text.starts_with(start)) {
        return Some(Level::Error);
    }
    let is_oom = words::contains(text, b" invoked oom-killer: ");
    let is_hung =
        text.starts_with(b"INFO: task ") && words::contains(text, b" blocked for more than ");
    // `app[123]: segfault at 0 ip ...`; `I/O error, dev sda, sector 7`; `EXT4-fs (sda1): I/O error while writing superblock`
    let has = |words: &[u8]| words::contains(text, words);
    let is_crash = has(b"]: segfault at ") && has(b" ip ");
    let is_disk = has(b"I/O error, dev ")
        || (text.starts_with(b"EXT4-fs (")
            || text.starts_with(b"XFS (")
            || text.starts_with(b"BTRFS "))
            && (has(b"): I/O error") || has(b": error ") || has(b"orruption"));
    if is_oom || is_hung || is_crash || is_disk {
        return Some(Level::Error);
    }
    let is_warning =
        text.starts_with(b"WARNING: CPU: ") || text.starts_with(b"------------[ cut here ]");
    is_warning.then_some(Level::Warn)
}

/// The name of the exception at the start of a text, followed by a colon and a blank, or by the end of the text.
pub(crate) fn exception_name(text: &[u8]) -> Option<&[u8]> {
    let is_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'\\');
    let end = text.iter().take_while(|byte| is_name(byte)).count();
    let (name, after) = text.split_at_checked(end)?;
    let last = name
        .rsplit(|byte| matches!(byte, b'.' | b'\\' | b'$'))
        .next()?;
    let is_exception = [
        "Exception",
        "Error",
        "Exit",
        "Interrupt",
        "Throwable",
        "Fault",
    ]
    .iter()
    .any(|suffix| last.len() > suffix.len() && last.ends_with(suffix.as_bytes()));
    let is_start = last.first().is_some_and(u8::is_ascii_uppercase);
    let is_end = after.is_empty()
        || after.starts_with(b": ")
        || after == b":"
        || after.starts_with(b" [")
        || after.starts_with(b" (0x");
    (is_exception && is_start && is_end && end >= 8).then_some(name)
}
