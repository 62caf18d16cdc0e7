//! From the fields of one record to typed values; what cannot be typed becomes a fault of its cell.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};

use super::faults::{MASK, Reason};
use super::mapping::{Origin, Slot};
use crate::config::{DateFormat, Source};
use crate::contract::{QUANTITY_DECIMALS, column as c};
use crate::error::{Error, Result};
use crate::kernel::calendar::{self, Moment};
use crate::kernel::csv::Field;
use crate::kernel::number::{self, DecimalSeparator};
use crate::kernel::text;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;
/// Decimals of `quantity` and `unit_price` as they are read.
const READ_DECIMALS: u32 = 6;

/// How the cells of a source are read.
#[derive(Debug)]
pub struct Settings {
    trim: bool,
    null_values: Vec<String>,
    only_empty_is_null: bool,
    separator: DecimalSeparator,
    exponent: u32,
    currency: String,
    quote: u8,
    date_format: DateFormat,
    project_zone: TimeZone,
    /// `None` when it is the project's.
    source_zone: Option<TimeZone>,
}

impl Settings {
    /// The settings of a source.
    ///
    /// # Errors
    /// `Internal` for a zone that the config should have refused.
    pub fn new(source: &Source, project_zone: &str, currency: &str, exponent: u32) -> Result<Self> {
        let zone = |name: &str| {
            TimeZone::get(name)
                .map_err(|cause| Error::internal(format!("no time zone {name}")).caused_by(cause))
        };
        let differs = !source.timezone.is_empty() && source.timezone != project_zone;
        Ok(Self {
            trim: source.trim,
            null_values: source.null_values.clone(),
            only_empty_is_null: source.null_values.iter().all(String::is_empty),
            separator: match source.decimal_separator {
                ',' => DecimalSeparator::Comma,
                _ => DecimalSeparator::Point,
            },
            exponent,
            currency: currency.to_owned(),
            quote: source.quote.unwrap_or(b'"'),
            date_format: source.date_format.clone(),
            project_zone: zone(project_zone)?,
            source_zone: if differs { Some(zone(&source.timezone)?) } else { None },
        })
    }

    /// What parts a number's decimals.
    #[must_use]
    pub const fn separator(&self) -> DecimalSeparator {
        self.separator
    }

    /// Decimals of the currency.
    #[must_use]
    pub const fn exponent(&self) -> u32 {
        self.exponent
    }
}

/// A fault of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CellFault {
    /// Contract column.
    pub column: &'static str,
    /// What is wrong.
    pub reason: Reason,
    /// The cell, masked for personal columns.
    pub value: Option<String>,
}

/// The cells of one record.
#[derive(Debug)]
pub(super) struct Cells<'a> {
    settings: &'a Settings,
    fields: &'a [Field<'a>],
    /// Faults met so far.
    pub faults: Vec<CellFault>,
}

impl<'a> Cells<'a> {
    /// The cells of a record whose number of fields is right.
    #[must_use]
    pub(super) const fn new(settings: &'a Settings, fields: &'a [Field<'a>]) -> Self {
        Self { settings, fields, faults: Vec::new() }
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, slot: &Slot, reason: Reason, value: Option<&str>) {
        let value = value.map(|value| if slot.column.personal { MASK.to_owned() } else { value.to_owned() });
        self.faults.push(CellFault { column: slot.column.name, reason, value });
    }

    /// Notes that an attribute is not text; which one, and what stands there, is not shown.
    pub(super) fn attribute_fault(&mut self) {
        let (column, value) = (crate::contract::exports::ATTRIBUTE, Some(MASK.to_owned()));
        self.faults.push(CellFault { column, reason: Reason::BadEncoding, value });
    }

    /// A field as text; `None` when it stands for "no value".
    ///
    /// # Errors
    /// The bytes, as far as they can be shown, when they are not UTF-8.
    pub(super) fn field(&self, index: usize) -> std::result::Result<Option<Cow<'a, str>>, String> {
        let Some(field) = self.fields.get(index) else { return Ok(None) };
        if field.bytes.is_empty() {
            return Ok(None);
        }
        // Most cells are plain: no quotes to unescape, no space to trim, nothing to compose.
        if self.settings.only_empty_is_null
            && !field.has_escaped_quotes
            && field.bytes.is_ascii()
            && !edged(field.bytes)
            && let Ok(text) = std::str::from_utf8(field.bytes)
        {
            return Ok(Some(Cow::Borrowed(text)));
        }
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let value = if field.has_escaped_quotes {
            let mut scratch = Vec::new();
            let bytes = field.unescape(self.settings.quote, &mut scratch);
            let text = text::normalise(bytes, self.settings.trim).map_err(|_| lossy(bytes))?;
            Cow::Owned(text.into_owned())
        } else {
            text::normalise(field.bytes, self.settings.trim).map_err(|_| lossy(field.bytes))?
        };
        let is_null = self.settings.null_values.iter().any(|null| *null == value);
        Ok(if is_null || value.is_empty() { None } else { Some(value) })
    }

