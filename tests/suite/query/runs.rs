//! Runs of captured commands compared with a naive evaluator over a plain vector, and over HTTP.

use crate::http::server::{Server, error, record as http_record};
use crate::support::seeded::Rng;
use crate::support::stores::TestStore;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use vmlog::query::{self, Budget, Filter, Run, RunsPage, RunsQuery, SourcePattern};
use vmlog::record::{Level, Record, StoredRecord};
use vmlog::store::View;
use vmlog::time::Micros;

/// A record of a run.
fn of_run(source: &str, level: Level, seconds: i64, facts: &Value) -> Record {
    Record {
        timestamp: Micros::new(seconds * 1_000_000),
        source: source.parse().expect("a source"),
        level,
        message: String::new(),
        metadata: facts.as_object().cloned().expect("an object").into(),
    }
}

fn start(id: &str, source: &str, seconds: i64) -> Record {
    let facts = json!({"event_type": "process_start", "run_id": id, "name": "build", "command": "make all"});
    of_run(source, Level::Info, seconds, &facts)
}

fn line(id: &str, source: &str, level: Level, seconds: i64) -> Record {
    let facts = json!({"event_type": "process_output", "run_id": id, "stream": "stdout"});
    of_run(source, level, seconds, &facts)
}

fn end(id: &str, source: &str, seconds: i64, exit_code: i64) -> Record {
    let facts = json!({"event_type": "process_end", "run_id": id, "name": "build", "command": "make all",
        "success": exit_code == 0, "exit_code": exit_code, "duration_ms": 1_500,
        "started_at": "1970-01-01T00:00:01.000000Z"});
    let level = if exit_code == 0 {
        Level::Info
    } else {
        Level::Error
    };
    of_run(source, level, seconds, &facts)
}

