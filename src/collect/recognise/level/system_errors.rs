//! Errors of the operating system at the end of a line, which programs in C and in Go print after what they tried.
//! [`forms`](super::forms) lists the latter.

use crate::collect::recognise::words::{self, Endings, Starts, is_number, needle, split_once};
use crate::record::Level;

/// The texts of the errors that programs get from the system, as `strerror` gives them.
const TEXTS: &[&[u8]] = &[
    b"No such file or directory",
    b"Permission denied",
    b"Operation not permitted",
    b"No space left on device",
    b"Read-only file system",
    b"Not a directory",
    b"Is a directory",
    b"Directory not empty",
    b"File exists",
    b"Device or resource busy",
    b"Cannot allocate memory",
    b"Connection refused",
    b"Connection timed out",
    b"Connection reset by peer",
    b"Network is unreachable",
    b"No route to host",
    b"Address already in use",
    b"Too many open files",
    b"Input/output error",
    b"Exec format error",
    b"Broken pipe",
    b"Resource temporarily unavailable",
    b"Text file busy",
    b"Argument list too long",
    b"Operation not supported",
    b"Temporary failure in name resolution",
    b"Name or service not known",
    b"Invalid argument",
    b"No such device",
    b"No such device or address",
    b"No such process",
    b"Host is down",
    b"Protocol not supported",
    b"Function not implemented",
    b"Stale file handle",
    b"Bad file descriptor",
    b"Transport endpoint is not connected",
    b"Structure needs cleaning",
    b"File too large",
    b"Disk quota exceeded",
    b"Required key not available",
    b"Network is down",
    b"Cannot assign requested address",
    b"No buffer space available",
    b"Inappropriate ioctl for device",
    b"No medium found",
    b"Protocol error",
    b"Too many levels of symbolic links",
    b"File name too long",
    b"Invalid cross-device link",
    b"Remote I/O error",
    b"Wrong medium type",
    b"Operation timed out",
    b"Host is unreachable",
    b"Resource busy",
    b"Address in use",
    b"Address not available",
    b"Out of memory",
    b"command not found",
    b"Command not found",
    b"required file not found",
    b"not found",
    b"out of memory",
];

/// The same as ends of lines.
static ENDS: Endings = Endings::new(TEXTS);

/// Further texts of Go's own.
const OF_GO: &[&[u8]] = &[
    b"no such host",
    b"i/o timeout",
    b"context deadline exceeded",
    b"executable file not found in $PATH",
    b"server misbehaving",
    b"certificate signed by unknown authority",
];

/// What a program in Go tried, at the start of its error.
static ATTEMPTS: Starts = Starts::new(&[
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
]);

/// Whether `message` ends with the text of an error after a path or another message: `x: No such file or directory`,
/// `[Errno 2] No such file or directory`. rsync appends the number of the error: ` (2)`.
pub(super) fn is_at_end(message: &[u8]) -> bool {
    let numbered = message.strip_suffix(b")").and_then(|rest| {
        let at = memchr::memrchr(b'(', rest)?;
        let is_code = rest.get(at + 1..).is_some_and(is_number);
        is_code.then(|| rest.get(..at).unwrap_or(rest).trim_ascii_end())
    });
    let message = numbered.unwrap_or(message);
    ENDS.before(message)
        .any(|before| before.ends_with(b": ") || before.ends_with(b"] "))
}

