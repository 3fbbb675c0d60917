//! Which lines are parts of an event by their own form: frames of traces, notes of compilers, properties of exceptions.

use super::bytes::{ByteSet, may_say, says};
use super::level;
use super::words::{self, Needle, Starts, needle};
use crate::record::Level;

/// `   Compiling app v0.1.0`: cargo right-aligns its verbs.
pub(super) fn is_cargo_status(line: &[u8]) -> bool {
    const WORDS: [&str; 14] = [
        "Compiling",
        "Checking",
        "Finished",
        "Running",
        "Downloading",
        "Downloaded",
        "Building",
        "Updating",
        "Fresh",
        "Blocking",
        "Documenting",
        "Installing",
        "Locking",
        "Doc-tests",
    ];
    let text = line.trim_ascii_start();
    let word = text.split(|&byte| byte == b' ').next().unwrap_or(text);
    line.starts_with(b"  ") && WORDS.iter().any(|known| known.as_bytes() == word)
}

/// `   1.234 Info ModManager.cpp:420: x`: Factorio right-aligns the seconds since its start.
pub(super) fn starts_with_uptime(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let seconds = digits(text);
    let after = text.get(seconds..).unwrap_or_default();
    let fraction = after.strip_prefix(b".").unwrap_or_default();
    seconds > 0 && digits(fraction) == 3 && fraction.get(3) == Some(&b' ')
}

/// Whether a colon follows the first word, as in `   alice : TTY=pts/0`.
pub(super) fn is_aligned(line: &[u8]) -> bool {
    let mut words = line.trim_ascii_start().split(|&byte| byte == b' ');
    words.nth(1) == Some(b":")
}

pub(super) fn is_indented(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t')) && !line.trim_ascii().is_empty()
}

/// Whether a line begins a trace by itself but belongs to the logger's line just before.
pub(super) fn starts_trace(line: &[u8]) -> bool {
    line.starts_with(b"Traceback (most recent call last)")
        || level::exception_name(line).is_some()
        || line.starts_with(b"Exception in thread ")
        || line.starts_with(b"** (")
}

/// Lines of an exception that Node did not catch.
pub(super) fn is_node(line: &[u8]) -> bool {
    line.is_empty()
        || is_indented(line)
        || line.starts_with(b"}")
        || line.starts_with(b"Node.js v")
        || line.starts_with(b"UnhandledPromiseRejection: ")
        || line.starts_with(b"Error: ")
        || level::exception_name(line).is_some()
}

/// Facts about a warning or an error that a program adds in lines of its own: `InnoDB: We intentionally generate a memory trap.`, `** Last
/// message in was x` of `RabbitMQ`, `Caused: x` of Jenkins, `Exit code: 1` of cloud-init and Hadoop.
pub(super) fn is_property(line: &[u8]) -> bool {
    static STARTS: Starts = Starts::new(&[
        b"InnoDB: ",
        b"** Last message in ",
        b"** When Server state ",
        b"** Reason for termination",
        b"** {",
        b"Caused: ",
        b"Also:   ",
        b"Container id: ",
        b"Exit code: ",
        b"Stack trace: ",
        b"Command: ",
        b"Reason: -",
        b"Stdout: ",
        b"Stderr: ",
        b"Calls: ",
        b"CPU Usage: ",
        b"Maximum Resident Size: ",
        b"Page faults with physical i/o: ",
    ]);
    STARTS.begin(line)
}

/// Beginnings of frames that are not indented.
static STARTS: Starts = Starts::new(&[
    b"Caused by: ",
    b"---> ",
    b"--- End of ",
    b"... ",
    b"Stack trace:",
    b"Require stack:",
    b"<asynchronous suspension>",
    b"future: <Task ",
    b"PHP Stack trace:",
    b"#0 ",
    b"stack backtrace:",
    b"Call Trace:",
    b"[stacktrace]",
    b"[previous exception] ",
    b"stack traceback:",
    b"CallStack (from HasCallStack):",
    b"Last message: ",
    b"Last message (from ",
    b"State: %{",
    b"\"}",
    b"======= ",
    b"Backtrace:",
    b"Stacktrace:",
    b"Current stack trace:",
    b"coroutine 0:",
    b"coroutine 1:",
    b"in expression starting at ",
    b"]):",
    b"]) -",
    b"frame #",
    b"Exception raised from ",
    b"CUDA kernel errors might be ",
    b"For debugging consider passing CUDA_",
    b"Compile with `TORCH_USE_",
]);

