//! Where a customer stood at the end of a day, under construction.

use super::super::lifetime::Standing;
use super::range::{NEVER, Slot};
use crate::error::Result;

/// A standing under construction: what was added before a day, and days from then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evening {
    standing: Standing,
    /// Bit d set: a purchase d days after the first day that is added by itself, see [`super::Gathered::since`].
    days: u64,
}

impl Evening {
    /// Nothing bought.
    pub(super) const EMPTY: Self =
        Self { standing: Standing { n_active_days: 0, last_day: NEVER, net_revenue: 0 }, days: 0 };

    /// Takes up a standing that is known.
    pub(super) const fn at(standing: Standing) -> Self {
        Self { standing, days: 0 }
    }

    /// Adds a row of the ledger, `place` days after the first day that is added by itself; `None` when a sum does not fit.
    pub(super) fn add(&mut self, place: i32, net: i64, is_sale: bool) -> Option<()> {
        self.standing.net_revenue = self.standing.net_revenue.checked_add(net)?;
        if is_sale {
            self.days |= 1_u64.checked_shl(u32::try_from(place).ok()?)?;
        }
        Some(())
    }

    pub(super) fn of(slot: &Slot) -> Result<Self> {
        let standing = Standing {
            n_active_days: slot.total.n_active_days,
            last_day: slot.total.days.map_or(NEVER, |(_, last)| last),
            net_revenue: slot.total.net()?,
        };
        Ok(Self { standing, days: 0 })
    }

    pub(super) fn finish(self, since: i32) -> Standing {
        let Self { mut standing, days } = self;
        if days != 0 {
            standing.n_active_days += days.count_ones();
            let last = since + i32::try_from(days.ilog2()).unwrap_or(0);
            standing.last_day = standing.last_day.max(last);
        }
        standing
    }
}
