//! The check behind [`super::Checked`].

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, UInt8Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use rayon::prelude::*;

use super::{ColumnType, DECIMAL_PRECISION, Table, Units};
use crate::error::{Code, Error, Result};

/// Rows that one task compares at least.
const MIN_ROWS: usize = 8192;

/// Schema, nulls, ranges, order.
pub(super) fn verify(table: &Table, units: &Units, batch: &RecordBatch) -> Result<()> {
    if batch.schema().fields() != table.schema(units).fields() {
        return Err(broken(table, "its schema differs from the contract"));
    }
    let faults: Vec<Option<String>> = table
        .columns
        .par_iter()
        .zip(batch.columns())
        .map(|(column, array)| {
            if !column.nullable && array.null_count() > 0 {
                return Some(format!("column {} holds a null", column.name));
            }
            let row = bad_value(column.kind, array)?;
            Some(format!("column {} is out of range in row {row}", column.name))
        })
        .collect();
    match faults.into_iter().flatten().next() {
        Some(fault) => Err(broken(table, &fault)),
        None => order(table, batch),
    }
}

fn broken(table: &Table, what: &str) -> Error {
    Error::new(Code::ContractBroken, format!("table {} breaks its contract: {what}", table.name))
}

/// First row whose value the type's range forbids: decimals have 18 digits, floats are finite, shares lie in [0, 1].
fn bad_value(kind: ColumnType, array: &ArrayRef) -> Option<usize> {
    if matches!(kind, ColumnType::Money | ColumnType::Quantity) {
        let values = array.as_primitive_opt::<Decimal128Type>()?;
        let limit = 10_u128.pow(u32::from(DECIMAL_PRECISION));
        // What stands in the place of nulls is looked at only where something is out of range.
        if values.values().iter().all(|value| value.unsigned_abs() < limit) {
            return None;
        }
        return (0..values.len())
            .find(|&row| values.is_valid(row) && values.value(row).unsigned_abs() >= limit);
    }
    if !matches!(kind, ColumnType::Float | ColumnType::Share) {
        return None;
    }
    let values = array.as_primitive_opt::<Float64Type>()?;
    let share = kind == ColumnType::Share;
    (0..values.len()).find(|&row| {
        let value = values.value(row);
        values.is_valid(row) && (!value.is_finite() || (share && !(0.0..=1.0).contains(&value)))
    })
}

fn order(table: &Table, batch: &RecordBatch) -> Result<()> {
    let keys: Vec<&ArrayRef> = table.sorted_by.iter().filter_map(|name| batch.column_by_name(name)).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let fault = |row: usize| {
        let orderings = keys.iter().map(|key| compare(key, row - 1, row));
        let ordering = orderings.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal);
        match ordering {
            Ordering::Less => None,
            Ordering::Equal => table.unique.then_some((row, "repeats the row before")),
            Ordering::Greater => Some((row, "is out of order")),
        }
    };
    let rows = (1..batch.num_rows().max(1)).into_par_iter().with_min_len(MIN_ROWS);
    match rows.filter_map(fault).find_first(|_| true) {
        Some((row, fault)) => Err(broken(table, &format!("row {row} {fault}"))),
        None => Ok(()),
    }
}

/// Order of two rows of one column, nulls last.
fn compare(array: &ArrayRef, a: usize, b: usize) -> Ordering {
    match (array.is_null(a), array.is_null(b)) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    match array.data_type() {
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            values.value(a).cmp(values.value(b))
        }
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>();
            values.value(a).cmp(&values.value(b))
        }
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>();
            values.value(a).cmp(&values.value(b))
        }
        DataType::UInt8 => {
            let values = array.as_primitive::<UInt8Type>();
            values.value(a).cmp(&values.value(b))
        }
        DataType::UInt32 => {
            let values = array.as_primitive::<UInt32Type>();
            values.value(a).cmp(&values.value(b))
        }
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>();
            values.value(a).cmp(&values.value(b))
        }
        _ => Ordering::Equal,
    }
}
