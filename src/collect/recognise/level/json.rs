//! The level in the fields of a structured line. A field with an unknown value does not end the search, and a number
//! is read on the scale that the other fields reveal.

use super::fields::{self, FieldList, FieldValue};
use crate::collect::recognise::level_names;
use crate::record::Level;

/// A level, and the outer field that contains it.
pub(crate) type FoundField = (Level, &'static str);

/// The fields that contain a level as a word, the most explicit first.
const WORD_FIELDS: &[&str] = &[
    "level_name",
    "levelname",
    "levelName",
    "severityText",
    "severity_text",
    "error_severity",
    "level",
    "@level",
    "@l",
    "severity",
    "lvl",
    "prio",
    "loglevel",
    "log_level",
    "log.level",
    "@loglevel",
    "logseverity",
    "sev",
    "priority",
    "label",
    "status",
    "type",
    "at",
];

/// Fields that the lines of a log have, and settings and states have not.
const LINE_FIELDS: &[&str] = &["msg", "message", "time", "ts", "timestamp"];

/// Objects that contain a level, and the name of the level's field in them.
const INNER_FIELDS: &[(&str, &str)] = &[
    ("log", "level"),
    ("level", "name"),
    ("record", "level"),
    ("log", "severity"),
    ("event", "severity"),
    ("info", "level"),
];

/// The fields that contain a level as a number.
const NUMBER_FIELDS: &[&str] = &[
    "severityNumber",
    "severity_number",
    "severityLevel",
    "levelno",
    "level_value",
    "levelValue",
    "level",
    "severity",
    "priority",
    "lvl",
    "loglevel",
    "log.level",
];

/// The level that the fields of a JSON line state.
pub(crate) fn stated(fields: &FieldList<'_>) -> Option<FoundField> {
    // `{name}` of a template
    if fields.is_empty() {
        return None;
    }
    in_words(fields)
        .or_else(|| in_inner(fields))
        .or_else(|| in_tags(fields))
        .or_else(|| mongodb(fields))
        .or_else(|| zap(fields))
        .or_else(|| in_numbers(fields))
        .or_else(|| without_level(fields))
}

/// The level that the fields of a logfmt line state.
pub(crate) fn stated_in_pairs(fields: &FieldList<'_>) -> Option<FoundField> {
    let found = in_words(fields).or_else(|| in_numbers(fields))?;
    // `LOG_LEVEL=error node app.js` is a setting and does not state a level.
    let is_setting = matches!(found.1, "loglevel" | "log_level");
    (!is_setting || fields.has_any(LINE_FIELDS)).then_some(found)
}

fn in_words(fields: &FieldList<'_>) -> Option<FoundField> {
    WORD_FIELDS.iter().find_map(|&name| {
        let FieldValue::Text(text) = fields.get(name.as_bytes())? else {
            return None;
        };
        // These fields often have another meaning, so only a word that loggers use counts.
        let level = match name {
            "priority" | "label" | "status" => {
                level_names::named(text).filter(|_| is_level_word(text))
            }
            "type" => level_names::named(text)
                .filter(|_| is_level_word(text) && fields.has_any(LINE_FIELDS)),
            // Heroku's router: `at=error code=H10 desc="App crashed"`
            "at" => level_names::named(text).filter(|_| {
                is_level_word(text) && (fields.has_any(LINE_FIELDS) || fields.has_any(&["code"]))
            }),
            _ => level_names::of_field(text),
        };
        Some((level?, name))
    })
}

/// Whether only loggers use a word; `failed` is the state of a job, `success` its outcome.
fn is_level_word(word: &[u8]) -> bool {
    ![
        "fail",
        "failed",
        "failure",
        "success",
        "deprecated",
        "config",
        "note",
        "fine",
    ]
    .iter()
    .any(|other| other.as_bytes().eq_ignore_ascii_case(word))
}

fn in_inner(fields: &FieldList<'_>) -> Option<FoundField> {
    INNER_FIELDS.iter().find_map(|&(outer, name)| {
        let level = match fields.inner(outer.as_bytes(), name.as_bytes())? {
            FieldValue::Text(text) => level_names::of_field(text),
            FieldValue::Nested(object) => of_loguru(object),
            FieldValue::Bare(_) => None,
        };
        Some((level?, outer))
    })
}

/// loguru: `"record":{"level":{"icon":"x","name":"ERROR","no":40}}`. Programs define names of their own.
fn of_loguru(object: &[u8]) -> Option<Level> {
    let fields = FieldList::of_json(object);
    let FieldValue::Text(name) = fields.get(b"name")? else {
        return None;
    };
    level_names::of_field(name).or_else(|| {
        let FieldValue::Bare(number) = fields.get(b"no")? else {
            return None;
        };
        on_scale(PYTHON, std::str::from_utf8(number).ok()?.parse().ok()?)
    })
}

/// Kibana and its fork: `{"type":"log","@timestamp":"...","tags":["error","plugins"],"pid":7,"message":"x"}`.
fn in_tags(fields: &FieldList<'_>) -> Option<FoundField> {
    let FieldValue::Nested(tags) = fields.get(b"tags")? else {
        return None;
    };
    let is_log = fields.get(b"type").is_some() && fields.has_any(&["@timestamp"]);
    let mut levels = fields::strings(tags).filter_map(|tag| {
        let level = level_names::named(tag)?;
        is_level_word(tag).then_some(level)
    });
    Some((levels.next().filter(|_| is_log)?, "tags"))
}

/// MongoDB 4.4 and later: `{"t":{"$date":...},"s":"E","c":"NETWORK","id":7,...}`.
fn mongodb(fields: &FieldList<'_>) -> Option<FoundField> {
    let FieldValue::Text(letter) = fields.get(b"s")? else {
        return None;
    };
    let is_mongodb = fields.get(b"c").is_some() && fields.get(b"t").is_some();
    Some((level_names::of_letter(letter).filter(|_| is_mongodb)?, "s"))
}

/// zap's development fields: `{"L":"ERROR","T":"...","M":"..."}`.
fn zap(fields: &FieldList<'_>) -> Option<FoundField> {
    let FieldValue::Text(word) = fields.get(b"L")? else {
        return None;
    };
    let is_zap = fields.get(b"M").is_some() && fields.get(b"T").is_some();
    Some((level_names::named(word).filter(|_| is_zap)?, "L"))
}

fn in_numbers(fields: &FieldList<'_>) -> Option<FoundField> {
    NUMBER_FIELDS.iter().find_map(|&name| {
        let (FieldValue::Bare(digits) | FieldValue::Text(digits)) = fields.get(name.as_bytes())?
        else {
            return None;
        };
        let number = std::str::from_utf8(digits).ok()?.parse::<f64>().ok()?;
        Some((of_number(name, number, fields)?, name))
    })
}

/// Reads a number on the scale of its field and the other fields.
fn of_number(name: &str, number: f64, fields: &FieldList<'_>) -> Option<Level> {
    on_scale(scale(name, number, fields)?, number)
}

fn on_scale(scale: LevelScale, number: f64) -> Option<Level> {
    scale
        .iter()
        .take_while(|(from, _)| *from <= number)
        .last()
        .map(|&(_, level)| level)
}

/// The lowest number of each level, ascending.
type LevelScale = &'static [(f64, Level)];

/// OpenTelemetry: 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal.
const OTEL: LevelScale = &[
    (1.0, Level::Debug),
    (9.0, Level::Info),
    (13.0, Level::Warn),
    (17.0, Level::Error),
];

/// Application Insights: 0 verbose, 1 information, 2 warning, 3 error, 4 critical.
const INSIGHTS: LevelScale = &[
    (0.0, Level::Debug),
    (1.0, Level::Info),
    (2.0, Level::Warn),
    (3.0, Level::Error),
];

/// The devcontainer CLI: 1 trace, 2 debug, 3 info, 4 warning, 5 error, 6 critical.
const DEVCONTAINER: LevelScale = &[
    (1.0, Level::Debug),
    (3.0, Level::Info),
    (4.0, Level::Warn),
    (5.0, Level::Error),
];

/// Nextcloud: 0 debug, 1 info, 2 warning, 3 error, 4 fatal.
const NEXTCLOUD: LevelScale = INSIGHTS;

/// pino and bunyan: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
const PINO: LevelScale = &[
    (10.0, Level::Debug),
    (30.0, Level::Info),
    (40.0, Level::Warn),
    (50.0, Level::Error),
];

/// Python's logging: 10 debug, 20 info, 30 warning, 40 error, 50 critical.
const PYTHON: LevelScale = &[
    (1.0, Level::Debug),
    (20.0, Level::Info),
    (30.0, Level::Warn),
    (40.0, Level::Error),
];

/// Monolog: 100 debug, 200 info, 250 notice, 300 warning, 400 error, 500 critical, 550 alert, 600 emergency.
const MONOLOG: LevelScale = &[
    (100.0, Level::Debug),
    (200.0, Level::Info),
    (300.0, Level::Warn),
    (400.0, Level::Error),
];

/// Logback's `level_value`: 5000 trace, 10000 debug, 20000 info, 30000 warn, 40000 error.
const LOGBACK: LevelScale = &[
    (5_000.0, Level::Debug),
    (20_000.0, Level::Info),
    (30_000.0, Level::Warn),
    (40_000.0, Level::Error),
];

/// Syslog's severities.
const SYSLOG: LevelScale = &[
    (0.0, Level::Error),
    (4.0, Level::Warn),
    (5.0, Level::Info),
    (7.0, Level::Debug),
];

/// Verbosity as Go's logr counts it: 0 is for operators, higher values are for developers.
const LOGR: LevelScale = &[(0.0, Level::Info), (1.0, Level::Debug)];

fn scale(name: &str, number: f64, fields: &FieldList<'_>) -> Option<LevelScale> {
    match name {
        "severityNumber" | "severity_number" => return (number <= 24.0).then_some(OTEL),
        "severityLevel" => return (number <= 4.0).then_some(INSIGHTS),
        "levelno" => return Some(PYTHON),
        _ => {}
    }
    if number >= 5_000.0 {
        return (number <= 50_000.0).then_some(LOGBACK);
    }
    if number >= 100.0 {
        return (number <= 600.0).then_some(MONOLOG);
    }
    if number >= 10.0 {
        let scale = if is_python(fields) { PYTHON } else { PINO };
        return (number <= 60.0).then_some(scale);
    }
    if is_devcontainer(fields) {
        return Some(DEVCONTAINER);
    }
    if fields.has_any(&["reqId"]) && fields.has_any(&["app"]) {
        return Some(NEXTCLOUD);
    }
    let is_syslog = name == "priority"
        || fields.has_any(&[
            "facility",
            "short_message",
            "_hostname",
            "syslog_identifier",
        ]);
    if !is_syslog && (number <= 0.0 || is_logr(fields)) {
        return Some(LOGR);
    }
    (number <= 7.0).then_some(SYSLOG)
}

fn is_python(fields: &FieldList<'_>) -> bool {
    fields.has_any(&[
        "lineno",
        "funcName",
        "threadName",
        "processName",
        "pathname",
        "exc_info",
        "asctime",
    ])
}

fn is_devcontainer(fields: &FieldList<'_>) -> bool {
    let Some(FieldValue::Text(kind)) = fields.get(b"type") else {
        return false;
    };
    let kinds: [&[u8]; 5] = [b"text", b"raw", b"start", b"stop", b"progress"];
    kinds.contains(&kind) && fields.has_any(&["text", "timestamp", "name"])
}

fn is_logr(fields: &FieldList<'_>) -> bool {
    fields.has_any(&["ts"]) && fields.has_any(&["logger", "caller", "v", "msg"])
}

/// Lines that state no level although their form reveals a failure: errors of klog and logr, which have a level for
/// everything else, and the final outcome of the devcontainer CLI.
fn without_level(fields: &FieldList<'_>) -> Option<FoundField> {
    if fields.get(b"outcome") == Some(FieldValue::Text(b"error")) {
        return Some((Level::Error, "outcome"));
    }
    let has_error = ["err", "error"].iter().any(
        |name| matches!(fields.get(name.as_bytes()), Some(FieldValue::Text(text)) if !text.is_empty()),
    );
    let is_logr = is_logr(fields) && fields.get(b"v").is_none();
    (has_error && is_logr).then_some((Level::Error, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(line: &str) -> Option<Level> {
        stated(&FieldList::of_json(line.as_bytes())).map(|(level, _)| level)
    }

    fn check(level_of: Option<Level>, lines: &[&str]) {
        for line in lines {
            assert_eq!(level(line), level_of, "{line}");
        }
    }

    #[test]
    fn finds_words_after_unknown_values() {
        check(
            Some(Level::Error),
            &[
                r#"{"level":"error","msg":"x"}"#,
                r#"{"time":"t","Severity" : "CRITICAL"}"#,
                r#"{"level":"loud","severity":"error"}"#,
                r#"{"sev":"ERR","msg":"x"}"#,
                r#"{"type":"error","timestamp":"t","message":"x"}"#,
                r#"{"a\"level":"debug","log.level":"fatal"}"#,
                r#"{"list":["level","debug"],"levelname":"ERROR"}"#,
                r#"{"level":400,"level_name":"ERROR"}"#,
                r#"{"severityText":"ERROR","severityNumber":17,"body":"x"}"#,
                r#"{"@timestamp":"t","log":{"level":"error"},"message":"x"}"#,
                r#"{"text":"t","record":{"level":"ERROR"}}"#,
                r#"{"@t":"t","@mt":"x","@l":"Fatal"}"#,
                r#"{"timestamp":"t","pid":1,"error_severity":"PANIC","message":"x"}"#,
                r#"{"@level":"error","@message":"x"}"#,
                r#"{"prio":1,"err_code":10119,"subsystem":"Server","label":"Error","msg":"x"}"#,
                r#"{"t":{"$date":"d"},"s":"F","c":"NETWORK","msg":"x"}"#,
            ],
        );
        check(
            Some(Level::Info),
            &[
                r#"{"level":"INFO+2","msg":"x"}"#,
                r#"{"error_severity":"LOG","message":"x"}"#,
                r#"{"level":"info","status":"failed"}"#,
            ],
        );
    }

    #[test]
    fn numbers_are_read_by_their_scale() {
        check(
            Some(Level::Error),
            &[
                r#"{"level":50,"time":1,"pid":7,"hostname":"h","msg":"x"}"#,
                r#"{"level":400,"channel":"app","message":"x"}"#,
                r#"{"version":"1.1","host":"h","short_message":"x","level":3}"#,
                r#"{"PRIORITY":"3","MESSAGE":"x"}"#,
                r#"{"severityNumber":17,"body":"x"}"#,
                r#"{"levelno":40,"msg":"x"}"#,
                r#"{"level":40,"funcName":"f","msg":"x"}"#,
                r#"{"level_value":40000,"message":"x"}"#,
                r#"{"type":"text","level":5,"timestamp":1,"text":"x"}"#,
                r#"{"severity":"2","facility":"kern"}"#,
            ],
        );
        check(
            Some(Level::Warn),
            &[
                r#"{"level":40,"time":1,"msg":"x"}"#,
                r#"{"level":30,"lineno":7,"message":"x"}"#,
                r#"{"severityLevel":2,"message":"x"}"#,
            ],
        );
        check(
            Some(Level::Info),
            &[
                r#"{"level":0,"msg":"V-level","ts":1.5}"#,
                r#"{"level":0,"msg":"x"}"#,
                r#"{"level":6,"msg":"x"}"#,
                r#"{"type":"start","level":3,"timestamp":1,"text":"x"}"#,
            ],
        );
        check(
            Some(Level::Debug),
            &[
                r#"{"ts":1.5,"logger":"x","level":2,"msg":"x"}"#,
                r#"{"type":"raw","level":1,"timestamp":1,"text":"x"}"#,
            ],
        );
    }

    #[test]
    fn failures_without_a_level_are_errors() {
        check(
            Some(Level::Error),
            &[
                r#"{"ts":1580306777.04728,"caller":"a.go:7","msg":"failed","err":"no route"}"#,
                r#"{"outcome":"error","message":"Command failed","description":"x"}"#,
            ],
        );
    }

    #[test]
    fn states_nothing_without_a_level() {
        check(
            None,
            &[
                r#"{"msg":"level","x":"error"}"#,
                r#"{"msg":"\"level\":\"error\""}"#,
                r#"{"nested":{"level":"error"}}"#,
                r#"{"level":"#,
                r#"{"level":"loud"}"#,
                r#"{"request":"GET /a?level=error HTTP/1.1","status":200,"msg":"served"}"#,
                r#"{"status":"failed","msg":"job"}"#,
                r#"{"type":"error","code":7}"#,
                r#"{"type":"success","msg":"x"}"#,
                r#"{"level":7000000,"msg":"x"}"#,
                r#"{"ts":1.5,"v":4,"msg":"x","err":"y"}"#,
                "{",
            ],
        );
    }
}
