//! `vmlog compare`: what is different between two boots, runs or times.

use super::{count_or_blank, json_argument, one_line, print_table};
use crate::cli::endpoint::{self, Backend, JsonQuestion};
use crate::cli::failure::Failure;
use crate::cli::parameters::{self, add, flag, given, option};
use crate::cli::show;
use crate::cli::terminal::table::{Align, table};
use crate::time::Micros;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::Value;

/// The arguments of `vmlog compare`.
pub(in crate::cli) fn command() -> Command {
    let window = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name)
            .value_name(value)
            .required(true)
            .allow_hyphen_values(true)
            .help(help)
    };
    Command::new("compare")
        .about("Show what is different between two boots, runs or times")
        .long_about(
            "Groups the lines of two windows and shows the groups that are new, gone, more or less frequent in the second one, the most \
             surprising first. A window is boot:0, boot:-1, boot:ID, run:ID or two times such as -2h..-1h.",
        )
        .after_help(
            "Examples:\n  vmlog compare boot:-1 boot:0\n  vmlog compare run:01kj5p4zhs run:01kj5q7abc\n  \
             vmlog compare yesterday..today today..now -l warn\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(window("a", "A", "The first window"))
        .arg(window("b", "B", "The second window"))
        .args(parameters::filter_arguments())
        .arg(
            option("limit", 'n', "N", "Maximum number of groups [default: 100]")
                .value_parser(value_parser!(usize)),
        )
        .arg(flag("utc", "Read times in UTC"))
        .arg(json_argument())
        .args(endpoint::arguments())
}

/// Compares them.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let zone = show::zone(matches);
    let mut wanted = parameters::filter(matches, &zone, Micros::now())?;
    add(&mut wanted, "a", given(matches, "a"));
    add(&mut wanted, "b", given(matches, "b"));
    if let Some(limit) = matches.get_one::<usize>("limit") {
        add(&mut wanted, "limit", Some(&limit.to_string()));
    }
    let answer = Backend::open(matches)?.answer(JsonQuestion::Compare, &wanted)?;
    print_table(
        matches.get_flag("json"),
        || answer.clone(),
        || text(&answer),
    )?;
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        notice!("{}", warning.as_str().unwrap_or_default());
    }
    Ok(())
}

fn text(answer: &Value) -> String {
    let patterns = answer["patterns"].as_array().map_or(&[][..], Vec::as_slice);
    let (a, b) = (&answer["a"]["records"], &answer["b"]["records"]);
    if patterns.is_empty() {
        return format!("no difference in {a} and {b} records\n");
    }
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let cells: Vec<[String; 6]> = patterns
        .iter()
        .map(|pattern| {
            let level = |name: &str| count_or_blank(pattern["levels"][name].as_u64());
            [
                word(&pattern["change"]),
                pattern["a"].to_string(),
                pattern["b"].to_string(),
                level("error"),
                level("warn"),
                one_line(pattern["template"].as_str().unwrap_or_default()),
            ]
        })
        .collect();
    let headings = [
        ("CHANGE", Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
        ("ERRORS", Align::Right),
        ("WARNINGS", Align::Right),
        ("PATTERN", Align::Left),
    ];
    table(headings, &cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_a_table() {
        let pattern = json!({"template": "job <*> failed", "change": "new", "level": "error", "a": 0, "b": 12,
            "levels": {"debug": 0, "info": 9, "warn": 0, "error": 3}});
        let answer = json!({"a": {"records": 5}, "b": {"records": 17}, "patterns": [pattern]});
        assert_eq!(
            text(&answer),
            "CHANGE  A   B  ERRORS  WARNINGS  PATTERN\nnew     0  12       3            job <*> failed\n"
        );
        let none = json!({"a": {"records": 5}, "b": {"records": 17}, "patterns": []});
        assert_eq!(text(&none), "no difference in 5 and 17 records\n");
    }
}
