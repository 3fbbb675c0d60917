//! The only way from a handler to the records. Every query is narrowed to the records that the principal may see, so
//! that no handler can forget it.

pub(super) mod problems_ahead;

use crate::events;
use crate::live::{Live, Subscription};
use crate::query::{
    self, Budget, Cursor, Direction, Error, FieldKeys, FieldValues, Filter, Histogram,
    HistogramRequest, MatchedRows, Order, Page, PageRequest, Patterns, PatternsRequest, Periods,
    RecordStream, Run, RunsPage, RunsQuery, SourcesPage, SourcesQuery, Visit,
};
use crate::record::{Id, Source, StoredRecord};
use crate::server::auth::principal::Principal;
use crate::server::auth::scope::AccessScope;
use crate::server::http::error::ApiError;
use crate::store::{self, Reader, StoreHistory, View};
use crate::triage::{
    self, BootList, CompareQuery, KnownProblems, ProblemList, ProblemsQuery, WindowComparison,
};
use ring::digest;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use warp::http::header::HeaderValue;

/// All records, not yet narrowed to a principal.
#[derive(Debug)]
pub(super) struct Records {
    reader: Reader,
    live: Live,
    store: Option<HeaderValue>,
    node: Option<Arc<str>>,
    known: KnownProblems,
}

impl Records {
    pub(super) fn new(reader: Reader, live: Live) -> Self {
        let store = reader.store_id().and_then(store_digest);
        Self {
            reader,
            live,
            store,
            node: None,
            known: KnownProblems::default(),
        }
    }

    /// With the name of this machine, which becomes a label of every line.
    pub(super) fn named(self, node: Option<&str>) -> Self {
        Self {
            node: node.filter(|name| !name.is_empty()).map(Arc::from),
            ..self
        }
    }

    /// The name of this machine, if it has one.
    pub(super) fn node(&self) -> Option<Arc<str>> {
        self.node.clone()
    }

    /// A digest of the identity of the store.
    pub(super) fn store(&self) -> Option<HeaderValue> {
        self.store.clone()
    }

    /// The records that this principal may see.
    pub(super) fn of(&self, principal: &Principal) -> ScopedRecords {
        ScopedRecords {
            reader: self.reader.clone(),
            live: self.live.clone(),
            scope: principal.scope.clone(),
            node: self.node.clone(),
            known: self.known.clone(),
        }
    }

    /// What this principal may see of another store: of the events.
    pub(super) fn view_of(reader: &Reader, principal: &Principal) -> ScopedView {
        ScopedView {
            view: reader.view(),
            scope: principal.scope.clone(),
            node: None,
            known: KnownProblems::default(),
        }
    }

    /// All records, for a bundle of the whole machine. Only for principals who see everything.
    pub(super) fn whole(&self, principal: &Principal) -> Result<View, ApiError> {
        principal.require_everything()?;
        Ok(self.reader.view())
    }

    /// Reads how far back the store reaches.
    pub(super) fn history(&self) -> impl FnOnce() -> StoreHistory + Send + 'static {
        let reader = self.reader.clone();
        move || StoreHistory::of(&reader.view())
    }

    /// Reads the records of one more segment that report problems, so that the first who asks for them need not wait. Returns whether there
    /// may be another one.
    pub(super) fn problems_ahead(
        &self,
    ) -> impl FnOnce(&Budget) -> Result<bool, Error> + Send + use<> {
        let (reader, known) = (self.reader.clone(), self.known.clone());
        move |budget| known.read_ahead(&reader.view(), budget)
    }

    /// Reads the size of the store.
    pub(super) fn size(&self) -> impl FnOnce() -> StoreSize + Send + 'static {
        let reader = self.reader.clone();
        move || StoreSize::of(&reader)
    }
}

/// 32 hexadecimal digits. The identity itself is secret.
fn store_digest(id: [u8; 16]) -> Option<HeaderValue> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"vmlog store");
    context.update(&id);
    let digest = context.finish();
    let mut text = String::with_capacity(32);
    for byte in digest.as_ref().iter().take(16) {
        write!(text, "{byte:02x}").ok()?;
    }
    text.parse().ok()
}

