//! What is asked for on the command line, as the parameters that pages, tail and histogram take: the one parser of queries
//! reads them, here and on a server.

use crate::cli::failure::Failure;
use crate::query::{self, Limits};
use crate::time::{Micros, Zone};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches};

/// Names and values of a query.
pub(super) type Parameters = Vec<(String, String)>;

/// The filter, for every subcommand that takes one.
pub(super) fn filter_arguments() -> [Arg; 11] {
    [
        Arg::new("text")
            .value_name("EXPR")
            .help("Words, \"phrases\", -word, level>=warn, source:docker:*, status>=500, /regex/, OR and brackets; with -e or -v a text, as --search"),
        option(
            "source",
            's',
            "SOURCE",
            "Sources and prefixes such as docker: or system:ssh; -docker:noisy leaves one out",
        )
        .action(ArgAction::Append)
        .allow_hyphen_values(true),
        option(
            "level",
            'l',
            "LEVEL",
            "Minimum level: debug, info, warn, error, another name of one, or 0-7",
        ),
        long("levels", "LEVELS", "Only these levels, comma-separated"),
        option(
            "start",
            'S',
            "TIME",
            "Records since this time: RFC 3339, YYYY-MM-DD [HH:MM[:SS]], 09:00, -15m, 1 hour ago",
        )
        .visible_alias("since")
        .allow_hyphen_values(true),
        option("end", 'U', "TIME", "Records before this time")
            .visible_alias("until")
            .allow_hyphen_values(true),
        option("search", 'g', "TEXT", "Text in the message or the metadata, ignoring case")
            .conflicts_with("text")
            .allow_hyphen_values(true),
        switch("regex", 'e', "The text is a regular expression"),
        switch("invert", 'v', "Only records that do not match the text"),
        option(
            "where",
            'w',
            "KEY=VALUE",
            "Metadata: KEY=VALUE, KEY!=VALUE, VALUE* for a prefix; all must match",
        )
        .action(ArgAction::Append)
        .allow_hyphen_values(true),
        long("pid", "PID", "Output of this process"),
    ]
}

/// Letters count: apart from the others, as it takes a word.
pub(super) fn case_argument() -> Arg {
    long("case", "CASE", "Whether the text is case-sensitive")
        .value_parser(PossibleValuesParser::new(["insensitive", "sensitive"]))
}

/// An option with a letter of its own.
pub(super) fn option(
    name: &'static str,
    short: char,
    value: &'static str,
    help: &'static str,
) -> Arg {
    long(name, value, help).short(short)
}

/// An option without a letter.
pub(super) fn long(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// A flag with a letter of its own.
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

/// The parameters of the filter. Times without an offset are of `zone`.
pub(super) fn filter(
    matches: &ArgMatches,
    zone: &Zone,
    now: Micros,
) -> Result<Parameters, Failure> {
    let mut parameters = Parameters::new();
    for name in ["source", "where"] {
        let values = matches.get_many::<String>(name).into_iter().flatten();
        parameters.extend(values.map(|value| (name.to_owned(), value.clone())));
    }
    for name in ["level", "levels", "case", "pid"] {
        add(&mut parameters, name, given(matches, name));
    }
    for name in ["start", "end"] {
        let time = given(matches, name)
            .map(|text| absolute(name, text, zone, now))
            .transpose()?;
        add(&mut parameters, name, time.as_deref());
    }
    add(&mut parameters, "search", given(matches, "search"));
    let is_text = matches.get_flag("regex") || matches.get_flag("invert");
    let name = if is_text { "search" } else { "q" };
    add(&mut parameters, name, given(matches, "text"));
    for name in ["regex", "invert"] {
        if matches.get_flag(name) {
            add(&mut parameters, name, Some("true"));
        }
    }
    check(&parameters, now)?;
    Ok(parameters)
}

/// What is wrong with a filter is told before anybody is asked.
fn check(parameters: &Parameters, now: Micros) -> Result<(), Failure> {
    query::parse_filter(parameters, now)
        .map(drop)
        .map_err(refused)
}

/// The same for a page.
pub(super) fn check_page(parameters: &Parameters, now: Micros) -> Result<(), Failure> {
    let limits = Limits {
        limit_default: 1,
        limit_max: usize::MAX,
    };
    query::parse_page(parameters, &limits, now)
        .map(drop)
        .map_err(refused)
}

/// A parameter that cannot be used; its text says what can.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(super) fn refused(error: query::ParameterError) -> Failure {
    Failure::usage(error.to_string())
}

pub(super) fn add(parameters: &mut Parameters, name: &str, value: Option<&str>) {
    parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
}

pub(super) fn given<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

/// A time in a form that means the same everywhere. One relative to now stays so: the clock that counts is that of the records.
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

    fn parameters(words: &[&str]) -> Result<Parameters, Failure> {
        let command = Command::new("x")
            .args(filter_arguments())
            .arg(case_argument());
        let words = ["x"].iter().chain(words);
        let matches = command.try_get_matches_from(words).expect("a command line");
        filter(&matches, &Zone::utc(), Micros::new(1_771_338_615_123_456))
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
            "-g",
            "-x failed",
            "-e",
            "-v",
            "-w",
            "unit=ssh.service",
            "--pid",
            "7",
            "--case",
            "sensitive",
        ];
        let found = parameters(&words).expect("parameters");
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let expected = [
            "source=docker:",
            "source=-docker:noisy",
            "where=unit=ssh.service",
            "level=warn",
            "levels=warn,error",
            "case=sensitive",
            "pid=7",
            "start=2026-02-17T14:00:00.000000Z",
            "end=-5m",
            "search=-x failed",
            "regex=true",
            "invert=true",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_bare_word_is_searched_for() {
        assert_eq!(
            parameters(&["failed"]).expect("parameters"),
            [("search".to_owned(), "failed".to_owned())]
        );
        assert_eq!(parameters(&[]).expect("parameters"), []);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_right() {
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
            refused(&["-e", "a(b"]),
            "search is not a regex: unclosed group (character 2)"
        );
    }
}
