//! Redacts secrets. Only this module makes [`Redacted`], the only type that the store accepts. `format-spec/redaction.md` describes
//! the rules, their reasons and their limits.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod edit;
mod error;
mod metadata;
mod names;
mod open;
mod rules;
mod scan;
mod values;

pub use error::Error;
pub use rules::rule::Rule;
pub use rules::table::RULES;
pub use scan::split_patterns;

use crate::record::Position;
use crate::record::Positions;
use crate::record::Record;
use crate::record::Source;
use metadata::CleanTexts;
use metadata::Words;
use open::OpenSecrets;
use scan::RecordScan;
use scan::SecretScanner;
use scan::TimeBudget;
use std::borrow::Cow;
use std::sync::Arc;

/// A record without any known secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Redacted {
    record: Record,
    is_withheld: bool,
}

impl Redacted {
    /// The record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The same record with a shorter message and without metadata that does not fit. A cut message has its full length in
    /// `message_bytes`; `fields_left_out` counts the removed metadata. Neither reveals a secret.
    #[must_use]
    #[cfg(feature = "app")]
    pub(crate) fn shortened(self, message_bytes_max: usize, value_bytes_max: usize) -> Self {
        Self {
            record: self.record.shortened(message_bytes_max, value_bytes_max),
            ..self
        }
    }

    /// Consumes `self` and returns the record.
    #[must_use]
    pub fn into_record(self) -> Record {
        self.record
    }

    /// Whether redaction took too long, so that only the time, source, level and size of the record are left.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.is_withheld
    }
}

/// Settings of redaction.
#[derive(Debug, Clone, Default)]
pub struct RedactOptions {
    /// Additional patterns (`LOG_REDACT_PATTERNS`, split by [`split_patterns`]). Each match is replaced as a whole. Patterns match
    /// bytes, so that classes such as `\w` are ASCII.
    pub patterns: Vec<String>,
    /// Patterns of texts that are never redacted (`LOG_REDACT_ALLOW`, split in the same way). A secret stays if one of them matches
    /// all of it.
    pub allowed: Vec<String>,
    /// The ids of disabled rules. The word `all` disables redaction.
    pub disabled: Vec<String>,
    /// Redact every value after a name, even if it looks like prose.
    pub strict: bool,
}

/// Applies the rules. A clone is cheap: it shares the compiled rules, and has its own state of secrets that span records.
///
/// ```
/// use vmlog::redact::{RedactOptions, Redactor};
///
/// let redactor = Redactor::new(&RedactOptions::default())?;
/// let text = redactor.redact_text("login of ann with password=hunter22 failed");
/// assert_eq!(text, "login of ann with password=[REDACTED] failed");
/// # Ok::<(), vmlog::redact::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Redactor {
    /// `None` if redaction is disabled.
    scanner: Option<Arc<SecretScanner>>,
    open: OpenSecrets,
    words: Words,
    clean: CleanTexts,
    /// The time limit of a record, if a test sets one.
    ms_max: Option<u64>,
}

/// The word that disables redaction.
const ALL: &str = "all";

impl Redactor {
    /// Compiles the rules.
    pub fn new(options: &RedactOptions) -> Result<Self, Error> {
        for id in &options.disabled {
            if id != ALL && !RULES.iter().any(|rule| rule.id == id) {
                let found = id.clone();
                return Err(Error::UnknownRule { found });
            }
        }
        let customs = scan::compile(&options.patterns)?;
        let allowed =
            scan::compile(&options.allowed).map_err(|error| Error::Allowed(error.into()))?;
        let is_off = options.disabled.iter().any(|id| id == ALL);
        let rules = RULES
            .iter()
            .filter(|rule| options.disabled.iter().all(|id| id != rule.id));
        let scanner = (!is_off).then(|| {
            Arc::new(SecretScanner::new(
                &rules.collect::<Vec<_>>(),
                customs,
                allowed,
                options.strict,
            ))
        });
        Ok(Self {
            scanner,
            open: OpenSecrets::default(),
            words: Words::default(),
            clean: CleanTexts::default(),
            ms_max: None,
        })
    }

