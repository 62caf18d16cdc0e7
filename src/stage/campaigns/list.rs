//! Target lists as CSV: safe to open in a spreadsheet, or plain for machines.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::Candidate;
use crate::config::{Campaign, Output};
use crate::contract::tables::Customers;
use crate::contract::{ColumnType, Contract, column as c, read};
use crate::error::{Code, Error, Place, Result};
use crate::kernel::calendar::day_label;
use crate::kernel::consent::Channel;
use crate::kernel::number::format_minor;
use crate::stage::expression::Site;
use crate::stage::register::Register;

/// Columns that the campaign itself fills.
const CAMPAIGN_COLUMNS: [&str; 9] = [
    c::CAMPAIGN,
    c::SEGMENT,
    c::CHANNEL,
    c::OFFER,
    c::SEND_ON,
    c::VALUE,
    c::PRIORITY,
    c::OWNER,
    c::PRODUCT_LINE,
];

/// Columns of the contact row.
const CONTACT_COLUMNS: [&str; 11] = [
    c::EMAIL,
    c::PHONE,
    c::FIRST_NAME,
    c::LAST_NAME,
    c::BIRTH_DATE,
    c::LANGUAGE,
    c::STREET,
    c::POSTAL_CODE,
    c::CITY,
    c::COMPANY,
    c::CARD_ID,
];

/// Whether a list can show every column that the campaign names.
///
/// # Errors
/// `Expression`, with the near miss.
pub fn check_columns(campaign: &Campaign, attributes: &BTreeSet<&str>, site: Site<'_>) -> Result<()> {
    let customers = Customers::TABLE.columns.iter().filter(|column| column.kind != ColumnType::TextList);
    let known: BTreeSet<&str> = customers
        .map(|column| column.name)
        .chain(CAMPAIGN_COLUMNS)
        .chain(CONTACT_COLUMNS)
        .chain(attributes.iter().copied())
        .collect();
    let Some(unknown) = campaign.columns.iter().find(|name| !known.contains(name.as_str())) else {
        return Ok(());
    };
    let near = known
        .iter()
        .map(|name| (strsim::jaro_winkler(unknown, name), *name))
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    let place = Place { file: (!site.place.is_empty()).then(|| site.place.into()), ..Place::default() };
    let error =
        Error::new(Code::Expression, format!("{}: a list cannot show a column {unknown}", site.owner));
    Err(Error {
        place,
        ..match near {
            Some((_, name)) => error.hint(format!("did you mean {name}?")),
            None => error,
        }
    })
}

/// One cell, by the type that decides how it is written.
enum Cell {
    Empty,
    Text(String),
    Number(String),
}

/// What the rows of one list share.
#[derive(Debug)]
pub struct List<'a> {
    /// The campaign.
    pub campaign: &'a Campaign,
    /// The segment.
    pub segment: &'a str,
    /// The day.
    pub as_of: i32,
    /// Customers table.
    pub customers: &'a RecordBatch,
    /// Contact rows.
    pub register: &'a Register,
}

impl List<'_> {
    /// The file's bytes.
    ///
    /// # Errors
    /// `Internal` when the customers table lacks a column.
    pub fn csv(&self, rows: &[(&Candidate, Channel)], output: &Output) -> Result<Vec<u8>> {
        let mut text = String::new();
        if output.csv_bom {
            text.push('\u{feff}');
        }
        let header: Vec<String> =
            self.campaign.columns.iter().map(|name| write_cell(&Cell::Text(name.clone()), output)).collect();
        let delimiter = char::from(output.csv_delimiter).to_string();
        text.push_str(&header.join(&delimiter));
        text.push_str("\r\n");
        for (candidate, channel) in rows {
            let mut cells = Vec::with_capacity(self.campaign.columns.len());
            for name in &self.campaign.columns {
                cells.push(write_cell(&self.cell(name, candidate, *channel)?, output));
            }
            text.push_str(&cells.join(&delimiter));
            text.push_str("\r\n");
        }
        Ok(text.into_bytes())
    }

    fn cell(&self, name: &str, candidate: &Candidate, channel: Channel) -> Result<Cell> {
        let text = |value: &str| if value.is_empty() { Cell::Empty } else { Cell::Text(value.to_owned()) };
        let cell = match name {
            c::CAMPAIGN => text(&self.campaign.name),
            c::SEGMENT => text(self.segment),
            c::CHANNEL => text(channel.name()),
            c::OFFER => text(&self.campaign.offer),
            c::SEND_ON => text(&day_label(self.as_of)),
            c::VALUE => candidate.value.map_or(Cell::Empty, |value| Cell::Number(format!("{value:.2}"))),
            c::PRIORITY => Cell::Number(self.campaign.priority.to_string()),
            c::OWNER => text(&self.campaign.owner),
            c::PRODUCT_LINE => text(&self.campaign.product_line),
            _ if Customers::TABLE.column(name).is_some() => {
                customer_cell(self.customers, name, candidate.row)?
            }
            _ => {
                let ids = read::texts(self.customers, c::CUSTOMER_ID)?;
                let contact = self.register.contacts.get(ids.value(candidate.row));
                let value = contact.and_then(|contact| match name {
                    c::EMAIL => contact.email(),
                    c::PHONE => contact.phone().map(str::to_owned),
                    _ => contact.value(name).map(str::to_owned),
                });
                value.map_or(Cell::Empty, Cell::Text)
            }
        };
        Ok(cell)
    }
}

