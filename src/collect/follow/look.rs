//! Scans for logs: which exist, which are new, and which were deleted for good.

use super::followed::FollowedLog;
use super::kind::{LogKind, LogPlace};
use super::saved::SavedLog;
use super::unfollowed::FOLLOWED_MAX;
use crate::collect::names::stamp::FileStamp;
use crate::collect::own::own_record;
use crate::collect::position::load;
use crate::collect::tail::context::ReadContext;
use crate::opening;
use crate::record::{Level, Metadata, Positions, Record};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often to scan for logs: a new one is found within this time.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Scanning may take at most one part in this many of the time.
pub(super) const LOOK_SHARE: u32 = 20;

/// Minimum time between two scans, whatever changes.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Maximum number of folders that are watched to scan before the next scan is due.
const FOLDERS_WATCHED_MAX: usize = 64;

/// When and where logs were scanned for.
#[derive(Debug)]
pub(super) struct Looks {
    last: Option<Instant>,
    /// The next scan is not before this time.
    next: Instant,
    folders: Vec<(PathBuf, Option<SystemTime>)>,
    /// Folders that could not be listed; each is reported once.
    troubles: BTreeMap<PathBuf, io::ErrorKind>,
    /// Whether all logs were scanned for, in this run or an earlier one.
    has_begun: bool,
    /// The origins of deleted logs.
    forgotten: Vec<String>,
}

/// The result of a scan, apart from the logs themselves.
#[derive(Debug, Default)]
pub(super) struct LookResult {
    /// Number of logs that are not followed because there are too many.
    pub(super) beyond: usize,
    /// Reports of folders that could not be listed.
    pub(super) reports: Vec<Record>,
}

