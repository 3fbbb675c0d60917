//! Redaction through its public interface: the specified table, ordinary lines, planted secrets, hostile texts.

pub(crate) mod attacks;
mod collected;
mod contexts;
pub(crate) mod kinds;
pub(crate) mod linear;
mod printed;
pub(crate) mod restart;
pub(crate) mod whole;

use crate::support::seeded::Rng;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use vmlog::record::Level;
use vmlog::record::Record;
use vmlog::record::Source;
use vmlog::redact::RULES;
use vmlog::redact::RedactOptions;
use vmlog::redact::Redactor;
use vmlog::time::Micros;

const MASK: &str = "[REDACTED]";

fn redactor() -> Redactor {
    Redactor::new(&RedactOptions::default()).unwrap()
}

fn record(message: &str, metadata: &Value) -> Record {
    Record {
        timestamp: Micros::new(1),
        source: Source::new("docker", "web"),
        level: Level::Info,
        message: message.to_owned(),
        metadata: metadata.as_object().unwrap().clone().into(),
    }
}

/// Random numbers from a seed: a failure prints the seed and can be repeated.
pub(crate) struct Random(Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rng::new(seed))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        *self.0.pick(items)
    }

    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| self.pick(&alphabet)).collect()
    }
}

const HEX: &str = "0123456789abcdef";
const UPPER_DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const URL_SAFE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PRINTABLE: &str =
    "ABCXYZabcxyz0123456789!#$%&()*+,-./:;<=>?@[]^_{|}~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";

/// The templates of ordinary lines: the text, and how much rarer it is than the others.
fn templates() -> Vec<(&'static str, usize)> {
    include_str!("../../fixtures/redact/ordinary.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.strip_prefix('~').map_or((line, 1), |rare| (rare, 20)))
        .collect()
}

/// One line of a template.
fn filled(template: &str, random: &mut Random) -> String {
    const WORDS: &[&str] = &[
        "web", "api", "worker", "shop", "frontend", "nginx", "postgres", "redis", "billing",
        "search", "metrics", "gateway", "users", "orders", "auth", "monkey", "cache", "builder",
    ];
    const USERS: &[&str] = &[
        "root", "admin", "core", "ubuntu", "bob", "alice", "deploy", "git",
    ];
    let mut line = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        line.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            rest = after;
            line.push('{');
            continue;
        };
        match name {
            "ip" => {
                let parts: Vec<_> = (0..4).map(|_| random.below(256).to_string()).collect();
                line.push_str(&parts.join("."));
            }
            "port" => write!(line, "{}", 1024 + random.below(64_000)).unwrap(),
            "pid" => write!(line, "{}", 1 + random.below(4_000_000)).unwrap(),
            "n" => write!(line, "{}", random.below(100)).unwrap(),
            "N" => write!(line, "{}", random.below(2_000_000_000)).unwrap(),
            "ms" => write!(line, "{}ms", random.below(10_000)).unwrap(),
            "hex" => {
                let length = random.pick(&[7, 12, 64]);
                line.push_str(&random.text(HEX, length));
            }
            "uuid" => {
                let parts = [8, 4, 4, 4, 12].map(|length| random.text(HEX, length));
                line.push_str(&parts.join("-"));
            }
            "user" => line.push_str(random.pick(USERS)),
            "word" => line.push_str(random.pick(WORDS)),
            "host" => write!(line, "{}.example.com", random.pick(WORDS)).unwrap(),
            "path" => write!(line, "/api/{}/{}", random.pick(WORDS), random.below(999)).unwrap(),
            "time" => write!(
                line,
                "2026-11-21T{:02}:{:02}:{:02}.{:06}Z",
                random.below(24),
                random.below(60),
                random.below(60),
                random.below(1_000_000)
            )
            .unwrap(),
            _ => {
                // A brace of the line itself, such as that of a JSON object.
                line.push('{');
                rest = rest.split_once('{').map_or("", |(_, after)| after);
                continue;
            }
        }
        rest = after;
    }
    line + rest
}

fn ordinary_lines(count: usize, random: &mut Random) -> Vec<(&'static str, String)> {
    let templates = templates();
    (0..)
        .flat_map(|round| {
            let due = move |&&(_, rarity): &&(&str, usize)| round % rarity == 0;
            templates.iter().filter(due)
        })
        .take(count)
        .map(|&(template, _)| (template, filled(template, random)))
        .collect()
}

