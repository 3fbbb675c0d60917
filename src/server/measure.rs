//! Numbers that the rest of the program counts, for `/metrics` and `/readyz`.

use std::fmt;
use std::sync::Arc;

/// What the rest of the program counts, for `/metrics`: the server does not know who collects.
#[derive(Clone)]
pub struct Measure(Arc<dyn Fn() -> Vec<Sample> + Send + Sync>);

impl Measure {
    /// `read` is called for every request of the metrics; it must be quick and must not block.
    pub fn new(read: impl Fn() -> Vec<Sample> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(super) fn read(&self) -> Vec<Sample> {
        (self.0)()
    }
}

impl fmt::Debug for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measure")
    }
}

/// One number of the rest of the program.
#[derive(Debug, Clone)]
pub struct Sample {
    /// `vmlog_collector_gaps_total`; samples of one name stand side by side. A name that ends in `_total` is a counter.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub help: &'static str,
    /// Names and values that tell samples of one name apart.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: u64,
}
