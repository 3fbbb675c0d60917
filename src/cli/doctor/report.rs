//! The results of checks, and how they are printed.

use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use crate::cli::terminal::refuses_colour;
use crate::cli::terminal::text::{Span, counted, push_spans};

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckResult {
    verdict: CheckStatus,
    subject: &'static str,
    text: String,
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckStatus {
    Good,
    /// Not a problem, but perhaps unexpected.
    Note,
    Wrong,
}

impl CheckResult {
    pub(super) fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            verdict: CheckStatus::Good,
            subject,
            text: text.into(),
            remedy: None,
        }
    }

    pub(super) fn note(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            verdict: CheckStatus::Note,
            ..Self::good(subject, text)
        }
    }

    pub(super) fn wrong(
        subject: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            verdict: CheckStatus::Wrong,
            ..Self::good(subject, text).with_remedy(remedy)
        }
    }

    /// Adds a suggestion.
    pub(super) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.verdict == CheckStatus::Wrong
    }
}

/// Prints a line for each result, the suggestion below it, and a summary; in colour on a terminal that wants it.
pub(super) fn print(findings: &[CheckResult]) -> Result<(), Failure> {
    let mut output = StandardOutput::new();
    let has_colour = output.is_terminal() && !refuses_colour();
    for line in lines(findings) {
        let verdict = Span::new(line.verdict, line.colour);
        push_spans(output.buffer(), &[verdict], has_colour);
        // names of files are escaped on a terminal
        output.push_text(&format!("{}\n", line.text));
    }
    output.finish()
}

/// A line: its verdict in a colour, then a text.
struct ReportLine {
    verdict: String,
    colour: &'static str,
    text: String,
}

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "1;31";

fn lines(findings: &[CheckResult]) -> Vec<ReportLine> {
    let line = |verdict: String, colour, text: String| ReportLine {
        verdict,
        colour,
        text,
    };
    let mut lines = Vec::new();
    for finding in findings {
        let (verdict, colour) = match finding.verdict {
            CheckStatus::Good => ("ok", GREEN),
            CheckStatus::Note => ("note", YELLOW),
            CheckStatus::Wrong => ("WRONG", RED),
        };
        let text = format!("{:<12}{}", finding.subject, finding.text);
        lines.push(line(format!("{verdict:<6}"), colour, text));
        if let Some(remedy) = &finding.remedy {
            lines.push(line(String::new(), "", format!("{:18}-> {remedy}", "")));
        }
    }
    let wrong = findings.iter().filter(|finding| finding.is_wrong()).count();
    lines.push(match wrong {
        0 => line("no problems found".to_owned(), GREEN, String::new()),
        wrong => line(
            format!("{} found", counted(wrong, "problem")),
            RED,
            String::new(),
        ),
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(findings: &[CheckResult]) -> String {
        let lines = lines(findings).into_iter();
        lines
            .map(|line| [line.verdict, line.text, "\n".to_owned()].concat())
            .collect()
    }

    #[test]
    fn findings_are_aligned_with_their_remedies() {
        let findings = [
            CheckResult::good("data", "/d: may be written"),
            CheckResult::note("docker", "not here").with_remedy("none is needed"),
            CheckResult::wrong("port", "in use", "set LOG_LISTEN"),
        ];
        assert_eq!(
            text(&findings),
            "ok    data        /d: may be written\n\
             note  docker      not here\n                  -> none is needed\n\
             WRONG port        in use\n                  -> set LOG_LISTEN\n\
             1 problem found\n"
        );
        assert!(text(&findings[..2]).ends_with("no problems found\n"));
    }
}
