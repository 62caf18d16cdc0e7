//! Summaries as columns of their tables.

use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, StringArray, UInt32Array};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::{DIMENSIONS, SummaryTables};
use crate::contract::tables::{CustomerMonth, CustomerMonthBy};
use crate::contract::{Contract, Units, column as c};
use crate::error::{Error, Result};
use crate::kernel::accumulate::{Collect, Measures, Summary};

/// Rows that are looked at again for each column, while they are in the nearest cache.
const BLOCK_ROWS: usize = 256;
/// Bytes of a dimension's name or value, about.
const TEXT_BYTES: usize = 12;

/// Both summaries of a piece of a month under construction.
pub(super) struct Collected<'t> {
    by_key: Columns,
    by_value: Columns,
    dimensions: Texts,
    values: Texts,
    /// Text of each value number.
    texts: &'t [String],
}

impl<'t> Collected<'t> {
    /// No summaries yet; there is room for so many of keys and of values.
    pub(super) fn new(texts: &'t [String], n_keys: usize, n_values: usize) -> Self {
        Self {
            by_key: Columns::with_capacity(n_keys),
            by_value: Columns::with_capacity(n_values),
            dimensions: Texts::with_capacity(n_values),
            values: Texts::with_capacity(n_values),
            texts,
        }
    }

    /// The summaries as tables.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn finish(self, units: &Units) -> Result<SummaryTables> {
        let by_key = self.by_key.finish(units);
        let mut by_value = self.by_value.finish(units);
        by_value.splice(1..1, [self.dimensions.finish()?, self.values.finish()?]);
        Ok(SummaryTables {
            by_key: CustomerMonth::TABLE.batch(units, by_key)?,
            by_value: CustomerMonthBy::TABLE.batch(units, by_value)?,
        })
    }
}

impl Collect for Collected<'_> {
    fn add(&mut self, part: &Summary) {
        for rows in part.by_key.chunks(BLOCK_ROWS) {
            self.by_key.extend(rows, |(key, measures)| (*key, measures));
        }
        for rows in part.by_value.chunks(BLOCK_ROWS) {
            self.by_value.extend(rows, |row| (row.key, &row.measures));
            self.dimensions
                .extend(rows.iter().map(|row| DIMENSIONS.get(row.dimension as usize).map(|(name, _)| *name)));
            self.values.extend(rows.iter().map(|row| self.texts.get(row.value as usize).map(String::as_str)));
        }
    }
}

/// Keys and measures as columns under construction.
struct Columns {
    keys: Vec<u32>,
    active_days: Vec<u32>,
    orders: Vec<i64>,
    rows: Vec<i64>,
    revenue: Vec<i128>,
    refunds: Vec<i128>,
    cost: Vec<i128>,
    cost_missing: Vec<i64>,
    quantity: Vec<i128>,
    first: Vec<i32>,
    last: Vec<i32>,
    first_net: Vec<i128>,
    refund_rows: Vec<i64>,
}

impl Columns {
    fn with_capacity(n_rows: usize) -> Self {
        Self {
            keys: Vec::with_capacity(n_rows),
            active_days: Vec::with_capacity(n_rows),
            orders: Vec::with_capacity(n_rows),
            rows: Vec::with_capacity(n_rows),
            revenue: Vec::with_capacity(n_rows),
            refunds: Vec::with_capacity(n_rows),
            cost: Vec::with_capacity(n_rows),
            cost_missing: Vec::with_capacity(n_rows),
            quantity: Vec::with_capacity(n_rows),
            first: Vec::with_capacity(n_rows),
            last: Vec::with_capacity(n_rows),
            first_net: Vec::with_capacity(n_rows),
            refund_rows: Vec::with_capacity(n_rows),
        }
    }

