//! Families of units: instances of a template and transient units share one source, however many of them come and go.

/// Unit types that programs create at run time, with numbers and hashes in their names.
const TRANSIENT_TYPES: [&[u8]; 6] = [
    b"scope",
    b"mount",
    b"automount",
    b"device",
    b"swap",
    b"slice",
];

/// All other unit types.
const LASTING_TYPES: [&[u8]; 5] = [b"service", b"socket", b"timer", b"path", b"target"];

/// Digits of a container ID. Podman names the units of its health checks after the container alone.
const CONTAINER_ID_LENGTH: usize = 64;

/// A shorter sequence of hexadecimal digits may be a word.
const HASH_LENGTH_MIN: usize = 8;

/// In the name of a service a shorter one may be a version or a chosen name.
const SERVICE_HASH_LENGTH_MIN: usize = 16;

/// Splits a unit's name into the prefix that all units of its kind share and the rest, which is different for each:
/// `sshd@` and `3-10.0.0.1:22` of `sshd@3-10.0.0.1:22.service`, `session-` and `7` of `session-7.scope`. A unit that
/// is the only one of its kind is its own family.
pub(crate) fn family(unit: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(dot) = memchr::memrchr(b'.', unit) else {
        return (unit, None);
    };
    let (stem, kind) = (unit.get(..dot).unwrap_or(unit), unit.get(dot + 1..));
    let kind = kind.unwrap_or_default();
    let is_transient = TRANSIENT_TYPES.contains(&kind);
    if !is_transient && !LASTING_TYPES.contains(&kind) {
        return (unit, None);
    }
    let at = memchr::memchr(b'@', stem).filter(|at| *at > 0);
    let constant = stem.get(..at.unwrap_or(stem.len())).unwrap_or(stem);
    let hash = hash_length(constant);
    if hash >= CONTAINER_ID_LENGTH {
        return (b"container-", Some(stem));
    }
    let cut = varying_part(constant, is_transient).or(at.map(|at| at + 1));
    match cut.and_then(|cut| stem.split_at_checked(cut)) {
        Some((family, instance)) => (family, Some(instance).filter(|text| !text.is_empty())),
        None => (unit, None),
    }
}

/// Where the first part starts that differs from unit to unit.
fn varying_part(stem: &[u8], is_transient: bool) -> Option<usize> {
    if is_transient
        && [&b"session-"[..], b"machine-"]
            .iter()
            .any(|known| stem.starts_with(known))
    {
        return Some(b"session-".len());
    }
    let is_run = stem.starts_with(b"run-");
    let mut from = 0;
    while let Some(separator) = separator(stem.get(from..)?) {
        from += separator;
        let rest = stem.get(from..)?;
        let part = rest.get(..part_length(rest)).unwrap_or(rest);
        if is_transient && let Some(prefix) = pod_prefix(part) {
            return Some(from + prefix);
        }
        let is_first_of_run = is_run && from == b"run-".len();
        let varies = if is_transient {
            is_number(part) || is_hash(part, HASH_LENGTH_MIN) || is_uuid(rest)
        } else {
            is_hash(part, SERVICE_HASH_LENGTH_MIN) || is_uuid(rest) || is_bus_name(rest)
        };
        if varies || is_first_of_run && is_run_name(part) {
            return Some(from);
        }
    }
    None
}

/// The offset in `text` of its next part: parts are separated by `-`, which may be escaped, and by dots.
fn separator(text: &[u8]) -> Option<usize> {
    let end = part_length(text);
    let rest = text.get(end..)?;
    match rest {
        [] => None,
        [b'\\', ..] => Some(end + ESCAPED.len()),
        _ => Some(end + 1),
    }
}

/// An escaped `-`, in the name of a unit that was made from a path.
const ESCAPED: &[u8] = b"\\x2d";

fn part_length(text: &[u8]) -> usize {
    let is_end = |at: &usize| {
        let rest = text.get(*at..).unwrap_or_default();
        matches!(rest, [b'-' | b'.', ..]) || rest.starts_with(ESCAPED)
    };
    (0..text.len()).find(is_end).unwrap_or(text.len())
}

fn is_number(part: &[u8]) -> bool {
    !part.is_empty() && part.iter().all(u8::is_ascii_digit)
}

fn hash_length(text: &[u8]) -> usize {
    let is_other = |byte: &u8| !byte.is_ascii_hexdigit();
    text.iter().position(is_other).unwrap_or(text.len())
}

fn is_hash(part: &[u8], length_min: usize) -> bool {
    let is_hex = part.len() >= length_min && hash_length(part) == part.len();
    is_hex && part.iter().any(u8::is_ascii_digit)
}

/// Names that systemd-run gives to units: `r` and a random number, `u` and a count, `p` and the process.
fn is_run_name(part: &[u8]) -> bool {
    match part {
        [b'r', rest @ ..] => rest.len() >= HASH_LENGTH_MIN && hash_length(rest) == rest.len(),
        [b'u' | b'p', rest @ ..] => is_number(rest),
        _ => is_number(part),
    }
}

