//! The ledger on disk: months of immutable parts. A night links the parts that did not change, rewrites those that
//! lose rows, and adds parts for the rows that came.

mod arrivals;

use std::collections::{BTreeMap, BTreeSet, HashSet};

pub use self::arrivals::Arrivals;
use self::arrivals::MonthArrivals;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use rayon::prelude::*;

use crate::contract::column as c;
use crate::contract::tables::Transactions;
use crate::contract::{Contract, Table, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{month_index, month_label};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::files;
use crate::store::parquet::{self, PART_ROWS};

/// Parts of one month under half full above which they are merged.
const MAX_PARTS: usize = 8;

/// A row's place among the deliveries.
pub type RowPlace = (u32, u64);

/// What a night does to the ledger.
#[derive(Debug)]
pub struct Changes {
    /// What goes.
    pub gone: Gone,
    /// What comes.
    pub arrivals: Arrivals,
}

/// What a night takes out of the ledger.
#[derive(Debug, Default)]
pub struct Gone {
    /// Files whose rows go.
    pub files: BTreeSet<u32>,
    /// Single rows that go, by month.
    pub rows: BTreeMap<i32, HashSet<RowPlace>>,
}

/// A part of the parent's ledger.
#[derive(Clone, Debug)]
pub struct Part {
    /// Path inside the run.
    pub path: String,
    /// Its number in the month.
    pub number: u32,
    /// Rows.
    pub rows: u64,
}

/// The ledger after a night.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Parts by month.
    pub months: BTreeMap<i32, Vec<Part>>,
    /// Months that got or lost rows.
    pub changed: BTreeSet<i32>,
    /// Its files, for the manifest.
    pub entries: Vec<TableEntry>,
    /// Rows that went, as they stood.
    pub removed: Vec<RecordBatch>,
}

fn folder(table: &Table, month: i32) -> String {
    format!("{}/month={}", table.name, month_label(month))
}

/// The parent's parts by month, from its manifest.
#[must_use]
pub fn parts_of(table: &Table, tables: &[TableEntry]) -> BTreeMap<i32, Vec<Part>> {
    let mut months: BTreeMap<i32, Vec<Part>> = BTreeMap::new();
    for entry in tables.iter().filter(|entry| entry.name == table.name) {
        let Some((folder, file)) = entry.path.rsplit_once('/') else { continue };
        let month = folder.rsplit_once("month=").and_then(|(_, label)| month_of(label));
        let number = file.strip_prefix("part-").and_then(|file| file.strip_suffix(".parquet"));
        if let (Some(month), Some(number)) = (month, number.and_then(|number| number.parse().ok())) {
            let part = Part { path: entry.path.clone(), number, rows: entry.rows };
            months.entry(month).or_default().push(part);
        }
    }
    for parts in months.values_mut() {
        parts.sort_unstable_by_key(|part| part.number);
    }
    months
}

/// Index of a month from its label.
fn month_of(label: &str) -> Option<i32> {
    crate::kernel::calendar::parse_day(format!("{label}-01").as_bytes()).map(month_index)
}

fn part_path(table: &Table, month: i32, number: u32) -> String {
    format!("{}/part-{number:05}.parquet", folder(table, month))
}

/// Carries the parent's ledger into the run without the rows that go, and closes what arrived.
///
/// # Errors
/// `Io`.
pub fn apply(context: &Context, parent_tables: &[TableEntry], changes: &mut Changes) -> Result<Ledger> {
    let Changes { gone, arrivals } = changes;
    let table = arrivals.table;
    let mut carried = parts_of(table, parent_tables);
    let known: BTreeMap<&str, &TableEntry> =
        parent_tables.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let months: BTreeSet<i32> = carried.keys().chain(arrivals.months.keys()).copied().collect();
    let months: Vec<(i32, Vec<Part>, Option<MonthArrivals>)> = months
        .into_iter()
        .map(|month| (month, carried.remove(&month).unwrap_or_default(), arrivals.months.remove(&month)))
        .collect();
    let gone = &*gone;
    // Months are independent; the results come back in order.
    let written: Vec<Result<(bool, MonthWriter<'_>)>> = months
        .into_par_iter()
        .map(|(month, parts, arrived)| {
            context.go_on()?;
            let mut writer =
                MonthWriter { context, table, month, known: &known, parts: Vec::new(), removed: Vec::new() };
            parts.iter().try_for_each(|part| writer.carry(part, gone))?;
            let changed = !writer.removed.is_empty() || arrived.is_some();
            if let Some(arrived) = arrived {
                writer.parts.extend(arrived.finish(context, table, month)?);
            }
            writer.merge_small()?;
            Ok((changed, writer))
        })
        .collect();
    let mut ledger = Ledger::default();
    for month in written {
        let (changed, MonthWriter { month, parts, mut removed, .. }) = month?;
        if changed {
            ledger.changed.insert(month);
        }
        if !parts.is_empty() {
            ledger.months.insert(month, parts.iter().map(|(part, _)| part.clone()).collect());
        }
        ledger.entries.extend(parts.into_iter().map(|(_, entry)| entry));
        ledger.removed.append(&mut removed);
    }
    Ok(ledger)
}

struct MonthWriter<'a> {
    context: &'a Context,
    table: &'static Table,
    month: i32,
    known: &'a BTreeMap<&'a str, &'a TableEntry>,
    parts: Vec<(Part, TableEntry)>,
    removed: Vec<RecordBatch>,
}

