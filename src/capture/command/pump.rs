//! Passes one stream on, byte for byte and at once, and keeps a copy.

use super::signals::survive_file_limits;
use crate::capture::log::Stream;
use crate::capture::session::{Ending, QUIET_AFTER, Recording, RecordingOptions, RunFacts};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, read, write};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGQUIT};
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes read at a time: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;

/// How long a stream that others keep open may be silent after the command has ended and all that was written by then has been
/// passed on, and how long it is listened to at all: for the last words of the command's helpers (`> >(tee log)`).
const LINGER_QUIET: Duration = Duration::from_millis(100);
const LINGER_MAX: Duration = Duration::from_secs(1);

/// One stream, on its way from the command to where our own goes.
#[derive(Debug)]
pub(crate) struct Pump<'a> {
    from: OwnedFd,
    to: BorrowedFd<'a>,
    stream: Stream,
    /// Closed at its other end when the command has ended.
    ended: Option<PipeReader>,
    /// Whether output was passed on: the recording may not be ready before, and must not be waited for.
    has_begun: bool,
    after: StreamPhase,
}

/// The phase of a stream that may outlive its command.
#[derive(Debug, Clone, Copy)]
enum StreamPhase {
    /// The command is there.
    Not,
    /// It has ended; as many bytes were written until then and are still to be passed on.
    Owing(u64),
    /// Only what others write comes now, and it is listened to until then.
    Lingering(Instant),
}

/// What is to be done next.
enum PumpStep {
    Read,
    Quiet,
    Leave,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(
        from: OwnedFd,
        to: BorrowedFd<'a>,
        stream: Stream,
        ended: Option<PipeReader>,
    ) -> Self {
        Self {
            from,
            to,
            stream,
            ended,
            has_begun: false,
            after: StreamPhase::Not,
        }
    }

    /// Runs until the stream ends, and a little beyond the end of the command where it does not. Returns the stream if it is
    /// still open.
    pub(crate) fn run(mut self, kept: &Recording<'_>) -> Option<OwnedFd> {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match self.next(kept) {
                PumpStep::Leave => return Some(self.from),
                PumpStep::Quiet => kept.with(|session| session.quiet(self.stream)),
                PumpStep::Read => {
                    let length = match read(&self.from, &mut buffer) {
                        // a terminal whose last user is gone answers with an error
                        Ok(0) | Err(Errno::IO) => return None,
                        Ok(length) => length,
                        Err(Errno::INTR | Errno::AGAIN) => continue,
                        Err(_) => return None,
                    };
                    let chunk = buffer.get(..length).unwrap_or_default();
                    let passed_on = write_all(self.to, chunk);
                    self.has_begun = true;
                    kept.with(|session| session.output(self.stream, chunk));
                    if passed_on.is_err() {
                        // the reader is gone: closing our end tells the command, as it would without us
                        return None;
                    }
                    self.passed_on(length);
                }
            }
        }
    }

    fn passed_on(&mut self, length: usize) {
        if let StreamPhase::Owing(bytes) = &mut self.after {
            *bytes = bytes.saturating_sub(length as u64);
        }
        if let StreamPhase::Owing(0) = self.after {
            self.after = StreamPhase::Lingering(Instant::now() + LINGER_MAX);
        }
    }

    fn next(&mut self, kept: &Recording<'_>) -> PumpStep {
        loop {
            let patience = match self.after {
                StreamPhase::Lingering(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return PumpStep::Leave;
                    }
                    Some(left.min(LINGER_QUIET))
                }
                // it is there already
                StreamPhase::Owing(_) => Some(LINGER_QUIET),
                StreamPhase::Not => self.holds_words(kept).then_some(QUIET_AFTER),
            };
            match wait(self.from.as_fd(), self.ended.as_ref(), patience) {
                Ok(Woken::Ended) => {
                    self.ended = None;
                    self.after = StreamPhase::Owing(ioctl_fionread(&self.from).unwrap_or(0));
                    self.passed_on(0);
                }
                Ok(Woken::Silence) => match self.after {
                    StreamPhase::Not => return PumpStep::Quiet,
                    StreamPhase::Owing(_) | StreamPhase::Lingering(_) => return PumpStep::Leave,
                },
                Err(Errno::INTR) => {}
                // where waiting fails, reading will say what is wrong
                Ok(Woken::Readable) | Err(_) => return PumpStep::Read,
            }
        }
    }

    fn holds_words(&self, kept: &Recording<'_>) -> bool {
        let mut holds_words = false;
        if self.has_begun {
            kept.with(|session| holds_words = session.holds_words(self.stream));
        }
        holds_words
    }
}

enum Woken {
    Readable,
    Ended,
    Silence,
}

/// The end of the command is checked first: output may never pause.
fn wait(
    from: BorrowedFd<'_>,
    ended: Option<&PipeReader>,
    patience: Option<Duration>,
) -> Result<Woken, Errno> {
    let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
    let mut waited = vec![PollFd::from_borrowed_fd(from, PollFlags::IN)];
    waited.extend(ended.map(|ended| PollFd::new(ended, PollFlags::IN)));
    if poll(&mut waited, timeout.as_ref())? == 0 {
        return Ok(Woken::Silence);
    }
    let has_ended = waited
        .get(1)
        .is_some_and(|ended| !ended.revents().is_empty());
    Ok(if has_ended {
        Woken::Ended
    } else {
        Woken::Readable
    })
}

/// Another process that shares our output may have made it non-blocking.
pub(crate) fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Passes standard input on to standard output until it ends, and keeps a copy as `stream` of a run of its own. What the
/// terminal sends (`^C`, hanging up) is for the command at the other end of the pipe, whose last words are kept as well.
pub fn pass_standard_input(
    options: Option<&RecordingOptions>,
    facts: RunFacts,
    stream: Stream,
) -> io::Result<()> {
    survive_file_limits();
    for signal in [SIGINT, SIGQUIT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    let kept = Recording::new(options, facts);
    kept.start(std::process::id, |&own| Some(own));
    let stdout = io::stdout();
    let pump = Pump::new(
        io::stdin().as_fd().try_clone_to_owned()?,
        stdout.as_fd(),
        stream,
        None,
    );
    pump.run(&kept);
    kept.with(|session| session.end(&Ending::EndOfInput));
    Ok(())
}
