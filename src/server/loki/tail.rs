//! Streams lines over a websocket: the newest stored ones, then each new one.

use super::json::{self, FoundLine};
use super::logs::{self, LogRequest};
use super::parameters::{LokiParameters, QUERY_SINCE_NANOS, refused};
use super::select;
use crate::live::{Event, Subscription};
use crate::logql::{self, Expr, LogPipeline, LogQuery};
use crate::query::Direction;
use crate::record::Id;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use crate::server::limits::shares::FairPermit;
use crate::server::waiting::{reached, stopped};
use crate::time::Micros;
use futures_util::{SinkExt as _, StreamExt};
use serde_json::{Value, json};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use warp::Reply as _;
use warp::reply::Response;
use warp::ws::{Message, WebSocket, Ws};

/// Longer delays are refused, as Loki does.
const DELAY_SECONDS_MAX: u64 = 5;

/// Maximum number of lines in one frame, and of their memory.
const FRAME_LINES_MAX: usize = 500;
const FRAME_BYTES_MAX: usize = 256 << 10;

/// A client that accepts no frame for this long is disconnected.
const STALL_MAX: Duration = Duration::from_secs(30);

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
    let read = app
        .gate
        .run(principal, move |_| TailQuery::read(&parameters));
    let query = read.await??;
    let websocket = websocket.ok_or_else(|| refused("this endpoint requires a websocket"))?;
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
        until,
        _open: app.websockets.subscribe(),
        _share: share,
    };
    let websocket = websocket
        .max_message_size(CLIENT_BYTES_MAX)
        .max_frame_size(CLIENT_BYTES_MAX);
    Ok(websocket
        .on_upgrade(move |websocket| follower.run(websocket))
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
}

impl TailQuery {
    fn read(parameters: &LokiParameters) -> Result<Self, ApiError> {
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
        })
    }

    fn frame(&self, lines: &[FoundLine], dropped: bool) -> Message {
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
        Message::text(frame.to_string())
    }
}

/// The task of one client.
struct LokiFollower {
    app: Arc<App>,
    principal: Principal,
    query: Arc<TailQuery>,
    /// When its token expires.
    until: Option<Instant>,
    /// Keeps the server waiting for it during a stop.
    _open: watch::Receiver<()>,
    _share: FairPermit,
}

/// Why a client's task ends.
enum FollowEnd {
    /// The client has disconnected, or accepts nothing.
    Gone,
    /// The server stops, or the token has expired.
    Closed,
    Failed(ApiError),
}

impl LokiFollower {
    async fn run(self, websocket: WebSocket) {
        let (mut to_client, mut from_client) = websocket.split();
        let mut stopping = self.app.stopping.clone();
        let until = self.until;
        let follow = self.follow(&mut to_client);
        let end = tokio::select! {
            end = follow => end,
            () = gone(&mut from_client) => FollowEnd::Gone,
            () = stopped(&mut stopping) => FollowEnd::Closed,
            () = reached(until) => FollowEnd::Closed,
        };
        if let FollowEnd::Failed(error) = &end {
            tracing::warn!("a tail ends: {error}");
        }
        if !matches!(end, FollowEnd::Gone) {
            let _ = timeout(Duration::from_millis(200), to_client.send(Message::close())).await;
        }
    }

    async fn follow<S>(&self, to_client: &mut S) -> FollowEnd
    where
        S: futures_util::Sink<Message> + Unpin,
    {
        match self.try_follow(to_client).await {
            Ok(()) => FollowEnd::Closed,
            Err(end) => end,
        }
    }

    async fn try_follow<S>(&self, to_client: &mut S) -> Result<(), FollowEnd>
    where
        S: futures_util::Sink<Message> + Unpin,
    {
        let records = self.app.records.of(&self.principal);
        let view = records.now();
        let newest = Id(view.ids().end.saturating_sub(1));
        let filter = select::live_filter(&self.query.query);
        let rows = self.app.options.tail_queue_rows;
        // All records after this view arrive through the subscription, as far as the ring reaches back.
        let mut subscription = records.subscribe(filter, newest, rows);
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
        if !found.lines.is_empty() {
            send(to_client, self.query.frame(&found.lines, false)).await?;
        }
        self.follow_live(&mut subscription, to_client).await
    }

    async fn follow_live<S>(
        &self,
        subscription: &mut Subscription,
        to_client: &mut S,
    ) -> Result<(), FollowEnd>
    where
        S: futures_util::Sink<Message> + Unpin,
    {
        let keep_alive = self.app.options.tail_keep_alive;
        let mut silent_until = Instant::now() + keep_alive;
        loop {
            let taken = tokio::select! {
                taken = poll_fn(|context| subscription.poll_unmatched(context, FRAME_LINES_MAX, FRAME_BYTES_MAX)) => taken,
                () = sleep_until(silent_until) => {
                    send(to_client, Message::ping(Vec::new())).await?;
                    silent_until = Instant::now() + keep_alive;
                    continue;
                }
            };
            let Some(unmatched) = taken else {
                return Ok(());
            };
            let query = Arc::clone(&self.query);
            // A pipeline may take milliseconds for each record: all tails together use at most one processor.
            let permit = self.app.matching.acquire().await;
            let matched =
                tokio::task::spawn_blocking(move || matched(&query, unmatched.matching())).await;
            drop(permit);
            let (lines, dropped) = matched.map_err(|_| FollowEnd::Failed(ApiError::internal()))?;
            if lines.is_empty() && !dropped {
                continue;
            }
            if !self.query.delay.is_zero() {
                tokio::time::sleep(self.query.delay).await;
            }
            send(to_client, self.query.frame(&lines, dropped)).await?;
            silent_until = Instant::now() + keep_alive;
        }
    }
}

/// The lines of events, and whether records are missing between them.
fn matched(query: &TailQuery, events: Vec<Event>) -> (Vec<FoundLine>, bool) {
    let mut dropped = false;
    let mut lines = Vec::new();
    for event in events {
        match event {
            Event::Record(record) => lines.extend(logs::found_line(&query.pipeline, &record)),
            Event::Gap { .. } => dropped = true,
        }
    }
    (lines, dropped)
}

async fn send<S>(to_client: &mut S, message: Message) -> Result<(), FollowEnd>
where
    S: futures_util::Sink<Message> + Unpin,
{
    match timeout(STALL_MAX, to_client.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(FollowEnd::Gone),
    }
}

/// Waits until the client closes the connection.
async fn gone(from_client: &mut (impl StreamExt<Item = Result<Message, warp::Error>> + Unpin)) {
    while let Some(Ok(message)) = from_client.next().await {
        if message.is_close() {
            return;
        }
    }
}
