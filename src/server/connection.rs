//! Connections and their limits: their number, how long they may be silent, the size of a request, how long a
//! response may remain unread. All connections end with the server.
//!
//! `warp`'s own server has no such limits, so connections are served with `hyper`.

use crate::server::app::App;
use crate::server::limits::connections::{Connection, ConnectionSlot, GuardedBody};
use crate::server::service::{Peer, RequestPermit, service};
use crate::server::tls::Tls;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use warp::hyper::server::conn::http1;
use warp::hyper::service::{Service as _, service_fn};

/// Maximum size of a request line and its headers. A search of 1000 percent-encoded characters takes 12 KiB.
pub(crate) const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Size of the read and write buffers of a connection.
pub(crate) const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// A connection that waits longer for a complete request is closed. Proxies keep theirs for a minute.
pub(crate) const REQUEST_WAIT_MAX: Duration = Duration::from_mins(1);

/// Maximum duration of a TLS handshake.
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A connection whose client reads nothing of a response for this long is closed.
pub(super) const WRITE_STALL_MAX: Duration = Duration::from_mins(1);

/// A connection is dead if sent data is not acknowledged within this time.
const UNACKNOWLEDGED_MAX_MS: u32 = 60_000;

/// How long a stop waits for requests in progress.
const STOP_WAIT_MAX: Duration = Duration::from_millis(500);

/// Pause after a failed accept, which most likely lacked a file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until `shutdown`, then ends every stream with `stop`, waits a little, and closes the remaining connections.
pub(super) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut shutdown => break,
        };
        // If every connection is busy, the new one is closed at once.
        if let Some(connection) = app.limiter.enter() {
            connections.spawn(serve_connection(Arc::clone(&app), stream, peer, connection));
        }
    }
    drop(listener);
    stop.send_replace(true);
    app.limiter.displace_idle();
    let all_end = async {
        while connections.join_next().await.is_some() {}
        // A websocket is no longer part of its connection.
        app.websockets.closed().await;
    };
    if timeout(STOP_WAIT_MAX, all_end).await.is_err() {
        tracing::debug!(
            "closed {} connections that were still open",
            connections.len()
        );
    }
    connections.shutdown().await;
}

/// The next connection.
pub(crate) async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
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
fn serve_connection(
    app: Arc<App>,
    stream: TcpStream,
    peer: IpAddr,
    connection: Connection,
) -> impl Future<Output = ()> + Send + use<> {
    set_options(&stream);
    let stream = StallTimeout::new(stream);
    let acceptor = app.options.tls.as_ref().map(Tls::acceptor);
    async move {
        let slot = connection.slot();
        let talked = async move {
            match acceptor {
                None => serve_stream(app, stream, peer, slot).await,
                Some(acceptor) => match timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => serve_stream(app, stream, peer, slot).await,
                    Ok(Err(error)) => tracing::debug!("a TLS handshake failed: {error}"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
        };
        tokio::select! {
            () = talked => {}
            () = connection.displaced() => {}
        }
    }
}

/// Serves the requests that arrive over a stream.
async fn serve_stream(
    app: Arc<App>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: IpAddr,
    slot: Arc<ConnectionSlot>,
) {
    let mut stopping = app.stopping.clone();
    let answers = TowerToHyperService::new(warp::service(service(app)));
    let answers = service_fn(move |mut request| {
        let busy = slot.occupy();
        let authority = request.uri().authority().cloned();
        let peer = Peer {
            address: peer,
            authority,
        };
        request.extensions_mut().insert(peer);
        let answer = answers.call(request);
        async move {
            let mut answer = answer.await?;
            let share = answer.extensions_mut().remove::<RequestPermit>();
            Ok::<_, Infallible>(answer.map(|body| GuardedBody::new(body, (busy, share))))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WAIT_MAX)
        .max_header_size(HEADER_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answers)
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

/// Waits until the server stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server has ended, which is equivalent.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Sends without delay, and detects clients that have disappeared (a tail sends a comment twice a minute). The
/// connection works without these options as well.
pub(crate) fn set_options(stream: &TcpStream) {
    let refused = [
        stream.set_nodelay(true).err(),
        rustix::net::sockopt::set_tcp_user_timeout(stream, UNACKNOWLEDGED_MAX_MS)
            .err()
            .map(io::Error::from),
    ];
    for error in refused.into_iter().flatten() {
        tracing::debug!("a socket option was refused: {error}");
    }
}

/// A stream whose writes fail if the other side reads nothing for [`WRITE_STALL_MAX`].
pub(crate) struct StallTimeout {
    stream: TcpStream,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl StallTimeout {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            stalled: None,
        }
    }

    /// Passes on the result of a write, and fails one that has waited too long.
    fn watched<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(WRITE_STALL_MAX)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for StallTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for StallTimeout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watched(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
