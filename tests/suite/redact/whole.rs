//! Secrets planted in every input and searched for in every output: in each byte of the data directory, including
//! compressed parts, in pages, tails, exports and the server's own log.

use crate::support::program::{Place, Server, outcome, vmlog};
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// One secret for each input, so that a finding shows its way. The second part must not remain, not even 8 bytes of
/// it.
const WAYS: [(&str, &str); 14] = [
    ("journal", "ghp_Jr1naLkq7WzXc9VbN3mAsDfGhJkLp0oIuYt"),
    ("file", "Fi1eW0rdqZx"),
    ("url", "Ur1pAsswq7Zx"),
    ("cloud-init", "sk-ant-api03-C1oudInitqZ7xWv"),
    ("docker", "D0ckerLinezQ7x"),
    ("docker-json", "D0ckerJsonzQ7x"),
    ("docker-key", "ghp_D0ckerKeyzQ7xWvBnMlKjHgFdSaPoIuYtRe"),
    ("docker-partial", "P4rtialLinezQ7x"),
    ("container-name", "N4meC0nt4inzQ7x"),
    ("exec-output", "Ex3cOutputzQ7x"),
    ("exec-argument", "Ex3cArgumentzQ7x"),
    ("pipe", "P1peLinezQ7x"),
    (
        "key-line-1",
        "MIIEpAIBAAKCAQEAr0g2bXJmVJ1Lk4wQ0h0J5m3b8YjqWZ1c",
    ),
    ("raw-bytes", "R4wBytesLinezQ7x"),
];

/// Number of lines after the secrets, so that a segment is sealed and compressed.
const FILLER: usize = 1500;

fn secret(way: &str) -> &'static str {
    let found = WAYS.iter().find(|(name, _)| *name == way);
    found.unwrap_or_else(|| panic!("no way {way}")).1
}

/// Writes the inputs: a journal, two logs, a container's.
fn plant(place: &mut Place) {
    let root = place.data().with_file_name("in");
    fs::create_dir(&root).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/journal/none-compact-keyed.journal");
    let journal = patched(fs::read(fixture).unwrap(), secret("journal"));
    fs::write(place.journal().join("system.journal"), journal).unwrap();

    let log = root.join("app.log");
    let mut text = format!(
        "login password={}\nclone https://bob:{}@git.example.com/x\n-----BEGIN RSA PRIVATE KEY-----\n{}\n\
         -----END RSA PRIVATE KEY-----\n",
        secret("file"),
        secret("url"),
        secret("key-line-1"),
    )
    .into_bytes();
    text.extend(b"\xff\xfe token=");
    text.extend(secret("raw-bytes").as_bytes());
    text.push(b'\n');
    for n in 0..FILLER {
        writeln!(text, "ordinary line {n}").unwrap();
    }
    fs::write(&log, text).unwrap();
    place.set("LOG_STORE_SEGMENT_ROWS", "1000");
    place.set("LOG_FILES", &format!("app={}", log.display()));

    let cloud_init = format!("using {}\n", secret("cloud-init"));
    fs::write(place.cloud_init(), cloud_init).unwrap();

    let id = "0123456789abcdef".repeat(4);
    let container = root.join("containers").join(&id);
    fs::create_dir_all(&container).unwrap();
    let name = format!("/web-token={}", secret("container-name"));
    let config = json!({"ID": id, "Name": name}).to_string();
    fs::write(container.join("config.v2.json"), config).unwrap();
    let inner = json!({
        "msg": "structured", "password": secret("docker-json"), "nested": {secret("docker-key"): 1},
    });
    let (first, second) = secret("docker-partial").split_at(7);
    let lines = [
        format!("api_key: {}\n", secret("docker")),
        format!("{inner}\n"),
        format!("{} secret={first}", "x".repeat(16 << 10)),
        format!("{second} end\n"),
    ];
    let entries = lines.map(|log| {
        let entry =
            json!({"log": log, "stream": "stdout", "time": "2026-02-17T14:30:15.123456789Z"});
        format!("{entry}\n")
    });
    let file = container.join(format!("{id}-json.log"));
    fs::write(file, entries.concat()).unwrap();
    let containers = root.join("containers");
    place.set("LOG_DOCKER_JSON_DIR", containers.to_str().unwrap());
}

/// The journal with a secret instead of the text of its long message: readers do not check hashes.
fn patched(mut journal: Vec<u8>, secret: &str) -> Vec<u8> {
    let line = format!("clone with {secret} done ");
    let filler = vec![b'x'; line.len() + 8];
    let at = journal
        .windows(filler.len())
        .position(|window| window == filler)
        .expect("a long message");
    journal[at..at + line.len()].copy_from_slice(line.as_bytes());
    journal
}

