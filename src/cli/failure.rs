//! Why a subcommand did not do its work: a text for people and an exit code.

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

/// Tells the user what a filter probably does not do as meant.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("vmlog: {warning}");
    }
}
