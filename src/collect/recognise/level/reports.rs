//! Reports of programs that name no level in a form of their own, by the text that they begin with and a text further on.
//! [`forms`](super::forms) lists their kinds.

use crate::collect::recognise::words::{Needle, split_once};
use crate::record::Level;

/// One report.
#[derive(Debug)]
pub(super) struct Report {
    start: &'static [u8],
    /// A text after the start; empty for any.
    has: Needle<'static>,
    level: Level,
}

const fn error(start: &'static [u8], has: &'static [u8]) -> Report {
    Report {
        start,
        has: Needle::new(has),
        level: Level::Error,
    }
}

const fn warning(start: &'static [u8], has: &'static [u8]) -> Report {
    Report {
        start,
        has: Needle::new(has),
        level: Level::Warn,
    }
}

const fn information(start: &'static [u8], has: &'static [u8]) -> Report {
    Report {
        start,
        has: Needle::new(has),
        level: Level::Info,
    }
}

/// The number of slots of a table; the hash has as many values.
const SLOTS: usize = 1024;

/// Reports by their first four bytes, in which most lines already differ from all of them.
#[derive(Debug)]
pub(super) struct ReportTable<const COUNT: usize> {
    reports: &'static [Report; COUNT],
    /// For each hash of four bytes the first report that begins with them, counted from 1. A report whose place is taken is in the next
    /// free one.
    slots: [u8; SLOTS],
    /// For each report the next one with the same four bytes, counted from 1.
    next: [u8; COUNT],
}

impl<const COUNT: usize> ReportTable<COUNT> {
    /// Prepares reports that begin with at least four bytes at compile time.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "runs at compile time"
    )]
    pub(super) const fn new(reports: &'static [Report; COUNT]) -> Self {
        assert!(COUNT < 255, "a number has one byte");
        let mut table = Self {
            reports,
            slots: [0; SLOTS],
            next: [0; COUNT],
        };
        let mut number = COUNT;
        while number > 0 {
            assert!(
                reports[number - 1].start.len() >= 4,
                "a shorter start is not found"
            );
            let first = Self::first(reports[number - 1].start);
            let mut slot = Self::hash(first);
            while table.slots[slot] != 0
                && Self::first(reports[table.slots[slot] as usize - 1].start) != first
            {
                slot = (slot + 1) % SLOTS;
            }
            table.next[number - 1] = table.slots[slot];
            table.slots[slot] = number as u8;
            number -= 1;
        }
        table
    }

    const fn first(start: &[u8]) -> u32 {
        match *start {
            [a, b, c, d, ..] => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        }
    }

    /// A number below the number of slots.
    const fn hash(first: u32) -> usize {
        (first.wrapping_mul(0x9e37_79b1) >> 22) as usize
    }

    /// The level of the first report that `text` is.
    pub(super) fn find(&self, text: &[u8]) -> Option<Level> {
        let first = u32::from_le_bytes(*text.first_chunk()?);
        let mut slot = Self::hash(first);
        let mut number = loop {
            let number = usize::from(*self.slots.get(slot)?);
            let report = self.reports.get(number.checked_sub(1)?)?;
            if Self::first(report.start) == first {
                break number;
            }
            slot = (slot + 1) % SLOTS;
        };
        loop {
            let report = self.reports.get(number.checked_sub(1)?)?;
            if report.matches(text) {
                return Some(report.level);
            }
            number = usize::from(*self.next.get(number - 1)?);
        }
    }
}

impl Report {
    fn matches(&self, text: &[u8]) -> bool {
        let after = text.strip_prefix(self.start);
        after.is_some_and(|after| self.has.length() == 0 || self.has.find(after).is_some())
    }
}

const PROGRAMS: usize = 226;
const KERNEL: usize = 81;

