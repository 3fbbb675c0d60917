//! Asks several nodes at the same time, a bounded number of them, until a common deadline.

use crate::gateway::across::select::NodeSelection;
use crate::gateway::app::GatewayApp;
use crate::gateway::counters::add;
use crate::gateway::error::GatewayError;
use crate::gateway::node::client::{NodeAnswer, NodeCall};
use crate::gateway::node::fault::NodeFault;
use crate::gateway::node::pool::Node;
use crate::gateway::node::room::RequestPlace;
use crate::tasks::{Erased, restored};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

/// An answer of counts has at most a thousand rows of a few hundred bytes.
pub(in crate::gateway) const COUNTS_BYTES_MAX: usize = 4 << 20;

/// Why a node gave no answer that can be merged.
#[derive(Debug, Clone)]
pub(in crate::gateway) enum AskError {
    Fault(NodeFault),
    /// A parameter is not valid: the error that the node says, which concerns the client.
    Invalid(Vec<u8>),
}

impl From<NodeFault> for AskError {
    fn from(fault: NodeFault) -> Self {
        Self::Fault(fault)
    }
}

/// Which nodes answered.
#[derive(Debug, Default)]
pub(in crate::gateway) struct NodesReport {
    asked: usize,
    failed: BTreeMap<String, NodeFault>,
    /// The error of a node that found a parameter not valid.
    invalid: Option<Vec<u8>>,
}

impl NodesReport {
    pub(in crate::gateway) fn new(selection: &NodeSelection) -> Self {
        Self {
            asked: selection.targets.len() + selection.failed.len(),
            failed: selection.failed.iter().cloned().collect(),
            invalid: None,
        }
    }

    /// Notes that a node gave no answer.
    pub(in crate::gateway) fn fail(&mut self, id: &str, error: AskError) {
        let fault = match error {
            AskError::Fault(fault) => fault,
            AskError::Invalid(body) => {
                // the same one in every order of answers
                if self.invalid.as_ref().is_none_or(|first| body < *first) {
                    self.invalid = Some(body);
                }
                NodeFault::Refused(StatusCode::BAD_REQUEST)
            }
        };
        self.failed.insert(id.to_owned(), fault);
    }

    /// The nodes that gave no answer, in order of their ids.
    pub(in crate::gateway) fn failed(&self) -> &BTreeMap<String, NodeFault> {
        &self.failed
    }

    /// How many nodes gave an answer.
    pub(in crate::gateway) fn answered(&self) -> usize {
        self.asked - self.failed.len()
    }

    /// The error of a node that found a parameter not valid.
    pub(in crate::gateway) fn invalid(&self) -> Option<&[u8]> {
        self.invalid.as_deref()
    }

    /// Counts the nodes for the metrics.
    pub(in crate::gateway) fn count(&self, app: &GatewayApp) {
        add(&app.counters.nodes_asked, self.asked as u64);
        add(&app.counters.nodes_failed, self.failed.len() as u64);
    }

    /// `{"asked", "ok", "failed": [{"id", "reason"}]}`
    pub(in crate::gateway) fn json(&self) -> Value {
        let failed = self
            .failed
            .iter()
            .map(|(id, fault)| json!({"id": id, "reason": fault.reason()}));
        json!({
            "asked": self.asked,
            "ok": self.asked - self.failed.len(),
            "failed": failed.collect::<Vec<_>>(),
        })
    }

    /// An error if no node answered: what the nodes say of a parameter, or that all failed. An empty answer would look like an empty
    /// log.
    pub(in crate::gateway) fn check(&self, app: &GatewayApp) -> Result<(), GatewayError> {
        self.count(app);
        if self.asked == 0 || self.failed.len() < self.asked {
            return Ok(());
        }
        if let Some(body) = self.invalid.as_ref().filter(|body| body.starts_with(b"{")) {
            return Err(GatewayError::in_words_of_node(body.clone()));
        }
        let all = |fault: NodeFault| self.failed.values().all(|found| *found == fault);
        let (status, code, retry_after_seconds) = if all(NodeFault::Timeout) {
            (StatusCode::GATEWAY_TIMEOUT, "node_timeout", None)
        } else if all(NodeFault::Busy) {
            (StatusCode::TOO_MANY_REQUESTS, "node_busy", Some(1))
        } else {
            (StatusCode::BAD_GATEWAY, "nodes_failed", None)
        };
        Err(GatewayError {
            nodes: Some(Box::new(self.json())),
            retry_after_seconds,
            ..GatewayError::new(status, code, "no node answered")
        })
    }
}

