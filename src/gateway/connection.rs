//! Connections of clients and their bounds. No connection outlives the gateway.

use crate::gateway::app::{GatewayApp, stopped};
use crate::gateway::service;
use crate::server::{
    BUFFER_BYTES_MAX, Connection, ConnectionSlot, GuardedBody, HANDSHAKE_MAX, HEADER_BYTES_MAX,
    REQUEST_WAIT_MAX, StallTimeout, Tls, accept, set_options,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a stop waits for requests in progress.
const STOP_WAIT_MAX: Duration = Duration::from_millis(500);

/// Accepts connections until `shutdown`, then ends every stream with `stop`, waits a little, and closes the remaining connections.
pub(in crate::gateway) async fn serve(
    listener: TcpListener,
    app: Arc<GatewayApp>,
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
        // if every connection is busy, the new one is closed at once
        if let Some(connection) = app.limiter.enter() {
            connections.spawn(talk(Arc::clone(&app), stream, peer, connection));
        }
    }
    drop(listener);
    stop.send_replace(true);
    app.limiter.displace_idle();
    let all_end = async { while connections.join_next().await.is_some() {} };
    if timeout(STOP_WAIT_MAX, all_end).await.is_err() {
        let left = connections.len();
        tracing::debug!("closed {left} connections that were still open");
    }
    connections.shutdown().await;
}

/// Serves one connection until it ends, or until another needs its place.
async fn talk(app: Arc<GatewayApp>, stream: TcpStream, peer: IpAddr, connection: Connection) {
    set_options(&stream);
    let stream = StallTimeout::new(stream);
    let slot = connection.slot();
    let acceptor = app.options.tls.as_ref().map(Tls::acceptor);
    let talked = async move {
        match acceptor {
            None => answer(app, stream, peer, slot).await,
            Some(acceptor) => match timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => answer(app, stream, peer, slot).await,
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

/// Answers the requests that come over a stream.
async fn answer(
    app: Arc<GatewayApp>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: IpAddr,
    slot: Arc<ConnectionSlot>,
) {
    let mut stopping = app.stopping.clone();
    let service = service_fn(move |request| {
        let busy = slot.occupy();
        let answered = service::answer(Arc::clone(&app), peer, request);
        async move {
            let response = answered.await;
            Ok::<_, Infallible>(response.map(|body| GuardedBody::new(body, busy)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WAIT_MAX)
        .max_header_size(HEADER_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            // the request that is being answered is the last one
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
