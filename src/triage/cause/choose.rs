//! The choice of the line that says why.

use crate::record::Level;
use crate::triage::cause::parts::{FoundParts, cause_of, is_never};
use crate::triage::cause::plain::plain;
use crate::triage::cause::table::{self, Pick};

/// Longer lines are looked at up to this.
const LINE_BYTES_MAX: usize = 1 << 10;

/// A line with an error level and no better reason.
const OF_LEVEL: u8 = 20;
/// A line that names a failure in some way.
const OF_WORD: u8 = 15;
/// Any other line.
const OF_NOTHING: u8 = 1;

/// The least strength of a line that says why.
pub(in crate::triage) const STRONG: u8 = 40;

/// A line that may be the cause.
#[derive(Debug, Clone, Copy)]
pub(in crate::triage) struct CauseCandidate<'t> {
    /// The line as it was logged.
    pub(in crate::triage) text: &'t str,
    pub(in crate::triage) level: Level,
}

/// The index and the strength of the line that says why, if one does.
pub(in crate::triage) fn cause<'t>(
    lines: impl Iterator<Item = CauseCandidate<'t>>,
) -> Option<(usize, u8)> {
    let mut best: Option<(usize, u8)> = None;
    for (index, line) in lines.enumerate() {
        let (strength, pick) = strength(line);
        let is_better = match best {
            _ if strength == 0 => false,
            None => true,
            // the last line of all tells more than an earlier one that says nothing
            Some((_, least)) if least == OF_NOTHING => strength >= least,
            Some((_, least)) => strength > least || strength == least && pick == Pick::Last,
        };
        if is_better {
            best = Some((index, strength));
        }
    }
    best
}

/// Whether a line is progress, advice or a footer, which is shown neither as the cause nor around it.
pub(in crate::triage) fn is_noise(text: &str) -> bool {
    let text = plain(head(text));
    text.is_empty() || is_never(text, FoundParts::of(text))
}

fn strength(line: CauseCandidate<'_>) -> (u8, Pick) {
    let text = plain(head(line.text));
    let is_mark = !text.bytes().any(|byte| byte.is_ascii_alphanumeric());
    let found = FoundParts::of(text);
    if is_mark || is_never(text, found) {
        return (0, Pick::First);
    }
    if let Some(row) = cause_of(text, found) {
        return (row.strength, row.pick);
    }
    if table::names_place_of_error(text) {
        return (table::OF_PLACE, Pick::First);
    }
    if table::is_exception(text) {
        return (table::OF_EXCEPTION, Pick::Last);
    }
    let strength = if line.level == Level::Error {
        OF_LEVEL
    } else if table::names_failure(text) {
        OF_WORD
    } else {
        OF_NOTHING
    };
    (strength, Pick::First)
}

fn head(text: &str) -> &str {
    let end = text.floor_char_boundary(LINE_BYTES_MAX);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each block of the table is the output of one failure; `>` marks the line that says why.
    #[test]
    fn causes_of_real_failures_are_found() {
        let table = include_str!("../../../tests/fixtures/triage/causes.txt");
        let (mut count, mut faults) = (0, vec![]);
        for block in table.split("\n== ").skip(1) {
            let mut lines = block.lines();
            let name = lines.next().unwrap();
            let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
            let expected = lines.iter().position(|line| line.starts_with('>')).unwrap();
            let candidates = lines.iter().map(|line| CauseCandidate {
                text: line.get(1..).unwrap(),
                level: Level::Info,
            });
            let found = cause(candidates).map(|(index, _)| index);
            if found != Some(expected) {
                let found = found.map_or("", |index| lines[index]);
                faults.push(format!(
                    "{name}: expected {}\n    found {found}",
                    lines[expected]
                ));
            }
            count += 1;
        }
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
        assert!(count >= 60, "{count} failures");
    }

    #[test]
    fn progress_advice_and_footers_are_never_the_cause() {
        for line in [
            "\u{2834} idealTree: timing idealTree completed in 5ms",
            "npm ERR! A complete log of this run can be found in: /root/.npm/_logs/x.log",
            "npm notice New minor version of npm available! 10.1.0 -> 10.2.3",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            "For more information about this error, try `rustc --explain E0432`.",
            "[notice] A new release of pip is available: 23.0 -> 24.0",
            "See 'docker run --help'.",
            "    at Module._compile (node:internal/modules/cjs/loader:1254:14)",
            "\tat org.example.Main.main(Main.java:12)",
            "  File \"/app/main.py\", line 3, in <module>",
            "-----",
            "",
        ] {
            let only = CauseCandidate {
                text: line,
                level: Level::Error,
            };
            assert_eq!(cause(std::iter::once(only)), None, "{line}");
        }
        assert!(!is_noise("bind: address already in use"));
    }

    #[test]
    fn without_a_reason_the_last_line_is_taken() {
        let lines = ["one", "two", "three"].map(|text| CauseCandidate {
            text,
            level: Level::Info,
        });
        assert_eq!(cause(lines.into_iter()), Some((2, OF_NOTHING)));
    }
}
