//! A node with its idle connections and what was last seen of it.

use crate::gateway::node::entry::NodeEntry;
use crate::gateway::node::fault::NodeFault;
use crate::http_client::Sender;
use crate::time::Micros;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Idle connections to one node: a page asks each node for one thing at a time.
const IDLE_MAX: usize = 4;

/// Idle connections to all nodes together. Each costs a descriptor and a few KiB.
const IDLE_OF_ALL_MAX: usize = 2_048;

/// Nodes close a connection that has been idle for a minute.
const IDLE_FOR_MAX: Duration = Duration::from_secs(30);

/// A node of the registry, with its idle connections.
#[derive(Debug)]
pub(in crate::gateway) struct Node {
    pub(in crate::gateway) entry: NodeEntry,
    idle: Mutex<Vec<IdleConnection>>,
    idle_of_all: Arc<AtomicUsize>,
    health: Mutex<NodeHealth>,
    /// The most records that a page of it may have; 0 before it has said so.
    page_max: AtomicUsize,
}

#[derive(Debug)]
struct IdleConnection {
    sender: Sender,
    since: Instant,
}

/// What was last seen of a node.
#[derive(Debug, Clone, Default)]
pub(in crate::gateway) struct NodeHealth {
    /// When it last answered.
    pub(in crate::gateway) seen: Option<Micros>,
    /// Why it did not answer the last request.
    pub(in crate::gateway) fault: Option<&'static str>,
    /// A digest of the identity of its store.
    pub(in crate::gateway) store: Option<String>,
}

impl Node {
    /// `idle_of_all` counts the idle connections of all nodes.
    pub(in crate::gateway) fn new(entry: NodeEntry, idle_of_all: Arc<AtomicUsize>) -> Self {
        Self {
            entry,
            idle: Mutex::default(),
            idle_of_all,
            health: Mutex::default(),
            page_max: AtomicUsize::new(0),
        }
    }

    /// The connection that was used last, if it is still open.
    pub(in crate::gateway) fn take_idle(&self) -> Option<Sender> {
        let mut idle = lock(&self.idle);
        while let Some(connection) = idle.pop() {
            self.idle_of_all.fetch_sub(1, Ordering::Relaxed);
            let is_fresh = connection.since.elapsed() < IDLE_FOR_MAX;
            if is_fresh && !connection.sender.is_closed() {
                return Some(connection.sender);
            }
        }
        None
    }

    /// Keeps a connection for the next request, if there is room.
    pub(in crate::gateway) fn give_back(&self, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut idle = lock(&self.idle);
        if idle.len() >= IDLE_MAX || self.idle_of_all.load(Ordering::Relaxed) >= IDLE_OF_ALL_MAX {
            return;
        }
        self.idle_of_all.fetch_add(1, Ordering::Relaxed);
        idle.push(IdleConnection {
            sender,
            since: Instant::now(),
        });
    }

    /// Closes connections that have been idle for long.
    pub(in crate::gateway) fn close_idle(&self) {
        let mut idle = lock(&self.idle);
        let before = idle.len();
        idle.retain(|connection| connection.since.elapsed() < IDLE_FOR_MAX);
        self.idle_of_all
            .fetch_sub(before - idle.len(), Ordering::Relaxed);
    }

    /// Notes an answer, with the identity of the store that it names.
    pub(in crate::gateway) fn answered(&self, store: Option<&str>) {
        let mut health = lock(&self.health);
        health.seen = Some(Micros::now());
        health.fault = None;
        if store.is_some() && health.store.as_deref() != store {
            health.store = store.map(str::to_owned);
        }
    }

    /// The most records that a page of the node may have, as far as it is known.
    pub(in crate::gateway) fn page_max(&self) -> usize {
        match self.page_max.load(Ordering::Relaxed) {
            0 => usize::MAX,
            most => most,
        }
    }

    /// Notes what the node says of that.
    pub(in crate::gateway) fn allows(&self, most: usize) {
        self.page_max.store(most, Ordering::Relaxed);
    }

    /// Notes that there was no answer.
    pub(in crate::gateway) fn failed(&self, fault: &NodeFault) {
        let reason = fault.reason();
        let before = lock(&self.health).fault.replace(reason);
        if before != Some(reason) {
            tracing::warn!("node {}: {fault}", self.entry.id);
        }
    }

    /// The node connects to the gateway, and has not yet.
    pub(in crate::gateway) fn begins_absent(&self) {
        lock(&self.health).fault = Some(NodeFault::NotConnected.reason());
    }

    pub(in crate::gateway) fn health(&self) -> NodeHealth {
        lock(&self.health).clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let idle = lock(&self.idle).len();
        self.idle_of_all.fetch_sub(idle, Ordering::Relaxed);
    }
}

/// A panic elsewhere leaves the state behind these locks intact.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