    /// Redacts a record: its source, its message, and its metadata (every text at any depth, with the keys as names).
    /// `metadata.redacted` lists the rules that changed something. Redacting again changes nothing. A record whose redaction takes
    /// too long is withheld: see [`Redacted::is_withheld`].
    #[must_use]
    pub fn redact(&mut self, mut record: Record) -> Redacted {
        let Some(scanner) = self.scanner.as_deref() else {
            return Redacted {
                record,
                is_withheld: false,
            };
        };
        let scan = RecordScan::new(scanner, self.budget(record.bytes_about()));
        let length = record.message.len();
        let mut rules = 0;
        if let Some((text, found)) = self.clean.scrub(&scan, record.source.as_str()) {
            record.source = renamed(&text);
            rules |= found;
        }
        if scan.is_spent() {
            record.source = renamed("unknown:");
        }
        let was_open = self.open.holds(&record.source);
        let known = self.open.known(&scan, &record);
        let spans_records = !known.is_empty();
        if let Some((text, found)) = scan.scrub_message(&record.message, known, &mut |_, _| {}) {
            record.message = text;
            rules |= found;
        }
        if spans_records {
            metadata::replace_raw(&mut record.metadata, &record.message);
        }
        let memo = (&mut self.words, &mut self.clean);
        rules |= metadata::scrub(&scan, memo, &mut record.metadata);
        let is_withheld = scan.is_spent();
        self.open.stored(&record, was_open);
        if is_withheld {
            metadata::withhold(&mut record, length);
        } else if rules != 0 {
            metadata::add_rules(&mut record.metadata, scan.ids(rules));
        }
        Redacted {
            record,
            is_withheld,
        }
    }

    /// The time limit of a record with this many bytes.
    fn budget(&self, bytes: usize) -> TimeBudget {
        match self.ms_max {
            Some(ms_max) => TimeBudget::of_ms(ms_max),
            None => TimeBudget::for_bytes(bytes),
        }
    }

    /// Redacts a text that is not part of a record.
    #[must_use]
    pub fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(scanner) = self.scanner.as_deref() else {
            return Cow::Borrowed(text);
        };
        let scan = RecordScan::new(scanner, self.budget(text.len()));
        match scan.scrub_text(text) {
            _ if scan.is_spent() => Cow::Owned(metadata::mark(text.len())),
            Some((scrubbed, _)) => Cow::Owned(scrubbed),
            None => Cow::Borrowed(text),
        }
    }
}

impl Redactor {
    /// Restores the state of an earlier redactor from the positions of a store.
    pub fn restore(&mut self, positions: &Positions) {
        self.open.restore(positions);
    }

    /// The state of open secrets that has changed since the last call, one position per source, to be stored together with the
    /// records. It contains no secret.
    #[must_use]
    pub fn changes(&mut self) -> Vec<Position> {
        self.open.changes()
    }
}

/// The effect of each rule on one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The redacted text.
    pub text: String,
    /// The matches from left to right. Matches of several rules may overlap.
    pub findings: Vec<RuleFinding>,
}

/// One match of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFinding {
    /// The rule's id.
    pub rule: String,
    /// The replaced text, which contains the secret. For a secret that an earlier line announces, only its length.
    pub was: String,
}

