//! The live tail of one node as the gateway follows it: it continues when the token of the gateway has expired.

use crate::gateway::node::body::NodeBody;
use crate::gateway::node::client::{NodeCall, NodeClient};
use crate::gateway::node::fault::NodeFault;
use crate::gateway::node::pool::Node;
use crate::gateway::proxy::splitter::{BlockSplitter, SseBlock};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::header::HeaderName;
use std::sync::Arc;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The end that a node announces when the token with which the tail began has expired.
const EXPIRED: &str = "token_expired";

/// How a stream continues over a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Resumption {
    /// After the last event that had an ID.
    AfterLast,
    /// From the beginning: each event holds the whole state, and the one that the client has is left out.
    Anew,
}

/// The live tail of one node.
#[derive(Debug)]
pub(in crate::gateway) struct NodeFeed {
    node: Arc<Node>,
    call: NodeCall,
    body: NodeBody,
    splitter: BlockSplitter,
    last_id: Option<String>,
    resumption: Resumption,
    /// Of a stream that begins anew: the data of the last event.
    last_data: String,
    /// Whether the first block of a connection that continues another is still to come.
    is_resuming: bool,
}

impl NodeFeed {
    /// The tail whose answer has begun.
    pub(in crate::gateway) fn new(
        node: Arc<Node>,
        call: NodeCall,
        response: Response<NodeBody>,
        resumption: Resumption,
    ) -> Self {
        Self {
            node,
            call,
            body: response.into_body(),
            splitter: BlockSplitter::default(),
            last_id: None,
            resumption,
            last_data: String::new(),
            is_resuming: false,
        }
    }

    /// The next block; `None` at the end of the stream.
    pub(in crate::gateway) async fn next(
        &mut self,
        nodes: &NodeClient,
    ) -> Result<Option<SseBlock>, NodeFault> {
        loop {
            while let Some(block) = self.splitter.next()? {
                let goes_on = self.last_id.is_some() || self.resumption == Resumption::Anew;
                if block.event == "end" && block.data.contains(EXPIRED) && goes_on {
                    self.reopen(nodes).await?;
                    continue;
                }
                if let Some(id) = &block.id {
                    self.last_id = Some(id.clone());
                }
                // it repeats the id with which the connection was opened again
                let is_first = std::mem::take(&mut self.is_resuming);
                let is_known = match self.resumption {
                    Resumption::AfterLast => block.data.is_empty(),
                    Resumption::Anew => block.data == self.last_data,
                };
                if is_first && is_known {
                    continue;
                }
                if self.resumption == Resumption::Anew && !block.data.is_empty() {
                    self.last_data.clone_from(&block.data);
                }
                return Ok(Some(block));
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| match error.downcast::<NodeFault>() {
                Ok(fault) => *fault,
                Err(error) => NodeFault::Broken(error.to_string()),
            })?;
            if let Some(bytes) = frame.data_ref() {
                self.splitter.push(bytes)?;
            }
        }
    }

    /// Connects again with a new token, after the last record that was received.
    async fn reopen(&mut self, nodes: &NodeClient) -> Result<(), NodeFault> {
        if let Some(id) = &self.last_id {
            let id = id
                .parse()
                .map_err(|_| NodeFault::Broken("the id of an event is not valid".to_owned()))?;
            self.call.headers.insert(LAST_EVENT_ID, id);
        }
        let response = nodes.send(&self.node, &self.call).await?;
        if !response.status().is_success() {
            return Err(NodeFault::of_status(response.status()));
        }
        self.body = response.into_body();
        self.splitter = BlockSplitter::default();
        self.is_resuming = true;
        Ok(())
    }
}