/// The size and state of the store.
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
        // files that are deleted meanwhile are not counted
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
            // IDs may be missing; if that cannot be read, all are counted.
            records: view.records().unwrap_or(ids.end.saturating_sub(ids.start)),
            segments: view.segments().len(),
            bytes,
        }
    }
}

/// The records that one principal may see.
#[derive(Debug, Clone)]
pub(super) struct ScopedRecords {
    reader: Reader,
    live: Live,
    scope: AccessScope,
    node: Option<Arc<str>>,
    known: KnownProblems,
}

impl ScopedRecords {
    /// Whether there may be records that the principal may not see.
    pub(super) fn is_narrowed(&self) -> bool {
        self.scope != AccessScope::Everything
    }

    /// A view of the current records.
    pub(super) fn now(&self) -> ScopedView {
        ScopedView {
            view: self.reader.view(),
            scope: self.scope.clone(),
            node: self.node.clone(),
            known: self.known.clone(),
        }
    }

    /// Follows the records after `after`.
    pub(super) fn subscribe(&self, filter: Filter, after: Id, queue_rows: usize) -> Subscription {
        let filter = self.scope.narrow(filter);
        self.live.subscribe(filter, Some(after), queue_rows)
    }
}

/// The average size of records: message and encoded metadata.
#[derive(Debug, Default)]
pub(super) struct MeanBytes {
    by_source: HashMap<Source, (u64, u64)>,
    all: (u64, u64),
}

impl MeanBytes {
    fn add(&mut self, source: Option<&Source>, rows: u64, bytes: u64) {
        if let Some(source) = source {
            let (of_source, in_source) = self.by_source.entry(source.clone()).or_default();
            *of_source += rows;
            *in_source += bytes;
        }
        self.all.0 += rows;
        self.all.1 += bytes;
    }

    /// The average for a source, or for all records if its records are not separate from others.
    pub(super) fn of(&self, source: &Source) -> f64 {
        let (rows, bytes) = self.by_source.get(source).copied().unwrap_or(self.all);
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let mean = bytes as f64 / rows.max(1) as f64;
        mean
    }
}

/// The records that one principal may see, at one point in time.
#[derive(Debug, Clone)]
pub(super) struct ScopedView {
    view: View,
    scope: AccessScope,
    node: Option<Arc<str>>,
    known: KnownProblems,
}

impl ScopedView {
    /// The name of this machine, if it has one.
    pub(super) fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// The IDs of all stored records, including those of others: no client may learn them.
    pub(super) fn ids(&self) -> Range<u64> {
        self.view.ids()
    }

    /// The last of these IDs that thinning left out, and how many of them; `None` if there is none.
    pub(super) fn thinned(&self, ids: Range<u64>) -> Option<(u64, u64)> {
        let to = self.view.kept_end()?.min(ids.end);
        let count = self.view.thinned_within(&(ids.start..to));
        (count > 0).then_some((to - 1, count))
    }

    /// Whether there may be records that this principal may not see. No response may depend on them: not on how many
    /// rows were scanned, which were deleted, when they arrived or which IDs they have.
    pub(super) fn is_narrowed(&self) -> bool {
        self.scope != AccessScope::Everything
    }

    /// The filter with the principal's rights, and with the span of its boot.
    fn narrowed(&self, filter: Filter, budget: &Budget) -> Result<Filter, Error> {
        self.scope.narrow(filter).resolved(&self.view, budget)
    }

    /// The filter with the span of its boot. For a filter that is asked many times, or of records that are not stored yet.
    pub(super) fn in_boot(&self, filter: Filter, budget: &Budget) -> Result<Filter, Error> {
        self.narrowed(filter, budget)
    }

    pub(super) fn problems(
        &self,
        mut asked: ProblemsQuery,
        budget: &Budget,
    ) -> Result<ProblemList, Error> {
        asked.filter = self.narrowed(asked.filter, budget)?;
        triage::problems_known(&self.view, &asked, budget, &self.known)
    }

