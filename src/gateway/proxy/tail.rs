//! The live tail of one node, passed on event by event: a client never receives a part of one, and its last id is always the node's.

use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::node::client::NodeCall;
use crate::gateway::node::fault::NodeFault;
use crate::gateway::node::pool::Node;
use crate::gateway::proxy::feed::{NodeFeed, Resumption};
use crate::gateway::proxy::headers::pass_on;
use crate::gateway::reply::{BodyError, GatewayBody, GatewayResponse};
use crate::gateway::request::GatewayRequest;
use crate::gateway::session::life::SessionLife;
use crate::server::FairPermit;
use crate::server::stopped;
use crate::tasks;
use futures_util::stream::poll_fn;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::header::{self, HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long the last event of a stream may take to be read.
const FAREWELL_MAX: Duration = Duration::from_millis(200);

/// `GET /api/nodes/{id}/logs/tail`, and its other streams of events
pub(in crate::gateway) async fn tail(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
    node: &Arc<Node>,
    mut call: NodeCall,
    resumption: Resumption,
) -> Result<GatewayResponse, GatewayError> {
    call.headers.remove(header::ACCEPT_ENCODING);
    let permit = permit(app, request)?;
    let sent = app.nodes.send(node, &call).await;
    let response = sent.map_err(|fault| GatewayError::of_node(&node.entry.id, &fault))?;
    if !response.status().is_success() {
        let response = response.map(BodyExt::boxed_unsync);
        return Ok(pass_on(response, request));
    }
    let feed = NodeFeed::new(Arc::clone(node), call, response, resumption);
    // one block waits while another is sent; the node slows down, and says so, if the client does
    let (sender, blocks) = mpsc::channel(1);
    let relay = NodeTailRelay {
        app: Arc::clone(app),
        sender,
        life: SessionLife::of(&request.user, &app.users.revoked),
        _permit: permit,
    };
    tasks::spawn(relay.run(feed, Arc::clone(node)));
    Ok(event_stream(blocks))
}

/// Takes a permit for a live tail.
pub(in crate::gateway) fn permit(
    app: &GatewayApp,
    request: &GatewayRequest,
) -> Result<FairPermit, GatewayError> {
    let permit = app.tails.take(request.user.principal());
    permit.ok_or_else(|| {
        GatewayError::too_many("too_many_tails", "too many tails of this user are open")
    })
}

/// A response of blocks that arrive over a channel; it ends when the sender is dropped.
pub(in crate::gateway) fn event_stream(mut blocks: mpsc::Receiver<Bytes>) -> GatewayResponse {
    let frames = poll_fn(move |context| {
        let polled = blocks.poll_recv(context);
        polled.map(|block| block.map(|block| Ok::<_, BodyError>(Frame::data(block))))
    });
    let body: GatewayBody = StreamBody::new(frames).boxed_unsync();
    let mut response = Response::new(body);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The last event of a stream, with its reason.
pub(in crate::gateway) async fn say_end(sender: &mpsc::Sender<Bytes>, reason: &str) {
    let text = format!("event: end\ndata: {{\"reason\":\"{reason}\"}}\n\n");
    let _ = timeout(FAREWELL_MAX, sender.send(text.into())).await;
}

/// One client.
struct NodeTailRelay {
    app: Arc<GatewayApp>,
    sender: mpsc::Sender<Bytes>,
    life: SessionLife,
    _permit: FairPermit,
}

impl NodeTailRelay {
    /// Runs until the node or the client ends the stream, the session expires or the gateway stops. When the node is lost, the stream
    /// ends as well: the client connects again and continues after its last id.
    async fn run(self, feed: NodeFeed, node: Arc<Node>) {
        let mut stopping = self.app.stopping.clone();
        tokio::select! {
            ended = self.relay(feed) => {
                if let Err(fault) = ended {
                    node.failed(&fault);
                    say_end(&self.sender, fault.reason()).await;
                }
            }
            // the client is gone; the connection to the node closes with the feed
            () = self.sender.closed() => {}
            reason = self.life.ended() => say_end(&self.sender, reason).await,
            () = stopped(&mut stopping) => say_end(&self.sender, "shutdown").await,
        }
    }

    async fn relay(&self, mut feed: NodeFeed) -> Result<(), NodeFault> {
        while let Some(block) = feed.next(&self.app.nodes).await? {
            if self.sender.send(block.text.into()).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
