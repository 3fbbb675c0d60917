//! What a subcommand has to say beside its output, on standard error.

use std::fmt;
use std::io::{self, Write};

/// Prints a line to standard error, as `eprintln!` does, after the name of the program.
macro_rules! notice {
    ($($text:tt)*) => {
        $crate::cli::notice::line(format_args!($($text)*))
    };
}

/// Prints one line. Nobody may be reading any more, for instance after `vmlog exec make 2>&1 | head`: that is no reason to
/// end, as the command, the server or the import must continue.
pub(super) fn line(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "vmlog: {text}");
}
