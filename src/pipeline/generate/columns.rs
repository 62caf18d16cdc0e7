//! Synthetic rows as Arrow columns.

use std::sync::Arc;

use arrow_array::builder::{
    Date32Builder, Decimal128Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};

use crate::contract::{Column, ColumnType, DECIMAL_PRECISION, Table, Units};
use crate::error::{Error, Result};
use crate::generate::large::Cells;

/// Columns that grow cell by cell.
pub(super) struct Columns {
    table: &'static Table,
    columns: Vec<Builder>,
    /// The column of the next cell.
    place: usize,
    /// Whether a cell came that its column does not hold.
    is_broken: bool,
}

enum Builder {
    Text(StringBuilder),
    Money(Decimal128Builder),
    Moment(TimestampMillisecondBuilder),
    Day(Date32Builder),
    Whole(Int64Builder),
}

impl Columns {
    /// Columns of a table, without rows.
    pub(super) fn new(table: &'static Table) -> Self {
        let builder = |column: &Column| match column.kind {
            ColumnType::Money => Builder::Money(Decimal128Builder::new()),
            ColumnType::TimestampMs => Builder::Moment(TimestampMillisecondBuilder::new()),
            ColumnType::Date => Builder::Day(Date32Builder::new()),
            ColumnType::Int => Builder::Whole(Int64Builder::new()),
            _ => Builder::Text(StringBuilder::new()),
        };
        Self { table, columns: table.columns.iter().map(builder).collect(), place: 0, is_broken: false }
    }

    /// The rows as one batch.
    ///
    /// # Errors
    /// `Internal` when the cells were not those of the table.
    pub(super) fn into_batch(self, units: &Units) -> Result<RecordBatch> {
        if self.is_broken {
            return Err(Error::internal(format!("cells do not fit the columns of {}", self.table.name)));
        }
        let columns = self.columns.into_iter().map(|column| column.finish(units)).collect::<Result<_>>()?;
        self.table.batch(units, columns)
    }

    fn next(&mut self) -> Option<&mut Builder> {
        self.place += 1;
        self.columns.get_mut(self.place - 1)
    }
}

impl Builder {
    fn finish(self, units: &Units) -> Result<ArrayRef> {
        Ok(match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Moment(mut builder) => Arc::new(builder.finish()),
            Self::Day(mut builder) => Arc::new(builder.finish()),
            Self::Whole(mut builder) => Arc::new(builder.finish()),
            Self::Money(mut builder) => {
                let scale = i8::try_from(units.exponent).unwrap_or(i8::MAX);
                let amounts = builder.finish().with_precision_and_scale(DECIMAL_PRECISION, scale);
                Arc::new(
                    amounts
                        .map_err(|cause| Error::internal("amounts have no such scale").caused_by(cause))?,
                )
            }
        })
    }
}

impl Cells for Columns {
    fn text(&mut self, text: &str) {
        match self.next() {
            Some(Builder::Text(builder)) => builder.append_option(Some(text).filter(|text| !text.is_empty())),
            _ => self.is_broken = true,
        }
    }

    fn money(&mut self, amount_minor: i64) {
        match self.next() {
            Some(Builder::Money(builder)) => builder.append_value(i128::from(amount_minor)),
            _ => self.is_broken = true,
        }
    }

    fn moment(&mut self, day: i32, second: u32) {
        match self.next() {
            Some(Builder::Moment(builder)) => {
                builder.append_value((i64::from(day) * 86_400 + i64::from(second)) * 1_000);
            }
            _ => self.is_broken = true,
        }
    }

    fn day(&mut self, day: Option<i32>) {
        match self.next() {
            Some(Builder::Day(builder)) => builder.append_option(day),
            _ => self.is_broken = true,
        }
    }

    fn whole(&mut self, value: Option<i64>) {
        match self.next() {
            Some(Builder::Whole(builder)) => builder.append_option(value),
            _ => self.is_broken = true,
        }
    }

    fn end_row(&mut self) {
        self.is_broken |= self.place != self.columns.len();
        self.place = 0;
    }
}
