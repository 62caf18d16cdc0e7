//! Ledger columns of the rows of one chunk, under construction.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    Date32Builder, Decimal128Builder, StringBuilder, TimestampMillisecondBuilder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_buffer::OffsetBuffer;

use super::cells::day_of;
use super::transactions::{REFUND, SALE};
use crate::contract::tables::Transactions;
use crate::contract::{Contract, Units, column as c};
use crate::error::Result;

/// The values of one row, text still borrowed.
pub(super) struct Typed {
    /// Sale or refund.
    pub(super) kind: &'static str,
    /// Local time, milliseconds.
    pub(super) occurred_ms: i64,
    /// Minor units.
    pub(super) amount: i64,
    /// Minor units.
    pub(super) cost: Option<i64>,
    /// Minor units.
    pub(super) discount: Option<i64>,
    /// Thousandths.
    pub(super) quantity: Option<i64>,
    /// Takes a row away.
    pub(super) deleted: bool,
}

/// Ledger columns under construction.
pub(super) struct Rows {
    n_rows: usize,
    texts: [StringBuilder; 7],
    occurred_at: TimestampMillisecondBuilder,
    day: Date32Builder,
    kinds: Vec<&'static str>,
    n_refunds: usize,
    amount: Decimal128Builder,
    cost: Decimal128Builder,
    discount: Decimal128Builder,
    quantity: Decimal128Builder,
    line: UInt64Builder,
    version: StringBuilder,
    units: Units,
}

impl Rows {
    /// No rows yet.
    pub(super) fn new(units: &Units) -> Self {
        Self {
            n_rows: 0,
            texts: std::array::from_fn(|_| StringBuilder::new()),
            occurred_at: TimestampMillisecondBuilder::new(),
            day: Date32Builder::new(),
            kinds: Vec::new(),
            n_refunds: 0,
            amount: Decimal128Builder::new(),
            cost: Decimal128Builder::new(),
            discount: Decimal128Builder::new(),
            quantity: Decimal128Builder::new(),
            line: UInt64Builder::new(),
            version: StringBuilder::new(),
            units: units.clone(),
        }
    }

    /// Adds a row.
    pub(super) fn push(
        &mut self,
        typed: &Typed,
        texts: &[Option<Cow<'_, str>>; 7],
        version: Option<&str>,
        line: u64,
    ) {
        self.n_rows += 1;
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_option(text.as_deref());
        }
        self.occurred_at.append_value(typed.occurred_ms);
        self.day.append_value(day_of(typed.occurred_ms));
        self.kinds.push(typed.kind);
        self.n_refunds += usize::from(typed.kind == REFUND);
        self.amount.append_value(i128::from(typed.amount));
        self.cost.append_option(typed.cost.map(i128::from));
        self.discount.append_option(typed.discount.map(i128::from));
        self.quantity.append_option(typed.quantity.map(i128::from));
        self.line.append_value(line);
        self.version.append_option(version);
    }

    /// The batch, all of one source and file.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn finish(mut self, source: &str, file_id: u32) -> Result<RecordBatch> {
        let table = Transactions::TABLE;
        let decimal = |mut builder: Decimal128Builder, name: &str| -> ArrayRef {
            let kind = table.column(name).map(|column| column.kind.arrow(&self.units));
            let array = builder.finish();
            match kind {
                Some(kind) => Arc::new(array.with_data_type(kind)),
                None => Arc::new(array),
            }
        };
        let kind: ArrayRef = if self.n_refunds == 0 {
            Arc::new(repeated(SALE, self.n_rows))
        } else {
            Arc::new(self.kinds.into_iter().map(Some).collect::<StringArray>())
        };
        let [customer, transaction, original, product, line, unit, channel] = &mut self.texts;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::new_null(self.n_rows)),
            Arc::new(customer.finish()),
            Arc::new(transaction.finish()),
            Arc::new(original.finish()),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.day.finish()),
            kind,
            decimal(self.amount, c::AMOUNT),
            decimal(self.cost, c::COST),
            decimal(self.discount, c::DISCOUNT),
            decimal(self.quantity, c::QUANTITY),
            Arc::new(product.finish()),
            Arc::new(line.finish()),
            Arc::new(unit.finish()),
            Arc::new(channel.finish()),
            Arc::new(repeated(source, self.n_rows)),
            Arc::new(UInt32Array::from_value(file_id, self.n_rows)),
            Arc::new(self.line.finish()),
            Arc::new(self.version.finish()),
        ];
        table.batch(&self.units, columns)
    }
}

/// One text in every row.
fn repeated(text: &str, n_rows: usize) -> StringArray {
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(text.len(), n_rows));
    StringArray::new(offsets, text.repeat(n_rows).into_bytes().into(), None)
}
