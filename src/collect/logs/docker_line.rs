//! Lines of the json-file driver of Docker and nerdctl: `{"log":"text\n","stream":"stdout","time":"2026-02-17T14:30:15.123456789Z"}`.

use crate::collect::recognise::time_field;
use crate::collect::tail::chunked::{LinePiece, StreamChunk};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A line as Docker writes it.
#[derive(Debug, Deserialize)]
struct DockerLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

/// The labels and variables that `log-opts` adds to every line: `"attrs":{"com.docker.compose.service":"web"}`.
#[derive(Debug, Deserialize)]
struct LineAttributes {
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

/// The attributes of a line.
pub(super) fn attributes(line: &[u8]) -> BTreeMap<String, String> {
    serde_json::from_slice::<LineAttributes>(line)
        .map_or_else(|_| BTreeMap::new(), |line| line.attrs)
}

impl<'a> DockerLine<'a> {
    fn chunk(self) -> StreamChunk<'a> {
        StreamChunk {
            stream: self.stream.into_owned(),
            time: time_field(self.time.as_bytes()),
            bytes: match self.log {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }
}

/// Every line of Docker starts like this. Within a text the quotes would be escaped.
const BEGINNING: &[u8] = br#"{"log":"#;

/// Passes on the pieces of a line. After a crash a line may be incomplete, with the next one joined to it.
pub(super) fn parse<'a>(line: &'a [u8], give: &mut dyn FnMut(LinePiece<'a>)) {
    if let Ok(whole) = serde_json::from_slice::<DockerLine<'_>>(line) {
        return give(LinePiece::StreamChunk(whole.chunk()));
    }
    let mut rest = line;
    while !rest.is_empty() {
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<DockerLine<'a>>();
        let read = stream.next();
        let length = if let Some(Ok(chunk)) = read {
            give(LinePiece::StreamChunk(chunk.chunk()));
            stream.byte_offset().max(1)
        } else {
            let behind = rest.get(1..).unwrap_or_default();
            let next = memchr::memmem::find(behind, BEGINNING);
            let length = next.map_or(rest.len(), |at| at + 1);
            give(LinePiece::Text(rest.get(..length).unwrap_or(rest)));
            length
        };
        rest = rest.get(length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_glued_lines_are_taken_apart() {
        let whole = r#"{"log":"one\n","stream":"stdout","time":"2026-02-17T14:30:15Z"}"#;
        let quoting = r#"{"log":"{\"log\":1}\n","stream":"stderr"}"#;
        let pieces = |line: &str| {
            let mut found = Vec::new();
            parse(line.as_bytes(), &mut |piece| {
                found.push(match piece {
                    LinePiece::Text(text) => format!("? {}", String::from_utf8_lossy(text)),
                    LinePiece::StreamChunk(chunk) => {
                        format!("{} {}", chunk.stream, String::from_utf8_lossy(&chunk.bytes))
                    }
                });
            });
            found
        };
        assert_eq!(pieces(whole), ["stdout one\n"]);
        assert_eq!(
            pieces(&format!("{whole}{quoting}")),
            ["stdout one\n", "stderr {\"log\":1}\n"]
        );
        let half = &whole[..20];
        assert_eq!(
            pieces(&format!("{half}{whole}")),
            [format!("? {half}"), "stdout one\n".to_owned()]
        );
        assert_eq!(
            pieces(&format!("{whole}{half}")),
            ["stdout one\n".to_owned(), format!("? {half}")]
        );
        assert_eq!(pieces("nonsense"), ["? nonsense"]);
        assert!(pieces("").is_empty());
    }
}
