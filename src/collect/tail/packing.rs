//! Packed log files: which are packed, by their names, and how they are unpacked.

use crate::collect::tail::mark::HEAD_MAX;
use crate::collect::text::line::BEHIND_MAX;
use std::ffi::OsStr;
use std::io::{self, Read};

/// Bytes read at a time: large enough that the calls cost nothing, small enough for a machine with little memory.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// The memory that unpacking may take: what `zstd -19` and `xz -9` need. A file made to need more is not read.
const UNPACK_BYTES_MAX: u32 = 65 << 20;

/// How the bytes of a file are packed, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
    Xz,
}

/// Whether a name says that the file is packed.
pub(crate) fn is_packed(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| unpacked(name).1 != Packing::Plain)
}

pub(super) fn unpacked(name: &str) -> (&str, Packing) {
    let packings = [
        (".gz", Packing::Gzip),
        (".zst", Packing::Zstd),
        (".xz", Packing::Xz),
    ];
    for (extension, packing) in packings {
        if let Some(name) = name.strip_suffix(extension) {
            return (name, packing);
        }
    }
    (name, Packing::Plain)
}

/// How far a stream has been passed, and the last bytes that were.
#[derive(Debug, Default)]
pub(super) struct Passed {
    offset: u64,
    last: Vec<u8>,
}

impl Passed {
    /// Fills `buffer` from the offset, which may be among the last bytes that were read.
    pub(super) fn read_at(
        &mut self,
        stream: &mut dyn Read,
        buffer: &mut [u8],
        at: u64,
    ) -> io::Result<()> {
        self.skip_to(stream, at + buffer.len() as u64)?;
        let from = self.last.len().checked_sub(buffer.len());
        let found = from
            .and_then(|from| self.last.get(from..))
            .unwrap_or_default();
        if found.len() != buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.copy_from_slice(found);
        Ok(())
    }

    pub(super) fn skip_to(&mut self, stream: &mut dyn Read, offset: u64) -> io::Result<()> {
        const KEPT: usize = if HEAD_MAX > BEHIND_MAX {
            HEAD_MAX
        } else {
            BEHIND_MAX
        };
        let mut chunk = vec![0; CHUNK_BYTES];
        while self.offset < offset {
            let wanted = usize::try_from(offset - self.offset)
                .map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
            let room = chunk.get_mut(..wanted).unwrap_or_default();
            let count = retry(|| stream.read(room))?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.last
                .extend_from_slice(room.get(..count).unwrap_or_default());
            let surplus = self.last.len().saturating_sub(KEPT);
            self.last.drain(..surplus);
            self.offset += count as u64;
        }
        Ok(())
    }
}

/// The unpacked content of a file.
pub(crate) fn unpack(
    file: impl Read + Send + 'static,
    packing: Packing,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Packing::Zstd => {
            let mut stream = zstd::Decoder::new(file)?;
            stream.window_log_max(UNPACK_BYTES_MAX.ilog2())?;
            Box::new(stream)
        }
        Packing::Xz => {
            let limit = UNPACK_BYTES_MAX / 1024;
            Box::new(lzma_rust2::XzReader::new_mem_limit(
                io::BufReader::new(file),
                true,
                limit,
            ))
        }
    })
}

pub(super) fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
