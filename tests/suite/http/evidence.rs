//! `POST /evidence`: a bundle of the running machine, streamed.

use super::server::{Server, record};
use crate::http::access::Node;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;
use vmlog::evidence::{BundleLimits, BundleOptions, FactPlaces, unpack};
use vmlog::record::Level;
use vmlog::redact::RedactOptions;
use vmlog::server::ServerOptions;

/// Facts come from a folder of the test, so that it does not depend on the machine.
fn options(root: &Path) -> ServerOptions {
    ServerOptions {
        evidence: Some(BundleOptions {
            since: None,
            until: None,
            bytes_max: 8 << 20,
            time_max: Duration::from_secs(20),
            redact: RedactOptions::default(),
            scratch: vec![root.to_owned()],
            places: FactPlaces {
                root: root.to_owned(),
                path: root.join("bin").into(),
            },
            host: "vm-17".to_owned(),
            boot_id: None,
        }),
        ..ServerOptions::default()
    }
}

/// A command that lasts until the file `go` is there.
fn slow_command(root: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir(root.join("bin")).unwrap();
    let path = root.join("bin/dmesg");
    let script = format!(
        "#!/bin/sh\ntouch {0}/begun\nuntil test -e {0}/go; do /bin/sleep 0.02; done\n",
        root.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_bundle_is_streamed_and_opens() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(
        root.path().join("etc/os-release"),
        "password=hunter2hunter2\n",
    )
    .unwrap();
    let mut server = Server::with(options(root.path()), vmlog::store::Options::default());
    server.write((0..300).map(|n| record("docker:web", Level::Info, &format!("line {n}"))));
    let event = json!({"type": "vm.destroying", "message": "the end"});
    assert_eq!(
        server.post("/events", &event.to_string()).send().status,
        202
    );
    let answer = server.post("/evidence", "").send();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/zstd"));
    let name = answer.header("content-disposition").unwrap();
    assert!(
        name.starts_with("attachment; filename=\"vmlog-evidence-vm-17-2")
            && name.ends_with("Z.tar.zst\""),
        "{name}"
    );
    let path = root.path().join("bundle");
    fs::write(&path, &answer.body).unwrap();
    let bundle = unpack(&path, root.path(), &BundleLimits::default()).unwrap();
    assert_eq!(bundle.manifest.host, "vm-17");
    assert_eq!(bundle.manifest.records.kept, 300);
    let part = |name: &str| {
        bundle
            .manifest
            .parts
            .iter()
            .find(|part| part.path == name)
            .unwrap()
    };
    assert!(part("system/os-release.txt").ok && part("events.jsonl").bytes > Some(0));
    assert_eq!(
        part("system/disk.txt").reason.as_deref(),
        Some("df is not installed")
    );
    drop(bundle);
    let left = fs::read_dir(root.path()).unwrap();
    assert_eq!(left.count(), 2, "temporary folders are removed");
}

#[test]
fn parameters_choose_the_window_and_others_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::with(options(root.path()), vmlog::store::Options::default());
    server.write((0..10).map(|n| record("docker:web", Level::Info, &format!("line {n}"))));
    let answer = server
        .post("/evidence?start=2001-01-01&end=2001-01-02", "")
        .send();
    let path = root.path().join("bundle");
    fs::write(&path, &answer.body).unwrap();
    let bundle = unpack(&path, root.path(), &BundleLimits::default()).unwrap();
    assert_eq!(bundle.manifest.records.kept, 0);
    assert_eq!(
        bundle.manifest.window.until.as_deref(),
        Some("2001-01-01T23:59:59.999999Z")
    );
    for target in ["/evidence?source=docker:web", "/evidence?start=soon"] {
        assert_eq!(server.post(target, "").send().status, 400, "{target}");
    }
    assert_eq!(server.get("/evidence").send().status, 405);
    assert_eq!(Server::start().post("/evidence", "").send().status, 404);
}

#[test]
fn one_bundle_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    slow_command(root.path());
    let server = Server::with(options(root.path()), vmlog::store::Options::default());
    let first = server.post("/evidence", "");
    let first = std::thread::spawn(move || first.send().status);
    while !root.path().join("begun").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = server.post("/evidence", "").send();
    assert_eq!(
        (second.status, second.header("retry-after")),
        (503, Some("10"))
    );
    assert_eq!(second.json()["error"], "busy");
    fs::write(root.path().join("go"), "").unwrap();
    assert_eq!(first.join().unwrap(), 200);
}

#[test]
fn only_a_token_that_sees_everything_makes_bundles() {
    let root = tempfile::tempdir().unwrap();
    let with_events_token = ServerOptions {
        events_token: Some("only-for-events-1".to_owned()),
        ..options(root.path())
    };
    let node = Node::with(with_events_token);
    let all = node.plane.token(&json!({}));
    let own = node.plane.token(&json!({"workspace": "ws-1"}));
    let status = |token: &str| node.get("/evidence", token).method("POST").send().status;
    assert_eq!(
        (status(&own), status("only-for-events-1"), status("wrong")),
        (403, 403, 401)
    );
    assert_eq!(status(&all), 200);
}
