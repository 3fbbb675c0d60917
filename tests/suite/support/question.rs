//! Random queries: a filter as parameters, and the equivalent in plain code.

use crate::support::seeded::Rng;
use serde_json::Value;
use vmlog::query::{self, Limits, PageRequest};
use vmlog::record::{Level, StoredRecord};
use vmlog::time::Micros;

const LIMITS: Limits = Limits {
    limit_default: 100,
    limit_max: 1000,
};

/// The time of most queries, in seconds: relative times refer to it.
const NOW: i64 = 40;
const DAY: i64 = 86_400;

/// A filter as parameters, and the equivalent in plain code.
pub(crate) struct Question {
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) meant: Box<dyn Fn(&StoredRecord) -> bool>,
    /// The time of the query, in seconds.
    now: i64,
}

impl Question {
    pub(crate) fn all() -> Self {
        Self {
            parameters: Vec::new(),
            meant: Box::new(|_| true),
            now: NOW,
        }
    }

    pub(crate) fn and(
        mut self,
        parameters: &[(&str, &str)],
        part: impl Fn(&StoredRecord) -> bool + 'static,
    ) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.parameters.extend(parameters.iter().map(owned));
        let meant = self.meant;
        self.meant = Box::new(move |record| meant(record) && part(record));
        self
    }

    pub(crate) fn request(&self) -> PageRequest {
        query::parse_page(&self.parameters, &LIMITS, Micros::new(self.now * 1_000_000))
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.parameters))
    }

    pub(crate) fn random(rng: &mut Rng) -> Self {
        let mut question = Self::all();
        if rng.chance(2) {
            question = sources(question, rng);
        }
        // Output of a process has no level of its own.
        let is_output = rng.chance(12);
        if rng.chance(3) {
            question = minimum(question, is_output, rng);
        }
        if rng.chance(4) {
            question = exactly(question, is_output, rng);
        }
        if is_output {
            question = output(question);
        }
        if rng.chance(3) {
            question = times(question, rng);
        }
        if rng.chance(2) {
            question = search(question, rng);
        }
        if rng.chance(3) {
            question = metadata(question, rng);
        }
        question
    }
}

fn minimum(question: Question, is_ignored: bool, rng: &mut Rng) -> Question {
    let (word, minimum) = *rng.pick(&[
        ("debug", Level::Debug),
        ("info", Level::Info),
        ("warn", Level::Warn),
        ("error", Level::Error),
        ("warning", Level::Warn),
        ("DEBUG", Level::Debug),
        ("CRITICAL", Level::Error),
        ("Info", Level::Info),
        ("7", Level::Debug),
        ("5", Level::Info),
        ("4", Level::Warn),
        ("0", Level::Error),
    ]);
    question.and(&[("level", word)], move |r| {
        is_ignored || r.record.level >= minimum
    })
}

fn exactly(question: Question, is_ignored: bool, rng: &mut Rng) -> Question {
    let all = Level::ALL.into_iter();
    let mut levels: Vec<Level> = all.filter(|_| rng.chance(2)).collect();
    if levels.is_empty() {
        levels.push(Level::Warn);
    }
    let words: Vec<&str> = levels.iter().map(|level| level.as_str()).collect();
    question.and(&[("levels", &words.join(","))], move |r| {
        is_ignored || levels.contains(&r.record.level)
    })
}

fn sources(question: Question, rng: &mut Rng) -> Question {
    let name = |record: &StoredRecord| record.record.source.as_str().to_owned();
    match rng.below(7) {
        4 => question.and(&[("source", "system:c*")], move |r| {
            name(r).starts_with("system:c")
        }),
        5 => question.and(&[("source", "*,absent"), ("source", "-d*")], move |r| {
            !name(r).starts_with('d')
        }),
        6 => question.and(&[("source", "docker:A")], |_| false),
        0 => question.and(&[("source", "docker:a")], move |r| name(r) == "docker:a"),
        1 => question.and(&[("source", "docker:")], move |r| {
            name(r).starts_with("docker:")
        }),
        2 => question.and(
            &[("source", "docker:*,system:ssh"), ("source", "-docker:b")],
            move |r| {
                let name = name(r);
                (name.starts_with("docker:") || name == "system:ssh") && name != "docker:b"
            },
        ),
        _ => question.and(&[("source", "-docker:a,-system:")], move |r| {
            let name = name(r);
            name != "docker:a" && !name.starts_with("system:")
        }),
    }
}

