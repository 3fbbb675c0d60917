//! Runs a command as it would run without vmlog: its input, signals, process group and exit code are unchanged, and
//! its output goes to vmlog's own standard output and error.
//!
//! A run is sequential: open the streams, start the recording and the command, wait for its end, drain the streams,
//! finish the recording.

mod pty;
mod pump;
mod quote;
mod signals;
mod streams;

use super::log::{Category, Keep, RunId, Stream};
use super::session::{Ending, Feed, LogSink, OpenFeed, Recording, RecordingOptions, RunFacts};
pub use pty::become_on_terminal;
use pty::{resize, type_on};
pub use pump::pass_standard_input;
use quote::command_line;
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use signals::{ProcessGroup, Relay, SignalTarget};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Child, ExitStatus};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};
use streams::{CommandSide, Streams};

/// A command to run.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program; searched for in `PATH` unless it has a `/`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// How much of it is captured.
    pub keep: Keep,
    /// The start of a command line that runs this program again to call [`become_on_terminal`] with the words that
    /// follow. A second process is needed because a process can only acquire a controlling terminal for itself.
    pub launcher: Vec<OsString>,
}

/// How a command ended.
#[derive(Debug)]
pub struct CommandEnd {
    /// The exit code: the command's own, or 128 plus the number of the signal that ended it; 127 if the command does
    /// not exist, 126 if it cannot be run.
    pub code: u8,
    /// How it ended.
    pub ending: Ending,
    /// How long it ran.
    pub took: Duration,
    /// What kind of failure it was, if it failed and was captured.
    pub category: Option<Category>,
    /// Why it could not be started.
    pub trouble: Option<String>,
    /// The captured run, if any.
    pub run_id: Option<RunId>,
    /// Streams that background processes of the command still write to. Closing them would end these processes, so
    /// the caller should keep passing their output on.
    pub left_open: Vec<(Stream, OwnedFd)>,
}

impl Command {
    /// The command and its arguments as a shell would read them.
    #[must_use]
    pub fn line(&self) -> String {
        let words: Vec<OsString> = std::iter::once(&self.program)
            .chain(&self.arguments)
            .cloned()
            .collect();
        command_line(&words)
    }

    /// Runs the command to its end. With `options` its output is captured; without them it only runs.
    #[must_use]
    pub fn run(&self, options: Option<&RecordingOptions>, facts: RunFacts) -> CommandEnd {
        self.run_recorded(options, facts, None)
    }

    /// The same, and delivers the output to `sink` as it is recorded: of both streams, also of one that
    /// [`Command::keep`] excludes from the log. Without `options` nothing can be redacted, so the sink receives no line;
    /// one that takes the place of the output receives the amount as a gap.
    #[must_use]
    pub fn run_with_sink(
        &self,
        options: Option<&RecordingOptions>,
        facts: RunFacts,
        sink: LogSink<'_>,
    ) -> CommandEnd {
        thread::scope(|scope| match Feed::start(scope, sink) {
            Ok(feed) => self.run_recorded(options, facts, Some(&feed)),
            Err(error) => CommandEnd::new(Ending::no_thread(&error)),
        })
    }

    fn run_recorded(
        &self,
        options: Option<&RecordingOptions>,
        facts: RunFacts,
        feed: Option<&OpenFeed>,
    ) -> CommandEnd {
        // Without a relay, signals end vmlog instead of the command, which is better than not running it.
        let relay = Relay::install().ok();
        let feed = feed.map(OpenFeed::feed);
        let recording = Recording::new(options, facts, self.keep, feed);
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let mut end = thread::scope(|scope| {
            let to = [stdout.as_fd(), stderr.as_fd()];
            match self.streams(scope, to, &recording) {
                Ok((streams, side)) => self.run_on(streams, side, relay, &recording),
                Err(ending) => CommandEnd::new(ending),
            }
        });
        recording.with(|session| {
            end.run_id = Some(session.id());
            end.category = session.end(&end.ending);
        });
        end
    }

    /// The streams of the command. If no thread can be created, it runs without capture, unless its output must not
    /// be passed on.
    fn streams<'scope, 'env: 'scope>(
        &self,
        scope: &'scope Scope<'scope, 'env>,
        to: [BorrowedFd<'scope>; 2],
        recording: &'scope Recording<'_>,
    ) -> Result<(Streams<'scope>, CommandSide), Ending> {
        let [stdout, _] = to;
        if self.keep == Keep::Terminal {
            let opened = Streams::terminal(scope, stdout, recording);
            return opened.map_err(|error| Ending::no_terminal(&error));
        }
        match Streams::pipes(scope, to, recording) {
            Err(error) if recording.takes_output() => Err(Ending::no_thread(&error)),
            opened => Ok(opened.unwrap_or_else(|_| Streams::inherited())),
        }
    }

    /// Starts the command on its streams, waits for its end and drains the streams.
    fn run_on(
        &self,
        streams: Streams<'_>,
        side: CommandSide,
        relay: Option<Relay>,
        recording: &Recording<'_>,
    ) -> CommandEnd {
        let begun = Instant::now();
        let pid = |spawned: &io::Result<Child>| spawned.as_ref().ok().map(Child::id);
        let spawned = recording.start(|| self.spawn(&side), pid);
        // The command has its own copies; with these open, the streams would never end.
        drop(side);
        let ending = match spawned {
            Ok(child) => wait_for(child, relay, streams.own_terminal()),
            Err(error) => not_started(&self.program, &error),
        };
        let took = begun.elapsed();
        recording.with(|session| session.over(took));
        CommandEnd {
            took,
            left_open: streams.finish(),
            ..CommandEnd::new(ending)
        }
    }

