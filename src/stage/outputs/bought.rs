//! What customers bought, as columns: all of them are filled in one pass over the customers.

use std::sync::Arc;

use arrow_array::types::{Date32Type, Int64Type};
use arrow_array::{ArrayRef, Decimal128Array, PrimitiveArray};
use arrow_buffer::NullBuffer;

use super::column::{Make, valid};
use crate::error::Result;
use crate::stage::features::Sums;

/// Columns of sums over all history under construction.
pub(super) struct Bought {
    /// Whether there is a purchase day.
    has_days: Vec<bool>,
    /// First and last one.
    days: [Vec<i32>; 2],
    /// Days since the last and since the first one.
    days_since: [Vec<i64>; 2],
    n_orders: Vec<i64>,
    n_active_days: Vec<i64>,
    revenue: Vec<i128>,
    refunds: Vec<i128>,
    net: Vec<i128>,
    /// Whether no sale lacks its cost.
    has_cost: Vec<bool>,
    cost: Vec<i128>,
    margin: Vec<i128>,
}

impl Bought {
    /// None, with room for `n` customers.
    pub(super) fn with_capacity(n: usize) -> Self {
        let (days, ints) = (|| Vec::with_capacity(n), || Vec::with_capacity(n));
        let (amounts, truths) = (|| Vec::with_capacity(n), || Vec::with_capacity(n));
        Self {
            has_days: truths(),
            days: [days(), days()],
            days_since: [ints(), ints()],
            n_orders: ints(),
            n_active_days: ints(),
            revenue: amounts(),
            refunds: amounts(),
            net: amounts(),
            has_cost: truths(),
            cost: amounts(),
            margin: amounts(),
        }
    }

    /// Adds a customer, as of a day.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    #[inline]
    pub(super) fn push(&mut self, sums: &Sums, as_of: i32) -> Result<()> {
        let net = sums.net()?;
        let margin = sums.margin()?;
        self.has_days.push(sums.days.is_some());
        let (first, last) = sums.days.unwrap_or((as_of, as_of));
        let [firsts, lasts] = &mut self.days;
        firsts.push(first);
        lasts.push(last);
        let [since_last, since_first] = &mut self.days_since;
        since_last.push(i64::from(as_of - last));
        since_first.push(i64::from(as_of - first));
        self.n_orders.push(i64::from(sums.n_orders));
        self.n_active_days.push(i64::from(sums.n_active_days));
        self.revenue.push(i128::from(sums.revenue));
        self.refunds.push(i128::from(sums.refunds));
        self.net.push(i128::from(net));
        self.has_cost.push(margin.is_some());
        self.cost.push(i128::from(sums.cost));
        self.margin.push(i128::from(margin.unwrap_or_default()));
        Ok(())
    }

    /// `first_day` … `tenure_days`.
    pub(super) fn columns(self, make: &Make<'_>) -> Vec<ArrayRef> {
        let (bought, costed) = (valid(&self.has_days), valid(&self.has_cost));
        let days = |values: Vec<i32>| -> ArrayRef {
            Arc::new(PrimitiveArray::<Date32Type>::new(values.into(), bought.clone()))
        };
        let ints = |values: Vec<i64>, nulls: Option<NullBuffer>| -> ArrayRef {
            Arc::new(PrimitiveArray::<Int64Type>::new(values.into(), nulls))
        };
        let money = |values: Vec<i128>, nulls: Option<NullBuffer>| -> ArrayRef {
            make.minor(Decimal128Array::new(values.into(), nulls))
        };
        let ([first, last], [since_last, since_first]) = (self.days, self.days_since);
        vec![
            days(first),
            days(last),
            ints(self.n_orders, None),
            ints(self.n_active_days, None),
            money(self.revenue, None),
            money(self.refunds, None),
            money(self.net, None),
            money(self.cost, costed.clone()),
            money(self.margin, costed),
            ints(since_last, bought.clone()),
            ints(since_first, bought.clone()),
        ]
    }
}