/// A line that is an error of the system, or ends with one after what was tried: `pa_context_connect() failed: Connection refused`,
/// `unable to open pid file "x": 2 (No such file or directory)`. curl and telnet try another address after a failure, and begin with a star
/// or the word that they do; a peer that ends its connection is no failure of this machine.
pub(super) fn at_end(line: &[u8]) -> Option<Level> {
    static OF_THIS_MACHINE: Endings = Endings::new(&[
        b": No such file or directory",
        b": Permission denied",
        b": Operation not permitted",
        b": No space left on device",
        b": Read-only file system",
        b": Device or resource busy",
        b": Cannot allocate memory",
        b": Connection refused",
        b": Network is unreachable",
        b": No route to host",
        b": Address already in use",
        b": Too many open files",
        b": Input/output error",
        b": Operation not supported",
        b": Temporary failure in name resolution",
        b": Name or service not known",
        b": Invalid argument",
        b": No such device",
        b": No such device or address",
        b": No such process",
        b": Host is down",
        b": Protocol not supported",
        b": Function not implemented",
        b": Stale file handle",
        b": Bad file descriptor",
        b": Transport endpoint is not connected",
        b": Structure needs cleaning",
        b": File too large",
        b": Disk quota exceeded",
        b": Required key not available",
        b": Network is down",
        b": Cannot assign requested address",
        b": No buffer space available",
        b": Inappropriate ioctl for device",
        b": No medium found",
        b": Protocol error",
        b": Too many levels of symbolic links",
        b": File name too long",
        b": Invalid cross-device link",
        b": Remote I/O error",
        b": Wrong medium type",
        b": Operation timed out",
        b": Host is unreachable",
        b": Resource busy",
        b": Address in use",
        b": Address not available",
        b": Out of memory",
        b": Exec format error",
        b": unexpected end of file",
        b" (No such file or directory)",
        b" (Permission denied)",
        b" (Connection refused)",
        b" (Address already in use)",
    ]);
    let line = line.trim_ascii_end();
    let numbered = |before: &[u8]| before.last().is_some_and(u8::is_ascii_digit);
    let is_error = OF_THIS_MACHINE.before(line).any(|before| {
        let error = line.get(before.len()..).unwrap_or_default();
        !before.is_empty() && (error.starts_with(b":") || numbered(before))
    });
    // a name in brackets: `[dumb-init] /app/run: No such file or directory`
    let is_first = matches!(line, [b'[', b'a'..=b'z', ..])
        || line.first().is_some_and(u8::is_ascii_alphanumeric);
    (is_error && is_first || is_whole(line)).then_some(Level::Error)
}

/// Whether `message` is the text of an error and nothing else, after the name of a file: `x.mp4: No such file or directory`.
pub(super) fn is_whole(message: &[u8]) -> bool {
    message.first().is_some_and(u8::is_ascii_uppercase)
        && ENDS.before(message).any(<[u8]>::is_empty)
}

/// `open /etc/app.yml: no such file or directory`, `listen tcp :8080: bind: address already in use`, `exec /app/run: exec format error`;
/// runc's `exec user process caused: x`.
pub(super) fn of_go(text: &[u8]) -> Option<Level> {
    if text.starts_with(b"exec user process caused: ") {
        return Some(Level::Error);
    }
    let is_attempt = ATTEMPTS.begin(text);
    let is_error = || {
        let at = memchr::memrchr(b':', text)?;
        let error = text.get(at + 1..)?.trim_ascii();
        let mut known = TEXTS.iter().chain(OF_GO);
        Some(known.any(|known| known.eq_ignore_ascii_case(error)))
    };
    (is_attempt && is_error()?).then_some(Level::Error)
}

/// The same after the name of a program or of what it did: `run: open server: listen tcp :8088: bind: address already in use`.
pub(super) fn of_go_named(text: &[u8]) -> Option<Level> {
    let (name, rest) = split_once(text, b' ')?;
    if !ATTEMPTS.begin(rest) {
        return None;
    }
    let has_attempt = [needle!(b": open "), needle!(b": listen ")];
    if !has_attempt
        .iter()
        .any(|attempt| words::contains(text, *attempt))
    {
        return None;
    }
    let is_name = name
        .strip_suffix(b":")
        .is_some_and(|name| name.iter().all(u8::is_ascii_alphanumeric));
    of_go(rest).filter(|_| is_name)
}

/// An error of the system after a thread or a place: `00[LIB] opening '/x' failed: No such file or directory` of strongSwan,
/// `(../src/network.c.501) bind() 0.0.0.0:80: Address already in use` of lighttpd.
pub(super) fn of_thread(text: &[u8]) -> Option<Level> {
    let (word, rest) = split_once(text, b' ')?;
    let is_thread =
        word.ends_with(b"]") && matches!(word, [b'0'..=b'9', b'0'..=b'9', b'[', b'A'..=b'Z', ..]);
    let is_place =
        word.starts_with(b"(") && word.ends_with(b")") && words::contains(word, needle!(b".c."));
    ((is_thread || is_place) && is_at_end(rest)).then_some(Level::Error)
}

/// The place in the code that runc prints before it: `standard_init_linux.go:228: exec user process caused: exec format error`.
pub(super) fn of_runc(text: &[u8]) -> Option<Level> {
    let (place, rest) = split_once(text, b' ')?;
    let is_failure = rest.starts_with(b"exec user process caused: ");
    (is_failure && words::contains(place, needle!(b".go:"))).then_some(Level::Error)
}
