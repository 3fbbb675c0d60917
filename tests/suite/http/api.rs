//! The HTTP API through a real socket: pages, access, health.

use crate::http::client::get;
use crate::http::server::{Server, TOKEN, error, ids, numbered, record};
use serde_json::json;
use vmlog::record::{Level, Record, Source};
use vmlog::server;
use vmlog::store;
use vmlog::time::Micros;

// --- pages

#[test]
fn page_has_the_documented_shape() {
    let mut server = Server::start();
    assert_eq!(
        server.json("/logs"),
        json!({"entries": [], "nextCursor": null, "prevCursor": null, "hasMore": false,
            "truncated": false, "scanned": 0, "unreadable": 0, "searched": []})
    );
    let mut first = record(
        "docker:ws-abc123",
        Level::Warn,
        "a\nb \u{1b}[31mred\u{1b}[0m \u{fffd}",
    );
    first.metadata.insert("unit", json!("docker.service"));
    first.metadata.insert("pid", json!(42));
    server.write([first, record("cloud-init", Level::Info, "second")]);
    let page = server.json("/logs?direction=forward&limit=1");
    assert_eq!(
        page["entries"],
        json!([{"id": "1", "timestamp": "2026-02-17T14:30:15.123456Z", "source": "docker:ws-abc123", "level": "warn",
            "message": "a\nb \u{1b}[31mred\u{1b}[0m \u{fffd}", "metadata": {"unit": "docker.service", "pid": 42}}])
    );
    assert_eq!(page["nextCursor"], "MQ==");
    assert_eq!(page["hasMore"], true);
    assert_eq!(server.json("/logs/2")["message"], "second");
}

#[test]
fn paging_returns_every_record_once_newest_first() {
    let mut server = Server::start();
    server.write(numbered(0..1_234));
    for (direction, expected) in [
        ("backward", (1..=1_234).rev().collect::<Vec<u64>>()),
        ("forward", (1..=1_234).collect()),
    ] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = server.json(&format!("/logs?direction={direction}&limit=100{cursor}"));
            seen.extend(ids(&page));
            let Some(next) = page["nextCursor"].as_str() else {
                assert_eq!(page["hasMore"], false);
                break;
            };
            cursor = format!("&cursor={}", next.replace('=', "%3D"));
        }
        assert_eq!(seen, expected, "{direction}");
    }
    assert_eq!(
        server.json("/logs")["entries"].as_array().map(Vec::len),
        Some(100)
    );
}

