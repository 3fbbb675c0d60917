//! Whether a process writes a store.

use crate::disk::Disk;
use std::io::ErrorKind;
use std::path::Path;

/// The file that the process locks which writes a store.
pub(in crate::store) const LOCK_FILE: &str = "LOCK";

/// What is known of the process that writes a store.
///
/// ```
/// use vmlog::disk::RealDisk;
/// use vmlog::store::{Holder, Options, Store};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// assert_eq!(Holder::of(&RealDisk, folder.path()), Holder::None);
/// let (store, _) = Store::open(std::sync::Arc::new(RealDisk), folder.path(), Options::default())?;
/// let held = Holder::of(&RealDisk, folder.path());
/// assert_eq!(held, Holder::Process(Some(std::process::id())));
/// drop(store);
/// assert_eq!(Holder::of(&RealDisk, folder.path()), Holder::None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// No process writes the store, or there is none.
    None,
    /// A process holds it; its id, if it wrote one.
    Process(Option<u32>),
    /// This user may not check.
    Unknown,
}

impl Holder {
    /// Checks the lock of the store in this folder. Creates no file.
    #[must_use]
    pub fn of(disk: &dyn Disk, root: &Path) -> Self {
        let path = root.join(LOCK_FILE);
        match disk.open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::None,
            Err(_) => return Self::Unknown,
            Ok(_) => {}
        }
        match disk.lock(&path) {
            Ok(Some(_)) => Self::None,
            Ok(None) => Self::Process(process(disk, &path)),
            Err(_) => Self::Unknown,
        }
    }
}

/// The process that is named in the lock file.
pub(in crate::store) fn process(disk: &dyn Disk, path: &Path) -> Option<u32> {
    /// Holds the digits of any process id and the end of the line.
    const LENGTH_MAX: u64 = 16;
    let file = disk.open(path).ok()?;
    let length = file.length().ok()?.min(LENGTH_MAX);
    let mut content = vec![0; usize::try_from(length).ok()?];
    file.read_exact_at(&mut content, 0).ok()?;
    str::from_utf8(&content).ok()?.trim().parse().ok()
}
