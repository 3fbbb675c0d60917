//! Streams lines over a websocket or as events: the newest stored ones, then each new one.

use super::json::{self, FoundLine};
use super::logs::{self, LogRequest};
use super::output::{FollowEnd, FrameOutput, gone};
use super::parameters::{LokiParameters, QUERY_SINCE_NANOS, refused};
use super::select;
use crate::live::{Event, Subscription};
use crate::logql::{self, Expr, LogPipeline, LogQuery};
use crate::query::Direction;
use crate::record::Id;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::ApiRequest;
use crate::server::limits::shares::FairPermit;
use crate::server::waiting::{reached, stopped};
use crate::tasks;
use crate::time::Micros;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use warp::Reply as _;
use warp::http::header::{HeaderName, HeaderValue};
use warp::reply::Response;
use warp::ws::{WebSocket, Ws};

/// Longer delays are refused, as Loki does.
const DELAY_SECONDS_MAX: u64 = 5;

/// Maximum number of lines in one frame, and of their memory.
const FRAME_LINES_MAX: usize = 500;
const FRAME_BYTES_MAX: usize = 256 << 10;

/// The last record that a client has seen which continues to follow events.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Maximum size of a client's messages, which are ignored.
const CLIENT_BYTES_MAX: usize = 4 << 10;

/// `GET /loki/api/v1/tail`
pub(in crate::server) async fn tail(
    app: &Arc<App>,
    principal: &Principal,
    request: &ApiRequest,
    websocket: Option<Ws>,
) -> Result<Response, ApiError> {
    let now = Micros::now().get().saturating_mul(1_000);
    let parameters = LokiParameters::new(request, now);
    // The query is compiled within the turn, because a regex takes time and memory too.
    let node = app.records.node();
    let read = app
        .gate
        .run(principal, move |_| TailQuery::read(&parameters, node));
    let query = read.await??;
    let takes_events = request.accepts("text/event-stream");
    if websocket.is_none() && !takes_events {
        return Err(refused("this endpoint requires a websocket"));
    }
    let share = app.tails.take(principal.id).ok_or_else(|| {
        let message = "as many clients follow the log as this server allows to this client";
        ApiError::too_many("too_many_tails", message, 5)
    })?;
    let until = principal
        .remaining
        .filter(|_| app.options.tail_ends_with_token)
        .and_then(|remaining| Instant::now().checked_add(remaining));
    let follower = LokiFollower {
        app: Arc::clone(app),
        principal: principal.clone(),
        query: Arc::new(query),
        after: request
            .header(&LAST_EVENT_ID)
            .and_then(|text| text.parse().ok())
            .filter(|_| takes_events)
            .map(Id),
        seen: AtomicU64::default(),
        until,
        _open: app.websockets.subscribe(),
        _share: share,
    };
    let Some(websocket) = websocket else {
        return Ok(follower.events());
    };
    let websocket = websocket
        .max_message_size(CLIENT_BYTES_MAX)
        .max_frame_size(CLIENT_BYTES_MAX);
    Ok(websocket
        .on_upgrade(move |websocket| follower.run_websocket(websocket))
        .into_response())
}

/// A tail's query and options.
#[derive(Debug)]
struct TailQuery {
    query: LogQuery,
    pipeline: LogPipeline,
    start_nanos: i64,
    limit: usize,
    delay: Duration,
    categorizes: bool,
    /// The name of this machine.
    node: Option<Arc<str>>,
}

impl TailQuery {
    fn read(parameters: &LokiParameters, node: Option<Arc<str>>) -> Result<Self, ApiError> {
        let text = parameters.query()?;
        let Expr::Log(query) = logql::parse(text).map_err(|error| refused(error.to_string()))?
        else {
            return Err(refused("only log queries are supported for tailing"));
        };
        let pipeline =
            LogPipeline::new(&query).map_err(|error| refused(error.located(text).to_string()))?;
        let delay = parameters.get("delay_for").unwrap_or("0");
        let delay: u64 = delay
            .parse()
            .map_err(|_| refused(format!("strconv.Atoi: parsing {delay:?}: invalid syntax")))?;
        if delay > DELAY_SECONDS_MAX {
            return Err(refused(format!(
                "delay_for can't be greater than {DELAY_SECONDS_MAX}"
            )));
        }
        Ok(Self {
            query,
            pipeline,
            start_nanos: parameters.range(QUERY_SINCE_NANOS)?.0,
            limit: parameters.limit()?,
            delay: Duration::from_secs(delay),
            categorizes: parameters.categorizes,
            node,
        })
    }

    fn frame(&self, lines: &[FoundLine], dropped: bool) -> String {
        let streams = json::streams(lines, self.categorizes);
        let nanos = Micros::now().get().saturating_mul(1_000).to_string();
        let dropped = if dropped {
            json!([{"labels": {}, "timestamp": nanos}])
        } else {
            Value::Null
        };
        let mut frame = json!({"streams": streams, "dropped_entries": dropped});
        if self.categorizes
            && let Value::Object(map) = &mut frame
        {
            map.insert("encodingFlags".to_owned(), json!(["categorize-labels"]));
        }
        frame.to_string()
    }
}

/// The task of one client.
struct LokiFollower {
    app: Arc<App>,
    principal: Principal,
    query: Arc<TailQuery>,
    /// The last record that a client which continues has seen.
    after: Option<Id>,
    /// The last record that was examined.
    seen: AtomicU64,
    /// When its token expires.
    until: Option<Instant>,
    /// Keeps the server waiting for it during a stop.
    _open: watch::Receiver<()>,
    _share: FairPermit,
}

