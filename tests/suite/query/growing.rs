//! Answers about a file that grows, with what was kept for earlier questions and without: to the newest view and to older ones.

use crate::support::seeded::Rng;
use crate::support::stores::TestStore;
use serde_json::json;
use vmlog::query::{
    self, Budget, Case, Direction, Expression, Filter, Grouping, HistogramRequest, Order,
    PageRequest, Search,
};
use vmlog::record::{Level, Record};
use vmlog::store::View;
use vmlog::time::Micros;

const STEPS: u64 = 12;
/// With the messages below, a block of the active file takes about two steps.
const ROWS: u64 = 400;

fn record(number: u64, rng: &mut Rng) -> Record {
    let metadata = json!({"request": format!("{:08x}", number * 7919 % 900), "host": format!("vm-{}", number % 3)});
    Record {
        timestamp: Micros::new(i64::try_from(number).unwrap() * 1_000_000),
        source: rng.pick(&["docker:a", "docker:b"]).parse().unwrap(),
        level: *rng.pick(&Level::ALL),
        message: format!("step {} {}", number % 50, "of a plan ".repeat(30)),
        metadata: metadata.as_object().unwrap().clone().into(),
    }
}

fn answers(view: &View, budget: &Budget) -> Vec<String> {
    let search = Search::text("step 7", Case::Insensitive);
    let filters = [
        Filter::default(),
        Filter::default().with_expression(Expression::anywhere(search)),
    ];
    let mut answers = Vec::new();
    for filter in filters {
        for key in ["request", "host", "absent"] {
            let found = query::field_values(view, &filter, key, 10_000, budget).unwrap();
            answers.push(format!("{key}: {:?}", found.values));
        }
        for by in [Grouping::Level, Grouping::Source] {
            let request = HistogramRequest {
                filter: filter.clone(),
                buckets: 30,
                by,
            };
            let histogram = query::histogram(view, &request, budget).unwrap();
            answers.push(format!("histogram: {:?}", histogram.buckets));
        }
        let sources = query::sources(view, &filter, budget).unwrap();
        answers.push(format!("sources: {:?}", sources.sources));
        let request = PageRequest {
            filter,
            cursor: None,
            direction: Direction::Backward,
            limit: 50,
            order: Order::Id,
            around: None,
        };
        let page = query::page(view, &request, budget).unwrap();
        let ids = page.entries.iter().map(|record| record.id);
        answers.push(format!("page: {:?}", ids.collect::<Vec<_>>()));
    }
    answers
}

#[test]
fn answers_about_a_growing_file_are_the_same_with_what_earlier_questions_kept() {
    let mut rng = Rng::new(7);
    let mut store = TestStore::new(1_000_000);
    let kept = Budget::default();
    let mut views = Vec::new();
    for step in 0..STEPS {
        let numbers = step * ROWS..(step + 1) * ROWS;
        store.append(numbers.map(|number| record(number, &mut rng)).collect());
        if step == STEPS / 2 {
            store.store.seal().unwrap();
        }
        views.push(store.view());
        let older = rng.below(views.len());
        for view in [older, views.len() - 1] {
            let found = answers(&views[view], &kept);
            let expected = answers(&views[view], &Budget::default());
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "view {view} at step {step}");
            }
        }
    }
    let blocks = views[STEPS as usize / 2 - 1].segments()[0].block_count();
    assert!(blocks > 2, "{blocks} blocks in an active file");
}
