//! Row groups of a range of keys.

use std::path::Path;

use arrow_array::RecordBatch;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::reading::Source;
use crate::contract::{Table, Units};
use crate::error::Result;

/// Keys that are wanted of a table sorted by them, both ends included.
#[derive(Clone, Copy)]
pub struct KeyRange<'a> {
    /// Column of 32-bit numbers.
    pub column: &'static str,
    /// Least key.
    pub first: u32,
    /// Greatest key.
    pub last: u32,
    /// Whether any key of a range is wanted, both ends included.
    pub asks: &'a dyn Fn(u32, u32) -> bool,
}

/// Reads columns of the row groups that can hold a range of keys; other keys of these groups come too.
///
/// # Errors
/// See [`read`].
pub fn read_range(
    path: &Path,
    table: &Table,
    units: &Units,
    columns: &[&str],
    within: &KeyRange<'_>,
) -> Result<Vec<RecordBatch>> {
    let wanted = |group: &RowGroupMetaData| {
        let of_key = group.columns().iter().find(|one| one.column_path().string() == within.column);
        match of_key.and_then(|column| column.statistics()) {
            Some(Statistics::Int32(of_group)) => {
                let bound = |value: Option<&i32>, or: u32| value.map_or(or, |value| value.cast_unsigned());
                let (least, greatest) = (bound(of_group.min_opt(), 0), bound(of_group.max_opt(), u32::MAX));
                least <= within.last && within.first <= greatest && (within.asks)(least, greatest)
            }
            _ => true,
        }
    };
    Ok(Source::open(path, table, units, &[])?.read(Some(columns), Some(&wanted))?.batches)
}
