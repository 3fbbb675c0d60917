//! Waits for changes of files. All collectors of the process share one inotify instance, because a machine grants few
//! of them; without one, they poll.
//!
//! A wake-up does not say what changed: the collector checks everything that it follows. So additional events do no
//! harm, and when the kernel drops events all collectors are woken.

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use rustix::event::{PollFd, PollFlags, poll};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// The longest wait if the kernel does not report changes: soon enough for a reader of logs, and cheap.
const BLIND_WAIT_MAX: Duration = Duration::from_secs(1);

/// Buffer for the events of one read. The rest stays in the kernel's queue.
const EVENTS_BYTES: usize = 16 << 10;

/// After a wake-up, events are gathered for this long: a file that is written to all the time must not cost a wake-up
/// for every line, and nobody notices so short a delay.
const GATHER: Duration = Duration::from_millis(2);

/// Wakes its collector when a watched file or folder changes.
pub(crate) struct FileWatch {
    hub: Option<Arc<WatchHub>>,
    bell: Arc<Bell>,
    /// Whether a file that should be watched is not, so that waits must be short.
    is_blind: bool,
}

impl std::fmt::Debug for FileWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("is_blind", &self.is_blind)
            .finish_non_exhaustive()
    }
}

impl FileWatch {
    pub(crate) fn new() -> Self {
        let hub = WatchHub::shared().ok();
        Self {
            is_blind: hub.is_none(),
            hub,
            bell: Arc::default(),
        }
    }

    /// Resets the note that a file is not watched.
    pub(crate) fn begin(&mut self) {
        self.is_blind = self.hub.is_none();
    }

    /// Notes that a file that should be watched is not.
    pub(crate) fn miss(&mut self) {
        self.is_blind = true;
    }

    /// Whether a wait may miss a change.
    pub(crate) fn is_blind(&self) -> bool {
        self.is_blind
    }

    /// Reports names that are added to, removed from or renamed in the folder. While it does not exist, reports the same
    /// of the nearest folder above it, in which it would begin to exist. Watching the same folder again changes nothing.
    pub(crate) fn folder(&mut self, path: &Path) {
        let mask = WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVE | WatchMask::ONLYDIR;
        let Some(hub) = &self.hub else { return };
        let mut added = path
            .ancestors()
            .map(|folder| hub.add(folder, mask, &self.bell));
        let is_absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let nearest = added.find(|added| !added.as_ref().is_err_and(is_absent));
        self.is_blind |= !matches!(nearest, Some(Ok(_)));
    }

    /// Reports writes to exactly this file, whatever its name is by now.
    pub(crate) fn file(&mut self, file: &File) -> Option<WatchDescriptor> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mask = WatchMask::MODIFY | WatchMask::ATTRIB;
        let hub = self.hub.as_ref()?;
        hub.add(path.as_ref(), mask, &self.bell).ok()
    }

    /// Reports writes to the file at a path without keeping it open.
    pub(crate) fn path(&mut self, path: &Path) -> Option<WatchDescriptor> {
        let mask = WatchMask::MODIFY | WatchMask::ATTRIB;
        self.hub.as_ref()?.add(path, mask, &self.bell).ok()
    }

    pub(crate) fn forget(&mut self, watched: WatchDescriptor) {
        if let Some(hub) = &self.hub {
            hub.remove(watched, &self.bell);
        }
    }

    /// Returns when something changed since the last wait, but no later than after `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) {
        let timeout = if self.is_blind {
            timeout.min(BLIND_WAIT_MAX)
        } else {
            timeout
        };
        self.bell.wait(timeout);
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        if let Some(hub) = &self.hub {
            hub.leave(&self.bell);
        }
    }
}

/// Signals that something changed.
#[derive(Debug, Default)]
struct Bell {
    has_rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn ring(&self) {
        *lock(&self.has_rung) = true;
        self.rings.notify_one();
    }

