//! Sessions of the page that were ended before their time, in a file that gateways with the same folder share.

use crate::gateway::session::grant::SessionName;
use crate::server::private_file;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::watch;

/// The name of the file in the gateway's folder.
const FILE_NAME: &str = "ended-sessions.json";

/// Sessions that are remembered, each for half a day at most. Beyond it, the one that expires first is forgotten, as on a node.
const REVOKED_MAX: usize = 10_000;

/// Twice as much as the maximum takes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// IDs of sessions, and when they expire in seconds since 1970.
type EndedSessions = BTreeMap<String, u64>;

/// The sessions that were ended.
#[derive(Debug)]
pub(in crate::gateway) struct RevokedSessions {
    folder: PathBuf,
    known: Mutex<KnownSessions>,
    /// Changes whenever more sessions may have ended.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct KnownSessions {
    ended: EndedSessions,
    /// Inode and time of the last change of the file that was read.
    version: Option<(u64, i64, i64)>,
}

impl RevokedSessions {
    pub(in crate::gateway) fn open(folder: &Path) -> io::Result<Self> {
        let sessions = Self {
            folder: folder.to_owned(),
            known: Mutex::default(),
            changed: watch::channel(()).0,
        };
        sessions.refresh()?;
        Ok(sessions)
    }

    pub(in crate::gateway) fn contains(&self, id: &str) -> bool {
        lock(&self.known).ended.contains_key(id)
    }

    /// Waits until a session has been ended, here or by another gateway.
    pub(in crate::gateway) async fn ended(&self, id: &str) {
        let mut changed = self.changed.subscribe();
        while !self.contains(id) && changed.changed().await.is_ok() {}
    }

    /// Ends a session with all its renewals. This gateway refuses it even if the file cannot be written.
    pub(in crate::gateway) fn revoke(&self, name: SessionName) -> io::Result<()> {
        let SessionName { id, ends_s } = name;
        let mut known = lock(&self.known);
        known.ended.insert(id.clone(), ends_s);
        self.changed.send_replace(());
        let folder = File::open(&self.folder)?;
        flock(&folder, FlockOperation::LockExclusive)?;
        let mut ended = read(&self.folder)?;
        ended.insert(id, ends_s);
        forget(&mut ended, now_s());
        private_file::write(&self.folder, FILE_NAME, &serde_json::to_vec(&ended)?)?;
        known.version = version(&self.folder)?;
        known.ended = ended;
        Ok(())
    }

    /// Reads the file if another gateway has changed it.
    pub(in crate::gateway) fn refresh(&self) -> io::Result<()> {
        let mut known = lock(&self.known);
        let found = version(&self.folder)?;
        if found != known.version {
            known.ended = read(&self.folder)?;
            known.version = found;
            self.changed.send_replace(());
        }
        Ok(())
    }
}

fn forget(ended: &mut EndedSessions, now_s: u64) {
    ended.retain(|_, ends_s| *ends_s > now_s);
    while ended.len() > REVOKED_MAX {
        let first = ended.iter().min_by_key(|(_, ends_s)| **ends_s);
        let Some(first) = first.map(|(id, _)| id.clone()) else {
            return;
        };
        ended.remove(&first);
    }
}

fn read(folder: &Path) -> io::Result<EndedSessions> {
    let text = match private_file::read(&folder.join(FILE_NAME), FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(EndedSessions::new()),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&text).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{FILE_NAME}: {error}"))
    })
}

fn version(folder: &Path) -> io::Result<Option<(u64, i64, i64)>> {
    match fs::metadata(folder.join(FILE_NAME)) {
        Ok(found) => Ok(Some((found.ino(), found.mtime(), found.mtime_nsec()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A panic elsewhere leaves the map intact.
fn lock(known: &Mutex<KnownSessions>) -> MutexGuard<'_, KnownSessions> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since 1970.
fn now_s() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| passed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str, ends_s: u64) -> SessionName {
        SessionName {
            id: id.to_owned(),
            ends_s,
        }
    }

    #[test]
    fn an_ended_session_is_known_to_all_gateways_and_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || RevokedSessions::open(folder.path()).expect("a folder");
        let (one, two) = (open(), open());
        let later = now_s() + 60;
        one.revoke(name("a", later)).expect("written");
        assert!(one.contains("a") && !one.contains("b"));
        assert!(!two.contains("a"));
        two.refresh().expect("read");
        assert!(two.contains("a"));
        two.revoke(name("b", later)).expect("written");
        one.refresh().expect("read");
        assert!(one.contains("a") && one.contains("b"));
        assert!(open().contains("b"));
    }

    #[tokio::test]
    async fn a_wait_for_the_end_of_a_session_ends_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || RevokedSessions::open(folder.path()).expect("a folder");
        let (here, there) = (std::sync::Arc::new(open()), open());
        let wait = |id: &'static str| {
            let here = std::sync::Arc::clone(&here);
            tokio::spawn(async move { here.ended(id).await })
        };
        let [one, other, third] = ["a", "b", "c"].map(wait);
        here.revoke(name("a", now_s() + 60)).expect("written");
        one.await.expect("ended");
        there.revoke(name("b", now_s() + 60)).expect("written");
        here.refresh().expect("read");
        other.await.expect("ended");
        here.ended("b").await;
        assert!(!third.is_finished());
    }

    #[test]
    fn expired_sessions_are_forgotten_and_the_number_is_bounded() {
        let mut ended = EndedSessions::new();
        for index in 0..REVOKED_MAX + 2 {
            ended.insert(index.to_string(), 100 + index as u64);
        }
        ended.insert("old".to_owned(), 99);
        forget(&mut ended, 99);
        assert_eq!(ended.len(), REVOKED_MAX);
        assert!(!ended.contains_key("old") && !ended.contains_key("0"));
        assert!(!ended.contains_key("1") && ended.contains_key("2"));
    }
}
