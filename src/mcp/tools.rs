//! What each tool does.

use super::arguments::ToolArguments;
use super::logs::Logs;
use super::text::{Answer, harmless};
use crate::query::{Around, Scope};
use crate::query::{
    Cursor, Direction, Error, Filter, LevelSet, Order, Page, PageRequest, Patterns,
    PatternsRequest, Run, RunsQuery, SourcesQuery,
};
use crate::record::{Id, Level, StoredRecord};
use crate::time::Micros;
use crate::triage::{
    CompareQuery, EvidenceLine, FoundProblem, PatternChange, ProblemsQuery, WindowSpec,
};
use std::fmt::Write as _;

/// In the summary of trouble.
const PROBLEMS_MAX: usize = 10;
const FAILED_RUNS_MAX: usize = 5;
const ERROR_GROUPS_MAX: usize = 10;
const WARNING_GROUPS_MAX: usize = 5;

/// Sources of an answer.
const SOURCES_MAX: usize = 200;

/// Runs the tool; errors are sentences for the agent.
pub(super) fn call(
    name: &str,
    arguments: &ToolArguments,
    logs: &dyn Logs,
    before: Id,
) -> Result<String, String> {
    match name {
        "what_went_wrong" => what_went_wrong(arguments, logs),
        "search" => search(arguments, logs),
        "around" => around(arguments, logs),
        "runs" => runs(arguments, logs),
        "run_output" => run_output(arguments, logs),
        "sources" => sources(arguments, logs),
        "patterns" => patterns(arguments, logs),
        "compare" => compare(arguments, logs),
        _ => tail(arguments, logs, before),
    }
}

fn failed(error: &Error) -> String {
    // the reason may name files of the machine
    tracing::error!("a tool could not read the store: {error}");
    "the store cannot be read; try again later".to_owned()
}

fn what_went_wrong(arguments: &ToolArguments, logs: &dyn Logs) -> Result<String, String> {
    let mut answer = Answer::default();
    let filter = arguments.filter(&[])?;
    problems(&mut answer, logs, filter.clone())?;
    let query = RunsQuery {
        filter: filter.clone(),
        success: Some(false),
        cursor: None,
        limit: FAILED_RUNS_MAX,
    };
    let runs = logs.runs(query).map_err(|error| failed(&error))?.runs;
    answer.say(&format!(
        "Commands that failed (newest {FAILED_RUNS_MAX} at most): {}",
        runs.len()
    ));
    for run in &runs {
        answer.names(run.last_id);
        answer.data(&run_line(run));
    }
    for (title, level, limit) in [
        ("Errors", Level::Error, ERROR_GROUPS_MAX),
        ("Warnings", Level::Warn, WARNING_GROUPS_MAX),
    ] {
        let filter = filter
            .clone()
            .with_levels([level].into_iter().collect::<LevelSet>());
        let found = logs
            .patterns(&PatternsRequest { filter, limit })
            .map_err(|error| failed(&error))?;
        answer.say(&format!(
            "{title}: {} records, the most frequent groups:",
            found.total
        ));
        groups(&mut answer, logs, &found)?;
        if found.has_more {
            answer.say("(more groups: use patterns)");
        }
    }
    Ok(answer.finish())
}

/// The problems that were recognized, each with its cause.
fn problems(answer: &mut Answer, logs: &dyn Logs, filter: Filter) -> Result<(), String> {
    let query = ProblemsQuery {
        filter,
        kinds: vec![],
        limit: PROBLEMS_MAX,
        with_causes: true,
    };
    let found = logs.problems(query).map_err(|error| failed(&error))?;
    let more = if found.has_more { " at least" } else { "" };
    answer.say(&format!(
        "Problems, the most important first:{more} {}",
        found.problems.len()
    ));
    for problem in &found.problems {
        answer.names(problem.last_id);
        answer.data(&problem_line(problem));
        if let Some(cause) = &problem.cause {
            answer.data(&evidence_line("cause", cause));
        }
        for line in &problem.context {
            answer.data(&evidence_line("context", line));
        }
    }
    partial(answer, found.partial);
    Ok(())
}

fn problem_line(problem: &FoundProblem) -> String {
    let FoundProblem {
        severity,
        count,
        first,
        last,
        last_id,
        ..
    } = problem;
    let title = harmless(&problem.title, 200);
    format!("[{severity}] {title}: {count}x, {first} to {last}, last in #{last_id}")
}

fn evidence_line(role: &str, line: &EvidenceLine) -> String {
    let source = harmless(line.source.as_str(), 100);
    let message = harmless(&line.message, 400);
    format!("  {role} #{} {source}: {message}", line.id)
}

