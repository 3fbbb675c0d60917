//! The live tail through a real socket.

use crate::http::client::{Event, Events};
use crate::http::server::{NOON, Server, error, ids, numbered, record};
use std::time::{Duration, Instant};
use vmlog::record::{Level, Record};
use vmlog::server;
use vmlog::store;
use vmlog::time::Micros;

#[test]
fn tail_receives_new_records() {
    let mut server = Server::start();
    server.write(numbered(0..3));
    let mut tail = server.events("/logs/tail");
    assert_eq!(tail.header("content-type"), Some("text/event-stream"));
    assert_eq!(tail.header("cache-control"), Some("no-cache"));
    assert_eq!(tail.header("x-accel-buffering"), Some("no"));
    let hello = tail.next_block().expect("a first block");
    assert_eq!((hello.id.as_deref(), hello.data), (Some("3"), None));
    server.write([record("docker:web", Level::Warn, "a\nid: 9\n\ndata: b")]);
    let event = tail.next_event().expect("an event");
    assert_eq!(
        (event.id.as_deref(), event.name.as_deref()),
        (Some("4"), None)
    );
    let entry: serde_json::Value = serde_json::from_str(&event.data.expect("data")).expect("JSON");
    assert_eq!(entry, server.json("/logs/4"));
    assert_eq!(entry["message"], "a\nid: 9\n\ndata: b");
}

#[test]
fn tail_continues_after_the_last_id() {
    let mut server = Server::start();
    server.write(numbered(0..10_000));
    let mut after = server.events("/logs/tail?after=100");
    let mut header = server
        .get("/logs/tail?after=100")
        .header("last-event-id", "9990")
        .events();
    let mut newest = server.events("/logs/tail?tail=20&level=error");
    assert_eq!(after.ids(9_900), (101..=10_000).collect::<Vec<_>>());
    assert_eq!(header.ids(10), (9_991..=10_000).collect::<Vec<_>>());
    let errors: Vec<_> = (1..=10_000).filter(|id| id % 4 == 0).collect();
    assert_eq!(newest.ids(20), errors[errors.len() - 20..]);
    server.write(numbered(10_000..10_100));
    assert_eq!(after.ids(100), (10_001..=10_100).collect::<Vec<_>>());
    assert_eq!(header.ids(100), (10_001..=10_100).collect::<Vec<_>>());
    assert_eq!(
        newest.ids(25),
        (10_001..=10_100)
            .filter(|id| id % 4 == 0)
            .collect::<Vec<_>>()
    );
}

#[test]
fn tail_receives_a_gap_for_deleted_records() {
    let mut server = Server::with(
        server::ServerOptions::default(),
        store::Options {
            rows_max: 1_000,
            kept_bytes_max: 0,
            ..store::Options::default()
        },
    );
    server.write(numbered(0..5_000));
    server.store.maintain(Micros::new(NOON)).expect("pruned");
    let first = ids(&server.json("/logs?direction=forward&limit=1"))[0];
    assert!(first > 1, "rows were pruned");
    let mut tail = server.events("/logs/tail?after=10");
    assert_eq!(
        tail.next_event(),
        Some(Event {
            id: None,
            name: Some("gap".to_owned()),
            data: Some(format!(
                r#"{{"from":"11","to":"{}","count":{}}}"#,
                first - 1,
                first - 11
            )),
        })
    );
    assert_eq!(tail.ids(3), [first, first + 1, first + 2]);

    // An ID of another store: all records are new.
    let mut tail = server.events("/logs/tail?after=777777");
    let gap = tail.next_event().expect("an event");
    assert_eq!(gap.name.as_deref(), Some("gap"));
    server.write(numbered(0..1));
    assert_eq!(tail.ids(1), [5_001]);
}

