//! Looks settings up in all tables.

use super::gateway_table::GATEWAY_SETTINGS;
use super::setting::Setting;
use super::table::SETTINGS;

/// Every setting of every subcommand.
pub(crate) fn all_settings() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(GATEWAY_SETTINGS)
}

/// The setting with this name; a name that is not in a table is our own mistake.
pub(crate) fn setting(name: &str) -> &'static Setting {
    let found = all_settings().find(|setting| setting.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in the table of settings"))
}
