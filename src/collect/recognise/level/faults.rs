//! Faults that programs report without naming a level: panics, failed tests, exceptions and the kernel's reports.
//! [`forms`](super::forms) lists them.

use super::reports;
use crate::collect::recognise::bytes::{ByteSet, may_say};
use crate::collect::recognise::prefix::without_uptime;
use crate::collect::recognise::words::{self, Needle, Starts, is_number, needle, split_once};
use crate::record::Level;

/// `panic: text` of Go, `thread 'main' panicked at src/main.rs:3:5:` of Rust, `Kernel panic - not syncing`, `fatal error: ` of Go.
pub(super) fn panic(text: &[u8]) -> Option<Level> {
    static STARTS: Starts = Starts::new(&[
        b"panic: ",
        b"fatal error: ",
        b"unexpected fault address ",
        b"Fatal error : ",
        b"Kernel panic - ",
        b"Segmentation fault",
        b"SIGSEGV: segmentation violation",
        b"SIGBUS: bus error",
        b"Assertion failed",
        b"terminate called ",
        b"*** stack smashing detected",
        b"*** buffer overflow detected",
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
        b"Floating point exception",
        b"Unhandled exception",
        b"Unhandled Exception",
        b"Terminating due to java.lang.OutOfMemoryError",
    ]);
    if STARTS.begin(text) {
        return Some(Level::Error);
    }
    if text == b"Killed" || text == b"Aborted" {
        return Some(Level::Error);
    }
    // The address sanitizer.
    if text.starts_with(b"==") && words::find(text, needle!(b"==ERROR: ")).is_some_and(|at| at < 16)
    {
        return Some(Level::Error);
    }
    // Valgrind.
    if text.starts_with(b"==")
        && words::find(text, needle!(b"== Invalid ")).is_some_and(|at| at < 16)
    {
        return Some(Level::Error);
    }
    let is_rust = text.starts_with(b"thread '") && words::contains(text, needle!(b"panicked at "));
    (is_rust || is_zig_panic(text)).then_some(Level::Error)
}

/// Zig: `thread 12345 panic: index out of bounds`.
fn is_zig_panic(text: &[u8]) -> bool {
    let (number, rest) = text
        .strip_prefix(b"thread ")
        .and_then(|rest| split_once(rest, b' '))
        .unwrap_or_default();
    is_number(number) && rest.starts_with(b"panic: ")
}

/// Assertions of C and C++: ``pay: pay.c:3: main: Assertion `x > 0' failed.``, `/src/ggml.c:123: GGML_ASSERT(x) failed`; of CUDA:
/// ``a.cu:3: f: block: [0,0,0], thread: [1,0,0] Assertion `x` failed.``; of `GLib`: `gtk_main: assertion 'x > 0' failed`.
pub(super) fn assertion(text: &[u8]) -> Option<Level> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let is_failed = text.ends_with(b" failed");
    let is_named = || {
        words::contains(text, needle!(b" Assertion `"))
            || words::contains(text, needle!(b": assertion '"))
            || words::contains(text, needle!(b"_ASSERT("))
    };
    (is_failed && is_named()).then_some(Level::Error)
}

/// `--- FAIL: TestX (0.01s)` of Go, `not ok 3 - x` of TAP, `test result: FAILED.` and `test x ... FAILED` of Rust, `E   assert 1 == 2` of
/// pytest.
pub(super) fn test_failure(text: &[u8]) -> Option<Level> {
    static STARTS: Starts = Starts::new(&[
        b"--- FAIL: ",
        b"FAIL\t",
        b"test result: FAILED",
        b"Failure/Error: ",
        b"The following tests FAILED:",
        b"Errors while running CTest",
        b"FAILURES!",
        b"ERRORS!",
    ]);
    if text.starts_with(b"not ok ") {
        // An expected failure in TAP is not a failure.
        let is_expected = [&b"# TO\x44O"[..], b"# SKIP", b"# todo", b"# skip"]
            .iter()
            .any(|mark| words::contains(text, *mark));
        let is_numbered = text.get(7).is_some_and(u8::is_ascii_digit);
        return (is_numbered && !is_expected).then_some(Level::Error);
    }
    let has = |words: Needle<'_>| words::contains(text, words);
    let is_numbered = text.first().is_some_and(u8::is_ascii_digit);
    let is_jest = text.starts_with("\u{25cf} ".as_bytes()) && has(needle!(" \u{203a} ".as_bytes()));
    let is_ctest = is_numbered
        && has(needle!(b" Test "))
        && (has(needle!(b"***Failed"))
            || has(needle!(b"***Exception: "))
            || has(needle!(b"***Timeout")));
    let is_bazel = text.starts_with(b"//") && has(needle!(b" FAILED in "));
    let is_gradle =
        text.ends_with(b" FAILED") && has(needle!(b" > ")) && !text.starts_with(b"> Task ");
    let is_failure = STARTS.begin(text) || is_jest || is_ctest || is_bazel || is_gradle;
    let is_failure = is_failure || is_failed_case(text);
    let is_rust = text.starts_with(b"test ") && text.ends_with(b" ... FAILED");
    let is_pytest = text.starts_with(b"E   ") && !text.get(4..)?.trim_ascii().is_empty();
    (is_failure || is_rust || is_pytest).then_some(Level::Error)
}

