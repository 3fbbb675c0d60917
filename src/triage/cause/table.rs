//! The rules by which the cause of a failure is chosen.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Which of several equally strong lines is the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    First,
    Last,
}

/// How a row matches a line.
#[derive(Debug, Clone, Copy)]
enum When {
    /// The line begins with one of these.
    Starts(&'static [&'static str]),
    /// One of these is in it.
    Has(&'static [&'static str]),
    /// It begins with the first, and the second is in it.
    StartsAndHas(&'static str, &'static str),
    /// It ends with one of these.
    Ends(&'static [&'static str]),
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct CauseRule {
    when: When,
    pub(super) strength: u8,
    pub(super) pick: Pick,
}

impl CauseRule {
    /// `has_part`: whether one of [`Self::parts`] is in the text.
    pub(super) fn matches(&self, text: &str, has_part: bool) -> bool {
        match self.when {
            Starts(starts) => starts.iter().any(|start| text.starts_with(start)),
            Has(_) => has_part,
            StartsAndHas(start, _) => has_part && text.starts_with(start),
            Ends(ends) => ends.iter().any(|end| text.ends_with(end)),
        }
    }

    /// Texts that are looked for anywhere in a line.
    pub(super) fn parts(&self) -> &[&'static str] {
        match &self.when {
            Has(parts) => parts,
            StartsAndHas(_, part) => std::slice::from_ref(part),
            Starts(_) | Ends(_) => &[],
        }
    }
}

const fn first(strength: u8, when: When) -> CauseRule {
    CauseRule {
        when,
        strength,
        pick: Pick::First,
    }
}

const fn last(strength: u8, when: When) -> CauseRule {
    CauseRule {
        when,
        strength,
        pick: Pick::Last,
    }
}

use When::{Ends, Has, Starts, StartsAndHas};

/// The strength of a line that names a place in a source file and an error.
pub(super) const OF_PLACE: u8 = 82;
/// The strength of a line that is an exception.
pub(super) const OF_EXCEPTION: u8 = 75;

/// Progress, advice and footers.
#[rustfmt::skip]
pub(super) const NEVER: &[CauseRule] = &[
    first(0, Starts(&["\u{280b}", "\u{2819}", "\u{2839}", "\u{2838}", "\u{283c}", "\u{2834}", "\u{2826}", "\u{2827}", "\u{2807}",
        "\u{280f}"])),
    first(0, Starts(&["at ", "File \"", "... ", "goroutine ", "note: ", "= note: ", "= help: ", "help: ", "hint: ", "--> ",
        "npm notice", "[notice]", "npm warn", "npm WARN", "Get:", "Hit:", "Ign:", "Downloading ", "Unpacking ",
        "Preparing to unpack", "Selecting previously", "Reading ", "Setting up "])),
    first(0, Has(&["A complete log of this run can be found in", "complete log of this run", "_logs/",
        "For more information about this error", "for details", "for more details", "for more information", "See the log",
        "see the log", "See the full log", "Run with --", "re-run with", "--help", "--verbose", "--stacktrace", "RUST_BACKTRACE",
        "Try again with", "DEPRECATED", "DeprecationWarning", "View build details:"])),
    first(0, Starts(&["Traceback (most recent call last)", "During handling of the above", "The above exception was",
        "What went wrong:", "* What went wrong", "Stack trace:", "Call Trace:"])),
];

