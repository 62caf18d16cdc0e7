//! Sums of the rows of one key, in whatever order they come.

use super::parted::Packed;
use super::{Measures, Overflow};

/// What money and quantities are added up in.
pub(super) trait Total: Copy + Default + std::fmt::Debug {
    /// The sum with one more value.
    fn plus(self, value: i64) -> Self;
    /// The sum.
    ///
    /// # Errors
    /// [`Overflow`].
    fn whole(self) -> Result<i64, Overflow>;
}

/// For rows whose sums surely fit.
impl Total for i64 {
    #[inline]
    fn plus(self, value: i64) -> Self {
        self.wrapping_add(value)
    }

    #[inline]
    fn whole(self) -> Result<i64, Overflow> {
        Ok(self)
    }
}

/// For all others: 2^32 rows of 64 bits fit.
impl Total for i128 {
    #[inline]
    fn plus(self, value: i64) -> Self {
        self.wrapping_add(Self::from(value))
    }

    #[inline]
    fn whole(self) -> Result<i64, Overflow> {
        i64::try_from(self).map_err(|_| Overflow)
    }
}

/// Sums under construction. A month has fewer than 2^32 rows, which places are numbered with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums<T> {
    revenue: T,
    refunds: T,
    cost: T,
    quantity: T,
    first_day_net: T,
    /// Bit d−1 set: a sale on day d.
    active_days: u32,
    /// Those of them with another sale.
    again_days: u32,
    n_sales: u32,
    n_refunds: u32,
    n_cost_missing: u32,
    /// Orders of the days with several sales.
    pub(super) n_orders_again: u32,
}

impl<T: Total> Sums<T> {
    /// Adds a row to all but the net of the first day.
    #[inline]
    pub(super) fn add(&mut self, row: Packed, quantity: i64) {
        self.cost = self.cost.plus(row.cost);
        self.quantity = self.quantity.plus(quantity);
        if row.is_refund() {
            self.refunds = self.refunds.plus(row.amount);
            self.n_refunds = self.n_refunds.wrapping_add(1);
        } else {
            self.revenue = self.revenue.plus(row.amount);
            self.n_sales = self.n_sales.wrapping_add(1);
            self.n_cost_missing = self.n_cost_missing.wrapping_add(u32::from(!row.has_cost()));
            let day = 1 << row.day();
            self.again_days |= self.active_days & day;
            self.active_days |= day;
        }
    }

    /// Adds a row to the net of the first day, once all rows were added to all else.
    #[inline]
    pub(super) fn add_net(&mut self, row: Packed) {
        let first = self.active_days & self.active_days.wrapping_neg();
        self.first_day_net = self.first_day_net.plus(if first == 1 << row.day() { row.amount } else { 0 });
    }

    /// Whether a row is a sale on a day that has several.
    #[inline]
    pub(super) fn has_again(&self, row: Packed) -> bool {
        !row.is_refund() && self.again_days >> row.day() & 1 == 1
    }

    /// Rows.
    #[inline]
    pub(super) const fn n_rows(&self) -> u32 {
        self.n_sales.wrapping_add(self.n_refunds)
    }

    /// The measures, in a month of given first day.
    ///
    /// # Errors
    /// [`Overflow`].
    #[inline]
    pub(super) fn measures(&self, start: i32) -> Result<Measures, Overflow> {
        let active = self.active_days;
        let day = |bit: u32| start.wrapping_add(bit.cast_signed());
        // A sale that is alone on its day is an order.
        let n_alone = (active & !self.again_days).count_ones();
        Ok(Measures {
            active_days: active,
            n_orders: i64::from(n_alone) + i64::from(self.n_orders_again),
            n_rows: i64::from(self.n_sales) + i64::from(self.n_refunds),
            revenue: self.revenue.whole()?,
            refunds: self.refunds.whole()?,
            cost: self.cost.whole()?,
            n_cost_missing: i64::from(self.n_cost_missing),
            quantity: self.quantity.whole()?,
            days: (active != 0)
                .then(|| (day(active.trailing_zeros()), day(u32::BITS - 1 - active.leading_zeros()))),
            first_day_net: self.first_day_net.whole()?,
            n_refund_rows: i64::from(self.n_refunds),
        })
    }
}
