//! Compares `format-spec/api.md` with the code: paths, parameters, error codes and limits.

use super::api::{events, fields, logs, patterns, runs};
use super::app::EXPORTS_MAX;
use super::auth::session;
use super::foreign::sandboxd;
use super::http::error::CODES;
use super::http::request;
use super::http::route::{Access, ROUTES};
use super::limits::{gate, memory};
use super::loki::{metrics, parameters};
use super::tail::{start, stream};
use super::views::file as views;
use super::{ServerOptions, connection, socket};
use serde_json::Value;
use std::collections::BTreeSet;

const LOKI_SPEC: &str = include_str!("../../format-spec/loki.md");
const FOREIGN_SPEC: &str = include_str!("../../format-spec/foreign.md");
const SPEC: &str = include_str!("../../format-spec/api.md");

fn described() -> Value {
    serde_json::from_str(include_str!("api/openapi.json")).expect("JSON")
}

#[test]
fn paths_and_headings_match() {
    let named: BTreeSet<_> = SPEC
        .lines()
        .filter(|line| line.starts_with("## "))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter_map(|named| Some(named.split_once(' ')?.1))
        .collect();
    let answered: BTreeSet<_> = ROUTES
        .iter()
        .filter(|route| !route.is_of_others())
        .map(|route| route.path)
        // The files of the page are not part of the API.
        .filter(|path| !matches!(*path, "/" | "/ui/{file...}"))
        .collect();
    assert_eq!(named, answered);
    let open: BTreeSet<_> = ROUTES
        .iter()
        .filter(|route| route.access == Access::Open && !route.is_of_others())
        .map(|route| route.path.replace("{file...}", "..."))
        .collect();
    let sentence = SPEC
        .lines()
        .find_map(|line| line.strip_prefix("Every path but "))
        .expect("what is open is said");
    let said = sentence.split('`').skip(1).step_by(2).map(str::to_owned);
    assert_eq!(said.collect::<BTreeSet<_>>(), open);
}

/// Only events have names with underscores, as those who send them do.
#[test]
fn names_in_answers_are_written_alike() {
    let mut names = BTreeSet::new();
    for (schema, description) in described()["components"]["schemas"].as_object().unwrap() {
        if !schema.starts_with("Event") {
            collect_names(description, &mut names);
        }
    }
    assert!(names.contains("hasMore") && names.contains("firstId"));
    let other: Vec<_> = names.iter().filter(|name| name.contains('_')).collect();
    assert!(other.is_empty(), "{other:?}");
}

fn collect_names(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(parts) => {
            if let Some(properties) = parts.get("properties").and_then(Value::as_object) {
                names.extend(properties.keys().cloned());
            }
            parts.values().for_each(|part| collect_names(part, names));
        }
        Value::Array(parts) => parts.iter().for_each(|part| collect_names(part, names)),
        _ => {}
    }
}

#[test]
fn paths_of_the_loki_api_match_its_document() {
    let named: BTreeSet<_> = LOKI_SPEC
        .lines()
        .filter_map(|line| line.strip_prefix("| `/")?.split_once('`'))
        .map(|(path, _)| format!("/{path}"))
        .collect();
    let answered = ROUTES.iter().filter(|route| route.is_loki());
    let answered: BTreeSet<_> = answered.map(|route| route.path.to_owned()).collect();
    assert_eq!(named, answered);
    for bound in [
        format!("at most {} lines", parameters::LIMIT_MAX),
        format!("at most {} series", metrics::SERIES_MAX),
        format!("a form of {} KiB", request::FORM_BYTES_MAX / 1024),
    ] {
        assert!(LOKI_SPEC.contains(&bound), "{bound}");
    }
}

#[test]
fn paths_of_other_systems_match_their_document() {
    let named: BTreeSet<_> = FOREIGN_SPEC
        .lines()
        .filter_map(|line| line.strip_prefix("| `/")?.split_once('`'))
        .map(|(path, _)| format!("/{path}"))
        .collect();
    let answered = ROUTES
        .iter()
        .filter(|route| route.is_of_others() && !route.is_loki());
    let answered: BTreeSet<_> = answered.map(|route| route.path.to_owned()).collect();
    assert_eq!(named, answered);
    let (default, most) = (sandboxd::LIMIT_DEFAULT, sandboxd::LIMIT_MAX);
    let bound = format!("`limit`: {default} by default");
    assert!(
        FOREIGN_SPEC.contains(&bound)
            && FOREIGN_SPEC.contains(&format!("above {most} it is {most}"))
    );
}

#[test]
fn parameters_are_documented() {
    let document = described();
    let parameters = document["components"]["parameters"]
        .as_object()
        .expect("a map");
    for parameter in parameters.values() {
        let name = parameter["name"].as_str().expect("a name");
        if parameter["in"] == "path" {
            continue;
        }
        let forms = [
            format!("`{name}`"),
            format!("`{name}="),
            format!("`{name}:"),
        ];
        assert!(forms.iter().any(|form| SPEC.contains(form)), "{name}");
    }
}

