//! `vmlog runs` and `vmlog run`: lists captured commands, and shows one of them with its output.

use super::time::{duration, shown};
use super::{json_argument, one_line, print, print_table, terminal_width};
use crate::cli::endpoint::{self, Backend, RunRow};
use crate::cli::failure::Failure;
use crate::cli::parameters::{Parameters, add, flag, given, option};
use crate::cli::show::{self, Printer};
use crate::cli::terminal::output::StandardOutput;
use crate::cli::terminal::table::{Align, table};
use crate::time::Zone;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;

/// Number of runs in one page; the records of each are counted.
const PAGE_RUNS: usize = 50;

/// The arguments of `vmlog runs`.
pub(in crate::cli) fn list_command() -> Command {
    Command::new("runs")
        .about("List captured commands, the newest first")
        .after_help(
            "Examples:\n  vmlog runs\n  vmlog runs --failed -n 5\n  vmlog runs -s devcontainer:web --json\n\n\
             Exit codes: 0 done; 1 failed; 2 usage error",
        )
        .arg(
            option("source", 's', "SOURCE", "Runs of these sources or prefixes")
                .action(ArgAction::Append),
        )
        .arg(flag("failed", "Only runs that failed"))
        .arg(
            option("limit", 'n', "N", "Maximum number of runs [default: 20]")
                .visible_alias("lines")
                .value_parser(value_parser!(usize)),
        )
        .arg(flag("utc", "Show times in UTC"))
        .arg(json_argument())
        .args(endpoint::arguments())
}

/// The arguments of `vmlog run`.
pub(in crate::cli) fn one_command() -> Command {
    Command::new("run")
        .about("Show one captured command and its output")
        .after_help(
            "Examples:\n  vmlog run last\n  vmlog run 01kj5p4zhs0g5cv2tnmq83y7re -o cat\n\n\
             Exit codes: 0 done; 1 there is no such run, or failed; 2 usage error",
        )
        .arg(
            Arg::new("id")
                .value_name("ID")
                .required(true)
                .help("ID of the run, the beginning of one, or `last`"),
        )
        .args(show::arguments("pretty"))
        .arg(flag("no-pager", "Write to the terminal without a pager"))
        .arg(json_argument())
        .args(endpoint::arguments())
}

/// The length of an ID, and of its beginning that a terminal shows at least.
const ID_CHARS: usize = 26;
const ID_CHARS_MIN: usize = 12;

/// Lists the runs.
pub(in crate::cli) fn list(matches: &ArgMatches) -> Result<(), Failure> {
    let limit = *matches.get_one::<usize>("limit").unwrap_or(&20);
    let mut filter = Parameters::new();
    for source in matches.get_many::<String>("source").into_iter().flatten() {
        add(&mut filter, "source", Some(source));
    }
    if matches.get_flag("failed") {
        add(&mut filter, "success", Some("false"));
    }
    let mut backend = Backend::open(matches)?;
    let (mut rows, mut warnings) = (vec![], vec![]);
    let is_whole = each(&mut backend, &filter, &mut warnings, &mut |run| {
        rows.push(run);
        rows.len() < limit
    })?;
    let zone = show::zone(matches);
    print_table(
        matches.get_flag("json"),
        || json!({"runs": rows, "hasMore": !is_whole}),
        || text(&rows, &zone, terminal_width().is_some()),
    )?;
    for warning in warnings {
        notice!("{warning}");
    }
    if !is_whole && !matches.get_flag("json") {
        notice!("there may be older runs; use -n to show more");
    }
    Ok(())
}

