//! Forms of tools that report a failure without naming a level: shells, package managers, build tools, service
//! managers and clients. [`forms`](super::forms) lists them.

use super::system_errors;
use crate::collect::recognise::bytes::{ByteSet, may_say};
use crate::collect::recognise::level_names;
use crate::collect::recognise::words::{self, Needle, Starts, is_number, needle, split_once};
use crate::record::Level;

/// How far from the start of a line a tool's word for a failure is searched.
const HEAD_MAX: usize = 200;

/// Phrases that tools write after their name before they give up.
static FAILURES: Starts = Starts::new(&[
    b"cannot ",
    b"can't ",
    b"could not ",
    b"couldn't ",
    b"unable to ",
    b"failed to ",
    b"Failed to ",
    b"Unable to ",
    b"bad address '",
    b"invalid option",
    b"invalid user:",
    b"invalid user '",
    "invalid user \u{2018}".as_bytes(),
    b"invalid group:",
    b"invalid group '",
    "invalid group \u{2018}".as_bytes(),
    b"unrecognized option",
    b"unknown option",
    b"missing operand",
    b"Got error: ",
    b"Authentication failure",
    b"a password is required",
    b"command not found: ",
    b"Unknown command",
    b"Error is not recoverable",
    b"no valid OpenPGP data",
    b"dependency problems prevent configuration",
    b"wrong fs type",
    b"special device ",
    b"Exiting with failure status",
    b"Permission denied (",
]);

/// Tools that try several ways during the installation of packages, and report each attempt.
const MAINTAINER_TOOLS: &[&str] = &["debconf", "invoke-rc.d", "policy-rc.d", "start-stop-daemon"];

/// `cp: cannot stat 'x': No such file or directory`, `bash: line 3: foo: command not found`, `/bin/sh: 1: foo: not found`.
pub(super) fn tool(text: &[u8]) -> Option<Level> {
    let (name, rest) = split_once(text, b':')?;
    let is_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@')
    };
    let is_tool = name.len() <= 64
        && name
            .first()
            .is_some_and(|byte| byte.is_ascii_lowercase() || matches!(byte, b'/' | b'.'))
        && name.iter().all(is_name);
    let message = rest.strip_prefix(b" ").filter(|_| is_tool)?;
    // `warning: could not set the locale`
    if level_names::named(name).is_some_and(|level| level < Level::Error) {
        return None;
    }
    if MAINTAINER_TOOLS.iter().any(|tool| tool.as_bytes() == name) {
        return None;
    }
    let is_unknown = message.starts_with(b"'") && words::contains(message, needle!(b"' is not a "));
    // `dnsmasq: bad option at line 3 of /etc/dnsmasq.conf`
    let is_of_dnsmasq = name == b"dnsmasq"
        && (message.starts_with(b"bad option ") || message.starts_with(b"unknown interface "));
    let is_failure = is_unknown
        || is_of_dnsmasq
        || message.starts_with(b"user error (")
        || starts_with_failure(message)
        || names_failure(message)
        || names_line(message)
        || after_path(message).is_some_and(starts_with_failure);
    let is_system_error = system_errors::is_at_end(message) || system_errors::is_whole(message);
    (is_failure || is_system_error).then(|| unless_ignored(message))
}

/// What a program says after its tag in a syslog file, without its name: `ntpd[602]: unable to bind to x`. The bytes of the line may be
/// known.
pub(super) fn said_by(tag: &[u8], message: &[u8], bytes: Option<ByteSet>) -> Option<Level> {
    let name = tag.split(|byte| matches!(byte, b'[' | b':')).next()?;
    let is_other = MAINTAINER_TOOLS
        .iter()
        .chain(&["kernel", ""])
        .any(|tool| tool.as_bytes() == name);
    if is_other {
        return None;
    }
    let may_name = bytes.is_none_or(|bytes| may_say!(bytes, b" failed: "));
    // `sudo:    ann : 3 incorrect password attempts ; TTY=pts/0 ; ...`
    let is_denied =
        || name == b"sudo" && words::contains(message, needle!(b" incorrect password attempt"));
    let is_failure = starts_with_failure(message)
        || may_name && names_failure(message)
        || system_errors::is_at_end(message)
        || is_denied();
    is_failure.then(|| unless_ignored(message))
}

