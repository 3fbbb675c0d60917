//! The command line of `vmlog serve`, derived from the table of settings.

use crate::config::{SETTINGS, Setting};
use clap::{Arg, Command};

/// The arguments of `vmlog serve`.
pub(in crate::cli) fn command() -> Command {
    let settings = Command::new("serve")
        .about("Collect logs on this machine and serve them")
        .long_about(
            "Reads the systemd journal, files, containers and cloud-init, redacts secrets, keeps everything \
             in its own store and serves it: pages, a live tail and a browser page. Prints the address to \
             open.",
        )
        .after_long_help(settings_help());
    settings.args(SETTINGS.iter().filter_map(argument))
}

/// The argument of a setting that has a flag.
pub(in crate::cli) fn argument(setting: &'static Setting) -> Option<Arg> {
    let flag = setting.flag?;
    let help = format!(
        "{} [{}; default: {}]",
        setting.meaning, setting.name, setting.default
    );
    Some(
        Arg::new(setting.name)
            .long(flag)
            .value_name("VALUE")
            .help(help),
    )
}

/// What the help says of settings.
pub(in crate::cli) fn settings_text(table: &'static [Setting]) -> String {
    let settings = table.iter().map(|setting| {
        let default = if setting.default.is_empty() {
            "none"
        } else {
            setting.default
        };
        let Setting {
            name,
            meaning,
            kind,
            ..
        } = setting;
        format!("  {name}\n      {meaning}\n      allowed: {kind}; default: {default}\n")
    });
    let settings: String = settings.collect();
    format!("Settings, as environment variables:\n{settings}")
}

fn settings_help() -> String {
    let settings = settings_text(SETTINGS);
    let examples = "Examples:\n  vmlog serve\n  vmlog serve --data-dir /tmp/try --listen 127.0.0.1:9000\n  \
                    LOG_FILES=app=/var/log/app.log vmlog serve";
    let codes = "Exit codes: 0 stopped by SIGTERM or SIGINT; 1 failed; 2 usage error";
    format!("{settings}\n{examples}\n\n{codes}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings;

    #[test]
    fn flags_reach_the_settings() {
        let matches = command().get_matches_from(["serve", "--listen", "127.0.0.1:0"]);
        let raw = settings::raw(&matches).unwrap();
        assert_eq!(
            raw.flags.get("LOG_LISTEN").map(String::as_str),
            Some("127.0.0.1:0")
        );
        assert_eq!(raw.flags.len(), 1);
    }

    #[test]
    fn help_names_every_setting() {
        let help = command().render_long_help().to_string();
        for setting in SETTINGS {
            assert!(help.contains(setting.name), "{}", setting.name);
        }
    }
}
