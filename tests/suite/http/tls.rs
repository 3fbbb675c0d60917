//! TLS of the server, and of the server that provides keys.

use crate::http::server::{Server, TOKEN};
use crate::support::tokens::{ControlPlane, node_auth};
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use vmlog::server::{KeySource, ServerOptions, Tls};
use vmlog::store;

/// Created by `tests/fixtures/tls/make`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures/tls").join(name)
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(fixture(name)).expect("a certificate")
}

/// A client's side of a connection that trusts the authority of the fixtures.
fn connect(server: &Server) -> StreamOwned<ClientConnection, TcpStream> {
    connect_to(server.address)
}

/// The same, to any server with a certificate of the fixtures.
pub(crate) fn connect_to(address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(certificate("authority.pem"))
        .expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time limit");
    StreamOwned::new(connection, stream)
}

/// Sends a request over TLS; returns the response and the subject of the certificate.
fn ask(server: &Server, target: &str) -> (String, CertificateDer<'static>) {
    let mut stream = connect(server);
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let shown = stream.conn.peer_certificates().expect("certificates");
    (text, shown[0].clone().into_owned())
}

fn encrypted(certificate: &Path, key: &Path) -> Server {
    let options = ServerOptions {
        tls: Some(Tls::load(certificate, key).expect("a pair")),
        ..ServerOptions::default()
    };
    Server::with(options, store::Options::default())
}

#[test]
fn responses_are_encrypted_and_plain_requests_refused() {
    let server = encrypted(&fixture("one.pem"), &fixture("one.key"));
    let (answer, shown) = ask(&server, "/logs");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(shown, certificate("one.pem"));

    let mut plain = TcpStream::connect(server.address).expect("a connection");
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .expect("sent");
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
}

#[test]
fn new_certificate_is_used_without_restart_unless_invalid() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pem, key) = (folder.path().join("pem"), folder.path().join("key"));
    let put = |name: &str| {
        fs::copy(fixture(&format!("{name}.pem")), &pem).expect("copied");
        fs::copy(fixture(&format!("{name}.key")), &key).expect("copied");
    };
    put("one");
    let server = encrypted(&pem, &key);
    assert_eq!(ask(&server, "/healthz").1, certificate("one.pem"));
    fs::write(&pem, "half a certif").expect("written");
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(ask(&server, "/healthz").1, certificate("one.pem"));
    put("two");
    let began = Instant::now();
    while ask(&server, "/healthz").1 != certificate("two.pem") {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it is read again"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn encrypted_connections_end_on_stop_and_handshake_timeout() {
    let mut server = encrypted(&fixture("one.pem"), &fixture("one.key"));
    let silent = TcpStream::connect(server.address).expect("a connection");
    let mut idle = connect(&server);
    write!(idle, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
    let mut first = [0; 12];
    idle.read_exact(&mut first).expect("an answer");
    assert!(server.stop() < Duration::from_secs(5));
    drop((silent, idle));
}

#[test]
fn invalid_certificate_error_names_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty");
    fs::write(&empty, "").expect("written");
    let message = |certificate: &Path, key: &Path| {
        Tls::load(certificate, key)
            .expect_err("no pair")
            .to_string()
    };
    let (pem, key) = (fixture("one.pem"), fixture("one.key"));
    assert_eq!(
        message(Path::new("/nonexistent/pem"), &key),
        "cannot read /nonexistent/pem"
    );
    assert_eq!(
        message(&empty, &key),
        format!("expected a certificate in PEM in {}", empty.display())
    );
    assert_eq!(
        message(&pem, &empty),
        format!("expected a private key in PEM in {}", empty.display())
    );
    assert_eq!(
        message(&pem, &fixture("two.key")),
        "the certificate and the key are not valid, or do not match"
    );
}

/// Responds to one request over TLS with `body`.
fn serve_once(body: String) -> String {
    let key = PrivateKeyDer::from_pem_file(fixture("one.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate("one.pem")], key)
        .expect("a pair");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a server");
            let mut stream = StreamOwned::new(connection, stream.expect("a connection"));
            let mut request = [0; 4_096];
            // A client that does not trust the certificate closes the connection.
            if stream.read(&mut request).is_ok() {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all((head + &body).as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    format!("https://localhost:{port}/jwks.json")
}

#[test]
fn keys_are_fetched_over_https_from_trusted_servers() {
    let plane = ControlPlane::new(1);
    let url = serve_once(plane.jwks());
    let keys = KeySource::parse(&url).expect("a URL");
    for (authorities, expected) in [("authority.pem", 200), ("two.pem", 401)] {
        let auth = node_auth(keys.clone(), Some(fixture(authorities)));
        let options = ServerOptions {
            node_auth: Some(auth),
            ..ServerOptions::default()
        };
        let server = Server::with(options, store::Options::default());
        let token = plane.token(&json!({}));
        let call = crate::http::client::get(server.address, "/logs");
        let call = call.header("authorization", &format!("Bearer {token}"));
        assert_eq!(call.send().status, expected, "{authorities}");
    }
}