/// Passes runs to `take`, newest first, until it has enough. Returns whether these were all.
fn each(
    backend: &mut Backend,
    filter: &Parameters,
    warnings: &mut Vec<String>,
    take: &mut dyn FnMut(RunRow) -> bool,
) -> Result<bool, Failure> {
    let mut cursor: Option<String> = None;
    loop {
        let mut wanted = filter.clone();
        add(&mut wanted, "limit", Some(&PAGE_RUNS.to_string()));
        add(&mut wanted, "cursor", cursor.as_deref());
        let page = backend.runs(&wanted)?;
        warnings.extend(page.warnings);
        for run in page.rows {
            if !take(run) {
                return Ok(false);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(true);
        }
    }
}

/// The length of IDs that tells the runs apart; `vmlog run` takes the beginning of an ID.
fn id_length(rows: &[RunRow]) -> usize {
    (ID_CHARS_MIN..ID_CHARS)
        .find(|length| {
            let mut starts: Vec<&str> = rows.iter().map(|run| start_of(&run.id, *length)).collect();
            starts.sort_unstable();
            starts.windows(2).all(|pair| pair.first() != pair.last())
        })
        .unwrap_or(ID_CHARS)
}

fn start_of(id: &str, length: usize) -> &str {
    id.get(..length).unwrap_or(id)
}

fn text(rows: &[RunRow], zone: &Zone, is_narrow: bool) -> String {
    let id_length = if is_narrow { id_length(rows) } else { ID_CHARS };
    if rows.is_empty() {
        return "no runs; capture a command with `vmlog exec COMMAND`\n".to_owned();
    }
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|run| {
            [
                start_of(&run.id, id_length).to_owned(),
                shown(&run.start, zone),
                run.duration_ms.map_or_else(String::new, duration),
                result(run),
                run.name.clone(),
                one_line(&run.command),
            ]
        })
        .collect();
    let headings = [
        ("ID", Align::Left),
        ("START", Align::Left),
        ("DURATION", Align::Right),
        ("RESULT", Align::Left),
        ("NAME", Align::Left),
        ("COMMAND", Align::Left),
    ];
    table(headings, &cells)
}

/// How a run ended, in a few words.
fn result(run: &RunRow) -> String {
    match (run.success, run.exit_code, &run.signal) {
        _ if run.interrupted => "interrupted".to_owned(),
        (None, ..) => "running".to_owned(),
        (Some(true), ..) => "ok".to_owned(),
        (Some(false), _, Some(signal)) => signal.clone(),
        (Some(false), Some(code), None) => format!("exit code {code}"),
        (Some(false), None, None) => "failed".to_owned(),
    }
}

/// Shows one run.
pub(in crate::cli) fn one(matches: &ArgMatches) -> Result<(), Failure> {
    let id = given(matches, "id").unwrap_or_default();
    let mut backend = Backend::open(matches)?;
    let Some(run) = find(&mut backend, id)? else {
        return Err(Failure::failed(format!(
            "there is no run {id}; `vmlog runs` lists them"
        )));
    };
    if matches.get_flag("json") {
        return print(true, || json!(run), String::new);
    }
    let mut output = if matches.get_flag("no-pager") {
        StandardOutput::new()
    } else {
        StandardOutput::paged()
    };
    if given(matches, "output") == Some("pretty") {
        output.push_text(&heading(&run, &show::zone(matches)));
    }
    let mut printer = Printer::new(matches, &Parameters::new(), output.is_terminal());
    printer.begin(&mut output);
    let shown = records(&mut backend, &run, &mut printer, &mut output);
    printer.end(&mut output);
    output.finish()?;
    shown
}

/// The run with this ID or this prefix of an ID, or the newest one.
fn find(backend: &mut Backend, id: &str) -> Result<Option<RunRow>, Failure> {
    if id != "last"
        && let Some(run) = backend.run(id)?
    {
        return Ok(Some(run));
    }
    let mut found = vec![];
    each(backend, &Parameters::new(), &mut vec![], &mut |run| {
        let is_last = id == "last";
        if is_last || run.id.starts_with(id) {
            found.push(run);
        }
        !is_last && found.len() < 2
    })?;
    if found.len() > 1 {
        return Err(Failure::usage(format!(
            "several runs begin with {id}; give more of the ID"
        )));
    }
    Ok(found.pop())
}

