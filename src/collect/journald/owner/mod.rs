//! The owner of a journal entry. Fields that journald itself adds (`_SYSTEMD_UNIT`, `_UID`, ...) are facts; claims of
//! a sender about others (`UNIT=`, `CONTAINER_NAME=`, ...) are believed only from trusted senders, as in `journalctl
//! -u`.

mod engine;
mod family;
mod fields;
mod loss;

pub(crate) use fields::{Engine, EntryClaims, EntrySender, OwnerKind};
pub(crate) use loss::Loss;

use crate::record::Source;
use family::family;

/// `MESSAGE_ID` of a core dump.
const COREDUMP: &[u8] = b"fc2e22bc6ee647b6b90729ab34a250b1";

/// The owner of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner<'a> {
    pub(crate) kind: OwnerKind,
    /// The full name, which the patterns in settings are matched against.
    pub(crate) name: &'a [u8],
    /// The user ID, if the user chose the name and could have chosen the name of another.
    pub(crate) user: Option<&'a [u8]>,
    /// Whether the sender is the service manager, or another trusted sender, that reports about another unit.
    pub(crate) is_about: bool,
}

impl<'a> Owner<'a> {
    /// The owner of the entry that `sender` sent with these `claims`.
    pub(crate) fn of(
        sender: &EntrySender<'a>,
        claims: &EntryClaims<'a>,
        loss: Option<&Loss<'a>>,
    ) -> Self {
        let owner = |kind, name| Self {
            kind,
            name,
            user: None,
            is_about: false,
        };
        if let Some(container) = claims.container
            && let Some(engine) = Engine::of(sender)
        {
            let user = sender.uid.filter(|uid| *uid != b"0");
            return Self {
                user,
                ..owner(OwnerKind::Container(engine), container)
            };
        }
        let about = match loss {
            Some(loss) => loss.about(claims),
            None => about(sender, claims),
        };
        if let Some((kind, name)) = about {
            let is_about = true;
            return Self {
                is_about,
                ..owner(kind, name)
            };
        }
        if sender.transport == Some(b"kernel") {
            return owner(OwnerKind::Kernel, b"kernel");
        }
        // A slice never logs: journald names it if the process had already ended.
        let is_unit = |unit: &&[u8]| !unit.ends_with(b".slice");
        if let Some(unit) = sender.user_unit.filter(is_unit) {
            return owner(OwnerKind::UserUnit, unit);
        }
        if let Some(unit) = sender.unit.filter(is_unit) {
            return owner(OwnerKind::Unit, unit);
        }
        let name = claims.identifier.or(sender.command);
        // The entries of the kernel's audit and of journald itself are not chosen by a user.
        let is_chosen = !matches!(sender.transport, Some(b"audit" | b"driver"));
        Self {
            user: sender.uid.filter(|uid| is_chosen && *uid != b"0"),
            ..owner(OwnerKind::Program, name.unwrap_or(b"unknown"))
        }
    }

    /// The source of the record. `machine` is given if it is another machine than this one.
    pub(crate) fn source(&self, machine: Option<&[u8]>) -> Source {
        let kind = match (self.kind, self.user) {
            (OwnerKind::Container(_), _) => "docker",
            (OwnerKind::UserUnit, _) | (OwnerKind::Program, Some(_)) => "user",
            _ => "system",
        };
        let (name, _) = self.family();
        let name = name.strip_suffix(b".service").unwrap_or(name);
        if machine.is_none() && self.user.is_none() {
            return Source::new(kind, &String::from_utf8_lossy(name));
        }
        let parts: Vec<&[u8]> = machine.into_iter().chain(self.user).chain([name]).collect();
        Source::new(kind, &String::from_utf8_lossy(&parts.join(&b'/')))
    }

    /// The part of the name that distinguishes a unit from the others of its family.
    pub(crate) fn instance(&self) -> Option<&'a [u8]> {
        self.family().1
    }

    fn family(&self) -> (&'a [u8], Option<&'a [u8]>) {
        match self.kind {
            OwnerKind::Unit | OwnerKind::UserUnit => family(self.name),
            _ => (self.name, None),
        }
    }

    pub(crate) fn is_container(&self) -> bool {
        matches!(self.kind, OwnerKind::Container(_))
    }
}

