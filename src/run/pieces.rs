//! Tables of which only some rows are in memory at a time as columns.

use std::ops::Range;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_select::concat::concat_batches;

use super::context::Context;
use super::manifest::TableEntry;
use crate::contract::{Checked, Contract};
use crate::error::{Error, Result};

/// Rows of a piece, about.
pub const PIECE_ROWS: usize = 1 << 16;

/// Places of `n` things in pieces.
#[must_use]
pub fn places(n: usize) -> Vec<Range<usize>> {
    (0..n).step_by(PIECE_ROWS).map(|from| from..n.min(from + PIECE_ROWS)).collect()
}

/// Writes a table of `n` things, whose columns are made a piece at a time: those of a piece while the piece before is
/// encoded.
///
/// # Errors
/// `ContractBroken`, which is looked for within pieces and where they meet; `Io`; what `columns` fails with.
pub fn write<T: Contract>(
    context: &Context,
    n: usize,
    columns: impl Fn(Range<usize>) -> Result<Vec<ArrayRef>> + Sync,
) -> Result<TableEntry> {
    let mut file = context.create(T::TABLE)?;
    let make = |places: &Range<usize>| -> Result<RecordBatch> {
        context.go_on()?;
        Ok(Checked::<T>::from_columns(&context.units, columns(places.clone())?)?.batch().clone())
    };
    let pieces = places(n);
    let mut made = pieces.first().map(&make).transpose()?;
    let mut last: Option<RecordBatch> = None;
    for next in pieces.iter().skip(1).map(Some).chain([None]) {
        let Some(batch) = made.take() else { continue };
        seam::<T>(context, last.as_ref(), &batch)?;
        let (next, added) = rayon::join(|| next.map(&make).transpose(), || file.add(&batch));
        added?;
        made = next?;
        if batch.num_rows() > 0 {
            last = Some(batch.slice(batch.num_rows() - 1, 1));
        }
    }
    let n_rows = file.n_rows();
    Ok(TableEntry::new(T::TABLE, &T::TABLE.file(), n_rows, file.finish()?.hash))
}

/// What holds between rows holds across pieces too.
fn seam<T: Contract>(context: &Context, last: Option<&RecordBatch>, batch: &RecordBatch) -> Result<()> {
    let Some(last) = last.filter(|_| batch.num_rows() > 0) else { return Ok(()) };
    let seam = concat_batches(&batch.schema(), [last, &batch.slice(0, 1)])
        .map_err(|cause| Error::internal("rows of one table do not fit").caused_by(cause))?;
    Checked::<T>::verify(&context.units, seam).map(|_| ())
}
