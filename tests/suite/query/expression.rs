//! Expressions compared with a naive evaluator: random trees, built and as text, over random stores.

use super::{ids, seeds};
use crate::support::question::{holds_text, is_found, values};
use crate::support::seeded::Rng;
use crate::support::stores::TestStore;
use std::rc::Rc;
use vmlog::query::{
    self, Budget, Case, Comparison, Expression, FieldCondition, FieldTest, Filter,
    HistogramRequest, LevelSet, Order, PageRequest, Quantity, Search, SourcePattern, TimeRange,
};
use vmlog::record::{Level, StoredRecord};
use vmlog::time::Micros;

const TREES: usize = 60;

/// An expression, its text, and the equivalent in plain code.
struct Tree {
    expression: Expression,
    text: String,
    naive: Rc<dyn Fn(&StoredRecord) -> bool>,
}

fn leaf(
    expression: Expression,
    text: &str,
    naive: impl Fn(&StoredRecord) -> bool + 'static,
) -> Tree {
    Tree {
        expression,
        text: text.to_owned(),
        naive: Rc::new(naive),
    }
}

fn random(rng: &mut Rng, depth: usize) -> Tree {
    if depth == 0 || rng.chance(4) {
        return random_leaf(rng);
    }
    match rng.below(3) {
        0 => negated(random(rng, depth - 1), rng),
        1 => joined(rng, depth, " OR ", Expression::or, |a, b| a || b),
        _ => {
            let separator = *rng.pick(&[" ", " AND "]);
            joined(rng, depth, separator, Expression::and, |a, b| a && b)
        }
    }
}

fn negated(tree: Tree, rng: &mut Rng) -> Tree {
    let Tree {
        expression,
        text,
        naive,
    } = tree;
    Tree {
        expression: expression.negated(),
        text: format!("{}({text})", rng.pick(&["-", "NOT "])),
        naive: Rc::new(move |record| !naive(record)),
    }
}

fn joined(
    rng: &mut Rng,
    depth: usize,
    separator: &str,
    join: impl Fn(Expression, Expression) -> Expression,
    holds: impl Fn(bool, bool) -> bool + 'static,
) -> Tree {
    let (a, b) = (random(rng, depth - 1), random(rng, depth - 1));
    let (of_a, of_b) = (a.naive, b.naive);
    Tree {
        expression: join(a.expression, b.expression),
        text: format!("({}){separator}({})", a.text, b.text),
        naive: Rc::new(move |record| holds(of_a(record), of_b(record))),
    }
}

fn random_leaf(rng: &mut Rng) -> Tree {
    match rng.below(7) {
        0 => of_source(rng),
        1 => of_level(rng),
        2 => of_time(rng),
        3 => of_text(rng),
        4 => of_regex(rng),
        5 => of_number(rng),
        _ => of_field(rng),
    }
}

fn of_source(rng: &mut Rng) -> Tree {
    let name = |record: &StoredRecord| record.record.source.as_str().to_owned();
    match rng.below(4) {
        0 => leaf(
            Expression::Source(SourcePattern::exact("docker:a")),
            "source:docker:a",
            move |r| name(r) == "docker:a",
        ),
        1 => leaf(
            Expression::Source(SourcePattern::parse("system:*")),
            "source:system:*",
            move |r| name(r).starts_with("system:"),
        ),
        2 => leaf(Expression::Kind("docker".into()), "kind:docker", move |r| {
            name(r).starts_with("docker:")
        }),
        _ => leaf(
            Expression::Kind("cloud-init".into()).negated(),
            "kind!=cloud-init",
            move |r| name(r) != "cloud-init",
        ),
    }
}

fn of_level(rng: &mut Rng) -> Tree {
    let level = *rng.pick(&Level::ALL);
    if rng.chance(2) {
        let text = format!("level>={level}");
        return leaf(
            Expression::Level(LevelSet::at_least(level)),
            &text,
            move |r| r.record.level >= level,
        );
    }
    let only = [level].into_iter().collect();
    leaf(
        Expression::Level(only),
        &format!("level:{level}"),
        move |r| r.record.level == level,
    )
}

