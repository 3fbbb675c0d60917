//! Log queries: lines of several nodes in order of time.
//!
//! Each node is asked for a few lines first. Only nodes whose last line made it into the answer are asked for more, so an answer of a
//! thousand nodes costs little more than its own size.
//!
//! Times of lines are unique on a node, but not across nodes. So an answer never ends between lines of one time: it has further lines than
//! the limit allows if they have the time of the last one. A client that continues at that time misses none, whether it includes that time
//! or not.

use super::node_lines::{NodeLines, bytes_of, lines_of, read};
use super::question::{LokiQuestion, NODE, check, nanos, pair, warnings};
use super::refusal::{of_parameter, refused};
use super::samples;
use crate::gateway::across::ask::{AskError, NodesReport, ask, clones, deadline};
use crate::gateway::error::GatewayError;
use crate::gateway::node::client::NodeCall;
use crate::gateway::node::fault::NodeFault;
use crate::logql::{self, Expr, LogPipeline};
use crate::query::Direction;
use crate::server::loki::json::{self, FoundLine, QueryStats};
use crate::server::loki::logs::ANSWER_BYTES_MAX;
use crate::server::loki::parameters::{CATEGORIZE, FLAGS, OUT_OF_TIME, QUERY_SINCE_NANOS, grid};
use hyper::header::{HeaderMap, HeaderValue};
use std::cmp::Ordering;
use std::time::Instant;

const PATH: &str = "/loki/api/v1/query_range";

/// The answer of a node, of which 8 MiB of texts and labels may need twice as many bytes as JSON, and some texts even more.
const NODE_LINES_BYTES_MAX: usize = 3 * ANSWER_BYTES_MAX;

/// The first answer of a node has at least this number of lines.
const BATCH_MIN: usize = 4;

/// `query_range`
pub(super) async fn range(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    let query = question.query()?;
    let (start, end) = question.range(QUERY_SINCE_NANOS)?;
    let limit = question.parameters.limit().map_err(of_parameter)?;
    let direction = question.parameters.direction().map_err(of_parameter)?;
    let step = question.parameters.step(start, end).map_err(of_parameter)?;
    let expr = logql::parse(&query).map_err(|error| refused(error.to_string()))?;
    let began = Instant::now();
    let Expr::Log(log_query) = &expr else {
        let grid = grid(start, end, step).map_err(of_parameter)?;
        return samples::over_time(question, &query, &expr, grid).await;
    };
    // no node is asked about a query with an invalid expression
    LogPipeline::new(log_query).map_err(|error| refused(error.located(&query).to_string()))?;
    question.narrow(&expr, &query)?;
    let states = question
        .selection
        .targets
        .iter()
        .map(|_| NodeState::default());
    let mut merge = LineMerge {
        query,
        changes_node: expr.changes_label(NODE),
        states: states.collect(),
        lines: Vec::new(),
        is_cut: false,
        start,
        end,
        limit,
        direction,
    };
    let mut report = NodesReport::new(&question.selection);
    merge.ask_all(&question, &mut report).await;
    check(&question.app, &report)?;
    Ok(merge.answer(&question, &report, began))
}

/// How far the lines of a node have been read.
#[derive(Debug, Default)]
struct NodeState {
    /// The time of the last line that it gave.
    last: Option<i64>,
    /// How many lines it was asked for.
    asked: usize,
    is_done: bool,
    is_failed: bool,
    store: Option<String>,
    warnings: Vec<String>,
    lines: u64,
    bytes: u64,
}

/// A line of a node.
#[derive(Debug)]
struct MergedLine {
    /// The place of its node.
    index: usize,
    line: FoundLine,
}

/// The lines of an answer.
struct LineMerge {
    query: String,
    changes_node: bool,
    states: Vec<NodeState>,
    /// In the direction of the answer.
    lines: Vec<MergedLine>,
    /// The limit on bytes was reached.
    is_cut: bool,
    start: i64,
    end: i64,
    limit: usize,
    direction: Direction,
}

