//! A terminal for the command, with our own standard input as its keyboard.

use super::pump::write_all;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read};
use rustix::process::{getpgrp, ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    OptionalActions, SpecialCodeIndex, Termios, Winsize, isatty, tcgetattr, tcgetpgrp,
    tcgetwinsize, tcsetattr, tcsetwinsize,
};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

/// The size of a terminal without a display: the default that programs assume.
const USUAL_SIZE: Winsize = Winsize {
    ws_row: 24,
    ws_col: 80,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// A new terminal, as large as ours.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// The side that vmlog reads and writes.
    pub(crate) ours: OwnedFd,
    /// The side that the command reads and writes.
    pub(crate) theirs: OwnedFd,
}

impl Terminal {
    pub(crate) fn open() -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        let terminal = Self { ours, theirs };
        tcsetwinsize(&terminal.ours, our_size().unwrap_or(USUAL_SIZE))?;
        Ok(terminal)
    }
}

/// Gives a terminal the size of ours.
pub(crate) fn resize(terminal: &OwnedFd) {
    if let Some(size) = our_size() {
        // Fails if the terminal is closed already, which is harmless.
        let _ = tcsetwinsize(terminal, size);
    }
}

fn our_size() -> Option<Winsize> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let ours = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let size = ours.into_iter().find_map(|ours| tcgetwinsize(ours).ok())?;
    (size.ws_row > 0 && size.ws_col > 0).then_some(size)
}

/// Our own terminal in raw mode, so that keys reach the command as they are pressed; dropping this restores the mode.
#[derive(Debug)]
pub(crate) struct Keyboard {
    before: Termios,
}

impl Keyboard {
    /// Returns `None` if standard input is not a terminal, or another process group is using it.
    pub(crate) fn lend() -> Option<Self> {
        let stdin = io::stdin();
        if tcgetpgrp(&stdin).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Drain, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// Forwards our standard input to the command's terminal, on a thread that ends only with the process, because
/// nothing else ends a read from a keyboard.
pub(crate) fn type_on(terminal: &OwnedFd) -> io::Result<()> {
    let terminal = terminal.try_clone()?;
    let run = move || {
        let stdin = io::stdin();
        let mut buffer = [0; 4096];
        let mut at_line_start = true;
        loop {
            match read(&stdin, &mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    let typed = buffer.get(..length).unwrap_or_default();
                    at_line_start = typed.ends_with(b"\n");
                    if write_all(terminal.as_fd(), typed).is_err() {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let _ = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None);
                }
                Err(_) => return,
            }
        }
        end_input(terminal.as_fd(), at_line_start);
    };
    thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(run)?;
    Ok(())
}

/// Signals the end of input as a person does: `^D`, twice if a line has been started. A terminal has no other way.
fn end_input(terminal: BorrowedFd<'_>, at_line_start: bool) {
    if isatty(io::stdin()) {
        return;
    }
    let end = tcgetattr(terminal).map_or(4, |state| state.special_codes[SpecialCodeIndex::VEOF]);
    let keys = [end, end];
    let _ = write_all(
        terminal,
        keys.get(usize::from(at_line_start)..).unwrap_or_default(),
    );
}

/// Makes standard input the controlling terminal of a new session and executes the program. Returns only if that
/// failed.
#[must_use]
pub fn become_on_terminal(program: &OsStr, arguments: &[OsString]) -> io::Error {
    let led = setsid().and_then(|_| ioctl_tiocsctty(io::stdin()));
    match led {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error.into(),
    }
}
