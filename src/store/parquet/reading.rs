//! Files of tables, read back in whole columns.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use rayon::prelude::*;

use super::ROW_GROUP_ROWS;
use crate::contract::{Table, Units};
use crate::error::{Code, Error, Result};

/// Reads a file of a table; `columns` (all if `None`) come in the table's order whatever the order of the names. Where
/// there are several row groups, columns are read side by side.
///
/// # Errors
/// `Io` when it cannot be read, is truncated, or is not of the table's contract: an unreadable file is never an
/// empty one.
pub fn read(path: &Path, table: &Table, units: &Units, columns: Option<&[&str]>) -> Result<RecordBatch> {
    let source = Source::open(path, table, units, &[])?;
    let chosen = |name: &str| columns.is_none_or(|columns| columns.contains(&name));
    let names: Vec<&str> =
        table.columns.iter().map(|column| column.name).filter(|name| chosen(name)).collect();
    if source.n_groups() < 2 || names.len() < 2 {
        return source.read(columns, None)?.whole();
    }
    // A column is put together before the next is read, so that no more is in memory twice.
    let one = |name: &&str| source.read(Some(&[*name]), None)?.whole();
    let parts: Vec<Result<RecordBatch>> = names.par_iter().map(one).collect();
    let parts: Vec<RecordBatch> = parts.into_iter().collect::<Result<_>>()?;
    let columns = parts.iter().flat_map(|part| part.columns().iter().cloned()).collect();
    RecordBatch::try_new(source.schema_of(&names)?, columns).map_err(differ)
}

fn differ(cause: ArrowError) -> Error {
    Error::internal("batches of one file differ").caused_by(cause)
}

/// Reads a file of a table as [`read`] does, a batch for each row group. Texts of the columns `numbered` come as
/// dictionaries of 32-bit numbers, which is what the file holds where values repeat.
///
/// # Errors
/// See [`read`].
pub fn read_groups(
    path: &Path,
    table: &Table,
    units: &Units,
    columns: Option<&[&str]>,
    numbered: &[&str],
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let Groups { schema, batches } = Source::open(path, table, units, numbered)?.read(columns, None)?;
    Ok((schema, batches))
}

/// Reads a file of a table as [`read_groups`] does, and has one row group in memory at a time.
///
/// # Errors
/// See [`read`]; what `take` fails with.
pub fn each_group(
    path: &Path,
    table: &Table,
    units: &Units,
    columns: &[&str],
    numbered: &[&str],
    mut take: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let source = Source::open(path, table, units, numbered)?;
    for batch in source.reader(Some(columns), None)? {
        take(&batch.map_err(|cause| source.unreadable(ParquetError::External(Box::new(cause))))?)?;
    }
    Ok(())
}

/// Row groups of a file of a table, one after another, each read when it is asked for.
pub struct RowGroups {
    /// Rows of all of them.
    pub n_rows: usize,
    /// What is left to read; `None`: there is no file.
    rest: Option<(ParquetRecordBatchReader, PathBuf, &'static Table)>,
}

impl RowGroups {
    /// Those of no file.
    #[must_use]
    pub const fn none() -> Self {
        Self { n_rows: 0, rest: None }
    }

    /// Those of a file.
    ///
    /// # Errors
    /// See [`read`].
    pub fn open(path: &Path, table: &'static Table, units: &Units) -> Result<Self> {
        let source = Source::open(path, table, units, &[])?;
        let n_rows = source.metadata.metadata().file_metadata().num_rows();
        let n_rows = usize::try_from(n_rows).unwrap_or_default();
        Ok(Self { n_rows, rest: Some((source.reader(None, None)?, path.to_owned(), table)) })
    }
}

impl Iterator for RowGroups {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let (reader, path, table) = self.rest.as_mut()?;
        let failed = |cause| unreadable(table, path, ParquetError::External(Box::new(cause)));
        Some(reader.next()?.map_err(failed))
    }
}

impl std::fmt::Debug for RowGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RowGroups").field(&self.n_rows).finish()
    }
}

/// Whether a row group is read.
pub(super) type Wanted<'a> = &'a dyn Fn(&RowGroupMetaData) -> bool;