/// `a.cc:3: Failure` of `GoogleTest`, `1 failing` of Mocha, `1 failed, 3 passed in 0.12s` of pytest, `Tests:  1 failed, 3 passed` of Jest,
/// `App\Jobs\Pay .... 12.34ms FAIL` of Laravel.
fn is_failed_case(text: &[u8]) -> bool {
    if let Some(place) = text.strip_suffix(b": Failure") {
        return !place.contains(&b' ') && place.last().is_some_and(u8::is_ascii_digit);
    }
    let of_jest = text.strip_prefix(b"Tests:").map(<[u8]>::trim_ascii_start);
    let (count, rest) = split_once(of_jest.unwrap_or(text), b' ').unwrap_or_default();
    let is_of_failed = matches!(rest, b"failing" | b"failed") || rest.starts_with(b"failed, ");
    is_of_failed && is_number(count) && count != b"0"
        || text.ends_with(b"ms FAIL") && words::contains(text, needle!(b" ...."))
}

/// `Traceback (most recent call last):`, `Exception in thread "main" ...`, `Uncaught TypeError: text`.
pub(super) fn exception(text: &[u8]) -> Option<Level> {
    static STARTS: Starts = Starts::new(&[
        b"Traceback (most recent call last)",
        b"Exception in thread ",
        b"Exception Group Traceback",
        b"+ Exception Group Traceback",
        b"Caused by:",
        b"** (EXIT",
        b"Unhandled rejection ",
        b"CallStack (from HasCallStack):",
        b"Uncaught ",
        b"APPLICATION FAILED TO START",
        b"exception '",
        b"Error [ERR_",
        b"UnhandledPromiseRejection: ",
    ]);
    if STARTS.begin(text) || is_python_place(text) {
        return Some(Level::Error);
    }
    // Composer and Symfony: `  [RuntimeException]`
    // A logger may end its line with it: `Scheduler hit an exception: Traceback (most recent call last):`.
    if text.ends_with(b": Traceback (most recent call last):") {
        return Some(Level::Error);
    }
    let framed = text
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    if framed.is_some_and(|name| exception_name(name).is_some()) {
        return Some(Level::Error);
    }
    is_elixir_exception(text).then_some(Level::Error)
}

/// Python, before an error of syntax: `  File "/app/a.py", line 3`. The frames of a traceback name a function as well.
pub(crate) fn is_python_place(text: &[u8]) -> bool {
    text.starts_with(b"File \"")
        && text.last().is_some_and(u8::is_ascii_digit)
        && words::contains(text, needle!(b"\", line "))
}

/// Ruby: `a.rb:3:in 'pay': undefined method (NoMethodError)`.
pub(super) fn ruby_place(text: &[u8]) -> Option<Level> {
    let text = text.strip_suffix(b")")?;
    let class = text.get(memchr::memrchr(b'(', text)? + 1..)?;
    let is_class = class.ends_with(b"Error")
        || class.ends_with(b"Exception")
        || class.starts_with(b"Errno::E");
    (is_class && words::contains(text, needle!(b":in "))).then_some(Level::Error)
}

/// The place of an uncaught exception of Node, with the lines that follow it.
pub(super) fn node_place(text: &[u8]) -> Option<Level> {
    is_node_place(text).then_some(Level::Error)
}

