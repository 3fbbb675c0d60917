//! Passes one stream on unchanged and at once, and keeps a copy.

use super::signals::survive_file_limits;
use crate::capture::log::{Keep, Stream};
use crate::capture::session::{Ending, QUIET_AFTER, Recording, RecordingOptions, RunFacts};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, read, write};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGQUIT};
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Size of a read: the capacity of a pipe.
const CHUNK_BYTES: usize = 64 << 10;

/// After the command has ended and its output has been passed on, a stream that other processes keep open is read
/// until it is silent for this long, and for at most `LINGER_MAX`. This catches the last output of the command's
/// helpers (`> >(tee log)`).
const LINGER_QUIET: Duration = Duration::from_millis(100);
const LINGER_MAX: Duration = Duration::from_secs(1);

/// One stream between the command and our own output.
#[derive(Debug)]
pub(crate) struct Pump<'a> {
    from: OwnedFd,
    /// Where the stream is passed on to, unless a sink takes its output.
    to: Option<BorrowedFd<'a>>,
    stream: Stream,
    /// The other end is closed when the command has ended.
    ended: Option<PipeReader>,
    /// Whether output was passed on. Before that, the recording may not be ready and must not be waited for.
    has_begun: bool,
    after: StreamPhase,
}

/// The state of a stream that may outlive its command.
#[derive(Debug, Clone, Copy)]
enum StreamPhase {
    /// The command is running.
    Not,
    /// The command has ended; this many bytes that it wrote are still to be passed on.
    Owing(u64),
    /// Only other processes write now; the stream is read until this time.
    Lingering(Instant),
}

/// What to do next.
enum PumpStep {
    Read,
    Quiet,
    Leave,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(
        from: OwnedFd,
        to: Option<BorrowedFd<'a>>,
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

    /// Runs until the stream ends, or until shortly after the end of the command. Returns the stream if it is still
    /// open.
    pub(crate) fn run(mut self, kept: &Recording<'_>) -> Option<OwnedFd> {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match self.next(kept) {
                PumpStep::Leave => return Some(self.from),
                PumpStep::Quiet => kept.with(|session| session.quiet(self.stream)),
                PumpStep::Read => {
                    let length = match read(&self.from, &mut buffer) {
                        // A terminal without users returns an error.
                        Ok(0) | Err(Errno::IO) => return None,
                        Ok(length) => length,
                        Err(Errno::INTR | Errno::AGAIN) => continue,
                        Err(_) => return None,
                    };
                    let chunk = buffer.get(..length).unwrap_or_default();
                    let passed_on = self.to.map_or(Ok(()), |to| write_all(to, chunk));
                    self.has_begun = true;
                    kept.output(self.stream, chunk);
                    if passed_on.is_err() || kept.is_closed_by_reader() {
                        // The reader has closed its end. Closing ours notifies the command, as it would without
                        // vmlog.
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
            let timeout = match self.after {
                StreamPhase::Lingering(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return PumpStep::Leave;
                    }
                    Some(left.min(LINGER_QUIET))
                }
                // The bytes are available already.
                StreamPhase::Owing(_) => Some(LINGER_QUIET),
                StreamPhase::Not => self.holds_words(kept).then_some(QUIET_AFTER),
            };
            match wait(self.from.as_fd(), self.ended.as_ref(), timeout) {
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
                // If waiting fails, reading will return the error.
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

/// The end of the command is checked first, because output may never pause.
fn wait(
    from: BorrowedFd<'_>,
    ended: Option<&PipeReader>,
    timeout: Option<Duration>,
) -> Result<Woken, Errno> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
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

/// Writes all bytes. Another process that shares our output may have made it non-blocking.
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

/// Copies standard input to standard output until it ends, and stores a copy as `stream` of a run of its own, if
/// `keep` records that stream. Signals
/// from the terminal (`^C`, hangup) are left to the command at the other end of the pipe, so that its last output is
/// captured as well.
pub fn pass_standard_input(
    options: Option<&RecordingOptions>,
    facts: RunFacts,
    stream: Stream,
    keep: Keep,
) -> io::Result<()> {
    survive_file_limits();
    for signal in [SIGINT, SIGQUIT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    let kept = Recording::new(options, facts, keep, None);
    kept.start(std::process::id, |&own| Some(own));
    let stdout = io::stdout();
    let pump = Pump::new(
        io::stdin().as_fd().try_clone_to_owned()?,
        Some(stdout.as_fd()),
        stream,
        None,
    );
    pump.run(&kept);
    kept.with(|session| {
        session.end(&Ending::EndOfInput);
    });
    Ok(())
}
