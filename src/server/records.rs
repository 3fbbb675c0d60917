//! The one way from a handler to the log. Every question goes through what the asker may see, so that no handler can leave
//! that out.

use super::access::Asker;
use super::scope::Scope;
use crate::live::{Live, Subscription};
use crate::query::{
    self, Budget, Error, FieldValues, Filter, Histogram, HistogramRequest, Page, PageRequest, Run,
    RunsPage, RunsQuery, SourceCounts,
};
use crate::record::{Id, StoredRecord};
use crate::store::{Reader, View};
use std::ops::Range;
use std::path::PathBuf;

/// The log, for nobody yet.
#[derive(Debug)]
pub(super) struct Records {
    reader: Reader,
    live: Live,
}

impl Records {
    pub(super) fn new(reader: Reader, live: Live) -> Self {
        Self { reader, live }
    }

    /// What this asker may see.
    pub(super) fn of(&self, asker: &Asker) -> Seen {
        Seen {
            reader: self.reader.clone(),
            live: self.live.clone(),
            scope: asker.scope.clone(),
        }
    }

    /// Whether records are no longer kept, since a write failed.
    pub(super) fn has_failed(&self) -> bool {
        self.reader.failure().is_some()
    }

    /// The folder of the store.
    pub(super) fn root(&self) -> PathBuf {
        self.reader.root()
    }

    /// The store in numbers.
    pub(super) fn size(&self) -> impl FnOnce() -> StoreSize + Send + 'static {
        let reader = self.reader.clone();
        move || StoreSize::of(&reader)
    }
}

/// The state of the store in numbers.
#[derive(Debug)]
pub(super) struct StoreSize {
    pub(super) failed: bool,
    pub(super) next_id: u64,
    pub(super) records: u64,
    pub(super) segments: usize,
    pub(super) bytes: u64,
}

impl StoreSize {
    fn of(reader: &Reader) -> Self {
        let view = reader.view();
        let ids = view.ids();
        // files that go away meanwhile count nothing
        let bytes = std::fs::read_dir(reader.root())
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .filter(std::fs::Metadata::is_file)
            .map(|metadata| metadata.len())
            .sum();
        Self {
            failed: reader.failure().is_some(),
            next_id: ids.end,
            // ids may be missing; where they must be read to know, and cannot be, all are counted
            records: view.records().unwrap_or(ids.end.saturating_sub(ids.start)),
            segments: view.segments().len(),
            bytes,
        }
    }
}

/// The log as one asker sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    reader: Reader,
    live: Live,
    scope: Scope,
}

impl Seen {
    /// As it stands now.
    pub(super) fn now(&self) -> Sight {
        Sight {
            view: self.reader.view(),
            scope: self.scope.clone(),
        }
    }

    /// As it goes on behind `after`.
    pub(super) fn subscribe(&self, filter: Filter, after: Id, queue_rows: usize) -> Subscription {
        let filter = self.scope.narrow(filter);
        self.live.subscribe(filter, Some(after), queue_rows)
    }
}

/// The log as one asker sees it at one time.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    view: View,
    scope: Scope,
}

impl Sight {
    /// The ids of all records that are kept.
    pub(super) fn ids(&self) -> Range<u64> {
        self.view.ids()
    }

    pub(super) fn page(&self, mut asked: PageRequest, budget: &Budget) -> Result<Page, Error> {
        asked.filter = self.scope.narrow(asked.filter);
        query::page(&self.view, &asked, budget)
    }

    pub(super) fn record(&self, id: Id) -> Result<Option<StoredRecord>, Error> {
        let filter = self.scope.narrow(Filter::default());
        let found = query::record(&self.view, id)?;
        Ok(found.filter(|record| filter.matches(record)))
    }

    pub(super) fn sources(&self, filter: Filter, budget: &Budget) -> Result<SourceCounts, Error> {
        query::sources(&self.view, &self.scope.narrow(filter), budget)
    }

    pub(super) fn histogram(
        &self,
        mut asked: HistogramRequest,
        budget: &Budget,
    ) -> Result<Histogram, Error> {
        asked.filter = self.scope.narrow(asked.filter);
        query::histogram(&self.view, &asked, budget)
    }

    pub(super) fn field_values(
        &self,
        filter: Filter,
        key: &str,
        values_max: usize,
        budget: &Budget,
    ) -> Result<FieldValues, Error> {
        query::field_values(
            &self.view,
            &self.scope.narrow(filter),
            key,
            values_max,
            budget,
        )
    }

    pub(super) fn runs(&self, mut asked: RunsQuery, budget: &Budget) -> Result<RunsPage, Error> {
        asked.filter = self.scope.narrow(asked.filter);
        query::runs(&self.view, &asked, budget)
    }

    pub(super) fn run(&self, id: &str, budget: &Budget) -> Result<Option<Run>, Error> {
        let filter = self.scope.narrow(Filter::default());
        query::run(&self.view, &filter, id, budget)
    }
}
