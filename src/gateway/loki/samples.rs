//! Metric queries: the nodes count their lines, and the expression around the ranges is evaluated here.

use super::question::{LokiQuestion, NODE, check, nanos, pair, warnings};
use super::refusal::{of_parameter, refused};
use crate::gateway::across::ask::{NodesReport, ask, clones, deadline};
use crate::gateway::error::GatewayError;
use crate::gateway::node::fault::NodeFault;
use crate::logql::{
    self, EncodedTallies, Expr, Grid, MetricError, MetricPlan, RangePlan, SeriesTallies,
    TalliesError,
};
use crate::server::loki::json::{self, QueryStats};
use crate::server::loki::metrics::{MetricResult, TalliedRanges, evaluate};
use crate::server::loki::tallies::ANSWER_BYTES_MAX;
use crate::tasks;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use std::collections::BTreeSet;
use std::time::Instant;

const PATH: &str = "/loki/api/v1/tallies";

const NO_INSTANT_LOGS: &str = "log queries are not supported as an instant query type, please change your query to a range query type";

/// `query`
pub(super) async fn instant(mut question: LokiQuestion) -> Result<Vec<u8>, GatewayError> {
    let query = question.query()?;
    let expr = logql::parse(&query).map_err(|error| refused(error.to_string()))?;
    let Expr::Metric(metric) = &expr else {
        return Err(refused(NO_INSTANT_LOGS));
    };
    question.parameters.limit().map_err(of_parameter)?;
    let grid = Grid::instant(question.parameters.instant().map_err(of_parameter)?);
    let plan = MetricPlan::new(metric, grid)
        .map_err(|error| refused(error.located(&query).to_string()))?;
    question.narrow(&expr, &query)?;
    let evaluation = Evaluation {
        query: &query,
        plan,
        is_instant: true,
        changes_node: expr.changes_label(NODE),
        began: Instant::now(),
    };
    Ok(answer(&evaluation.run(&question).await?, grid))
}

/// `query_range` of a metric query.
pub(super) async fn over_time(
    mut question: LokiQuestion,
    query: &str,
    expr: &Expr,
    grid: Grid,
) -> Result<Vec<u8>, GatewayError> {
    let Expr::Metric(metric) = expr else {
        return Err(refused("only metric queries have samples"));
    };
    let plan =
        MetricPlan::new(metric, grid).map_err(|error| refused(error.located(query).to_string()))?;
    question.narrow(expr, query)?;
    let evaluation = Evaluation {
        query,
        plan,
        is_instant: false,
        changes_node: expr.changes_label(NODE),
        began: Instant::now(),
    };
    Ok(answer(&evaluation.run(&question).await?, grid))
}

fn answer(result: &MetricResult, grid: Grid) -> Vec<u8> {
    let time = |point| grid.time_nanos(point);
    json::metric_answer(&result.outcome, time, result.stats, &result.warnings)
}

/// A metric query over the nodes of a question.
pub(super) struct Evaluation<'q> {
    pub(super) query: &'q str,
    pub(super) plan: MetricPlan,
    pub(super) is_instant: bool,
    /// Whether the query itself may give series another `node`.
    pub(super) changes_node: bool,
    pub(super) began: Instant,
}

/// What the nodes have counted.
struct MergedTallies {
    tallies: Vec<SeriesTallies>,
    stats: QueryStats,
    warnings: Vec<(String, String)>,
    /// All together are too large.
    error: Option<MetricError>,
}

