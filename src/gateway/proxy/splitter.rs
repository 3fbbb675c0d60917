//! Splits a stream of server-sent events into its blocks, however the bytes are cut.

use crate::gateway::node::fault::NodeFault;

/// A record is 1 MiB of message at most, which JSON may make six times as long.
const BLOCK_BYTES_MAX: usize = 16 << 20;

/// One block of a stream: an event, or a comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::gateway) struct SseBlock {
    /// The text with the empty line at its end.
    pub(in crate::gateway) text: Vec<u8>,
    /// The name of the event; empty for a record.
    pub(in crate::gateway) event: String,
    pub(in crate::gateway) id: Option<String>,
    /// The data, without its field name.
    pub(in crate::gateway) data: String,
}

/// Takes bytes, gives blocks.
#[derive(Debug, Default)]
pub(in crate::gateway) struct BlockSplitter {
    bytes: Vec<u8>,
    /// Everything before was searched for the end of a block.
    searched: usize,
}

impl BlockSplitter {
    /// Adds bytes.
    pub(in crate::gateway) fn push(&mut self, bytes: &[u8]) -> Result<(), NodeFault> {
        if self.bytes.len() + bytes.len() > BLOCK_BYTES_MAX {
            let why = format!("an event has more than {BLOCK_BYTES_MAX} bytes");
            return Err(NodeFault::Broken(why));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole block. Nodes end lines with `\n`.
    pub(in crate::gateway) fn next(&mut self) -> Result<Option<SseBlock>, NodeFault> {
        let from = self.searched.saturating_sub(1);
        let unsearched = self.bytes.get(from..).unwrap_or_default();
        let Some(end) = unsearched.windows(2).position(|pair| pair == b"\n\n") else {
            self.searched = self.bytes.len();
            return Ok(None);
        };
        let rest = self.bytes.split_off(from + end + 2);
        let text = std::mem::replace(&mut self.bytes, rest);
        self.searched = 0;
        block(text).map(Some)
    }
}

fn block(text: Vec<u8>) -> Result<SseBlock, NodeFault> {
    let lines = std::str::from_utf8(&text)
        .map_err(|_| NodeFault::Broken("an event is not UTF-8".to_owned()))?;
    let mut block = SseBlock::default();
    for line in lines.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut block.event),
            "id" => block.id = Some(value.to_owned()),
            "data" if block.data.is_empty() => value.clone_into(&mut block.data),
            "data" => {
                block.data.push('\n');
                block.data.push_str(value);
            }
            _ => {}
        }
    }
    block.text = text;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_whole_however_the_bytes_are_cut() {
        let text = b"retry: 1000\nid: 7\n\n: hello\n\nid: 8\ndata: {\"a\":1}\n\nevent: gap\ndata: x\n\nevent: en";
        for size in 1..text.len() {
            let (mut splitter, mut found) = (BlockSplitter::default(), Vec::new());
            for piece in text.chunks(size) {
                splitter.push(piece).expect("short");
                while let Some(block) = splitter.next().expect("UTF-8") {
                    found.push(block);
                }
            }
            let all: Vec<u8> = found.iter().flat_map(|block| block.text.clone()).collect();
            assert_eq!(all, text[..text.len() - 9], "in pieces of {size}");
            let ids: Vec<_> = found.iter().map(|block| block.id.as_deref()).collect();
            assert_eq!(ids, [Some("7"), None, Some("8"), None]);
            assert_eq!(found[2].data, "{\"a\":1}");
            assert_eq!((&*found[3].event, &*found[3].data), ("gap", "x"));
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut splitter = BlockSplitter::default();
        let piece = vec![b'x'; 1 << 20];
        let pushed = (0..20).map_while(|_| splitter.push(&piece).ok()).count();
        assert_eq!(pushed, 16);
    }
}