/// The first row that matches decides.
#[rustfmt::skip]
pub(super) const CAUSES: &[CauseRule] = &[
    // the wrapper around a failure names it, but not why
    first(30, Starts(&["collect2: error:", "make: *** [", "make[1]: *** [", "make[2]: *** [", "gmake: *** [",
        "error: could not compile", "error: aborting due to", "npm ERR! code ELIFECYCLE", "npm error code ELIFECYCLE",
        "npm ERR! errno", "npm error errno", "npm ERR! Exit status", "npm error Lifecycle script",
        "error Command failed with exit code", "ERROR: failed to solve: process ",
        "ERROR: failed to build: failed to solve: process ", "error: subprocess-exited-with-error",
        "ERROR: Failed building wheel", "ERROR: Failed to build installable wheels", "BUILD FAILED", "FAILURE: Build failed",
        "error: failed to push some refs", "E: Sub-process ", "ERROR: Service ", "Error: Command failed:",
        "npm error command failed", "npm ERR! command failed", "failed to compute cache key"])),
    first(30, Has(&["did not complete successfully: exit code", "exited with code", "exit status 1", "non-zero exit status",
        "returned a non-zero code", "with exit code", "exit code: 1", "Main process exited", "Failed with result '",
        "Control process exited", "[Server] Aborting", "terminating due to", "Scheduled restart job"])),
    first(25, Starts(&["Failed to start ", "Dependency failed for ", "Stopped ", "Stopping ", "Starting ", "Started ", "Process "])),
    first(28, Starts(&["Errors were encountered while processing", "E: Unable to correct problems",
        "ERROR: No matching distribution found", "npm ERR! code", "npm error code", "npm ERR! path", "npm error path",
        "npm ERR! syscall", "npm error syscall", "Fix the upstream dependency conflict", "npm error Fix the upstream",
        "npm ERR! Fix the upstream"])),

    // package managers
    first(95, Has(&["ERESOLVE unable to resolve", "ERESOLVE could not resolve"])),
    first(94, Starts(&["npm ERR! notarget", "npm error notarget", "npm ERR! 404 Not Found", "npm error 404 Not Found",
        "npm ERR! Missing script", "npm error Missing script", "npm ERR! missing script", "npm ERR! enoent", "npm error enoent",
        "npm ERR! network request", "npm error network request", "npm ERR! `npm ci` can only", "npm error `npm ci` can only",
        "npm ERR! engine Unsupported", "npm error engine Unsupported", "npm ERR! Error:", "npm error Error:", "npm ERR! nospc",
        "npm error nospc", "npm error Invalid", "npm ERR! Invalid"])),
    first(94, Has(&["ERR_PNPM_", "YN0001:", "YN0028:", "YN0002:"])),
    first(93, Starts(&["ERROR: Could not find a version that satisfies", "ERROR: Cannot install",
        "ERROR: Could not install packages", "ERROR: Invalid requirement", "error: externally-managed-environment",
        "ERROR: Package ", "ERROR: Could not open requirements file", "ERROR: Ignored the following"])),
    first(92, Starts(&["E: ", "dpkg: error", "rpm: "])),
    first(91, Has(&[": Depends: ", "but it is not installable", "but it is not going to be installed"])),
    first(92, Has(&["No match for argument:", "nothing provides ", "unable to select packages", "ERROR: unable to select"])),
    first(91, Starts(&["error: failed to select a version", "error: no matching package", "error: failed to get ",
        "error: failed to parse manifest", "error: package ", "error: linker "])),
    first(90, Has(&["no required module provides package", "cannot find module providing package", "unknown revision ",
        "verifying module: checksum mismatch", "missing go.sum entry", "checksum mismatch", "module declares its path as"])),

    // compilers and build tools
    first(93, Starts(&["error["])),
    first(93, Has(&["fatal error: "])),
    first(90, Has(&[": error: ", ": error TS", "): error ", ": Error: "])),
    first(89, Has(&["undefined reference to", "No rule to make target", "missing separator", "ld: cannot find",
        "ld: library not found", "COMPILATION ERROR"])),
    first(88, Starts(&["CMake Error", "Execution failed for task", "> Could not resolve", "Could not resolve all",
        "[ERROR] Failed to execute goal", "[ERROR] COMPILATION", "Module not found: "])),
    first(87, Ends(&[": not found"])),
    first(88, Has(&["Bad configuration option", "bad configuration", "Syntax error on line", "configuration file test failed"])),
    first(87, Has(&["Could not find artifact", "command not found", ": not found in", "recipe for target"])),

    // git, containers, infrastructure
    first(94, Has(&["Permission denied (publickey", "Host key verification failed"])),
    first(50, Has(&["Could not read from remote repository"])),
    first(93, Starts(&["fatal: ", "CONFLICT ("])),
    first(85, Has(&["! [rejected]", "! [remote rejected]"])),
    first(92, Has(&["port is already allocated", "pull access denied", "manifest unknown", "manifest for ", "no such image",
        "No such image", "toomanyrequests:", "unauthorized: ", "denied: requested access"])),
    first(91, Has(&["COPY failed:", "failed to calculate checksum of ref", "dockerfile parse error", "failed to read dockerfile",
        "failed to resolve source metadata", "unknown instruction", "exec format error", "executable file not found in $PATH",
        "invalid reference format", "depends on undefined service", "mapping values are not allowed", "Additional property ",
        "validating ", "is unhealthy", "undefined volume", "invalid mount config", "error mounting",
        "bind source path does not exist", "OCI runtime create failed", "could not select device driver"])),
    first(86, Starts(&["ERROR: failed to solve", "ERROR: failed to build", "Error response from daemon:", "service \"", "yaml: "])),

    // services and databases
    first(94, Has(&["address already in use", "Address already in use", "EADDRINUSE", "port is already in use",
        "Port already in use", "Only one usage of each socket address"])),
    first(92, Starts(&["[emerg]", "[alert]", "PANIC:", "FATAL:", "AH00526:", "AH00072:", "(98)", "(13)", "[FATAL]", "FATAL ", "F0"])),
    first(91, Has(&["[emerg]", "Failed at step ", "Unable to locate executable", "Failed to locate executable",
        "is too low, increase to at least", "memory locking requested", "Operating system error number", "Can't start server",
        "unknown variable '", "unknown option '", "Access denied for user", "password authentication failed",
        "has invalid permissions", "lock file \"postmaster.pid\" already exists", "database files are incompatible",
        "could not bind", "Bad file format reading the append only file", "Can't open the append",
        "Fatal error, can't open config file", "BAD CONFIG FILE", "DBPathInUse", "database is locked", "Unable to lock ./ibdata1",
        "WRONGPASS", "NOAUTH", "Insufficient heap", "start operation timed out", "Start operation timed out",
        "Watchdog timeout"])),
    first(90, Has(&["OutOfMemoryError", "heap out of memory", "JavaScript heap", "Cannot allocate memory", "Killed process ",
        "Out of memory", "out of memory", "MemoryError", "Segmentation fault", "core dumped", "dumped core", "signal: killed",
        "stack overflow"])),
    first(90, Has(&["No space left on device", "no space left on device", "ENOSPC", "Disk quota exceeded", "Read-only file system"])),

    // exceptions and panics
    last(89, Starts(&["Caused by: "])),
    first(88, Starts(&["panic: ", "thread '", "fatal error: all goroutines", "[PANIC]"])),
    first(88, Has(&["panicked at "])),
    last(86, Starts(&["ModuleNotFoundError:", "ImportError:", "SyntaxError:", "IndentationError:"])),
    first(86, Has(&["Cannot find module ", "ERR_MODULE_NOT_FOUND", "UnhandledPromiseRejection", "ERR_UNHANDLED_REJECTION"])),
    first(60, Starts(&["Exception in thread"])),

    // phrases that name a reason, wherever they are
    first(84, Has(&["certificate verify failed", "certificate has expired", "x509: ", "SSL certificate problem",
        "self-signed certificate", "unable to get local issuer certificate"])),
    first(83, Has(&["Could not resolve host", "Temporary failure in name resolution", "Temporary failure resolving", "EAI_AGAIN",
        "ENOTFOUND", "no such host", "Name or service not known"])),
    first(83, Has(&["Connection refused", "connection refused", "ECONNREFUSED", "ETIMEDOUT", "Connection timed out",
        "Network is unreachable", "No route to host", "i/o timeout", "context deadline exceeded", "connection reset by peer"])),
    first(81, Has(&["Permission denied", "permission denied", "EACCES", "EPERM", "Operation not permitted", "Access is denied",
        "AccessDenied", "access denied"])),
    first(80, Has(&["No such file or directory", "no such file or directory", "ENOENT", "cannot stat", "does not exist",
        "Is a directory", "not a directory", "too many open files", "Too many open files", "EMFILE"])),
    first(79, Has(&["No such container", "No such service", "unbound variable", "syntax error", "invalid option", "unknown flag",
        "unrecognized option", "unrecognized arguments", "unknown command", "is required", "is not set", "must be set",
        "not set:", "missing required"])),
    last(86, Starts(&["Error: ", "TypeError: ", "ReferenceError: ", "RangeError: "])),
    first(70, Starts(&["ERROR: ", "error: ", "ERR ", "[ERROR]", "[error]", "ERROR ", "Error ", "npm ERR! ", "npm error ",
        "error TS", "E ", "failed to ", "Failed to ", "cannot ", "Cannot ", "unable to ", "Unable to ", "FAILED ", "--- FAIL",
        "FAIL "])),
    first(50, Starts(&["usage: ", "Usage: "])),
    first(45, Has(&["timed out", "Timed out", "timeout"])),
    first(40, Ends(&[" failed", " FAILED", "failed."])),
    first(40, StartsAndHas("FAIL", ":")),
];

