//! `vmlog exec`: runs a command and captures its output.

use super::arguments;
use crate::capture::{
    Command, Keep, RecordingOptions, RunFacts, RunId, Stream, become_on_terminal, exit_code_of,
};
use crate::cli::failure::Failure;
use crate::record::Source;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{self, Stdio};

/// The arguments of `vmlog exec`.
pub(in crate::cli) fn command() -> clap::Command {
    clap::Command::new("exec")
        .about("Run a command and capture its output")
        .long_about(
            "Runs a command as it would run without vmlog: input, output, signals and exit code are \
             its own. Its output is also captured in a log of its own, with secrets redacted, whether or \
             not a server runs. Processes that it leaves behind are captured as a run of their own. \
             Without --pty its output is a pipe, not a terminal.",
        )
        .after_help(
            "Examples:\n  vmlog exec npm ci\n  \
             vmlog exec --source devcontainer:web --name postCreateCommand sh -c ./setup.sh\n\n\
             Exit codes: the command's own; 128 + n when signal n ended it; 127 if the command does not \
             exist, 126 if it cannot be run",
        )
        .args(arguments::common())
        .arg(
            Arg::new("pty")
                .long("pty")
                .action(ArgAction::SetTrue)
                .help("Run it on its own terminal: colors and prompts, but one output stream instead of two"),
        )
        .arg(
            Arg::new("no-capture")
                .long("no-capture")
                .action(ArgAction::SetTrue)
                .conflicts_with("pty")
                .help("Record only its start and its end, not its output"),
        )
        .arg(
            Arg::new("lead-session")
                .long("lead-session")
                .action(ArgAction::SetTrue)
                .hide(true),
        )
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .required(true)
                .num_args(1..)
                .trailing_var_arg(true)
                .value_parser(value_parser!(OsString))
                .help("The command and its arguments"),
        )
}

/// This program, even if its file was replaced.
const OURSELVES: &str = "/proc/self/exe";

/// Runs the command and returns its exit code.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let mut words = matches
        .get_many::<OsString>("command")
        .into_iter()
        .flatten()
        .cloned();
    let Some(program) = words.next() else {
        return Err(Failure::usage("name the command to run"));
    };
    let arguments: Vec<OsString> = words.collect();
    if matches.get_flag("lead-session") {
        let error = become_on_terminal(&program, &arguments);
        let (code, why) = exit_code_of(&program, &error);
        eprintln!("vmlog: {}: {why}", program.to_string_lossy());
        return Ok(code);
    }
    let command = Command {
        keep: match (matches.get_flag("no-capture"), matches.get_flag("pty")) {
            (true, _) => Keep::StartAndEnd,
            (false, true) => Keep::Terminal,
            (false, false) => Keep::Output,
        },
        program,
        arguments,
        launcher: [OURSELVES, "exec", "--lead-session", "--"]
            .map(OsString::from)
            .to_vec(),
    };
    let options = arguments::options(matches);
    let facts = facts(matches, &command);
    let ended = command.run(options.as_ref(), facts.clone());
    for (stream, from) in ended.left_open {
        hand_over(stream, from, &facts, ended.run_id, options.as_ref());
    }
    if let Some(trouble) = ended.trouble {
        eprintln!("vmlog: {}: {trouble}", command.program.to_string_lossy());
    }
    Ok(ended.code)
}

fn facts(matches: &ArgMatches, command: &Command) -> RunFacts {
    let program = Path::new(&command.program)
        .file_name()
        .unwrap_or(&command.program);
    let program = program.to_string_lossy();
    let name = matches.get_one::<String>("name");
    RunFacts {
        source: arguments::source(matches).unwrap_or_else(|| Source::new("command", &program)),
        name: name
            .cloned()
            .unwrap_or_else(|| program.clone().into_owned()),
        command: command.line(),
        ..arguments::surroundings()
    }
}

/// A background process of the command still writes: another `vmlog` passes its output on, as a run of its own, so
/// that this one can end with the command. If that fails, the process finds its output closed.
fn hand_over(
    stream: Stream,
    from: OwnedFd,
    facts: &RunFacts,
    run_id: Option<RunId>,
    options: Option<&RecordingOptions>,
) {
    let to = match stream {
        Stream::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        _ => io::stdout().as_fd().try_clone_to_owned(),
    };
    let (Ok(to), Some(options)) = (to, options) else {
        return;
    };
    let mut pipe = process::Command::new(OURSELVES);
    pipe.args(["pipe", "--stream", stream.as_str()]);
    pipe.arg(format!("--source={}", facts.source));
    pipe.arg(format!("--name={} (left running)", facts.name));
    pipe.arg("--dir").arg(&options.dir);
    pipe.args(run_id.map(|run_id| format!("--parent={run_id}")));
    let _ = pipe.stdin(from).stdout(to).stderr(Stdio::null()).spawn();
}