fn of_time(rng: &mut Rng) -> Tree {
    let seconds = rng.small(40);
    let time = Micros::new(seconds * 1_000_000);
    let at = |r: &StoredRecord| r.record.timestamp;
    if rng.chance(2) {
        let range = TimeRange {
            start: Some(time),
            end: None,
        };
        return leaf(
            Expression::Time(range),
            &format!("time>=@{seconds}"),
            move |r| at(r) >= time,
        );
    }
    let range = TimeRange {
        start: None,
        end: Some(time),
    };
    leaf(
        Expression::Time(range),
        &format!("time<@{seconds}"),
        move |r| at(r) < time,
    )
}

fn of_text(rng: &mut Rng) -> Tree {
    let text = *rng.pick(&[
        "disk",
        "FULL",
        "timeout",
        "a",
        "absent",
        "uuid-1",
        "4bf92f35",
        "web-1",
        "api",
        "200",
        "7",
        "fals",
        "ssh",
        "red",
        "full disk",
        "\u{e4}rger",
    ]);
    let search = Search::text(text, Case::Insensitive);
    if rng.chance(3) {
        return leaf(
            Expression::Message(search),
            &format!("message:\"{text}\""),
            move |r| holds_text(&r.record.message, text, false),
        );
    }
    leaf(
        Expression::anywhere(search),
        &format!("\"{text}\""),
        move |r| is_found(r, false, |found| holds_text(found, text, false)),
    )
}

fn of_regex(rng: &mut Rng) -> Tree {
    let regex = *rng.pick(&[
        "disk|timeout",
        "^full",
        "[0-9a-f]{8}",
        "x{3}",
        "4bf9[0-9]f",
        "^\\d+$",
    ]);
    let search = Search::regex(regex, Case::Insensitive).unwrap();
    let plain = regex_automata::meta::Regex::new(&format!("(?i){regex}")).unwrap();
    leaf(
        Expression::anywhere(search),
        &format!("/{regex}/"),
        move |r| is_found(r, false, |found| plain.is_match(found)),
    )
}

/// Numbers with units in plain code: seconds, bytes, or as written.
fn number(key: &str, text: &str) -> Option<(char, f64)> {
    let units = [
        ("KiB", 'b', 1024.0),
        (" MB", 'b', 1e6),
        ("ms", 's', 1e-3),
        ("m", 's', 60.0),
        ("s", 's', 1.0),
    ];
    for (unit, kind, factor) in units {
        if let Some(number) = text.strip_suffix(unit) {
            return Some((kind, number.parse::<f64>().ok()? * factor));
        }
    }
    let factor = if key == "duration_ms" { 1e-3 } else { 1.0 };
    Some(('n', text.parse::<f64>().ok()? * factor))
}

fn of_number(rng: &mut Rng) -> Tree {
    let (key, bound, kind) = *rng.pick(&[
        ("status", "400", 'n'),
        ("took", "1s", 's'),
        ("duration_ms", "1s", 's'),
        ("size", "1KiB", 'b'),
        ("exit_code", "0", 'n'),
    ]);
    let (sign, comparison) = *rng.pick(&[
        (">=", Comparison::GreaterOrEqual),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
        ("<=", Comparison::LessOrEqual),
    ]);
    let quantity = Quantity::parse(bound).unwrap();
    let test = FieldTest::Compare(comparison, quantity);
    let wanted = number("", bound).unwrap().1;
    let naive = move |record: &StoredRecord| {
        let holds = |text: &String| {
            let Some((found_kind, found)) = number(key, text) else {
                return false;
            };
            let is_alike = found_kind == kind || found_kind == 'n';
            is_alike
                && match sign {
                    ">=" => found >= wanted,
                    ">" => found > wanted,
                    "<" => found < wanted,
                    _ => found <= wanted,
                }
        };
        values(record, key).is_some_and(|all| all.iter().any(holds))
    };
    leaf(
        Expression::Field(FieldCondition::new(key, test)),
        &format!("{key}{sign}{bound}"),
        naive,
    )
}

