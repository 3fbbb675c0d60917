//! Follows the live tails of several nodes.
//!
//! Each node has a task that follows it and connects again when it is lost, after the last event that it gave. The tasks share a bounded
//! queue. When the client is slow, the queue is full, the tasks wait, and each node notices that and reports what it drops: nothing is
//! dropped here.

use crate::gateway::across::ask::{AskError, NodesReport};
use crate::gateway::across::select::{NodeSelection, Target};
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::node::body::NodeBody;
use crate::gateway::node::client::NodeCall;
use crate::gateway::node::fault::NodeFault;
use crate::gateway::proxy::feed::{NodeFeed, Resumption};
use crate::gateway::proxy::splitter::SseBlock;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use hyper::{Response, StatusCode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Maximum number of nodes of one tail: each holds a connection, and its position goes with every event.
const TAIL_NODES_MAX: usize = 64;

/// Events that wait for the client.
const QUEUE_EVENTS: usize = 256;

/// Bytes of these events, in KiB.
const QUEUE_KIB: u32 = 8 * 1_024;

/// The pause before the first attempt to connect again, and the longest one.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The body of an error.
const ERROR_BYTES_MAX: usize = 64 * 1_024;

pub(in crate::gateway) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What each node is asked for.
#[derive(Debug)]
pub(in crate::gateway) struct TailCall {
    pub(in crate::gateway) selection: NodeSelection,
    pub(in crate::gateway) path: &'static str,
    pub(in crate::gateway) headers: HeaderMap,
}

impl TailCall {
    /// 400 for too many nodes.
    pub(in crate::gateway) fn check(&self) -> Result<(), GatewayError> {
        let nodes = self.selection.targets.len();
        if nodes <= TAIL_NODES_MAX {
            return Ok(());
        }
        Err(GatewayError::parameter(
            "too_many_nodes",
            format!(
                "a live tail follows at most {TAIL_NODES_MAX} nodes, and {nodes} match: name fewer with nodes= or label="
            ),
        ))
    }

    pub(in crate::gateway) fn target(&self, index: usize) -> Option<&Target> {
        self.selection.targets.get(index)
    }

    /// The request to a node for what comes after its last event, if that is known.
    fn to(&self, target: &Target, after: Option<u64>) -> NodeCall {
        let mut headers = self.headers.clone();
        if let Some(after) = after {
            headers.insert(LAST_EVENT_ID, after.into());
        }
        let parameters = &self.selection.parameters;
        self.selection.call(target, self.path, parameters, headers)
    }
}

type Opened = Result<Response<NodeBody>, AskError>;

/// The tails of all nodes that can be followed.
pub(in crate::gateway) struct OpenTails {
    app: Arc<GatewayApp>,
    call: Arc<TailCall>,
    /// The places of nodes, and their answers; nodes without one are asked again.
    followed: Vec<(usize, Option<Response<NodeBody>>, Option<u64>)>,
    stores: StoresSeen,
}

/// News of all nodes. Dropping them closes the connections to the nodes.
pub(in crate::gateway) struct FollowedNodes {
    news: mpsc::Receiver<QueuedNews>,
    _tasks: JoinSet<Option<()>>,
}

impl OpenTails {
    /// Opens the tails of all nodes. `after`: the last event of each that the client has.
    pub(in crate::gateway) async fn open(
        app: &Arc<GatewayApp>,
        call: &Arc<TailCall>,
        after: impl Fn(&str) -> Option<u64>,
    ) -> (Self, NodesReport) {
        let mut report = NodesReport::new(&call.selection);
        let mut opening = JoinSet::new();
        for (index, target) in call.selection.targets.iter().enumerate() {
            let (app, call, after) = (Arc::clone(app), Arc::clone(call), after(target.id()));
            let target = target.clone();
            opening.spawn(async move { (index, open(&app, &call, &target, after).await, after) });
        }
        let mut tails = Self {
            app: Arc::clone(app),
            call: Arc::clone(call),
            followed: Vec::new(),
            stores: StoresSeen::default(),
        };
        for (index, result, after) in opening.join_all().await {
            let Some(target) = call.target(index) else {
                continue;
            };
            let result = result.and_then(|response| {
                tails.stores.check(target, &response)?;
                Ok(response)
            });
            match result {
                Ok(response) => tails.followed.push((index, Some(response), after)),
                Err(error) => {
                    if matches!(&error, AskError::Fault(fault) if fault.is_transient()) {
                        tails.followed.push((index, None, after));
                    }
                    report.fail(target.id(), error);
                }
            }
        }
        (tails, report)
    }

    /// The nodes whose tails have begun.
    pub(in crate::gateway) fn begun(&self) -> impl Iterator<Item = usize> {
        let begun = self.followed.iter();
        begun.filter_map(|(index, response, _)| response.as_ref().map(|_| *index))
    }

    /// Follows them.
    pub(in crate::gateway) fn follow(self) -> FollowedNodes {
        let (queue, news) = mpsc::channel(QUEUE_EVENTS);
        let room = Arc::new(Semaphore::new(QUEUE_KIB as usize));
        let stores = Arc::new(Mutex::new(self.stores));
        let mut tasks = JoinSet::new();
        for (index, response, last) in self.followed {
            let task = NodeTask {
                app: Arc::clone(&self.app),
                call: Arc::clone(&self.call),
                stores: Arc::clone(&stores),
                index,
                queue: queue.clone(),
                room: Arc::clone(&room),
                last,
            };
            tasks.spawn(task.run(response));
        }
        FollowedNodes {
            news,
            _tasks: tasks,
        }
    }
}

impl FollowedNodes {
    /// The next news; `None` once no node is followed any more.
    pub(in crate::gateway) async fn next(&mut self) -> Option<QueuedNews> {
        self.news.recv().await
    }

    /// The next news, if there are any already.
    pub(in crate::gateway) fn ready(&mut self) -> Option<QueuedNews> {
        self.news.try_recv().ok()
    }
}

/// Opens the tail of a node, after its last event if it is known.
async fn open(app: &GatewayApp, call: &TailCall, target: &Target, after: Option<u64>) -> Opened {
    let response = app
        .nodes
        .send(&target.node, &call.to(target, after))
        .await?;
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
        status => Err(NodeFault::of_status(status).into()),
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
pub(in crate::gateway) enum NodeNews {
    Block(SseBlock),
    Lost(NodeFault),
    Back,
}

/// News of a node, with the share of the queue that they take.
pub(in crate::gateway) struct QueuedNews {
    pub(in crate::gateway) index: usize,
    pub(in crate::gateway) news: NodeNews,
    _room: OwnedSemaphorePermit,
}

/// Follows one node.
struct NodeTask {
    app: Arc<GatewayApp>,
    call: Arc<TailCall>,
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
        let call = Arc::clone(&self.call);
        let target = call.target(self.index)?;
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

    /// Opens the tail again after the last event. Without one it begins where the client asked it to.
    async fn open_again(&self, target: &Target) -> Opened {
        let response = open(&self.app, &self.call, target, self.last).await?;
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.check(target, &response)?;
        Ok(response)
    }

    /// Passes events on until the stream of the node ends; `None` if the client is gone.
    async fn follow(&mut self, target: &Target, response: Response<NodeBody>) -> Option<NodeFault> {
        let call = self.call.to(target, None);
        let node = Arc::clone(&target.node);
        let mut feed = NodeFeed::new(node, call, response, Resumption::AfterLast);
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