/// The unit that the sender reports about, if the sender is trusted to do so.
fn about<'a>(sender: &EntrySender<'a>, claims: &EntryClaims<'a>) -> Option<(OwnerKind, &'a [u8])> {
    // journald always knows the user of a process, so an entry without one was not sent by a process of this machine.
    let is_root = sender.uid.is_none_or(|uid| uid == b"0");
    let is_in = |prefix: &[u8]| sender.unit.is_some_and(|unit| unit.starts_with(prefix));
    let user = |unit| (OwnerKind::UserUnit, unit);
    let system = |unit| (OwnerKind::Unit, unit);
    let is_manager = is_root && (sender.pid == Some(b"1") || sender.unit == Some(b"init.scope"));
    if is_manager && let Some(unit) = claims.unit {
        return Some(system(unit));
    }
    // The user of a service manager may create units of any name in it.
    if (sender.user_unit.is_some() || is_in(b"user@"))
        && let Some(unit) = claims.user_unit
    {
        return Some(user(unit));
    }
    let is_coredump = claims.message_id == Some(COREDUMP)
        && (is_in(b"systemd-coredump@") || is_root && sender.unit.is_none());
    if is_coredump {
        let unit = claims.coredump_user_unit.map(user);
        return unit.or(claims.coredump_unit.map(system));
    }
    if !is_root {
        return None;
    }
    let unit = claims.object_user_unit.map(user);
    unit.or(claims.object_unit.map(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner<'a>(sender: &EntrySender<'a>, claims: &EntryClaims<'a>) -> String {
        let owner = Owner::of(sender, claims, None);
        owner.source(None).as_str().to_owned()
    }

    fn manager() -> EntrySender<'static> {
        EntrySender {
            pid: Some(b"1"),
            uid: Some(b"0"),
            command: Some(b"systemd"),
            unit: Some(b"init.scope"),
            ..EntrySender::default()
        }
    }

    fn of_user() -> EntrySender<'static> {
        EntrySender {
            pid: Some(b"4711"),
            uid: Some(b"1000"),
            command: Some(b"logger"),
            unit: Some(b"session-3.scope"),
            ..EntrySender::default()
        }
    }

    /// For each claim: the sender that is believed, the resulting owner, and the owner if another sender makes the
    /// claim.
    #[test]
    fn trusts_only_privileged_senders_about_units() {
        let unit = Some(&b"nginx.service"[..]);
        let coredump = EntrySender {
            uid: Some(b"0"),
            unit: Some(b"systemd-coredump@3-4711-0.service"),
            ..EntrySender::default()
        };
        let dumped_as_user = EntrySender {
            uid: Some(b"1000"),
            ..coredump
        };
        let user_manager = EntrySender {
            pid: Some(b"900"),
            uid: Some(b"1000"),
            unit: Some(b"user@1000.service"),
            user_unit: Some(b"init.scope"),
            ..EntrySender::default()
        };
        let login = EntrySender {
            uid: Some(b"0"),
            unit: Some(b"systemd-logind.service"),
            ..EntrySender::default()
        };
        let none = EntryClaims::default();
        let by_unit = EntryClaims { unit, ..none };
        let by_user_unit = EntryClaims {
            user_unit: unit,
            ..none
        };
        let by_object = EntryClaims {
            object_unit: unit,
            ..none
        };
        let by_object_of_user = EntryClaims {
            object_user_unit: unit,
            ..by_object
        };
        let dump = EntryClaims {
            message_id: Some(COREDUMP),
            coredump_unit: unit,
            ..none
        };
        let dump_of_user = EntryClaims {
            coredump_unit: Some(b"user@1000.service"),
            coredump_user_unit: unit,
            ..dump
        };
        let not_a_dump = EntryClaims {
            message_id: None,
            ..dump
        };
        for (what, sender, claims, expected) in [
            ("unit, by the manager", manager(), by_unit, "system:nginx"),
            ("unit, by a user", of_user(), by_unit, "system:session-"),
            ("unit, by a daemon", login, by_unit, "system:systemd-logind"),
            (
                "user unit, by the user's manager",
                user_manager,
                by_user_unit,
                "user:nginx",
            ),
            (
                "user unit, in a session",
                of_user(),
                by_user_unit,
                "system:session-",
            ),
            (
                "unit, by the user's manager",
                user_manager,
                by_unit,
                "user:init.scope",
            ),
            ("dump", coredump, dump, "system:nginx"),
            (
                "dump, privileges dropped",
                dumped_as_user,
                dump,
                "system:nginx",
            ),
            (
                "dump of a user's unit",
                coredump,
                dump_of_user,
                "user:nginx",
            ),
            ("dump, by a user", of_user(), dump, "system:session-"),
            ("no dump", coredump, not_a_dump, "system:systemd-coredump@"),
            ("object, by root", login, by_object, "system:nginx"),
            (
                "object of a user, by root",
                login,
                by_object_of_user,
                "user:nginx",
            ),
            ("object, by a user", of_user(), by_object, "system:session-"),
        ] {
            assert_eq!(owner(&sender, &claims), expected, "{what}");
        }
        let found = Owner::of(&manager(), &by_unit, None);
        assert!(found.is_about && found.name == b"nginx.service");
    }

    #[test]
    fn names_chosen_by_users_include_the_user() {
        let claims = EntryClaims {
            container: Some(b"web"),
            identifier: Some(b"ssh"),
            ..EntryClaims::default()
        };
        let conmon = |uid| EntrySender {
            executable: Some(b"/usr/bin/conmon"),
            uid,
            ..EntrySender::default()
        };
        assert_eq!(owner(&conmon(Some(b"0")), &claims), "docker:web");
        assert_eq!(owner(&conmon(Some(b"1000")), &claims), "docker:1000/web");
        assert_eq!(owner(&of_user(), &claims), "system:session-");
        let homeless = EntrySender {
            unit: None,
            ..of_user()
        };
        assert_eq!(owner(&homeless, &claims), "user:1000/ssh");
        let by_audit = EntrySender {
            transport: Some(b"audit"),
            ..homeless
        };
        assert_eq!(owner(&by_audit, &claims), "system:ssh");
        let root = EntrySender {
            uid: Some(b"0"),
            ..homeless
        };
        assert_eq!(owner(&root, &claims), "system:ssh");
    }

    #[test]
    fn another_machine_is_named() {
        let machine = Some(&b"0123456789abcdef0123456789abcdef"[..]);
        let source = |sender: &EntrySender<'_>| {
            let owner = Owner::of(sender, &EntryClaims::default(), None);
            owner.source(machine).as_str().to_owned()
        };
        let ssh = EntrySender {
            unit: Some(b"ssh.service"),
            ..EntrySender::default()
        };
        assert_eq!(source(&ssh), "system:0123456789abcdef0123456789abcdef/ssh");
        let homeless = EntrySender {
            unit: None,
            ..of_user()
        };
        assert_eq!(
            source(&homeless),
            "user:0123456789abcdef0123456789abcdef/1000/logger"
        );
    }
}
