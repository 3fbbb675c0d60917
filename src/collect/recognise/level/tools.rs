//! Forms of tools that report a failure without naming a level: shells, package managers, service managers and clients.
//! [`forms`](super::forms) lists them.

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
    b"bad ",
    b"Bad ",
    b"No module named ",
    b"no such ",
    b"No such ",
    b"not a ",
    b"not in ",
    b"illegal ",
    b"wrong ",
    b"panic! ",
    b"refusing to ",
    b"target is busy",
    b"permission denied: ",
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
    b"special device ",
    b"Exiting with failure status",
    b"Permission denied (",
    b"Can't ",
    b"Cannot ",
    b"Could not ",
    b"Couldn't ",
    b"access denied ",
    b"Failing path ",
    b"Prelude.",
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
    if is_tool && is_config_fault(name, rest) {
        return Some(Level::Error);
    }
    let message = rest.strip_prefix(b" ").filter(|_| is_tool)?;
    // `warning: could not set the locale`
    if level_names::named(name).is_some_and(|level| level < Level::Error) {
        return None;
    }
    if MAINTAINER_TOOLS.iter().any(|tool| tool.as_bytes() == name) {
        return None;
    }
    if is_ldap_result(name, message) {
        return Some(Level::Error);
    }
    if let Some(event) = message.strip_prefix(b"CTRL-EVENT-") {
        return is_wireless_failure(event).then_some(Level::Warn);
    }
    // a user that a client of sshd names is not known
    let is_invalid = (message.starts_with(b"Invalid ") || message.starts_with(b"invalid "))
        && !message
            .get(1..)
            .is_some_and(|rest| rest.starts_with(b"nvalid user "));
    let is_unknown = message.starts_with(b"'") && words::contains(message, needle!(b"' is not a "));
    // `dnsmasq: bad option at line 3 of /etc/dnsmasq.conf`
    let is_of_dnsmasq = name == b"dnsmasq"
        && (message.starts_with(b"bad option ") || message.starts_with(b"unknown interface "));
    let is_failure = is_unknown
        || is_invalid
        || is_of_dnsmasq
        || message.starts_with(b"user error (")
        || starts_with_failure(message)
        || names_failure(message)
        || names_line(message)
        || after_path(message).is_some_and(starts_with_failure);
    let is_system_error = system_errors::is_at_end(message) || system_errors::is_whole(message);
    (is_failure || is_system_error).then(|| unless_ignored(message))
}

/// A line of a file of settings that a program does not understand: `/etc/bind/named.conf:3: unknown option 'x'`.
fn is_config_fault(path: &[u8], rest: &[u8]) -> bool {
    static FAULTS: Starts = Starts::new(&[
        b"unknown ",
        b"Unknown ",
        b"missing ",
        b"expected ",
        b"unexpected ",
        b"undefined ",
        b"syntax error",
        b"parse error",
        b"parsing failed",
        b"invalid ",
        b"bad ",
    ]);
    let said = split_once(rest, b':').filter(|(line, _)| path.starts_with(b"/") && is_number(line));
    said.is_some_and(|(_, said)| FAULTS.begin(said.trim_ascii_start()))
}

/// `ldap_modify: Other (e.g., implementation specific) error (80)`: `OpenLDAP`'s clients print the number of the result.
fn is_ldap_result(name: &[u8], message: &[u8]) -> bool {
    let code = || {
        let text = message.strip_suffix(b")")?;
        text.get(memchr::memrchr(b'(', text)? + 1..)
    };
    let is_code = |code: &[u8]| is_number(code.strip_prefix(b"-").unwrap_or(code));
    name.starts_with(b"ldap_") && code().is_some_and(|code| is_code(code) && code != b"0")
}

