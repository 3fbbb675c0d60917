//! Filter arguments of the command line, as the parameters of pages, tails and histograms: the same parser reads them
//! here and on a server.

use super::failure::Failure;
use super::priorities::priorities;
use crate::query::{self, Limits};
use crate::time::{Micros, Zone};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches};

/// Names and values of the parameters of a query.
pub(super) type Parameters = Vec<(String, String)>;

/// The source of kernel messages.
const KERNEL: &str = "system:kernel";

/// The filter arguments of all subcommands that have a filter. The short flags are those of journalctl, if it has
/// them.
pub(super) fn filter_arguments() -> Vec<Arg> {
    let mut arguments = source_arguments();
    arguments.extend(level_arguments());
    arguments.extend(time_arguments());
    arguments.extend(text_arguments());
    arguments
}

fn source_arguments() -> Vec<Arg> {
    vec![
        option(
            "source",
            's',
            "SOURCE",
            "Sources and prefixes such as docker: or system:ssh; -docker:noisy excludes one",
        )
        .action(ArgAction::Append)
        .allow_hyphen_values(true),
        option(
            "unit",
            'u',
            "UNIT",
            "Entries of this unit, as --source system:UNIT; a final * matches a prefix",
        )
        .action(ArgAction::Append),
        long(
            "user-unit",
            "UNIT",
            "Entries of this user unit, as --source user:UNIT",
        )
        .action(ArgAction::Append),
        switch("dmesg", 'k', "Kernel messages of the last boot"),
    ]
}

fn level_arguments() -> Vec<Arg> {
    vec![
        option(
            "level",
            'l',
            "LEVEL",
            "Minimum level: debug, info, warn, error, a synonym, or 0-7",
        ),
        long("levels", "LEVELS", "Only these levels, comma-separated"),
        option(
            "priority",
            'p',
            "RANGE",
            "This syslog priority and more severe ones, or the range FROM..TO",
        )
        .conflicts_with_all(["level", "levels"]),
    ]
}

fn time_arguments() -> Vec<Arg> {
    vec![
        option(
            "start",
            'S',
            "TIME",
            "Records since this time: 2026-02-17 14:30, 09:00, yesterday, '2 hours ago', -15m, @1771338600, RFC 3339",
        )
        .visible_alias("since")
        .allow_hyphen_values(true),
        option("end", 'U', "TIME", "Records before this time")
            .visible_alias("until")
            .allow_hyphen_values(true),
        option(
            "boot",
            'b',
            "ID",
            "Records of this boot: 0 (the last), -1 (the one before), 1 (the first), an ID, all",
        )
        .num_args(0..=1)
        .default_missing_value("0")
        .allow_negative_numbers(true)
        .conflicts_with_all(["start", "end"]),
    ]
}

/// `--start` and `--end` alone.
pub(super) fn window_arguments(start_help: &'static str) -> impl Iterator<Item = Arg> {
    let mut arguments = time_arguments();
    arguments.truncate(2);
    arguments.into_iter().map(move |argument| {
        let argument = argument.conflicts_with_all([] as [&str; 0]);
        if argument.get_id() == "start" {
            argument.help(start_help)
        } else {
            argument
        }
    })
}

/// The times of [`window_arguments`], both ends included.
pub(super) fn times(
    matches: &ArgMatches,
    zone: &Zone,
    now: Micros,
) -> Result<(Option<Micros>, Option<Micros>), Failure> {
    let mut parameters = Parameters::new();
    for name in ["start", "end"] {
        let time = given(matches, name).map(|text| absolute(name, text, zone, now));
        add(&mut parameters, name, time.transpose()?.as_deref());
    }
    let (filter, _) = query::parse_filter(&parameters, now).map_err(refused)?;
    let times = filter.times();
    Ok((times.start, times.end.map(|end| end.plus(-1))))
}

