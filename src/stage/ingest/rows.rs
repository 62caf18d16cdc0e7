//! Ledger columns of the rows of one chunk, under construction.

use std::sync::Arc;

use arrow_array::types::{Date32Type, Decimal128Type, TimestampMillisecondType, UInt64Type};
use arrow_array::{ArrayRef, Decimal128Array, PrimitiveArray, RecordBatch, StringArray, UInt32Array};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};

use super::cells::day_of;
use super::transactions::{REFUND, SALE};
use crate::contract::tables::Transactions;
use crate::contract::{Contract, Units, column as c};
use crate::error::{Error, Result};
use crate::kernel::packing::{SHORT_BYTES, short};

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

impl Typed {
    /// A sale or a refund, whose amount, cost and quantity are at most 0.
    pub(super) fn of(
        is_refund: bool,
        occurred_ms: i64,
        amount: i64,
        cost: Option<i64>,
        discount: Option<i64>,
        quantity: Option<i64>,
    ) -> Self {
        let downwards = |value: i64| if is_refund { -value.abs() } else { value };
        Self {
            kind: if is_refund { REFUND } else { SALE },
            occurred_ms,
            amount: downwards(amount),
            cost: cost.map(downwards),
            discount,
            quantity: quantity.map(downwards),
            deleted: false,
        }
    }

    /// Whether a row without a kind is a refund.
    pub(super) fn is_refund(amount: i64, quantity: Option<i64>) -> bool {
        amount < 0 || quantity.is_some_and(|quantity| quantity < 0)
    }
}

/// Text columns of a row: customer, transaction, original transaction, product, line, unit, channel.
pub(super) const N_TEXTS: usize = 7;

/// Ledger columns under construction.
pub(super) struct Rows {
    n_rows: usize,
    texts: [Texts; N_TEXTS],
    occurred_at: Vec<i64>,
    day: Vec<i32>,
    kinds: Vec<&'static str>,
    n_refunds: usize,
    amount: Vec<i128>,
    cost: Decimals,
    discount: Decimals,
    quantity: Decimals,
    line: Vec<u64>,
    version: Texts,
    units: Units,
}

impl Rows {
    /// No rows yet, and room for about so many.
    pub(super) fn with_capacity(units: &Units, n_rows: usize) -> Self {
        Self {
            n_rows: 0,
            texts: std::array::from_fn(|_| Texts::new(n_rows)),
            occurred_at: Vec::with_capacity(n_rows),
            day: Vec::with_capacity(n_rows),
            kinds: Vec::with_capacity(n_rows),
            n_refunds: 0,
            amount: Vec::with_capacity(n_rows),
            cost: Decimals::new(n_rows),
            discount: Decimals::new(n_rows),
            quantity: Decimals::new(n_rows),
            line: Vec::with_capacity(n_rows),
            version: Texts::new(n_rows),
            units: units.clone(),
        }
    }

    /// Adds a row. The texts are UTF-8.
    pub(super) fn push(
        &mut self,
        typed: &Typed,
        texts: [Option<&[u8]>; N_TEXTS],
        version: Option<&[u8]>,
        line: u64,
    ) {
        self.n_rows += 1;
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.push(text);
        }
        self.occurred_at.push(typed.occurred_ms);
        self.day.push(day_of(typed.occurred_ms));
        self.kinds.push(typed.kind);
        self.n_refunds += usize::from(typed.kind == REFUND);
        self.amount.push(i128::from(typed.amount));
        self.cost.push(typed.cost);
        self.discount.push(typed.discount);
        self.quantity.push(typed.quantity);
        self.line.push(line);
        self.version.push(version);
    }

    /// The batch, all of one source and file.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn finish(self, source: &str, file_id: u32) -> Result<RecordBatch> {
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
        let [customer, transaction, original, product, line, unit, channel] = self.texts;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::new_null(self.n_rows)),
            customer.finish()?,
            transaction.finish()?,
            original.finish()?,
            Arc::new(PrimitiveArray::<TimestampMillisecondType>::from(self.occurred_at)),
            Arc::new(PrimitiveArray::<Date32Type>::from(self.day)),
            kind,
            typed(PrimitiveArray::<Decimal128Type>::from(self.amount), c::AMOUNT),
            typed(self.cost.finish(), c::COST),
            typed(self.discount.finish(), c::DISCOUNT),
            typed(self.quantity.finish(), c::QUANTITY),
            product.finish()?,
            line.finish()?,
            unit.finish()?,
            channel.finish()?,
            Arc::new(repeated(source, self.n_rows)),
            Arc::new(UInt32Array::from_value(file_id, self.n_rows)),
            Arc::new(PrimitiveArray::<UInt64Type>::from(self.line)),
            self.version.finish()?,
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
struct Texts {
    values: Vec<u8>,
    /// Where each text ends.
    ends: Vec<i32>,
    nulls: Nulls,
}

