//! The check of the machine's clock.

use super::own::exists;
use super::report::CheckResult;
use crate::config::Config;
use crate::disk::RealDisk;
use crate::query::{self, Budget, Limits};
use crate::store::Reader;
use crate::time::Micros;
use std::path::Path;
use std::sync::Arc;

/// The time of the first release, 2026-01-01: a clock before this is wrong.
const EARLIEST: i64 = 1_767_225_600_000_000;
/// Clocks of two machines, or of one before and after a correction, differ by less than this.
const TOLERANCE: i64 = 60_000_000;
/// Marker files of time services; systemd-timesyncd creates the first one when it has set the clock.
const KEEPERS: [&str; 4] = [
    "/run/systemd/timesync/synchronized",
    "/run/chrony",
    "/run/chrony.d",
    "/run/ntpd.pid",
];

pub(super) fn look(config: &Config) -> Vec<CheckResult> {
    let newest = newest(&config.data_dir.join("store"));
    let is_kept = KEEPERS.iter().any(|path| exists(Path::new(path)));
    vec![clock(Micros::now(), newest, is_kept)]
}

fn clock(now: Micros, newest: Option<Micros>, is_kept: bool) -> CheckResult {
    let remedy =
        "set it (`timedatectl set-ntp true`); records have the times that their sources state";
    if now.get() < EARLIEST {
        return CheckResult::wrong(
            "clock",
            format!("the clock shows {now}, which is in the past"),
            remedy,
        );
    }
    if let Some(newest) = newest.filter(|newest| newest.get() - now.get() > TOLERANCE) {
        return CheckResult::wrong(
            "clock",
            format!("the clock shows {now}, before the newest record of the store, {newest}"),
            remedy,
        );
    }
    if is_kept {
        return CheckResult::good(
            "clock",
            format!("the clock shows {now}, kept by a time service"),
        );
    }
    CheckResult::note(
        "clock",
        format!("the clock shows {now}; no time service was found"),
    )
}

/// The time of the newest record.
fn newest(root: &Path) -> Option<Micros> {
    let reader = Reader::open_read_only(Arc::new(RealDisk), root).ok()?;
    let limits = Limits {
        limit_default: 1,
        limit_max: 1,
    };
    let request = query::parse_page(&[], &limits, Micros::now()).ok()?;
    let page = query::page(&reader.view(), &request, &Budget::default()).ok()?;
    page.entries.first().map(|stored| stored.record.timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_behind_is_wrong() {
        let now = Micros::new(EARLIEST + 1_000_000_000);
        assert!(!clock(now, None, true).is_wrong());
        assert!(!clock(now, Some(now.plus(TOLERANCE)), false).is_wrong());
        assert!(clock(now, Some(now.plus(TOLERANCE + 1)), true).is_wrong());
        assert!(clock(Micros::new(0), None, true).is_wrong());
    }
}
