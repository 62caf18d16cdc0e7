//! Cells of rows, written one after another in the order of the columns.

use crate::contract::Table;
use crate::generate::{calendar, csv};

/// Takes the cells of rows in order; what becomes of them is its own matter.
pub trait Cells {
    /// A text; an empty one is no value.
    fn text(&mut self, text: &str);
    /// An amount in minor units of two decimals.
    fn money(&mut self, amount_minor: i64);
    /// A day and a second of it, local time.
    fn moment(&mut self, day: i32, second: u32);
    /// A day, if there is one.
    fn day(&mut self, day: Option<i32>);
    /// A whole number, if there is one.
    fn whole(&mut self, value: Option<i64>);
    /// Ends the row.
    fn end_row(&mut self);
}

/// The header line of a table's CSV.
#[must_use]
pub fn csv_header(table: &Table) -> Vec<u8> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let mut line = Vec::new();
    csv::push_row(&mut line, &names);
    line
}

/// Rows as CSV.
#[derive(Clone, Debug)]
pub struct CsvCells {
    bytes: Vec<u8>,
    /// The day that was written last, and its text: rows come by the day.
    last_day: (i32, [u8; 10]),
}

impl CsvCells {
    /// No rows yet, with room for `n_bytes` of them.
    #[must_use]
    pub fn with_capacity(n_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(n_bytes), last_day: (0, *b"1970-01-01") }
    }

    /// The rows.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Each cell writes its comma; the row's last one becomes the line feed.
    fn end_cell(&mut self) {
        self.bytes.push(b',');
    }

    fn push_day(&mut self, day: i32) {
        if day != self.last_day.0 {
            let (year, month, of_month) = calendar::civil(day);
            let year = pair(year / 100).into_iter().chain(pair(year % 100));
            let text = year.chain([b'-']).chain(pair(month)).chain([b'-']).chain(pair(of_month));
            self.last_day.0 = day;
            self.last_day.1.iter_mut().zip(text).for_each(|(byte, digit)| *byte = digit);
        }
        self.bytes.extend_from_slice(&self.last_day.1);
    }

    fn push_number(&mut self, value: u64) {
        let mut digits = [0_u8; 20];
        let mut rest = value;
        let mut start = digits.len();
        for (place, digit) in digits.iter_mut().enumerate().rev() {
            *digit = digit_of(rest % 10);
            rest /= 10;
            start = place;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(digits.get(start..).unwrap_or_default());
    }
}

impl Cells for CsvCells {
    fn text(&mut self, text: &str) {
        csv::push_field(&mut self.bytes, text.as_bytes());
        self.end_cell();
    }

    fn money(&mut self, amount_minor: i64) {
        if amount_minor < 0 {
            self.bytes.push(b'-');
        }
        let amount = amount_minor.unsigned_abs();
        self.push_number(amount / 100);
        let (tens, ones) = (amount / 10 % 10, amount % 10);
        self.bytes.extend_from_slice(&[b'.', digit_of(tens), digit_of(ones)]);
        self.end_cell();
    }

    fn moment(&mut self, day: i32, second: u32) {
        self.push_day(day);
        for (sign, part) in [(b' ', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)] {
            let [tens, ones] = pair(i32::try_from(part).unwrap_or(0));
            self.bytes.extend_from_slice(&[sign, tens, ones]);
        }
        self.end_cell();
    }

    fn day(&mut self, day: Option<i32>) {
        if let Some(day) = day {
            self.push_day(day);
        }
        self.end_cell();
    }

    fn whole(&mut self, value: Option<i64>) {
        if let Some(value) = value {
            if value < 0 {
                self.bytes.push(b'-');
            }
            self.push_number(value.unsigned_abs());
        }
        self.end_cell();
    }

    fn end_row(&mut self) {
        if let Some(last) = self.bytes.last_mut() {
            *last = b'\n';
        }
    }
}

/// The id of a customer in all exports, such as `C00000042`.
pub(super) struct CustomerId([u8; 9]);

impl CustomerId {
    pub(super) fn new(number: u32) -> Self {
        let mut text = *b"C00000000";
        let mut rest = number;
        for digit in text.iter_mut().skip(1).rev() {
            *digit = digit_of(u64::from(rest % 10));
            rest /= 10;
        }
        Self(text)
    }

    pub(super) fn text(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Two digits of a number below 100.
fn pair(value: i32) -> [u8; 2] {
    let value = u64::try_from(value).unwrap_or(0);
    [digit_of(value / 10), digit_of(value % 10)]
}

fn digit_of(value: u64) -> u8 {
    b'0' + u8::try_from(value % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_written_as_the_plain_way_writes_them() {
        let mut cells = CsvCells::with_capacity(0);
        for day in [-1, 0, 20_028, 20_028, 29_000] {
            cells.day(Some(day));
            cells.moment(day, 86_399);
            cells.day(None);
            cells.end_row();
        }
        for value in [0, 5, -5, 100, -12_345, i64::MAX, i64::MIN] {
            cells.money(value);
            cells.whole(Some(value));
            cells.whole(None);
            cells.text("a, \"b\"");
            cells.end_row();
        }
        let mut plain: Vec<String> = Vec::new();
        for day in [-1, 0, 20_028, 20_028, 29_000] {
            plain.push(format!("{},{},\n", calendar::date_text(day), calendar::time_text(day, 86_399)));
        }
        for value in [0, 5, -5, 100, -12_345, i64::MAX, i64::MIN] {
            plain.push(format!("{},{value},,\"a, \"\"b\"\"\"\n", csv::money_text(value)));
        }
        assert_eq!(String::from_utf8(cells.into_bytes()).unwrap(), plain.concat());
    }

    #[test]
    fn customer_ids_have_eight_digits() {
        assert_eq!(CustomerId::new(42).text(), "C00000042");
        assert_eq!(CustomerId::new(99_999_999).text(), "C99999999");
    }
}
