//! A part of a file that is parsed at once.

use std::sync::OnceLock;

use arrow_array::RecordBatch;

use super::lines::{self, Met};
use super::records::{Grid, Records};
use super::rows;
use crate::kernel::csv::{Dialect, Reader};
use crate::kernel::json::Flattener;
use crate::store::parquet_input::Column;

/// Whole records of a file.
#[derive(Debug)]
pub struct Chunk {
    /// Their bytes; empty for rows of a Parquet file.
    pub bytes: Vec<u8>,
    /// 1-based physical line, or row, of the first.
    pub first_line: u64,
    /// What it takes of the file, for progress.
    pub(in super::super) n_bytes: usize,
    rows: Option<RecordBatch>,
    grid: OnceLock<(Grid, Met)>,
}

impl Chunk {
    /// Lines of text.
    pub(in super::super) fn text(bytes: Vec<u8>, first_line: u64) -> Self {
        let n_bytes = bytes.len();
        Self { bytes, first_line, n_bytes, rows: None, grid: OnceLock::new() }
    }

    /// Rows of a Parquet file.
    pub(super) fn rows(batch: RecordBatch, first_row: u64, n_bytes: usize) -> Self {
        Self { n_bytes, rows: Some(batch), ..Self::text(Vec::new(), first_row) }
    }

    /// Whether it is delimited text.
    pub(in super::super) fn is_delimited(&self) -> bool {
        self.grid.get().is_none()
    }

    /// What was met in it, once it is prepared; `None` for a chunk of a file with a header.
    pub(in super::super) fn met(&self) -> Option<&Met> {
        self.grid.get().map(|(_, met)| met)
    }

    /// Its records; those of delimited text by dialect and number of fields.
    pub(in super::super) fn records(&self, dialect: Dialect, n_fields: usize) -> Records<'_> {
        match self.grid.get() {
            Some((grid, _)) => Records::Grid(&self.bytes, grid, 0),
            None => {
                let reader = Reader::new(&self.bytes, dialect, Some(n_fields), self.first_line);
                Records::Delimited(reader)
            }
        }
    }
}

/// What makes records of a chunk.
#[derive(Debug)]
pub(in super::super) enum Form {
    /// Its text itself.
    Delimited,
    /// What takes the values out of lines, and the names of the fields.
    Lines(Flattener, Vec<String>),
    /// Columns of the fields, and the names of the fields.
    Rows(Vec<Column>, Vec<String>),
}

impl Form {
    /// Makes cells of a chunk that is no delimited text.
    pub(in super::super) fn prepare(&self, chunk: &Chunk) {
        match (self, &chunk.rows) {
            (Self::Lines(flattener, fields), _) => {
                chunk.grid.get_or_init(|| lines::grid(chunk, flattener, fields));
            }
            (Self::Rows(columns, names), Some(batch)) => {
                let grid = || rows::grid(batch, columns, names, chunk.first_line);
                chunk.grid.get_or_init(|| (grid(), Met::default()));
            }
            _ => {}
        }
    }
}
