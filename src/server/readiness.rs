//! Whether records can be stored: the state of the store and of its folder.

use crate::server::http::error::ApiError;
use crate::store::Reader;
use crate::tasks;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// With less free space the next write is likely to fail: a batch of long records takes as much.
const FREE_BYTES_MIN: u64 = 16 << 20;

/// A result is reused for this long, because any client may ask at any rate.
const FRESH_MAX: Duration = Duration::from_millis(500);

/// Whether records can be stored.
#[derive(Debug)]
pub(super) struct Readiness {
    reader: Reader,
    /// The store's folder at the start.
    folder: Option<FolderId>,
    last: tokio::sync::Mutex<Option<(Instant, StoreHealth)>>,
}

/// Device and inode.
type FolderId = (u64, u64);

/// Whether records can be stored, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreHealth {
    Ready,
    /// A write failed.
    Failed,
    /// The store's folder was removed or replaced. The store creates it again, but its records are lost, so this stays until a restart.
    FolderGone,
    DiskFull,
}

impl StoreHealth {
    pub(super) fn check(self) -> Result<(), ApiError> {
        let (code, message) = match self {
            Self::Ready => return Ok(()),
            Self::Failed => (
                "store_failed",
                "writing to the store failed: new records are not stored (stored records can still be read)",
            ),
            Self::FolderGone => (
                "store_failed",
                "the store's folder was removed or replaced while vmlog was running: its records are lost, new ones are stored in a new folder (restart vmlog to clear this error)",
            ),
            Self::DiskFull => (
                "disk_full",
                "the disk is full: new records may be lost (free some space; stored records can still be read)",
            ),
        };
        Err(ApiError::unavailable(code, message, 30))
    }
}

impl Readiness {
    pub(super) fn new(reader: Reader) -> Self {
        let folder = folder_id(&reader.root());
        Self {
            reader,
            folder,
            last: tokio::sync::Mutex::new(None),
        }
    }

    pub(super) async fn health(&self) -> Result<StoreHealth, ApiError> {
        let mut last = self.last.lock().await;
        if let Some((at, state)) = *last
            && at.elapsed() < FRESH_MAX
        {
            return Ok(state);
        }
        let (reader, folder) = (self.reader.clone(), self.folder);
        let looked = tasks::blocking(move || look(&reader, folder));
        let state = looked.await.map_err(|_| ApiError::internal())?;
        let before = last.map_or(StoreHealth::Ready, |(_, state)| state);
        if state == StoreHealth::FolderGone && before != state {
            let root = self.reader.root();
            tracing::error!(
                "{} was removed or replaced: its records are lost, new ones are stored in a new folder",
                root.display()
            );
        }
        *last = Some((Instant::now(), state));
        Ok(state)
    }
}

fn look(reader: &Reader, folder: Option<FolderId>) -> StoreHealth {
    let root = reader.root();
    if reader.failure().is_some() {
        StoreHealth::Failed
    } else if folder_id(&root) != folder {
        StoreHealth::FolderGone
    } else if free_bytes(&root).is_some_and(|free| free < FREE_BYTES_MIN) {
        StoreHealth::DiskFull
    } else {
        StoreHealth::Ready
    }
}

fn folder_id(root: &Path) -> Option<FolderId> {
    let metadata = std::fs::metadata(root).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Free bytes of the store's file system; `None` if unknown.
fn free_bytes(root: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(root).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