#[test]
fn page_contains_only_matching_records() {
    let mut server = Server::start();
    server.write(numbered(0..24));
    let page = server.json("/logs?source=docker:&level=warn&search=LINE&limit=500");
    let levels: Vec<_> = page["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| (entry["source"].as_str(), entry["level"].as_str()))
        .collect();
    assert_eq!(levels.len(), 4);
    assert!(
        levels
            .iter()
            .all(|(source, level)| *source == Some("docker:web")
                && matches!(level, Some("warn" | "error")))
    );
}

#[test]
fn sources_have_labels_and_counts() {
    let mut server = Server::start();
    assert_eq!(
        server.json("/logs/sources"),
        json!({"sources": [], "nextCursor": null, "hasMore": false, "total": 0,
            "levels": {"debug": 0, "info": 0, "warn": 0, "error": 0},
            "partial": false, "scanned": 0, "unreadable": 0})
    );
    server.write(numbered(0..12));
    server.write([record("system:vm-agent", Level::Error, "x")]);
    let sources = server.json("/logs/sources");
    assert_eq!(
        sources["sources"][0],
        json!({"name": "cloud-init", "label": "Cloud Init", "entryCount": 4,
            "lastTimestamp": "2026-02-17T14:30:15.123456Z",
            "levels": {"debug": 1, "info": 1, "warn": 1, "error": 1}})
    );
    let labels: Vec<_> = sources["sources"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|source| source["label"].as_str())
        .collect();
    assert_eq!(
        labels,
        ["Cloud Init", "Docker: web", "System: ssh", "VM Agent"]
    );
    let narrowed = server.json("/logs/sources?source=system:&level=error");
    assert_eq!(narrowed["sources"].as_array().map(Vec::len), Some(2));
}

#[test]
fn sources_are_paged_but_totals_are_complete() {
    let mut server = Server::start();
    let name = |number: u64| format!("docker:c{number:04}");
    server.write((0..2_500).map(|number| record(&name(number), Level::Info, "x")));
    server.write((0..2_500).map(|number| record(&name(2_499 - number), Level::Warn, "y")));
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.json(&format!("/logs/sources?{cursor}"));
        assert_eq!(
            (&page["total"], &page["levels"]["warn"]),
            (&json!(5_000), &json!(2_500))
        );
        let sources = page["sources"].as_array().expect("a list");
        assert!(sources.len() <= 1_000);
        for source in sources {
            assert_eq!(source["entryCount"], 2);
            found.push(source["name"].as_str().expect("a text").to_owned());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, (0..2_500).map(name).collect::<Vec<_>>());
    let few = server.json("/logs/sources?limit=2&source=docker:c1*");
    assert_eq!(
        (&few["total"], &few["hasMore"]),
        (&json!(2_000), &json!(true))
    );
    assert_eq!(few["sources"].as_array().map(Vec::len), Some(2));
}

#[test]
fn histogram_counts_by_level_or_source() {
    let mut server = Server::start();
    assert_eq!(server.json("/logs/histogram")["buckets"], json!([]));
    server.write(numbered(0..12));
    let histogram = server.json("/logs/histogram?source=docker:&buckets=10");
    assert_eq!(histogram["total"], 4);
    let buckets = histogram["buckets"].as_array().expect("a list");
    let counted: u64 = buckets
        .iter()
        .filter_map(|bucket| bucket["total"].as_u64())
        .sum();
    assert_eq!(counted, 4);
    let full = buckets
        .iter()
        .find(|bucket| bucket["total"] == 4)
        .expect("all at once");
    assert_eq!(
        full["levels"],
        json!({"debug": 1, "info": 1, "warn": 1, "error": 1})
    );
    let by_source = server.json("/logs/histogram?by=source&search=line");
    let full = by_source["buckets"]
        .as_array()
        .and_then(|buckets| buckets.iter().find(|bucket| bucket["total"] == 12));
    let counts = full.map(|bucket| bucket["sources"].clone());
    assert_eq!(
        counts,
        Some(json!({"cloud-init": 4, "docker": 4, "system": 4}))
    );
}

#[test]
fn values_of_a_key_are_counted() {
    let mut server = Server::start();
    server.write((0..6).map(|number| {
        let mut record = record("system:ssh", Level::Info, "x");
        let unit = ["a.service", "b.service", "a.service"][number % 3];
        record.metadata.insert("unit", json!(unit));
        record
    }));
    let fields = server.json("/logs/fields?key=unit&limit=1");
    assert_eq!(
        fields["values"],
        json!([{"value": "a.service", "count": 4}])
    );
    assert_eq!(fields["hasMore"], true);
    assert_eq!(server.json("/logs/fields?key=nothing")["values"], json!([]));
    let keys = server.json("/logs/fields");
    let examples = json!(["a.service", "b.service"]);
    assert_eq!(
        keys["keys"],
        json!([{"key": "unit", "count": 6, "examples": examples}])
    );
}

#[test]
fn similar_lines_are_one_pattern_that_is_a_filter() {
    let mut server = Server::start();
    server.write((0..6).map(|number| {
        let text = if number == 0 {
            "disk full".to_owned()
        } else {
            format!("job {number} took {number}.5s")
        };
        record("system:ssh", Level::Info, &text)
    }));
    let found = server.json("/logs/patterns");
    assert_eq!(found["total"], 6);
    let first = &found["patterns"][0];
    assert_eq!(
        (first["template"].as_str(), first["count"].as_u64()),
        (Some("job <num> took <num>s"), Some(5))
    );
    assert_eq!(first["examples"].as_array().unwrap().len(), 3);
    let template = "pattern=job+%3Cnum%3E+took+%3Cnum%3Es";
    let same = server.json(&format!("/logs?{template}"));
    assert_eq!(same["entries"].as_array().unwrap().len(), 5);
    let others = server.json(&format!(
        "/logs?{}",
        template.replace("pattern", "pattern.exclude")
    ));
    assert_eq!(others["entries"][0]["message"], "disk full");
}

#[test]
fn calls_of_a_trace_are_no_patterns_of_their_own() {
    let mut server = Server::start();
    let trace = [
        ("ERROR payment 7 failed", false),
        ("java.lang.IllegalStateException: no card", true),
        ("\tat com.example.Pay.charge(Pay.java:17)", true),
        ("    at com.example.Pay.run(Pay.java:9)", true),
        ("Caused by: java.net.ConnectException: refused", true),
        ("\t... 12 more", true),
        ("  an indented line that continues nothing", false),
    ];
    server.write(trace.map(|(text, continues)| {
        let mut line = record("docker:pay", Level::Error, text);
        if continues {
            line.metadata.insert("continues", true);
        }
        line
    }));
    let templates = |found: &serde_json::Value| {
        let patterns = found["patterns"].as_array().expect("a list").iter();
        let mut texts: Vec<_> = patterns
            .map(|pattern| pattern["template"].as_str().expect("a text").to_owned())
            .collect();
        texts.sort();
        texts
    };
    let expected = [
        "Caused by: java.net.ConnectException: refused",
        "ERROR payment <num> failed",
        "an indented line that continues nothing",
        "java.lang.IllegalStateException: no card",
    ];
    let found = server.json("/logs/patterns");
    assert_eq!(templates(&found), expected);
    assert_eq!(
        (&found["total"], &found["continued"], &found["ungrouped"]),
        (&json!(7), &json!(3), &json!(0))
    );
    let compared = server.json("/logs/compare?a=..2020-01-01&b=2020-01-01..");
    assert_eq!(templates(&compared), expected);
    assert_eq!(compared["b"]["records"], 7);
}

#[test]
fn a_page_contains_the_searched_range_and_match_positions() {
    let mut server = Server::start();
    server.write([false, true].map(|in_metadata| {
        let mut record = record(
            "system:ssh",
            Level::Warn,
            if in_metadata { "x" } else { "Disk full" },
        );
        if in_metadata {
            record.metadata.insert("path", json!("/dev/disk"));
        }
        record
    }));
    let page = server.json("/logs?q=disk+level%3E%3Dwarn&positions=true&direction=forward");
    assert_eq!(page["searched"], json!(["message", "metadata"]));
    assert_eq!(
        page["entries"][0]["positions"],
        json!({"message": [[0, 4]], "metadata": {}})
    );
    assert_eq!(
        page["entries"][1]["positions"],
        json!({"message": [], "metadata": {"path": [[5, 9]]}})
    );
    let narrow = server.json("/logs?search=disk&search.in=message");
    assert_eq!(narrow["searched"], json!(["message"]));
    assert_eq!(narrow["entries"].as_array().unwrap().len(), 1);
    assert_eq!(narrow["entries"][0].get("positions"), None);
}

#[test]
fn record_has_its_own_address() {
    let mut server = Server::start();
    server.write(numbered(0..3));
    assert_eq!(server.json("/logs/3")["message"], "line 2");
    for target in [
        "/logs/0",
        "/logs/4",
        "/logs/18446744073709551615",
        "/logs/x",
        "/logs/-1",
        "/logs/+1",
        "/logs/01",
        "/logs/%31",
    ] {
        assert_eq!(
            error(&server.get(target).send()),
            (404, "not_found".to_owned(), None),
            "{target}"
        );
    }
}

#[test]
fn invalid_parameters_are_refused_with_an_explanation() {
    let server = Server::start();
    let answer = server.get("/logs?level=loud").send();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json(),
        json!({"error": "invalid_level", "message": "level must be one of debug, info, warn, error; got \"loud\"",
            "parameter": "level"})
    );
    for (target, code, parameter) in [
        ("/logs?limit=501", "invalid_limit", "limit"),
        ("/logs?limit=x", "invalid_limit", "limit"),
        ("/logs?cursor=!", "invalid_cursor", "cursor"),
        ("/logs?colour=red", "unknown_parameter", "colour"),
        ("/logs?limit=5&limit=6", "repeated_parameter", "limit"),
        ("/logs/sources?limit=1001", "invalid_limit", "limit"),
        ("/logs/sources?cursor=!", "invalid_cursor", "cursor"),
        ("/logs/1?limit=5", "unknown_parameter", "limit"),
        ("/logs/tail?limit=5", "unknown_parameter", "limit"),
        ("/logs/tail?after=x", "invalid_id", "after"),
        ("/logs/tail?tail=5001", "invalid_tail", "tail"),
        ("/logs/tail?after=07", "invalid_id", "after"),
        ("/runs/x?limit=5", "unknown_parameter", "limit"),
        ("/metrics?x=1", "unknown_parameter", "x"),
        ("/healthz?x=1", "unknown_parameter", "x"),
        ("/readyz?x=1", "unknown_parameter", "x"),
        ("/openapi.json?x=1", "unknown_parameter", "x"),
        ("/ui/app.js?x=1", "unknown_parameter", "x"),
    ] {
        let expected = (400, code.to_owned(), Some(parameter.to_owned()));
        assert_eq!(error(&server.get(target).send()), expected, "{target}");
    }
    let answer = server.get("/logs?search=%ff").send();
    assert_eq!(error(&answer), (400, "invalid_encoding".to_owned(), None));
}

