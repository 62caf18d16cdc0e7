//! Exports that are Parquet files: their columns, and their rows batch by batch.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field, Fields};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;

use crate::error::{Code, Error, Result};

/// Rows of a batch: few enough that a batch of wide rows stays small.
const BATCH_ROWS: usize = 32_768;
/// Structs inside one another; deeper ones are columns that nothing reads.
const MAX_DEPTH: usize = 16;

/// A column of a Parquet export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name; inside structs their names and its own, parted by dots.
    pub name: String,
    /// The names on the way to it.
    pub path: Vec<String>,
    /// Its type; a list or a map is one column.
    pub kind: DataType,
}

/// A Parquet export whose footer was read.
#[derive(Debug)]
pub struct ParquetExport {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    n_bytes: u64,
}

/// The rows of a Parquet export, in order.
pub struct Rows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    n_bytes: u64,
    n_rows: u64,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Opens a Parquet export.
///
/// # Errors
/// `InputUnreadable` for a file that cannot be read, is no Parquet, is truncated or encrypted, or is compressed in a
/// way that this program does not read.
pub fn open(path: &Path) -> Result<ParquetExport> {
    let extension = path.extension().unwrap_or_default();
    if extension.eq_ignore_ascii_case("gz") || extension.eq_ignore_ascii_case("zst") {
        return Err(Error::new(Code::InputUnreadable, "a Parquet file inside another compressed file")
            .at(path)
            .hint("deliver it as it is: its pages are compressed already"));
    }
    let unreadable =
        |cause| Error::new(Code::InputUnreadable, "cannot read the export").at(path).caused_by(cause);
    let file = File::open(path).map_err(unreadable)?;
    let n_bytes = file.metadata().map_err(unreadable)?.len();
    let metadata = guarded(path, || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()))?;
    let export = ParquetExport { path: path.to_owned(), file, metadata, n_bytes };
    export.refuse_codecs()?;
    Ok(export)
}

/// Runs the Parquet reader, which gives up by panic on some damaged files.
fn guarded<T>(path: &Path, read: impl FnOnce() -> std::result::Result<T, ParquetError>) -> Result<T> {
    let broken = |error: Error| error.at(path).hint("deliver the file again: it is truncated or not Parquet");
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(cause)) => Err(broken(
            Error::new(Code::InputUnreadable, "cannot read the export as Parquet").caused_by(cause),
        )),
        Err(_) => Err(broken(Error::new(Code::InputUnreadable, "the Parquet file is damaged"))),
    }
}

impl ParquetExport {
    /// Every column, structs taken apart.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        let mut columns = Vec::new();
        gather(self.metadata.schema().fields(), &[], &mut columns);
        columns
    }

    fn refuse_codecs(&self) -> Result<()> {
        for group in self.metadata.metadata().row_groups() {
            for column in group.columns() {
                let codec = match column.compression() {
                    Compression::BROTLI(_) => "Brotli",
                    Compression::LZO => "LZO",
                    _ => continue,
                };
                let what = format!("the Parquet file is compressed with {codec}, which is not read");
                return Err(Error::new(Code::InputUnreadable, what)
                    .at(&self.path)
                    .hint("write it with Snappy, Zstandard, gzip, LZ4 or none"));
            }
        }
        Ok(())
    }

    /// Begins to read the rows; of the columns only those at these paths.
    ///
    /// # Errors
    /// `InputUnreadable`.
    pub fn rows(self, paths: &[&[String]]) -> Result<Rows> {
        let Self { path, file, metadata, n_bytes } = self;
        let leaves = metadata.parquet_schema().columns().iter().enumerate();
        let is_wanted = |parts: &[String]| paths.iter().any(|path| parts.starts_with(path));
        let wanted: Vec<usize> =
            leaves.filter(|(_, leaf)| is_wanted(leaf.path().parts())).map(|(place, _)| place).collect();
        let mask = ProjectionMask::leaves(metadata.parquet_schema(), wanted);
        let n_rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_batch_size(BATCH_ROWS)
            .with_projection(mask);
        let reader = guarded(&path, || builder.build())?;
        Ok(Rows { path, reader, n_bytes, n_rows })
    }
}

impl Rows {
    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// `InputUnreadable` for a page that cannot be read.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let external = |cause: ArrowError| ParquetError::External(Box::new(cause));
        guarded(&self.path, || self.reader.next().transpose().map_err(external))
    }

    /// The share of so many rows in the file's size, in bytes.
    #[must_use]
    pub fn share_bytes(&self, n_rows: usize) -> usize {
        let share = u128::from(self.n_bytes) * n_rows as u128 / u128::from(self.n_rows.max(1));
        usize::try_from(share).unwrap_or(usize::MAX)
    }
}

/// The columns below these fields; where a nested and a dotted name are equal, the nested one counts.
fn gather(fields: &Fields, above: &[&Field], columns: &mut Vec<Column>) {
    for field in fields {
        let way: Vec<&Field> = above.iter().copied().chain([field.as_ref()]).collect();
        if let DataType::Struct(inner) = field.data_type()
            && way.len() < MAX_DEPTH
            && !inner.is_empty()
        {
            gather(inner, &way, columns);
            continue;
        }
        let path: Vec<String> = way.iter().map(|field| field.name().clone()).collect();
        let column = Column { name: path.join("."), path, kind: field.data_type().clone() };
        let known = columns.iter_mut().find(|known| known.name == column.name);
        match known.filter(|known| known.path.len() != column.path.len()) {
            Some(known) if known.path.len() < column.path.len() => *known = column,
            Some(_) => {}
            None => columns.push(column),
        }
    }
}
