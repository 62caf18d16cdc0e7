//! Cells of the small kinds as canonical text, and that text as columns of their tables.
//!
//! The text is what two deliveries of one row are compared by: days `YYYY-MM-DD`, times `YYYY-MM-DDTHH:MM:SS.mmm`, truth
//! `true` and `false`, money in minor units, numbers in millionths, months as their first day.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    TimestampMillisecondArray, UInt32Array, UInt64Array,
};

use super::cells::{Cells, DAY_MS, day_of};
use super::contacts::{ContactRow, place_label, place_of};
use super::faults::Reason;
use super::mapping::Slot;
use crate::contract::exports::ExportType;
use crate::contract::{Column, ColumnType, Table, Units, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{day_label, month_index, month_start, parse_day, parse_moment};
use crate::kernel::number;

/// Millionths of one.
const MICRO: f64 = 1e6;

/// A cell as canonical text; `None` for an empty cell and, with the fault noted, for one that cannot be read.
pub(super) fn text_of<'s>(cells: &mut Cells<'s>, slot: &'s Slot) -> Option<String> {
    let some = Some(slot);
    match slot.column.kind {
        ExportType::Date => cells.day(some).map(day_label),
        ExportType::Moment => cells.moment(some).map(moment_label),
        ExportType::Month => month(cells, slot).map(day_label),
        ExportType::Enum(_) | ExportType::Bool => cells.choice(some).map(str::to_owned),
        ExportType::Money => cells.money(some).map(|minor| minor.to_string()),
        ExportType::Number | ExportType::Decimal6 => number(cells, slot).map(|micro| micro.to_string()),
        ExportType::Count => count(cells, slot).map(|n| n.to_string()),
        ExportType::Text | ExportType::Id | ExportType::Version => {
            cells.text(some).map(std::borrow::Cow::into_owned)
        }
    }
}

/// The first day of a month that is written `YYYY-MM` or as any of its days.
fn month<'s>(cells: &mut Cells<'s>, slot: &'s Slot) -> Option<i32> {
    let text = cells.text(Some(slot))?;
    match parse_day(format!("{text}-01").as_bytes()) {
        Some(day) => Some(day),
        None => cells.day(Some(slot)).map(|day| month_start(month_index(day))),
    }
}

/// A number in millionths; decimals past the sixth are rounded away.
pub(super) fn number<'s>(cells: &mut Cells<'s>, slot: &'s Slot) -> Option<i64> {
    let text = cells.text(Some(slot))?;
    match number::parse_micro(text.as_bytes(), cells.separator(Some(slot))) {
        Ok(micro) => Some(micro),
        Err(fault) => {
            cells.fault(slot, fault.into(), Some(&text));
            None
        }
    }
}

fn count<'s>(cells: &mut Cells<'s>, slot: &'s Slot) -> Option<i64> {
    let text = cells.text(Some(slot))?;
    let fault = match number::parse_decimal(text.as_bytes(), 0, cells.separator(Some(slot))) {
        Ok(n) if n >= 0 => return Some(n),
        Ok(_) => Reason::OutOfRange,
        Err(fault) => fault.into(),
    };
    cells.fault(slot, fault, Some(&text));
    None
}

/// Millionths as a double.
#[expect(clippy::cast_precision_loss, reason = "the nearest double is what the column promises")]
pub(super) fn float(micro: i64) -> f64 {
    micro as f64 / MICRO
}

/// A double as the millionths that it was made of.
#[expect(clippy::cast_possible_truncation, reason = "it was made of an i64")]
fn micro(value: f64) -> i64 {
    (value * MICRO).round() as i64
}

/// Canonical text of a local time.
pub(super) fn moment_label(local_ms: i64) -> String {
    let ms = local_ms.rem_euclid(DAY_MS);
    let (seconds, millis) = (ms / 1000, ms % 1000);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{}T{h:02}:{m:02}:{s:02}.{millis:03}", day_label(day_of(local_ms)))
}

/// A local time from its canonical text, milliseconds since 1970-01-01T00:00.
#[must_use]
pub fn moment_ms(text: &str) -> Option<i64> {
    let moment = parse_moment(text.as_bytes())?;
    Some(i64::from(moment.day) * DAY_MS + i64::from(moment.ms_of_day))
}

/// Makes the table of a small kind.
///
/// # Errors
/// `Internal` for a column of a type that no small kind has.
pub(super) fn to_batch(table: &'static Table, rows: &[ContactRow], units: &Units) -> Result<RecordBatch> {
    let columns: Result<Vec<ArrayRef>> =
        table.columns.iter().map(|column| array(column, rows, units)).collect();
    table.batch(units, columns?)
}

