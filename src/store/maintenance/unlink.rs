//! Removing files that are no longer part of the store. A failure is retried later, and does not stop anything else.

use super::retention::Pruned;
use crate::store::write::trouble::Task;
use crate::store::write::writer::{Doomed, Store};
use std::mem;
use std::path::PathBuf;

impl Store {
    /// Marks a segment for removal.
    pub(in crate::store) fn doom(&mut self, path: PathBuf, bytes: u64) {
        let bytes = Some(bytes);
        self.doomed.push(Doomed { path, bytes });
    }

    /// Marks another file for removal, which may not exist.
    pub(in crate::store) fn doom_part(&mut self, path: PathBuf) {
        self.doomed.push(Doomed { path, bytes: None });
    }

    /// Removes files in order of id, each durably before the next. A file that cannot be removed does not block the others.
    pub(in crate::store) fn unlink_doomed(&mut self, pruned: &mut Pruned) {
        if self.doomed.is_empty() {
            return;
        }
        // Names start with ids.
        self.doomed.sort_by(|a, b| a.path.cmp(&b.path));
        let mut first_error = None;
        for file in mem::take(&mut self.doomed) {
            match self.directory.remove_in_order(&file.path) {
                Ok(()) => {
                    pruned.segments += u64::from(file.bytes.is_some());
                    pruned.bytes += file.bytes.unwrap_or(0);
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                    self.doomed.push(file);
                }
            }
        }
        if let Some(error) = first_error {
            self.unlink_pause.failed();
            self.troubles.note(Task::Unlink, error);
        } else {
            self.unlink_pause.succeeded();
            self.troubles.succeeded(Task::Unlink);
        }
    }
}
