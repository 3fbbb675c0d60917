//! The HTTP client of a vmlog server: one connection that is kept open, responses of limited size, streams with a
//! limit on silence.

use crate::cli::failure::Failure;
use crate::http_client::{
    ClientError, Origin, Sender, USER_AGENT, connect, is_this_machine, query_encoded, read_body,
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

/// A scan takes at most two seconds, and may have to wait for its turn.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// The server sends a comment every 30 seconds; two missing ones mean that the connection is dead.
const SILENCE_MAX: Duration = Duration::from_secs(75);
/// A page has at most 8 MiB of messages, which JSON may make six times as long.
const BODY_BYTES_MAX: usize = 64 << 20;

/// The URL of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) origin: Origin,
    /// The path below which a proxy serves vmlog, without a slash at its end.
    prefix: String,
    /// The token in the URL, as the server prints it at its start.
    pub(super) token: Option<String>,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::usage(format!("--url: {why}, got {text:?}"));
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let uri: hyper::Uri = with_scheme
            .parse()
            .map_err(|_| wrong("expected a URL such as http://127.0.0.1:8687"))?;
        let expected = "expected a URL such as http://127.0.0.1:8687";
        let origin = Origin::of(&uri).ok_or_else(|| wrong(expected))?;
        let query = uri.query().unwrap_or_default();
        let token = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("token="));
        Ok(Self {
            origin,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            token: token.map(str::to_owned),
        })
    }

    /// Whether it refers to this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_this_machine(&self.origin.host)
    }

    /// The URL for messages, without the token.
    pub(super) fn shown(&self) -> String {
        let scheme = if self.origin.is_encrypted {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{}", self.origin, self.prefix)
    }
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum HttpError {
    /// There is no connection.
    Connect(io::Error),
    /// The server does not speak TLS, or its certificate is not trusted.
    NotEncrypted(io::Error),
    /// The connection broke, or was silent for too long.
    Broken(String),
    /// The server refused the request.
    Refused(HttpRefusal),
}

impl From<ClientError> for HttpError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Connect(error) => Self::Connect(error),
            ClientError::NotEncrypted(error) => Self::NotEncrypted(error),
            ClientError::Broken(_) | ClientError::Timeout | ClientError::Status(_) => {
                Self::Broken(error.to_string())
            }
        }
    }
}

/// A response with a status that is not a success.
#[derive(Debug)]
pub(super) struct HttpRefusal {
    pub(super) status: StatusCode,
    /// The code for programs, if the server sent one.
    pub(super) code: String,
    pub(super) message: String,
    /// When to retry.
    pub(super) retry_after: Option<Duration>,
}

/// A client of one server.
#[derive(Debug)]
pub(super) struct HttpClient {
    runtime: Runtime,
    url: Url,
    token: Option<String>,
    tls: Option<Arc<ClientConfig>>,
    connection: Option<Sender>,
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub(super) struct HttpStream {
    body: Incoming,
    warnings: Vec<String>,
}

impl HttpStream {
    /// What the server says about the filter.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl HttpClient {
    /// A client that encrypts with `tls`, where the address asks for it.
    pub(super) fn new(
        url: Url,
        token: Option<String>,
        tls: Option<Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            runtime,
            url,
            token,
            tls,
            connection: None,
        })
    }

    /// Whether requests carry an access token.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The body of an answer.
    pub(super) fn get(
        &mut self,
        path: &str,
        parameters: &[(String, String)],
    ) -> Result<Vec<u8>, HttpError> {
        let request = self.request(path, parameters, None)?;
        self.answer(request)
    }

    /// The body of the answer to a JSON document.
    pub(super) fn post(&mut self, path: &str, json: Vec<u8>) -> Result<Vec<u8>, HttpError> {
        let mut request = self.request(path, &[], None)?;
        *request.method_mut() = Method::POST;
        *request.body_mut() = Full::from(json);
        let kind = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        self.answer(request)
    }

    fn answer(&mut self, request: Request<Full<Bytes>>) -> Result<Vec<u8>, HttpError> {
        let Self {
            runtime,
            url,
            tls,
            connection,
            ..
        } = self;
        let answered = runtime.block_on(within(async {
            let response = send(connection, url, tls.as_ref(), request).await?;
            Ok(read_body(response.into_body(), BODY_BYTES_MAX).await?)
        }));
        if answered.is_err() {
            self.connection = None;
        }
        answered
    }

    /// An answer that comes piece by piece, on a connection of its own.
    pub(super) fn stream(
        &mut self,
        path: &str,
        parameters: &[(String, String)],
        last_event_id: Option<u64>,
    ) -> Result<HttpStream, HttpError> {
        let request = self.request(path, parameters, last_event_id)?;
        let (url, tls) = (&self.url, self.tls.as_ref());
        self.runtime.block_on(within(async {
            let response = send(&mut None, url, tls, request).await?;
            let warnings = response.headers().get("x-vmlog-warnings");
            let warnings = warnings.and_then(|value| serde_json::from_slice(value.as_bytes()).ok());
            Ok(HttpStream {
                body: response.into_body(),
                warnings: warnings.unwrap_or_default(),
            })
        }))
    }

    /// The next piece; `None` at the end, an empty one if nothing arrived within `wait`.
    pub(super) fn next(
        &mut self,
        stream: &mut HttpStream,
        wait: Duration,
        silent_for: &mut Duration,
    ) -> Result<Option<Bytes>, HttpError> {
        let frame = self
            .runtime
            .block_on(async { timeout(wait, stream.body.frame()).await });
        match frame {
            Ok(None) => Ok(None),
            Ok(Some(Ok(frame))) => {
                *silent_for = Duration::ZERO;
                Ok(Some(frame.into_data().unwrap_or_default()))
            }
            Ok(Some(Err(error))) => Err(HttpError::Broken(error.to_string())),
            Err(_) => {
                *silent_for += wait;
                if *silent_for >= SILENCE_MAX {
                    Err(silent())
                } else {
                    Ok(Some(Bytes::new()))
                }
            }
        }
    }

    fn request(
        &self,
        path: &str,
        parameters: &[(String, String)],
        last_event_id: Option<u64>,
    ) -> Result<Request<Full<Bytes>>, HttpError> {
        let mut target = format!("{}{path}", self.url.prefix);
        for (index, (name, value)) in parameters.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.extend(query_encoded(name));
            target.push('=');
            target.extend(query_encoded(value));
        }
        let mut request = Request::get(target)
            .header(header::HOST, self.url.origin.to_string())
            .header(header::USER_AGENT, USER_AGENT);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        request.body(Full::default()).map_err(|_| {
            HttpError::Broken(
                "the token contains characters that a header cannot contain".to_owned(),
            )
        })
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, HttpError>>) -> Result<T, HttpError> {
    let answered = timeout(ANSWER_WITHIN, answer).await;
    answered.unwrap_or_else(|_| Err(silent()))
}