#[test]
fn unknown_paths_and_methods_have_different_statuses() {
    let server = Server::start();
    assert_eq!(error(&server.get("/nothing").send()).0, 404);
    let refused = server.get("/logs").method("DELETE").send();
    assert_eq!(
        error(&refused),
        (405, "method_not_allowed".to_owned(), None)
    );
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    let head = server.get("/logs").method("HEAD").send();
    assert_eq!((head.status, head.body.len()), (200, 0));
    let large = server
        .get("/logs")
        .header("content-length", "1000000")
        .send();
    assert_eq!(error(&large).0, 413);
}

#[test]
fn page_is_sent_as_lines_or_compressed_if_requested() {
    let mut server = Server::start();
    server.write(numbered(0..200));
    let lines = server
        .get("/logs?limit=3")
        .header("accept", "application/x-ndjson")
        .send();
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(
        lines.header("x-next-cursor"),
        server.json("/logs?limit=3")["nextCursor"].as_str()
    );
    let entries: Vec<serde_json::Value> = lines
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(json!(entries), server.json("/logs?limit=3")["entries"]);

    let packed = server.get("/logs").header("accept-encoding", "gzip").send();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let plain = server.get("/logs").send();
    assert_eq!(plain.header("content-encoding"), None);
    assert!(packed.body.len() < plain.body.len() / 2);
    assert_eq!(unpacked(&packed.body), plain.body);
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut body)
        .expect("gzip");
    body
}

