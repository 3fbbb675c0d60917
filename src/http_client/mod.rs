//! The only HTTP client: an HTTP/1.1 connection, encrypted if the URL says so, with a limit on every wait and every
//! body.
//!
//! It follows no redirect and uses no proxy: an access token is sent only to the configured server.

mod tls;
mod url;

pub(crate) use tls::{
    AuthoritiesError, client_config, config_for_authorities, config_for_certificate,
};
pub(crate) use url::{Origin, is_this_machine, is_trusted_url, query_encoded};

use crate::tasks;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// A server on the same network answers in milliseconds.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The name that requests give to the server.
pub(crate) const USER_AGENT: &str = concat!("vmlog/", env!("CARGO_PKG_VERSION"));

/// A connection that takes one request after another.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// No connection could be opened.
    Connect(io::Error),
    /// The server does not speak TLS, or its certificate is not trusted.
    NotEncrypted(io::Error),
    /// The connection broke, or the response is not HTTP or too long.
    Broken(String),
    /// The response did not arrive in time.
    Timeout,
    /// The status is not 200.
    Status(StatusCode),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::NotEncrypted(error) => write!(f, "no encrypted connection: {error}"),
            Self::Broken(why) => f.write_str(why),
            Self::Timeout => f.write_str("the server does not respond"),
            Self::Status(status) => write!(f, "the server returned status {status}"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) | Self::NotEncrypted(error) => Some(error),
            Self::Broken(_) | Self::Timeout | Self::Status(_) => None,
        }
    }
}

impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Opens a connection to `origin`, encrypted with `tls` if there is any.
pub(crate) async fn connect(
    origin: &Origin,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Sender, ClientError> {
    let host = origin.host.trim_matches(['[', ']']);
    let stream = timeout(CONNECT_MAX, TcpStream::connect((host, origin.port))).await;
    let stream = stream
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(ClientError::Connect)?;
    stream.set_nodelay(true).map_err(ClientError::Connect)?;
    let Some(tls) = tls else {
        return handshake(stream).await;
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| {
        ClientError::Broken(format!("{host} cannot have a certificate: {error}"))
    })?;
    let encrypted = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
    let encrypted = timeout(CONNECT_MAX, encrypted).await;
    let encrypted = encrypted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    handshake(encrypted.map_err(ClientError::NotEncrypted)?).await
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Sender, ClientError> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // the task ends with the connection; an error of it also shows in the response
    tasks::spawn(async move { drop(connection.with_upgrades().await) });
    Ok(sender)
}

/// Reads a whole body of at most `bytes_max`.
pub(crate) async fn read_body(body: Incoming, bytes_max: usize) -> Result<Vec<u8>, ClientError> {
    let whole = Limited::new(body, bytes_max).collect().await;
    whole
        .map(|whole| whole.to_bytes().into())
        .map_err(|error| ClientError::Broken(error.to_string()))
}

/// Fetches a document of at most `bytes_max` within `time_max`, on a connection of its own.
pub(crate) async fn fetch(
    url: &str,
    tls: Option<&Arc<ClientConfig>>,
    bytes_max: usize,
    time_max: Duration,
) -> Result<Vec<u8>, ClientError> {
    let not_a_url = || ClientError::Broken(format!("{url} is not an address"));
    let uri: Uri = url.parse().map_err(|_| not_a_url())?;
    let origin = Origin::of(&uri).ok_or_else(not_a_url)?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::get(target)
        .header(header::HOST, origin.to_string())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "close")
        .body(Full::default())
        .map_err(|_| not_a_url())?;
    let fetched = timeout(time_max, async {
        let response = connect(&origin, tls).await?.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(ClientError::Status(response.status()));
        }
        read_body(response.into_body(), bytes_max).await
    });
    fetched.await.unwrap_or(Err(ClientError::Timeout))
}
