//! The ledger on disk: months of immutable parts. A night links the parts that did not change, rewrites those that
//! lose rows, and adds parts for the rows that came.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use arrow_array::{BooleanArray, RecordBatch, UInt32Array};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;

use crate::contract::column as c;
use crate::contract::tables::Transactions;
use crate::contract::{Contract, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{month_index, month_label};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::files;
use crate::store::parquet::{self, PART_ROWS};

/// Parts of one month above which half-empty ones are merged.
const MAX_PARTS: usize = 8;

/// A row's place among the deliveries.
pub type RowPlace = (u32, u64);

/// What a night does to the ledger.
#[derive(Debug, Default)]
pub struct Changes {
    /// Files whose rows go.
    pub files_gone: BTreeSet<u32>,
    /// Single rows that go, by month.
    pub rows_gone: BTreeMap<i32, HashSet<RowPlace>>,
    /// Rows that come, by month, in delivery order.
    pub rows_new: BTreeMap<i32, Vec<RecordBatch>>,
}

impl Changes {
    /// Adds rows to the months that they lie in, keeping their order.
    ///
    /// # Errors
    /// `Internal` when the batch is no ledger batch.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let days = read::days(batch, c::DAY)?;
        let mut rows_by_month: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
        for (row, &day) in (0_u32..).zip(days.values()) {
            rows_by_month.entry(month_index(day)).or_default().push(row);
        }
        for (month, rows) in rows_by_month {
            let part = if rows.len() == batch.num_rows() {
                batch.clone()
            } else {
                take_record_batch(batch, &UInt32Array::from(rows))
                    .map_err(|cause| Error::internal("cannot take rows of a month").caused_by(cause))?
            };
            self.rows_new.entry(month).or_default().push(part);
        }
        Ok(())
    }
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
    /// Rows that came, as long as rows went with their files: what was delivered again is told by them.
    pub redelivered: Vec<RecordBatch>,
}

fn folder(month: i32) -> String {
    format!("{}/month={}", Transactions::TABLE.name, month_label(month))
}

