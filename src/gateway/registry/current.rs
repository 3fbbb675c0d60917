//! The nodes that are known now: those of the list, and those that have joined.

use crate::gateway::join::members::Members;
use crate::gateway::node::entry::{NodeAddress, NodeEntry};
use crate::gateway::node::fault::NodeFault;
use crate::gateway::node::pool::Node;
use crate::gateway::node::uplinks::Uplinks;
use crate::gateway::registry::document;
use crate::gateway::registry::source::DocumentSource;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// The nodes by their ids.
pub(in crate::gateway) type NodeMap = BTreeMap<String, Arc<Node>>;

/// How often to look for a change where there is no list that could change.
const INTERVAL_WITHOUT_LIST: Duration = Duration::from_hours(24);

/// The registry: the last valid list of nodes.
#[derive(Debug)]
pub(in crate::gateway) struct Registry {
    /// `None`: all nodes join by themselves.
    source: Option<tokio::sync::Mutex<DocumentSource>>,
    /// The last valid list.
    listed: Mutex<Option<Vec<NodeEntry>>>,
    members: Arc<Members>,
    uplinks: Arc<Uplinks>,
    nodes: RwLock<Option<Arc<NodeMap>>>,
    problem: Mutex<Option<String>>,
    /// How often the last valid list stayed in use because a new one was not valid or could not be read.
    failures: AtomicUsize,
    idle: Arc<AtomicUsize>,
}

impl Registry {
    pub(in crate::gateway) fn new(
        source: Option<DocumentSource>,
        members: Arc<Members>,
        uplinks: Arc<Uplinks>,
    ) -> Self {
        // without a list, no node is in it
        let listed = source.is_none().then(Vec::new);
        let registry = Self {
            source: source.map(tokio::sync::Mutex::new),
            listed: Mutex::new(listed),
            members,
            uplinks,
            nodes: RwLock::default(),
            problem: Mutex::default(),
            failures: AtomicUsize::default(),
            idle: Arc::default(),
        };
        registry.rebuild();
        registry
    }

