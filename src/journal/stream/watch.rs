//! Waits for journald: kernel notices, and checks of the counts of entries in between, because journald announces its
//! writes only four times a second.

use crate::journal::format::error::Error;
use inotify::Inotify;
use inotify::WatchMask;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// Notices are read in portions of this size.
const NOTICE_BYTES: usize = 4 << 10;

/// The kernel's notices about a set of directories.
#[derive(Debug)]
pub(crate) struct JournalWatch {
    inotify: Inotify,
    watched: HashMap<PathBuf, inotify::WatchDescriptor>,
}

impl JournalWatch {
    pub(crate) fn new() -> Result<Self, Error> {
        let inotify = Inotify::init().map_err(|source| Error::Io {
            action: "watch directories",
            source,
        })?;
        Ok(Self {
            inotify,
            watched: HashMap::new(),
        })
    }

    /// Watches exactly these directories.
    pub(crate) fn set(&mut self, directories: &[PathBuf]) -> Result<(), Error> {
        let gone: Vec<PathBuf> = self
            .watched
            .keys()
            .filter(|path| !directories.contains(path))
            .cloned()
            .collect();
        for path in gone {
            if let Some(descriptor) = self.watched.remove(&path) {
                // Deleting a directory also removed its watch.
                let _ = self.inotify.watches().remove(descriptor);
            }
        }
        for path in directories {
            self.add(path)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Path) -> Result<(), Error> {
        let mask = WatchMask::CREATE
            | WatchMask::DELETE
            | WatchMask::MOVE
            | WatchMask::MODIFY
            | WatchMask::ATTRIB
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        match self.inotify.watches().add(path, mask) {
            Ok(descriptor) => {
                self.watched.insert(path.to_owned(), descriptor);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(Error::Io {
                action: "watch the directory",
                source,
            }),
        }
    }

    /// Reads the pending notices: whether there were any, and whether the list of files may have changed.
    pub(crate) fn drain(&mut self) -> Notices {
        let mut buffer = [0; NOTICE_BYTES];
        let mut notices = Notices::default();
        loop {
            let Ok(events) = self.inotify.read_events(&mut buffer) else {
                return notices;
            };
            let mut empty = true;
            for event in events {
                empty = false;
                notices.any = true;
                let only_content = inotify::EventMask::MODIFY | inotify::EventMask::ATTRIB;
                notices.files |= !only_content.contains(event.mask);
            }
            if empty {
                return notices;
            }
        }
    }

    /// Sleeps until a notice arrives or `timeout` has passed.
    pub(crate) fn sleep(&self, timeout: Duration) {
        let mut fds = [PollFd::new(&self.inotify, PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).ok();
        // Waking up because of a signal is harmless.
        let _ = rustix::event::poll(&mut fds, timeout.as_ref());
    }
}

/// The notices received.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Notices {
    pub(crate) any: bool,
    /// Files were created, deleted or renamed.
    pub(crate) files: bool,
}
