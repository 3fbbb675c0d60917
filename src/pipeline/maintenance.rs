//! Reports of the store's maintenance, as records.

use super::reported::error_chain;
use crate::collect;
use crate::record::{Level, Metadata, Record};
use crate::store::Maintenance;

/// The maximum number of damaged places reported per recovery: a broken disk causes many at once.
const DAMAGE_REPORTED_MAX: usize = 20;

/// Records for the errors of a maintenance run, and for the recovery of the store after a failure.
pub(super) fn records(maintenance: &Maintenance) -> Vec<Record> {
    let mut records = vec![];
    if let Some(recovered) = &maintenance.recovered {
        let failure = error_chain(&recovered.failure);
        let lost = recovered.lost;
        let (level, text) = if lost == 0 {
            let text =
                format!("the store had failed and works again, no record was lost: {failure}");
            (Level::Warn, text)
        } else {
            let text = format!(
                "the store had failed and works again, {lost} records were lost: {failure}"
            );
            (Level::Error, text)
        };
        let mut metadata = Metadata::new();
        metadata.insert("lost", lost);
        records.push(collect::own_record(
            level,
            "store_works_again",
            text,
            metadata,
        ));
        for damage in recovered.damage.iter().take(DAMAGE_REPORTED_MAX) {
            let text = format!(
                "records of the store cannot be read: {}",
                error_chain(damage)
            );
            records.push(own(Level::Error, "store_damaged", text));
        }
    }
    for trouble in &maintenance.troubles {
        let text = format!(
            "maintenance of the store failed, retrying: {}",
            error_chain(trouble)
        );
        records.push(own(Level::Warn, "store_maintenance_failed", text));
    }
    records
}

fn own(level: Level, event: &str, text: String) -> Record {
    collect::own_record(level, event, text, Metadata::new())
}
