//! The calls of the APIs of other systems.

use crate::server::http::error::ErrorForm;

/// The read API of another system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignApi {
    /// e2b.
    E2b,
    /// microsandbox.
    Microsandbox,
    /// sandboxd.
    Sandboxd,
    /// pactown.
    Pactown,
}

impl ForeignApi {
    /// The words of the setting.
    pub const NAMES: [&str; 4] = ["e2b", "microsandbox", "sandboxd", "pactown"];

    /// The API with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::E2b, Self::Microsandbox, Self::Sandboxd, Self::Pactown];
        let mut named = Self::NAMES.into_iter().zip(all);
        named.find_map(|(known, api)| (known == name).then_some(api))
    }
}

/// A call of the API of another system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum ForeignCall {
    /// sandboxd: the events of an app.
    AppEvents,
    /// sandboxd: the events of a task.
    TaskEvents,
    /// sandboxd: the last lines of a process.
    ProcessLogs,
    /// sandboxd: the events of a task as a stream.
    TaskStream,
    /// e2b: logs of a sandbox.
    E2bLogs,
    /// e2b: the same, as older clients ask.
    E2bLogsV1,
    /// e2b: the state of a sandbox.
    E2bSandbox,
    /// microsandbox: a sandbox by its name.
    SandboxByName,
    /// microsandbox: the log of a sandbox as a stream.
    SandboxLogs,
    /// pactown: the output and the result of a run as a stream.
    RunStream,
}

impl ForeignCall {
    /// The API that must be switched on; `None` for events, which are always served.
    pub(in crate::server) fn api(self) -> Option<ForeignApi> {
        match self {
            Self::AppEvents | Self::TaskEvents => None,
            Self::ProcessLogs | Self::TaskStream => Some(ForeignApi::Sandboxd),
            Self::E2bLogs | Self::E2bLogsV1 | Self::E2bSandbox => Some(ForeignApi::E2b),
            Self::SandboxByName | Self::SandboxLogs => Some(ForeignApi::Microsandbox),
            Self::RunStream => Some(ForeignApi::Pactown),
        }
    }

    /// How clients of the system expect errors.
    pub(in crate::server) fn error_form(self) -> ErrorForm {
        match self.api() {
            None | Some(ForeignApi::Sandboxd) => ErrorForm::Sandboxd,
            Some(ForeignApi::E2b) => ErrorForm::E2b,
            Some(ForeignApi::Microsandbox) => ErrorForm::Microsandbox,
            Some(ForeignApi::Pactown) => ErrorForm::Native,
        }
    }
}