/// The level of a failure, which is lower if the program says that it does not matter: `Failed to x, ignoring: y`.
fn unless_ignored(message: &[u8]) -> Level {
    if words::contains(message, needle!(b", ignoring")) {
        Level::Warn
    } else {
        Level::Error
    }
}

fn starts_with_failure(message: &[u8]) -> bool {
    // `dd: error writing '/x'`, `bsdtar: Error opening archive: x`
    let gerund = message
        .strip_prefix(b"error ")
        .or_else(|| message.strip_prefix(b"Error "));
    let is_doing = gerund.is_some_and(|rest| {
        let word = split_once(rest, b' ').map_or(rest, |(word, _)| word);
        word.len() > 4 && word.ends_with(b"ing")
    });
    FAILURES.begin(message) || is_doing
}

/// The message after the path that it is about: `mount: /mnt: wrong fs type`.
fn after_path(message: &[u8]) -> Option<&[u8]> {
    let at = message
        .starts_with(b"/")
        .then(|| words::find(message, needle!(b": ")))??;
    let path = message.get(..at)?;
    message.get(at + 2..).filter(|_| !path.contains(&b' '))
}

/// The line of the input that a tool could not read: `yaml: line 3: did not find expected key`, `awk: line 1: syntax error at x`.
fn names_line(message: &[u8]) -> bool {
    let said = message
        .strip_prefix(b"line ")
        .and_then(|rest| split_once(rest, b':'))
        .filter(|(number, _)| is_number(number))
        .map(|(_, said)| said.trim_ascii_start());
    said.is_some_and(|said| {
        said.first().is_some_and(|byte| !byte.is_ascii_digit()) && !said.starts_with(b"warning: ")
    })
}

/// `decryption failed: No secret key`, `initialization error: x`, `E170013: x` of Subversion, `user 'x' already exists`.
fn names_failure(message: &[u8]) -> bool {
    /// Words before the failure.
    const WORDS_MAX: usize = 3;
    const MARKS: [&[u8]; 2] = [b" failed", b" error"];
    let code = message
        .strip_prefix(b"E")
        .and_then(|rest| split_once(rest, b':'));
    if code.is_some_and(|(digits, _)| digits.len() == 6 && is_number(digits)) {
        return true;
    }
    let ends = [
        &b"' already exists"[..],
        b"' does not exist",
        b"' doesn't exist",
    ];
    if ends.iter().any(|end| message.ends_with(end)) {
        return true;
    }
    let is_reason = |before: &[u8], reason: &[u8]| {
        let words = before.split(|&byte| byte == b' ');
        let is_name = |word: &[u8]| {
            !word
                .iter()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_punctuation())
                && !matches!(word, b"no" | b"without" | b"if")
        };
        words.clone().count() <= WORDS_MAX
            && words.clone().all(is_name)
            && reason.first().is_some_and(|byte| !byte.is_ascii_digit())
    };
    // each mark counts where it is for the first time
    let mut marks = MARKS.map(Some);
    memchr::memchr_iter(b':', message).any(|colon| {
        let before = message.get(..colon).unwrap_or_default();
        if !MARKS.iter().any(|mark| before.ends_with(mark)) {
            return false;
        }
        // what failed may follow the names of components: `net: dns: lookup failed: x`
        let before = match memchr::memrchr(b':', before) {
            Some(at) => before.get(at + 1..).unwrap_or_default().trim_ascii_start(),
            None => before,
        };
        let reason = message.get(colon + 1..).unwrap_or_default();
        let Some(reason) = reason.strip_prefix(b" ") else {
            return false;
        };
        marks.iter_mut().any(|mark| {
            let before = mark.and_then(|mark| before.strip_suffix(mark));
            if before.is_some() {
                *mark = None;
            }
            before.is_some_and(|before| is_reason(before, reason))
        })
    })
}

