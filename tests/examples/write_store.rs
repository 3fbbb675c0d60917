//! Writes the lines of standard input to a store, redacted.
//!
//! ```console
//! $ some-program | cargo run --no-default-features --features store --example write_store ./store
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use vmlog::disk::RealDisk;
use vmlog::record::{Level, Metadata, Record, Source};
use vmlog::redact::{RedactOptions, Redacted, Redactor};
use vmlog::store::{Options, Store};
use vmlog::time::Micros;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: write_store FOLDER")?;
    let (mut store, recovery) =
        Store::open(Arc::new(RealDisk), Path::new(&folder), Options::default())?;
    for damage in &recovery.damage {
        eprintln!("{damage}");
    }
    let mut redactor = Redactor::new(&RedactOptions::default())?;
    let source = Source::new("file", "stdin");
    let records: Vec<Redacted> = std::io::stdin()
        .lines()
        .map(|line| {
            let record = Record {
                timestamp: Micros::now(),
                source: source.clone(),
                level: Level::Info,
                message: line?,
                metadata: Metadata::new(),
            };
            Ok(redactor.redact(record))
        })
        .collect::<std::io::Result<_>>()?;
    let ids = store.append(&records, &[])?;
    // A killed process loses nothing that was appended; `sync` protects it from a power failure as well.
    store.sync()?;
    println!(
        "stored {} records: {} to {}",
        records.len(),
        ids.start,
        ids.end
    );
    Ok(())
}
