//! The sizes of this machine, for systems whose answers have them.

use rustix::fs::statvfs;
use std::fs;
use std::thread;

const MIB: u64 = 1 << 20;

/// Processors, memory and disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MachineSize {
    pub(super) processors: usize,
    pub(super) memory_mib: u64,
    /// Of the root file system.
    pub(super) disk_mib: u64,
}

impl MachineSize {
    /// The sizes now; 0 for one that cannot be read.
    pub(super) fn now() -> Self {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let disk = statvfs("/").map_or(0, |found| found.f_blocks * found.f_frsize);
        Self {
            processors: thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory_mib(&meminfo),
            disk_mib: disk / MIB,
        }
    }
}

/// The total memory in the text of `/proc/meminfo` (proc(5)), which has it in KiB.
fn memory_mib(meminfo: &str) -> u64 {
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let number = total.and_then(|total| total.split_ascii_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or_default() / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mebibytes() {
        assert_eq!(
            memory_mib("MemFree: 1 kB\nMemTotal:       2048000 kB\n"),
            2_000
        );
        assert_eq!(memory_mib(""), 0);
        let now = MachineSize::now();
        assert!(
            now.processors > 0 && now.memory_mib > 16 && now.disk_mib > 0,
            "{now:?}"
        );
    }
}
