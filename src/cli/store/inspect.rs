//! `vmlog inspect`: the contents of a store's files, down to the bytes, with the terms of `format-spec/store.md`.

use super::folder;
use crate::cli::bundle;
use crate::cli::endpoint;
use crate::cli::failure::Failure;
use crate::cli::parameters::{flag, given, long};
use crate::cli::terminal::output::print_paged;
use crate::cli::terminal::progress::{Progress, Unit, size};
use crate::cli::terminal::text::counted;
use crate::disk::{Disk, RealDisk};
use crate::pipeline::error_chain;
use crate::record::Level;
use crate::store::{
    self, BlockInspection, ChunkInspection, FrameContent, FrameInspection, SegmentInspection,
    StoreInspection,
};
use clap::{ArgMatches, Command, value_parser};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Number of bytes of a chunk that are shown without `--bytes`.
const BYTES_SHOWN: u64 = 256;

/// The arguments of `vmlog inspect`.
pub(in crate::cli) fn command() -> Command {
    Command::new("inspect")
        .about("Show what the files of a store contain, down to the bytes")
        .long_about(
            "Shows what each segment contains: IDs, times, records, sources, levels, the size of each column before and after \
             compression, and whether the checksums are correct. Works on a store of any machine, whole or partial, on a single \
             .seg or .open file, and on a bundle of `vmlog evidence`, whose hashes it checks. The terms are those of format-spec/store.md.",
        )
        .after_help(
            "Examples:\n  vmlog inspect\n  vmlog inspect /mnt/dead-vm/var/lib/vmlog/store\n  \
             vmlog inspect 00000000000000000001.seg\n  vmlog inspect --segment 00000000000000000001.seg --block 0\n  \
             vmlog inspect evidence.tar.zst\n\n\
             Exit codes: 0 done, even if something is damaged; 1 nothing can be read; 2 usage error",
        )
        .arg(folder::argument())
        .arg(long("segment", "FILE", "Only this segment, with its parts and its blocks or frames; a name in DIR or a path"))
        .arg(block_argument())
        .arg(flag("bytes", "With --block: all bytes, not only the first of each column").requires("block"))
}

fn block_argument() -> clap::Arg {
    long(
        "block",
        "N",
        "This block of a sealed segment, or frame of an active one, from 0: down to the bytes",
    )
    .value_parser(value_parser!(usize))
}

/// Shows the requested part.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let root = folder::of(matches)?;
    if bundle::is_bundle(&root) {
        return print_paged(&bundle::describe(&root)?);
    }
    let file = match given(matches, "segment") {
        Some(name) => Some(segment_path(&root, name)),
        None => endpoint::is_segment_file(&root).then(|| root.clone()),
    };
    let text = match (file, matches.get_one::<usize>("block")) {
        (Some(path), block) => {
            let segment =
                store::inspect_segment(&RealDisk, &path).map_err(folder::unreadable(&path))?;
            match block {
                None => segment_whole(&segment),
                Some(block) => block_bytes(&segment, *block, matches.get_flag("bytes"))?,
            }
        }
        (None, Some(_)) => {
            return Err(Failure::usage(
                "--block: name the segment with --segment FILE",
            ));
        }
        (None, None) => {
            let progress = Progress::start("reading", None, Unit::Time);
            let store =
                store::inspect_store(Arc::new(RealDisk), &root).map_err(folder::unreadable(&root));
            progress.finish();
            store_whole(&store?)
        }
    };
    print_paged(&text)
}

/// A name in the folder, or a path.
fn segment_path(root: &Path, name: &str) -> PathBuf {
    let in_folder = root.join(name);
    if RealDisk.open(&in_folder).is_ok() {
        in_folder
    } else {
        PathBuf::from(name)
    }
}

fn store_whole(store: &StoreInspection) -> String {
    let mut text = format!("store {}\n", store.path.display());
    match &store.identity {
        Ok(identity) => {
            let _ = writeln!(
                text,
                "  id {}, made {} by {}",
                identity.store_id, identity.created, identity.by
            );
        }
        Err(error) => {
            let _ = writeln!(
                text,
                "  its STORE file cannot be read: {}",
                error_chain(error)
            );
        }
    }
    let _ = writeln!(
        text,
        "  {} records, ids {}, low-water id {}, {} in {}",
        store.records,
        ids(&store.ids),
        store.low_water,
        size(store.bytes),
        counted(store.segments.len(), "segment")
    );
    for snapshot in &store.snapshots {
        let _ = match &snapshot.content {
            Ok(content) => writeln!(
                text,
                "  snapshot {}: {} records, taken {}",
                snapshot.name, content.records, content.taken
            ),
            Err(error) => writeln!(
                text,
                "  snapshot {}: cannot be read: {}",
                snapshot.name,
                error_chain(error)
            ),
        };
    }
    for path in &store.leftover {
        let _ = writeln!(text, "  left over: {}", path.display());
    }
    for error in &store.unreadable {
        let _ = writeln!(text, "  CANNOT BE READ: {}", error_chain(error));
    }
    for segment in &store.segments {
        text.push('\n');
        text.push_str(&segment_summary(segment));
    }
    text
}

