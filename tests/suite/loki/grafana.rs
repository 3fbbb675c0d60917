//! The requests of Grafana in their order, from "Save & test" to infinite scroll.

use crate::http::server::{Server, TOKEN};
use crate::loki::{START, at, encoded, range, server};
use base64::Engine as _;
use serde_json::{Value, json};
use vmlog::record::Level;

const CATEGORIZE: (&str, &str) = ("x-loki-response-encoding-flags", "categorize-labels");

fn data(server: &Server, target: &str) -> Value {
    let answer = server.json(target);
    assert_eq!(answer["status"], "success", "{target}");
    answer["data"].clone()
}

#[test]
fn save_and_test_gets_one_sample_with_value_two() {
    let query = encoded("vector(1)+vector(1)");
    let target = format!("/loki/api/v1/query?query={query}&time=4000000000&direction=backward");
    let data = data(&server(), &target);
    assert_eq!(data["resultType"], "vector");
    assert_eq!(
        data["result"],
        json!([{"metric": {}, "value": [4_000_000_000_i64, "2"]}])
    );
}

#[test]
fn the_label_browser_lists_labels_values_and_series() {
    let server = server();
    let window = format!("start={START}&end={}", START + 60_000_000_000);
    let labels = data(&server, &format!("/loki/api/v1/labels?{window}"));
    assert_eq!(
        labels,
        json!(["kind", "level", "service_name", "source", "workspace"])
    );
    let values = data(
        &server,
        &format!("/loki/api/v1/label/source/values?{window}"),
    );
    assert_eq!(
        values,
        json!(["devcontainer:ws-1", "docker:web", "system:ssh.service"])
    );
    let narrowed = encoded("{kind=\"docker\"}");
    let values = data(
        &server,
        &format!("/loki/api/v1/label/level/values?{window}&query={narrowed}"),
    );
    assert_eq!(values, json!(["error", "info"]));
    assert_eq!(
        data(
            &server,
            &format!("/loki/api/v1/label/nothing/values?{window}")
        ),
        json!([])
    );
    let matches = encoded("{service_name=\"web\",level=\"error\"}");
    let series = data(
        &server,
        &format!("/loki/api/v1/series?{window}&match[]={matches}"),
    );
    assert_eq!(
        series,
        json!([{"kind": "docker", "level": "error", "service_name": "web", "source": "docker:web"}])
    );
    let later = format!(
        "start={}&end={}",
        START + 10_000_000_000,
        START + 20_000_000_000
    );
    assert_eq!(
        data(&server, &format!("/loki/api/v1/labels?{later}")),
        json!([])
    );
}

#[test]
fn a_query_reports_how_much_it_reads() {
    let server = server();
    let query = encoded("{kind=\"docker\"}");
    let end = START + 60_000_000_000;
    let stats = server.json(&format!(
        "/loki/api/v1/index/stats?query={query}&start={START}&end={end}"
    ));
    assert_eq!(
        (&stats["streams"], &stats["entries"]),
        (&json!(2), &json!(3))
    );
    assert!(stats["bytes"].as_u64().expect("a number") > 0);
}

#[test]
fn lines_have_unique_nanoseconds_and_labels_as_requested() {
    let server = server();
    let target = range(
        "{source=\"system:ssh.service\"}",
        "&limit=1000&step=1000ms&direction=backward",
    );
    let plain = data(&server, &target);
    assert_eq!(plain["resultType"], "streams");
    assert_eq!(plain.get("encodingFlags"), None);
    let nanos = (START + 2_000_000_000 + 3).to_string();
    assert_eq!(
        plain["result"],
        json!([{
            "stream": {
                "detected_level": "warn", "event_type": "process_output", "id": "3", "kind": "system", "level": "warn",
                "pid": "7", "service_name": "ssh.service", "source": "system:ssh.service"
            },
            "values": [[nanos, "session 7 of root"]]
        }])
    );
    let apart = server
        .get(&target)
        .header(CATEGORIZE.0, CATEGORIZE.1)
        .send()
        .json();
    assert_eq!(apart["data"]["encodingFlags"], json!(["categorize-labels"]));
    assert_eq!(
        apart["data"]["result"],
        json!([{
            "stream": {
                "kind": "system", "level": "warn", "service_name": "ssh.service", "source": "system:ssh.service"
            },
            "values": [[nanos, "session 7 of root", {
                "structuredMetadata": {"detected_level": "warn", "event_type": "process_output", "id": "3", "pid": "7"}
            }]]
        }])
    );
}

