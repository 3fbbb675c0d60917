//! The live tail over server-sent events: first the stored records after the client's last ID, then new ones.
//!
//! Each client has its own task, which writes chunks of events into a channel of [`CHUNKS_MAX`]; the connection sends
//! them as fast as the client reads. A slow client blocks only its own task, and its memory is limited: these chunks
//! and the queue of its subscription.
//!
//! A filter that reads texts may take milliseconds per record, so it runs on a blocking thread, for one client at a time: all tails
//! together use at most one processor, and never the thread of the writer.
//!
//! If records arrive faster than the task runs, the queue of the subscription overflows and reports a gap. As long as the client reads
//! promptly, the task fills the gap from the store. Only a slow client receives a gap event, with the exact number of missing records.

use crate::live::{Event, Subscription, Unmatched};
use crate::query::{self, Cursor, Direction, Filter, Order, Page, PageRequest};
use crate::record::{Id, StoredRecord};
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::counters::add;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::{ApiRequest, refuse};
use crate::server::limits::shares::FairPermit;
use crate::server::records::{ScopedRecords, ScopedView};
use crate::server::tail::sse::{self, GapEvent, write_record};
use crate::server::tail::start::{self, TailStart};
use crate::server::tail::waiting::take;
use crate::server::waiting::{reached, stopped};
use crate::tasks;
use crate::time::Micros;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// Maximum number of chunks between a task and its connection: one is being sent while the next is filled.
const CHUNKS_MAX: usize = 1;

/// Size of a full chunk: one write fills the buffer of a socket.
const CHUNK_BYTES: usize = 64 * 1024;

/// A client that reads nothing for this long is disconnected.
const STALL_MAX: Duration = Duration::from_mins(1);

/// A client is slow if taking one chunk takes longer. A client that keeps reading is not slow, however much there is to read.
const PROMPT_MAX: Duration = Duration::from_secs(2);

/// How long a browser waits before it connects again.
pub(in crate::server) const RETRY_MS: u32 = 1_000;

/// `GET /logs/tail`
pub(in crate::server) async fn tail(
    app: &Arc<App>,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    let view = app.records.of(principal).now();
    let is_resumed = start::is_resumed(request);
    // The filter is compiled within the turn, because a regex takes time and memory too.
    let parsed = app.gate.run(principal, move |budget| {
        let (filter, rest) = query::parse_filter(&parameters, now)?;
        let filter = view.in_boot(filter, budget)?;
        let warnings = if is_resumed {
            Vec::new()
        } else {
            view.warnings(&filter, budget)?
        };
        Ok::<_, ApiError>((filter, rest, warnings))
    });
    let (filter, mut rest, warnings) = parsed.await??;
    let start = TailStart::take(&mut rest, request)?;
    refuse(&rest)?;
    let share = app.tails.take(principal.id).ok_or_else(too_many)?;
    let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
    let client = TailClient {
        app: Arc::clone(app),
        principal: principal.clone(),
        seen: app.records.of(principal),
        until: until(app, principal),
        filter,
        warnings,
        sender,
        is_slow: false,
        pushed: 0,
        chunk: Vec::new(),
        sent_to: Id(0),
        thinned_reported: 0,
        pending_gap: None,
        _share: share,
    };
    tasks::spawn(client.run(start));
    Ok(reply::event_stream(chunks))
}

/// 429: the client follows as much as it may.
pub(super) fn too_many() -> ApiError {
    let message = "too many tails of this client are open";
    ApiError::too_many("too_many_tails", message, 5)
}

/// When the tail of this principal ends; `None` if it does not expire.
pub(super) fn until(app: &App, principal: &Principal) -> Option<Instant> {
    let remaining = principal
        .remaining
        .filter(|_| app.options.tail_ends_with_token)?;
    Instant::now().checked_add(remaining)
}

/// Whether reading the store stops for a slow client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// It continues at the client's pace: a client that connects again receives everything, however long that takes.
    Any,
    /// It stops: a client that follows wants new records.
    Prompt,
}