fn array(column: &Column, rows: &[ContactRow], units: &Units) -> Result<ArrayRef> {
    let own = |value: &dyn Fn(&ContactRow) -> Option<String>| -> ArrayRef {
        let mut builder = StringBuilder::new();
        rows.iter().for_each(|row| builder.append_option(value(row)));
        Arc::new(builder.finish())
    };
    let cell = |row: &ContactRow| row.person.get(column.name).cloned();
    let whole = |row: &ContactRow| cell(row).and_then(|text| text.parse::<i64>().ok());
    Ok(match (column.name, column.kind) {
        (c::SOURCE, _) => own(&|row| Some(row.source.clone())),
        (c::FILE_ID, _) => Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.file_id))),
        (c::LINE, _) => Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.line))),
        (c::ROW_KEY, _) => own(&|row| row.row_key.clone()),
        (c::VERSION, _) => own(&|row| row.version.clone()),
        (c::CONTENT, _) => contents(rows)?,
        (c::DELETED, _) => Arc::new(rows.iter().map(|row| Some(row.deleted)).collect::<BooleanArray>()),
        (c::ID_SPACE, _) => own(&|row| Some(row.id_space.clone())),
        (c::SOURCE_ID, _) => own(&|row| row.source_id.clone()),
        (c::SUPERSEDED_BY, _) => own(&|row| row.superseded_by.map(place_label)),
        (c::ABSENT_SINCE, _) => Arc::new(rows.iter().map(|row| row.absent_since).collect::<Date32Array>()),
        (_, ColumnType::Text) => own(&cell),
        (_, ColumnType::Date) => {
            let day = |row| cell(row).and_then(|text| parse_day(text.as_bytes()));
            Arc::new(rows.iter().map(day).collect::<Date32Array>())
        }
        (_, ColumnType::TimestampMs) => {
            let moment = |row| cell(row).as_deref().and_then(moment_ms);
            Arc::new(rows.iter().map(moment).collect::<TimestampMillisecondArray>())
        }
        (_, ColumnType::Money) => {
            let minor = rows.iter().map(|row| whole(row).map(i128::from)).collect::<Decimal128Array>();
            Arc::new(minor.with_data_type(column.kind.arrow(units)))
        }
        (_, ColumnType::Float) => {
            Arc::new(rows.iter().map(|row| whole(row).map(float)).collect::<Float64Array>())
        }
        (_, ColumnType::Int) => Arc::new(rows.iter().map(whole).collect::<Int64Array>()),
        (name, _) => return Err(Error::internal(format!("no small kind fills a column like {name}"))),
    })
}

/// Hashes of rows as a column.
pub(super) fn contents(rows: &[ContactRow]) -> Result<ArrayRef> {
    let mut builder = FixedSizeBinaryBuilder::new(16);
    for row in rows {
        builder
            .append_value(row.content.to_be_bytes())
            .map_err(|cause| Error::internal("a hash has 16 bytes").caused_by(cause))?;
    }
    Ok(Arc::new(builder.finish()))
}

/// Reads the table of a small kind.
///
/// # Errors
/// `Internal` when the batch is no such table.
pub(super) fn from_batch(table: &'static Table, batch: &RecordBatch) -> Result<Vec<ContactRow>> {
    let mut rows = vec![ContactRow::default(); batch.num_rows()];
    for (place, column) in table.columns.iter().enumerate() {
        // Alone, so that finding it by its name costs nothing.
        let alone = batch
            .project(&[place])
            .map_err(|cause| Error::internal(format!("{} lacks a column", table.name)).caused_by(cause))?;
        for (at, row) in rows.iter_mut().enumerate() {
            fill(row, column, &alone, at)?;
        }
    }
    Ok(rows)
}

/// Takes a cell of a table over into its row.
fn fill(row: &mut ContactRow, column: &Column, batch: &RecordBatch, at: usize) -> Result<()> {
    let name = column.name;
    let text = || Ok(read::text_at(read::texts(batch, name)?, at).map(str::to_owned));
    let cell: Option<String> = match (name, column.kind) {
        (c::SOURCE, _) => return text().map(|text: Option<String>| row.source = text.unwrap_or_default()),
        (c::FILE_ID, _) => return read::u32s(batch, name).map(|ids| row.file_id = ids.value(at)),
        (c::LINE, _) => return read::u64s(batch, name).map(|lines| row.line = lines.value(at)),
        (c::ROW_KEY, _) => return text().map(|text| row.row_key = text),
        (c::VERSION, _) => return text().map(|text| row.version = text),
        (c::CONTENT, _) => {
            let hashes = read::array(batch, name)?.as_fixed_size_binary_opt();
            let hash = hashes.map(|hashes| hashes.value(at).try_into().map_or(0, u128::from_be_bytes));
            row.content = hash.ok_or_else(|| Error::internal("a hash has another type"))?;
            return Ok(());
        }
        (c::DELETED, _) => return read::bools(batch, name).map(|deleted| row.deleted = deleted.value(at)),
        (c::ID_SPACE, _) => {
            return text().map(|text: Option<String>| row.id_space = text.unwrap_or_default());
        }
        (c::SOURCE_ID, _) => return text().map(|text| row.source_id = text),
        (c::SUPERSEDED_BY, _) => {
            row.superseded_by = text()?.as_deref().and_then(place_of);
            return Ok(());
        }
        (c::ABSENT_SINCE, _) => {
            return read::days(batch, name).map(|days| row.absent_since = read::at(days, at));
        }
        (_, ColumnType::Text) => text()?,
        (_, ColumnType::Date) => read::at(read::days(batch, name)?, at).map(day_label),
        (_, ColumnType::TimestampMs) => read::at(read::timestamps(batch, name)?, at).map(moment_label),
        (_, ColumnType::Money) => read::at(read::decimals(batch, name)?, at).map(|minor| minor.to_string()),
        (_, ColumnType::Float) => {
            read::at(read::floats(batch, name)?, at).map(|value| micro(value).to_string())
        }
        (_, ColumnType::Int) => read::at(read::ints(batch, name)?, at).map(|n| n.to_string()),
        _ => return Err(Error::internal(format!("no small kind fills a column like {name}"))),
    };
    if let Some(cell) = cell {
        row.person.insert(name.to_owned(), cell);
    }
    Ok(())
}
