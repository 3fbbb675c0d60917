//! All records in the order of ids, for files.

use crate::query::{ids, seeds};
use crate::support::question::Question;
use crate::support::seeded::Rng;
use crate::support::stores::TestStore;
use std::time::Duration;
use vmlog::query::{Budget, RecordStream};

#[test]
fn stream_matches_a_naive_evaluator() {
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let store = TestStore::random(&mut rng);
        let records = store.visible();
        for _ in 0..6 {
            let question = Question::random(&mut rng);
            let what = format!("seed {seed}: {:?}", question.parameters);
            let mut expected = records.clone();
            expected.retain(|record| (question.meant)(record));
            let bytes_max = 1 + rng.below(5_000);
            // Without time, each batch ends after a segment.
            let budget = Budget {
                time_max: Duration::from_secs(if rng.chance(2) { 0 } else { 1_000 }),
                ..Budget::default()
            };
            let mut stream = RecordStream::new(store.view(), question.request().filter);
            let mut found = Vec::new();
            loop {
                let batch = stream.next_batch(bytes_max, &budget).unwrap();
                for record in batch.iter() {
                    let Some(stored) = expected.get(found.len()) else {
                        panic!("{what}: more than {}", expected.len());
                    };
                    found.push(record.id.0);
                    assert_eq!(record.id, stored.id, "{what}");
                    let stored = &stored.record;
                    assert_eq!(record.timestamp, stored.timestamp, "{what}");
                    assert_eq!(record.source, &stored.source, "{what}");
                    assert_eq!(record.level, stored.level, "{what}");
                    assert_eq!(record.message, stored.message, "{what}");
                    let mut metadata = Vec::new();
                    record.write_metadata(&mut metadata).unwrap();
                    let expected = serde_json::to_vec(&stored.metadata).unwrap();
                    assert_eq!(metadata, expected, "{what}");
                }
                if batch.is_last() {
                    break;
                }
            }
            assert_eq!(found, ids(&expected), "{what}");
        }
    }
}
