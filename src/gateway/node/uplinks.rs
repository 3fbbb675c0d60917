//! The connections of nodes that connect by themselves. Each carries many requests at a time.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http2::SendRequest;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A sender of requests over the connection of a node.
pub(in crate::gateway) type UplinkSender = SendRequest<Full<Bytes>>;

/// The open connections, at most one of each node.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Uplinks {
    open: Mutex<OpenUplinks>,
}

#[derive(Debug, Default)]
struct OpenUplinks {
    by_node: HashMap<String, OpenUplink>,
    next: u64,
}

#[derive(Debug)]
struct OpenUplink {
    number: u64,
    uplink: NewUplink,
}

/// A connection of a node that has proved who it is.
#[derive(Debug)]
pub(in crate::gateway) struct NewUplink {
    pub(in crate::gateway) sender: UplinkSender,
    /// The key that it has proved to have.
    pub(in crate::gateway) key: [u8; 32],
    /// Where it comes from.
    pub(in crate::gateway) peer: IpAddr,
    /// Ends the connection.
    pub(in crate::gateway) sever: watch::Sender<bool>,
}

impl Uplinks {
    /// Requests to this node; `None` if it is not connected.
    pub(in crate::gateway) fn sender(&self, node: &str) -> Option<UplinkSender> {
        let open = lock(&self.open);
        let sender = &open.by_node.get(node)?.uplink.sender;
        (!sender.is_closed()).then(|| sender.clone())
    }

    /// Adds a connection. The newest counts: an older one of the node is ended, as it may have been lost without notice. Returns the
    /// number of the new one, and where the older one came from.
    pub(in crate::gateway) fn add(&self, node: &str, uplink: NewUplink) -> (u64, Option<IpAddr>) {
        let mut open = lock(&self.open);
        let number = open.next;
        open.next += 1;
        let added = OpenUplink { number, uplink };
        let before = open.by_node.insert(node.to_owned(), added);
        let from = before.map(|before| {
            before.uplink.sever.send_replace(true);
            before.uplink.peer
        });
        (number, from)
    }

    /// Removes a connection that has ended; `false` if a newer one has taken its place.
    pub(in crate::gateway) fn remove(&self, node: &str, number: u64) -> bool {
        let mut open = lock(&self.open);
        let is_it = open
            .by_node
            .get(node)
            .is_some_and(|open| open.number == number);
        is_it && open.by_node.remove(node).is_some()
    }

    /// Ends the connections of nodes that may not have one any more: `may` is asked with a node and its key.
    pub(in crate::gateway) fn end_unless(&self, may: impl Fn(&str, &[u8; 32]) -> bool) {
        let mut open = lock(&self.open);
        open.by_node.retain(|node, open| {
            let stays = may(node, &open.uplink.key);
            if !stays {
                open.uplink.sever.send_replace(true);
                tracing::info!("node {node}: its connection was ended, as it was revoked");
            }
            stays
        });
    }

    /// How many nodes are connected.
    pub(in crate::gateway) fn count(&self) -> usize {
        lock(&self.open).by_node.len()
    }
}

/// A panic elsewhere leaves the connections intact.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
