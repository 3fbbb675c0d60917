//! The read API of Loki over the records of this machine, for Grafana and other clients of Loki. `format-spec/loki.md` describes it.

mod blocks;
mod detected;
pub(crate) mod fixed;
pub(crate) mod json;
mod labels;
mod listing;
pub(crate) mod logs;
pub(crate) mod metrics;
mod output;
pub(crate) mod parameters;
pub(crate) mod patterns;
mod select;
pub(in crate::server) mod tail;
pub(crate) mod tallies;
pub(crate) mod volume;

use crate::logql::{self, Expr, Grid, LogPipeline, MetricPlan};
use crate::query::Budget;
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::loki_call::LokiCall;
use crate::server::http::reply;
use crate::server::http::request::ApiRequest;
use crate::server::records::ScopedView;
use crate::time::Micros;
use json::QueryStats;
use logs::LogRequest;
use parameters::{LokiParameters, QUERY_SINCE_NANOS, grid, refused};
use std::time::Instant;
use warp::reply::Response;

const NO_INSTANT_LOGS: &str = "log queries are not supported as an instant query type, please change your query to a range query type";

/// Serves a call. `name` is the part of the path that its pattern matches.
pub(in crate::server) async fn answer(
    app: &App,
    principal: &Principal,
    call: LokiCall,
    request: &ApiRequest,
    name: &str,
) -> Result<Response, ApiError> {
    let now = Micros::now().get().saturating_mul(1_000);
    let parameters = LokiParameters::new(request, now);
    match call {
        LokiCall::Ready => {
            app.readiness.health().await?.check()?;
            return Ok(reply::bytes("text/plain; charset=utf-8", "ready\n"));
        }
        LokiCall::BuildInfo => return Ok(reply::json(&fixed::build_info())),
        LokiCall::DrilldownLimits => return Ok(reply::json(&fixed::drilldown_limits())),
        LokiCall::Rules => return Ok(reply::json(&fixed::rules())),
        LokiCall::Alerts => return Ok(reply::json(&fixed::alerts())),
        _ => {}
    }
    if call == LokiCall::Tallies {
        let read = move |view: ScopedView, budget: &Budget| {
            Ok((tallies::tallies(&view, &parameters, budget)?, ()))
        };
        let (response, ()) = respond::typed(app, principal, request, tallies::CBOR, read).await?;
        return Ok(response);
    }
    let name = name.to_owned();
    respond::json(app, principal, request, move |view, budget| match call {
        LokiCall::Query => instant_query(&view, &parameters, budget),
        LokiCall::QueryRange => range_query(&view, &parameters, budget),
        LokiCall::Labels => listing::label_names(&view, &parameters, budget),
        LokiCall::LabelValues => listing::label_values(&view, &parameters, &name, budget),
        LokiCall::Series => listing::series(&view, &parameters, budget),
        LokiCall::IndexStats => listing::stats(&view, &parameters, budget),
        LokiCall::IndexVolume => volume::instant(&view, &parameters, budget),
        LokiCall::IndexVolumeRange => volume::over_time(&view, &parameters, budget),
        LokiCall::DetectedFields => detected::fields(&view, &parameters, budget),
        LokiCall::DetectedFieldValues => detected::field_values(&view, &parameters, &name, budget),
        LokiCall::DetectedLabels => listing::detected_labels(&view, &parameters, budget),
        LokiCall::Patterns => patterns::patterns(&view, &parameters, budget),
        LokiCall::FormatQuery => fixed::format_query(&parameters),
        LokiCall::DrilldownLimits
        | LokiCall::Tallies
        | LokiCall::Tail
        | LokiCall::Rules
        | LokiCall::Alerts
        | LokiCall::BuildInfo
        | LokiCall::Ready => Err(ApiError::unknown_path()),
    })
    .await
}

/// `query`
fn instant_query(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let text = parameters.query()?;
    let parsed = logql::parse(text).map_err(|error| refused(error.to_string()))?;
    let Expr::Metric(metric) = parsed else {
        return Err(refused(NO_INSTANT_LOGS));
    };
    parameters.limit()?;
    let grid = Grid::instant(parameters.instant()?);
    let plan =
        MetricPlan::new(&metric, grid).map_err(|error| refused(error.located(text).to_string()))?;
    let result = metrics::run(view, &plan, true, budget)?;
    let time = |point| grid.time_nanos(point);
    Ok(json::metric_answer(
        &result.outcome,
        time,
        result.stats,
        &result.warnings,
    ))
}

/// `query_range`
fn range_query(
    view: &ScopedView,
    parameters: &LokiParameters,
    budget: &Budget,
) -> Result<Vec<u8>, ApiError> {
    let text = parameters.query()?;
    let (start, end) = parameters.range(QUERY_SINCE_NANOS)?;
    let limit = parameters.limit()?;
    let direction = parameters.direction()?;
    let step = parameters.step(start, end)?;
    let parsed = logql::parse(text).map_err(|error| refused(error.to_string()))?;
    let began = Instant::now();
    let query = match parsed {
        Expr::Log(query) => query,
        Expr::Metric(metric) => {
            let grid = grid(start, end, step)?;
            let plan = MetricPlan::new(&metric, grid)
                .map_err(|error| refused(error.located(text).to_string()))?;
            let result = metrics::run(view, &plan, false, budget)?;
            let time = |point| grid.time_nanos(point);
            return Ok(json::metric_answer(
                &result.outcome,
                time,
                result.stats,
                &result.warnings,
            ));
        }
    };
    let pipeline =
        LogPipeline::new(&query).map_err(|error| refused(error.located(text).to_string()))?;
    let request = LogRequest {
        query: &query,
        pipeline: &pipeline,
        start_nanos: start,
        end_nanos: end,
        direction,
        limit,
    };
    let found = logs::find(view, &request, budget)?;
    let stats = QueryStats {
        lines: found.scanned,
        bytes: found.bytes,
        entries: found.lines.len(),
        elapsed: began.elapsed(),
    };
    Ok(json::lines_answer(
        &found.lines,
        parameters.categorizes,
        stats,
        &found.warnings,
    ))
}
