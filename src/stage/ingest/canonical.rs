//! Cells of the small kinds as canonical text, and that text as columns of their tables.
//!
//! The text is what two deliveries of one row are compared by: days `YYYY-MM-DD`, times `YYYY-MM-DDTHH:MM:SS.mmm`, truth
//! `true` and `false`, money in minor units, numbers in millionths, months as their first day.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float64Array,
    Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array, UInt64Array,
};
use rayon::prelude::*;

use super::cells::{Cells, DAY_MS, day_of};
use super::contacts::{ContactRow, Part, Provenance, Shape, Sheet, place_label, place_of};
use super::faults::Reason;
use super::mapping::Slot;
use crate::contract::exports::{CONSENT_PREFIX, ExportType};
use crate::contract::{Column, ColumnType, Table, Units, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{
    BIRTH_YEARS, day_label, month_index, month_start, parse_day, parse_day_in, parse_moment,
};
use crate::kernel::consent::Channel;
use crate::kernel::number;
use crate::run::context::Context;

/// How truth is written.
const TRUE: &str = "true";
/// Millionths of one.
const MICRO: f64 = 1e6;

/// A cell as canonical text; `None` for an empty cell and, with the fault noted, for one that cannot be read.
pub(super) fn text_of<'s>(cells: &mut Cells<'s>, slot: &'s Slot) -> Option<Cow<'s, str>> {
    let some = Some(slot);
    let text = match slot.column.kind {
        ExportType::Text | ExportType::Id | ExportType::Version => return cells.text(some),
        ExportType::Enum(_) | ExportType::Bool => return cells.choice(some).map(Cow::Borrowed),
        ExportType::Date => cells.day(some).map(day_label),
        ExportType::Moment => cells.moment(some).map(moment_label),
        ExportType::Month => month(cells, slot).map(day_label),
        ExportType::Money => cells.money(some).map(|minor| minor.to_string()),
        ExportType::Number | ExportType::Decimal6 => number(cells, slot).map(|micro| micro.to_string()),
        ExportType::Count => count(cells, slot).map(|n| n.to_string()),
    };
    text.map(Cow::Owned)
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
    let names: Vec<(Part, &str)> = table.columns.iter().map(part).collect();
    let sheet = Sheet::of(&names, rows);
    let columns: Result<Vec<ArrayRef>> = (table.columns.par_iter().enumerate())
        .map(|(at, column)| array(column, rows, sheet.column(at), units))
        .collect();
    table.batch(units, columns?)
}

/// What a column of the tables is among the texts of rows.
fn part(column: &Column) -> (Part, &'static str) {
    match column.name {
        c::ROW_KEY => (Part::RowKey, ""),
        c::VERSION => (Part::Version, ""),
        c::SOURCE_ID => (Part::SourceId, ""),
        c::PHONE_E164 => (Part::Canonical, c::PHONE),
        name => match name.strip_prefix(CONSENT_PREFIX) {
            Some(channel) if Channel::of(channel).is_some() => (Part::Consent, channel),
            _ => (Part::Person, name),
        },
    }
}

fn texts<'r>(texts: impl Iterator<Item = Option<&'r str>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    texts.for_each(|text| builder.append_option(text));
    Arc::new(builder.finish())
}

/// A column of rows; `cells`: the texts that are called like it.
fn array<'r>(
    column: &Column,
    rows: &[ContactRow],
    cells: impl Iterator<Item = Option<&'r str>>,
    units: &Units,
) -> Result<ArrayRef> {
    let whole = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    Ok(match (column.name, column.kind) {
        (c::SOURCE, _) => texts(rows.iter().map(|row| Some(row.source()))),
        (c::FILE_ID, _) => Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.file_id))),
        (c::LINE, _) => Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.line))),
        (c::VERSION, _) => texts(rows.iter().map(ContactRow::version)),
        (c::CONTENT, _) => contents(rows)?,
        (c::DELETED, _) => Arc::new(rows.iter().map(|row| Some(row.deleted)).collect::<BooleanArray>()),
        (c::ID_SPACE, _) => texts(rows.iter().map(|row| Some(row.id_space()))),
        (c::ATTRIBUTES, _) => {
            let objects = rows.iter().map(|row| Some(row.object(Part::Attribute)));
            Arc::new(objects.collect::<StringArray>())
        }
        (c::SUPERSEDED_BY, _) => Arc::new(
            rows.iter()
                .map(|row| row.superseded_by.as_deref().copied().map(place_label))
                .collect::<StringArray>(),
        ),
        (c::ABSENT_SINCE, _) => Arc::new(rows.iter().map(|row| row.absent_since).collect::<Date32Array>()),
        (_, ColumnType::Text) => texts(cells),
        (_, ColumnType::Date) => {
            let day = |text: Option<&str>| text.and_then(|text| parse_day_in(text.as_bytes(), BIRTH_YEARS));
            Arc::new(cells.map(day).collect::<Date32Array>())
        }
        (_, ColumnType::TimestampMs) => {
            Arc::new(cells.map(|text| text.and_then(moment_ms)).collect::<TimestampMillisecondArray>())
        }
        (_, ColumnType::Money) => {
            let minor = cells.map(|text| whole(text).map(i128::from)).collect::<Decimal128Array>();
            Arc::new(minor.with_data_type(column.kind.arrow(units)))
        }
        (_, ColumnType::Float) => {
            Arc::new(cells.map(|text| whole(text).map(float)).collect::<Float64Array>())
        }
        (_, ColumnType::Int) => Arc::new(cells.map(whole).collect::<Int64Array>()),
        (_, ColumnType::Bool) => {
            Arc::new(cells.map(|text| text.map(|text| text == TRUE)).collect::<BooleanArray>())
        }
        (name, _) => return Err(Error::internal(format!("no small kind fills a column like {name}"))),
    })
}

