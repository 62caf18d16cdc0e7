//! Parquet files: written so that the same rows give the same bytes, read back in whole columns.

mod column;
mod dictionary;
mod key_range;
mod open;
mod range;
mod reading;
#[cfg(test)]
mod tests;

pub use self::key_range::{KeyRange, read_range};
pub use self::reading::{RowGroups, each_group, read, read_groups};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};
use rayon::prelude::*;

use self::column::ColumnEncoder;
use self::open::{ClosedColumn, OpenColumn};
use super::files::{self, HashingFile, PlainFile, Written};
use crate::contract::{Column, ColumnType, Table, Units, column as c};
use crate::error::{Code, Error, Result};

/// Rows of a row group; groups are cut by row number only.
pub const ROW_GROUP_ROWS: usize = 262_144;
/// Rows of a ledger part at most.
pub const PART_ROWS: usize = 1_048_576;

fn properties(table: &Table) -> Result<WriterProperties> {
    let level =
        ZstdLevel::try_new(1).map_err(|cause| Error::internal("zstd has no level 1").caused_by(cause))?;
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(concat!("clienting ", env!("CARGO_PKG_VERSION")).to_owned());
    for of_table in table.columns {
        // Values that hardly repeat gain nothing from a dictionary and pay for its attempt; rising or near ones
        // pack well as differences.
        let path = ColumnPath::from(of_table.name);
        builder = match of_table.kind {
            ColumnType::UInt32 if of_table.name == c::ACTIVE_DAYS => builder,
            ColumnType::UInt32
            | ColumnType::UInt64
            | ColumnType::Int
            | ColumnType::TimestampMs
            | ColumnType::Date
            | ColumnType::Money
            | ColumnType::Quantity => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            // Least and greatest text tell something only where a table is sorted by it; finding them compares every
            // text twice.
            ColumnType::Text => {
                let statistics = if table.sorted_by.contains(&of_table.name) {
                    EnabledStatistics::Chunk
                } else {
                    EnabledStatistics::None
                };
                builder
                    .set_column_statistics_enabled(path.clone(), statistics)
                    .set_column_dictionary_enabled(path.clone(), !c::DISTINCT.contains(&of_table.name))
                    .set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY)
            }
            ColumnType::Float | ColumnType::Share | ColumnType::Hash128 | ColumnType::Binary => {
                builder.set_column_dictionary_enabled(path, false)
            }
            _ => builder,
        };
    }
    Ok(builder.build())
}

/// A file of a table under construction. Rows are encoded as they come, columns side by side, so that what is held of a
/// row group that is not yet full is its encoded pages.
pub struct TableWriter {
    table: &'static Table,
    path: PathBuf,
    writer: SerializedFileWriter<HashingFile>,
    columns: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    group: Option<OpenGroup>,
    n_groups: usize,
    n_rows: u64,
}

