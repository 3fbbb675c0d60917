//! The part of a follower that looks for logs.

use super::followed::Followed;
use super::kind::{Kind, Place};
use super::saved::Saved;
use super::{FOLLOWED_MAX, Follower, LOOK_EVERY, LOOK_SHARE};
use crate::collect::names::glob::Stamp;
use crate::collect::own::own_record;
use crate::collect::position::load;
use crate::opening;
use crate::record::{Level, Metadata};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A look is not repeated sooner than this, whatever changes.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Folders whose change is a reason to look before it is due.
const FOLDERS_WATCHED_MAX: usize = 64;

impl<K: Kind> Follower<K> {
    /// Looks for logs, when that is due or a folder has changed.
    pub(super) fn look(&mut self) {
        let now = self.desk.now;
        for (folder, _) in &self.looks.folders {
            self.desk.watch.folder(folder);
        }
        let is_due = self.looks.last.is_none_or(|last| last + LOOK_EVERY <= now);
        let mut folders = self.looks.folders.iter();
        let is_changed = |(folder, changed): &(PathBuf, _)| modified(folder) != *changed;
        if now < self.looks.next || !(is_due || folders.any(is_changed)) {
            return;
        }
        self.look_now();
    }

    fn look_now(&mut self) {
        let begun = Instant::now();
        // before the folders are listed: a change meanwhile is found at the next look
        let known: HashMap<PathBuf, Option<SystemTime>> = self
            .looks
            .folders
            .iter()
            .map(|(folder, _)| (folder.clone(), modified(folder)))
            .collect();
        let found = self.kind.find();
        let mut folders = found.folders;
        folders.truncate(FOLDERS_WATCHED_MAX);
        for folder in &folders {
            self.desk.watch.folder(folder);
        }
        self.looks.folders = folders
            .into_iter()
            .map(|folder| {
                let changed = known.get(&folder).copied().flatten();
                (folder, changed)
            })
            .collect();
        self.enter(found.logs);
        if !found.is_incomplete {
            self.forget_strays();
        }
        self.note_troubles(found.troubles);
        self.looks.has_begun = true;
        self.looks.last = Some(self.desk.now);
        let pause = (begun.elapsed() * LOOK_SHARE).max(LOOK_AGAIN_AFTER);
        self.looks.next = Instant::now() + pause;
    }

    /// Follows the newest of the logs that were found.
    fn enter(&mut self, mut found: Vec<(Place, Option<Stamp>)>) {
        found.sort_by_key(|(_, stamp)| Reverse(stamp.map(|stamp| stamp.modified)));
        let beyond = found.split_off(found.len().min(FOLLOWED_MAX));
        self.left_out.beyond = beyond.len();
        let beyond: HashSet<String> = beyond.into_iter().map(|(place, _)| place.origin).collect();
        self.logs
            .retain(|log| log.is_to_read() || !beyond.contains(&log.place.origin));
        let index = |(at, log): (usize, &Followed<K::Log>)| (log.place.origin.clone(), at);
        let known: HashMap<String, usize> = self.logs.iter().enumerate().map(index).collect();
        for log in &mut self.logs {
            log.is_there = beyond.contains(&log.place.origin);
        }
        for (place, stamp) in found {
            match known
                .get(&place.origin)
                .and_then(|&at| self.logs.get_mut(at))
            {
                Some(log) => {
                    log.is_there = true;
                    log.place = place;
                    log.see(stamp);
                }
                None => self.follow(place, stamp),
            }
        }
    }

    fn follow(&mut self, place: Place, stamp: Option<Stamp>) {
        let read = self
            .saved
            .contains_key(&place.origin)
            .then(|| load::<Saved>(&self.saved, &place.origin).read_to_end())
            .flatten();
        let is_due = read.is_none() || read != stamp;
        let watched = (!is_due).then(|| self.desk.watch.path(&place.path));
        self.logs.push(Followed {
            place,
            now: stamp,
            read,
            is_due,
            is_there: true,
            reads_rotated: self.kind.reads_rotated(self.looks.has_begun),
            open: None,
            watched: watched.flatten(),
            failure: None,
        });
    }

    /// Forgets positions of logs that are gone without having been followed in this run.
    fn forget_strays(&mut self) {
        if !self.kind.forgets() {
            return;
        }
        let Self {
            kind, logs, saved, ..
        } = self;
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
            self.looks.forgotten.push(origin);
        }
    }

    fn note_troubles(&mut self, troubles: Vec<(PathBuf, io::Error)>) {
        let mut found = BTreeMap::new();
        for (path, error) in troubles {
            let kind = error.kind();
            let is_told = self.kind.tells_troubles() && !opening::is_scarce(&error);
            if is_told && self.looks.troubles.get(&path) != Some(&kind) {
                let text = format!("cannot look for logs in {}: {error}", path.display());
                let mut metadata = Metadata::new();
                metadata.insert("file", path.display().to_string());
                self.own
                    .push(own_record(Level::Warn, "file_unreadable", text, metadata));
            }
            found.insert(path, kind);
        }
        self.looks.troubles = found;
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
