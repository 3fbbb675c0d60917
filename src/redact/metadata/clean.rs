//! Remembers short texts without a secret: nearly all records of a source have the same unit, path or container.

use crate::redact::scan::RecordScan;
use crate::redact::scan::RuleBits;

/// The number of remembered texts: twice that of the texts of a record of a container.
const TEXTS: usize = 32;

/// The maximum length of a remembered text: a container's ID has 64 digits.
const LENGTH_MAX: usize = 64;

/// Texts in which the scanner found nothing, by their slots. The scanner must always be the same.
#[derive(Debug, Clone)]
pub(in crate::redact) struct CleanTexts([CleanText; TEXTS]);

#[derive(Debug, Clone, Copy)]
struct CleanText {
    bytes: [u8; LENGTH_MAX],
    length: usize,
}

impl Default for CleanTexts {
    fn default() -> Self {
        // the empty text is clean
        let empty = CleanText {
            bytes: [0; LENGTH_MAX],
            length: 0,
        };
        Self([empty; TEXTS])
    }
}

impl CleanTexts {
    /// The text without its secrets and the rules that matched, as [`RecordScan::scrub_text`] finds them; `None` if there are none.
    pub(in crate::redact) fn scrub(
        &mut self,
        scan: &RecordScan<'_>,
        text: &str,
    ) -> Option<(String, RuleBits)> {
        let place = self.0.get_mut(slot_of(text.as_bytes()));
        let Some(place) = place.filter(|_| text.len() <= LENGTH_MAX) else {
            return scan.scrub_text(text);
        };
        if place.bytes.get(..place.length) == Some(text.as_bytes()) {
            return None;
        }
        let scrubbed = scan.scrub_text(text);
        if scrubbed.is_none()
            && !scan.is_spent()
            && let Some(bytes) = place.bytes.get_mut(..text.len())
        {
            bytes.copy_from_slice(text.as_bytes());
            place.length = text.len();
        }
        scrubbed
    }
}

/// The values of a record differ in their length or at their end.
fn slot_of(text: &[u8]) -> usize {
    let byte = |from_end: usize| {
        let at = text.len().checked_sub(from_end);
        at.and_then(|at| text.get(at))
            .copied()
            .map_or(0, usize::from)
    };
    (text.len() + 5 * byte(1) + 3 * byte(2) + 7 * byte(4)) % TEXTS
}

#[cfg(test)]
mod tests {
    use crate::record::{Level, Record, Source};
    use crate::redact::{RedactOptions, Redactor};
    use crate::time::Micros;
    use serde_json::json;

    #[test]
    fn a_text_is_redacted_alike_the_second_time() {
        let mut redactor = Redactor::new(&RedactOptions::default()).unwrap();
        let texts = [
            "web.service",
            "",
            "password=hunter22",
            "/srv/app/web.log",
            "password=hunter23",
            "login of ann",
        ];
        for _ in 0..3 {
            for text in texts {
                let metadata = json!({ "unit": text });
                let record = Record {
                    timestamp: Micros::new(1),
                    source: Source::new("file", text),
                    level: Level::Info,
                    message: String::new(),
                    metadata: metadata.as_object().unwrap().clone().into(),
                };
                let found = redactor.redact(record).into_record();
                let expected = redactor.redact_text(text);
                let unit = found.metadata.get("unit").and_then(|unit| unit.as_str());
                assert_eq!(unit, Some(expected.as_ref()));
                assert!(!found.source.as_str().contains("hunter"), "{text}");
            }
        }
    }
}