/// A row group that is not yet full.
struct OpenGroup {
    columns: Vec<OpenColumn>,
    n_rows: usize,
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl TableWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// `Io`.
    pub fn create(run: &Path, inside_run: &str, table: &'static Table, units: &Units) -> Result<Self> {
        let file = files::create(run, inside_run)?;
        let path = file.path().to_owned();
        let schema = table.schema(units);
        let (writer, columns) = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties(table)?))
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(|cause| failed(table, &path, cause))?;
        Ok(Self { table, path, writer, columns, schema, group: None, n_groups: 0, n_rows: 0 })
    }

    /// Rows taken so far.
    #[must_use]
    pub const fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Adds rows; row groups are cut by row number.
    ///
    /// # Errors
    /// `Io`; `Internal` when the batch is not of the table's schema.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.schema().fields() != self.schema.fields() {
            return Err(Error::internal(format!("a batch is not of the table {}", self.table.name)));
        }
        let mut rest = batch.clone();
        while rest.num_rows() > 0 {
            let n_before = self.group.as_ref().map_or(0, |group| group.n_rows);
            let n_taken = rest.num_rows().min(ROW_GROUP_ROWS - n_before);
            self.encode(&rest.slice(0, n_taken)).map_err(|cause| failed(self.table, &self.path, cause))?;
            rest = rest.slice(n_taken, rest.num_rows() - n_taken);
        }
        Ok(())
    }

    /// Encodes rows that fit the open row group, and writes the group if that fills it.
    fn encode(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        let mut group = match self.group.take() {
            Some(group) => group,
            None => OpenGroup { columns: self.open_columns()?, n_rows: 0 },
        };
        let schema = &self.schema;
        let add =
            |(index, column): (usize, &mut OpenColumn)| column.add(schema.field(index), rows.column(index));
        let encoded: Vec<Result<(), ParquetError>> =
            group.columns.par_iter_mut().enumerate().map(add).collect();
        encoded.into_iter().collect::<Result<(), ParquetError>>()?;
        group.n_rows += rows.num_rows();
        self.n_rows += rows.num_rows() as u64;
        if group.n_rows == ROW_GROUP_ROWS {
            return self.close(group);
        }
        self.group = Some(group);
        Ok(())
    }

    fn open_columns(&self) -> Result<Vec<OpenColumn>, ParquetError> {
        let general = self.columns.create_column_writers(self.n_groups)?;
        let leaves = self.writer.schema_descr().columns();
        // No column has several leaves.
        let columns = self.table.columns.iter().zip(leaves).zip(general);
        let open = |((column, leaf), general): ((&Column, &ColumnDescPtr), ArrowColumnWriter)| {
            match ColumnEncoder::new(self.table, column, leaf) {
                Some(own) => OpenColumn::Own(Box::new(own)),
                None => OpenColumn::General(Box::new(general)),
            }
        };
        Ok(columns.map(open).collect())
    }

    fn close(&mut self, group: OpenGroup) -> Result<(), ParquetError> {
        let columns: Vec<Result<ClosedColumn, ParquetError>> =
            group.columns.into_par_iter().map(OpenColumn::close).collect();
        let mut row_group = self.writer.next_row_group()?;
        for column in columns {
            match column? {
                ClosedColumn::Own((chunk, close)) => row_group.append_column(&chunk, close)?,
                ClosedColumn::General(chunk) => chunk.append_to_row_group(&mut row_group)?,
            }
        }
        row_group.close()?;
        self.n_groups += 1;
        Ok(())
    }

    /// Closes the file.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self) -> Result<Written> {
        let (table, path) = (self.table, self.path.clone());
        if let Some(group) = self.group.take() {
            self.close(group).map_err(|cause| failed(table, &path, cause))?;
        }
        self.writer.into_inner().map_err(|cause| failed(table, &path, cause))?.finish()
    }
}

fn failed(table: &Table, path: &Path, cause: ParquetError) -> Error {
    Error::new(Code::Io, format!("cannot write the table {}", table.name)).at(path).caused_by(cause)
}

/// Cuts batches into runs of at most `n_rows` rows, the last one excepted all full.
#[must_use]
pub fn cut(batches: &[RecordBatch], n_rows: usize) -> Vec<Vec<RecordBatch>> {
    let mut groups: Vec<Vec<RecordBatch>> = Vec::new();
    let mut room = 0;
    for batch in batches {
        let mut rest = batch.clone();
        while rest.num_rows() > 0 {
            if room == 0 {
                groups.push(Vec::new());
                room = n_rows;
            }
            let taken = rest.num_rows().min(room);
            groups.last_mut().into_iter().for_each(|group| group.push(rest.slice(0, taken)));
            rest = rest.slice(taken, rest.num_rows() - taken);
            room -= taken;
        }
    }
    groups
}

/// Writes batches of a table as one file of a run.
///
/// # Errors
/// `Io`; `Internal` when a batch is not of the table's schema.
pub fn write(
    run: &Path,
    inside_run: &str,
    table: &'static Table,
    units: &Units,
    batches: &[RecordBatch],
) -> Result<Written> {
    let mut writer = TableWriter::create(run, inside_run, table, units)?;
    batches.iter().try_for_each(|batch| writer.add(batch))?;
    writer.finish()
}

/// A Parquet file outside a run that is written batch by batch; in memory are the encoded columns of one row group.
pub struct PlainParquet {
    path: PathBuf,
    writer: ArrowWriter<PlainFile>,
}

/// Creates a Parquet file.
///
/// # Errors
/// `CommandLine` for a file that exists; `Io`.
pub fn create_plain(path: &Path, table: &Table, units: &Units) -> Result<PlainParquet> {
    let file = files::create_plain(path)?;
    let writer = ArrowWriter::try_new(file, table.schema(units), Some(properties(table)?))
        .map_err(|cause| plain_failed(path, cause))?;
    Ok(PlainParquet { path: path.to_owned(), writer })
}

impl PlainParquet {
    /// Adds rows.
    ///
    /// # Errors
    /// `Io`.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|cause| plain_failed(&self.path, cause))
    }

    /// Writes the rest and tells the size.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(self) -> Result<u64> {
        self.writer.into_inner().map_err(|cause| plain_failed(&self.path, cause))?.finish()
    }
}

fn plain_failed(path: &Path, cause: ParquetError) -> Error {
    Error::new(Code::Io, "cannot write the file").at(path).caused_by(cause)
}
