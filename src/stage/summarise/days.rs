//! Months of the ledgers that changed → `summary/customer_day`, for the stages that replay days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::builder::{Decimal128Builder, StringBuilder};
use arrow_array::{ArrayRef, Date32Array, Int64Array, RecordBatch, UInt32Array};
use rayon::prelude::*;

use super::{CHANNEL, DIMENSIONS, LINE, MonthRows, UNIT, file, read_columns_by};
use crate::contract::tables::{CustomerDay, Interactions};
use crate::contract::{Checked, ColumnType, Contract, Units, column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::accumulate::days::{DayRow, with_visits};
use crate::kernel::accumulate::{NO_VALUE, Parted};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::stage::ingest::ledger::{Ledger, Part, read_month_of};
use crate::store::{files, parquet};

/// Interaction that is a visit.
const VISIT: &str = "visit";

/// What days are wanted for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Product lines that are counted apart, because somebody leaves them out.
    pub lines: BTreeSet<String>,
    /// Whether visits count.
    pub visits: bool,
}

/// The days after a night.
#[derive(Debug, Default)]
pub struct Days {
    /// Months that have any.
    pub months: Vec<i32>,
    /// Months that were counted anew; of the others the parent's files were taken over.
    pub counted: BTreeSet<i32>,
    /// Files for the manifest.
    pub entries: Vec<TableEntry>,
}

/// Where the days of a month lie.
#[must_use]
pub fn day_file(month: i32) -> String {
    file(CustomerDay::TABLE, month)
}

/// Counts the days of months that got or lost rows or have none yet, and carries the others; all where `recount`.
///
/// # Errors
/// `SumOutOfRange`, `Io`, `ContractBroken`.
pub fn run(
    context: &Context,
    ledgers: (&Ledger, &Ledger),
    wanted: &Wanted,
    recount: bool,
    parent_tables: &[TableEntry],
) -> Result<Days> {
    let (transactions, interactions) = ledgers;
    let known: BTreeMap<&str, &TableEntry> =
        parent_tables.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let mut months: BTreeSet<i32> = transactions.months.keys().copied().collect();
    if wanted.visits {
        months.extend(interactions.months.keys().copied());
    }
    let has_changed = |month: &i32| {
        transactions.changed.contains(month) || (wanted.visits && interactions.changed.contains(month))
    };
    let mut days = Days { months: months.iter().copied().collect(), ..Days::default() };
    for &month in &months {
        let path = day_file(month);
        match (context.parent(), known.get(path.as_str())) {
            (Some(parent), Some(entry)) if !recount && !has_changed(&month) => {
                files::carry(parent, &context.work, &path)?;
                days.entries.push((*entry).clone());
            }
            _ => {
                days.counted.insert(month);
            }
        }
    }
    let mut parted = Parted::default();
    for &month in &days.counted {
        context.go_on()?;
        let none = Vec::new();
        let parts = transactions.months.get(&month).unwrap_or(&none);
        let visited = interactions.months.get(&month).filter(|_| wanted.visits);
        days.entries.push(count(context, month, (parts, visited.unwrap_or(&none)), wanted, &mut parted)?);
    }
    days.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    // A month that lost all its rows was counted too, as none.
    days.counted.extend(transactions.changed.iter().copied());
    Ok(days)
}

fn count(
    context: &Context,
    month: i32,
    (parts, visited): (&[Part], &[Part]),
    wanted: &Wanted,
    parted: &mut Parted,
) -> Result<TableEntry> {
    let mut counted = [false; DIMENSIONS.len()];
    (counted[CHANNEL], counted[LINE], counted[UNIT]) = (false, !wanted.lines.is_empty(), false);
    let batches = read_columns_by(context, parts, counted)?;
    let rows = MonthRows::of(&batches, counted)?;
    let pieces = rows.days(parted, &wanted.lines)?;
    let pieces = with_visits(pieces, &visits(context, visited)?);
    let tables: Vec<Result<RecordBatch>> = pieces
        .par_iter()
        .map(|rows_of_piece| {
            let columns = columns(rows_of_piece, rows.texts(), &context.units);
            Ok(Checked::<CustomerDay>::from_columns(&context.units, columns)?.batch().clone())
        })
        .collect();
    let tables = tables.into_iter().collect::<Result<Vec<_>>>()?;
    context.write(CustomerDay::TABLE, &day_file(month), &tables)
}

