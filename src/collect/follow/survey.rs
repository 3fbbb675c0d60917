//! The logs that a collector would follow, for `vmlog doctor`.

use super::kind::LogKind;
use super::unfollowed::FOLLOWED_MAX;
use crate::opening;
use std::cmp::Reverse;
use std::io;
use std::path::PathBuf;

/// The logs that a collector would follow if it started now.
#[derive(Debug, Default)]
pub struct Survey {
    /// Number of logs that exist.
    pub found: usize,
    /// Number of these that would not be followed, because there are too many.
    pub left_out: usize,
    /// Logs and folders that cannot be read, and why.
    pub refused: Vec<(PathBuf, io::Error)>,
    /// Whether some folders hold more entries than are read.
    pub is_incomplete: bool,
}

/// Finds the logs and tries to open those that would be followed.
pub(crate) fn survey(kind: &impl LogKind) -> Survey {
    let mut found = kind.find();
    found
        .logs
        .sort_by_key(|(_, stamp)| Reverse(stamp.map(|stamp| stamp.modified)));
    let followed = found.logs.len().min(FOLLOWED_MAX);
    let mut survey = Survey {
        found: 0,
        left_out: found.logs.len() - followed,
        refused: found.troubles,
        is_incomplete: found.is_incomplete,
    };
    for (place, _) in found.logs {
        match opening::trusted(&place.path) {
            Ok(_) => survey.found += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                survey.found += 1;
                survey.refused.push((place.path, error));
            }
        }
    }
    survey
}
