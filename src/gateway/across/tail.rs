//! `GET /api/logs/tail`: the live tails of several nodes in one stream.
//!
//! Each node has a task that follows it and connects again when it is lost, after the last record that it gave. The tasks share a bounded
//! queue. When the client is slow, the queue is full, the tasks wait, and each node notices that and reports a gap: nothing is
//! dropped here. Every event has the position in all nodes as its id, so that a client continues exactly where it was.

use crate::gateway::across::ask::{AskError, NodesReport};
use crate::gateway::across::page::write_entry;
use crate::gateway::across::position::TailPosition;
use crate::gateway::across::select::{NodeSelection, Target, select};
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::keys::keyring::KeySet;
use crate::gateway::node::body::NodeBody;
use crate::gateway::node::fault::NodeFault;
use crate::gateway::proxy::feed::NodeFeed;
use crate::gateway::proxy::splitter::SseBlock;
use crate::gateway::proxy::tail::{event_stream, permit, reached, say_end, until};
use crate::gateway::reply::GatewayResponse;
use crate::gateway::request::{GatewayRequest, take_one};
use crate::server::FairPermit;
use crate::server::stopped;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Maximum number of nodes of one tail: each holds a connection, and its position goes with every event.
pub(in crate::gateway) const TAIL_NODES_MAX: usize = 64;

/// Events that wait for the client.
const QUEUE_EVENTS: usize = 256;

/// Bytes of these events, in KiB.
const QUEUE_KIB: u32 = 8 * 1_024;

/// How long a browser waits before it connects again.
const RETRY_MS: u32 = 1_000;

/// A stream without events sends a comment at this interval.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// The pause before the first attempt to connect again, and the longest one.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The body of an error.
const ERROR_BYTES_MAX: usize = 64 * 1_024;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `GET /api/logs/tail`
pub(in crate::gateway) async fn tail(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let mut selection = select(app, request)?;
    let keys = app.keys.set();
    let position = position(&mut selection, request, &keys)?;
    if selection.targets.len() > TAIL_NODES_MAX {
        return Err(GatewayError::parameter(
            "too_many_nodes",
            format!(
                "a live tail follows at most {TAIL_NODES_MAX} nodes, and {} match: name fewer with nodes= or label=",
                selection.targets.len()
            ),
        ));
    }
    let permit = permit(app, request)?;
    let mut report = NodesReport::new(&selection);
    let selection = Arc::new(selection);
    let opened = open_all(app, &selection, &position).await;
    let mut stores = StoresSeen::default();
    let mut followed = Vec::new();
    for (index, result) in opened {
        let Some(target) = selection.targets.get(index) else {
            continue;
        };
        let result = result.and_then(|response| {
            stores.check(target, &response)?;
            Ok(response)
        });
        match result {
            Ok(response) => followed.push((index, Some(response))),
            Err(error) => {
                if matches!(&error, AskError::Fault(fault) if fault.is_transient()) {
                    followed.push((index, None));
                }
                report.fail(target.id(), error);
            }
        }
    }
    report.check(app)?;
    let (sender, blocks) = mpsc::channel(1);
    let stream = FleetTail {
        app: Arc::clone(app),
        selection,
        keys,
        position,
        sender,
        stores: Arc::new(Mutex::new(stores)),
        _permit: permit,
    };
    tokio::spawn(stream.run(followed, report.json(), until(request)));
    Ok(event_stream(blocks))
}

/// Removes the parameters that say where the tail begins, and returns the position of a client that continues.
fn position(
    selection: &mut NodeSelection,
    request: &GatewayRequest,
    keys: &KeySet,
) -> Result<TailPosition, GatewayError> {
    let after = take_one(&mut selection.parameters, "after")?;
    let last = request.headers.get(LAST_EVENT_ID);
    let last = last.and_then(|value| value.to_str().ok());
    let last = last.filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(text) = last.or(after) else {
        return Ok(TailPosition::default());
    };
    TailPosition::verify(&text, keys.secret()).ok_or_else(|| {
        GatewayError::parameter(
            "invalid_cursor",
            "Last-Event-ID and after must be the id of an event of this gateway",
        )
    })
}

type Opened = Result<Response<NodeBody>, AskError>;

/// Opens the tails of all nodes.
async fn open_all(
    app: &Arc<GatewayApp>,
    selection: &Arc<NodeSelection>,
    position: &TailPosition,
) -> Vec<(usize, Opened)> {
    let mut opening = JoinSet::new();
    for (index, target) in selection.targets.iter().enumerate() {
        let (app, selection) = (Arc::clone(app), Arc::clone(selection));
        let (target, after) = (target.clone(), position.of(target.id()));
        opening.spawn(async move { (index, open(&app, &selection, &target, after).await) });
    }
    opening.join_all().await
}

