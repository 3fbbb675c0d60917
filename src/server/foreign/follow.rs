//! Records one after another, as a stream that other systems know: those that are stored, then new ones.

use crate::query::{Budget, Cursor, Direction, Error, Filter, Order, PageRequest};
use crate::record::{Id, StoredRecord};
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::limits::shares::FairPermit;
use crate::server::records::ScopedView;
use crate::tasks;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use warp::http::header::{HeaderName, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// Records that are read together.
const ROWS: usize = 200;

/// New records are looked for at this interval.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A client that reads nothing for this long is gone.
const STALL_MAX: Duration = Duration::from_mins(1);

/// Makes a view of what the client may see.
pub(super) type MakeView = Box<dyn Fn() -> ScopedView + Send + Sync>;

/// A stream in the form of another system.
pub(super) trait StreamForm: Send + 'static {
    /// Adds what the client sees of a record, and returns whether the stream ends with it.
    fn write(&mut self, record: &StoredRecord, out: &mut Vec<u8>) -> bool;

    /// Called when everything that is stored has been sent: what ends the stream now, if it ends.
    fn caught_up(&mut self, budget: &Budget) -> Option<Vec<u8>>;

    /// A comment that keeps the connection open, if the form has comments.
    fn keep_alive(&self) -> &'static [u8];
}

/// Streams the records that match, after `after`.
pub(super) fn stream(
    app: &Arc<App>,
    principal: &Principal,
    content_type: &'static str,
    view: MakeView,
    (filter, after): (Filter, Id),
    form: impl StreamForm,
) -> Result<Response, ApiError> {
    let share = app.tails.take(principal.id).ok_or_else(|| {
        ApiError::too_many(
            "too_many_tails",
            "too many tails of this client are open",
            5,
        )
    })?;
    let remaining = principal
        .remaining
        .filter(|_| app.options.tail_ends_with_token);
    let until = remaining.and_then(|remaining| Instant::now().checked_add(remaining));
    let (sender, chunks) = mpsc::channel(1);
    let follower = StreamFollower {
        app: Arc::clone(app),
        principal: principal.clone(),
        view: Arc::new(view),
        filter,
        after,
        sender,
        _share: share,
    };
    let mut stopping = app.stopping.clone();
    tasks::spawn(async move {
        let expired = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = follower.run(form) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = expired => {}
        }
    });
    let mut response = reply::streamed(content_type, chunks);
    for (name, value) in [("cache-control", "no-cache"), ("x-accel-buffering", "no")] {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        reply::set(response.headers_mut(), name, value);
    }
    Ok(response)
}

struct StreamFollower {
    app: Arc<App>,
    principal: Principal,
    view: Arc<MakeView>,
    filter: Filter,
    after: Id,
    sender: mpsc::Sender<Result<Bytes, ApiError>>,
    _share: FairPermit,
}

impl StreamFollower {
    /// Runs until the stream ends or the client is gone.
    async fn run(mut self, mut form: impl StreamForm) {
        let mut spoken = Instant::now();
        loop {
            let (view, filter, after) = (Arc::clone(&self.view), self.filter.clone(), self.after);
            let step = move |budget: &Budget| {
                let read = read(&view(), filter, after, budget);
                let end = match &read {
                    Ok(read) if read.records.is_empty() && read.is_end => form.caught_up(budget),
                    _ => None,
                };
                (read, end, form)
            };
            let Ok((read, end, back)) = self.app.gate.run_stream(&self.principal, step).await
            else {
                return;
            };
            form = back;
            let Ok(read) = read else { return };
            self.after = read.seen;
            let mut out = Vec::new();
            let mut is_last = false;
            for record in &read.records {
                is_last = form.write(record, &mut out);
                if is_last {
                    break;
                }
            }
            let is_over = is_last || end.is_some();
            out.extend(end.unwrap_or_default());
            let is_quiet = spoken.elapsed() >= self.app.options.tail_keep_alive;
            if out.is_empty() && is_quiet {
                out.extend_from_slice(form.keep_alive());
            }
            if !out.is_empty() {
                spoken = Instant::now();
                let sent = timeout(STALL_MAX, self.sender.send(Ok(out.into()))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            if is_over || self.sender.is_closed() {
                return;
            }
            if read.records.is_empty() && read.is_end {
                sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Records that follow each other.
struct ReadRecords {
    records: Vec<StoredRecord>,
    /// Everything up to here was looked at.
    seen: Id,
    /// There is no more now.
    is_end: bool,
}

fn read(
    view: &ScopedView,
    filter: Filter,
    after: Id,
    budget: &Budget,
) -> Result<ReadRecords, Error> {
    let newest = Id(view.ids().end.saturating_sub(1));
    let page = view.page(
        asking(filter, Direction::Forward, Some(after.into()), ROWS),
        budget,
    )?;
    let seen = page.next_cursor.map_or(newest.max(after), Cursor::id);
    Ok(ReadRecords {
        is_end: page.next_cursor.is_none(),
        records: page.entries,
        seen,
    })
}

/// The oldest record that matches.
pub(super) fn first(
    view: &ScopedView,
    filter: Filter,
    budget: &Budget,
) -> Result<Option<StoredRecord>, Error> {
    one(view, asking(filter, Direction::Forward, None, 1), budget)
}

/// The newest record that matches.
pub(super) fn last(
    view: &ScopedView,
    filter: Filter,
    budget: &Budget,
) -> Result<Option<StoredRecord>, Error> {
    one(view, asking(filter, Direction::Backward, None, 1), budget)
}

fn one(
    view: &ScopedView,
    mut asked: PageRequest,
    budget: &Budget,
) -> Result<Option<StoredRecord>, Error> {
    loop {
        let page = view.page(asked.clone(), budget)?;
        match page.next_cursor {
            Some(next) if page.entries.is_empty() && !budget.cancel.is_cancelled() => {
                asked.cursor = Some(next);
            }
            _ => return Ok(page.entries.into_iter().next()),
        }
    }
}

pub(super) fn asking(
    filter: Filter,
    direction: Direction,
    cursor: Option<Cursor>,
    limit: usize,
) -> PageRequest {
    PageRequest {
        filter,
        cursor,
        direction,
        limit,
        order: Order::Id,
        around: None,
    }
}
