//! Where the output of a command goes: directly to our streams, through pipes, or through a terminal.

use super::pty::{Keyboard, Terminal};
use super::pump::Pump;
use crate::capture::log::Stream;
use crate::capture::session::Recording;
use std::io::{self, PipeWriter};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::thread::{self, Scope, ScopedJoinHandle};

/// The streams that a command writes to, created before it starts and closed after it has ended.
pub(super) enum Streams<'scope> {
    /// The command inherits our streams.
    Inherited,
    /// Each stream that is not inherited is a pipe that a thread empties.
    Pipes(Vec<Passage<'scope>>),
    /// Both streams are one terminal, which receives our standard input.
    Terminal {
        screen: Passage<'scope>,
        keyboard: Option<Keyboard>,
        /// Our side of the terminal.
        ours: OwnedFd,
    },
}

/// The ends that the command inherits. They must be closed here once it runs, or its streams would never end.
#[derive(Debug)]
pub(super) enum CommandSide {
    Inherited,
    Pipes {
        stdout: Option<PipeWriter>,
        stderr: Option<PipeWriter>,
    },
    Terminal(OwnedFd),
}

/// The thread that passes one stream on.
pub(super) struct Passage<'scope> {
    stream: Stream,
    thread: ScopedJoinHandle<'scope, Option<OwnedFd>>,
    /// Dropping it tells the thread that the command has ended.
    command_runs: PipeWriter,
}

impl<'scope> Streams<'scope> {
    /// The streams that the command inherits.
    pub(super) fn inherited() -> (Self, CommandSide) {
        (Self::Inherited, CommandSide::Inherited)
    }

    /// A pipe for each stream that is recorded or that a sink needs; the others are inherited. The threads are created
    /// before the command, so that it never waits for them.
    ///
    /// # Errors
    /// There are no descriptors or threads left.
    pub(super) fn pipes<'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        to: [BorrowedFd<'scope>; 2],
        recording: &'scope Recording<'_>,
    ) -> io::Result<(Self, CommandSide)> {
        let mut passages = Vec::new();
        let mut open = |to, stream| {
            if !recording.needs(stream) {
                return Ok::<_, io::Error>(None);
            }
            let (from, theirs) = io::pipe()?;
            passages.push(Passage::open(scope, from.into(), to, stream, recording)?);
            Ok(Some(theirs))
        };
        let [stdout, stderr] = to;
        let command = CommandSide::Pipes {
            stdout: open(stdout, Stream::Stdout)?,
            stderr: open(stderr, Stream::Stderr)?,
        };
        Ok((Self::Pipes(passages), command))
    }

    /// A terminal for the command.
    ///
    /// # Errors
    /// There is no terminal to be had.
    pub(super) fn terminal<'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        stdout: BorrowedFd<'scope>,
        recording: &'scope Recording<'_>,
    ) -> io::Result<(Self, CommandSide)> {
        let Terminal { ours, theirs } = Terminal::open()?;
        let screen = ours.try_clone()?;
        let streams = Self::Terminal {
            screen: Passage::open(scope, screen, stdout, Stream::Output, recording)?,
            keyboard: Keyboard::lend(),
            ours,
        };
        Ok((streams, CommandSide::Terminal(theirs)))
    }

    /// Our side of the command's terminal, if it has one of its own.
    pub(super) fn own_terminal(&self) -> Option<&OwnedFd> {
        match self {
            Self::Terminal { ours, .. } => Some(ours),
            Self::Inherited | Self::Pipes(_) => None,
        }
    }

    /// Called when the command has ended: passes on what it wrote before, and returns the streams that its background
    /// processes still hold open.
    pub(super) fn finish(self) -> Vec<(Stream, OwnedFd)> {
        match self {
            Self::Inherited => vec![],
            Self::Pipes(passages) => Passage::finish_all(passages),
            Self::Terminal {
                screen, keyboard, ..
            } => {
                // A terminal hangs up with its command, so it does not stay open.
                Passage::finish_all(vec![screen]);
                drop(keyboard);
                vec![]
            }
        }
    }
}

impl<'scope> Passage<'scope> {
    fn open<'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        from: OwnedFd,
        to: BorrowedFd<'scope>,
        stream: Stream,
        recording: &'scope Recording<'_>,
    ) -> io::Result<Self> {
        let (command_ended, command_runs) = io::pipe()?;
        let to = (!recording.takes_output()).then_some(to);
        let pump = Pump::new(from, to, stream, Some(command_ended));
        let thread = thread::Builder::new()
            .name(stream.to_string())
            .spawn_scoped(scope, move || pump.run(recording))?;
        Ok(Self {
            stream,
            thread,
            command_runs,
        })
    }

    /// Notifies every thread of the end first, so that they wait for the last output in parallel.
    fn finish_all(passages: Vec<Self>) -> Vec<(Stream, OwnedFd)> {
        let threads = passages.into_iter().map(|passage| {
            drop(passage.command_runs);
            (passage.stream, passage.thread)
        });
        let threads: Vec<_> = threads.collect();
        let left_open = threads.into_iter().filter_map(|(stream, thread)| {
            let open = thread.join().ok().flatten();
            open.map(|open| (stream, open))
        });
        left_open.collect()
    }
}

impl CommandSide {
    /// The streams of a child process: standard input, output and error.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub(super) fn connect(&self, command: &mut std::process::Command) -> io::Result<()> {
        match self {
            Self::Inherited => {}
            Self::Pipes { stdout, stderr } => {
                if let Some(stdout) = stdout {
                    command.stdout(stdout.try_clone()?);
                }
                if let Some(stderr) = stderr {
                    command.stderr(stderr.try_clone()?);
                }
            }
            Self::Terminal(terminal) => {
                command
                    .stdin(terminal.try_clone()?)
                    .stdout(terminal.try_clone()?)
                    .stderr(terminal.try_clone()?);
            }
        }
        Ok(())
    }
}
