//! How collectors save their state in a position: as CBOR that only they read.

use crate::record::{Position, Positions};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The saved state of an origin. An unreadable state counts as none: the origin is then read from its start.
pub(crate) fn load<T: Default + DeserializeOwned>(positions: &Positions, origin: &str) -> T {
    let value = positions.get(origin);
    value
        .and_then(|value| ciborium::from_reader(value.as_slice()).ok())
        .unwrap_or_default()
}

/// The position of an origin with this state.
pub(crate) fn save(origin: &str, state: &impl Serialize) -> Position {
    let mut value = Vec::new();
    // Writing plain data to memory cannot fail.
    let written = ciborium::into_writer(state, &mut value).is_ok();
    Position {
        origin: origin.to_owned(),
        value: written.then_some(value),
    }
}

/// The position that removes an origin that was deleted.
pub(crate) fn forget(origin: &str) -> Position {
    Position {
        origin: origin.to_owned(),
        value: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_saved_state_and_ignores_damaged_state() {
        let Position { origin, value } = save("file:x", &(7u64, "seven"));
        let mut positions = Positions::from([(origin, value.unwrap())]);
        let loaded: (u64, String) = load(&positions, "file:x");
        assert_eq!(loaded, (7, "seven".to_owned()));
        assert_eq!(
            load::<(u64, String)>(&positions, "file:y"),
            Default::default()
        );
        positions.insert("file:x".to_owned(), vec![0xff, 0]);
        assert_eq!(
            load::<(u64, String)>(&positions, "file:x"),
            Default::default()
        );
    }
}