#[test]
fn error_codes_are_listed_by_status() {
    for (status, codes) in CODES {
        let start = format!("| {status} | ");
        let row = SPEC.lines().find_map(|line| line.strip_prefix(&start));
        let cell = row.and_then(|row| row.split(" | ").next());
        let cell = cell.unwrap_or_else(|| panic!("no row for {status}"));
        let named: Vec<_> = cell
            .split(", ")
            .map(|code| code.trim_matches('`'))
            .collect();
        assert_eq!(named, codes, "{status}");
    }
}

#[test]
fn documented_bounds_match_the_code() {
    let options = ServerOptions::default();
    let kib = |bytes: usize| bytes / 1024;
    for row in [
        format!(
            "| request line and headers | {} KiB, ",
            kib(connection::HEADER_BYTES_MAX)
        ),
        format!("| parameters | {} (400)", request::PARAMETERS_MAX),
        format!(
            "| {} a second (`LOG_API_RATE`), {} at once",
            options.rate, options.rate_burst
        ),
        format!("| connections | {} (", options.connections_max),
        format!(
            "| agreeing on a key | {} s |",
            connection::HANDSHAKE_MAX.as_secs()
        ),
        format!(
            "| waiting for a request | {} s |",
            connection::REQUEST_WAIT_MAX.as_secs()
        ),
        format!(
            "| an answer that is not taken | {} s,",
            socket::WRITE_STALL_MAX.as_secs()
        ),
        format!(
            "wait to be read | {} MiB together",
            memory::TOGETHER_BYTES >> 20
        ),
        format!(
            "| scans | {} at a time; one narrowed token runs {},",
            gate::RUNNING_MAX,
            gate::RUNNING_NARROW_MAX
        ),
        format!(
            "of each principal {} wait, none longer than {} s",
            gate::WAITING_MAX,
            gate::WAIT_MAX.as_secs()
        ),
        format!(
            "| one scan | {} s, {} rows",
            gate::SCAN_TIME_MAX.as_secs(),
            gate::SCAN_ROWS_MAX
        ),
        format!(
            "valid on no other server, for {} hours",
            session::SESSION_MAX.as_secs() / 3_600
        ),
        format!(
            "renewed for {} days",
            session::RENEWED_MAX.as_secs() / 86_400
        ),
        format!("\"expiresSeconds\": {}}}`", session::TICKET_MAX.as_secs()),
        format!("| exports | {EXPORTS_MAX} at a time"),
        format!("| tails | {} at a time", options.tail_connections_max),
        format!(", {} records waiting for each", options.tail_queue_rows),
        format!("(at most {})", start::TAIL_ROWS_MAX),
        format!("retry: {}", stream::RETRY_MS),
        format!(
            "A comment every {} seconds",
            options.tail_keep_alive.as_secs()
        ),
        format!("at most {} (`LOG_API_MAX_LIMIT`)", options.limit_max),
    ] {
        assert!(SPEC.contains(&row), "{row:?}");
    }
}

#[test]
fn documented_bounds_of_events_match_the_code() {
    let kib = |bytes: usize| bytes / 1024;
    let body = usize::try_from(request::BODY_BYTES_MAX).expect("small");
    for row in [
        format!(
            "| body | an event or a message {} KiB, a view {} KiB (413); otherwise none is read; past {} KiB,",
            kib(request::EVENT_BYTES_MAX),
            kib(request::VIEW_BYTES_MAX),
            kib(body)
        ),
        format!(
            "`limit` ({} by default, at most\n{})",
            events::LIMIT_DEFAULT,
            events::LIMIT_MAX
        ),
    ] {
        assert!(SPEC.contains(&row), "{row:?}");
    }
}

#[test]
fn documented_bounds_of_views_match_the_code() {
    for row in [
        format!("`name` (1 to {} characters)", views::NAME_CHARS_MAX),
        format!("at most {} KiB of\n  ASCII", views::QUERY_BYTES_MAX / 1024),
        format!("At most {} views are saved", views::VIEWS_MAX),
    ] {
        assert!(SPEC.contains(&row), "{row:?}");
    }
}

#[test]
fn numbers_of_the_openapi_description_match_the_code() {
    let document = described();
    let schema = |name: &str| &document["components"]["parameters"][name]["schema"];
    let options = ServerOptions::default();
    assert_eq!(schema("limit")["maximum"], options.limit_max);
    assert_eq!(schema("limit")["default"], logs::LIMIT_DEFAULT);
    assert_eq!(
        schema("sourcesLimit")["default"],
        logs::SOURCES.limit_default
    );
    assert_eq!(schema("sourcesLimit")["maximum"], logs::SOURCES.limit_max);
    assert_eq!(schema("eventsLimit")["default"], events::LIMIT_DEFAULT);
    assert_eq!(schema("eventsLimit")["maximum"], events::LIMIT_MAX);
    assert_eq!(schema("runsLimit")["default"], runs::LIMIT_DEFAULT);
    assert_eq!(schema("tail")["maximum"], start::TAIL_ROWS_MAX);
    let values = fields::VALUES;
    assert_eq!(schema("valuesLimit")["maximum"], values.limit_max);
    assert_eq!(schema("valuesLimit")["default"], values.limit_default);
    assert_eq!(
        schema("patternsLimit")["maximum"],
        patterns::PATTERNS.limit_max
    );
    assert_eq!(
        schema("patternsLimit")["default"],
        patterns::PATTERNS.limit_default
    );
    assert_eq!(schema("buckets")["maximum"], crate::query::BUCKETS_MAX);
}
