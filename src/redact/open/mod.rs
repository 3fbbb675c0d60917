//! Secrets over several records: what earlier records of a source have left open.

mod alone;
mod announced;
pub(super) mod keys;
pub(super) mod parts;
mod saved;
mod secrets;

pub(super) use secrets::OpenSecrets;
