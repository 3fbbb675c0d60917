//! Lines that were overwritten: a progress bar returns to the start of its line and writes it again. The record
//! contains the last state, as a terminal shows it.

use crate::collect::recognise::Recogniser;
use crate::record::{Level, Metadata};
use crate::time::Micros;

/// The final text of a line. If it was overwritten, `metadata.line_states` counts the states. A line is unchanged if
/// an overwritten state reports a fault.
pub(crate) fn last_state<'a>(
    line: &'a [u8],
    recogniser: &Recogniser,
    metadata: &mut Metadata,
) -> &'a [u8] {
    if memchr::memchr(b'\r', line).is_none() {
        return line;
    }
    let states = || {
        line.split(|&byte| byte == b'\r')
            .filter(|state| !state.trim_ascii().is_empty())
    };
    let is_trouble = |state: &[u8]| {
        let said = recogniser.said(state, Micros::now(), &mut Metadata::new());
        said.level.is_some_and(|level| level >= Level::Warn)
    };
    let Some(last) = states().next_back() else {
        return line;
    };
    let count = states().count();
    if count > 1 && states().take(count - 1).any(is_trouble) {
        return line;
    }
    if count > 1 {
        metadata.insert("line_states", count);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_bar_is_kept_as_its_last_state() {
        let recogniser = crate::collect::Recognition::default().of("file:test");
        for (line, expected, states) in [
            ("plain", "plain", None),
            ("10%\r 50%\r100% done", "100% done", Some(3)),
            ("10%\r100%\r", "100%", Some(2)),
            ("\rdone", "done", None),
            ("\r\r", "\r\r", None),
            ("ERROR: no room\rretrying", "ERROR: no room\rretrying", None),
        ] {
            let mut metadata = Metadata::new();
            let found = last_state(line.as_bytes(), &recogniser, &mut metadata);
            assert_eq!(found, expected.as_bytes(), "{line:?}");
            let found = metadata
                .get("line_states")
                .and_then(serde_json::Value::as_u64);
            assert_eq!(found, states, "{line:?}");
        }
    }
}
