//! Metrics in the text format of Prometheus.

use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::counters::{LATENCY_MICROS, Metrics, load};
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::route::ROUTES;
use crate::server::measure::{Measure, Sample};
use crate::server::records::StoreSize;
use std::fmt::{self, Write as _};
use warp::reply::Response;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`
pub(in crate::server) async fn metrics(
    app: &App,
    principal: &Principal,
) -> Result<Response, ApiError> {
    principal.require_everything()?;
    let size = app.records.size();
    let store = app.gate.run(principal, move |_| size()).await?;
    let mut text = Exposition::default();
    text.requests(&app.metrics);
    text.store(&store);
    text.tails(app);
    let connections = app.limiter.size() as u64;
    text.plain("vmlog_http_connections", "Open connections.", connections);
    if app.options.uplink.is_some() {
        text.plain(
            "vmlog_gateway_connected",
            "1 while this node is connected to its gateway.",
            load(&app.metrics.uplink),
        );
    }
    let samples = app.options.measure.as_ref().map(Measure::read);
    for sample in samples.into_iter().flatten() {
        text.sample(&sample);
    }
    Ok(reply::bytes(CONTENT_TYPE, text.out))
}

/// The text, one metric family after another.
#[derive(Default)]
struct Exposition {
    out: String,
    family: &'static str,
}

impl Exposition {
    fn requests(&mut self, metrics: &Metrics) {
        self.family("vmlog_http_requests_total", "Requests answered.");
        for (route, counted) in ROUTES.iter().zip(&metrics.endpoints) {
            for (class, count) in (2..).zip(&counted.statuses) {
                let (path, count) = (route.path, load(count));
                self.line(format_args!(
                    "vmlog_http_requests_total{{path=\"{path}\",status=\"{class}xx\"}} {count}"
                ));
            }
        }
        let unrouted = load(&metrics.unrouted);
        self.plain(
            "vmlog_http_unrouted_total",
            "Requests for unknown paths.",
            unrouted,
        );
        let refused = load(&metrics.rate_refused);
        self.plain(
            "vmlog_http_rate_refused_total",
            "Requests refused by the rate limit.",
            refused,
        );
        let name = "vmlog_http_request_seconds";
        self.out
            .push_str("# HELP vmlog_http_request_seconds Time until a response begins.\n");
        self.out
            .push_str("# TYPE vmlog_http_request_seconds histogram\n");
        for (route, counted) in ROUTES.iter().zip(&metrics.endpoints) {
            let mut below = 0;
            for (count, bound) in counted.latencies.iter().zip(LATENCY_MICROS) {
                below += load(count);
                let (path, bound) = (route.path, seconds(bound));
                self.line(format_args!(
                    "{name}_bucket{{path=\"{path}\",le=\"{bound}\"}} {below}"
                ));
            }
            let all: u64 = counted.latencies.iter().map(load).sum();
            let (path, sum) = (route.path, seconds(load(&counted.micros)));
            self.line(format_args!(
                "{name}_bucket{{path=\"{path}\",le=\"+Inf\"}} {all}"
            ));
            self.line(format_args!("{name}_sum{{path=\"{path}\"}} {sum}"));
            self.line(format_args!("{name}_count{{path=\"{path}\"}} {all}"));
        }
    }

    fn store(&mut self, store: &StoreSize) {
        let stored = store.next_id.saturating_sub(1);
        self.plain(
            "vmlog_records_stored_total",
            "Records stored since the store was created.",
            stored,
        );
        self.plain(
            "vmlog_store_records",
            "Records in the store.",
            store.records,
        );
        self.plain("vmlog_store_segments", "Segments.", store.segments as u64);
        self.plain(
            "vmlog_store_bytes",
            "Bytes of the store's files.",
            store.bytes,
        );
        let failed = u64::from(store.failed);
        self.plain(
            "vmlog_store_failed",
            "1 if writing to the store has failed.",
            failed,
        );
    }

    fn tails(&mut self, app: &App) {
        let clients = app.tails.held_by_all();
        self.plain("vmlog_tail_clients", "Tail clients.", clients as u64);
        let records = load(&app.metrics.tail_records);
        self.plain(
            "vmlog_tail_records_total",
            "Records sent to tail clients.",
            records,
        );
        let gaps = load(&app.metrics.tail_gaps);
        self.plain(
            "vmlog_tail_gaps_total",
            "Gap events sent to tail clients.",
            gaps,
        );
    }

    fn sample(&mut self, sample: &Sample) {
        if self.family != sample.name {
            self.family(sample.name, sample.help);
        }
        let labels: Vec<_> = sample
            .labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let (name, value) = (sample.name, sample.value);
        if labels.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
        }
    }

    fn plain(&mut self, name: &'static str, help: &'static str, value: u64) {
        self.family(name, help);
        self.line(format_args!("{name} {value}"));
    }

    fn family(&mut self, name: &'static str, help: &'static str) {
        self.family = name;
        let kind = if name.ends_with("_total") {
            "counter"
        } else {
            "gauge"
        };
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // writing to a String cannot fail
        let _ = writeln!(self.out, "{line}");
    }
}

/// Microseconds as seconds, without rounding.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::route::Endpoint;
    use std::time::Duration;
    use warp::http::StatusCode;

    #[test]
    fn requests_are_counted_by_path_status_and_duration() {
        let metrics = Metrics::default();
        for (status, micros) in [(200, 900), (200, 1_000), (404, 1_001), (503, 9_000_000)] {
            let status = StatusCode::from_u16(status).expect("a status");
            metrics.answered(Some(Endpoint::Logs), status, Duration::from_micros(micros));
        }
        metrics.answered(None, StatusCode::NOT_FOUND, Duration::ZERO);
        let mut text = Exposition::default();
        text.requests(&metrics);
        for line in [
            "# TYPE vmlog_http_requests_total counter",
            "vmlog_http_requests_total{path=\"/logs\",status=\"2xx\"} 2",
            "vmlog_http_requests_total{path=\"/logs\",status=\"4xx\"} 1",
            "vmlog_http_requests_total{path=\"/logs\",status=\"5xx\"} 1",
            "vmlog_http_unrouted_total 1",
            "vmlog_http_request_seconds_bucket{path=\"/logs\",le=\"0.001\"} 2",
            "vmlog_http_request_seconds_bucket{path=\"/logs\",le=\"0.0025\"} 3",
            "vmlog_http_request_seconds_bucket{path=\"/logs\",le=\"2.5\"} 3",
            "vmlog_http_request_seconds_bucket{path=\"/logs\",le=\"+Inf\"} 4",
            "vmlog_http_request_seconds_sum{path=\"/logs\"} 9.002901",
            "vmlog_http_request_seconds_count{path=\"/logs\"} 4",
        ] {
            assert!(
                text.out.lines().any(|found| found == line),
                "{line}\n{}",
                text.out
            );
        }
    }

    #[test]
    fn samples_of_one_name_share_a_header_and_labels_are_escaped() {
        let mut text = Exposition::default();
        for source in ["a", "b\"\\\n"] {
            text.sample(&Sample {
                name: "vmlog_collector_gaps_total",
                help: "Gaps.",
                labels: vec![("source", source.to_owned())],
                value: 3,
            });
        }
        text.sample(&Sample {
            name: "vmlog_store_records_max",
            help: "Limit.",
            labels: Vec::new(),
            value: 9,
        });
        assert_eq!(
            text.out,
            "# HELP vmlog_collector_gaps_total Gaps.\n# TYPE vmlog_collector_gaps_total counter\n\
             vmlog_collector_gaps_total{source=\"a\"} 3\n\
             vmlog_collector_gaps_total{source=\"b\\\"\\\\\\n\"} 3\n\
             # HELP vmlog_store_records_max Limit.\n# TYPE vmlog_store_records_max gauge\nvmlog_store_records_max 9\n"
        );
    }

    #[test]
    fn seconds_are_written_exactly() {
        for (micros, text) in [
            (0, "0"),
            (1_000, "0.001"),
            (2_500_000, "2.5"),
            (1, "0.000001"),
        ] {
            assert_eq!(seconds(micros), text);
        }
    }
}
