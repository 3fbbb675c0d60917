//! The logs of a machine with many failures, through the server: the error filter shows each failure completely, and
//! nothing else.

use crate::support::program::{Place, Server};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A failure among ordinary lines.
struct Planted {
    /// The failure, as named in the table of the specification.
    name: &'static str,
    source: &'static str,
    lines: &'static [&'static str],
    /// The source of its time, and the minute in which it is written.
    time: Stated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stated {
    /// Stated by the line itself.
    Line,
    /// Stated by the engine that wrote it to the log.
    Engine,
    /// Taken from the line before or the file.
    Near,
}

impl Stated {
    fn word(self) -> &'static str {
        match self {
            Self::Line => "its own",
            Self::Engine => "the engine's",
            Self::Near => "the nearest",
        }
    }
}

const FAILURES: &[Planted] = &[
    Planted {
        name: "apt finds no package",
        source: "cloud-init",
        lines: &["E: Unable to locate package nodejs-20"],
        time: Stated::Near,
    },
    Planted {
        name: "Python script of cloud-init",
        source: "cloud-init",
        lines: &[
            "Traceback (most recent call last):",
            "  File \"/opt/setup.py\", line 3, in <module>",
            "    import yaml",
            "ModuleNotFoundError: No module named 'yaml'",
        ],
        time: Stated::Near,
    },
    Planted {
        name: "command that is not installed",
        source: "cloud-init",
        lines: &["/var/lib/cloud/instance/scripts/part-001: line 7: docker: command not found"],
        time: Stated::Near,
    },
    Planted {
        name: "exception that Node did not catch",
        source: "docker:web",
        lines: &[
            "/app/pay.js:3",
            "    throw new Error('no card');",
            "    ^",
            "",
            "Error: no card",
            "    at pay (/app/pay.js:3:11)",
            "",
            "Node.js v20.11.0",
        ],
        time: Stated::Engine,
    },
    Planted {
        name: "constraint of PostgreSQL",
        source: "docker:db",
        lines: &[
            "2026-02-17 14:30:15.123 UTC [12] ERROR:  duplicate key value violates unique constraint \"users_email\"",
            "2026-02-17 14:30:15.123 UTC [12] DETAIL:  Key (email)=(x) already exists.",
            "2026-02-17 14:30:15.123 UTC [12] STATEMENT:  INSERT INTO users VALUES (1)",
        ],
        time: Stated::Engine,
    },
    Planted {
        name: "exception of the JVM with its cause",
        source: "docker:api",
        lines: &[
            "Exception in thread \"main\" java.lang.IllegalStateException: closed",
            "\tat com.example.Net.read(Net.java:12)",
            "Caused by: java.net.SocketException: reset",
            "\tat java.base/java.net.Socket.read(Socket.java:1)",
            "\t... 1 more",
        ],
        time: Stated::Engine,
    },
    Planted {
        name: "nginx in a pod without its upstream",
        source: "pod:shop/web/nginx",
        lines: &[
            "2026/02/17 14:30:15 [emerg] 1#1: host not found in upstream \"app\" in /etc/nginx/conf.d/default.conf:3",
        ],
        time: Stated::Engine,
    },
    Planted {
        name: "kubelet and a container that crashes",
        source: "file:kubelet",
        lines: &[
            "E0217 14:30:15.000000    1234 pod_workers.go:1300] \"Error syncing pod, skipping\" err=\"CrashLoopBackOff\"",
        ],
        time: Stated::Line,
    },
    Planted {
        name: "unit of systemd that fails",
        source: "file:syslog",
        lines: &[
            "Feb 17 14:30:15 ws systemd[1]: nginx.service: Failed with result 'exit-code'.",
            "Feb 17 14:30:15 ws systemd[1]: Failed to start nginx.service - A high performance web server.",
        ],
        time: Stated::Line,
    },
    Planted {
        name: "process that ran out of memory",
        source: "file:syslog",
        lines: &[
            "Feb 17 14:30:15 ws kernel: [ 4711.123456] Out of memory: Killed process 4711 (java) total-vm:4194304kB",
        ],
        time: Stated::Line,
    },
    Planted {
        name: "core dump",
        source: "file:syslog",
        lines: &[
            "Feb 17 14:30:15 ws systemd-coredump[811]: Process 4711 (app) of user 0 dumped core.",
        ],
        time: Stated::Line,
    },
    Planted {
        name: "disk that fails",
        source: "file:syslog",
        lines: &[
            "Feb 17 14:30:15 ws kernel: [ 4712.123456] blk_update_request: I/O error, dev sda, sector 12345",
        ],
        time: Stated::Line,
    },
    Planted {
        name: "npm that finds no version",
        source: "file:build",
        lines: &[
            "npm error code ETARGET",
            "npm error notarget No matching version found for x@9.",
        ],
        time: Stated::Near,
    },
    Planted {
        name: "pip",
        source: "file:build",
        lines: &["ERROR: No matching distribution found for x==9"],
        time: Stated::Near,
    },
    Planted {
        name: "cargo",
        source: "file:build",
        lines: &[
            "error[E0308]: mismatched types",
            " --> src/main.rs:3:5",
            "  |",
            "3 |     x",
            "  |     ^ expected `()`, found integer",
        ],
        time: Stated::Near,
    },
    Planted {
        name: "Go compiler",
        source: "file:build",
        lines: &["./main.go:7:2: undefined: pay"],
        time: Stated::Near,
    },
    Planted {
        name: "docker build",
        source: "file:build",
        lines: &[
            "ERROR: failed to solve: process \"/bin/sh -c npm ci\" did not complete successfully: exit code: 1",
        ],
        time: Stated::Near,
    },
    Planted {
        name: "terraform",
        source: "file:build",
        lines: &[
            "\u{2502} Error: Invalid provider configuration",
            "\u{2502} ",
            "\u{2502}   on main.tf line 3, in provider \"aws\":",
            "\u{2575}",
        ],
        time: Stated::Near,
    },
    Planted {
        name: "panic of Go",
        source: "file:app",
        lines: &[
            "panic: runtime error: index out of range [3] with length 3",
            "",
            "goroutine 1 [running]:",
            "main.pay(...)",
            "\t/src/main.go:7",
            "exit status 2",
        ],
        time: Stated::Near,
    },
    Planted {
        name: "panic of Rust",
        source: "file:app",
        lines: &[
            "thread 'main' panicked at src/main.rs:3:5:",
            "no such card",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        ],
        time: Stated::Near,
    },
];