/// Reports of servers, tools and test runners.
static OF_PROGRAMS: ReportTable<PROGRAMS> = ReportTable::new(&[
    error(b"Exim configuration error", b""),
    error(b"exiting (due to fatal error)", b""),
    error(b"zone ", b": not loaded due to errors."),
    error(b"zone ", b": loading from master file "),
    error(b"Configuration file errors encountered", b""),
    error(b"no server suitable for synchronization found", b""),
    error(b"AUTH: Received control message: AUTH_FAILED", b""),
    error(b"Exiting due to fatal error", b""),
    error(b"Exiting: error ", b": "),
    error(b"TLS_ERROR: ", b""),
    error(b"OpenSSL: error:", b""),
    error(b"write UDP", b": "),
    error(b"read UDP", b"]: "),
    error(b"RTNETLINK answers: ", b""),
    error(b"(CRON) error (", b""),
    error(b"(CRON) DEATH (", b""),
    information(b"(CRON) info (", b""),
    error(b"error during parsing file ", b""),
    warning(b"File /", b" corrupted or uncleanly shut down"),
    error(b"[ TIME ] ", b""),
    error(b">>> Failed to ", b""),
    warning(b"evaluation warning: ", b""),
    error(b"guix ", b": error: "),
    warning(b"guix ", b": warning: "),
    error(b"build of ", b".drv failed"),
    error(b"build of '/", b"' failed"),
    error(b"Script ", b" failed with error: "),
    error(b"Script ", b" returned with error code "),
    error(b"Error executing action `", b""),
    error(b"Error during ", b": "),
    error(b"Error occurred ", b""),
    error(b"There was an error while ", b""),
    error(b"There was 1 failure:", b""),
    error(b"There was 1 error:", b""),
    error(b"There were ", b" failures:"),
    error(b"There were ", b" errors:"),
    error(b"==> Some builds didn't complete successfully", b""),
    error(b"ui error: ", b""),
    error(b"An exception occurred during task execution.", b""),
    error(b"Chef Infra Client failed.", b""),
    error(b"Chef Client failed.", b""),
    error(b"Mixlib::ShellOut::ShellCommandFailed", b""),
    error(b"Finished: FAILURE", b""),
    warning(b"Finished: UNSTABLE", b""),
    warning(b"Finished: ABORTED", b""),
    error(b"Build step '", b"' marked build as failure"),
    error(b"Exited with code exit status ", b""),
    error(b"Fail event detected on md device ", b""),
    error(b"FailSpare event detected on md device ", b""),
    error(b"DegradedArray event detected on md device ", b""),
    error(b"DeviceDisappeared event detected on md device ", b""),
    error(b"Device: /dev/", b" Currently unreadable (pending) sectors"),
    error(b"Device: /dev/", b" Offline uncorrectable sectors"),
    error(b"Device: /dev/", b" FAILED SMART self-check"),
    error(b"cannot ", b"': no such "),
    error(b"cannot ", b"': dataset "),
    error(b"cannot ", b"': pool "),
    error(b"KVM internal error", b""),
    error(b"lxc ", b" ERROR "),
    error(b"lxc-start ", b" ERROR "),
    warning(b"lxc ", b" WARN "),
    warning(b"lxc-start ", b" WARN "),
    error(b"TASK ERROR: ", b""),
    warning(b"TASK WARNINGS: ", b""),
    error(b"--- no python application found", b""),
    error(b"unable to load app ", b""),
    error(b"!!! uWSGI process ", b""),
    error(b"bind(): ", b" [core/socket.c line "),
    error(b"! Unable to load application: ", b""),
    error(b"! Terminating timed out worker", b""),
    error(b"! Installing the dependencies failed", b""),
    error(b"Completed 500 Internal Server Error in ", b""),
    error(b"Completed 502 Bad Gateway in ", b""),
    error(b"Completed 503 Service Unavailable in ", b""),
    warning(b"DEPRECATION WARNING: ", b""),
    error(b"rails aborted!", b""),
    error(b"bin/rails aborted!", b""),
    error(b"Bundler could not find compatible versions", b""),
    error(b"Could not find ", b" in locally installed gems"),
    error(b"WordPress database error ", b""),
    error(b"# There is insufficient memory for the Java Runtime", b""),
    error(b"no main manifest attribute, in ", b""),
    error(b"You must install or update .NET to run ", b""),
    error(b"Couldn't find a project to run", b""),
    error(b"Build FAILED.", b""),
    error(b"Failed ", b" ms]"),
    error(b"Failed ", b" s]"),
    information(b"Passed!  - Failed: ", b""),
    error(b"[xUnit.net ", b" [FAIL]"),
    error(b"> Build error occurred", b""),
    error(b"Type error: ", b""),
    error(b"[!] Error: ", b""),
    error(b"[!] RollupError: ", b""),
    error(b"[!] (plugin ", b""),
    warning(b"(!) ", b""),
    error(b"prisma:error", b""),
    warning(b"prisma:warn", b""),
    error(b"** BUILD FAILED **", b""),
    error(b"** TEST FAILED **", b""),
    error(b"** ARCHIVE FAILED **", b""),
    error(b"error building at STEP ", b""),
    error(b"Zigbee2MQTT:error ", b""),
    warning(b"Zigbee2MQTT:warn ", b""),
    information(b"Zigbee2MQTT:info ", b""),
    error(b"Code: ", b". DB::"),
    error(b"[Recovery] ", b"panic recovered"),
    error(b"CUDA error: ", b""),
    error(b"loading configuration: ", b""),
    error(b"configuring logging: ", b""),
    information(b"Completed with ", b" 0 errors"),
    error(b"Completed with ", b" error and "),
    error(b"Completed with ", b" errors and "),
    error(b"Completed with ", b" error, "),
    error(b"Completed with ", b" errors, "),
    error(b"Completed with ", b" errors:"),
    information(b"Done. PASS=", b" ERROR=0 "),
    error(b"Done. PASS=", b" ERROR="),
    error(b"Database Error", b""),
    error(b"Runtime Error", b""),
    error(b"Compilation Error", b""),
    error(b"Encountered an error", b""),
    error(b"Detected problems in ", b" module"),
    error(b"Detected errors in ", b" module"),
    error(b"- Run ", b" (run hook \""),
    error(b"Error   today at ", b""),
    error(b"Error   yesterday at ", b""),
    error(b"Error in log handler", b""),
    error(b"[system] Failed to activate service ", b""),
    error(b"Job ", b" completed with result: Failed"),
    error(b"Errors during downloading metadata for repository ", b""),
    error(b"==> Builds finished but no artifacts were created", b""),
    error(b"Exiting on unhandled exception", b""),
    warning(b"System clock wrong by ", b""),
    warning(b"Can't synchronise: ", b""),
    error(b"Docker returned an error", b""),
    error(
        b"migrate found failed migrations in the target database",
        b"",
    ),
    error(b"UNREACHABLE! => ", b""),
    error(
        b"> Process 'command '",
        b" finished with non-zero exit value ",
    ),
    error(b"> Could not ", b""),
    error(b"> Failed to ", b""),
    error(b"executor failed running [", b""),
    error(b"main: TLS init def ctx failed", b""),
    error(b"main: Enabling TLS failed", b""),
    error(b"backend_startup_one (", b" failed"),
    error(b"hdb_db_open: database ", b": database "),
    error(b"mdb_db_open: database ", b" cannot be opened"),
    error(b"bdb_db_open: database ", b" cannot be opened"),
    warning(b"slap_client_connect: URI=", b" Error, "),
    error(b"exit_daemon: STATUS=daemon failed", b""),
    error(b"Kernel reported iSCSI connection ", b" error "),
    error(b"Volume group \"", b" not found"),
    error(b"Squid Cache (Version ", b": Terminated abnormally."),
    error(b"terminating with error status", b""),
    warning(b"terminating with warning status", b""),
    error(b"prterun noticed that process rank ", b""),
    error(b"mpirun noticed that process rank ", b""),
    error(b"mpiexec noticed that process rank ", b""),
    error(b"Target //", b" failed to build"),
    error(b"cannot build derivation '", b""),
    warning(b"* QA Notice: ", b""),
    error(b"Error add txt for domain", b""),
    error(b"Error establishing ", b""),
    error(b"Create new order error", b""),
    error(b"Some challenges have failed", b""),
    error(b"The guest machine entered an invalid state", b""),
    error(
        b"The SSH command responded with a non-zero exit status",
        b"",
    ),
    error(b"ResolutionImpossible: ", b""),
    error(b"iscsid: Kernel reported iSCSI connection ", b" error "),
    error(b"JS ERROR: ", b""),
    warning(b"JS WARNING: ", b""),
    error(b"An internal error occurred", b""),
    error(b"An unexpected error occurred", b""),
    error(b"An error occurred ", b""),
    error(b"An error occurred: ", b""),
    warning(b"Solving environment: failed", b"etry"),
    error(b"Solving environment: ", b"failed"),
    error(b"Because ", b"version solving failed"),
    warning(b"type=AVC ", b" denied  {"),
    warning(b"type=AVC ", b"=\"DENIED\""),
    warning(b"AVC apparmor=\"DENIED\"", b""),
    warning(b"AVC avc:  denied", b""),
    error(b"A dependency job for ", b" failed"),
    information(b"Exited with status 0", b""),
    error(b"Exited with status ", b""),
    error(b"CircleCI received exit code ", b""),
    error(b"Permission denied (", b""),
    error(b"Permission denied, please try again", b""),
    warning(b"DHCP packet received on ", b" which has no address"),
    warning(b"Maximum number of concurrent DNS queries reached", b""),
    error(b"Device: /dev/", b" error count increased"),
    warning(b"QObject::", b": "),
    error(b"This application failed to start because ", b""),
    error(b"X Error of failed request:", b""),
    error(b"Fatal server error:", b""),
    error(b"bootstrap check failure ", b""),
    error(b"BOOT FAILED", b""),
    error(b"Puma caught this error: ", b""),
    information(b"SQLSTATE[00000]", b""),
    error(b"SQLSTATE[", b""),
    error(b"<<loop>>", b""),
    error(b"syntax error at ", b" line "),
    error(b"Problem", b": nothing provides "),
    error(b"Problem", b": conflicting requests"),
    error(b"Problem", b": cannot install "),
    error(b"Problem", b": package "),
    error(b"No provider of '", b"' found"),
    error(b"Key is not the correct length or format", b""),
    error(b"System has not been booted with systemd", b""),
    error(b"Shell server terminated (code: ", b""),
    error(b"Back-off restarting failed container", b""),
    error(b"HEALTH_ERR", b""),
    error(b"Inconsistency detected by ld.so", b""),
    warning(b"HEALTH_WARN", b""),
    error(b"Module not found: ", b""),
    error(b"no python application found", b""),
    error(b"*** no app loaded", b""),
    error(b"Bad exit status", b""),
    error(b"! [rejected] ", b""),
    error(b"! [remote rejected] ", b""),
    error(b"toomanyrequests: ", b""),
    warning(b"exportfs: /etc/exports", b"]: Neither "),
    warning(b"exportfs: No options for ", b""),
    error(b"Crash dump is being written to: ", b""),
    error(b"Unhandled Rejection at", b""),
    error(b"Unhandled promise rejection", b""),
    error(b"Unhandled Promise Rejection", b""),
]);