fn text_arguments() -> Vec<Arg> {
    vec![
        Arg::new("text")
            .value_name("EXPR")
            .num_args(0..)
            .action(ArgAction::Append)
            .help("Expression such as 'timeout level>=warn -source:docker:*'; with --regex, --case or -v, plain text"),
        option(
            "grep",
            'g',
            "PATTERN",
            "Regular expression to search for; a pattern in lower case ignores case",
        )
        .conflicts_with_all(["text", "search", "regex"])
        .allow_hyphen_values(true),
        long("search", "TEXT", "Text in the message or the metadata, ignoring case")
            .conflicts_with("text")
            .allow_hyphen_values(true),
        flag("regex", "The text is a regular expression"),
        long("case", "CASE", "Whether the text is case-sensitive")
            .value_parser(PossibleValuesParser::new(["insensitive", "sensitive"])),
        switch("invert", 'v', "Only records that do not match the text"),
        option(
            "where",
            'w',
            "KEY=VALUE",
            "Metadata: KEY=VALUE, KEY!=VALUE, VALUE* for a prefix; all must match",
        )
        .action(ArgAction::Append)
        .allow_hyphen_values(true),
        long("pattern", "TEMPLATE", "Messages of this pattern, as `vmlog patterns` prints it, such as 'took <num> ms'")
            .action(ArgAction::Append)
            .allow_hyphen_values(true),
        long("exclude-pattern", "TEMPLATE", "Messages of all other patterns")
            .action(ArgAction::Append)
            .allow_hyphen_values(true),
        long("pid", "PID", "Output of this process"),
    ]
}

/// An option with a short form.
pub(super) fn option(
    name: &'static str,
    short: char,
    value: &'static str,
    help: &'static str,
) -> Arg {
    long(name, value, help).short(short)
}