#[test]
fn export_has_the_same_json_as_a_single_record() {
    let mut server = Server::start();
    let metadata = serde_json::json!({
        "": "", "a\"b": "\\ \u{7f} \u{2028} \u{1f600}", "deep": {"z": [1, -1, {"y": null}], "a": {}},
        "float": 0.1, "large": 1e300, "max": u64::MAX, "min": i64::MIN, "no": false, "whole": 1.0, "yes": true, "zero": -0.0,
    });
    let records = [
        "plain",
        "",
        "a \"quote\" and \\",
        "\u{0}\u{1f}\n\r\t\u{8}\u{c}",
        "\u{e4}\u{4e2d}\u{1f600}",
    ];
    let records = (0..).zip(records).map(|(number, message)| Record {
        timestamp: Micros::new(1_771_338_615_000_000 + number),
        source: Source::new("docker", "a\"b"),
        level: Level::ALL[usize::try_from(number).expect("small") % 4],
        message: message.to_owned(),
        metadata: serde_json::from_value(if number % 2 == 0 {
            metadata.clone()
        } else {
            serde_json::json!({})
        })
        .expect("metadata"),
    });
    server.write(records);
    let one_by_one: String = (1..=5)
        .map(|id| server.get(&format!("/logs/{id}")).send().text().to_owned() + "\n")
        .collect();
    let export = server.get("/logs/export?format=jsonl").send();
    assert_eq!(export.text(), one_by_one);
}