impl LokiFollower {
    async fn run_websocket(self, websocket: WebSocket) {
        let (to_client, mut from_client) = websocket.split();
        let output = FrameOutput::WebSocket(to_client);
        self.run(output, gone(&mut from_client)).await;
    }

    /// The response of a client that takes events.
    fn events(self) -> Response {
        let (sender, chunks) = mpsc::channel(1);
        let closed = sender.clone();
        tasks::spawn(async move {
            self.run(FrameOutput::Events(sender), closed.closed()).await;
        });
        let mut response = reply::streamed("text/event-stream", chunks);
        for (name, value) in [("cache-control", "no-cache"), ("x-accel-buffering", "no")] {
            let name = HeaderName::from_static(name);
            reply::set(
                response.headers_mut(),
                name,
                HeaderValue::from_static(value),
            );
        }
        response
    }

    async fn run(self, mut output: FrameOutput, gone: impl Future<Output = ()>) {
        let mut stopping = self.app.stopping.clone();
        let until = self.until;
        let end = tokio::select! {
            end = self.follow(&mut output) => end,
            () = gone => FollowEnd::Gone,
            () = stopped(&mut stopping) => FollowEnd::Closed,
            () = reached(until) => FollowEnd::Expired,
        };
        if let FollowEnd::Failed(error) = &end {
            tracing::warn!("a tail ends: {error}");
        }
        output.end(&end, self.seen()).await;
    }

    async fn follow(&self, output: &mut FrameOutput) -> FollowEnd {
        match self.try_follow(output).await {
            Ok(()) => FollowEnd::Closed,
            Err(end) => end,
        }
    }

    fn seen(&self) -> Id {
        Id(self.seen.load(Ordering::Relaxed))
    }

    async fn try_follow(&self, output: &mut FrameOutput) -> Result<(), FollowEnd> {
        let records = self.app.records.of(&self.principal);
        let view = records.now();
        let newest = Id(view.ids().end.saturating_sub(1));
        let filter = select::live_filter(&self.query.query);
        let rows = self.app.options.tail_queue_rows;
        if let Some(after) = self.after.filter(|after| *after <= newest) {
            self.seen.store(after.0, Ordering::Relaxed);
            let mut subscription = records.subscribe(filter, after, rows);
            output.begin(after).await?;
            if subscription.first_id().0 > after.0.saturating_add(1) {
                // the records in between are in the store only
                output.frame(self.query.frame(&[], true), after).await?;
            }
            return self.follow_live(&mut subscription, output).await;
        }
        // All records after this view arrive through the subscription, as far as the ring reaches back.
        self.seen.store(newest.0, Ordering::Relaxed);
        let mut subscription = records.subscribe(filter, newest, rows);
        output.begin(newest).await?;
        let query = Arc::clone(&self.query);
        let found = self.app.gate.run_stream(&self.principal, move |budget| {
            let request = LogRequest {
                query: &query.query,
                pipeline: &query.pipeline,
                start_nanos: query.start_nanos,
                end_nanos: i64::MAX,
                direction: Direction::Backward,
                limit: query.limit,
            };
            logs::find(&view, &request, budget)
        });
        let mut found = found
            .await
            .map_err(FollowEnd::Failed)?
            .map_err(FollowEnd::Failed)?;
        found.lines.reverse();
        if !found.lines.is_empty() || output.takes_empty() {
            let frame = self.query.frame(&found.lines, false);
            output.frame(frame, newest).await?;
        }
        self.follow_live(&mut subscription, output).await
    }

    async fn follow_live(
        &self,
        subscription: &mut Subscription,
        output: &mut FrameOutput,
    ) -> Result<(), FollowEnd> {
        let keep_alive = self.app.options.tail_keep_alive;
        let mut silent_until = Instant::now() + keep_alive;
        loop {
            let taken = tokio::select! {
                taken = poll_fn(|context| subscription.poll_unmatched(context, FRAME_LINES_MAX, FRAME_BYTES_MAX)) => taken,
                () = sleep_until(silent_until) => {
                    output.keep_alive(self.seen()).await?;
                    silent_until = Instant::now() + keep_alive;
                    continue;
                }
            };
            let Some(unmatched) = taken else {
                return Ok(());
            };
            let last = unmatched.last_id();
            let query = Arc::clone(&self.query);
            // A pipeline may take milliseconds for each record: all tails together use at most one processor.
            let permit = self.app.matching.acquire().await;
            let matched = tasks::blocking(move || matched(&query, unmatched.matching())).await;
            drop(permit);
            let (lines, dropped) = matched.map_err(|_| FollowEnd::Failed(ApiError::internal()))?;
            let seen = last.unwrap_or(self.seen());
            if !lines.is_empty() || dropped {
                if !self.query.delay.is_zero() {
                    tokio::time::sleep(self.query.delay).await;
                }
                output
                    .frame(self.query.frame(&lines, dropped), seen)
                    .await?;
                silent_until = Instant::now() + keep_alive;
            }
            self.seen.store(seen.0, Ordering::Relaxed);
        }
    }
}

/// The lines of events, and whether records are missing between them.
fn matched(query: &TailQuery, events: Vec<Event>) -> (Vec<FoundLine>, bool) {
    let mut dropped = false;
    let mut lines = Vec::new();
    for event in events {
        match event {
            Event::Record(record) => {
                lines.extend(logs::found_line(
                    query.node.as_deref(),
                    &query.pipeline,
                    &record,
                ));
            }
            Event::Gap { .. } => dropped = true,
        }
    }
    (lines, dropped)
}