/// Frames that belong to a trace in any context. The bytes of the line may be known.
pub(super) fn is_frame(line: &[u8], bytes: Option<ByteSet>) -> bool {
    static INDENTED: Starts = Starts::new(&[
        b"at ",
        b"File \"",
        b"from ",
        b"... ",
        b"Suppressed: ",
        b"Caused by: ",
        b"---> ",
        b"--- End of ",
        b"thrown in ",
        b"| ",
        b"+-",
        b"+ ",
        b"what(): ",
    ]);
    let text = line.trim_ascii_start();
    let is_indented = text.len() < line.len();
    if !may_be_frame((text, bytes), is_indented) {
        return false;
    }
    let is_first = if is_indented {
        matches!(text, [b'#' | b'^', ..]) || INDENTED.begin(text)
    } else {
        STARTS.begin(text)
    };
    // The end of an exception's properties, and glibc's backtrace.
    let is_native = text.ends_with(b"]") && says!(text, bytes, b")[0x");
    if is_first
        || is_native
        || matches!(text, b"}" | b"Caused by:" | b"Location:")
        || is_called_from(text, bytes)
    {
        return true;
    }
    is_numbered(text) || is_note(text) || is_at_address(text, bytes)
}

/// Frames with the address of the code: of Swift (`0    libswiftCore.so      0x00007f3b4c5d8f70 f + 50`) and Zig (`/app/main.zig:3:12:
/// 0x1034e5c in main (main)`).
fn is_at_address(text: &[u8], bytes: Option<ByteSet>) -> bool {
    match text.first() {
        Some(b'0'..=b'9') => {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let rest = text.get(digits..).unwrap_or_default();
            rest.starts_with(b"  ") && says!(rest, bytes, b"  0x") && says!(rest, bytes, b" + ")
        }
        Some(b'/') => says!(text, bytes, b".zig:") && says!(text, bytes, b": 0x"),
        _ => false,
    }
}

/// What .NET and `SQLAlchemy` add to an exception: `File name: 'x'`, `[SQL: SELECT 1]`, `DETAIL:  Key (id)=(7) already exists.`
fn is_note(text: &[u8]) -> bool {
    matches!(
        text,
        [
            b'F',
            b'i',
            b'l',
            b'e',
            b' ',
            b'n',
            b'a',
            b'm',
            b'e',
            b':',
            b' ',
            b'\'',
            ..
        ] | [b'[', b'S', b'Q', b'L', b':', b' ', ..]
            | [
                b'[',
                b'p',
                b'a',
                b'r',
                b'a',
                b'm',
                b'e',
                b't',
                b'e',
                b'r',
                b's',
                b':',
                ..
            ]
            | [b'D', b'E', b'T', b'A', b'I', b'L', b':', b' ', ..]
            | [
                b'(',
                b'B',
                b'a',
                b'c',
                b'k',
                b'g',
                b'r',
                b'o',
                b'u',
                b'n',
                b'd',
                b' ',
                b'o',
                b'n',
                ..
            ]
    )
}

/// Whether a line may be a frame: by its first bytes, or by what else is in it. Most lines are none.
fn may_be_frame((text, bytes): (&[u8], Option<ByteSet>), is_indented: bool) -> bool {
    let Some(bytes) = bytes else {
        return true;
    };
    is_indented
        || STARTS.may_begin(text)
        || matches!(text, [b'#' | b'}' | b'L' | b'P' | b'R', ..])
        || is_note(text)
        || may_say!(bytes, b")[0x")
        || may_say!(bytes, b".rb:")
        || may_say!(bytes, b".zig:")
        || may_say!(bytes, b"  0x")
}

/// Frames with numbers, of PHP (`#1 /srv/a.php(3): pay()`, `PHP   1. {main}() /srv/a.php:0`) and Dart (`#1      main (file:///a.dart:3:5)`).
/// BuildKit numbers its steps: `#8 0.912 E: x`, `#8 ERROR: x`.
fn is_numbered(text: &[u8]) -> bool {
    let after_number = |text: &[u8]| {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (digits > 0).then_some(digits)
    };
    if let Some(rest) = text.strip_prefix(b"PHP   ") {
        return after_number(rest).is_some() && words::contains(rest, needle!(b". "));
    }
    let Some(rest) = text.strip_prefix(b"#") else {
        return false;
    };
    let Some(frame) = after_number(rest).and_then(|digits| rest.get(digits..)) else {
        return false;
    };
    let is_step = matches!(frame, [b' ', b'0'..=b'9', ..]) || frame.starts_with(b" ERROR: ");
    !is_step
        && (frame.starts_with(b"    ")
            || frame.ends_with(b"{main}")
            || words::contains(frame, needle!(b"): "))
            || words::contains(frame, needle!(b" [internal function]: ")))
}

