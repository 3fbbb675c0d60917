//! `vmlog status`: the state of the server, its collectors and the store.

use super::address::OwnServer;
use super::problems;
use super::time::shown;
use super::{json_argument, print};
use crate::cli::endpoint::{self, Backend};
use crate::cli::failure::Failure;
use crate::cli::parameters::{Parameters, add, flag, given};
use crate::cli::settings::{self, variable};
use crate::cli::show;
use crate::cli::terminal::table::{Align, table};
use crate::time::Zone;
use clap::{ArgMatches, Command};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The arguments of `vmlog status`.
pub(in crate::cli) fn command() -> Command {
    Command::new("status")
        .about("Show the state of the server, its collectors and the store")
        .long_about(
            "Shows whether this machine's server responds, the progress and lag of its collectors, and the stored records. \
             With --url it queries another server, with --store it reads only the folder of a store.",
        )
        .after_help(
            "Examples:\n  vmlog status\n  vmlog status --json\n  vmlog status --store /mnt/dead-vm/var/lib/vmlog/store\n\n\
             Exit codes: 0 the server is ready, or the store can be read; 1 not; 2 usage error",
        )
        .arg(flag("utc", "Show times in UTC"))
        .arg(json_argument())
        .args(endpoint::arguments())
}

/// Shows it, and returns the exit code.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let is_named = given(matches, "url").is_some()
        || given(matches, "store").is_some()
        || variable("VMLOG_URL").is_some();
    let mut status = if is_named {
        of_backend(&mut Backend::open(matches)?)?
    } else {
        of_this_machine(matches)?
    };
    status["version"] = env!("CARGO_PKG_VERSION").into();
    let zone = show::zone(matches);
    print(
        matches.get_flag("json"),
        || status.clone(),
        || text(&status, &zone),
    )?;
    let is_good = match status.get("server") {
        Some(server) => server["status"] == "ready",
        None => status["records"].is_object(),
    };
    Ok(u8::from(!is_good))
}

/// The own server if it responds, otherwise the store that it would write.
fn of_this_machine(matches: &ArgMatches) -> Result<Value, Failure> {
    let server = OwnServer::new(&settings::config(matches)?);
    let url = server.url();
    let asked = server.is_reachable().then(|| {
        Backend::of_server(matches, &url).and_then(|mut backend| of_backend(&mut backend))
    });
    match asked {
        Some(Ok(status)) => return Ok(status),
        Some(Err(failure)) => notice!("{}", failure.text),
        None => {}
    }
    let state = if server.is_reachable() {
        "not accessible"
    } else {
        "not running"
    };
    let mut status = match Backend::open(matches).and_then(|mut backend| of_backend(&mut backend)) {
        Ok(status) => status,
        Err(failure) => json!({"store": Value::Null, "problem": failure.text}),
    };
    status["server"] = json!({"url": url, "status": state});
    Ok(status)
}

fn of_backend(backend: &mut Backend) -> Result<Value, Failure> {
    let place = backend.place();
    let mut status = match backend.readiness()? {
        Some(mut readiness) => {
            readiness["url"] = place.into();
            json!({"server": readiness})
        }
        None => json!({"store": place, "history": backend.history()}),
    };
    status["records"] = records(backend)?;
    if let Some(oldest) = history(&status).map(|history| history["oldest"].clone()) {
        status["records"]["oldest"] = oldest;
    }
    Ok(status)
}

/// How far back the store reaches; only tokens that see everything get it.
fn history(status: &Value) -> Option<&Value> {
    let found = status.pointer("/server/history");
    let found = found.or_else(|| status.get("history"));
    found.filter(|history| history.is_object())
}

