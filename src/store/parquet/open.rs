//! A column chunk, whoever encodes it.

use arrow_array::ArrayRef;
use arrow_schema::Field;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;

use super::column::ColumnEncoder;

/// A column chunk of a row group that is not yet full.
pub(super) enum OpenColumn {
    Own(Box<ColumnEncoder>),
    General(Box<ArrowColumnWriter>),
}

impl OpenColumn {
    /// Adds the rows of an array.
    pub(super) fn add(&mut self, field: &Field, array: &ArrayRef) -> Result<(), ParquetError> {
        match self {
            Self::Own(encoder) => encoder.add(array),
            Self::General(writer) => {
                compute_leaves(field, array)?.iter().try_for_each(|leaf| writer.write(leaf))
            }
        }
    }

    /// Ends the chunk.
    pub(super) fn close(self) -> Result<ClosedColumn, ParquetError> {
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