/// Frames that are not indented, of Ruby's logger (`/app/a.rb:3:in 'pay'`) and of `OCaml` (`Called from Pay in file "pay.ml", line 3`).
fn is_called_from(text: &[u8], bytes: Option<ByteSet>) -> bool {
    let is_ruby = || {
        let at = words::find(text, needle!(b".rb:"))?;
        let rest = text.get(at + 4..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let method = rest.get(digits..)?;
        let path = text.get(..at)?;
        let quotes = [&b":in `"[..], b":in '"];
        let is_method = quotes.iter().any(|start| method.starts_with(start));
        Some(is_method && method.ends_with(b"'") && !path.contains(&b' '))
    };
    let starts: [&[u8]; 4] = [
        b"Raised at ",
        b"Raised by ",
        b"Called from ",
        b"Re-raised at ",
    ];
    let is_ocaml = || {
        starts.iter().any(|start| text.starts_with(start))
            && words::contains(text, needle!(b", line "))
    };
    match text.first() {
        Some(b'R' | b'C') => is_ocaml(),
        _ => bytes.is_none_or(|bytes| may_say!(bytes, b".rb:")) && is_ruby() == Some(true),
    }
}

/// The name of a field in the text of an exception that lists several: `db_url`, `servers.0.port`.
pub(super) fn is_field_name(line: &[u8], stated: Option<Level>) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    stated.is_none() && !line.is_empty() && line.len() <= 128 && line.iter().all(is_part)
}

/// PostgreSQL adds details of an error in lines with times of their own.
pub(super) fn is_detail(line: &[u8], bytes: Option<ByteSet>) -> bool {
    const LABELS: [Needle<'_>; 6] = [
        Needle::new(b"DETAIL:  "),
        Needle::new(b"HINT:  "),
        Needle::new(b"STATEMENT:  "),
        Needle::new(b"CONTEXT:  "),
        Needle::new(b"QUERY:  "),
        Needle::new(b"LOCATION:  "),
    ];
    bytes.is_none_or(|bytes| may_say!(bytes, b":  "))
        && LABELS
            .iter()
            .any(|label| label.find(line).is_some_and(|at| at < 160))
}

/// A frame of a trace of which every line has a time: `2026-02-17 14:30:15.123Z:     at main (/app/main.js:3:5)`.
pub(super) fn is_timed_frame(line: &[u8], bytes: Option<ByteSet>) -> bool {
    let is_time = |byte: &u8| {
        matches!(
            byte,
            b'0'..=b'9' | b'-' | b':' | b'.' | b',' | b' ' | b'T' | b'Z' | b'+' | b'[' | b']'
        )
    };
    let is_likely =
        line.first().is_some_and(is_time) && bytes.is_none_or(|bytes| may_say!(bytes, b"    at "));
    if !is_likely {
        return false;
    }
    let Some(at) = words::find(line, needle!(b"    at ")).filter(|&at| at < 64) else {
        return false;
    };
    let before = line.get(..at).unwrap_or_default();
    // the devcontainer CLI: `[1234 ms]     at main (/app/main.js:3:5)`
    let before = before.strip_suffix(b" ms] ").unwrap_or(before);
    let frame = line.get(at + 7..).unwrap_or_default();
    let ends = frame.ends_with(b")") || frame.last().is_some_and(u8::is_ascii_digit);
    before.iter().all(is_time) && ends
}

pub(super) fn is_go(line: &[u8]) -> bool {
    let starts: [&[u8]; 11] = [
        b"fatal error: fault",
        b"PC=",
        b"signal arrived during ",
        b"goroutine ",
        b"created by ",
        b"\t",
        b"[signal ",
        b"panic(",
        b"exit status ",
        b"runtime ",
        b"main.",
    ];
    let is_call = line.ends_with(b")")
        && memchr::memchr(b'(', line).is_some()
        && memchr::memchr(b'.', line).is_some()
        && !line.starts_with(b" ");
    line.is_empty() || is_call || starts.iter().any(|start| line.starts_with(start))
}

pub(super) fn is_rust(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    let is_frame = text.first().is_some_and(u8::is_ascii_digit)
        && words::contains(text.get(..8).unwrap_or(text), b": ");
    let starts: [&[u8]; 4] = [b"note: ", b"stack backtrace:", b"at ", b"left: "];
    (is_frame && text.len() < line.len())
        || starts.iter().any(|start| text.starts_with(start))
        || text.starts_with(b"right: ")
}

pub(super) fn is_diagnostic_head(text: &[u8]) -> bool {
    let starts: [&[u8]; 4] = [
        b"error",
        b"warning",
        b"\xe2\x94\x82 Error",
        b"\xe2\x94\x82 Warning",
    ];
    let has_place = text
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace())
        .any(|byte| matches!(byte, b':' | b'('));
    starts.iter().any(|start| text.starts_with(start)) || has_place
}

/// The source and the marks below it: `  --> src/main.rs:3:5`, `   |`, `12 |   x`, `      ^~~`, `  = note: x`, and
/// terraform's frame.
pub(super) fn is_diagnostic(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let numbered = digits > 0
        && text
            .get(digits..)
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"|"));
    let starts: [&[u8]; 6] = [
        b"-->",
        b"|",
        b"= note",
        b"= help",
        b"\xe2\x94\x82",
        b"\xe2\x95\xb5",
    ];
    // another message of Terraform; `Error message: x` is a part of one
    let is_headed = line.starts_with("\u{2502} Error: ".as_bytes())
        || line.starts_with("\u{2502} Warning: ".as_bytes());
    !is_headed
        && !is_cargo_status(line)
        && (is_indented(line) || numbered || starts.iter().any(|start| text.starts_with(start)))
}