    /// A text cell.
    pub(super) fn text<'s>(&mut self, slot: Option<&'s Slot>) -> Option<Cow<'s, str>>
    where
        'a: 's,
    {
        let slot = slot?;
        match &slot.origin {
            Origin::Constant(value) => Some(Cow::Borrowed(value)),
            Origin::Field(index) => match self.field(*index) {
                Ok(value) => value,
                Err(shown) => {
                    self.fault(slot, Reason::BadEncoding, Some(&shown));
                    None
                }
            },
        }
    }

    /// The bytes of a cell that can be typed as they are: what parses without trimming, unescaping or looking for
    /// null values would parse with them too. Whatever does not goes the long way, which also knows its fault.
    fn plain(&self, slot: Option<&Slot>) -> Option<&'a [u8]> {
        match slot?.origin {
            Origin::Field(index) if self.settings.only_empty_is_null => {
                self.fields.get(index).filter(|field| !field.has_escaped_quotes).map(|field| field.bytes)
            }
            _ => None,
        }
    }

    /// A local time that must not be empty.
    pub(super) fn required_moment(&mut self, slot: Option<&Slot>) -> Option<i64> {
        if self.settings.date_format == DateFormat::Auto
            && self.settings.source_zone.is_none()
            && let Some(bytes) = self.plain(slot)
            && let Some(Moment { day, ms_of_day, offset_seconds: None }) = calendar::parse_moment(bytes)
        {
            return Some(i64::from(day) * DAY_MS + i64::from(ms_of_day));
        }
        self.required(slot)?;
        self.moment(slot)
    }

    /// Whether a cell holds nothing, without a fault.
    pub(super) fn is_empty(&self, slot: &Slot) -> bool {
        match &slot.origin {
            Origin::Constant(value) => value.is_empty(),
            Origin::Field(index) => matches!(self.field(*index), Ok(None)),
        }
    }

    /// An amount that must not be empty.
    pub(super) fn required_money(&mut self, slot: Option<&Slot>) -> Option<i64> {
        if let Some(slot) = slot.filter(|slot| self.is_empty(slot)) {
            self.fault(slot, Reason::MissingValue, None);
            return None;
        }
        self.money(slot)
    }

    /// A text cell that must not be empty.
    pub(super) fn required<'s>(&mut self, slot: Option<&'s Slot>) -> Option<Cow<'s, str>>
    where
        'a: 's,
    {
        let n_faults = self.faults.len();
        let value = self.text(slot);
        if let (None, Some(slot), true) = (&value, slot, n_faults == self.faults.len()) {
            self.fault(slot, Reason::MissingValue, None);
        }
        value
    }

    /// An amount in minor units.
    pub(super) fn money(&mut self, slot: Option<&Slot>) -> Option<i64> {
        self.decimal(slot, self.settings.exponent)
    }

    /// A number in millionths.
    pub(super) fn decimal6(&mut self, slot: Option<&Slot>) -> Option<i64> {
        self.decimal(slot, READ_DECIMALS)
    }

    fn decimal(&mut self, slot: Option<&Slot>, exponent: u32) -> Option<i64> {
        if let Some(bytes) = self.plain(slot)
            && let Ok(value) = number::parse_decimal(bytes, exponent, self.settings.separator)
        {
            return Some(value);
        }
        let text = self.text(slot)?;
        match number::parse_decimal(text.as_bytes(), exponent, self.settings.separator) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(slot?, fault.into(), Some(&text));
                None
            }
        }
    }

    /// Millionths as the ledger's quantity.
    #[must_use]
    pub(super) fn quantity(micro: i64) -> i64 {
        number::rescale_half_even(micro, READ_DECIMALS, QUANTITY_DECIMALS)
    }

    /// One of the column's values.
    pub(super) fn choice<'s>(&mut self, slot: Option<&'s Slot>) -> Option<&'s str> {
        let text = self.text(slot)?.into_owned();
        let slot = slot?;
        let lower;
        let mut found = slot.values.get(&text);
        if found.is_none() {
            lower = text.to_lowercase();
            found = slot.values.get(&lower);
        }
        if found.is_none() {
            self.fault(slot, Reason::BadEnum, Some(&text));
        }
        found.map(String::as_str)
    }

    /// A truth value.
    pub(super) fn truth(&mut self, slot: Option<&Slot>) -> Option<bool> {
        self.choice(slot).map(|value| value == "true")
    }

    /// The project's currency, or nothing.
    pub(super) fn currency(&mut self, slot: Option<&Slot>) {
        let Some(text) = self.text(slot) else { return };
        if !text.eq_ignore_ascii_case(&self.settings.currency)
            && let Some(slot) = slot
        {
            self.fault(slot, Reason::WrongCurrency, Some(&text));
        }
    }

    /// Local time in the project's zone, milliseconds since 1970-01-01T00:00.
    pub(super) fn moment(&mut self, slot: Option<&Slot>) -> Option<i64> {
        let text = self.text(slot)?;
        let is_birth = slot.is_some_and(|slot| slot.column.name == c::BIRTH_DATE);
        let years = if is_birth { calendar::BIRTH_YEARS } else { calendar::YEARS };
        let moment = self.settings.moment(&text, &years);
        if moment.is_none() {
            self.fault(slot?, Reason::BadDate, Some(&text));
        }
        moment
    }

    /// A day; the time of day, if any, is dropped after it was brought to the project's zone.
    pub(super) fn day(&mut self, slot: Option<&Slot>) -> Option<i32> {
        self.moment(slot).map(day_of)
    }
}

