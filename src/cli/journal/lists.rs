//! Lists values of a field, names of fields, and disk usage.

use super::print::size_text;
use crate::cli::failure::Failure;
use crate::cli::terminal::escape::push_shown;
use crate::cli::terminal::output::StandardOutput;
use crate::journal::Journal;

/// Maximum number of values: a field may have as many values as there are entries, which must not exceed the memory
/// of a 512 MB machine.
const VALUES_MAX: usize = 1 << 20;

/// Prints each value of a field once.
pub(super) fn values(
    journal: &mut Journal,
    field: &[u8],
    output: &mut StandardOutput,
) -> Result<(), Failure> {
    each(&journal.unique(field, VALUES_MAX), output)
}

/// Prints the name of each field once.
pub(super) fn names(journal: &mut Journal, output: &mut StandardOutput) -> Result<(), Failure> {
    each(&journal.field_names(), output)
}

fn each(values: &[Vec<u8>], output: &mut StandardOutput) -> Result<(), Failure> {
    for value in values {
        print(output, value);
        if !output.advance()? {
            break;
        }
    }
    Ok(())
}

fn print(output: &mut StandardOutput, value: &[u8]) {
    let is_terminal = output.is_terminal();
    let out = output.buffer();
    push_shown(out, value, is_terminal);
    out.push(b'\n');
}

/// `--disk-usage`.
pub(super) fn disk_usage(journal: &Journal, output: &mut StandardOutput) -> Result<(), Failure> {
    let bytes = journal.disk_usage_bytes();
    let size = size_text(usize::try_from(bytes).unwrap_or(usize::MAX));
    let line = format!("Archived and active journals take up {size} in the file system.\n");
    output.buffer().extend_from_slice(line.as_bytes());
    output.advance().map(drop)
}
