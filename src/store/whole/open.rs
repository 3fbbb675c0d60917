//! Opening a store for writing: locks it, repairs the effects of a crash, and continues after the last complete frame.

use super::replace;
use crate::disk::Disk;
use crate::record::Positions;
use crate::store::error::Error;
use crate::store::folder::directory::{Directory, Identity, Listing};
use crate::store::folder::recover::{self, Found, LostFile, SealedFile};
use crate::store::folder::scan::ScannedFile;
use crate::store::options::Options;
use crate::store::read::reader::{Shared, View};
use crate::store::write::append::{ActiveWriter, FrameWriter};
use crate::store::write::arrival::AgeClock;
use crate::store::write::trouble::{Backoff, Troubles};
use crate::store::write::writer::{Frozen, Store};
use crate::time::Micros;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The result of opening: what was found and repaired.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// The number of bytes of a torn tail that were cut from the active file.
    pub cut_bytes: u64,
    /// Damage that a crash does not explain. The records in it are not visible; all others are.
    pub damage: Vec<Error>,
}

impl Store {
    /// Opens or creates the store in `root`; cuts a torn tail.
    pub fn open(
        disk: Arc<dyn Disk>,
        root: &Path,
        options: Options,
    ) -> Result<(Self, Recovery), Error> {
        disk.create_dir_all(root)
            .map_err(Error::io("create", root))?;
        let directory = Directory::new(disk, root);
        let lock = directory.lock()?;
        replace::finish(&directory)?;
        let (loaded, recovery) = load(&directory, None)?;
        let age_clock = loaded.age_clock(options.age_max, directory.now());
        let store = Self {
            shared: Arc::new(Shared::new(
                directory.root.clone(),
                Some(loaded.identity.store),
                View::new(0..0, vec![]),
            )),
            directory,
            options,
            identity: loaded.identity,
            sealed: loaded.sealed,
            lost: loaded.lost,
            frozen: loaded.frozen,
            active: loaded.active,
            low_water: loaded.low_water,
            seal_credit: 0,
            last_sync: Micros::now(),
            last_prune: None,
            room_made: None,
            noise_end: 0,
            frames: FrameWriter::default(),
            age_clock,
            doomed: vec![],
            troubles: Troubles::default(),
            rotation_pause: Backoff::default(),
            unlink_pause: Backoff::default(),
            recovery_pause: Backoff::default(),
            thinner: None,
            thinned_rows: 0,
            thin_pause: Backoff::default(),
            lock,
        };
        store.publish();
        Ok((store, recovery))
    }
}

/// The files of a folder, ready for appending.
pub(in crate::store) struct Loaded {
    pub(in crate::store) identity: Identity,
    pub(in crate::store) sealed: Vec<SealedFile>,
    pub(in crate::store) lost: Vec<LostFile>,
    pub(in crate::store) frozen: Vec<Frozen>,
    pub(in crate::store) active: ActiveWriter,
    pub(in crate::store) low_water: u64,
}

impl Loaded {
    fn new(identity: Identity, found: Found, active: ActiveWriter) -> Self {
        let low_water = found.low_water().max(active.index.low_water);
        let frozen = found.active.into_iter().map(|scanned| {
            let damaged = !scanned.holes.is_empty() || scanned.torn > 0;
            Frozen::new(ActiveWriter::from(scanned), damaged)
        });
        Self {
            identity,
            sealed: found.sealed,
            lost: found.lost,
            frozen: frozen.collect(),
            active,
            low_water,
        }
    }

    /// The clock for age, with the times at which the files were written, up to `now`.
    fn age_clock(&self, age_max: Duration, now: Micros) -> AgeClock {
        let sealed = self.sealed.iter();
        let sealed = sealed.map(|file| (file.begun, Arc::clone(&file.segment)));
        let frozen = self.frozen.iter();
        let frozen = frozen.map(|it| (Some(it.writer.header.created), Arc::clone(&it.segment)));
        let mut files: Vec<_> = sealed.chain(frozen).collect();
        let active = Arc::new(self.active.segment());
        files.push((Some(self.active.header.created), active));
        files.sort_by_key(|(_, segment)| segment.ids().start);
        let times = files.into_iter().flat_map(|(begun, segment)| {
            let blocks = segment.blocks();
            let latest = blocks.map(|block| *block.summary().times.end());
            let latest = latest.filter(|latest| Some(*latest) >= begun && *latest <= now);
            [begun.filter(|begun| *begun <= now), latest.max()]
        });
        AgeClock::new(age_max, times.flatten())
    }
}

