//! What every table looks like, in one place: names, types, order, version. Nothing else in the crate spells a
//! column's name.
//!
//! [`Checked`] carries a table that was verified against its contract; stages take and give checked tables only.

pub mod exports;
pub mod column;
pub mod tables;
pub mod dictionary;
pub mod read;
mod verify;

use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::error::{Error, Result};

/// What the numbers of people begin with who were erased and whose purchases stay in the books.
pub const ERASED: &str = "erased_";

/// Physical and logical type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// DECIMAL(18, exponent of the currency); minor units.
    Money,
    /// DECIMAL(18, 3).
    Quantity,
    /// Days since 1970-01-01.
    Date,
    /// Milliseconds since 1970-01-01T00:00, local time of the project's zone, without a zone.
    TimestampMs,
    /// 64-bit float; never NaN or infinite.
    Float,
    /// Share or probability in [0, 1].
    Share,
    /// Count.
    Int,
    /// Score.
    UInt8,
    /// Bit set, dense key or file number.
    UInt32,
    /// Line number.
    UInt64,
    /// Truth value.
    Bool,
    /// Bytes as read.
    Binary,
    /// Sixteen bytes of a hash.
    Hash128,
    /// List of texts.
    TextList,
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, fixed for ever.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnType,
    /// Whether "not known or not applicable" may stand in it.
    pub nullable: bool,
    /// What it says, with unit.
    pub doc: &'static str,
}

/// One table.
#[derive(Debug)]
pub struct Table {
    /// Path under the run directory without extension: `tables/customers`.
    pub name: &'static str,
    /// Rises when a column is added.
    pub version: u32,
    /// Its columns in order.
    pub columns: &'static [Column],
    /// Columns that it is sorted by, ascending, as bytes; empty = in delivery order.
    pub sorted_by: &'static [&'static str],
    /// Whether the sort columns name a row (no two rows alike in them).
    pub unique: bool,
    /// What one row is.
    pub doc: &'static str,
}

/// What a table's types depend on besides its contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// ISO 4217 letters, stands in the file metadata.
    pub currency: String,
    /// Decimals of every money column.
    pub exponent: u32,
}

impl Units {
    /// Minor units as the nearest double of major units.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what expressions are promised")]
    pub fn major(&self, minor: i64) -> f64 {
        minor as f64 / 10_f64.powi(i32::try_from(self.exponent).unwrap_or(0))
    }
}

/// Precision of every decimal column.
pub const DECIMAL_PRECISION: u8 = 18;
/// Decimals of quantities.
pub const QUANTITY_DECIMALS: u32 = 3;

impl ColumnType {
    /// The Arrow type under these units.
    #[must_use]
    pub fn arrow(self, units: &Units) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Money => {
                DataType::Decimal128(DECIMAL_PRECISION, i8::try_from(units.exponent).unwrap_or(i8::MAX))
            }
            Self::Quantity => DataType::Decimal128(DECIMAL_PRECISION, 3),
            Self::Date => DataType::Date32,
            Self::TimestampMs => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::Float | Self::Share => DataType::Float64,
            Self::Int => DataType::Int64,
            Self::UInt8 => DataType::UInt8,
            Self::UInt32 => DataType::UInt32,
            Self::UInt64 => DataType::UInt64,
            Self::Bool => DataType::Boolean,
            Self::Binary => DataType::Binary,
            Self::Hash128 => DataType::FixedSizeBinary(16),
            Self::TextList => DataType::List(Arc::new(Field::new("item", DataType::Utf8, false))),
        }
    }
}

impl Table {
    /// Arrow schema with the contract's name and version and the currency as metadata.
    #[must_use]
    pub fn schema(&self, units: &Units) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::new(column.name, column.kind.arrow(units), column.nullable))
            .collect();
        let metadata = [
            ("contract".to_owned(), self.name.to_owned()),
            ("contract_version".to_owned(), self.version.to_string()),
            ("currency".to_owned(), units.currency.clone()),
        ];
        let metadata: std::collections::HashMap<String, String> = metadata.into_iter().collect();
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }

    /// A batch of this table from its columns in order.
    ///
    /// # Errors
    /// `Internal` when number, type or length of the arrays differ from the contract.
    pub fn batch(&self, units: &Units, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        RecordBatch::try_new(self.schema(units), columns).map_err(|cause| {
            Error::internal(format!("columns do not make a batch of {}", self.name)).caused_by(cause)
        })
    }

    /// A batch without rows.
    #[must_use]
    pub fn empty(&self, units: &Units) -> RecordBatch {
        RecordBatch::new_empty(self.schema(units))
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The file name inside the run directory.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{}.parquet", self.name)
    }
}

/// A table as a type.
pub trait Contract {
    /// Its definition.
    const TABLE: &'static Table;
}

/// One verified batch of table `T`: schema, nulls, order, uniqueness and value ranges hold.
#[derive(Debug)]
pub struct Checked<T: Contract> {
    batch: RecordBatch,
    contract: PhantomData<T>,
}

impl<T: Contract> Clone for Checked<T> {
    fn clone(&self) -> Self {
        Self { batch: self.batch.clone(), contract: PhantomData }
    }
}

impl<T: Contract> Checked<T> {
    /// Builds the batch from its columns and verifies it.
    ///
    /// # Errors
    /// `ContractBroken` naming table, column and row of the first breach; `Internal` for arrays of a wrong type.
    pub fn from_columns(units: &Units, columns: Vec<ArrayRef>) -> Result<Self> {
        Self::verify(units, T::TABLE.batch(units, columns)?)
    }

    /// Verifies a batch that was read or built elsewhere.
    ///
    /// # Errors
    /// `ContractBroken` naming table, column and row of the first breach.
    pub fn verify(units: &Units, batch: RecordBatch) -> Result<Self> {
        verify::verify(T::TABLE, units, &batch)?;
        Ok(Self { batch, contract: PhantomData })
    }

    /// The rows.
    #[must_use]
    pub const fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.batch.num_rows()
    }
}
