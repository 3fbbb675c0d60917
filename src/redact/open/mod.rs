//! Secrets over several records: what earlier records of a source have left open.

mod announced;
mod keys;
mod parts;
mod saved;
mod secrets;

pub(super) use secrets::OpenSecrets;
