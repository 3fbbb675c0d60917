//! Searches a store that was copied off a machine: the newest matching records, newest first.
//!
//! ```console
//! $ cargo run --no-default-features --features store --example search_store ./copied-store 'level=warn' 'search=timeout'
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use vmlog::disk::RealDisk;
use vmlog::query::{Budget, Limits, page, parse_page};
use vmlog::store::Reader;
use vmlog::time::Micros;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: search_store FOLDER [NAME=VALUE]...")?;
    // The same parameters as those of `GET /logs`.
    let parameters: Vec<(String, String)> = arguments
        .filter_map(|argument| {
            let (name, value) = argument.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect();
    let limits = Limits::default();
    let request = parse_page(&parameters, &limits, Micros::now())?;

    // Read-only: no lock is taken, nothing is written, and a store in use can be read as well.
    let reader = Reader::open_read_only(Arc::new(RealDisk), Path::new(&folder))?;
    let found = page(&reader.view(), &request, &Budget::default())?;
    for stored in &found.entries {
        let record = &stored.record;
        println!(
            "{} {} {}: {}",
            stored.id.0,
            record.level.as_str(),
            record.source,
            record.message
        );
    }
    Ok(())
}