fn times(mut question: Question, rng: &mut Rng) -> Question {
    let mut micros = [0, 0].map(|_: i64| match rng.below(10) {
        0 => *rng.pick(&[-DAY, 0, DAY]) * 1_000_000,
        _ => rng.small(40) * 1_000_000 + rng.small(3) * 500_000,
    });
    micros.sort_unstable();
    let [start, end] = micros;
    let later = *rng.pick(&[0, 0, 15 * 60, 2 * 3600]);
    if later > 0 {
        // Whole minutes or hours after one of both, which can then be expressed in these units.
        question.now = rng.pick(&micros).div_euclid(1_000_000) + later;
    }
    let now = question.now;
    let (start_text, end_text) = (time(start, now, rng), time(end, now, rng));
    let at = |record: &StoredRecord| record.record.timestamp.get();
    match rng.below(3) {
        0 => question.and(&[("start", &start_text)], move |r| at(r) >= start),
        1 => question.and(&[("end", &end_text)], move |r| at(r) < end),
        _ => question.and(&[("start", &start_text), ("end", &end_text)], move |r| {
            (start..end).contains(&at(r))
        }),
    }
}

/// One of the forms of a time in the first minute of 1970, or at the beginning of a day.
fn time(micros: i64, now: i64, rng: &mut Rng) -> String {
    let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let ago = now - seconds;
    match rng.below(8) {
        0..3 if rest == 0 && ago > 0 && ago % 3600 == 0 => format!("-{}h", ago / 3600),
        0..4 if rest == 0 && ago > 0 && ago % 60 == 0 => format!("-{}m", ago / 60),
        2 if rest == 0 && ago > 0 => format!("-{ago}s"),
        7 if micros == 0 => "1970-01-01".to_owned(),
        _ if seconds == -DAY => "1969-12-31".to_owned(),
        _ if seconds == DAY => "1970-01-02".to_owned(),
        0 if rest == 0 => seconds.to_string(),
        1 if rest == 0 => format!("1970-01-01 00:00:{seconds:02}"),
        3 => format!("@{seconds}.{rest:06}"),
        4 => format!("1970-01-01T00:00:{seconds:02}.{rest:06}Z"),
        5 => format!("1970-01-01T05:30:{seconds:02}.{rest:06}000+05:30"),
        _ => format!("1969-12-31T23:00:{seconds:02}.{}-01:00", rest / 100_000),
    }
}

fn search(question: Question, rng: &mut Rng) -> Question {
    if rng.chance(3) {
        return regex(question, rng);
    }
    let needle = *rng.pick(&[
        "disk",
        "DISK",
        "e",
        "ti",
        "timeout",
        "meo",
        "\u{e4}rger",
        "\u{c4}R",
        "absent",
        "full disk",
        " ",
        "0",
        "k",
        "uuid-1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "\n",
        "\u{3c3}",
    ]);
    let (sensitive, invert, narrow) = (rng.chance(3), rng.chance(4), rng.chance(3));
    let mut parameters = vec![("search", needle)];
    if sensitive {
        parameters.push(("case", "sensitive"));
    }
    if invert {
        parameters.push(("invert", "true"));
    }
    if narrow {
        parameters.push(("search.in", "message"));
    }
    question.and(&parameters, move |record| {
        let holds = |text: &str| holds_text(text, needle, sensitive);
        is_found(record, narrow, holds) != invert
    })
}

/// Whether `holds` returns `true` for the message, or for a value of the metadata unless the search is `narrow`.
pub(crate) fn is_found(record: &StoredRecord, narrow: bool, holds: impl Fn(&str) -> bool) -> bool {
    holds(&record.record.message) || !narrow && searched_values(record).iter().any(|it| holds(it))
}

pub(crate) fn holds_text(text: &str, needle: &str, sensitive: bool) -> bool {
    if sensitive {
        text.contains(needle)
    } else {
        plainly_folded(text).contains(&plainly_folded(needle))
    }
}