#[test]
fn export_contains_all_matching_records() {
    let mut server = Server::start();
    server.write(numbered(0..5_000));
    let log = server.get("/logs/export").send();
    assert_eq!(
        log.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let name = log.header("content-disposition").expect("a file name");
    assert!(
        name.starts_with("attachment; filename=\"vmlog-") && name.ends_with(".log\""),
        "{name}"
    );
    assert_eq!(log.text().lines().count(), 5_000);
    assert_eq!(
        log.text().lines().nth(1),
        Some("2026-02-17T14:30:15.123456Z info  docker:web: line 1")
    );
    let jsonl = server.get("/logs/export?format=jsonl&source=docker:&level=warn");
    let jsonl = jsonl.header("accept-encoding", "gzip").send();
    let text = String::from_utf8(unpacked(&jsonl.body)).expect("UTF-8");
    let numbers: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|entry| {
            entry["id"]
                .as_str()
                .expect("a text")
                .parse()
                .expect("a number")
        })
        .collect();
    let expected: Vec<u64> = (0..5_000)
        .filter(|n| n % 3 == 1 && n % 4 >= 2)
        .map(|n| n + 1)
        .collect();
    assert_eq!(numbers, expected);
    let csv = server
        .get("/logs/export?format=csv&search=line+4999")
        .send();
    assert_eq!(
        csv.text(),
        "id,timestamp,source,level,message,metadata\r\n\
         5000,2026-02-17T14:30:15.123456Z,docker:web,error,line 4999,{}\r\n"
    );
    let refused = server.get("/logs/export?format=xml").send();
    assert_eq!(
        error(&refused),
        (400, "invalid_format".to_owned(), Some("format".to_owned()))
    );
    let refused = server.get("/logs/export?limit=5").send();
    assert_eq!(error(&refused).1, "unknown_parameter");
}

// --- access

const GUARDED: [&str; 5] = [
    "/logs",
    "/logs/1",
    "/logs/sources",
    "/logs/tail",
    "/logs/export",
];

#[test]
fn no_records_without_the_token() {
    let mut server = Server::start();
    server.write(numbered(0..1));
    for target in GUARDED {
        let refused = get(server.address, target).send();
        assert_eq!(
            error(&refused),
            (401, "unauthorized".to_owned(), None),
            "{target}"
        );
        assert_eq!(refused.json()["message"], "authentication required");
        let wrong = get(server.address, target).header("authorization", "Bearer sesame");
        assert_eq!(wrong.send().status, 401, "{target}");
    }
    for target in ["/healthz", "/readyz", "/openapi.json", "/ui/app.js"] {
        assert_eq!(get(server.address, target).send().status, 200, "{target}");
    }
}

#[test]
fn token_is_accepted_in_header_or_query() {
    let server = Server::start();
    let wrong = ("authorization", "Bearer sesame");
    let query = get(server.address, "/logs?token=open-sesame");
    assert_eq!(query.send().status, 200);
    assert_eq!(query.header(wrong.0, wrong.1).send().status, 200);
    let session = get(server.address, "/logs").header("x-vmlog-session", TOKEN);
    assert_eq!(session.header(wrong.0, wrong.1).send().status, 200);
}

