//! Counters of the gateway.

use hyper::StatusCode;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What requests are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum RequestKind {
    /// Requests that one node answers.
    Node,
    /// Live tails of one node.
    NodeTail,
    /// Requests that several nodes answer.
    Nodes,
    /// Live tails of several nodes.
    NodesTail,
    /// Everything else, also what was refused.
    Other,
}

const KINDS: [(RequestKind, &str); 5] = [
    (RequestKind::Node, "node"),
    (RequestKind::NodeTail, "node_tail"),
    (RequestKind::Nodes, "nodes"),
    (RequestKind::NodesTail, "nodes_tail"),
    (RequestKind::Other, "other"),
];

/// 2xx to 5xx.
const STATUS_CLASSES: usize = 4;

/// Counters of the gateway.
#[derive(Debug, Default)]
pub(in crate::gateway) struct GatewayCounters {
    kinds: [KindCounters; KINDS.len()],
    /// Requests refused by the rate limit.
    pub(in crate::gateway) rate_refused: AtomicU64,
    /// Nodes asked for an answer of several nodes.
    pub(in crate::gateway) nodes_asked: AtomicU64,
    /// Nodes that gave no answer to it.
    pub(in crate::gateway) nodes_failed: AtomicU64,
}

#[derive(Debug, Default)]
struct KindCounters {
    statuses: [AtomicU64; STATUS_CLASSES],
    micros: AtomicU64,
}

impl GatewayCounters {
    /// Counts a response.
    pub(in crate::gateway) fn answered(
        &self,
        kind: RequestKind,
        status: StatusCode,
        took: Duration,
    ) {
        let index = KINDS.iter().position(|(of, _)| *of == kind);
        let Some(counters) = index.and_then(|index| self.kinds.get(index)) else {
            return;
        };
        let class = usize::from(status.as_u16() / 100).saturating_sub(2);
        if let Some(count) = counters.statuses.get(class) {
            add(count, 1);
        }
        add(
            &counters.micros,
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
    }

    /// Writes the counters in the text format of Prometheus.
    pub(in crate::gateway) fn write(&self, out: &mut String) {
        family(
            out,
            "vmlog_gateway_requests_total",
            "Requests by kind and class of status.",
        );
        for ((_, name), counters) in KINDS.iter().zip(&self.kinds) {
            for (class, count) in counters.statuses.iter().enumerate() {
                let labels = format!("{{kind=\"{name}\",status=\"{}xx\"}}", class + 2);
                sample(out, "vmlog_gateway_requests_total", &labels, load(count));
            }
        }
        let name = "vmlog_gateway_request_micros_total";
        family(
            out,
            name,
            "Time until the head of each response, in microseconds.",
        );
        for ((_, kind), counters) in KINDS.iter().zip(&self.kinds) {
            let labels = format!("{{kind=\"{kind}\"}}");
            sample(out, name, &labels, load(&counters.micros));
        }
        for (name, help, count) in [
            (
                "vmlog_gateway_rate_refused_total",
                "Requests refused by the rate limit.",
                &self.rate_refused,
            ),
            (
                "vmlog_gateway_nodes_asked_total",
                "Nodes asked for answers of several nodes.",
                &self.nodes_asked,
            ),
            (
                "vmlog_gateway_nodes_failed_total",
                "Nodes that gave no answer to these.",
                &self.nodes_failed,
            ),
        ] {
            family(out, name, help);
            sample(out, name, "", load(count));
        }
    }
}

/// Writes the heading of a metric; one whose name ends in `_total` is a counter.
pub(in crate::gateway) fn family(out: &mut String, name: &str, help: &str) {
    let kind = if name.ends_with("_total") {
        "counter"
    } else {
        "gauge"
    };
    // writing to a String cannot fail
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

pub(in crate::gateway) fn sample(out: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(out, "{name}{labels} {value}");
}

/// Adds to a counter. No decision depends on its value, so relaxed ordering is enough.
pub(in crate::gateway) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
