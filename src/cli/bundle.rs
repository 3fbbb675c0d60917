//! Bundles of evidence: how they are made here, and reading them in place of stores. A bundle that is read is
//! unpacked to a temporary folder, which is removed as soon as its store is open.

use super::failure::Failure;
use super::settings::variable;
use super::terminal::progress::size;
use crate::collect;
use crate::config::Config;
use crate::disk::RealDisk;
use crate::evidence::{self, BundleLimits, BundleOptions, FactPlaces, TIME_MAX, UnpackedBundle};
use crate::pipeline::error_chain;
use crate::store::Reader;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The bounds and places that the settings name.
pub(super) fn bundle_options(config: &Config) -> BundleOptions {
    let temporary = variable("TMPDIR").unwrap_or_else(|| "/tmp".to_owned());
    BundleOptions {
        since: None,
        until: None,
        bytes_max: config.evidence_bytes_max,
        time_max: TIME_MAX,
        redact: config.redact.clone(),
        // The disk may be full: the last one is memory.
        scratch: vec![config.data_dir.clone(), temporary.into(), "/dev/shm".into()],
        places: FactPlaces::default(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        boot_id: collect::this_boot(),
    }
}

/// Whether a path is a bundle rather than a store.
pub(super) fn is_bundle(path: &Path) -> bool {
    evidence::is_bundle(path)
}

/// Opens the store of a bundle. The files are gone from the disk afterwards; the reader keeps them open, so that nothing is left behind
/// however this process ends.
pub(super) fn open_bundle(path: &Path) -> Result<Reader, Failure> {
    let bundle = unpack(path)?;
    let store = bundle.store().ok_or_else(|| {
        let why = bundle.manifest.gaps().find(|(part, _)| *part == "store/");
        let why = why.map_or("it has no store", |(_, why)| why);
        Failure::failed(format!(
            "the bundle {} has no records: {why}",
            path.display()
        ))
    })?;
    Reader::open_read_only(Arc::new(RealDisk), &store).map_err(|error| cannot_read(path, &error))
}

fn unpack(path: &Path) -> Result<UnpackedBundle, Failure> {
    let parent = PathBuf::from(variable("TMPDIR").unwrap_or_else(|| "/tmp".to_owned()));
    evidence::unpack(path, &parent, &BundleLimits::default())
        .map_err(|error| cannot_read(path, &error))
}

fn cannot_read(path: &Path, error: &dyn std::error::Error) -> Failure {
    let (place, why) = (path.display(), error_chain(error));
    Failure::failed(format!("cannot read the bundle {place}: {why}"))
}

/// The content of a bundle, for people. All hashes were checked.
pub(super) fn describe(path: &Path) -> Result<String, Failure> {
    let UnpackedBundle { manifest, .. } = &unpack(path)?;
    let mut text = format!("bundle {}\n", path.display());
    let open = |end: &Option<String>| end.clone().unwrap_or_else(|| "...".to_owned());
    let _ = writeln!(
        text,
        "  of {}, {} by {}, all hashes are correct\n  records from {} to {}: {} kept, {} left out, {} not read",
        manifest.host,
        manifest.created,
        manifest.written_by,
        open(&manifest.window.since),
        open(&manifest.window.until),
        manifest.records.kept,
        manifest.records.left_out,
        manifest.records.not_read,
    );
    for part in &manifest.parts {
        let content = part.bytes.map_or_else(|| "missing".to_owned(), size);
        let reason = part.reason.as_deref().unwrap_or_default();
        let line = format!("  {:<32} {content:>10}  {reason}", part.path);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    Ok(text)
}
