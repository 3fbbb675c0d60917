//! The read API of Loki over the nodes of a user, for Grafana and other clients of Loki: one data source for many machines.
//!
//! Each node answers with its own label `node`, so selectors, filters and groupings by it mean the same on a node and here. Conditions on it
//! also decide which nodes are asked. Lines are merged in order of time. Of a metric query the nodes give the accumulators of its ranges;
//! the expression around them is evaluated here, by the same code as on a node.

mod fields;
mod lines;
mod lists;
mod node_lines;
mod patterns;
mod question;
mod refusal;
mod samples;
mod tail;
mod volume;
mod websocket;

pub(in crate::gateway) use tail::tail;
pub(in crate::gateway) use websocket::SocketOffer;

use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::reply::{self, GatewayResponse};
use crate::gateway::request::GatewayRequest;
use crate::gateway::status::no_registry;
use crate::server::LokiCall;
use crate::server::loki::fixed;
use question::LokiQuestion;
use refusal::of_parameter;
use std::sync::Arc;

const TEXT: &str = "text/plain; charset=utf-8";

/// Serves a call. `name` is the part of the path that its pattern matches.
pub(in crate::gateway) async fn answer(
    app: &Arc<GatewayApp>,
    request: &GatewayRequest,
    call: LokiCall,
    name: &str,
) -> Result<GatewayResponse, GatewayError> {
    match call {
        LokiCall::Ready => return ready(app),
        LokiCall::BuildInfo => return Ok(reply::json(&fixed::build_info())),
        LokiCall::DrilldownLimits => return Ok(reply::json(&fixed::drilldown_limits())),
        LokiCall::Rules => return Ok(reply::json(&fixed::rules())),
        LokiCall::Alerts => return Ok(reply::json(&fixed::alerts())),
        _ => {}
    }
    let question = LokiQuestion::new(app, request)?;
    let _merging = app.merges.acquire().await;
    let body = match call {
        LokiCall::Query => samples::instant(question).await?,
        LokiCall::QueryRange => lines::range(question).await?,
        LokiCall::Labels => lists::labels(question).await?,
        LokiCall::LabelValues => lists::values(question, name).await?,
        LokiCall::Series => lists::series(question).await?,
        LokiCall::DetectedLabels => lists::detected_labels(question).await?,
        LokiCall::IndexStats => lists::stats(question).await?,
        LokiCall::IndexVolume => volume::instant(question).await?,
        LokiCall::IndexVolumeRange => volume::over_time(question).await?,
        LokiCall::DetectedFields => fields::fields(question).await?,
        LokiCall::DetectedFieldValues => fields::values(question, name).await?,
        LokiCall::Patterns => patterns::patterns(question).await?,
        LokiCall::FormatQuery => fixed::format_query(&question.parameters).map_err(of_parameter)?,
        // tallies are for gateways, and a tail needs a websocket
        LokiCall::Tallies
        | LokiCall::Tail
        | LokiCall::DrilldownLimits
        | LokiCall::Rules
        | LokiCall::Alerts
        | LokiCall::BuildInfo
        | LokiCall::Ready => return Err(GatewayError::unknown_path()),
    };
    Ok(reply::bytes("application/json", body))
}

/// `/ready`
pub(in crate::gateway) fn ready(app: &GatewayApp) -> Result<GatewayResponse, GatewayError> {
    app.registry.nodes().ok_or_else(no_registry)?;
    Ok(reply::bytes(TEXT, "ready\n"))
}