impl Evaluation<'_> {
    pub(super) async fn run(self, question: &LokiQuestion) -> Result<MetricResult, GatewayError> {
        let (merged, report) = self.ask_all(question).await;
        check(&question.app, &report)?;
        if let Some(error) = merged.error {
            return Err(refused(error.to_string()));
        }
        let warnings = warnings(&report, &merged.warnings);
        let is_absence = self.plan.ranges.iter().any(RangePlan::is_absence);
        if is_absence && !report.failed().is_empty() {
            let message = format!(
                "absence is not known while nodes do not answer: {}",
                warnings.join("; ")
            );
            let status = StatusCode::BAD_GATEWAY;
            return Err(GatewayError::new(status, "nodes_failed", message));
        }
        let counted = TalliedRanges {
            tallies: merged.tallies,
            stats: merged.stats,
            warnings,
        };
        let Self {
            plan,
            is_instant,
            began,
            ..
        } = self;
        let evaluated = tasks::blocking(move || evaluate(&plan, is_instant, counted, began));
        let evaluated = evaluated.await.map_err(|error| {
            tracing::error!("evaluating a query failed: {error}");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            GatewayError::new(status, "internal", "internal error")
        })?;
        evaluated.map_err(of_parameter)
    }

    /// Asks all nodes. Tallies cannot be taken back, so if nodes turn out to be copies of one, the others are asked again.
    async fn ask_all(&self, question: &LokiQuestion) -> (MergedTallies, NodesReport) {
        let mut copies: BTreeSet<usize> = BTreeSet::new();
        loop {
            let mut report = NodesReport::new(&question.selection);
            for target in copies
                .iter()
                .filter_map(|index| question.selection.targets.get(*index))
            {
                report.fail(target.id(), NodeFault::Cloned.into());
            }
            let (merged, found) = self.ask(question, &copies, &mut report).await;
            if found.is_empty() {
                return (merged, report);
            }
            copies.extend(found);
        }
    }

    /// Asks all nodes but `left_out`. Also returns nodes that are copies of one.
    async fn ask(
        &self,
        question: &LokiQuestion,
        left_out: &BTreeSet<usize>,
        report: &mut NodesReport,
    ) -> (MergedTallies, Vec<usize>) {
        let parameters = self.parameters();
        let targets = &question.selection.targets;
        let asked = targets.iter().enumerate();
        let calls = asked.filter(|(index, _)| !left_out.contains(index));
        let calls = calls.map(|(index, target)| {
            let headers = HeaderMap::new();
            let call = question.selection.call(target, PATH, &parameters, headers);
            (index, call)
        });
        let mut merged = MergedTallies {
            tallies: self
                .plan
                .ranges
                .iter()
                .map(|_| SeriesTallies::default())
                .collect(),
            stats: QueryStats::default(),
            warnings: Vec::new(),
            error: None,
        };
        let mut stores: Vec<Option<String>> = vec![None; targets.len()];
        let (app, calls, until) = (&question.app, calls.collect(), deadline(&question.app));
        ask(
            app,
            &question.selection,
            calls,
            ANSWER_BYTES_MAX,
            until,
            Ok,
            |index, result| {
                let (Some(target), Some(store)) = (targets.get(index), stores.get_mut(index))
                else {
                    return;
                };
                let added = result.and_then(|answer| {
                    *store = answer.store;
                    self.add(target.id(), &answer.body, &mut merged)?;
                    Ok(())
                });
                if let Err(error) = added {
                    report.fail(target.id(), error);
                }
            },
        )
        .await;
        merged.warnings.sort();
        let copies = clones(stores.iter().map(Option::as_deref));
        (merged, copies)
    }

    /// Adds the tallies of a node.
    fn add(&self, id: &str, body: &[u8], merged: &mut MergedTallies) -> Result<(), NodeFault> {
        if merged.error.is_some() {
            return Ok(());
        }
        let broken = |error: &TalliesError| NodeFault::Broken(error.to_string());
        let mut encoded = EncodedTallies::from_bytes(body).map_err(|error| broken(&error))?;
        merged.stats.lines = merged.stats.lines.saturating_add(encoded.lines);
        merged.stats.bytes = merged.stats.bytes.saturating_add(encoded.bytes);
        let texts = std::mem::take(&mut encoded.warnings).into_iter();
        merged
            .warnings
            .extend(texts.map(|text| (id.to_owned(), text)));
        // a node cannot speak for another one
        let accepts = |labels: &logql::SeriesLabels| {
            self.changes_node || labels.get(NODE).is_none_or(|node| node == id)
        };
        match encoded.add_to(&self.plan, &mut merged.tallies, accepts) {
            Err(TalliesError::Metric(error)) => merged.error = Some(error),
            Err(error) => return Err(broken(&error)),
            Ok(()) => {}
        }
        Ok(())
    }

    /// The same query and the same points for every node.
    fn parameters(&self) -> Vec<(String, String)> {
        let (start, end, step) = self.plan.grid().nanos();
        let mut parameters = vec![pair("query", self.query)];
        if self.is_instant {
            parameters.push(pair("time", nanos(start)));
        } else {
            parameters.push(pair("start", nanos(start)));
            parameters.push(pair("end", nanos(end)));
            parameters.push(pair("step", format!("{step}ns")));
        }
        parameters
    }
}
