//! Rows aside: those that lost to another version of their key, kept so that taking back a file brings them back.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_select::concat::concat_batches;

use super::keyed::{Form, take};
use super::ledger::RowPlace;
use crate::contract::{Units, column as c, read};
use crate::error::{Error, Result};

/// What a night does to the rows that were aside.
pub(super) struct AsideMoves<'a> {
    /// The ledger.
    pub(super) form: &'static Form,
    /// Rows that go back to the ledger.
    pub(super) restored: &'a HashSet<RowPlace>,
    /// Rows of files taken back.
    pub(super) leave: &'a HashSet<RowPlace>,
}

impl AsideMoves<'_> {
    /// Puts the rows that stay first into `after` and gives those that go back to the ledger.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn apply(
        &self,
        aside: &RecordBatch,
        after: &mut Vec<RecordBatch>,
        units: &Units,
    ) -> Result<Option<RecordBatch>> {
        let (ids, lines) = (read::u32s(aside, c::FILE_ID)?, read::u64s(aside, c::LINE)?);
        let (mut back, mut stay) = (Vec::new(), Vec::new());
        for row in 0..aside.num_rows() {
            let place = (ids.value(row), lines.value(row));
            if self.restored.contains(&place) {
                back.push(row);
            } else if !self.leave.contains(&place) {
                stay.push(row);
            }
        }
        if !stay.is_empty() {
            after.insert(0, take(aside, &stay)?);
        }
        if back.is_empty() {
            return Ok(None);
        }
        let rows = take(aside, &back)?;
        let n_columns = self.form.table.columns.len();
        let columns: Vec<ArrayRef> = rows.columns().iter().take(n_columns).cloned().collect();
        self.form.table.batch(units, columns).map(Some)
    }
}

/// Ledger rows with the place of the row that won.
///
/// # Errors
/// `Internal`.
pub(super) fn to_aside(
    form: &Form,
    rows: &RecordBatch,
    won_by: &[String],
    units: &Units,
) -> Result<RecordBatch> {
    let mut by = StringBuilder::new();
    won_by.iter().for_each(|place| by.append_value(place));
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    columns.push(Arc::new(by.finish()));
    form.aside.batch(units, columns)
}

/// The aside as one batch.
///
/// # Errors
/// `Internal`.
pub(super) fn aside_table(form: &Form, batches: &[RecordBatch], units: &Units) -> Result<RecordBatch> {
    concat_batches(&form.aside.schema(units), batches)
        .map_err(|cause| Error::internal("rows aside differ").caused_by(cause))
}