/// Concurrent runs, among records of others, some of which also name runs.
fn random_records(rng: &mut Rng, open: &mut Vec<(String, &'static str)>, seconds: i64) -> Record {
    match rng.below(6) {
        0 | 1 if !open.is_empty() => {
            let (id, source) = rng.pick(open).clone();
            line(&id, source, *rng.pick(&Level::ALL), seconds)
        }
        2 if !open.is_empty() => {
            let at = rng.below(open.len());
            let (id, source) = open.swap_remove(at);
            end(&id, source, seconds, rng.small(2))
        }
        3 if !open.is_empty() => {
            let (id, _) = rng.pick(open).clone();
            let mut told = line(&id, "system:vmlog", Level::Warn, seconds);
            told.metadata.insert("event_type", "gap");
            told
        }
        4 => http_record("docker:a", Level::Info, "something else"),
        _ => {
            let source = *rng.pick(&["devcontainer:a", "devcontainer:b", "command"]);
            open.push((format!("{seconds:026}"), source));
            start(&format!("{seconds:026}"), source, seconds)
        }
    }
}

fn random_store(rng: &mut Rng) -> TestStore {
    let mut store = TestStore::new(if rng.chance(2) { 80 } else { 100_000 });
    let mut open = Vec::new();
    for round in 0..rng.small(8) {
        let count = rng.small(50);
        let records = (0..count)
            .map(|number| random_records(rng, &mut open, 1 + round * 50 + number))
            .collect();
        store.append(records);
        if rng.chance(3) {
            store.store.seal().expect("sealed");
        }
        if rng.chance(2) {
            store.prune();
        }
    }
    store
}

/// A run in progress, and its expected state.
type Place = (bool, u64, String);

fn expected(records: &[StoredRecord], meant: impl Fn(&str) -> bool) -> Vec<Run> {
    let mut by_run: BTreeMap<String, Vec<&StoredRecord>> = BTreeMap::new();
    for stored in records {
        let record = &stored.record;
        let id = record.metadata.get("run_id").and_then(Value::as_str);
        if let Some(id) = id
            && !record.source.is_reserved()
            && meant(record.source.as_str())
        {
            by_run.entry(id.to_owned()).or_default().push(stored);
        }
    }
    let mut runs: Vec<(Place, Run)> = by_run
        .into_iter()
        .filter_map(|(id, records)| expected_run(id, &records))
        .collect();
    runs.sort_by(|(a, _), (b, _)| b.cmp(a));
    runs.into_iter().map(|(_, run)| run).collect()
}

fn expected_run(id: String, records: &[&StoredRecord]) -> Option<(Place, Run)> {
    let event = |name: &str| {
        let is = |stored: &&&StoredRecord| {
            stored.record.metadata.get("event_type") == Some(&Value::from(name))
        };
        records.iter().find(is).copied()
    };
    let (began, ended) = (event("process_start"), event("process_end"));
    let known = began.or(ended)?;
    let text = |key: &str| {
        known.record.metadata[key]
            .as_str()
            .expect("a text")
            .to_owned()
    };
    let exit_code = ended.map(|ended| {
        ended.record.metadata["exit_code"]
            .as_i64()
            .expect("a number")
    });
    let mut counts = [0; 4];
    for stored in records {
        counts[stored.record.level.index()] += 1;
    }
    let run = Run {
        name: text("name"),
        command: text("command"),
        source: known.record.source.clone(),
        start: began.map_or(Micros::new(1_000_000), |began| began.record.timestamp),
        end: ended.map(|ended| ended.record.timestamp),
        duration_ms: ended.map(|_| 1_500),
        exit_code,
        signal: None,
        category: None,
        success: exit_code.map(|code| code == 0),
        interrupted: false,
        counts,
        first_id: records.first()?.id,
        last_id: records.last()?.id,
        id: id.clone(),
    };
    let place = (began.is_some(), began.map_or(0, |began| began.id.0), id);
    Some((place, run))
}

fn asked(filter: Filter, success: Option<bool>, limit: usize) -> RunsQuery {
    RunsQuery {
        filter,
        success,
        cursor: None,
        limit,
    }
}

/// Reads to the end with the cursors.
fn read_all(view: &View, mut query: RunsQuery, budget: &Budget) -> Vec<Run> {
    let mut seen = Vec::new();
    loop {
        let page = query::runs(view, &query, budget).expect("a page");
        assert!(page.runs.len() <= query.limit);
        assert_eq!(page.has_more, page.next_cursor.is_some());
        seen.extend(page.runs);
        match page.next_cursor {
            None => return seen,
            // The cursor is converted to text and back.
            Some(cursor) => query.cursor = Some(cursor.to_string().parse().expect("a cursor")),
        }
    }
}

#[test]
fn runs_match_a_naive_evaluator() {
    for seed in 0..25 {
        let mut rng = Rng::new(seed);
        let store = random_store(&mut rng);
        let (view, records) = (store.view(), store.visible());
        let all = expected(&records, |_| true);
        for limit in [1, 2, 7, 100] {
            let query = asked(Filter::default(), None, limit);
            let page = query::runs(&view, &query, &Budget::default()).expect("a page");
            let first = &all[..limit.min(all.len())];
            assert_eq!(page.runs, first, "seed {seed}");
            assert_eq!(page.has_more, all.len() > limit, "seed {seed}");
            assert_eq!(
                read_all(&view, query, &Budget::default()),
                all,
                "seed {seed}"
            );
        }
        for success in [true, false] {
            let wanted: Vec<_> = all
                .iter()
                .filter(|run| run.success == Some(success))
                .cloned()
                .collect();
            let query = asked(Filter::default(), Some(success), 3);
            assert_eq!(
                read_all(&view, query, &Budget::default()),
                wanted,
                "seed {seed}"
            );
        }
        let filter = Filter::default().with_source(SourcePattern::parse("devcontainer:"));
        let wanted = expected(&records, |source| source.starts_with("devcontainer:"));
        let query = asked(filter, None, 4);
        assert_eq!(
            read_all(&view, query, &Budget::default()),
            wanted,
            "seed {seed}"
        );
        for run in &all {
            let found = query::run(&view, &Filter::default(), &run.id, &Budget::default());
            assert_eq!(found.expect("a store").as_ref(), Some(run), "seed {seed}");
        }
    }
}

#[test]
fn an_exhausted_budget_loses_no_run() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let store = random_store(&mut rng);
        let budget = Budget {
            rows_max: 20,
            ..Budget::default()
        };
        let names = |runs: &[Run]| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>();
        let records = store.visible();
        let begun = |stored: &&StoredRecord| {
            stored.record.metadata.get("event_type") == Some(&json!("process_start"))
        };
        let begun = records.iter().filter(begun).count();
        let all = names(&expected(&records, |_| true));
        let seen = names(&read_all(
            &store.view(),
            asked(Filter::default(), None, 3),
            &budget,
        ));
        assert_eq!(seen[..begun], all[..begun], "seed {seed}");
        assert!(all.starts_with(&seen), "seed {seed}");
    }
}

