//! Parses server-sent events from bytes that arrive in arbitrary pieces.

/// An event of a stream. Fields that the server did not send are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerEvent {
    pub(super) name: String,
    pub(super) data: String,
    pub(super) id: Option<u64>,
}

/// Turns bytes into events.
#[derive(Debug, Default)]
pub(super) struct EventParser {
    line: Vec<u8>,
    event: ServerEvent,
    is_begun: bool,
}

/// A record has at most 1 MiB of message, which JSON may make six times as long.
pub(super) const LINE_BYTES_MAX: usize = 16 << 20;

impl EventParser {
    /// Adds bytes and calls `event` with every complete event. `None` for a line that a vmlog server never sends.
    pub(super) fn take(&mut self, bytes: &[u8], mut event: impl FnMut(ServerEvent)) -> Option<()> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > LINE_BYTES_MAX {
                return None;
            }
            if self.line.pop_if(|byte| *byte == b'\n').is_some() {
                self.line.pop_if(|byte| *byte == b'\r');
                let line = String::from_utf8(std::mem::take(&mut self.line)).ok()?;
                if let Some(whole) = self.line(&line) {
                    event(whole);
                }
            }
        }
        Some(())
    }

    fn line(&mut self, line: &str) -> Option<ServerEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.is_begun).then_some(event);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = value.parse().ok(),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments, and the retry time, which the client knows itself.
            _ => return None,
        }
        self.is_begun = true;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_complete_for_any_split_of_the_bytes() {
        let text = b"retry: 1000\nid: 7\n\n: hello\n\nid: 8\r\ndata: {\"a\":1}\r\n\r\nevent: gap\ndata: x\ndata: y\n\nevent: en";
        let event = |name: &str, data: &str, id| ServerEvent {
            name: name.to_owned(),
            data: data.to_owned(),
            id,
        };
        let expected = [
            event("", "", Some(7)),
            event("", "{\"a\":1}", Some(8)),
            event("gap", "x\ny", None),
        ];
        for size in 1..text.len() {
            let (mut events, mut found) = (EventParser::default(), vec![]);
            for piece in text.chunks(size) {
                events
                    .take(piece, |event| found.push(event))
                    .expect("UTF-8");
            }
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut events = EventParser::default();
        let piece = vec![b'x'; 1 << 20];
        let taken = (0..20).map_while(|_| events.take(&piece, drop)).count();
        assert_eq!(taken, 16);
    }
}
