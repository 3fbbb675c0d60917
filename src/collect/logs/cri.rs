//! Lines of container runtimes (containerd, CRI-O) and of Podman's `k8s-file` driver: `2026-02-17T14:30:15.123456789Z
//! stdout F text`. A long line is split into several; all but the last have the tag `P`.

use crate::collect::recognise::time_field;
use crate::collect::tail::chunked::{LinePiece, StreamChunk};
use std::borrow::Cow;

/// Passes on the piece that a line holds: a chunk of its stream, or text if it has another form.
pub(crate) fn parse<'a>(line: &'a [u8], give: &mut dyn FnMut(LinePiece<'a>)) {
    give(chunk(line).map_or(LinePiece::Text(line), LinePiece::StreamChunk));
}

fn chunk(line: &[u8]) -> Option<StreamChunk<'_>> {
    // This check alone excludes most lines of other forms.
    if line.get(4) != Some(&b'-') || line.get(10) != Some(&b'T') {
        return None;
    }
    let end = memchr::memchr(b' ', line)?;
    let rest = line.get(end..)?;
    let (stream, rest) = [" stdout ", " stderr "]
        .iter()
        .find_map(|stream| Some((stream.trim(), rest.strip_prefix(stream.as_bytes())?)))?;
    let tags_end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    let (tags, text) = rest.split_at_checked(tags_end)?;
    let is_last = match tags.split(|&byte| byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    let time = time_field(line.get(..end)?)?;
    let text = text.strip_prefix(b" ").unwrap_or(text);
    Some(StreamChunk {
        stream: stream.to_owned(),
        time: Some(time),
        bytes: if is_last {
            let mut bytes = Vec::with_capacity(text.len() + 1);
            bytes.extend_from_slice(text);
            bytes.push(b'\n');
            Cow::Owned(bytes)
        } else {
            Cow::Borrowed(text)
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_chunks_from_other_lines() {
        let read = |line: &str| {
            let chunk = chunk(line.as_bytes())?;
            let text = String::from_utf8(chunk.bytes.into_owned()).unwrap();
            Some((chunk.stream, text, chunk.time.unwrap().to_string()))
        };
        let time = "2026-02-17T14:30:15.123456Z";
        for (line, stream, text) in [
            (
                "2026-02-17T14:30:15.123456789Z stdout F hello  you",
                "stdout",
                "hello  you\n",
            ),
            (
                "2026-02-17T15:30:15.123456789+01:00 stderr P half ",
                "stderr",
                "half ",
            ),
            (
                "2026-02-17T14:30:15.123456789Z stdout F:tag x",
                "stdout",
                "x\n",
            ),
            ("2026-02-17T14:30:15.123456789Z stdout F ", "stdout", "\n"),
            ("2026-02-17T14:30:15.123456789Z stdout F", "stdout", "\n"),
        ] {
            let expected = (stream.to_owned(), text.to_owned(), time.to_owned());
            assert_eq!(read(line), Some(expected), "{line}");
        }
        for line in [
            "",
            "2026-02-17T14:30:15Z stdout",
            "2026-02-17T14:30:15Z stdout is F",
            "2026-02-17T14:30:15Z INFO F x",
            "2026-02-17 14:30:15 stdout F x",
            "xxxx-02-17T14:30:15Z stdout F x",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