/// Opens the tail of a node, after its last record if it is known.
async fn open(
    app: &GatewayApp,
    selection: &NodeSelection,
    target: &Target,
    after: Option<u64>,
) -> Opened {
    let mut headers = HeaderMap::new();
    if let Some(after) = after {
        headers.insert(LAST_EVENT_ID, after.into());
    }
    let call = selection.call(target, "/logs/tail", &selection.parameters, headers);
    let response = app.nodes.send(&target.node, &call).await?;
    match response.status() {
        StatusCode::OK if is_event_stream(&response) => Ok(response),
        StatusCode::OK => Err(NodeFault::Broken("its answer is no tail".to_owned()).into()),
        StatusCode::BAD_REQUEST => {
            let body = Limited::new(response.into_body(), ERROR_BYTES_MAX).collect();
            match timeout(app.nodes.patience(), body).await {
                Ok(Ok(body)) => Err(AskError::Invalid(body.to_bytes().into())),
                _ => Err(NodeFault::Refused(StatusCode::BAD_REQUEST).into()),
            }
        }
        status => Err(NodeFault::Refused(status).into()),
    }
}

fn is_event_stream(response: &Response<NodeBody>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// Which node has which store.
#[derive(Debug, Default)]
struct StoresSeen(BTreeMap<String, String>);

impl StoresSeen {
    /// An error for a node whose store another node has: its records would be there twice.
    fn check(&mut self, target: &Target, response: &Response<NodeBody>) -> Result<(), NodeFault> {
        let store = response.headers().get("x-vmlog-store");
        let Some(store) = store.and_then(|store| store.to_str().ok()) else {
            return Ok(());
        };
        let owner = self
            .0
            .entry(store.to_owned())
            .or_insert_with(|| target.id().to_owned());
        if owner == target.id() {
            Ok(())
        } else {
            Err(NodeFault::Cloned)
        }
    }
}

/// What a task says of its node.
enum NodeNews {
    Block(SseBlock),
    Lost(NodeFault),
    Back,
}

/// News of a node, with the share of the queue that they take.
struct QueuedNews {
    index: usize,
    news: NodeNews,
    _room: OwnedSemaphorePermit,
}

/// One client.
struct FleetTail {
    app: Arc<GatewayApp>,
    selection: Arc<NodeSelection>,
    keys: Arc<KeySet>,
    position: TailPosition,
    sender: mpsc::Sender<Bytes>,
    stores: Arc<Mutex<StoresSeen>>,
    _permit: FairPermit,
}

impl FleetTail {
    /// Runs until the client is gone, the session expires or the gateway stops.
    async fn run(
        self,
        followed: Vec<(usize, Option<Response<NodeBody>>)>,
        nodes: Value,
        until: Option<tokio::time::Instant>,
    ) {
        let sender = self.sender.clone();
        let mut stopping = self.app.stopping.clone();
        tokio::select! {
            () = self.follow(followed, nodes) => {}
            () = sender.closed() => {}
            () = reached(until) => say_end(&sender, "token_expired").await,
            () = stopped(&mut stopping) => say_end(&sender, "shutdown").await,
        }
    }

    async fn follow(mut self, followed: Vec<(usize, Option<Response<NodeBody>>)>, nodes: Value) {
        let (queue, mut news) = mpsc::channel(QUEUE_EVENTS);
        let room = Arc::new(Semaphore::new(QUEUE_KIB as usize));
        // dropped with this future, and the connections to the nodes with it
        let mut tasks = JoinSet::new();
        for (index, response) in followed {
            let task = NodeTask {
                app: Arc::clone(&self.app),
                selection: Arc::clone(&self.selection),
                stores: Arc::clone(&self.stores),
                index,
                queue: queue.clone(),
                room: Arc::clone(&room),
                last: self
                    .target(index)
                    .and_then(|target| self.position.of(target.id())),
            };
            tasks.spawn(task.run(response));
        }
        drop(queue);
        let hello = format!("retry: {RETRY_MS}\nevent: nodes\ndata: {nodes}\n\n");
        if self.sender.send(hello.into()).await.is_err() {
            return;
        }
        loop {
            let text = match timeout(KEEP_ALIVE, news.recv()).await {
                Err(_) => Some(b": keep-alive\n\n".to_vec()),
                Ok(None) => return,
                Ok(Some(queued)) => self.write(queued.index, queued.news),
            };
            if let Some(text) = text
                && self.sender.send(text.into()).await.is_err()
            {
                return;
            }
        }
    }

    fn target(&self, index: usize) -> Option<&Target> {
        self.selection.targets.get(index)
    }

    /// The event for the client; `None` for what concerns the connection to the node alone.
    fn write(&mut self, index: usize, news: NodeNews) -> Option<Vec<u8>> {
        let id = self.target(index)?.id().to_owned();
        let block = match news {
            NodeNews::Block(block) => block,
            NodeNews::Lost(fault) => {
                let data = json!({"id": id, "state": "lost", "reason": fault.reason()});
                return Some(event("node", &data));
            }
            NodeNews::Back => return Some(event("node", &json!({"id": id, "state": "back"}))),
        };
        let number = block.id.as_deref().and_then(|text| text.parse().ok());
        if let Some(number) = number {
            self.position.set(&id, number);
        }
        if block.event.is_empty() {
            // a comment, or the id with which a tail begins
            number?;
            let position = self.position.sign(self.keys.secret());
            let mut out = format!("id: {position}\n").into_bytes();
            if !block.data.is_empty() {
                out.extend_from_slice(b"data: ");
                write_entry(&mut out, &id, &block.data);
                out.push(b'\n');
            }
            out.push(b'\n');
            return Some(out);
        }
        let mut data: Value = serde_json::from_str(&block.data).ok()?;
        data.as_object_mut()?.insert("node".to_owned(), id.into());
        Some(event(&block.event, &data))
    }
}

fn event(name: &str, data: &Value) -> Vec<u8> {
    format!("event: {name}\ndata: {data}\n\n").into_bytes()
}

/// Follows one node.
struct NodeTask {
    app: Arc<GatewayApp>,
    selection: Arc<NodeSelection>,
    stores: Arc<Mutex<StoresSeen>>,
    index: usize,
    queue: mpsc::Sender<QueuedNews>,
    room: Arc<Semaphore>,
    /// The last id that was passed on.
    last: Option<u64>,
}

impl NodeTask {
    /// Follows the node until the client is gone, or until the node refuses for good.
    async fn run(mut self, opened: Option<Response<NodeBody>>) -> Option<()> {
        let selection = Arc::clone(&self.selection);
        let target = selection.targets.get(self.index)?;
        let mut pause = PAUSE_MIN;
        let mut response = opened;
        loop {
            if let Some(response) = response.take() {
                pause = PAUSE_MIN;
                let fault = self.follow(target, response).await?;
                target.node.failed(&fault);
                self.tell(NodeNews::Lost(fault)).await?;
            }
            sleep(with_jitter(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX);
            match self.open_again(target).await {
                Ok(again) => {
                    self.tell(NodeNews::Back).await?;
                    response = Some(again);
                }
                Err(AskError::Fault(fault)) if fault.is_transient() => {}
                Err(AskError::Fault(fault)) => return self.tell(NodeNews::Lost(fault)).await,
                Err(AskError::Invalid(_)) => {
                    let fault = NodeFault::Refused(StatusCode::BAD_REQUEST);
                    return self.tell(NodeNews::Lost(fault)).await;
                }
            }
        }
    }

    /// Opens the tail again after the last record. Without one it begins where the client asked it to.
    async fn open_again(&self, target: &Target) -> Opened {
        let response = open(&self.app, &self.selection, target, self.last).await?;
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.check(target, &response)?;
        Ok(response)
    }

    /// Passes events on until the stream of the node ends; `None` if the client is gone.
    async fn follow(&mut self, target: &Target, response: Response<NodeBody>) -> Option<NodeFault> {
        let parameters = &self.selection.parameters;
        let call = self
            .selection
            .call(target, "/logs/tail", parameters, HeaderMap::new());
        let mut feed = NodeFeed::new(Arc::clone(&target.node), call, response);
        loop {
            let block = match feed.next(&self.app.nodes).await {
                Ok(Some(block)) if block.event == "end" => {
                    return Some(NodeFault::Unreachable("the node stops".to_owned()));
                }
                Ok(Some(block)) => block,
                Ok(None) => return Some(NodeFault::Unreachable("its tail ended".to_owned())),
                Err(fault) => return Some(fault),
            };
            if let Some(id) = block.id.as_deref().and_then(|id| id.parse().ok()) {
                self.last = Some(id);
            }
            self.tell(NodeNews::Block(block)).await?;
        }
    }

    /// Waits for room in the queue. `None` if the client is gone.
    async fn tell(&self, news: NodeNews) -> Option<()> {
        let bytes = match &news {
            NodeNews::Block(block) => block.text.len() * 2,
            NodeNews::Lost(_) | NodeNews::Back => 0,
        };
        let kib = u32::try_from(bytes / 1_024 + 1).unwrap_or(QUEUE_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(kib.min(QUEUE_KIB));
        let queued = QueuedNews {
            index: self.index,
            news,
            _room: room.await.ok()?,
        };
        self.queue.send(queued).await.ok()
    }
}

/// Half to all of a pause: after a restart of a network, not all tails come back at once.
fn with_jitter(pause: Duration) -> Duration {
    let mut random = [0; 1];
    // without randomness the pause is the longest
    let part = getrandom::fill(&mut random).map_or(u8::MAX, |()| random[0]);
    pause / 2 + pause.mul_f64(f64::from(part) / 510.0)
}