fn of_field(rng: &mut Rng) -> Tree {
    let key = *rng.pick(&[
        "unit",
        "exit_code",
        "tag",
        "k8s.pod",
        "absent",
        "k8s",
        "deep.list",
        "path",
        "note",
        "trace",
    ]);
    let field = |test| Expression::Field(FieldCondition::new(key, test));
    let value = *rng.pick(&[
        "a.service",
        "0",
        "red",
        "web-1",
        "/api/",
        "4bf92f35-",
        "timeout",
    ]);
    let any = move |record: &StoredRecord, holds: &dyn Fn(&str) -> bool| {
        values(record, key).is_some_and(|all| all.iter().any(|found| holds(found)))
    };
    match rng.below(5) {
        0 => leaf(field(FieldTest::Exists), &format!("{key}:*"), move |r| {
            values(r, key).is_some()
        }),
        1 => leaf(
            field(FieldTest::Equals(value.into())),
            &format!("{key}:\"{value}\""),
            move |r| any(r, &|found| found == value),
        ),
        2 => leaf(
            field(FieldTest::Prefix(value.into())),
            &format!("{key}:{value}*"),
            move |r| any(r, &|found| found.starts_with(value)),
        ),
        3 => {
            let search = Search::regex("[a-c1]$", Case::Insensitive).unwrap();
            leaf(
                field(FieldTest::Contains(search)),
                &format!("{key}:/[a-c1]$/"),
                move |r| {
                    any(r, &|found| {
                        found.to_lowercase().ends_with(['a', 'b', 'c', '1'])
                    })
                },
            )
        }
        _ => leaf(
            field(FieldTest::Exists).and(field(FieldTest::Equals(value.into())).negated()),
            &format!("{key}!=\"{value}\""),
            move |r| values(r, key).is_some_and(|all| !all.iter().any(|found| found == value)),
        ),
    }
}

#[test]
fn random_trees_match_a_naive_evaluator() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let view = store.view();
        let records = store.visible();
        let budget = Budget::default();
        for _ in 0..TREES {
            let tree = random(&mut rng, 4);
            let what = format!("seed {seed}: {}", tree.text);
            let is_expected = |record: &&StoredRecord| (tree.naive)(record);
            let expected: Vec<StoredRecord> = records.iter().filter(is_expected).cloned().collect();
            // A text may contain more terms or regexes than are allowed.
            if let Ok(parsed) = query::parse_expression(&tree.text, Micros::new(0)) {
                for record in &records {
                    let naive = (tree.naive)(record);
                    assert_eq!(parsed.matches(&record.record), naive, "{what} {record:?}");
                }
            }
            let filter = Filter::default().with_expression(tree.expression.clone());
            let request = PageRequest {
                filter: filter.clone(),
                cursor: None,
                direction: query::Direction::Forward,
                limit: records.len() + 1,
                order: Order::Id,
                around: None,
            };
            let page = query::page(&view, &request, &budget).unwrap();
            assert_eq!(ids(&page.entries), ids(&expected), "{what}");
            let request = HistogramRequest {
                filter: filter.clone(),
                buckets: 10,
                by: query::Grouping::Level,
            };
            let histogram = query::histogram(&view, &request, &budget).unwrap();
            assert_eq!(
                histogram.total + histogram.outside,
                expected.len() as u64,
                "{what}"
            );
            let counted = query::sources(&view, &filter, &budget).unwrap();
            let total: u64 = counted.sources.iter().map(|source| source.count).sum();
            assert_eq!(total, expected.len() as u64, "{what}");
        }
    }
}
