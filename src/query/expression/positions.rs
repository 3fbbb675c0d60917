//! Where a record matches: the byte ranges that a page or a terminal highlights.

use crate::query::expression::Expression;
use crate::query::expression::field::FieldTest;
use crate::query::expression::values::text_of;
use crate::query::text::search::Search;
use crate::record::Record;
use crate::store::BOOKKEEPING_KEYS;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges of one text; more than anybody can see.
const RANGES_MAX: usize = 100;

/// Where the texts that an expression looks for are, as ranges of bytes that ascend and do not overlap. Negated conditions
/// have no positions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MatchPositions {
    /// In the message.
    pub message: Vec<Range<usize>>,
    /// In the strings of the metadata, by their path: keys and places in lists, parted by dots.
    pub metadata: BTreeMap<String, Vec<Range<usize>>>,
}

impl Expression {
    /// Where a record holds the texts that this looks for.
    #[must_use]
    pub fn positions(&self, record: &Record) -> MatchPositions {
        let mut positions = MatchPositions::default();
        self.each_wanted_leaf(&mut |leaf| match leaf {
            Self::Message(search) => {
                let found = search.positions(&record.message, RANGES_MAX);
                positions.message.extend(found);
            }
            Self::Values(search) => {
                let values = record.metadata.iter();
                let searched = values.filter(|(key, _)| !BOOKKEEPING_KEYS.contains(key));
                for (key, value) in searched {
                    positions.add(key, value, search);
                }
            }
            Self::Field(condition) => {
                if let FieldTest::Contains(search) = condition.test()
                    && let Some(value) = record.metadata.get(condition.key())
                {
                    positions.add(condition.key(), value, search);
                }
            }
            _ => {}
        });
        positions.message = joined(positions.message);
        for ranges in positions.metadata.values_mut() {
            *ranges = joined(std::mem::take(ranges));
        }
        positions
    }
}

impl MatchPositions {
    /// Metadata nests only as deep as its encoding allows.
    fn add(&mut self, path: &str, value: &Value, search: &Search) {
        match value {
            Value::Null => {}
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    self.add(&format!("{path}.{index}"), value, search);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.add(&format!("{path}.{key}"), value, search);
                }
            }
            other => {
                let found = search.positions(&text_of(other), RANGES_MAX);
                if !found.is_empty() {
                    self.metadata
                        .entry(path.to_owned())
                        .or_default()
                        .extend(found);
                }
            }
        }
    }
}

/// Ranges in ascending order, those that touch each other as one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined.truncate(RANGES_MAX);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::syntax::parse_expression;
    use crate::record::Level;
    use crate::time::Micros;
    use serde_json::json;

    #[test]
    fn texts_have_positions_in_the_message_and_in_values() {
        let metadata =
            json!({"path": "/API/disk", "list": ["x", "a disk"], "boot_id": "disk", "n": 1});
        let record = Record {
            timestamp: Micros::new(0),
            source: "a".parse().unwrap(),
            level: Level::Info,
            message: "Disk of disks".to_owned(),
            metadata: serde_json::from_value(metadata).unwrap(),
        };
        let positions = |text: &str| {
            let expression = parse_expression(text, Micros::new(0)).unwrap();
            expression.positions(&record)
        };
        let once = |range: Range<usize>| [range].into_iter().collect::<Vec<_>>();
        let found = positions("disk -absent");
        assert_eq!(found.message, [0..4, 8..12]);
        let paths: Vec<_> = found
            .metadata
            .iter()
            .map(|(path, at)| (path.as_str(), at.clone()))
            .collect();
        assert_eq!(paths.len(), 2);
        assert_eq!(paths[0], ("list.1", once(2..6)));
        assert_eq!(paths[1], ("path", once(5..9)));
        assert_eq!(positions("disk /sk of/").message, [0..7, 8..12]);
        assert_eq!(
            positions("path:/api/").metadata.get("path"),
            Some(&once(1..4))
        );
        assert_eq!(positions("-disk level:info"), MatchPositions::default());
    }
}
