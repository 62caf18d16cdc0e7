//! The records of a chunk, whatever they were read from: their fields in one form, so that every kind of export is
//! parsed by one loop.

use std::borrow::Cow;
use std::ops::Range;

use super::super::faults::Reason;
use crate::kernel::csv::{self, Field, Form};

/// One record.
#[derive(Debug)]
pub(in super::super) struct Record<'a> {
    /// 1-based physical line on which it starts; in a file without lines the number of its row.
    pub line: u64,
    /// Why it cannot be used.
    pub fault: Option<Reason>,
    raw: Raw<'a>,
}

#[derive(Debug)]
enum Raw<'a> {
    Text(&'a [u8]),
    /// A row of a grid: it has no text of its own.
    Row(&'a Grid, usize),
}

impl<'a> Record<'a> {
    /// The record as read; a row of a Parquet file as a JSON object of the columns that are read.
    pub(in super::super) fn raw(&self) -> Cow<'a, [u8]> {
        match &self.raw {
            Raw::Text(bytes) => Cow::Borrowed(bytes),
            Raw::Row(grid, row) => Cow::Owned(grid.object(*row)),
        }
    }
}

/// Reads the records of a chunk one after another.
#[derive(Debug)]
pub(in super::super) enum Records<'a> {
    /// Of delimited text.
    Delimited(csv::Reader<'a>),
    /// Of anything else: the text of the chunk, its grid, the next row.
    Grid(&'a [u8], &'a Grid, usize),
}

impl<'a> Records<'a> {
    /// What reads them, of delimited text.
    pub(in super::super) fn delimited(&mut self) -> Option<&mut csv::Reader<'a>> {
        match self {
            Self::Delimited(reader) => Some(reader),
            Self::Grid(..) => None,
        }
    }

    /// The next record, or `None` at the end. Its fields replace the content of `fields`; those of a record with a
    /// fault mean nothing.
    pub(in super::super) fn next_record(&mut self, fields: &mut Vec<Field<'a>>) -> Option<Record<'a>> {
        match self {
            Self::Delimited(reader) => reader.next_record(fields).map(|record| Record {
                line: record.line,
                fault: record.fault.map(Reason::from),
                raw: Raw::Text(record.raw),
            }),
            Self::Grid(text, grid, next) => {
                let (grid, row) = (*grid, *next);
                let found = grid.rows.get(row)?;
                *next += 1;
                fields.clear();
                fields.extend(grid.fields(row));
                let raw = match &found.text {
                    Some(range) => Raw::Text(text.get(range.clone()).unwrap_or_default()),
                    None => Raw::Row(grid, row),
                };
                Some(Record { line: found.line, fault: found.fault, raw })
            }
        }
    }
}

/// The cells of a chunk that is no delimited text.
#[derive(Debug, Default)]
pub(in super::super) struct Grid {
    /// Names of the fields.
    names: Vec<String>,
    /// The text of all cells.
    bytes: Vec<u8>,
    /// Rows one after the other, each with as many cells as there are names.
    cells: Vec<GridCell>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug, Default)]
struct GridCell {
    start: usize,
    end: usize,
    form: Form,
}

#[derive(Debug)]
struct Row {
    line: u64,
    fault: Option<Reason>,
    /// Where it stands in the text of the chunk.
    text: Option<Range<usize>>,
}

impl Grid {
    /// A grid without rows.
    pub(super) fn new(names: &[String]) -> Self {
        Self { names: names.to_vec(), ..Self::default() }
    }

    /// Adds a row of empty cells.
    pub(super) fn add_row(&mut self, line: u64, fault: Option<Reason>, text: Option<Range<usize>>) {
        self.cells.resize(self.cells.len() + self.names.len(), GridCell::default());
        self.rows.push(Row { line, fault, text });
    }

    /// Where the text of cells is written to.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Number of bytes written so far.
    pub(super) fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Fills a cell with a part of the bytes that were written.
    pub(super) fn fill(&mut self, row: usize, field: usize, range: Range<usize>, form: Form) {
        if let Some(cell) = self.cells.get_mut(row * self.names.len() + field) {
            *cell = GridCell { start: range.start, end: range.end, form };
        }
    }

    /// Fills a cell of the last row.
    pub(super) fn fill_last(&mut self, field: usize, range: Range<usize>, form: Form) {
        if let Some(row) = self.rows.len().checked_sub(1) {
            self.fill(row, field, range, form);
        }
    }

    /// Notes that a row cannot be used.
    pub(super) fn refuse(&mut self, row: usize, fault: Reason) {
        self.rows.get_mut(row).into_iter().for_each(|row| row.fault = Some(fault));
    }

    /// Text and form of a row's first cell.
    pub(super) fn only_field(&self, row: usize) -> Option<(&[u8], Form)> {
        self.fields(row).next().map(|field| (field.bytes, field.form))
    }

    fn fields(&self, row: usize) -> impl Iterator<Item = Field<'_>> {
        let n_fields = self.names.len();
        let cells = self.cells.get(row * n_fields..(row + 1) * n_fields).unwrap_or_default();
        cells.iter().map(|cell| Field {
            bytes: self.bytes.get(cell.start..cell.end).unwrap_or_default(),
            quoted: false,
            has_escaped_quotes: false,
            form: cell.form,
        })
    }

    /// A row as a JSON object.
    fn object(&self, row: usize) -> Vec<u8> {
        let mut text = String::from("{");
        for (name, field) in self.names.iter().zip(self.fields(row)) {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&serde_json::Value::from(name.as_str()).to_string());
            text.push(':');
            let value = String::from_utf8_lossy(field.bytes);
            let is_number = field.form == Form::Number && value.ends_with(|c: char| c.is_ascii_digit());
            if value.is_empty() {
                text.push_str("null");
            } else if is_number {
                text.push_str(&value);
            } else {
                text.push_str(&serde_json::Value::from(value).to_string());
            }
        }
        text.push('}');
        text.into_bytes()
    }
}