/// An option without a short form.
pub(super) fn long(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// A flag with a short form.
pub(super) fn switch(name: &'static str, short: char, help: &'static str) -> Arg {
    flag(name, help).short(short)
}

/// A flag.
pub(super) fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

/// The requested boot, if any: `-b`, or the last one with `-k`. The word after `-b` may be the text to search
/// instead.
pub(super) fn boot(matches: &ArgMatches) -> Option<&str> {
    match given(matches, "boot") {
        Some("all") => None,
        Some(text) if is_boot(text) => Some(text),
        Some(_) => Some("0"),
        None => matches.get_flag("dmesg").then_some("0"),
    }
}

fn is_boot(text: &str) -> bool {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id || text.parse::<i64>().is_ok() || text == "all"
}

/// The parameters of the filter, without the boot. Times without an offset are in `zone`.
pub(super) fn filter(
    matches: &ArgMatches,
    zone: &Zone,
    now: Micros,
) -> Result<Parameters, Failure> {
    let mut parameters = Parameters::new();
    add_sources(&mut parameters, matches);
    for (argument, name) in [
        ("where", "where"),
        ("pattern", "pattern"),
        ("exclude-pattern", "pattern.exclude"),
    ] {
        let values = matches.get_many::<String>(argument).into_iter().flatten();
        parameters.extend(values.map(|value| (name.to_owned(), value.clone())));
    }
    for name in ["level", "levels", "pid"] {
        add(&mut parameters, name, given(matches, name));
    }
    if let Some(range) = given(matches, "priority") {
        add(&mut parameters, "levels", Some(&levels_of(range)?));
    }
    for name in ["start", "end"] {
        let time = given(matches, name)
            .map(|text| absolute(name, text, zone, now))
            .transpose()?;
        add(&mut parameters, name, time.as_deref());
    }
    add_text(&mut parameters, matches);
    check(&parameters, now)?;
    Ok(parameters)
}

fn add_sources(parameters: &mut Parameters, matches: &ArgMatches) {
    let all = |name: &str| matches.get_many::<String>(name).into_iter().flatten();
    for source in all("source") {
        add(parameters, "source", Some(source));
    }
    for (name, prefix) in [("unit", "system:"), ("user-unit", "user:")] {
        for unit in all(name) {
            let source = format!("{prefix}{}", source_of_unit(unit));
            add(parameters, "source", Some(&source));
        }
    }
    if matches.get_flag("dmesg") {
        add(parameters, "source", Some(KERNEL));
    }
}

/// The unit in the name of a source: without `.service`, and the same for all instances of a template.
fn source_of_unit(unit: &str) -> String {
    let (name, kind) = unit.rsplit_once('.').unwrap_or((unit, "service"));
    match unit.split_once('@') {
        Some((template, _)) => format!("{template}@"),
        None if kind == "service" => name.to_owned(),
        None => unit.to_owned(),
    }
}

fn add_text(parameters: &mut Parameters, matches: &ArgMatches) {
    let case = given(matches, "case");
    if let Some(pattern) = given(matches, "grep") {
        let heeds_case = pattern.chars().any(char::is_uppercase);
        let usual = if heeds_case {
            "sensitive"
        } else {
            "insensitive"
        };
        add(parameters, "search", Some(pattern));
        add(parameters, "regex", Some("true"));
        add(parameters, "case", case.or(Some(usual)));
    } else {
        let after_boot = given(matches, "boot").filter(|text| !is_boot(text));
        let words = matches.get_many::<String>("text").into_iter().flatten();
        let words: Vec<&str> = after_boot
            .into_iter()
            .chain(words.map(String::as_str))
            .collect();
        let text = (!words.is_empty()).then(|| words.join(" "));
        let is_plain = case.is_some() || matches.get_flag("regex") || matches.get_flag("invert");
        let name = if is_plain { "search" } else { "q" };
        add(parameters, "search", given(matches, "search"));
        add(parameters, name, text.as_deref());
        add(parameters, "case", case);
        if matches.get_flag("regex") {
            add(parameters, "regex", Some("true"));
        }
    }
    if matches.get_flag("invert") {
        add(parameters, "invert", Some("true"));
    }
}

/// The levels of a range of priorities. A level may include several priorities; the additional ones are reported.
fn levels_of(range: &str) -> Result<String, Failure> {
    let range = priorities(range)?;
    let levels = [
        ("error", 0..=3),
        ("warn", 4..=4),
        ("info", 5..=6),
        ("debug", 7..=7),
    ];
    let mut chosen = vec![];
    for (level, of_level) in levels {
        let shown = of_level.clone().filter(|number| range.contains(number));
        let count = shown.count();
        if count > 0 {
            chosen.push(level);
        }
        if count > 0 && count < of_level.count() {
            notice!("records have four levels: -p also shows other priorities of level {level}");
        }
    }
    Ok(chosen.join(","))
}

/// Checks a filter before any store is opened or server requested.
fn check(parameters: &Parameters, now: Micros) -> Result<(), Failure> {
    query::parse_filter(parameters, now)
        .map(drop)
        .map_err(refused)
}

/// Checks the parameters of a page.
pub(super) fn check_page(parameters: &Parameters, now: Micros) -> Result<(), Failure> {
    let limits = Limits {
        limit_default: 1,
        limit_max: usize::MAX,
    };
    query::parse_page(parameters, &limits, now)
        .map(drop)
        .map_err(refused)
}

/// The failure for an invalid parameter; its text says what is valid.
#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
pub(super) fn refused(error: query::ParameterError) -> Failure {
    Failure::usage(error.to_string())
}

pub(super) fn add(parameters: &mut Parameters, name: &str, value: Option<&str>) {
    parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
}

pub(super) fn given<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

/// A time in absolute form. A relative time stays relative, because the clock of the server counts.
fn absolute(name: &str, text: &str, zone: &Zone, now: Micros) -> Result<String, Failure> {
    if text.starts_with(['-', '+']) {
        return Ok(text.to_owned());
    }
    match zone.parse(text, now) {
        Ok(time) => Ok(time.to_string()),
        Err(error) => Err(Failure::usage(format!("--{name}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    fn matches(words: &[&str]) -> ArgMatches {
        let command = Command::new("x").args(filter_arguments());
        let words = ["x"].iter().chain(words);
        command.try_get_matches_from(words).expect("a command line")
    }

    fn parameters(words: &[&str]) -> Result<Parameters, Failure> {
        filter(
            &matches(words),
            &Zone::utc(),
            Micros::new(1_771_338_615_123_456),
        )
    }

    fn lines(words: &[&str]) -> Vec<String> {
        let found = parameters(words).expect("parameters");
        found
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn every_part_of_a_filter_becomes_a_parameter() {
        let words = [
            "-s",
            "docker:",
            "-s",
            "-docker:noisy",
            "-l",
            "warn",
            "--levels",
            "warn,error",
            "-S",
            "2026-02-17 14:00",
            "-U",
            "-5m",
            "--search",
            "-x failed",
            "--regex",
            "-v",
            "-w",
            "unit=ssh.service",
            "--pid",
            "7",
            "--case",
            "sensitive",
        ];
        let expected = [
            "source=docker:",
            "source=-docker:noisy",
            "where=unit=ssh.service",
            "level=warn",
            "levels=warn,error",
            "pid=7",
            "start=2026-02-17T14:00:00.000000Z",
            "end=-5m",
            "search=-x failed",
            "case=sensitive",
            "regex=true",
            "invert=true",
        ];
        assert_eq!(lines(&words), expected);
    }

    #[test]
    fn flags_of_journalctl_become_parameters() {
        let words = [
            "-u",
            "nginx.service",
            "-u",
            "sshd@7.service",
            "-u",
            "app.socket",
            "-u",
            "web*",
            "--user-unit",
            "pipewire",
            "-k",
            "-p",
            "warning",
            "-g",
            "exit [0-9]",
        ];
        let expected = [
            "source=system:nginx",
            "source=system:sshd@",
            "source=system:app.socket",
            "source=system:web*",
            "source=user:pipewire",
            "source=system:kernel",
            "levels=error,warn",
            "search=exit [0-9]",
            "regex=true",
            "case=insensitive",
        ];
        assert_eq!(lines(&words), expected);
        assert_eq!(
            lines(&["-g", "Failed"]),
            ["search=Failed", "regex=true", "case=sensitive"]
        );
        assert_eq!(lines(&["-p", "warning..info"]), ["levels=warn,info"]);
        assert!(parameters(&["-p", "loud"]).is_err());
    }

    #[test]
    fn the_word_after_a_boot_flag_is_a_boot_or_the_text() {
        for (words, expected, searched) in [
            (&["-b"][..], Some("0"), None),
            (&["-b", "-1"], Some("-1"), None),
            (&["-b", "all"], None, None),
            (&["-k"], Some("0"), None),
            (&["-k", "-b", "2"], Some("2"), None),
            (&["-b", "failed"], Some("0"), Some("q=failed")),
            (&[], None, None),
        ] {
            assert_eq!(boot(&matches(words)), expected, "{words:?}");
            let lines = lines(words);
            let found = lines.iter().find(|line| line.starts_with("q="));
            assert_eq!(found.map(String::as_str), searched, "{words:?}");
        }
    }

    #[test]
    fn bare_words_are_an_expression_unless_they_are_a_regex_or_inverted() {
        let named = |words: &[&str]| parameters(words).expect("parameters")[0].0.clone();
        assert_eq!(named(&["failed level>=warn"]), "q");
        assert_eq!(named(&["--regex", "fail(ed)?"]), "search");
        assert_eq!(named(&["-v", "failed"]), "search");
        assert_eq!(parameters(&[]).expect("parameters"), []);
    }

    #[test]
    fn errors_say_what_is_valid() {
        let refused = |words: &[&str]| parameters(words).expect_err("a refusal").text;
        assert_eq!(
            refused(&["-l", "loud"]),
            "level must be one of debug, info, warn, error; got \"loud\""
        );
        assert!(
            refused(&["-S", "someday"])
                .starts_with("--start: expected a time such as 2026-02-17T14:30:00Z")
        );
        assert_eq!(
            refused(&["--regex", "a(b"]),
            "search is not a regex: unclosed group (character 2)"
        );
    }
}