    pub(super) fn boots(&self, boots_max: usize, budget: &Budget) -> Result<BootList, Error> {
        let rights = self.scope.narrow(Filter::default());
        triage::boots_known(&self.view, &rights, boots_max, budget, &self.known)
    }

    pub(super) fn compare(
        &self,
        mut asked: CompareQuery,
        budget: &Budget,
    ) -> Result<WindowComparison, Error> {
        asked.filter = self.narrowed(asked.filter, budget)?;
        triage::compare(&self.view, &asked, budget)
    }

    pub(super) fn page(&self, mut asked: PageRequest, budget: &Budget) -> Result<Page, Error> {
        asked.filter = self.narrowed(asked.filter, budget)?;
        let mut page = query::page(&self.view, &asked, budget)?;
        if self.is_narrowed() {
            self.hide(&mut page.scanned, &mut page.unreadable);
            let around = asked.around.as_ref().map(|around| around.id);
            let place = around.or(asked.cursor.map(Cursor::id));
            page.truncated = match place {
                Some(place) => self.is_before_first(place, budget)?,
                None => false,
            };
        }
        Ok(page)
    }

    /// All matching records, for a file. The filter must have the span of its boot.
    pub(super) fn stream(&self, filter: Filter) -> RecordStream {
        RecordStream::new(self.view.clone(), self.scope.narrow(filter))
    }

    /// Whether a position is before all visible records, so that some may have been deleted.
    fn is_before_first(&self, place: Id, budget: &Budget) -> Result<bool, Error> {
        let first = self.end(Direction::Forward, budget)?;
        Ok(place > Id(1) && first.is_none_or(|first| place < first))
    }

    /// The first (`Forward`) or the last (`Backward`) visible record.
    pub(super) fn end(&self, direction: Direction, budget: &Budget) -> Result<Option<Id>, Error> {
        let mut request = PageRequest {
            filter: self.scope.narrow(Filter::default()),
            cursor: None,
            direction,
            limit: 1,
            order: Order::Id,
            around: None,
        };
        loop {
            let page = query::page(&self.view, &request, budget)?;
            match (page.entries.first(), page.next_cursor) {
                (Some(record), _) => return Ok(Some(record.id)),
                (None, Some(next)) => request.cursor = Some(next),
                (None, None) => return Ok(None),
            }
        }
    }

    /// Hides counts of others' rows from a narrowed principal. It learns that rows could not be read, but not how many.
    fn hide(&self, scanned: &mut u64, unreadable: &mut u64) {
        if self.is_narrowed() {
            *scanned = 0;
            *unreadable = (*unreadable).min(1);
        }
    }

    /// The number of the first event that is not older than the event `before`, in a view of the events.
    pub(super) fn place_before(&self, before: &str) -> Result<Id, Error> {
        events::place_before(&self.view, before)
    }

    pub(super) fn record(&self, id: Id) -> Result<Option<StoredRecord>, Error> {
        let filter = self.scope.narrow(Filter::default());
        let found = query::record(&self.view, id)?;
        Ok(found.filter(|record| filter.matches(record)))
    }

    pub(super) fn sources(
        &self,
        mut asked: SourcesQuery,
        budget: &Budget,
    ) -> Result<SourcesPage, Error> {
        asked.filter = self.narrowed(asked.filter, budget)?;
        let mut page = query::sources_page(&self.view, &asked, budget)?;
        self.hide(&mut page.counts.scanned, &mut page.counts.unreadable);
        Ok(page)
    }

    pub(super) fn histogram(
        &self,
        mut asked: HistogramRequest,
        budget: &Budget,
    ) -> Result<Histogram, Error> {
        asked.filter = self.narrowed(asked.filter, budget)?;
        let mut found = query::histogram(&self.view, &asked, budget)?;
        self.hide(&mut found.scanned, &mut found.unreadable);
        Ok(found)
    }

