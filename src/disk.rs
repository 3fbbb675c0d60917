//! The files of a store, behind a trait: the real file system, or a double that crashes and fails in tests.
//!
//! The traits promise no more than POSIX: written bytes are visible to all readers at once, and survive a power loss only after
//! [`DiskFile::sync`]; a new, renamed or removed name survives one only after [`Disk::sync_dir`] of its folder.

use crate::mapped::Mapped;
use crate::opening;
use rustix::fs::{Advice, OFlags};
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// A file system.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates a folder and its ancestors, unless they exist.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that exists for reading and writing.
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Creates an empty file for reading and writing; truncates an existing one.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file, replacing one with the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder, which must be empty.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// The number of names of a file: with more than one, removing one of them frees no space.
    fn links(&self, path: &Path) -> io::Result<u64>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Opens or creates a file and locks it until the handle is dropped; `None` if another holder has locked it.
    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>>;
    /// The space on the file system of `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;
    /// The time by the clock of file times.
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// An open file. Reads and writes have an offset, so that a handle can be shared between threads.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Fills `buffer` from `offset`; an error if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`. After an error any part of them may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Truncates the file, or extends it with zeros.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Makes the content durable.
    fn sync(&self) -> io::Result<()>;
    /// Reads will be few and far apart: nothing around them should be read.
    fn expect_random_reads(&self) {}
    /// Maps the first `length` bytes, which must never change afterwards.
    fn map(&self, length: u64) -> io::Result<Mapped>;
    /// Whether `path` is a name of this file.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// The space on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The free space for an ordinary user.
    pub free: u64,
    /// The size of the file system.
    pub total: u64,
}

/// The real file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

/// Logs may contain secrets even after redaction: only the owner of the store can read its files.
const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

impl Disk for RealDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(DIR_MODE)
            .create(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        // A folder may come from another machine: opening must not wait for a pipe in it.
        let file = opened(fs::OpenOptions::new().read(true), path, OFlags::NONBLOCK)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        open_with(fs::OpenOptions::new().read(true).write(true), path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        open_with(
            fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true),
            path,
        )
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn links(&self, path: &Path) -> io::Result<u64> {
        use std::os::unix::fs::MetadataExt;
        Ok(fs::symlink_metadata(path)?.nlink())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let file = opened(
            fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false),
            path,
            WRITTEN,
        )?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Arc::new(LockFile(RealFile(file))))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(path)?;
        Ok(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

/// Flags for files that are written: links are not followed, because the creator of a link would choose which file is
/// overwritten.
const WRITTEN: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);

fn open_with(options: &mut fs::OpenOptions, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    Ok(Arc::new(RealFile(opened(options, path, WRITTEN)?)))
}

/// Opens a regular file; a new one can be read only by its owner.
fn opened(options: &mut fs::OpenOptions, path: &Path, flags: OFlags) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    opening::regular(options.mode(FILE_MODE), path, flags)
}

#[derive(Debug)]
struct RealFile(fs::File);

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn expect_random_reads(&self) {
        // a hint: without it more is read
        let _ = rustix::fs::fadvise(&self.0, 0, None, Advice::Random);
    }

    fn map(&self, length: u64) -> io::Result<Mapped> {
        Mapped::file(&self.0, length)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt;
        let own = self.0.metadata()?;
        match fs::symlink_metadata(path) {
            Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// A file that is locked until it is dropped.
#[derive(Debug)]
struct LockFile(RealFile);

impl Drop for LockFile {
    /// Closing alone would leave the lock to a child process that another thread is just starting.
    fn drop(&mut self) {
        // After an error, closing still releases the lock.
        let _ = self.0.0.unlock();
    }
}

impl DiskFile for LockFile {
    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_length(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn map(&self, length: u64) -> io::Result<Mapped> {
        self.0.map(length)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.0.is_at(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_written_read_truncated_and_mapped() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        let disk = RealDisk;
        disk.create_dir_all(&folder).unwrap();
        disk.create_dir_all(&folder).unwrap();
        let file = disk.create(&folder.join("x")).unwrap();
        file.write_all_at(b"hello world", 0).unwrap();
        file.set_length(5).unwrap();
        file.sync().unwrap();
        disk.sync_dir(&folder).unwrap();
        assert_eq!(file.length().unwrap(), 5);
        disk.hard_link(&folder.join("x"), &folder.join("y"))
            .unwrap();
        assert_eq!(disk.links(&folder.join("y")).unwrap(), 2);
        assert!(disk.remove_dir(&folder).is_err(), "it is not empty");
        disk.rename(&folder.join("x"), &folder.join("z")).unwrap();
        disk.remove(&folder.join("z")).unwrap();
        assert_eq!(disk.list(&folder).unwrap(), ["y"]);
        assert_eq!(disk.links(&folder.join("y")).unwrap(), 1);
        let file = disk.open(&folder.join("y")).unwrap();
        let mut buffer = [0; 3];
        file.read_exact_at(&mut buffer, 2).unwrap();
        assert_eq!(&buffer, b"llo");
        assert!(file.read_exact_at(&mut buffer, 3).is_err());
        assert_eq!(&*file.map(5).unwrap(), b"hello");
        assert!(file.is_at(&folder.join("y")).unwrap());
        assert!(!file.is_at(&folder.join("x")).unwrap());
        assert!(!file.is_at(&folder.join("y/z")).unwrap());
        disk.remove(&folder.join("y")).unwrap();
        disk.remove_dir(&folder).unwrap();
        assert!(disk.list(&folder).is_err());
    }

    #[test]
    fn lock_has_one_holder_until_its_handle_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let held = RealDisk.lock(&path).unwrap();
        assert!(held.is_some());
        assert!(RealDisk.lock(&path).unwrap().is_none());
        drop(held);
        assert!(RealDisk.lock(&path).unwrap().is_some());
    }

    #[test]
    fn space_of_the_root_is_known() {
        let space = RealDisk.space(Path::new("/")).unwrap();
        assert!(space.total > 0 && space.free <= space.total);
    }

    #[test]
    fn links_are_not_followed_for_writing_and_pipes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "kept").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        assert!(RealDisk.create(&link).is_err());
        assert!(RealDisk.open_write(&link).is_err());
        assert!(RealDisk.lock(&link).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"kept");
        assert!(RealDisk.open(&link).is_ok(), "a link may be read");
        let pipe = dir.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for opened in [RealDisk.open(&pipe), RealDisk.open_write(&pipe)] {
            assert_eq!(opened.unwrap_err().to_string(), "it is not a regular file");
        }
        assert!(RealDisk.open(dir.path()).is_err(), "a folder is no file");
    }

    #[test]
    fn lock_ends_with_its_holder_even_if_a_child_has_the_file_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let file = fs::File::create(&path).unwrap();
        file.try_lock().unwrap();
        // As in a child process between fork and exec.
        let inherited = file.try_clone().unwrap();
        let lock = LockFile(RealFile(file));
        assert!(RealDisk.lock(&path).unwrap().is_none());
        drop(lock);
        assert!(RealDisk.lock(&path).unwrap().is_some());
        drop(inherited);
    }
}
