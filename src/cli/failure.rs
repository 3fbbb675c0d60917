//! Why a subcommand failed: a text for people and an exit code.

/// A failed subcommand.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) text: String,
    pub(super) code: u8,
}

impl Failure {
    /// The request was valid but could not be carried out: exit code 1.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 1,
        }
    }

    /// The command line or a setting is invalid: exit code 2.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 2,
        }
    }
}

/// Prints warnings about a filter that probably does not do what the user intended.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        notice!("{warning}");
    }
}
