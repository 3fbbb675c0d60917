//! `vmlog completions`: completions for a shell. The parser's own script knows subcommands and flags; candidates from
//! the log itself (sources, units, runs, metadata) are added by calling `vmlog complete`.

use crate::cli::failure::Failure;
use crate::cli::terminal::output::StandardOutput;
use clap::builder::EnumValueParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::{Shell, generate};

/// The arguments of `vmlog completions`.
pub(in crate::cli) fn command() -> Command {
    Command::new("completions")
        .about("Print completions for a shell")
        .long_about(
            "Prints a completion script. In bash, zsh and fish it also completes sources, units, runs and metadata from the log of this \
             machine.",
        )
        .after_help(
            "Examples:\n  vmlog completions bash > /usr/share/bash-completion/completions/vmlog\n  \
             vmlog completions zsh > ~/.zfunc/_vmlog\n  vmlog completions fish > ~/.config/fish/completions/vmlog.fish\n\n\
             Exit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(EnumValueParser::<Shell>::new())
                .help("The shell"),
        )
}

/// Prints the script.
pub(in crate::cli) fn run(matches: &ArgMatches, mut whole: Command) -> Result<(), Failure> {
    let shell = matches
        .get_one::<Shell>("shell")
        .copied()
        .unwrap_or(Shell::Bash);
    let mut script = vec![];
    generate(shell, &mut whole, "vmlog", &mut script);
    let script = String::from_utf8_lossy(&script);
    let mut output = StandardOutput::new();
    output
        .buffer()
        .extend_from_slice(with_candidates(shell, &script).as_bytes());
    output.finish()
}

/// The script with candidates from the log.
fn with_candidates(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => format!("{script}\n{BASH}"),
        Shell::Zsh => zsh(script),
        Shell::Fish => format!("{script}\n{FISH}"),
        _ => script.to_owned(),
    }
}

/// Bash splits words at `:` and `=`, which our words contain. So the word is taken from the line instead, and the
/// part that bash considers finished is removed from each candidate.
const BASH: &str = r#"# candidates from the log itself
_vmlog_with_log() {
    local line="${COMP_LINE:0:$COMP_POINT}"
    local word="${line##*[[:space:]]}"
    local before="${line%"$word"}"
    before="${before%"${before##*[![:space:]]}"}"
    local previous="${before##*[[:space:]]}"
    local kind=""
    case "$previous" in
        -s|--source) kind=sources ;;
        -u|--unit) if [ "${COMP_WORDS[1]}" = journal ]; then kind=journal-units; else kind=units; fi ;;
        -w|--where) kind=fields ;;
        -l|--level|--levels) kind=levels ;;
        -b|--boot) kind=boots ;;
        -*) ;;
        *) case "${COMP_WORDS[1]} $word" in
            *" -"*) ;;
            "run "*) if [ "$previous" = run ]; then kind=runs; fi ;;
            "compare "*) kind=windows ;;
            "fields "*) if [ "$previous" = fields ]; then kind=keys; else kind=expressions; fi ;;
            "query "*|"tail "*|"export "*|"sources "*|"patterns "*|"problems "*) kind=expressions ;;
            esac ;;
    esac
    if [ -z "$kind" ]; then
        _vmlog "$@"
        return
    fi
    local IFS=$'\n'
    COMPREPLY=($(vmlog complete "$kind" "$word" 2>/dev/null))
    local split="${word%"${word##*[:=]}"}"
    if [ -n "$split" ]; then
        COMPREPLY=("${COMPREPLY[@]#"$split"}")
    fi
    if [ "${#COMPREPLY[@]}" -eq 1 ]; then
        case "${COMPREPLY[0]}" in
            *=|*:) compopt -o nospace ;;
        esac
    fi
}
complete -F _vmlog_with_log -o bashdefault -o default vmlog
"#;

const FISH: &str = r"# candidates from the log itself
function __vmlog_log
    vmlog complete $argv[1] (string replace -r '^--[a-z-]+=' '' -- (commandline -ct)) 2>/dev/null