#[test]
fn ordinary_lines_are_unchanged() {
    const LINES: usize = 100_000;
    let mut redactor = redactor();
    let mut changed: BTreeMap<&str, usize> = BTreeMap::new();
    for (template, line) in ordinary_lines(LINES, &mut Random::new(3)) {
        let scrubbed = redactor.redact(record(&line, &json!({"unit": "x.service"})));
        if scrubbed.record().message != line {
            *changed.entry(template).or_default() += 1;
        }
    }
    let count: usize = changed.values().sum();
    let known: BTreeSet<_> = include_str!("../../fixtures/redact/false-positives.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let found: BTreeSet<_> = changed.keys().copied().collect();
    assert_eq!(
        found, known,
        "the list of false positives has changed:\n{changed:#?}"
    );
    assert!(
        count * 5000 <= LINES,
        "{count} of {LINES} ordinary lines: {changed:#?}"
    );
}

/// A form of a name and its secret: `%N` and `%S`.
struct Form {
    text: &'static str,
    /// The characters that the secret may contain, because this form needs no escape for them.
    alphabet: &'static str,
    name: Name,
}

#[derive(Clone, Copy, PartialEq)]
enum Name {
    Any,
    Flag,
    Upper,
}

const NAMES: &[&str] = &[
    "password",
    "Password",
    "db_password",
    "api_key",
    "apiKey",
    "X-Api-Key",
    "token",
    "access_token",
    "AWS_SECRET_ACCESS_KEY",
    "aws_session_token",
    "client_secret",
    "credential",
    "SECRET",
    "registry.token",
    "private-key",
];

const fn form(text: &'static str, alphabet: &'static str, name: Name) -> Form {
    Form {
        text,
        alphabet,
        name,
    }
}

const SPACED: &str = "abcxyzABCXYZ0123456789 !#$%&()*+,-./:;<=>?@[]^_{|}~";

/// Characters that an access log writes unchanged.
const CODED: &str = "abcxyzABCXYZ0123456789 !#$%&()*+,-./:;=?@[]^_{|}~";

const FORMS: &[Form] = &[
    form("%N=%S", PRINTABLE, Name::Any),
    form("%N: %S", PRINTABLE, Name::Any),
    form("%N:%S", PRINTABLE, Name::Any),
    form("%N = %S", PRINTABLE, Name::Any),
    form("%N => %S", PRINTABLE, Name::Any),
    form("%N %S", BASE64, Name::Any),
    form("%N=\"%S\"", SPACED, Name::Any),
    form("%N='%S'", SPACED, Name::Any),
    form("%N: '%S'", SPACED, Name::Any),
    form("%N = \"%S\"", SPACED, Name::Any),
    form("%N=`%S`", SPACED, Name::Any),
    form("%N = \"\"\"%S\"\"\"", SPACED, Name::Any),
    form("%N: |\n  %S\nx: 1", SPACED, Name::Any),
    form("a:\n  %N: >-\n    %S", SPACED, Name::Any),
    form("export %N=%S", PRINTABLE, Name::Upper),
    form("export %N='%S'", SPACED, Name::Upper),
    form("ENV %N %S", BASE64, Name::Upper),
    form("--build-arg %N=%S", PRINTABLE, Name::Upper),
    form("\"%N\": \"%S\"", SPACED, Name::Any),
    form("{\"a\":1,\"%N\":\"%S\",\"b\":2}", SPACED, Name::Any),
    form("{\"a\":1,\"%N\": %S}", "123456789", Name::Any),
    form("{'%N': '%S', 'b': 2}", SPACED, Name::Any),
    form("{:%N=>\"%S\"}", SPACED, Name::Any),
    form("{\"%N\"=>\"%S\"}", SPACED, Name::Any),
    form("{\"log\":\"{\\\"%N\\\":\\\"%S\\\"}\"}", SPACED, Name::Any),
    form(
        "{\"log\":\"{\\\"x\\\":\\\"{\\\\\\\"%N\\\\\\\":\\\\\\\"%S\\\\\\\"}\\\"}\"}",
        SPACED,
        Name::Any,
    ),
    form("{\"name\":\"%N\",\"value\":\"%S\"}", SPACED, Name::Any),
    form("- name: %N\n  value: %S", ALNUM, Name::Any),
    form("Config { %N: \"%S\" }", SPACED, Name::Any),
    form("Config { %N: Some(\"%S\") }", SPACED, Name::Any),
    form("map[%N:%S]", ALNUM, Name::Any),
    form("user[%N]=%S", ALNUM, Name::Any),
    form("tool --%N %S", ALNUM, Name::Flag),
    form("tool --%N=%S", PRINTABLE, Name::Flag),
    form("tool --%N '%S'", SPACED, Name::Flag),
    form("[\"tool\",\"--%N\",\"%S\"]", SPACED, Name::Flag),
    form("https://x/?a=1&%N=%S&b=2", URL_SAFE, Name::Any),
    form("next=https%3A%2F%2Fx%3F%N%3D%S", URL_SAFE, Name::Any),
    form("Server=db;%N=%S;Timeout=30", ALNUM, Name::Any),
    form(
        r"body {\x22a\x22:1,\x22%N\x22:\x22%S\x22} 200",
        CODED,
        Name::Any,
    ),
    form(
        "GET /?q=%7B%22%N%22%3A%22%S%22%7D HTTP/1.1",
        URL_SAFE,
        Name::Any,
    ),
    form(r"{\u0022%N\u0022: \u0022%S\u0022}", CODED, Name::Any),
    form("<td>&quot;%N&quot;:&quot;%S&quot;</td>", ALNUM, Name::Any),
    form(r"{'msg':'%N\u003d%S'}", URL_SAFE, Name::Any),
    form("#033[3m%N#033[0m#033[2m=#033[0m%S", URL_SAFE, Name::Any),
    form("https:\\/\\/x\\/?%N=%S", URL_SAFE, Name::Any),
    form(
        "\u{1b}[3m%N\u{1b}[0m\u{1b}[2m=\u{1b}[0m%S\u{1b}[0m",
        URL_SAFE,
        Name::Any,
    ),
];

/// Secrets that need no name: the visible part, an alphabet, lengths, and the text after it.
const TOKENS: &[(&str, &str, usize, &str)] = &[
    ("sk-ant-", URL_SAFE, 90, ""),
    ("Bearer ", URL_SAFE, 40, ""),
    ("bearer ", BASE64, 40, "=="),
    ("AKIA", UPPER_DIGITS, 16, ""),
    ("ASIA", UPPER_DIGITS, 16, ""),
    ("ghp_1", ALNUM, 35, ""),
    ("gho_1", ALNUM, 35, ""),
    ("ghs_1", ALNUM, 35, ""),
    ("github_pat_1", ALNUM, 70, ""),
    ("glpat-", URL_SAFE, 20, ""),
    ("xoxb-1", ALNUM, 40, ""),
    ("https://hooks.slack.com/services/", ALNUM, 40, ""),
    ("sk_live_", ALNUM, 24, ""),
    ("rk_test_", ALNUM, 24, ""),
    ("AIza", URL_SAFE, 35, ""),
    ("sk-proj-1", ALNUM, 48, ""),
    ("sk-1", ALNUM, 47, ""),
    ("npm_1", ALNUM, 35, ""),
    ("pypi-AgE", URL_SAFE, 80, ""),
    ("dckr_pat_", URL_SAFE, 27, ""),
    ("dop_v1_", HEX, 64, ""),
    ("SK", HEX, 32, ""),
    ("123456789:AA", URL_SAFE, 33, ""),
    ("hf_1", ALNUM, 33, ""),
    ("https://bob:", PRINTABLE_URL, 20, "@git.example.com/x.git"),
    ("postgres://:", PRINTABLE_URL, 20, "@db:5432/shop"),
    ("https://1", ALNUM, 39, "@git.example.com/x.git"),
    ("dsn=root:", ALNUM, 20, "@tcp(db:3306)/shop"),
    ("Authorization: Basic ", BASE64, 40, "="),
    ("Authorization: token ", ALNUM, 40, ""),
    ("authorization: ", ALNUM, 40, ""),
    ("Set-Cookie: sid=", ALNUM, 32, "; Path=/"),
    ("Cookie: sid=", ALNUM, 32, "; theme=dark"),
    ("mysql -u root -p", ALNUM, 16, " shop"),
    ("sshpass -p ", ALNUM, 16, " ssh host"),
    (
        "docker login -u bob -p ",
        ALNUM,
        16,
        " registry.example.com",
    ),
    ("curl -u bob:", ALNUM, 16, " https://x"),
    ("<dbPassword>", PRINTABLE_URL, 20, "</dbPassword>"),
    ("https://x.blob.example.com/a?sig=", ALNUM, 43, "&se=1"),
];

const PRINTABLE_URL: &str = "ABCXYZabcxyz0123456789!$&()*+,-.;=_~";

/// Number of planted secrets of each kind; a larger number is for a long manual run.
fn rounds() -> usize {
    std::env::var("VMLOG_TEST_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100)
}

/// A secret in one of the forms: the text, and the part that must not remain.
fn planted(random: &mut Random) -> (String, String) {
    let kinds = FORMS.len() + TOKENS.len() + 3;
    let (text, secret) = match random.below(kinds) {
        kind if kind < FORMS.len() => return named(&FORMS[kind], random),
        kind if kind < FORMS.len() + TOKENS.len() => token(TOKENS[kind - FORMS.len()], random),
        kind => composed(kind % 3, random),
    };
    (random.pick(AROUND_TOKENS).replace("%T", &text), secret)
}

/// Contexts of a secret that needs no name; `%T` is its text.
const AROUND_TOKENS: &[&str] = &[
    "%T",
    "{\"msg\":\"%T\",\"n\":1}",
    "{\"log\":\"{\\\"m\\\":\\\"%T\\\"}\"}",
    "LANG=C X=%T",
    "export X='%T'",
    "x: %T",
    "- x: \"%T\"",
    "a = \"%T\"",
    "https://x/?a=%T",
    "next=https%3A%2F%2Fx%2F%3Fa%3D%T",
    "X-Header: %T",
    "curl -H \"X-Header: %T\" https://x",
    "{\\x22a\\x22:\\x22%T\\x22}",
    "<a href=\"%T\">x</a>",
    "[1, '%T']",
    "(%T)",
    "`%T`",
    "\u{1b}[31m%T\u{1b}[0m",
    "tool --x=%T --y",
    "one\n%T\ntwo",
];

fn named(form: &Form, random: &mut Random) -> (String, String) {
    let length = 8 + random.below(40);
    // A digit at the start, so that it is neither prose nor, in a flag, another flag.
    let secret = format!("7{}", random.text(form.alphabet, length).trim());
    let name = random.pick(NAMES);
    let name = match form.name {
        Name::Any => name.to_owned(),
        Name::Flag => name.to_ascii_lowercase().replace(['_', '.'], "-"),
        Name::Upper => name.to_ascii_uppercase().replace(['-', '.'], "_"),
    };
    let (before, after) = form.text.split_once("%S").unwrap();
    let text = format!(
        "{}{secret}{}",
        before.replace("%N", &name),
        after.replace("%N", &name)
    );
    (text, secret)
}

fn token(
    (head, alphabet, length, after): (&str, &str, usize, &str),
    random: &mut Random,
) -> (String, String) {
    let secret = random.text(alphabet, length);
    (format!("{head}{secret}{after}"), secret)
}

fn composed(kind: usize, random: &mut Random) -> (String, String) {
    match kind {
        0 => {
            let secret = format!(
                "{}.eyJ{}.{}",
                random.text(URL_SAFE, 30),
                random.text(URL_SAFE, 60),
                random.text(URL_SAFE, 43)
            );
            (format!("eyJ{secret}"), secret)
        }
        1 => {
            let secret = format!(
                "{}.{}",
                random.text(URL_SAFE, 22),
                random.text(URL_SAFE, 43)
            );
            (format!("SG.{secret}"), secret)
        }
        _ => {
            let lines: Vec<_> = (0..4).map(|_| random.text(BASE64, 64)).collect();
            let end = random.pick(&["\n", "\\n", "\r\n"]);
            let text = format!(
                "-----BEGIN RSA PRIVATE KEY-----{end}{}{end}-----END RSA PRIVATE KEY-----",
                lines.join(end)
            );
            (text, lines.concat())
        }
    }
}

/// The first 8 consecutive characters of the secret that the text contains.
pub(crate) fn survivor<'a>(secret: &'a str, text: &str) -> Option<&'a str> {
    let starts: Vec<usize> = secret.char_indices().map(|(index, _)| index).collect();
    starts
        .iter()
        .filter_map(|&start| {
            let end = secret[start..].char_indices().nth(8);
            let end = end.map_or(secret.len(), |(index, _)| start + index);
            secret.get(start..end)
        })
        .find(|part| part.chars().count() == 8 && text.contains(part))
}

