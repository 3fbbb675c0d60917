//! `--invocation`: one invocation of a unit, by its ID or counted from the last one.

use super::expression::MatchExpression;
use super::sources::Sources;
use crate::cli::failure::Failure;
use crate::journal::{Id128, Journal, JournalEvent, Seek};

/// The selected invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvocationChoice {
    Id(Id128),
    /// 0 is the last, -1 the one before it, 1 the first.
    Offset(i64),
}

impl InvocationChoice {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if let Ok(offset) = text.parse() {
            return Ok(Self::Offset(offset));
        }
        text.parse().map(Self::Id).map_err(|_| {
            Failure::usage(format!(
                "--invocation: expected an ID or a number, found {text:?}"
            ))
        })
    }
}

/// The expression for an invocation of `units`.
pub(super) fn expression(
    choice: InvocationChoice,
    units: &MatchExpression,
    sources: &Sources,
) -> Result<MatchExpression, Failure> {
    let id = match choice {
        InvocationChoice::Id(id) => id,
        InvocationChoice::Offset(offset) => at(&known(units, sources), offset)?,
    };
    Ok(MatchExpression::of_invocation(&id.to_string()))
}

/// The invocations in entries of the units, in the order of their first entries.
fn known(units: &MatchExpression, sources: &Sources) -> Vec<Id128> {
    let mut journal = Journal::open(sources.options(units.superset()));
    journal.seek(&Seek::Head);
    let mut ids: Vec<Id128> = vec![];
    while let Some(event) = journal.next() {
        let JournalEvent::Entry(entry) = event else {
            continue;
        };
        if !units.holds(&entry) {
            continue;
        }
        // The service manager has an invocation of its own, and names the one that its message is about in another
        // field.
        let is_manager = entry.field(b"_PID") == Some(b"1");
        let field = if is_manager {
            &b"INVOCATION_ID"[..]
        } else {
            b"_SYSTEMD_INVOCATION_ID"
        };
        let id = Some(field).and_then(|name| str::from_utf8(entry.field(name)?).ok()?.parse().ok());
        if let Some(id) = id.filter(|id| !ids.contains(id)) {
            ids.push(id);
        }
    }
    ids
}

fn at(ids: &[Id128], offset: i64) -> Result<Id128, Failure> {
    let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let place = if offset > 0 {
        offset - 1
    } else {
        count - 1 + offset
    };
    let found = usize::try_from(place).ok().and_then(|place| ids.get(place));
    found.copied().ok_or_else(|| {
        Failure::failed(format!(
            "there is no invocation {offset}: the journal has {count} of these units"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_the_last_invocation_or_from_the_first() {
        let id = |digit: &str| digit.repeat(32).parse::<Id128>().unwrap();
        let ids = [id("1"), id("2"), id("3")];
        assert_eq!(at(&ids, 0).unwrap(), id("3"));
        assert_eq!(at(&ids, -2).unwrap(), id("1"));
        assert_eq!(at(&ids, 1).unwrap(), id("1"));
        let failure = at(&ids, -3).unwrap_err();
        assert_eq!(
            failure.text,
            "there is no invocation -3: the journal has 3 of these units"
        );
    }
}
