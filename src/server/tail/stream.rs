//! The live tail over server-sent events: what the store holds beyond the client's last id, then what comes.
//!
//! Each client has a task of its own that writes chunks of events into a channel of [`CHUNKS_MAX`]; the connection takes them
//! out as fast as the client reads. So a slow client holds up nobody but its task, and its memory is bounded: those chunks
//! and the queue of its subscription.
//!
//! A filter that reads texts may take milliseconds for each record, so it runs on a blocking thread, for one client at a time: all
//! tails together take one processor at most, and never the writer's thread.
//!
//! When records come faster than the task is run, the subscription's queue overflows and names the gap. As long as the client
//! itself reads promptly the task fills that gap from the store, and nothing shows. Only a client that makes it wait is told
//! of a gap, to page it in if it wants to; how many records it misses is counted in the store.

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
use crate::time::Micros;
use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use warp::http::header::{HeaderName, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// Chunks between a client's task and its connection: one on its way out, one being filled.
const CHUNKS_MAX: usize = 1;

/// A chunk is closed when it has grown to this: enough for one write to fill a socket's buffer.
const CHUNK_BYTES: usize = 64 * 1024;

/// A client that reads nothing for so long is gone.
const STALL_MAX: Duration = Duration::from_mins(1);

/// A client that made its task wait for so long to take one chunk is slow. One that keeps on reading is not, however much there
/// is to read.
const PROMPT_MAX: Duration = Duration::from_secs(2);

/// The browser waits so long before it connects again.
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
    // the filter is compiled within the turn: a regex takes time and memory too
    let parsed = app.gate.run(principal, move |budget| {
        let (filter, rest) = query::parse_filter(&parameters, now)?;
        let warnings = match is_resumed {
            true => Vec::new(),
            false => view.warnings(&filter, budget)?,
        };
        Ok::<_, ApiError>((filter, rest, warnings))
    });
    let (filter, mut rest, warnings) = parsed.await??;
    let start = TailStart::take(&mut rest, request)?;
    refuse(&rest)?;
    let share = app.tails.take(principal.id).ok_or_else(|| {
        let message = "as many clients follow the log as this server allows to this client";
        ApiError::too_many("too_many_tails", message, 5)
    })?;
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
        told: Id(0),
        pending_gap: None,
        _share: share,
    };
    tokio::spawn(client.run(start));
    let mut response = reply::streamed("text/event-stream", chunks);
    let headers = response.headers_mut();
    for (name, value) in [("cache-control", "no-cache"), ("x-accel-buffering", "no")] {
        reply::set(
            headers,
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    Ok(response)
}

/// When the tail of this principal ends; a time so far off that it is none counts as none.
fn until(app: &App, principal: &Principal) -> Option<Instant> {
    let remaining = principal
        .remaining
        .filter(|_| app.options.tail_ends_with_token)?;
    Instant::now().checked_add(remaining)
}

/// Whether reading the store ends for a slow client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// It goes on at the client's pace: somebody who comes back gets everything, however long that takes.
    Any,
    /// It ends: somebody who follows wants what is new.
    Prompt,
}

/// Why a client's task ends.
#[derive(Debug)]
enum TailEnd {
    /// The client went away, or reads no more.
    Gone,
    /// The live tail was closed.
    Closed,
    /// The client's token has ended.
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
    /// When its token ends.
    until: Option<Instant>,
    filter: Filter,
    /// Sent once, at the beginning.
    warnings: Vec<String>,
    sender: mpsc::Sender<Result<Bytes, ApiError>>,
    /// Whether it did not read promptly since it last had everything.
    is_slow: bool,
    /// Records sent.
    pushed: u64,
    /// Events that are not sent yet.
    chunk: Vec<u8>,
    /// The last id that the client was told.
    told: Id,
    /// Of a narrowed principal: what it is told with the next record.
    pending_gap: Option<PendingGap>,
    _share: FairPermit,
}

/// A gap that a narrowed client is told of with its next record.
#[derive(Debug, Clone, Copy)]
struct PendingGap {
    from: Id,
    missed: Option<u64>,
}

