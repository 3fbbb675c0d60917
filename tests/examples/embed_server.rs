//! Serves a store from within a program: writes records, publishes them to live clients and answers HTTP requests. Ends when
//! standard input ends.
//!
//! ```console
//! $ cargo run --example embed_server ./store 127.0.0.1:8080
//! $ curl http://127.0.0.1:8080/logs
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use vmlog::disk::RealDisk;
use vmlog::live::Live;
use vmlog::record::{Id, Level, Metadata, Record, Source, StoredRecord};
use vmlog::redact::{RedactOptions, Redactor};
use vmlog::server::{self, ServerOptions, ServerState};
use vmlog::store::{Options, Store};
use vmlog::time::Micros;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: embed_server FOLDER [ADDRESS]")?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());

    let (mut store, _) = Store::open(Arc::new(RealDisk), Path::new(&folder), Options::default())?;
    let reader = store.reader();
    let live = Live::new(1_000, Id(reader.view().ids().end));
    let state = ServerState {
        reader,
        live: live.clone(),
        events: None,
        options: Arc::new(ServerOptions::default()),
    };

    // Records are redacted, stored and then published. A real program does this on a thread of its own.
    let mut redactor = Redactor::new(&RedactOptions::default())?;
    let redacted = redactor.redact(Record {
        timestamp: Micros::now(),
        source: Source::new("event", "example"),
        level: Level::Info,
        message: "the server starts".to_owned(),
        metadata: Metadata::new(),
    });
    let ids = store.append(std::slice::from_ref(&redacted), &[])?;
    let record = redacted.into_record();
    live.publish(&[Arc::new(StoredRecord {
        id: Id(ids.start),
        record,
    })]);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        let shutdown = async {
            let ended = tokio::task::spawn_blocking(|| {
                std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
            });
            let _ = ended.await;
        };
        server::run(listener, state, shutdown).await
    })?;
    Ok(())
}
