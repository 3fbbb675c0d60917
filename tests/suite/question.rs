//! Random questions: a filter as parameters, and what it means in plain code.

use crate::seeded::Rng;
use vmlog::query::{self, Limits, PageRequest};
use vmlog::record::{Level, StoredRecord};
use vmlog::time::Micros;

const LIMITS: Limits = Limits {
    limit_default: 100,
    limit_max: 1000,
};

/// A filter as parameters, and what it means in plain code.
pub(crate) struct Question {
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) meant: Box<dyn Fn(&StoredRecord) -> bool>,
}

impl Question {
    pub(crate) fn all() -> Self {
        Self {
            parameters: Vec::new(),
            meant: Box::new(|_| true),
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
        query::parse_page(&self.parameters, &LIMITS, Micros::new(0))
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.parameters))
    }

    pub(crate) fn random(rng: &mut Rng) -> Self {
        let mut question = Self::all();
        if rng.chance(2) {
            question = sources(question, rng);
        }
        if rng.chance(3) {
            let minimum = *rng.pick(&Level::ALL);
            question = question.and(&[("level", minimum.as_str())], move |record| {
                record.record.level >= minimum
            });
        }
        if rng.chance(4) {
            question = question.and(&[("levels", "debug,error")], |record| {
                matches!(record.record.level, Level::Debug | Level::Error)
            });
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

fn sources(question: Question, rng: &mut Rng) -> Question {
    let name = |record: &StoredRecord| record.record.source.as_str().to_owned();
    match rng.below(4) {
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

fn times(question: Question, rng: &mut Rng) -> Question {
    let seconds = [rng.small(40), rng.small(40)];
    let (start, end) = (
        *seconds.iter().min().unwrap(),
        *seconds.iter().max().unwrap(),
    );
    let second = |record: &StoredRecord| record.record.timestamp.get();
    let (start_text, end_text) = (start.to_string(), end.to_string());
    match rng.below(3) {
        0 => question.and(&[("start", &start_text)], move |r| {
            second(r) >= start * 1_000_000
        }),
        1 => question.and(&[("end", &end_text)], move |r| second(r) < end * 1_000_000),
        _ => question.and(&[("start", &start_text), ("end", &end_text)], move |r| {
            (start * 1_000_000..end * 1_000_000).contains(&second(r))
        }),
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
    let (sensitive, invert) = (rng.chance(3), rng.chance(4));
    let mut parameters = vec![("search", needle)];
    if sensitive {
        parameters.push(("case", "sensitive"));
    }
    if invert {
        parameters.push(("invert", "true"));
    }
    question.and(&parameters, move |record| {
        let message = &record.record.message;
        let found = if sensitive {
            message.contains(needle)
        } else {
            plainly_folded(message).contains(&plainly_folded(needle))
        };
        found != invert
    })
}

/// Enough for the letters that these tests use.
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
    ]);
    let invert = rng.chance(4);
    let mut parameters = vec![("search", pattern), ("regex", "true")];
    if invert {
        parameters.push(("invert", "true"));
    }
    let insensitive = regex_automata::meta::Regex::new(&format!("(?i){pattern}")).unwrap();
    question.and(&parameters, move |record| {
        insensitive.is_match(&record.record.message) != invert
    })
}

fn metadata(question: Question, rng: &mut Rng) -> Question {
    let text = |record: &StoredRecord, key: &str| match record.record.metadata.get(key) {
        None => None,
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    match rng.below(5) {
        0 => question.and(&[("where", "unit=a.service")], move |r| {
            text(r, "unit").as_deref() == Some("a.service")
        }),
        1 => question.and(&[("where", "exit_code!=0")], move |r| {
            text(r, "exit_code").is_some_and(|code| code != "0")
        }),
        2 => question.and(&[("where", "-unit=a*")], move |r| {
            !text(r, "unit").is_some_and(|unit| unit.starts_with('a'))
        }),
        3 => question.and(&[("where", "unit=*"), ("where", "exit_code=1")], move |r| {
            text(r, "unit").is_some() && text(r, "exit_code").as_deref() == Some("1")
        }),
        _ => {
            // the level rules do not hold for output of a process
            let mut fresh = Question::all();
            fresh.parameters.clone_from(&question.parameters);
            fresh
                .parameters
                .retain(|(name, _)| !name.starts_with("level"));
            let meant = question.meant;
            let all_levels = |record: &StoredRecord| {
                Level::ALL.map(|level| {
                    let mut record = record.clone();
                    record.record.level = level;
                    record
                })
            };
            fresh.parameters = question.parameters;
            fresh.meant = Box::new(move |record| all_levels(record).iter().any(&meant));
            fresh.and(&[("pid", "42")], move |r| {
                text(r, "event_type").as_deref() == Some("process_output")
                    && text(r, "pid").as_deref() == Some("42")
            })
        }
    }
}
