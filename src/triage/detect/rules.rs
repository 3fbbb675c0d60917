//! The table of texts that report a problem: whose they are, which literals they contain, and what they are about.

use crate::record::Record;
use crate::triage::detect::owner::{container_name, owner_of};
use crate::triage::detect::sign::{DetectedProblem, Sign};
use crate::triage::kind::ProblemKind as K;

/// Who must have written the text.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    Kernel,
    /// A program of one of these names.
    Program(&'static [&'static str]),
    /// Any program, at warning or error level.
    Anyone,
    /// Any program, at any level: a database gives these lines no level that a collector knows.
    Database,
}

/// How the subject is found in the text.
#[derive(Debug, Clone, Copy)]
enum About {
    /// The whole machine.
    Machine,
    /// The source of the record.
    Source,
    /// The word after this text, up to a space or punctuation.
    After(&'static str),
    /// The text between the first and the second.
    Between(&'static str, &'static str),
    /// The word that the text begins with, up to a colon.
    First,
    /// The ID of a container after this text.
    Container(&'static str),
    /// The process that the kernel names: `app[123]: segfault at 0`, `traps: app[123] trap invalid opcode`.
    Process,
    /// The network interface before `Link is Down`.
    Link,
    /// The last part of the control group that systemd-oomd killed.
    Group,
    /// The command of a devcontainer that failed: `[12 ms] postCreateCommand failed with exit code 1.`
    Lifecycle,
}

/// What a matching text is a sign of.
#[derive(Debug, Clone, Copy)]
enum SignWeight {
    /// A problem.
    One,
    /// A problem if there are several.
    Several,
    /// Who the kernel kills next.
    Victim,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct TextRule {
    kind: K,
    pub(super) by: By,
    /// At least one of these literals.
    pub(super) any: &'static [&'static str],
    /// All of these.
    pub(super) all: &'static [&'static str],
    /// None of these: harmless texts that look alike.
    pub(super) not: &'static [&'static str],
    about: About,
    weight: SignWeight,
}

const fn rule(kind: K, by: By, any: &'static [&'static str], about: About) -> TextRule {
    TextRule {
        kind,
        by,
        any,
        all: &[],
        not: &[],
        about,
        weight: SignWeight::One,
    }
}

impl TextRule {
    const fn all(self, all: &'static [&'static str]) -> Self {
        Self { all, ..self }
    }

    const fn not(self, not: &'static [&'static str]) -> Self {
        Self { not, ..self }
    }

    const fn weight(self, weight: SignWeight) -> Self {
        Self { weight, ..self }
    }

    /// What a text that matches says.
    pub(super) fn sign(&self, text: &str, record: &Record) -> Option<Sign> {
        if matches!(self.weight, SignWeight::Victim) {
            return victim(text);
        }
        let subject = match self.about {
            About::Machine => None,
            About::Source => Some(record.source.as_str().to_owned()),
            About::After(start) => word_after(text, start).map(str::to_owned),
            About::Between(start, end) => between(text, start, end).map(str::to_owned),
            About::First => text.split(':').next().map(|word| word.trim().to_owned()),
            About::Container(start) => word_after(text, start).map(container_name),
            About::Process => process(text),
            About::Link => link(text),
            About::Group => between(text, "Killed /", " due")
                .and_then(|group| group.rsplit('/').next())
                .map(str::to_owned),
            About::Lifecycle => Some(lifecycle_command(text)?.to_owned()),
        };
        let is_virtual = |name: &str| VIRTUAL_LINKS.iter().any(|start| name.starts_with(start));
        let is_link = self.kind == K::InterfaceDown;
        if is_link && subject.as_deref().is_some_and(is_virtual) {
            return None;
        }
        let problem = DetectedProblem::new(self.kind, subject);
        Some(match self.weight {
            SignWeight::Several => Sign::Repeated(problem),
            _ => Sign::Problem(problem),
        })
    }
}

