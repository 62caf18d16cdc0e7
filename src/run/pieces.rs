//! Tables of which only some rows are in memory at a time as columns.

use std::ops::Range;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_select::concat::concat_batches;
use rayon::prelude::*;

use super::context::Context;
use super::manifest::TableEntry;
use crate::contract::{Checked, Contract, Units};
use crate::error::{Error, Result};

/// Rows of a piece, about.
pub const PIECE_ROWS: usize = 1 << 16;

/// Places of `n` things in pieces.
#[must_use]
pub fn places(n: usize) -> Vec<Range<usize>> {
    (0..n).step_by(PIECE_ROWS).map(|from| from..n.min(from + PIECE_ROWS)).collect()
}

/// Makes one column.
pub type Make<'a> = dyn Fn() -> ArrayRef + Sync + 'a;

/// Makes columns, as many at a time as there are threads.
#[must_use]
pub fn side_by_side(columns: &[&Make<'_>]) -> Vec<ArrayRef> {
    columns.par_iter().map(|make| make()).collect()
}

/// Reads things side by side, as many at a time as there are threads, and hands on in their order what was read, while the
/// next are read.
///
/// # Errors
/// `Interrupted`; those of `take`; those of `read`.
pub fn read_ahead<T: Sync, R: Send>(
    context: &Context,
    things: &[T],
    read: impl Fn(&T) -> Result<R> + Sync,
    mut take: impl FnMut(Vec<R>) -> Result<()> + Send,
) -> Result<()> {
    let mut loaded: Vec<R> = Vec::new();
    for side_by_side in things.chunks(rayon::current_num_threads().max(1)).chain([[].as_slice()]) {
        context.go_on()?;
        let done = std::mem::take(&mut loaded);
        let (next, taken) =
            rayon::join(|| side_by_side.par_iter().map(&read).collect::<Vec<Result<R>>>(), || take(done));
        taken?;
        loaded = next.into_iter().collect::<Result<_>>()?;
    }
    Ok(())
}

/// Writes a table of `n` things, whose columns are made a piece at a time: those of a piece while the piece before is
/// encoded, and full row groups are written.
///
/// # Errors
/// `ContractBroken`, which is looked for within pieces and where they meet; `Io`; what `columns` fails with.
pub fn write<T: Contract>(
    context: &Context,
    n: usize,
    columns: impl Fn(Range<usize>) -> Result<Vec<ArrayRef>> + Sync,
) -> Result<TableEntry> {
    write_file::<T>(context, &T::TABLE.file(), n, columns)
}

/// The same of one of a table's files, by its path inside the run.
///
/// # Errors
/// Those of [`write`].
pub fn write_file<T: Contract>(
    context: &Context,
    inside_run: &str,
    n: usize,
    columns: impl Fn(Range<usize>) -> Result<Vec<ArrayRef>> + Sync,
) -> Result<TableEntry> {
    let mut file = context.create(T::TABLE, inside_run)?;
    let make = |places: &Range<usize>| -> Result<RecordBatch> {
        context.go_on()?;
        Ok(Checked::<T>::from_columns(&context.units, columns(places.clone())?)?.batch().clone())
    };
    let pieces = places(n);
    let mut made = pieces.first().map(&make).transpose()?;
    let mut last: Option<RecordBatch> = None;
    for next in pieces.iter().skip(1).map(Some).chain([None]) {
        let Some(batch) = made.take() else { continue };
        seam::<T>(&context.units, last.as_ref(), &batch)?;
        let (next, added) = rayon::join(|| next.map(&make).transpose(), || file.add_behind(&batch));
        added?;
        made = next?;
        if batch.num_rows() > 0 {
            last = Some(batch.slice(batch.num_rows() - 1, 1));
        }
    }
    let n_rows = file.n_rows();
    Ok(TableEntry::new(T::TABLE, inside_run, n_rows, file.finish()?.hash))
}

/// What holds between rows holds across pieces too.
fn seam<T: Contract>(units: &Units, last: Option<&RecordBatch>, batch: &RecordBatch) -> Result<()> {
    let Some(last) = last.filter(|_| batch.num_rows() > 0) else { return Ok(()) };
    let seam = concat_batches(&batch.schema(), [last, &batch.slice(0, 1)])
        .map_err(|cause| Error::internal("rows of one table do not fit").caused_by(cause))?;
    Checked::<T>::verify(units, seam).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray, UInt8Array};

    use super::*;
    use crate::contract::tables::RfmCuts;

    /// Rows of a table that is sorted by its first two columns, without the same two twice.
    fn batch(units: &Units, rows: &[(&str, u8)]) -> RecordBatch {
        let columns = RfmCuts::TABLE.columns.iter().enumerate().map(|(place, column)| -> ArrayRef {
            match place {
                0 => Arc::new(rows.iter().map(|(measure, _)| Some(*measure)).collect::<StringArray>()),
                1 => Arc::new(UInt8Array::from_iter_values(rows.iter().map(|(_, bin)| *bin))),
                2 | 3 => arrow_array::new_null_array(&column.kind.arrow(units), rows.len()),
                _ => Arc::new(Int64Array::from(vec![0; rows.len()])),
            }
        });
        RfmCuts::TABLE.batch(units, columns.collect()).unwrap()
    }

    #[test]
    fn rows_of_two_pieces_are_in_order_and_none_is_there_twice() {
        let units = Units { currency: "EUR".to_owned(), exponent: 2 };
        let last = batch(&units, &[("m", 2)]);
        let meets = |next: &[(&str, u8)]| seam::<RfmCuts>(&units, Some(&last), &batch(&units, next));
        assert!(meets(&[("m", 3), ("r", 1)]).is_ok());
        assert!(meets(&[("m", 2)]).is_err(), "twice");
        assert!(meets(&[("f", 5)]).is_err(), "out of order");
        assert!(meets(&[]).is_ok());
        assert!(seam::<RfmCuts>(&units, None, &last).is_ok());
    }

    #[test]
    fn pieces_are_full_but_for_the_last() {
        assert!(places(0).is_empty());
        assert_eq!(places(PIECE_ROWS).len(), 1);
        assert_eq!(places(PIECE_ROWS + 1), [0..PIECE_ROWS, PIECE_ROWS..PIECE_ROWS + 1]);
    }
}
