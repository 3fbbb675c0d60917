//! Arbitrary texts: redacting the result again changes nothing, and a secret with a known start never survives,
//! whatever surrounds it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vmlog::record::Level;
use vmlog::record::Record;
use vmlog::record::Source;
use vmlog::redact::RedactOptions;
use vmlog::redact::Redactor;
use vmlog::time::Micros;

/// Both modes for prose, and a pattern of the settings.
static REDACTORS: LazyLock<[Redactor; 2]> = LazyLock::new(|| {
    [false, true].map(|strict| {
        let options = RedactOptions {
            patterns: vec!["corp-[0-9]+".to_owned()],
            strict,
            ..RedactOptions::default()
        };
        Redactor::new(&options).expect("the pattern is valid")
    })
});

/// Secrets that are recognised without context, and their secret part.
const PLANTED: [(&str, &str); 4] = [
    ("sk-ant-", "Zq7w8e9rTyUi"),
    ("AKIA", "QZ7WSXEDCRFVTGBY"),
    ("ghp_", "Zq7w8e9rTyUiOpAs1dFgHjKlZxCvBn"),
    ("glpat-", "Zq7w8e9rTyUiOpAs"),
];

fuzz_target!(|data: &[u8]| {
    let Some((&how, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let redactor = &REDACTORS[usize::from(how & 1)];
    stable(redactor, &text);
    let (head, secret) = PLANTED[usize::from(how >> 1) % PLANTED.len()];
    let at = text.floor_char_boundary(text.len() / 2);
    let (before, after) = text.split_at(at);
    let planted = format!("{before}{head}{secret}{after}");
    let scrubbed = redactor.redact_text(&planted);
    let mut parts = secret.as_bytes().windows(8);
    let survives = |part: &[u8]| {
        let part = std::str::from_utf8(part).expect("the secrets are ASCII");
        scrubbed.contains(part) && !text.contains(part)
    };
    assert!(!parts.any(survives), "{planted:?} => {scrubbed:?}");
    split(redactor, &text);
});

/// Redacting a second time changes nothing.
fn stable(redactor: &Redactor, text: &str) {
    let once = redactor.redact_text(text);
    assert_eq!(redactor.redact_text(&once), once, "{text:?}");
}

/// The same text split over several records, by lines and by parts of a line.
fn split(redactor: &Redactor, text: &str) {
    let mut redactor = redactor.clone();
    for (number, message) in text.split_inclusive(['\n', '\u{fffd}']).enumerate() {
        let metadata = serde_json::json!({
            "line_part": number + 1, "line_incomplete": true, "note": message, "password": message,
        });
        let record = Record {
            timestamp: Micros::new(0),
            source: Source::new("docker", "web"),
            level: Level::Info,
            message: message.to_owned(),
            metadata: metadata.as_object().cloned().unwrap_or_default().into(),
        };
        let once = redactor.redact(record).into_record();
        assert!(once.metadata.contains_key("redacted") || message.is_empty());
    }
}
