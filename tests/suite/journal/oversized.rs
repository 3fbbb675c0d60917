//! Journal entries of any size through the whole server: they are stored, marked, and block nothing.

use crate::support::program::{Place, Server};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Sends the fields in its arguments through journald's native socket, in sealed memory files, as `sd_journal_sendv`
/// does.
const SEND: &str = r#"
import array, fcntl, os, socket, struct, sys
target = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
target.connect("/run/systemd/journal/socket")
MIB = 1 << 20
def send(fields):
    entry = os.memfd_create("entry", os.MFD_ALLOW_SEALING)
    with os.fdopen(os.dup(entry), "wb") as file:
        for name, value in fields + [("SYSLOG_IDENTIFIER", b"huge")]:
            file.write(name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n")
    fcntl.fcntl(entry, 1033, 15)
    target.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [entry]))])
    os.close(entry)
send([("MESSAGE", b"begin")])
send([("MESSAGE", b"\xff" * (60 * MIB))])
send([("MESSAGE", b"a " * (16 * MIB)), ("NUMBER", b"1")])
send([("MESSAGE", b"a " * (16 * MIB)), ("NUMBER", b"2")])
send([(f"FIELD_{n}", b"x" * (128 << 10)) for n in range(1000)] + [("MESSAGE", b"many fields")])
send([("MESSAGE", b"end")])
"#;

/// Files large enough for such entries.
const CONFIGURATION: &str = "[Journal]\nStorage=persistent\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n\
    SystemMaxUse=4G\nSystemMaxFileSize=1G\nSystemKeepFree=1M\nSyncIntervalSec=1s\n";

/// The memory that the server may use: half of the limit in its unit.
const MEMORY_BYTES_MAX: u64 = 128 << 20;

/// Runs [`SEND`] with its own journald. `None` if the machine does not allow it.
fn journald(directory: &Path) -> Option<Child> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/journald");
    let mut command = Command::new(tool);
    let configuration = directory.with_file_name("journald.conf");
    std::fs::write(&configuration, CONFIGURATION).unwrap();
    command
        .arg("--dir")
        .arg(directory)
        .arg("--conf")
        .arg(configuration);
    let script = "python3 - <<'END'\n".to_owned() + SEND + "\nEND\njournalctl --sync\nread -r _";
    command.args(["--", "bash", "-euc", &script]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let is_impossible = child
        .try_wait()
        .unwrap()
        .is_some_and(|status| status.code() == Some(77));
    (!is_impossible).then_some(child)
}

/// Waits for the last entry; returns all of them, oldest first, and the maximum memory of the server meanwhile.
fn collected(server: &Server) -> (Vec<Value>, u64) {
    let mut memory = 0;
    let begin = Instant::now();
    loop {
        memory = memory.max(anonymous_bytes(server.pid()));
        let found = server.get("/logs?source=system:huge&search=end&limit=1").1;
        if found["entries"][0]["message"] == "end" {
            return (server.all("source=system:huge"), memory);
        }
        assert!(
            begin.elapsed() < Duration::from_mins(2),
            "the last entry does not come"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn anonymous_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes.unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn entries_of_any_size_are_stored_marked_and_block_nothing() {
    let place = Place::new();
    let Some(mut journald) = journald(&place.journal()) else {
        return;
    };
    let server = place.serve();
    let (entries, memory) = collected(&server);
    drop(journald.stdin.take());
    journald.wait().unwrap();
    let [begin, bytes, first, second, fields, end] = &entries[..] else {
        panic!("{} entries", entries.len());
    };
    assert_eq!(
        (&begin["message"], &end["message"]),
        (&"begin".into(), &"end".into())
    );
    let length = |entry: &Value| entry["metadata"]["message_bytes"].as_u64();
    let text = |entry: &Value| entry["message"].as_str().unwrap().to_owned();
    assert_eq!(length(bytes), Some(60 << 20));
    assert!(text(bytes).starts_with("\u{fffd}\u{fffd}"));
    assert!(
        bytes["metadata"]["message_base64"]
            .as_str()
            .unwrap()
            .starts_with("////")
    );
    for (entry, number) in [(first, "1"), (second, "2")] {
        assert_eq!(length(entry), Some(32 << 20));
        assert!(text(entry).len() > 500_000, "{}", text(entry).len());
        assert_eq!(entry["metadata"]["number"], number);
    }
    assert_eq!(
        (text(fields).as_str(), length(fields)),
        ("many fields", None)
    );
    let metadata = fields["metadata"].as_object().unwrap();
    assert_eq!(metadata["fields_left_out"], 1000 - 64);
    let cut = metadata.keys().find(|key| key.ends_with("_bytes")).unwrap();
    assert_eq!(metadata[cut], 128 << 10);
    assert!(memory < MEMORY_BYTES_MAX, "{memory} bytes of memory");
    // A restart continues after them.
    let count = entries.len();
    server.kill();
    let server = place.serve();
    server.wait_for("source=system:vmlog&search=started", 2);
    assert_eq!(server.all("source=system:huge").len(), count);
}
