//! `vmlog boots`: the boots of the machine, and how each ended.

use super::time::shown;
use super::{json_argument, print_table};
use crate::cli::endpoint::{self, Backend, JsonQuestion};
use crate::cli::failure::Failure;
use crate::cli::parameters::{Parameters, add, flag, option};
use crate::cli::show;
use crate::cli::terminal::table::{Align, table};
use crate::time::Zone;
use clap::{ArgMatches, Command, value_parser};
use serde_json::Value;

/// The arguments of `vmlog boots`.
pub(in crate::cli) fn command() -> Command {
    Command::new("boots")
        .about("List the boots of the machine, the newest first")
        .after_help(
            "Examples:\n  vmlog boots\n  vmlog query -b -1 -p err\n\nExit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(
            option("limit", 'n', "N", "Maximum number of boots [default: 20]")
                .value_parser(value_parser!(usize)),
        )
        .arg(flag("utc", "Show times in UTC"))
        .arg(json_argument())
        .args(endpoint::arguments())
}

/// Lists them.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let mut wanted = Parameters::new();
    if let Some(limit) = matches.get_one::<usize>("limit") {
        add(&mut wanted, "limit", Some(&limit.to_string()));
    }
    let answer = Backend::open(matches)?.answer(JsonQuestion::Boots, &wanted)?;
    let zone = show::zone(matches);
    let boots = answer["boots"].as_array().map_or(&[][..], Vec::as_slice);
    print_table(
        matches.get_flag("json"),
        || answer.clone(),
        || text(boots, &zone),
    )
}

fn text(boots: &[Value], zone: &Zone) -> String {
    if boots.is_empty() {
        return "no boots: no record of a journal is stored\n".to_owned();
    }
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let cells: Vec<[String; 7]> = boots
        .iter()
        .map(|boot| {
            let end = match boot["clean"].as_bool() {
                None => "running",
                Some(true) => "clean",
                Some(false) => "unclean",
            };
            [
                boot["index"].to_string(),
                word(&boot["id"]),
                shown(&word(&boot["first"]), zone),
                shown(&word(&boot["last"]), zone),
                boot["records"].to_string(),
                boot["problems"].to_string(),
                end.to_owned(),
            ]
        })
        .collect();
    let headings = [
        ("BOOT", Align::Right),
        ("ID", Align::Left),
        ("FIRST", Align::Left),
        ("LAST", Align::Left),
        ("RECORDS", Align::Right),
        ("PROBLEMS", Align::Right),
        ("END", Align::Left),
    ];
    table(headings, &cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn boots_are_listed_with_their_end() {
        let boot = json!({"index": -1, "id": "0123456789abcdef0123456789abcdef", "first": "2026-02-17T14:30:15.000000Z",
            "last": "2026-02-17T15:30:15.000000Z", "records": 120, "problems": 2, "clean": false});
        assert_eq!(
            text(&[boot], &Zone::utc()),
            "BOOT  ID                                FIRST                LAST                 RECORDS  PROBLEMS  END\n  \
             -1  0123456789abcdef0123456789abcdef  2026-02-17 14:30:15  2026-02-17 15:30:15      120         2  unclean\n"
        );
    }
}
