//! The nodes that have joined, as the gateway knows them now.

use crate::gateway::join::document::{self, FILE_NAME, JoinDocument, JoinRefusal, public_key};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The nodes that have joined. The file is read again when it changes, so that a node which another process revokes is refused.
#[derive(Debug)]
pub(in crate::gateway) struct Members {
    folder: PathBuf,
    current: RwLock<Arc<JoinDocument>>,
    /// The version that was read last.
    version: Mutex<Option<FileVersion>>,
}

/// Inode, size and time of the last change.
type FileVersion = (u64, u64, i64, i64);

impl Members {
    /// Reads the file.
    pub(in crate::gateway) fn open(folder: &Path) -> io::Result<Self> {
        let members = Self {
            folder: folder.to_owned(),
            current: RwLock::default(),
            version: Mutex::default(),
        };
        members.refresh()?;
        Ok(members)
    }

    pub(in crate::gateway) fn current(&self) -> Arc<JoinDocument> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// The public key of a node that has joined.
    pub(in crate::gateway) fn key(&self, node: &str) -> Option<[u8; 32]> {
        public_key(&self.current().nodes.get(node)?.key)
    }

    /// Reads the file if it has changed; says whether it has.
    pub(in crate::gateway) fn refresh(&self) -> io::Result<bool> {
        let mut known = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match fs::metadata(self.folder.join(FILE_NAME)) {
            Ok(found) => {
                let changed = (found.mtime(), found.mtime_nsec());
                Some((found.ino(), found.size(), changed.0, changed.1))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if *known == found {
            return Ok(false);
        }
        // a file that was removed is empty: nobody has joined
        let read = document::read(&self.folder)?;
        *known = found;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(read);
        Ok(true)
    }

    /// Lets a node join.
    pub(in crate::gateway) fn join(
        &self,
        token: &str,
        node: &str,
        key: &str,
    ) -> io::Result<Result<(), JoinRefusal>> {
        self.refresh()?;
        if !self.current().mentions(token) {
            return Ok(Err(JoinRefusal::Unknown));
        }
        let joined = document::update(&self.folder, |document| document.join(token, node, key))?;
        self.refresh()?;
        Ok(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::join::document::{NodePlace, create_join_token, revoke_node};
    use std::collections::BTreeMap;
    use std::time::Duration;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn what_other_processes_change_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let members = Members::open(folder.path()).expect("a folder");
        assert!(!members.refresh().expect("unchanged"));
        let place = NodePlace {
            node: "n1".to_owned(),
            owner: None,
            workspaces: BTreeMap::new(),
            labels: BTreeMap::new(),
        };
        let token = create_join_token(folder.path(), place, Duration::from_mins(1));
        let token = token.expect("a token");
        assert_eq!(
            members.join("other", "n1", KEY).expect("a file"),
            Err(JoinRefusal::Unknown)
        );
        assert_eq!(members.join(&token, "n1", KEY).expect("a file"), Ok(()));
        assert_eq!(members.key("n1"), Some([0; 32]));
        assert!(revoke_node(folder.path(), "n1").expect("a file"));
        assert!(members.refresh().expect("a file"));
        assert_eq!(members.key("n1"), None);
        // a damaged file is an error, and the last valid one stays in use
        fs::write(folder.path().join(FILE_NAME), "{").expect("written");
        assert!(members.refresh().is_err());
        fs::remove_file(folder.path().join(FILE_NAME)).expect("removed");
        assert!(members.refresh().expect("nothing"));
    }
}
