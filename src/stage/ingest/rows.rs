//! Ledger columns of the rows of one chunk, under construction.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder as _, Date32Builder, Decimal128Builder, StringBuilder, TimestampMillisecondBuilder,
    UInt64Builder,
};
use arrow_array::{ArrayRef, Decimal128Array, RecordBatch, StringArray, UInt32Array};
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
    texts: [Texts; 7],
    occurred_at: TimestampMillisecondBuilder,
    day: Date32Builder,
    kinds: Vec<&'static str>,
    n_refunds: usize,
    amount: Decimal128Builder,
    cost: Decimals,
    discount: Decimals,
    quantity: Decimals,
    line: UInt64Builder,
    version: Texts,
    units: Units,
}

impl Rows {
    /// No rows yet.
    pub(super) fn new(units: &Units) -> Self {
        Self {
            n_rows: 0,
            texts: std::array::from_fn(|_| Texts::default()),
            occurred_at: TimestampMillisecondBuilder::new(),
            day: Date32Builder::new(),
            kinds: Vec::new(),
            n_refunds: 0,
            amount: Decimal128Builder::new(),
            cost: Decimals::default(),
            discount: Decimals::default(),
            quantity: Decimals::default(),
            line: UInt64Builder::new(),
            version: Texts::default(),
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
            builder.push(text.as_deref());
        }
        self.occurred_at.append_value(typed.occurred_ms);
        self.day.append_value(day_of(typed.occurred_ms));
        self.kinds.push(typed.kind);
        self.n_refunds += usize::from(typed.kind == REFUND);
        self.amount.append_value(i128::from(typed.amount));
        self.cost.push(typed.cost);
        self.discount.push(typed.discount);
        self.quantity.push(typed.quantity);
        self.line.append_value(line);
        self.version.push(version);
    }

    /// The batch, all of one source and file.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn finish(mut self, source: &str, file_id: u32) -> Result<RecordBatch> {
        let table = Transactions::TABLE;
        let typed = |array: Decimal128Array, name: &str| -> ArrayRef {
            let kind = table.column(name).map(|column| column.kind.arrow(&self.units));
            Arc::new(kind.map_or_else(|| array.clone(), |kind| array.clone().with_data_type(kind)))
        };
        let kind: ArrayRef = if self.n_refunds == 0 {
            Arc::new(repeated(SALE, self.n_rows))
        } else {
            Arc::new(self.kinds.into_iter().map(Some).collect::<StringArray>())
        };
        let [customer, transaction, original, product, line, unit, channel] = &mut self.texts;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::new_null(self.n_rows)),
            customer.finish(),
            transaction.finish(),
            original.finish(),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.day.finish()),
            kind,
            typed(self.amount.finish(), c::AMOUNT),
            typed(self.cost.finish(), c::COST),
            typed(self.discount.finish(), c::DISCOUNT),
            typed(self.quantity.finish(), c::QUANTITY),
            product.finish(),
            line.finish(),
            unit.finish(),
            channel.finish(),
            Arc::new(repeated(source, self.n_rows)),
            Arc::new(UInt32Array::from_value(file_id, self.n_rows)),
            Arc::new(self.line.finish()),
            self.version.finish(),
        ];
        table.batch(&self.units, columns)
    }
}

/// One text in every row.
fn repeated(text: &str, n_rows: usize) -> StringArray {
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(text.len(), n_rows));
    StringArray::new(offsets, text.repeat(n_rows).into_bytes().into(), None)
}

/// A text column that costs nothing while it is null, as columns are that an export lacks.
#[derive(Default)]
struct Texts {
    builder: StringBuilder,
    n_nulls: usize,
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        match text {
            None => self.n_nulls += 1,
            Some(text) => {
                self.settle();
                self.builder.append_value(text);
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..std::mem::take(&mut self.n_nulls) {
            self.builder.append_null();
        }
    }

    fn finish(&mut self) -> ArrayRef {
        if self.builder.is_empty() {
            return Arc::new(StringArray::new_null(self.n_nulls));
        }
        self.settle();
        Arc::new(self.builder.finish())
    }
}

/// A decimal column that costs nothing while it is null.
#[derive(Default)]
struct Decimals {
    builder: Decimal128Builder,
    n_nulls: usize,
}

impl Decimals {
    fn push(&mut self, value: Option<i64>) {
        match value {
            None => self.n_nulls += 1,
            Some(value) => {
                self.settle();
                self.builder.append_value(i128::from(value));
            }
        }
    }

    fn settle(&mut self) {
        self.builder.append_nulls(std::mem::take(&mut self.n_nulls));
    }

    fn finish(&mut self) -> Decimal128Array {
        if self.builder.is_empty() {
            return Decimal128Array::new_null(self.n_nulls);
        }
        self.settle();
        self.builder.finish()
    }
}
