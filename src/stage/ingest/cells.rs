//! From the fields of one record to typed values; what cannot be typed becomes a fault of its cell.

mod moments;

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::faults::{MASK, Reason};
use super::mapping::{Origin, Slot};
use crate::config::{DateFormat, Source};
use crate::contract::{QUANTITY_DECIMALS, column as c};
use crate::error::{Error, Result};
use crate::kernel::calendar::{self, Moment};
use crate::kernel::csv::{Field, Form};
use crate::kernel::number::{self, DecimalSeparator};
use crate::kernel::text;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;
/// Decimals of `quantity` and `unit_price` as they are read.
pub(super) const READ_DECIMALS: u32 = 6;

/// How the cells of a source are read.
#[derive(Debug)]
pub(super) struct Settings {
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
    pub(super) fn new(source: &Source, project_zone: &str, currency: &str, exponent: u32) -> Result<Self> {
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

    /// Whether cells are read as they stand: only empty ones are nothing, days and times are ISO and local. A digit for
    /// a quote would be a digit too many where it is doubled.
    pub(super) fn reads_plainly(&self) -> bool {
        self.only_empty_is_null
            && self.date_format == DateFormat::Auto
            && self.source_zone.is_none()
            && !self.quote.is_ascii_digit()
    }

    /// What stands before decimals.
    pub(super) const fn separator(&self) -> DecimalSeparator {
        self.separator
    }

    /// Decimals of the currency.
    #[must_use]
    pub(super) const fn exponent(&self) -> u32 {
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
            // An empty constant says that the column holds nothing, as an empty cell does.
            Origin::Constant(value) => (!value.is_empty()).then_some(Cow::Borrowed(value.as_str())),
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

    /// In which form a cell stands.
    fn form(&self, slot: Option<&Slot>) -> Form {
        match slot.map(|slot| &slot.origin) {
            Some(Origin::Field(index)) => self.fields.get(*index).map_or(Form::Written, |field| field.form),
            _ => Form::Written,
        }
    }

    /// What stands before the decimals of a cell: a point in what was a number already, whatever the source writes.
    pub(super) fn separator(&self, slot: Option<&Slot>) -> DecimalSeparator {
        match self.settings.separator {
            DecimalSeparator::Comma if self.form(slot) != Form::Written => DecimalSeparator::Point,
            separator => separator,
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
        let separator = self.separator(slot);
        if let Some(bytes) = self.plain(slot)
            && let Ok(value) = number::parse_decimal(bytes, exponent, separator)
        {
            return Some(value);
        }
        let text = self.text(slot)?;
        match number::parse_decimal(text.as_bytes(), exponent, separator) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(slot?, fault.into(), Some(&text));
                None
            }
        }
    }

    /// Millionths as the nearest double.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what expressions are promised")]
    pub(super) fn float6(micro: i64) -> f64 {
        micro as f64 / 1e6
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
        let format = match self.form(slot) {
            Form::Time => &DateFormat::Auto,
            Form::Written | Form::Number => &self.settings.date_format,
        };
        let moment = self.settings.moment(&text, format, &years);
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
