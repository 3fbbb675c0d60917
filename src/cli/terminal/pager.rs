//! A pager between vmlog and a terminal.

use signal_hook::consts::SIGINT;
use std::env;
use std::io;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A running pager.
#[derive(Debug)]
pub(in crate::cli) struct Pager {
    child: Child,
    input: Option<ChildStdin>,
    /// Set by Ctrl-C: the pager stops waiting for more output, and no more is written to it.
    interrupted: Arc<AtomicBool>,
}

/// The part of the text that a pager shows first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PagerStart {
    Beginning,
    End,
}

impl Pager {
    /// Starts the program in `VMLOG_PAGER` or `PAGER`, or `less`. `None` if the variable is `cat` or empty, or the program cannot be
    /// started.
    pub(super) fn start(start: PagerStart) -> Option<Self> {
        let named = ["VMLOG_PAGER", "PAGER"]
            .into_iter()
            .find_map(|name| env::var(name).ok());
        let line = named.unwrap_or_else(|| "less".to_owned());
        let mut words = line.split_whitespace();
        let program = words.next().filter(|program| *program != "cat")?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped());
        if start == PagerStart::End && Path::new(program).file_name() == Some("less".as_ref()) {
            command.arg("+G");
        }
        // F: quit if it fits on one screen; R: colours; S: long lines are cut; X: keep the screen; M: long prompt; K:
        // quit on Ctrl-C. LESSSECURE keeps the user from starting a shell.
        for (name, value) in [
            ("LESS", "FRSXMK"),
            ("LESSSECURE", "1"),
            ("LESSCHARSET", "utf-8"),
        ] {
            if env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let interrupted = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGINT, Arc::clone(&interrupted)).ok()?;
        let mut child = command.spawn().ok()?;
        let input = child.stdin.take();
        Some(Self {
            child,
            input,
            interrupted,
        })
    }

    /// Writes to the pager; a broken pipe if it has been closed.
    pub(in crate::cli) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            self.input = None;
        }
        match &mut self.input {
            Some(input) => input.write_all(bytes),
            None => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    /// Ends its input, and waits for its end.
    pub(in crate::cli) fn finish(mut self) -> io::Result<()> {
        self.input = None;
        self.child.wait().map(drop)
    }
}