fn segment_summary(segment: &SegmentInspection) -> String {
    let mut text = format!("segment {}\n", segment.path.display());
    let sealed = segment
        .sealed
        .map(|time| format!(", sealed {time}"))
        .unwrap_or_default();
    let created = segment
        .created
        .map(|time| format!(", begun {time}"))
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "  {}, format {}, store {}{created}{sealed}",
        segment.kind, segment.format_version, segment.store_id
    );
    let _ = writeln!(
        text,
        "  ids {}, {} records, {}, {} blocks, {} frames, low-water id {}",
        ids(&segment.ids),
        segment.records,
        size(segment.bytes),
        segment.blocks.len(),
        segment.frames.len(),
        segment.low_water
    );
    if let Some(thinned) = segment.thinned {
        let _ = writeln!(
            text,
            "  kept evidence: {thinned} other records were deleted"
        );
    }
    if let Some(times) = &segment.times {
        let _ = writeln!(text, "  times {} to {}", times.start(), times.end());
    }
    text.push_str(&segment_content(segment));
    for (origin, position) in &segment.positions {
        let _ = writeln!(text, "  position {origin}: {} bytes", position.len());
    }
    if segment.torn_bytes > 0 {
        let _ = writeln!(
            text,
            "  {} bytes after the last complete frame",
            segment.torn_bytes
        );
    }
    let unsound = segment.parts.iter().filter(|part| !part.is_sound).count();
    let _ = writeln!(
        text,
        "  checks: {} parts, {unsound} unsound",
        segment.parts.len()
    );
    for error in &segment.damage {
        let _ = writeln!(text, "  DAMAGED: {}", error_chain(error));
    }
    text
}

/// Levels, sources and columns.
fn segment_content(segment: &SegmentInspection) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "  levels {}", levels(&segment.levels));
    for source in &segment.sources {
        let _ = writeln!(
            text,
            "  source {:>3} {}: {}",
            source.number,
            source.source,
            levels(&source.levels)
        );
    }
    for column in segment.columns.iter().filter(|column| column.raw_bytes > 0) {
        let _ = writeln!(
            text,
            "  column {:<16} {:>12} of {:>12} bytes ({})",
            column_name(column.name),
            column.stored_bytes,
            column.raw_bytes,
            percent(column.stored_bytes, column.raw_bytes)
        );
    }
    text
}

fn segment_whole(segment: &SegmentInspection) -> String {
    let mut text = segment_summary(segment);
    text.push_str("\n     offset        bytes  part\n");
    for part in &segment.parts {
        let _ = writeln!(
            text,
            "{:>11} {:>12}  {}{}",
            part.offset,
            part.bytes,
            part.name,
            sound(part.is_sound)
        );
    }
    if !segment.blocks.is_empty() {
        text.push_str(
            "\nblock  source      rows  ids                    stored bytes  of raw bytes  times\n",
        );
    }
    for (number, block) in segment.blocks.iter().enumerate() {
        let (stored, raw) = block_sizes(block);
        let source = block
            .source
            .map_or("several".to_owned(), |source| source.to_string());
        let (start, end) = (block.times.start(), block.times.end());
        let _ = writeln!(
            text,
            "{number:>5}  {source:<7} {:>8}  {:<21} {stored:>13} {raw:>13}  {start} to {end}",
            block.rows,
            ids(&block.ids)
        );
    }
    if !segment.frames.is_empty() {
        text.push_str("\nframe       offset        bytes  content\n");
    }
    for (number, frame) in segment.frames.iter().enumerate() {
        let _ = writeln!(
            text,
            "{number:>5}  {:>11} {:>12}  {}",
            frame.offset,
            frame.bytes,
            content(frame)
        );
    }
    text
}

fn block_sizes(block: &BlockInspection) -> (u64, u64) {
    let stored = block
        .columns
        .iter()
        .map(|chunk| u64::from(chunk.stored_bytes))
        .sum();
    let raw = block
        .columns
        .iter()
        .map(|chunk| u64::from(chunk.raw_bytes))
        .sum();
    (stored, raw)
}

fn content(frame: &FrameInspection) -> String {
    match frame.content {
        FrameContent::Batch {
            first_id,
            rows,
            sources,
            positions,
            message_bytes,
            metadata_bytes,
        } => {
            let last = (first_id + rows).saturating_sub(1);
            format!(
                "batch: ids {first_id} to {last}, {sources} sources, {positions} positions, {message_bytes} bytes of messages, \
                 {metadata_bytes} of metadata"
            )
        }
        FrameContent::State {
            positions,
            low_water,
        } => format!("state: {positions} positions, low-water id {low_water}"),
        FrameContent::LowWater { low_water } => format!("low-water id {low_water}"),
    }
}

