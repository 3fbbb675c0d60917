//! Where the first start begins to read the journal. Boots are distinguished by their IDs, and within a boot the time
//! since its start counts, so that a clock that was wrong at first, or was set, hides nothing.

use crate::collect::journald::options::Since;
use crate::journal::{Boot, Id128};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A clock that NTP slews drifts by at most this much in an hour (500 ppm); a larger step means that the clock was
/// set.
const STEP_MIN: u64 = 2_000_000;

/// Where reading starts in each boot, in microseconds since the boot: `u64::MAX` skips the boot. `boots` are in the
/// order of the journal, `now` is the time of the wall clock.
pub(crate) fn since_boots(
    boots: &[Boot],
    since: Since,
    this_boot: Option<Id128>,
    now: u64,
) -> HashMap<Id128, u64> {
    match since {
        Since::Ever => HashMap::new(),
        Since::Time(time) => {
            let time = u64::try_from(time.get()).unwrap_or(0);
            let of_machine = |boots| from_time_on(boots, time);
            by_machine(boots).flat_map(of_machine).collect()
        }
        Since::LastBoot { earliest } => {
            let earliest = u64::try_from(earliest.get()).unwrap_or(0);
            let age_max = now.saturating_sub(earliest);
            let of_machine = |boots| last_two(boots, this_boot, age_max);
            by_machine(boots).flat_map(of_machine).collect()
        }
    }
}

fn by_machine(boots: &[Boot]) -> impl Iterator<Item = Vec<&Boot>> {
    let mut machines: HashMap<Id128, Vec<&Boot>> = HashMap::new();
    for boot in boots {
        machines.entry(boot.machine_id).or_default().push(boot);
    }
    machines.into_values()
}

/// Of the boots of one machine: those that contain `time`, and all that follow in the order of the journal, whatever
/// their own time.
fn from_time_on(boots: Vec<&Boot>, time: u64) -> impl Iterator<Item = (Id128, u64)> {
    let mut has_begun = false;
    let of_boot = move |boot: &Boot| {
        let from = if has_begun { 0 } else { from_time(boot, time) };
        has_begun |= from <= boot.last.monotonic;
        (boot.id, from)
    };
    boots.into_iter().map(of_boot)
}

/// The time since the boot at which the wall clock showed `time`, if the clock ran evenly. If the clock was set in
/// between, the whole boot counts if either end of it is late enough.
fn from_time(boot: &Boot, time: u64) -> u64 {
    let began = |entry: crate::journal::Cursor| entry.realtime.saturating_sub(entry.monotonic);
    let (first, last) = (began(boot.first), began(boot.last));
    let was_set = first.abs_diff(last) > STEP_MIN.max(boot.last.monotonic / 2_000);
    match was_set {
        true if boot.first.realtime.max(boot.last.realtime) < time => u64::MAX,
        true => 0,
        // Too early is harmless: a duplicate record is better than a lost one.
        false => time.saturating_sub(first.max(last)),
    }
}

/// The last two boots of one machine. On the machine itself, these are the current boot and the previous one; in
/// journals copied from elsewhere, the newest two.
fn last_two(
    boots: Vec<&Boot>,
    this_boot: Option<Id128>,
    age_max: u64,
) -> impl Iterator<Item = (Id128, u64)> {
    let newest = boots.len().saturating_sub(1);
    let this = boots.iter().position(|boot| Some(boot.id) == this_boot);
    let first = this.unwrap_or(newest).saturating_sub(1);
    // How long the machine ran after a boot, at least.
    let mut later: u64 = 0;
    let of_boot = move |(number, boot): (usize, &Boot)| {
        let ran = boot.last.monotonic.saturating_add(later);
        later = ran;
        let from = if number < first {
            u64::MAX
        } else {
            ran.saturating_sub(age_max)
        };
        (boot.id, from)
    };
    boots.into_iter().enumerate().rev().map(of_boot)
}