/// What prevents `wpa_supplicant` from connecting: `wlan0: CTRL-EVENT-ASSOC-REJECT bssid=...`.
fn is_wireless_failure(event: &[u8]) -> bool {
    static FAILURES: Starts = Starts::new(&[
        b"ASSOC-REJECT ",
        b"AUTH-REJECT ",
        b"SCAN-FAILED ",
        b"SSID-TEMP-DISABLED ",
        b"EAP-FAILURE ",
        b"NETWORK-NOT-FOUND",
    ]);
    FAILURES.begin(event)
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
    // `bluetoothd[7]: src/service.c:btd_service_connect() a2dp-sink profile connect failed for x: y`
    let is_of_bluez = || {
        let said = split_once(message, b' ').filter(|(place, _)| place.ends_with(b"()"));
        said.is_some_and(|(_, said)| {
            words::contains(said, needle!(b" failed")) || said.starts_with(b"Failed ")
        })
    };
    let is_failure = starts_with_failure(message)
        || may_name && names_failure(message)
        || system_errors::is_at_end(message)
        || is_denied()
        || name == b"bluetoothd" && is_of_bluez()
        || name == b"rspamd" && is_of_rspamd(message);
    is_failure.then(|| unless_ignored(message))
}

/// rspamd puts connection, module and function before its text: `<79c0bd>; lua; clamav.lua:119: clamav: failed to scan`.
fn is_of_rspamd(message: &[u8]) -> bool {
    let said = message
        .starts_with(b"<")
        .then(|| message.split(|&byte| byte == b';').nth(2))
        .flatten();
    said.is_some_and(|said| {
        words::contains(said, needle!(b": failed to "))
            || words::contains(said, needle!(b": cannot "))
    })
}

/// The level of a failure, which is lower if the program says that it does not matter or tries again: `Failed to x, ignoring: y`.
fn unless_ignored(message: &[u8]) -> Level {
    let marks = [
        needle!(b", ignoring"),
        needle!(b", skipping"),
        needle!(b"etrying"),
        needle!(b", using "),
        needle!(b": using "),
        needle!(b": assuming "),
    ];
    let is_minor = marks.iter().any(|mark| words::contains(message, *mark));
    if is_minor { Level::Warn } else { Level::Error }
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

/// The message after the path or the stream that it is about: `mount: /mnt: wrong fs type`, `gzip: stdin: not in gzip format`.
fn after_path(message: &[u8]) -> Option<&[u8]> {
    let at = words::find(message, needle!(b": "))?;
    let path = message.get(..at)?;
    let is_path = matches!(path, [b'/' | b'\'', ..]) || path == b"stdin" || path == b"-";
    message
        .get(at + 2..)
        .filter(|_| is_path && !path.contains(&b' '))
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
        b"Couldn't ",
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
            STARTS.begin(text) && has_reason(text) && !is_missing_image(text)
        }
        Some(b'/') => {
            text.starts_with(b"/dev/") && has(needle!(b": UNEXPECTED INCONSISTENCY")).is_some()
        }
        // freshclam: `> !Failed to get lock` is an error, `> ^Can't query x` a warning
        Some(b'>') => {
            if text.starts_with(b"> ^") {
                return Some(Level::Warn);
            }
            text.starts_with(b">>> ") && text.ends_with(b" <<<") || text.starts_with(b"> !")
        }
        // `failed to listen on TCP port 11211: Address already in use`
        Some(b'f' | b'c' | b'u') => {
            ATTEMPTS.begin(text) && (has_reason(text) || system_errors::is_at_end(text))
        }
        Some(b'a') => text.starts_with(b"abort: "),
        // `Error initializing storage of type raft: x`
        Some(b'E') => is_error_of_action(text) && has(needle!(b": ")).is_some(),
        Some(b'A') => text.starts_with(b"AppArmor parser error"),
        _ => false,
    };
    is_failure.then(|| unless_ignored(text))
}

/// Whether a reason that is no number follows what failed: `Could not connect to x: Connection refused`.
fn has_reason(text: &[u8]) -> bool {
    let reason = words::find(text, needle!(b": ")).and_then(|at| text.get(at + 2..)?.first());
    reason.is_some_and(|byte| !byte.is_ascii_digit())
}

/// Docker fetches an image that it has not: `Unable to find image 'x:latest' locally`.
fn is_missing_image(text: &[u8]) -> bool {
    text.starts_with(b"Unable to find image '") && text.ends_with(b"' locally")
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
            || said.ends_with(b", ignoring")
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
