//! The records of all collectors, as clients of the server see them.

use crate::support::program::{Place, Server, outcome, vmlog};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A folder beside the data directory of a place.
fn beside(place: &Place, name: &str) -> std::path::PathBuf {
    place.data().with_file_name(name)
}

fn text<'a>(record: &'a Value, pointer: &str) -> &'a str {
    record
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or("")
}

#[test]
fn first_start_reads_in_the_order_of_time() {
    let mut place = Place::new();
    let (logs, containers) = (beside(&place, "logs"), beside(&place, "containers"));
    let container = containers.join("0123456789abcdef");
    fs::create_dir_all(&logs).unwrap();
    fs::create_dir_all(&container).unwrap();
    let at = |minute: usize| format!("2026-02-17T14:{minute:02}:00Z");
    let lines = |minutes: &[usize], name: &str| -> String {
        let line = |minute: &usize| format!("{} {name} {minute:02}\n", at(*minute));
        minutes.iter().map(line).collect()
    };
    fs::write(logs.join("a.log"), lines(&[1, 4, 7, 10], "a")).unwrap();
    fs::write(logs.join("b.log"), lines(&[2, 5, 11], "b")).unwrap();
    fs::write(logs.join("c.log"), lines(&[0, 12], "c")).unwrap();
    let docker = |minute: usize| {
        let time = at(minute);
        format!("{{\"log\":\"d {minute:02}\\n\",\"stream\":\"stdout\",\"time\":\"{time}\"}}\n")
    };
    fs::write(
        container.join("0123456789abcdef-json.log"),
        docker(3) + &docker(8),
    )
    .unwrap();
    fs::write(place.cloud_init(), lines(&[6, 9], "e")).unwrap();
    let files = format!("many={}/*.log,one={}/c.log", logs.display(), logs.display());
    place.set(
        "LOG_FILES",
        &files.replace("*.log", "[ab].log").replace("[ab]", "?"),
    );
    place.set("LOG_DOCKER_JSON_DIR", containers.to_str().unwrap());
    let server = place.serve();
    let source = "source=file:one&source=docker:&source=cloud-init&source=file:many";
    let found = server.wait_for(source, 15);
    let messages: Vec<&str> = found
        .iter()
        .map(|record| text(record, "/message"))
        .collect();
    let minutes: Vec<&str> = messages
        .iter()
        .map(|message| &message[message.len() - 2..])
        .collect();
    assert!(minutes.is_sorted(), "{messages:?}");
    assert_eq!(
        found.len(),
        15,
        "c.log is followed twice, as it was asked for"
    );
}

#[test]
fn logs_of_pods_and_other_engines_are_served_and_counted() {
    let mut place = Place::new();
    let uid = "0f8a1b6e-4b1e-4e57-9d0c-6b1f5a3f9c11";
    let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let cri = |text: &str| format!("2026-02-17T14:30:15.123456789Z stderr F {text}\n");
    let (pods, podman, nerdctl) = (
        beside(&place, "pods"),
        beside(&place, "podman"),
        beside(&place, "nerdctl"),
    );
    let write = |path: std::path::PathBuf, text: String| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let pod = format!("shop_web-6d4cf56db6-x7k2p_{uid}/nginx/0.log");
    write(pods.join(pod), cri("[error] no upstream"));
    write(podman.join(id).join("userdata/ctr.log"), cri("ready"));
    let log = format!("1935db59/containers/default/{id}/{id}-json.log");
    let line = "{\"log\":\"up\\n\",\"stream\":\"stdout\",\"time\":\"2026-02-17T14:30:15Z\"}\n";
    write(nerdctl.join(log), line.to_owned());
    for (setting, folder) in [
        ("LOG_CRI_DIR", &pods),
        ("LOG_PODMAN_DIR", &podman),
        ("LOG_NERDCTL_DIR", &nerdctl),
    ] {
        place.set(setting, folder.to_str().unwrap());
    }
    let server = place.serve();
    let found = server.wait_for("source=pod:shop/web/nginx&level=error", 1);
    assert_eq!(text(&found[0], "/message"), "[error] no upstream");
    server.wait_for("source=docker:0123456789ab", 2);
    let (_, ready) = server.get("/readyz");
    for name in ["pods", "podman", "nerdctl"] {
        assert_eq!(ready["collectors"][name]["stored"], 1, "{name}: {ready}");
    }
}

