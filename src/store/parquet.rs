//! Parquet files: written so that the same rows give the same bytes, read back in whole columns.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriter, compute_leaves,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use super::files::{self, HashingFile, PlainFile, Written};
use crate::contract::{ColumnType, Table, Units, column};
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
            ColumnType::UInt32 if of_table.name == column::ACTIVE_DAYS => builder,
            ColumnType::UInt32
            | ColumnType::UInt64
            | ColumnType::Int
            | ColumnType::TimestampMs
            | ColumnType::Date
            | ColumnType::Money
            | ColumnType::Quantity => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            ColumnType::Text if column::DISTINCT.contains(&of_table.name) => {
                builder.set_column_dictionary_enabled(path, false)
            }
            ColumnType::Float | ColumnType::Share | ColumnType::Hash128 | ColumnType::Binary => {
                builder.set_column_dictionary_enabled(path, false)
            }
            _ => builder,
        };
    }
    Ok(builder.build())
}

/// A file of a table under construction, written a row group at a time, columns side by side.
pub struct TableWriter {
    table: &'static Table,
    path: PathBuf,
    writer: SerializedFileWriter<HashingFile>,
    columns: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    n_groups: usize,
    n_rows: u64,
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
        Ok(Self { table, path, writer, columns, schema, n_groups: 0, n_rows: 0 })
    }

    /// Rows written so far.
    #[must_use]
    pub const fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Writes one row group from its batches in order.
    ///
    /// # Errors
    /// `Io`; `Internal` when a batch is not of the table's schema.
    pub fn row_group(&mut self, batches: &[RecordBatch]) -> Result<()> {
        let (table, path) = (self.table, self.path.clone());
        if batches.iter().any(|batch| batch.schema().fields() != self.schema.fields()) {
            return Err(Error::internal(format!("a batch is not of the table {}", table.name)));
        }
        let failed = |cause| failed(table, &path, cause);
        let writers = self.columns.create_column_writers(self.n_groups).map_err(failed)?;
        let schema = &self.schema;
        let chunks: Vec<Result<ArrowColumnChunk, ParquetError>> = writers
            .into_par_iter()
            .enumerate()
            .map(|(index, mut writer)| {
                for batch in batches {
                    for leaf in compute_leaves(schema.field(index), batch.column(index))? {
                        writer.write(&leaf)?;
                    }
                }
                writer.close()
            })
            .collect();
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for chunk in chunks {
            chunk.and_then(|chunk| chunk.append_to_row_group(&mut group)).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        self.n_groups += 1;
        self.n_rows += batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        Ok(())
    }

    /// Closes the file.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(self) -> Result<Written> {
        let Self { table, path, writer, .. } = self;
        writer.into_inner().map_err(|cause| failed(table, &path, cause))?.finish()
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
    for group in cut(batches, ROW_GROUP_ROWS) {
        writer.row_group(&group)?;
    }
    writer.finish()
}

/// A Parquet file outside a run that is written batch by batch; in memory are the encoded columns of one row group.
pub struct PlainParquet {
    path: PathBuf,
    writer: ArrowWriter<PlainFile>,
}

/// Creates a Parquet file that must not exist yet.
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

/// Reads a file of a table; `columns` (all if `None`) come in the table's order whatever the order of the names.
///
/// # Errors
/// `Io` when it cannot be read, is truncated, or is not of the table's contract: an unreadable file is never an
/// empty one.
pub fn read(path: &Path, table: &Table, units: &Units, columns: Option<&[&str]>) -> Result<RecordBatch> {
    let failed = |cause: ParquetError| {
        Error::new(Code::Io, format!("cannot read the table {}", table.name))
            .at(path)
            .caused_by(cause)
            .hint("take the run back from a backup, or publish another one with `clienting runs publish ID`")
    };
    let file = File::open(path).map_err(|source| Error::io("cannot open the table", path, source))?;
    let options = ArrowReaderOptions::new();
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(failed)?;
    let contract = metadata.schema().metadata().get("contract").cloned().unwrap_or_default();
    if contract != table.name || metadata.schema().fields() != table.schema(units).fields() {
        let what = format!("not a table {} of version {}", table.name, table.version);
        return Err(Error::new(Code::Io, what)
            .at(path)
            .hint("the lake was written by another version: name a new folder with project.lake"));
    }
    let mut builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(ROW_GROUP_ROWS);
    if let Some(names) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
        builder = builder.with_projection(mask);
    }
    let reader = builder.build().map_err(failed)?;
    let schema = arrow_array::RecordBatchReader::schema(&reader);
    let batches = reader
        .collect::<std::result::Result<Vec<RecordBatch>, _>>()
        .map_err(|cause| failed(ParquetError::External(Box::new(cause))))?;
    // Most tables are one batch, and need not be copied.
    if let [batch] = batches.as_slice() {
        return Ok(batch.clone());
    }
    concat_batches(&schema, &batches)
        .map_err(|cause| Error::internal("batches of one file differ").caused_by(cause))
}
