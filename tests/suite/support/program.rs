//! The program from the user's perspective: a process with settings, a printed address and an exit code.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Enough for a loaded machine; a test that waits this long has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A command with only the path from the caller's environment.
pub(crate) fn vmlog(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmlog"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Exit code, standard output, standard error.
pub(crate) fn outcome(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Folders of a test, and settings that refer to them.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("journal")).unwrap();
        Self {
            folder,
            environment: vec![],
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    pub(crate) fn cloud_init(&self) -> PathBuf {
        self.folder.path().join("cloud-init-output.log")
    }

    /// `vmlog serve` with these folders, not started.
    pub(crate) fn command(&self) -> Command {
        let mut command = vmlog(&["serve"]);
        command.env("LOG_DATA_DIR", self.data());
        command.env("LOG_JOURNAL_DIRS", self.journal());
        command.env("LOG_JOURNAL_SINCE", "2000-01-01");
        command.env("LOG_STORE_MAX_AGE", "36500d");
        command.env("LOG_CLOUD_INIT_PATH", self.cloud_init());
        command.env("LOG_LISTEN", "127.0.0.1:0");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The started server, once it responds.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(Stdio::null())
    }

    /// The same, with its own log sent there.
    pub(crate) fn serve_with(&self, log: Stdio) -> Server {
        let mut child = self.command().stderr(log).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let address = address
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .to_owned();
        let file = line.split("(the token is in ").nth(1);
        let file = file.map_or("", |rest| rest.trim_end().trim_end_matches(')'));
        let token = std::fs::read_to_string(file).unwrap_or_default();
        let token = token.trim().to_owned();
        Server {
            child,
            address,
            token,
            line,
        }
    }

    /// Whether any file below the data directory contains these bytes.
    pub(crate) fn data_holds(&self, needle: &[u8]) -> bool {
        holds(&self.data(), needle)
    }
}

fn holds(directory: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .any(|path| {
            if path.is_dir() {
                return holds(&path, needle);
            }
            let bytes = std::fs::read(&path).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) token: String,
    /// The line that it printed at the start.
    pub(crate) line: String,
}

impl Server {
    /// Status and JSON of a response.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let (head, body) =
            self.exchange(path, &format!("Authorization: Bearer {}\r\n", self.token));
        (
            status(&head),
            serde_json::from_str(&body).unwrap_or(Value::Null),
        )
    }

    /// Head and body of a response to a request with these headers (each with its line end).
    pub(crate) fn exchange(&self, path: &str, headers: &str) -> (String, String) {
        let mut stream = self.send(path, &format!("{headers}Connection: close\r\n"));
        let mut bytes = vec![];
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        (head.to_owned(), body.to_owned())
    }

    /// A tail whose response has begun: events follow.
    pub(crate) fn tail(&self, query: &str) -> BufReader<TcpStream> {
        let headers = format!("Authorization: Bearer {}\r\n", self.token);
        let mut reader = BufReader::new(self.send(&format!("/logs/tail?{query}"), &headers));
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        reader
    }

    fn send(&self, path: &str, headers: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"
        )
        .unwrap();
        stream
    }

    /// Every record of a query, oldest first.
    pub(crate) fn all(&self, query: &str) -> Vec<Value> {
        let (mut found, mut cursor) = (vec![], String::new());
        loop {
            let path = format!("/logs?direction=forward&limit=500&{query}{cursor}");
            let (status, mut page) = self.get(&path);
            assert_eq!(status, 200, "{path}: {page}");
            found.append(page["entries"].as_array_mut().unwrap());
            if page["hasMore"] != true {
                return found;
            }
            cursor = format!("&cursor={}", page["nextCursor"].as_str().unwrap());
        }
    }

    /// The same, once there are at least `count` of them.
    pub(crate) fn wait_for(&self, query: &str, count: usize) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let found = self.all(query);
            if found.len() >= count {
                return found;
            }
            assert!(
                begin.elapsed() < TIMEOUT,
                "{query}: {} of {count}: {found:?}",
                found.len()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < TIMEOUT, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn status(head: &str) -> u16 {
    head.split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no status in {head:?}"))
}