/// `ValueError: text`, `java.lang.IllegalStateException: text`, `Error: Cannot find module`.
pub(super) fn named_exception(text: &[u8]) -> Option<Level> {
    exception_name(text).map(|_| Level::Error)
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
    if !text.last().is_some_and(u8::is_ascii_digit) {
        return false;
    }
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

/// `Errno::ECONNREFUSED: text`, `PG::ConnectionBad: text`, `ActiveRecord::RecordNotFound: text`, `NoMethodError (text):`.
pub(super) fn ruby_exception(text: &[u8]) -> Option<Level> {
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
    // ActiveRecord puts the text on the next lines: `ActiveRecord::PendingMigrationError (`
    let bracket = text
        .strip_suffix(b"):")
        .or_else(|| text.ends_with(b" (").then_some(text))
        .and_then(|text| words::find(text, needle!(b" (")));
    let colon = words::find(text, needle!(b": "));
    let at = bracket.or(colon).filter(|&at| at < 128)?;
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
    let is_general = name.ends_with(b"Error") || name.ends_with(b"Exception");
    let is_likely = bracket.is_some() && is_general || words::contains(name, needle!(b"::"));
    (is_constant && is_error && is_likely).then_some(Level::Error)
}

/// Kernel reports of serious faults, at the start of the text. Another form reads the text after the kernel's tag.
pub(super) fn kernel_fault(text: &[u8]) -> Option<Level> {
    let head = text.get(..64).unwrap_or(text);
    reports::of_kernel(text).filter(|_| !words::contains(head, needle!(b" kernel: ")))
}

/// Kernel reports of faults, with or without a time before them.
pub(super) fn kernel(text: &[u8]) -> Option<Level> {
    // In a syslog file the kernel has a tag.
    let head = text.get(..64).unwrap_or(text);
    let tagged = match text.strip_prefix(b"kernel: ") {
        Some(rest) => Some(rest),
        None => words::find(head, needle!(b" kernel: ")).and_then(|at| text.get(at + 9..)),
    };
    let tagged = tagged.unwrap_or(text);
    let inner = without_uptime(tagged);
    let is_of_kernel = tagged.len() < text.len() || inner.len() < tagged.len();
    let text = inner;
    if let Some(level) = reports::of_kernel(text) {
        return Some(level);
    }
    // what follows a time in brackets is read without it
    if !is_of_kernel && text.starts_with(b"[") {
        return None;
    }
    let is_oom = words::contains(text, needle!(b" invoked oom-killer: "));
    let is_hung = text.starts_with(b"INFO: task ")
        && words::contains(text, needle!(b" blocked for more than "));
    // `app[123]: segfault at 0 ip ...`; `I/O error, dev sda, sector 7`; `EXT4-fs (sda1): I/O error while writing superblock`
    let has = |words: Needle<'_>| words::contains(text, words);
    let is_crash = has(needle!(b"]: segfault at ")) && has(needle!(b" ip "));
    let is_disk = has(needle!(b"I/O error, dev "))
        || (text.starts_with(b"EXT4-fs (")
            || text.starts_with(b"XFS (")
            || text.starts_with(b"BTRFS "))
            && (has(needle!(b"): I/O error"))
                || has(needle!(b": error "))
                || has(needle!(b"orruption")));
    // `ata1.00: failed command: READ FPDMA QUEUED`; `i915 0000:00:02.0: [drm] *ERROR* x`
    let is_driver = is_of_kernel
        && (has(needle!(b" *ERROR* "))
            || text.starts_with(b"sd ")
                && (has(needle!(b" FAILED Result: "))
                    || has(needle!(b": rejecting I/O to offline device")))
            || text.starts_with(b"ata")
                && (has(needle!(b": exception Emask ")) || has(needle!(b": failed command: "))));
    if is_oom || is_hung || is_crash || is_disk || is_driver {
        return Some(Level::Error);
    }
    // `java: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP)`
    if is_of_kernel
        && memchr::memchr(b',', text).is_some()
        && has(needle!(b": page allocation failure: "))
    {
        return Some(Level::Warn);
    }
    let is_hot =
        is_of_kernel && text.starts_with(b"CPU") && has(needle!(b" temperature above threshold"));
    let is_warning = is_hot
        || text.starts_with(b"WARNING: CPU: ")
        || text.starts_with(b"------------[ cut here ]");
    is_warning.then_some(Level::Warn)
}

/// Whether a line with these bytes may begin with the name of an exception.
pub(crate) fn may_name_exception(bytes: ByteSet) -> bool {
    may_say!(bytes, b"Error")
        || may_say!(bytes, b"Exception")
        || may_say!(bytes, b"Exit")
        || may_say!(bytes, b"Interrupt")
        || may_say!(bytes, b"Throwable")
        || may_say!(bytes, b"Fault")
}

/// The shortest name of an exception: `OSError`.
const NAME_MIN: usize = 7;

/// The name of the exception at the start of a text, followed by a colon and a blank, or by the end of the text.
pub(crate) fn exception_name(text: &[u8]) -> Option<&[u8]> {
    let is_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'\\');
    let end = text.iter().take_while(|byte| is_name(byte)).count();
    let (name, after) = text.split_at_checked(end)?;
    let is_end = matches!(after, [] | [b':'] | [b':', b' ', ..] | [b' ', b'[', ..])
        || after.starts_with(b" (0x");
    if !is_end || end < NAME_MIN {
        return None;
    }
    let last = name
        .rsplit(|byte| matches!(byte, b'.' | b'\\' | b'$'))
        .next()?;
    let is_exception = [
        "Exception",
        "ExceptionGroup",
        "Error",
        "Exit",
        "Interrupt",
        "Throwable",
        "Fault",
    ]
    .iter()
    .any(|suffix| last.len() > suffix.len() && last.ends_with(suffix.as_bytes()));
    // `java.lang.Exception: x`, `Exception: x` of Python
    let is_general = last == b"ExceptionGroup"
        || last == b"Exception"
        || last == b"Throwable"
        || last == b"Error" && name.len() > last.len();
    let is_start = last.first().is_some_and(u8::is_ascii_uppercase);
    ((is_exception || is_general) && is_start).then_some(name)
}
