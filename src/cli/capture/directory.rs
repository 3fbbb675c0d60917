//! The folder where `vmlog exec` and `vmlog pipe` write capture logs, and whether a server reads it.

use crate::capture::user_folder;
use crate::config::Config;
use std::path::PathBuf;

/// The folder for capture logs: the configured one if `is_named`, the one of this user's own server if there is one,
/// or this user's folder in the spool, which the machine's server reads. Otherwise the folder that a server of this
/// user would read, with a warning that nothing reads it yet.
pub(super) fn choose(config: &Config, is_named: bool) -> PathBuf {
    let own = &config.capture.directory;
    let has_server = config.data_dir.join("store").is_dir();
    if is_named || has_server {
        return own.clone();
    }
    let user = rustix::process::geteuid();
    let spool = &config.spool;
    let hint = if user.is_root() {
        String::new()
    } else {
        match user_folder(spool, user.as_raw()) {
            Ok(folder) => return folder,
            Err(why) => format!(
                "; the machine's server reads {}, which is not usable: {why}",
                spool.display()
            ),
        }
    };
    if !own.exists() {
        notice!(
            "output is stored in {}, which nothing reads until `vmlog serve` runs as this user{hint}",
            own.display()
        );
    }
    own.clone()
}
