//! `tail`: new lines of several nodes over one websocket.
//!
//! Nodes send the frames of their own tails as events, which any connection to them carries and which continue exactly after the last
//! record seen. The newest stored lines of all nodes come first, in order of time; then lines as they arrive. What a node had to drop, and
//! a node that is lost, are in `dropped_entries`.

use super::node_lines::{NodeStreams, bytes_of, lines_of};
use super::question::{LokiQuestion, NODE, check, conditions, nanos, pair};
use super::refusal::{of_parameter, refused};
use super::websocket::{SocketOffer, SocketSender};
use crate::gateway::across::follow::{FollowedNodes, NodeNews, OpenTails, TailCall};
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::node::fault::NodeFault;
use crate::gateway::proxy::splitter::SseBlock;
use crate::gateway::proxy::tail::permit;
use crate::gateway::reply::GatewayResponse;
use crate::gateway::request::GatewayRequest;
use crate::gateway::session::life::SessionLife;
use crate::logql::{self, Expr, LogPipeline};
use crate::server::FairPermit;
use crate::server::loki::json::{self, FoundLine};
use crate::server::loki::parameters::{CATEGORIZE, FLAGS, QUERY_SINCE_NANOS};
use crate::server::stopped;
use crate::tasks;
use crate::time::Micros;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

const PATH: &str = "/loki/api/v1/tail";

/// Longer delays are refused, as Loki does.
const DELAY_SECONDS_MAX: u64 = 5;

/// Maximum number of lines in one frame, and of their memory.
const FRAME_LINES_MAX: usize = 500;
const FRAME_BYTES_MAX: usize = 256 << 10;

/// A connection without lines is pinged at this interval.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// `GET /loki/api/v1/tail`
pub(in crate::gateway) async fn tail(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
    offer: Option<SocketOffer>,
) -> Result<GatewayResponse, GatewayError> {
    let mut question = LokiQuestion::new(app, request)?;
    let query = question.query()?;
    let expr = logql::parse(&query).map_err(|error| refused(error.to_string()))?;
    let Expr::Log(log_query) = &expr else {
        return Err(refused("only log queries are supported for tailing"));
    };
    LogPipeline::new(log_query).map_err(|error| refused(error.located(&query).to_string()))?;
    let delay = delay(question.parameters.get("delay_for").unwrap_or("0"))?;
    let limit = question.parameters.limit().map_err(of_parameter)?;
    let (start, _) = question.range(QUERY_SINCE_NANOS)?;
    question.narrow_to_any(&[conditions(&expr, &query)?]);
    let offer = offer.ok_or_else(|| refused("this endpoint requires a websocket"))?;
    let call = Arc::new(call(question, &query, start, limit));
    call.check()?;
    let permit = permit(app, request)?;
    let (tails, report) = OpenTails::open(app, &call, |_| None).await;
    check(app, &report)?;
    let (response, socket) = offer.accept()?;
    let lost: Vec<String> = report.failed().keys().cloned().collect();
    let client = LokiTail {
        app: Arc::clone(app),
        call,
        changes_node: expr.changes_label(NODE),
        categorizes: categorizes(request),
        limit,
        delay,
        lines: Vec::new(),
        dropped: lost.into_iter().map(|id| dropped(&id)).collect(),
        _open: app.websockets.subscribe(),
        _permit: permit,
    };
    let life = SessionLife::of(&request.user, &app.users.revoked);
    tasks::spawn(async move {
        let Some((mut sender, mut receiver)) = socket.open().await else {
            return;
        };
        let mut stopping = client.app.stopping.clone();
        let is_gone = tokio::select! {
            _ = client.follow(tails, &mut sender) => true,
            () = receiver.closed() => true,
            _ = life.ended() => false,
            () = stopped(&mut stopping) => false,
        };
        if !is_gone {
            sender.close().await;
        }
    });
    Ok(response)
}

fn categorizes(request: &GatewayRequest) -> bool {
    let flags = request.headers.get(FLAGS);
    let flags = flags
        .and_then(|flags| flags.to_str().ok())
        .unwrap_or_default();
    flags.split(',').any(|flag| flag.trim() == CATEGORIZE)
}

fn delay(text: &str) -> Result<Duration, GatewayError> {
    let seconds: u64 = text
        .parse()
        .map_err(|_| refused(format!("strconv.Atoi: parsing {text:?}: invalid syntax")))?;
    if seconds > DELAY_SECONDS_MAX {
        let message = format!("delay_for can't be greater than {DELAY_SECONDS_MAX}");
        return Err(refused(message));
    }
    Ok(Duration::from_secs(seconds))
}

/// What each node is asked for.
fn call(question: LokiQuestion, query: &str, start: i64, limit: usize) -> TailCall {
    let mut selection = question.selection;
    selection.parameters = vec![
        pair("query", query),
        pair("start", nanos(start)),
        pair("limit", limit.to_string()),
    ];
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(FLAGS, HeaderValue::from_static(CATEGORIZE));
    TailCall {
        selection,
        path: PATH,
        headers,
    }
}