/// Runs commands that are captured.
fn capture(place: &Place) {
    let script = "printf 'token=Ex3cOut'; sleep 0.05; echo 'putzQ7x'; exit 1";
    let argument = format!("--password={}", secret("exec-argument"));
    let mut exec = vmlog(&["exec", "--source", "devcontainer:ws", "--"]);
    exec.args(["sh", "-c", script, "sh", &argument]);
    exec.env("LOG_DATA_DIR", place.data());
    assert_eq!(exec.output().unwrap().status.code(), Some(1));
    let input = place.data().with_file_name("in").join("piped");
    fs::write(&input, format!("credential {}\n", secret("pipe"))).unwrap();
    let mut pipe = vmlog(&["pipe", "--source", "devcontainer:pipe"]);
    pipe.env("LOG_DATA_DIR", place.data());
    pipe.stdin(fs::File::open(&input).unwrap());
    let (code, _, error) = outcome(&pipe.output().unwrap());
    assert_eq!(code, Some(0), "{error}");
}

/// The secrets that a text contains.
fn leaks(what: &str, text: &[u8]) -> Vec<String> {
    let mut found = vec![];
    for (way, secret) in WAYS {
        // The visible part of a token only shows its kind.
        let start = ["ghp_", "sk-ant-"]
            .iter()
            .find(|head| secret.starts_with(**head));
        let hidden = &secret.as_bytes()[start.map_or(0, |head| head.len())..];
        for part in hidden.windows(8) {
            if memchr::memmem::find(text, part).is_some() {
                found.push(format!("{what}: {way}"));
                break;
            }
        }
    }
    found
}

/// Every file below a directory.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The content of compressed parts of a file: each place that starts a zstd frame, decompressed as far as possible.
fn decompressed(bytes: &[u8]) -> Vec<u8> {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let mut all = vec![];
    for at in memchr::memmem::find_iter(bytes, &MAGIC) {
        let Ok(decoder) = zstd::Decoder::new(&bytes[at..]) else {
            continue;
        };
        let mut decoder = decoder.single_frame().take(16 << 20);
        // Data that is not a frame ends in an error.
        let _ = decoder.read_to_end(&mut all);
    }
    all
}

fn text_of(server: &Server, path: &str) -> String {
    let headers = format!("Authorization: Bearer {}\r\n", server.token);
    let (head, body) = server.exchange(path, &headers);
    assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    body
}

#[test]
fn no_output_contains_a_secret() {
    let mut place = Place::new();
    plant(&mut place);
    capture(&place);
    let log = place.data().with_file_name("server.log");
    let stderr = fs::File::create(&log).unwrap();
    let mut faults = vec![];
    let server = place.serve_with(Stdio::from(stderr));
    for (query, count) in [
        ("source=file:app", 6 + FILLER),
        ("source=cloud-init", 1),
        ("source=docker:", 3),
        ("source=devcontainer:ws", 3),
        ("source=devcontainer:pipe", 1),
        ("search=clone+with", 1),
    ] {
        server.wait_for(query, count);
    }
    let pages = serde_json::to_vec(&server.all("")).unwrap();
    faults.extend(leaks("pages", &pages));
    let masks = memchr::memmem::find_iter(&pages, b"[REDACTED]").count();
    assert!(masks >= WAYS.len(), "{masks} masks");
    for path in [
        "/logs/export?format=csv",
        "/logs/export?format=log",
        "/logs/export?format=jsonl",
        "/logs/sources",
        "/runs",
        "/metrics",
    ] {
        faults.extend(leaks(path, text_of(&server, path).as_bytes()));
    }
    let mut tail = server.tail("after=0");
    server.signal("TERM");
    let mut events = vec![];
    tail.read_to_end(&mut events).unwrap();
    faults.extend(leaks("tail", &events));
    assert_eq!(server.wait().code(), Some(0));
    let told = fs::read(&log).unwrap();
    faults.extend(leaks("the server's own log", &told));

    let mut kept = vec![];
    files(&place.data(), &mut kept);
    let mut unpacked_bytes = 0;
    for path in &kept {
        let name = path
            .strip_prefix(place.data())
            .unwrap()
            .display()
            .to_string();
        faults.extend(leaks(&name, name.as_bytes()));
        let bytes = fs::read(path).unwrap();
        faults.extend(leaks(&name, &bytes));
        let inner = decompressed(&bytes);
        unpacked_bytes += inner.len();
        faults.extend(leaks(&format!("{name}, unpacked"), &inner));
    }
    assert!(kept.len() >= 4 && unpacked_bytes > 1000, "{kept:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