/// One block or frame, down to the bytes.
fn block_bytes(
    segment: &SegmentInspection,
    number: usize,
    is_whole: bool,
) -> Result<String, Failure> {
    let shown = |offset, bytes: u64| {
        dump(
            &segment.path,
            offset,
            if is_whole {
                bytes
            } else {
                bytes.min(BYTES_SHOWN)
            },
            bytes,
        )
    };
    if let Some(block) = segment.blocks.get(number) {
        let mut text = format!("block {number} of {}\n", segment.path.display());
        let source = block
            .source
            .and_then(|source| segment.sources.iter().find(|it| it.number == source));
        let source = source.map_or("several".to_owned(), |source| {
            format!("{} {}", source.number, source.source)
        });
        let _ = writeln!(
            text,
            "  source {source}, {} rows, ids {}",
            block.rows,
            ids(&block.ids)
        );
        let _ = writeln!(
            text,
            "  times {} to {}",
            block.times.start(),
            block.times.end()
        );
        let _ = writeln!(text, "  levels {}", levels(&block.levels.map(u64::from)));
        let _ = writeln!(text, "  bitmap: {} bits set", block.bitmap_bits_set);
        for chunk in block
            .columns
            .iter()
            .chain([&block.bitmap])
            .chain(&block.filter)
            .filter(|chunk| chunk.stored_bytes > 0)
        {
            text.push_str(&chunk_line(chunk));
            text.push_str(&shown(chunk.offset, chunk.stored_bytes.into())?);
        }
        return Ok(text);
    }
    if let Some(frame) = segment.frames.get(number) {
        let mut text = format!("frame {number} of {}\n", segment.path.display());
        let _ = writeln!(text, "  {}", content(frame));
        let _ = writeln!(
            text,
            "  offset {}, {} bytes; {} bytes of the file were synced before it",
            frame.offset, frame.bytes, frame.durable
        );
        text.push_str(&shown(frame.offset, frame.bytes)?);
        return Ok(text);
    }
    let count = segment.blocks.len().max(segment.frames.len());
    Err(Failure::usage(format!(
        "--block: expected less than {count}, the number of blocks or frames, got {number}"
    )))
}

fn chunk_line(chunk: &ChunkInspection) -> String {
    format!(
        "\n  {}: offset {}, {} bytes, {} before compression ({}), crc32 {:08x}{}\n",
        column_name(chunk.name),
        chunk.offset,
        chunk.stored_bytes,
        chunk.raw_bytes,
        percent(chunk.stored_bytes.into(), chunk.raw_bytes.into()),
        chunk.crc,
        sound(chunk.is_sound)
    )
}

/// The name of a column in the format, without its prefix.
fn column_name(name: &str) -> &str {
    name.strip_prefix("block ").unwrap_or(name)
}

/// The first `shown` of `bytes` bytes of a file, sixteen per line: offset, hexadecimal, text.
fn dump(path: &Path, offset: u64, shown: u64, bytes: u64) -> Result<String, Failure> {
    let mut buffer = vec![0; usize::try_from(shown).unwrap_or_default()];
    let read = RealDisk
        .open(path)
        .and_then(|file| file.read_exact_at(&mut buffer, offset));
    read.map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
    let mut text = String::new();
    for (line, at) in buffer.chunks(16).zip((offset..).step_by(16)) {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let plain = |byte: &u8| {
            if (0x20..0x7f).contains(byte) {
                char::from(*byte)
            } else {
                '.'
            }
        };
        let plain: String = line.iter().map(plain).collect();
        let _ = writeln!(text, "  {at:>11}  {:<47}  {plain}", hex.join(" "));
    }
    if shown < bytes {
        let _ = writeln!(
            text,
            "  {:>11}  {} more bytes: --bytes shows them",
            "",
            bytes - shown
        );
    }
    Ok(text)
}

fn sound(is_sound: bool) -> &'static str {
    if is_sound { "" } else { "  CORRUPT: wrong CRC" }
}

/// `1 to 25000`, inclusive; `none` for an empty range.
pub(in crate::cli) fn ids(ids: &Range<u64>) -> String {
    if ids.is_empty() {
        "none".to_owned()
    } else {
        format!("{} to {}", ids.start, ids.end - 1)
    }
}

fn levels(counts: &[u64; 4]) -> String {
    let counts: Vec<String> = Level::ALL
        .into_iter()
        .zip(counts)
        .filter(|(_, count)| **count > 0)
        .map(|(level, count)| format!("{level} {count}"))
        .collect();
    if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    }
}

fn percent(part: u64, whole: u64) -> String {
    match (u128::from(part) * 1000).checked_div(u128::from(whole)) {
        Some(tenths) => format!("{}.{} %", tenths / 10, tenths % 10),
        None => "-".to_owned(),
    }
}