impl MonthWriter<'_> {
    /// Links a part, or rewrites it without the rows that go.
    fn carry(&mut self, part: &Part, gone: &Gone) -> Result<()> {
        let Some(parent) = self.context.parent() else { return Ok(()) };
        let rows_gone = gone.rows.get(&self.month);
        if !gone.files.is_empty() || rows_gone.is_some_and(|rows| !rows.is_empty()) {
            let batch = parquet::read(&parent.join(&part.path), self.table, &self.context.units, None)?;
            let files = read::u32s(&batch, c::FILE_ID)?;
            let lines = read::u64s(&batch, c::LINE)?;
            let stays = |row: usize| {
                let (file, line) = (files.value(row), lines.value(row));
                !gone.files.contains(&file) && !rows_gone.is_some_and(|rows| rows.contains(&(file, line)))
            };
            let mask: BooleanArray = (0..batch.num_rows()).map(|row| Some(stays(row))).collect();
            if mask.true_count() < batch.num_rows() {
                let filter = |mask: &BooleanArray| {
                    filter_record_batch(&batch, mask)
                        .map_err(|cause| Error::internal("cannot filter a ledger part").caused_by(cause))
                };
                let goes = mask.iter().map(|stays| stays.map(|stays| !stays)).collect();
                self.removed.push(filter(&goes)?);
                let batch = filter(&mask)?;
                if batch.num_rows() > 0 {
                    self.write(part.number, &[batch])?;
                }
                return Ok(());
            }
        }
        files::carry(parent, &self.context.work, &part.path)?;
        let entry = self.known.get(part.path.as_str());
        let entry = entry.ok_or_else(|| Error::internal("a ledger part is in no manifest"))?;
        self.parts.push((part.clone(), (*entry).clone()));
        Ok(())
    }

    fn write(&mut self, number: u32, batches: &[RecordBatch]) -> Result<()> {
        let path = part_path(self.table, self.month, number);
        let entry = self.context.write(self.table, &path, batches)?;
        self.parts.push((Part { path, number, rows: entry.rows }, entry));
        Ok(())
    }

    /// Merges parts that are less than half full once the month has too many of them.
    fn merge_small(&mut self) -> Result<()> {
        let small = |part: &Part| part.rows < PART_ROWS as u64 / 2;
        if self.parts.iter().filter(|(part, _)| small(part)).count() <= MAX_PARTS {
            return Ok(());
        }
        let (merged, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.parts).into_iter().partition(|(part, _)| small(part));
        let mut next = merged.iter().chain(&kept).map(|(part, _)| part.number + 1).max().unwrap_or(0);
        let mut batches = Vec::new();
        for (part, _) in &merged {
            let path = self.context.work.join(&part.path);
            batches.push(parquet::read(&path, self.table, &self.context.units, None)?);
            files::remove(&path)?;
        }
        self.parts = kept;
        for part in parquet::cut(&batches, PART_ROWS) {
            self.write(next, &part)?;
            next += 1;
        }
        Ok(())
    }
}

/// Reads columns of a month of transactions of the run under construction, parts in order, as one batch.
///
/// # Errors
/// `Io`.
pub fn read_month(context: &Context, parts: &[Part], columns: &[&str]) -> Result<RecordBatch> {
    read_month_of(Transactions::TABLE, context, parts, columns)
}

/// The same of a month of any ledger.
///
/// # Errors
/// `Io`.
pub fn read_month_of(
    table: &'static Table,
    context: &Context,
    parts: &[Part],
    columns: &[&str],
) -> Result<RecordBatch> {
    let mut batches = Vec::with_capacity(parts.len());
    for part in parts {
        let path = context.work.join(&part.path);
        batches.push(parquet::read(&path, table, &context.units, Some(columns))?);
    }
    if let [batch] = batches.as_slice() {
        return Ok(batch.clone());
    }
    let Some(first) = batches.first() else { return Ok(table.empty(&context.units)) };
    concat_batches(&first.schema(), &batches)
        .map_err(|cause| Error::internal("parts of one month differ").caused_by(cause))
}

/// Reads columns of a month of the run under construction as batches of at most a row group, in the order of the rows;
/// the columns `numbered` as numbers of their texts.
///
/// # Errors
/// `Io`.
pub fn read_groups(
    context: &Context,
    parts: &[Part],
    columns: &[&str],
    numbered: &[&str],
) -> Result<Vec<RecordBatch>> {
    let groups = |part: &Part| {
        let path = context.work.join(&part.path);
        parquet::read_groups(&path, Transactions::TABLE, &context.units, Some(columns), numbered)
    };
    let parts: Vec<Result<(_, Vec<RecordBatch>)>> = parts.par_iter().map(groups).collect();
    let mut batches = Vec::new();
    for part in parts {
        batches.extend(part?.1);
    }
    Ok(batches)
}