fn silent() -> HttpError {
    ClientError::Timeout.into()
}

/// Sends a request on the open connection, or on a new one.
async fn send(
    kept: &mut Option<Sender>,
    url: &Url,
    tls: Option<&Arc<ClientConfig>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, HttpError> {
    let broken = |error: hyper::Error| HttpError::Broken(error.to_string());
    let is_ready = match kept {
        Some(connection) => connection.ready().await.is_ok(),
        None => false,
    };
    if !is_ready {
        *kept = Some(connect(&url.origin, tls).await?);
    }
    let Some(connection) = kept else {
        return Err(silent());
    };
    let response = connection.send_request(request).await.map_err(broken)?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (status, retry_after) = (response.status(), retry_after(response.headers()));
    let body = read_body(response.into_body(), BODY_BYTES_MAX).await;
    Err(HttpError::Refused(refusal(
        status,
        retry_after,
        &body.unwrap_or_default(),
    )))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

fn refusal(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> HttpRefusal {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| {
        said.get(name)
            .and_then(|text| text.as_str())
            .map(str::to_owned)
    };
    HttpRefusal {
        status,
        code: text("error").unwrap_or_default(),
        message: text("message").unwrap_or_else(|| status.to_string()),
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn urls_are_read_in_all_common_forms() {
        assert_eq!(url("127.0.0.1:8687").shown(), "http://127.0.0.1:8687");
        assert_eq!(url("http://logs/").shown(), "http://logs:80");
        let printed = url("http://[::1]:8687/vm/7/?token=abc");
        assert_eq!(printed.shown(), "http://[::1]:8687/vm/7");
        assert_eq!(printed.token.as_deref(), Some("abc"));
        assert!(
            printed.is_loopback()
                && url("localhost:1").is_loopback()
                && !url("logs:1").is_loopback()
        );
    }

    #[test]
    fn an_invalid_url_is_reported() {
        let refused = |text: &str| Url::parse(text).expect_err("a refusal").text;
        assert_eq!(url("https://logs").shown(), "https://logs:443");
        assert_eq!(
            refused("ftp://x"),
            "--url: expected a URL such as http://127.0.0.1:8687, got \"ftp://x\""
        );
        assert!(refused("").starts_with("--url: expected a URL"));
    }

    #[test]
    fn a_refusal_keeps_the_message_of_the_server() {
        let body = br#"{"error":"invalid_level","message":"level must be","parameter":"level"}"#;
        let said = refusal(StatusCode::BAD_REQUEST, None, body);
        assert_eq!(
            (said.code.as_str(), said.message.as_str()),
            ("invalid_level", "level must be")
        );
        assert_eq!(
            refusal(StatusCode::BAD_GATEWAY, None, b"<html>").message,
            "502 Bad Gateway"
        );
    }
}