/// The length of the prefix of a pod's control group, before its UID with underscores (`pod3f2a8c1d_4e5f_6071_8293_a4b5c6d7e8f9`) or the
/// hash of a static pod.
fn pod_prefix(part: &[u8]) -> Option<usize> {
    const PREFIX: &[u8] = b"pod";
    let uid = part.strip_prefix(PREFIX)?;
    let is_uid = matches!(uid.len(), 32 | 36)
        && uid
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b'_');
    is_uid.then_some(PREFIX.len())
}

/// `:1.42`, a connection to the bus.
fn is_bus_name(rest: &[u8]) -> bool {
    matches!(rest, [b':', digit, ..] if digit.is_ascii_digit())
}

/// Whether a UUID starts here, with or without escaped hyphens.
fn is_uuid(rest: &[u8]) -> bool {
    let mut rest = rest;
    for (number, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if number > 0 {
            let escaped = rest.strip_prefix(ESCAPED);
            let Some(behind) = escaped.or_else(|| rest.strip_prefix(b"-")) else {
                return false;
            };
            rest = behind;
        }
        if hash_length(rest) != length {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_and_transient_units_have_one_family() {
        let id = "3f2a8c1d4e5f60718293a4b5c6d7e8f93f2a8c1d4e5f60718293a4b5c6d7e8f9";
        for (unit, expected, instance) in [
            (
                "sshd@22-192.0.2.1:22-198.51.100.7:4711.service",
                "sshd@",
                "22-192.0.2.1:22-198.51.100.7:4711",
            ),
            (
                "systemd-coredump@3-4711-0.service",
                "systemd-coredump@",
                "3-4711-0",
            ),
            ("user@1000.service", "user@", "1000"),
            ("getty@tty1.service", "getty@", "tty1"),
            (
                "dbus-:1.42-org.example.Problems@0.service",
                "dbus-",
                ":1.42-org.example.Problems@0",
            ),
            (
                "run-r0123456789abcdef0123456789abcdef.service",
                "run-",
                "r0123456789abcdef0123456789abcdef",
            ),
            ("run-u17.service", "run-", "u17"),
            ("run-p4711-i4712.service", "run-", "p4711-i4712"),
            ("run-4711.scope", "run-", "4711"),
            ("session-7.scope", "session-", "7"),
            ("session-c12.scope", "session-", "c12"),
            ("machine-web\\x2d1.scope", "machine-", "web\\x2d1"),
            ("user-1000.slice", "user-", "1000"),
            ("run-user-1000.mount", "run-user-", "1000"),
            ("podman-4711.scope", "podman-", "4711"),
            (
                "run-docker-netns-3f2a8c1d4e5f.mount",
                "run-docker-netns-",
                "3f2a8c1d4e5f",
            ),
            ("snap-core20-1234.mount", "snap-core20-", "1234"),
            (
                "kubepods-burstable-pod3f2a8c1d_4e5f_6071_8293_a4b5c6d7e8f9.slice",
                "kubepods-burstable-pod",
                "3f2a8c1d_4e5f_6071_8293_a4b5c6d7e8f9",
            ),
            (
                "vte-spawn-abcdefab-1234-4abc-8def-0123456789ab.scope",
                "vte-spawn-",
                "abcdefab-1234-4abc-8def-0123456789ab",
            ),
            (
                "run-netns-cni\\x2dabcdefab\\x2d1234\\x2d4abc\\x2d8def\\x2d0123456789ab.mount",
                "run-netns-cni\\x2d",
                "abcdefab\\x2d1234\\x2d4abc\\x2d8def\\x2d0123456789ab",
            ),
            (
                "snap.lxd.daemon.abcdefab-1234-4abc-8def-0123456789ab.scope",
                "snap.lxd.daemon.",
                "abcdefab-1234-4abc-8def-0123456789ab",
            ),
            (&format!("docker-{id}.scope"), "docker-", id),
            (&format!("libpod-conmon-{id}.scope"), "libpod-conmon-", id),
            (&format!("{id}.service"), "container-", id),
            (
                &format!("{id}-4f5a.timer"),
                "container-",
                &format!("{id}-4f5a"),
            ),
            (
                &format!("var-lib-docker-overlay2-{id}-merged.mount"),
                "var-lib-docker-overlay2-",
                &format!("{id}-merged"),
            ),
        ] {
            let found = family(unit.as_bytes());
            let expected = (expected.as_bytes(), Some(instance.as_bytes()));
            assert_eq!(found, expected, "{unit}");
        }
    }

    #[test]
    fn a_unit_of_its_own_keeps_its_name() {
        for unit in [
            "ssh.service",
            "init.scope",
            "php8.1-fpm.service",
            "elasticsearch-7.service",
            "postgresql-15.service",
            "run-parts.service",
            "run-u.service",
            "runner-12.service",
            "decade.service",
            "multi-user.target",
            "srv-data.mount",
            "dev-ttyS0.device",
            "docker.socket",
            "snap.docker.dockerd.service",
            "@odd.service",
            "sshd",
            "app@1.2",
            "",
            ".",
            ".service",
        ] {
            assert_eq!(family(unit.as_bytes()), (unit.as_bytes(), None), "{unit}");
        }
        assert_eq!(family(b"sshd@.service"), (&b"sshd@"[..], None));
    }
}
