//! Standard output of a command: buffered, and silent about a reader that has seen enough.

use std::io;
use std::io::{ErrorKind, IsTerminal, Stdout, Write};

/// Large enough that a system call is a small part of the work, small enough for any machine.
const BUFFER_BYTES: usize = 64 << 10;

/// What a command prints.
#[derive(Debug)]
pub(super) struct Output {
    buffer: Vec<u8>,
    stdout: Stdout,
    is_terminal: bool,
    is_closed: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Self {
            buffer,
            stdout,
            is_terminal,
            is_closed: false,
        }
    }

    /// Where the next bytes go. Call [`Self::advance`] after each piece.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether a person reads this: colour is welcome, and raw control characters are not.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes when enough has come together. False when nobody reads any more.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(!self.is_closed)
    }

    /// Writes everything. A closed pipe is no error: its reader has seen enough.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let written = self
            .stdout
            .write_all(&self.buffer)
            .and_then(|()| self.stdout.flush());
        self.buffer.clear();
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            result => result,
        }
    }
}