/// Why a task ends.
#[derive(Debug)]
enum TailEnd {
    /// The client has disconnected or stopped reading.
    Gone,
    /// The live tail was closed.
    Closed,
    /// The client's token has expired.
    Expired,
    /// The store could not be read.
    Failed(ApiError),
}

impl From<ApiError> for TailEnd {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// One tail client.
struct TailClient {
    app: Arc<App>,
    principal: Principal,
    seen: ScopedRecords,
    /// When its token expires.
    until: Option<Instant>,
    filter: Filter,
    /// Sent once, at the beginning.
    warnings: Vec<String>,
    sender: mpsc::Sender<Result<Bytes, ApiError>>,
    /// Whether it has been slow since it last had everything.
    is_slow: bool,
    /// Records sent.
    pushed: u64,
    /// Events that are not sent yet.
    chunk: Vec<u8>,
    /// The last ID that was sent to the client.
    sent_to: Id,
    /// All thinned records before this ID were reported.
    thinned_reported: u64,
    /// Of a narrowed principal: a gap to report with the next record.
    pending_gap: Option<PendingGap>,
    _share: FairPermit,
}

/// A gap that a narrowed client learns of with its next record.
#[derive(Debug, Clone, Copy)]
struct PendingGap {
    from: Id,
    missed: Option<u64>,
}

impl TailClient {
    /// Runs until the client disconnects, its token expires or the server stops; sends an `end` event in the latter
    /// cases.
    async fn run(mut self, start: TailStart) {
        let mut stopping = self.app.stopping.clone();
        let until = self.until;
        let end = tokio::select! {
            end = self.follow(start) => end,
            () = stopped(&mut stopping) => TailEnd::Closed,
            () = reached(until) => TailEnd::Expired,
        };
        match end {
            TailEnd::Failed(error) => tracing::warn!("a tail failed: {error}"),
            TailEnd::Closed => self.say_end("shutdown").await,
            TailEnd::Expired => self.say_end("token_expired").await,
            TailEnd::Gone => {}
        }
    }

    /// Sends why the stream ends. An incomplete chunk is dropped; the client continues after its last ID.
    async fn say_end(&mut self, reason: &str) {
        self.chunk.clear();
        sse::write_event(
            &mut self.chunk,
            "end",
            &serde_json::json!({ "reason": reason }),
        );
        let _ = timeout(Duration::from_millis(200), self.flush()).await;
    }