/// When a request that begins now gives up on nodes that have not answered.
pub(in crate::gateway) fn deadline(app: &GatewayApp) -> Instant {
    Instant::now() + app.nodes.patience() * 2
}

/// Asks nodes and hands each answer to `take` as it arrives. `calls`: the place of a target and the request for it.
pub(in crate::gateway) async fn ask<T: Send + 'static>(
    app: &Arc<GatewayApp>,
    selection: &NodeSelection,
    calls: Vec<(usize, NodeCall)>,
    bytes_max: usize,
    deadline: Instant,
    read: fn(NodeAnswer) -> Result<T, NodeFault>,
    mut take: impl FnMut(usize, Result<T, AskError>) + Send,
) {
    let read = Arc::new(move |answer| Ok(Box::new(read(answer)?) as Erased));
    let mut take = |index, result: Result<Erased, _>| take(index, result.map(restored));
    ask_erased(app, selection, calls, bytes_max, deadline, read, &mut take).await;
}

/// Reads an answer as a type that the caller knows.
type ReadErased = Arc<dyn Fn(NodeAnswer) -> Result<Erased, NodeFault> + Send + Sync>;

/// [`ask`], compiled once for all types of answers.
async fn ask_erased(
    app: &Arc<GatewayApp>,
    selection: &NodeSelection,
    calls: Vec<(usize, NodeCall)>,
    bytes_max: usize,
    deadline: Instant,
    read: ReadErased,
    take: &mut (dyn FnMut(usize, Result<Erased, AskError>) + Send),
) {
    let mut open: BTreeSet<usize> = calls.iter().map(|(index, _)| *index).collect();
    let mut waiting = calls.into_iter();
    let room = app.room.of_user(selection.principal());
    // Kept until it is there, as another one would wait behind those of all other questions.
    let mut place = None;
    // dropped with this future, and the connections to the nodes with it
    let mut running = JoinSet::new();
    loop {
        if place.is_none() && running.len() < app.options.nodes_at_once && waiting.len() > 0 {
            place = Some(Box::pin(room.clone().place()));
        }
        tokio::select! {
            Some(found) = found(&mut place) => {
                place = None;
                let Some((index, call)) = waiting.next() else {
                    continue;
                };
                let Some(target) = selection.targets.get(index) else {
                    continue;
                };
                let (app, node) = (Arc::clone(app), Arc::clone(&target.node));
                let read = Arc::clone(&read);
                running.spawn(async move {
                    let _place = found;
                    let result = read_until(&app, &node, &call, bytes_max, deadline)
                        .await
                        .map_err(AskError::Fault)
                        .and_then(|answer| judge(&node, answer, read.as_ref()));
                    (index, result)
                });
            }
            Some(ended) = running.join_next() => match ended {
                Ok((index, result)) => {
                    open.remove(&index);
                    take(index, result);
                }
                Err(error) => tracing::error!("asking a node failed: {error}"),
            },
            () = sleep_until(deadline), if place.is_some() => {
                place = None;
                for (index, _) in waiting.by_ref() {
                    open.remove(&index);
                    take(index, Err(NodeFault::Timeout.into()));
                }
            }
            else => break,
        }
    }
    for index in open {
        let fault = NodeFault::Broken("asking it failed".to_owned());
        take(index, Err(fault.into()));
    }
}

/// The place that is waited for, if one is.
async fn found(
    place: &mut Option<Pin<Box<impl Future<Output = RequestPlace>>>>,
) -> Option<RequestPlace> {
    match place {
        Some(place) => Some(place.await),
        None => None,
    }
}

/// Asks a node. One that is busy is asked again when it says so, until the deadline: what a user asks the gateway for becomes several
/// requests to a node, and none of them should fail for that.
async fn read_until(
    app: &GatewayApp,
    node: &Arc<Node>,
    call: &NodeCall,
    bytes_max: usize,
    deadline: Instant,
) -> Result<NodeAnswer, NodeFault> {
    loop {
        let asked = timeout_at(deadline, app.nodes.read(node, call, bytes_max)).await;
        let answer = asked.unwrap_or(Err(NodeFault::Timeout))?;
        if answer.status != StatusCode::TOO_MANY_REQUESTS {
            return Ok(answer);
        }
        let again = Instant::now() + retry_after(&answer);
        if again >= deadline {
            return Ok(answer);
        }
        sleep_until(again).await;
    }
}

