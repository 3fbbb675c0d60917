//! The entry point for fuzzers of bundles.

use super::error::BundleError;
use super::unpack::{BundleLimits, UnpackedBundle, ZSTD_MAGIC, read_archive, read_bundle};
use std::fs;
use std::path::Path;

const LIMITS: BundleLimits = BundleLimits {
    bytes_max: 1 << 20,
    files_max: 100,
};

/// Opens a bundle, or an archive without its compression, which would refuse nearly all inputs.
///
/// # Panics
/// Something was written that no bundle may write, or remains after it was opened or refused.
pub fn bundle(data: &[u8], parent: &Path) {
    let opened = if data.starts_with(&ZSTD_MAGIC) {
        read_bundle(data, parent, &LIMITS)
    } else {
        read_archive(data, parent, &LIMITS)
    };
    check(opened);
    let left = fs::read_dir(parent).map_or(0, Iterator::count);
    assert_eq!(left, 0, "the folder of a bundle remains");
}

fn check(opened: Result<UnpackedBundle, BundleError>) {
    match opened {
        Ok(bundle) => {
            let written: u64 = sizes(bundle.folder());
            assert!(written <= LIMITS.bytes_max, "more than a bundle may have");
            let listed = bundle.manifest.parts.iter().filter(|part| part.ok);
            let of_store = listed.filter(|part| part.path.starts_with("store/"));
            assert_eq!(bundle.store().is_some(), of_store.count() > 0);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The sizes of all files below a folder. There is nothing else than folders and files.
fn sizes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let path = entry.path();
            let metadata = fs::symlink_metadata(&path);
            let metadata = metadata.ok();
            match metadata {
                Some(metadata) if metadata.is_dir() => sizes(&path),
                Some(metadata) => {
                    assert!(metadata.is_file(), "neither a folder nor a file");
                    metadata.len()
                }
                None => 0,
            }
        })
        .sum()
}