    /// The nodes; `None` before the first valid list.
    pub(in crate::gateway) fn nodes(&self) -> Option<Arc<NodeMap>> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        nodes.clone()
    }

    /// Why the newest list is not in use.
    pub(in crate::gateway) fn problem(&self) -> Option<String> {
        lock(&self.problem).clone()
    }

    pub(in crate::gateway) fn failures(&self) -> usize {
        self.failures.load(Ordering::Relaxed)
    }

    /// Connections to nodes that wait for the next request.
    pub(in crate::gateway) fn idle(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }

    /// How often to look for a change.
    pub(in crate::gateway) async fn interval(&self) -> Duration {
        match &self.source {
            Some(source) => source.lock().await.interval(),
            None => INTERVAL_WITHOUT_LIST,
        }
    }

    /// Reads the list if it has changed. A list that is not valid is reported once, and the last valid one stays in use.
    pub(in crate::gateway) async fn refresh(&self) {
        let Some(source) = &self.source else {
            return;
        };
        let mut source = source.lock().await;
        match source.changed().await {
            Ok(None) => {
                // a document that is not valid stays so until it changes; one that could not be read is readable again
                let mut problem = lock(&self.problem);
                if problem.as_deref().is_some_and(|text| !is_of_content(text)) {
                    *problem = None;
                }
            }
            Ok(Some(text)) => match document::parse(&text) {
                Ok(entries) => {
                    let count = entries.len();
                    *lock(&self.listed) = Some(entries);
                    self.rebuild();
                    *lock(&self.problem) = None;
                    tracing::info!("the registry has {count} nodes");
                }
                Err(error) => self.fail(format!("{NOT_VALID}{error}")),
            },
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn fail(&self, text: String) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut problem = lock(&self.problem);
        if problem.as_ref() == Some(&text) {
            return;
        }
        let kept = self.nodes().map_or(0, |nodes| nodes.len());
        tracing::warn!("the registry cannot be used: {text}; {kept} known nodes stay in use");
        *problem = Some(text);
    }

    /// Puts the last valid list and the nodes that have joined in use. Nodes that did not change keep their connections; a node that may
    /// not connect any more loses its own.
    pub(in crate::gateway) fn rebuild(&self) {
        // held until the end, so that an older result never replaces a newer one
        let listed = lock(&self.listed);
        let Some(listed) = listed.as_ref() else {
            return;
        };
        let known = self.nodes();
        let keep = |entry: NodeEntry| {
            let same = known
                .as_ref()
                .and_then(|known| known.get(&entry.id))
                .filter(|node| node.entry == entry);
            let id = entry.id.clone();
            let node = same.cloned().unwrap_or_else(|| self.node(entry));
            (id, node)
        };
        let joined = self.members.current();
        let joined = joined.nodes.values().map(|member| member.place.entry());
        let mut nodes: NodeMap = joined.map(keep).collect();
        // of a node in both, the list says who sees it
        nodes.extend(listed.iter().cloned().map(keep));
        let mut current = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::new(nodes));
        drop(current);
        self.end_revoked();
    }

    fn node(&self, entry: NodeEntry) -> Arc<Node> {
        let connects = entry.address == NodeAddress::Connects;
        let is_absent = connects && self.uplinks.sender(&entry.id).is_none();
        let node = Node::new(entry, Arc::clone(&self.idle));
        if is_absent {
            node.begins_absent();
        }
        Arc::new(node)
    }

    /// Ends the connections of nodes whose key is not accepted any more, or that the list now has an address for.
    pub(in crate::gateway) fn end_revoked(&self) {
        let nodes = self.nodes();
        self.uplinks.end_unless(|id, key| {
            let node = nodes.as_ref().and_then(|nodes| nodes.get(id));
            let connects = node.is_some_and(|node| node.entry.address == NodeAddress::Connects);
            connects && self.members.key(id) == Some(*key)
        });
    }

    /// Notes that a node has connected.
    pub(in crate::gateway) fn connected(&self, id: &str) {
        if let Some(node) = self.nodes().as_ref().and_then(|nodes| nodes.get(id)) {
            node.answered(None);
        }
    }

    /// Notes that a node has lost its connection.
    pub(in crate::gateway) fn disconnected(&self, id: &str) {
        if let Some(node) = self.nodes().as_ref().and_then(|nodes| nodes.get(id)) {
            node.failed(&NodeFault::NotConnected);
        }
    }
}

/// How the problem of a document begins that was read and is not valid.
const NOT_VALID: &str = "it is not valid: ";

fn is_of_content(problem: &str) -> bool {
    problem.starts_with(NOT_VALID)
}

