//! The live tail of Loki: a websocket that sends the newest lines, then new ones.

use crate::http::server::{Server, TOKEN};
use crate::loki::{at, encoded};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vmlog::record::{Level, Record};
use vmlog::time::Micros;

/// A minimal websocket client.
pub(crate) struct WebSocket {
    stream: TcpStream,
}

impl WebSocket {
    fn open(server: &Server, query: &str, rest: &str, headers: &str) -> Result<Self, String> {
        Self::open_at(server.address, TOKEN, query, rest, headers)
    }

    pub(crate) fn open_at(
        address: SocketAddr,
        token: &str,
        query: &str,
        rest: &str,
        headers: &str,
    ) -> Result<Self, String> {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a bound");
        let request = format!(
            "GET /loki/api/v1/tail?query={}{rest} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
            encoded(query),
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        if !head.starts_with("http/1.1 101") {
            return Err(head);
        }
        assert!(
            head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{head}"
        );
        Ok(Self { stream })
    }

    /// Opcode and content of the next frame.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).expect("a frame");
        let length = match head[1] & 0x7f {
            126 => {
                let mut length = [0_u8; 2];
                self.stream.read_exact(&mut length).expect("a length");
                usize::from(length[0]) << 8 | usize::from(length[1])
            }
            127 => {
                let mut length = [0_u8; 8];
                self.stream.read_exact(&mut length).expect("a length");
                length
                    .iter()
                    .fold(0, |value, byte| value << 8 | usize::from(*byte))
            }
            length => usize::from(length),
        };
        let mut text = vec![0; length];
        self.stream.read_exact(&mut text).expect("a frame");
        (head[0] & 0xf, text)
    }

    /// The next frame with lines; skips pings.
    pub(crate) fn lines(&mut self) -> Value {
        loop {
            let (kind, text) = self.frame();
            match kind {
                1 => return serde_json::from_slice(&text).expect("JSON"),
                9 => {}
                kind => panic!("a frame of kind {kind}: {text:?}"),
            }
        }
    }

    /// Sends a close frame, masked with zeros.
    pub(crate) fn close(&mut self) {
        self.stream
            .write_all(&[0x88, 0x80, 0, 0, 0, 0])
            .expect("sent");
    }
}

pub(crate) fn now(source: &str, message: &str) -> Record {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    Record {
        timestamp: Micros::new(i64::try_from(since.as_micros()).expect("microseconds")),
        ..at(0, source, Level::Info, message, json!({"pid": 1}))
    }
}

pub(crate) fn texts(frame: &Value) -> Vec<String> {
    let streams = frame["streams"].as_array().expect("streams");
    let values = streams
        .iter()
        .flat_map(|stream| stream["values"].as_array().expect("values"));
    let mut values: Vec<_> = values
        .map(|value| {
            (
                value[0].to_string(),
                value[1].as_str().expect("a text").to_owned(),
            )
        })
        .collect();
    values.sort();
    values.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn the_newest_lines_are_sent_first_and_then_new_ones() {
    let mut server = Server::start();
    server.write((0..5).map(|number| now("docker:web", &format!("old {number}"))));
    let mut socket = WebSocket::open(
        &server,
        "{source=\"docker:web\"} != \"noise\"",
        "&limit=2",
        "",
    )
    .expect("a websocket");
    let frame = socket.lines();
    assert_eq!(texts(&frame), ["old 3", "old 4"]);
    assert_eq!(frame["dropped_entries"], Value::Null);
    assert_eq!(
        frame["streams"][0]["values"][0]
            .as_array()
            .expect("a pair")
            .len(),
        2,
        "no third element unasked"
    );
    server.write([
        now("docker:web", "noise"),
        now("docker:other", "new 0"),
        now("docker:web", "new 1"),
    ]);
    assert_eq!(texts(&socket.lines()), ["new 1"]);
    server.write([now("docker:web", "new 2")]);
    assert_eq!(texts(&socket.lines()), ["new 2"]);
    socket.close();
}

#[test]
fn labels_are_grouped_by_origin_on_request() {
    let mut server = Server::start();
    server.write([now("docker:web", "{\"a\":1}")]);
    let flag = "x-loki-response-encoding-flags: categorize-labels\r\n";
    let mut socket =
        WebSocket::open(&server, "{source=\"docker:web\"} | json", "", flag).expect("a websocket");
    let frame = socket.lines();
    assert_eq!(frame["encodingFlags"], json!(["categorize-labels"]));
    assert_eq!(
        frame["streams"][0]["values"][0][2]["parsed"],
        json!({"a": "1"})
    );
    assert_eq!(
        frame["streams"][0]["values"][0][2]["structuredMetadata"]["pid"],
        "1"
    );
}

#[test]
fn a_stop_closes_the_tail_and_bad_requests_are_refused() {
    let mut server = Server::start();
    server.write([now("docker:web", "line")]);
    let refused = |query: &str, rest: &str| match WebSocket::open(&server, query, rest, "") {
        Ok(_) => panic!("{query} {rest} is refused"),
        Err(head) => head,
    };
    assert!(refused("rate({a=\"b\"}[1m])", "").starts_with("http/1.1 400"));
    assert!(refused("{a=\"b\"", "").starts_with("http/1.1 400"));
    assert!(refused("{a=\"b\"}", "&delay_for=6").starts_with("http/1.1 400"));
    let mut socket =
        WebSocket::open(&server, "{source=\"docker:web\"}", "", "").expect("a websocket");
    assert_eq!(texts(&socket.lines()), ["line"]);
    server.stop();
    let (kind, _) = socket.frame();
    assert_eq!(kind, 8, "a close frame");
}

#[test]
fn the_number_of_tails_is_limited() {
    let options = vmlog::server::ServerOptions {
        tail_connections_max: 1,
        ..vmlog::server::ServerOptions::default()
    };
    let server = Server::with(options, vmlog::store::Options::default());
    let _first = WebSocket::open(&server, "{source=\"docker:web\"}", "", "").expect("a websocket");
    let Err(head) = WebSocket::open(&server, "{source=\"docker:web\"}", "", "") else {
        panic!("one more is refused");
    };
    assert!(head.starts_with("http/1.1 429"), "{head}");
}
