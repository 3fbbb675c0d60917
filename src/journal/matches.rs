//! Which entries are wanted: conditions on fields, as journalctl takes them.

/// Conditions that entries are chosen by. Those on one field are alternatives; an entry meets those on all fields, or
/// all of another group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    groups: Vec<Group>,
}

/// Fields, and for each the payloads that it may have. At least one field.
pub(super) type Group = Vec<(Vec<u8>, Vec<Vec<u8>>)>;

impl Matches {
    /// Adds a condition to the last group: the field `name` has the value `value`.
    #[must_use]
    pub fn and(mut self, name: &[u8], value: &[u8]) -> Self {
        let payload = [name, b"=", value].concat();
        if self.groups.is_empty() {
            self.groups.push(Group::new());
        }
        if let Some(group) = self.groups.last_mut() {
            match group.iter_mut().find(|(known, _)| known == name) {
                Some((_, payloads)) => payloads.push(payload),
                None => group.push((name.to_vec(), vec![payload])),
            }
        }
        self
    }

    /// Begins another group: entries may meet the conditions before or those that follow.
    #[must_use]
    pub fn or(mut self) -> Self {
        if self.groups.last().is_some_and(|group| !group.is_empty()) {
            self.groups.push(Group::new());
        }
        self
    }

    /// Whether every entry is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups().next().is_none()
    }

    /// The groups that say something.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| !group.is_empty())
    }

    /// Whether an entry with these fields is wanted.
    pub(super) fn accept<'a>(
        &self,
        fields: &(impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone),
    ) -> bool {
        let has = |payload: &Vec<u8>| {
            fields.clone().any(|(name, value)| {
                let rest = payload.strip_prefix(name);
                rest.and_then(|rest| rest.strip_prefix(b"=")) == Some(value)
            })
        };
        self.is_empty()
            || self
                .groups()
                .any(|group| group.iter().all(|(_, payloads)| payloads.iter().any(has)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<'a>(
        list: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
        list.iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }

    #[test]
    fn one_field_offers_several_fields_demand() {
        let matches = Matches::default()
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
            assert_eq!(matches.accept(&fields(list)), wanted, "{list:?}");
        }
    }

    #[test]
    fn nothing_demanded_is_everything_wanted() {
        for matches in [Matches::default(), Matches::default().or().or()] {
            assert!(matches.is_empty());
            assert!(matches.accept(&fields(&[])));
        }
        assert!(!Matches::default().and(b"A", b"").or().is_empty());
    }
}
