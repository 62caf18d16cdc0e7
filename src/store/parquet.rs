//! Parquet files: written so that the same rows give the same bytes, read back in whole columns.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::files::{self, PlainFile, Written};
use crate::contract::{ColumnType, Table, Units};
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
    for column in table.columns {
        // Values that hardly repeat gain nothing from a dictionary and pay for its attempt; rising or near ones
        // pack well as differences.
        let path = ColumnPath::from(column.name);
        builder = match column.kind {
            ColumnType::UInt64 | ColumnType::TimestampMs | ColumnType::Date | ColumnType::Money => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            ColumnType::Float | ColumnType::Share | ColumnType::Hash128 | ColumnType::Binary => {
                builder.set_column_dictionary_enabled(path, false)
            }
            _ => builder,
        };
    }
    Ok(builder.build())
}

/// Writes batches of a table as one file of a run. Their cuts leave no trace in the bytes.
///
/// # Errors
/// `Io`; `Internal` when a batch is not of the table's schema.
pub fn write(
    run: &Path,
    inside_run: &str,
    table: &Table,
    units: &Units,
    batches: &[RecordBatch],
) -> Result<Written> {
    let mut file = files::create(run, inside_run)?;
    let path = file.path().to_owned();
    let failed = |cause| {
        Error::new(Code::Io, format!("cannot write the table {}", table.name)).at(&path).caused_by(cause)
    };
    let mut writer =
        ArrowWriter::try_new(&mut file, table.schema(units), Some(properties(table)?)).map_err(failed)?;
    for batch in batches {
        writer.write(batch).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    file.finish()
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
    concat_batches(&schema, &batches)
        .map_err(|cause| Error::internal("batches of one file differ").caused_by(cause))
}
