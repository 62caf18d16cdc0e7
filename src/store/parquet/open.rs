//! Row groups under construction: columns by our own encoder, or by the general one of the parquet crate.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};
use rayon::prelude::*;

use super::ROW_GROUP_ROWS;
use super::column::ColumnEncoder;
use crate::contract::{Column, Table};
use crate::store::files::HashingFile;

/// Rows on their way into row groups, which are cut by row number. What is held of a row group that is not yet full is its
/// encoded pages.
pub(super) struct Groups {
    table: &'static Table,
    columns: ArrowRowGroupWriterFactory,
    leaves: SchemaDescPtr,
    schema: SchemaRef,
    open: Option<OpenGroup>,
    /// Groups that are full, or the last one, in their order.
    closed: Vec<Vec<ClosedColumn>>,
    n_closed: usize,
    n_rows: u64,
}

/// A row group that is not yet full.
struct OpenGroup {
    columns: Vec<OpenColumn>,
    n_rows: usize,
}

impl Groups {
    /// No rows yet.
    pub(super) const fn new(
        table: &'static Table,
        columns: ArrowRowGroupWriterFactory,
        leaves: SchemaDescPtr,
        schema: SchemaRef,
    ) -> Self {
        Self { table, columns, leaves, schema, open: None, closed: Vec::new(), n_closed: 0, n_rows: 0 }
    }

    /// What batches have to look like.
    pub(super) const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows taken so far.
    pub(super) const fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Groups that were closed since they were last asked for.
    pub(super) fn take_closed(&mut self) -> Vec<Vec<ClosedColumn>> {
        std::mem::take(&mut self.closed)
    }

    /// Encodes rows, columns side by side.
    ///
    /// # Errors
    /// When a column is not of its type.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let mut rest = batch.clone();
        while rest.num_rows() > 0 {
            let n_before = self.open.as_ref().map_or(0, |group| group.n_rows);
            let n_taken = rest.num_rows().min(ROW_GROUP_ROWS - n_before);
            self.encode(&rest.slice(0, n_taken))?;
            rest = rest.slice(n_taken, rest.num_rows() - n_taken);
        }
        Ok(())
    }

    /// Encodes rows that fit the open row group, and closes the group if that fills it.
    fn encode(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        let mut group = match self.open.take() {
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
        let is_full = group.n_rows == ROW_GROUP_ROWS;
        self.open = Some(group);
        if is_full { self.close() } else { Ok(()) }
    }

    fn open_columns(&self) -> Result<Vec<OpenColumn>, ParquetError> {
        let general = self.columns.create_column_writers(self.n_closed)?;
        // No column has several leaves.
        let columns = self.table.columns.iter().zip(self.leaves.columns()).zip(general);
        let open = |((column, leaf), general): ((&Column, &ColumnDescPtr), ArrowColumnWriter)| {
            match ColumnEncoder::new(self.table, column, leaf) {
                Some(own) => OpenColumn::Own(Box::new(own)),
                None => OpenColumn::General(Box::new(general)),
            }
        };
        Ok(columns.map(open).collect())
    }

    /// Closes the open row group, if there is one.
    ///
    /// # Errors
    /// Those of the encoders.
    pub(super) fn close(&mut self) -> Result<(), ParquetError> {
        let Some(group) = self.open.take() else { return Ok(()) };
        let columns: Vec<Result<ClosedColumn, ParquetError>> =
            group.columns.into_par_iter().map(OpenColumn::close).collect();
        self.closed.push(columns.into_iter().collect::<Result<_, ParquetError>>()?);
        self.n_closed += 1;
        Ok(())
    }
}

/// Writes row groups.
///
/// # Errors
/// Those of the file.
pub(super) fn write_groups(
    writer: &mut SerializedFileWriter<HashingFile>,
    groups: Vec<Vec<ClosedColumn>>,
) -> Result<(), ParquetError> {
    for columns in groups {
        let mut row_group = writer.next_row_group()?;
        for column in columns {
            match column {
                ClosedColumn::Own((chunk, close)) => row_group.append_column(&chunk, close)?,
                ClosedColumn::General(chunk) => chunk.append_to_row_group(&mut row_group)?,
            }
        }
        row_group.close()?;
    }
    Ok(())
}

/// A column chunk of a row group that is not yet full.
enum OpenColumn {
    Own(Box<ColumnEncoder>),
    General(Box<ArrowColumnWriter>),
}

impl OpenColumn {
    /// Adds the rows of an array.
    fn add(&mut self, field: &Field, array: &ArrayRef) -> Result<(), ParquetError> {
        match self {
            Self::Own(encoder) => encoder.add(array),
            Self::General(writer) => {
                compute_leaves(field, array)?.iter().try_for_each(|leaf| writer.write(leaf))
            }
        }
    }

    /// Ends the chunk.
    fn close(self) -> Result<ClosedColumn, ParquetError> {
        Ok(match self {
            Self::Own(encoder) => ClosedColumn::Own(encoder.close()?),
            Self::General(writer) => ClosedColumn::General(writer.close()?),
        })
    }
}

/// A column chunk that is ready to be written.
pub(super) enum ClosedColumn {
    Own((Bytes, ColumnCloseResult)),
    General(ArrowColumnChunk),
}
