//! The flags of `vmlog journal`: journalctl's own names.

use super::print::EntryStyle;
use clap::{Arg, ArgAction, Command};

/// `vmlog journal`.
pub(crate) fn command() -> Command {
    Command::new("journal")
        .about("Show the systemd journal of this machine or from files")
        .long_about(
            "Reads journal files natively, with the flags of journalctl: of this machine, of a directory, \
             or single files, whatever version of systemd wrote them. Needs no systemd.",
        )
        .after_help("Examples:\n  vmlog journal -u ssh -p warning -S -2h\n  vmlog journal -D /mnt/dead-vm/var/log/journal -b\n  \
             vmlog journal --file system.journal -o export\n\n\
             Exit codes: 0 done; 1 failed or --grep found nothing; 2 usage error")
        .args(source_arguments())
        .args(filter_arguments())
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
        option("file", None, "PATH", "Read this file; * and ? match names")
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

fn filter_arguments() -> [Arg; 14] {
    [
        option(
            "unit",
            Some('u'),
            "UNIT",
            "Entries of this unit, and about it; * and ? match names",
        )
        .action(ArgAction::Append),
        option(
            "identifier",
            Some('t'),
            "NAME",
            "Entries with this syslog identifier",
        )
        .action(ArgAction::Append),
        option(
            "priority",
            Some('p'),
            "RANGE",
            "Priorities up to this one, or FROM..TO; names or 0-7",
        ),
        option(
            "boot",
            Some('b'),
            "ID",
            "Entries of this boot: an id, 0 (the last), -1 (the one before), 1 (the first), all",
        )
        .num_args(0..=1)
        .default_missing_value("0")
        .allow_negative_numbers(true),
        flag("dmesg", Some('k'), "Kernel messages of the last boot"),
        option(
            "since",
            Some('S'),
            "TIME",
            "Entries since this time: RFC 3339, YYYY-MM-DD [HH:MM[:SS]], -15m",
        )
        .allow_hyphen_values(true),
        option("until", Some('U'), "TIME", "Entries until this time").allow_hyphen_values(true),
        option("cursor", Some('c'), "CURSOR", "Start at this entry"),
        option("after-cursor", None, "CURSOR", "Start after this entry"),
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
        option(
            "lines",
            Some('n'),
            "N",
            "Show the last N entries, +N the first N, or all",
        )
        .num_args(0..=1)
        .default_missing_value("10"),
        flag("reverse", Some('r'), "Newest first"),
        Arg::new("matches")
            .value_name("MATCH")
            .num_args(0..)
            .help("FIELD=value, /path/of/program, or + between alternatives"),
    ]
}

fn output_arguments() -> [Arg; 8] {
    [
        option("output", Some('o'), "FORMAT", "How entries are printed")
            .default_value("short")
            .value_parser(clap::builder::PossibleValuesParser::new(EntryStyle::NAMES)),
        option(
            "output-fields",
            None,
            "FIELDS",
            "Only these fields, comma-separated",
        ),
        flag("all", Some('a'), "Show long and unprintable fields whole"),
        flag("follow", Some('f'), "Keep following new entries"),
        flag(
            "show-cursor",
            None,
            "Print the cursor of the last entry at the end",
        ),
        flag("utc", None, "Times in UTC"),
        flag(
            "no-pager",
            None,
            "Accepted for compatibility with journalctl; there is no pager",
        ),
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
            "Verify each file completely; seals are not checked, as that needs their key",
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