    /// Follows until it cannot continue, and returns why.
    async fn follow(&mut self, start: TailStart) -> TailEnd {
        match self.try_follow(start).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn try_follow(&mut self, start: TailStart) -> Result<Infallible, TailEnd> {
        let mut seen = self.begin(start).await?;
        self.warn();
        self.flush().await?;
        loop {
            let end = self.seen.now().ids().end;
            if seen.0 + 1 >= end {
                break;
            }
            seen = self.read_store(seen, end, Pace::Any).await?;
        }
        let rows = self.app.options.tail_queue_rows;
        let filter = self.filter.clone();
        let mut subscription = self.seen.subscribe(filter, seen, rows);
        let first = subscription.first_id().0;
        seen = self.read_store(seen, first, Pace::Any).await?;
        self.read_live(&mut subscription, seen).await
    }

    /// Sends warnings about the client's filter.
    fn warn(&mut self) {
        let warnings = std::mem::take(&mut self.warnings);
        if !warnings.is_empty() {
            let body = serde_json::json!({ "warnings": warnings });
            sse::write_event(&mut self.chunk, "warnings", &body);
        }
    }

    /// The ID after which this client begins.
    async fn begin(&mut self, start: TailStart) -> Result<Id, TailEnd> {
        let view = self.seen.now();
        if view.is_narrowed() {
            return self.begin_narrowed(view, start).await;
        }
        let newest = Id(view.ids().end.saturating_sub(1));
        let seen = match start {
            TailStart::Now => newest,
            TailStart::Newest(rows) => self.after_newest(view, rows).await?,
            TailStart::After(id) if id <= newest => id,
            // This store has never assigned the ID: the client has used another store, so all records are new to it.
            TailStart::After(_) => {
                self.hello(newest);
                self.pruned(view.ids().start, newest.0);
                return Ok(newest);
            }
        };
        self.hello(seen);
        Ok(seen)
    }

    /// The same for a narrowed principal, which learns only the IDs of its own records.
    async fn begin_narrowed(&mut self, view: ScopedView, start: TailStart) -> Result<Id, TailEnd> {
        let newest = Id(view.ids().end.saturating_sub(1));
        let (first, last) = self.own_ends(view.clone()).await?;
        match start {
            TailStart::Now => {
                self.hello(last.unwrap_or(Id(0)));
                Ok(newest)
            }
            TailStart::Newest(rows) => {
                let seen = self.after_newest(view, rows).await?;
                let none = first.is_none_or(|first| seen < first);
                self.hello(if none { Id(0) } else { seen });
                Ok(seen)
            }
            TailStart::After(id) if last.is_some_and(|last| id <= last) => {
                self.hello(id);
                let known = self
                    .app
                    .gate
                    .run_stream(&self.principal, move |_| view.record(id));
                let known = known.await?.map_err(ApiError::from)?;
                // Every record is after 0.
                if known.is_none() && id > Id(0) {
                    self.owe_gap(None);
                }
                Ok(id)
            }
            // After all visible records: the client has used another store, or its records were deleted.
            TailStart::After(_) => {
                self.hello(last.unwrap_or(Id(0)));
                if let (Some(first), Some(last)) = (first, last) {
                    self.pruned(first.0, last.0);
                }
                Ok(newest)
            }
        }
    }

    /// The first and the last visible record.
    async fn own_ends(&self, view: ScopedView) -> Result<(Option<Id>, Option<Id>), TailEnd> {
        let ends = self.app.gate.run_stream(&self.principal, move |budget| {
            let first = view.end(Direction::Forward, budget)?;
            Ok::<_, ApiError>((first, view.end(Direction::Backward, budget)?))
        });
        Ok(ends.await??)
    }

    /// The ID after which `rows` matching records follow.
    async fn after_newest(&self, view: ScopedView, rows: usize) -> Result<Id, TailEnd> {
        let first = view.ids().start;
        let mut cursor = Cursor::from(Id(view.ids().end));
        let mut missing = rows;
        while missing > 0 {
            let limit = missing.min(self.app.options.limit_max);
            let request = self.request(cursor, Direction::Backward, limit);
            let view = view.clone();
            let (found, next) = self
                .app
                .gate
                .run_stream(&self.principal, move |budget| {
                    view.page(request, budget)
                        .map(|page| (page.entries.len(), page.next_cursor))
                })
                .await?
                .map_err(ApiError::from)?;
            missing = missing.saturating_sub(found);
            let Some(next) = next else {
                return Ok(Id(first.saturating_sub(1)));
            };
            cursor = next;
        }
        Ok(Id(cursor.id().0.saturating_sub(1)))
    }

    /// Sends the stored records after `seen` and before `end`; returns the last ID, which is short of `end` only if `pace` stopped it.
    async fn read_store(&mut self, mut seen: Id, end: u64, pace: Pace) -> Result<Id, TailEnd> {
        while seen.0 + 1 < end && (pace == Pace::Any || !self.is_slow) {
            let view = self.seen.now();
            let first = view.ids().start.min(end);
            if seen.0 + 1 < first {
                if !view.is_narrowed() {
                    self.pruned(seen.0 + 1, first - 1);
                } else if self.sent_to > Id(0) {
                    self.owe_gap(None);
                }
                seen = Id(first - 1);
            } else {
                self.report_thinned(&view, seen, end);
                seen = self.read_page(view, seen, end, pace).await?;
            }
        }
        Ok(seen)
    }

    /// Reports once that records after `seen` are missing since only evidence of their segments was kept.
    fn report_thinned(&mut self, view: &ScopedView, seen: Id, end: u64) {
        let from = self.thinned_reported.max(seen.0 + 1);
        let Some((to, count)) = view.thinned(from..end) else {
            return;
        };
        self.thinned_reported = to + 1;
        if !view.is_narrowed() {
            self.gap(Id(from), Id(to), count);
        } else if self.sent_to > Id(0) {
            self.owe_gap(None);
        }
    }

    /// One page of the matching records after `seen`. For a client that follows, it takes turns with the filters of other clients.
    async fn page(&self, view: ScopedView, seen: Id, pace: Pace) -> Result<Page, TailEnd> {
        let _turn = match pace {
            Pace::Prompt if self.filter.reads_texts() => Some(self.app.matching.acquire().await),
            _ => None,
        };
        let limit = self.app.options.tail_queue_rows.max(1);
        let request = self.request(Cursor::from(seen), Direction::Forward, limit);
        let found = self
            .app
            .gate
            .run_stream(&self.principal, move |budget| view.page(request, budget))
            .await?;
        Ok(found.map_err(ApiError::from)?)
    }

    /// Sends one page of the records between `seen` and `end`; returns the last ID.
    async fn read_page(
        &mut self,
        view: ScopedView,
        seen: Id,
        end: u64,
        pace: Pace,
    ) -> Result<Id, TailEnd> {
        let found = self.page(view, seen, pace).await?;
        for record in found.entries.iter().take_while(|record| record.id.0 < end) {
            self.push(record).await?;
        }
        let reached = found.next_cursor.map_or(end, |cursor| cursor.id().0 + 1);
        Ok(Id(reached.min(end) - 1))
    }

    /// The request for the next page.
    fn request(&self, cursor: Cursor, direction: Direction, limit: usize) -> PageRequest {
        PageRequest {
            filter: self.filter.clone(),
            cursor: Some(cursor),
            direction,
            limit,
            order: Order::Id,
            around: None,
        }
    }

    /// Sends new records.
    async fn read_live(
        &mut self,
        subscription: &mut Subscription,
        mut seen: Id,
    ) -> Result<Infallible, TailEnd> {
        let keep_alive = self.app.options.tail_keep_alive;
        let mut silent_until = Instant::now() + keep_alive;
        loop {
            if !self.chunk.is_empty() {
                self.flush().await?;
                silent_until = Instant::now() + keep_alive;
            }
            let taken = tokio::select! {
                taken = take(subscription) => taken,
                () = tokio::time::sleep_until(silent_until) => {
                    self.chunk.extend_from_slice(b": keep-alive\n\n");
                    continue;
                }
                () = self.sender.closed() => return Err(TailEnd::Gone),
            };
            // No event was ready after everything had been sent: the client has caught up.
            self.is_slow &= !taken.was_awaited;
            let unmatched = taken.unmatched.ok_or(TailEnd::Closed)?;
            for event in self.matching(unmatched).await? {
                seen = self.send(event, seen).await?;
            }
        }
    }

    /// The events that match the client's filter.
    async fn matching(&self, unmatched: Unmatched) -> Result<Vec<Event>, TailEnd> {
        if !self.filter.reads_texts() {
            return Ok(unmatched.matching());
        }
        let turn = Arc::clone(&self.app.matching).acquire_owned().await;
        let matched = tasks::blocking(move || {
            let events = unmatched.matching();
            drop(turn);
            events
        });
        matched.await.map_err(|error| {
            tracing::error!("a filter panicked: {error}");
            TailEnd::Failed(ApiError::internal())
        })
    }

    /// Sends an event; returns the last ID that the client has.
    async fn send(&mut self, event: Event, seen: Id) -> Result<Id, TailEnd> {
        match event {
            Event::Record(record) if record.id > seen => {
                self.push(&record).await?;
                Ok(record.id)
            }
            Event::Gap { from, to } if to > seen => {
                self.fill(seen.max(Id(from.0 - 1)), to).await?;
                Ok(to)
            }
            Event::Record(_) | Event::Gap { .. } => Ok(seen),
        }
    }

    /// Sends the records after `seen` up to `to`, which did not fit into the queue, from the store; a slow client receives a gap event.
    async fn fill(&mut self, seen: Id, to: Id) -> Result<(), TailEnd> {
        let reached = self.read_store(seen, to.0 + 1, Pace::Prompt).await?;
        if reached < to {
            let count = self.count(reached, to).await?;
            if self.seen.is_narrowed() {
                self.owe_gap(Some(count));
            } else {
                self.gap(Id(reached.0 + 1), to, count);
            }
        }
        Ok(())
    }

    /// Reports a gap to a narrowed client with its next record, so that both IDs are those of its own records. `missed`: the number of
    /// missing records; if unknown, all IDs in between are counted.
    fn owe_gap(&mut self, missed: Option<u64>) {
        let from = Id(self.sent_to.0 + 1);
        let owed = self.pending_gap.get_or_insert(PendingGap {
            from,
            missed: Some(0),
        });
        owed.missed = owed.missed.zip(missed).map(|(a, b)| a + b);
    }

    /// The number of matching records after `seen` up to `to`. All deleted records count, as they can no longer be matched.
    async fn count(&self, mut seen: Id, to: Id) -> Result<u64, TailEnd> {
        let thinned = self.seen.now().thinned(seen.0 + 1..to.0 + 1);
        let mut count = thinned.map_or(0, |(_, count)| count);
        while seen < to {
            let view = self.seen.now();
            let first = view.ids().start.min(to.0 + 1);
            if seen.0 + 1 < first {
                count += first - 1 - seen.0;
                seen = Id(first - 1);
                continue;
            }
            let page = self.page(view, seen, Pace::Prompt).await?;
            let missed = page.entries.iter().filter(|record| record.id <= to);
            count += missed.count() as u64;
            seen = page.next_cursor.map_or(to, Cursor::id);
        }
        Ok(count)
    }

    /// The first block of a tail: a client that loses the connection before any record continues from here.
    fn hello(&mut self, seen: Id) {
        self.sent_to = seen;
        let hello = format!("retry: {RETRY_MS}\nid: {seen}\n\n");
        self.chunk.extend_from_slice(hello.as_bytes());
    }

    /// Reports that `count` of the records `from..=to` are missing.
    fn gap(&mut self, from: Id, to: Id, count: u64) {
        if count > 0 {
            sse::write_event(&mut self.chunk, "gap", &GapEvent::new(from, to, count));
            add(&self.app.metrics.tail_gaps, 1);
        }
    }

    /// Reports that all of `from..=to` were deleted.
    fn pruned(&mut self, from: u64, to: u64) {
        self.gap(Id(from), Id(to), (to + 1).saturating_sub(from));
    }

    async fn push(&mut self, record: &StoredRecord) -> Result<(), TailEnd> {
        if let Some(owed) = self.pending_gap.take() {
            let between = record.id.0.saturating_sub(owed.from.0);
            let count = owed.missed.unwrap_or(between).min(between);
            self.gap(owed.from, Id(record.id.0 - 1), count);
        }
        self.sent_to = record.id;
        write_record(&mut self.chunk, record);
        add(&self.app.metrics.tail_records, 1);
        self.pushed += 1;
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Passes the chunk to the connection when it has taken the previous one.
    async fn flush(&mut self) -> Result<(), TailEnd> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::take(&mut self.chunk));
        let began = Instant::now();
        match timeout(STALL_MAX, self.sender.send(Ok(chunk))).await {
            Ok(Ok(())) => {
                self.is_slow |= began.elapsed() >= PROMPT_MAX;
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(TailEnd::Gone),
        }
    }
}
