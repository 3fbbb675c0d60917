//! A disk in memory that loses power, fails and fills up when told to.
//!
//! It keeps two images: what is live, and what is durable because it was synced. A power cut leaves the durable image and, as
//! real disks do, any part of what was not synced: writes whole, lost or torn by sectors, names in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use vmlog::disk::{Disk, DiskFile, Space};
use vmlog::mapped::Mapped;

/// What a crash takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The process is killed: nothing that was written is lost.
    Nothing,
    /// The power is cut: all that was not synced is lost.
    Unsynced,
    /// The power is cut: of what was not synced, the seed says what stays.
    Torn(u64),
}

/// What happens at a call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The machine stops: this call and all after it fail.
    Stop,
    /// This call alone fails with this kind of error; a write may have been done in part.
    Once(io::ErrorKind),
    /// From this call on there is no room for more.
    Full,
}

/// Which call changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Create,
    Write,
    Cut,
    Sync,
    Rename,
    Link,
    Remove,
    RemoveDir,
    SyncDir,
}

/// Syncs that report success and make nothing durable, as if they had been left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Omitted {
    /// Those of files whose names end so.
    OfFile(&'static str),
    /// Those of a folder after a file with such a name got it by a rename.
    AfterRename(&'static str),
    /// Those of a folder after a file with such a name was removed.
    AfterRemoval(&'static str),
}

impl Call {
    fn needs_room(self) -> bool {
        matches!(self, Self::Create | Self::Write | Self::Link)
    }
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiskDouble(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    name_changes: Vec<NameChange>,
    /// Those that were made; each is as durable as what is in it.
    folders: BTreeSet<PathBuf>,
    calls: Vec<Call>,
    fault: Option<(usize, Fault)>,
    omitted: Option<Omitted>,
    free: Option<Space>,
}

#[derive(Debug, Default, Clone)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    locked: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Add(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl DiskDouble {
    /// The calls so far that changed something.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Arms a fault for the call with this number.
    pub(crate) fn arm(&self, call: usize, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    /// No fault from now on.
    pub(crate) fn disarm(&self) {
        self.state().fault = None;
    }

    /// From now on some syncs do nothing.
    pub(crate) fn omit(&self, omitted: Omitted) {
        self.state().omitted = Some(omitted);
    }

    /// What the file system says of its room.
    pub(crate) fn set_space(&self, space: Space) {
        self.state().free = Some(space);
    }

    /// The disk as it is found after a crash.
    pub(crate) fn after(&self, loss: Loss) -> Self {
        let state = self.state();
        let mut random = Random(match loss {
            Loss::Torn(seed) => seed,
            _ => 0,
        });
        let mut names = match loss {
            Loss::Nothing => state.names.clone(),
            _ => state.durable_names.clone(),
        };
        if let Loss::Torn(_) = loss {
            for change in state.name_changes.iter().filter(|_| random.one_in(2)) {
                apply_name(&mut names, change);
            }
        }
        let contents = state.inodes.iter().map(|inode| match loss {
            Loss::Nothing => inode.live.clone(),
            Loss::Unsynced => inode.durable.clone(),
            Loss::Torn(_) => inode.torn(&mut random),
        });
        let inodes = contents
            .map(|content| Inode {
                live: content.clone(),
                durable: content,
                ..Inode::default()
            })
            .collect();
        Self(Arc::new(Mutex::new(State {
            inodes,
            durable_names: names.clone(),
            names,
            folders: state.folders.clone(),
            ..State::default()
        })))
    }

    /// The content of every file, by path.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let files = state.names.iter();
        files
            .map(|(path, inode)| (path.clone(), state.inodes[*inode].live.clone()))
            .collect()
    }

    /// A disk that holds these files, durably.
    pub(crate) fn with_files(files: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let disk = Self::default();
        {
            let mut state = disk.state();
            for (path, content) in files {
                let inode = state.inodes.len();
                state.inodes.push(Inode {
                    live: content.clone(),
                    durable: content.clone(),
                    ..Inode::default()
                });
                state.names.insert(path.clone(), inode);
            }
            state.durable_names = state.names.clone();
        }
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn file(&self, inode: usize) -> Arc<dyn DiskFile> {
        Arc::new(FileDouble {
            disk: self.clone(),
            inode,
            locked: false,
        })
    }
}

impl State {
    /// Counts a call and says whether it fails.
    fn enter(&mut self, call: Call) -> io::Result<()> {
        let number = self.calls.len();
        self.calls.push(call);
        match self.fault {
            Some((at, Fault::Stop)) if number >= at => Err(io::Error::other("power cut")),
            Some((at, Fault::Once(kind))) if number == at => Err(kind.into()),
            Some((at, Fault::Full)) if number >= at && call.needs_room() => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    fn change_name(&mut self, change: NameChange) {
        apply_name(&mut self.names, &change);
        self.name_changes.push(change);
    }

    fn omits_file(&self, inode: usize) -> bool {
        let Some(Omitted::OfFile(ending)) = self.omitted else {
            return false;
        };
        let mut own = self.names.iter().filter(|(_, known)| **known == inode);
        own.any(|(path, _)| ends_with(path, ending))
    }

    fn omits_folder(&self) -> bool {
        match (self.omitted, self.name_changes.last()) {
            (Some(Omitted::AfterRename(ending)), Some(NameChange::Rename(_, path)))
            | (Some(Omitted::AfterRemoval(ending)), Some(NameChange::Remove(path))) => {
                ends_with(path, ending)
            }
            _ => false,
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let inode = self.names.get(path).copied();
        inode.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn ends_with(path: &Path, ending: &str) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(ending))
}

fn apply_name(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Add(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
    }
}

impl Inode {
    fn change(&mut self, change: Change) {
        apply(&mut self.live, &change);
        self.unsynced.push(change);
    }

    /// The durable content with a part of what was not synced.
    fn torn(&self, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Change::Length(_) if random.one_in(2) => apply(&mut content, change),
                Change::Length(_) => {}
                Change::Write(offset, bytes) => match random.next() % 4 {
                    0 => {}
                    1 => apply(&mut content, change),
                    2 => {
                        let kept = usize::try_from(random.next()).unwrap() % (bytes.len() + 1);
                        apply(
                            &mut content,
                            &Change::Write(*offset, bytes[..kept].to_vec()),
                        );
                    }
                    _ => tear_sectors(&mut content, *offset, bytes, random),
                },
            }
        }
        content
    }
}

/// Keeps some sectors of a write; those that are lost read as they did before, or as zeros.
fn tear_sectors(content: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut Random) {
    const SECTOR: usize = 64;
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
        if random.one_in(2) {
            let start = offset + number * SECTOR;
            content[start..start + sector.len()].copy_from_slice(sector);
        }
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => content.resize(*length, 0),
        Change::Write(offset, bytes) => {
            let end = offset + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*offset..end].copy_from_slice(bytes);
        }
    }
}

impl Disk for DiskDouble {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let above = path.ancestors().map(ToOwned::to_owned);
        self.state().folders.extend(above);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state();
        let inside = state
            .names
            .keys()
            .chain(&state.folders)
            .filter(|name| name.parent() == Some(path));
        let names: Vec<OsString> = inside
            .filter_map(|name| name.file_name().map(ToOwned::to_owned))
            .collect();
        if names.is_empty() && !state.folders.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.state().find(path)?;
        Ok(self.file(inode))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.enter(Call::Create)?;
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.change_name(NameChange::Add(path.to_owned(), inode));
        drop(state);
        Ok(self.file(inode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.find(from)?;
        state.enter(Call::Rename)?;
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.find(from)?;
        if state.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.enter(Call::Link)?;
        state.change_name(NameChange::Add(to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.find(path)?;
        state.enter(Call::Remove)?;
        state.change_name(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.names.keys().any(|name| name.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.enter(Call::RemoveDir)?;
        if !state.folders.remove(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(())
    }

    fn links(&self, path: &Path) -> io::Result<u64> {
        let state = self.state();
        let inode = state.find(path)?;
        Ok(state.names.values().filter(|it| **it == inode).count() as u64)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.enter(Call::SyncDir)?;
        if state.omits_folder() {
            return Ok(());
        }
        let inside = |name: &PathBuf| name.parent() == Some(path);
        state.name_changes.retain(|change| match change {
            NameChange::Add(name, _) | NameChange::Remove(name) => !inside(name),
            NameChange::Rename(_, to) => !inside(to),
        });
        state.durable_names.retain(|name, _| !inside(name));
        let State {
            names,
            durable_names,
            ..
        } = &mut *state;
        let here = names.iter().filter(|(name, _)| inside(name));
        durable_names.extend(here.map(|(name, inode)| (name.clone(), *inode)));
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let mut state = self.state();
        let inode = state.find(path).unwrap_or_else(|_| {
            let inode = state.inodes.len();
            state.inodes.push(Inode::default());
            state.names.insert(path.to_owned(), inode);
            inode
        });
        if state.inodes[inode].locked {
            return Ok(None);
        }
        state.inodes[inode].locked = true;
        drop(state);
        Ok(Some(Arc::new(FileDouble {
            disk: self.clone(),
            inode,
            locked: true,
        })))
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(self.state().free.unwrap_or(Space {
            free: 1 << 40,
            total: 1 << 40,
        }))
    }
}

#[derive(Debug)]
struct FileDouble {
    disk: DiskDouble,
    inode: usize,
    locked: bool,
}

impl DiskFile for FileDouble {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].live.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state();
        let start = usize::try_from(offset).unwrap();
        let found = state.inodes[self.inode]
            .live
            .get(start..start + buffer.len());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let offset = usize::try_from(offset).unwrap();
        let entered = state.enter(Call::Write);
        let written = match entered {
            Ok(()) => bytes.len(),
            // A failed write leaves a part behind, once in a while all of it.
            Err(_) if state.fault_is_here() => {
                let calls = state.calls.len();
                bytes.len() * (calls % 4) / 3
            }
            Err(_) => 0,
        };
        if written > 0 {
            let kept = bytes[..written.min(bytes.len())].to_vec();
            state.inodes[self.inode].change(Change::Write(offset, kept));
        }
        entered
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.enter(Call::Cut)?;
        let length = usize::try_from(length).unwrap();
        state.inodes[self.inode].change(Change::Length(length));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.enter(Call::Sync)?;
        if state.omits_file(self.inode) {
            return Ok(());
        }
        let inode = &mut state.inodes[self.inode];
        inode.durable = inode.live.clone();
        inode.unsynced.clear();
        Ok(())
    }

    fn map(&self, length: u64) -> io::Result<Mapped> {
        let state = self.disk.state();
        let length = usize::try_from(length).unwrap();
        let bytes = state.inodes[self.inode].live.get(..length);
        Ok(Mapped::memory(bytes.ok_or(io::ErrorKind::UnexpectedEof)?))
    }
}

impl State {
    /// Whether the call just counted is the one that the fault was armed for.
    fn fault_is_here(&self) -> bool {
        self.fault.is_some_and(|(at, _)| at + 1 == self.calls.len())
    }
}

impl Drop for FileDouble {
    fn drop(&mut self) {
        if self.locked
            && let Ok(mut state) = self.disk.0.lock()
        {
            state.inodes[self.inode].locked = false;
        }
    }
}

/// A small generator of numbers: the same seed, the same crash.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// `SplitMix64`.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}
