//! Measures as columns of a table.

use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, StringArray, UInt32Array};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use crate::contract::tables::CustomerMonth;
use crate::contract::{Contract, Units, column as c};
use crate::error::{Error, Result};
use crate::kernel::accumulate::Measures;

/// Rows that are looked at again for each column, while they are in the nearest cache.
const BLOCK_ROWS: usize = 256;

/// The columns of measures, in the order of the tables that have them.
pub(super) fn of<T>(rows: &[T], measures: impl Fn(&T) -> &Measures, units: &Units) -> Vec<ArrayRef> {
    let mut columns = Columns::of(rows.len());
    for rows in rows.chunks(BLOCK_ROWS) {
        let all = || rows.iter().map(&measures);
        columns.active_days.extend(all().map(|row| row.active_days));
        columns.orders.extend(all().map(|row| row.n_orders));
        columns.rows.extend(all().map(|row| row.n_rows));
        columns.revenue.extend(all().map(|row| i128::from(row.revenue)));
        columns.refunds.extend(all().map(|row| i128::from(row.refunds)));
        columns.cost.extend(all().map(|row| i128::from(row.cost)));
        columns.cost_missing.extend(all().map(|row| row.n_cost_missing));
        columns.quantity.extend(all().map(|row| i128::from(row.quantity)));
        columns.first.extend(all().map(|row| row.days.map_or(0, |(first, _)| first)));
        columns.last.extend(all().map(|row| row.days.map_or(0, |(_, last)| last)));
        columns.first_net.extend(all().map(|row| i128::from(row.first_day_net)));
        columns.refund_rows.extend(all().map(|row| row.n_refund_rows));
    }
    let has_sale = |row: &T| measures(row).days.is_some();
    let nulls = (!rows.iter().all(has_sale)).then(|| rows.iter().map(has_sale).collect::<NullBuffer>());
    columns.finish(nulls.as_ref(), units)
}

/// Columns under construction, ascending as in the tables.
struct Columns {
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
    fn of(n_rows: usize) -> Self {
        Self {
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

    /// The columns; `nulls`: the rows that have a sale, where some have none.
    fn finish(self, nulls: Option<&NullBuffer>, units: &Units) -> Vec<ArrayRef> {
        let ints = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let decimals = |name: &str, values: Vec<i128>, nulls: Option<&NullBuffer>| -> ArrayRef {
            let array = Decimal128Array::new(ScalarBuffer::from(values), nulls.cloned());
            match CustomerMonth::TABLE.column(name).map(|column| column.kind.arrow(units)) {
                Some(kind) => Arc::new(array.with_data_type(kind)),
                None => Arc::new(array),
            }
        };
        let days = |values: Vec<i32>| -> ArrayRef {
            Arc::new(Date32Array::new(ScalarBuffer::from(values), nulls.cloned()))
        };
        vec![
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
            decimals(c::FIRST_DAY_NET, self.first_net, nulls),
            ints(self.refund_rows),
        ]
    }
}

/// A column of texts, none of them null.
///
/// # Errors
/// `Internal` when a row has none, or when they are too long for one column.
pub(super) fn texts<'t, T>(rows: &[T], text: impl Fn(&T) -> Option<&'t str>) -> Result<ArrayRef> {
    let mut bytes: Vec<u8> = Vec::with_capacity(rows.iter().filter_map(&text).map(str::len).sum());
    let mut ends: Vec<i32> = Vec::with_capacity(rows.len() + 1);
    ends.push(0);
    for row in rows {
        let text = text(row).ok_or_else(|| Error::internal("a row lacks its dimension or value"))?;
        bytes.extend_from_slice(text.as_bytes());
        ends.push(i32::try_from(bytes.len()).map_err(|_| Error::internal("a column of texts is too long"))?);
    }
    let array = StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(ends)), Buffer::from(bytes), None);
    let array = array.map_err(|cause| Error::internal("texts do not make a column").caused_by(cause))?;
    Ok(Arc::new(array))
}