/// Words around a secret that do not indicate one.
fn around(random: &mut Random) -> String {
    let lines = [
        "",
        "INFO ",
        "10:04:11 web | ",
        "[pid 7] ",
        "> ",
        "- ",
        "caf\u{e9} \u{2713} ",
    ];
    random.pick(&lines).to_owned()
}

#[test]
fn no_part_of_a_planted_secret_survives() {
    let redactor = redactor();
    let kinds = FORMS.len() + TOKENS.len() + 3;
    for seed in 0..(kinds * rounds()) as u64 {
        let mut random = Random::new(seed);
        let (text, secret) = planted(&mut random);
        let line = format!("{}{text} {}", around(&mut random), around(&mut random));
        let scrubbed = redactor.redact_text(&line);
        assert_eq!(
            survivor(&secret, &scrubbed),
            None,
            "seed {seed}\n{line}\n{scrubbed}"
        );
        assert!(scrubbed.contains(MASK), "seed {seed}\n{line}\n{scrubbed}");
        assert_eq!(redactor.redact_text(&scrubbed), scrubbed, "seed {seed}");
    }
}

#[test]
fn no_secret_survives_among_ordinary_lines() {
    let mut redactor = redactor();
    let lines = ordinary_lines(400, &mut Random::new(2));
    for seed in 0..(rounds() * 20) as u64 {
        let mut random = Random::new(seed);
        let (first, second) = (planted(&mut random), planted(&mut random));
        let line = &lines[random.below(lines.len())].1;
        let message = format!("{} {}", around(&mut random), first.0);
        let metadata = json!({
            "note": second.0,
            "list": [{"deep": [line, first.0]}],
            "access_token": second.1,
            "line": line,
        });
        let after = redactor.redact(record(&message, &metadata));
        let all = format!(
            "{}\n{}",
            after.record().message,
            texts(&after.record().metadata.clone().into())
        );
        for secret in [&first.1, &second.1] {
            assert_eq!(survivor(secret, &all), None, "seed {seed}\n{all}");
        }
        assert!(after.record().metadata["redacted"].is_array());
        assert_eq!(
            redactor.redact(after.clone().into_record()),
            after,
            "seed {seed}"
        );
    }
}