/// Failures without the name of a tool: `Failed to connect to bus: Host is down`, `Could not connect to x: Connection refused`,
/// `abort: repository x not found!`, `/dev/sda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.`, `>>> /etc/sudoers: syntax error near line 3
/// <<<`.
pub(super) fn failure(text: &[u8]) -> Option<Level> {
    static STARTS: Starts = Starts::new(&[
        b"Failed to ",
        b"Could not ",
        b"Cannot ",
        b"Can't ",
        b"Unable to ",
    ]);
    static ATTEMPTS: Starts = Starts::new(&[
        b"failed to ",
        b"could not ",
        b"couldn't ",
        b"cannot ",
        b"can't ",
        b"unable to ",
    ]);
    let has = |words: Needle<'_>| words.find(text);
    let is_failure = match text.first() {
        Some(b'F' | b'C' | b'U') => {
            let reason = || has(needle!(b": ")).and_then(|at| text.get(at + 2..)?.first());
            STARTS.begin(text) && reason().is_some_and(|byte| !byte.is_ascii_digit())
                || text.starts_with(b"Failed to ") && is_long(text)
        }
        Some(b'/') => {
            text.starts_with(b"/dev/") && has(needle!(b": UNEXPECTED INCONSISTENCY")).is_some()
        }
        Some(b'>') => text.starts_with(b">>> ") && text.ends_with(b" <<<"),
        // `failed to listen on TCP port 11211: Address already in use`
        Some(b'f' | b'c' | b'u') => ATTEMPTS.begin(text) && system_errors::is_at_end(text),
        Some(b'a') => text.starts_with(b"abort: "),
        // `Error initializing storage of type raft: x`
        Some(b'E') => is_error_of_action(text) && has(needle!(b": ")).is_some(),
        Some(b'A') => text.starts_with(b"AppArmor parser error"),
        _ => false,
    };
    is_failure.then(|| unless_ignored(text))
}

/// Whether a text says what failed, and is no label.
fn is_long(text: &[u8]) -> bool {
    const WORDS_MIN: usize = 5;
    memchr::memchr_iter(b' ', text.trim_ascii_end()).count() >= WORDS_MIN - 1
}

/// Whether a text begins with `Error` and what was tried: `Error loading x`. `Error handling` is a subject.
fn is_error_of_action(text: &[u8]) -> bool {
    const SUBJECTS: [&[u8]; 6] = [
        b"handling",
        b"reporting",
        b"logging",
        b"tracking",
        b"checking",
        b"correcting",
    ];
    let action = text
        .strip_prefix(b"Error ")
        .and_then(|rest| split_once(rest, b' '));
    action.is_some_and(|(word, _)| {
        word.len() > 4 && word.ends_with(b"ing") && !SUBJECTS.contains(&word)
    })
}

/// The service manager in a syslog file or on the console: `systemd[1]: Failed to start x`, `x.service: Failed with result 'exit-code'`;
/// systemctl: `Job for x failed because ...`.
pub(super) fn systemd(text: &[u8]) -> Option<Level> {
    let head = text.get(..96).unwrap_or(text);
    // without a process number in the files of CentOS 7
    let tag = words::find(head, needle!(b"systemd["))
        .or_else(|| words::find(head, needle!(b"systemd: ")));
    let said = tag
        .and_then(|at| split_once(text.get(at..)?, b' '))
        .map(|(_, said)| said);
    let is_unit_failure = |said: &[u8]| {
        words::find(said, needle!(b": Failed with result '")).is_some_and(|at| at < HEAD_MAX)
            || said.ends_with(b" entered failed state.")
            || said.ends_with(b".service failed.")
    };
    let is_limit = |said: &[u8]| {
        said.starts_with(b"start request repeated too quickly")
            || said.ends_with(b": Start request repeated too quickly.")
            || said.ends_with(b" timed out. Killing.")
            || said.ends_with(b" timed out. Terminating.")
            || said.ends_with(b" timed out. Aborting.")
            || said.ends_with(b", ignoring.")
    };
    let is_fault = |said: &[u8]| {
        said.starts_with(b"Failed ")
            || said.starts_with(b"Timed out ")
            || said.ends_with(b" Refusing.")
            || said.ends_with(b"!") && words::contains(said, needle!(b": Watchdog timeout (limit "))
    };
    // `systemd-coredump[12]: Process 7 (app) of user 0 dumped core.`
    let is_core_dump = words::contains(head, needle!(b"systemd-coredump["))
        && words::contains(text, needle!(b" dumped core."));
    if is_core_dump {
        return Some(Level::Error);
    }
    match said {
        Some(said) if words::contains(said, needle!(b", ignoring: ")) => Some(Level::Warn),
        Some(said) if is_fault(said) => Some(Level::Error),
        Some(said) if said.starts_with(b"Dependency failed for ") => Some(Level::Warn),
        Some(said) if is_unit_failure(said) => Some(Level::Error),
        Some(said) if is_limit(said) => Some(Level::Warn),
        Some(_) => None,
        None if text.starts_with(b"Job for ")
            && words::contains(text, needle!(b" failed because ")) =>
        {
            Some(Level::Error)
        }
        None => {
            let word = split_once(text, b' ').map_or(text, |(word, _)| word);
            let is_unit = word
                .strip_suffix(b":")
                .is_some_and(|unit| unit.contains(&b'.'));
            (is_unit && is_unit_failure(text)).then_some(Level::Error)
        }
    }
}