/// Links that come and go with containers and virtual machines.
const VIRTUAL_LINKS: [&str; 13] = [
    "veth", "docker", "br-", "cni", "cali", "flannel", "virbr", "vnet", "tap", "tun", "lo",
    "podman", "wg",
];

/// `oom-kill:constraint=...,task_memcg=/system.slice/app.service,task=java,pid=4711,uid=0`
fn victim(text: &str) -> Option<Sign> {
    let pid = word_after(text, ",pid=")?.to_owned();
    let group = between(text, "task_memcg=", ",task=")?;
    let owner = owner_of(group);
    Some(Sign::OomVictim { pid, owner })
}

/// The name of a process without its ID.
fn process(text: &str) -> Option<String> {
    let text = text.strip_prefix("traps: ").unwrap_or(text);
    let name = text.split('[').next()?.trim();
    Some(name.to_owned())
}

/// The commands that a devcontainer names in its configuration.
const LIFECYCLE_COMMANDS: [&str; 6] = [
    "initializeCommand",
    "onCreateCommand",
    "updateContentCommand",
    "postCreateCommand",
    "postStartCommand",
    "postAttachCommand",
];

/// `postCreateCommand from devcontainer.json failed with exit code 1.`
fn lifecycle_command(text: &str) -> Option<&'static str> {
    let (before, _) = text.split_once(" failed with exit code ")?;
    let before = before
        .strip_suffix(" from devcontainer.json")
        .unwrap_or(before);
    LIFECYCLE_COMMANDS
        .into_iter()
        .find(|name| before.ends_with(name))
}

/// `e1000e 0000:00:1f.6 eth0: NIC Link is Down`
fn link(text: &str) -> Option<String> {
    let (before, _) = text.split_once("ink is ")?;
    let before = before.trim_end_matches(['L', 'l']).trim_end();
    let before = before.strip_suffix("NIC").unwrap_or(before).trim_end();
    let word = before.rsplit(' ').next()?.trim_end_matches(':');
    Some(word.to_owned())
}

fn word_after<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    let is_end = |c: char| c.is_whitespace() || ",;:()[]'\"\\".contains(c);
    let rest = rest.trim_start_matches(is_end);
    let word = rest.split(is_end).next()?.trim_end_matches('.');
    (!word.is_empty()).then_some(word)
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    let (found, _) = rest.split_once(end)?;
    Some(found)
}

const DOCKER: By = By::Program(&["dockerd", "docker", "containerd"]);
const KUBELET: By = By::Program(&["kubelet", "k3s", "rke2", "microk8s.daemon-kubelite", "k0s"]);
const SSHD: By = By::Program(&["sshd", "ssh", "dropbear", "sshd-auth"]);

