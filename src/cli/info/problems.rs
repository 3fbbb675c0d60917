//! `vmlog problems`: what went wrong, and why.

use super::time::shown;
use super::{json_argument, one_line, print, terminal_width};
use crate::cli::endpoint::{self, Backend, JsonQuestion};
use crate::cli::failure::Failure;
use crate::cli::parameters::{self, Parameters, add, flag, long, option};
use crate::cli::show;
use crate::cli::terminal::table::{Align, table};
use crate::cli::terminal::text::{Span, wrap};
use crate::time::{Micros, Zone};
use clap::{ArgAction, ArgMatches, Command, value_parser};
use serde_json::Value;
use std::fmt::Write as _;

/// Columns before a cause on a terminal, and the maximum number of its rows.
const INDENT: usize = 4;
const CAUSE_ROWS_MAX: usize = 3;
/// A failure of the command itself; 1 says that there are problems.
const FAILED: u8 = 3;

/// The arguments of `vmlog problems`.
pub(in crate::cli) fn command() -> Command {
    Command::new("problems")
        .about("List what went wrong, the most important first, with its cause")
        .long_about(
            "Lists what went wrong: failed units, OOM kills, core dumps, containers, failed commands, full disks and more, the most \
             important first, each with the line that says why.",
        )
        .after_help(
            "Examples:\n  vmlog problems\n  vmlog problems -b --context\n  vmlog problems -S -1h --kind oom_kill,unit_failed --json\n\n\
             Exit codes: 0 no problems; 1 there are problems; 2 usage error; 3 failed",
        )
        .args(parameters::filter_arguments())
        .arg(
            long("kind", "KIND", "Only these kinds, such as unit_failed or oom_kill")
                .value_delimiter(',')
                .action(ArgAction::Append),
        )
        .arg(
            option("limit", 'n', "N", "Maximum number of problems [default: 50]")
                .value_parser(value_parser!(usize)),
        )
        .arg(flag("context", "Show the lines around each cause"))
        .arg(flag("utc", "Show and read times in UTC"))
        .arg(json_argument())
        .args(endpoint::arguments())
}

/// Lists them, and returns the exit code.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    list(matches).map_err(|failure| match failure.code {
        1 => Failure {
            code: FAILED,
            ..failure
        },
        _ => failure,
    })
}

fn list(matches: &ArgMatches) -> Result<u8, Failure> {
    let zone = show::zone(matches);
    let mut wanted = parameters::filter(matches, &zone, Micros::now())?;
    add(&mut wanted, "boot", parameters::boot(matches));
    let kinds: Vec<&str> = matches
        .get_many::<String>("kind")
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    if !kinds.is_empty() {
        add(&mut wanted, "kind", Some(&kinds.join(",")));
    }
    if let Some(limit) = matches.get_one::<usize>("limit") {
        add(&mut wanted, "limit", Some(&limit.to_string()));
    }
    let answer = Backend::open(matches)?.answer(JsonQuestion::Problems, &wanted)?;
    let problems = rows(&answer);
    print(
        matches.get_flag("json"),
        || answer.clone(),
        || {
            if matches.get_flag("context") {
                with_context(problems, &zone)
            } else if let Some(columns) = terminal_width() {
                listed(problems, &zone, columns)
            } else {
                text(problems, &zone)
            }
        },
    )?;
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        notice!("{}", warning.as_str().unwrap_or_default());
    }
    if answer["partial"] == true {
        notice!("the search took too long; older problems may be missing");
    }
    Ok(u8::from(!problems.is_empty()))
}

/// The number of problems that are kept.
pub(super) fn count(backend: &mut Backend) -> Result<usize, Failure> {
    let mut wanted = Parameters::new();
    add(&mut wanted, "limit", Some("500"));
    let answer = backend.answer(JsonQuestion::Problems, &wanted)?;
    Ok(rows(&answer).len())
}

fn rows(answer: &Value) -> &[Value] {
    answer["problems"].as_array().map_or(&[], Vec::as_slice)
}

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn text(problems: &[Value], zone: &Zone) -> String {
    if problems.is_empty() {
        return "no problems\n".to_owned();
    }
    let cells: Vec<[String; 5]> = problems
        .iter()
        .map(|problem| {
            [
                shown(word(problem, "last"), zone),
                word(problem, "severity").to_owned(),
                problem["count"].to_string(),
                word(problem, "title").to_owned(),
                one_line(word(&problem["cause"], "message")),
            ]
        })
        .collect();
    let headings = [
        ("LAST", Align::Left),
        ("LEVEL", Align::Left),
        ("COUNT", Align::Right),
        ("PROBLEM", Align::Left),
        ("CAUSE", Align::Left),
    ];
    table(headings, &cells)
}

