//! Where the frames of a tail go: into a websocket, or as server-sent events to a gateway, which follows many machines over connections
//! that may not take websockets.

use crate::record::Id;
use crate::server::http::error::ApiError;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt as _, StreamExt as _};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use warp::hyper::body::Bytes;
use warp::ws::{Message, WebSocket};

/// A client that accepts no frame for this long is disconnected.
const STALL_MAX: Duration = Duration::from_secs(30);

/// How long the last frame may take.
const FAREWELL_MAX: Duration = Duration::from_millis(200);

/// Why a client's task ends.
pub(super) enum FollowEnd {
    /// The client has disconnected, or accepts nothing.
    Gone,
    /// The server stops.
    Closed,
    /// The token has expired.
    Expired,
    Failed(ApiError),
}

/// The client's side of a tail.
pub(super) enum FrameOutput {
    WebSocket(SplitSink<WebSocket, Message>),
    /// Each event has the id of the last record that was examined, with which a client continues.
    Events(mpsc::Sender<Result<Bytes, Infallible>>),
}

impl FrameOutput {
    /// Sends a frame. `seen`: the last record that was examined.
    pub(super) async fn frame(&mut self, text: String, seen: Id) -> Result<(), FollowEnd> {
        match self {
            Self::WebSocket(_) => self.send(Message::text(text)).await,
            Self::Events(_) => self.event(format!("id: {seen}\ndata: {text}\n\n")).await,
        }
    }

    /// Says that the connection is alive.
    pub(super) async fn keep_alive(&mut self, seen: Id) -> Result<(), FollowEnd> {
        match self {
            Self::WebSocket(_) => self.send(Message::ping(Vec::new())).await,
            Self::Events(_) => self.event(format!("id: {seen}\n\n")).await,
        }
    }

    /// Whether the first frame is sent even if it has no lines: a gateway waits for those of all machines.
    pub(super) fn takes_empty(&self) -> bool {
        matches!(self, Self::Events(_))
    }

    /// Says where the events begin.
    pub(super) async fn begin(&mut self, seen: Id) -> Result<(), FollowEnd> {
        match self {
            Self::WebSocket(_) => Ok(()),
            Self::Events(_) => self.event(format!("id: {seen}\n\n")).await,
        }
    }

    /// Says that the tail ends.
    pub(super) async fn end(&mut self, end: &FollowEnd, seen: Id) {
        let reason = match end {
            FollowEnd::Gone => return,
            FollowEnd::Closed => "shutdown",
            FollowEnd::Expired => "token_expired",
            FollowEnd::Failed(_) => "failed",
        };
        let said = async {
            match self {
                Self::WebSocket(_) => self.send(Message::close()).await,
                Self::Events(_) => {
                    let text =
                        format!("id: {seen}\n\nevent: end\ndata: {{\"reason\":\"{reason}\"}}\n\n");
                    self.event(text).await
                }
            }
        };
        let _ = timeout(FAREWELL_MAX, said).await;
    }

    async fn send(&mut self, message: Message) -> Result<(), FollowEnd> {
        let Self::WebSocket(socket) = self else {
            return Ok(());
        };
        match timeout(STALL_MAX, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(FollowEnd::Gone),
        }
    }

    async fn event(&mut self, text: String) -> Result<(), FollowEnd> {
        let Self::Events(sender) = self else {
            return Ok(());
        };
        match timeout(STALL_MAX, sender.send(Ok(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(FollowEnd::Gone),
        }
    }
}

/// Waits until the client closes its websocket.
pub(super) async fn gone(
    from_client: &mut (impl futures_util::Stream<Item = Result<Message, warp::Error>> + Unpin),
) {
    while let Some(Ok(message)) = from_client.next().await {
        if message.is_close() {
            return;
        }
    }
}
