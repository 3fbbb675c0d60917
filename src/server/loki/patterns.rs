//! Patterns of lines, with the words that differ from line to line replaced by gaps.

use super::parameters::{LokiParameters, QUERY_SINCE_NANOS, refused};
use super::{json, labels, select};
use crate::logql::{self, Expr, LogPipeline};
use crate::query::{Budget, MatchedRows, nanos_of};
use crate::record::{Id, Level};
use crate::server::http::error::ApiError;
use crate::server::records::ScopedView;
use crate::store;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// Maximum number of lines examined.
const LINES_MAX: usize = 100_000;
/// Maximum number of patterns counted; lines with further ones are left out.
const PATTERNS_MAX: usize = 2_000;
/// Maximum number of patterns in a response.
pub(crate) const SHOWN_MAX: usize = 300;
/// How much of a line is examined.
const LINE_BYTES_MAX: usize = 2_048;

const GAP: &str = "<_>";

#[derive(Debug, Default)]
struct PatternCount {
    total: u64,
    /// Number of lines by the second at which their step begins.
    samples: BTreeMap<i64, u64>,
}

/// `patterns`
pub(super) fn patterns(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let text = parameters.query()?;
    let Expr::Log(query) = logql::parse(text).map_err(|error| refused(error.to_string()))? else {
        return Err(refused("only log selector is supported"));
    };
    let pipeline =
        LogPipeline::new(&query).map_err(|error| refused(error.located(text).to_string()))?;
    let (start, end) = parameters.range(QUERY_SINCE_NANOS)?;
    let step_seconds = (parameters.step(start, end)? / 1_000_000_000).max(1);
    super::parameters::grid(start, end, step_seconds.saturating_mul(1_000_000_000))?;
    let mut counts: HashMap<(String, String), PatternCount> = HashMap::new();
    let mut lines = 0;
    let filter = select::filter(view, &pipeline, &query, start, end.saturating_sub(1));
    if let Some(filter) = filter {
        view.visit(
            filter,
            budget,
            |rows| patterns_of(view.node(), rows, &pipeline, (start, end)),
            |of_block| {
                lines += of_block.len();
                for (pattern, level, nanos) in of_block {
                    let key = (pattern, level.as_str().to_owned());
                    if counts.len() < PATTERNS_MAX || counts.contains_key(&key) {
                        let count = counts.entry(key).or_default();
                        let second = nanos.div_euclid(1_000_000_000);
                        count.total += 1;
                        *count
                            .samples
                            .entry(second - second.rem_euclid(step_seconds))
                            .or_default() += 1;
                    }
                }
                if lines < LINES_MAX {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        )?;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(a_key, a), (b_key, b)| b.total.cmp(&a.total).then_with(|| a_key.cmp(b_key)));
    counts.truncate(SHOWN_MAX);
    let data = counts.into_iter().map(|((pattern, level), count)| {
        let samples: Vec<_> = count.samples.into_iter().collect();
        json!({"pattern": pattern, "level": level, "samples": samples})
    });
    Ok(json::success(data.collect()))
}

/// The patterns of the lines of a block that the pipeline keeps, with their levels and times.
fn patterns_of(
    node: Option<&str>,
    rows: &MatchedRows<'_>,
    pipeline: &LogPipeline,
    (start, end): (i64, i64),
) -> Result<Vec<(String, Level, i64)>, store::Error> {
    let (ids, times, levels) = (rows.ids()?, rows.timestamps()?, rows.levels()?);
    let (messages, metadata) = (rows.messages()?, rows.metadata()?);
    let mut found = Vec::new();
    for (index, ((id, time), level)) in ids.iter().zip(times).zip(levels).enumerate() {
        let nanos = nanos_of(*time, Id(*id));
        let Some(source) = rows
            .source(index)?
            .filter(|_| (start..end).contains(&nanos))
        else {
            continue;
        };
        let metadata = metadata.get(index)?;
        let mut line = labels::line_of(
            (node, source, *level),
            nanos,
            Id(*id),
            messages.get(index),
            &metadata,
        );
        if pipeline.selects(&line.labels) && pipeline.run(&mut line) {
            found.push((pattern(&line.text), *level, nanos));
        }
    }
    Ok(found)
}

/// The pattern of a line, which matches the line when used as a filter (`|>`): words with digits become gaps.
fn pattern(line: &str) -> String {
    let line = line
        .get(..line.floor_char_boundary(LINE_BYTES_MAX))
        .unwrap_or_default();
    let is_cut = line.len() == LINE_BYTES_MAX;
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric();
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if word.contains(|c: char| c.is_ascii_digit()) {
            join_gap(&mut out);
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    if is_cut {
        join_gap(&mut out);
    }
    out
}

/// Adds a gap, or extends the previous one if only signs of a number or a name are between them.
fn join_gap(out: &mut String) {
    let before = out
        .strip_suffix(['.', ':', '-', '_', '/', ',', '+'])
        .unwrap_or(out);
    if let Some(kept) = before.strip_suffix(GAP) {
        let length = kept.len();
        out.truncate(length);
    }
    out.push_str(GAP);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_digits_are_gaps() {
        for (line, expected) in [
            ("GET /a/b took 12.5 ms", "GET /a/b took <_> ms"),
            ("2023-11-14T22:13:20Z done", "<_> done"),
            ("user u17 from 10.0.0.1:80", "user <_> from <_>"),
            ("plain text", "plain text"),
            ("id=550e8400-e29b-41d4-a716-446655440000 ok", "id=<_> ok"),
            ("", ""),
        ] {
            assert_eq!(pattern(line), expected, "{line}");
        }
    }

    #[test]
    fn a_pattern_matches_its_line_as_a_filter() {
        for line in [
            "GET /a/b took 12.5 ms",
            "a1 b2 c3",
            "1",
            "x: 5% of \"7\" <8>",
            &"word 7 ".repeat(1_000),
        ] {
            let query = format!("{{source=\"a\"}} |> `{}`", pattern(line));
            let Ok(Expr::Log(parsed)) = logql::parse(&query) else {
                panic!("{query} is parsed");
            };
            let pipeline =
                LogPipeline::new(&parsed).unwrap_or_else(|error| panic!("{query}: {error}"));
            let mut line = logql::PipelineLine {
                timestamp_nanos: 0,
                text: line.into(),
                labels: logql::Labels::default(),
                is_taken_apart: false,
            };
            assert!(pipeline.run(&mut line), "{query}");
        }
    }
}