impl Redactor {
    /// Redacts a text as [`Redactor::redact`] does the message of a record, and reports each match. The matches contain the
    /// secrets: show them only to someone who already has the text.
    #[must_use]
    pub fn explain(&mut self, source: &Source, text: &str) -> Explained {
        let Some(scanner) = self.scanner.as_deref() else {
            return Explained {
                text: text.to_owned(),
                findings: Vec::new(),
            };
        };
        let scan = RecordScan::new(scanner, self.budget(text.len()));
        let known = self.open.known_of_lines(&scan, source, text);
        let announced = known
            .iter()
            .find(|edit| Some(edit.rule) == scan.announced());
        let announced = announced.and_then(|edit| text.as_bytes().get(edit.range.clone()));
        let mut findings = Vec::new();
        let scrubbed = scan.scrub_message(text, known.clone(), &mut |rule, was| {
            let was = if Some(was) == announced {
                format!("{} bytes that an earlier line announces", was.len())
            } else {
                String::from_utf8_lossy(was).into_owned()
            };
            findings.extend(scan.ids(1 << rule).into_iter().map(|rule| RuleFinding {
                rule,
                was: was.clone(),
            }));
        });
        let kept = match scrubbed {
            _ if scan.is_spent() => metadata::mark(text.len()),
            Some((scrubbed, _)) => scrubbed,
            None => text.to_owned(),
        };
        Explained {
            text: kept,
            findings,
        }
    }
}

/// The source of this name, cut if the mask made it too long.
fn renamed(name: &str) -> Source {
    let (kind, rest) = name.split_once(':').unwrap_or((name, ""));
    Source::new(kind, rest)
}

#[cfg(test)]
mod written;

#[cfg(test)]
mod tests {
    use super::open::{keys, parts};
    use super::rules::pem;
    use super::scan::{custom, scanner};
    use super::*;
    use crate::record::Level;
    use crate::time::Micros;
    use serde_json::json;

    fn redactor(options: &RedactOptions) -> Redactor {
        Redactor::new(options).unwrap()
    }

    fn scrubbed(text: &str) -> String {
        redactor(&RedactOptions::default())
            .redact_text(text)
            .into_owned()
    }

    fn strict(text: &str) -> String {
        let options = RedactOptions {
            strict: true,
            ..RedactOptions::default()
        };
        redactor(&options).redact_text(text).into_owned()
    }

    fn record(message: &str, metadata: &serde_json::Value) -> Record {
        Record {
            timestamp: Micros::new(1),
            source: Source::new("docker", "web"),
            level: Level::Info,
            message: message.to_owned(),
            metadata: metadata.as_object().unwrap().clone().into(),
        }
    }

    #[test]
    fn the_four_core_families_are_redacted() {
        for (text, expected) in [
            ("sk-ant-api03-abc-DEF", "sk-ant-[REDACTED]"),
            (
                "Authorization: Bearer ab.c-d_1",
                "Authorization: Bearer [REDACTED]",
            ),
            ("bearer abc123 x", "bearer [REDACTED] x"),
            ("key=x9kYh7qweZ3", "key=[REDACTED]"),
            ("API_KEY = abc def", "API_KEY=[REDACTED] def"),
            ("?session_id=31d4d96e7a", "?session_id=[REDACTED]"),
            ("?jsessionid=5F2A81C07D3E9B46", "?jsessionid=[REDACTED]"),
            (
                r#"{"sessionid":"q1xw9vh3"}"#,
                r#"{"sessionid":"[REDACTED]"}"#,
            ),
            ("token: x9kYh7qweZ3", "token=[REDACTED]"),
            ("Secret abc1", "Secret=[REDACTED]"),
            ("password hunter2", "password=[REDACTED]"),
            ("credential==x", "credential=[REDACTED]"),
            ("id AKIAIOSFODNN7EXAMPLE.", "id AKIA[REDACTED]."),
        ] {
            assert_eq!(scrubbed(text), expected);
        }
    }

    #[test]
    fn a_run_that_repeats_the_start_of_a_pattern_is_read_once() {
        // read to its end at each name, it would exceed the time limit of a record
        let text = "pypi-token.".repeat((128 << 10) / 11);
        assert_eq!(scrubbed(&text), text);
    }

