//! Everything that the published run knows of one customer, with the reason of every decision.

use serde::Serialize;

use super::cells;
use super::{find, table_of, units};
use crate::config::Config;
use crate::contract::tables::{Interactions, Superseded, SupersededInteractions, Transactions};
use crate::contract::{Contract, Table, column as c};
use crate::error::{Code, Error, Result};
use crate::pipeline::opening::history;
use crate::run::manifest::TableEntry;
use crate::store::lake::Lake;
use crate::store::parquet;

/// Rows of one table that speak of the customer.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// The table.
    pub table: String,
    /// What one row of it is.
    pub about: String,
    /// Rows: column and value; what is null is left out.
    pub rows: Vec<Vec<(String, String)>>,
}

/// What is known.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The run that knows it.
    pub run: String,
    /// Customer ids; several where a number of several numberings was asked for.
    pub customers: Vec<String>,
    /// What its tables say, results first.
    pub sections: Vec<Section>,
}

/// Tables that are read only where their keys tell that the customer is in them.
const LEDGERS: [&Table; 4] =
    [Transactions::TABLE, Superseded::TABLE, Interactions::TABLE, SupersededInteractions::TABLE];

/// Tells everything that the published run knows of a customer, by its id or one of its numbers.
///
/// # Errors
/// `UnknownRun` where nothing is published; `UnknownCustomer`; `Io`.
pub fn explain(config: &Config, asked: &str) -> Result<Explained> {
    let (lake, units) = (Lake::at(&config.project.lake), units(config));
    let nothing = || Error::new(Code::UnknownRun, "the lake has no published run").at(lake.root());
    let id = lake.current()?.ok_or_else(nothing)?;
    let known = history(&lake)?.into_iter().find(|known| known.id == id).ok_or_else(nothing)?;
    let run = lake.run_directory(&id);
    let person = find(&run, &units, asked)?;
    if person.ids.is_empty() {
        return Err(Error::new(Code::UnknownCustomer, "the published run knows no such customer")
            .hint("name a customer id of tables/customers, or a number as `numbering:number`"));
    }
    let mut sections: Vec<(u8, Section)> = Vec::new();
    for entry in &known.manifest.tables {
        let Some(table) = table_of(&entry.name) else { continue };
        // What each campaign refused stands in tables/candidates already, but where a stale run left somebody out since.
        let is_told_twice = entry.path.starts_with("campaigns-internal/") && !known.manifest.stale;
        if is_told_twice || !may_name(&run, table, entry, &units, &person)? {
            continue;
        }
        let batch = parquet::read(&run.join(&entry.path), table, &units, None)?;
        let mask = person.mask(table, &batch)?;
        let row = |row: usize| -> Vec<(String, String)> {
            let columns = table.columns.iter().zip(batch.columns());
            let cell = columns.filter_map(|(column, array)| {
                Some((column.name.to_owned(), cells::text(column, array, row, &units)?))
            });
            cell.collect()
        };
        let rows: Vec<Vec<(String, String)>> =
            (0..batch.num_rows()).filter(|place| mask.value(*place)).map(row).collect();
        if rows.is_empty() {
            continue;
        }
        match sections.iter_mut().find(|(_, section)| section.table == entry.name) {
            Some((_, section)) => {
                let new = rows.into_iter().filter(|row| !section.rows.contains(row)).collect::<Vec<_>>();
                section.rows.extend(new);
            }
            None => {
                let (table_name, about) = (entry.name.clone(), table.doc.to_owned());
                sections.push((order(&entry.name), Section { table: table_name, about, rows }));
            }
        }
    }
    sections.sort_by(|a, b| (a.0, &a.1.table).cmp(&(b.0, &b.1.table)));
    Ok(Explained {
        run: id.to_string(),
        customers: person.ids.into_iter().collect(),
        sections: sections.into_iter().map(|(_, section)| section).collect(),
    })
}

/// Whether a file can speak of the customer: parts of ledgers are asked by their keys first.
fn may_name(
    run: &std::path::Path,
    table: &'static Table,
    entry: &TableEntry,
    units: &crate::contract::Units,
    person: &crate::stage::person::Person,
) -> Result<bool> {
    if !LEDGERS.iter().any(|ledger| ledger.name == table.name) {
        return Ok(true);
    }
    let columns: &[&str] = if table.column(c::ID_SPACE).is_some() {
        &[c::SOURCE_KEY, c::ID_SPACE, c::SOURCE_ID]
    } else {
        &[c::SOURCE_KEY]
    };
    let batch = parquet::read(&run.join(&entry.path), table, units, Some(columns))?;
    Ok(person.mask(table, &batch)?.true_count() > 0)
}

/// Results first, then the register, the history last.
fn order(name: &str) -> u8 {
    match name.split('/').next() {
        Some("tables") => 0,
        Some("register") => 1,
        Some("summary") => 2,
        Some("ledger") => 3,
        _ => 4,
    }
}