/// All texts in a value, including keys, one per line.
fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        Value::Array(items) => items.iter().map(texts).collect(),
        Value::Object(entries) => {
            let lines = entries.iter().map(|(key, value)| {
                [
                    key,
                    "
",
                    &texts(value),
                ]
                .concat()
            });
            lines.collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

#[test]
fn a_private_key_over_records_leaves_nothing() {
    let mut redactor = redactor();
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let prefix = around(&mut random);
        let lines: Vec<_> = (0..12)
            .map(|line| random.text(BASE64, if line == 11 { 20 } else { 64 }))
            .collect();
        let mut out = String::new();
        let mut send = |text: &str| {
            let after = redactor.redact(record(&format!("{prefix}{text}"), &json!({})));
            writeln!(out, "{}", after.record().message).unwrap();
        };
        send("-----BEGIN OPENSSH PRIVATE KEY-----");
        for line in &lines {
            send(line);
        }
        send("-----END OPENSSH PRIVATE KEY-----");
        send("the next line of the program");
        assert_eq!(survivor(&lines.concat(), &out), None, "seed {seed}\n{out}");
        assert!(out.contains("the next line of the program"));
    }
}

/// The processor time of this thread, which excludes other load.
#[expect(clippy::cast_precision_loss, reason = "seconds of a test, not years")]
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[test]
fn hostile_texts_take_linear_time() {
    /// A quadratic search would take minutes for texts of this size.
    const BYTES: usize = 64 << 10;
    let options = RedactOptions {
        patterns: vec![".*x|y".to_owned()],
        ..RedactOptions::default()
    };
    let redactors = [redactor(), Redactor::new(&options).unwrap()];
    let started = processor_seconds();
    for unit in [
        "key=",
        "key=\"",
        "key='\"",
        "\"key\":{",
        "\"key\":[",
        "key:\\\"",
        "key ",
        "--token ",
        "token\x1b[0m=",
        "eyJaaaaaa.",
        "eyJ-",
        "://a:",
        "://",
        "sk-",
        "ghp_",
        "npm_",
        "SG.aaaaaaaaaaaaaaaa.",
        "-----BEGIN PRIVATE KEY----- x ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END ",
        "cookie:",
        "set-cookie:a=",
        "authorization:",
        "authorization\\",
        "basic ",
        "bearer ",
        "mysql ",
        "login x",
        "curl -u",
        "@tcp(",
        ":aa",
        "<token>",
        "token>",
        "sig=",
        "y",
        "[REDACTED]",
        "key=[REDACTED]",
    ] {
        let text = unit.repeat(BYTES / unit.len());
        for redactor in &redactors {
            let scrubbed = redactor.redact_text(&text);
            assert!(scrubbed.len() <= 4 * text.len() + 64, "{unit}");
        }
    }
    let seconds = processor_seconds() - started;
    assert!(seconds < 60.0, "{seconds}");
}

