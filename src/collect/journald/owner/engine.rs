//! Container engines: which senders may name the container of a message. Any process can send fields such as
//! `CONTAINER_NAME`, so they are believed only from an engine, which is recognised by fields that journald itself
//! adds.

use super::fields::{Engine, EntrySender};

/// The program names of engines: Docker, Moby as distributions package it, balenaEngine, conmon and conmon-rs.
const PROGRAMS: [(&[u8], Engine); 7] = [
    (b"dockerd", Engine::Docker),
    (b"dockerd-current", Engine::Docker),
    (b"dockerd-ce", Engine::Docker),
    (b"balenad", Engine::Docker),
    (b"balena-engine-daemon", Engine::Docker),
    (b"conmon", Engine::Conmon),
    (b"conmonrs", Engine::Conmon),
];

/// The names that engines and runtimes give to the control groups of containers, up to the ID.
const CONTAINER_GROUPS: [&[u8]; 8] = [
    b"docker-",
    b"libpod-",
    b"libpod-payload-",
    b"cri-containerd-",
    b"nerdctl-",
    b"crio-",
    b"lxc.payload.",
    b"machine-",
];

impl Engine {
    /// The engine that the sender is. Root inside a container may give its programs any name, so a program in a
    /// container is never an engine.
    pub(super) fn of(sender: &EntrySender<'_>) -> Option<Self> {
        let Some(program) = program(sender) else {
            return Self::unseen(sender);
        };
        let engine = Self::named(program)?;
        let is_contained = sender.control_group.is_some_and(is_of_container);
        (!is_contained).then_some(engine)
    }

    /// The last messages of a monitor: journald reads them after the process has ended, when only its user is still
    /// known.
    fn unseen(sender: &EntrySender<'_>) -> Option<Self> {
        let is_unseen = sender.unit.is_none() && sender.control_group.is_none();
        (is_unseen && sender.uid == Some(b"0")).then_some(Self::Conmon)
    }

    fn named(program: &[u8]) -> Option<Self> {
        let known = PROGRAMS.iter().find(|(name, _)| *name == program);
        known.map(|&(_, engine)| engine)
    }
}

/// The name of the program that the sender runs. A process may give itself any name (`_COMM`), so the path of its
/// file takes precedence if journald knows it.
fn program<'a>(sender: &EntrySender<'a>) -> Option<&'a [u8]> {
    let Some(path) = sender.executable else {
        return sender.command;
    };
    // The file was replaced by an update while it runs.
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    // NixOS starts programs through wrappers.
    let wrapped = name.strip_prefix(b".");
    let wrapped = wrapped.and_then(|name| name.strip_suffix(b"-wrapped"));
    Some(wrapped.unwrap_or(name))
}

