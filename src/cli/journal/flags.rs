//! The flags of `vmlog journal`, with journalctl's names.

use super::print::EntryStyle;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};

/// `vmlog journal`.
pub(crate) fn command() -> Command {
    Command::new("journal")
        .about("Show the systemd journal of this machine or from files")
        .long_about(
            "Reads journal files natively, with the flags of journalctl: of this machine, of a directory, \
             or single files, written by any version of systemd. Does not need systemd.",
        )
        .after_help(
            "Examples:\n  vmlog journal -u ssh -p warning -S '2 hours ago'\n  vmlog journal -D /mnt/dead-vm/var/log/journal -b\n  \
             vmlog journal -xe -u nginx\n  vmlog journal --file system.journal -o export\n\n\
             Exit codes: 0 done; 1 failed, or --grep found nothing; 2 usage error",
        )
        .args(source_arguments())
        .args(unit_arguments())
        .args(filter_arguments())
        .args(selection_arguments())
        .args(output_arguments())
        .args(action_arguments())
}

fn source_arguments() -> [Arg; 4] {
    [
        option(
            "directory",
            Some('D'),
            "DIR",
            "Read the journal in this directory",
        )
        .action(ArgAction::Append),
        option(
            "file",
            None,
            "PATH",
            "Read this file; the wildcards * and ? are allowed",
        )
        .action(ArgAction::Append),
        option(
            "namespace",
            None,
            "NAME",
            "Read this namespace: NAME, +NAME (with the default one), *",
        ),
        flag(
            "merge",
            Some('m'),
            "Read all machines (always on), without boot boundaries",
        ),
    ]
}

/// Flags that select units.
fn unit_arguments() -> Vec<Arg> {
    vec![
        option(
            "unit",
            Some('u'),
            "UNIT",
            "Entries of and about this unit; the wildcards * and ? are allowed",
        )
        .action(ArgAction::Append),
        option(
            "user-unit",
            None,
            "UNIT",
            "Entries of and about this unit of your user",
        )
        .action(ArgAction::Append),
        option(
            "invocation",
            None,
            "ID",
            "Entries of this start of the unit: an ID, 0 (the last), -1 (the one before), 1 (the first)",
        )
        .allow_negative_numbers(true),
        flag(
            "last-invocation",
            Some('I'),
            "Entries of the last start of the unit, as --invocation=0",
        )
        .conflicts_with("invocation"),
    ]
}

/// Flags that filter entries.
fn filter_arguments() -> Vec<Arg> {
    vec![
        option(
            "identifier",
            Some('t'),
            "NAME",
            "Entries with this syslog identifier",
        )
        .action(ArgAction::Append),
        option(
            "exclude-identifier",
            Some('T'),
            "NAME",
            "Entries without this syslog identifier",
        )
        .action(ArgAction::Append),
        option(
            "priority",
            Some('p'),
            "RANGE",
            "This priority and more severe ones, or FROM..TO; names or 0-7",
        ),
        option(
            "facility",
            None,
            "NAMES",
            "Entries with these syslog facilities, comma-separated names or 0-23",
        ),
        flag("dmesg", Some('k'), "Kernel messages of the last boot"),
        option(
            "grep",
            Some('g'),
            "PATTERN",
            "Entries whose message matches; lower-case patterns ignore case",
        ),
        option("case-sensitive", None, "BOOL", "Match case with --grep")
            .num_args(0..=1)
            .default_missing_value("true")
            .value_parser(["true", "false"]),
        Arg::new("matches")
            .value_name("MATCH")
            .num_args(0..)
            .help("FIELD=value, /path/of/program, or + between alternatives"),
    ]
}

/// Flags that select by boot, time, cursor and number.
fn selection_arguments() -> Vec<Arg> {
    vec![
        option(
            "boot",
            Some('b'),
            "ID",
            "Entries of this boot: an ID, 0 (the last), -1 (the one before), 1 (the first), all",
        )
        .num_args(0..=1)
        .default_missing_value("0")
        .allow_negative_numbers(true),
        option(
            "since",
            Some('S'),
            "TIME",
            "Entries since this time: 2026-02-17 14:30, yesterday, '2 hours ago', -15m, @1771338600, RFC 3339",
        )
        .allow_hyphen_values(true),
        option("until", Some('U'), "TIME", "Entries until this time").allow_hyphen_values(true),
        option("cursor", Some('c'), "CURSOR", "Start at this entry"),
        option("after-cursor", None, "CURSOR", "Start after this entry"),
        option(
            "lines",
            Some('n'),
            "N",
            "Show the last N entries, +N the first N, or all",
        )
        .num_args(0..=1)
        .default_missing_value("10"),
        flag(
            "no-tail",
            None,
            "Show all entries before following, not only the last 10",
        ),
        flag("reverse", Some('r'), "Newest first"),
    ]
}

fn output_arguments() -> [Arg; 11] {
    [
        option("output", Some('o'), "FORMAT", "How entries are printed")
            .default_value("short")
            .value_parser(PossibleValuesParser::new(EntryStyle::NAMES)),
        option(
            "output-fields",
            None,
            "FIELDS",
            "Only these fields, comma-separated",
        ),
        flag("all", Some('a'), "Show long and unprintable fields in full"),
        flag(
            "catalog",
            Some('x'),
            "Add explanations from the message catalog of this machine",
        ),
        flag("no-hostname", None, "Do not show the host name"),
        flag("follow", Some('f'), "Keep following new entries"),
        flag(
            "pager-end",
            Some('e'),
            "Show the end in the pager first; implies -b and -n 1000",
        ),
        flag(
            "show-cursor",
            None,
            "Print the cursor of the last entry at the end",
        ),
        flag("utc", None, "Times in UTC"),
        flag("no-pager", None, "Write to the terminal without a pager"),
        flag(
            "quiet",
            Some('q'),
            "Do not report unreadable data, boot boundaries, or that there are no entries",
        ),
    ]
}

fn action_arguments() -> [Arg; 6] {
    [
        option("field", Some('F'), "FIELD", "List the values of a field"),
        flag("fields", Some('N'), "List the names of all fields"),
        flag("list-boots", None, "List the boots"),
        flag(
            "disk-usage",
            None,
            "Show the disk usage of the journal files",
        ),
        flag("header", None, "Show the header of each file"),
        flag(
            "verify",
            None,
            "Verify each file completely (seals are not checked, which would need their key)",
        ),
    ]
}

fn option(name: &'static str, short: Option<char>, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .short(short)
        .value_name(value)
        .help(help)
}

fn flag(name: &'static str, short: Option<char>, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .short(short)
        .action(ArgAction::SetTrue)
        .help(help)
}