/// A panic elsewhere leaves the text intact.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::join::document::{NodePlace, create_join_token, revoke_node};
    use crate::server::KeySource;
    use std::fs;
    use std::path::Path;

    fn registry(path: &Path) -> Registry {
        let source = KeySource::File(path.to_owned());
        let members = Members::open(path.parent().expect("a folder")).expect("members");
        let source = DocumentSource::new(source, None, None);
        Registry::new(Some(source), Arc::new(members), Arc::default())
    }

    fn join(registry: &Registry, folder: &Path, id: &str) {
        let place = NodePlace {
            node: id.to_owned(),
            owner: Some("ann".to_owned()),
            workspaces: BTreeMap::new(),
            labels: BTreeMap::new(),
        };
        let token = create_join_token(folder, place, Duration::from_mins(1));
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let joined = registry.members.join(&token.expect("a token"), id, key);
        joined.expect("a file").expect("joined");
        registry.rebuild();
    }

    fn ids(registry: &Registry) -> Vec<String> {
        let nodes = registry.nodes().expect("a list");
        nodes.keys().cloned().collect()
    }

    fn document(ids: &[&str]) -> String {
        let rows = ids
            .iter()
            .map(|id| format!("{{\"id\": \"{id}\", \"url\": \"http://127.0.0.1:1\"}}"));
        format!("{{\"nodes\": [{}]}}", rows.collect::<Vec<_>>().join(","))
    }

    /// Replaces the file, so that its inode changes whatever the clock says.
    fn put(path: &Path, text: &str) {
        let aside = path.with_extension("new");
        fs::write(&aside, text).expect("written");
        fs::rename(aside, path).expect("renamed");
    }

    #[tokio::test]
    async fn a_change_is_read_and_a_bad_one_leaves_the_last_valid_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nodes.json");
        let registry = registry(&path);
        registry.refresh().await;
        assert!(registry.nodes().is_none());
        assert!(
            registry
                .problem()
                .is_some_and(|text| text.contains("nodes.json"))
        );

        put(&path, &document(&["b", "a"]));
        registry.refresh().await;
        assert_eq!(ids(&registry), ["a", "b"]);
        assert_eq!(registry.problem(), None);
        let kept = Arc::clone(&registry.nodes().expect("a list")["a"]);

        put(&path, "{\"nodes\": [{}]}");
        registry.refresh().await;
        assert_eq!(ids(&registry), ["a", "b"]);
        let problem = registry.problem().expect("a problem");
        assert!(problem.contains("missing field `id`"), "{problem}");
        registry.refresh().await;
        assert_eq!(registry.problem(), Some(problem));

        put(&path, &document(&["a", "c"]));
        registry.refresh().await;
        assert_eq!(ids(&registry), ["a", "c"]);
        assert_eq!(registry.problem(), None);
        let same = Arc::clone(&registry.nodes().expect("a list")["a"]);
        assert!(
            Arc::ptr_eq(&kept, &same),
            "a node that did not change is kept"
        );

        fs::remove_file(&path).expect("removed");
        registry.refresh().await;
        assert_eq!(ids(&registry), ["a", "c"]);
        assert!(registry.problem().is_some());
    }

    #[tokio::test]
    async fn nodes_that_have_joined_are_nodes_and_the_list_says_who_sees_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("nodes.json");
        let registry = registry(&path);
        let join = |id: &str| join(&registry, folder.path(), id);
        join("b");
        assert!(registry.nodes().is_none(), "no valid list yet");
        put(
            &path,
            r#"{"nodes": [{"id": "a", "url": "http://127.0.0.1:1"}, {"id": "c", "owner": "bob"}]}"#,
        );
        registry.refresh().await;
        join("c");
        assert_eq!(ids(&registry), ["a", "b", "c"]);
        let nodes = registry.nodes().expect("a list");
        let owner = |id: &str| nodes[id].entry.owner.clone();
        assert_eq!(owner("b").as_deref(), Some("ann"));
        assert_eq!(owner("c").as_deref(), Some("bob"));
        assert_eq!(nodes["a"].health().fault, None);
        assert_eq!(nodes["b"].health().fault, Some("node_unreachable"));
        assert!(revoke_node(folder.path(), "b").expect("a file"));
        assert!(registry.members.refresh().expect("a file"));
        registry.rebuild();
        assert_eq!(ids(&registry), ["a", "c"]);
    }

    #[tokio::test]
    async fn without_a_list_the_nodes_are_those_that_have_joined() {
        let folder = tempfile::tempdir().expect("a folder");
        let members = Members::open(folder.path()).expect("members");
        let registry = Registry::new(None, Arc::new(members), Arc::default());
        registry.refresh().await;
        assert_eq!((ids(&registry), registry.problem()), (Vec::new(), None));
        join(&registry, folder.path(), "b");
        assert_eq!(ids(&registry), ["b"]);
        // those of before a restart are there at once
        let members = Members::open(folder.path()).expect("members");
        let registry = Registry::new(None, Arc::new(members), Arc::default());
        assert_eq!(ids(&registry), ["b"]);
    }
}