#[test]
fn number_of_tails_is_limited() {
    let server = Server::with(
        server::ServerOptions {
            tail_connections_max: 2,
            ..server::ServerOptions::default()
        },
        store::Options::default(),
    );
    let first = server.events("/logs/tail");
    let _second = server.events("/logs/tail");
    let refused = server.get("/logs/tail").send();
    assert_eq!(error(&refused), (429, "too_many_tails".to_owned(), None));
    assert_eq!(refused.header("retry-after"), Some("5"));
    drop(first);
    let began = Instant::now();
    while server.get("/logs/tail").status() != 200 {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "the place is free again"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn silent_tail_receives_keep_alive_comments() {
    let server = Server::with(
        server::ServerOptions {
            tail_keep_alive: Duration::from_millis(20),
            ..server::ServerOptions::default()
        },
        store::Options::default(),
    );
    let mut tail = begun(server.events("/logs/tail"));
    for _ in 0..3 {
        assert_eq!(
            tail.next_block(),
            Some(Event::default()),
            "a comment and nothing else"
        );
    }
}

#[test]
fn stop_ends_every_stream_at_once() {
    use std::io::Write as _;
    let mut server = Server::start();
    server.write(numbered(0..10));
    let mut tail = server.events("/logs/tail?after=0");
    assert_eq!(tail.ids(10), (1..=10).collect::<Vec<_>>());
    let mut half = std::net::TcpStream::connect(server.address).expect("a connection");
    half.write_all(b"GET /logs HTTP/1.1\r\nhost: local")
        .expect("sent");
    let idle = std::net::TcpStream::connect(server.address).expect("a connection");
    // A client that never reads.
    let stuck = server.events("/logs/tail?after=0");
    let message = "x".repeat(10_000);
    server.write((0..1_000).map(|_| record("cloud-init", Level::Info, &message)));
    assert_eq!(tail.ids(1_000).len(), 1_000);
    let took = server.stop();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let end = tail.next_event().expect("an event");
    assert_eq!(end.name.as_deref(), Some("end"));
    assert_eq!(tail.next_block(), None);
    drop((half, idle, stuck));
}

/// Ten thousand such lines exceed all buffers between the server and a slow client.
const LONG: usize = 600;

fn long_lines(count: u64) -> impl Iterator<Item = Record> {
    let padding = "x".repeat(LONG);
    (0..count).map(move |number| record("docker:web", Level::Info, &format!("{number} {padding}")))
}

/// The IDs that a client received, and the ranges of its gap events.
fn read_until(tail: &mut Events, last: u64) -> (Vec<u64>, Vec<(u64, u64, u64)>) {
    let (mut ids, mut gaps) = (Vec::new(), Vec::new());
    let mut seen = 0;
    while seen < last {
        let event = tail.next_event().expect("the stream continues");
        if event.name.as_deref() == Some("gap") {
            let gap: serde_json::Value =
                serde_json::from_str(&event.data.expect("data")).expect("JSON");
            let number = |name: &str| {
                gap[name]
                    .as_str()
                    .expect("a text")
                    .parse()
                    .expect("a number")
            };
            gaps.push((
                number("from"),
                number("to"),
                gap["count"].as_u64().expect("a count"),
            ));
            seen = number("to");
        } else {
            seen = event.id.expect("an id").parse().expect("a number");
            ids.push(seen);
        }
    }
    (ids, gaps)
}

/// Compares long lists; a failure shows the first difference.
fn assert_same(found: &[u64], expected: &[u64]) {
    let place = found.iter().zip(expected).position(|(a, b)| a != b);
    let place = place.map(|place| (place, found[place], expected[place]));
    assert_eq!((place, found.len()), (None, expected.len()));
}

#[test]
fn flood_reaches_fast_clients_and_slow_ones_receive_gaps() {
    let count: u64 = std::env::var("VMLOG_TEST_FLOOD")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(10_000);
    let options = server::ServerOptions {
        tail_connections_max: 6,
        rate: 0,
        ..server::ServerOptions::default()
    };
    let mut server = Server::with(options, store::Options::default());
    let all: Vec<u64> = (1..=count).collect();
    let fast: Vec<_> = (0..3).map(|_| begun(server.events("/logs/tail"))).collect();
    let mut slow = begun(server.get("/logs/tail").receive_bytes(131_072).events());
    let restless = server.get("/logs/tail?after=0");
    std::thread::scope(|scope| {
        let fast: Vec<_> = fast
            .into_iter()
            .map(|mut tail| scope.spawn(move || read_until(&mut tail, count)))
            .collect();
        let restless = scope.spawn(move || {
            let mut ids: Vec<u64> = Vec::new();
            let mut pace = 1;
            while ids.last().is_none_or(|last| *last < count) {
                let after = ids.last().map_or("0".to_owned(), u64::to_string);
                let mut tail = restless.clone().header("last-event-id", &after).events();
                pace = pace * 7 % 1_009;
                let wanted = usize::try_from(count).expect("a count") - ids.len();
                ids.extend(tail.ids(wanted.min(pace + 200)));
            }
            ids
        });
        let lines: Vec<_> = long_lines(count).collect();
        for batch in lines.chunks(500) {
            server.write(batch.iter().cloned());
        }
        for client in fast {
            let (ids, gaps) = client.join().expect("no panic");
            assert_eq!(gaps, [], "a fast client misses nothing");
            assert_same(&ids, &all);
        }
        assert_same(&restless.join().expect("no panic"), &all);
    });
    // The slow client has read nothing yet; its records and gaps together are complete, without duplicates.
    std::thread::sleep(Duration::from_millis(2_500));
    server.write(long_lines(2_000));
    let (ids, gaps) = read_until(&mut slow, count + 2_000);
    let mut covered = ids;
    for (from, to, missing) in &gaps {
        assert_eq!(*missing, to - from + 1);
        covered.extend(*from..=*to);
    }
    covered.sort_unstable();
    assert_same(&covered, &(1..=count + 2_000).collect::<Vec<_>>());
    assert!(
        !gaps.is_empty(),
        "nothing was left out for a client that did not read"
    );
}

#[test]
fn record_reaches_a_tail_at_once() {
    let mut server = Server::start();
    let mut tail = begun(server.events("/logs/tail"));
    let mut took: Vec<_> = (0..200)
        .map(|number| {
            let began = Instant::now();
            server.write(numbered(number..number + 1));
            tail.next_event().expect("an event");
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    let (median, worst) = (took[100], took[199]);
    println!("append to event: median {median:?}, worst {worst:?}");
    // Generous, for busy machines: it shows that nothing waits for a timer.
    assert!(median < Duration::from_millis(25), "{median:?}");
}

/// `[a-m].{60}\p{Greek}`: an expensive regex, which takes microseconds per byte.
const WORST_REGEX: &str = "search=%5Ba-m%5D.%7B60%7D%5Cp%7BGreek%7D&regex=true";

#[test]
fn gap_of_a_slow_client_counts_matching_records() {
    let mut server = Server::start();
    let mut slow = server
        .get("/logs/tail?level=error")
        .receive_bytes(131_072)
        .events();
    let padding = "x".repeat(LONG);
    let write = |server: &mut Server, numbers: std::ops::Range<u64>| {
        let records = numbers.map(|number| {
            let level = [Level::Info, Level::Error][usize::from(number % 2 == 0)];
            record("docker:web", level, &format!("{number} {padding}"))
        });
        let records: Vec<_> = records.collect();
        for batch in records.chunks(500) {
            server.write(batch.iter().cloned());
        }
    };
    // IDs are the numbers plus one: every odd number is an error.
    write(&mut server, 0..20_000);
    std::thread::sleep(Duration::from_millis(2_500));
    write(&mut server, 20_000..24_000);
    let (ids, gaps) = read_until(&mut slow, 23_999);
    let missed: u64 = gaps.iter().map(|(_, _, count)| count).sum();
    assert!(!gaps.is_empty(), "nothing was left out");
    assert_eq!(ids.len() as u64 + missed, 12_000);
    for (from, to, count) in gaps {
        assert_eq!(count, (from..=to).filter(|id| id % 2 == 1).count() as u64);
    }
}

#[test]
fn tail_without_matches_is_kept_alive_during_a_flood() {
    let mut server = Server::with(
        server::ServerOptions {
            tail_keep_alive: Duration::from_millis(50),
            ..server::ServerOptions::default()
        },
        store::Options::default(),
    );
    let mut tail = begun(server.events("/logs/tail?search=nowhere"));
    let writer = std::thread::spawn(move || {
        for number in 0..200 {
            server.write(numbered(number..number + 1));
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    });
    assert_eq!(tail.next_block(), Some(Event::default()), "a comment");
    assert!(!writer.is_finished(), "it waited until nothing was written");
    writer.join().expect("it writes");
}

/// Record `number` of a series, of which every tenth matches [`WORST_REGEX`] and the others almost do.
fn almost_matching(number: u64) -> Record {
    let padding = "a".repeat(100);
    let end = if number % 10 == 9 { "\u{3b1}" } else { "b" };
    record("docker:web", Level::Info, &format!("{padding} {end}"))
}

/// Waits until the tail has begun, so that records written from now on belong to it.
fn begun(mut tail: Events) -> Events {
    assert!(tail.next_block().is_some_and(|hello| hello.id.is_some()));
    tail
}

fn expensive_tails(server: &Server) -> Vec<Events> {
    let path = format!("/logs/tail?{WORST_REGEX}");
    (0..3).map(|_| begun(server.events(&path))).collect()
}

#[test]
fn expensive_filter_receives_every_match() {
    let mut server = Server::start();
    let mut tails = expensive_tails(&server);
    // Fewer records than a tail's queue holds are written before they are read, so that no client is too slow for
    // them.
    for begin in (0..400_u64).step_by(200) {
        for number in begin..begin + 200 {
            server.write([almost_matching(number)]);
        }
        let expected: Vec<u64> = (begin + 10..=begin + 200).step_by(10).collect();
        for tail in &mut tails {
            assert_eq!(tail.ids(expected.len()), expected);
        }
    }
}

#[test]
fn expensive_filter_receives_or_counts_every_match_of_a_flood() {
    let mut server = Server::start();
    let mut tails = expensive_tails(&server);
    for number in 0..1000 {
        server.write([almost_matching(number)]);
    }
    for tail in &mut tails {
        let (mut matches, mut last) = (0, 0_u64);
        while last < 1000 {
            let event = tail.next_event().expect("an event");
            let data: serde_json::Value =
                serde_json::from_str(&event.data.expect("data")).expect("JSON");
            let newest = if event.name.as_deref() == Some("gap") {
                matches += data["count"].as_u64().expect("a count");
                &data["to"]
            } else {
                matches += 1;
                &data["id"]
            };
            last = newest
                .as_str()
                .and_then(|id| id.parse().ok())
                .expect("an ID");
        }
        assert_eq!((matches, last), (100, 1000));
    }
}

#[test]
fn warnings_about_the_filter_are_the_first_event_of_a_tail() {
    let mut server = Server::start();
    server.write([record("docker:web", Level::Warn, "a")]);
    let mut tail = server.events("/logs/tail?tail=5&source=docker,docker:web");
    let event = tail.next_event().expect("an event");
    assert_eq!(event.name.as_deref(), Some("warnings"));
    assert_eq!(
        event.data.as_deref(),
        Some(r#"{"warnings":["no source `docker`; did you mean `docker:`?"]}"#)
    );
    assert_eq!(tail.ids(1), [1]);
    let mut resumed = server
        .get("/logs/tail?source=docker,docker:web")
        .header("last-event-id", "0")
        .events();
    let first = resumed.next_event().expect("an event");
    assert_eq!((first.name, first.id.as_deref()), (None, Some("1")));
}

#[test]
fn exports_and_lines_carry_warnings_in_a_header() {
    let mut server = Server::start();
    server.write([record("docker:web", Level::Warn, "a")]);
    let expected = "[\"no source `wbe`; did you mean `docker:web`?\"]";
    let export = server
        .get("/logs/export?format=jsonl&source=docker:wbe")
        .send();
    let expected = expected.replace("`wbe`", "`docker:wbe`");
    assert_eq!(export.header("x-vmlog-warnings"), Some(&*expected));
    let lines = server
        .get("/logs?source=docker:wbe")
        .header("accept", "application/x-ndjson")
        .send();
    assert_eq!(lines.header("x-vmlog-warnings"), Some(&*expected));
    let none = server.get("/logs/export?source=docker:web").send();
    assert_eq!(none.header("x-vmlog-warnings"), None);
}
