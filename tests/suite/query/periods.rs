//! Counts by period.

use crate::query::seeds;
use crate::support::question::Question;
use crate::support::seeded::Rng;
use crate::support::stores::TestStore;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use vmlog::query::{self, Budget, Periods, nanos_of};

const QUERIES: usize = 60;

/// Steps from less than a microsecond, where ids decide, to more than the whole store.
const STEPS: [i64; 8] = [
    7,
    1_000,
    1_500,
    1_000_000_000,
    60_000_000_000,
    3_600_000_000_000,
    86_400_000_000_000,
    400 * 86_400_000_000_000,
];

#[test]
fn counts_by_period_match_a_naive_evaluator() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let view = store.view();
        // Counts that earlier queries left in its cache must not change a result.
        let budget = Budget::default();
        for _ in 0..QUERIES {
            let question = Question::random(&mut rng);
            let step = *rng.pick(&STEPS);
            // half of the time an end is the time of a record, so that its id decides about others of its microsecond
            let visible = store.visible();
            let mut end = || match visible.len() {
                0 => 0,
                count if rng.below(2) == 0 => {
                    let record = &visible[rng.below(count)];
                    nanos_of(record.record.timestamp, record.id)
                }
                _ => i64::try_from(rng.below(1 << 40)).unwrap(),
            };
            let periods = Periods::new(step, [end(), end()]);
            let filter = question.request().filter;
            let mut expected: BTreeMap<(String, i64), [u64; 4]> = BTreeMap::new();
            for record in visible.iter().filter(|record| (question.meant)(record)) {
                let (_, to) = periods.around(nanos_of(record.record.timestamp, record.id));
                let source = record.record.source.to_string();
                let counts = expected.entry((source, to)).or_default();
                counts[record.record.level.index()] += 1;
            }
            for _ in 0..2 {
                let mut found: BTreeMap<(String, i64), [u64; 4]> = BTreeMap::new();
                let take = |source: &vmlog::record::Source, to, levels: [u64; 4]| {
                    let counts = found.entry((source.to_string(), to)).or_default();
                    counts
                        .iter_mut()
                        .zip(levels)
                        .for_each(|(sum, count)| *sum += count);
                    ControlFlow::Continue(())
                };
                let visited = query::count_periods(&view, &filter, periods, &budget, take).unwrap();
                assert!(!visited.is_partial);
                let what = format!("seed {seed}: {:?} {periods:?}", question.parameters);
                assert_eq!(found, expected, "{what}");
            }
        }
    }
}