/// When a node may be asked again. A node that does not say so in seconds is given one.
fn retry_after(answer: &NodeAnswer) -> Duration {
    let text = answer.headers.get(RETRY_AFTER);
    let seconds = text.and_then(|text| text.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1).max(1))
}

fn judge(
    node: &Node,
    answer: NodeAnswer,
    read: &(dyn Fn(NodeAnswer) -> Result<Erased, NodeFault> + Send + Sync),
) -> Result<Erased, AskError> {
    match answer.status {
        StatusCode::OK => read(answer).map_err(|fault| {
            node.failed(&fault);
            fault.into()
        }),
        StatusCode::BAD_REQUEST if is_sentence(&answer) => Err(AskError::Invalid(answer.body)),
        status => Err(NodeFault::of_status(status).into()),
    }
}

/// Whether an answer says in words what is wrong: as JSON, or, from the API of Loki, as text.
fn is_sentence(answer: &NodeAnswer) -> bool {
    let kind = answer.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    answer.body.starts_with(b"{") || kind.starts_with("text/plain")
}

/// Asks all nodes of a selection with its own parameters; an error if none answered.
pub(in crate::gateway) async fn ask_selection<T: serde::de::DeserializeOwned + Send + 'static>(
    app: &Arc<GatewayApp>,
    selection: &NodeSelection,
    path: &str,
) -> Result<(Vec<(String, T)>, NodesReport), GatewayError> {
    let mut report = NodesReport::new(selection);
    let found = ask_all(app, selection, &mut report, path, &selection.parameters).await;
    report.check(app)?;
    Ok((found, report))
}

/// Asks all nodes of a selection the same. The answers are in the order of the nodes; copies of one node are left out.
pub(in crate::gateway) async fn ask_all<T: serde::de::DeserializeOwned + Send + 'static>(
    app: &Arc<GatewayApp>,
    selection: &NodeSelection,
    report: &mut NodesReport,
    path: &str,
    parameters: &[(String, String)],
) -> Vec<(String, T)> {
    let targets = &selection.targets;
    let calls = targets.iter().enumerate().map(|(index, target)| {
        let headers = hyper::HeaderMap::new();
        (index, selection.call(target, path, parameters, headers))
    });
    let mut found: Vec<Option<(T, Option<String>)>> = Vec::new();
    found.resize_with(targets.len(), || None);
    let calls = calls.collect();
    ask(
        app,
        selection,
        calls,
        COUNTS_BYTES_MAX,
        deadline(app),
        parsed,
        |index, result| {
            let (Some(target), Some(slot)) = (targets.get(index), found.get_mut(index)) else {
                return;
            };
            match result {
                Ok(answer) => *slot = Some(answer),
                Err(error) => report.fail(target.id(), error),
            }
        },
    )
    .await;
    let stores = found
        .iter()
        .map(|slot| slot.as_ref().and_then(|(_, store)| store.as_deref()));
    for index in clones(stores) {
        if let (Some(slot), Some(target)) = (found.get_mut(index), targets.get(index)) {
            *slot = None;
            report.fail(target.id(), NodeFault::Cloned.into());
        }
    }
    let named = targets.iter().zip(found);
    named
        .filter_map(|(target, slot)| Some((target.id().to_owned(), slot?.0)))
        .collect()
}

/// An answer with the identity of the store that it comes from.
fn parsed<T: serde::de::DeserializeOwned>(
    answer: NodeAnswer,
) -> Result<(T, Option<String>), NodeFault> {
    let body = serde_json::from_slice(&answer.body)
        .map_err(|error| NodeFault::Broken(error.to_string()))?;
    Ok((body, answer.store))
}

/// The places of stores that are there more than once.
pub(in crate::gateway) fn clones<'s>(stores: impl Iterator<Item = Option<&'s str>>) -> Vec<usize> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, store) in stores.enumerate() {
        if let Some(store) = store {
            places.entry(store).or_default().push(index);
        }
    }
    let several = places.into_values().filter(|places| places.len() > 1);
    several.flatten().collect()
}