fn customer_cell(customers: &RecordBatch, name: &str, row: usize) -> Result<Cell> {
    use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, UInt8Type};
    let array = read::array(customers, name)?;
    if array.is_null(row) {
        return Ok(Cell::Empty);
    }
    Ok(match array.data_type() {
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Decimal128(_, scale) => {
            let minor = i64::try_from(array.as_primitive::<Decimal128Type>().value(row)).unwrap_or(i64::MAX);
            Cell::Number(format_minor(minor, u32::try_from(*scale).unwrap_or(0)))
        }
        DataType::Date32 => Cell::Text(day_label(array.as_primitive::<Date32Type>().value(row))),
        DataType::Int64 => Cell::Number(array.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::UInt8 => Cell::Number(array.as_primitive::<UInt8Type>().value(row).to_string()),
        DataType::Float64 => Cell::Number(array.as_primitive::<Float64Type>().value(row).to_string()),
        DataType::Boolean => Cell::Text(array.as_boolean().value(row).to_string()),
        other => return Err(Error::internal(format!("a list cannot show a column of type {other}"))),
    })
}

/// A cell by the profile: customers.md C-1 and C-2.
fn write_cell(cell: &Cell, output: &Output) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Number(number) => number.clone(),
        Cell::Text(text) if output.csv_spreadsheet => spreadsheet_text(text),
        Cell::Text(text) => machine_text(text, output.csv_delimiter),
    }
}

/// A text that no spreadsheet takes for a formula: what begins like one gets a `'` in front; every non-empty cell is
/// quoted. Plain numbers are let be; a leading `+` is not one, so that telephone numbers keep it.
fn spreadsheet_text(text: &str) -> String {
    const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let bare = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\0');
    let begins_like_formula = bare.starts_with(FORMULA) || text.starts_with(['\t', '\r', '\n']);
    let escaped = text.replace('"', "\"\"");
    if begins_like_formula && !is_plain_number(text) {
        format!("\"'{escaped}\"")
    } else {
        format!("\"{escaped}\"")
    }
}

/// `^-?[0-9]+(\.[0-9]+)?$`
fn is_plain_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

/// RFC 4180 and nothing else.
fn machine_text(text: &str, delimiter: u8) -> String {
    let special = |c: char| matches!(c, '"' | '\r' | '\n') || c == char::from(delimiter);
    if text.contains(special) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The records of a list, each with its line end, the header among them: line ends inside quotes part none.
#[must_use]
pub fn records(text: &str) -> Vec<&str> {
    let mut records = Vec::new();
    let (mut from, mut is_quoted) = (0, false);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => {
                records.extend(text.get(from..=place));
                from = place + 1;
            }
            _ => {}
        }
    }
    records.extend(text.get(from..).filter(|rest| !rest.is_empty()));
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_c_4() {
        for (text, cell) in [
            ("=1+2\";=1+2", "\"'=1+2\"\";=1+2\""),
            ("=1+2'\" ;,=1+2", "\"'=1+2'\"\" ;,=1+2\""),
            (" =1", "\"' =1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-12.50", "\"-12.50\""),
            ("+4917112345", "\"'+4917112345\""),
            ("\tx", "\"'\tx\""),
            ("＝1", "\"'＝1\""),
            ("Müller-Lüdenscheidt", "\"Müller-Lüdenscheidt\""),
            ("-12.50 EUR", "\"'-12.50 EUR\""),
        ] {
            assert_eq!(spreadsheet_text(text), cell);
        }
        let output = Output { csv_spreadsheet: true, csv_delimiter: b',', csv_bom: false };
        assert_eq!(write_cell(&Cell::Number("-12.50".to_owned()), &output), "-12.50");
        assert_eq!(write_cell(&Cell::Empty, &output), "");
    }

    #[test]
    fn the_machine_profile_changes_nothing_but_quotes() {
        assert_eq!(machine_text("+4917112345", b','), "+4917112345");
        assert_eq!(machine_text("a,b", b','), "\"a,b\"");
        assert_eq!(machine_text("a\"b", b';'), "\"a\"\"b\"");
    }
}
