//! A disk in memory that loses power, fails and fills up on request.
//!
//! It keeps two images: the live one, and the durable one with everything that was synced. A power cut leaves the
//! durable image and, as with real disks, any part of the rest: writes complete, lost or torn at sectors, names in
//! any order. A lost folder takes its content with it.

use crate::support::seeded::Rng;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use vmlog::disk::{Disk, DiskFile, Space};
use vmlog::mapped::Mapped;
use vmlog::time::Micros;

/// The effect of a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The process is killed: all written data is kept.
    Nothing,
    /// The power is cut: everything that was not synced is lost.
    Unsynced,
    /// The power is cut: the seed decides which part of the unsynced data is kept.
    Torn(u64),
}

/// A fault at a call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The machine stops: this call and all later ones fail.
    Stop,
    /// Only this call fails with this kind of error; a write may have been done in part.
    Once(io::ErrorKind),
    /// From this call on there is no free space.
    Full,
    /// From this call on calls of this kind always fail.
    Always(Call, io::ErrorKind),
}

/// Kinds of calls that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    CreateDir,
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

/// Syncs that report success and make nothing durable, as if the code had omitted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Omitted {
    /// Those of files whose names have this ending.
    OfFile(&'static str),
    /// Those of a folder after a file with such a name was created by a rename.
    AfterRename(&'static str),
    /// Those of a folder after a file with such a name was removed.
    AfterRemoval(&'static str),
    /// Those of folders after a folder with such a name was created.
    AfterFolder(&'static str),
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
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    name_changes: Vec<NameChange>,
    calls: Vec<Call>,
    faults: Vec<(usize, Fault)>,
    /// Calls on such paths fail.
    stuck: Option<(Call, &'static str)>,
    omitted: Option<Omitted>,
    free: Option<Space>,
    now: Option<Micros>,
}

/// The target of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

impl Node {
    fn inode(self) -> Option<usize> {
        match self {
            Self::File(inode) => Some(inode),
            Self::Folder => None,
        }
    }
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
    Add(PathBuf, Node),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl DiskDouble {
    /// The calls so far that changed something.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Arms a fault for the call with this number; several may be armed.
    pub(crate) fn arm(&self, call: usize, fault: Fault) {
        self.state().faults.push((call, fault));
    }

    /// No fault from now on.
    pub(crate) fn disarm(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.stuck = None;
    }

    /// From now on this call fails for files whose names have this ending.
    pub(crate) fn stick(&self, call: Call, ending: &'static str) {
        self.state().stuck = Some((call, ending));
    }

    /// Sets the clock, which is then stopped.
    pub(crate) fn set_now(&self, now: Micros) {
        self.state().now = Some(now);
    }

    /// Removes a folder with its content; open files stay usable.
    pub(crate) fn take_away(&self, path: &Path) {
        let mut state = self.state();
        state.names.retain(|name, _| !name.starts_with(path));
        state
            .durable_names
            .retain(|name, _| !name.starts_with(path));
    }

    /// From now on some syncs do nothing.
    pub(crate) fn omit(&self, omitted: Omitted) {
        self.state().omitted = Some(omitted);
    }

    /// Sets the free space that the file system reports.
    pub(crate) fn set_space(&self, space: Space) {
        self.state().free = Some(space);
    }

    /// The disk after a crash.
    pub(crate) fn after(&self, loss: Loss) -> Self {
        let state = self.state();
        let mut random = Rng::new(match loss {
            Loss::Torn(seed) => seed,
            _ => 0,
        });
        let mut names = match loss {
            Loss::Nothing => state.names.clone(),
            _ => state.durable_names.clone(),
        };
        if let Loss::Torn(_) = loss {
            for change in state.name_changes.iter().filter(|_| random.chance(2)) {
                apply_name(&mut names, change);
            }
        }
        let whole = names.clone();
        let has_all_above = |name: &Path| {
            let mut above = name.ancestors().skip(1).filter(|it| it.parent().is_some());
            above.all(|folder| whole.get(folder) == Some(&Node::Folder))
        };
        names.retain(|name, _| has_all_above(name));
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
            now: state.now,
            ..State::default()
        })))
    }

    /// The content of every file, by path.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let files = state.names.iter();
        let files = files.filter_map(|(path, node)| Some((path, node.inode()?)));
        files
            .map(|(path, inode)| (path.clone(), state.inodes[inode].live.clone()))
            .collect()
    }

    /// A disk with these files, durable.
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
                state.names.insert(path.clone(), Node::File(inode));
                for folder in path.ancestors().skip(1) {
                    state.names.insert(folder.to_owned(), Node::Folder);
                }
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
    /// Counts a call and returns whether it fails.
    fn enter(&mut self, call: Call) -> io::Result<()> {
        let number = self.calls.len();
        self.calls.push(call);
        let mut failures = self.faults.iter().filter_map(|&(at, fault)| match fault {
            Fault::Stop if number >= at => Some(io::Error::other("power cut")),
            Fault::Once(kind) if number == at => Some(kind.into()),
            Fault::Full if number >= at && call.needs_room() => {
                Some(io::ErrorKind::StorageFull.into())
            }
            Fault::Always(failing, kind) if number >= at && call == failing => Some(kind.into()),
            _ => None,
        });
        failures.next().map_or(Ok(()), Err)
    }

    /// The same for a call that names a file.
    fn enter_at(&mut self, call: Call, path: &Path) -> io::Result<()> {
        self.enter(call)?;
        match self.stuck {
            Some((stuck, ending)) if stuck == call && ends_with(path, ending) => {
                Err(io::ErrorKind::PermissionDenied.into())
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
        let node = Node::File(inode);
        let mut own = self.names.iter().filter(|(_, known)| **known == node);
        own.any(|(path, _)| ends_with(path, ending))
    }

    fn omits_folder(&self) -> bool {
        match (self.omitted, self.name_changes.last()) {
            (Some(Omitted::AfterRename(ending)), Some(NameChange::Rename(_, path)))
            | (Some(Omitted::AfterRemoval(ending)), Some(NameChange::Remove(path)))
            | (Some(Omitted::AfterFolder(ending)), Some(NameChange::Add(path, Node::Folder))) => {
                ends_with(path, ending)
            }
            _ => false,
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let node = self.names.get(path).copied();
        let inode = node.and_then(Node::inode);
        inode.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The folder of a new file must exist.
    fn check_folder(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| folder.parent().is_some());
        match folder {
            Some(folder) if self.names.get(folder) != Some(&Node::Folder) => {
                Err(io::ErrorKind::NotFound.into())
            }
            _ => Ok(()),
        }
    }
}

fn ends_with(path: &Path, ending: &str) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(ending))
}

fn apply_name(names: &mut BTreeMap<PathBuf, Node>, change: &NameChange) {
    match change {
        NameChange::Add(path, node) => {
            names.insert(path.clone(), *node);
        }
        NameChange::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
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

    /// The durable content with a part of the unsynced data.
    fn torn(&self, random: &mut Rng) -> Vec<u8> {
        let mut content = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Change::Length(_) if random.chance(2) => apply(&mut content, change),
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

/// Keeps some sectors of a write; lost ones keep the old content, or become zeros.
fn tear_sectors(content: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut Rng) {
    const SECTOR: usize = 64;
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    for (number, sector) in bytes.chunks(SECTOR).enumerate() {
        if random.chance(2) {
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
        let mut state = self.state();
        let folders = path.ancestors().filter(|it| it.parent().is_some());
        let mut folders: Vec<_> = folders.map(ToOwned::to_owned).collect();
        folders.reverse();
        for folder in folders {
            if !state.names.contains_key(&folder) {
                state.enter(Call::CreateDir)?;
                state.change_name(NameChange::Add(folder, Node::Folder));
            }
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state();
        let inside = state.names.keys();
        let inside = inside.filter(|name| name.parent() == Some(path));
        let names: Vec<OsString> = inside
            .filter_map(|name| name.file_name().map(ToOwned::to_owned))
            .collect();
        if state.names.get(path) != Some(&Node::Folder) {
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
        state.check_folder(path)?;
        state.enter_at(Call::Create, path)?;
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.change_name(NameChange::Add(path.to_owned(), Node::File(inode)));
        drop(state);
        Ok(self.file(inode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.find(from)?;
        state.check_folder(to)?;
        state.enter_at(Call::Rename, to)?;
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.find(from)?;
        if state.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.check_folder(to)?;
        state.enter_at(Call::Link, to)?;
        state.change_name(NameChange::Add(to.to_owned(), Node::File(inode)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.find(path)?;
        state.enter_at(Call::Remove, path)?;
        state.change_name(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.names.keys().any(|name| name.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        if state.names.get(path) != Some(&Node::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.enter(Call::RemoveDir)?;
        state.change_name(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn links(&self, path: &Path) -> io::Result<u64> {
        let state = self.state();
        let inode = state.find(path)?;
        let node = Node::File(inode);
        Ok(state.names.values().filter(|it| **it == node).count() as u64)
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
        durable_names.extend(here.map(|(name, node)| (name.clone(), *node)));
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let mut state = self.state();
        state.check_folder(path)?;
        let inode = state.find(path).unwrap_or_else(|_| {
            let inode = state.inodes.len();
            state.inodes.push(Inode::default());
            state.names.insert(path.to_owned(), Node::File(inode));
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

    fn now(&self) -> SystemTime {
        let Some(now) = self.state().now else {
            return SystemTime::now();
        };
        let micros = now.get();
        let distance = Duration::from_micros(micros.unsigned_abs());
        if micros < 0 {
            return SystemTime::UNIX_EPOCH - distance;
        }
        SystemTime::UNIX_EPOCH + distance
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
            // A failed write leaves a part of the data, sometimes all of it.
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

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.state().find(path).ok() == Some(self.inode))
    }
}

impl State {
    /// Whether the call just counted is the one that the fault was armed for.
    fn fault_is_here(&self) -> bool {
        self.faults.iter().any(|(at, _)| at + 1 == self.calls.len())
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
