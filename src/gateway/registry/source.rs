//! Reads the registry from a file or a URL, if it has changed.

use crate::http_client::{
    AuthoritiesError, ClientError, Origin, USER_AGENT, client_config, connect, read_body,
};
use crate::opening;
use crate::server::KeySource;
use crate::tasks;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use rustix::fs::OFlags;
use std::fmt;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// A registry of the maximum number of nodes, with a kilobyte each and room for certificates.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// A control plane in the same network answers in milliseconds.
const FETCH_MAX: Duration = Duration::from_secs(10);

/// Where the registry is, and which version of it was read last.
#[derive(Debug)]
pub(in crate::gateway) struct DocumentSource {
    place: KeySource,
    authorization: Option<HeaderValue>,
    authorities: Option<PathBuf>,
    version: DocumentVersion,
}

/// The version of a document that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DocumentVersion {
    None,
    /// Inode, size and time of the last change.
    File(u64, u64, i64, i64),
    /// The tag that the server gave.
    Tag(HeaderValue),
}

/// Why a registry cannot be read.
#[derive(Debug)]
pub(in crate::gateway) enum RegistryError {
    File(PathBuf, io::Error),
    Fetch(ClientError),
    Authorities(AuthoritiesError),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Fetch(error) => write!(f, "cannot fetch it: {error}"),
            Self::Authorities(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RegistryError {}

impl From<ClientError> for RegistryError {
    fn from(error: ClientError) -> Self {
        Self::Fetch(error)
    }
}

impl DocumentSource {
    pub(in crate::gateway) fn new(
        place: KeySource,
        token: Option<&str>,
        authorities: Option<PathBuf>,
    ) -> Self {
        let authorization = token.and_then(|token| format!("Bearer {token}").parse().ok());
        Self {
            place,
            authorization,
            authorities,
            version: DocumentVersion::None,
        }
    }

    /// How often to look for a change.
    pub(in crate::gateway) fn interval(&self) -> Duration {
        match self.place {
            KeySource::File(_) => Duration::from_secs(1),
            KeySource::Url(_) => Duration::from_secs(10),
        }
    }

    /// The document, if it has changed since the last time.
    pub(in crate::gateway) async fn changed(&mut self) -> Result<Option<Vec<u8>>, RegistryError> {
        match self.place.clone() {
            KeySource::File(path) => {
                let known = self.version.clone();
                let named = path.clone();
                let read = tasks::blocking(move || read_file(&path, &known)).await;
                let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
                let read = read.map_err(|error| RegistryError::File(named, error))?;
                Ok(read.map(|(version, text)| {
                    self.version = version;
                    text
                }))
            }
            KeySource::Url(url) => {
                let fetched = timeout(FETCH_MAX, self.fetch(&url)).await;
                let fetched = fetched.unwrap_or(Err(ClientError::Timeout.into()))?;
                Ok(fetched.map(|(tag, text)| {
                    self.version = tag.map_or(DocumentVersion::None, DocumentVersion::Tag);
                    text
                }))
            }
        }
    }

    async fn fetch(
        &self,
        url: &str,
    ) -> Result<Option<(Option<HeaderValue>, Vec<u8>)>, RegistryError> {
        let not_a_url = || ClientError::Broken(format!("{url} is not an address"));
        let uri: Uri = url.parse().map_err(|_| not_a_url())?;
        let origin = Origin::of(&uri).ok_or_else(not_a_url)?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let tls = if origin.is_encrypted {
            let file = self.authorities.clone();
            let made = tasks::blocking(move || client_config(file.as_deref())).await;
            let made = made.map_err(|error| ClientError::Broken(error.to_string()))?;
            Some(made.map_err(RegistryError::Authorities)?)
        } else {
            None
        };
        let mut request = Request::get(target).body(Full::default());
        let request = request.as_mut().map_err(|_| not_a_url())?;
        *request.headers_mut() = self.headers(&origin);
        let request = std::mem::replace(request, Request::new(Full::default()));
        let mut sender = connect(&origin, tls.as_ref()).await?;
        let sent = sender.send_request(request).await;
        let response = sent.map_err(ClientError::from)?;
        match response.status() {
            StatusCode::NOT_MODIFIED => return Ok(None),
            StatusCode::OK => {}
            status => return Err(ClientError::Status(status).into()),
        }
        let tag = response.headers().get(header::ETAG).cloned();
        let text = read_body(response.into_body(), DOCUMENT_BYTES_MAX).await?;
        Ok(Some((tag, text)))
    }

    fn headers(&self, origin: &Origin) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(host) = origin.to_string().parse() {
            headers.insert(header::HOST, host);
        }
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let DocumentVersion::Tag(tag) = &self.version {
            headers.insert(header::IF_NONE_MATCH, tag.clone());
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        headers
    }
}

fn read_file(
    path: &Path,
    known: &DocumentVersion,
) -> io::Result<Option<(DocumentVersion, Vec<u8>)>> {
    let file = opening::readable(path, OFlags::empty())?;
    let metadata = file.metadata()?;
    let version = DocumentVersion::File(
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    );
    if version == *known {
        return Ok(None);
    }
    let mut text = Vec::new();
    let most = DOCUMENT_BYTES_MAX as u64;
    file.take(most + 1).read_to_end(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(Some((version, text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::mpsc;

    /// Answers one request after another with these responses, and passes on what was asked.
    fn serve(responses: Vec<String>) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, asked) = mpsc::channel();
        std::thread::spawn(move || {
            for response in responses {
                let (stream, _) = listener.accept().expect("a connection");
                let mut reader = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n")
                    && reader.read_line(&mut head).is_ok_and(|read| read > 0)
                {}
                sender.send(head.to_lowercase()).expect("the test waits");
                reader
                    .get_mut()
                    .write_all(response.as_bytes())
                    .expect("sent");
            }
        });
        (format!("http://{address}/nodes"), asked)
    }

    fn document(tag: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\netag: {tag}\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn a_document_at_a_url_is_read_again_when_its_tag_changes() {
        let (url, asked) = serve(vec![
            document("\"1\"", "one"),
            "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(),
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_owned(),
            document("\"2\"", "two"),
            "HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".to_owned(),
        ]);
        let place = KeySource::parse(&url).expect("this machine");
        let mut source = DocumentSource::new(place, Some("the-registry-token"), None);
        let first = source.changed().await.expect("read");
        assert_eq!(first.as_deref(), Some(&b"one"[..]));
        let head = asked.recv().expect("a request");
        assert!(
            head.contains("authorization: bearer the-registry-token"),
            "{head}"
        );
        assert!(!head.contains("if-none-match"), "{head}");

        assert_eq!(source.changed().await.expect("unchanged"), None);
        let head = asked.recv().expect("a request");
        assert!(head.contains("if-none-match: \"1\""), "{head}");
        assert!(source.changed().await.is_err());
        let head = asked.recv().expect("a request");
        assert!(head.contains("if-none-match: \"1\""), "{head}");
        let second = source.changed().await.expect("read");
        assert_eq!(second.as_deref(), Some(&b"two"[..]));
        assert!(
            source.changed().await.is_err(),
            "redirects are not followed"
        );
        let head = asked.iter().last().expect("a request");
        assert!(head.contains("if-none-match: \"2\""), "{head}");
    }
}
