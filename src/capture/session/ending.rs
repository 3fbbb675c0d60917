//! How a run ended, as text, exit code and signal.

use crate::capture::log::ExitFailure;
use std::io;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(i32),
    /// It was killed by this signal.
    Killed(i32),
    /// It could not be started.
    NotStarted {
        /// The exit code of a shell in this case.
        code: i32,
        /// Why.
        why: String,
    },
    /// The input ended: the run recorded standard input, not a command.
    EndOfInput,
}

impl Ending {
    pub(crate) fn no_thread(error: &io::Error) -> Self {
        Self::NotStarted {
            code: 126,
            why: format!("its output cannot be read: {error}"),
        }
    }

    pub(crate) fn no_terminal(error: &io::Error) -> Self {
        Self::NotStarted {
            code: 126,
            why: format!("there is no terminal for it: {error}"),
        }
    }

    /// The ending as text: `exit code 3`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Exited(code) => format!("exit code {code}"),
            Self::Killed(signal) => format!("killed by {}", signal_name(*signal)),
            Self::NotStarted { why, .. } => why.clone(),
            Self::EndOfInput => "end of input".to_owned(),
        }
    }

    /// The exit code; `None` if a signal ended the command.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Exited(code) | Self::NotStarted { code, .. } => Some(*code),
            Self::Killed(_) | Self::EndOfInput => None,
        }
    }

    /// The name of the signal that ended the command, such as `SIGKILL`.
    #[must_use]
    pub fn signal(&self) -> Option<String> {
        match self {
            Self::Killed(signal) => Some(signal_name(*signal)),
            _ => None,
        }
    }

    /// Why the command could not be started.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::NotStarted { why, .. } => Some(why.clone()),
            _ => None,
        }
    }

    pub(super) fn failure(&self) -> Option<ExitFailure> {
        match self {
            Self::EndOfInput | Self::Exited(0) => None,
            Self::Exited(code) | Self::NotStarted { code, .. } => Some(ExitFailure::Code(*code)),
            Self::Killed(_) => Some(ExitFailure::Signal),
        }
    }
}

/// The name of a signal, as in signal(7).
fn signal_name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let index = usize::try_from(signal - 1).ok();
    match index.and_then(|index| NAMES.get(index)) {
        Some(name) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGWINCH;

    #[test]
    fn endings_have_words() {
        for (ending, words) in [
            (Ending::Exited(2), "exit code 2"),
            (Ending::Killed(9), "killed by SIGKILL"),
            (Ending::EndOfInput, "end of input"),
            (
                Ending::NotStarted {
                    code: 127,
                    why: "command not found".to_owned(),
                },
                "command not found",
            ),
        ] {
            assert_eq!(ending.words(), words);
        }
    }

    #[test]
    fn signals_have_the_names_of_the_manual() {
        for (number, name) in [
            (1, "SIGHUP"),
            (9, "SIGKILL"),
            (11, "SIGSEGV"),
            (15, "SIGTERM"),
            (31, "SIGSYS"),
            (40, "signal 40"),
            (0, "signal 0"),
        ] {
            assert_eq!(signal_name(number), name);
        }
        assert_eq!(signal_name(SIGWINCH), "SIGWINCH");
    }
}
