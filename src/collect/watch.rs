//! Waiting for files to change: one inotify instance for each collector, and plain waiting where there is none to be had.

use inotify::{Inotify, WatchDescriptor, WatchMask};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

/// The longest wait where the kernel does not tell of changes: soon enough for a reader of logs, and cheap.
const BLIND_WAIT_MAX: Duration = Duration::from_secs(1);

/// Room for the events of one look. What does not fit stays in the kernel's queue; which event it is makes no difference.
const EVENTS_BYTES: usize = 4096;

/// Wakes its collector when a watched file or folder changes.
pub(crate) struct Watch {
    inotify: Option<Inotify>,
    /// Whether something that should be watched is not: then waiting must be short.
    is_blind: bool,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("is_blind", &self.is_blind)
            .finish_non_exhaustive()
    }
}

impl Watch {
    pub(crate) fn new() -> Self {
        let inotify = Inotify::init().ok();
        let is_blind = inotify.is_none();
        Self { inotify, is_blind }
    }

    /// Tells of names that appear in the folder, disappear or move. Watching the same folder again changes nothing.
    pub(crate) fn folder(&mut self, path: &Path) {
        let mask = WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVE | WatchMask::ONLYDIR;
        let added = self
            .inotify
            .as_ref()
            .map(|inotify| inotify.watches().add(path, mask));
        self.is_blind = !matches!(added, Some(Ok(_)));
    }

    /// Tells of what is written to exactly this file, whatever its name is by now.
    pub(crate) fn file(&mut self, file: &File) -> Option<WatchDescriptor> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut watches = self.inotify.as_ref()?.watches();
        watches
            .add(path, WatchMask::MODIFY | WatchMask::ATTRIB)
            .ok()
    }

    pub(crate) fn forget(&mut self, watched: WatchDescriptor) {
        if let Some(inotify) = &self.inotify {
            // the kernel has forgotten it already when the file is gone
            let _ = inotify.watches().remove(watched);
        }
    }

    /// Returns when something changed since the last wait, at the latest after `patience`.
    pub(crate) fn wait(&mut self, patience: Duration) {
        let patience = if self.is_blind {
            patience.min(BLIND_WAIT_MAX)
        } else {
            patience
        };
        let Some(inotify) = &mut self.inotify else {
            std::thread::sleep(patience);
            return;
        };
        let timeout = Timespec::try_from(patience).ok();
        let readable = poll(&mut [PollFd::new(inotify, PollFlags::IN)], timeout.as_ref());
        match readable {
            Ok(0) => {}
            Ok(_) => drain(inotify),
            Err(error) if error == rustix::io::Errno::INTR => {}
            Err(_) => std::thread::sleep(patience.min(BLIND_WAIT_MAX)),
        }
    }
}

/// Empties the queue, so that many changes wake once; gives up after a while, as a flood may never end.
fn drain(inotify: &mut Inotify) {
    let mut buffer = [0; EVENTS_BYTES];
    for _ in 0..64 {
        match inotify.read_events(&mut buffer) {
            Ok(events) => events.for_each(drop),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
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
    fn a_write_wakes_and_silence_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut file = File::create(&path).unwrap();
        let mut watch = Watch::new();
        watch.folder(dir.path());
        watch.file(&file).unwrap();
        fs::rename(&path, dir.path().join("b.log")).unwrap();
        let start = Instant::now();
        watch.wait(LONG);
        file.write_all(b"x").unwrap();
        watch.wait(LONG);
        assert!(start.elapsed() < LONG, "both changes wake at once");
        let start = Instant::now();
        watch.wait(Duration::from_millis(30));
        assert!(start.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn a_folder_that_is_not_there_means_short_waits() {
        let mut watch = Watch::new();
        watch.folder(Path::new("/nonexistent/folder"));
        assert!(watch.is_blind);
        watch.folder(Path::new("/"));
        assert!(!watch.is_blind);
    }
}