    fn wait(&self, timeout: Duration) {
        let has_rung = lock(&self.has_rung);
        let waited = self
            .rings
            .wait_timeout_while(has_rung, timeout, |has_rung| !*has_rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// The bells to ring for each watch.
type Bells = HashMap<WatchDescriptor, Vec<Weak<Bell>>>;

/// The inotify instance of the process; it exists while at least one collector watches.
struct WatchHub {
    watches: Watches,
    bells: Arc<Mutex<Bells>>,
    /// Closed together with the hub, which ends the listening thread.
    _open: PipeWriter,
}

/// The current instance.
static SHARED: Mutex<Weak<WatchHub>> = Mutex::new(Weak::new());

impl WatchHub {
    fn shared() -> io::Result<Arc<Self>> {
        let mut shared = lock(&SHARED);
        if let Some(hub) = shared.upgrade() {
            return Ok(hub);
        }
        let hub = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&hub);
        Ok(hub)
    }

    fn start() -> io::Result<Self> {
        let mut inotify = Inotify::init()?;
        let (closed, open) = io::pipe()?;
        let bells = Arc::<Mutex<Bells>>::default();
        let hub = Self {
            watches: inotify.watches(),
            bells: Arc::clone(&bells),
            _open: open,
        };
        thread::Builder::new()
            .name("watch".into())
            .spawn(move || while listen(&mut inotify, &closed, &bells) {})?;
        Ok(hub)
    }

    /// Adds a watch for a bell. The lock is held meanwhile, so that an early event finds its bell.
    fn add(&self, path: &Path, mask: WatchMask, bell: &Arc<Bell>) -> io::Result<WatchDescriptor> {
        let mut bells = lock(&self.bells);
        let watched = self.watches.clone().add(path, mask)?;
        let known = bells.entry(watched.clone()).or_default();
        if !known.iter().any(|known| is_same(known, bell)) {
            known.push(Arc::downgrade(bell));
        }
        Ok(watched)
    }

    fn remove(&self, watched: WatchDescriptor, bell: &Arc<Bell>) {
        let mut bells = lock(&self.bells);
        if let Some(known) = bells.get_mut(&watched) {
            known.retain(|known| !is_same(known, bell));
            if known.is_empty() {
                bells.remove(&watched);
                self.forget(watched);
            }
        }
    }

    /// Removes a bell from all watches.
    fn leave(&self, bell: &Arc<Bell>) {
        lock(&self.bells).retain(|watched, known| {
            known.retain(|known| !is_same(known, bell));
            if known.is_empty() {
                self.forget(watched.clone());
            }
            !known.is_empty()
        });
    }

    fn forget(&self, watched: WatchDescriptor) {
        // Fails if the file was deleted, because the kernel has then removed the watch already.
        let _ = self.watches.clone().remove(watched);
    }
}

fn is_same(known: &Weak<Bell>, bell: &Arc<Bell>) -> bool {
    std::ptr::eq(known.as_ptr(), Arc::as_ptr(bell))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for events and rings the bells of their watches; returns `false` when no collector watches any more.
fn listen(inotify: &mut Inotify, closed: &PipeReader, bells: &Mutex<Bells>) -> bool {
    let mut sources = [
        PollFd::new(inotify, PollFlags::IN),
        PollFd::new(closed, PollFlags::IN),
    ];
    let polled = poll(&mut sources, None);
    let [_, closed] = &sources;
    if !closed.revents().is_empty() {
        return false;
    }
    if polled.is_err() {
        thread::sleep(BLIND_WAIT_MAX);
        return true;
    }
    let mut buffer = [0; EVENTS_BYTES];
    if let Ok(events) = inotify.read_events(&mut buffer) {
        let mut bells = lock(bells);
        for event in events {
            wake(&mut bells, &event.wd, event.mask);
        }
    }
    thread::sleep(GATHER);
    true
}

fn wake(bells: &mut Bells, watched: &WatchDescriptor, mask: EventMask) {
    let ring = |bells: &Vec<Weak<Bell>>| {
        let bells = bells.iter().filter_map(Weak::upgrade);
        bells.for_each(|bell| bell.ring());
    };
    if mask.contains(EventMask::Q_OVERFLOW) {
        bells.values().for_each(ring);
    } else if mask.contains(EventMask::IGNORED) {
        bells.remove(watched);
    } else if let Some(bells) = bells.get(watched) {
        ring(bells);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_write_wakes_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut file = File::create(&path).unwrap();
        let mut watch = FileWatch::new();
        watch.folder(dir.path());
        watch.file(&file).unwrap();
        fs::rename(&path, dir.path().join("b.log")).unwrap();
        let start = Instant::now();
        watch.wait(LONG);
        file.write_all(b"x").unwrap();
        watch.wait(LONG);
        assert!(start.elapsed() < LONG, "both changes wake at once");
        // One write can ring several times, so wait until that is over.
        let silence = Duration::from_millis(30);
        let rings = (0..100).take_while(|_| {
            let start = Instant::now();
            watch.wait(silence);
            start.elapsed() < silence
        });
        assert!(rings.count() < 100, "silence wakes");
    }

    #[test]
    fn watches_share_an_instance_and_are_woken_separately() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = File::create(dir.path().join("a.log")).unwrap();
        let (mut one, mut other) = (FileWatch::new(), FileWatch::new());
        assert!(Arc::ptr_eq(
            one.hub.as_ref().unwrap(),
            other.hub.as_ref().unwrap()
        ));
        let watched = one.file(&file).unwrap();
        assert_eq!(other.file(&file).unwrap(), watched);
        one.forget(watched);
        file.write_all(b"x").unwrap();
        let start = Instant::now();
        other.wait(LONG);
        assert!(start.elapsed() < LONG, "it still watches");
        assert!(!*lock(&one.bell.has_rung));
    }

    #[test]
    fn lost_events_wake_all_collectors() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = FileWatch::new();
        watch.folder(dir.path());
        let hub = watch.hub.clone().unwrap();
        let other = WatchMask::CREATE;
        let unrelated = Arc::default();
        let elsewhere = hub.add(Path::new("/"), other, &unrelated).unwrap();
        wake(&mut lock(&hub.bells), &elsewhere, EventMask::Q_OVERFLOW);
        assert!(*lock(&watch.bell.has_rung));
    }

    #[test]
    fn a_folder_that_cannot_be_watched_means_short_waits() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        File::create(&file).unwrap();
        let mut watch = FileWatch::new();
        watch.folder(&file);
        watch.folder(dir.path());
        assert!(watch.is_blind);
        watch.begin();
        watch.folder(dir.path());
        assert!(!watch.is_blind);
    }

    #[test]
    fn the_first_folder_of_a_path_that_begins_to_exist_wakes() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = FileWatch::new();
        watch.folder(&dir.path().join("a/b/c"));
        assert!(!watch.is_blind);
        let (path, start) = (dir.path().join("a/b/c"), Instant::now());
        thread::spawn(move || fs::create_dir_all(path));
        watch.wait(LONG);
        assert!(start.elapsed() < LONG);
    }
}