impl Texts {
    /// Bytes of a text for which room is made; a column with longer ones grows.
    const USUAL_BYTES: usize = 10;

    const fn new(n_rows: usize) -> Self {
        Self { values: Vec::new(), ends: Vec::new(), nulls: Nulls::new(n_rows) }
    }

    fn push(&mut self, text: Option<&[u8]>) {
        let Some(text) = text else {
            self.nulls.push_null();
            return;
        };
        let n_nulls = self.nulls.push_value();
        if self.ends.capacity() == 0 {
            self.ends.reserve(self.nulls.n_expected + 1);
            self.values.reserve(self.nulls.n_expected * Self::USUAL_BYTES);
            self.ends.push(0);
        }
        if n_nulls > 0 {
            let end = self.end();
            self.ends.extend(std::iter::repeat_n(end, n_nulls));
        }
        if text.len() <= SHORT_BYTES {
            let end = self.values.len() + text.len();
            self.values.extend_from_slice(&short(text).to_le_bytes());
            self.values.truncate(end);
        } else {
            self.values.extend_from_slice(text);
        }
        // A chunk holds less than 2³¹ bytes, and what would not fit is refused when the column is made.
        self.ends.push(self.end());
    }

    fn end(&self) -> i32 {
        i32::try_from(self.values.len()).unwrap_or(i32::MAX)
    }

    fn finish(mut self) -> Result<ArrayRef> {
        if self.ends.is_empty() {
            return Ok(Arc::new(StringArray::new_null(self.nulls.n_open)));
        }
        let end = self.end();
        self.ends.extend(std::iter::repeat_n(end, self.nulls.n_open));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let array = StringArray::try_new(offsets, self.values.into(), self.nulls.finish())
            .map_err(|cause| Error::internal("texts are not UTF-8").caused_by(cause))?;
        Ok(Arc::new(array))
    }
}

/// A decimal column that costs nothing while it is null.
struct Decimals {
    values: Vec<i128>,
    nulls: Nulls,
}

impl Decimals {
    const fn new(n_rows: usize) -> Self {
        Self { values: Vec::new(), nulls: Nulls::new(n_rows) }
    }

    fn push(&mut self, value: Option<i64>) {
        let Some(value) = value else {
            self.nulls.push_null();
            return;
        };
        let n_nulls = self.nulls.push_value();
        if self.values.capacity() == 0 {
            self.values.reserve(self.nulls.n_expected);
        }
        self.values.extend(std::iter::repeat_n(0, n_nulls));
        self.values.push(i128::from(value));
    }

    fn finish(mut self) -> Decimal128Array {
        if self.values.is_empty() {
            return Decimal128Array::new_null(self.nulls.n_open);
        }
        self.values.extend(std::iter::repeat_n(0, self.nulls.n_open));
        Decimal128Array::new(self.values.into(), self.nulls.finish())
    }
}

/// Which rows of a column are null; nulls are counted and written down only once a value follows them.
struct Nulls {
    n_expected: usize,
    /// Nulls at the end that are not written down.
    n_open: usize,
    /// Rows that are.
    n_closed: usize,
    /// `None` while no row is null.
    builder: Option<NullBufferBuilder>,
}

impl Nulls {
    const fn new(n_expected: usize) -> Self {
        Self { n_expected, n_open: 0, n_closed: 0, builder: None }
    }

    const fn push_null(&mut self) {
        self.n_open += 1;
    }

    /// Adds a value, and gives how many nulls were open before it.
    fn push_value(&mut self) -> usize {
        let n_open = std::mem::take(&mut self.n_open);
        if n_open > 0 {
            self.close(n_open);
        }
        if let Some(builder) = &mut self.builder {
            builder.append_non_null();
        }
        self.n_closed += 1;
        n_open
    }

    fn close(&mut self, n_nulls: usize) {
        let builder = self.builder.get_or_insert_with(|| {
            let mut builder = NullBufferBuilder::new(self.n_expected.max(self.n_closed));
            builder.append_n_non_nulls(self.n_closed);
            builder
        });
        builder.append_n_nulls(n_nulls);
        self.n_closed += n_nulls;
    }

    fn finish(mut self) -> Option<arrow_buffer::NullBuffer> {
        let n_open = std::mem::take(&mut self.n_open);
        if n_open > 0 {
            self.close(n_open);
        }
        self.builder.and_then(|mut builder| builder.finish())
    }
}
