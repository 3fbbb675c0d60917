//! Forms of clients of servers and clusters, of linters, and of what runs commands. [`forms`](super::forms) lists them.

use crate::collect::recognise::words::{self, Needle, Starts, is_number, needle, split_once};
use crate::record::Level;

/// ESLint and stylelint: `  3:5  error  'x' is not defined  no-undef`, and the cross before `3 problems (1 error, 2 warnings)`.
pub(super) fn linter(text: &[u8]) -> Option<Level> {
    // BuildKit: `1 warning found (use docker --debug to expand):`
    let is_counted = text.first().is_some_and(u8::is_ascii_digit);
    if is_counted && words::contains(text, needle!(b" found (use docker --debug")) {
        return Some(Level::Warn);
    }
    if let Some(rest) = text.strip_prefix("\u{2716} ".as_bytes()) {
        let has_problems = words::find(rest, needle!(b" problem")).is_some_and(|at| at < 8)
            && !rest.starts_with(b"0 ");
        let has_errors = words::find(rest, needle!(b"(0 errors")).is_none();
        let level = if has_errors {
            Level::Error
        } else {
            Level::Warn
        };
        return has_problems.then_some(level);
    }
    let mut words = text
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty());
    let (line, column) = split_once(words.next()?, b':')?;
    let word = words
        .next()
        .filter(|_| is_number(line) && is_number(column))?;
    match word {
        b"error" => Some(Level::Error),
        b"warning" => Some(Level::Warn),
        _ => None,
    }
}

/// kubectl, kubeadm, Docker: `Error from server (NotFound): x`, `The connection to the server x was refused`, `error execution phase x`,
/// `error during connect: x`.
pub(super) fn client(text: &[u8]) -> Option<Level> {
    static STARTS: Starts = Starts::new(&[
        b"Error from server",
        b"error execution phase ",
        b"error during connect: ",
        b"error building image: ",
        b"Unable to connect to the server: ",
        b"OCI runtime ",
        b"An error occurred (",
        b"failed to start daemon: ",
        b"Error starting daemon: ",
        b"dependency failed to start: ",
        b"unauthorized: ",
        b"denied: ",
        b"Repository not found.",
        b"NVIDIA-SMI has failed because ",
        b"DAMN ! worker ",
        b"Exiting the SSSD. ",
        b"LibClamAV Error: ",
        b"Options error: ",
        b"error in /",
        b"fatal error in /",
    ]);
    let is_failure = match text.first() {
        Some(b'T') => {
            text.starts_with(b"The connection to the server ")
                && words::contains(text, needle!(b" was refused"))
                || text.starts_with(b"The ") && words::contains(text, needle!(b"\" is invalid: "))
        }
        // GitHub, after `remote: `
        Some(b'P') => {
            text.starts_with(b"Permission to ") && words::contains(text, needle!(b" denied to "))
        }
        _ => STARTS.begin(text),
    };
    is_failure.then_some(Level::Error)
}

/// `HAProxy`: `backend app has no server available!`.
pub(super) fn no_server(text: &[u8]) -> Option<Level> {
    text.ends_with(b" has no server available!")
        .then_some(Level::Error)
}

/// `HAProxy`: `Server app/web1 is DOWN, reason: Layer4 connection problem`.
pub(super) fn server_down(text: &[u8]) -> Option<Level> {
    let is_down =
        text.starts_with(b"Server ") && words::contains(text, needle!(b" is DOWN, reason: "));
    is_down.then_some(Level::Warn)
}

/// OpenSSL: `4047F2B1D57F0000:error:0A000086:SSL routines:tls_post_process:certificate verify failed:a.c:1889:`.
pub(super) fn openssl(text: &[u8]) -> Option<Level> {
    let (thread, rest) = split_once(text, b':')?;
    let is_thread = thread.len() >= 8 && thread.iter().all(u8::is_ascii_hexdigit);
    (is_thread && rest.starts_with(b"error:")).then_some(Level::Error)
}

