//! Months of the ledger that changed → `summary/customer_month` and `summary/customer_month_by`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{
    Array, ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::ingest::REFUND;
use super::ingest::ledger::{Ledger, Part, read_month};
use crate::config::Summary as Counted;
use crate::contract::tables::{CustomerMonth, CustomerMonthBy};
use crate::contract::{Checked, Contract, Table, Units, column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::accumulate::{self, ByValue, Measures, NO_VALUE, Row, Summary};
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

/// Ledger columns that every summary needs.
const COLUMNS: [&str; 8] =
    [c::SOURCE_KEY, c::TRANSACTION_ID, c::DAY, c::KIND, c::AMOUNT, c::COST, c::QUANTITY, c::SOURCE];

/// Summaries of a month with the texts of their values.
#[derive(Clone, Debug, Default)]
pub struct MonthSummary {
    /// By key and by value number.
    pub summary: Summary,
    /// Text of each value number, ascending by bytes.
    pub values: Vec<String>,
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
    rows: Vec<Row>,
    transactions: &'a StringArray,
    sources: &'a StringArray,
    /// Value numbers by dimension.
    values: Vec<Vec<u32>>,
    /// Text of each value number, ascending by bytes.
    texts: Vec<String>,
}

fn file(table: &Table, month: i32) -> String {
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
    let rows = MonthRows::of(&batch, counted(context.config.summary))?;
    let SummaryTables { by_key, by_value } = rows.summarise(i32::MIN, i32::MAX)?.tables(&context.units)?;
    let plain: Checked<CustomerMonth> = Checked::verify(&context.units, by_key)?;
    let by: Checked<CustomerMonthBy> = Checked::verify(&context.units, by_value)?;
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
    let counted =
        DIMENSIONS.iter().zip(counted(context.config.summary)).filter(|(_, is_counted)| *is_counted);
    let columns: Vec<&str> = COLUMNS.into_iter().chain(counted.map(|((_, column), _)| *column)).collect();
    read_month(context, parts, &columns)
}

/// Both summaries of a month, or of a piece of one, as tables.
#[derive(Clone, Debug)]
pub struct SummaryTables {
    /// `summary/customer_month`.
    pub by_key: RecordBatch,
    /// `summary/customer_month_by`.
    pub by_value: RecordBatch,
}

impl MonthSummary {
    /// The summaries as tables.
    ///
    /// # Errors
    /// `Internal`.
    pub fn tables(&self, units: &Units) -> Result<SummaryTables> {
        let by_key = CustomerMonth::TABLE.batch(units, plain_columns(&self.summary.by_key, units))?;
        let by = by_columns(&self.summary.by_value, &self.values, units);
        Ok(SummaryTables { by_key, by_value: CustomerMonthBy::TABLE.batch(units, by)? })
    }
}

/// Place of a dimension's name in [`DIMENSIONS`].
#[must_use]
pub fn dimension(name: &str) -> u32 {
    let place = DIMENSIONS.iter().position(|(dimension, _)| *dimension == name);
    place.and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX)
}

/// Reads both summaries of a month of the run under construction: the columns that features add up.
///
/// # Errors
/// `Io`.
pub fn read_summary(context: &Context, month: i32) -> Result<SummaryTables> {
    const PLAIN: [&str; 10] = [
        c::SOURCE_KEY,
        c::ACTIVE_DAYS,
        c::N_ORDERS,
        c::N_ROWS,
        c::N_COST_MISSING,
        c::REVENUE,
        c::REFUNDS,
        c::COST,
        c::FIRST_DAY,
        c::LAST_DAY,
    ];
    const BY: [&str; 6] = [c::SOURCE_KEY, c::DIMENSION, c::VALUE, c::N_ORDERS, c::REVENUE, c::REFUNDS];
    let read_table = |table: &'static Table, columns: &[&str]| {
        parquet::read(&context.work.join(file(table, month)), table, &context.units, Some(columns))
    };
    Ok(SummaryTables {
        by_key: read_table(CustomerMonth::TABLE, &PLAIN)?,
        by_value: read_table(CustomerMonthBy::TABLE, &BY)?,
    })
}

