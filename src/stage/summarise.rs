//! Months of the ledger that changed → `summary/customer_month` and `summary/customer_month_by`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, UInt32Array};
use rayon::prelude::*;

use super::ingest::REFUND;
use super::ingest::ledger::{Ledger, Part, read_month};
use crate::contract::tables::{CustomerMonth, CustomerMonthBy};
use crate::contract::{Checked, Contract, Table, Units, column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::accumulate::{self, Measures};
use crate::kernel::calendar::month_label;
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::{files, parquet};

/// Place of the sales channel in [`DIMENSIONS`].
pub const CHANNEL: usize = 0;
/// Place of the product line.
pub const LINE: usize = 1;
/// Place of the store or branch.
pub const UNIT: usize = 2;

/// Dimensions of `customer_month_by` with the ledger column that each reads.
pub const DIMENSIONS: [(&str, &str); 3] =
    [("channel", c::CHANNEL), ("line", c::PRODUCT_LINE), ("unit", c::UNIT_ID)];

/// Ledger columns that a summary needs.
const COLUMNS: [&str; 12] = [
    c::SOURCE_KEY,
    c::TRANSACTION_ID,
    c::OCCURRED_AT,
    c::DAY,
    c::KIND,
    c::AMOUNT,
    c::COST,
    c::QUANTITY,
    c::PRODUCT_LINE,
    c::UNIT_ID,
    c::CHANNEL,
    c::SOURCE,
];

/// Summaries of rows of one month.
#[derive(Clone, Debug, Default)]
pub struct MonthSummary {
    /// By key.
    pub by_key: Vec<(u32, Measures)>,
    /// By key, dimension (place in [`DIMENSIONS`]) and value.
    pub by_value: Vec<(u32, usize, String, Measures)>,
}

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

/// Typed ledger columns of one month, anonymous rows left out.
#[derive(Debug)]
pub struct MonthRows<'a> {
    key: Vec<u32>,
    day: Vec<i32>,
    refund: Vec<bool>,
    amount: Vec<i64>,
    cost: Vec<Option<i64>>,
    quantity: Vec<Option<i64>>,
    order: Vec<(u32, Option<&'a str>)>,
    values: [Vec<Option<&'a str>>; 3],
}

fn file(table: &Table, month: i32) -> String {
    format!("{}/month={}/part-00000.parquet", table.name, month_label(month))
}

/// Recounts the months that got or lost rows and carries the others.
///
/// # Errors
/// `SumOutOfRange`, `Io`, `ContractBroken`.
pub fn run(context: &Context, ledger: &Ledger, parent_tables: &[TableEntry]) -> Result<Summaries> {
    let mut summaries = Summaries { months: ledger.months.keys().copied().collect(), ..Summaries::default() };
    let known: BTreeMap<&str, &TableEntry> =
        parent_tables.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let (changed, kept): (Vec<i32>, Vec<i32>) =
        summaries.months.iter().copied().partition(|month| ledger.changed.contains(month));
    for month in kept {
        for table in [CustomerMonth::TABLE, CustomerMonthBy::TABLE] {
            let path = file(table, month);
            let (Some(parent), Some(entry)) = (context.parent(), known.get(path.as_str())) else {
                return Err(Error::internal(format!("the summary {path} is missing")));
            };
            files::carry(parent, &context.work, &path)?;
            summaries.entries.push((*entry).clone());
        }
    }
    // Months are independent; each is counted by one thread, and the results come back in order.
    let results: Vec<Result<(u64, Vec<TableEntry>)>> = changed
        .par_iter()
        .map(|month| recount(context, *month, ledger.months.get(month).map_or(&[], Vec::as_slice)))
        .collect();
    for result in results {
        let (rows, entries) = result?;
        summaries.rows_in += rows;
        summaries.entries.extend(entries);
    }
    summaries.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    summaries.rows_out = summaries.entries.iter().map(|entry| entry.rows).sum();
    Ok(summaries)
}

fn recount(context: &Context, month: i32, parts: &[Part]) -> Result<(u64, Vec<TableEntry>)> {
    context.go_on()?;
    let batch = read_columns(context, parts)?;
    let rows = MonthRows::of(&batch)?;
    let summary = rows.summarise(|_| true)?;
    let plain = plain_columns(&summary.by_key, &context.units);
    let by = by_columns(&summary.by_value, &context.units);
    let plain: Checked<CustomerMonth> = Checked::from_columns(&context.units, plain)?;
    let by: Checked<CustomerMonthBy> = Checked::from_columns(&context.units, by)?;
    let entries = vec![
        context.write(CustomerMonth::TABLE, &file(CustomerMonth::TABLE, month), &[plain.batch().clone()])?,
        context.write(CustomerMonthBy::TABLE, &file(CustomerMonthBy::TABLE, month), &[by.batch().clone()])?,
    ];
    Ok((batch.num_rows() as u64, entries))
}

/// The ledger columns of a month that summaries need.
///
/// # Errors
/// `Io`.
pub fn read_columns(context: &Context, parts: &[Part]) -> Result<RecordBatch> {
    read_month(context, parts, &COLUMNS)
}

/// Reads both summaries of a month of the run under construction.
///
/// # Errors
/// `Io`.
pub fn read_summary(context: &Context, month: i32) -> Result<MonthSummary> {
    let units = &context.units;
    let read_table =
        |table: &'static Table| parquet::read(&context.work.join(file(table, month)), table, units, None);
    let plain = read_table(CustomerMonth::TABLE)?;
    let by = read_table(CustomerMonthBy::TABLE)?;
    let by_key = measures_of(&plain)?;
    let dimensions = read::texts(&by, c::DIMENSION)?;
    let values = read::texts(&by, c::VALUE)?;
    let place =
        |name: &str| DIMENSIONS.iter().position(|(dimension, _)| *dimension == name).unwrap_or_default();
    let by_value = measures_of(&by)?
        .into_iter()
        .enumerate()
        .map(|(row, (key, measures))| {
            (key, place(dimensions.value(row)), values.value(row).to_owned(), measures)
        })
        .collect();
    Ok(MonthSummary { by_key, by_value })
}

#[expect(clippy::cast_possible_truncation, reason = "decimals of 18 digits fit 64 bits")]
const fn minor(value: i128) -> i64 {
    value as i64
}

fn measures_of(batch: &RecordBatch) -> Result<Vec<(u32, Measures)>> {
    let keys = read::u32s(batch, c::SOURCE_KEY)?;
    let active = read::u32s(batch, c::ACTIVE_DAYS)?;
    let ints = |name| read::ints(batch, name);
    let (orders, rows, missing) = (ints(c::N_ORDERS)?, ints(c::N_ROWS)?, ints(c::N_COST_MISSING)?);
    let money = |name| read::decimals(batch, name);
    let (revenue, refunds, cost) = (money(c::REVENUE)?, money(c::REFUNDS)?, money(c::COST)?);
    let (quantity, first_net) = (money(c::QUANTITY)?, money(c::FIRST_DAY_NET)?);
    let (first, last) = (read::days(batch, c::FIRST_DAY)?, read::days(batch, c::LAST_DAY)?);
    Ok((0..batch.num_rows())
        .map(|row| {
            let measures = Measures {
                active_days: active.value(row),
                n_orders: orders.value(row),
                n_rows: rows.value(row),
                revenue: minor(revenue.value(row)),
                refunds: minor(refunds.value(row)),
                cost: minor(cost.value(row)),
                n_cost_missing: missing.value(row),
                quantity: minor(quantity.value(row)),
                days: first.is_valid(row).then(|| (first.value(row), last.value(row))),
                first_day_net: read::at(first_net, row).map_or(0, minor),
            };
            (keys.value(row), measures)
        })
        .collect())
}

impl<'a> MonthRows<'a> {
    /// Typed columns of a batch with [`COLUMNS`].
    ///
    /// # Errors
    /// `Internal` when the batch is no ledger batch.
    pub fn of(batch: &'a RecordBatch) -> Result<Self> {
        let keys = read::u32s(batch, c::SOURCE_KEY)?;
        let rows: Vec<usize> = (0..batch.num_rows()).filter(|&row| keys.is_valid(row)).collect();
        let (days, kinds) = (read::days(batch, c::DAY)?, read::texts(batch, c::KIND)?);
        let (amounts, costs) = (read::decimals(batch, c::AMOUNT)?, read::decimals(batch, c::COST)?);
        let quantities = read::decimals(batch, c::QUANTITY)?;
        let (transactions, sources) =
            (read::texts(batch, c::TRANSACTION_ID)?, read::texts(batch, c::SOURCE)?);
        let mut source_names: Vec<&str> = rows.iter().map(|&row| sources.value(row)).collect();
        source_names.sort_unstable();
        source_names.dedup();
        let source = |row: usize| {
            let rank = source_names.binary_search(&sources.value(row)).unwrap_or_default();
            u32::try_from(rank).unwrap_or(u32::MAX)
        };
        let texts = |name: &str| -> Result<Vec<Option<&'a str>>> {
            let values = read::array(batch, name)?.as_string::<i32>();
            Ok(rows.iter().map(|&row| values.is_valid(row).then(|| values.value(row))).collect())
        };
        Ok(Self {
            key: rows.iter().map(|&row| keys.value(row)).collect(),
            day: rows.iter().map(|&row| days.value(row)).collect(),
            refund: rows.iter().map(|&row| kinds.value(row) == REFUND).collect(),
            amount: rows.iter().map(|&row| minor(amounts.value(row))).collect(),
            cost: rows.iter().map(|&row| read::at(costs, row).map(minor)).collect(),
            quantity: rows.iter().map(|&row| read::at(quantities, row).map(minor)).collect(),
            order: rows.iter().map(|&row| (source(row), read::text_at(transactions, row))).collect(),
            values: [texts(DIMENSIONS[0].1)?, texts(DIMENSIONS[1].1)?, texts(DIMENSIONS[2].1)?],
        })
    }

    fn count<'v>(&'v self, value: &'v [Option<&'v str>]) -> Result<Vec<(u32, &'v str, Measures)>> {
        accumulate::summarise(&accumulate::Rows {
            key: &self.key,
            day: &self.day,
            refund: &self.refund,
            amount: &self.amount,
            cost: &self.cost,
            quantity: &self.quantity,
            order: &self.order,
            value,
        })
        .map_err(|_| Error::new(Code::SumOutOfRange, "a customer's sum of a month does not fit 64 bits"))
    }

    /// Summaries of the rows of the days that `wanted` says.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn summarise(&self, wanted: impl Fn(i32) -> bool) -> Result<MonthSummary> {
        let select = |values: &dyn Fn(usize) -> Option<&'a str>| -> Vec<Option<&'a str>> {
            let day = |row: usize| self.day.get(row).copied().is_some_and(&wanted);
            (0..self.key.len()).map(|row| if day(row) { values(row) } else { None }).collect()
        };
        let by_key = self.count(&select(&|_| Some("")))?.into_iter().map(|(key, _, m)| (key, m)).collect();
        let mut by_value = Vec::new();
        for (dimension, values) in self.values.iter().enumerate() {
            let selected = select(&|row| values.get(row).copied().flatten());
            let counted = self.count(&selected)?;
            by_value.extend(counted.into_iter().map(|(key, value, m)| (key, dimension, value.to_owned(), m)));
        }
        by_value.sort_unstable_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        Ok(MonthSummary { by_key, by_value })
    }
}