    /// Appends rows, few enough that they stay in the nearest cache while each column looks at them.
    #[inline]
    fn extend<T>(&mut self, rows: &[T], of: impl Fn(&T) -> (u32, &Measures)) {
        let all = || rows.iter().map(|row| of(row).1);
        self.keys.extend(rows.iter().map(|row| of(row).0));
        self.active_days.extend(all().map(|row| row.active_days));
        self.orders.extend(all().map(|row| row.n_orders));
        self.rows.extend(all().map(|row| row.n_rows));
        self.revenue.extend(all().map(|row| i128::from(row.revenue)));
        self.refunds.extend(all().map(|row| i128::from(row.refunds)));
        self.cost.extend(all().map(|row| i128::from(row.cost)));
        self.cost_missing.extend(all().map(|row| row.n_cost_missing));
        self.quantity.extend(all().map(|row| i128::from(row.quantity)));
        self.first.extend(all().map(|row| row.days.map_or(0, |(first, _)| first)));
        self.last.extend(all().map(|row| row.days.map_or(0, |(_, last)| last)));
        self.first_net.extend(all().map(|row| i128::from(row.first_day_net)));
        self.refund_rows.extend(all().map(|row| row.n_refund_rows));
    }

    /// The columns in the order of the tables.
    fn finish(self, units: &Units) -> Vec<ArrayRef> {
        let has_sale = |days: &u32| *days != 0;
        let nulls = (!self.active_days.iter().all(has_sale))
            .then(|| self.active_days.iter().map(has_sale).collect::<NullBuffer>());
        let ints = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let decimals = |name: &str, values: Vec<i128>, nulls: Option<&NullBuffer>| -> ArrayRef {
            let array = Decimal128Array::new(ScalarBuffer::from(values), nulls.cloned());
            match CustomerMonth::TABLE.column(name).map(|column| column.kind.arrow(units)) {
                Some(kind) => Arc::new(array.with_data_type(kind)),
                None => Arc::new(array),
            }
        };
        let days = |values: Vec<i32>| -> ArrayRef {
            Arc::new(Date32Array::new(ScalarBuffer::from(values), nulls.clone()))
        };
        vec![
            Arc::new(UInt32Array::from(self.keys)),
            Arc::new(UInt32Array::from(self.active_days)),
            ints(self.orders),
            ints(self.rows),
            decimals(c::REVENUE, self.revenue, None),
            decimals(c::REFUNDS, self.refunds, None),
            decimals(c::COST, self.cost, None),
            ints(self.cost_missing),
            decimals(c::QUANTITY, self.quantity, None),
            days(self.first),
            days(self.last),
            decimals(c::FIRST_DAY_NET, self.first_net, nulls.as_ref()),
            ints(self.refund_rows),
        ]
    }
}

/// A column of texts under construction, none of them null.
struct Texts {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    lacks_any: bool,
}

impl Texts {
    fn with_capacity(n_texts: usize) -> Self {
        let bytes = Vec::with_capacity(n_texts * TEXT_BYTES);
        Self { bytes, lengths: Vec::with_capacity(n_texts), lacks_any: false }
    }

    #[inline]
    fn extend<'t>(&mut self, texts: impl Iterator<Item = Option<&'t str>>) {
        for text in texts {
            self.lacks_any |= text.is_none();
            let text = text.unwrap_or_default();
            self.bytes.extend_from_slice(text.as_bytes());
            self.lengths.push(text.len());
        }
    }

    /// # Errors
    /// `Internal` when a row has none, or when they are too long for one column.
    fn finish(self) -> Result<ArrayRef> {
        if self.lacks_any || i32::try_from(self.bytes.len()).is_err() {
            return Err(Error::internal("a row lacks its dimension or value, or they are too long"));
        }
        let ends = OffsetBuffer::from_lengths(self.lengths);
        let array = StringArray::try_new(ends, Buffer::from(self.bytes), None);
        let array = array.map_err(|cause| Error::internal("texts do not make a column").caused_by(cause))?;
        Ok(Arc::new(array))
    }
}

#[cfg(test)]
impl SummaryTables {
    /// The summaries as tables; `values` has the text of each value number.
    ///
    /// # Errors
    /// `Internal`.
    pub fn of(summary: &Summary, values: &[String], units: &Units) -> Result<Self> {
        let mut collected = Collected::new(values, summary.by_key.len(), summary.by_value.len());
        collected.add(summary);
        collected.finish(units)
    }
}
