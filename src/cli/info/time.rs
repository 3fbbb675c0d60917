//! Times and durations in tables.

use crate::time::{Micros, Zone};

/// A time of the API in a zone, to the second; a text that is not a time is unchanged.
pub(super) fn shown(text: &str, zone: &Zone) -> String {
    match Micros::parse(text, Micros::default()) {
        Ok(time) => zone.print(time, "%Y-%m-%d %H:%M:%S"),
        Err(_) => text.to_owned(),
    }
}

/// `850 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`.
pub(super) fn duration(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = [0, 850, 3_250, 250_000, 7_500_000].map(duration);
        assert_eq!(
            shown,
            ["0 ms", "850 ms", "3.2 s", "4 min 10 s", "2 h 5 min"]
        );
    }
}