/// Each group with its newest record.
fn groups(answer: &mut Answer, logs: &dyn Logs, found: &Patterns) -> Result<(), String> {
    for pattern in &found.patterns {
        let newest = pattern.examples.first().copied();
        let record = newest.map(|id| record(logs, id)).transpose()?.flatten();
        answer.data(&format!(
            "{}x, {} to {}:",
            pattern.count, pattern.first, pattern.last
        ));
        match record {
            Some(record) => answer.record(&record),
            None => answer.data(&harmless(&pattern.template.to_string(), 400)),
        }
    }
    partial(answer, found.is_partial);
    Ok(())
}

fn record(logs: &dyn Logs, id: Id) -> Result<Option<StoredRecord>, String> {
    let asked = PageRequest {
        cursor: Some(Cursor::Id(Id(id.0.saturating_sub(1)))),
        ..asking(Filter::default(), Direction::Forward, 1)
    };
    let page = logs.page(asked).map_err(|error| failed(&error))?;
    Ok(page.entries.into_iter().find(|record| record.id == id))
}

fn asking(filter: Filter, direction: Direction, limit: usize) -> PageRequest {
    PageRequest {
        filter,
        cursor: None,
        direction,
        limit,
        order: Order::Id,
        around: None,
    }
}

fn search(arguments: &ToolArguments, logs: &dyn Logs) -> Result<String, String> {
    let direction = match arguments.text("order") {
        Some("oldest") => Direction::Forward,
        _ => Direction::Backward,
    };
    let mut asked = asking(arguments.filter(&[])?, direction, arguments.count("limit"));
    if let Some(text) = arguments.text("cursor") {
        let cursor = text.parse::<Cursor>();
        asked.cursor = Some(cursor.map_err(|error| error.to_string())?);
    }
    let page = logs.page(asked).map_err(|error| failed(&error))?;
    Ok(records(&page))
}

fn records(page: &Page) -> String {
    let mut answer = Answer::default();
    answer.say(&format!("{} records", page.entries.len()));
    for record in &page.entries {
        answer.record(record);
    }
    for warning in &page.warnings {
        answer.say(&harmless(warning, 300));
    }
    if let Some(next) = page.next_cursor.filter(|_| page.has_more) {
        answer.say(&format!(
            "There may be more; cursor of the next page: {next}"
        ));
    }
    answer.finish()
}

fn around(arguments: &ToolArguments, logs: &dyn Logs) -> Result<String, String> {
    let id = Id(arguments.number("id"));
    let mut asked = asking(
        Filter::default(),
        Direction::Forward,
        arguments.count("limit"),
    );
    asked.around = Some(Around {
        id,
        scope: Scope::Filter,
    });
    let page = logs.page(asked).map_err(|error| failed(&error))?;
    if page.entries.iter().all(|record| record.id != id) {
        return Err(format!("there is no record #{id}"));
    }
    Ok(records(&page))
}

fn runs(arguments: &ToolArguments, logs: &dyn Logs) -> Result<String, String> {
    let query = RunsQuery {
        filter: arguments.filter(&[])?,
        success: arguments.flag("success"),
        cursor: None,
        limit: arguments.count("limit"),
    };
    let page = logs.runs(query).map_err(|error| failed(&error))?;
    let mut answer = Answer::default();
    answer.say(&format!("{} runs", page.runs.len()));
    for run in &page.runs {
        answer.names(run.last_id);
        answer.data(&run_line(run));
    }
    if page.has_more {
        answer.say("There are more, older ones.");
    }
    Ok(answer.finish())
}

fn run_line(run: &Run) -> String {
    let mut line = format!(
        "run {} {} {}: ",
        run.id,
        run.start,
        harmless(run.source.as_str(), 100)
    );
    let _ = write!(line, "{}: ", harmless(&run.command, 200));
    match (run.success, run.exit_code, &run.signal) {
        (None, _, _) => line.push_str("still running"),
        (_, _, Some(signal)) => {
            let _ = write!(line, "killed by {}", harmless(signal, 20));
        }
        (_, Some(code), None) => {
            let _ = write!(line, "exit code {code}");
        }
        (_, None, None) => line.push_str("its end was not recorded"),
    }
    if let Some(duration) = run.duration_ms {
        let _ = write!(line, " after {duration} ms");
    }
    if let Some(category) = &run.category {
        let _ = write!(line, ", {}", harmless(category, 50));
    }
    let _ = write!(line, " (#{} to #{})", run.first_id, run.last_id);
    line
}