/// Runners of commands: `postCreateCommand failed with exit code 1.`, `[12 ms] postCreateCommand failed with exit code 127. Skipping any
/// further user-provided commands.`, `web-1 exited with code 1`, `The command "npm test" exited with 1.`. Prose says more before it.
pub(super) fn exit_code(text: &[u8]) -> Option<Level> {
    const WORDS_MAX: usize = 6;
    const MARKS: [Needle<'_>; 3] = [
        Needle::new(b" exit status "),
        Needle::new(b" failed with exit code "),
        Needle::new(b" exited with "),
    ];
    // part of each mark, and in few other lines
    words::find(text, needle!(b" exit"))?;
    let (at, length) = MARKS
        .iter()
        .find_map(|mark| Some((mark.find(text)?, mark.length())))?;
    let code = text.get(at + length..)?;
    let code = code.strip_prefix(b"code ").unwrap_or(code);
    let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_ended = code
        .get(digits)
        .is_none_or(|byte| matches!(byte, b'.' | b',' | b':' | b';' | b')'));
    let words = text.get(..at)?.split(|&byte| byte == b' ');
    let is_failure =
        digits > 0 && code.first() != Some(&b'0') && is_ended && words.count() <= WORDS_MAX;
    is_failure.then_some(Level::Error)
}

/// A shell about a command of a script: `/bin/bash: line 1: 12345 Killed                  node build.js`.
pub(super) fn killed_job(text: &[u8]) -> Option<Level> {
    static STATES: Starts = Starts::new(&[
        b"Killed ",
        b"Aborted ",
        b"Segmentation fault ",
        b"Bus error ",
    ]);
    let at = words::find(text, needle!(b": line "))?;
    let (line, job) = split_once(text.get(at + 7..)?, b':')?;
    let (process, state) = split_once(job.trim_ascii_start(), b' ')?;
    let is_job = is_number(line) && is_number(process);
    (is_job && STATES.begin(state.trim_ascii_start())).then_some(Level::Error)
}

/// `kubectl get events` and `describe`: `Warning  FailedScheduling  12s  x`, `12s   Warning   BackOff   pod/web  x`.
pub(super) fn event(text: &[u8]) -> Option<Level> {
    let is_gap = |text: &[u8]| {
        text.starts_with(b"  ")
            && text
                .trim_ascii_start()
                .first()
                .is_some_and(u8::is_ascii_uppercase)
    };
    let of = |text: &[u8]| text.strip_prefix(b"Warning").is_some_and(is_gap);
    let after_age = split_once(text, b' ').filter(|(age, _)| {
        let units = [b's', b'm', b'h', b'd'];
        age.first().is_some_and(u8::is_ascii_digit)
            && age.last().is_some_and(|unit| units.contains(unit))
    });
    let is_event = of(text) || after_age.is_some_and(|(_, rest)| of(rest.trim_ascii_start()));
    is_event.then_some(Level::Warn)
}

/// `docker compose`: ` Container db-1  Error`.
pub(super) fn compose_status(text: &[u8]) -> Option<Level> {
    let rest = text.strip_prefix(b"Container ")?;
    let name = rest.trim_ascii_end().strip_suffix(b"Error")?;
    (name.ends_with(b" ") && !name.trim_ascii().contains(&b' ')).then_some(Level::Error)
}

/// snapd in the journal: `taskrunner.go:271: [change 12 "Run hook" task] failed: x`, `stateengine.go:149: state ensure error: x`.
pub(super) fn snapd(text: &[u8]) -> Option<Level> {
    let (tag, rest) = split_once(text, b' ')?;
    let tag = tag.strip_suffix(b":")?;
    let at = words::find(tag, needle!(b".go:"))?;
    let is_failure = || {
        words::contains(rest, needle!(b"] failed: ")) || words::contains(rest, needle!(b" error: "))
    };
    (tag.get(at + 4..).is_some_and(is_number) && is_failure()).then_some(Level::Error)
}

/// The recap of Ansible: `web1 : ok=3 changed=1 unreachable=0 failed=1 ...`.
pub(super) fn ansible(text: &[u8]) -> Option<Level> {
    let count = |name: Needle<'_>| {
        let at = name.find(text)?;
        let digits = text.get(at + name.length()..)?;
        let end = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        digits.get(..end).filter(|digits| is_number(digits))
    };
    let (unreachable, failed) = (
        count(needle!(b" unreachable="))?,
        count(needle!(b" failed="))?,
    );
    let is_recap = words::contains(text, needle!(b" : ok="));
    (is_recap && (unreachable != b"0" || failed != b"0")).then_some(Level::Error)
}