#[test]
fn an_empty_budget_still_makes_progress() {
    let mut store = TestStore::new(1_000);
    let mut records = Vec::new();
    for number in 0..30 {
        let id = format!("{number:026}");
        records.push(start(&id, "command", number));
        records.push(end(&id, "command", number, 0));
    }
    store.append(records);
    let budget = Budget {
        time_max: Duration::ZERO,
        ..Budget::default()
    };
    let seen = read_all(&store.view(), asked(Filter::default(), None, 4), &budget);
    assert_eq!(seen.len(), 30);
}

#[test]
fn a_narrowed_principal_sees_only_runs_of_its_sources() {
    let mut store = TestStore::new(1_000);
    store.append(vec![
        start("a", "devcontainer:a", 1),
        start("b", "devcontainer:b", 2),
    ]);
    let view = store.view();
    let mine = vec![SourcePattern::exact("devcontainer:a")];
    let filter = Filter::default()
        .with_source(SourcePattern::parse("*"))
        .narrowed_to(mine);
    let page = query::runs(&view, &asked(filter.clone(), None, 10), &Budget::default());
    let RunsPage { runs, .. } = page.expect("a page");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].id, "a");
    let other = query::run(&view, &filter, "b", &Budget::default());
    assert_eq!(other.expect("a store"), None);
}

#[test]
fn invalid_cursors_are_refused() {
    for text in ["", "x", "MQ", "LTE=", "YWJj", "OmE", "/w=="] {
        let error = text.parse::<query::RunsCursor>().expect_err(text);
        assert!(error.to_string().starts_with("cursor must be one"));
    }
}

// --- over HTTP

#[test]
fn runs_have_the_documented_shape() {
    let mut server = Server::start();
    let nothing = json!({"runs": [], "nextCursor": null, "hasMore": false});
    assert_eq!(server.json("/runs"), nothing);
    let source = "devcontainer:ws";
    server.write([
        start("01a", source, 1),
        line("01a", source, Level::Warn, 2),
        end("01a", source, 3, 2),
        start("01b", source, 4),
        line("01b", source, Level::Debug, 5),
    ]);
    let going_on = json!({"id": "01b", "name": "build", "source": source, "command": "make all",
        "start": "1970-01-01T00:00:04.000000Z", "end": null, "durationMs": null, "exitCode": null, "signal": null,
        "category": null, "success": null, "interrupted": false,
        "counts": {"debug": 1, "info": 1, "warn": 0, "error": 0}, "firstId": "4", "lastId": "5"});
    let failed = json!({"id": "01a", "name": "build", "source": source, "command": "make all",
        "start": "1970-01-01T00:00:01.000000Z", "end": "1970-01-01T00:00:03.000000Z", "durationMs": 1_500,
        "exitCode": 2, "signal": null, "category": null, "success": false, "interrupted": false,
        "counts": {"debug": 0, "info": 1, "warn": 1, "error": 1}, "firstId": "1", "lastId": "3"});
    assert_eq!(
        server.json("/runs"),
        json!({"runs": [going_on, failed], "nextCursor": null, "hasMore": false})
    );
    assert_eq!(server.json("/runs/01a"), failed);
    assert_eq!(
        server.json("/runs?success=false&source=devcontainer:")["runs"],
        json!([failed])
    );
    let mut unknown = nothing.clone();
    unknown["warnings"] = json!(["no source `command`"]);
    assert_eq!(server.json("/runs?source=command"), unknown);
    let first = server.json("/runs?limit=1");
    assert_eq!(
        (&first["runs"], &first["hasMore"]),
        (&json!([going_on]), &json!(true))
    );
    let cursor = first["nextCursor"].as_str().expect("a cursor");
    let second = server.json(&format!(
        "/runs?limit=1&cursor={}",
        cursor.replace('=', "%3D")
    ));
    assert_eq!(
        second,
        json!({"runs": [failed], "nextCursor": null, "hasMore": false})
    );
    let unknown = server.get("/runs/01c").send();
    assert_eq!(error(&unknown), (404, "not_found".to_owned(), None));
    let records = server.json("/logs?where=run_id%3D01a");
    assert_eq!(records["entries"].as_array().map(Vec::len), Some(3));
}
