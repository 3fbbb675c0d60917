//! `--boot`: all records of one boot, from its first record to the first record of the next boot.

use crate::cli::endpoint::Backend;
use crate::cli::failure::Failure;
use crate::cli::parameters::{Parameters, add};
use crate::query::Cursor;
use crate::record::StoredRecord;

/// The metadata key of a journal record that names its boot.
const BOOT_ID: &str = "boot_id";
/// Maximum number of boots, more than any store holds.
const BOOTS_MAX: usize = 1_000;

/// Narrows a filter to a boot: an ID, 0 (the last), -1 (the one before it) or 1 (the first).
pub(super) fn narrow(
    backend: &mut Backend,
    parameters: &mut Parameters,
    boot: Option<&str>,
) -> Result<(), Failure> {
    let Some(boot) = boot else {
        return Ok(());
    };
    let id = match boot.parse::<i64>() {
        Ok(offset) => at(backend, offset)?,
        Err(_) => boot.to_ascii_lowercase(),
    };
    let of_boot = vec![format!("{BOOT_ID}={id}")];
    let first = end(backend, &of_boot, "forward", None)?
        .ok_or_else(|| Failure::failed(format!("no record is of boot {id}")))?;
    let last = end(backend, &of_boot, "backward", None)?;
    let of_others = [format!("{BOOT_ID}=*"), format!("{BOOT_ID}!={id}")];
    let next = match last {
        Some(last) => end(backend, &of_others, "forward", Some(Cursor::Id(last.id)))?,
        None => None,
    };
    let start = first.record.timestamp.to_string();
    add(parameters, "start", Some(&start));
    let until = next.map(|next| next.record.timestamp.to_string());
    add(parameters, "end", until.as_deref());
    Ok(())
}

/// The ID of a boot by its offset.
fn at(backend: &mut Backend, offset: i64) -> Result<String, Failure> {
    let (direction, place) = if offset > 0 {
        ("forward", offset - 1)
    } else {
        ("backward", -offset)
    };
    let place = usize::try_from(place).unwrap_or(BOOTS_MAX).min(BOOTS_MAX);
    let mut conditions = vec![format!("{BOOT_ID}=*")];
    let mut known = 0;
    loop {
        let found = end(backend, &conditions, direction, None)?;
        let id = found.and_then(|stored| {
            let id = stored.record.metadata.get(BOOT_ID)?;
            id.as_str().map(str::to_owned)
        });
        match id {
            Some(id) if known == place => return Ok(id),
            Some(id) => conditions.push(format!("{BOOT_ID}!={id}")),
            None => {
                return Err(Failure::failed(format!(
                    "there is no boot {offset}: the records know {known}"
                )));
            }
        }
        known += 1;
    }
}

/// The first or last record that meets all conditions.
fn end(
    backend: &mut Backend,
    conditions: &[String],
    direction: &str,
    after: Option<Cursor>,
) -> Result<Option<StoredRecord>, Failure> {
    let mut parameters = Parameters::new();
    for condition in conditions {
        add(&mut parameters, "where", Some(condition));
    }
    add(&mut parameters, "direction", Some(direction));
    add(&mut parameters, "limit", Some("1"));
    let cursor = after.map(|cursor| cursor.to_string());
    add(&mut parameters, "cursor", cursor.as_deref());
    Ok(backend.page(&parameters)?.entries.into_iter().next())
}
