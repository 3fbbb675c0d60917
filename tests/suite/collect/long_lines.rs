//! A line of a service that is longer than journald's `LineMax` and than a record, while the server is stopped and started again.

use crate::collect::journald;
use crate::support::program::{Place, Server};
use memchr::memmem;
use serde_json::Value;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Where the line is full of secrets: around the place where a record ends, after 21 parts of 48 KiB.
const SECRETS: Range<usize> = 1_028_000..1_036_000;

/// How much of the line is written before each stop.
const STOPS: [usize; 2] = [500_000, 1_100_000];

const LENGTH: usize = 1_200_000;

/// The length of a part.
const LINE_MAX: usize = 48 << 10;

/// A line of numbered words, and the secrets in it. journald drops blanks at the ends of parts, so that there is none at the cuts; one of
/// them is inside a secret.
fn line() -> (String, Vec<String>) {
    let (mut line, mut secrets) = (String::new(), vec![]);
    let mut number = 0_u64;
    while line.len() < LENGTH {
        number += 1;
        line += &format!("n{number:06}.");
        if SECRETS.contains(&line.len()) {
            let digits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let secret = format!("Rx{digits:016x}Kq");
            line += &format!("password={secret} ");
            secrets.push(secret);
        }
    }
    line.truncate(LENGTH);
    let cuts = (0..LENGTH).step_by(LINE_MAX).skip(1);
    assert!(
        cuts.into_iter()
            .all(|cut| !line[cut - 1..=cut].contains(' '))
    );
    (line, secrets)
}

/// Writes the line in three steps; before each but the first it waits for a file, and after the first it creates one.
fn script(folder: &Path) -> String {
    let folder = folder.display();
    let [first, second] = STOPS;
    format!(
        r#"cd {folder}
        upto() {{ tail -c +$(($1 + 1)) line | head -c $(($2 - $1)); }}
        await() {{ until [ -e "$1" ]; do sleep 0.02; done; }}
        (upto 0 {first}; await go1; upto {first} {second}; await go2; upto {second} {LENGTH}
         printf '\nafter\n') | systemd-cat -t app &
        until [ "$(journalctl -q -t app -o cat | wc -l)" -ge 10 ]; do sleep 0.05; done
        echo seen | systemd-cat -t other
        await go3"#
    )
}

fn messages(records: &[Value]) -> Vec<&str> {
    let messages = records.iter().map(|record| record["message"].as_str());
    messages.map(Option::unwrap_or_default).collect()
}

/// Waits until `is_there` is true of the messages of the service.
fn await_messages(server: &Server, is_there: impl Fn(&[&str]) -> bool) -> Vec<Value> {
    let begin = Instant::now();
    loop {
        let records = server.all("source=system:app");
        if is_there(&messages(&records)) {
            return records;
        }
        assert!(
            begin.elapsed() < Duration::from_mins(1),
            "it does not arrive"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// Parts of secrets that are in a text.
fn leaks(text: &[u8], secrets: &[String]) -> Vec<String> {
    let parts = secrets.iter().flat_map(|secret| {
        let starts = (0..secret.len() - 7).step_by(4);
        starts.map(|start| secret[start..start + 8].to_owned())
    });
    parts
        .filter(|part| memmem::find(text, part.as_bytes()).is_some())
        .collect()
}

fn files(folder: &Path, found: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.extend(fs::read(path).unwrap());
        }
    }
}

fn joins_over_a_restart(stop: impl Fn(Server)) {
    let place = Place::new();
    let folder = place.data().with_file_name("control");
    fs::create_dir(&folder).unwrap();
    let (line, secrets) = line();
    fs::write(folder.join("line"), &line).unwrap();
    let Some(mut child) = journald(&place.journal(), &script(&folder)) else {
        return;
    };
    let server = place.serve();
    server.wait_for("source=system:other", 1);
    stop(server);

    let server = place.serve();
    fs::write(folder.join("go1"), "").unwrap();
    await_messages(&server, |messages| !messages.is_empty());
    stop(server);
    let mut on_disk = vec![];
    files(&place.data(), &mut on_disk);
    assert_eq!(leaks(&on_disk, &secrets), [""; 0], "on disk after the stop");

    fs::write(folder.join("go2"), "").unwrap();
    let server = place.serve();
    let records = await_messages(&server, |messages| messages.last() == Some(&"after"));
    fs::write(folder.join("go3"), "").unwrap();
    assert!(child.wait().unwrap().success());
    let mut pieces = messages(&records);
    assert_eq!(pieces.pop(), Some("after"));
    assert!(pieces.len() > 1, "a record has at most 1 MiB");
    let joined = pieces.concat();
    assert_eq!(leaks(joined.as_bytes(), &secrets), [""; 0]);
    let words = |text: &str| -> Vec<String> {
        let words = text
            .split([' ', '.', ']'])
            .filter(|word| word.starts_with('n'));
        words.map(str::to_owned).collect()
    };
    let (found, expected) = (words(&joined), words(&line));
    let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "no part is lost, and none is there twice");
    assert_eq!(found.len(), expected.len());
    let first = pieces.first().map_or(0, |piece| piece.len());
    assert!(
        first > SECRETS.start - 200_000
            && joined.matches("[REDACTED]").count() >= secrets.len() - 1,
        "{first} bytes in the first record"
    );
    stop(server);
    on_disk.clear();
    files(&place.data(), &mut on_disk);
    assert_eq!(leaks(&on_disk, &secrets), [""; 0], "on disk at the end");
}

#[test]
fn long_line_is_joined_and_redacted_over_a_kill() {
    joins_over_a_restart(Server::kill);
}

#[test]
fn long_line_is_joined_and_redacted_over_a_stop() {
    joins_over_a_restart(|server| {
        server.signal("TERM");
        assert!(server.wait().success());
    });
}
