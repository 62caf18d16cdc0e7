//! Rows that come to the ledger, on their way into parts.

use std::collections::BTreeMap;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;

use super::{Part, part_path, parts_of};
use crate::contract::{Table, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{month_index, month_start};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::parquet::{PART_ROWS, TableWriter};

/// New rows of a month that are gathered before they are encoded, where a file's chunks hold few of each month.
const GATHERED_ROWS: usize = 8192;

/// New rows on their way into parts. Rows are encoded as they come, so that no more is held than the encoded pages of one
/// row group a month; parts and row groups are cut by row number only.
#[derive(Debug)]
pub struct Arrivals {
    pub(super) table: &'static Table,
    /// First free part number of the months that the parent has.
    next: BTreeMap<i32, u32>,
    pub(super) months: BTreeMap<i32, MonthArrivals>,
}

#[derive(Debug, Default)]
pub(super) struct MonthArrivals {
    pending: Vec<RecordBatch>,
    n_pending: usize,
    open: Option<(u32, TableWriter)>,
    next: u32,
    written: Vec<(Part, TableEntry)>,
}

impl Arrivals {
    /// Nothing has arrived yet.
    #[must_use]
    pub fn new(table: &'static Table, parent_tables: &[TableEntry]) -> Self {
        let after = |parts: &Vec<Part>| parts.iter().map(|part| part.number + 1).max().unwrap_or(0);
        let next =
            parts_of(table, parent_tables).iter().map(|(month, parts)| (*month, after(parts))).collect();
        Self { table, next, months: BTreeMap::new() }
    }

    /// Adds rows to the months that they lie in, keeping their order.
    ///
    /// # Errors
    /// `Io`; `Internal` when the batch is no ledger batch.
    pub fn add(&mut self, context: &Context, batch: &RecordBatch) -> Result<()> {
        let days = read::days(batch, c::DAY)?;
        for (month, part) in by_month(batch, days.values())? {
            let next = self.next.get(&month).copied().unwrap_or(0);
            let arrivals = self
                .months
                .entry(month)
                .or_insert_with(|| MonthArrivals { next, ..MonthArrivals::default() });
            arrivals.add(context, self.table, month, part)?;
        }
        Ok(())
    }
}

/// The rows of each month, in their order. Exports mostly come in order of time, so that most batches lie in one month and
/// are not copied.
fn by_month(batch: &RecordBatch, days: &[i32]) -> Result<Vec<(i32, RecordBatch)>> {
    let mut runs: Vec<(i32, usize, usize)> = Vec::new();
    let (mut first, mut next) = (0, 0);
    for (row, &day) in days.iter().enumerate() {
        if !(first..next).contains(&day) {
            let month = month_index(day);
            (first, next) = (month_start(month), month_start(month + 1));
            runs.push((month, row, row));
        }
        if let Some(run) = runs.last_mut() {
            run.2 = row + 1;
        }
    }
    runs.sort_unstable();
    let mut parts = Vec::new();
    for same_month in runs.chunk_by(|a, b| a.0 == b.0) {
        let n_rows: usize = same_month.iter().map(|(_, from, to)| to - from).sum();
        let rows = same_month.iter().flat_map(|(_, from, to)| *from as u64..*to as u64);
        let part = if n_rows == batch.num_rows() { batch.clone() } else { copied(batch, rows)? };
        parts.extend(same_month.first().map(|(month, ..)| (*month, part)));
    }
    Ok(parts)
}

/// Rows of a batch as a batch of their own: a slice would hold on to all of it for as long as its month waits for more.
fn copied(batch: &RecordBatch, rows: impl Iterator<Item = u64>) -> Result<RecordBatch> {
    take_record_batch(batch, &UInt64Array::from_iter_values(rows))
        .map_err(|cause| Error::internal("cannot take rows of a month").caused_by(cause))
}

impl MonthArrivals {
    fn add(
        &mut self,
        context: &Context,
        table: &'static Table,
        month: i32,
        batch: RecordBatch,
    ) -> Result<()> {
        self.n_pending += batch.num_rows();
        self.pending.push(batch);
        if self.n_pending < GATHERED_ROWS { Ok(()) } else { self.encode(context, table, month) }
    }

    /// Encodes what is pending.
    fn encode(&mut self, context: &Context, table: &'static Table, month: i32) -> Result<()> {
        self.n_pending = 0;
        for batch in std::mem::take(&mut self.pending) {
            let mut rest = batch;
            while rest.num_rows() > 0 {
                let (number, mut writer) = match self.open.take() {
                    Some(open) => open,
                    None => self.create(context, table, month)?,
                };
                let room = usize::try_from((PART_ROWS as u64).saturating_sub(writer.n_rows())).unwrap_or(0);
                let n_taken = rest.num_rows().min(room);
                writer.add(&rest.slice(0, n_taken))?;
                rest = rest.slice(n_taken, rest.num_rows() - n_taken);
                if n_taken == room {
                    self.close(table, month, number, writer)?;
                } else {
                    self.open = Some((number, writer));
                }
            }
        }
        Ok(())
    }

    fn create(&mut self, context: &Context, table: &'static Table, month: i32) -> Result<(u32, TableWriter)> {
        let number = self.next;
        self.next += 1;
        let path = part_path(table, month, number);
        Ok((number, TableWriter::create(&context.work, &path, table, &context.units)?))
    }

    fn close(&mut self, table: &Table, month: i32, number: u32, writer: TableWriter) -> Result<()> {
        let rows = writer.n_rows();
        let hash = writer.finish()?.hash;
        let path = part_path(table, month, number);
        let entry = TableEntry::new(table, &path, rows, hash);
        self.written.push((Part { path, number, rows }, entry));
        Ok(())
    }

    pub(super) fn finish(
        mut self,
        context: &Context,
        table: &'static Table,
        month: i32,
    ) -> Result<Vec<(Part, TableEntry)>> {
        self.encode(context, table, month)?;
        if let Some((number, writer)) = self.open.take() {
            self.close(table, month, number, writer)?;
        }
        Ok(self.written)
    }
}
