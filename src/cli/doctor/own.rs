//! Checks of vmlog's own resources: the data directory, disk space, the store, the address.

use super::report::CheckResult;
use crate::cli::terminal::progress::size;
use crate::cli::terminal::text::counted;
use crate::config::Config;
use crate::disk::{Disk, RealDisk};
use crate::pipeline::error_chain;
use crate::server::access_token;
use crate::store::{self, Holder, Reader};
use rustix::fs::{Access, access};
use std::io::{Error, ErrorKind};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

pub(super) fn look(config: &Config) -> Vec<CheckResult> {
    let root = config.data_dir.join("store");
    let holder = Holder::of(&RealDisk, &root);
    let mut findings = vec![folder(&config.data_dir)];
    findings.extend(token(config));
    findings.extend(room(&config.data_dir, &config.store));
    findings.push(store(&root, holder));
    findings.push(address(config, holder));
    findings
}

pub(super) fn exists(path: &Path) -> bool {
    access(path, Access::EXISTS).is_ok()
}

/// The nearest existing folder: the path itself or one above it.
fn nearest(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| exists(path))
}

fn folder(path: &Path) -> CheckResult {
    let shown = path.display();
    let remedy =
        "run as the user that owns it, or set --data-dir / LOG_DATA_DIR to a folder of your own";
    let Some(found) = nearest(path) else {
        return CheckResult::wrong("data", format!("{shown} is not accessible"), remedy);
    };
    let may = access(found, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
    match may.map_err(Error::from) {
        Ok(()) if found == path => {
            CheckResult::good("data", format!("{shown} is readable and writable"))
        }
        Ok(()) => CheckResult::good(
            "data",
            format!("{shown} does not exist yet and can be created"),
        ),
        Err(error) => CheckResult::wrong("data", format!("{}: {error}", found.display()), remedy),
    }
}

/// A token file that others can read is refused at the start.
fn token(config: &Config) -> Option<CheckResult> {
    let path = config.data_dir.join(access_token::FILE_NAME);
    if config.api_token.is_some() || !exists(&path) {
        return None;
    }
    let error = access_token::load_or_make(&config.data_dir).err()?;
    let remedy = match error.kind() {
        ErrorKind::PermissionDenied => "run as the user that owns it",
        _ => "remove it; the next start creates a new one",
    };
    Some(CheckResult::wrong(
        "token",
        format!("{}: {error}", path.display()),
        remedy,
    ))
}

fn room(path: &Path, options: &store::Options) -> Option<CheckResult> {
    let space = RealDisk.space(nearest(path)?).ok()?;
    let kept = (space.total / 100)
        .saturating_mul(u64::from(options.free_percent_min))
        .max(options.free_bytes_min);
    let text = format!("{} of {} are free", size(space.free), size(space.total));
    if space.free <= kept {
        let text = format!(
            "{text}, but {} must stay free, so old records are deleted, evidence last",
            size(kept)
        );
        return Some(CheckResult::wrong(
            "disk",
            text,
            "free disk space, or lower LOG_STORE_MIN_FREE",
        ));
    }
    if space.free - kept < options.bytes_max {
        let text = format!(
            "{text}; the store may grow to {}, but will be limited by free space",
            size(options.bytes_max)
        );
        return Some(
            CheckResult::note("disk", text)
                .with_remedy("free disk space, or lower LOG_STORE_MAX_BYTES"),
        );
    }
    Some(CheckResult::good("disk", text))
}

fn store(root: &Path, holder: Holder) -> CheckResult {
    if !exists(root) {
        return CheckResult::note(
            "store",
            format!(
                "{} does not exist yet; the first start creates it",
                root.display()
            ),
        );
    }
    let written = match holder {
        Holder::Process(_) => "in use by a server",
        Holder::None => "not in use",
        Holder::Unknown => "it is unknown whether a server uses it",
    };
    let opened = Reader::open_read_only(Arc::new(RealDisk), root)
        .and_then(|reader| Ok((reader.view().records()?, reader.view().segments().len())));
    match opened {
        Ok((records, segments)) => {
            let counted = format!(
                "{}: {} in {}, {written}",
                root.display(),
                counted(records, "record"),
                counted(segments, "segment"),
            );
            CheckResult::good("store", counted)
        }
        Err(error) => {
            let remedy = match &error {
                store::Error::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                    "run as the user that owns it"
                }
                _ => {
                    "`vmlog verify` reports the damage, `vmlog repair` copies the readable records into a new store"
                }
            };
            CheckResult::wrong(
                "store",
                format!("{}: {}", root.display(), error_chain(&error)),
                remedy,
            )
        }
    }
}

fn address(config: &Config, holder: Holder) -> CheckResult {
    let address = config.listen;
    match TcpListener::bind(address) {
        Ok(_) => CheckResult::good("address", format!("{address} is free")),
        Err(error)
            if error.kind() == ErrorKind::AddrInUse && matches!(holder, Holder::Process(_)) =>
        {
            CheckResult::good(
                "address",
                format!("{address} is in use by the server of this store"),
            )
        }
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::AddrInUse => {
                    "`ss -ltnp` shows the process that uses it; set --listen / LOG_LISTEN to another port"
                }
                ErrorKind::PermissionDenied => {
                    "ports below 1024 need root or CAP_NET_BIND_SERVICE; set --listen / LOG_LISTEN to another port"
                }
                _ => {
                    "set --listen / LOG_LISTEN to an address of this machine (`ip addr` lists them)"
                }
            };
            CheckResult::wrong("address", format!("{address}: {error}"), remedy)
        }
    }
}
