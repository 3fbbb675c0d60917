//! Responses of Loki's API as JSON.

use crate::logql::{Label, LabelKind, MetricOutcome, format_number};
use foldhash::fast::RandomState;
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// Statistics of a query.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueryStats {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) entries: usize,
    pub(crate) elapsed: Duration,
}

impl QueryStats {
    fn value(self) -> Value {
        let seconds = self.elapsed.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rate for people"
        )]
        let per_second = |count: u64| {
            if seconds > 0.0 {
                (count as f64 / seconds) as u64
            } else {
                0
            }
        };
        json!({"summary": {
            "bytesProcessedPerSecond": per_second(self.bytes),
            "linesProcessedPerSecond": per_second(self.lines),
            "totalBytesProcessed": self.bytes,
            "totalLinesProcessed": self.lines,
            "totalEntriesReturned": self.entries,
            "execTime": seconds,
            "queueTime": 0,
        }})
    }
}

/// A line that a query found.
#[derive(Debug, Clone)]
pub(crate) struct FoundLine {
    pub(crate) nanos: i64,
    pub(crate) text: String,
    pub(crate) labels: Vec<Label<'static>>,
}

impl FoundLine {
    /// Its labels of some kinds, each name once.
    fn labels_of(&self, is_wanted: impl Fn(LabelKind) -> bool) -> LabelPairs<'_> {
        let labels = self.labels.iter().filter(|label| is_wanted(label.kind));
        let pairs = labels.map(|label| (&*label.name, &*label.value));
        let mut pairs: Vec<_> = pairs.collect();
        // the last one of a name counts
        pairs.reverse();
        pairs.sort_by_key(|(name, _)| *name);
        pairs.dedup_by_key(|(name, _)| *name);
        LabelPairs(pairs)
    }

    /// The entry of the line in its stream.
    fn entry(&self, categorizes: bool) -> WrittenLine<'_> {
        let apart = |kind| self.labels_of(|of| of == kind);
        WrittenLine {
            nanos: self.nanos,
            text: &self.text,
            apart: categorizes.then(|| LabelsApart {
                parsed: apart(LabelKind::Parsed),
                structured_metadata: apart(LabelKind::Metadata),
            }),
        }
    }
}

/// Labels in order of their names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct LabelPairs<'l>(Vec<(&'l str, &'l str)>);

impl LabelPairs<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for LabelPairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// `[nanos, text]`, for some clients with labels.
struct WrittenLine<'l> {
    nanos: i64,
    text: &'l str,
    apart: Option<LabelsApart<'l>>,
}

impl Serialize for WrittenLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = 2 + usize::from(self.apart.is_some());
        let mut entry = serializer.serialize_seq(Some(length))?;
        entry.serialize_element(&format_args!("{}", self.nanos))?;
        entry.serialize_element(self.text)?;
        if let Some(apart) = &self.apart {
            entry.serialize_element(apart)?;
        }
        entry.end()
    }
}

#[derive(Serialize)]
struct LabelsApart<'l> {
    #[serde(skip_serializing_if = "LabelPairs::is_empty")]
    parsed: LabelPairs<'l>,
    #[serde(
        rename = "structuredMetadata",
        skip_serializing_if = "LabelPairs::is_empty"
    )]
    structured_metadata: LabelPairs<'l>,
}

/// A stream with the entries of its lines.
#[derive(Serialize)]
pub(crate) struct WrittenStream<'l> {
    stream: LabelPairs<'l>,
    values: Vec<WrittenLine<'l>>,
}

/// Groups lines to streams; either with all labels of a line, or with those of its stream and the others in the
/// entry.
pub(crate) fn streams(lines: &[FoundLine], categorizes: bool) -> Vec<WrittenStream<'_>> {
    let mut lines_of: HashMap<LabelPairs<'_>, Vec<WrittenLine<'_>>, RandomState> =
        HashMap::default();
    for line in lines {
        let labels = line.labels_of(|kind| !categorizes || kind == LabelKind::Stream);
        let entries = lines_of.entry(labels).or_default();
        entries.push(line.entry(categorizes));
    }
    let streams = lines_of.into_iter();
    let mut streams: Vec<_> = streams
        .map(|(stream, values)| WrittenStream { stream, values })
        .collect();
    streams.sort_unstable_by(|a, b| a.stream.cmp(&b.stream));
    streams
}