/// A file of a table whose contract was looked at.
pub(super) struct Source<'a> {
    path: &'a Path,
    table: &'a Table,
    metadata: ArrowReaderMetadata,
}

/// What was read, a batch for each row group.
pub(super) struct Groups {
    schema: SchemaRef,
    pub(super) batches: Vec<RecordBatch>,
}

impl Groups {
    /// All rows.
    fn whole(self) -> Result<RecordBatch> {
        // Most tables are one batch, and need not be copied.
        if let [batch] = self.batches.as_slice() {
            return Ok(batch.clone());
        }
        concat_batches(&self.schema, &self.batches).map_err(differ)
    }
}

impl<'a> Source<'a> {
    pub(super) fn open(path: &'a Path, table: &'a Table, units: &Units, numbered: &[&str]) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io("cannot open the table", path, source))?;
        let failed = |cause| unreadable(table, path, cause);
        let mut metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(failed)?;
        let contract = metadata.schema().metadata().get("contract").cloned().unwrap_or_default();
        let schema = table.schema(units);
        if contract != table.name || metadata.schema().fields() != schema.fields() {
            let what = format!("not a table {} of version {}", table.name, table.version);
            return Err(Error::new(Code::Io, what)
                .at(path)
                .hint("the lake was written by another version: name a new folder with project.lake"));
        }
        if !numbered.is_empty() {
            let options = ArrowReaderOptions::new().with_schema(with_numbers(&schema, numbered));
            metadata =
                ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).map_err(failed)?;
        }
        Ok(Self { path, table, metadata })
    }

    fn n_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// The schema of some columns, which come in the table's order.
    fn schema_of(&self, names: &[&str]) -> Result<SchemaRef> {
        let schema = self.metadata.schema();
        let places: std::result::Result<Vec<usize>, ArrowError> =
            names.iter().map(|name| schema.index_of(name)).collect();
        Ok(Arc::new(places.and_then(|places| schema.project(&places)).map_err(differ)?))
    }

    /// Reads the row groups for which `wanted` holds. The file is opened anew, since one that is open has one position.
    pub(super) fn read(&self, columns: Option<&[&str]>, wanted: Option<Wanted<'_>>) -> Result<Groups> {
        let reader = self.reader(columns, wanted)?;
        let schema = arrow_array::RecordBatchReader::schema(&reader);
        let batches = reader
            .collect::<std::result::Result<Vec<RecordBatch>, _>>()
            .map_err(|cause| self.unreadable(ParquetError::External(Box::new(cause))))?;
        Ok(Groups { schema, batches })
    }

    fn unreadable(&self, cause: ParquetError) -> Error {
        unreadable(self.table, self.path, cause)
    }

    fn reader(
        &self,
        columns: Option<&[&str]>,
        wanted: Option<Wanted<'_>>,
    ) -> Result<ParquetRecordBatchReader> {
        let file =
            File::open(self.path).map_err(|source| Error::io("cannot open the table", self.path, source))?;
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_batch_size(ROW_GROUP_ROWS);
        if let Some(wanted) = wanted {
            let groups = builder.metadata().row_groups().iter().enumerate();
            let chosen = groups.filter(|(_, group)| wanted(group)).map(|(number, _)| number).collect();
            builder = builder.with_row_groups(chosen);
        }
        if let Some(names) = columns {
            let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
            builder = builder.with_projection(mask);
        }
        builder.build().map_err(|cause| self.unreadable(cause))
    }
}

fn unreadable(table: &Table, path: &Path, cause: ParquetError) -> Error {
    Error::new(Code::Io, format!("cannot read the table {}", table.name))
        .at(path)
        .caused_by(cause)
        .hint("take the run back from a backup, or publish another one with `clienting runs publish ID`")
}

/// The schema with dictionaries in place of the texts of some columns.
fn with_numbers(schema: &Schema, numbered: &[&str]) -> SchemaRef {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let field = field.as_ref().clone();
            if numbered.contains(&field.name().as_str()) {
                field.with_data_type(dictionary.clone())
            } else {
                field
            }
        })
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}
