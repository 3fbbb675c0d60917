//! A token for one workspace sees that workspace in every call of Loki's API.

use crate::http::access::Node;
use crate::http::server::{NOON, record};
use crate::loki::{START, encoded};
use serde_json::json;
use vmlog::record::Level;
use vmlog::server::ServerOptions;

#[test]
fn no_response_contains_data_of_other_workspaces() {
    let mut node = Node::with(ServerOptions {
        tail_connections_max: 4,
        ..ServerOptions::default()
    });
    let marked = |source: &str, level| {
        let mut record = record(source, level, "{\"foreign\":\"marker\",\"n\":1}");
        record.metadata.insert("secret_field", "marker");
        record
    };
    node.server.write([
        record("docker:ws-1", Level::Info, "own line 1"),
        marked("docker:ws-2", Level::Error),
        marked("system:marker.service", Level::Error),
        record("devcontainer:ws-1", Level::Info, "own line 2"),
    ]);
    let token = node.plane.token(&json!({"workspace": "ws-1"}));
    let window = format!("start={START}&end={}", (NOON + 60_000_000) * 1_000);
    let all = encoded("{source=~\".+\"}");
    let count = encoded("sum by (source, level) (count_over_time({source=~\".+\"}[2m]))");
    let paths = [
        format!("query?query={count}&time={}", (NOON + 60_000_000) * 1_000),
        format!("query_range?query={all}&{window}"),
        format!("query_range?query={count}&{window}&step=60s"),
        format!("labels?{window}"),
        format!("label/source/values?{window}"),
        format!("label/level/values?{window}"),
        format!("label/secret_field/values?{window}"),
        format!("series?{window}&match[]={all}"),
        format!("index/stats?query={all}&{window}"),
        format!("index/volume?query={all}&{window}"),
        format!("index/volume_range?query={all}&{window}&step=60s"),
        format!("detected_fields?query={all}&{window}"),
        format!("detected_field/secret_field/values?query={all}&{window}"),
        format!("detected_labels?query={all}&{window}"),
        format!("patterns?query={all}&{window}"),
    ];
    for path in &paths {
        let target = format!("/loki/api/v1/{path}");
        let answer = node.get(&target, &token).send();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        for foreign in ["marker", "ws-2", "error", "system"] {
            assert!(
                !answer.text().contains(foreign),
                "{target} tells of {foreign}: {}",
                answer.text()
            );
        }
    }
    let stats = node
        .get(
            &format!("/loki/api/v1/index/stats?query={all}&{window}"),
            &token,
        )
        .send()
        .json();
    assert_eq!(stats["entries"], 2);
    let lines = node
        .get(
            &format!("/loki/api/v1/query_range?query={all}&{window}"),
            &token,
        )
        .send();
    assert!(lines.text().contains("own line 1") && lines.text().contains("own line 2"));
    assert_eq!(
        lines.json()["data"]["stats"]["summary"]["totalLinesProcessed"],
        0,
        "rows of others are not counted"
    );
}