/// A session for the token of a server.
fn session(server: &Server) -> String {
    let begun = server.get("/session").method("POST").send();
    assert_eq!(begun.status, 201, "{}", begun.text());
    assert_eq!(begun.header("set-cookie"), None);
    assert_eq!(begun.json()["expiresSeconds"], 12 * 3_600);
    begun.json()["session"].as_str().expect("a text").to_owned()
}

#[test]
fn session_replaces_the_token_until_revoked() {
    let server = Server::start();
    let session = session(&server);
    assert!(!session.contains(TOKEN), "{session}");
    let with = |target: &str| get(server.address, target).header("x-vmlog-session", &session);
    assert_eq!(with("/logs").send().status, 200);
    let renewed = with("/session").method("POST").send();
    assert_eq!(renewed.status, 201);
    let renewed = renewed.json()["session"]
        .as_str()
        .expect("a text")
        .to_owned();
    for elsewhere in [
        get(server.address, "/logs").header("authorization", &format!("Bearer {session}")),
        get(server.address, &format!("/logs?token={session}")),
        get(server.address, "/logs").header("cookie", &format!("vmlog_token={session}")),
        get(Server::with_token("another-token").address, "/logs")
            .header("x-vmlog-session", &session),
    ] {
        assert_eq!(elsewhere.send().status, 401);
    }
    assert_eq!(with("/session").method("DELETE").send().status, 204);
    assert_eq!(with("/logs").send().status, 401);
    let renewed = get(server.address, "/logs").header("x-vmlog-session", &renewed);
    assert_eq!(renewed.send().status, 401, "it ended with its beginning");
    assert_eq!(server.get("/logs").send().status, 200, "the token did not");
    let made_up = get(server.address, "/session").method("POST");
    assert_eq!(made_up.send().status, 401);
}

#[test]
fn cookies_are_neither_set_nor_read() {
    let server = Server::start();
    let page = get(server.address, "/?token=open-sesame&level=warn").send();
    assert_eq!((page.status, page.header("set-cookie")), (200, None));
    let planted = "vmlog_token_1=eHg; ".repeat(50) + "vmlog_token=czNjcmV0";
    let call = server.get("/logs").header("cookie", &planted).send();
    assert_eq!((call.status, call.header("set-cookie")), (200, None));
    let token = "vmlog_token=b3Blbi1zZXNhbWU";
    let cookie = get(server.address, "/logs").header("cookie", token);
    assert_eq!(cookie.send().status, 401);
}

#[test]
fn ticket_downloads_one_export() {
    let mut server = Server::start();
    server.write(numbered(0..10));
    let begun = get(server.address, "/logs/export?format=jsonl&search=a+b%26c")
        .method("POST")
        .header("x-vmlog-session", &session(&server))
        .send();
    assert_eq!(begun.status, 201, "{}", begun.text());
    let address = begun.json()["address"].as_str().expect("a text").to_owned();
    assert!(address.starts_with("logs/export?format=jsonl&search=a%20b%26c&ticket="));
    let download = get(server.address, &format!("/{address}")).send();
    assert_eq!(download.status, 200, "{}", download.text());
    let other = address.replace("format=jsonl", "format=csv");
    assert_eq!(get(server.address, &format!("/{other}")).send().status, 401);
    let ticket = address.rsplit_once("ticket=").expect("a ticket").1;
    for target in ["/logs", "/logs/export", "/session"] {
        let call = get(server.address, &format!("{target}?ticket={ticket}")).send();
        assert!(
            matches!(call.status, 401 | 405),
            "{target}: {}",
            call.status
        );
    }
    let stranger = get(server.address, "/logs/export").method("POST").send();
    assert_eq!(stranger.status, 401);
}

#[test]
fn page_needs_no_token() {
    let server = Server::start();
    let html = ("accept", "text/html,application/xhtml+xml");
    let page = get(server.address, "/").header(html.0, html.1).send();
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let with_token = server.get("/").send();
    assert_eq!(
        page.text(),
        with_token.text(),
        "it holds nothing of the log"
    );
}

