//! The kinds of problems: their words, titles, severity and order.

use crate::record::Level;
use std::str::FromStr;

/// What went wrong. The word of each kind is stored in `metadata.problem` and is part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// The kernel stopped the machine.
    KernelPanic,
    /// The kernel found a fault of its own.
    KernelOops,
    /// A file system is damaged or was set read-only.
    FilesystemError,
    /// A device could not be read or written.
    IoError,
    /// The processor or memory reported a fault.
    HardwareError,
    /// A disk reports that it is failing.
    SmartError,
    /// A file system has no room or no inodes left.
    DiskFull,
    /// The kernel or systemd-oomd killed a process for its memory.
    OomKill,
    /// A processor was stuck in the kernel.
    KernelLockup,
    /// A process was stuck in the kernel.
    KernelHungTask,
    /// The machine went down without a shutdown.
    UncleanShutdown,
    /// A process crashed.
    CoreDump,
    /// A service did not answer its watchdog.
    Watchdog,
    /// A unit failed so often that systemd gave up.
    StartLimit,
    /// A unit is restarted again and again.
    RestartLoop,
    /// A unit failed.
    UnitFailed,
    /// A job of systemd failed or timed out.
    JobFailed,
    /// A container is restarted again and again.
    ContainerRestartLoop,
    /// A container was killed for its memory.
    ContainerOom,
    /// A container ended with an error or could not start.
    ContainerFailed,
    /// The health check of a container fails.
    ContainerUnhealthy,
    /// A stage of cloud-init failed.
    CloudInitFailed,
    /// A captured command failed.
    RunFailed,
    /// A certificate is not valid.
    CertificateError,
    /// Names are not resolved.
    DnsFailure,
    /// A network interface lost its link.
    InterfaceDown,
    /// The clock jumped.
    TimeJump,
    /// Many logins failed within a short time.
    LoginFailures,
    /// A source logs far more errors than usual.
    ErrorBurst,
    /// A stage of cloud-init ended with recoverable errors.
    CloudInitDegraded,
    /// The kernel printed a warning with a call trace.
    KernelWarning,
    /// A source that logged regularly stopped.
    SourceSilent,
}

/// A row of the table of kinds.
struct KindRow {
    kind: ProblemKind,
    word: &'static str,
    severity: Level,
    /// The title without a subject.
    title: &'static str,
    /// The text after the subject in the title.
    of_subject: &'static str,
}

const fn row(
    kind: ProblemKind,
    word: &'static str,
    severity: Level,
    title: &'static str,
    of_subject: &'static str,
) -> KindRow {
    KindRow {
        kind,
        word,
        severity,
        title,
        of_subject,
    }
}

use ProblemKind as K;