/// Visits of a month by key and day, of those who are known by a customer number.
fn visits(context: &Context, parts: &[Part]) -> Result<Vec<(u32, i32, i64)>> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let columns = [c::SOURCE_KEY, c::DAY, c::KIND];
    let batch = read_month_of(Interactions::TABLE, context, parts, &columns)?;
    let (keys, days) = (read::u32s(&batch, c::SOURCE_KEY)?, read::days(&batch, c::DAY)?);
    let kinds = read::texts(&batch, c::KIND)?;
    let mut found: BTreeMap<(u32, i32), i64> = BTreeMap::new();
    for row in 0..batch.num_rows() {
        if let Some(key) = read::at(keys, row).filter(|_| kinds.value(row) == VISIT) {
            *found.entry((key, days.value(row))).or_default() += 1;
        }
    }
    Ok(found.into_iter().map(|((key, day), n)| (key, day, n)).collect())
}

fn columns(rows: &[DayRow], texts: &[String], units: &Units) -> Vec<ArrayRef> {
    let ints =
        |of: fn(&DayRow) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) };
    let money = |of: fn(&DayRow) -> Option<i64>| -> ArrayRef {
        let mut builder = Decimal128Builder::new().with_data_type(ColumnType::Money.arrow(units));
        rows.iter().for_each(|row| builder.append_option(of(row).map(i128::from)));
        Arc::new(builder.finish())
    };
    let mut lines = StringBuilder::new();
    for row in rows {
        lines.append_option((row.value != NO_VALUE).then(|| texts.get(row.value as usize)).flatten());
    }
    vec![
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.key))),
        Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.day))),
        Arc::new(lines.finish()),
        ints(|row| row.n_orders),
        money(|row| Some(row.revenue)),
        money(|row| Some(row.refunds)),
        money(|row| row.cost),
        ints(|row| row.n_visits),
    ]
}

/// Keys whose days are read.
pub struct KeyRange<'a> {
    /// Least key.
    pub first: u32,
    /// Greatest key.
    pub last: u32,
    /// Whether any key of a range is asked for, both ends included.
    pub asks: &'a (dyn Fn(u32, u32) -> bool + Sync),
}

impl KeyRange<'static> {
    /// All keys.
    pub const ALL: Self = Self { first: 0, last: u32::MAX, asks: &|_, _| true };
}

/// One row of days as it is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadDay<'a> {
    /// Key, day, sums; `value` says nothing.
    pub row: DayRow,
    /// The line that is counted apart.
    pub line: Option<&'a str>,
}

/// Hands on the days of a month of a run whose keys lie in a range, both ends included, ascending by key and day; none
/// where the run has no such file. Keys that are not asked for can come too. Lines and visits that are not wanted are not
/// read.
///
/// # Errors
/// `Io`, `SumOutOfRange`.
pub fn read_days(
    run: &std::path::Path,
    units: &Units,
    month: i32,
    keys: &KeyRange<'_>,
    wanted: &Wanted,
    mut take: impl FnMut(ReadDay<'_>),
) -> Result<()> {
    let path = run.join(day_file(month));
    if !files::exists(&path) {
        return Ok(());
    }
    let mut columns = vec![c::SOURCE_KEY, c::DAY, c::N_ORDERS, c::REVENUE, c::REFUNDS, c::COST];
    columns.extend((!wanted.lines.is_empty()).then_some(c::PRODUCT_LINE));
    columns.extend(wanted.visits.then_some(c::N_VISITS));
    let &KeyRange { first, last, asks } = keys;
    let within = parquet::KeyRange { column: c::SOURCE_KEY, first, last, asks };
    for batch in parquet::read_range(&path, CustomerDay::TABLE, units, &columns, &within)? {
        let keys = read::u32s(&batch, c::SOURCE_KEY)?.values();
        let days = read::days(&batch, c::DAY)?.values();
        let lines = (!wanted.lines.is_empty()).then(|| read::texts(&batch, c::PRODUCT_LINE)).transpose()?;
        let visits = wanted.visits.then(|| read::ints(&batch, c::N_VISITS)).transpose()?;
        let orders = read::ints(&batch, c::N_ORDERS)?;
        let (revenue, refunds) = (read::decimals(&batch, c::REVENUE)?, read::decimals(&batch, c::REFUNDS)?);
        let costs = read::decimals(&batch, c::COST)?;
        let minor = |value: i128| i64::try_from(value).map_err(|_| too_large());
        for (row, (&key, &day)) in keys.iter().zip(days).enumerate() {
            if !(first..=last).contains(&key) {
                continue;
            }
            take(ReadDay {
                row: DayRow {
                    key,
                    day,
                    value: NO_VALUE,
                    n_orders: orders.value(row),
                    revenue: minor(revenue.value(row))?,
                    refunds: minor(refunds.value(row))?,
                    cost: read::at(costs, row).map(minor).transpose()?,
                    n_visits: visits.map_or(0, |visits| visits.value(row)),
                },
                line: lines.and_then(|lines| read::text_at(lines, row)),
            });
        }
    }
    Ok(())
}

fn too_large() -> Error {
    Error::new(Code::SumOutOfRange, "a customer's sum of a day does not fit 64 bits")
}
