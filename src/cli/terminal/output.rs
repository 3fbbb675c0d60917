//! Standard output of a command: buffered, through a pager if requested, and without an error if the reader closes
//! it.

use super::escape::push_escaped;
use super::pager::{Pager, PagerStart};
use crate::cli::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::io::{ErrorKind, IsTerminal, Write};

/// Large enough that system calls cost little, small enough for any machine.
const BUFFER_BYTES: usize = 64 << 10;

/// The output of a command.
#[derive(Debug)]
pub(in crate::cli) struct StandardOutput {
    buffer: Vec<u8>,
    pager: Option<Pager>,
    is_terminal: bool,
    is_closed: bool,
}

impl StandardOutput {
    pub(in crate::cli) fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(BUFFER_BYTES),
            pager: None,
            is_terminal: io::stdout().is_terminal(),
            is_closed: false,
        }
    }

    /// Standard output through a pager, if it is a terminal and there is a pager.
    pub(in crate::cli) fn paged() -> Self {
        Self::through(PagerStart::Beginning)
    }

    /// Standard output through a pager that shows the end first.
    pub(in crate::cli) fn paged_at_end() -> Self {
        Self::through(PagerStart::End)
    }

    fn through(start: PagerStart) -> Self {
        let output = Self::new();
        let pager = output.is_terminal.then(|| Pager::start(start)).flatten();
        Self { pager, ..output }
    }

    /// Appends a text with untrusted names: it is escaped on a terminal.
    pub(in crate::cli) fn push_text(&mut self, text: &str) {
        if !self.is_terminal {
            return self.buffer.extend_from_slice(text.as_bytes());
        }
        for line in text.split_inclusive('\n') {
            push_escaped(&mut self.buffer, line.trim_end_matches('\n').as_bytes());
            self.buffer.push(b'\n');
        }
    }

    /// The buffer for the next bytes. Call [`Self::advance`] after each piece.
    pub(in crate::cli) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether the output is a terminal: colour is useful, and raw control characters are not allowed.
    pub(in crate::cli) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes the buffer if it is full. Returns `false` if the reader has closed the output.
    pub(in crate::cli) fn advance(&mut self) -> Result<bool, Failure> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(!self.is_closed)
    }

    /// Writes everything. A pipe that its reader has closed is not an error.
    pub(in crate::cli) fn flush(&mut self) -> Result<(), Failure> {
        let written = if let Some(pager) = &mut self.pager {
            pager.write(&self.buffer)
        } else {
            let mut stdout = io::stdout();
            stdout.write_all(&self.buffer).and_then(|()| stdout.flush())
        };
        self.buffer.clear();
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            result => result.map_err(|error| cannot_write(&error)),
        }
    }

    /// Writes everything, and checks whether the reader is still there, because a tail may have nothing to write for
    /// a long time.
    pub(in crate::cli) fn flush_and_look(&mut self) -> Result<bool, Failure> {
        if !self.buffer.is_empty() {
            self.flush()?;
        }
        let stdout = io::stdout();
        let mut reader = [PollFd::new(&stdout, PollFlags::empty())];
        let is_gone = poll(&mut reader, Some(&Timespec::default())).is_ok_and(|count| count > 0)
            && reader
                .iter()
                .any(|reader| reader.revents().contains(PollFlags::ERR));
        self.is_closed |= is_gone;
        Ok(!self.is_closed)
    }

    /// Writes the rest, and waits until the pager ends.
    pub(in crate::cli) fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        match self.pager {
            Some(pager) => pager.finish().map_err(|error| cannot_write(&error)),
            None => Ok(()),
        }
    }
}

/// Prints a text. Control characters in it are escaped on a terminal.
pub(in crate::cli) fn print(text: &str) -> Result<(), Failure> {
    print_to(StandardOutput::new(), text)
}

/// The same through a pager, if the output is a terminal.
pub(in crate::cli) fn print_paged(text: &str) -> Result<(), Failure> {
    print_to(StandardOutput::paged(), text)
}

/// Prints JSON on one line, or indented on a terminal.
pub(in crate::cli) fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    let output = StandardOutput::new();
    let text = if output.is_terminal() {
        format!("{value:#}\n")
    } else {
        format!("{value}\n")
    };
    print_to(output, &text)
}

fn print_to(mut output: StandardOutput, text: &str) -> Result<(), Failure> {
    output.push_text(text);
    output.finish()
}

fn cannot_write(error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write to standard output: {error}"))
}
