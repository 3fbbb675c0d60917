//! Logs of machines whose owners asked in public why they failed, retold: each failure is found, with the line that explains it.

use crate::support::program::{Place, Server};
use serde_json::Value;
use std::path::Path;

/// A failure as the list of problems shows it.
struct Incident {
    file: &'static str,
    kind: &'static str,
    subject: &'static str,
    /// A part of the line that says why.
    cause: &'static str,
}

const INCIDENTS: &[Incident] = &[
    // A daemon that cannot write its firewall rules; its reason is on its own line, before systemd's.
    Incident {
        file: "docker-iptables.log",
        kind: "start_limit",
        subject: "docker.service",
        cause: "failed to start daemon: Error initializing network controller",
    },
    // systemd 219 writes other words, no process number, and the description in place of the unit.
    Incident {
        file: "zookeeper-centos7.log",
        kind: "start_limit",
        subject: "zookeeper.service",
        cause: "Error: Could not find or load main class",
    },
    // A process that the kernel killed is explained by the kernel, not by the mail server's warning before it.
    Incident {
        file: "postgres-oom.log",
        kind: "oom_kill",
        subject: "postgresql.service",
        cause: "Killed process 68454 (postgres)",
    },
    // The script called `git remote add` with too few words.
    Incident {
        file: "codespace-creation.log",
        kind: "run_failed",
        subject: "postCreateCommand",
        cause: "usage: git remote add",
    },
    // A list of commands that was read as one command.
    Incident {
        file: "devcontainer.log",
        kind: "run_failed",
        subject: "postCreateCommand",
        cause: "executable file not found in $PATH",
    },
    Incident {
        file: "cloud-init-output.log",
        kind: "cloud_init_failed",
        subject: "scripts-user",
        cause: "dpkg status database is locked by another process",
    },
];

/// A server that has read the logs, each as a source of its own.
fn machine() -> (Place, Server) {
    let mut place = Place::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/incidents");
    let mut settings = vec![];
    for incident in INCIDENTS {
        let path = fixtures.join(incident.file);
        match incident.file.strip_suffix(".log") {
            Some("cloud-init-output") => {
                std::fs::copy(path, place.cloud_init()).unwrap();
            }
            name => settings.push(format!("{}={};zone=UTC", name.unwrap(), path.display())),
        }
    }
    place.set("LOG_FILES", &settings.join(","));
    let server = place.serve();
    (place, server)
}

#[test]
fn real_incidents_are_found_with_their_causes_and_nothing_else_is() {
    let (_place, server) = machine();
    for incident in INCIDENTS {
        let source = match incident.file.strip_suffix(".log") {
            Some("cloud-init-output") => "cloud-init".to_owned(),
            name => format!("file:{}", name.unwrap()),
        };
        let lines = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/fixtures/incidents")
                .join(incident.file),
        );
        server.wait_for(&format!("source={source}"), lines.unwrap().lines().count());
    }
    let (status, list) = server.get("/problems");
    assert_eq!(status, 200);
    let problems = list["problems"].as_array().unwrap();
    let text = |problem: &Value, key: &str| problem[key].as_str().unwrap_or_default().to_owned();
    for incident in INCIDENTS {
        let found = problems.iter().find(|problem| {
            let cause = text(&problem["cause"], "message");
            text(problem, "kind") == incident.kind
                && text(problem, "subject") == incident.subject
                && cause.contains(incident.cause)
        });
        assert!(found.is_some(), "{}: {problems:#?}", incident.file);
    }
    assert!(problems.len() <= INCIDENTS.len(), "{problems:#?}");
}