impl LineMerge {
    /// Asks nodes until no further line of any of them can be in the answer.
    async fn ask_all(&mut self, question: &LokiQuestion, report: &mut NodesReport) {
        let deadline = deadline(&question.app);
        let targets = &question.selection.targets;
        loop {
            let calls = self.calls(question);
            if calls.is_empty() {
                break;
            }
            let app = &question.app;
            let take = |index: usize, result: Result<NodeLines, AskError>| {
                let Some(target) = targets.get(index) else {
                    return;
                };
                let added = result.and_then(|answer| Ok(self.add(index, target.id(), answer)?));
                if let Err(error) = added {
                    self.fail(index);
                    report.fail(target.id(), error);
                }
            };
            ask(
                app,
                &question.selection,
                calls,
                NODE_LINES_BYTES_MAX,
                deadline,
                read,
                take,
            )
            .await;
            let stores = self.states.iter().map(|state| state.store.as_deref());
            for index in clones(stores) {
                self.fail(index);
                if let Some(target) = targets.get(index) {
                    report.fail(target.id(), NodeFault::Cloned.into());
                }
            }
        }
    }

    /// The requests for nodes that may have further lines of the answer.
    fn calls(&mut self, question: &LokiQuestion) -> Vec<(usize, NodeCall)> {
        let first = (2 * self.limit).div_ceil(self.states.len().max(1));
        let first = first.clamp(BATCH_MIN.min(self.limit), self.limit);
        let last_of_answer = self.full_at();
        let mut calls = Vec::new();
        for (index, target) in question.selection.targets.iter().enumerate() {
            let (start, end) = (self.start, self.end);
            let Some(state) = self.states.get_mut(index) else {
                continue;
            };
            let is_needed = match (state.last, last_of_answer) {
                _ if state.is_done || state.is_failed => false,
                (Some(last), Some(end)) => after(self.direction, last, end) == Ordering::Less,
                _ => true,
            };
            if !is_needed {
                continue;
            }
            // a node gives all lines of the last time or none
            let (start, end) = match (state.last, self.direction) {
                (None, _) => (start, end),
                (Some(last), Direction::Forward) => (last.saturating_add(1), end),
                (Some(last), Direction::Backward) => (start, last),
            };
            if start >= end {
                state.is_done = true;
                continue;
            }
            state.asked = match state.asked {
                0 => first,
                asked => (4 * asked).min(self.limit),
            };
            let direction = match self.direction {
                Direction::Forward => "forward",
                Direction::Backward => "backward",
            };
            let parameters = [
                pair("query", self.query.as_str()),
                pair("start", nanos(start)),
                pair("end", nanos(end)),
                pair("limit", state.asked.to_string()),
                pair("direction", direction),
            ];
            let mut headers = HeaderMap::new();
            headers.insert(FLAGS, HeaderValue::from_static(CATEGORIZE));
            let call = question.selection.call(target, PATH, &parameters, headers);
            calls.push((index, call));
        }
        calls
    }

    /// The time of the last line of a full answer.
    fn full_at(&self) -> Option<i64> {
        let last = self.lines.get(self.limit.checked_sub(1)?)?;
        Some(last.line.nanos)
    }

