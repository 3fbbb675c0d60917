//! The command line: one file a subcommand. Arguments, environment and terminal are read here and in
//! `config`, and only here do errors become text and exit codes.

mod announce;
mod captures;
mod chart;
mod compact;
mod completions;
mod doctor;
mod endpoint;
mod exec;
mod export;
mod files;
mod folder;
mod import;
mod inspect;
mod journal;
mod man;
mod output;
mod pager;
mod pipe;
mod progress;
mod query;
mod question;
mod redact;
mod repair;
mod serve;
mod show;
mod snapshot;
mod tail;
mod verify;

use crate::capture;
use crate::config::{Config, Raw, SETTINGS, Setting};
use crate::time::Micros;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::BTreeMap;
use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Runs the program and says how it ended: 0 done, 1 failed, 2 usage error.
#[must_use]
pub fn main() -> ExitCode {
    ignore_file_size_signal();
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    exit(match matches.subcommand() {
        Some(("serve", arguments)) => raw(arguments).and_then(|raw| serve::run(&raw)).map(|()| 0),
        Some(("query", arguments)) => query::run(arguments, data_dir).map(|()| 0),
        Some(("tail", arguments)) => tail::run(arguments, data_dir).map(|()| 0),
        Some(("export", arguments)) => export::run(arguments, data_dir).map(|()| 0),
        Some(("import", arguments)) => import::run(arguments).map(|()| 0),
        Some(("inspect", arguments)) => inspect::run(arguments).map(|()| 0),
        Some(("verify", arguments)) => verify::run(arguments),
        Some(("repair", arguments)) => repair::run(arguments).map(|()| 0),
        Some(("compact", arguments)) => compact::run(arguments).map(|()| 0),
        Some(("snapshot", arguments)) => snapshot::run(arguments).map(|()| 0),
        Some(("exec", arguments)) => exec::run(arguments, capture_options(arguments)),
        Some(("pipe", arguments)) => pipe::run(arguments, capture_options(arguments)),
        Some(("redact", arguments)) => raw(arguments)
            .and_then(|raw| test_redaction(&raw))
            .map(|()| 0),
        Some(("journal", arguments)) => journal::run(arguments).map(|()| 0),
        Some(("doctor", arguments)) => doctor::run(arguments),
        Some(("completions", arguments)) => completions::run(arguments, command()).map(|()| 0),
        Some(("man", arguments)) => man::run(arguments, command()).map(|()| 0),
        _ => unreachable!("clap refuses a command line without a known subcommand"),
    })
}

/// A write beyond the limit on the size of files fails instead of ending the process, and is handled like a full disk.
fn ignore_file_size_signal() {
    // it cannot be refused for this signal
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// Help and version go to standard output and are a success; a mistake is not.
fn usage(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    // a closed pipe is not worth a second complaint
    let _ = error.print();
    ExitCode::from(code)
}

fn exit(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("vmlog: {}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}

/// Where captured commands are kept. A setting that is wrong must not keep a command from running: it is told, and the
/// command runs without being kept.
fn capture_options(arguments: &ArgMatches) -> Option<capture::Options> {
    // the half of `exec --pty` that becomes the command keeps nothing itself
    let is_launcher = arguments.try_get_one::<bool>("lead-session");
    if is_launcher.is_ok_and(|flag| flag == Some(&true)) {
        return None;
    }
    let options = raw(arguments).and_then(|raw| {
        let is_given = |name: &str| {
            raw.environment
                .get(name)
                .is_some_and(|text| !text.is_empty())
        };
        let is_named =
            is_given("LOG_CAPTURE_DIR") || is_given("LOG_DATA_DIR") || arguments.contains_id("dir");
        let config = Config::check(&raw).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(capture::Options {
            dir: captures::choose(&config, is_named),
            limits: capture::Limits::default(),
            redact: config.redact,
        })
    });
    options
        .inspect_err(|failure| eprintln!("vmlog: output will not be captured: {}", failure.text))
        .ok()
}

/// What to tell the person who called us.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// It was understood and could not be done.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 1,
        }
    }

    /// It was not understood.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 2,
        }
    }
}

fn command() -> Command {
    Command::new("vmlog")
        .version(env!("CARGO_PKG_VERSION"))
        .about("What happened on this VM: journal, files and commands, kept, searched and tailed")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve_command())
        .subcommand(query::command())
        .subcommand(tail::command())
        .subcommand(export::command())
        .subcommand(import::command())
        .subcommand(inspect::command())
        .subcommand(verify::command())
        .subcommand(repair::command())
        .subcommand(compact::command())
        .subcommand(snapshot::command())
        .subcommand(exec::command())
        .subcommand(pipe::command())
        .subcommand(redact_command())
        .subcommand(journal::command())
        .subcommand(doctor::command())
        .subcommand(completions::command())
        .subcommand(man::command())
}

fn serve_command() -> Command {
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

fn redact_command() -> Command {
    let test = Arg::new("test")
        .long("test")
        .action(ArgAction::SetTrue)
        .required(true);
    Command::new("redact")
        .about("Show how redaction changes lines from standard input")
        .arg(test.help("Read lines and print each as it would be stored, with the rules that changed it"))
        .after_help(
            "Example:\n  vmlog redact --test < deploy.log\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
}

/// Shows what the rules do, as the settings have them.
fn test_redaction(raw: &Raw) -> Result<(), Failure> {
    let config = Config::check(raw).map_err(|error| Failure::usage(error.to_string()))?;
    let shown = redact::run(io::stdin().lock(), io::stdout().lock(), &config.redact);
    match shown {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        shown => shown.map_err(|error| Failure::failed(error.to_string())),
    }
}

fn argument(setting: &'static Setting) -> Option<Arg> {
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

fn settings_help() -> String {
    let settings = SETTINGS.iter().map(|setting| {
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
    let examples = "Examples:\n  vmlog serve\n  vmlog serve --data-dir /tmp/try --listen 127.0.0.1:9000\n  \
                    LOG_FILES=app=/var/log/app.log vmlog serve";
    let codes = "Exit codes: 0 stopped when asked to; 1 failed; 2 usage error";
    format!("Settings, as environment variables:\n{settings}\n{examples}\n\n{codes}")
}

/// Where this machine keeps its records.
fn data_dir() -> Result<PathBuf, Failure> {
    let raw = raw(&ArgMatches::default())?;
    raw.data_dir()
        .map_err(|error| Failure::usage(error.to_string()))
}

/// The only place where settings are taken from flags and environment.
fn raw(arguments: &ArgMatches) -> Result<Raw, Failure> {
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
            Err(_) if SETTINGS.iter().any(|setting| setting.name == name) => {
                return Err(Failure::usage(format!(
                    "{name}: expected UTF-8, found other bytes"
                )));
            }
            Err(_) => {}
        }
    }
    let flags = SETTINGS.iter().filter_map(flag).collect();
    Ok(Raw {
        flags,
        environment,
        root: rustix::process::geteuid().is_root(),
        now: Micros::now(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn flags_reach_the_settings() {
        let matches = command().get_matches_from(["vmlog", "serve", "--listen", "127.0.0.1:0"]);
        let raw = raw(matches.subcommand_matches("serve").unwrap()).unwrap();
        assert_eq!(
            raw.flags.get("LOG_LISTEN").map(String::as_str),
            Some("127.0.0.1:0")
        );
        assert_eq!(raw.flags.len(), 1);
    }

    #[test]
    fn help_names_every_setting() {
        let help = serve_command().render_long_help().to_string();
        for setting in SETTINGS {
            assert!(help.contains(setting.name), "{}", setting.name);
        }
    }
}
