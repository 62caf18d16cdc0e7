//! Customers with a purchase, as the models see them at a day.

use crate::contract::Units;
use crate::error::Result;
use crate::kernel::clv::histories::History;
use crate::kernel::clv::spend::Spend;
use crate::stage::features::{Features, Held, too_large};

/// Customers who had bought by a day, in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct Population {
    /// Places among all customers.
    pub(super) customers: Vec<u32>,
    /// What timing models know of them.
    pub(super) histories: Vec<History>,
    /// What spend models know of them.
    pub(super) spends: Vec<Spend>,
}

impl Population {
    /// Everybody who bought up to `as_of`.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn at_end(features: &Features, units: &Units) -> Result<Self> {
        let mut population = Self::default();
        for (customer, sums) in (0_u32..).zip(&features.total) {
            let Some((first, last)) = sums.days else { continue };
            let (end, n_days) = (features.as_of, sums.n_active_days);
            population.add(customer, (first, last, end), n_days, repeat_spend(features, customer, units)?);
        }
        Ok(population)
    }

    /// Everybody who had bought when the held-out days began.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn at_calibration(features: &Features, held: &Held, units: &Units) -> Result<Self> {
        let mut population = Self::default();
        let nets = &features.lifetime.first_day_net;
        let standings = held.calibrated.iter().zip(&features.total).zip(nets);
        for (customer, ((standing, sums), first_net)) in (0_u32..).zip(standings) {
            let Some((first, _)) = sums.days.filter(|_| standing.n_active_days > 0) else { continue };
            let days = (first, standing.last_day, held.calibration_end);
            let total = standing.net_revenue.checked_sub(*first_net).ok_or_else(too_large)?;
            population.add(customer, days, standing.n_active_days, units.major(total));
        }
        Ok(population)
    }

    /// Only the customers at these places of the population.
    pub(super) fn only(&self, places: &[usize]) -> Self {
        Self {
            customers: places.iter().filter_map(|place| self.customers.get(*place)).copied().collect(),
            histories: places.iter().filter_map(|place| self.histories.get(*place)).copied().collect(),
            spends: places.iter().filter_map(|place| self.spends.get(*place)).copied().collect(),
        }
    }

    /// Customers with a repeat purchase.
    pub(super) fn n_repeaters(&self) -> usize {
        self.histories.iter().filter(|history| history.x > 0).count()
    }

    fn add(&mut self, customer: u32, (first, last, end): (i32, i32, i32), n_days: u32, total: f64) {
        let x = n_days.saturating_sub(1);
        self.customers.push(customer);
        self.histories.push(History { x, age: days(end - first), recency: days(last - first) });
        self.spends.push(Spend { x, total });
    }
}

/// Net revenue beyond the first purchase day, in major units; what customers are known by who never bought is 0.
///
/// # Errors
/// `SumOutOfRange`.
pub(super) fn repeat_spend(features: &Features, customer: u32, units: &Units) -> Result<f64> {
    let place = customer as usize;
    let (Some(sums), Some(first)) = (features.total.get(place), features.lifetime.first_day_net.get(place))
    else {
        return Ok(0.0);
    };
    Ok(units.major(sums.net()?.checked_sub(*first).ok_or_else(too_large)?))
}

fn days(n: i32) -> u32 {
    u32::try_from(n).unwrap_or(0)
}