#[test]
fn the_volume_bars_count_lines_by_level() {
    let server = server();
    let query = "sum by (level, detected_level) (count_over_time({kind=~\".+\"} | json | drop __error__ [1m]))";
    let data = data(&server, &range(query, "&step=60000ms"));
    assert_eq!(data["resultType"], "matrix");
    let seconds = (START + 60_000_000_000) / 1_000_000;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    let time = seconds as f64 / 1_000.0;
    let series = |level: &str, count: &str| json!({"metric": {"detected_level": level, "level": level}, "values": [[time, count]]});
    // The first point covers only the first record if its window ends after it.
    assert_eq!(
        data["result"],
        json!([
            series("error", "1"),
            series("info", "3"),
            series("warn", "1")
        ])
    );
}

#[test]
fn pipelines_filter_lines() {
    let server = server();
    let lines = |query: &str| server.loki_lines(query, "");
    assert_eq!(lines("{kind=\"docker\"} |= \"took\"").len(), 3);
    assert_eq!(
        lines("{kind=\"docker\"} | json | status>=500 | __error__=\"\""),
        ["{\"status\":500,\"path\":\"/b\",\"took\":\"30ms\"}"]
    );
    assert_eq!(
        lines("{kind=\"docker\"} | json | __error__=\"\" | took>10ms").len(),
        1
    );
    assert_eq!(
        lines("{kind=\"docker\"} | json | __error__!=\"\""),
        ["GET /a took 12 ms"]
    );
    assert_eq!(
        lines("{source=~\".+\"} | json | pid=\"7\" | event_type=\"process_output\""),
        ["session 7 of root"]
    );
    assert_eq!(
        lines("{workspace=\"ws-1\"} | json | http_status=204"),
        ["ready"],
        "fields of a line that was taken apart"
    );
    assert_eq!(
        lines("{kind=\"docker\"} |> \"GET <_> took <_> ms\""),
        ["GET /a took 12 ms"]
    );
    let formatted =
        lines("{kind=\"docker\"} | json | __error__=\"\" | line_format \"{{.path}} {{.status}}\"");
    assert_eq!(formatted, ["/b 500", "/a 200"]);
    assert!(lines("{source=\"docker:none\"}").is_empty());
}

#[test]
fn metric_queries_unwrap_and_aggregate() {
    let server = server();
    let now = |query: &str| {
        let time = START + 60_000_000_000;
        let target = format!("/loki/api/v1/query?query={}&time={time}", encoded(query));
        data(&server, &target)["result"].clone()
    };
    let value = |result: &Value| result[0]["value"][1].clone();
    let took = "max_over_time({kind=\"docker\"} | json | __error__=\"\" | unwrap duration(took) [2m]) by (service_name)";
    assert_eq!(value(&now(took)), "0.03");
    assert_eq!(
        value(&now(
            "topk(1, sum by (source) (count_over_time({source=~\".+\"}[2m])))"
        )),
        "3"
    );
    let rate = now("sum by (level) (rate({source=~\".+\"}[1m]))");
    assert_eq!(rate.as_array().expect("series").len(), 3);
    let per_stream = now("count_over_time({source=\"docker:web\"}[2m])");
    let metric =
        json!({"kind": "docker", "level": "error", "service_name": "web", "source": "docker:web"});
    assert_eq!(
        per_stream[0]["metric"], metric,
        "metadata makes no series of its own"
    );
}

#[test]
fn context_and_infinite_scroll_see_each_record_once() {
    let mut server = Server::start();
    // All in one microsecond, as from a program that prints fast.
    server.write((0..30).map(|number| {
        at(
            0,
            "docker:web",
            Level::Info,
            &format!("line {number}"),
            json!({}),
        )
    }));
    let mut seen = Vec::new();
    let mut end = START + 1_000_000_000;
    loop {
        let query = encoded("{source=\"docker:web\"}");
        let target = format!(
            "/loki/api/v1/query_range?query={query}&start={START}&end={end}&limit=7&direction=backward"
        );
        let result = data(&server, &target)["result"].clone();
        let mut page: Vec<i64> = result
            .as_array()
            .expect("streams")
            .iter()
            .flat_map(|stream| stream["values"].as_array().expect("values"))
            .map(|value| {
                value[0]
                    .as_str()
                    .expect("a text")
                    .parse()
                    .expect("nanoseconds")
            })
            .collect();
        page.sort_unstable();
        let Some(oldest) = page.first() else {
            break;
        };
        end = *oldest;
        seen.extend(page);
    }
    seen.sort_unstable();
    let expected: Vec<i64> = (1..=30).map(|id| START + id).collect();
    assert_eq!(seen, expected);
    // Forward from the row itself, which is included.
    let query = encoded("{source=\"docker:web\"}");
    let from = START + 10;
    let target = format!(
        "/loki/api/v1/query_range?query={query}&start={from}&end={}&limit=1&direction=forward",
        START + 100
    );
    assert_eq!(
        data(&server, &target)["result"][0]["values"][0][1],
        "line 9"
    );
}

