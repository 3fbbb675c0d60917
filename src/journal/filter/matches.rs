//! Conditions on fields that select entries, as journalctl defines them.

/// Conditions that select entries. Conditions on the same field are alternatives; an entry must meet those on all
/// fields, or all of another group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryMatches {
    groups: Vec<MatchGroup>,
}

/// Fields, and for each the accepted payloads. Holds at least one field.
pub(crate) type MatchGroup = Vec<(Vec<u8>, Vec<Vec<u8>>)>;

impl EntryMatches {
    /// Adds a condition to the last group: the field `name` has the value `value`.
    #[must_use]
    pub fn and(mut self, name: &[u8], value: &[u8]) -> Self {
        let payload = [name, b"=", value].concat();
        if self.groups.is_empty() {
            self.groups.push(MatchGroup::new());
        }
        if let Some(group) = self.groups.last_mut() {
            match group.iter_mut().find(|(known, _)| known == name) {
                Some((_, payloads)) => payloads.push(payload),
                None => group.push((name.to_vec(), vec![payload])),
            }
        }
        self
    }

    /// Starts another group: entries match if they meet the conditions before or those after.
    #[must_use]
    pub fn or(mut self) -> Self {
        if self.groups.last().is_some_and(|group| !group.is_empty()) {
            self.groups.push(MatchGroup::new());
        }
        self
    }

    /// Whether there is no condition, so that every entry matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups().next().is_none()
    }

    /// The groups that are not empty.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &MatchGroup> {
        self.groups.iter().filter(|group| !group.is_empty())
    }

    /// Length of the longest payload in a condition.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        let terms = self.groups().flatten();
        let payloads = terms.flat_map(|(_, payloads)| payloads);
        payloads.map(Vec::len).max().unwrap_or(0)
    }

    /// Starts checking one entry, before any of its fields was seen.
    pub(crate) fn conditions(&self) -> Conditions<'_> {
        let groups = self.groups();
        Conditions {
            groups: groups
                .map(|group| {
                    group
                        .iter()
                        .map(|(_, payloads)| (&**payloads, false))
                        .collect()
                })
                .collect(),
        }
    }
}

/// Tracks which conditions the fields of an entry have met so far.
pub(crate) struct Conditions<'a> {
    groups: Vec<Vec<EntryCondition<'a>>>,
}

/// The accepted payloads of a field, and whether one of them was seen.
type EntryCondition<'a> = (&'a [Vec<u8>], bool);

impl Conditions<'_> {
    /// Records a field of the entry.
    pub(crate) fn see(&mut self, field: &[u8]) {
        for (payloads, is_met) in self.groups.iter_mut().flatten() {
            *is_met |= payloads.iter().any(|payload| payload == field);
        }
    }

    /// Whether the entry matches.
    pub(crate) fn are_met(&self) -> bool {
        let all = |group: &Vec<(_, bool)>| group.iter().all(|(_, is_met)| *is_met);
        self.groups.is_empty() || self.groups.iter().any(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(matches: &EntryMatches, fields: &[(&str, &str)]) -> bool {
        let mut conditions = matches.conditions();
        for (name, value) in fields {
            conditions.see(format!("{name}={value}").as_bytes());
        }
        conditions.are_met()
    }

    #[test]
    fn one_field_offers_several_fields_demand() {
        let matches = EntryMatches::default()
            .and(b"A", b"1")
            .and(b"A", b"2")
            .and(b"B", b"x")
            .or()
            .and(b"C", b"");
        for (list, wanted) in [
            (&[("A", "1"), ("B", "x")][..], true),
            (&[("A", "2"), ("B", "x")], true),
            (&[("A", "3"), ("A", "2"), ("B", "x")], true),
            (&[("A", "3"), ("B", "x")], false),
            (&[("A", "1")], false),
            (&[("AB", "1"), ("B", "x")], false),
            (&[("C", "")], true),
            (&[], false),
        ] {
            assert_eq!(accepts(&matches, list), wanted, "{list:?}");
        }
    }

    #[test]
    fn nothing_demanded_is_everything_wanted() {
        for matches in [EntryMatches::default(), EntryMatches::default().or().or()] {
            assert!(matches.is_empty());
            assert!(accepts(&matches, &[]));
        }
        assert!(!EntryMatches::default().and(b"A", b"").or().is_empty());
    }
}
