//! Months of the ledger that changed → `summary/customer_month` and `summary/customer_month_by`.

mod columns;
pub mod days;
mod rows;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use rayon::prelude::*;

use self::rows::read_columns_by;
pub use self::rows::{MonthRows, read_columns};

use super::ingest::ledger::{Ledger, Part};
use crate::config::Summary as Counted;
use crate::contract::tables::{CustomerMonth, CustomerMonthBy};
use crate::contract::{Checked, Contract, Table, column as c};
use crate::error::{Error, Result};
use crate::kernel::accumulate::Parted;
use crate::kernel::calendar::month_label;
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::{files, parquet};

/// Ledger rows of the months that are counted together.
const ROWS_AT_ONCE: u64 = 6 << 20;

/// Place of the sales channel in [`DIMENSIONS`].
pub const CHANNEL: usize = 0;
/// Place of the product line.
pub const LINE: usize = 1;
/// Place of the store or branch.
pub const UNIT: usize = 2;

/// Dimensions of `customer_month_by` with the ledger column that each reads.
pub const DIMENSIONS: [(&str, &str); 3] =
    [("channel", c::CHANNEL), ("line", c::PRODUCT_LINE), ("unit", c::UNIT_ID)];

/// Where each month's summaries lie in the run.
#[derive(Debug, Default)]
pub struct Summaries {
    /// Months that have any.
    pub months: Vec<i32>,
    /// Files for the manifest.
    pub entries: Vec<TableEntry>,
    /// Ledger rows read.
    pub rows_in: u64,
    /// Summary rows after the night.
    pub rows_out: u64,
}

/// Where a month's summary lies in the run.
#[must_use]
pub fn file(table: &Table, month: i32) -> String {
    format!("{}/month={}/part-00000.parquet", table.name, month_label(month))
}

/// Which of [`DIMENSIONS`] the config counts by.
#[must_use]
pub fn counted(summary: Counted) -> [bool; DIMENSIONS.len()] {
    let mut counted = [false; DIMENSIONS.len()];
    counted[CHANNEL] = summary.channels;
    counted[LINE] = summary.lines;
    counted[UNIT] = summary.units;
    counted
}

/// Recounts the months that got or lost rows and carries the others; recounts all when the config counts by other
/// dimensions than before.
///
/// # Errors
/// `SumOutOfRange`, `Io`, `ContractBroken`.
pub fn run(context: &Context, ledger: &Ledger, parent_tables: &[TableEntry]) -> Result<Summaries> {
    let mut summaries = Summaries { months: ledger.months.keys().copied().collect(), ..Summaries::default() };
    let known: BTreeMap<&str, &TableEntry> =
        parent_tables.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let (changed, kept): (Vec<i32>, Vec<i32>) = summaries
        .months
        .iter()
        .copied()
        .partition(|month| context.recount_all || ledger.changed.contains(month));
    for month in kept {
        for table in [CustomerMonth::TABLE, CustomerMonthBy::TABLE] {
            let path = file(table, month);
            match (context.parent(), known.get(path.as_str())) {
                (Some(parent), Some(entry)) => {
                    files::carry(parent, &context.work, &path)?;
                    summaries.entries.push((*entry).clone());
                }
                // A month in which nothing was counted by value has no such file.
                _ if table.name == CustomerMonthBy::TABLE.name => {}
                _ => return Err(Error::internal(format!("the summary {path} is missing"))),
            }
        }
    }
    // Months are independent, and so are ranges of keys inside a month; the results come back in order. Large months are
    // counted one after another, so that memory holds a few million rows at a time.
    let n_rows =
        |month: &i32| -> u64 { ledger.months.get(month).into_iter().flatten().map(|part| part.rows).sum() };
    let rooms = Mutex::new(Vec::new());
    let mut results: Vec<Result<(u64, Vec<TableEntry>)>> = Vec::with_capacity(changed.len());
    let mut rest = changed.as_slice();
    while !rest.is_empty() {
        let mut n_together = 0;
        let within = rest.iter().take_while(|month| {
            n_together += n_rows(month);
            n_together <= ROWS_AT_ONCE
        });
        let (together, after) = rest.split_at(within.count().max(1));
        rest = after;
        let counted = together.par_iter().map(|month| {
            let mut parted = lock(&rooms).pop().unwrap_or_default();
            let parts = ledger.months.get(month).map(Vec::as_slice).unwrap_or_default();
            let counted = recount(context, *month, parts, &mut parted);
            lock(&rooms).push(parted);
            counted
        });
        results.extend(counted.collect::<Vec<_>>());
    }
    for result in results {
        let (rows, entries) = result?;
        summaries.rows_in += rows;
        summaries.entries.extend(entries);
    }
    summaries.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    summaries.rows_out = summaries.entries.iter().map(|entry| entry.rows).sum();
    Ok(summaries)
}

fn lock(rooms: &Mutex<Vec<Parted>>) -> MutexGuard<'_, Vec<Parted>> {
    rooms.lock().unwrap_or_else(PoisonError::into_inner)
}

fn recount(
    context: &Context,
    month: i32,
    parts: &[Part],
    parted: &mut Parted,
) -> Result<(u64, Vec<TableEntry>)> {
    context.go_on()?;
    let batches = read_columns(context, parts)?;
    let rows = MonthRows::of(&batches, counted(context.config.summary))?;
    let pieces = rows.summarise(i32::MIN, i32::MAX, parted, &context.units)?;
    let n_rows = rows.n_rows() as u64;
    drop(batches);
    let (mut plain, mut by) = (Vec::with_capacity(pieces.len()), Vec::with_capacity(pieces.len()));
    for SummaryTables { by_key, by_value } in pieces {
        plain.push(Checked::<CustomerMonth>::verify(&context.units, by_key)?.batch().clone());
        by.push(Checked::<CustomerMonthBy>::verify(&context.units, by_value)?.batch().clone());
    }
    let mut entries =
        vec![context.write(CustomerMonth::TABLE, &file(CustomerMonth::TABLE, month), &plain)?];
    if by.iter().any(|batch| batch.num_rows() > 0) {
        entries.push(context.write(CustomerMonthBy::TABLE, &file(CustomerMonthBy::TABLE, month), &by)?);
    }
    Ok((n_rows, entries))
}

/// Both summaries of a piece of a month, as tables.
#[derive(Clone, Debug)]
pub struct SummaryTables {
    /// `summary/customer_month`.
    pub by_key: RecordBatch,
    /// `summary/customer_month_by`.
    pub by_value: RecordBatch,
}

/// Place of a dimension's name in [`DIMENSIONS`].
#[must_use]
pub fn dimension(name: &str) -> u32 {
    let place = DIMENSIONS.iter().position(|(dimension, _)| *dimension == name);
    place.and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX)
}

/// Reads columns of `summary/customer_month` of the run under construction, a batch for each row group.
///
/// # Errors
/// `Io`.
pub fn read_columns_by_key(context: &Context, month: i32, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    let path = context.work.join(file(CustomerMonth::TABLE, month));
    parquet::read_groups(&path, CustomerMonth::TABLE, &context.units, Some(columns), &[])
        .map(|(_, groups)| groups)
}
