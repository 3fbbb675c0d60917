//! vmlog.

use std::process::ExitCode;

fn main() -> ExitCode {
    vmlog::cli::main()
}
