//! `vmlog doctor`: checks what can be read and written on this machine, and suggests fixes.

mod machine;
mod own;
mod report;
mod sources;

use crate::cli::failure::Failure;
use crate::cli::settings::raw;
use crate::config::Config;
use clap::{ArgMatches, Command};
use report::CheckResult;

/// The arguments of `vmlog doctor`.
pub(super) fn command() -> Command {
    Command::new("doctor")
        .about("Diagnose access problems and suggest fixes")
        .long_about(
            "Checks everything that `vmlog serve` needs, with the same settings: its folder, disk space, the address, \
             the journal, containers, cloud-init, files and the clock. Each line is one check; below a problem there is a suggestion. \
             Run it as the user that the server runs as. It changes nothing.",
        )
        .after_help(
            "Examples:\n  vmlog doctor\n  sudo -u vmlog vmlog doctor\n  LOG_FILES=app=/var/log/app.log vmlog doctor\n\n\
             Exit codes: 0 no problems; 1 problems found; 2 usage error",
        )
}

/// Runs the checks and returns the exit code.
pub(super) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let findings = match Config::check(&raw(matches)?) {
        Ok(config) => look(&config),
        Err(error) => vec![CheckResult::wrong(
            "settings",
            error.to_string(),
            "see `vmlog serve --help`; nothing else was checked",
        )],
    };
    report::print(&findings)?;
    Ok(u8::from(findings.iter().any(CheckResult::is_wrong)))
}

fn look(config: &Config) -> Vec<CheckResult> {
    let mut findings = vec![CheckResult::good("settings", "all are valid")];
    findings.extend(own::look(config));
    findings.extend(sources::look(config));
    findings.extend(machine::look(config));
    findings
}