impl TailClient {
    /// Follows until the client goes, its token ends or the server stops; says so in the latter cases.
    async fn run(mut self, start: TailStart) {
        let mut stopping = self.app.stopping.clone();
        let until = self.until;
        let end = tokio::select! {
            end = self.follow(start) => end,
            () = stopped(&mut stopping) => TailEnd::Closed,
            () = reached(until) => TailEnd::Expired,
        };
        match end {
            TailEnd::Failed(error) => tracing::warn!("a tail ends: {error}"),
            TailEnd::Closed => self.say_end("shutdown").await,
            TailEnd::Expired => self.say_end("token_expired").await,
            TailEnd::Gone => {}
        }
    }

    /// Tells why the stream ends. What was being written may be cut anywhere; the client has its last id.
    async fn say_end(&mut self, reason: &str) {
        self.chunk.clear();
        sse::write_event(
            &mut self.chunk,
            "end",
            &serde_json::json!({ "reason": reason }),
        );
        let _ = timeout(Duration::from_millis(200), self.flush()).await;
    }

    /// Runs until it cannot go on, and says why.
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

    /// Sends what the client should know about its filter.
    fn warn(&mut self) {
        let warnings = std::mem::take(&mut self.warnings);
        if !warnings.is_empty() {
            let body = serde_json::json!({ "warnings": warnings });
            sse::write_event(&mut self.chunk, "warnings", &body);
        }
    }

    /// The id after which this client begins.
    async fn begin(&mut self, start: TailStart) -> Result<Id, TailEnd> {
        let view = self.seen.now();
        if view.is_narrowed() {
            return self.begin_narrowed(view, start).await;
        }
        let newest = Id(view.ids().end.saturating_sub(1));
        let seen = match start {
            TailStart::Now => newest,
            TailStart::Newest(rows) => self.behind_newest(view, rows).await?,
            TailStart::After(id) if id <= newest => id,
            // an id that this store never gave: the client knows another store, and everything here is new to it
            TailStart::After(_) => {
                self.hello(newest);
                self.pruned(view.ids().start, newest.0);
                return Ok(newest);
            }
        };
        self.hello(seen);
        Ok(seen)
    }

    /// The same for a principal that must not learn which other records there are: it is told ids of its own alone.
    async fn begin_narrowed(&mut self, view: ScopedView, start: TailStart) -> Result<Id, TailEnd> {
        let newest = Id(view.ids().end.saturating_sub(1));
        let (first, last) = self.own_ends(view.clone()).await?;
        match start {
            TailStart::Now => {
                self.hello(last.unwrap_or(Id(0)));
                Ok(newest)
            }
            TailStart::Newest(rows) => {
                let seen = self.behind_newest(view, rows).await?;
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
                // after 0 everything is new
                if known.is_none() && id > Id(0) {
                    self.owe_gap(None);
                }
                Ok(id)
            }
            // beyond all that it may see: it knows another store, or what it knew was pruned
            TailStart::After(_) => {
                self.hello(last.unwrap_or(Id(0)));
                if let (Some(first), Some(last)) = (first, last) {
                    self.pruned(first.0, last.0);
                }
                Ok(newest)
            }
        }
    }

    /// The first and the last record that this principal may see.
    async fn own_ends(&self, view: ScopedView) -> Result<(Option<Id>, Option<Id>), TailEnd> {
        let ends = self.app.gate.run_stream(&self.principal, move |budget| {
            let first = view.end(Direction::Forward, budget)?;
            Ok::<_, ApiError>((first, view.end(Direction::Backward, budget)?))
        });
        Ok(ends.await??)
    }

