//! `vmlog patterns` and `vmlog fields`: similar lines, and the keys and values of metadata.

use super::time::shown;
use super::{count_or_blank, counts_table, json_argument, one_line, print_table};
use crate::cli::endpoint::{self, Backend, JsonQuestion};
use crate::cli::failure::Failure;
use crate::cli::parameters::{self, Parameters, add, flag, given, option};
use crate::cli::show;
use crate::cli::terminal::table::{Align, table};
use crate::time::{Micros, Zone};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::Value;

/// The arguments of `vmlog patterns`.
pub(in crate::cli) fn patterns_command() -> Command {
    with_filter(
        Command::new("patterns")
            .about("Group similar lines, the most frequent first")
            .after_help(
                "Examples:\n  vmlog patterns -S -1h\n  vmlog patterns -b -l warn -n 20\n\nExit codes: 0 done; 1 failed; 2 usage error",
            )
            .args(parameters::filter_arguments()),
        "Maximum number of groups [default: 50]",
    )
}

/// The arguments of `vmlog fields`.
pub(in crate::cli) fn fields_command() -> Command {
    with_filter(
        Command::new("fields")
            .about("List the keys of the metadata, or the values of one")
            .after_help(
                "Examples:\n  vmlog fields\n  vmlog fields unit -l error\n  vmlog fields http.status -s docker:web\n\n\
                 Exit codes: 0 done; 1 failed; 2 usage error",
            )
            .arg(
                Arg::new("key")
                    .value_name("KEY")
                    .help("List the values of this key"),
            )
            .args(parameters::filter_arguments()),
        "Maximum number of keys or values [default: 100]",
    )
}

fn with_filter(command: Command, limit: &'static str) -> Command {
    command
        .arg(option("limit", 'n', "N", limit).value_parser(value_parser!(usize)))
        .arg(flag("utc", "Show and read times in UTC"))
        .arg(json_argument())
        .args(endpoint::arguments())
}

/// Lists the patterns.
pub(in crate::cli) fn patterns(matches: &ArgMatches) -> Result<(), Failure> {
    answer(matches, JsonQuestion::Patterns, patterns_text)
}

/// Lists the keys, or the values of one.
pub(in crate::cli) fn fields(matches: &ArgMatches) -> Result<(), Failure> {
    answer(matches, JsonQuestion::Fields, |answer, _| {
        fields_text(answer)
    })
}

fn answer(
    matches: &ArgMatches,
    question: JsonQuestion,
    text: impl FnOnce(&Value, &Zone) -> String,
) -> Result<(), Failure> {
    let zone = show::zone(matches);
    let mut wanted: Parameters = parameters::filter(matches, &zone, Micros::now())?;
    add(&mut wanted, "boot", parameters::boot(matches));
    if question == JsonQuestion::Fields {
        add(&mut wanted, "key", given(matches, "key"));
    }
    if let Some(limit) = matches.get_one::<usize>("limit") {
        add(&mut wanted, "limit", Some(&limit.to_string()));
    }
    let answer = Backend::open(matches)?.answer(question, &wanted)?;
    print_table(
        matches.get_flag("json"),
        || answer.clone(),
        || text(&answer, &zone),
    )?;
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        notice!("{}", warning.as_str().unwrap_or_default());
    }
    if answer["partial"] == true {
        notice!("the search took too long; the counts are of the newest records");
    }
    Ok(())
}

fn list<'v>(answer: &'v Value, key: &str) -> &'v [Value] {
    answer[key].as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn patterns_text(answer: &Value, zone: &Zone) -> String {
    let cells: Vec<[String; 5]> = list(answer, "patterns")
        .iter()
        .map(|pattern| {
            let level = |name: &str| pattern["levels"][name].as_u64();
            [
                pattern["count"].to_string(),
                count_or_blank(level("error")),
                count_or_blank(level("warn")),
                shown(&word(&pattern["last"]), zone),
                one_line(pattern["template"].as_str().unwrap_or_default()),
            ]
        })
        .collect();
    counts_table("PATTERN", &cells)
}

fn fields_text(answer: &Value) -> String {
    if answer["keys"].is_array() {
        let cells: Vec<[String; 3]> = list(answer, "keys")
            .iter()
            .map(|key| {
                let examples: Vec<String> = list(key, "examples").iter().map(word).collect();
                [
                    key["count"].to_string(),
                    word(&key["key"]),
                    one_line(&examples.join(", ")),
                ]
            })
            .collect();
        let headings = [
            ("RECORDS", Align::Right),
            ("KEY", Align::Left),
            ("EXAMPLES", Align::Left),
        ];
        return table(headings, &cells);
    }
    let cells: Vec<[String; 2]> = list(answer, "values")
        .iter()
        .map(|value| {
            let text = value["value"].as_str().unwrap_or_default();
            [value["count"].to_string(), one_line(text)]
        })
        .collect();
    table([("RECORDS", Align::Right), ("VALUE", Align::Left)], &cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_values_and_patterns_are_tables() {
        let keys =
            json!({"keys": [{"key": "unit", "count": 12, "examples": ["a.service", "b.service"]}]});
        assert_eq!(
            fields_text(&keys),
            "RECORDS  KEY   EXAMPLES\n     12  unit  a.service, b.service\n"
        );
        let values = json!({"key": "unit", "values": [{"value": "a\u{1b}[31m", "count": 3}]});
        assert_eq!(fields_text(&values), "RECORDS  VALUE\n      3  a\n");
        let patterns = json!({"patterns": [{"template": "job <*>", "count": 3, "levels": {"error": 1, "warn": 0},
            "last": "2026-02-17T14:30:15.000000Z"}]});
        assert_eq!(
            patterns_text(&patterns, &Zone::utc()),
            "RECORDS  ERRORS  WARNINGS  LAST RECORD          PATTERN\n      3       1            2026-02-17 14:30:15  job <*>\n"
        );
    }
}
