//! Batches of a Parquet export as cells: numbers and days in the one form that needs no settings of the source.

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTimestampType, Date32Type, Date64Type, Decimal32Type, Decimal64Type,
    Decimal128Type, Decimal256Type, DecimalType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_schema::{DataType, TimeUnit};

use super::super::canonical::moment_label;
use super::super::cells::DAY_MS;
use super::super::faults::Reason;
use super::super::mapping::{Mapping, broken};
use super::records::Grid;
use crate::config::Source;
use crate::error::Result;
use crate::kernel::calendar::day_label;
use crate::kernel::csv::{Form, MAX_FIELD_BYTES};
use crate::store::parquet_input::Column;

/// Whether a column of this type can fill a contract column.
pub(super) fn is_read(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_read(values),
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(..)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => true,
        other => other.is_numeric(),
    }
}

/// Refuses a column that fills something and whose type holds no single value.
///
/// # Errors
/// `HeaderBroken` that names every such column and its type.
pub(super) fn refuse_types(
    source: &Source,
    mapping: &Mapping,
    columns: &[Column],
    path: &Path,
) -> Result<()> {
    let mut breaches = Vec::new();
    for (field, column) in columns.iter().enumerate().filter(|(_, column)| !is_read(&column.kind)) {
        let filled = mapping.names_filled_by(field).join(" and ");
        breaches.push(format!("the column {:?} is {}, which cannot fill {filled}", column.name, column.kind));
    }
    if breaches.is_empty() { Ok(()) } else { Err(broken(source, path, &breaches)) }
}

/// The cells of a batch whose first row has this number, from 1.
pub(super) fn grid(batch: &RecordBatch, columns: &[Column], names: &[String], first_row: u64) -> Grid {
    let mut grid = Grid::new(names);
    for row in 0..batch.num_rows() {
        grid.add_row(first_row + row as u64, None, None);
    }
    for (field, column) in columns.iter().enumerate() {
        let Some((array, parents)) = find(batch, &column.path) else { continue };
        let mut cells = Cells { grid: &mut grid, field, parents };
        cells.column(&array);
    }
    grid
}

/// The array at a path, and the structs on the way to it.
fn find(batch: &RecordBatch, path: &[String]) -> Option<(ArrayRef, Vec<StructArray>)> {
    let (first, rest) = path.split_first()?;
    let mut array = batch.column_by_name(first)?.clone();
    let mut parents = Vec::new();
    for name in rest {
        let parent = array.as_struct_opt()?.clone();
        array = parent.column_by_name(name)?.clone();
        parents.push(parent);
    }
    Some((array, parents))
}

/// The cells of one column.
struct Cells<'a> {
    grid: &'a mut Grid,
    field: usize,
    parents: Vec<StructArray>,
}

