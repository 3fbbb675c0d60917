//! Recovering a store that is open: after a failed write or sync, and when its files were taken away.
//!
//! It is what a restart does, without one: the files are opened again. Before that the active file is written anew, since a
//! kernel that failed to write pages out takes them for clean from then on: only new pages can still become durable.

use crate::store::error::Error;
use crate::store::whole::open::{Loaded, load};
use crate::store::whole::replace;
use crate::store::write::trouble::Task;
use crate::store::write::writer::Store;

/// A store that goes on after a failure.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recovered {
    /// Why it took no more.
    pub failure: Error,
    /// Records that can no longer be read.
    pub lost: u64,
    /// What is damaged.
    pub damage: Vec<Error>,
}

impl Store {
    /// Notices that the active file is no longer at its path.
    pub(in crate::store) fn notice_removal(&self) {
        let file = &self.active.file;
        // Not being able to look says nothing.
        if matches!(file.file.is_at(&file.path), Ok(false)) {
            let path = file.path.to_path_buf();
            self.shared.fail(&Error::Removed { path });
        }
    }

    /// Recovers a store that has failed, unless that was tried in vain a short while ago.
    pub(in crate::store) fn recover_if_failed(&mut self) -> Result<Option<Recovered>, Error> {
        let Some(failure) = self.shared.failure() else {
            return Ok(None);
        };
        self.recovery_pause.tick();
        if self.recovery_pause.is_waiting() {
            return Err(failure);
        }
        match self.recover(failure) {
            Ok(recovered) => {
                self.recovery_pause.succeeded();
                self.troubles.succeeded(Task::Recover);
                self.shared.recovered();
                Ok(Some(recovered))
            }
            Err(error) => {
                self.recovery_pause.failed();
                self.troubles.note(Task::Recover, error.clone());
                Err(error)
            }
        }
    }

    fn recover(&mut self, failure: Error) -> Result<Recovered, Error> {
        let before = self.shared.view().records().unwrap_or(0);
        if matches!(failure, Error::Removed { .. }) {
            self.take_folder()?;
        } else {
            let file = &self.active.file;
            let length = self.active.length;
            self.directory
                .copy_open(file.file.as_ref(), &file.path, length)?;
        }
        let damage = self.reload()?;
        let after = self.shared.view().records().unwrap_or(0);
        Ok(Recovered {
            failure,
            lost: before.saturating_sub(after),
            damage,
        })
    }

    /// Makes the folder a store again, whatever is left of it.
    fn take_folder(&mut self) -> Result<(), Error> {
        let directory = &self.directory;
        let root = &directory.root;
        directory
            .disk
            .create_dir_all(root)
            .map_err(Error::io("create", root))?;
        if !directory.is_locked_by(self.lock.as_ref()) {
            self.lock = directory.lock()?;
        }
        replace::finish(directory)?;
        let listing = directory.list()?;
        if !listing.has_store_file {
            directory.sync_above()?;
            directory.write_identity(&self.identity)?;
        }
        Ok(())
    }

    /// Opens the files of the folder again. No id is given twice, whatever was lost.
    fn reload(&mut self) -> Result<Vec<Error>, Error> {
        let next_id = self.shared.view().ids().end;
        let known = Some((next_id, &self.active.index.positions));
        let (loaded, recovery) = load(&self.directory, known)?;
        let Loaded {
            identity,
            sealed,
            lost,
            frozen,
            active,
            low_water,
        } = loaded;
        self.identity = identity;
        self.sealed = sealed;
        self.lost = lost;
        self.frozen = frozen;
        self.active = active;
        self.low_water = self.low_water.max(low_water);
        self.seal_credit = 0;
        // What is still to be removed was found again.
        self.doomed.clear();
        self.publish();
        Ok(recovery.damage)
    }
}