/// Whether a control group is that of a container, or is inside it.
fn is_of_container(group: &[u8]) -> bool {
    let mut parts = group.split(|byte| *byte == b'/');
    parts.any(|part| {
        let is_monitor = part.starts_with(b"libpod-conmon-") || part.starts_with(b"crio-conmon-");
        let is_named = CONTAINER_GROUPS.iter().any(|known| part.starts_with(known));
        part == b"docker" || part.starts_with(b"kubepods") || is_named && !is_monitor
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(executable: &str, command: &str, group: &str) -> Option<Engine> {
        let some = |text: &'static str| Some(text.as_bytes()).filter(|text| !text.is_empty());
        let leak = |text: &str| some(String::leak(text.to_owned()));
        Engine::of(&EntrySender {
            executable: leak(executable),
            command: leak(command),
            control_group: leak(group),
            ..EntrySender::default()
        })
    }

    /// The control group of a conmon process.
    const SCOPE: &str = "/machine.slice/libpod-conmon-3f2a8c1d4e5f60718293a4b5c6d7e8f93f2a8c1d4e5f60718293a4b5c6d7e8f9.scope";

    /// For each distribution: the path of the program, its name, its control group, and its engine.
    const ENGINES: &str = "\
docker-ce | /usr/bin/dockerd | dockerd | /system.slice/docker.service | Docker
docker.io of Debian | /usr/sbin/dockerd | dockerd | /system.slice/docker.service | Docker
moby-engine of Fedora | /usr/bin/dockerd | dockerd | /system.slice/docker.service | Docker
RHEL 7 | /usr/bin/dockerd-current | dockerd-current | /system.slice/docker.service | Docker
snap | /snap/docker/2915/bin/dockerd | dockerd | /system.slice/snap.docker.dockerd.service | Docker
NixOS | /nix/store/x-docker-27.5/libexec/docker/dockerd | dockerd | /system.slice/docker.service | Docker
NixOS, wrapped | /nix/store/x/bin/.dockerd-wrapped | .dockerd-wrappe | /system.slice/docker.service | Docker
static binaries | /usr/local/bin/dockerd | dockerd | /system.slice/docker.service | Docker
updated while it runs | /usr/bin/dockerd (deleted) | dockerd | /system.slice/docker.service | Docker
rootless Docker | /usr/bin/dockerd | dockerd | /user.slice/user-1000.slice/user@1000.service/app.slice/docker.service | Docker
rootless, in a home | /home/user/bin/dockerd | dockerd | /user.slice/user-1000.slice/user@1000.service/app.slice/docker.service | Docker
balenaEngine | /usr/bin/balena-engine-daemon | balenad | /system.slice/docker.service | Docker
no path known |  | dockerd | /system.slice/docker.service | Docker
Podman | /usr/bin/conmon | conmon | SCOPE | Conmon
Podman of Fedora | /usr/libexec/podman/conmon | conmon | SCOPE | Conmon
Quadlet | /usr/bin/conmon | conmon | /system.slice/web.service/supervisor | Conmon
rootless Podman | /usr/bin/conmon | conmon | /user.slice/user-1000.slice/user@1000.service/user.slice/libpod-conmon-3f.scope | Conmon
CRI-O | /usr/libexec/crio/conmon | conmon | /system.slice/crio-conmon-3f.scope | Conmon
conmon-rs | /usr/libexec/crio/conmonrs | conmonrs | /system.slice/crio.service | Conmon
no path and no group known |  | conmon |  | Conmon
";

    #[test]
    fn engines_of_all_distributions_are_recognised() {
        for line in ENGINES.lines() {
            let [what, executable, command, group, expected] =
                line.split('|').map(str::trim).collect::<Vec<_>>()[..]
            else {
                panic!("{line}");
            };
            let group = if group == "SCOPE" { SCOPE } else { group };
            let expected = match expected {
                "Docker" => Engine::Docker,
                _ => Engine::Conmon,
            };
            let found = engine(executable, command, group);
            assert_eq!(found, Some(expected), "{what}");
        }
    }

    #[test]
    fn other_programs_are_not_engines() {
        for (what, executable, command, group) in [
            (
                "logger",
                "/usr/bin/logger",
                "logger",
                "/system.slice/cron.service",
            ),
            ("a name given to oneself", "/usr/bin/logger", "dockerd", ""),
            ("a longer name", "/usr/bin/dockerd-helper", "dockerd", ""),
            ("the client", "/usr/bin/docker", "docker", ""),
            (
                "in a container",
                "/usr/bin/dockerd",
                "dockerd",
                "/system.slice/docker-3f2a.scope",
            ),
            (
                "in one of cgroupfs",
                "/usr/bin/dockerd",
                "dockerd",
                "/docker/3f2a",
            ),
            (
                "in a pod",
                "/usr/bin/conmon",
                "conmon",
                "/kubepods.slice/kubepods-pod3f.slice/cri-containerd-3f.scope",
            ),
            (
                "in one of Podman",
                "/usr/bin/conmon",
                "conmon",
                "/machine.slice/libpod-3f2a.scope/container",
            ),
            (
                "in one of Quadlet",
                "/usr/bin/conmon",
                "conmon",
                "/system.slice/web.service/libpod-payload-3f2a",
            ),
            (
                "in a machine",
                "/usr/bin/conmon",
                "conmon",
                "/machine.slice/machine-guest.scope",
            ),
            ("nothing known", "", "", ""),
        ] {
            assert_eq!(engine(executable, command, group), None, "{what}");
        }
    }

    #[test]
    fn root_is_believed_if_nothing_is_known_of_the_process() {
        let unseen = EntrySender {
            uid: Some(b"0"),
            pid: Some(b"4711"),
            ..EntrySender::default()
        };
        assert_eq!(Engine::of(&unseen), Some(Engine::Conmon));
        for other in [
            EntrySender {
                uid: Some(b"1000"),
                ..unseen
            },
            EntrySender {
                uid: None,
                ..unseen
            },
            EntrySender {
                unit: Some(b"cron.service"),
                ..unseen
            },
        ] {
            assert_eq!(Engine::of(&other), None, "{other:?}");
        }
    }

    #[test]
    fn the_document_names_all_engines_and_groups() {
        let document = include_str!("../../../../format-spec/sources.md");
        let programs = PROGRAMS.iter().map(|(name, _)| *name);
        for name in programs.chain(CONTAINER_GROUPS) {
            let name = std::str::from_utf8(name).unwrap();
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }
}
