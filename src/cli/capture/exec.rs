//! `vmlog exec`: runs a command and captures its output.

use super::arguments;
use super::json_lines::{LineOutput, item_line, result_line};
use crate::capture::{
    Command, CommandEnd, Keep, LogSink, RecordingOptions, RunFacts, RunId, SinkItem, Stream,
    become_on_terminal, exit_code_of,
};
use crate::cli::failure::Failure;
use crate::record::Source;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
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
             vmlog exec --source devcontainer:web --name postCreateCommand sh -c ./setup.sh\n  \
             vmlog exec --json npm ci | jq -r 'select(.type == \"log\").message'\n\n\
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
        .args(opt_outs())
        .args(events())
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

/// What is not recorded.
fn opt_outs() -> [Arg; 2] {
    [
        Arg::new("capture")
            .long("capture")
            .value_name("WHICH")
            .value_parser(Keep::WORDS)
            .conflicts_with_all(["pty", "no-capture"])
            .help(
                "Which output is recorded; all of it is passed on [default: LOG_CAPTURE_STREAMS]",
            ),
        Arg::new("no-capture")
            .long("no-capture")
            .action(ArgAction::SetTrue)
            .conflicts_with("pty")
            .help("Record only its start and its end, not its output: --capture none"),
    ]
}

/// The output as lines of JSON.
fn events() -> [Arg; 2] {
    [
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .conflicts_with("events-fd")
            .help("Print lines of JSON instead of its output, with secrets redacted: one for each line, and one for the result"),
        Arg::new("events-fd")
            .long("events-fd")
            .value_name("N")
            .value_parser(value_parser!(u32))
            .help("Write these lines of JSON to the open file descriptor N, besides the output"),
    ]
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
        notice!("{}: {why}", program.to_string_lossy());
        return Ok(code);
    }
    let events = Events::of(matches);
    let (options, keep) = arguments::options(matches);
    let command = Command {
        keep: self::keep(matches, keep),
        program,
        arguments,
        launcher: [OURSELVES, "exec", "--lead-session", "--"]
            .map(OsString::from)
            .to_vec(),
    };
    let facts = facts(matches, &command);
    let is_json = events == Some(Events::InsteadOfOutput);
    let ended = match events {
        Some(events) => events.run(&command, options.as_ref(), facts.clone())?,
        None => command.run(options.as_ref(), facts.clone()),
    };
    for (stream, from) in ended.left_open {
        let left = LeftRunning {
            stream,
            from,
            is_silent: is_json,
            keep: command.keep,
        };
        left.hand_over(&facts, ended.run_id, options.as_ref());
    }
    if let Some(trouble) = ended.trouble {
        notice!("{}: {trouble}", command.program.to_string_lossy());
    }
    Ok(ended.code)
}

/// What is recorded. An opt-out in the settings also holds for a terminal, which mixes both streams.
fn keep(matches: &ArgMatches, setting: Keep) -> Keep {
    let named = matches.get_one::<String>("capture");
    let named = named.and_then(|word| Keep::named(word));
    match (named, matches.get_flag("pty"), setting) {
        _ if matches.get_flag("no-capture") => Keep::StartAndEnd,
        (Some(named), ..) => named,
        (None, true, Keep::Output) => Keep::Terminal,
        (None, true, _) => Keep::StartAndEnd,
        (None, false, setting) => setting,
    }
}

/// Where the lines of JSON are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Events {
    InsteadOfOutput,
    Descriptor(u32),
}

impl Events {
    fn of(matches: &ArgMatches) -> Option<Self> {
        let descriptor = matches.get_one::<u32>("events-fd");
        match (matches.get_flag("json"), descriptor) {
            (true, _) => Some(Self::InsteadOfOutput),
            (false, Some(&number)) => Some(Self::Descriptor(number)),
            (false, None) => None,
        }
    }

    /// Runs the command and writes the lines. Nobody may be left to read them, which is no concern of the command.
    fn run(
        self,
        command: &Command,
        options: Option<&RecordingOptions>,
        facts: RunFacts,
    ) -> Result<CommandEnd, Failure> {
        let mut output = match self {
            Self::InsteadOfOutput => LineOutput::Stdout,
            Self::Descriptor(number) => LineOutput::descriptor(number).map_err(|error| {
                Failure::usage(format!(
                    "--events-fd {number}: cannot write to this file descriptor: {error}; name the writing end of a pipe \
                     with a reader, or an open file"
                ))
            })?,
        };
        let mut is_read = true;
        let on_log = |item: SinkItem| {
            let written = output.write(&item_line(&item));
            is_read = written.is_ok();
            match written {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let sink = match self {
            Self::InsteadOfOutput => LogSink::instead_of_output(on_log),
            Self::Descriptor(_) => LogSink::beside_output(on_log),
        };
        let end = command.run_with_sink(options, facts, sink);
        if is_read {
            let _ = output.write(&result_line(&end));
        }
        Ok(end)
    }
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

/// A stream that a background process of the command still writes to.
struct LeftRunning {
    stream: Stream,
    from: OwnedFd,
    /// Whether it must not be passed on, because our output is lines of JSON.
    is_silent: bool,
    keep: Keep,
}

impl LeftRunning {
    /// Another `vmlog` passes the output on, as a run of its own, so that this one can end with the command. If that
    /// fails, the process finds its output closed.
    fn hand_over(
        self,
        facts: &RunFacts,
        run_id: Option<RunId>,
        options: Option<&RecordingOptions>,
    ) {
        let to = match self.stream {
            _ if self.is_silent => Ok(Stdio::null()),
            Stream::Stderr => io::stderr().as_fd().try_clone_to_owned().map(Stdio::from),
            _ => io::stdout().as_fd().try_clone_to_owned().map(Stdio::from),
        };
        let (Ok(to), Some(options)) = (to, options) else {
            return;
        };
        let mut pipe = process::Command::new(OURSELVES);
        pipe.args(["pipe", "--stream", self.stream.as_str()]);
        pipe.arg(format!("--source={}", facts.source));
        pipe.arg(format!("--name={} (left running)", facts.name));
        pipe.arg("--dir").arg(&options.dir);
        pipe.args(run_id.map(|run_id| format!("--parent={run_id}")));
        pipe.env(
            "LOG_CAPTURE_STREAMS",
            self.keep.captured().unwrap_or("both"),
        );
        let _ = pipe
            .stdin(self.from)
            .stdout(to)
            .stderr(Stdio::null())
            .spawn();
    }
}
