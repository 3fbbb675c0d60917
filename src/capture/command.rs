//! Runs a command as it would run without us: its input, its signals, its process group and its exit code are its own, and
//! its output goes where ours goes.

use super::entry::Stream;
use super::pty::{Keyboard, Terminal, resize, type_on};
use super::pump::Pump;
use super::quote::command_line;
use super::run_id::RunId;
use super::session::{Ending, Facts, Kept, Options, Session};
use super::signals::{Group, Relay, Target};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::ffi::{OsStr, OsString};
use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Child, ExitStatus};
use std::thread::{self, Scope, ScopedJoinHandle};

/// A command to be run.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program; looked for in `PATH` when it has no `/`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What is kept of it.
    pub keep: Keep,
    /// The beginning of a command line that starts us again, to run [`become_on_terminal`](super::become_on_terminal) with
    /// the words behind it: a process must itself take the terminal that it is to have.
    pub launcher: Vec<OsString>,
}

/// What is kept of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Start, output and end.
    Output,
    /// The same, on a terminal of its own, where both streams are one.
    Terminal,
    /// Start and end; its output is not touched.
    StartAndEnd,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code: the command's own; 128 and the number of the signal that ended it; 127 when there is no such command,
    /// 126 when it cannot be run.
    pub code: u8,
    /// Why it could not be started.
    pub trouble: Option<String>,
    /// The run that is kept of it.
    pub run_id: Option<RunId>,
    /// The ends of streams that processes which it left behind still write to. Closed, they would end these processes;
    /// somebody should go on passing them on.
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

    /// Runs it to its end. `options` say where it is kept; without them it is only run.
    #[must_use]
    pub fn run(&self, options: Option<&Options>, facts: Facts) -> Ended {
        // without a relay, signals end us and not the command: rather that than not running it
        let relay = Relay::install().ok();
        let kept = Kept::new(options, facts);
        let mut left_open = Vec::new();
        let ending = match self.keep {
            Keep::Output if kept.is_wanted() => self.run_with_pipes(relay, &kept, &mut left_open),
            Keep::Terminal => self.run_on_terminal(relay, &kept),
            Keep::Output | Keep::StartAndEnd => self.run_untouched(relay, &kept),
        };
        let mut run_id = None;
        kept.with(|session| {
            run_id = Some(session.id());
            session.end(&ending);
        });
        let (code, trouble) = told(ending);
        Ended {
            code,
            trouble,
            run_id,
            left_open,
        }
    }

    /// The threads that pass output on are there before the command is: it never waits for them, and where they cannot be
    /// made it runs without.
    fn run_with_pipes(
        &self,
        relay: Option<Relay>,
        kept: &Kept<'_>,
        left_open: &mut Vec<(Stream, OwnedFd)>,
    ) -> Ending {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        thread::scope(|scope| {
            let out = Passage::open(scope, Stream::Stdout, stdout.as_fd(), kept);
            let err = Passage::open(scope, Stream::Stderr, stderr.as_fd(), kept);
            let (Ok(out), Ok(err)) = (out, err) else {
                return self.run_untouched(relay, kept);
            };
            let ends = [out.entrance, err.entrance];
            let spawn = |ends: &[PipeWriter; 2]| self.spawn(Some(ends));
            let ending = self.run_with(kept, ends, spawn, |child| wait_for(child, relay, None));
            drop((out.goes_on, err.goes_on));
            for (stream, thread) in [(Stream::Stdout, out.thread), (Stream::Stderr, err.thread)] {
                let open = thread.join().ok().flatten();
                left_open.extend(open.map(|open| (stream, open)));
            }
            ending
        })
    }

    fn run_untouched(&self, relay: Option<Relay>, kept: &Kept<'_>) -> Ending {
        let spawn = |(): &()| self.spawn(None);
        self.run_with(kept, (), spawn, |child| wait_for(child, relay, None))
    }

    /// The same on a terminal of its own, typed on by our standard input.
    fn run_on_terminal(&self, relay: Option<Relay>, kept: &Kept<'_>) -> Ending {
        let opened = Terminal::open().and_then(|terminal| Ok((terminal, io::pipe()?)));
        let (Terminal { ours, theirs }, (ended, goes_on)) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ending::no_terminal(&error),
        };
        let screen = match ours.try_clone() {
            Ok(screen) => screen,
            Err(error) => return Ending::no_terminal(&error),
        };
        let keyboard = Keyboard::lend();
        let stdout = io::stdout();
        let pump = Pump::new(screen, stdout.as_fd(), Stream::Output, Some(ended));
        let ending = thread::scope(|scope| {
            let thread = scope.spawn(|| pump.run(kept));
            let spawn = |theirs: &OwnedFd| self.spawn_on(theirs);
            let ending = self.run_with(kept, theirs, spawn, |child| {
                // without a keyboard it can still be seen
                let _ = type_on(&ours);
                wait_for(child, relay, Some(ours))
            });
            drop(goes_on);
            let _hung_up = thread.join();
            ending
        });
        drop(keyboard);
        ending
    }

    fn spawn_on(&self, terminal: &OwnedFd) -> io::Result<Child> {
        let (first, rest) = self.launcher.split_first().ok_or(io::ErrorKind::NotFound)?;
        process::Command::new(first)
            .args(rest)
            .arg(&self.program)
            .args(&self.arguments)
            .stdin(terminal.try_clone()?)
            .stdout(terminal.try_clone()?)
            .stderr(terminal.try_clone()?)
            .spawn()
            // it is we who were not found, and not the command
            .map_err(|error| io::Error::other(format!("no terminal for it: {error}")))
    }

    /// Starts it with `ends`, the ends of streams that are then its own alone, and waits for its end.
    fn run_with<E>(
        &self,
        kept: &Kept<'_>,
        ends: E,
        spawn: impl FnOnce(&E) -> io::Result<Child>,
        wait: impl FnOnce(Child) -> Ending,
    ) -> Ending {
        let pid = |spawned: &io::Result<Child>| spawned.as_ref().ok().map(Child::id);
        let spawned = kept.start(|| spawn(&ends), pid);
        // or the streams would never end
        drop(ends);
        let ending = match spawned {
            Ok(child) => wait(child),
            Err(error) => not_started(&self.program, &error),
        };
        kept.with(Session::over);
        ending
    }

    /// A script without `#!` is run by the shell, as `execvp` and every shell do.
    fn spawn(&self, outputs: Option<&[PipeWriter; 2]>) -> io::Result<Child> {
        let prepared = |program: &OsStr| -> io::Result<process::Command> {
            let mut command = process::Command::new(program);
            if let Some([stdout, stderr]) = outputs {
                command
                    .stdout(stdout.try_clone()?)
                    .stderr(stderr.try_clone()?);
            }
            Ok(command)
        };
        match prepared(&self.program)?.args(&self.arguments).spawn() {
            Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
                let mut shell = prepared(OsStr::new("/bin/sh"))?;
                shell.arg(&self.program).args(&self.arguments).spawn()
            }
            spawned => spawned,
        }
    }
}