/// Opens all files of a folder for writing. `known`: the next id and the positions, if they are known otherwise.
pub(in crate::store) fn load(
    directory: &Directory,
    known: Option<(u64, &Positions)>,
) -> Result<(Loaded, Recovery), Error> {
    let listing = directory.list()?;
    let identity = identity(directory, &listing)?;
    for path in &listing.temporary {
        directory.remove(path)?;
    }
    let mut found = recover::open_all(directory, &listing, identity.store, true)?;
    for path in &found.leftover {
        directory.remove(path)?;
    }
    let mut recovery = Recovery {
        cut_bytes: 0,
        damage: found.damage(),
    };
    if found.is_empty()
        && let Some((next_id, positions)) = known
    {
        let low_water = found.low_water();
        let active = ActiveWriter::create(directory, &identity, next_id, low_water, positions)?;
        return Ok((Loaded::new(identity, found, active), recovery));
    }
    let mut active = go_on(directory, &identity, &mut found, &mut recovery)?;
    if let Some((next_id, _)) = known {
        skip_ids(&mut active, next_id)?;
    }
    // Such a file was replaced by one with a later first id.
    let is_empty = |file: &mut ScannedFile| file.index.rows() == 0 && file.holes.is_empty();
    for file in found.active.extract_if(.., is_empty) {
        directory.remove(&file.file.path)?;
    }
    // Names may not be durable yet: a power loss must not take records with them that are appended from now on.
    directory.sync()?;
    Ok((Loaded::new(identity, found, active), recovery))
}

/// Durably skips the ids before this one, which lost records had.
fn skip_ids(active: &mut ActiveWriter, next_id: u64) -> Result<(), Error> {
    if active.index.next_id >= next_id {
        return Ok(());
    }
    let none = [].iter();
    FrameWriter::default().append(active, next_id, &none, &[])?;
    active.sync()
}

/// The store's identity; a folder without segments becomes a new store.
fn identity(directory: &Directory, listing: &Listing) -> Result<Identity, Error> {
    if listing.has_store_file || !listing.active.is_empty() || !listing.sealed.is_empty() {
        return directory.read_identity();
    }
    directory.sync_above()?;
    let identity = Identity::new().map_err(Error::io("make an id for", &directory.root))?;
    directory.write_identity(&identity)?;
    Ok(identity)
}

/// The file to append to: the last active one, if it is undamaged up to its torn tail, or a new one after all others.
fn go_on(
    directory: &Directory,
    identity: &Identity,
    found: &mut Found,
    recovery: &mut Recovery,
) -> Result<ActiveWriter, Error> {
    let is_last = |scanned: &mut ScannedFile| {
        let sealed_after = found.sealed.iter().map(|file| file.segment.ids().start);
        sealed_after
            .max()
            .is_none_or(|last| last < scanned.header.first_id)
    };
    let last = found.active.pop_if(is_last);
    let Some(last) = last else {
        let next = found.next_id();
        let positions = found.newest_positions();
        return ActiveWriter::create(directory, identity, next, found.low_water(), &positions);
    };
    let has_frames = last.index.has_state || last.index.rows() > 0;
    if last.holes.is_empty() && has_frames {
        recovery.cut_bytes = last.torn;
        return cut(last);
    }
    let next = last.index.next_id;
    let positions = last.index.positions.clone();
    if last.index.rows() > 0 {
        found.active.push(last);
        return ActiveWriter::create(directory, identity, next, found.low_water(), &positions);
    }
    // Nothing in it can be read. It is renamed, since the new file has its name, and kept for other tools.
    directory.set_aside(&last.file.path)?;
    recovery
        .damage
        .push(Error::corrupt(&last.file.path, 0, "active file"));
    let next = next.saturating_add(recover::UNKNOWN_IDS);
    ActiveWriter::create(directory, identity, next, found.low_water(), &positions)
}

/// Cuts the torn tail, rewrites a damaged header, and syncs the rest, which may not have been durable.
fn cut(scanned: ScannedFile) -> Result<ActiveWriter, Error> {
    let (torn, header_damaged) = (scanned.torn, scanned.header_damaged);
    let mut writer = ActiveWriter::from(scanned);
    let file = &writer.file;
    if header_damaged {
        file.file
            .write_all_at(&writer.header.encode(), 0)
            .map_err(Error::io("write", &file.path))?;
    }
    if torn > 0 {
        file.file
            .set_length(writer.length)
            .map_err(Error::io("cut", &file.path))?;
    }
    writer.sync()?;
    Ok(writer)
}
