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

use super::access::Asker;
use super::app::App;
use super::error::ApiError;
use super::metrics::add;
use super::records::{Seen, Sight};
use super::reply;
use super::request::{Request, record_id, take_single};
use super::wire;
use crate::live::{Event, Subscription, Unmatched};
use crate::query::{self, Cursor, Direction, Filter, Order, Page, PageRequest};
use crate::record::{Id, StoredRecord};
use crate::time::Micros;
use serde::Serialize;
use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
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

/// The most that `?tail=` may ask for: what the ring of newest records holds by default.
pub(super) const TAIL_ROWS_MAX: usize = 5_000;

/// The browser waits so long before it connects again.
pub(super) const RETRY_MS: u32 = 1_000;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `GET /logs/tail`
pub(super) fn tail(app: &Arc<App>, asker: &Asker, request: &Request) -> Result<Response, ApiError> {
    let (filter, mut rest) = query::parse_filter(&request.parameters, Micros::now())?;
    let start = start(&mut rest, request.header(&LAST_EVENT_ID))?;
    if let Some((name, _)) = rest.first() {
        return Err(query::unknown(name).into());
    }
    let permit = Arc::clone(&app.tails).try_acquire_owned().map_err(|_| {
        let most = app.options.tail_connections_max;
        ApiError::too_many(
            "too_many_tails",
            format!("{most} clients follow the log already, which is all that this server allows"),
            5,
        )
    })?;
    let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
    let client = Client {
        app: Arc::clone(app),
        seen: app.records.of(asker),
        until: until(app, asker),
        filter,
        sender,
        is_slow: false,
        pushed: 0,
        chunk: Vec::new(),
        _permit: permit,
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

/// When the tail of this asker ends; a time so far off that it is none counts as none.
fn until(app: &App, asker: &Asker) -> Option<Instant> {
    let remaining = asker
        .remaining
        .filter(|_| app.options.tail_ends_with_token)?;
    Instant::now().checked_add(remaining)
}

/// Where a client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With what comes now.
    Now,
    /// With the newest so many.
    Newest(usize),
    /// Behind a record that it has.
    After(Id),
}

/// A browser that connects again sends the address of its first time and, in the header, how far it came: the header wins.
fn start(
    parameters: &mut Vec<(String, String)>,
    last_event_id: Option<&str>,
) -> Result<Start, ApiError> {
    let after = take_single(parameters, "after")?;
    let newest = take_single(parameters, "tail")?;
    // a client of its own making may send the header before it has an id
    if let Some(text) = last_event_id.filter(|text| !text.is_empty()) {
        return parse_id(text, "Last-Event-ID").map(Start::After);
    }
    if let Some(text) = after {
        return parse_id(&text, "after").map(Start::After);
    }
    newest.map_or(Ok(Start::Now), |text| {
        let rows = text.parse().ok().filter(|rows| *rows <= TAIL_ROWS_MAX);
        rows.map(Start::Newest).ok_or_else(|| {
            let message = format!("tail must be a number from 0 to {TAIL_ROWS_MAX}; got {text:?}");
            ApiError::parameter("invalid_tail", "tail", message)
        })
    })
}

fn parse_id(text: &str, name: &'static str) -> Result<Id, ApiError> {
    record_id(text).ok_or_else(|| {
        let message = format!("{name} must be the id of a record; got {text:?}");
        ApiError::parameter("invalid_id", name, message)
    })
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
enum End {
    /// The client went away, or reads no more.
    Gone,
    /// The live tail was closed.
    Closed,
    /// The client's token has ended.
    Expired,
    /// The store could not be read.
    Failed(ApiError),
}

impl From<ApiError> for End {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// One tail client.
struct Client {
    app: Arc<App>,
    seen: Seen,
    /// When its token ends.
    until: Option<Instant>,
    filter: Filter,
    sender: mpsc::Sender<Result<Bytes, ApiError>>,
    /// Whether it did not read promptly since it last had everything.
    is_slow: bool,
    /// Records sent.
    pushed: u64,
    /// Events that are not sent yet.
    chunk: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl Client {
    /// Follows until the client goes, its token ends or the server stops; says so in the latter cases.
    async fn run(mut self, start: Start) {
        let mut stopping = self.app.stopping.clone();
        let until = self.until;
        let end = tokio::select! {
            end = self.follow(start) => end,
            () = stopped(&mut stopping) => End::Closed,
            () = reached(until) => End::Expired,
        };
        match end {
            End::Failed(error) => tracing::warn!("a tail ends: {error}"),
            End::Closed => self.say_end("shutdown").await,
            End::Expired => self.say_end("token_expired").await,
            End::Gone => {}
        }
    }

    /// Tells why the stream ends. What was being written may be cut anywhere; the client has its last id.
    async fn say_end(&mut self, reason: &str) {
        self.chunk.clear();
        write_event(
            &mut self.chunk,
            "end",
            &serde_json::json!({ "reason": reason }),
        );
        let _ = timeout(Duration::from_millis(200), self.flush()).await;
    }

    /// Runs until it cannot go on, and says why.
    async fn follow(&mut self, start: Start) -> End {
        match self.try_follow(start).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn try_follow(&mut self, start: Start) -> Result<Infallible, End> {
        let mut seen = self.begin(start).await?;
        self.hello(seen);
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

    /// The id behind which this client begins.
    async fn begin(&mut self, start: Start) -> Result<Id, End> {
        let sight = self.seen.now();
        let newest = Id(sight.ids().end.saturating_sub(1));
        match start {
            Start::Now => Ok(newest),
            Start::Newest(rows) => self.behind_newest(sight, rows).await,
            Start::After(id) if id <= newest => Ok(id),
            // an id that this store never gave: the client knows another store, and everything here is new to it
            Start::After(_) => {
                self.pruned(sight.ids().start, newest.0);
                Ok(newest)
            }
        }
    }

    /// The id behind which `rows` matching records follow.
    async fn behind_newest(&self, sight: Sight, rows: usize) -> Result<Id, End> {
        let first = sight.ids().start;
        let mut cursor = Cursor::from(Id(sight.ids().end));
        let mut missing = rows;
        while missing > 0 {
            let limit = missing.min(self.app.options.limit_max);
            let request = self.request(cursor, Direction::Backward, limit);
            let sight = sight.clone();
            let (found, next) = self
                .app
                .gate
                .run(move |budget| {
                    sight
                        .page(request, budget)
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
    async fn read_store(&mut self, mut seen: Id, end: u64, pace: Pace) -> Result<Id, End> {
        while seen.0 + 1 < end && (pace == Pace::Any || !self.is_slow) {
            let sight = self.seen.now();
            let first = sight.ids().start.min(end);
            if seen.0 + 1 < first {
                self.pruned(seen.0 + 1, first - 1);
                seen = Id(first - 1);
            } else {
                seen = self.read_page(sight, seen, end, pace).await?;
            }
        }
        Ok(seen)
    }

    /// One page of the matching records after `seen`. To somebody who follows it is what the filter of records that come is, and
    /// takes its turn with those of other clients.
    async fn page(&self, sight: Sight, seen: Id, pace: Pace) -> Result<Page, End> {
        let _turn = match pace {
            Pace::Prompt if self.filter.reads_texts() => Some(self.app.matching.acquire().await),
            _ => None,
        };
        let limit = self.app.options.tail_queue_rows.max(1);
        let request = self.request(Cursor::from(seen), Direction::Forward, limit);
        let found = self
            .app
            .gate
            .run(move |budget| sight.page(request, budget))
            .await?;
        Ok(found.map_err(ApiError::from)?)
    }

    /// Sends one page of what lies between `seen` and `end`; returns how far that is.
    async fn read_page(&mut self, sight: Sight, seen: Id, end: u64, pace: Pace) -> Result<Id, End> {
        let found = self.page(sight, seen, pace).await?;
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
    ) -> Result<Infallible, End> {
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
                () = self.sender.closed() => return Err(End::Gone),
            };
            // nothing was ready when all before was sent: the client had everything
            self.is_slow &= !taken.was_awaited;
            let unmatched = taken.unmatched.ok_or(End::Closed)?;
            for event in self.matching(unmatched).await? {
                seen = self.send(event, seen).await?;
            }
        }
    }

    /// The events that the client's filter matches.
    async fn matching(&self, unmatched: Unmatched) -> Result<Vec<Event>, End> {
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
            End::Failed(ApiError::internal())
        })
    }

    /// Sends an event; returns what the client has then.
    async fn send(&mut self, event: Event, seen: Id) -> Result<Id, End> {
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
    async fn fill(&mut self, seen: Id, to: Id) -> Result<(), End> {
        let reached = self.read_store(seen, to.0 + 1, Pace::Prompt).await?;
        if reached < to {
            let count = self.count(reached, to).await?;
            self.gap(Id(reached.0 + 1), to, count);
        }
        Ok(())
    }

    /// How many records after `seen` up to `to` the filter matches; all that are pruned count, since nobody can tell.
    async fn count(&self, mut seen: Id, to: Id) -> Result<u64, End> {
        let mut count = 0;
        while seen < to {
            let sight = self.seen.now();
            let first = sight.ids().start.min(to.0 + 1);
            if seen.0 + 1 < first {
                count += first - 1 - seen.0;
                seen = Id(first - 1);
                continue;
            }
            let page = self.page(sight, seen, Pace::Prompt).await?;
            let missed = page.entries.iter().filter(|record| record.id <= to);
            count += missed.count() as u64;
            seen = page.next_cursor.map_or(to, Cursor::id);
        }
        Ok(count)
    }

    /// The first thing a client gets: should it lose the connection before any record, it still comes back to this place.
    fn hello(&mut self, seen: Id) {
        let hello = format!("retry: {RETRY_MS}\nid: {seen}\n\n");
        self.chunk.extend_from_slice(hello.as_bytes());
    }

    /// Says that `count` of the records `from..=to` are missing.
    fn gap(&mut self, from: Id, to: Id, count: u64) {
        if count > 0 {
            write_event(&mut self.chunk, "gap", &Gap::new(from, to, count));
            add(&self.app.metrics.tail_gaps, 1);
        }
    }

    /// Says that all of `from..=to` are missing, for all that can be known of them.
    fn pruned(&mut self, from: u64, to: u64) {
        self.gap(Id(from), Id(to), (to + 1).saturating_sub(from));
    }

    async fn push(&mut self, record: &StoredRecord) -> Result<(), End> {
        write_record(&mut self.chunk, record);
        add(&self.app.metrics.tail_records, 1);
        self.pushed += 1;
        if self.chunk.len() >= CHUNK_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Hands the chunk to the connection, once that has taken the one before.
    async fn flush(&mut self) -> Result<(), End> {
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
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

/// What was ready at once.
struct Taken {
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
async fn take(subscription: &mut Subscription) -> Taken {
    let mut was_awaited = false;
    let unmatched = poll_fn(|context| {
        let polled = subscription.poll_unmatched(context, EVENTS_MAX, EVENT_BYTES_MAX);
        was_awaited |= polled.is_pending();
        polled
    })
    .await;
    Taken {
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

/// Records that a client did not get.
#[derive(Serialize)]
struct Gap {
    from: String,
    to: String,
    count: u64,
}

impl Gap {
    fn new(from: Id, to: Id, count: u64) -> Self {
        Self {
            from: from.to_string(),
            to: to.to_string(),
            count,
        }
    }
}

/// A record under its id. Its JSON holds no line end, so it is one `data` line.
fn write_record(out: &mut Vec<u8>, record: &StoredRecord) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(record.id.to_string().as_bytes());
    out.extend_from_slice(b"\ndata: ");
    wire::write_entry(out, record);
    out.extend_from_slice(b"\n\n");
}

fn write_event(out: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    wire::write(out, data);
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Level, Metadata, Record};

    fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_client_begins_where_it_says() {
        let begin = |pairs: &[(&str, &str)], header| start(&mut parameters(pairs), header);
        assert_eq!(begin(&[], None), Ok(Start::Now));
        assert_eq!(begin(&[("tail", "20")], None), Ok(Start::Newest(20)));
        assert_eq!(begin(&[("after", "7")], None), Ok(Start::After(Id(7))));
        assert_eq!(
            begin(&[("after", "7")], Some("")),
            Ok(Start::After(Id(7))),
            "an empty header is none"
        );
        assert_eq!(
            begin(&[("after", "7"), ("tail", "20")], Some("9")),
            Ok(Start::After(Id(9))),
            "a browser that connects again sends the header beside its first address"
        );
        for (pairs, header, parameter) in [
            (&[("tail", "5001")][..], None, "tail"),
            (&[("tail", "-1")], None, "tail"),
            (&[("after", "x")], None, "after"),
            (&[], Some("x"), "Last-Event-ID"),
        ] {
            let error = begin(pairs, header).unwrap_err();
            assert_eq!(error.status, 400);
            assert_eq!(error.parameter.as_deref(), Some(parameter));
        }
    }

    #[test]
    fn a_record_is_one_event_whatever_its_text() {
        let record = StoredRecord {
            id: Id(12),
            record: Record {
                timestamp: Micros::new(0),
                source: "docker:web".parse().expect("a source"),
                level: Level::Warn,
                message: "a\nid: 99\r\n\ndata: x\u{2028}\u{1b}[31m".to_owned(),
                metadata: Metadata::new(),
            },
        };
        let mut out = Vec::new();
        write_record(&mut out, &record);
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            concat!(
                "id: 12\n",
                r#"data: {"id":"12","timestamp":"1970-01-01T00:00:00.000000Z","source":"docker:web","level":"warn","#,
                r#""message":"a\nid: 99\r\n\ndata: x"#,
                "\u{2028}",
                r#"\u001b[31m","metadata":{}}"#,
                "\n\n"
            )
        );
    }

    #[test]
    fn a_gap_names_what_is_missing() {
        let mut out = Vec::new();
        write_event(&mut out, "gap", &Gap::new(Id(3), Id(9), 2));
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            "event: gap\ndata: {\"from\":\"3\",\"to\":\"9\",\"count\":2}\n\n"
        );
    }
}
