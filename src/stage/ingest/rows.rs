//! Ledger columns of the rows of one chunk, under construction.

mod columns;

use std::sync::Arc;

use arrow_array::types::{Date32Type, Decimal128Type, TimestampMillisecondType, UInt64Type};
use arrow_array::{ArrayRef, Decimal128Array, PrimitiveArray, RecordBatch, StringArray, UInt32Array};
use arrow_buffer::OffsetBuffer;

use self::columns::{Decimals, Texts};
use super::cells::{DAY_MS, day_of};
use super::plain::LACKS;
use super::transactions::{REFUND, SALE};
use crate::contract::tables::Transactions;
use crate::contract::{Contract, Units, column as c};
use crate::error::Result;
use crate::kernel::csv::{BLOCK_RECORDS, Block};

/// The values of one row, text still borrowed.
pub(super) struct Typed {
    /// Whether it is a refund; else it is a sale.
    pub(super) is_refund: bool,
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
            is_refund,
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

/// Numbers of the rows of a block, column by column.
pub(super) struct Columns {
    pub(super) n_rows: usize,
    /// Day, and milliseconds of it, in local time.
    pub(super) occurred: [(i32, u32); BLOCK_RECORDS],
    /// Minor units.
    pub(super) amount: [i64; BLOCK_RECORDS],
    /// Minor units.
    pub(super) cost: Numbers,
    /// Minor units.
    pub(super) discount: Numbers,
    /// Thousandths.
    pub(super) quantity: Numbers,
}

/// Numbers of one column of a block, some of them missing.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    /// 0 where there is none.
    pub(super) values: [i64; BLOCK_RECORDS],
    /// A bit for every row that has a value, the first row's the lowest; those past the last row mean nothing.
    pub(super) has_value: u64,
}

impl Columns {
    /// No rows.
    pub(super) const fn new() -> Self {
        const NONE: Numbers = Numbers { values: [0; BLOCK_RECORDS], has_value: 0 };
        Self {
            n_rows: 0,
            occurred: [(0, 0); BLOCK_RECORDS],
            amount: [0; BLOCK_RECORDS],
            cost: NONE,
            discount: NONE,
            quantity: NONE,
        }
    }

    /// Rows that are refunds.
    fn refunds(&self) -> impl Iterator<Item = usize> {
        let quantity = |row: usize| {
            let has_value = self.quantity.has_value >> row & 1 == 1;
            self.quantity.values.get(row).copied().filter(|_| has_value)
        };
        let amounts = self.amount.iter().take(self.n_rows).enumerate();
        amounts.filter(move |(row, amount)| Typed::is_refund(**amount, quantity(*row))).map(|(row, _)| row)
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
    /// Places of refunds, ascending.
    refunds: Vec<usize>,
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
            refunds: Vec::new(),
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
        if typed.is_refund {
            self.refunds.push(self.n_rows);
        }
        self.n_rows += 1;
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.push(text);
        }
        self.occurred_at.push(typed.occurred_ms);
        self.day.push(day_of(typed.occurred_ms));
        self.amount.push(i128::from(typed.amount));
        self.cost.push(typed.cost);
        self.discount.push(typed.discount);
        self.quantity.push(typed.quantity);
        self.line.push(line);
        self.version.push(version);
    }

    /// Adds the rows of a block whose numbers are these and whose texts stand in these fields, ASCII each; empty ones are
    /// null.
    pub(super) fn push_block(
        &mut self,
        data: &[u8],
        block: &Block,
        fields: [usize; N_TEXTS],
        numbers: &Columns,
    ) {
        let n_rows = numbers.n_rows;
        for (column, field) in self.texts.iter_mut().zip(fields) {
            if field == LACKS {
                column.push_nulls(n_rows);
            } else {
                column.push_block(data, block.spans(field).take(n_rows));
            }
        }
        let occurred = numbers.occurred.iter().take(n_rows);
        self.day.extend(occurred.clone().map(|(day, _)| day));
        self.occurred_at.extend(occurred.map(|(day, ms)| i64::from(*day) * DAY_MS + i64::from(*ms)));
        let first = self.amount.len();
        self.amount.extend(numbers.amount.iter().take(n_rows).copied().map(i128::from));
        self.cost.push_block(&numbers.cost, n_rows);
        self.discount.push_block(&numbers.discount, n_rows);
        self.quantity.push_block(&numbers.quantity, n_rows);
        for row in numbers.refunds() {
            self.refunds.push(self.n_rows + row);
            self.amount.get_mut(first + row).into_iter().for_each(downwards);
            self.cost.last_mut(n_rows - row).into_iter().for_each(downwards);
            self.quantity.last_mut(n_rows - row).into_iter().for_each(downwards);
        }
        self.n_rows += n_rows;
        self.line.extend((block.line()..).take(n_rows));
        self.version.push_nulls(n_rows);
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
        let [customer, transaction, original, product, line, unit, channel] = self.texts;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::new_null(self.n_rows)),
            customer.finish()?,
            transaction.finish()?,
            original.finish()?,
            Arc::new(PrimitiveArray::<TimestampMillisecondType>::from(self.occurred_at)),
            Arc::new(PrimitiveArray::<Date32Type>::from(self.day)),
            Arc::new(kinds(&self.refunds, self.n_rows)),
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

/// Sale or refund of every row, refunds by their places, ascending.
fn kinds(refunds: &[usize], n_rows: usize) -> StringArray {
    if refunds.is_empty() {
        return repeated(SALE, n_rows);
    }
    let mut lengths = vec![SALE.len(); n_rows];
    let mut bytes = Vec::with_capacity(n_rows * SALE.len() + refunds.len() * REFUND.len());
    let mut next = 0;
    for &refund in refunds {
        lengths.get_mut(refund).into_iter().for_each(|length| *length = REFUND.len());
        bytes.extend_from_slice(SALE.repeat(refund - next).as_bytes());
        bytes.extend_from_slice(REFUND.as_bytes());
        next = refund + 1;
    }
    bytes.extend_from_slice(SALE.repeat(n_rows - next).as_bytes());
    StringArray::new(OffsetBuffer::from_lengths(lengths), bytes.into(), None)
}

/// Makes a number of a refund negative.
fn downwards(value: &mut i128) {
    *value = -value.abs();
}

/// One text in every row.
fn repeated(text: &str, n_rows: usize) -> StringArray {
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(text.len(), n_rows));
    StringArray::new(offsets, text.repeat(n_rows).into_bytes().into(), None)
}