#[test]
fn drilldown_gets_volumes_fields_labels_and_patterns() {
    let server = server();
    let window = format!("start={START}&end={}", START + 60_000_000_000);
    let query = encoded("{service_name=~\".+\"}");
    let volume = data(
        &server,
        &format!(
            "/loki/api/v1/index/volume?query={query}&{window}&limit=5000&targetLabels=service_name"
        ),
    );
    assert_eq!(volume["resultType"], "vector");
    let names: Vec<_> = volume["result"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| &group["metric"]["service_name"])
        .collect();
    assert_eq!(names.len(), 3);
    assert_eq!(names[0], "web", "the greatest first");
    let over_time = data(
        &server,
        &format!(
            "/loki/api/v1/index/volume_range?query={query}&{window}&step=60s&targetLabels=kind"
        ),
    );
    assert_eq!(over_time["resultType"], "matrix");
    assert_eq!(over_time["result"].as_array().expect("series").len(), 3);
    let labels = server.json(&format!("/loki/api/v1/detected_labels?{window}&query="));
    assert!(
        labels["detectedLabels"]
            .as_array()
            .expect("labels")
            .contains(&json!({"label": "source", "cardinality": 3}))
    );
    let fields = server.json(&format!(
        "/loki/api/v1/detected_fields?query={query}&{window}&limit=1000"
    ));
    let field = |name: &str| {
        let fields = fields["fields"].as_array().expect("fields");
        fields
            .iter()
            .find(|field| field["label"] == name)
            .unwrap_or_else(|| panic!("{name} in {fields:?}"))
            .clone()
    };
    assert_eq!(
        (&field("status")["type"], &field("status")["parsers"]),
        (&json!("int"), &json!(["json"]))
    );
    assert_eq!(field("took")["type"], "duration");
    assert_eq!(field("pid")["parsers"], Value::Null);
    let values = server.json(&format!(
        "/loki/api/v1/detected_field/path/values?query={query}&{window}"
    ));
    assert_eq!(values["values"], json!(["/a", "/b"]));
    let patterns = data(
        &server,
        &format!("/loki/api/v1/patterns?query={query}&{window}&step=10s"),
    );
    let found = patterns
        .as_array()
        .expect("patterns")
        .iter()
        .find(|pattern| pattern["pattern"] == "GET /a took <_> ms");
    assert_eq!(found.expect("a pattern")["level"], "info");
    assert_eq!(
        server.json("/loki/api/v1/drilldown-limits")["limits"]["volume_enabled"],
        true
    );
}

#[test]
fn the_alerting_page_and_deploy_tools_get_valid_responses() {
    let server = server();
    for path in [
        "/loki/api/v1/rules",
        "/api/prom/rules",
        "/prometheus/api/v1/rules",
    ] {
        assert_eq!(
            server.json(path),
            json!({"status": "success", "data": {"groups": []}}),
            "{path}"
        );
    }
    assert_eq!(
        server.json("/prometheus/api/v1/alerts")["data"],
        json!({"alerts": []})
    );
    assert!(server.json("/loki/api/v1/status/buildinfo")["version"].is_string());
    let ready = crate::http::client::get(server.address, "/ready").send();
    assert_eq!(
        (ready.status, ready.text()),
        (200, "ready\n"),
        "without a token"
    );
    let query = encoded("sum( rate({a=\"b\"}|=`c`[5m]))by(d)");
    let formatted = server.json(&format!("/loki/api/v1/format_query?query={query}"));
    assert_eq!(
        formatted["data"],
        "sum by (d) (rate({a=\"b\"} |= \"c\" [5m]))"
    );
}

#[test]
fn basic_authentication_takes_the_token_as_the_password() {
    let server = server();
    let basic = |password: &str| {
        let credentials =
            base64::engine::general_purpose::STANDARD.encode(format!("grafana:{password}"));
        let call = crate::http::client::get(server.address, "/loki/api/v1/labels");
        call.header("authorization", &format!("Basic {credentials}"))
            .send()
            .status
    };
    assert_eq!((basic(TOKEN), basic("wrong")), (200, 401));
}

#[test]
fn responses_are_compressed_on_request() {
    let mut server = server();
    server.write((0..100).map(|number| {
        at(
            5,
            "docker:web",
            Level::Info,
            &format!("a line with the number {number}"),
            json!({}),
        )
    }));
    let call = server
        .get(&range("{source=\"docker:web\"}", "&limit=1000"))
        .header("accept-encoding", "gzip");
    assert_eq!(call.send().header("content-encoding"), Some("gzip"));
}