fn heading(run: &RunRow, zone: &Zone) -> String {
    let took = run
        .duration_ms
        .map(|millis| format!(" after {}", duration(millis)));
    let category = run
        .category
        .as_deref()
        .map(|category| format!(", {category}"));
    format!(
        "run      {}\nname     {}\ncommand  {}\nsource   {}\nstarted  {}\nresult   {}{}{}\n\n",
        run.id,
        run.name,
        run.command,
        run.source,
        shown(&run.start, zone),
        result(run),
        took.unwrap_or_default(),
        category.unwrap_or_default(),
    )
}

/// Prints all records of a run, oldest first.
fn records(
    backend: &mut Backend,
    run: &RunRow,
    printer: &mut Printer,
    output: &mut StandardOutput,
) -> Result<(), Failure> {
    let mut filter = Parameters::new();
    add(&mut filter, "source", Some(&run.source));
    add(&mut filter, "where", Some(&format!("run_id={}", run.id)));
    let unreadable = backend.export(&filter, &mut |record| printer.print(output, &record))?;
    if unreadable > 0 {
        notice!("{unreadable} records are in damaged blocks and were not read; run `vmlog verify`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn run() -> RunRow {
        RunRow {
            id: "01kj5p4zhs0g5cv2tnmq83y7re".to_owned(),
            name: "setup".to_owned(),
            source: "devcontainer:web".to_owned(),
            command: "npm ci".to_owned(),
            start: "2026-02-17T14:30:15.000000Z".to_owned(),
            end: None,
            duration_ms: Some(3_250),
            exit_code: Some(1),
            signal: None,
            category: Some("dependency".to_owned()),
            success: Some(false),
            interrupted: false,
            counts: BTreeMap::new(),
            first_id: "1".to_owned(),
            last_id: "9".to_owned(),
        }
    }

    #[test]
    fn results_are_a_few_words() {
        let run = run();
        assert_eq!(result(&run), "exit code 1");
        let killed = RunRow {
            signal: Some("SIGKILL".to_owned()),
            exit_code: None,
            ..run.clone()
        };
        assert_eq!(result(&killed), "SIGKILL");
        assert_eq!(
            result(&RunRow {
                success: Some(true),
                ..run.clone()
            }),
            "ok"
        );
        assert_eq!(
            result(&RunRow {
                success: None,
                ..run.clone()
            }),
            "running"
        );
        assert_eq!(
            result(&RunRow {
                interrupted: true,
                ..run
            }),
            "interrupted"
        );
    }

    #[test]
    fn a_list_has_headings_and_aligned_columns() {
        let shown = text(&[run()], &Zone::utc(), false);
        assert_eq!(
            shown,
            "ID                          START                DURATION  RESULT       NAME   COMMAND\n\
             01kj5p4zhs0g5cv2tnmq83y7re  2026-02-17 14:30:15     3.2 s  exit code 1  setup  npm ci\n"
        );
        assert_eq!(
            text(&[], &Zone::utc(), false),
            "no runs; capture a command with `vmlog exec COMMAND`\n"
        );
    }

    #[test]
    fn a_terminal_gets_ids_that_are_long_enough() {
        let with_id = |id: &str| RunRow {
            id: id.to_owned(),
            ..run()
        };
        let rows = [
            with_id("01m8n3zsfnqh46wf3j1s6ba807"),
            with_id("01m8n3zsfnqh4zzzzzzzzzzzzz"),
        ];
        let shown = text(&rows, &Zone::utc(), true);
        let ids: Vec<&str> = shown
            .lines()
            .skip(1)
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(ids, ["01m8n3zsfnqh46", "01m8n3zsfnqh4z"]);
        let alone = text(rows.get(..1).unwrap_or_default(), &Zone::utc(), true);
        assert!(alone.contains("\n01m8n3zsfnqh  "), "{alone}");
    }
}