/// Numbers the texts of several columns alike, in the order of their bytes; null is [`NO_VALUE`].
fn numbered(columns: &[Vec<Option<&str>>]) -> (Vec<Vec<u32>>, Vec<String>) {
    let mut found: HashMap<&str, u32, Xxh3DefaultBuilder> = HashMap::default();
    for text in columns.iter().flatten().flatten() {
        found.entry(text).or_insert(0);
    }
    let mut texts: Vec<&str> = found.keys().copied().collect();
    texts.sort_unstable();
    for (number, text) in (0_u32..).zip(&texts) {
        found.insert(text, number);
    }
    let number = |text: Option<&str>| text.and_then(|text| found.get(text)).copied().unwrap_or(NO_VALUE);
    let numbers = columns.iter().map(|column| column.iter().map(|text| number(*text)).collect()).collect();
    (numbers, texts.into_iter().map(str::to_owned).collect())
}

#[expect(clippy::cast_possible_truncation, reason = "decimals of 18 digits fit 64 bits")]
const fn minor(value: i128) -> i64 {
    value as i64
}

impl<'a> MonthRows<'a> {
    /// Typed columns of a batch with [`COLUMNS`].
    ///
    /// # Errors
    /// `Internal` when the batch is no ledger batch.
    pub fn of(batch: &'a RecordBatch, counted: [bool; DIMENSIONS.len()]) -> Result<Self> {
        let keys = read::u32s(batch, c::SOURCE_KEY)?;
        let rows: Vec<usize> = (0..batch.num_rows()).filter(|&row| keys.is_valid(row)).collect();
        let (days, kinds) = (read::days(batch, c::DAY)?, read::texts(batch, c::KIND)?);
        let (amounts, costs) = (read::decimals(batch, c::AMOUNT)?, read::decimals(batch, c::COST)?);
        let quantities = read::decimals(batch, c::QUANTITY)?;
        let mut columns: Vec<Vec<Option<&str>>> = Vec::with_capacity(DIMENSIONS.len());
        for ((_, name), is_counted) in DIMENSIONS.into_iter().zip(counted) {
            columns.push(if is_counted { read::texts(batch, name)?.iter().collect() } else { Vec::new() });
        }
        let (values, texts) = numbered(&columns);
        Ok(Self {
            rows: rows
                .iter()
                .map(|&row| Row {
                    key: keys.value(row),
                    day: days.value(row),
                    amount: minor(amounts.value(row)),
                    cost: read::at(costs, row).map(minor),
                    quantity: read::at(quantities, row).map(minor),
                    place: u32::try_from(row).unwrap_or(u32::MAX),
                    refund: kinds.value(row) == REFUND,
                })
                .collect(),
            transactions: read::texts(batch, c::TRANSACTION_ID)?,
            sources: read::texts(batch, c::SOURCE)?,
            values,
            texts,
        })
    }

    /// Summaries of the rows of the days from `first` to `last`, both included.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn summarise(&self, first: i32, last: i32) -> Result<MonthSummary> {
        let within = |row: &Row| (first..=last).contains(&row.day);
        if self.rows.iter().all(within) {
            return self.count();
        }
        let rows = self.rows.iter().copied().filter(within).collect();
        Self { rows, values: self.values.clone(), texts: self.texts.clone(), ..*self }.count()
    }

    fn count(&self) -> Result<MonthSummary> {
        let rows = accumulate::Rows { rows: &self.rows, values: &self.values };
        let order = |place: u32| {
            let place = place as usize;
            // Any number that parts sources serves, so long as it depends on the name only.
            let source = xxhash_rust::xxh3::xxh3_64(self.sources.value(place).as_bytes());
            (source, read::text_at(self.transactions, place))
        };
        let summary = accumulate::summarise(&rows, order).map_err(|_| {
            Error::new(Code::SumOutOfRange, "a customer's sum of a month does not fit 64 bits")
        })?;
        Ok(MonthSummary { summary, values: self.texts.clone() })
    }
}

fn plain_columns(rows: &[(u32, Measures)], units: &Units) -> Vec<ArrayRef> {
    let mut columns: Vec<ArrayRef> =
        vec![Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(key, _)| *key)))];
    let measures: Vec<&Measures> = rows.iter().map(|(_, measures)| measures).collect();
    columns.extend(measure_columns(&measures, units));
    columns
}

fn by_columns(rows: &[ByValue], texts: &[String], units: &Units) -> Vec<ArrayRef> {
    let (mut dimensions, mut values) = (StringBuilder::new(), StringBuilder::new());
    for row in rows {
        dimensions.append_option(DIMENSIONS.get(row.dimension as usize).map(|(name, _)| name));
        values.append_option(texts.get(row.value as usize));
    }
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.key))),
        Arc::new(dimensions.finish()),
        Arc::new(values.finish()),
    ];
    let measures: Vec<&Measures> = rows.iter().map(|row| &row.measures).collect();
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
