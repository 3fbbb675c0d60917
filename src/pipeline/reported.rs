//! Problems that last are told once, not each time that they are met.

/// What was told last of something that is tried again and again.
#[derive(Debug, Default)]
pub(super) struct Reported(Option<String>);

impl Reported {
    /// Whether this has to be told: it was not the last that was, or that has ended since.
    pub(super) fn is_news(&mut self, why: &str) -> bool {
        let is_news = self.0.as_deref() != Some(why);
        if is_news {
            self.0 = Some(why.to_owned());
        }
        is_news
    }

    /// It has gone well. Says whether a problem had been told.
    pub(super) fn end(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_once_until_it_changes_or_ends() {
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