/// Every value of the metadata as text at any depth, except null and internal fields.
pub(crate) fn searched_values(record: &StoredRecord) -> Vec<String> {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::Null => {}
            Value::String(text) => texts.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
            Value::Object(map) => map.values().for_each(|value| collect(value, texts)),
            other => texts.push(other.to_string()),
        }
    }
    let mut texts = Vec::new();
    for (key, value) in record.record.metadata.iter() {
        if key != "boot_id" {
            collect(value, &mut texts);
        }
    }
    texts
}

/// Sufficient for the letters in these tests.
fn plainly_folded(text: &str) -> String {
    text.to_lowercase().replace('\u{3c2}', "\u{3c3}")
}

fn regex(question: Question, rng: &mut Rng) -> Question {
    let pattern = *rng.pick(&[
        "disk|timeout",
        "^full",
        "full$",
        r"uuid-\d+",
        "[0-9a-f]{8}",
        "^$",
        "(?i)ERROR.*disk",
        ".",
        "x{3}",
        "a+b?c*",
        r"\bdisk\b",
        "absent|nothing",
        "(disk|) full",
        "Timeout (disk|full)",
        r"\p{Lu}rger",
        "[^ -~]{2}",
        "(?m)^disk$",
        "d.sk (?-i:full)",
        "k",
    ]);
    let (sensitive, invert, narrow) = (rng.chance(3), rng.chance(4), rng.chance(3));
    let mut parameters = vec![("search", pattern), ("regex", "true")];
    if sensitive {
        parameters.push(("case", "sensitive"));
    }
    if invert {
        parameters.push(("invert", "true"));
    }
    if narrow {
        parameters.push(("search.in", "message"));
    }
    let flags = if sensitive { "" } else { "(?i)" };
    let plain = regex_automata::meta::Regex::new(&format!("{flags}{pattern}")).unwrap();
    question.and(&parameters, move |record| {
        is_found(record, narrow, |text| plain.is_match(text)) != invert
    })
}

/// The values of a metadata key, as texts; `None` without the key. Dots select members of objects.
pub(crate) fn values(record: &StoredRecord, key: &str) -> Option<Vec<String>> {
    let metadata = &record.record.metadata;
    let value = metadata.get(key).or_else(|| {
        let (outer, inner) = key.split_once('.')?;
        metadata.get(outer)?.get(inner)
    })?;
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(match value {
        Value::Array(values) => values.iter().map(text).collect(),
        single => vec![text(single)],
    })
}

/// A condition, and the equivalent in plain code.
fn condition(rng: &mut Rng) -> (String, impl Fn(&StoredRecord) -> bool + 'static) {
    let key = *rng.pick(&["unit", "exit_code", "tag", "k8s.pod", "absent", "glob"]);
    let value = *rng.pick(&[
        "a.service",
        "a",
        "ab",
        "0",
        "1",
        "",
        "x*",
        "red",
        "web-1",
        "true",
        "null",
    ]);
    let (excluded, differs, prefix) = (rng.chance(4), rng.chance(3), rng.chance(3));
    let sign = if excluded { "-" } else { "" };
    let operator = if differs { "!=" } else { "=" };
    let literal = match value.strip_suffix('*') {
        Some(start) if !prefix => format!("{start}\\*"),
        _ => value.to_owned(),
    };
    let star = if prefix { "*" } else { "" };
    let text = format!("{sign}{key}{operator}{literal}{star}");
    let equals = move |found: &String| {
        if prefix {
            found.starts_with(value)
        } else {
            found == value
        }
    };
    let meant = move |record: &StoredRecord| {
        let holds = values(record, key).is_some_and(|all| all.iter().any(equals) != differs);
        holds != excluded
    };
    (text, meant)
}

fn metadata(question: Question, rng: &mut Rng) -> Question {
    let (first, meant) = condition(rng);
    let question = question.and(&[("where", &first)], meant);
    if rng.chance(3) {
        let (second, meant) = condition(rng);
        return question.and(&[("where", &second)], meant);
    }
    question
}

fn output(question: Question) -> Question {
    question.and(&[("pid", "42")], |r| {
        let is = |key, value: &str| values(r, key).is_some_and(|all| all == [value]);
        is("event_type", "process_output") && is("pid", "42")
    })
}
