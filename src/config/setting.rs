//! What the tables of settings consist of.

use super::value::ValueKind;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The environment variable.
    pub(crate) name: &'static str,
    /// The command-line flag without its dashes, if there is one.
    pub(crate) flag: Option<&'static str>,
    /// The default, in the form in which a person would type it.
    pub(crate) default: &'static str,
    /// The valid values.
    pub(crate) kind: ValueKind,
    /// What it does, as a phrase.
    pub(crate) meaning: &'static str,
}

impl Setting {
    /// Its name for people: the flag before the variable.
    pub(crate) fn title(&self) -> String {
        match self.flag {
            Some(flag) => format!("--{flag} / {}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// A setting for a path without a flag.
pub(super) const fn path(
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    plain(name, default, ValueKind::Path, meaning)
}

/// A setting without a flag.
pub(super) const fn plain(
    name: &'static str,
    default: &'static str,
    kind: ValueKind,
    meaning: &'static str,
) -> Setting {
    Setting {
        name,
        flag: None,
        default,
        kind,
        meaning,
    }
}
