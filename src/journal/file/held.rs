//! Resources that all files of a journal hold together: open files, and memory whose content can be read again.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// The totals over all files of one journal.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldResources(Arc<HeldCounts>);

#[derive(Debug, Default)]
struct HeldCounts {
    files: AtomicUsize,
    bytes: AtomicUsize,
}

impl HeldResources {
    /// Number of open files.
    pub(crate) fn files(&self) -> usize {
        self.0.files.load(Ordering::Relaxed)
    }

    /// Memory of all files, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Counts a file as open until the returned value is dropped.
    pub(crate) fn open_one(&self) -> OpenFile {
        self.0.files.fetch_add(1, Ordering::Relaxed);
        OpenFile(self.clone())
    }

    /// Creates a share of the memory, empty at first.
    pub(crate) fn share(&self) -> MemoryShare {
        MemoryShare {
            held: self.clone(),
            bytes: 0,
        }
    }
}

/// One open file.
#[derive(Debug)]
pub(crate) struct OpenFile(HeldResources);

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.0.0.files.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The share of memory that one file uses.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    held: HeldResources,
    bytes: usize,
}

impl MemoryShare {
    /// Sets the memory that the file uses now.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes == self.bytes {
            return;
        }
        let sum = &self.held.0.bytes;
        if bytes > self.bytes {
            sum.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            sum.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_follows_its_parts() {
        let held = HeldResources::default();
        let file = held.open_one();
        let mut share = held.share();
        let mut other = held.share();
        share.set(10);
        other.set(5);
        share.set(3);
        assert_eq!((held.files(), held.bytes()), (1, 8));
        drop(share);
        drop(file);
        assert_eq!((held.files(), held.bytes()), (0, 5));
    }
}
