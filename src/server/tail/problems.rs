//! The list of problems over server-sent events: whole at first, and again whenever a record that reports a problem has changed it.
//!
//! An event holds the whole list, so that a client that was slow or disconnected needs nothing of before. Changes that come together are
//! one event.

use crate::live::Subscription;
use crate::query::Filter;
use crate::record::Id;
use crate::server::api::problems::ProblemsRequest;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::ApiRequest;
use crate::server::limits::shares::FairPermit;
use crate::server::tail::sse;
use crate::server::tail::stream::{RETRY_MS, too_many, until};
use crate::server::tail::waiting::take;
use crate::server::waiting::{reached, stopped};
use crate::tasks;
use crate::time::Micros;
use crate::triage::{self, ProblemList};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// Several records report one failure, and the line that says why may come after the first of them.
const SETTLE: Duration = Duration::from_secs(1);

/// Marked records that wait while a list is made. Beyond them a gap waits, which is a reason for a new list as well.
const QUEUE_ROWS: usize = 16;

/// A client that reads nothing for this long is disconnected.
const STALL_MAX: Duration = Duration::from_mins(1);

/// `GET /problems` of a client that accepts `text/event-stream`
pub(in crate::server) async fn follow(
    app: &Arc<App>,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let asked = ProblemsRequest::new(app, request)?;
    let share = app.tails.take(principal.id).ok_or_else(too_many)?;
    let records = app.records.of(principal);
    let newest = Id(records.now().ids().end.saturating_sub(1));
    let marked = Filter::default().with_expression(triage::marked());
    // before the first list is read, so that no record is missed between the two
    let subscription = records.subscribe(marked, newest, QUEUE_ROWS);
    let (first, view) = (asked.clone(), records.now());
    let list = app
        .gate
        .run(principal, move |budget| {
            first.list(&view, Micros::now(), budget)
        })
        .await??;
    let (sender, chunks) = mpsc::channel(1);
    let client = ProblemsClient {
        app: Arc::clone(app),
        principal: principal.clone(),
        asked,
        until: until(app, principal),
        sender,
        _share: share,
    };
    tasks::spawn(client.run(list, subscription));
    Ok(reply::event_stream(chunks))
}

/// Why a stream ends.
enum ListEnd {
    /// The client has disconnected or stopped reading.
    Gone,
    /// No record will arrive any more.
    Closed,
    /// The list could not be read.
    Failed(ApiError),
}

/// One client.
struct ProblemsClient {
    app: Arc<App>,
    principal: Principal,
    asked: ProblemsRequest,
    /// When its token expires.
    until: Option<Instant>,
    sender: mpsc::Sender<Result<Bytes, ApiError>>,
    _share: FairPermit,
}

impl ProblemsClient {
    /// Runs until the client disconnects, its token expires or the server stops.
    async fn run(self, list: ProblemList, subscription: Subscription) {
        let mut stopping = self.app.stopping.clone();
        let reason = tokio::select! {
            end = self.follow(list, subscription) => match end {
                ListEnd::Gone => return,
                ListEnd::Closed => "shutdown",
                ListEnd::Failed(error) => {
                    tracing::warn!("a list of problems failed: {error}");
                    return;
                }
            },
            () = stopped(&mut stopping) => "shutdown",
            () = reached(self.until) => "token_expired",
        };
        let mut event = Vec::new();
        sse::write_event(&mut event, "end", &serde_json::json!({ "reason": reason }));
        let _ = timeout(Duration::from_millis(200), self.send(event)).await;
    }

    async fn follow(&self, mut list: ProblemList, mut subscription: Subscription) -> ListEnd {
        let mut event = format!("retry: {RETRY_MS}\n").into_bytes();
        sse::write_event(&mut event, "problems", &list);
        loop {
            if !event.is_empty() && self.send(event).await.is_none() {
                return ListEnd::Gone;
            }
            event = Vec::new();
            match self.changed(&mut subscription).await {
                Ok(true) => {}
                Ok(false) => {
                    event.extend_from_slice(b": keep-alive\n\n");
                    continue;
                }
                Err(end) => return end,
            }
            sleep(SETTLE).await;
            let now = match self.list().await {
                Ok(now) => now,
                Err(error) => return ListEnd::Failed(error),
            };
            if now.problems != list.problems || now.has_more != list.has_more {
                sse::write_event(&mut event, "problems", &now);
                list = now;
            }
        }
    }

    /// Waits for a record that reports a problem; false when it is time to show that the connection is alive.
    async fn changed(&self, subscription: &mut Subscription) -> Result<bool, ListEnd> {
        let silent_until = Instant::now() + self.app.options.tail_keep_alive;
        loop {
            let taken = tokio::select! {
                taken = take(subscription) => taken,
                () = tokio::time::sleep_until(silent_until) => return Ok(false),
                () = self.sender.closed() => return Err(ListEnd::Gone),
            };
            let unmatched = taken.unmatched.ok_or(ListEnd::Closed)?;
            if !unmatched.matching().is_empty() {
                return Ok(true);
            }
        }
    }

    async fn list(&self) -> Result<ProblemList, ApiError> {
        let (asked, view) = (
            self.asked.clone(),
            self.app.records.of(&self.principal).now(),
        );
        let list = self.app.gate.run_stream(&self.principal, move |budget| {
            asked.list(&view, Micros::now(), budget)
        });
        list.await?
    }

    async fn send(&self, event: Vec<u8>) -> Option<()> {
        let sent = timeout(STALL_MAX, self.sender.send(Ok(event.into()))).await;
        sent.ok()?.ok()
    }
}
