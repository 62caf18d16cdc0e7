//! Typed access to columns of a batch by name, without panics: a missing or differently typed column is an error.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMillisecondType, UInt8Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, StringArray};

use crate::error::{Error, Result};

/// The column of that name.
///
/// # Errors
/// `Internal` when the batch has no such column.
pub fn array<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| Error::internal(format!("column {name} is missing")))
}

fn primitive<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<T>> {
    array(batch, name)?
        .as_primitive_opt::<T>()
        .ok_or_else(|| Error::internal(format!("column {name} has another type")))
}

/// A text column.
///
/// # Errors
/// `Internal` when missing or of another type; so for all functions here.
pub fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    array(batch, name)?
        .as_string_opt::<i32>()
        .ok_or_else(|| Error::internal(format!("column {name} has another type")))
}

/// A text column that was read as numbers of its texts.
///
/// # Errors
/// See [`texts`].
pub fn numbers<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<(&'a PrimitiveArray<Int32Type>, &'a StringArray)> {
    array(batch, name)?
        .as_dictionary_opt::<Int32Type>()
        .and_then(|column| Some((column.keys(), column.values().as_string_opt::<i32>()?)))
        .ok_or_else(|| Error::internal(format!("column {name} has another type")))
}

/// A truth column.
///
/// # Errors
/// See [`texts`].
pub fn bools<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a BooleanArray> {
    array(batch, name)?
        .as_boolean_opt()
        .ok_or_else(|| Error::internal(format!("column {name} has another type")))
}

/// A money or quantity column, in minor units or thousandths.
///
/// # Errors
/// See [`texts`].
pub fn decimals<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<Decimal128Type>> {
    primitive(batch, name)
}

/// A day column.
///
/// # Errors
/// See [`texts`].
pub fn days<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<Date32Type>> {
    primitive(batch, name)
}

/// A timestamp column.
///
/// # Errors
/// See [`texts`].
pub fn timestamps<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<TimestampMillisecondType>> {
    primitive(batch, name)
}

/// A count column.
///
/// # Errors
/// See [`texts`].
pub fn ints<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<Int64Type>> {
    primitive(batch, name)
}

/// A float column.
///
/// # Errors
/// See [`texts`].
pub fn floats<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<Float64Type>> {
    primitive(batch, name)
}

/// A score column.
///
/// # Errors
/// See [`texts`].
pub fn u8s<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<UInt8Type>> {
    primitive(batch, name)
}

/// A key column.
///
/// # Errors
/// See [`texts`].
pub fn u32s<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<UInt32Type>> {
    primitive(batch, name)
}

/// A line column.
///
/// # Errors
/// See [`texts`].
pub fn u64s<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<UInt64Type>> {
    primitive(batch, name)
}

/// The text in a row, `None` for null.
#[must_use]
pub fn text_at(values: &StringArray, row: usize) -> Option<&str> {
    values.is_valid(row).then(|| values.value(row))
}

/// The value in a row, `None` for null.
#[must_use]
pub fn at<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    values.is_valid(row).then(|| values.value(row))
}