/// The directories of this machine's journal.
const OWN: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// The machine whose journal is read: this one, if one of the directories belongs to it. Otherwise they were copied
/// from elsewhere, and the only machine in them counts. `None` while no machine has a journal there yet.
pub(crate) fn machine(directories: &[PathBuf], this: Option<Id128>) -> Option<Id128> {
    let is_own = |path: &PathBuf| OWN.iter().any(|own| path == Path::new(own));
    if this.is_some() && directories.iter().any(is_own) {
        return this;
    }
    let mut found: Vec<Id128> = directories
        .iter()
        .flat_map(|path| machines_in(path))
        .collect();
    found.sort_unstable();
    found.dedup();
    match (this, found.as_slice()) {
        (Some(this), found) if found.contains(&this) => Some(this),
        (_, []) => None,
        (_, [only]) => Some(*only),
        _ => this,
    }
}

/// The machine IDs that name a directory or its subdirectories.
fn machines_in(directory: &Path) -> impl Iterator<Item = Id128> + use<> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let names = entries.flatten().map(|entry| entry.file_name());
    let own = directory.file_name().map(OsStr::to_owned);
    names.chain(own).filter_map(|name| {
        let name = name.to_str()?;
        let (machine, _) = name.split_once('.').unwrap_or((name, ""));
        machine.parse().ok()
    })
}

/// An ID stored in a file by the kernel or the system.
pub(crate) fn id_in(path: &str) -> Option<Id128> {
    let text = std::fs::read_to_string(path).ok()?;
    text.trim().replace('-', "").parse().ok()
}

/// The ID of this boot of the machine.
pub(crate) fn this_boot() -> Option<String> {
    id_in(BOOT_ID_FILE).map(|id| id.to_string())
}