/// Reports of the kernel: faults of the machine, its disks and its drivers.
static OF_KERNEL: ReportTable<KERNEL> = ReportTable::new(&[
    error(b"BUG: ", b""),
    error(b"kernel BUG at ", b""),
    error(b"NMI watchdog: BUG: ", b""),
    error(b"watchdog: BUG: ", b""),
    error(b"INFO: rcu_", b""),
    error(b"rcu: INFO: rcu_", b""),
    error(b"Kernel panic - ", b""),
    error(b"traps: ", b""),
    error(b"Oops: ", b""),
    error(b"Oops[", b""),
    error(b"general protection fault", b""),
    error(b"Unable to handle kernel", b""),
    error(b"Internal error: ", b""),
    error(b"stack segment", b""),
    error(b"Out of memory: Kill", b" process "),
    error(b"Memory cgroup out of memory: Kill", b""),
    error(b"EXT4-fs error ", b""),
    warning(b"EXT4-fs warning ", b""),
    error(b"EXT4-fs (", b"Remounting filesystem read-only"),
    error(b"JBD2: Error ", b""),
    error(b"Aborting journal on device ", b""),
    error(b"BTRFS error ", b""),
    error(b"BTRFS critical ", b""),
    warning(b"BTRFS warning ", b""),
    error(b"SQUASHFS error: ", b""),
    error(b"CIFS: VFS: ", b"error"),
    warning(b"nfs: server ", b" not responding"),
    error(b"blk_update_request: I/O error", b""),
    error(b"critical medium error", b""),
    error(b"critical target error", b""),
    error(b"md/raid", b": Disk failure on "),
    warning(b"nvme ", b" timeout, aborting"),
    error(b"nvme ", b": controller is down"),
    error(b"usb ", b": device descriptor read/"),
    error(b"NVRM: Xid ", b""),
    error(b"NVRM: ", b" has fallen off the bus"),
    error(b"EDAC MC", b" UE "),
    warning(b"EDAC MC", b" CE "),
    error(b"ACPI BIOS Error ", b""),
    error(b"ACPI Error", b""),
    warning(b"ACPI Warning", b""),
    warning(b"nf_conntrack: ", b"table full, dropping packet"),
    error(b"XFS (", b" I/O error"),
    error(b"XFS (", b"nternal error "),
    error(b"XFS (", b" mount failed"),
    error(b"XFS (", b"hutting down filesystem"),
    error(b"BTRFS: error ", b""),
    error(b"BTRFS: critical ", b""),
    warning(b"BTRFS: warning ", b""),
    error(b"bcachefs (", b"rror"),
    error(b"nvme", b" @ LBA "),
    error(b"nvme ", b": Removing after probe failure"),
    warning(b"hv_storvsc ", b" srb "),
    error(b"virtio_", b" is not a head!"),
    warning(b"NETDEV WATCHDOG: ", b""),
    error(b"usb ", b": device not accepting address "),
    error(b"usb ", b": unable to enumerate USB device"),
    error(b"Memory failure: ", b""),
    error(b"VFS: Cannot open root device ", b""),
    error(b"VFS: file-max limit ", b" reached"),
    error(b"TCP: out of memory", b""),
    warning(b"TCP: ", b"Possible SYN flooding on port "),
    warning(b"TCP: too many orphaned sockets", b""),
    error(b"neighbour: ", b" table overflow!"),
    error(b"audit: backlog limit exceeded", b""),
    warning(b"clocksource: timekeeping watchdog on ", b" as unstable"),
    error(b"AMD-Vi: Event logged [IO_PAGE_FAULT", b""),
    error(b"DMAR: ", b" fault "),
    error(b"pcieport ", b" (Fatal)"),
    warning(b"pcieport ", b": AER: Correct"),
    error(b"device-mapper: ", b" error"),
    warning(b"bond", b" link status definitely down"),
    error(b"Buffer I/O error", b""),
    warning(b"audit: type=", b"=\"DENIED\""),
    warning(b"audit: type=", b"avc:  denied"),
    warning(b"md: kicking non-fresh ", b""),
    error(b"md/raid", b" not enough operational devices"),
    error(b"EXT4-fs (", b"VFS: Can't find ext4"),
    error(b"EXT4-fs (", b": no journal found"),
    warning(b"XFS (", b"Unmount and run xfs_repair"),
    error(b"WARNING: Pool '", b" uncorrectable I/O failure"),
]);

/// What programs report, perhaps after the number of their process, their name or their thread: `[7] ! Unable to load application: x`,
/// `[vite-ssg] An internal error occurred.`, `0x7f3275ffb700 main: TLS init def ctx failed: -1`, `kid1| Squid Cache (Version 4.12): Terminated
/// abnormally.`
pub(super) fn of_program(text: &[u8]) -> Option<Level> {
    OF_PROGRAMS.find(text).or_else(|| {
        let rest = match text.first()? {
            b'[' => {
                let (name, rest) = split_once(text, b']')?;
                rest.strip_prefix(b" ").filter(|_| !name.contains(&b' '))?
            }
            b'0' => split_once(text.strip_prefix(b"0x")?, b' ')?.1,
            _ => split_once(text.strip_prefix(b"kid")?, b'|')?
                .1
                .trim_ascii_start(),
        };
        OF_PROGRAMS.find(rest)
    })
}

/// What the kernel reports.
pub(super) fn of_kernel(text: &[u8]) -> Option<Level> {
    OF_KERNEL.find(text)
}
