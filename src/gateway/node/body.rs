//! The body of a node's answer, passed on as it arrives.

use crate::gateway::node::fault::NodeFault;
use crate::gateway::node::pool::Node;
use crate::gateway::reply::BodyError;
use crate::http_client::Sender;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// A node that sends nothing for this long is gone: a live tail sends a comment twice a minute.
const SILENT_MAX: Duration = Duration::from_secs(90);

/// The body of a node's answer. Dropping it before its end closes the connection, or the stream of one that the node has opened, so that
/// the node stops its work; at its end the connection is kept for the next request.
#[derive(Debug)]
pub(in crate::gateway) struct NodeBody {
    body: Incoming,
    sender: Option<Sender>,
    node: Arc<Node>,
    silent: Pin<Box<Sleep>>,
}

impl NodeBody {
    /// `sender`: the connection, if it is for one request at a time.
    pub(in crate::gateway) fn new(body: Incoming, sender: Option<Sender>, node: Arc<Node>) -> Self {
        let mut body = Self {
            body,
            sender,
            node,
            silent: Box::pin(sleep(SILENT_MAX)),
        };
        if body.body.is_end_stream() {
            body.finish();
        }
        body
    }

    fn finish(&mut self) {
        if let Some(sender) = self.sender.take() {
            self.node.give_back(sender);
        }
    }
}

impl Body for NodeBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.silent.as_mut().reset(Instant::now() + SILENT_MAX);
                if self.body.is_end_stream() {
                    self.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.sender = None;
                let fault = NodeFault::Broken(error.to_string());
                Poll::Ready(Some(Err(fault.into())))
            }
            Poll::Ready(None) => {
                self.finish();
                Poll::Ready(None)
            }
            Poll::Pending if self.silent.as_mut().poll(context).is_ready() => {
                self.sender = None;
                Poll::Ready(Some(Err(NodeFault::Timeout.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
