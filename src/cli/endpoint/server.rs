//! A running server: pages over HTTP, the tail over SSE, which is resumed after a lost connection.

use super::event::{FollowEvent, FollowStart};
use super::event_parser::{EventParser, LINE_BYTES_MAX, ServerEvent};
use super::http::{HttpClient, HttpError, HttpRefusal, HttpStream, Url};
use super::lists::{self, ListPage, RunRow, SourceRow};
use super::wire;
use crate::cli::failure::{self, Failure};
use crate::cli::parameters::Parameters;
use crate::http_client::query_encoded;
use crate::query::{Histogram, Page};
use crate::record::StoredRecord;
use hyper::StatusCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio_rustls::rustls::ClientConfig;

/// How long a tail waits for bytes before it checks whether its reader still exists.
const WAIT: Duration = Duration::from_millis(500);
/// Time between two attempts to reach a server: doubled each time, up to the second value.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How many times a request is repeated if the server asks to retry later.
const LATER_MAX: u32 = 10;
/// Maximum number of newest records at the start of a tail: the server's own limit.
const NEWEST_MAX: usize = 5000;

/// A server.
#[derive(Debug)]
pub(in crate::cli) struct ServerBackend {
    client: HttpClient,
    /// The smallest page size that was refused as too large.
    refused_limit: usize,
}

/// How a tail ended.
enum ConnectionEnd {
    /// The reader has enough.
    Enough,
    /// The connection was lost, for this reason.
    Broken(String),
}