impl Looks {
    /// Creates the state before the first scan; `has_begun` says that an earlier run has scanned.
    pub(super) fn new(now: Instant, has_begun: bool) -> Self {
        Self {
            last: None,
            next: now,
            folders: Vec::new(),
            troubles: BTreeMap::new(),
            has_begun,
            forgotten: Vec::new(),
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// When the next scan is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.last.map(|last| last + LOOK_EVERY)
    }

    /// Whether the last scan was in this read.
    pub(super) fn has_just_looked(&self, context: &ReadContext) -> bool {
        self.last == Some(context.now)
    }

    /// Removes and returns the origins of deleted logs.
    pub(super) fn take_forgotten(&mut self) -> Vec<String> {
        std::mem::take(&mut self.forgotten)
    }

    #[cfg(test)]
    pub(super) fn look_at_once(&mut self, now: Instant) {
        self.last = None;
        self.next = now;
    }

    /// Whether a scan is due or a folder has changed. Watches the folders.
    pub(super) fn is_due(&self, context: &mut ReadContext) -> bool {
        let now = context.now;
        for (folder, _) in &self.folders {
            context.watch.folder(folder);
        }
        let is_due = self.last.is_none_or(|last| last + LOOK_EVERY <= now);
        let mut folders = self.folders.iter();
        let is_changed = |(folder, changed): &(PathBuf, _)| modified(folder) != *changed;
        now >= self.next && (is_due || folders.any(is_changed))
    }

    /// Scans for logs and adds new ones to `logs`.
    pub(super) fn look<K: LogKind>(
        &mut self,
        kind: &K,
        context: &mut ReadContext,
        logs: &mut Vec<FollowedLog<K::Log>>,
        saved: &mut Positions,
    ) -> LookResult {
        let begun = Instant::now();
        // Stamps are read before the folders are listed, so that the next scan sees a change in between.
        let known: HashMap<PathBuf, Option<SystemTime>> = self
            .folders
            .iter()
            .map(|(folder, _)| (folder.clone(), modified(folder)))
            .collect();
        let found = kind.find();
        let mut folders = found.folders;
        folders.truncate(FOLDERS_WATCHED_MAX);
        for folder in &folders {
            context.watch.folder(folder);
        }
        self.folders = folders
            .into_iter()
            .map(|folder| {
                let changed = known.get(&folder).copied().flatten();
                (folder, changed)
            })
            .collect();
        let is_first = !self.has_begun;
        let reads_rotated = kind.reads_rotated(self.has_begun);
        let beyond = enter(found.logs, (reads_rotated, !is_first), logs, context, saved);
        if !found.is_incomplete {
            self.forget_strays(kind, logs, saved);
        }
        let reports = self.note_troubles(found.troubles, kind.tells_troubles());
        self.has_begun = true;
        self.last = Some(context.now);
        let pause = (begun.elapsed() * LOOK_SHARE).max(LOOK_AGAIN_AFTER);
        self.next = Instant::now() + pause;
        LookResult { beyond, reports }
    }

    /// Removes positions of deleted logs that were not followed in this run.
    fn forget_strays<K: LogKind>(
        &mut self,
        kind: &K,
        logs: &[FollowedLog<K::Log>],
        saved: &mut Positions,
    ) {
        if !kind.forgets() {
            return;
        }
        let held: HashSet<&String> = logs.iter().map(|log| &log.place.origin).collect();
        let marker = kind.marker();
        let strays = saved
            .keys()
            .filter(|origin| !held.contains(origin) && marker.as_ref() != Some(*origin));
        let is_gone =
            |origin: &&String| kind.path_of(origin).is_some_and(|path| kind.is_gone(&path));
        let gone: Vec<String> = strays.filter(is_gone).cloned().collect();
        for origin in gone {
            saved.remove(&origin);
            self.forgotten.push(origin);
        }
    }

    fn note_troubles(
        &mut self,
        troubles: Vec<(PathBuf, io::Error)>,
        is_reported: bool,
    ) -> Vec<Record> {
        let mut reports = Vec::new();
        let mut found = BTreeMap::new();
        for (path, error) in troubles {
            let kind = error.kind();
            let is_reported = is_reported && !opening::is_scarce(&error);
            if is_reported && self.troubles.get(&path) != Some(&kind) {
                let text = format!("cannot look for logs in {}: {error}", path.display());
                let mut metadata = Metadata::new();
                metadata.insert("file", path.display().to_string());
                reports.push(own_record(Level::Warn, "file_unreadable", text, metadata));
            }
            found.insert(path, kind);
        }
        self.troubles = found;
        reports
    }
}

/// Follows the newest of the logs that were found. Returns the number of the others.
fn enter<L>(
    mut found: Vec<(LogPlace, Option<FileStamp>)>,
    (reads_rotated, has_appeared): (bool, bool),
    logs: &mut Vec<FollowedLog<L>>,
    context: &mut ReadContext,
    saved: &Positions,
) -> usize {
    found.sort_by_key(|(_, stamp)| Reverse(stamp.map(|stamp| stamp.modified)));
    let beyond = found.split_off(found.len().min(FOLLOWED_MAX));
    let beyond: HashSet<String> = beyond.into_iter().map(|(place, _)| place.origin).collect();
    logs.retain(|log| log.is_to_read() || !beyond.contains(&log.place.origin));
    let index = |(at, log): (usize, &FollowedLog<L>)| (log.place.origin.clone(), at);
    let known: HashMap<String, usize> = logs.iter().enumerate().map(index).collect();
    for log in logs.iter_mut() {
        log.is_there = beyond.contains(&log.place.origin);
    }
    for (place, stamp) in found {
        let known = known.get(&place.origin).and_then(|&at| logs.get_mut(at));
        if let Some(log) = known {
            log.is_there = true;
            log.place = place;
            log.see(stamp);
        } else {
            let read = saved
                .contains_key(&place.origin)
                .then(|| load::<SavedLog>(saved, &place.origin).read_to_end())
                .flatten();
            logs.push(FollowedLog::found(
                place,
                stamp,
                read,
                reads_rotated,
                has_appeared,
                context,
            ));
        }
    }
    beyond.len()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
