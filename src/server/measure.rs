//! Metrics of the rest of the program, for `/metrics` and `/readyz`.

use std::fmt;
use std::sync::Arc;

/// Reads metrics of the rest of the program. The server does not know the collectors.
#[derive(Clone)]
pub struct Measure(Arc<dyn Fn() -> Vec<Sample> + Send + Sync>);

impl Measure {
    /// `read` is called for every request of `/metrics` and `/readyz`. It must be fast and must not block.
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

/// One metric of the rest of the program.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Such as `vmlog_collector_gaps_total`; samples of one name are adjacent. A name that ends in `_total` is a counter.
    pub name: &'static str,
    /// One sentence that explains it.
    pub help: &'static str,
    /// Names and values that distinguish samples of one name.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: u64,
}