/// The parent's parts by month, from its manifest.
#[must_use]
pub fn parts_of(tables: &[TableEntry]) -> BTreeMap<i32, Vec<Part>> {
    let mut months: BTreeMap<i32, Vec<Part>> = BTreeMap::new();
    for entry in tables.iter().filter(|entry| entry.name == Transactions::TABLE.name) {
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

/// Carries the parent's ledger into the run and applies the changes.
///
/// # Errors
/// `Io`.
pub fn apply(context: &Context, parent_tables: &[TableEntry], changes: Changes) -> Result<Ledger> {
    let mut ledger = Ledger { months: parts_of(parent_tables), ..Ledger::default() };
    let known: BTreeMap<&str, &TableEntry> =
        parent_tables.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let months: BTreeSet<i32> = ledger.months.keys().chain(changes.rows_new.keys()).copied().collect();
    for month in months {
        context.go_on()?;
        let parts = ledger.months.remove(&month).unwrap_or_default();
        let mut writer = MonthWriter {
            context,
            month,
            known: &known,
            parts: Vec::new(),
            removed: Vec::new(),
            changed: false,
            next: 0,
        };
        for part in parts {
            writer.carry(&part, &changes)?;
        }
        if let Some(batches) = changes.rows_new.get(&month) {
            writer.append(batches)?;
        }
        writer.merge_small()?;
        if writer.changed {
            ledger.changed.insert(month);
        }
        let parts: Vec<(Part, TableEntry)> = std::mem::take(&mut writer.parts);
        if !parts.is_empty() {
            ledger.months.insert(month, parts.iter().map(|(part, _)| part.clone()).collect());
        }
        ledger.entries.extend(parts.into_iter().map(|(_, entry)| entry));
        ledger.removed.append(&mut writer.removed);
    }
    if !changes.files_gone.is_empty() {
        ledger.redelivered = changes.rows_new.into_values().flatten().collect();
    }
    Ok(ledger)
}

struct MonthWriter<'a> {
    context: &'a Context,
    month: i32,
    known: &'a BTreeMap<&'a str, &'a TableEntry>,
    parts: Vec<(Part, TableEntry)>,
    removed: Vec<RecordBatch>,
    changed: bool,
    next: u32,
}

impl MonthWriter<'_> {
    /// Links a part, or rewrites it without the rows that go.
    fn carry(&mut self, part: &Part, changes: &Changes) -> Result<()> {
        let Some(parent) = self.context.parent() else { return Ok(()) };
        self.next = self.next.max(part.number + 1);
        let rows_gone = changes.rows_gone.get(&self.month);
        if !changes.files_gone.is_empty() || rows_gone.is_some_and(|rows| !rows.is_empty()) {
            let batch =
                parquet::read(&parent.join(&part.path), Transactions::TABLE, &self.context.units, None)?;
            let files = read::u32s(&batch, c::FILE_ID)?;
            let lines = read::u64s(&batch, c::LINE)?;
            let stays = |row: usize| {
                let (file, line) = (files.value(row), lines.value(row));
                !changes.files_gone.contains(&file)
                    && !rows_gone.is_some_and(|rows| rows.contains(&(file, line)))
            };
            let mask: BooleanArray = (0..batch.num_rows()).map(|row| Some(stays(row))).collect();
            if mask.true_count() < batch.num_rows() {
                self.changed = true;
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

    /// Writes new rows as parts of at most [`PART_ROWS`].
    fn append(&mut self, batches: &[RecordBatch]) -> Result<()> {
        let mut pending: Vec<RecordBatch> = Vec::new();
        let mut n_pending = 0;
        for batch in batches {
            let mut batch = batch.clone();
            while n_pending + batch.num_rows() > PART_ROWS {
                let n = PART_ROWS - n_pending;
                pending.push(batch.slice(0, n));
                batch = batch.slice(n, batch.num_rows() - n);
                self.write_next(&pending)?;
                pending.clear();
                n_pending = 0;
            }
            n_pending += batch.num_rows();
            pending.push(batch);
        }
        if n_pending > 0 {
            self.write_next(&pending)?;
        }
        self.changed |= !batches.is_empty();
        Ok(())
    }

    fn write_next(&mut self, batches: &[RecordBatch]) -> Result<()> {
        let number = self.next;
        self.next += 1;
        self.write(number, batches)
    }

    fn write(&mut self, number: u32, batches: &[RecordBatch]) -> Result<()> {
        let path = format!("{}/part-{number:05}.parquet", folder(self.month));
        let entry = self.context.write(Transactions::TABLE, &path, batches)?;
        self.parts.push((Part { path, number, rows: entry.rows }, entry));
        Ok(())
    }

    /// Merges parts that are less than half full once the month has too many.
    fn merge_small(&mut self) -> Result<()> {
        let small = |part: &Part| part.rows < PART_ROWS as u64 / 2;
        if self.parts.len() <= MAX_PARTS || self.parts.iter().filter(|(part, _)| small(part)).count() < 2 {
            return Ok(());
        }
        let (merged, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.parts).into_iter().partition(|(part, _)| small(part));
        let mut batches = Vec::new();
        for (part, _) in &merged {
            let path = self.context.work.join(&part.path);
            batches.push(parquet::read(&path, Transactions::TABLE, &self.context.units, None)?);
            files::remove(&path)?;
        }
        self.parts = kept;
        let changed = self.changed;
        self.append(&batches)?;
        self.changed = changed;
        Ok(())
    }
}

/// Reads columns of a month of the run under construction, parts in order, as one batch.
///
/// # Errors
/// `Io`.
pub fn read_month(context: &Context, parts: &[Part], columns: &[&str]) -> Result<RecordBatch> {
    let mut batches = Vec::with_capacity(parts.len());
    for part in parts {
        let path = context.work.join(&part.path);
        batches.push(parquet::read(&path, Transactions::TABLE, &context.units, Some(columns))?);
    }
    let Some(first) = batches.first() else { return Ok(Transactions::TABLE.empty(&context.units)) };
    concat_batches(&first.schema(), &batches)
        .map_err(|cause| Error::internal("parts of one month differ").caused_by(cause))
}