/// Ordinary lines of each source, some of them with words that resemble failures.
fn ordinary(source: &str, number: usize) -> String {
    let minute = number % 60;
    let lines: &[&str] = match source {
        "cloud-init" => &[
            "Get:12 http://deb.debian.org bookworm/main amd64 libcarp-error-perl all 1.0 [12 kB]",
            "Setting up libgpg-error0:amd64 (1.46-1) ...",
            "debconf: unable to initialize frontend: Dialog",
            "0 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.",
        ],
        "docker:web" => &[
            "GET /error 200 3ms",
            "{\"level\":30,\"time\":1771338615123,\"msg\":\"request completed\",\"url\":\"/fail\"}",
            "Listening on :8080",
        ],
        "docker:db" => &[
            "2026-02-17 14:30:15.123 UTC [1] LOG:  checkpoint starting: time",
            "2026-02-17 14:30:15.123 UTC [1] LOG:  database system is ready to accept connections",
        ],
        "docker:api" => {
            &["2026-02-17T14:30:15.123Z  INFO 1 --- [main] c.e.ErrorHandlerConfig : 0 errors"]
        }
        "pod:shop/web/nginx" => {
            &["203.0.113.7 - - [17/Feb/2026:14:30:15 +0000] \"GET /error.html HTTP/1.1\" 200 12"]
        }
        "file:kubelet" => &[
            "I0217 14:30:15.000000    1234 kubelet.go:12] \"SyncLoop ADD\" pods=[\"shop/error-app\"]",
        ],
        "file:syslog" => &[
            "Feb 17 14:30:15 ws systemd[1]: Started cron.service - Regular background program processing daemon.",
            "Feb 17 14:30:15 ws sshd[701]: Accepted publickey for error from 203.0.113.7 port 4711",
            "Feb 17 14:30:15 ws kernel: [    1.123456] ACPI: Error handling enabled",
        ],
        "file:build" => &[
            "   Compiling thiserror v1.0.1",
            "added 120 packages, and audited 121 packages in 3s",
            "#7 [3/5] RUN npm run build -- --fail-on-warning",
            "# FAIL:  0",
        ],
        _ => &[
            "2026-02-17 14:30:15 INFO handler caught an error and retried",
            "2026-02-17 14:30:15 INFO errors=0",
        ],
    };
    let line = lines[number % lines.len()];
    line.replace("14:30:15", &format!("14:{minute:02}:15"))
}