/// A pipe on which one stream comes from the command, and the thread that empties it.
struct Passage<'scope> {
    entrance: PipeWriter,
    /// Dropped when the command has ended.
    goes_on: PipeWriter,
    thread: ScopedJoinHandle<'scope, Option<OwnedFd>>,
}

impl<'scope> Passage<'scope> {
    fn open(
        scope: &'scope Scope<'scope, '_>,
        stream: Stream,
        to: BorrowedFd<'scope>,
        kept: &'scope Kept<'_>,
    ) -> io::Result<Self> {
        let (from, entrance) = io::pipe()?;
        let (ended, goes_on) = io::pipe()?;
        let pump = Pump::new(from.into(), to, stream, Some(ended));
        let builder = thread::Builder::new().name(stream.to_string());
        Ok(Self {
            entrance,
            goes_on,
            thread: builder.spawn_scoped(scope, move || pump.run(kept))?,
        })
    }
}

/// Waits for its end and passes signals on meanwhile; where it has a terminal of its own, also that ours has another size.
fn wait_for(mut child: Child, relay: Option<Relay>, terminal: Option<OwnedFd>) -> Ending {
    let target = Target::new(child.id());
    let group = if terminal.is_some() {
        Group::Own
    } else {
        Group::Ours
    };
    let on_resize = move || terminal.iter().for_each(resize);
    let handle = relay.and_then(|relay| relay.pass_on(target.clone(), group, on_resize).ok());
    await_end(child.id());
    target.forget();
    let ending = match child.wait() {
        Ok(status) => ending_of(status),
        Err(error) => Ending::NotStarted {
            code: 1,
            why: format!("it could not be waited for: {error}"),
        },
    };
    drop(handle);
    ending
}

/// Returns when the process has ended; its number stays taken until it is waited for.
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

/// What a shell exits with when `program` could not be started, and what it says.
#[must_use]
pub fn exit_code_of(program: &OsStr, error: &io::Error) -> (u8, String) {
    let (code, why) = told(not_started(program, error));
    (code, why.unwrap_or_default())
}

/// The codes are those of POSIX shells.
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

/// The exit code for an ending, and why there was none of its own.
fn told(ending: Ending) -> (u8, Option<String>) {
    let (code, trouble) = match ending {
        Ending::Exited(code) => (code, None),
        Ending::Killed(signal) => (128 + signal, None),
        Ending::NotStarted { code, why } => (code, Some(why)),
        Ending::EndOfInput => (0, None),
    };
    (u8::try_from(code).unwrap_or(u8::MAX), trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_a_shell() {
        assert_eq!(told(Ending::Exited(7)), (7, None));
        assert_eq!(told(Ending::Killed(9)), (137, None));
        let error =
            |kind, program: &str| told(not_started(OsStr::new(program), &io::Error::from(kind)));
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
