//! The results of checks, and how they are printed.

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

/// A line for each result, the suggestion below it, and a summary.
pub(super) fn text(findings: &[CheckResult]) -> String {
    let mut text = String::new();
    // Writing to memory cannot fail.
    for finding in findings {
        let verdict = match finding.verdict {
            CheckStatus::Good => "ok",
            CheckStatus::Note => "note",
            CheckStatus::Wrong => "WRONG",
        };
        let _ = writeln!(text, "{verdict:<6}{:<12}{}", finding.subject, finding.text);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "{:18}-> {remedy}", "");
        }
    }
    let wrong = findings.iter().filter(|finding| finding.is_wrong()).count();
    let _ = match wrong {
        0 => writeln!(text, "no problems found"),
        1 => writeln!(text, "1 problem found"),
        _ => writeln!(text, "{wrong} problems found"),
    };
    text
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
            text(&findings),
            "ok    data        /d: may be written\n\
             note  docker      not here\n                  -> none is needed\n\
             WRONG port        in use\n                  -> set LOG_LISTEN\n\
             1 problem found\n"
        );
        assert!(text(&findings[..2]).ends_with("no problems found\n"));
    }
}