/// Build tools and package managers: `BUILD FAILED in 3s`, `> Task :compileJava FAILED`, `Err:3 http://...`,
/// `ERR_PNPM_X`, `Module not found: Error: x`, `CONFLICT (content): Merge conflict in x`, `failed to solve: x`.
pub(super) fn build_tool(text: &[u8]) -> Option<Level> {
    static STARTS: Starts = Starts::new(&[
        b"BUILD FAILED",
        b"FAILURE: Build failed",
        b"* What went wrong:",
        b"Execution failed for task ",
        b"ERR_PNPM_",
        b"ELIFECYCLE ",
        b"Module not found: Error: ",
        b"CONFLICT (",
        b"failed to solve: ",
        b"Errors were encountered while processing:",
        b"rsync error: ",
        b"[nodemon] app crashed",
        b"Failed to compile",
        b"-- Configuring incomplete, errors occurred!",
        b"Your requirements could not be resolved to an installable set of packages",
        b"error during build:",
        b"error when starting dev server:",
        b"failed to load config from ",
        b"== Compilation error in file ",
        b"[vite]: Rollup failed to resolve import ",
        b"An error occurred while installing ",
        b"yarn: error ",
        b"rake aborted!",
        b"Could not find gem ",
        b"Unexpected error running Liquibase",
        b"Host key verification failed.",
    ]);
    let text = text.trim_ascii();
    let is_apt = || {
        let rest = text.strip_prefix(b"Err:").unwrap_or_default();
        rest.first().is_some_and(u8::is_ascii_digit)
    };
    let is_failure = STARTS.begin(text)
        || match text.first() {
            Some(b'E') => is_apt(),
            Some(b'>') => text.starts_with(b"> Task ") && text.ends_with(b" FAILED"),
            Some(b'w' | b'[' | b'Y' | 0xe2) => is_bundler(text),
            Some(b'g') => is_go_module(text),
            Some(b'=' | b'B') => is_packer(text),
            Some(b'n' | b'A' | b'(') => is_server_check(text),
            Some(b'-') => is_elm(text),
            _ => false,
        };
    if is_failure {
        return Some(Level::Error);
    }
    let warnings = [
        &b"LaTeX Warning: "[..],
        b"Compiled with warnings",
        b"LibClamAV Warning: ",
    ];
    // Yarn: a peer dependency is missing
    let is_yarn =
        || matches!(text, [b'Y' | 0xe2, ..]) && words::contains(text, needle!(b"YN0002: "));
    let is_webpack = || {
        text.starts_with(b"webpack ")
            && words::contains(text, needle!(b" compiled with "))
            && words::contains(text, needle!(b" warning"))
    };
    if warnings.iter().any(|start| text.starts_with(start)) || is_webpack() || is_yarn() {
        return Some(Level::Warn);
    }
    let tex = text.strip_prefix(b"! ")?;
    let is_tex = tex.first().is_some_and(u8::is_ascii_uppercase)
        && (tex.ends_with(b".") || words::contains(tex, needle!(b" Error: ")));
    is_tex.then_some(Level::Error)
}

