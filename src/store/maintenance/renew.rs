//! Recovering an open store after a failed write or sync, or after its files were removed.
//!
//! The files are opened again, as after a restart. Before that the active file is copied, since a kernel marks pages that it could
//! not write out as clean: only new pages can still become durable.

use crate::store::error::Error;
use crate::store::whole::open::{Loaded, load};
use crate::store::whole::replace;
use crate::store::write::trouble::Task;
use crate::store::write::writer::Store;

/// The recovery of a store after a failure.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recovered {
    /// The failure.
    pub failure: Error,
    /// The number of records that can no longer be read.
    pub lost: u64,
    /// Damage in the files.
    pub damage: Vec<Error>,
}

impl Store {
    /// Records a failure if the active file is no longer at its path.
    pub(in crate::store) fn notice_removal(&self) {
        let file = &self.active.file;
        // If it cannot be checked, nothing is known.
        if matches!(file.file.is_at(&file.path), Ok(false)) {
            let path = file.path.to_path_buf();
            self.shared.fail(&Error::Removed { path });
        }
    }

    /// Recovers a failed store, unless an attempt failed a short time ago.
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

    /// Makes the folder a store again, after its files were removed.
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

    /// Opens the files of the folder again. No id is used twice, even if records were lost.
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
        // Files that must still be removed were found again.
        self.doomed.clear();
        self.publish();
        Ok(recovery.damage)
    }
}
