//! Secrets over several lines of a source, with a server that is killed between any two of them: no part of them is
//! ever on disk.

use crate::support::program::Place;
use std::fs::OpenOptions;
use std::io::Write as _;

/// Each line, and whether it contains a secret that only earlier lines reveal.
const LINES: &[(&str, bool)] = &[
    ("-----BEGIN RSA PRIVATE KEY-----", false),
    ("MIIEpAIBAAKCAQEAr0g2bXJmVJ1Lk4wQ0h0J5m3b8YjqWZ1cQe7n", true),
    ("5s0dY2vT9a6XqLm3Zw", true),
    ("-----END RSA PRIVATE KEY-----", false),
    ("Set the following 'random' passwords", false),
    ("ubuntu:Xk29fjQw7pLm2Vb9", true),
    ("deploy:pq7TzM4wKx9LdR2s", true),
    ("the next line of the program", false),
    ("- name: DB_PASSWORD", false),
    ("  value: Rd3Qv3O0H845qBJ6", true),
    (
        "Please use the following password to proceed to installation:",
        false,
    ),
    ("", false),
    ("4f1c0a7e5d2b4f1c9a8b7c6d", true),
];

#[test]
fn no_part_of_a_multi_line_secret_is_on_disk_after_a_kill_at_any_line() {
    let mut place = Place::new();
    let log = place.data().with_file_name("app.log");
    place.set("LOG_FILES", &format!("app={}", log.display()));
    let mut count = 0;
    for (index, (line, _)) in LINES.iter().enumerate() {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        writeln!(file, "{line}").unwrap();
        count += usize::from(!line.is_empty());
        let server = place.serve();
        let records = server.wait_for("source=file:app", count);
        server.kill();
        let last = records
            .iter()
            .map(|record| record["message"].as_str().unwrap());
        let texts: Vec<_> = last.collect();
        for (secret, _) in LINES
            .iter()
            .take(index + 1)
            .filter(|(_, is_secret)| *is_secret)
        {
            let secret = secret.rsplit([':', ' ']).next().unwrap();
            for part in secret.as_bytes().windows(8) {
                let text = std::str::from_utf8(part).unwrap();
                assert!(
                    !texts.iter().any(|held| held.contains(text)),
                    "{text} after line {index}"
                );
                assert!(
                    !place.data_holds(part),
                    "{text} is on disk after line {index}"
                );
            }
        }
    }
    let server = place.serve();
    let records = server.wait_for("source=file:app", count);
    let shown = serde_json::to_string(&records).unwrap();
    for kept in [
        "ubuntu:[REDACTED]",
        "  value: [REDACTED]",
        "the next line of the program",
    ] {
        assert!(shown.contains(kept), "{kept} in {shown}");
    }
}
