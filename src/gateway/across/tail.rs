//! `GET /api/logs/tail`: the live tails of several nodes in one stream.
//!
//! Every event has the position in all nodes as its id, so that a client continues exactly where it was.

use crate::gateway::across::follow::{FollowedNodes, LAST_EVENT_ID, NodeNews, OpenTails, TailCall};
use crate::gateway::across::page::write_entry;
use crate::gateway::across::position::TailPosition;
use crate::gateway::across::select::{NodeSelection, select};
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::keys::keyring::KeySet;
use crate::gateway::proxy::tail::{event_stream, permit, say_end};
use crate::gateway::reply::GatewayResponse;
use crate::gateway::request::{GatewayRequest, take_one};
use crate::gateway::session::life::SessionLife;
use crate::server::FairPermit;
use crate::server::stopped;
use crate::tasks;
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a browser waits before it connects again.
const RETRY_MS: u32 = 1_000;

/// A stream without events sends a comment at this interval.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// `GET /api/logs/tail`
pub(in crate::gateway) async fn tail(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
) -> Result<GatewayResponse, GatewayError> {
    let mut selection = select(app, request)?;
    let keys = app.keys.set();
    let position = position(&mut selection, request, &keys)?;
    let call = Arc::new(TailCall {
        selection,
        path: "/logs/tail",
        headers: HeaderMap::new(),
    });
    call.check()?;
    let permit = permit(app, request)?;
    let (tails, report) = OpenTails::open(app, &call, |id| position.of(id)).await;
    report.check(app)?;
    let (sender, blocks) = mpsc::channel(1);
    let stream = FleetTail {
        app: Arc::clone(app),
        call,
        keys,
        position,
        sender,
        _permit: permit,
    };
    let life = SessionLife::of(&request.user, &app.users.revoked);
    tasks::spawn(stream.run(tails, report.json(), life));
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

/// One client.
struct FleetTail {
    app: Arc<GatewayApp>,
    call: Arc<TailCall>,
    keys: Arc<KeySet>,
    position: TailPosition,
    sender: mpsc::Sender<Bytes>,
    _permit: FairPermit,
}

impl FleetTail {
    /// Runs until the client is gone, the session expires or the gateway stops.
    async fn run(self, tails: OpenTails, nodes: Value, life: SessionLife) {
        let sender = self.sender.clone();
        let mut stopping = self.app.stopping.clone();
        tokio::select! {
            () = self.follow(tails.follow(), nodes) => {}
            () = sender.closed() => {}
            reason = life.ended() => say_end(&sender, reason).await,
            () = stopped(&mut stopping) => say_end(&sender, "shutdown").await,
        }
    }

    async fn follow(mut self, mut nodes: FollowedNodes, report: Value) {
        let hello = format!("retry: {RETRY_MS}\nevent: nodes\ndata: {report}\n\n");
        if self.sender.send(hello.into()).await.is_err() {
            return;
        }
        loop {
            let text = match timeout(KEEP_ALIVE, nodes.next()).await {
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

    /// The event for the client; `None` for what concerns the connection to the node alone.
    fn write(&mut self, index: usize, news: NodeNews) -> Option<Vec<u8>> {
        let id = self.call.target(index)?.id().to_owned();
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
