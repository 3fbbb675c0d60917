//! `vmlog sources`: lists the sources with their counts.

use super::time::shown;
use super::{count_or_blank, counts_table, json_argument, print_table};
use crate::cli::endpoint::{self, Backend, SourceRow};
use crate::cli::failure::Failure;
use crate::cli::parameters::{self, add, flag};
use crate::cli::show;
use crate::time::Micros;
use clap::{ArgMatches, Command};
use serde_json::json;

/// The arguments of `vmlog sources`.
pub(in crate::cli) fn command() -> Command {
    Command::new("sources")
        .about("List the sources of records")
        .long_about(
            "Lists the sources of all records that match the filter, in order of name: the number of records, how many are errors \
             and warnings, and the time of the last one.",
        )
        .after_help(
            "Examples:\n  vmlog sources\n  vmlog sources -l warn -S today\n  vmlog sources --store /mnt/dead-vm/var/lib/vmlog/store --json\n\n\
             Exit codes: 0 done; 1 failed; 2 usage error",
        )
        .args(parameters::filter_arguments())
        .arg(flag("utc", "Show and read times in UTC"))
        .arg(json_argument())
        .args(endpoint::arguments())
}

/// Lists them.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let zone = show::zone(matches);
    let mut filter = parameters::filter(matches, &zone, Micros::now())?;
    add(&mut filter, "boot", parameters::boot(matches));
    let mut backend = Backend::open(matches)?;
    let (mut rows, mut cursor, mut warnings) = (vec![], None, vec![]);
    loop {
        let mut wanted = filter.clone();
        add(&mut wanted, "cursor", cursor.as_deref());
        let page = backend.sources(&wanted)?;
        rows.extend(page.rows);
        warnings.extend(page.warnings);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    print_table(
        matches.get_flag("json"),
        || json!({"sources": rows}),
        || text(&rows, &zone),
    )?;
    for warning in warnings {
        notice!("{warning}");
    }
    Ok(())
}

fn text(rows: &[SourceRow], zone: &crate::time::Zone) -> String {
    let level = |row: &SourceRow, name: &str| count_or_blank(row.levels.get(name).copied());
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            [
                row.count.to_string(),
                level(row, "error"),
                level(row, "warn"),
                shown(&row.last_timestamp, zone),
                row.name.clone(),
            ]
        })
        .collect();
    counts_table("SOURCE", &cells)
}
