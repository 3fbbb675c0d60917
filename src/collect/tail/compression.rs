//! Compressed log files, recognised by their names, and their decompression.

use crate::collect::tail::mark::HEAD_MAX;
use crate::collect::text::line::BEHIND_MAX;
use std::ffi::OsStr;
use std::io::{self, Read};

/// Size of a read: large enough that system calls cost nothing, small enough for a machine with little memory.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Maximum memory for decompression: what `zstd -19` and `xz -9` need. A file made to need more is not read.
const DECOMPRESS_BYTES_MAX: u32 = 65 << 20;

/// The compression of a file, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileCompression {
    Plain,
    Gzip,
    Zstd,
    Xz,
}

/// Whether the name is that of a compressed file.
pub(crate) fn is_compressed(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| decompressed(name).1 != FileCompression::Plain)
}

pub(super) fn decompressed(name: &str) -> (&str, FileCompression) {
    let compressions = [
        (".gz", FileCompression::Gzip),
        (".zst", FileCompression::Zstd),
        (".xz", FileCompression::Xz),
    ];
    for (extension, compression) in compressions {
        if let Some(name) = name.strip_suffix(extension) {
            return (name, compression);
        }
    }
    (name, FileCompression::Plain)
}

/// How far a stream has been read, and the last bytes before that place.
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

/// The decompressed content of a file.
pub(crate) fn decompress(
    file: impl Read + Send + 'static,
    compression: FileCompression,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        FileCompression::Plain => Box::new(file),
        FileCompression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
        FileCompression::Zstd => {
            let mut stream = zstd::Decoder::new(file)?;
            stream.window_log_max(DECOMPRESS_BYTES_MAX.ilog2())?;
            Box::new(stream)
        }
        FileCompression::Xz => {
            let limit = DECOMPRESS_BYTES_MAX / 1024;
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