fn plain_columns(rows: &[(u32, Measures)], units: &Units) -> Vec<ArrayRef> {
    let mut columns: Vec<ArrayRef> =
        vec![Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(key, _)| *key)))];
    let measures: Vec<&Measures> = rows.iter().map(|(_, measures)| measures).collect();
    columns.extend(measure_columns(&measures, units));
    columns
}

fn by_columns(rows: &[(u32, usize, String, Measures)], units: &Units) -> Vec<ArrayRef> {
    let (mut dimensions, mut values) = (StringBuilder::new(), StringBuilder::new());
    for (_, dimension, value, _) in rows {
        dimensions.append_option(DIMENSIONS.get(*dimension).map(|(name, _)| name));
        values.append_value(value);
    }
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(key, ..)| *key))),
        Arc::new(dimensions.finish()),
        Arc::new(values.finish()),
    ];
    let measures: Vec<&Measures> = rows.iter().map(|(.., measures)| measures).collect();
    columns.extend(measure_columns(&measures, units));
    columns
}

fn measure_columns(rows: &[&Measures], units: &Units) -> Vec<ArrayRef> {
    let ints = |value: &dyn Fn(&Measures) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| value(row))))
    };
    let decimals = |name: &str, value: &dyn Fn(&Measures) -> Option<i64>| -> ArrayRef {
        let array: Decimal128Array = rows.iter().map(|row| value(row).map(i128::from)).collect();
        let kind = CustomerMonth::TABLE.column(name).map(|column| column.kind.arrow(units));
        Arc::new(kind.map_or(array.clone(), |kind| array.with_data_type(kind)))
    };
    let days = |value: &dyn Fn((i32, i32)) -> i32| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.days.map(value)).collect::<Date32Array>())
    };
    vec![
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.active_days))),
        ints(&|row| row.n_orders),
        ints(&|row| row.n_rows),
        decimals(c::REVENUE, &|row| Some(row.revenue)),
        decimals(c::REFUNDS, &|row| Some(row.refunds)),
        decimals(c::COST, &|row| Some(row.cost)),
        ints(&|row| row.n_cost_missing),
        decimals(c::QUANTITY, &|row| Some(row.quantity)),
        days(&|(first, _)| first),
        days(&|(_, last)| last),
        decimals(c::FIRST_DAY_NET, &|row| row.days.map(|_| row.first_day_net)),
    ]
}