    /// The id behind which `rows` matching records follow.
    async fn behind_newest(&self, view: ScopedView, rows: usize) -> Result<Id, TailEnd> {
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

    /// Sends what the store holds behind `seen` and before `end`; returns how far that is, which is short of `end` only where
    /// the pace stopped it.
    async fn read_store(&mut self, mut seen: Id, end: u64, pace: Pace) -> Result<Id, TailEnd> {
        while seen.0 + 1 < end && (pace == Pace::Any || !self.is_slow) {
            let view = self.seen.now();
            let first = view.ids().start.min(end);
            if seen.0 + 1 < first {
                if !view.is_narrowed() {
                    self.pruned(seen.0 + 1, first - 1);
                } else if self.told > Id(0) {
                    self.owe_gap(None);
                }
                seen = Id(first - 1);
            } else {
                seen = self.read_page(view, seen, end, pace).await?;
            }
        }
        Ok(seen)
    }

    /// One page of the matching records after `seen`. To somebody who follows it is what the filter of records that come is, and
    /// takes its turn with those of other clients.
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

    /// Sends one page of what lies between `seen` and `end`; returns how far that is.
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

    /// The next page of this client.
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

    /// Sends what comes.
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
            // nothing was ready when all before was sent: the client had everything
            self.is_slow &= !taken.was_awaited;
            let unmatched = taken.unmatched.ok_or(TailEnd::Closed)?;
            for event in self.matching(unmatched).await? {
                seen = self.send(event, seen).await?;
            }
        }
    }

    /// The events that the client's filter matches.
    async fn matching(&self, unmatched: Unmatched) -> Result<Vec<Event>, TailEnd> {
        if !self.filter.reads_texts() {
            return Ok(unmatched.matching());
        }
        let turn = Arc::clone(&self.app.matching).acquire_owned().await;
        let matched = tokio::task::spawn_blocking(move || {
            let events = unmatched.matching();
            drop(turn);
            events
        });
        matched.await.map_err(|error| {
            tracing::error!("a filter failed inside: {error}");
            TailEnd::Failed(ApiError::internal())
        })
    }

    /// Sends an event; returns what the client has then.
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

    /// Sends the records after `seen` up to `to`, which the queue had no room for, out of the store; a slow client is told how many
    /// of them it misses.
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

    /// Tells a narrowed client of a gap when it gets its next record: the ids before and after it are those of its own records then.
    /// `missed`: how many are missing; unknown without, and told as if all ids between were its own.
    fn owe_gap(&mut self, missed: Option<u64>) {
        let from = Id(self.told.0 + 1);
        let owed = self.pending_gap.get_or_insert(PendingGap {
            from,
            missed: Some(0),
        });
        owed.missed = owed.missed.zip(missed).map(|(a, b)| a + b);
    }

    /// How many records after `seen` up to `to` the filter matches; all that are pruned count, since nobody can tell.
    async fn count(&self, mut seen: Id, to: Id) -> Result<u64, TailEnd> {
        let mut count = 0;
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

    /// The first thing a client gets: should it lose the connection before any record, it still comes back to this place.
    fn hello(&mut self, seen: Id) {
        self.told = seen;
        let hello = format!("retry: {RETRY_MS}\nid: {seen}\n\n");
        self.chunk.extend_from_slice(hello.as_bytes());
    }

    /// Says that `count` of the records `from..=to` are missing.
    fn gap(&mut self, from: Id, to: Id, count: u64) {
        if count > 0 {
            sse::write_event(&mut self.chunk, "gap", &GapEvent::new(from, to, count));
            add(&self.app.metrics.tail_gaps, 1);
        }
    }

    /// Says that all of `from..=to` are missing, for all that can be known of them.
    fn pruned(&mut self, from: u64, to: u64) {
        self.gap(Id(from), Id(to), (to + 1).saturating_sub(from));
    }

    async fn push(&mut self, record: &StoredRecord) -> Result<(), TailEnd> {
        if let Some(owed) = self.pending_gap.take() {
            let between = record.id.0.saturating_sub(owed.from.0);
            let count = owed.missed.unwrap_or(between).min(between);
            self.gap(owed.from, Id(record.id.0 - 1), count);
        }
        self.told = record.id;
        write_record(&mut self.chunk, record);
        add(&self.app.metrics.tail_records, 1);
        self.pushed += 1;
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Hands the chunk to the connection, once that has taken the one before.
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

/// What was ready at once.
struct ReadyEvents {
    /// `None` when the live tail was closed.
    unmatched: Option<Unmatched>,
    /// Nothing was ready at first.
    was_awaited: bool,
}

/// Events that are matched and written together: a client's chunk is about full then.
const EVENTS_MAX: usize = 256;
/// Memory of their records: a filter of the worst kind, at 5 ms for each KiB, then lets the next client's have its turn in time.
const EVENT_BYTES_MAX: usize = 64 << 10;

/// Waits for an event, then takes what else is ready.
async fn take(subscription: &mut Subscription) -> ReadyEvents {
    let mut was_awaited = false;
    let unmatched = poll_fn(|context| {
        let polled = subscription.poll_unmatched(context, EVENTS_MAX, EVENT_BYTES_MAX);
        was_awaited |= polled.is_pending();
        polled
    })
    .await;
    ReadyEvents {
        unmatched,
        was_awaited,
    }
}

/// Waits for that time; for none for ever.
async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Waits until the server stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // an error means that the server is gone, which is the same
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