fn run_output(arguments: &ToolArguments, logs: &dyn Logs) -> Result<String, String> {
    let id = arguments.text("id").unwrap_or_default();
    let run = logs.run(id).map_err(|error| failed(&error))?;
    let run = run.ok_or_else(|| format!("there is no run {:?}", harmless(id, 80)))?;
    let condition = format!("run_id={id}");
    let filter = arguments.filter(&[
        ("where", &condition),
        ("where", "event_type=process_output"),
    ])?;
    let mut asked = asking(filter, Direction::Backward, arguments.count("lines"));
    asked.cursor = Some(Cursor::Id(Id(run.last_id.0.saturating_add(1))));
    let mut page = logs.page(asked).map_err(|error| failed(&error))?;
    page.entries.reverse();
    let mut answer = Answer::default();
    answer.names(run.last_id);
    answer.data(&run_line(&run));
    answer.say(&format!("Its last {} lines:", page.entries.len()));
    for record in &page.entries {
        answer.record(record);
    }
    if page.has_more {
        answer.say("There are earlier lines: search with query run_id=ID.");
    }
    Ok(answer.finish())
}

fn sources(arguments: &ToolArguments, logs: &dyn Logs) -> Result<String, String> {
    let query = SourcesQuery {
        filter: arguments.filter(&[])?,
        cursor: None,
        limit: SOURCES_MAX,
    };
    let page = logs.sources(query).map_err(|error| failed(&error))?;
    let mut answer = Answer::default();
    answer.say("source: records (errors, warnings), time of the newest");
    for source in &page.counts.sources {
        let [_, _, warnings, errors] = source.levels;
        let name = harmless(source.source.as_str(), 300);
        answer.data(&format!(
            "{name}: {} ({errors}, {warnings}), {}",
            source.count, source.last_timestamp
        ));
    }
    partial(&mut answer, page.counts.is_partial);
    Ok(answer.finish())
}

fn patterns(arguments: &ToolArguments, logs: &dyn Logs) -> Result<String, String> {
    let request = PatternsRequest {
        filter: arguments.filter(&[])?,
        limit: arguments.count("limit"),
    };
    let found = logs.patterns(&request).map_err(|error| failed(&error))?;
    let mut answer = Answer::default();
    answer.say(&format!(
        "{} records in {} patterns",
        found.total,
        found.patterns.len()
    ));
    for pattern in &found.patterns {
        let example = pattern.examples.first().map_or(0, |id| id.0);
        pattern
            .examples
            .iter()
            .take(1)
            .for_each(|id| answer.names(*id));
        let template = harmless(&pattern.template.to_string(), 300);
        answer.data(&format!("{}x #{example}: {template}", pattern.count));
    }
    if found.has_more {
        answer.say("There are more patterns.");
    }
    partial(&mut answer, found.is_partial);
    Ok(answer.finish())
}

/// What is different in the second window, the most surprising first.
fn compare(arguments: &ToolArguments, logs: &dyn Logs) -> Result<String, String> {
    let window = |name: &str| {
        let text = arguments.text(name).unwrap_or_default();
        let parsed = WindowSpec::parse(text, Micros::now());
        parsed.map_err(|error| format!("{name} {error}"))
    };
    let wanted = CompareQuery {
        filter: arguments.filter(&[])?,
        a: window("a")?,
        b: window("b")?,
        limit: arguments.count("limit"),
    };
    let found = logs.compare(&wanted).map_err(|error| failed(&error))?;
    let mut answer = Answer::default();
    answer.say(&format!(
        "a: {} records, b: {} records; what differs, the most surprising first: {} patterns",
        found.a.records,
        found.b.records,
        found.patterns.len()
    ));
    for pattern in &found.patterns {
        let (change, level) = (change_word(pattern.change), pattern.level);
        let template = harmless(&pattern.template, 300);
        let mut line = format!(
            "{change} [{level}] {}x in a, {}x in b: {template}",
            pattern.a, pattern.b
        );
        if let Some(example) = &pattern.example {
            answer.names(example.id);
            let source = harmless(example.source.as_str(), 100);
            let _ = write!(line, " (such as #{} of {source})", example.id);
        }
        answer.data(&line);
    }
    if found.has_more {
        answer.say("There are more patterns.");
    }
    for warning in &found.warnings {
        answer.say(&harmless(warning, 300));
    }
    partial(&mut answer, found.partial);
    Ok(answer.finish())
}

fn change_word(change: PatternChange) -> &'static str {
    match change {
        PatternChange::New => "only in b",
        PatternChange::Gone => "only in a",
        PatternChange::More => "more in b",
        PatternChange::Less => "less in b",
    }
}

fn tail(arguments: &ToolArguments, logs: &dyn Logs, before: Id) -> Result<String, String> {
    let mut asked = asking(
        arguments.filter(&[])?,
        Direction::Forward,
        arguments.count("limit"),
    );
    asked.cursor = Some(Cursor::Id(before));
    let page = logs.page(asked).map_err(|error| failed(&error))?;
    Ok(records(&page))
}

fn partial(answer: &mut Answer, is_partial: bool) {
    if is_partial {
        answer.say("Partial: the scan was stopped; narrow the time.");
    }
}
