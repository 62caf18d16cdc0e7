//! What can be asked and done about one person: everything that is known, and forgetting it.

mod cells;
mod erasing;
mod explain;
mod forget;

use std::path::Path;

use arrow_array::RecordBatch;

pub use self::explain::{Explained, Section, explain};
pub use self::forget::{Forgotten, forget};

use crate::config::Config;
use crate::contract::tables::{self, ContactPoints, ContactRows, IdMap, Identities};
use crate::contract::{Contract, Table, Units};
use crate::error::Result;
use crate::stage::person::Person;
use crate::store::{files, parquet};

fn units(config: &Config) -> Units {
    let currency = &config.project.currency;
    Units { currency: currency.code.clone(), exponent: currency.exponent }
}

/// A table of a run; without rows where it has none.
fn table(run: &Path, table: &Table, units: &Units) -> Result<RecordBatch> {
    let path = run.join(table.file());
    if files::exists(&path) { parquet::read(&path, table, units, None) } else { Ok(table.empty(units)) }
}

/// The table of a manifest's entry.
fn table_of(name: &str) -> Option<&'static Table> {
    tables::ALL.iter().find(|table| table.name == name).copied()
}

/// Everything that names a person in a run.
fn find(run: &Path, units: &Units, asked: &str) -> Result<Person> {
    let identities = table(run, Identities::TABLE, units)?;
    let mut person = Person::find(&identities, asked)?;
    if !person.ids.is_empty() {
        person.add_former(&table(run, IdMap::TABLE, units)?, &identities)?;
        let points = table(run, ContactPoints::TABLE, units)?;
        person.add_points(&table(run, ContactRows::TABLE, units)?, &points)?;
    }
    Ok(person)
}