#[test]
fn every_collector_is_counted() {
    let mut place = Place::new();
    let log = beside(&place, "app.log");
    fs::write(&log, "one\ntwo\n").unwrap();
    place.set("LOG_FILES", &format!("app={}", log.display()));
    let server = place.serve();
    server.wait_for("source=file:app", 2);
    let (status, ready) = server.get("/readyz");
    assert_eq!(status, 200);
    let app = &ready["collectors"]["file:app"];
    assert_eq!(
        (&app["read"], &app["stored"], &app["bytes"]),
        (&2.into(), &2.into(), &6.into()),
        "{ready}"
    );
    assert_eq!(
        (&app["gaps"], &app["errors"], &app["filtered"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert!(ready["collectors"]["journald"].is_object(), "{ready}");
    assert!(
        !ready.to_string().contains("app.log"),
        "no paths without a token"
    );
    let token = format!("Authorization: Bearer {}\r\n", server.token);
    let (_, metrics) = server.exchange("/metrics", &token);
    let path = log.display();
    for line in [
        "vmlog_collector_stored_total{collector=\"file:app\"} 2".to_owned(),
        format!("vmlog_collector_position{{collector=\"file:app\",origin=\"file:app:{path}\"}} 8"),
    ] {
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

/// The inotify instances that a process holds.
fn inotify_instances(pid: u32) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = descriptors.filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok());
    links
        .filter(|link| link == Path::new("anon_inode:inotify"))
        .count()
}

#[test]
fn all_files_share_one_inotify_instance() {
    let mut place = Place::new();
    let names = ["a", "b", "c", "d", "e"];
    let logs = beside(&place, "logs");
    fs::create_dir(&logs).unwrap();
    let files = names.map(|name| format!("{name}={}/{name}.log", logs.display()));
    place.set("LOG_FILES", &files.join(","));
    let server = place.serve();
    for name in names {
        fs::write(logs.join(format!("{name}.log")), "line\n").unwrap();
    }
    server.wait_for("source=file:", names.len());
    // The journal library may not watch yet.
    let instances = inotify_instances(server.pid());
    assert!((1..=2).contains(&instances), "{instances}");
}

/// A tool that starts a dev container runs one captured command after the other, until one fails.
const DEVCONTAINER_UP: &str = r#"
run() { name=$1; shift; "$VMLOG" exec --source devcontainer:ws-1 --name "$name" -- sh -c "$*"; }
run initializeCommand 'echo pulling image; echo done'
run onCreateCommand 'for n in 1 2 3; do echo "layer $n"; done; echo "warning: no cache" >&2'
run updateContentCommand 'printf "cloning\n\nready"'
run postCreateCommand 'seq -f "installing package %.0f" 1 200
  echo "npm ERR! code ENOENT" >&2
  echo "sh: 1: pnpm: not found" >&2
  exit 127'
run postStartCommand 'echo never'
"#;

fn bring_up(place: &Place) -> String {
    let mut script = vmlog(&[]);
    let program = script.get_program().to_owned();
    script = std::process::Command::new("bash");
    script
        .args(["-euc", DEVCONTAINER_UP])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("VMLOG", program)
        .env("LOG_DATA_DIR", place.data());
    let (code, output, error) = outcome(&script.output().unwrap());
    assert_eq!(code, Some(127), "the failure is the script's own");
    assert!(error.ends_with("sh: 1: pnpm: not found\n"), "{error}");
    output
}

fn steps(server: &Server) -> Vec<(String, Value)> {
    let ends = server.wait_for("source=devcontainer:ws-1&where=event_type=process_end", 4);
    let name = |end: &Value| text(end, "/metadata/name").to_owned();
    ends.iter().map(|end| (name(end), end.clone())).collect()
}

#[test]
fn a_failing_dev_container_shows_the_reason() {
    let place = Place::new();
    let output = bring_up(&place);
    assert!(output.contains("layer 3\n") && !output.contains("never"));
    let server = place.serve();
    let steps = steps(&server);
    let told: Vec<_> = steps
        .iter()
        .map(|(name, end)| (name.as_str(), text(end, "/level")))
        .collect();
    assert_eq!(
        told,
        [
            ("initializeCommand", "info"),
            ("onCreateCommand", "info"),
            ("updateContentCommand", "info"),
            ("postCreateCommand", "error"),
        ]
    );
    let failure = &steps[3].1["metadata"];
    assert_eq!(failure["exit_code"], 127);
    assert_eq!(failure["error_category"], "dependency");
    assert_eq!(
        (&failure["stdout_lines"], &failure["stderr_lines"]),
        (&200.into(), &2.into())
    );

    let run = text(failure, "/run_id");
    let output = server.all(&format!(
        "where=run_id={run}&where=event_type=process_output"
    ));
    assert_eq!(output.len(), 202);
    let said = |stream: &str| -> Vec<&str> {
        let of_stream = output
            .iter()
            .filter(|line| line["metadata"]["stream"] == stream);
        of_stream.map(|line| text(line, "/message")).collect()
    };
    assert_eq!(
        said("stderr"),
        ["npm ERR! code ENOENT", "sh: 1: pnpm: not found"]
    );
    assert_eq!(said("stdout").last(), Some(&"installing package 200"));

    let report = text(failure, "/error_report");
    let report = fs::read_to_string(place.data().join("capture").join(report)).unwrap();
    for fact in [
        "postCreateCommand",
        "exit code 127",
        "dependency",
        "pnpm: not found",
        "installing package 200",
    ] {
        assert!(report.contains(fact), "{fact}: {report}");
    }
    let all = server.all("source=devcontainer:ws-1");
    let times: Vec<&str> = all
        .iter()
        .map(|record| text(record, "/timestamp"))
        .collect();
    assert!(times.is_sorted(), "steps stand in the order of time");
}