/// The response to a log query.
pub(crate) fn lines_answer(
    lines: &[FoundLine],
    categorizes: bool,
    stats: QueryStats,
    warnings: &[String],
) -> Vec<u8> {
    let answer = WrittenAnswer {
        data: WrittenData {
            encoding_flags: categorizes.then_some(["categorize-labels"]),
            result: streams(lines, categorizes),
            result_type: "streams",
            stats: stats.value(),
        },
        status: "success",
        warnings,
    };
    // writing to memory cannot fail
    serde_json::to_vec(&answer).unwrap_or_default()
}

#[derive(Serialize)]
struct WrittenAnswer<'l> {
    data: WrittenData<'l>,
    status: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'l [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenData<'l> {
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_flags: Option<[&'static str; 1]>,
    result: Vec<WrittenStream<'l>>,
    result_type: &'static str,
    stats: Value,
}

/// The response to a metric query. `time_nanos` returns the time of a point.
pub(crate) fn metric_answer(
    outcome: &MetricOutcome,
    time_nanos: impl Fn(usize) -> i64,
    stats: QueryStats,
    warnings: &[String],
) -> Vec<u8> {
    let value =
        |point: usize, value: f64| json!([seconds(time_nanos(point)), format_number(value)]);
    let metric = |labels: &crate::logql::SeriesLabels| -> Value {
        let pairs = labels
            .iter()
            .map(|(name, value)| (name.to_owned(), value.into()));
        Value::Object(pairs.collect())
    };
    let (kind, result) = match outcome {
        MetricOutcome::Scalar(number) => ("scalar", value(0, *number)),
        MetricOutcome::Vector(samples) => {
            let each = samples.iter().map(
                |sample| json!({"metric": metric(&sample.labels), "value": value(0, sample.value)}),
            );
            ("vector", each.collect())
        }
        MetricOutcome::Matrix(series) => {
            let each = series.iter().map(|series| {
                let values = series.values.iter();
                let values: Vec<_> = values
                    .map(|(point, number)| value(*point as usize, *number))
                    .collect();
                json!({"metric": metric(&series.labels), "values": values})
            });
            ("matrix", each.collect())
        }
    };
    let data = json!({"resultType": kind, "result": result, "stats": stats.value()});
    enclosed(data, warnings)
}

/// Seconds, with a fraction only if needed.
pub(crate) fn seconds(nanos: i64) -> Value {
    let millis = nanos.div_euclid(1_000_000);
    if millis % 1_000 == 0 {
        return (millis / 1_000).into();
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are exact"
    )]
    let seconds = millis as f64 / 1_000.0;
    seconds.into()
}

/// Wraps data as Loki does.
pub(crate) fn success(data: Value) -> Vec<u8> {
    enclosed(data, &[])
}

/// The same with warnings.
pub(crate) fn enclosed(data: Value, warnings: &[String]) -> Vec<u8> {
    let mut answer = Map::new();
    answer.insert("status".to_owned(), "success".into());
    if !warnings.is_empty() {
        answer.insert("warnings".to_owned(), warnings.into());
    }
    answer.insert("data".to_owned(), data);
    bytes(&Value::Object(answer))
}

/// A value that needs no envelope.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_of_seconds() {
        assert_eq!(seconds(1_732_780_800_000_000_000), json!(1_732_780_800));
        assert_eq!(seconds(1_732_780_800_123_000_000), json!(1_732_780_800.123));
        assert_eq!(seconds(-1_500_000_000), json!(-1.5));
    }

    #[test]
    fn labels_are_apart_only_for_clients_that_ask_for_it() {
        let label = |kind, name: &'static str, value: &'static str| Label {
            name: name.into(),
            value: value.into(),
            kind,
        };
        let line = FoundLine {
            nanos: 5,
            text: "x".to_owned(),
            labels: vec![
                label(LabelKind::Stream, "level", "info"),
                label(LabelKind::Metadata, "pid", "1"),
                label(LabelKind::Parsed, "a", "b"),
            ],
        };
        let lines = [line];
        assert_eq!(
            json!(streams(&lines, false)),
            json!([{"stream": {"level": "info", "pid": "1", "a": "b"}, "values": [["5", "x"]]}])
        );
        assert_eq!(
            json!(streams(&lines, true)),
            json!([{
                "stream": {"level": "info"},
                "values": [["5", "x", {"structuredMetadata": {"pid": "1"}, "parsed": {"a": "b"}}]]
            }])
        );
    }
}
