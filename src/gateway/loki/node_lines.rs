//! The lines of one node, as it gives them: with labels grouped by their origin.

use crate::gateway::loki::question::NODE;
use crate::gateway::node::client::NodeAnswer;
use crate::gateway::node::fault::NodeFault;
use crate::logql::{Label, LabelKind};
use crate::server::loki::json::FoundLine;
use serde::Deserialize;
use std::collections::BTreeMap;

type LineLabels = BTreeMap<String, String>;

/// Streams with their lines.
pub(super) type NodeStreams = Vec<NodeStream>;

/// A stream with its lines.
#[derive(Debug, Deserialize)]
pub(super) struct NodeStream {
    stream: LineLabels,
    values: Vec<LineEntry>,
}

/// A line: nanoseconds, text, other labels.
#[derive(Debug, Deserialize)]
struct LineEntry(String, String, #[serde(default)] OtherLabels);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OtherLabels {
    structured_metadata: LineLabels,
    parsed: LineLabels,
}

#[derive(Debug, Deserialize)]
struct LinesAnswer {
    #[serde(default)]
    warnings: Vec<String>,
    data: LinesData,
}

#[derive(Debug, Deserialize)]
struct LinesData {
    result: NodeStreams,
    #[serde(default)]
    stats: LinesStats,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LinesStats {
    summary: LinesSummary,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LinesSummary {
    total_bytes_processed: u64,
    total_lines_processed: u64,
}

/// The answer of a node to a log query.
#[derive(Debug)]
pub(super) struct NodeLines {
    pub(super) streams: NodeStreams,
    pub(super) warnings: Vec<String>,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// The identity of its store.
    pub(super) store: Option<String>,
}

/// Reads an answer.
pub(super) fn read(answer: NodeAnswer) -> Result<NodeLines, NodeFault> {
    let read: LinesAnswer = serde_json::from_slice(&answer.body)
        .map_err(|error| NodeFault::Broken(error.to_string()))?;
    let summary = read.data.stats.summary;
    Ok(NodeLines {
        streams: read.data.result,
        warnings: read.warnings,
        lines: summary.total_lines_processed,
        bytes: summary.total_bytes_processed,
        store: answer.store,
    })
}

/// The lines of streams of the node `id`. `changes_node`: the query itself may remove the label or give it another value.
pub(super) fn lines_of(
    streams: NodeStreams,
    id: &str,
    changes_node: bool,
) -> Result<Vec<FoundLine>, NodeFault> {
    let broken = |why: &str| NodeFault::Broken(why.to_owned());
    let mut lines = Vec::new();
    for NodeStream { stream, values } in streams {
        match stream.get(NODE) {
            Some(node) if node == id => {}
            None if changes_node => {}
            // a node cannot speak for another one
            _ => return Err(broken("a stream does not have the name of the node")),
        }
        for LineEntry(nanos, text, others) in values {
            let nanos = nanos.parse();
            let mut labels = Vec::new();
            add(&mut labels, LabelKind::Stream, stream.clone());
            add(&mut labels, LabelKind::Metadata, others.structured_metadata);
            add(&mut labels, LabelKind::Parsed, others.parsed);
            lines.push(FoundLine {
                nanos: nanos.map_err(|_| broken("the time of a line is not a number"))?,
                text,
                labels,
            });
        }
    }
    Ok(lines)
}

fn add(labels: &mut Vec<Label<'static>>, kind: LabelKind, map: LineLabels) {
    labels.extend(map.into_iter().map(|(name, value)| Label {
        name: name.into(),
        value: value.into(),
        kind,
    }));
}

/// Approximate memory of a line.
pub(super) fn bytes_of(line: &FoundLine) -> usize {
    let labels = line.labels.iter();
    let labels = labels.map(|label| 64 + label.name.len() + label.value.len());
    line.text.len() + labels.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn lines(streams: Value, changes_node: bool) -> Result<Vec<FoundLine>, NodeFault> {
        let streams = serde_json::from_value(streams).expect("streams");
        lines_of(streams, "n1", changes_node)
    }

    #[test]
    fn labels_keep_their_origin() {
        let streams = json!([{"stream": {"node": "n1", "level": "info"}, "values": [
            ["5", "x", {"structuredMetadata": {"pid": "1"}, "parsed": {"a": "b"}}], ["4", "y", {}]]}]);
        let lines = lines(streams, false).expect("lines");
        let kinds: Vec<_> = lines[0]
            .labels
            .iter()
            .map(|label| (label.name.as_ref(), label.kind))
            .collect();
        let expected = [
            ("level", LabelKind::Stream),
            ("node", LabelKind::Stream),
            ("pid", LabelKind::Metadata),
            ("a", LabelKind::Parsed),
        ];
        assert_eq!(kinds, expected);
        assert_eq!((lines[1].nanos, lines[1].text.as_str()), (4, "y"));
    }

    #[test]
    fn a_node_cannot_speak_for_another_one() {
        let stream = |labels: Value| json!([{"stream": labels, "values": [["5", "x", {}]]}]);
        let other = stream(json!({"node": "n2"}));
        assert!(lines(other.clone(), false).is_err() && lines(other, true).is_err());
        let none = stream(json!({}));
        assert!(lines(none.clone(), false).is_err() && lines(none, true).is_ok());
    }
}
