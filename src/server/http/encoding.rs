//! gzip, for clients that accept it.

use crate::server::http::reply;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use warp::http::header::{self, HeaderMap, HeaderValue};
use warp::reply::Response;

/// A smaller response fits into one packet either way.
const GZIP_BYTES_MIN: usize = 1_200;

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum ContentEncoding {
    /// Not compressed.
    Plain,
    /// Compressed.
    Gzip,
}

impl ContentEncoding {
    /// gzip if the client names it and does not refuse it with `q=0`.
    pub(in crate::server) fn asked_by(headers: &HeaderMap) -> Self {
        let named = headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(is_gzip);
        if named { Self::Gzip } else { Self::Plain }
    }

    /// Encodes a body for this client; small ones are not compressed.
    pub(in crate::server) fn whole(self, body: Vec<u8>) -> EncodedBody {
        if self == Self::Plain || body.len() < GZIP_BYTES_MIN {
            return EncodedBody {
                body,
                encoding: Self::Plain,
            };
        }
        EncodedBody {
            body: gzip(&body),
            encoding: Self::Gzip,
        }
    }

    /// Sets the headers of the encoding.
    pub(in crate::server) fn mark(self, response: &mut Response) {
        let headers = response.headers_mut();
        reply::set(
            headers,
            header::VARY,
            HeaderValue::from_static("accept-encoding"),
        );
        if self == Self::Gzip {
            reply::set(
                headers,
                header::CONTENT_ENCODING,
                HeaderValue::from_static("gzip"),
            );
        }
    }
}

/// A whole body, compressed.
pub(in crate::server) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut stream = EncodedStream::new(ContentEncoding::Gzip);
    stream.write(body);
    stream.finish()
}

fn is_gzip(choice: &str) -> bool {
    let mut parts = choice.split(';').map(str::trim);
    let named = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
    named && parts.all(|part| !matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
}

/// An encoded body.
#[derive(Debug)]
pub(in crate::server) struct EncodedBody {
    pub(in crate::server) body: Vec<u8>,
    pub(in crate::server) encoding: ContentEncoding,
}

/// A body that is encoded in pieces.
pub(in crate::server) enum EncodedStream {
    /// Not compressed.
    Plain(Vec<u8>),
    /// Compressed, fast rather than small.
    Gzip(GzEncoder<Vec<u8>>),
}

impl EncodedStream {
    pub(in crate::server) fn new(encoding: ContentEncoding) -> Self {
        match encoding {
            ContentEncoding::Plain => Self::Plain(Vec::new()),
            ContentEncoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
        }
    }

    /// Adds to the body. Writing to memory cannot fail.
    pub(in crate::server) fn write(&mut self, bytes: &[u8]) {
        match self {
            Self::Plain(out) => out.extend_from_slice(bytes),
            Self::Gzip(encoder) => {
                let written = encoder.write_all(bytes);
                debug_assert!(written.is_ok(), "gzip into memory: {written:?}");
            }
        }
    }

    /// Adds what `write` appends, which need not be copied if it is not compressed. Each call should add much.
    pub(in crate::server) fn write_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::Plain(out) => write(out),
            Self::Gzip(_) => {
                let mut text = Vec::new();
                write(&mut text);
                self.write(&text);
            }
        }
    }

    /// Takes the bytes that can be sent.
    pub(in crate::server) fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Plain(out) => std::mem::take(out),
            Self::Gzip(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    /// Takes the remaining bytes.
    pub(in crate::server) fn finish(self) -> Vec<u8> {
        match self {
            Self::Plain(out) => out,
            Self::Gzip(encoder) => encoder.finish().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn asked(value: &'static str) -> ContentEncoding {
        let mut headers = HeaderMap::new();
        headers.insert("accept-encoding", HeaderValue::from_static(value));
        ContentEncoding::asked_by(&headers)
    }

    fn unpacked(bytes: &[u8]) -> String {
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes)
            .read_to_string(&mut text)
            .expect("gzip");
        text
    }

    #[test]
    fn gzip_is_used_if_accepted() {
        for value in ["gzip", "br, GZIP;q=0.5", "deflate,gzip ; q=1"] {
            assert_eq!(asked(value), ContentEncoding::Gzip, "{value}");
        }
        for value in ["", "identity", "gzip;q=0", "gzip; q=0.0", "x-gzip", "*"] {
            assert_eq!(asked(value), ContentEncoding::Plain, "{value}");
        }
    }

    #[test]
    fn compressed_body_decompresses_to_the_original() {
        let text = "a line of a log\n".repeat(1_000);
        let encoded = ContentEncoding::Gzip.whole(text.clone().into_bytes());
        assert!(encoded.body.len() < text.len() / 10);
        assert_eq!(unpacked(&encoded.body), text);
        let mut response = Response::default();
        encoded.encoding.mark(&mut response);
        assert_eq!(response.headers()["content-encoding"], "gzip");
        assert_eq!(response.headers()["vary"], "accept-encoding");

        let small = ContentEncoding::Gzip.whole(b"{}".to_vec());
        assert_eq!(small.body, b"{}");
        let mut response = Response::default();
        small.encoding.mark(&mut response);
        assert!(!response.headers().contains_key("content-encoding"));
    }

    #[test]
    fn stream_can_be_taken_in_pieces() {
        for encoding in [ContentEncoding::Plain, ContentEncoding::Gzip] {
            let mut stream = EncodedStream::new(encoding);
            let (mut sent, mut expected) = (Vec::new(), String::new());
            for number in 0..1_000 {
                let line = format!("{number}\n");
                expected.push_str(&line);
                stream.write(line.as_bytes());
                sent.extend(stream.take());
            }
            sent.extend(stream.finish());
            let text = match encoding {
                ContentEncoding::Plain => String::from_utf8(sent).expect("text"),
                ContentEncoding::Gzip => unpacked(&sent),
            };
            assert_eq!(text, expected);
        }
    }
}
