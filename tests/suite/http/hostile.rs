//! Malicious and broken clients: the server keeps running and serves all others.

use crate::http::client::get;
use crate::http::server::{Server, error, numbered, record};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use vmlog::record::Level;
use vmlog::server;
use vmlog::store;

fn start() -> Server {
    let options = server::ServerOptions {
        rate: 0,
        ..server::ServerOptions::default()
    };
    let mut server = Server::with(options, store::Options::default());
    server.write(numbered(0..1_000));
    server
}

/// Checks that an honest client gets a response soon.
fn assert_answers(server: &Server, after: &str) {
    let began = Instant::now();
    let answer = server.get("/logs?limit=10").send();
    assert_eq!(answer.status, 200, "after {after}");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?} after {after}");
}

/// Sends bytes, and returns the response until the server closes the connection or a second has passed.
fn answer_to(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a time limit");
    // The server may close the connection before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert!(
            matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionReset
            ),
            "{error}"
        ),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn status_of(answer: &str) -> Option<u16> {
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn malformed_requests_are_refused_or_dropped() {
    let server = start();
    let host = "host: localhost\r\n";
    let many_headers: String = (0..500).map(|_| "a: b\r\n").collect();
    let cases: [(&str, Vec<u8>, &[u16]); 11] = [
        ("noise", (0..=255).cycle().take(5_000).collect(), &[400]),
        (
            "a TLS hello",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            &[400],
        ),
        (
            "an HTTP/2 preface",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            &[400, 505],
        ),
        ("no host", b"GET /logs HTTP/1.1\r\n\r\n".to_vec(), &[403]),
        (
            "a proxy's request",
            format!("GET http://evil.example/logs HTTP/1.1\r\n{host}\r\n").into(),
            &[403],
        ),
        (
            "CONNECT",
            format!("CONNECT evil.example:80 HTTP/1.1\r\n{host}\r\n").into(),
            &[400, 404, 405],
        ),
        (
            "a huge header",
            format!("GET / HTTP/1.1\r\n{host}x: {}\r\n\r\n", "y".repeat(100_000)).into(),
            &[431],
        ),
        (
            "many headers",
            format!("GET / HTTP/1.1\r\n{host}{many_headers}\r\n").into(),
            &[431],
        ),
        (
            "a huge address",
            format!(
                "GET /logs?search={} HTTP/1.1\r\n{host}\r\n",
                "x".repeat(1_000_000)
            )
            .into(),
            &[414, 431],
        ),
        (
            "two lengths",
            format!("GET /logs HTTP/1.1\r\n{host}content-length: 1\r\ncontent-length: 2\r\n\r\n")
                .into(),
            &[400],
        ),
        (
            "a chunked body",
            format!("POST /logs HTTP/1.1\r\n{host}transfer-encoding: chunked\r\n\r\nffffffff\r\n")
                .into(),
            &[405, 413],
        ),
    ];
    for (what, bytes, allowed) in cases {
        let answer = answer_to(&server, &bytes);
        let status = status_of(&answer);
        assert!(
            status.is_none_or(|status| allowed.contains(&status)),
            "{what}: {answer}"
        );
        assert_answers(&server, what);
    }
}

#[test]
fn server_survives_every_truncated_request() {
    let server = start();
    let whole = format!(
        "GET /logs?limit=1 HTTP/1.1\r\nhost: {}\r\n\r\n",
        server.address
    );
    let mut open = Vec::new();
    for length in 0..whole.len() {
        let mut stream = TcpStream::connect(server.address).expect("a connection");
        stream.write_all(&whole.as_bytes()[..length]).expect("sent");
        open.push(stream);
    }
    assert_answers(&server, "half requests");
}

#[test]
fn thousands_of_silent_connections_do_not_block_clients() {
    let connections: usize = std::env::var("VMLOG_TEST_CONNECTIONS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_500);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .expect("more files");
    let server = start();
    let mut tail = server.events("/logs/tail?tail=5");
    assert_eq!(tail.ids(5).len(), 5);
    let silent: Vec<_> = (0..connections)
        .map(|number| {
            let mut stream = TcpStream::connect(server.address).expect("a connection");
            if number % 2 == 0 {
                stream.write_all(b"GET /logs HT").expect("sent");
            }
            stream
        })
        .collect();
    assert_answers(&server, "silent connections");
    let metrics = server.get("/metrics").send();
    let open: u64 = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("vmlog_http_connections "))
        .and_then(|count| count.parse().ok())
        .expect("a number");
    assert!(open <= 512, "{open} connections");
    let mut server = server;
    server.write(numbered(1_000..1_010));
    assert_eq!(tail.ids(10).len(), 10, "who follows was not displaced");
    drop(silent);
}

#[test]
fn expensive_queries_take_turns_and_all_complete() {
    let server = start();
    let letters = "abcdefghij";
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..25 {
                    let needle = &letters[number % 10..];
                    let pattern = format!("({needle}|[a-z]{{1,{}}}){{1,40}}x{thread}", 10 + number);
                    let pattern = pattern
                        .replace('{', "%7B")
                        .replace('}', "%7D")
                        .replace('|', "%7C");
                    let answer = server
                        .get(&format!("/logs?regex=true&search={pattern}"))
                        .send();
                    assert!(
                        matches!(answer.status, 200 | 400 | 503),
                        "{}",
                        answer.text()
                    );
                }
            });
        }
        assert_answers(&server, "a start of costly questions");
    });
    assert_answers(&server, "costly questions");
}

#[test]
fn unread_large_responses_are_bounded() {
    let mut server = start();
    let message = "x".repeat(60_000);
    server.write((0..200).map(|_| record("cloud-init", Level::Info, &message)));
    let large = server.get("/logs?limit=200&source=cloud-init");
    let mut unread = Vec::new();
    loop {
        let (status, connection) = large.clone().receive_bytes(4_096).unread();
        unread.push(connection);
        if status == 503 {
            break;
        }
        assert_eq!(status, 200);
        assert!(unread.len() < 10, "each is of 8 MiB");
    }
    assert_eq!(error(&large.send()), (503, "busy".to_owned(), None));
    assert_answers(&server, "large answers that wait");
    drop(unread);
    let began = Instant::now();
    while large.send().status != 200 {
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "their room is not free");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn slow_sender_does_not_block_others() {
    let server = start();
    let mut dripping: Vec<_> = (0..50)
        .map(|_| TcpStream::connect(server.address).expect("a connection"))
        .collect();
    for byte in b"GET /logs HTTP/1.1\r\nx" {
        for stream in &mut dripping {
            stream.write_all(&[*byte]).expect("sent");
        }
    }
    assert_answers(&server, "dripping clients");
    assert_eq!(get(server.address, "/healthz").send().status, 200);
}