/// The number of records and sources, and the times of the first and of the newest record.
fn records(backend: &mut Backend) -> Result<Value, Failure> {
    let (mut sources, mut records, mut errors) = (0_u64, 0_u64, 0_u64);
    let mut newest: Option<String> = None;
    let mut cursor: Option<String> = None;
    loop {
        let mut wanted = Parameters::new();
        add(&mut wanted, "cursor", cursor.as_deref());
        let page = backend.sources(&wanted)?;
        for row in &page.rows {
            sources += 1;
            records += row.count;
            errors += row.levels.get("error").copied().unwrap_or_default();
            // RFC 3339 in UTC with microseconds: the order of the texts is that of the times
            newest = newest.max(Some(row.last_timestamp.clone()));
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(json!({
        "count": records,
        "errors": errors,
        "sources": sources,
        // a server of an earlier version does not know them
        "problems": problems::count(backend).ok(),
        "oldest": first(backend)?,
        "newest": newest,
    }))
}

fn first(backend: &mut Backend) -> Result<Option<String>, Failure> {
    let mut wanted = Parameters::new();
    add(&mut wanted, "direction", Some("forward"));
    add(&mut wanted, "limit", Some("1"));
    let page = backend.page(&wanted)?;
    Ok(page
        .entries
        .first()
        .map(|stored| stored.record.timestamp.to_string()))
}

fn text(status: &Value, zone: &Zone) -> String {
    let mut out = String::new();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // Writing to memory cannot fail.
    if let Some(server) = status.get("server") {
        let message = server
            .get("message")
            .map(|text| format!(": {}", word(text)));
        let _ = writeln!(
            out,
            "server   {} is {}{}",
            word(&server["url"]),
            word(&server["status"]),
            message.unwrap_or_default()
        );
    }
    if let Some(store) = status.get("store").and_then(Value::as_str) {
        let _ = writeln!(out, "store    {store}");
    }
    if let Some(problem) = status.get("problem") {
        let _ = writeln!(out, "problem  {}", word(problem));
    }
    if let Some(records) = status.get("records").filter(|records| records.is_object()) {
        let _ = writeln!(
            out,
            "records  {} from {} sources, {} errors",
            records["count"], records["sources"], records["errors"]
        );
        if let (Some(oldest), Some(newest)) =
            (records["oldest"].as_str(), records["newest"].as_str())
        {
            let (oldest, newest) = (shown(oldest, zone), shown(newest, zone));
            let _ = writeln!(out, "history  {oldest} to {newest}");
        }
    }
    if let Some(history) = history(status) {
        out.push_str(&history_lines(history, zone));
    }
    if let Some(count) = status.pointer("/records/problems").and_then(Value::as_u64) {
        let rest = if count > 0 {
            "; see `vmlog problems`"
        } else {
            ""
        };
        let _ = writeln!(out, "problems {count}{rest}");
    }
    let collectors = status
        .pointer("/server/collectors")
        .and_then(Value::as_object);
    if let Some(collectors) = collectors {
        out.push('\n');
        out.push_str(&collector_table(collectors));
    }
    out
}

/// What was thinned, and the source that fills the store.
fn history_lines(history: &Value, zone: &Zone) -> String {
    let mut out = String::new();
    if let (Some(thinned @ 1..), Some(since)) = (
        history["thinned"].as_u64(),
        history["completeSince"].as_str(),
    ) {
        let since = shown(since, zone);
        let _ = writeln!(
            out,
            "thinned  deleted {thinned} records before {since}, kept the evidence"
        );
    }
    let largest = &history["largestSource"];
    if let (Some(source), Some(records)) = (largest["source"].as_str(), largest["records"].as_u64())
    {
        let _ = writeln!(out, "largest  {source} with {records} records");
    }
    out
}

fn collector_table(collectors: &serde_json::Map<String, Value>) -> String {
    let number = |counts: &Value, key: &str| counts[key].as_u64().unwrap_or_default().to_string();
    let rows: Vec<[String; 7]> = collectors
        .iter()
        .map(|(name, counts)| {
            let is_running = counts["running"] == true;
            [
                name.clone(),
                if is_running { "running" } else { "waiting" }.to_owned(),
                number(counts, "stored"),
                format!("{} s", number(counts, "lagSeconds")),
                number(counts, "gaps"),
                number(counts, "errors"),
                number(counts, "notFollowed"),
            ]
        })
        .collect();
    let headings = [
        ("COLLECTOR", Align::Left),
        ("STATE", Align::Left),
        ("STORED", Align::Right),
        ("LAG", Align::Right),
        ("GAPS", Align::Right),
        ("ERRORS", Align::Right),
        ("NOT FOLLOWED", Align::Right),
    ];
    table(headings, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_server_records_and_collectors() {
        let status = json!({
            "server": {"url": "http://127.0.0.1:8687", "status": "ready", "collectors": {
                "journald": {"running": true, "stored": 120, "lagSeconds": 0, "gaps": 1, "errors": 0, "notFollowed": 0}
            }, "history": {
                "oldest": "2026-02-17T14:30:15.000000Z", "completeSince": "2026-02-17T14:50:00.000000Z", "thinned": 900,
                "largestSource": {"source": "docker:web", "records": 100}
            }},
            "records": {"count": 120, "errors": 3, "sources": 4, "problems": 2, "oldest": "2026-02-17T14:30:15.000000Z", "newest": "2026-02-17T15:00:00.000000Z"},
        });
        assert_eq!(
            text(&status, &Zone::utc()),
            "server   http://127.0.0.1:8687 is ready\n\
             records  120 from 4 sources, 3 errors\n\
             history  2026-02-17 14:30:15 to 2026-02-17 15:00:00\n\
             thinned  deleted 900 records before 2026-02-17 14:50:00, kept the evidence\n\
             largest  docker:web with 100 records\n\
             problems 2; see `vmlog problems`\n\n\
             COLLECTOR  STATE    STORED  LAG  GAPS  ERRORS  NOT FOLLOWED\n\
             journald   running     120  0 s     1       0             0\n"
        );
    }
}
