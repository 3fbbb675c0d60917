//! The examples of tools/grafana work as shown.

use crate::http::server::TOKEN;
use crate::loki::{START, encoded, server};
use serde_json::Value;
use std::fs;

#[test]
fn the_readme_shows_the_provisioning_files() {
    let readme = fs::read_to_string("tools/grafana/README.md").expect("a README");
    for name in ["datasource.yaml", "datasource-fleet.yaml"] {
        let file = fs::read_to_string(format!("tools/grafana/{name}")).expect("a file");
        let yaml: String = file
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert!(readme.contains(&format!("```yaml\n{yaml}```")), "{yaml}");
    }
}

#[test]
fn every_query_of_the_dashboard_is_answered() {
    let text = fs::read_to_string("tools/grafana/dashboard.json").expect("a file");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let server = server();
    let end = START + 60_000_000_000;
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() >= 6);
    for target in panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
    {
        let query = target["expr"].as_str().expect("a query");
        let query = query
            .replace("$source", ".+")
            .replace("$__auto", "1m")
            .replace("$__range", "1h");
        let path = match target["queryType"].as_str() {
            Some("instant") => format!("query?query={}&time={end}", encoded(&query)),
            _ => format!(
                "query_range?query={}&start={START}&end={end}&step=15000ms",
                encoded(&query)
            ),
        };
        let answer = server
            .get(&format!("/loki/api/v1/{path}"))
            .header("authorization", TOKEN)
            .send();
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    }
}
