//! A call of Loki's API, and how it is put to the nodes.

use super::refusal::{of_parameter, refused};
use crate::gateway::across::ask::{NodesReport, ask_all};
use crate::gateway::across::select::{NodeSelection, select_as_sent};
use crate::gateway::app::GatewayApp;
use crate::gateway::error::GatewayError;
use crate::gateway::node::fault::NodeFault;
use crate::gateway::request::GatewayRequest;
use crate::logql::{self, Expr, LabelConditions};
use crate::server::loki::parameters::{FLAGS, LokiParameters};
use crate::time::Micros;
use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The label with the name of a node.
pub(super) const NODE: &str = "node";

/// Nodes that did not answer, and warnings of nodes, that an answer names.
const WARNINGS_MAX: usize = 20;

/// A call of a user.
pub(super) struct LokiQuestion {
    pub(super) app: Arc<GatewayApp>,
    pub(super) parameters: LokiParameters,
    /// The nodes that are asked.
    pub(super) selection: NodeSelection,
}

/// The usual form of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct Enclosed<T> {
    pub(super) data: T,
}

/// A time in a form that is read as nanoseconds, however early it is: numbers of ten digits would be seconds.
pub(super) fn nanos(time: i64) -> String {
    format!("{time:020}")
}

/// A parameter.
pub(super) fn pair(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

impl LokiQuestion {
    /// All nodes of the user, unless a parameter narrows them.
    pub(super) fn new(
        app: &Arc<GatewayApp>,
        request: &GatewayRequest,
    ) -> Result<Self, GatewayError> {
        let selection = select_as_sent(app, request)?;
        let flags = request.headers.get(FLAGS);
        let flags = flags
            .and_then(|flags| flags.to_str().ok())
            .unwrap_or_default();
        let now = Micros::now().get().saturating_mul(1_000);
        let parameters = LokiParameters::of(selection.parameters.clone(), flags, now);
        Ok(Self {
            app: Arc::clone(app),
            parameters,
            selection,
        })
    }

    /// The query.
    pub(super) fn query(&self) -> Result<String, GatewayError> {
        let query = self.parameters.query().map_err(of_parameter)?;
        Ok(query.to_owned())
    }

    /// Start and end.
    pub(super) fn range(&self, since_nanos: i64) -> Result<(i64, i64), GatewayError> {
        self.parameters.range(since_nanos).map_err(of_parameter)
    }

    /// Leaves out nodes that the selectors of a query exclude.
    pub(super) fn narrow(&mut self, expr: &Expr, text: &str) -> Result<(), GatewayError> {
        self.narrow_to_any(&[conditions(expr, text)?]);
        Ok(())
    }

    /// Leaves out nodes that all of the queries exclude.
    pub(super) fn narrow_to_any(&mut self, conditions: &[LabelConditions]) {
        let is_asked = |id: &str| conditions.iter().any(|each| each.accepts(id));
        self.selection
            .targets
            .retain(|target| is_asked(target.id()));
        self.selection.failed.retain(|(id, _)| is_asked(id));
    }

    /// Leaves out nodes that an optional selector excludes. An empty one, and `{}`, exclude none.
    pub(super) fn narrow_to_selector(&mut self) -> Result<(), GatewayError> {
        let Some(text) = self.parameters.get("query").map(str::to_owned) else {
            return Ok(());
        };
        if let Some(conditions) = selector(&text)? {
            self.narrow_to_any(&[conditions]);
        }
        Ok(())
    }

    /// The period as parameters, and those of the call with these names.
    pub(super) fn with_range(
        &self,
        (start, end): (i64, i64),
        names: &[&str],
    ) -> Vec<(String, String)> {
        let mut list = vec![pair("start", nanos(start)), pair("end", nanos(end))];
        for name in names {
            list.extend(self.parameters.all(name).map(|value| pair(name, value)));
        }
        list
    }

    /// Asks all nodes for JSON; an error if none answered, or if a node finds the query not valid.
    pub(super) async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
        parameters: &[(String, String)],
    ) -> Result<(Vec<(String, T)>, NodesReport), GatewayError> {
        let mut report = NodesReport::new(&self.selection);
        let path = format!("/loki/api/v1/{path}");
        let found = ask_all(&self.app, &self.selection, &mut report, &path, parameters).await;
        check(&self.app, &report)?;
        Ok((found, report))
    }
}

/// The conditions of a query on the node.
pub(super) fn conditions(expr: &Expr, text: &str) -> Result<LabelConditions, GatewayError> {
    LabelConditions::new(expr, NODE).map_err(|error| refused(error.located(text).to_string()))
}

/// The conditions of a selector on the node; `None` for one that selects everything.
pub(super) fn selector(text: &str) -> Result<Option<LabelConditions>, GatewayError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let expr = logql::parse_unchecked(text).map_err(|error| refused(error.to_string()))?;
    conditions(&expr, text).map(Some)
}

/// An error if a node finds the query not valid, or if none answered: an empty answer would look like an empty log.
pub(super) fn check(app: &GatewayApp, report: &NodesReport) -> Result<(), GatewayError> {
    report.count(app);
    if let Some(body) = report.invalid() {
        return Err(refused(String::from_utf8_lossy(body).into_owned()));
    }
    if report.answered() > 0 || report.failed().is_empty() {
        return Ok(());
    }
    let is_timeout = report
        .failed()
        .values()
        .all(|fault| *fault == NodeFault::Timeout);
    let (status, code) = if is_timeout {
        (StatusCode::GATEWAY_TIMEOUT, "node_timeout")
    } else {
        (StatusCode::BAD_GATEWAY, "nodes_failed")
    };
    let failed = failures(report).join("; ");
    Err(GatewayError::new(
        status,
        code,
        format!("no node answered: {failed}"),
    ))
}

/// Which nodes did not answer, in words.
fn failures(report: &NodesReport) -> Vec<String> {
    let named = report.failed().iter().take(WARNINGS_MAX);
    let mut texts: Vec<String> = named
        .map(|(id, fault)| format!("node {id}: {} ({})", fault.message(), fault.reason()))
        .collect();
    let rest = report.failed().len() - texts.len();
    if rest > 0 {
        texts.push(format!("{rest} more nodes did not answer"));
    }
    texts
}

/// The warnings of an answer: nodes that are missing in it, and what nodes say.
pub(super) fn warnings(report: &NodesReport, of_nodes: &[(String, String)]) -> Vec<String> {
    let mut texts = failures(report);
    let room = WARNINGS_MAX.saturating_sub(texts.len());
    texts.extend(
        of_nodes
            .iter()
            .take(room)
            .map(|(id, text)| format!("node {id}: {text}")),
    );
    if of_nodes.len() > room {
        texts.push(format!("{} more warnings of nodes", of_nodes.len() - room));
    }
    texts
}
