//! The results of checks, and how they are printed.

use crate::cli::terminal::text::counted;
use std::fmt::Write as _;

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

/// A line for each result, the suggestion below it, and a summary; on a terminal in colour.
pub(super) fn text(findings: &[CheckResult], has_colour: bool) -> String {
    let mut text = String::new();
    // Writing to memory cannot fail.
    for finding in findings {
        let (verdict, colour) = match finding.verdict {
            CheckStatus::Good => ("ok", GREEN),
            CheckStatus::Note => ("note", YELLOW),
            CheckStatus::Wrong => ("WRONG", RED),
        };
        let verdict = painted(&format!("{verdict:<6}"), colour, has_colour);
        let _ = writeln!(text, "{verdict}{:<12}{}", finding.subject, finding.text);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "{:18}-> {remedy}", "");
        }
    }
    let wrong = findings.iter().filter(|finding| finding.is_wrong()).count();
    let (summary, colour) = match wrong {
        0 => ("no problems found".to_owned(), GREEN),
        wrong => (format!("{} found", counted(wrong, "problem")), RED),
    };
    let _ = writeln!(text, "{}", painted(&summary, colour, has_colour));
    text
}

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "1;31";

fn painted(text: &str, colour: &str, has_colour: bool) -> String {
    if has_colour {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_aligned_with_their_remedies() {
        let findings = [
            CheckResult::good("data", "/d: may be written"),
            CheckResult::note("docker", "not here").with_remedy("none is needed"),
            CheckResult::wrong("port", "in use", "set LOG_LISTEN"),
        ];
        assert_eq!(
            text(&findings, false),
            "ok    data        /d: may be written\n\
             note  docker      not here\n                  -> none is needed\n\
             WRONG port        in use\n                  -> set LOG_LISTEN\n\
             1 problem found\n"
        );
        assert!(text(&findings[..2], false).ends_with("no problems found\n"));
        let coloured = text(&findings[2..], true);
        assert!(
            coloured.starts_with("\x1b[1;31mWRONG \x1b[0mport "),
            "{coloured}"
        );
    }
}
