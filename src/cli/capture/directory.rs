//! Where `vmlog exec` and `vmlog pipe` keep what they capture, and whether anybody reads it there.

use crate::capture::user_folder;
use crate::config::Config;
use std::path::PathBuf;

/// The folder for captures: the one that is `named`, that of this user's own server when there is one, or this user's folder in
/// the spool, which the machine's server reads. Without any of them it is the folder that a server of this user would read, and
/// that nobody reads it is said when it is made.
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
                "; the machine's server reads {}, which cannot be used: {why}",
                spool.display()
            ),
        }
    };
    if !own.exists() {
        eprintln!(
            "vmlog: output is kept in {}, and nothing reads it until `vmlog serve` runs as this user{hint}",
            own.display()
        );
    }
    own.clone()
}
