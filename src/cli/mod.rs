//! The command line, with one file per subcommand. Only this module and `config` read arguments, environment and
//! terminal, and only this module turns errors into texts and exit codes.

#[macro_use]
mod notice;

mod bundle;
mod capture;
mod doctor;
mod endpoint;
mod evidence;
mod failure;
mod files;
mod gateway;
mod import;
mod info;
mod journal;
mod parameters;
mod priorities;
mod records;
mod redact;
mod serve;
mod settings;
mod shell;
mod show;
mod store;
mod terminal;

use clap::Command;
use failure::Failure;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// Runs the program. Exit codes: 0 success, 1 failure, 2 usage error.
#[must_use]
pub fn main() -> ExitCode {
    ignore_file_size_signal();
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    exit(match matches.subcommand() {
        Some(("serve", arguments)) => serve::run(arguments).map(|()| 0),
        Some(("gateway", arguments)) => gateway::run(arguments).map(|()| 0),
        Some(("query", arguments)) => records::query::run(arguments),
        Some(("tail", arguments)) => records::tail::run(arguments).map(|()| 0),
        Some(("export", arguments)) => records::export::run(arguments).map(|()| 0),
        Some(("event", arguments)) => records::event::run(arguments).map(|()| 0),
        Some(("mcp", arguments)) => records::mcp::run(arguments).map(|()| 0),
        Some(("open", arguments)) => info::open::run(arguments).map(|()| 0),
        Some(("status", arguments)) => info::status::run(arguments),
        Some(("problems", arguments)) => info::problems::run(arguments),
        Some(("boots", arguments)) => info::boots::run(arguments).map(|()| 0),
        Some(("compare", arguments)) => info::compare::run(arguments).map(|()| 0),
        Some(("patterns", arguments)) => info::groups::patterns(arguments).map(|()| 0),
        Some(("fields", arguments)) => info::groups::fields(arguments).map(|()| 0),
        Some(("sources", arguments)) => info::sources::run(arguments).map(|()| 0),
        Some(("runs", arguments)) => info::runs::list(arguments).map(|()| 0),
        Some(("run", arguments)) => info::runs::one(arguments).map(|()| 0),
        Some(("version", arguments)) => info::version::run(arguments).map(|()| 0),
        Some(("import", arguments)) => import::run(arguments).map(|()| 0),
        Some(("inspect", arguments)) => store::inspect::run(arguments).map(|()| 0),
        Some(("verify", arguments)) => store::verify::run(arguments),
        Some(("repair", arguments)) => store::repair::run(arguments).map(|()| 0),
        Some(("compact", arguments)) => store::compact::run(arguments).map(|()| 0),
        Some(("snapshot", arguments)) => store::snapshot::run(arguments).map(|()| 0),
        Some(("evidence", arguments)) => evidence::create::run(arguments).map(|()| 0),
        Some(("exec", arguments)) => capture::exec::run(arguments),
        Some(("pipe", arguments)) => capture::pipe::run(arguments),
        Some(("redact", arguments)) => redact::run(arguments).map(|()| 0),
        Some(("journal", arguments)) => journal::run(arguments).map(|()| 0),
        Some(("doctor", arguments)) => doctor::run(arguments),
        Some(("complete", arguments)) => shell::complete::run(arguments).map(|()| 0),
        Some(("completions", arguments)) => {
            shell::completions::run(arguments, command()).map(|()| 0)
        }
        Some(("man", arguments)) => shell::man::run(arguments, command()).map(|()| 0),
        _ => unreachable!("clap refuses a command line without a known subcommand"),
    })
}

/// A write beyond the limit on file sizes then fails instead of ending the process, and is handled like a full disk.
fn ignore_file_size_signal() {
    // Registering cannot be refused for this signal.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// Help and version are printed to standard output and succeed; a mistake is reported like all other errors.
fn usage(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    if error.use_stderr() {
        // Nobody may be reading.
        let _ = write!(io::stderr(), "{}", usage_text(&error.render().to_string()));
    } else {
        // A closed pipe is not worth another error.
        let _ = error.print();
    }
    ExitCode::from(code)
}

/// The text of a usage error in the style of other errors. Removes the parser's tip to pass a flag as a value, which
/// is misleading after a mistyped flag.
fn usage_text(text: &str) -> String {
    let is_kept = |line: &&str| !(line.contains("tip: to pass '") && line.contains("as a value"));
    let mut kept = String::new();
    for line in text.lines().filter(is_kept) {
        let is_blank_again = line.is_empty() && kept.ends_with("\n\n");
        if !is_blank_again {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    match kept.strip_prefix("error: ") {
        Some(text) => format!("vmlog: {text}"),
        None => kept,
    }
}

fn exit(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            notice!("{}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}

fn command() -> Command {
    Command::new("vmlog")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Collect, search and follow the logs of this VM: journal, containers, files and commands")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve::command())
        .subcommand(gateway::command())
        .subcommand(info::open::command())
        .subcommand(info::status::command())
        .subcommand(info::problems::command())
        .subcommand(records::query::command())
        .subcommand(records::tail::command())
        .subcommand(info::sources::command())
        .subcommand(info::groups::patterns_command())
        .subcommand(info::groups::fields_command())
        .subcommand(info::boots::command())
        .subcommand(info::compare::command())
        .subcommand(info::runs::list_command())
        .subcommand(info::runs::one_command())
        .subcommand(records::export::command())
        .subcommand(records::event::command())
        .subcommand(records::mcp::command())
        .subcommand(evidence::create::command())
        .subcommand(import::command())
        .subcommand(store::inspect::command())
        .subcommand(store::verify::command())
        .subcommand(store::repair::command())
        .subcommand(store::compact::command())
        .subcommand(store::snapshot::command())
        .subcommand(capture::exec::command())
        .subcommand(capture::pipe::command())
        .subcommand(redact::command())
        .subcommand(journal::command())
        .subcommand(doctor::command())
        .subcommand(info::version::command())
        .subcommand(shell::complete::command())
        .subcommand(shell::completions::command())
        .subcommand(shell::man::command())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_errors_look_like_other_errors() {
        let error = command().try_get_matches_from(["vmlog", "query", "--no-such"]);
        let text = usage_text(&error.unwrap_err().render().to_string());
        assert_eq!(
            text,
            "vmlog: unexpected argument '--no-such' found\n\nUsage: vmlog query [OPTIONS] [EXPR]...\n\nFor more information, try '--help'.\n"
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