/// `main.go:12:5: undefined: x`, `src/a.c(12): error C2065`: a file, a line, and a message.
pub(super) fn names_place_of_error(text: &str) -> bool {
    let mut parts = text.splitn(4, ':');
    let (Some(file), Some(line), Some(next)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_file = file.contains('.') && !file.contains(' ') && !file.starts_with("http");
    let message = if is_number(next) {
        parts.next()
    } else {
        Some(next)
    };
    let message = message.unwrap_or_default().trim();
    is_file
        && is_number(line)
        && !message.is_empty()
        && !message.starts_with("warning")
        && !message.starts_with("note")
}

/// `package.SomeError: text`, `SomeException: text`, `SomeError`
pub(super) fn is_exception(text: &str) -> bool {
    let name = text.split(": ").next().unwrap_or(text);
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._$".contains(c);
    let kinds = [
        "Error",
        "Exception",
        "Failure",
        "Interrupt",
        "Warning",
        "Exit",
    ];
    let is_kind = kinds.iter().any(|kind| name.ends_with(kind)) && !name.ends_with("Warning");
    !name.is_empty() && name.chars().all(is_word) && is_kind && name != "Error"
}

/// Whether some word of a line names a failure.
pub(super) fn names_failure(text: &str) -> bool {
    if let Some(scan) = &*FAILURE_SCAN {
        return scan.is_match(text);
    }
    let folded = text.to_ascii_lowercase();
    FAILURE_WORDS.iter().any(|word| folded.contains(word))
}

/// Words that name a failure, whatever their case.
const FAILURE_WORDS: [&str; 15] = [
    "error",
    "fail",
    "fatal",
    "exception",
    "refused",
    "denied",
    "cannot",
    "unable",
    "invalid",
    "missing",
    "not found",
    "panic",
    "abort",
    "killed",
    "unexpected",
];

static FAILURE_SCAN: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true);
    builder.build(FAILURE_WORDS).ok()
});