end
function __vmlog_in
    __fish_seen_subcommand_from $argv
end
complete -c vmlog -n '__vmlog_in query tail export sources runs' -s s -l source -x -a '(__vmlog_log sources)'
complete -c vmlog -n '__vmlog_in query tail export sources' -s u -l unit -x -a '(__vmlog_log units)'
complete -c vmlog -n '__vmlog_in query tail export sources' -s w -l where -x -a '(__vmlog_log fields)'
complete -c vmlog -n '__vmlog_in journal' -s u -l unit -x -a '(__vmlog_log journal-units)'
complete -c vmlog -n '__vmlog_in run' -x -a '(__vmlog_log runs)'
complete -c vmlog -n '__vmlog_in query tail export sources patterns fields problems' -s l -l level -x -a '(__vmlog_log levels)'
complete -c vmlog -n '__vmlog_in query tail export sources patterns fields problems' -l levels -x -a '(__vmlog_log levels)'
complete -c vmlog -n '__vmlog_in query tail export sources patterns fields problems' -s b -l boot -x -a '(__vmlog_log boots)'
complete -c vmlog -n '__vmlog_in query tail export sources patterns problems' -f -a '(__vmlog_log expressions)'
complete -c vmlog -n '__vmlog_in fields' -f -a '(__vmlog_log keys)'
complete -c vmlog -n '__vmlog_in compare' -f -a '(__vmlog_log windows)'
";

/// The parser's script completes these values with file names; ours are from the log.
const ZSH_VALUES: [(&str, &str); 6] = [
    (":SOURCE:_default", ":SOURCE:_vmlog_sources"),
    (":UNIT:_default", ":UNIT:_vmlog_units"),
    (":KEY=VALUE:_default", ":KEY=VALUE:_vmlog_fields"),
    (":LEVEL:_default", ":LEVEL:_vmlog_levels"),
    (":LEVELS:_default", ":LEVELS:_vmlog_levels"),
    // The only optional ID.
    ("::ID:_default", "::ID:_vmlog_boots"),
];

/// The same for arguments without a flag, by the beginning of their lines.
const ZSH_ARGUMENTS: [(&str, &str); 5] = [
    ("':id -- ", "_vmlog_runs"),
    ("'::key -- ", "_vmlog_keys"),
    ("'*::text -- ", "_vmlog_expressions"),
    ("':a -- ", "_vmlog_windows"),
    ("':b -- ", "_vmlog_windows"),
];

const ZSH: &str = r#"# candidates from the log itself
_vmlog_log() {
    local -a found
    found=("${(@f)$(vmlog complete "$1" "${PREFIX}" 2>/dev/null)}")
    found=("${(@)found:#}")
    compadd -Q -S '' -a found
}
_vmlog_sources() { _vmlog_log sources }
_vmlog_units() { if [[ "${words[1]}" = journal* ]]; then _vmlog_log journal-units; else _vmlog_log units; fi }
_vmlog_fields() { _vmlog_log fields }
_vmlog_runs() { _vmlog_log runs }
_vmlog_keys() { _vmlog_log keys }
_vmlog_levels() { _vmlog_log levels }
_vmlog_boots() { _vmlog_log boots }
_vmlog_windows() { _vmlog_log windows }
_vmlog_expressions() { _vmlog_log expressions }
"#;

/// Inserts the functions after the first line, which tells zsh the name of the command.
fn zsh(script: &str) -> String {
    let mut script = script.to_owned();
    for (files, log) in ZSH_VALUES {
        script = script.replace(files, log);
    }
    let lines = script.lines().map(|line| {
        let of = ZSH_ARGUMENTS
            .iter()
            .find(|(start, _)| line.starts_with(start));
        match of {
            Some((_, log)) => line.replace(":_default", &format!(":{log}")),
            None => line.to_owned(),
        }
    });
    let script: Vec<String> = lines.collect();
    let script = script.join("\n");
    let (first, rest) = script.split_once('\n').unwrap_or((&script, ""));
    format!("{first}\n\n{ZSH}\n{rest}\n")
}