    /// Adds the lines of an answer.
    fn add(&mut self, index: usize, id: &str, answer: NodeLines) -> Result<(), NodeFault> {
        let lines = lines_of(answer.streams, id, self.changes_node)?;
        let period = self.start..self.end;
        if !lines.iter().all(|line| period.contains(&line.nanos)) {
            return Err(NodeFault::Broken(
                "its lines are not of the period".to_owned(),
            ));
        }
        let direction = self.direction;
        let Some(state) = self.states.get_mut(index) else {
            return Ok(());
        };
        let last = lines.iter().map(|line| line.nanos);
        let last = last.max_by(|a, b| after(direction, *a, *b));
        if let (Some(before), Some(last)) = (state.last, last)
            && after(direction, last, before) != Ordering::Greater
        {
            return Err(NodeFault::Broken("it repeats its lines".to_owned()));
        }
        let is_out_of_time = answer.warnings.iter().any(|text| text == OUT_OF_TIME);
        // an answer that ends early for its size continues
        let is_shortened = !answer.warnings.is_empty() && !is_out_of_time && !lines.is_empty();
        state.is_done = lines.len() < state.asked && !is_shortened;
        if !is_shortened {
            state.warnings.extend(answer.warnings);
        }
        state.last = last.or(state.last);
        state.store = answer.store.or(state.store.take());
        state.lines = state.lines.saturating_add(answer.lines);
        state.bytes = state.bytes.saturating_add(answer.bytes);
        let lines = lines.into_iter().map(|line| MergedLine { index, line });
        self.lines.extend(lines);
        self.shorten();
        Ok(())
    }

    /// Drops what cannot be in the answer any more.
    fn shorten(&mut self) {
        let direction = self.direction;
        self.lines.sort_by(|a, b| {
            let by_time = after(direction, a.line.nanos, b.line.nanos);
            let by_node = a.index.cmp(&b.index);
            by_time.then(match direction {
                Direction::Forward => by_node,
                Direction::Backward => by_node.reverse(),
            })
        });
        if let Some(last) = self.full_at() {
            let is_beyond =
                |line: &MergedLine| after(direction, line.line.nanos, last) == Ordering::Greater;
            self.lines
                .truncate(self.lines.partition_point(|line| !is_beyond(line)));
        }
        let mut bytes = 0;
        let kept = self.lines.iter().take_while(|line| {
            bytes += bytes_of(&line.line);
            bytes <= ANSWER_BYTES_MAX
        });
        let mut kept = kept.count().max(1);
        if kept >= self.lines.len() {
            return;
        }
        // lines of one time stay together
        if let Some(time) = self.lines.get(kept).map(|line| line.line.nanos) {
            let first = self
                .lines
                .partition_point(|line| after(direction, line.line.nanos, time) == Ordering::Less);
            if first > 0 {
                kept = kept.min(first);
            }
        }
        self.lines.truncate(kept);
        self.limit = kept;
        self.is_cut = true;
    }

    /// Nothing of the node is in the answer.
    fn fail(&mut self, index: usize) {
        self.lines.retain(|line| line.index != index);
        if let Some(state) = self.states.get_mut(index) {
            state.is_failed = true;
        }
    }

    fn answer(self, question: &LokiQuestion, report: &NodesReport, began: Instant) -> Vec<u8> {
        let mut of_nodes = Vec::new();
        let mut stats = QueryStats::default();
        let targets = &question.selection.targets;
        for (target, state) in targets.iter().zip(self.states) {
            let texts = state.warnings.into_iter();
            of_nodes.extend(texts.map(|text| (target.id().to_owned(), text)));
            stats.lines = stats.lines.saturating_add(state.lines);
            stats.bytes = stats.bytes.saturating_add(state.bytes);
        }
        let mut warnings = warnings(report, &of_nodes);
        if self.is_cut {
            warnings.push(format!(
                "the answer holds {} MiB; narrow the query to see more",
                ANSWER_BYTES_MAX >> 20
            ));
        }
        let lines: Vec<FoundLine> = self.lines.into_iter().map(|line| line.line).collect();
        stats.entries = lines.len();
        stats.elapsed = began.elapsed();
        json::lines_answer(&lines, question.parameters.categorizes, stats, &warnings)
    }
}

/// How a time compares with another in a direction.
fn after(direction: Direction, time: i64, other: i64) -> Ordering {
    match direction {
        Direction::Forward => time.cmp(&other),
        Direction::Backward => other.cmp(&time),
    }
}