/// Every row; the first that matches decides.
#[rustfmt::skip]
pub(super) const RULES: &[TextRule] = &[
    // the kernel
    rule(K::KernelPanic, By::Kernel, &["Kernel panic - not syncing"], About::Machine),
    rule(K::KernelOops, By::Kernel, &["BUG: unable to handle", "BUG: kernel NULL pointer", "kernel BUG at ", "Oops: ", "Oops - ",
        "Unable to handle kernel ", "general protection fault"], About::Machine)
        .not(&["traps: "]),
    rule(K::KernelLockup, By::Kernel, &["soft lockup - CPU#", "hard LOCKUP", "self-detected stall on CPU",
        "detected stalls on CPUs"], About::Machine),
    rule(K::KernelHungTask, By::Kernel, &["blocked for more than "], About::Between("task ", ":")),
    rule(K::OomKill, By::Kernel, &["oom-kill:constraint="], About::Machine).weight(SignWeight::Victim),
    rule(K::OomKill, By::Kernel, &["Out of memory: Kill", "Memory cgroup out of memory: Kill", "Killed process "],
        About::Between("(", ")")),
    rule(K::CoreDump, By::Kernel, &["]: segfault at ", "traps: "], About::Process).not(&["Missing ENDBR", "split lock"]),
    rule(K::FilesystemError, By::Kernel, &["EXT4-fs error (device ", "EXT3-fs error (device ", "EXT2-fs error (device "],
        About::Between("(device ", ")")),
    rule(K::FilesystemError, By::Kernel, &["Remounting filesystem read-only", "orruption detected",
        "Filesystem has been shut down", "xfs_do_force_shutdown"], About::Between("(", ")")),
    rule(K::FilesystemError, By::Kernel, &["BTRFS error (device ", "BTRFS critical (device ", "BTRFS: error (device "],
        About::Between("(device ", ")")),
    rule(K::FilesystemError, By::Kernel, &["Aborting journal on device ", "Detected IO errors while flushing file data on "],
        About::After(" on ")).not(&["on device "]),
    rule(K::FilesystemError, By::Kernel, &["Aborting journal on device "], About::After("on device ")),
    rule(K::IoError, By::Kernel, &["Buffer I/O error on dev", "I/O error, dev ", "critical medium error, dev ",
        "critical target error, dev "], About::After("dev "))
        .not(&["dev fd0", "dev sr0", "dev loop"]),
    rule(K::IoError, By::Kernel, &["failed command: READ", "failed command: WRITE", "exception Emask "], About::First).not(&["hotplug"]),
    rule(K::IoError, By::Kernel, &["QID "], About::After("nvme ")).all(&["I/O", "timeout"]),
    rule(K::IoError, By::Kernel, &["Disk failure on "], About::After("Disk failure on ")),
    rule(K::HardwareError, By::Kernel, &["[Hardware Error]: Machine check", "AER: Uncorrected", "UE memory ",
        "Machine check events logged", "thermal: critical temperature reached", "critical temperature reached"], About::Machine),
    rule(K::InterfaceDown, By::Kernel, &["Link is Down", "link is down"], About::Link),
    rule(K::UncleanShutdown, By::Kernel, &["EXT4-fs ("], About::Machine).all(&["recovery complete"]),
    rule(K::UncleanShutdown, By::Kernel, &[": Starting recovery (logdev", "Volume was not properly unmounted"], About::Machine),
    rule(K::KernelWarning, By::Kernel, &["WARNING: CPU: "], About::Between(" at ", " ")),
    // containers
    rule(K::ContainerOom, DOCKER, &["TaskOOM event"], About::Container("container_id:")).all(&["container_id:"]),
    rule(K::ContainerOom, DOCKER, &["TaskOOM event"], About::Container("ContainerID:")),
    rule(K::ContainerFailed, DOCKER, &["ShouldRestart failed, container will not be restarted"], About::Container("container="))
        .all(&["hasBeenManuallyStopped=false"]).not(&["exitStatus=\"{0 "]),
    rule(K::ContainerRestartLoop, DOCKER, &["topic=/tasks/delete"], About::Container("container=")).weight(SignWeight::Several),
    rule(K::ContainerFailed, DOCKER, &["/start returned error: "], About::Between("/containers/", "/start")),
    rule(K::ContainerFailed, DOCKER, &["failed to start container", "Failed to start container"], About::Container("container=")),
    rule(K::ContainerUnhealthy, DOCKER, &["Health check for container "], About::Container("Health check for container ")).all(&["error"]),
    rule(K::ContainerRestartLoop, KUBELET, &["CrashLoopBackOff"], About::After("for \\\"")),
    rule(K::ContainerFailed, KUBELET, &["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "RunContainerError",
        "CreateContainerError"], About::After("for \\\"")),
    rule(K::ContainerUnhealthy, KUBELET, &["Probe failed"], About::Between("containerName=\"", "\"")),
    rule(K::DiskFull, KUBELET, &["must evict pod(s) to reclaim"], About::Machine).all(&["ephemeral-storage"]),
    // services of the system
    rule(K::OomKill, By::Program(&["systemd-oomd"]), &["Killed /"], About::Group),
    rule(K::OomKill, By::Program(&["earlyoom"]), &["sending SIGTERM to process ", "sending SIGKILL to process "],
        About::Between("\"", "\"")),
    rule(K::SmartError, By::Program(&["smartd"]), &["Currently unreadable (pending) sectors", "Offline uncorrectable sectors",
        "FAILED SMART self-check", "FAILING NOW", "Self-Test Log error count increased", "ATA error count increased"],
        About::After("Device: ")),
    rule(K::InterfaceDown, By::Program(&["systemd-networkd"]), &[": Lost carrier", ": DHCP lease lost"], About::First),
    rule(K::InterfaceDown, By::Program(&["NetworkManager"]), &["carrier: link disconnected", "reason 'carrier-changed'"],
        About::Between("device (", ")")).not(&["-> activated"]),
    rule(K::UncleanShutdown, By::Program(&["systemd-journald"]), &["corrupted or uncleanly shut down"], About::Machine).not(&["/user-"]),
    rule(K::UncleanShutdown, By::Program(&["systemd-fsck"]), &["recovering journal", "was not cleanly unmounted"], About::Machine),
    rule(K::TimeJump, By::Program(&["chronyd"]), &["time jump detected"], About::Machine),
    rule(K::LoginFailures, SSHD, &["Failed password for ", "Invalid user ", "maximum authentication attempts exceeded",
        "Bad password attempt"], About::Machine)
        .weight(SignWeight::Several),
    rule(K::LoginFailures, By::Program(&["sudo", "su", "login", "gdm-password]"]), &["authentication failure;", "FAILED LOGIN",
        "incorrect password attempt"], About::Machine)
        .weight(SignWeight::Several),
    rule(K::Watchdog, By::Program(&["watchdog", "wd_keepalive"]), &["shutting down the system because of error"], About::Machine),
    rule(K::CertificateError, By::Program(&["certbot"]), &["Failed to renew certificate"], About::After("Failed to renew certificate ")),
    rule(K::CloudInitFailed, By::Program(&["cloud-init"]), &["Running module "], About::After("Running module ")).all(&[" failed"]),
    rule(K::CloudInitDegraded, By::Program(&["cloud-init"]), &["Failed to run module ", "failed run of stage",
        "Invalid cloud-config provided", "cloud-config failed schema validation"], About::Machine),
    // any program
    rule(K::RunFailed, By::Anyone, &["Command failed with exit code ", "Command from devcontainer.json failed with exit code "],
        About::Lifecycle),
    rule(K::DiskFull, By::Anyone, &["No space left on device", "no space left on device", "ENOSPC", "Disk quota exceeded",
        "database or disk is full"], About::Machine)
        .not(&["inotify", "watch", "/dev/full"]),
    rule(K::FilesystemError, By::Anyone, &["Read-only file system", "EROFS: "], About::Machine).not(&["/proc/", "/sys/"]),
    rule(K::DnsFailure, By::Anyone, &["Temporary failure in name resolution", "Temporary failure resolving",
        "Could not resolve host", "EAI_AGAIN", "server misbehaving"], About::Machine),
    rule(K::DnsFailure, By::Anyone, &["i/o timeout", "connection refused"], About::Machine).all(&["lookup ", ":53"]),
    rule(K::CertificateError, By::Anyone, &["certificate has expired", "certificate verify failed", "x509: certificate",
        "CERT_HAS_EXPIRED", "SSL certificate problem", "unable to get local issuer certificate", "PKIX path building failed"],
        About::Source)
        .not(&["TLS handshake error from", "client sent", "peer sent"]),
    // databases that had to recover
    rule(K::UncleanShutdown, By::Database, &["database system was not properly shut down", "Database was not shutdown normally",
        "Detected unclean shutdown"], About::Source),
];
