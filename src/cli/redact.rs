//! `vmlog redact --test`: reads lines and shows the effect of each redaction rule.

use crate::cli::failure::Failure;
use crate::cli::settings;
use crate::record::Source;
use crate::redact::Explained;
use crate::redact::RedactOptions;
use crate::redact::Redactor;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::BTreeMap;
use std::io;
use std::io::BufRead;
use std::io::Read as _;
use std::io::Write;

/// Longer lines are shown in pieces: a file without line ends must not fill the memory.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The arguments of `vmlog redact`.
pub(super) fn command() -> Command {
    let test = Arg::new("test")
        .long("test")
        .action(ArgAction::SetTrue)
        .help("Accepted for compatibility; this is the default");
    Command::new("redact")
        .about("Show how redaction changes lines from standard input")
        .long_about("Reads lines and prints each one as it would be stored, with the rules that changed it.")
        .arg(test)
        .after_help(
            "Example:\n  vmlog redact < deploy.log\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
}

/// Shows the effect of the redaction rules, with the settings of this process.
pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let config = settings::config(matches)?;
    let shown = explain(io::stdin().lock(), io::stdout().lock(), &config.redact);
    match shown {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        shown => shown.map_err(|error| Failure::failed(error.to_string())),
    }
}

/// Reads lines to the end and prints each as it would be stored, below it the findings of each rule, and finally how
/// often each rule matched. The lines count as records of one source, so that a private key over several lines is
/// recognised.
fn explain(
    mut input: impl BufRead,
    mut output: impl Write,
    options: &RedactOptions,
) -> io::Result<()> {
    let mut redactor = Redactor::new(options)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let source = Source::new("stdin", "");
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let (mut lines, mut changed) = (0_u64, 0_u64);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?
            == 0
        {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let explained = redactor.explain(&source, text.trim_end_matches(['\r', '\n']));
        lines += 1;
        changed += u64::from(!explained.findings.is_empty());
        show(&mut output, lines, &explained)?;
        for finding in explained.findings {
            *counts.entry(finding.rule).or_default() += 1;
        }
    }
    writeln!(output, "{changed} of {lines} lines changed")?;
    for (rule, count) in counts {
        writeln!(output, "  {rule}: {count}")?;
    }
    output.flush()
}

/// Prints one line. Findings are escaped, because they may contain control sequences for a terminal.
fn show(output: &mut impl Write, number: u64, explained: &Explained) -> io::Result<()> {
    writeln!(output, "{number}: {}", printable(&explained.text))?;
    for finding in &explained.findings {
        writeln!(output, "    {}: {:?}", finding.rule, finding.was)?;
    }
    Ok(())
}

/// The text with its control characters escaped.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(input: &[u8], options: &RedactOptions) -> String {
        let mut output = Vec::new();
        explain(input, &mut output, options).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn each_line_is_shown_with_the_findings_of_each_rule() {
        let input = b"hello\r\nAuthorization: Bearer a.b-c1 \x1b[2J\n\xff password: hunter2";
        assert_eq!(
            shown(input, &RedactOptions::default()),
            "1: hello\n\
             2: Authorization: Bearer [REDACTED] \\u{1b}[2J\n    \
                 authorization: \"a.b-c1\"\n    \
                 bearer: \"a.b-c1\"\n\
             3: \u{fffd} password=[REDACTED]\n    \
                 key-value: \": hunter2\"\n\
             2 of 3 lines changed\n  \
               authorization: 1\n  \
               bearer: 1\n  \
               key-value: 1\n"
        );
    }

    #[test]
    fn a_key_over_several_lines_is_recognised() {
        let input = b"-----BEGIN PRIVATE KEY-----\nMHcCAQEEIBYr\n-----END PRIVATE KEY-----\n";
        let shown = shown(input, &RedactOptions::default());
        assert!(
            shown.contains("2: [REDACTED]\n    private-key: \"MHcCAQEEIBYr\"\n"),
            "{shown}"
        );
    }

    #[test]
    fn patterns_are_shown_and_bad_ones_are_errors() {
        let options = |pattern: &str| RedactOptions {
            patterns: vec![pattern.to_owned()],
            ..RedactOptions::default()
        };
        let shown = shown(b"id 42x", &options("[0-9]+x"));
        assert!(
            shown.contains("1: id [REDACTED]\n    pattern-1: \"42x\"\n"),
            "{shown}"
        );
        let error = explain(&b""[..], Vec::new(), &options("(")).unwrap_err();
        assert!(error.to_string().contains("unclosed group"), "{error}");
    }
}