/// Whether an ASCII text begins or ends with anything but a printable character.
fn edged(bytes: &[u8]) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_none_or(|byte| *byte <= b' ' || *byte == 0x7F);
    is_edge(bytes.first()) || is_edge(bytes.last())
}

/// The day that a local time lies in.
#[must_use]
pub(super) fn day_of(local_ms: i64) -> i32 {
    i32::try_from(local_ms.div_euclid(DAY_MS)).unwrap_or(i32::MAX)
}

impl Settings {
    /// A text as local time in the project's zone. A day without a time of day is that business day in any zone.
    fn moment(&self, text: &str, years: &RangeInclusive<i32>) -> Option<i64> {
        let (moment, has_time) = match &self.date_format {
            DateFormat::Auto => {
                (calendar::parse_moment_in(text.as_bytes(), years.clone())?, text.contains(':'))
            }
            DateFormat::Pattern(pattern) => parse_pattern(pattern, text, years)?,
        };
        let local_ms = i64::from(moment.day) * DAY_MS + i64::from(moment.ms_of_day);
        if let Some(offset) = moment.offset_seconds {
            return to_zone(local_ms - i64::from(offset) * 1000, &self.project_zone, years);
        }
        match &self.source_zone {
            Some(zone) if has_time => {
                let zoned = civil(local_ms)?.to_zoned(zone.clone()).ok()?;
                to_zone(zoned.timestamp().as_millisecond(), &self.project_zone, years)
            }
            _ => Some(local_ms),
        }
    }
}

/// UTC milliseconds as local milliseconds of a zone; `None` where that leaves the years of the contract.
fn to_zone(utc_ms: i64, zone: &TimeZone, years: &RangeInclusive<i32>) -> Option<i64> {
    let instant = jiff::Timestamp::from_millisecond(utc_ms).ok()?;
    let local_ms = utc_ms + i64::from(zone.to_offset(instant).seconds()) * 1000;
    let (year, ..) = calendar::civil_from_day(day_of(local_ms));
    years.contains(&year).then_some(local_ms)
}

fn civil(local_ms: i64) -> Option<DateTime> {
    let instant = jiff::Timestamp::from_millisecond(local_ms).ok()?;
    Some(Offset::UTC.to_datetime(instant))
}

/// A text by a strftime pattern, and whether it had a time of day.
fn parse_pattern(pattern: &str, text: &str, years: &RangeInclusive<i32>) -> Option<(Moment, bool)> {
    let parsed = strtime::parse(pattern, text).ok()?;
    let date: Date = parsed.to_date().ok()?;
    let has_time = parsed.hour().is_some();
    let time = if has_time { parsed.to_time().ok()? } else { Time::midnight() };
    if !years.contains(&i32::from(date.year())) {
        return None;
    }
    let day = calendar::day_from_civil(
        i32::from(date.year()),
        u32::try_from(date.month()).ok()?,
        u32::try_from(date.day()).ok()?,
    )?;
    let seconds = u32::try_from(i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60).ok()?
        + u32::try_from(time.second()).ok()?;
    let ms_of_day = seconds * 1000 + u32::try_from(time.millisecond()).ok()?;
    let offset_seconds = parsed.offset().map(Offset::seconds);
    Some((Moment { day, ms_of_day, offset_seconds }, has_time))
}