/// Each source with its lines: ordinary ones around every failure.
fn logs() -> BTreeMap<&'static str, Vec<String>> {
    let mut logs: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for planted in FAILURES {
        let lines = logs.entry(planted.source).or_default();
        let ordinary = |number| ordinary(planted.source, number);
        lines.extend((0..40).map(ordinary));
        lines.extend(planted.lines.iter().map(|&line| line.to_owned()));
        lines.extend((40..60).map(ordinary));
    }
    logs
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// When an engine wrote a line.
const WRITTEN: &str = "2026-02-17T14:30:15.123Z";

/// Writes the logs to the usual places, and sets these in the server's settings.
fn lay_out(place: &mut Place) {
    let beside = |name: &str| -> PathBuf { place.data().with_file_name(name) };
    let (docker, pods, files) = (beside("docker"), beside("pods"), beside("files"));
    let mut settings = Vec::new();
    for (number, (source, lines)) in logs().into_iter().enumerate() {
        let (kind, name) = source.split_once(':').unwrap_or((source, ""));
        match kind {
            "docker" => {
                let id = format!("{number:064x}");
                let folder = docker.join(&id);
                write(
                    &folder.join("config.v2.json"),
                    &format!("{{\"Name\":\"/{name}\"}}"),
                );
                let mut text = String::new();
                for line in lines {
                    let log = Value::from(format!("{line}\n"));
                    writeln!(
                        text,
                        "{{\"log\":{log},\"stream\":\"stdout\",\"time\":\"{WRITTEN}\"}}"
                    )
                    .unwrap();
                }
                write(&folder.join(format!("{id}-json.log")), &text);
            }
            "pod" => {
                let folder =
                    pods.join("shop_web-6d4cf56db6-x7k2p_0f8a1b6e-4b1e-4e57-9d0c-6b1f5a3f9c11");
                let lines = lines
                    .iter()
                    .map(|line| format!("{WRITTEN} stdout F {line}\n"));
                write(&folder.join("nginx/0.log"), &lines.collect::<String>());
            }
            "file" => {
                let path = files.join(format!("{name}.log"));
                write(&path, &(lines.join("\n") + "\n"));
                settings.push(format!("{name}={};zone=UTC", path.display()));
            }
            _ => write(&place.cloud_init(), &(lines.join("\n") + "\n")),
        }
    }
    place.set("LOG_FILES", &settings.join(","));
    place.set("LOG_DOCKER_JSON_DIR", docker.to_str().unwrap());
    place.set("LOG_CRI_DIR", pods.to_str().unwrap());
}

/// The errors of a source in the order in which they arrived, message and time.
fn errors(server: &Server, source: &str, count: usize) -> Vec<(String, String)> {
    let text = |record: &Value, field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let records = server.wait_for(&format!("source={source}&level=error"), count);
    let mut records: Vec<_> = records.iter().collect();
    records.sort_by_key(|record| record["id"].as_u64());
    records
        .into_iter()
        .map(|record| (text(record, "message"), text(record, "timestamp")))
        .collect()
}

#[test]
fn the_error_filter_shows_each_failure_of_a_machine_whole_and_nothing_else() {
    let mut place = Place::new();
    lay_out(&mut place);
    let server = place.serve();
    let mut expected: BTreeMap<&str, Vec<(&str, Stated)>> = BTreeMap::new();
    for planted in FAILURES {
        let lines = planted.lines.iter().map(|&line| (line, planted.time));
        expected.entry(planted.source).or_default().extend(lines);
    }
    for (source, lines) in expected {
        let found = errors(&server, source, lines.len());
        let messages: Vec<&str> = found.iter().map(|(message, _)| &**message).collect();
        let expected: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
        assert_eq!(messages, expected, "{source}");
        for ((message, time), (_, stated)) in found.iter().zip(&lines) {
            let is_right = match stated {
                Stated::Line => time.starts_with("2026-02-17T14:30:15.000"),
                Stated::Engine => time.starts_with("2026-02-17T14:30:15.123"),
                Stated::Near => !time.is_empty(),
            };
            assert!(is_right, "{source}: {time}: {message}");
        }
    }
}

#[test]
fn the_page_lists_every_planted_failure() {
    let page = include_str!("../../../format-spec/recognition.md");
    for Planted {
        name,
        source,
        lines,
        time,
    } in FAILURES
    {
        let row = format!(
            "| {name} | error | `{source}` | {} | {} |",
            time.word(),
            lines.len()
        );
        assert!(page.contains(&row), "{row}");
    }
    let rows = page.lines().filter(|line| line.contains(" | error | `"));
    assert_eq!(rows.count(), FAILURES.len());
}
