//! Texts of errors, and reports of lasting problems: once rather than each time that they occur.

use std::error::Error;

/// The last reported problem of an operation that is retried.
#[derive(Debug, Default)]
pub(super) struct Reported(Option<String>);

impl Reported {
    /// Whether to report this problem: it differs from the last reported one, or that one has ended.
    pub(super) fn is_news(&mut self, why: &str) -> bool {
        let is_news = self.0.as_deref() != Some(why);
        if is_news {
            self.0 = Some(why.to_owned());
        }
        is_news
    }

    /// Notes a success. Returns whether a problem had been reported.
    pub(super) fn end(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// The message of an error followed by those of its causes, in one line.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_reported_once_until_it_changes_or_ends() {
        let mut reported = Reported::default();
        assert!(!reported.end());
        assert!(reported.is_news("full"));
        assert!(!reported.is_news("full"));
        assert!(reported.is_news("gone"));
        assert!(reported.is_news("full"));
        assert!(reported.end());
        assert!(reported.is_news("full"));
    }
}
