//! Redacts the secrets in a line of text and names the rules that found them.
//!
//! ```console
//! $ cargo run --no-default-features --features store --example redact_line 'password=hunter22 user=ann'
//! ```

use std::error::Error;
use vmlog::redact::{RedactOptions, Redactor};

fn main() -> Result<(), Box<dyn Error>> {
    let line = std::env::args().nth(1).ok_or("usage: redact_line TEXT")?;
    let redactor = Redactor::new(&RedactOptions {
        // Additional patterns of your own; each match is replaced as a whole.
        patterns: vec![r"EMP-\d{6}".to_owned()],
        ..RedactOptions::default()
    })?;
    println!("{}", redactor.redact_text(&line));
    Ok(())
}
