//! A node in a network from which connections can only be opened, not accepted.
//!
//! The test starts itself again in a network namespace of its own, which needs root or user namespaces, and the program `ip`; without these it
//! is left out. There, the node has a second namespace, and listens on its own loopback only.

use crate::gateway::process::{GatewayPlace, wait_until};
use crate::http::tls::{connect_to, fixture};
use crate::support::program::Place;
use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the shell answers when there is no network to be had.
const NO_NETWORK: i32 = 77;

/// The address of the gateway, for which the certificate of the fixtures is valid, and that of the node.
const NEAR: &str = "10.231.77.1";
const FAR: &str = "10.231.77.2";

fn left_out(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("left out: {why}");
}

#[test]
fn a_node_that_accepts_no_connections_is_read_through_the_gateway() {
    let mut command = Command::new("unshare");
    command.arg("--net");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = format!(
        "ip link set lo up && ip link add near type veth peer name far || exit {NO_NETWORK}; exec \"$@\""
    );
    command.args(["sh", "-c", &script, "sh"]);
    command.arg(std::env::current_exe().expect("a program"));
    let name = "gateway::network::behind_a_network_of_its_own";
    command.args([name, "--exact", "--ignored", "--nocapture"]);
    let Ok(output) = command.output() else {
        return left_out("unshare cannot be started");
    };
    if matches!(output.status.code(), Some(NO_NETWORK | 1)) {
        return left_out("no network namespace is to be had");
    }
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (told(&output.stdout), told(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    assert!(out.contains("1 passed"), "{out}");
}

fn run(words: &[&str]) {
    let status = Command::new(words[0]).args(&words[1..]).status();
    assert!(status.expect("started").success(), "{words:?}");
}

/// A process that is killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A namespace that is connected to this one, held by a process.
fn second_network() -> Killed {
    let mut holder = Command::new("unshare")
        .args(["--net", "sh", "-c", "echo ready; exec sleep 600"])
        .stdout(Stdio::piped())
        .spawn()
        .map(Killed)
        .expect("started");
    let mut line = String::new();
    let output = holder.0.stdout.take().expect("piped");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let pid = holder.0.id().to_string();
    run(&["ip", "link", "set", "far", "netns", &pid]);
    run(&["ip", "addr", "add", &format!("{NEAR}/24"), "dev", "near"]);
    run(&["ip", "link", "set", "near", "up"]);
    let inside = format!("ip addr add {FAR}/24 dev far; ip link set far up; ip link set lo up");
    run(&["nsenter", "-t", &pid, "--net", "sh", "-c", &inside]);
    holder
}

#[test]
#[ignore = "started by the test above in a network namespace"]
fn behind_a_network_of_its_own() {
    let network = second_network();
    let place = GatewayPlace::encrypted(NEAR, &json!([]));
    let gateway = place.start();
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("app.log");
    std::fs::write(&log, "from the other side\n").expect("written");
    let authority = fixture("authority.pem").canonicalize().expect("a file");
    let mut node = Place::new();
    node.set("LOG_NODE_ID", "n1")
        .set("LOG_JOIN_GATEWAY", &format!("https://{}", gateway.address))
        .set("LOG_JOIN_TOKEN", &place.token("n1"))
        .set("LOG_JOIN_CA", authority.to_str().expect("text"))
        .set("LOG_FILES", &format!("app={}", log.display()));
    let inner = node.command();
    let pid = network.0.id().to_string();
    let mut command = Command::new("nsenter");
    command.args(["-t", &pid, "--net"]).arg(inner.get_program());
    command.args(inner.get_args());
    let settings = inner
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(settings);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().map(Killed).expect("started");
    let mut line = String::new();
    let output = server.0.stdout.take().expect("piped");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let port = line.split("127.0.0.1:").nth(1).expect("an address");
    let port: u16 = port
        .split('/')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");

    // nothing reaches the node from here
    let address: SocketAddr = format!("{FAR}:{port}").parse().expect("an address");
    let direct = TcpStream::connect_timeout(&address, Duration::from_secs(2));
    assert!(direct.is_err());
    let text = wait_until("its records", || {
        let mut stream = connect_to(gateway.address);
        write!(
            stream,
            "GET /api/nodes/n1/logs?source=file:app HTTP/1.1\r\nhost: gateway\r\n\
             authorization: Bearer the-token-of-the-operator\r\nconnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text.contains("from the other side").then_some(text)
    });
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
}