/// In the order of [`ProblemKind`], the most important first.
const KINDS: [KindRow; 32] = [
    row(
        K::KernelPanic,
        "kernel_panic",
        Level::Error,
        "Kernel panic",
        "kernel panic",
    ),
    row(
        K::KernelOops,
        "kernel_oops",
        Level::Error,
        "Kernel fault",
        "kernel fault",
    ),
    row(
        K::FilesystemError,
        "filesystem_error",
        Level::Error,
        "File system error",
        "file system error",
    ),
    row(
        K::IoError,
        "io_error",
        Level::Error,
        "I/O error",
        "I/O error",
    ),
    row(
        K::HardwareError,
        "hardware_error",
        Level::Error,
        "Hardware error",
        "hardware error",
    ),
    row(
        K::SmartError,
        "smart_error",
        Level::Error,
        "Disk is failing",
        "is failing",
    ),
    row(
        K::DiskFull,
        "disk_full",
        Level::Error,
        "Disk full",
        "is full",
    ),
    row(
        K::OomKill,
        "oom_kill",
        Level::Error,
        "Out of memory",
        "killed: out of memory",
    ),
    row(
        K::KernelLockup,
        "kernel_lockup",
        Level::Error,
        "CPU lockup",
        "locked up",
    ),
    row(
        K::KernelHungTask,
        "kernel_hung_task",
        Level::Error,
        "Task hung",
        "hung in the kernel",
    ),
    row(
        K::UncleanShutdown,
        "unclean_shutdown",
        Level::Warn,
        "Unclean shutdown",
        "was not shut down cleanly",
    ),
    row(
        K::CoreDump,
        "core_dump",
        Level::Error,
        "Process crashed",
        "crashed",
    ),
    row(
        K::Watchdog,
        "watchdog",
        Level::Error,
        "Watchdog timeout",
        "did not answer its watchdog",
    ),
    row(
        K::StartLimit,
        "start_limit",
        Level::Error,
        "Unit failed too often",
        "failed too often: start limit hit",
    ),
    row(
        K::RestartLoop,
        "restart_loop",
        Level::Error,
        "Unit restarts in a loop",
        "restarts in a loop",
    ),
    row(
        K::UnitFailed,
        "unit_failed",
        Level::Error,
        "Unit failed",
        "failed",
    ),
    row(
        K::JobFailed,
        "job_failed",
        Level::Error,
        "Job failed",
        "did not start",
    ),
    row(
        K::ContainerRestartLoop,
        "container_restart_loop",
        Level::Error,
        "Container restarts in a loop",
        "restarts in a loop",
    ),
    row(
        K::ContainerOom,
        "container_oom",
        Level::Error,
        "Container out of memory",
        "killed: out of memory",
    ),
    row(
        K::ContainerFailed,
        "container_failed",
        Level::Error,
        "Container failed",
        "failed",
    ),
    row(
        K::ContainerUnhealthy,
        "container_unhealthy",
        Level::Warn,
        "Container unhealthy",
        "is unhealthy",
    ),
    row(
        K::CloudInitFailed,
        "cloud_init_failed",
        Level::Error,
        "cloud-init failed",
        "failed in cloud-init",
    ),
    row(
        K::RunFailed,
        "run_failed",
        Level::Error,
        "Command failed",
        "failed",
    ),
    row(
        K::CertificateError,
        "certificate_error",
        Level::Warn,
        "Certificate error",
        "certificate error",
    ),
    row(
        K::DnsFailure,
        "dns_failure",
        Level::Warn,
        "DNS failure",
        "cannot resolve names",
    ),
    row(
        K::InterfaceDown,
        "interface_down",
        Level::Warn,
        "Network interface down",
        "lost its link",
    ),
    row(
        K::TimeJump,
        "time_jump",
        Level::Warn,
        "Clock jumped",
        "clock jumped",
    ),
    row(
        K::LoginFailures,
        "login_failures",
        Level::Warn,
        "Many failed logins",
        "many failed logins",
    ),
    row(
        K::ErrorBurst,
        "error_burst",
        Level::Warn,
        "Burst of errors",
        "logs far more errors than usual",
    ),
    row(
        K::CloudInitDegraded,
        "cloud_init_degraded",
        Level::Warn,
        "cloud-init reported errors",
        "had recoverable errors in cloud-init",
    ),
    row(
        K::KernelWarning,
        "kernel_warning",
        Level::Warn,
        "Kernel warning",
        "kernel warning",
    ),
    row(
        K::SourceSilent,
        "source_silent",
        Level::Warn,
        "Source is silent",
        "is silent",
    ),
];

impl ProblemKind {
    /// Every kind, the most important first.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|row| row.kind)
    }

    /// The word of the kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().map_or("", |row| row.word)
    }

    /// How bad it is: a warning or an error.
    #[must_use]
    pub fn severity(self) -> Level {
        self.row().map_or(Level::Warn, |row| row.severity)
    }

    /// One line that says what happened, for people.
    #[must_use]
    pub fn title(self, subject: &str) -> String {
        let Some(row) = self.row() else {
            return String::new();
        };
        if subject.is_empty() {
            row.title.to_owned()
        } else {
            format!("{subject} {}", row.of_subject)
        }
    }

    fn row(self) -> Option<&'static KindRow> {
        KINDS.get(self as usize)
    }
}

/// A word that names no kind of problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKind;

impl FromStr for ProblemKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let row = KINDS.iter().find(|row| row.word == word);
        row.map(|row| row.kind).ok_or(UnknownKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_order_and_words_are_read_back() {
        for (index, row) in KINDS.iter().enumerate() {
            assert_eq!(row.kind as usize, index, "{}", row.word);
            assert_eq!(row.word.parse(), Ok(row.kind));
            assert_eq!(row.kind.as_str(), row.word);
        }
        assert_eq!("no_such".parse::<ProblemKind>(), Err(UnknownKind));
        assert_eq!(
            ProblemKind::UnitFailed.title("nginx.service"),
            "nginx.service failed"
        );
        assert_eq!(ProblemKind::DiskFull.title(""), "Disk full");
    }

    #[test]
    fn specification_lists_every_kind_in_order() {
        let text = include_str!("../../format-spec/problems.md");
        let (_, table) = text.split_once("## Kinds").unwrap();
        let listed: Vec<_> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .map(|(word, rest)| (word, rest.split(' ').next().unwrap_or_default()))
            .collect();
        let kinds: Vec<_> = ProblemKind::all()
            .map(|kind| (kind.as_str(), kind.severity().as_str()))
            .collect();
        assert_eq!(listed, kinds);
    }
}