impl Cells<'_> {
    /// Fills a cell; `write` appends its text.
    fn put(&mut self, row: usize, form: Form, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.grid.n_bytes();
        write(self.grid.bytes());
        let end = self.grid.n_bytes();
        if end - start > MAX_FIELD_BYTES {
            self.grid.refuse(row, Reason::TooLong);
        }
        self.grid.fill(row, self.field, start..end, form);
    }

    fn is_null(&self, array: &dyn Array, row: usize) -> bool {
        array.is_null(row) || self.parents.iter().any(|parent| parent.is_null(row))
    }

    fn column(&mut self, array: &ArrayRef) {
        match array.data_type() {
            DataType::Boolean => {
                let values = array.as_boolean();
                let text = |row| if values.value(row) { "true" } else { "false" };
                self.each(array, Form::Written, |row, out| out.extend_from_slice(text(row).as_bytes()));
            }
            DataType::Utf8 => self.texts(array, |row| array.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => self.texts(array, |row| array.as_string::<i64>().value(row)),
            DataType::Utf8View => self.texts(array, |row| array.as_string_view().value(row)),
            DataType::Dictionary(..) => self.dictionary(array),
            DataType::Date32 => {
                let days = array.as_primitive::<Date32Type>();
                self.shown(array, Form::Time, |row| day_label(days.value(row)));
            }
            DataType::Date64 => {
                let ms = array.as_primitive::<Date64Type>();
                let day = |row| i32::try_from(ms.value(row).div_euclid(DAY_MS)).unwrap_or(i32::MAX);
                self.shown(array, Form::Time, |row| day_label(day(row)));
            }
            DataType::Timestamp(TimeUnit::Second, _) => self.times::<TimestampSecondType>(array, 1, 1000),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.times::<TimestampMillisecondType>(array, 1, 1);
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.times::<TimestampMicrosecondType>(array, 1000, 1);
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.times::<TimestampNanosecondType>(array, 1_000_000, 1);
            }
            DataType::Decimal32(..) => self.decimals::<Decimal32Type>(array),
            DataType::Decimal64(..) => self.decimals::<Decimal64Type>(array),
            DataType::Decimal128(..) => self.decimals::<Decimal128Type>(array),
            DataType::Decimal256(..) => self.decimals::<Decimal256Type>(array),
            _ => self.numbers_of(array),
        }
    }

    /// Whole numbers and floats; the latter as the shortest text that means them.
    fn numbers_of(&mut self, array: &ArrayRef) {
        match array.data_type() {
            DataType::Int8 => self.numbers::<Int8Type>(array),
            DataType::Int16 => self.numbers::<Int16Type>(array),
            DataType::Int32 => self.numbers::<Int32Type>(array),
            DataType::Int64 => self.numbers::<Int64Type>(array),
            DataType::UInt8 => self.numbers::<UInt8Type>(array),
            DataType::UInt16 => self.numbers::<UInt16Type>(array),
            DataType::UInt32 => self.numbers::<UInt32Type>(array),
            DataType::UInt64 => self.numbers::<UInt64Type>(array),
            DataType::Float16 => {
                let values = array.as_primitive::<Float16Type>();
                self.shown(array, Form::Number, |row| values.value(row).to_f32());
            }
            DataType::Float32 => self.numbers::<Float32Type>(array),
            DataType::Float64 => self.numbers::<Float64Type>(array),
            // Nothing but nulls; other types are refused before a row is read.
            _ => {}
        }
    }

    /// Fills every cell that is not null.
    fn each(&mut self, array: &dyn Array, form: Form, write: impl Fn(usize, &mut Vec<u8>)) {
        for row in 0..array.len() {
            if !self.is_null(array, row) {
                self.put(row, form, |out| write(row, out));
            }
        }
    }

    fn texts<'t>(&mut self, array: &dyn Array, text: impl Fn(usize) -> &'t str) {
        self.each(array, Form::Written, |row, out| out.extend_from_slice(text(row).as_bytes()));
    }

    fn shown<D: Display>(&mut self, array: &dyn Array, form: Form, value: impl Fn(usize) -> D) {
        // Writing to memory does not fail.
        self.each(array, form, |row, out| write!(out, "{}", value(row)).unwrap_or_default());
    }

    fn numbers<T: ArrowPrimitiveType<Native: Display>>(&mut self, array: &ArrayRef) {
        let values = array.as_primitive::<T>();
        self.shown(array, Form::Number, |row| values.value(row));
    }

    /// Without zeros at the end of the decimals: how many a type has says nothing of a value.
    fn decimals<T: DecimalType>(&mut self, array: &ArrayRef) {
        let values = array.as_primitive::<T>();
        self.each(array, Form::Number, |row, out| {
            let text = values.value_as_string(row);
            let short = if text.contains('.') { text.trim_end_matches('0') } else { &text };
            out.extend_from_slice(short.strip_suffix('.').unwrap_or(short).as_bytes());
        });
    }

    /// Times of a unit, cut to milliseconds. With a zone they are instants, whatever the zone they are shown in.
    fn times<T: ArrowTimestampType>(&mut self, array: &ArrayRef, per_ms: i64, ms: i64) {
        let values = array.as_primitive::<T>();
        let is_instant = matches!(array.data_type(), DataType::Timestamp(_, Some(_)));
        let mark = if is_instant { "Z" } else { "" };
        let ms_of = |row| values.value(row).div_euclid(per_ms).saturating_mul(ms);
        self.shown(array, Form::Time, |row| moment_label(ms_of(row)) + mark);
    }

    /// Every value is written once, however often it is meant.
    fn dictionary(&mut self, array: &ArrayRef) {
        let Some(dictionary) = array.as_any_dictionary_opt().filter(|d| !d.values().is_empty()) else {
            return;
        };
        let values = dictionary.values();
        let mut texts = Grid::new(&[String::new()]);
        for _ in 0..values.len() {
            texts.add_row(0, None, None);
        }
        Cells { grid: &mut texts, field: 0, parents: Vec::new() }.column(values);
        let keys = dictionary.normalized_keys();
        for (row, key) in keys.into_iter().enumerate() {
            if self.is_null(array, row) || values.is_null(key) {
                continue;
            }
            if let Some((bytes, form)) = texts.only_field(key) {
                self.put(row, form, |out| out.extend_from_slice(bytes));
            }
        }
    }
}