    fn spawn(&self, side: &CommandSide) -> io::Result<Child> {
        match side {
            CommandSide::Terminal(_) => self.spawn_on_terminal(side),
            CommandSide::Inherited | CommandSide::Pipes { .. } => self.spawn_directly(side),
        }
    }

    fn spawn_on_terminal(&self, side: &CommandSide) -> io::Result<Child> {
        let (first, rest) = self.launcher.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut command = process::Command::new(first);
        command.args(rest).arg(&self.program).args(&self.arguments);
        side.connect(&mut command)?;
        // If the launcher is missing, the error must not look as if the command were missing.
        let failed = |error| io::Error::other(format!("cannot start it on a terminal: {error}"));
        command.spawn().map_err(failed)
    }

    /// Starts a command. A script without `#!` is run by the shell, as `execvp` and every shell do.
    fn spawn_directly(&self, side: &CommandSide) -> io::Result<Child> {
        let mut command = process::Command::new(&self.program);
        side.connect(&mut command)?;
        match command.args(&self.arguments).spawn() {
            Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
                let mut shell = process::Command::new("/bin/sh");
                side.connect(&mut shell)?;
                shell.arg(&self.program).args(&self.arguments).spawn()
            }
            spawned => spawned,
        }
    }
}

impl CommandEnd {
    fn new(ending: Ending) -> Self {
        let (code, trouble) = exit_code(&ending);
        Self {
            code,
            ending,
            took: Duration::ZERO,
            category: None,
            trouble,
            run_id: None,
            left_open: Vec::new(),
        }
    }
}

/// Waits for the end of the command and relays signals meanwhile. If the command has a terminal of its own, also
/// forwards input and the terminal size.
fn wait_for(mut child: Child, relay: Option<Relay>, terminal: Option<&OwnedFd>) -> Ending {
    let group = match terminal {
        Some(_) => ProcessGroup::Own,
        None => ProcessGroup::Ours,
    };
    if let Some(terminal) = terminal {
        // Without a keyboard the command's output can still be watched.
        let _ = type_on(terminal);
    }
    let target = SignalTarget::new(child.id());
    let resized = terminal.and_then(|terminal| terminal.try_clone().ok());
    let on_resize = move || resized.iter().for_each(resize);
    let handle = relay.and_then(|relay| relay.pass_on(target.clone(), group, on_resize).ok());
    await_end(child.id());
    target.forget();
    let ending = match child.wait() {
        Ok(status) => ending_of(status),
        Err(error) => Ending::NotStarted {
            code: 1,
            why: format!("cannot wait for it: {error}"),
        },
    };
    drop(handle);
    ending
}

/// Returns when the process has ended; its process ID stays reserved until it is waited for.
fn await_end(pid: u32) {
    let Some(pid) = pid.try_into().ok().and_then(Pid::from_raw) else {
        return;
    };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
}

fn ending_of(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Killed(signal),
        (None, None) => Ending::Exited(1),
    }
}

/// The exit code and message of a shell when `program` could not be started.
#[must_use]
pub fn exit_code_of(program: &OsStr, error: &io::Error) -> (u8, String) {
    let (code, why) = exit_code(&not_started(program, error));
    (code, why.unwrap_or_default())
}

/// What could not be started, with the exit codes of POSIX shells.
fn not_started(program: &OsStr, error: &io::Error) -> Ending {
    let has_slash = program.as_encoded_bytes().contains(&b'/');
    let (code, why) = match error.kind() {
        io::ErrorKind::NotFound if !has_slash => (127, "command not found".to_owned()),
        io::ErrorKind::NotFound => (127, "no such file or directory".to_owned()),
        io::ErrorKind::PermissionDenied => (126, "permission denied".to_owned()),
        _ => (126, error.to_string()),
    };
    Ending::NotStarted { code, why }
}

/// The exit code for an ending, and the reason if the command has none of its own.
fn exit_code(ending: &Ending) -> (u8, Option<String>) {
    let code = match ending {
        Ending::Exited(code) | Ending::NotStarted { code, .. } => *code,
        Ending::Killed(signal) => 128 + signal,
        Ending::EndOfInput => 0,
    };
    (u8::try_from(code).unwrap_or(u8::MAX), ending.why())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_a_shell() {
        assert_eq!(exit_code(&Ending::Exited(7)), (7, None));
        assert_eq!(exit_code(&Ending::Killed(9)), (137, None));
        let error = |kind, program: &str| {
            exit_code(&not_started(OsStr::new(program), &io::Error::from(kind)))
        };
        let why = |why: &str| Some(why.to_owned());
        let missing = io::ErrorKind::NotFound;
        assert_eq!(error(missing, "nope"), (127, why("command not found")));
        assert_eq!(
            error(missing, "./nope"),
            (127, why("no such file or directory"))
        );
        let denied = io::ErrorKind::PermissionDenied;
        assert_eq!(error(denied, "/etc"), (126, why("permission denied")));
    }

    #[test]
    fn a_command_reads_as_a_shell_would_read_it() {
        let command = Command {
            program: "sh".into(),
            arguments: vec!["-c".into(), "exit 1".into()],
            keep: Keep::Output,
            launcher: Vec::new(),
        };
        assert_eq!(command.line(), "sh -c 'exit 1'");
    }
}
