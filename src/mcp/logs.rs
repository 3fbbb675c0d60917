//! What tools read: a store, or what the holder of a token may see of it.

use crate::query::{
    self, Budget, Page, PageRequest, Patterns, PatternsRequest, Run, RunsPage, RunsQuery,
    SourcesPage, SourcesQuery,
};
use crate::record::Id;
use crate::store::View;
use crate::triage::{self, CompareQuery, ProblemList, ProblemsQuery, WindowComparison};

/// The records that tools read.
pub trait Logs {
    /// A page of records.
    fn page(&self, request: PageRequest) -> Result<Page, query::Error>;
    /// The sources.
    fn sources(&self, request: SourcesQuery) -> Result<SourcesPage, query::Error>;
    /// Runs of captured commands.
    fn runs(&self, request: RunsQuery) -> Result<RunsPage, query::Error>;
    /// One run.
    fn run(&self, id: &str) -> Result<Option<Run>, query::Error>;
    /// Patterns of messages.
    fn patterns(&self, request: &PatternsRequest) -> Result<Patterns, query::Error>;
    /// What went wrong, the most important first.
    fn problems(&self, request: ProblemsQuery) -> Result<ProblemList, query::Error>;
    /// What is different between two windows.
    fn compare(&self, request: &CompareQuery) -> Result<WindowComparison, query::Error>;
    /// The ID of the newest record, of whomever it is.
    fn newest(&self) -> Id;
}

/// All records of a store.
#[derive(Debug)]
pub struct StoreLogs {
    /// The records.
    pub view: View,
    /// The bounds of one scan.
    pub budget: Budget,
}

impl Logs for StoreLogs {
    fn page(&self, request: PageRequest) -> Result<Page, query::Error> {
        query::page(&self.view, &request, &self.budget)
    }

    fn sources(&self, request: SourcesQuery) -> Result<SourcesPage, query::Error> {
        query::sources_page(&self.view, &request, &self.budget)
    }

    fn runs(&self, request: RunsQuery) -> Result<RunsPage, query::Error> {
        query::runs(&self.view, &request, &self.budget)
    }

    fn run(&self, id: &str) -> Result<Option<Run>, query::Error> {
        query::run(&self.view, &query::Filter::default(), id, &self.budget)
    }

    fn patterns(&self, request: &PatternsRequest) -> Result<Patterns, query::Error> {
        query::patterns(&self.view, request, &self.budget)
    }

    fn problems(&self, request: ProblemsQuery) -> Result<ProblemList, query::Error> {
        triage::problems(&self.view, &request, &self.budget)
    }

    fn compare(&self, request: &CompareQuery) -> Result<WindowComparison, query::Error> {
        triage::compare(&self.view, request, &self.budget)
    }

    fn newest(&self) -> Id {
        Id(self.view.ids().end.saturating_sub(1))
    }
}