/// Summaries of webpack and yarn, and Vite: `webpack 5.90.0 compiled with 1 error in 300 ms`, `YN0000: Failed with errors in 1s 2ms`,
/// `[vite] (client) Pre-transform error: x`.
fn is_bundler(text: &[u8]) -> bool {
    let has = |words: Needle<'_>| words.find(text);
    match text.first() {
        Some(b'w') => {
            text.starts_with(b"webpack ")
                && has(needle!(b" compiled with ")).is_some()
                && (has(needle!(b" error ")).is_some() || has(needle!(b" errors ")).is_some())
        }
        Some(b'[') => {
            text.starts_with(b"[vite] ") && has(needle!(b" error: ")).is_some_and(|at| at < 48)
        }
        Some(0xe2 | b'Y') => {
            has(needle!(b"YN0000: ")).is_some() && has(needle!(b"Failed with errors in ")).is_some()
                || has(needle!(b"YN0028: ")).is_some()
                || has(needle!(b"YN0009: ")).is_some()
                    && has(needle!(b" couldn't be built successfully")).is_some()
        }
        _ => false,
    }
}

/// The Go compiler: `./main.go:7:2: undefined: x`. Loggers write no column.
pub(super) fn go_compiler(text: &[u8]) -> Option<Level> {
    let text = text.trim_ascii();
    let path = split_once(text, b' ').map_or(text, |(path, _)| path);
    let at = words::find(path, needle!(b".go:")).filter(|&at| at < HEAD_MAX)?;
    let (line, rest) = split_once(text.get(at + 4..)?, b':')?;
    let (column, rest) = split_once(rest, b':')?;
    let is_place = is_number(line) && is_number(column) && rest.starts_with(b" ");
    is_place.then_some(Level::Error)
}

/// Modules that Go cannot use: `go: example.com/x@v1.2.3: invalid version: unknown revision v1.2.3`.
fn is_go_module(text: &[u8]) -> bool {
    let module = text
        .strip_prefix(b"go: ")
        .and_then(|rest| split_once(rest, b' '))
        .map(|(module, _)| module);
    let is_module = |module: &[u8]| {
        words::contains(module, needle!(b"@v"))
            || memchr::memchr(b'/', module).is_some() && memchr::memchr(b'.', module).is_some()
    };
    module.is_some_and(|module| module.ends_with(b":") && is_module(module))
        || text.starts_with(b"go: go.mod file not found")
        || text.starts_with(b"go: updates to go.mod needed")
}

/// Packer: `==> amazon-ebs.web: Error waiting for instance: timeout`, `Build 'amazon-ebs.web' errored after 3 minutes: x`.
fn is_packer(text: &[u8]) -> bool {
    let step = text
        .strip_prefix(b"==> ")
        .and_then(|rest| split_once(rest, b':'));
    let is_step = step.is_some_and(|(name, said)| {
        !name.contains(&b' ')
            && (said.starts_with(b" Error ") || said.starts_with(b" Bad exit status"))
    });
    let is_build = text.starts_with(b"Build '")
        && (words::contains(text, needle!(b"' errored after "))
            || words::contains(text, needle!(b"' errored: ")));
    is_step || is_build
}

/// The head of a message of Elm: `-- TYPE MISMATCH ------------------------ src/Main.elm`.
fn is_elm(text: &[u8]) -> bool {
    let kind = text
        .strip_prefix(b"-- ")
        .filter(|_| text.ends_with(b".elm"))
        .and_then(|rest| rest.get(..words::find(rest, needle!(b" ----"))?));
    kind.is_some_and(|kind| {
        kind.iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b' ')
    })
}

/// Failed starts of nginx and Apache: `nginx: configuration file x test failed`, `(98)Address already in use:
/// AH00072: x`.
fn is_server_check(text: &[u8]) -> bool {
    let is_nginx =
        text.starts_with(b"nginx: configuration file ") && text.ends_with(b" test failed");
    let is_apache = |text: &[u8]| {
        let digits = text.strip_prefix(b"AH").unwrap_or_default();
        digits.get(..5).is_some_and(is_number) && digits.get(5) == Some(&b':')
    };
    let is_syntax = is_apache(text)
        && text
            .get(8..)
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"Syntax error"));
    let numbered = text
        .strip_prefix(b"(")
        .and_then(|rest| split_once(rest, b')'));
    let is_system = numbered.is_some_and(|(number, rest)| {
        is_number(number)
            && words::find(rest, needle!(b": AH"))
                .is_some_and(|at| rest.get(at + 2..).is_some_and(is_apache))
    });
    is_nginx || is_syntax || is_system
}
