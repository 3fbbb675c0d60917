//! A small HTTP/1.1 and SSE client over plain sockets, which sends exactly the bytes of a test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Maximum time for a response.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 200, 404, ...
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The whole body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    receive_bytes: Option<usize>,
}

/// A GET of `target` (path and query).
pub(crate) fn get(address: SocketAddr, target: &str) -> Call {
    Call {
        address,
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        receive_bytes: None,
    }
}

impl Call {
    /// Sets the size of the receive buffer.
    pub(crate) fn receive_bytes(mut self, bytes: usize) -> Self {
        self.receive_bytes = Some(bytes);
        self
    }

    /// Another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// One more header; a `host` replaces the usual one.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body and its length.
    pub(crate) fn body(self, body: &str) -> Self {
        let mut call = self.header("content-length", &body.len().to_string());
        call.body = body.as_bytes().to_vec();
        call
    }

    /// Sends it on a new connection and reads the whole response.
    pub(crate) fn send(&self) -> Answer {
        self.try_send()
            .unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.target))
    }

    /// The same, but the server may close the connection.
    pub(crate) fn try_send(&self) -> io::Result<Answer> {
        let mut connection = Connection::open(self.address)?;
        connection.send(&self.clone().header("connection", "close"))
    }

    /// Sends it and returns the status without reading the body.
    pub(crate) fn status(&self) -> u16 {
        let mut connection = Connection::open(self.address).expect("a connection");
        connection.begin(self).expect("an answer").0
    }

    /// Sends it and reads only the head of the response; the returned value keeps the connection open.
    pub(crate) fn unread(&self) -> (u16, impl Sized + use<>) {
        let mut connection = Connection::open(self.address).expect("a connection");
        connection.receive_at_most(self.receive_bytes);
        let (status, _) = connection.begin(self).expect("an answer");
        (status, connection)
    }

    /// Sends it and reads the response as a stream of events.
    pub(crate) fn events(&self) -> Events {
        let mut connection = Connection::open(self.address).expect("a connection");
        connection.receive_at_most(self.receive_bytes);
        let (status, headers) = connection.begin(self).expect("an answer");
        let chunked = find(&headers, "transfer-encoding").is_some_and(|value| value == "chunked");
        assert!(chunked, "a stream has no length: {headers:?}");
        Events {
            status,
            headers,
            lines: BufReader::new(Chunks {
                reader: connection.reader,
                left: 0,
                ended: false,
            }),
        }
    }

    fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let mut text = Vec::new();
        write!(text, "{} {} HTTP/1.1\r\n", self.method, self.target)?;
        if find(&self.headers, "host").is_none() {
            write!(text, "host: {}\r\n", self.address)?;
        }
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n")?;
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&self.body);
        stream.write_all(&text)
    }
}

/// A connection that may carry several requests.
#[derive(Debug)]
pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            reader: BufReader::new(stream),
        })
    }

    fn receive_at_most(&self, bytes: Option<usize>) {
        if let Some(bytes) = bytes {
            let stream = self.reader.get_ref();
            rustix::net::sockopt::set_socket_recv_buffer_size(stream, bytes).expect("a size");
        }
    }

    /// Sends a request and reads the whole response.
    pub(crate) fn send(&mut self, call: &Call) -> io::Result<Answer> {
        let (status, headers) = self.begin(call)?;
        let mut body = Vec::new();
        let bodyless = call.method == "HEAD" || status == 304;
        if bodyless {
        } else if let Some(length) = find(&headers, "content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            (&mut self.reader).take(length).read_to_end(&mut body)?;
        } else if find(&headers, "transfer-encoding").is_some() {
            let mut chunks = Chunks {
                reader: &mut self.reader,
                left: 0,
                ended: false,
            };
            chunks.read_to_end(&mut body)?;
        } else {
            self.reader.read_to_end(&mut body)?;
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Sends a request and reads the head of the response.
    fn begin(&mut self, call: &Call) -> io::Result<(u16, Vec<(String, String)>)> {
        call.write(self.reader.get_mut())?;
        let status = line(&mut self.reader)?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no status in {status:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = line(&mut self.reader)?;
            let Some((name, value)) = line.split_once(':') else {
                return Ok((status, headers));
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

/// An event of a stream; `id` and `name` only if the server sent them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Event {
    /// Its id.
    pub(crate) id: Option<String>,
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its data lines, joined.
    pub(crate) data: Option<String>,
}

/// The events of a stream.
#[derive(Debug)]
pub(crate) struct Events {
    /// 200, 429, ...
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    lines: BufReader<Chunks<BufReader<TcpStream>>>,
}

impl Events {
    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The next event that has data; `None` at the end of the stream.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        std::iter::from_fn(|| self.next_block()).find(|event| event.data.is_some())
    }

    /// The next block, which may be only an ID or a comment; `None` at the end.
    pub(crate) fn next_block(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut empty = true;
        loop {
            let line = line(&mut self.lines).ok()?;
            if line.is_empty() {
                if !empty {
                    return Some(event);
                }
                continue;
            }
            empty = false;
            let (name, value) = line.split_once(':').expect("a field");
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match name {
                "id" => event.id = Some(value),
                "event" => event.name = Some(value),
                "data" => {
                    let before = event.data.take().map(|data| data + "\n");
                    event.data = Some(before.unwrap_or_default() + &value);
                }
                _ => {}
            }
        }
    }

    /// The ids of the next `count` records.
    pub(crate) fn ids(&mut self, count: usize) -> Vec<u64> {
        (0..count)
            .map(|index| {
                let event = self
                    .next_event()
                    .unwrap_or_else(|| panic!("the stream ended after {index} of {count}"));
                assert_eq!(event.name, None, "{event:?}");
                event
                    .id
                    .and_then(|id| id.parse().ok())
                    .expect("a record's id")
            })
            .collect()
    }
}

/// The bytes of a chunked body.
#[derive(Debug)]
struct Chunks<R> {
    reader: R,
    left: usize,
    ended: bool,
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        if self.left == 0 {
            let size = line(&mut self.reader)?;
            self.left = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
            if self.left == 0 {
                self.ended = true;
                return Ok(0);
            }
        }
        let most = buffer.len().min(self.left);
        let read = self.reader.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        if self.left == 0 {
            line(&mut self.reader)?;
        }
        Ok(read)
    }
}

/// A line without its end; an error at the end of the stream.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(given, _)| given == name)
        .map(|(_, value)| value.as_str())
}