#[test]
fn page_has_a_strict_content_security_policy() {
    let server = Server::start();
    let page = server.get("/").send();
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"));
    for answer in [
        &page,
        &server.get("/logs").send(),
        &server.get("/nothing").send(),
    ] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(
        server.get("/logs").send().header("cache-control"),
        Some("no-store")
    );
    let tag = page.header("etag").expect("a tag");
    let again = server.get("/").header("if-none-match", tag).send();
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn foreign_host_is_refused() {
    let server = Server::start();
    for host in [
        "evil.example",
        "localhost.evil.example:8687",
        "10.0.0.1",
        "",
    ] {
        let refused = server.get("/logs").header("host", host).send();
        assert_eq!(refused.status, 403, "{host:?}");
    }
    for host in ["localhost:1", "127.0.0.1", "[::1]:8687"] {
        assert_eq!(
            server.get("/logs").header("host", host).send().status,
            200,
            "{host:?}"
        );
    }
}

// --- health

#[test]
fn health_needs_no_token() {
    let server = Server::start();
    assert_eq!(
        get(server.address, "/healthz").send().json(),
        json!({"status": "ok"})
    );
    assert_eq!(
        get(server.address, "/readyz").send().json(),
        json!({"status": "ready"})
    );
}

#[test]
fn metrics_count_requests_and_records() {
    let mut server = Server::with(
        server::ServerOptions {
            measure: Some(server::Measure::new(|| {
                let sample = |name, value| server::Sample {
                    name,
                    help: "What it is.",
                    labels: vec![("collector", "journal".to_owned())],
                    value,
                };
                vec![
                    sample("vmlog_collector_running", 1),
                    sample("vmlog_collector_gaps_total", 7),
                ]
            })),
            ..server::ServerOptions::default()
        },
        store::Options::default(),
    );
    server.write(numbered(0..50));
    server.json("/logs");
    server.get("/logs?level=loud").send();
    server.get("/nothing").send();
    let _tail = server.events("/logs/tail");
    let ready = server.json("/readyz");
    let collectors = json!({"journal": {"running": true, "gaps": 7}});
    assert_eq!(ready["status"], "ready");
    assert_eq!(ready["collectors"], collectors);
    assert_eq!(ready["history"]["thinned"], 0);
    assert!(ready["history"]["completeSince"].is_string());
    let metrics = server.get("/metrics").send();
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        "vmlog_http_requests_total{path=\"/logs\",status=\"2xx\"} 1",
        "vmlog_http_requests_total{path=\"/logs\",status=\"4xx\"} 1",
        "vmlog_http_unrouted_total 1",
        "vmlog_http_request_seconds_count{path=\"/logs\"} 2",
        "vmlog_records_stored_total 50",
        "vmlog_store_records 50",
        "vmlog_store_failed 0",
        "vmlog_tail_clients 1",
        "vmlog_collector_gaps_total{collector=\"journal\"} 7",
    ] {
        assert!(
            metrics.text().lines().any(|found| found == line),
            "{line}\n{}",
            metrics.text()
        );
    }
    let bytes = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("vmlog_store_bytes "));
    assert!(bytes.is_some_and(|bytes| bytes.parse::<u64>().is_ok_and(|bytes| bytes > 100)));
}

// --- bounds

#[test]
fn rate_limit_responds_with_retry_after() {
    let server = Server::with(
        server::ServerOptions {
            rate: 1,
            rate_burst: 10,
            ..server::ServerOptions::default()
        },
        store::Options::default(),
    );
    // On a slow machine the bucket refills during the requests.
    let mut answers = (0..1000).map(|_| server.get("/logs").send());
    let mut granted = answers.by_ref().take(10);
    assert!(granted.all(|answer| answer.status == 200));
    let refused = answers.find(|answer| answer.status != 200);
    let refused = &refused.expect("no request was refused");
    assert_eq!(error(refused), (429, "too_many_requests".to_owned(), None));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(
        get(server.address, "/healthz").send().status,
        200,
        "health is never refused"
    );
}
