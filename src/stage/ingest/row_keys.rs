//! `register/row_keys`: every version of every keyed row, kept between nights.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch, UInt32Array, UInt64Array};

use super::ledger::RowPlace;
use crate::contract::tables::RowKeys;
use crate::contract::{Contract, Units, column as c, read as columns};
use crate::error::{Error, Result};
use crate::kernel::calendar::{month_index, month_label, parse_day};

/// One version of a keyed row, as kept between nights.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Hash of source and key cells.
    pub(super) hash: u128,
    /// Month of the ledger; `None` for a deletion.
    pub(super) month: Option<i32>,
    /// File and line.
    pub(super) place: RowPlace,
    /// Version text.
    pub(super) version: Option<String>,
    /// Takes the row away.
    pub(super) deleted: bool,
    /// Whether it was there before this night.
    pub(super) old: bool,
}

/// Reads `register/row_keys`.
///
/// # Errors
/// `Internal` when the batch is no such table.
pub(super) fn read(batch: &RecordBatch) -> Result<Vec<Kept>> {
    let hashes = columns::array(batch, c::HASH)?
        .as_fixed_size_binary_opt()
        .ok_or_else(|| Error::internal("row keys have another type"))?;
    let months = columns::texts(batch, c::MONTH)?;
    let (ids, lines) = (columns::u32s(batch, c::FILE_ID)?, columns::u64s(batch, c::LINE)?);
    let (versions, deleted) = (columns::texts(batch, c::VERSION)?, columns::bools(batch, c::DELETED)?);
    Ok((0..batch.num_rows())
        .map(|row| Kept {
            hash: hashes.value(row).try_into().map_or(0, u128::from_be_bytes),
            month: columns::text_at(months, row)
                .and_then(|label| parse_day(format!("{label}-01").as_bytes()))
                .map(month_index),
            place: (ids.value(row), lines.value(row)),
            version: columns::text_at(versions, row).map(str::to_owned),
            deleted: deleted.value(row),
            old: true,
        })
        .collect())
}

/// Makes `register/row_keys` of the versions that stay.
///
/// # Errors
/// `Internal`.
pub(super) fn write(kept: &[Kept], stays: &[bool], units: &Units) -> Result<RecordBatch> {
    let mut rows: Vec<&Kept> =
        kept.iter().zip(stays).filter(|(_, stays)| **stays).map(|(kept, _)| kept).collect();
    rows.sort_unstable_by_key(|kept| (kept.hash, kept.place));
    let mut hashes = FixedSizeBinaryBuilder::new(16);
    let (mut months, mut versions) = (StringBuilder::new(), StringBuilder::new());
    for row in &rows {
        hashes
            .append_value(row.hash.to_be_bytes())
            .map_err(|cause| Error::internal("a hash has 16 bytes").caused_by(cause))?;
        months.append_option(row.month.map(month_label));
        versions.append_option(row.version.as_deref());
    }
    let deleted: BooleanArray = rows.iter().map(|row| Some(row.deleted)).collect();
    RowKeys::TABLE.batch(
        units,
        vec![
            Arc::new(hashes.finish()),
            Arc::new(months.finish()),
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.place.0))),
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.place.1))),
            Arc::new(versions.finish()),
            Arc::new(deleted),
        ],
    )
}