/// Lines that a client misses.
fn dropped(id: &str) -> Value {
    let nanos = Micros::now().get().saturating_mul(1_000).to_string();
    json!({"labels": {"node": id}, "timestamp": nanos})
}

/// A frame of a node.
#[derive(Debug, Deserialize)]
struct NodeFrame {
    streams: NodeStreams,
    dropped_entries: Option<Vec<DroppedEntry>>,
}

#[derive(Debug, Deserialize)]
struct DroppedEntry {
    timestamp: String,
}

/// One client.
struct LokiTail {
    app: Arc<GatewayApp>,
    call: Arc<TailCall>,
    changes_node: bool,
    categorizes: bool,
    limit: usize,
    delay: Duration,
    /// Lines that are not sent yet.
    lines: Vec<FoundLine>,
    dropped: Vec<Value>,
    /// Keeps the gateway waiting for it during a stop.
    _open: watch::Receiver<()>,
    _permit: FairPermit,
}

impl LokiTail {
    /// Follows the nodes until the client is gone.
    async fn follow(mut self, tails: OpenTails, sender: &mut SocketSender) -> Option<Infallible> {
        let mut waiting: BTreeSet<usize> = tails.begun().collect();
        let mut nodes = tails.follow();
        self.gather(&mut nodes, &mut waiting).await;
        self.flush(sender).await?;
        loop {
            match timeout(KEEP_ALIVE, nodes.next()).await {
                Err(_) => {
                    sender.ping().await?;
                    continue;
                }
                Ok(None) => {
                    // no node is followed: the client waits as for lines that do not come
                    tokio::time::sleep(KEEP_ALIVE).await;
                    sender.ping().await?;
                    continue;
                }
                Ok(Some(queued)) => self.take(queued.index, queued.news),
            };
            while self.has_room()
                && let Some(queued) = nodes.ready()
            {
                self.take(queued.index, queued.news);
            }
            if !self.delay.is_zero() && !self.lines.is_empty() {
                tokio::time::sleep(self.delay).await;
            }
            self.flush(sender).await?;
        }
    }

    /// Takes the newest stored lines of all nodes; those of nodes that are slower than their time limit come later.
    async fn gather(&mut self, nodes: &mut FollowedNodes, waiting: &mut BTreeSet<usize>) {
        let until = Instant::now() + self.app.nodes.patience();
        while !waiting.is_empty()
            && let Ok(Some(queued)) = timeout_at(until, nodes.next()).await
        {
            if self.take(queued.index, queued.news) {
                waiting.remove(&queued.index);
            }
            let surplus = self.lines.len().saturating_sub(self.limit);
            if surplus > 0 {
                self.lines.sort_by_key(|line| line.nanos);
                self.lines.drain(..surplus);
            }
        }
    }

    fn has_room(&self) -> bool {
        let bytes: usize = self.lines.iter().map(bytes_of).sum();
        self.lines.len() < FRAME_LINES_MAX && bytes < FRAME_BYTES_MAX
    }

    /// Takes news of a node; returns whether they are a frame, or the end of it.
    fn take(&mut self, index: usize, news: NodeNews) -> bool {
        let Some(id) = self.call.target(index).map(|target| target.id().to_owned()) else {
            return false;
        };
        match news {
            NodeNews::Block(block) => self.add(index, &id, &block),
            NodeNews::Lost(_) => {
                self.dropped.push(dropped(&id));
                true
            }
            NodeNews::Back => false,
        }
    }

    fn add(&mut self, index: usize, id: &str, block: &SseBlock) -> bool {
        if block.data.is_empty() || !block.event.is_empty() {
            return false;
        }
        let frame: Option<NodeFrame> = serde_json::from_str(&block.data).ok();
        let lines = frame.and_then(|frame| {
            for entry in frame.dropped_entries.unwrap_or_default() {
                let entry = json!({"labels": {"node": id}, "timestamp": entry.timestamp});
                self.dropped.push(entry);
            }
            lines_of(frame.streams, id, self.changes_node).ok()
        });
        if let Some(lines) = lines {
            self.lines.extend(lines);
        } else {
            if let Some(target) = self.call.target(index) {
                let why = "a frame of its tail is not valid".to_owned();
                target.node.failed(&NodeFault::Broken(why));
            }
            self.dropped.push(dropped(id));
        }
        true
    }

    /// Sends what there is.
    async fn flush(&mut self, sender: &mut SocketSender) -> Option<()> {
        if self.lines.is_empty() && self.dropped.is_empty() {
            return Some(());
        }
        self.lines.sort_by_key(|line| line.nanos);
        let streams = json::streams(&self.lines, self.categorizes);
        let dropped = if self.dropped.is_empty() {
            Value::Null
        } else {
            std::mem::take(&mut self.dropped).into()
        };
        let mut frame = json!({"streams": streams, "dropped_entries": dropped});
        self.lines.clear();
        if self.categorizes
            && let Value::Object(map) = &mut frame
        {
            map.insert("encodingFlags".to_owned(), json!([CATEGORIZE]));
        }
        sender.text(frame.to_string()).await
    }
}
