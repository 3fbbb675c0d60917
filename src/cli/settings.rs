//! Settings of this process, from flags and the environment.

use super::failure::Failure;
use crate::config::{Config, GatewayConfig, RawSettings, Setting, all_settings};
use crate::time::Micros;
use clap::ArgMatches;
use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

/// Reads the settings from flags and the environment. No other code reads them.
///
/// # Errors
///
/// If the value of a setting is not UTF-8.
pub(super) fn raw(arguments: &ArgMatches) -> Result<RawSettings, Failure> {
    let flag = |setting: &Setting| {
        setting.flag?;
        Some((
            setting.name,
            arguments.try_get_one::<String>(setting.name).ok()??.clone(),
        ))
    };
    let mut environment = BTreeMap::new();
    for (name, value) in env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => drop(environment.insert(name, value)),
            Err(_) if all_settings().any(|setting| setting.name == name) => {
                return Err(Failure::usage(format!(
                    "{name}: the value is not valid UTF-8"
                )));
            }
            Err(_) => {}
        }
    }
    let flags = all_settings().filter_map(flag).collect();
    Ok(RawSettings {
        flags,
        environment,
        root: rustix::process::geteuid().is_root(),
        now: Micros::now(),
    })
}

/// The checked settings.
///
/// # Errors
///
/// A usage error if a setting is invalid.
pub(super) fn config(arguments: &ArgMatches) -> Result<Config, Failure> {
    check(&raw(arguments)?)
}

/// The checked settings of the gateway.
///
/// # Errors
/// As [`config`].
pub(super) fn gateway(arguments: &ArgMatches) -> Result<GatewayConfig, Failure> {
    let raw = raw(arguments)?;
    GatewayConfig::check(&raw).map_err(|error| Failure::usage(error.to_string()))
}

/// Checks settings that were read before.
///
/// # Errors
///
/// As [`config`].
pub(super) fn check(raw: &RawSettings) -> Result<Config, Failure> {
    Config::check(raw).map_err(|error| Failure::usage(error.to_string()))
}

/// The data directory of this machine's server.
///
/// # Errors
///
/// As [`config`].
pub(super) fn data_dir() -> Result<PathBuf, Failure> {
    let raw = raw(&ArgMatches::default())?;
    raw.data_dir()
        .map_err(|error| Failure::usage(error.to_string()))
}

/// The value of an environment variable; an empty one counts as unset.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The locale of messages, as setlocale(3) finds it.
pub(super) fn locale() -> String {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(variable)
        .unwrap_or_default()
}

/// Whether the terminal shows UTF-8, as the locale says.
pub(super) fn is_utf8() -> bool {
    let character_set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    character_set.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.contains("utf-8") || name.contains("utf8")
    })
}