impl ServerBackend {
    pub(super) fn new(
        url: Url,
        token: Option<String>,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self, Failure> {
        let client = HttpClient::new(url, token, tls)
            .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
        Ok(Self {
            client,
            refused_limit: usize::MAX,
        })
    }

    pub(super) fn page(&mut self, parameters: &Parameters) -> Result<Page, Failure> {
        let mut body = self.get("/logs", &self.allowed(parameters));
        if let Err(HttpError::Refused(refusal)) = &body
            && refusal.code == "invalid_limit"
            && let Some(limit) = limit_of(parameters)
        {
            self.refused_limit = self.refused_limit.min(limit);
            body = self.get("/logs", &self.allowed(parameters));
        }
        let body = body.map_err(|error| self.failure(&error))?;
        wire::page(&body).ok_or_else(|| self.not_ours())
    }

    /// The parameters of a page, without a size that was refused: the server's own default is smaller.
    fn allowed(&self, parameters: &Parameters) -> Parameters {
        let is_refused = limit_of(parameters).is_some_and(|limit| limit >= self.refused_limit);
        let is_allowed = |name: &str| name != "limit" || !is_refused;
        let allowed = parameters.iter().filter(|(name, _)| is_allowed(name));
        allowed.cloned().collect()
    }

    /// Hands a JSON document to the server, and returns what it answers.
    pub(in crate::cli) fn post(&mut self, path: &str, json: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let answer = self.client.post(path, json);
        answer.map_err(|error| self.failure(&error))
    }

    pub(super) fn histogram(&mut self, parameters: &Parameters) -> Result<Histogram, Failure> {
        let body = self
            .get("/logs/histogram", parameters)
            .map_err(|error| self.failure(&error))?;
        wire::histogram(&body).ok_or_else(|| self.not_ours())
    }

    pub(super) fn sources(
        &mut self,
        parameters: &Parameters,
    ) -> Result<ListPage<SourceRow>, Failure> {
        let body = self.body("/logs/sources", parameters)?;
        lists::sources(&body).ok_or_else(|| self.not_ours())
    }

    pub(super) fn runs(&mut self, parameters: &Parameters) -> Result<ListPage<RunRow>, Failure> {
        let body = self.body("/runs", parameters)?;
        lists::runs(&body).ok_or_else(|| self.not_ours())
    }

    pub(super) fn run(&mut self, id: &str) -> Result<Option<RunRow>, Failure> {
        let path = format!("/runs/{}", query_encoded(id));
        match self.get(&path, &Parameters::new()) {
            Ok(body) => lists::run(&body).map(Some).ok_or_else(|| self.not_ours()),
            Err(HttpError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(self.failure(&error)),
        }
    }

    pub(super) fn values(&mut self, key: &str) -> Result<Vec<(String, u64)>, Failure> {
        let parameters = vec![("key".to_owned(), key.to_owned())];
        let body = self.body("/logs/fields", &parameters)?;
        lists::values(&body).ok_or_else(|| self.not_ours())
    }

    /// A server that is not ready reports that in its response.
    pub(super) fn readiness(&mut self) -> Result<serde_json::Value, Failure> {
        match self.client.get("/readyz", &[]) {
            Ok(body) => serde_json::from_slice(&body).map_err(|_| self.not_ours()),
            Err(HttpError::Refused(refusal))
                if refusal.status == StatusCode::SERVICE_UNAVAILABLE =>
            {
                Ok(serde_json::json!({"status": "not ready", "message": refusal.message}))
            }
            Err(error) => Err(self.failure(&error)),
        }
    }

    pub(super) fn address(&self) -> String {
        self.client.url().shown()
    }

    fn body(&mut self, path: &str, parameters: &Parameters) -> Result<Vec<u8>, Failure> {
        self.get(path, parameters)
            .map_err(|error| self.failure(&error))
    }

    /// Sends a request, and repeats it if the server asks to retry later.
    fn get(&mut self, path: &str, parameters: &Parameters) -> Result<Vec<u8>, HttpError> {
        let mut later = 0..LATER_MAX;
        loop {
            match self.client.get(path, parameters) {
                Err(HttpError::Refused(HttpRefusal {
                    status,
                    retry_after: Some(after),
                    ..
                })) if is_later(status) && later.next().is_some() => {
                    thread::sleep(after.clamp(RETRY_FIRST, RETRY_MAX));
                }
                answer => return answer,
            }
        }
    }

    /// The server streams all records of one state of its log; a truncated stream is a failure.
    pub(super) fn export(
        &mut self,
        parameters: &Parameters,
        take: &mut dyn FnMut(StoredRecord) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut parameters = parameters.clone();
        parameters.push(("format".to_owned(), "jsonl".to_owned()));
        let mut stream = self
            .client
            .stream("/logs/export", &parameters, None)
            .map_err(|error| self.failure(&error))?;
        failure::warn(stream.warnings());
        let (mut rest, mut silent_for) = (Vec::new(), Duration::ZERO);
        loop {
            let next = self.client.next(&mut stream, WAIT, &mut silent_for);
            let Some(bytes) = next.map_err(|error| self.failure(&error))? else {
                return Ok(());
            };
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                rest.extend_from_slice(piece);
                if rest.len() > LINE_BYTES_MAX {
                    return Err(self.not_ours());
                }
                if rest.last() == Some(&b'\n') {
                    let record = wire::record(&rest).ok_or_else(|| self.not_ours())?;
                    rest.clear();
                    if !take(record)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    pub(super) fn follow(
        &mut self,
        parameters: &Parameters,
        begin: FollowStart,
        take: &mut dyn FnMut(FollowEvent) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut first = parameters.clone();
        let mut last = match begin {
            FollowStart::After(id) => Some(id.0),
            FollowStart::Newest(count) => {
                first.push(("tail".to_owned(), count.min(NEWEST_MAX).to_string()));
                None
            }
        };
        let (mut pause, mut was_there, mut is_lost) = (RETRY_FIRST, false, false);
        loop {
            let parameters = if last.is_some() { parameters } else { &first };
            let why = match self.client.stream("/logs/tail", parameters, last) {
                Ok(mut stream) => {
                    if std::mem::take(&mut is_lost) && !take(FollowEvent::Back)? {
                        return Ok(());
                    }
                    (pause, was_there) = (RETRY_FIRST, true);
                    match self.events(&mut stream, &mut last, take)? {
                        ConnectionEnd::Enough => return Ok(()),
                        ConnectionEnd::Broken(why) => why,
                    }
                }
                Err(error) if !was_there || !is_passing(&error) => return Err(self.failure(&error)),
                Err(error) => self.failure(&error).text,
            };
            if !std::mem::replace(&mut is_lost, true) && !take(FollowEvent::Lost(why))? {
                return Ok(());
            }
            thread::sleep(pause);
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Passes the events of a stream on, and keeps its position in `last`.
    fn events(
        &mut self,
        stream: &mut HttpStream,
        last: &mut Option<u64>,
        take: &mut dyn FnMut(FollowEvent) -> Result<bool, Failure>,
    ) -> Result<ConnectionEnd, Failure> {
        let (mut events, mut silent_for) = (EventParser::default(), Duration::ZERO);
        loop {
            let bytes = match self.client.next(stream, WAIT, &mut silent_for) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    return Ok(ConnectionEnd::Broken(
                        "the server ended the tail".to_owned(),
                    ));
                }
                Err(error) => return Ok(ConnectionEnd::Broken(self.failure(&error).text)),
            };
            let mut whole = vec![];
            events
                .take(&bytes, |event| whole.push(event))
                .ok_or_else(|| self.not_ours())?;
            for event in whole {
                *last = event.id.or(*last);
                let Some(event) = self.event(&event)? else {
                    continue;
                };
                if !take(event)? {
                    return Ok(ConnectionEnd::Enough);
                }
            }
            if !take(FollowEvent::Idle)? {
                return Ok(ConnectionEnd::Enough);
            }
        }
    }

    fn event(&self, event: &ServerEvent) -> Result<Option<FollowEvent>, Failure> {
        match event.name.as_str() {
            "warnings" => Ok(wire::warnings(event.data.as_bytes()).map(FollowEvent::Warnings)),
            "gap" => Ok(Some(FollowEvent::Gap(wire::gap(&event.data)))),
            "" if !event.data.is_empty() => {
                let record = wire::record(event.data.as_bytes()).ok_or_else(|| self.not_ours())?;
                Ok(Some(FollowEvent::Record(record)))
            }
            // The stream ends by itself after an `end` event.
            _ => Ok(None),
        }
    }

    /// The message for an error, with a suggestion.
    fn failure(&self, error: &HttpError) -> Failure {
        let url = self.client.url().shown();
        match error {
            HttpError::Connect(why) => Failure::failed(format!(
                "cannot reach {url}: {why}; is `vmlog serve` running there?"
            )),
            HttpError::NotEncrypted(why) => Failure::failed(format!(
                "cannot open a TLS connection to {url}: {why}; name the authority of its certificate with --cacert"
            )),
            HttpError::Broken(why) => Failure::failed(format!("{url}: {why}")),
            HttpError::Refused(refusal) => match refusal.status {
                StatusCode::UNAUTHORIZED if self.client.has_token() => Failure::failed(format!(
                    "{url} refuses this access token: check --token-file or VMLOG_TOKEN"
                )),
                StatusCode::UNAUTHORIZED => Failure::failed(format!(
                    "{url} requires an access token: name its file with --token-file, or set VMLOG_TOKEN"
                )),
                StatusCode::BAD_REQUEST => Failure::usage(refusal.message.clone()),
                StatusCode::NOT_FOUND => Failure::failed(format!(
                    "{url}: {}; is this a vmlog server?",
                    refusal.message
                )),
                _ => Failure::failed(format!("{url}: {}", refusal.message)),
            },
        }
    }

    fn not_ours(&self) -> Failure {
        let url = self.client.url().shown();
        Failure::failed(format!(
            "unexpected response from {url}; is it a vmlog server of this version?"
        ))
    }
}

fn limit_of(parameters: &Parameters) -> Option<usize> {
    let (_, limit) = parameters.iter().find(|(name, _)| name == "limit")?;
    limit.parse().ok()
}

fn is_later(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

/// Whether a retry may succeed soon.
fn is_passing(error: &HttpError) -> bool {
    match error {
        HttpError::Connect(_) | HttpError::Broken(_) => true,
        HttpError::NotEncrypted(_) => false,
        HttpError::Refused(refusal) => {
            is_later(refusal.status) || refusal.status == StatusCode::BAD_GATEWAY
        }
    }
}
