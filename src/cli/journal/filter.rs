//! The filtering flags as one expression.

use super::expression::MatchExpression;
use super::invocation::{self, InvocationChoice};
use super::sources::Sources;
use super::units;
use crate::cli::failure::Failure;
use crate::cli::priorities::priorities;
use crate::pipeline::error_chain;
use clap::ArgMatches;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

/// Compiling a larger pattern takes longer than reading a journal by hand.
const PATTERN_BYTES_MAX: usize = 10 << 20;

/// The facilities of syslog(3), by their number; the unnamed ones are reserved.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "12", "13", "14", "15", "local0", "local1", "local2", "local3", "local4", "local5",
    "local6", "local7",
];

/// All filtering flags and matches together.
pub(super) fn expression(
    matches: &ArgMatches,
    sources: &Sources,
) -> Result<MatchExpression, Failure> {
    let mut parts = vec![];
    let terms: Vec<_> = stray_match(matches, "lines")
        .into_iter()
        .chain(stray_match(matches, "boot"))
        .chain(all(matches, "matches").map(String::as_str))
        .collect();
    if !terms.is_empty() {
        parts.push(MatchExpression::of_matches(terms.into_iter())?);
    }
    parts.extend(unit_parts(matches, sources)?);
    let identifiers: Vec<&str> = all(matches, "identifier").map(String::as_str).collect();
    if !identifiers.is_empty() {
        let is_one = |name: &&str| MatchExpression::is("SYSLOG_IDENTIFIER", *name);
        parts.push(MatchExpression::Any(
            identifiers.iter().map(is_one).collect(),
        ));
    }
    let excluded = all(matches, "exclude-identifier").map(|name| name.clone().into_bytes());
    let excluded: Vec<_> = excluded.collect();
    if !excluded.is_empty() {
        parts.push(MatchExpression::NoneOf(
            b"SYSLOG_IDENTIFIER".to_vec(),
            excluded,
        ));
    }
    if let Some(range) = one(matches, "priority") {
        let levels = priorities(range)?;
        let is_one = |number: u8| MatchExpression::is("PRIORITY", number.to_string());
        parts.push(MatchExpression::Any(levels.map(is_one).collect()));
    }
    if let Some(names) = one(matches, "facility") {
        parts.push(facilities(names)?);
    }
    if matches.get_flag("dmesg") {
        parts.push(MatchExpression::is("_TRANSPORT", "kernel"));
    }
    if let Some(pattern) = one(matches, "grep") {
        let case_sensitive = one(matches, "case-sensitive");
        let regex = pattern_of(pattern, case_sensitive)?;
        parts.push(MatchExpression::Message(Box::new(regex)));
    }
    Ok(MatchExpression::All(parts))
}

/// The conditions on units, and on their invocation.
fn unit_parts(matches: &ArgMatches, sources: &Sources) -> Result<Vec<MatchExpression>, Failure> {
    let units: Vec<_> = all(matches, "unit").map(String::as_str).collect();
    let user_units: Vec<_> = all(matches, "user-unit").map(String::as_str).collect();
    let choice = match (
        one(matches, "invocation"),
        matches.get_flag("last-invocation"),
    ) {
        (Some(text), _) => Some(InvocationChoice::parse(text)?),
        (None, true) => Some(InvocationChoice::Offset(0)),
        (None, false) => None,
    };
    if units.is_empty() && user_units.is_empty() {
        return match choice {
            None => Ok(vec![]),
            Some(InvocationChoice::Id(id)) => {
                Ok(vec![MatchExpression::of_invocation(&id.to_string())])
            }
            Some(InvocationChoice::Offset(_)) => Err(Failure::usage(
                "--invocation and -I need a unit: add -u UNIT or --user-unit UNIT",
            )),
        };
    }
    let uid = rustix::process::getuid().as_raw();
    let system = units::named(&units, units::SYSTEM_FIELDS, sources);
    let user = units::named(&user_units, units::USER_FIELDS, sources);
    let ways = system.iter().map(|unit| MatchExpression::of_unit(unit));
    let ways = ways.chain(
        user.iter()
            .map(|unit| MatchExpression::of_user_unit(unit, uid)),
    );
    let chosen = MatchExpression::Any(ways.collect());
    match choice {
        None => Ok(vec![chosen]),
        Some(choice) => Ok(vec![
            invocation::expression(choice, &chosen, sources)?,
            chosen,
        ]),
    }
}

/// Names or numbers of facilities, comma-separated.
fn facilities(names: &str) -> Result<MatchExpression, Failure> {
    let number = |name: &str| {
        let number = name.parse().ok().filter(|number| *number < 24);
        number.or_else(|| FACILITIES.iter().position(|known| *known == name))
    };
    let ways = names.split(',').map(|name| {
        let number = number(name.trim()).ok_or_else(|| {
            let known = FACILITIES.iter().filter(|name| name.parse::<u8>().is_err());
            let known: Vec<_> = known.copied().collect();
            Failure::usage(format!(
                "--facility: expected 0-23 or names of {}, found {name:?}",
                known.join(", ")
            ))
        })?;
        Ok(MatchExpression::is("SYSLOG_FACILITY", number.to_string()))
    });
    Ok(MatchExpression::Any(ways.collect::<Result<_, Failure>>()?))
}

/// As in journalctl, a lower-case pattern ignores case, unless `--case-sensitive` is given.
fn pattern_of(pattern: &str, case_sensitive: Option<&str>) -> Result<Regex, Failure> {
    let heeds_case = case_sensitive.map_or(pattern.chars().any(char::is_uppercase), |given| {
        given == "true"
    });
    Regex::builder()
        .configure(Regex::config().nfa_size_limit(Some(PATTERN_BYTES_MAX)))
        .syntax(
            syntax::Config::new()
                .case_insensitive(!heeds_case)
                .utf8(false),
        )
        .build(pattern)
        .map_err(|error| Failure::usage(format!("--grep {pattern:?}: {}", error_chain(&error))))
}

/// The word after a flag whose value is optional, if it is a match: `-b _PID=1`.
fn stray_match<'a>(matches: &'a ArgMatches, flag: &str) -> Option<&'a str> {
    one(matches, flag).filter(|value| value.contains('='))
}

fn one<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

fn all<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a String> {
    matches.get_many::<String>(name).into_iter().flatten()
}