/// Parts of texts that resemble secrets, and redacted secrets.
fn parts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("key".to_owned()),
        Just("token".to_owned()),
        Just("password".to_owned()),
        Just("secret".to_owned()),
        Just("=".to_owned()),
        Just(": ".to_owned()),
        Just(" ".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("\\".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just("\n".to_owned()),
        Just("--".to_owned()),
        Just(MASK.to_owned()),
        Just("Bearer ".to_owned()),
        Just("Basic ".to_owned()),
        Just("sk-ant-".to_owned()),
        Just("://u:".to_owned()),
        Just("@".to_owned()),
        Just("eyJ".to_owned()),
        Just(".".to_owned()),
        Just("Authorization: ".to_owned()),
        Just("Cookie: a=".to_owned()),
        Just("AKIA".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        Just("-----END PRIVATE KEY-----".to_owned()),
        Just("\u{e9}\u{2713}".to_owned()),
        Just("\x1b[1m".to_owned()),
        Just("mysql -p".to_owned()),
        Just("<token>".to_owned()),
        Just("@tcp(".to_owned()),
        Just("value".to_owned()),
        "[a-z]{1,8}",
        "[A-Za-z0-9]{1,30}",
    ];
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        rng_seed: prop::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn redacting_twice_changes_nothing(text in parts(), strict: bool) {
        thread_local! {
            static BOTH: [Redactor; 2] = [false, true].map(|strict| {
                let patterns = vec!["[a-c]+x".to_owned()];
                Redactor::new(&RedactOptions { strict, patterns, ..RedactOptions::default() }).unwrap()
            });
        }
        BOTH.with(|both| {
            let redactor = &both[usize::from(strict)];
            let once = redactor.redact_text(&text).into_owned();
            prop_assert_eq!(redactor.redact_text(&once), once.as_str());
            let mut redactor = redactor.clone();
            let metadata = json!({"note": text, "password": text, "redacted": text});
            let first = redactor.redact(record("x", &metadata));
            prop_assert_eq!(redactor.redact(first.clone().into_record()), first);
            Ok(())
        })?;
    }
}

#[test]
fn the_specified_table_is_that_in_the_code() {
    let spec = include_str!("../../../format-spec/redaction.md");
    let table = spec
        .split("\n## The table\n")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .expect("a section The table");
    let written: Vec<&str> = table.split("\n### ").skip(1).map(str::trim).collect();
    let in_force: Vec<String> = RULES.iter().map(described).collect();
    assert_eq!(
        written.len(),
        in_force.len(),
        "{}",
        in_force.join("\n\n### ")
    );
    for (written, in_force) in written.iter().zip(&in_force) {
        assert_eq!(written, in_force);
    }
}

#[test]
fn the_specified_forms_are_those_tested() {
    let spec = include_str!("../../../format-spec/redaction.md");
    let section = spec.split("\n## Forms\n").nth(1).expect("a section Forms");
    let block = section.split("```").nth(1).expect("a block of forms");
    let written: Vec<_> = block.lines().skip(1).collect();
    let shown = |form: &Form| form.text.replace('\n', "\\n").replace('\u{1b}', "\\e");
    let in_force: Vec<_> = FORMS.iter().map(shown).collect();
    assert_eq!(written, in_force, "{}", in_force.join("\n"));
}

/// A rule as the specification shows it.
fn described(rule: &vmlog::redact::Rule) -> String {
    let (visible, secret) = rule.patterns();
    let literals: Vec<_> = rule
        .literals()
        .iter()
        .map(|text| format!("`{text}`"))
        .collect();
    let (before, after) = rule.changes;
    format!(
        "{}\n\n- Found by: {}\n- Kept: {visible}\n- Replaced: \
         {secret}\n\n```text\n{before}\n=> \
         {after}\n=  {}\n```",
        rule.id,
        literals.join(" "),
        rule.spares
    )
}