/// Hashes of rows as a column.
fn contents(rows: &[ContactRow]) -> Result<ArrayRef> {
    let mut builder = FixedSizeBinaryBuilder::new(16);
    for row in rows {
        builder
            .append_value(row.content.to_be_bytes())
            .map_err(|cause| Error::internal("a hash has 16 bytes").caused_by(cause))?;
    }
    Ok(Arc::new(builder.finish()))
}

/// A column of texts, however it is stored.
enum Stored<'a> {
    Text(&'a StringArray),
    Day(&'a Date32Array),
    Moment(&'a TimestampMillisecondArray),
    Money(&'a Decimal128Array),
    Float(&'a Float64Array),
    Int(&'a Int64Array),
    Truth(&'a BooleanArray),
}

impl<'a> Stored<'a> {
    fn of(column: &Column, batch: &'a RecordBatch) -> Result<Self> {
        let name = column.name;
        Ok(match column.kind {
            ColumnType::Text => Self::Text(read::texts(batch, name)?),
            ColumnType::Date => Self::Day(read::days(batch, name)?),
            ColumnType::TimestampMs => Self::Moment(read::timestamps(batch, name)?),
            ColumnType::Money => Self::Money(read::decimals(batch, name)?),
            ColumnType::Float => Self::Float(read::floats(batch, name)?),
            ColumnType::Int => Self::Int(read::ints(batch, name)?),
            ColumnType::Bool => Self::Truth(read::bools(batch, name)?),
            _ => return Err(Error::internal(format!("no small kind fills a column like {name}"))),
        })
    }

    fn text(&self, at: usize) -> Option<Cow<'a, str>> {
        let text = match self {
            Self::Text(texts) => return read::text_at(texts, at).map(Cow::Borrowed),
            Self::Truth(truths) => {
                let truth = truths.is_valid(at).then(|| truths.value(at))?;
                return Some(Cow::Borrowed(if truth { TRUE } else { "false" }));
            }
            Self::Day(days) => day_label(read::at(days, at)?),
            Self::Moment(moments) => moment_label(read::at(moments, at)?),
            Self::Money(money) => read::at(money, at)?.to_string(),
            Self::Float(floats) => micro(read::at(floats, at)?).to_string(),
            Self::Int(ints) => read::at(ints, at)?.to_string(),
        };
        Some(Cow::Owned(text))
    }
}

/// Columns that are no text of a row.
const MARKS: [&str; 9] = [
    c::SOURCE,
    c::FILE_ID,
    c::LINE,
    c::CONTENT,
    c::DELETED,
    c::ID_SPACE,
    c::ATTRIBUTES,
    c::SUPERSEDED_BY,
    c::ABSENT_SINCE,
];
/// Rows that are made from a table at a time.
const AT_ONCE: usize = 1 << 14;

/// Reads the table of a small kind.
///
/// # Errors
/// `Internal` when the batch is no such table.
pub(super) fn from_batch(table: &'static Table, batch: &RecordBatch) -> Result<Vec<ContactRow>> {
    let n_rows = batch.num_rows();
    let pieces: Vec<usize> = (0..n_rows).step_by(AT_ONCE).collect();
    let pieces: Result<Vec<Vec<ContactRow>>> = pieces
        .into_par_iter()
        .map(|from| piece(table, &batch.slice(from, AT_ONCE.min(n_rows - from))))
        .collect();
    Ok(pieces?.into_iter().flatten().collect())
}

/// Reads the table of a small kind of the parent, a row group while the one before is made into rows; there is room for
/// some more.
///
/// # Errors
/// `Io`.
pub(super) fn of_parent(context: &Context, table: &'static Table, n_more: usize) -> Result<Vec<ContactRow>> {
    let mut groups = context.parent_groups(table)?;
    let mut rows = Vec::with_capacity(groups.n_rows + n_more);
    let mut next = groups.next().transpose()?;
    while let Some(batch) = next {
        let (read, made) = rayon::join(|| groups.next().transpose(), || from_batch(table, &batch));
        rows.extend(made?);
        next = read?;
    }
    Ok(rows)
}

/// Attributes of rows, with their names.
fn attributes(table: &Table, batch: &RecordBatch) -> Result<Vec<BTreeMap<String, String>>> {
    if table.column(c::ATTRIBUTES).is_none() {
        return Ok(vec![BTreeMap::new(); batch.num_rows()]);
    }
    let objects = read::texts(batch, c::ATTRIBUTES)?;
    let object = |row: usize| {
        serde_json::from_str(objects.value(row))
            .map_err(|cause| Error::internal("a row's attributes are no JSON object").caused_by(cause))
    };
    (0..batch.num_rows()).map(object).collect()
}

fn piece(table: &'static Table, batch: &RecordBatch) -> Result<Vec<ContactRow>> {
    let mut columns = Vec::new();
    for column in table.columns.iter().filter(|column| !MARKS.contains(&column.name)) {
        columns.push((part(column), Stored::of(column, batch)?));
    }
    let attributes = attributes(table, batch)?;
    let names: BTreeSet<&str> = attributes.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
    let of_attributes = || names.iter().map(|name| (Part::Attribute, *name));
    let shape = Arc::new(Shape::new(columns.iter().map(|(name, _)| *name).chain(of_attributes())));
    let places: Vec<usize> =
        columns.iter().filter_map(|((part, name), _)| shape.place(*part, name)).collect();
    let attribute_places: Vec<(&str, usize)> =
        names.iter().filter_map(|name| Some((*name, shape.place(Part::Attribute, name)?))).collect();
    let updated = columns.iter().position(|((_, name), _)| *name == c::UPDATED_AT);
    let mut marks = Marks::of(table, batch)?;
    let mut scratch = String::new();
    let mut rows = Vec::with_capacity(batch.num_rows());
    for (at, own) in attributes.iter().enumerate() {
        let mut texts: Vec<Option<Cow<'_, str>>> = vec![None; shape.len()];
        for ((_, stored), place) in columns.iter().zip(&places) {
            texts.get_mut(*place).into_iter().for_each(|text| *text = stored.text(at));
        }
        for (name, place) in &attribute_places {
            let text = own.get(*name).map(|text| Cow::Borrowed(text.as_str()));
            texts.get_mut(*place).into_iter().for_each(|cell| cell.clone_from(&text));
        }
        // A version that is the time of the update is told by that.
        let told = updated.and_then(|column| places.get(column)).and_then(|place| texts.get(*place)).cloned();
        if let Some(version) = shape.place(Part::Version, "").and_then(|place| texts.get_mut(place))
            && told.as_ref().is_some_and(|told| told == version)
        {
            *version = None;
        }
        let mut row = marks.row(at);
        row.fill(&shape, &texts, &mut scratch);
        rows.push(row);
    }
    Ok(rows)
}

/// What rows are besides their texts.
struct Marks<'a> {
    sources: &'a StringArray,
    spaces: Option<&'a StringArray>,
    files: &'a UInt32Array,
    lines: &'a UInt64Array,
    contents: &'a FixedSizeBinaryArray,
    deleted: Option<&'a BooleanArray>,
    superseded: Option<&'a StringArray>,
    absent: Option<&'a Date32Array>,
    provenances: BTreeSet<Arc<Provenance>>,
}

impl<'a> Marks<'a> {
    fn of(table: &Table, batch: &'a RecordBatch) -> Result<Self> {
        let has = |name: &str| table.column(name).is_some();
        let contents = read::array(batch, c::CONTENT)?.as_fixed_size_binary_opt();
        Ok(Self {
            sources: read::texts(batch, c::SOURCE)?,
            spaces: has(c::ID_SPACE).then(|| read::texts(batch, c::ID_SPACE)).transpose()?,
            files: read::u32s(batch, c::FILE_ID)?,
            lines: read::u64s(batch, c::LINE)?,
            contents: contents.ok_or_else(|| Error::internal("a hash has another type"))?,
            deleted: has(c::DELETED).then(|| read::bools(batch, c::DELETED)).transpose()?,
            superseded: has(c::SUPERSEDED_BY).then(|| read::texts(batch, c::SUPERSEDED_BY)).transpose()?,
            absent: has(c::ABSENT_SINCE).then(|| read::days(batch, c::ABSENT_SINCE)).transpose()?,
            provenances: BTreeSet::new(),
        })
    }

    fn row(&mut self, at: usize) -> ContactRow {
        let space = self.spaces.and_then(|spaces| read::text_at(spaces, at)).unwrap_or_default();
        let own = Provenance { source: self.sources.value(at).to_owned(), id_space: space.to_owned() };
        let provenance = self.provenances.get(&own).cloned().unwrap_or_else(|| {
            let new = Arc::new(own);
            self.provenances.insert(Arc::clone(&new));
            new
        });
        let mut row = ContactRow::at(provenance, self.files.value(at), self.lines.value(at));
        row.content = self.contents.value(at).try_into().map_or(0, u128::from_be_bytes);
        row.deleted = self.deleted.is_some_and(|deleted| deleted.value(at));
        row.superseded_by =
            self.superseded.and_then(|texts| read::text_at(texts, at)).and_then(place_of).map(Box::new);
        row.absent_since = self.absent.and_then(|days| read::at(days, at));
        row
    }
}
