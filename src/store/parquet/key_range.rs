//! Row groups of a range of keys.

use std::path::Path;

use arrow_array::RecordBatch;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use crate::contract::{Table, Units};
use crate::error::Result;

/// Keys that are wanted of a table sorted by them, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct KeyRange {
    /// Column of 32-bit numbers.
    pub column: &'static str,
    /// Least key.
    pub first: u32,
    /// Greatest key.
    pub last: u32,
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
    within: &KeyRange,
) -> Result<Vec<RecordBatch>> {
    let wanted = |group: &RowGroupMetaData| {
        let of_key = group.columns().iter().find(|one| one.column_path().string() == within.column);
        match of_key.and_then(|column| column.statistics()) {
            Some(Statistics::Int32(of_group)) => {
                let bound = |value: Option<&i32>, or: u32| value.map_or(or, |value| value.cast_unsigned());
                bound(of_group.min_opt(), 0) <= within.last
                    && within.first <= bound(of_group.max_opt(), u32::MAX)
            }
            _ => true,
        }
    };
    super::read_chosen(path, table, units, Some(columns), &[], Some(&wanted)).map(|(_, batches)| batches)
}
