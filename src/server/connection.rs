//! Connections and their limits: their number, how long they may be silent, the size of a request, how long a
//! response may remain unread. All connections end with the server. The API of a node and the gateway are both served here.
//!
//! `warp`'s own server has no such limits, so connections are served with `hyper`.

use crate::server::limits::connections::{
    Connection, ConnectionLimiter, ConnectionSlot, GuardedBody,
};
use crate::server::socket::{StallTimeout, set_options};
use crate::server::tls::Tls;
use crate::server::waiting::stopped;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use warp::hyper::body::{Body, Bytes, Incoming};
use warp::hyper::server::conn::http1;
use warp::hyper::service::{Service, service_fn};
use warp::hyper::{Request, Response};

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// Maximum size of a request line and its headers. A search of 1000 percent-encoded characters takes 12 KiB.
pub(in crate::server) const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Size of the read and write buffers of a connection.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// A connection that waits longer for a complete request is closed. Proxies keep theirs for a minute.
pub(super) const REQUEST_WAIT_MAX: Duration = Duration::from_mins(1);

/// Maximum duration of a TLS handshake.
pub(super) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long a stop waits for requests in progress.
const STOP_WAIT_MAX: Duration = Duration::from_millis(500);

/// Pause after a failed accept, which most likely lacked a file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections arrive, and what they share.
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    pub(crate) limiter: Arc<ConnectionLimiter>,
    pub(crate) tls: Option<Tls>,
    /// Becomes `true` when the stop begins: it ends every stream.
    pub(crate) stop: watch::Sender<bool>,
}

/// Serves connections until `shutdown`, then ends every stream, waits a little for the requests in progress and for `upgraded` (what
/// has left its connection), and closes the remaining connections. `service` makes the service for a peer.
pub(crate) async fn serve<S, B>(
    listening: Listening,
    shutdown: impl Future<Output = ()>,
    service: impl Fn(IpAddr) -> S,
    upgraded: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error: Into<BoxedError>> + Send + Unpin + 'static,
{
    let Listening {
        listener,
        limiter,
        tls,
        stop,
    } = listening;
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut shutdown => break,
        };
        // If every connection is busy, the new one is closed at once.
        if let Some(connection) = limiter.enter() {
            let acceptor = tls.as_ref().map(Tls::acceptor);
            let stopping = stop.subscribe();
            // boxed: one copy of the code that runs it, for the server and the gateway
            let served: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(serve_connection(
                stream,
                acceptor,
                service(peer),
                connection,
                stopping,
            ));
            connections.spawn(served);
        }
    }
    drop(listener);
    stop.send_replace(true);
    limiter.displace_idle();
    let all_end = async {
        while connections.join_next().await.is_some() {}
        upgraded.await;
    };
    if timeout(STOP_WAIT_MAX, all_end).await.is_err() {
        let left = connections.len();
        tracing::debug!("closed {left} connections that were still open");
    }
    connections.shutdown().await;
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip()),
            Err(error) if is_gone(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the connection ended before it was accepted.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Serves the requests of one connection until it ends or its slot is needed by another.
async fn serve_connection<S, B>(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    service: S,
    connection: Connection,
    stopping: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error: Into<BoxedError>> + Send + Unpin + 'static,
{
    set_options(&stream);
    let stream = StallTimeout::new(stream);
    let slot = connection.slot();
    let served = async move {
        match acceptor {
            None => serve_stream(stream, service, slot, stopping).await,
            Some(acceptor) => match timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => serve_stream(stream, service, slot, stopping).await,
                Ok(Err(error)) => tracing::debug!("a TLS handshake failed: {error}"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            },
        }
    };
    tokio::select! {
        () = served => {}
        () = connection.displaced() => {}
    }
}

/// Serves the requests that arrive over a stream.
async fn serve_stream<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: S,
    slot: Arc<ConnectionSlot>,
    mut stopping: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error: Into<BoxedError>> + Send + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let busy = slot.occupy();
        let answer = service.call(request);
        async move { Ok::<_, Infallible>(answer.await?.map(|body| GuardedBody::new(body, busy))) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WAIT_MAX)
        .max_header_size(HEADER_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            // The current request is the last one.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
