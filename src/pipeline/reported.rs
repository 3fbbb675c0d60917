//! Reports lasting problems once rather than each time that they occur.

/// The last reported problem of an operation that is retried.
#[derive(Debug, Default)]
pub(super) struct Reported(Option<String>);

impl Reported {
    /// Whether this problem is to be reported: it is not the last reported one, or that has ended.
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