/// Has a new ID after each boot.
pub(super) const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Cursor;
    use crate::time::Micros;

    const HOUR: u64 = 3_600_000_000;
    const DAY: u64 = 24 * HOUR;
    /// The wall clock.
    const NOW: u64 = 20_000 * DAY;

    fn id(number: u8) -> Id128 {
        Id128::new([number; 16])
    }

    fn entry(boot: u8, monotonic: u64, realtime: u64) -> Cursor {
        Cursor {
            boot_id: id(boot),
            monotonic,
            realtime,
            ..Cursor::default()
        }
    }

    /// A boot of a machine that started at `began` by the wall clock and ran for `ran`.
    fn boot(number: u8, machine: u8, began: u64, ran: u64) -> Boot {
        Boot {
            id: id(number),
            machine_id: id(machine),
            first: entry(number, 0, began),
            last: entry(number, ran, began + ran),
        }
    }

    fn last_boot(boots: &[Boot], this: Option<u8>, age_max: u64) -> Vec<u64> {
        let earliest = i64::try_from(NOW - age_max).unwrap();
        let since = Since::LastBoot {
            earliest: Micros::new(earliest),
        };
        let found = since_boots(boots, since, this.map(id), NOW);
        boots.iter().map(|boot| found[&boot.id]).collect()
    }

    #[test]
    fn this_boot_and_the_one_before_are_read() {
        let boots = [1, 2, 3].map(|number| boot(number, 9, NOW - DAY, HOUR));
        assert_eq!(last_boot(&boots, Some(3), 7 * DAY), [u64::MAX, 0, 0]);
        assert_eq!(last_boot(&boots, Some(2), 7 * DAY), [0, 0, 0]);
        assert_eq!(
            last_boot(&boots, Some(1), 7 * DAY),
            [0, 0, 0],
            "none before"
        );
        assert_eq!(
            last_boot(&boots, Some(7), 7 * DAY),
            [u64::MAX, 0, 0],
            "copied"
        );
        assert_eq!(last_boot(&boots, None, 7 * DAY), [u64::MAX, 0, 0]);
        assert!(last_boot(&[], None, 7 * DAY).is_empty());
    }

    #[test]
    fn a_wrong_clock_hides_nothing() {
        for began in [0, NOW - 3_000 * DAY, NOW + 3_000 * DAY] {
            let boots = [boot(1, 9, NOW, HOUR), boot(2, 9, began, HOUR)];
            assert_eq!(last_boot(&boots, Some(2), 7 * DAY), [0, 0], "{began}");
        }
    }

    #[test]
    fn skips_boots_that_are_certainly_too_old() {
        let boots = [boot(1, 9, 0, 30 * DAY), boot(2, 9, 0, 3 * DAY)];
        assert_eq!(last_boot(&boots, Some(2), 7 * DAY), [26 * DAY, 0]);
        let boots = [boot(1, 9, 0, 30 * DAY), boot(2, 9, 0, 10 * DAY)];
        assert_eq!(last_boot(&boots, Some(2), 7 * DAY), [33 * DAY, 3 * DAY]);
    }

    #[test]
    fn each_machine_has_its_own_boots() {
        let boots = [
            boot(4, 8, 0, HOUR),
            boot(5, 8, 0, HOUR),
            boot(1, 9, NOW, HOUR),
            boot(2, 9, NOW, HOUR),
            boot(3, 9, NOW, HOUR),
        ];
        let found = last_boot(&boots, Some(3), 7 * DAY);
        assert_eq!(found, [0, 0, u64::MAX, 0, 0]);
    }

    #[test]
    fn a_time_is_found_in_each_boot() {
        let since = |boot: Boot| {
            let time = i64::try_from(NOW).unwrap();
            since_boots(&[boot], Since::Time(Micros::new(time)), None, NOW)[&id(1)]
        };
        assert_eq!(since(boot(1, 9, NOW - HOUR, DAY)), HOUR);
        assert_eq!(since(boot(1, 9, NOW + HOUR, DAY)), 0);
        assert_eq!(since(boot(1, 9, NOW - 3 * DAY, DAY)), 3 * DAY, "all before");
        let set = |first, last| {
            since(Boot {
                first: entry(1, 0, first),
                last: entry(1, HOUR, last),
                ..boot(1, 9, 0, HOUR)
            })
        };
        assert_eq!(set(0, NOW + HOUR), 0, "the clock of the image");
        assert_eq!(set(NOW + 5 * HOUR, NOW - HOUR), 0, "set back");
        assert_eq!(set(0, NOW - DAY), u64::MAX, "all before");
        let boots = [
            boot(1, 9, NOW - 3 * DAY, DAY),
            boot(2, 9, NOW - HOUR, DAY),
            boot(3, 9, 0, DAY),
        ];
        let time = Micros::new(i64::try_from(NOW).unwrap());
        let found = since_boots(&boots, Since::Time(time), None, NOW);
        assert_eq!(boots.map(|boot| found[&boot.id]), [3 * DAY, HOUR, 0]);
    }

    #[test]
    fn the_machine_is_this_one_or_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        let directories = [folder.path().to_owned(), folder.path().join("missing")];
        let make = |number: u8| {
            std::fs::create_dir(folder.path().join(id(number).to_string())).unwrap();
        };
        assert_eq!(
            machine(&directories, Some(id(1))),
            None,
            "it may be of any machine"
        );
        assert_eq!(machine(&directories, None), None);
        let flat = [folder.path().join(id(5).to_string())];
        assert_eq!(machine(&flat, Some(id(1))), Some(id(5)));
        make(2);
        std::fs::create_dir(folder.path().join(format!("{}.app", id(2)))).unwrap();
        std::fs::create_dir(folder.path().join("remote")).unwrap();
        assert_eq!(machine(&directories, Some(id(1))), Some(id(2)), "copied");
        make(3);
        assert_eq!(machine(&directories, Some(id(1))), Some(id(1)), "of others");
        assert_eq!(machine(&directories, None), None);
        make(1);
        assert_eq!(machine(&directories, Some(id(1))), Some(id(1)));
        let own = [OWN[0].into(), folder.path().join(id(2).to_string())];
        assert_eq!(machine(&own, Some(id(7))), Some(id(7)));
    }

    #[test]
    fn ids_of_this_machine_are_known() {
        assert!(id_in("/proc/sys/kernel/random/boot_id").is_some());
        assert_eq!(id_in("/proc/version"), None);
    }
}
