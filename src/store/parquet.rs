//! Parquet files: written so that the same rows give the same bytes, read back in whole columns.

mod column;
mod dictionary;
mod key_range;
mod open;
mod range;
mod reading;
mod values;
#[cfg(test)]
mod tests;

pub use self::key_range::{KeyRange, read_range};
pub use self::reading::{RowGroups, each_group, read, read_groups};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::arrow_writer::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use self::open::{Groups, write_groups};
use super::files::{self, HashingFile, PlainFile, Written};
use crate::contract::{ColumnType, Table, Units, column as c};
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

/// A file of a table under construction. Rows are encoded as they come, columns side by side.
pub struct TableWriter {
    table: &'static Table,
    path: PathBuf,
    writer: SerializedFileWriter<HashingFile>,
    groups: Groups,
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
        let leaves = writer.schema_descr().root_schema_ptr();
        let groups = Groups::new(table, columns, Arc::new(SchemaDescriptor::new(leaves)), schema);
        Ok(Self { table, path, writer, groups })
    }

    /// Rows taken so far.
    #[must_use]
    pub const fn n_rows(&self) -> u64 {
        self.groups.n_rows()
    }

    /// Adds rows; row groups are cut by row number, and written as soon as they are full.
    ///
    /// # Errors
    /// `Io`; `Internal` when the batch is not of the table's schema.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.check(batch)?;
        let Self { table, path, writer, groups } = self;
        groups
            .add(batch)
            .and_then(|()| write_groups(writer, groups.take_closed()))
            .map_err(|cause| failed(table, path, cause))
    }

    /// The same, but a row group that is full is written and hashed while the rows that come next are encoded.
    ///
    /// # Errors
    /// Those of [`TableWriter::add`]; what cannot be written may be told by the next call, or by [`TableWriter::finish`].
    pub fn add_behind(&mut self, batch: &RecordBatch) -> Result<()> {
        self.check(batch)?;
        let Self { table, path, writer, groups } = self;
        let full = groups.take_closed();
        let (added, written) = rayon::join(|| groups.add(batch), || write_groups(writer, full));
        written.and(added).map_err(|cause| failed(table, path, cause))
    }

    fn check(&self, batch: &RecordBatch) -> Result<()> {
        if batch.schema().fields() == self.groups.schema().fields() {
            return Ok(());
        }
        Err(Error::internal(format!("a batch is not of the table {}", self.table.name)))
    }

    /// Closes the file.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self) -> Result<Written> {
        let (table, path, mut writer) = (self.table, self.path, self.writer);
        self.groups
            .close()
            .and_then(|()| write_groups(&mut writer, self.groups.take_closed()))
            .and_then(|()| writer.into_inner())
            .map_err(|cause| failed(table, &path, cause))?
            .finish()
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
