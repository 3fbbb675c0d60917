//! Whether the process answers, and whether it can do its work.

use super::app::App;
use super::error::ApiError;
use super::metrics::Measure;
use super::principal::Principal;
use super::reply;
use crate::store::Reader;
use serde_json::{Map, Value, json};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use warp::reply::Response;

/// `GET /healthz`: the process answers.
pub(super) fn health() -> Response {
    reply::json(&json!({"status": "ok"}))
}

/// Below this the next write is likely to fail: a batch of long records takes as much.
const FREE_BYTES_MIN: u64 = 16 << 20;

/// An answer is as good for so long: anybody may ask, as often as he likes.
const FRESH_MAX: Duration = Duration::from_millis(500);

/// Whether records can be kept.
#[derive(Debug)]
pub(super) struct Readiness {
    reader: Reader,
    /// The folder of the store at the start.
    folder: Option<FolderId>,
    last: tokio::sync::Mutex<Option<(Instant, State)>>,
}

/// Device and inode.
type FolderId = (u64, u64);

/// Whether records can be kept, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    /// A write failed.
    Failed,
    /// The store's folder was removed or replaced.
    FolderGone,
    DiskFull,
}

impl State {
    fn check(self) -> Result<(), ApiError> {
        let (code, message) = match self {
            Self::Ready => return Ok(()),
            Self::Failed => (
                "store_failed",
                "a write to the store failed, new records are no longer kept; reading goes on",
            ),
            Self::FolderGone => (
                "store_failed",
                "the folder of the store was removed or replaced, new records are lost when the server ends; reading goes on",
            ),
            Self::DiskFull => (
                "disk_full",
                "the disk is full, new records may be lost; reading goes on",
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

    async fn state(&self) -> Result<State, ApiError> {
        let mut last = self.last.lock().await;
        if let Some((at, state)) = *last
            && at.elapsed() < FRESH_MAX
        {
            return Ok(state);
        }
        let (reader, folder) = (self.reader.clone(), self.folder);
        let looked = tokio::task::spawn_blocking(move || look(&reader, folder));
        let state = looked.await.map_err(|_| ApiError::internal())?;
        let before = last.map_or(State::Ready, |(_, state)| state);
        if state == State::FolderGone && before != state {
            let root = self.reader.root();
            tracing::error!(
                "{} was removed or replaced: new records are lost when the server ends; restart it",
                root.display()
            );
        }
        *last = Some((Instant::now(), state));
        Ok(state)
    }
}

fn look(reader: &Reader, folder: Option<FolderId>) -> State {
    let root = reader.root();
    if reader.failure().is_some() {
        State::Failed
    } else if folder_id(&root) != folder {
        State::FolderGone
    } else if free_bytes(&root).is_some_and(|free| free < FREE_BYTES_MIN) {
        State::DiskFull
    } else {
        State::Ready
    }
}

fn folder_id(root: &Path) -> Option<FolderId> {
    let metadata = std::fs::metadata(root).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// `GET /readyz`: records are kept. The reason why not is in the log; it may name files. What collectors there are is for those who
/// may see the whole log.
pub(super) async fn ready(app: &App, principal: &Principal) -> Result<Response, ApiError> {
    app.readiness.state().await?.check()?;
    let mut answer = json!({"status": "ready"});
    if principal.sees_everything() {
        let collectors = collectors(app);
        if !collectors.is_empty() {
            answer["collectors"] = collectors.into();
        }
    }
    Ok(reply::json(&answer))
}

/// What is free of the store's file system; `None` where nobody can tell.
fn free_bytes(root: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(root).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// What is counted of each collector, without where it reads: that is in `/metrics`.
fn collectors(app: &App) -> Map<String, Value> {
    let samples = app.options.measure.as_ref().map(Measure::read);
    let mut collectors = Map::new();
    for sample in samples.into_iter().flatten() {
        let name = sample.name.strip_prefix("vmlog_collector_");
        let (Some(name), [("collector", collector)]) = (name, sample.labels.as_slice()) else {
            continue;
        };
        let counts = collectors
            .entry(collector.clone())
            .or_insert_with(|| json!({}));
        counts[key(name)] = match name {
            "running" => (sample.value == 1).into(),
            _ => sample.value.into(),
        };
    }
    collectors
}

/// `lag_seconds` is `lagSeconds`, `read_total` is `read`.
fn key(name: &str) -> String {
    let mut words = name.trim_end_matches("_total").split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |key, word| {
        let (head, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        key + &head.to_ascii_uppercase() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn keys_are_those_of_the_other_answers() {
        assert_eq!(key("read_total"), "read");
        assert_eq!(key("lag_seconds"), "lagSeconds");
    }
}
