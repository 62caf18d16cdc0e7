//! What a customer bought in a window.

use super::too_large;
use crate::error::Result;
use crate::kernel::accumulate::add;

/// Sums over one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Orders.
    pub n_orders: u32,
    /// Purchase days.
    pub n_active_days: u32,
    /// Ledger rows.
    pub n_rows: u32,
    /// Sales without cost.
    pub n_cost_missing: u32,
    /// Refund rows.
    pub n_refund_rows: u32,
    /// Sum of sales, minor units.
    pub revenue: i64,
    /// Sum of refunds, at most 0.
    pub refunds: i64,
    /// Sum of known costs.
    pub cost: i64,
    /// First and last purchase day.
    pub days: Option<(i32, i32)>,
}

impl Sums {
    /// Nothing bought.
    pub const NONE: Self = Self {
        n_orders: 0,
        n_active_days: 0,
        n_rows: 0,
        n_cost_missing: 0,
        n_refund_rows: 0,
        revenue: 0,
        refunds: 0,
        cost: 0,
        days: None,
    };

    /// Revenue and refunds.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn net(&self) -> Result<i64> {
        add(self.revenue, self.refunds).map_err(|_| too_large())
    }

    /// Net revenue less cost; `None` if a sale lacks its cost.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn margin(&self) -> Result<Option<i64>> {
        if self.n_cost_missing > 0 {
            return Ok(None);
        }
        self.net()?.checked_sub(self.cost).map(Some).ok_or_else(too_large)
    }
}