    /// All sources of stored records, sorted by name.
    pub(super) fn source_names(&self) -> Vec<Source> {
        let segments = self.view.segments().iter();
        let names = segments.flat_map(|segment| segment.sources().iter());
        let names: BTreeSet<&Source> = names.filter(|source| self.scope.allows(source)).collect();
        names.into_iter().cloned().collect()
    }

    /// The average size of the records of each source.
    pub(super) fn mean_bytes(&self) -> MeanBytes {
        let mut sizes = MeanBytes::default();
        for segment in self.view.segments() {
            for block in segment.blocks() {
                let summary = block.summary();
                let source = summary
                    .source
                    .and_then(|source| segment.sources().get(source as usize));
                sizes.add(source, u64::from(summary.rows), block.content_bytes());
            }
        }
        sizes
    }

    /// Passes the matching rows of each block to `work`, on several threads, and its results to `take`, the newest
    /// blocks first.
    pub(super) fn visit<T: Send>(
        &self,
        filter: Filter,
        budget: &Budget,
        work: impl Fn(&MatchedRows<'_>) -> Result<T, store::Error> + Sync,
        take: impl FnMut(T) -> ControlFlow<()> + Send,
    ) -> Result<Visit, Error> {
        let filter = self.narrowed(filter, budget)?;
        let direction = Direction::Backward;
        let mut visited = query::visit(&self.view, &filter, direction, budget, work, take)?;
        self.hide(&mut visited.scanned, &mut visited.unreadable);
        Ok(visited)
    }

    /// Passes the counts of each source in each period, by level, to `take`.
    pub(super) fn count_periods<'v>(
        &'v self,
        filter: Filter,
        periods: Periods,
        budget: &Budget,
        take: impl FnMut(&'v Source, i64, [u64; 4]) -> ControlFlow<()> + Send,
    ) -> Result<Visit, Error> {
        let filter = self.narrowed(filter, budget)?;
        let mut visited = query::count_periods(&self.view, &filter, periods, budget, take)?;
        self.hide(&mut visited.scanned, &mut visited.unreadable);
        Ok(visited)
    }

    pub(super) fn field_values(
        &self,
        filter: Filter,
        key: &str,
        values_max: usize,
        budget: &Budget,
    ) -> Result<FieldValues, Error> {
        let filter = self.narrowed(filter, budget)?;
        let mut found = query::field_values(&self.view, &filter, key, values_max, budget)?;
        self.hide(&mut found.scanned, &mut found.unreadable);
        Ok(found)
    }

    pub(super) fn field_keys(
        &self,
        filter: Filter,
        keys_max: usize,
        budget: &Budget,
    ) -> Result<FieldKeys, Error> {
        let filter = self.narrowed(filter, budget)?;
        let mut found = query::field_keys(&self.view, &filter, keys_max, budget)?;
        self.hide(&mut found.scanned, &mut found.unreadable);
        Ok(found)
    }

    pub(super) fn patterns(
        &self,
        mut asked: PatternsRequest,
        budget: &Budget,
    ) -> Result<Patterns, Error> {
        asked.filter = self.narrowed(asked.filter, budget)?;
        let mut found = query::patterns(&self.view, &asked, budget)?;
        self.hide(&mut found.scanned, &mut found.unreadable);
        Ok(found)
    }

    /// Warnings about the client's filter. Only sources that the principal may see are named.
    pub(super) fn warnings(&self, filter: &Filter, budget: &Budget) -> Result<Vec<String>, Error> {
        let filter = self.narrowed(filter.clone(), budget)?;
        query::filter_warnings(&self.view, &filter, budget)
    }

    pub(super) fn runs(&self, mut asked: RunsQuery, budget: &Budget) -> Result<RunsPage, Error> {
        asked.filter = self.narrowed(asked.filter, budget)?;
        query::runs(&self.view, &asked, budget)
    }

    pub(super) fn run(&self, id: &str, budget: &Budget) -> Result<Option<Run>, Error> {
        let filter = self.scope.narrow(Filter::default());
        query::run(&self.view, &filter, id, budget)
    }
}