/// For a terminal, where a table would be too wide for the causes.
fn listed(problems: &[Value], zone: &Zone, columns: usize) -> String {
    let mut out = String::new();
    for problem in problems {
        let times = match problem["count"].as_u64() {
            Some(count @ 2..) => format!(" ({count} times)"),
            _ => String::new(),
        };
        // writing to memory cannot fail
        let _ = writeln!(
            out,
            "{}  {:<5}  {}{times}",
            shown(word(problem, "last"), zone),
            word(problem, "severity"),
            word(problem, "title")
        );
        let cause = one_line(word(&problem["cause"], "message"));
        let rows = wrap(&[Span::new(cause, "")], columns.saturating_sub(INDENT));
        for row in rows.iter().take(CAUSE_ROWS_MAX) {
            let line: String = row.iter().map(|span| span.text.as_str()).collect();
            if !line.trim().is_empty() {
                let _ = writeln!(out, "{:INDENT$}{}", "", line.trim());
            }
        }
    }
    if out.is_empty() {
        out.push_str("no problems\n");
    }
    out
}

fn with_context(problems: &[Value], zone: &Zone) -> String {
    let mut out = String::new();
    for problem in problems {
        let times = match problem["count"].as_u64() {
            Some(1) => shown(word(problem, "last"), zone),
            _ => format!(
                "{} times, {} to {}",
                problem["count"],
                shown(word(problem, "first"), zone),
                shown(word(problem, "last"), zone)
            ),
        };
        // writing to memory cannot fail
        let _ = writeln!(
            out,
            "{} {} ({times})",
            word(problem, "severity"),
            word(problem, "title")
        );
        let mut lines: Vec<(&Value, &str)> = problem["context"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|line| (line, "   "))
            .collect();
        if problem["cause"].is_object() {
            lines.push((&problem["cause"], " > "));
        }
        let number = |line: &Value| word(line, "id").parse::<u64>().unwrap_or_default();
        lines.sort_by_key(|(line, _)| number(line));
        for (line, mark) in lines {
            let _ = writeln!(out, "{mark}{}", one_line(word(line, "message")));
        }
        out.push('\n');
    }
    if out.is_empty() {
        out.push_str("no problems\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems() -> Vec<Value> {
        vec![json!({
            "kind": "unit_failed", "title": "nginx.service failed", "severity": "error", "count": 3,
            "first": "2026-02-17T14:30:15.000000Z", "last": "2026-02-17T14:35:15.000000Z",
            "cause": {"id": "11", "message": "bind() failed"},
            "context": [{"id": "12", "message": "still could not bind()"}, {"id": "9", "message": "a\nb"}],
        })]
    }

    #[test]
    fn each_problem_is_a_line_with_its_cause() {
        assert_eq!(
            text(&problems(), &Zone::utc()),
            "LAST                 LEVEL  COUNT  PROBLEM               CAUSE\n\
             2026-02-17 14:35:15  error      3  nginx.service failed  bind() failed\n"
        );
        assert_eq!(text(&[], &Zone::utc()), "no problems\n");
    }

    #[test]
    fn a_terminal_gets_causes_below_their_problems() {
        let mut problems = problems();
        assert_eq!(
            listed(&problems, &Zone::utc(), 80),
            "2026-02-17 14:35:15  error  nginx.service failed (3 times)\n    bind() failed\n"
        );
        problems[0]["cause"]["message"] = "word ".repeat(40).into();
        let narrow = listed(&problems, &Zone::utc(), 44);
        let rows: Vec<&str> = narrow.lines().skip(1).collect();
        assert_eq!(rows.len(), CAUSE_ROWS_MAX);
        assert!(
            rows.iter()
                .all(|row| row.starts_with("    word") && row.len() <= 44),
            "{narrow}"
        );
        assert_eq!(listed(&[], &Zone::utc(), 80), "no problems\n");
    }

    #[test]
    fn context_is_shown_in_order_around_the_cause() {
        assert_eq!(
            with_context(&problems(), &Zone::utc()),
            "error nginx.service failed (3 times, 2026-02-17 14:30:15 to 2026-02-17 14:35:15)\n   a\n > bind() failed\n   \
             still could not bind()\n\n"
        );
    }
}
