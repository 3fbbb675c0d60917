//! Websockets of clients.

use super::refusal::refused;
use crate::gateway::error::GatewayError;
use crate::gateway::reply::{self, GatewayResponse};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// Maximum size of a client's messages, which are ignored.
const CLIENT_BYTES_MAX: usize = 4 << 10;

/// A client that accepts no frame for this long is disconnected.
const STALL_MAX: Duration = Duration::from_secs(30);

/// How long the connection may take to leave HTTP.
const UPGRADE_MAX: Duration = Duration::from_secs(10);

/// How long the last frame may take.
const FAREWELL_MAX: Duration = Duration::from_millis(200);

/// A request for a websocket.
#[derive(Debug)]
pub(in crate::gateway) struct SocketOffer {
    upgrade: OnUpgrade,
    key: HeaderValue,
}

impl SocketOffer {
    /// Takes the offer out of a request, if it is one.
    pub(in crate::gateway) fn take(request: &mut Request<Incoming>) -> Option<Self> {
        let headers = request.headers();
        let is_offer = request.method() == Method::GET
            && names(headers, &header::CONNECTION, "upgrade")
            && names(headers, &header::UPGRADE, "websocket")
            && names(headers, &header::SEC_WEBSOCKET_VERSION, "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY).cloned();
        let key = key.filter(|_| is_offer)?;
        let upgrade = hyper::upgrade::on(request);
        Some(Self { upgrade, key })
    }

    /// The answer that accepts the offer, and the socket that there will be.
    pub(super) fn accept(self) -> Result<(GatewayResponse, PendingSocket), GatewayError> {
        let accepted = derive_accept_key(self.key.as_bytes());
        let accepted = HeaderValue::from_str(&accepted)
            .map_err(|_| refused("the key of the websocket is not valid"))?;
        let mut response = GatewayResponse::new(reply::whole(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
        Ok((response, PendingSocket(self.upgrade)))
    }
}

/// Whether a header has this word in its list.
fn names(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|given| given.trim().eq_ignore_ascii_case(word))
}

/// A connection that becomes a websocket.
pub(super) struct PendingSocket(OnUpgrade);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The sending side. An error of it means that the client is gone.
pub(super) struct SocketSender(SplitSink<Socket, Message>);

/// The receiving side.
pub(super) struct SocketReceiver(SplitStream<Socket>);

impl PendingSocket {
    /// The socket; `None` if the client is gone.
    pub(super) async fn open(self) -> Option<(SocketSender, SocketReceiver)> {
        let upgraded = timeout(UPGRADE_MAX, self.0).await.ok()?.ok()?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(CLIENT_BYTES_MAX))
            .max_frame_size(Some(CLIENT_BYTES_MAX));
        let stream = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        let (sender, receiver) = socket.split();
        Some((SocketSender(sender), SocketReceiver(receiver)))
    }
}

impl SocketSender {
    /// Sends a text; `None` if the client is gone.
    pub(super) async fn text(&mut self, text: String) -> Option<()> {
        self.send(Message::text(text)).await
    }

    pub(super) async fn ping(&mut self) -> Option<()> {
        self.send(Message::Ping(Vec::new().into())).await
    }

    pub(super) async fn close(&mut self) {
        let _ = timeout(FAREWELL_MAX, self.0.send(Message::Close(None))).await;
    }

    async fn send(&mut self, message: Message) -> Option<()> {
        timeout(STALL_MAX, self.0.send(message)).await.ok()?.ok()
    }
}

impl SocketReceiver {
    /// Waits until the client closes the connection.
    pub(super) async fn closed(&mut self) {
        while let Some(Ok(message)) = self.0.next().await {
            if message.is_close() {
                return;
            }
        }
    }
}
