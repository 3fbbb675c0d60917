//! The fields of a journal entry that determine its owner.

/// A program that forwards the output of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Docker's journald driver.
    Docker,
    /// Podman's and CRI-O's monitor, one process for each container.
    Conmon,
}

/// The fields that journald itself adds about the sender of an entry.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct EntrySender<'a> {
    /// `_TRANSPORT`.
    pub(crate) transport: Option<&'a [u8]>,
    /// `_SYSTEMD_UNIT`.
    pub(crate) unit: Option<&'a [u8]>,
    /// `_SYSTEMD_USER_UNIT`.
    pub(crate) user_unit: Option<&'a [u8]>,
    /// `_SYSTEMD_CGROUP`.
    pub(crate) control_group: Option<&'a [u8]>,
    /// `_COMM`, which the process may change.
    pub(crate) command: Option<&'a [u8]>,
    /// `_EXE`.
    pub(crate) executable: Option<&'a [u8]>,
    /// `_PID`.
    pub(crate) pid: Option<&'a [u8]>,
    /// `_UID`.
    pub(crate) uid: Option<&'a [u8]>,
    /// `_MACHINE_ID`.
    pub(crate) machine: Option<&'a [u8]>,
}

/// Fields that the sender sets, about itself and about others.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct EntryClaims<'a> {
    /// `SYSLOG_IDENTIFIER`.
    pub(crate) identifier: Option<&'a [u8]>,
    /// `CONTAINER_NAME`.
    pub(crate) container: Option<&'a [u8]>,
    /// `MESSAGE_ID`.
    pub(crate) message_id: Option<&'a [u8]>,
    /// `UNIT`, of the service manager.
    pub(crate) unit: Option<&'a [u8]>,
    /// `USER_UNIT`, of the service manager of a user.
    pub(crate) user_unit: Option<&'a [u8]>,
    /// `COREDUMP_UNIT`.
    pub(crate) coredump_unit: Option<&'a [u8]>,
    /// `COREDUMP_USER_UNIT`.
    pub(crate) coredump_user_unit: Option<&'a [u8]>,
    /// `OBJECT_SYSTEMD_UNIT`.
    pub(crate) object_unit: Option<&'a [u8]>,
    /// `OBJECT_SYSTEMD_USER_UNIT`.
    pub(crate) object_user_unit: Option<&'a [u8]>,
}

/// The kind of the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerKind {
    Container(Engine),
    Kernel,
    Unit,
    UserUnit,
    /// A program outside of all units.
    Program,
}
