//! Errors of the operating system at the end of a line, which programs in C and in Go print after what they tried.
//! [`forms`](super::forms) lists the latter.

use crate::collect::recognise::words::{self, is_number, needle, split_once, starts_with_any};
use crate::record::Level;

/// The texts of the errors that programs get from the system, as `strerror` gives them.
const TEXTS: &[&str] = &[
    "No such file or directory",
    "Permission denied",
    "Operation not permitted",
    "No space left on device",
    "Read-only file system",
    "Not a directory",
    "Is a directory",
    "Directory not empty",
    "File exists",
    "Device or resource busy",
    "Cannot allocate memory",
    "Connection refused",
    "Connection timed out",
    "Connection reset by peer",
    "Network is unreachable",
    "No route to host",
    "Address already in use",
    "Too many open files",
    "Input/output error",
    "Exec format error",
    "Broken pipe",
    "Resource temporarily unavailable",
    "Text file busy",
    "Argument list too long",
    "command not found",
    "not found",
];

/// Further texts of Go's own.
const OF_GO: &[&str] = &[
    "no such host",
    "i/o timeout",
    "context deadline exceeded",
    "executable file not found in $PATH",
    "server misbehaving",
    "certificate signed by unknown authority",
];

/// What a program in Go tried, at the start of its error.
const ATTEMPTS: [&[u8]; 20] = [
    b"open ",
    b"stat ",
    b"lstat ",
    b"mkdir ",
    b"remove ",
    b"rename ",
    b"read ",
    b"write ",
    b"dial ",
    b"listen ",
    b"lookup ",
    b"exec ",
    b"exec: ",
    b"fork/exec ",
    b"unlink ",
    b"chmod ",
    b"chown ",
    b"chdir ",
    b"Get \"",
    b"Post \"",
];

/// Whether `message` ends with the text of an error after a path or another message: `x: No such file or directory`,
/// `[Errno 2] No such file or directory`. rsync appends the number of the error: ` (2)`.
pub(super) fn is_at_end(message: &[u8]) -> bool {
    let numbered = message.strip_suffix(b")").and_then(|rest| {
        let at = memchr::memrchr(b'(', rest)?;
        let is_code = rest.get(at + 1..).is_some_and(is_number);
        is_code.then(|| rest.get(..at).unwrap_or(rest).trim_ascii_end())
    });
    let message = numbered.unwrap_or(message);
    TEXTS.iter().any(|error| {
        let before = message.strip_suffix(error.as_bytes());
        before.is_some_and(|before| before.ends_with(b": ") || before.ends_with(b"] "))
    })
}

/// `open /etc/app.yml: no such file or directory`, `listen tcp :8080: bind: address already in use`, `exec /app/run: exec format error`;
/// runc's `exec user process caused: x`.
pub(super) fn of_go(text: &[u8]) -> Option<Level> {
    if text.starts_with(b"exec user process caused: ") {
        return Some(Level::Error);
    }
    let is_attempt = starts_with_any(text, &ATTEMPTS);
    let is_error = || {
        let at = memchr::memrchr(b':', text)?;
        let error = text.get(at + 1..)?.trim_ascii();
        let known = TEXTS.iter().chain(OF_GO);
        Some(
            known
                .map(|known| known.as_bytes())
                .any(|known| known.eq_ignore_ascii_case(error)),
        )
    };
    (is_attempt && is_error()?).then_some(Level::Error)
}

/// The place in the code that runc prints before it: `standard_init_linux.go:228: exec user process caused: exec format error`.
pub(super) fn of_runc(text: &[u8]) -> Option<Level> {
    let (place, rest) = split_once(text, b' ')?;
    let is_failure = rest.starts_with(b"exec user process caused: ");
    (is_failure && words::contains(place, needle!(b".go:"))).then_some(Level::Error)
}
