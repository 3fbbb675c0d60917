//! Whose processes are in a control group. The kernel names a process that it killed by its group and systemd by its unit: both must name
//! the same owner.

/// The unit or container that a control group is of.
pub(super) fn owner_of(group: &str) -> Option<String> {
    let mut parts = group.rsplit('/');
    if let Some(container) = parts.clone().find_map(container_in) {
        return Some(container_name(container));
    }
    let is_unit = |part: &&str| {
        let is_manager = part.starts_with("user@") || *part == "init.scope";
        let kind = part.rsplit_once('.').map(|(_, kind)| kind);
        matches!(kind, Some("service" | "scope")) && !is_manager
    };
    parts.find(is_unit).map(str::to_owned)
}

/// The ID of a container in a part of the path of a control group: `docker-ID.scope`, `libpod-ID.scope`, `cri-containerd-ID.scope`
/// or the ID alone.
fn container_in(part: &str) -> Option<&str> {
    const ID_DIGITS: usize = 64;
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let id = name.rsplit('-').next().unwrap_or(name);
    (id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// A container as engines show it: by the first 12 digits of its ID.
pub(super) fn container_name(id: &str) -> String {
    const SHOWN_DIGITS: usize = 12;
    let id = id.trim_matches('"');
    let is_id = id.len() > SHOWN_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let shown = if is_id { id.get(..SHOWN_DIGITS) } else { None };
    format!("container {}", shown.unwrap_or(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_groups_name_their_unit_or_container() {
        let id = "0123456789abcdef".repeat(4);
        for (group, expected) in [
            ("/system.slice/app.service".to_owned(), Some("app.service")),
            (
                format!("/system.slice/docker-{id}.scope"),
                Some("container 0123456789ab"),
            ),
            (
                format!("/kubepods/besteffort/pod1/{id}"),
                Some("container 0123456789ab"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service".to_owned(),
                Some("x.service"),
            ),
            (
                "/user.slice/user-1000.slice/session-3.scope".to_owned(),
                Some("session-3.scope"),
            ),
            (format!("docker-{id}.scope"), Some("container 0123456789ab")),
            ("/init.scope".to_owned(), None),
        ] {
            assert_eq!(owner_of(&group).as_deref(), expected, "{group}");
        }
    }
}
