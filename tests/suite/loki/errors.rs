//! Errors are plain text, as Grafana shows them; parameters may be sent as a form.

use crate::http::client::Connection;
use crate::http::server::{Server, TOKEN};
use crate::loki::{START, encoded, range, server};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

fn refusal(server: &Server, target: &str) -> (u16, String) {
    let answer = server.get(target).send();
    let kind = answer.header("content-type").unwrap_or_default().to_owned();
    assert_eq!(
        kind,
        "text/plain; charset=utf-8",
        "{target}: {}",
        answer.text()
    );
    (answer.status, answer.text().to_owned())
}

#[test]
fn syntax_errors_name_line_and_column() {
    let server = server();
    for (query, text) in [
        (
            "{a=}",
            "parse error at line 1, col 4: syntax error: unexpected }, expecting STRING",
        ),
        (
            "{a=\"b\"} |\n| json",
            "parse error at line 2, col 1: syntax error: unexpected |",
        ),
        (
            "{a=\"b\"",
            "parse error at line 1, col 7: syntax error: unexpected $end, expecting } or ,",
        ),
        (
            "sum(rate({a=\"b\"}[5m])",
            "parse error at line 1, col 22: syntax error: unexpected $end, expecting )",
        ),
        (
            "rate({a=\"b\"})",
            "parse error at line 1, col 13: syntax error: unexpected ), expecting RANGE",
        ),
        (
            "{a=\"b\"} | unwrap",
            "parse error at line 1, col 9: syntax error: unexpected |",
        ),
        (
            "sum_over_time({a=\"b\"} | unwrap [5m])",
            "parse error at line 1, col 32: syntax error: unexpected RANGE, expecting IDENTIFIER",
        ),
        (
            "{a=~\"(\"}",
            "parse error at line 1, col 5: error parsing regexp: unclosed group: `(`",
        ),
        (
            "variants(rate({a=\"b\"}[5m]))",
            "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER",
        ),
    ] {
        assert_eq!(
            refusal(&server, &range(query, "")),
            (400, text.to_owned()),
            "{query}"
        );
    }
    let everything = "{a=~\".*\"}";
    let (status, text) = refusal(&server, &range(everything, ""));
    assert_eq!(status, 400);
    assert!(text.contains("queries require at least one regexp or equality matcher that does not have an empty-compatible value"), "{text}");
}

#[test]
fn other_errors_equal_those_of_loki() {
    let server = server();
    let instant = format!("/loki/api/v1/query?query={}", encoded("{a=\"b\"}"));
    let sentence = "log queries are not supported as an instant query type, please change your query to a range query type";
    assert_eq!(refusal(&server, &instant), (400, sentence.to_owned()));
    let query = "{a=\"b\"}";
    for (rest, text) in [
        (
            "&limit=5001",
            "max entries limit per query exceeded, limit > max_entries_limit_per_query (5001 > 5000)",
        ),
        ("&limit=0", "limit must be a positive value"),
        ("&direction=up", "invalid direction 'up'"),
    ] {
        assert_eq!(
            refusal(&server, &range(query, rest)),
            (400, text.to_owned())
        );
    }
    let points = range("rate({a=\"b\"}[1m])", "&step=1ms");
    let (status, text) = refusal(&server, &points);
    assert!(
        status == 400
            && text.starts_with("exceeded maximum resolution of 11,000 points per time series"),
        "{text}"
    );
    let backwards = format!(
        "/loki/api/v1/query_range?query={}&start={START}&end={}",
        encoded(query),
        START - 1
    );
    assert_eq!(refusal(&server, &backwards).0, 400);
    let broken = range(
        "sum(count_over_time({kind=\"docker\"} | json [1m]))",
        "&step=60s",
    );
    let (status, text) = refusal(&server, &broken);
    assert_eq!(status, 400);
    assert!(
        text.starts_with("pipeline error: 'JSONParserErr' for series: '{"),
        "{text}"
    );
    assert_eq!(
        refusal(&server, "/loki/api/v1/tail?query=%7Ba%3D%22b%22%7D").0,
        400,
        "a tail is a websocket"
    );
    let anonymous = crate::http::client::get(server.address, "/loki/api/v1/labels").send();
    assert_eq!(
        (anonymous.status, anonymous.text()),
        (401, "authentication required")
    );
    assert!(
        anonymous
            .header("www-authenticate")
            .expect("a scheme")
            .starts_with("Basic")
    );
}

fn posted(server: &Server, path: &str, form: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a bound");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        server.address,
        form.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    // The server may respond before it has read a form that is too long.
    let _ = stream.write_all(form.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (status.unwrap_or(0), body.to_owned())
}

#[test]
fn parameters_may_be_sent_as_a_form() {
    let server = server();
    let end = START + 60_000_000_000;
    let form = format!(
        "query={}&start={START}&end={end}",
        encoded("{kind=\"docker\"}")
    );
    let (status, body) = posted(&server, "/loki/api/v1/query_range", &form);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("GET /a took 12 ms"), "{body}");
    let alternatives = "x".repeat(40_000);
    let long = format!(
        "query={}&start={START}&end={end}",
        encoded(&format!("{{kind=\"docker\"}} |= \"{alternatives}\""))
    );
    assert_eq!(posted(&server, "/loki/api/v1/query_range", &long).0, 200);
    let too_long = format!("query={}", "x".repeat(300_000));
    assert_eq!(
        posted(&server, "/loki/api/v1/query_range", &too_long).0,
        413
    );
    let mut connection = Connection::open(server.address).expect("a connection");
    assert!(connection.send(&server.get("/loki/api/v1/labels")).is_ok());
}
