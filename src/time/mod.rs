//! Times: microseconds UTC, always printable as RFC 3339, and one parser for all forms that people and programs
//! write.

mod epoch;
mod micros;
mod parse;
mod span;
mod zone;

pub use micros::Micros;
pub use parse::TimeError;
pub use zone::Zone;