    #[test]
    fn prose_is_not_redacted() {
        for text in [
            "monkey business",
            "the key to success",
            "token bucket is full",
            "secretary",
            "password must not be empty",
            "keyboard: us",
            "0 tokens used",
            "token expired",
            "key not found",
            "Token Expired, please log in",
            "Failed password for root from 10.0.0.1 port 22 ssh2",
            "Accepted publickey for core",
            "password: ",
            "key:",
            "msg=\"enter password: \" user=bob",
            "{\"msg\":\"bad token:\",\"user\":\"bob\"}",
            "token=null",
            "the \"token\" was bad",
            "the Bearer token is missing",
        ] {
            assert_eq!(scrubbed(text), text);
        }
    }

    #[test]
    fn strict_mode_is_the_literal_rule() {
        assert_eq!(strict("monkey business"), "monkey=[REDACTED]");
        assert_eq!(strict("the key to success"), "the key=[REDACTED] success");
        assert_eq!(strict("token=null"), "token=[REDACTED]");
        assert_eq!(strict("key\n\tx"), "key=[REDACTED]");
        assert_eq!(
            strict("keyboard: us, 0 tokens used"),
            "keyboard: us, 0 tokens used"
        );
    }

    #[test]
    fn values_are_found_in_every_form() {
        for (text, expected) in [
            (
                r#"{"password": "a b", "n": 1}"#,
                r#"{"password": "[REDACTED]", "n": 1}"#,
            ),
            (r#"{"api_key":12345}"#, r#"{"api_key":"[REDACTED]"}"#),
            (
                r#"{"secret":{"a":"}","b":[1]},"n":1}"#,
                r#"{"secret":"[REDACTED]","n":1}"#,
            ),
            (r"{'password': 'a b'}", r"{'password': '[REDACTED]'}"),
            (
                r#"{"log":"{\"password\":\"a\\\"b\"}"}"#,
                r#"{"log":"{\"password\":\"[REDACTED]\"}"}"#,
            ),
            (
                r#"{"user"=>{"password"=>"x y"}}"#,
                r#"{"user"=>{"password"=>"[REDACTED]"}}"#,
            ),
            (
                r#"{"msg":"token=x9kYh7qweZ3","n":1}"#,
                r#"{"msg":"token=[REDACTED]","n":1}"#,
            ),
            ("PASSWORD='x y' next", "PASSWORD=[REDACTED] next"),
            ("PASSWORD=\"x y\"", "PASSWORD=[REDACTED]"),
            ("export TOKEN=x9kYh7qweZ3", "export TOKEN=[REDACTED]"),
            ("api_key => x", "api_key=[REDACTED]"),
            (
                "Some { password: Some(\"a b\") }",
                "Some { password=[REDACTED] }",
            ),
            ("token=\"x9kYh7qweZ3", "token=[REDACTED]"),
            ("password=token: x9kYh7qweZ3", "password=[REDACTED]"),
            ("token: Bearer a.b.c", "token: Bearer [REDACTED]"),
            ("user[password]=abc&x=1", "user[password]=\"[REDACTED]\""),
            (
                "url?x%3Ftoken%3Dx9kYh7qweZ3 rest",
                "url?x%3Ftoken=[REDACTED] rest",
            ),
            (
                "\u{1b}[3mtoken\u{1b}[0m\u{1b}[2m=\u{1b}[0mx9kYh7qweZ3\u{1b}[0m x",
                "\u{1b}[3mtoken\u{1b}[0m\u{1b}[2m=\u{1b}[0m[REDACTED]\u{1b}[0m x",
            ),
            (
                "cmd=\"login password=abc\"",
                "cmd=\"login password=[REDACTED]\"",
            ),
        ] {
            assert_eq!(scrubbed(text), expected);
        }
    }

    #[test]
    fn metadata_is_scrubbed_at_any_depth_and_keys_decide() {
        let before = json!({
            "password": "x",
            "db": {"api_key": ["a", 7, null, true], "note": "token=x9kYh7qweZ3"},
            "list": [{"line": "key: x9kYh7qweZ3"}],
            "token=x9kYh7qweZ3": "plain",
            "unit": "ssh.service",
            "env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "LANG", "value": "C"}],
            "args": ["login", "--token", "hunter", "--password", "-v"],
        });
        let after = redactor(&RedactOptions::default()).redact(record("hello", &before));
        let expected = json!({
            "password": "[REDACTED]",
            "db": {"api_key": ["[REDACTED]", "[REDACTED]", null, true], "note": "token=[REDACTED]"},
            "list": [{"line": "key=[REDACTED]"}],
            "token=[REDACTED]": "plain",
            "unit": "ssh.service",
            "env": [{"name": "DB_PASSWORD", "value": "[REDACTED]"}, {"name": "LANG", "value": "C"}],
            "args": ["login", "--token", "[REDACTED]", "--password", "-v"],
            "redacted": ["key-value"],
        });
        assert_eq!(json!(after.record().metadata), expected);
        assert_eq!(after.record().message, "hello");
    }

    #[test]
    fn withholds_a_record_whose_redaction_takes_too_long() {
        let mut redactor = redactor(&RedactOptions::default());
        redactor.ms_max = Some(0);
        let message = "password=hunter2 ".repeat(100);
        let before = record(&message, &json!({"note": "token=x9kYh7qweZ3"}));
        let after = redactor.redact(before.clone());
        assert!(after.is_withheld());
        let after = after.into_record();
        assert_eq!(
            after.message,
            "[REDACTED: 1700 bytes withheld, as redaction took too long]"
        );
        let expected = json!({"redacted": ["withheld"], "withheld_bytes": 1700});
        assert_eq!(json!(after.metadata), expected);
        assert_eq!(
            (after.timestamp, &after.source),
            (before.timestamp, &before.source)
        );
        assert_eq!(redactor.redact_text(&message), after.message);
        assert!(!redactor.redact(record("hello", &json!({}))).is_withheld());
    }

    /// Records of one source, and the secrets that must not remain.
    fn over_records() -> (Vec<Record>, Vec<&'static str>) {
        let parts = |message: &str, part: u64, continues: bool| {
            let mut metadata = json!({"line_part": part});
            if continues {
                metadata["line_incomplete"] = json!(true);
            }
            record(message, &metadata)
        };
        let line = |message: &str| record(message, &json!({}));
        let records = vec![
            line("-----BEGIN RSA PRIVATE KEY-----"),
            line("MIIEpAIBAAKCAQEAr0g2bXJmVJ1Lk4wQ0h0J5m3b8Yjq"),
            line("-----END RSA PRIVATE KEY-----"),
            line("- name: DB_PASSWORD"),
            line("  value: Rd3Qv3O0H845qBJ6"),
            line("Set the following 'random' passwords"),
            line("ubuntu:Xk29fjQw7pLm2Vb9"),
            parts("x passwor", 1, true),
            parts("d=Zx9mQ7tR4wLp tail", 2, false),
            parts("x token=\"Ab3Zx9mQ7tR", 1, true),
            parts("4wLpKx7Yq2 tail\", \"n\": 1", 2, false),
            parts("x ghp_16C7e42F292c6912E7710", 1, true),
            parts("c838347Ae178B4a tail", 2, false),
        ];
        let secrets = vec![
            "MIIEpAIBAAKCAQEAr0g2bXJmVJ1Lk4wQ0h0J5m3b8Yjq",
            "Rd3Qv3O0H845qBJ6",
            "Xk29fjQw7pLm2Vb9",
            "Zx9mQ7tR4wLp",
            "Ab3Zx9mQ7tR4wLpKx7Yq2",
            "16C7e42F292c6912E7710c838347Ae178B4a",
        ];
        (records, secrets)
    }

    #[test]
    fn redaction_continues_after_a_restart_between_any_two_records() {
        let (records, secrets) = over_records();
        for cut in 0..=records.len() {
            let mut before = redactor(&RedactOptions::default());
            let mut positions = Positions::new();
            let mut out = String::new();
            let (first, rest) = records.split_at(cut);
            for record in first {
                out += &before.redact(record.clone()).into_record().message;
                for Position { origin, value } in before.changes() {
                    match value {
                        Some(value) => drop(positions.insert(origin, value)),
                        None => drop(positions.remove(&origin)),
                    }
                }
            }
            let mut after = redactor(&RedactOptions::default());
            after.restore(&positions);
            for record in rest {
                out += &after.redact(record.clone()).into_record().message;
            }
            let state: Vec<u8> = positions.into_values().flatten().collect();
            out += &String::from_utf8_lossy(&state);
            for secret in &secrets {
                for part in secret.as_bytes().windows(8) {
                    let part = std::str::from_utf8(part).unwrap();
                    assert!(
                        !out.contains(part),
                        "{part} of {secret}, cut at {cut}: {out}"
                    );
                }
            }
            assert!(
                after
                    .changes()
                    .iter()
                    .all(|position| position.value.is_none())
            );
        }
    }

    #[test]
    fn allowed_texts_are_never_redacted() {
        let redactor = redactor(&RedactOptions {
            allowed: vec!["test-[A-Za-z0-9]+".to_owned(), "changeme".to_owned()],
            ..RedactOptions::default()
        });
        for text in [
            "password=changeme",
            "password: \"changeme\" x",
            "api_key=test-x9kYh7qweZ3",
            r#"{"password":"changeme"}"#,
        ] {
            assert_eq!(redactor.redact_text(text), text);
        }
        assert_eq!(
            redactor.redact_text("password=changeme2"),
            "password=[REDACTED]"
        );
        let mut redactor = redactor;
        let metadata = json!({"password": "changeme", "api_key": "changeme2"});
        let after = redactor.redact(record("x", &metadata)).into_record();
        assert_eq!(after.metadata["password"], json!("changeme"));
        assert_eq!(after.metadata["api_key"], json!("[REDACTED]"));
        let bad = RedactOptions {
            allowed: vec!["(".to_owned()],
            ..RedactOptions::default()
        };
        let error = Redactor::new(&bad).unwrap_err().to_string();
        assert!(error.contains("never redacted"), "{error}");
    }

    #[test]
    fn the_list_of_rules_is_merged_and_a_foreign_one_moves() {
        let mut redactor = redactor(&RedactOptions::default());
        let one = redactor.redact(record("Bearer a1", &json!({"redacted": ["key-value"]})));
        assert_eq!(
            one.record().metadata["redacted"],
            json!(["bearer", "key-value"])
        );
        let two = redactor.redact(record(
            "Bearer a1",
            &json!({"redacted": ["token=x9kYh7qweZ3"], "redacted_": 1}),
        ));
        let expected = json!({
            "redacted": ["bearer", "key-value"],
            "redacted_": 1,
            "redacted__": ["token=[REDACTED]"],
        });
        assert_eq!(json!(two.record().metadata), expected);
        let same = redactor.redact(two.clone().into_record());
        assert_eq!(same, two);
        let untouched = record("hello", &json!({"redacted": true}));
        assert_eq!(redactor.redact(untouched.clone()).into_record(), untouched);
    }

    #[test]
    fn redacts_the_raw_bytes_of_a_message() {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        let raw = engine.encode(b"\xff password=hunter2 \xfe");
        let after = redactor(&RedactOptions::default()).redact(record(
            "\u{fffd} password=hunter2 \u{fffd}",
            &json!({"message_base64": raw}),
        ));
        assert_eq!(
            after.record().message,
            "\u{fffd} password=[REDACTED] \u{fffd}"
        );
        let kept = after.record().metadata["message_base64"].as_str().unwrap();
        assert_eq!(
            engine.decode(kept).unwrap(),
            b"\xff password=[REDACTED] \xfe"
        );
        assert_eq!(after.record().metadata["redacted"], json!(["key-value"]));
    }

    #[test]
    fn redacts_the_source() {
        let mut named = record("x", &json!({}));
        named.source = Source::new("docker", "web token=x9kYh7qweZ3");
        let after = redactor(&RedactOptions::default()).redact(named);
        assert_eq!(
            after.record().source.as_str(),
            "docker:web token=[REDACTED]"
        );
        assert_eq!(after.record().metadata["redacted"], json!(["key-value"]));
    }

    #[test]
    fn patterns_of_the_settings_are_applied() {
        let options = RedactOptions {
            patterns: split_patterns(r"corp-[0-9]{4\,}, (?i)zz\\[a-c]+"),
            ..RedactOptions::default()
        };
        assert_eq!(options.patterns, [r"corp-[0-9]{4,}", r"(?i)zz\\[a-c]+"]);
        let after = redactor(&options).redact(record(r"id corp-12345 and ZZ\ab.", &json!({})));
        assert_eq!(after.record().message, "id [REDACTED] and [REDACTED].");
        assert_eq!(
            after.record().metadata["redacted"],
            json!(["pattern-1", "pattern-2"])
        );
    }

    #[test]
    fn rejects_unusable_settings() {
        let patterns = |patterns: &[&str]| RedactOptions {
            patterns: patterns.iter().map(|&p| p.to_owned()).collect(),
            ..RedactOptions::default()
        };
        let error = |options: &RedactOptions| Redactor::new(options).unwrap_err().to_string();
        assert_eq!(
            error(&patterns(&["ok", "\u{e9}(b"])),
            "redaction pattern 2 (\"\u{e9}(b\") is wrong at character 2: unclosed group"
        );
        assert!(error(&patterns(&["a*"])).contains("matches the empty text"));
        assert!(error(&patterns(&["(?:[ab]*a[ab]{30})"])).contains("needs more than"));
        assert!(error(&patterns(&["[a-z]{1000}{1000}"])).contains("needs more than"));
        assert!(error(&patterns(&["a"; 65])).contains("65 redaction patterns"));
        let unknown = RedactOptions {
            disabled: vec!["jtw".to_owned()],
            ..RedactOptions::default()
        };
        assert!(error(&unknown).contains("\"jtw\""));
    }

    #[test]
    fn rules_are_switched_off_one_by_one_or_all() {
        let disabled = |id: &str| {
            redactor(&RedactOptions {
                disabled: vec![id.to_owned()],
                ..RedactOptions::default()
            })
        };
        let text = "token=x9kYh7qweZ3 Bearer b2";
        assert_eq!(
            disabled("bearer").redact_text(text),
            "token=[REDACTED] Bearer b2"
        );
        assert_eq!(
            disabled("key-value").redact_text(text),
            "token=x9kYh7qweZ3 Bearer [REDACTED]"
        );
        let plain = record(text, &json!({"password": "x"}));
        assert_eq!(disabled("all").redact(plain.clone()).into_record(), plain);
    }

    #[test]
    fn the_specified_limits_are_those_in_the_code() {
        let spec = include_str!("../../format-spec/redaction.md").replace('\n', " ");
        let spec = spec.split_whitespace().collect::<Vec<_>>().join(" ");
        let passes = match scanner::PASSES_MAX {
            8 => "eight",
            _ => "another number of",
        };
        for bound in [
            format!("at most {passes} times"),
            format!(
                "any run of {} or more characters of base64",
                pem::RUN_LENGTH_MIN
            ),
            format!(
                "after {} records, or after {} that held no part of it",
                keys::RECORDS_MAX,
                keys::STRAYS_MAX
            ),
            format!("at most {} sources are in the middle", keys::OPEN_KEYS_MAX),
            format!(
                "the last {} KiB of the part before",
                parts::TAIL_BYTES_MAX >> 10
            ),
            format!(
                "ends of at most {} lines are remembered",
                parts::OPEN_LINES_MAX
            ),
            format!(
                "At most {} patterns of {} MiB of automaton",
                custom::PATTERNS_MAX,
                custom::AUTOMATON_BYTES_MAX >> 20
            ),
            format!(
                "more than {} bytes for each byte of a text",
                custom::STEPS_PER_BYTE_MAX
            ),
        ] {
            assert!(spec.contains(&bound), "{bound}");
        }
    }
}
