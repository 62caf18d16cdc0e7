//! What is expected of each customer, and of several together.

use rayon::prelude::*;

use super::fits::Fitted;
use super::margin::Margins;
use super::population::{Population, repeat_spend};
use crate::config::ClvValue;
use crate::contract::{DECIMAL_PRECISION, Units, column as c};
use crate::error::Result;
use crate::kernel::clv::forecast::{Forecast, Terms};
use crate::kernel::clv::histories::Histories;
use crate::kernel::clv::spend::Spend;
use crate::run::context::Context;
use crate::stage::features::Features;

/// One value of `clv.segment_by`.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) label: String,
    /// Places in the population.
    pub(super) places: Vec<usize>,
    /// Its own fit, or why it has that of all.
    pub(super) fitted: std::result::Result<Fitted, String>,
}

/// All values of `clv.segment_by`.
#[derive(Debug, Default)]
pub(super) struct Grouped {
    pub(super) groups: Vec<Group>,
    /// The column; empty: there are no groups.
    pub(super) column: String,
    /// Value of each customer; empty where there are no groups.
    pub(super) labels: Vec<Option<String>>,
}

/// What is expected of one customer; money in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Life {
    /// Probability of still being a customer.
    pub p_alive: f64,
    /// Purchase days over the horizon.
    pub expected_purchases: f64,
    /// Net revenue of one purchase day; `None`: no spend model.
    pub expected_value: Option<i64>,
    /// Discounted value over the horizon; `None`: no spend model, or the customer's margin is not known.
    pub clv: Option<i64>,
    /// Interval of what the horizon will bring.
    pub clv_low: Option<i64>,
    /// Its upper end.
    pub clv_high: Option<i64>,
    /// Discounted value of all time to come; `None` also without a discount.
    pub clv_infinite: Option<i64>,
    /// Day by which the next purchase has come with probability one half; `None`: not within the horizon.
    pub next_purchase_day: Option<i32>,
}

/// What is expected of several customers; money in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Together {
    /// Customers of whom something is expected.
    pub n_customers: u64,
    /// Of them those with a value.
    pub n_valued: u64,
    /// Purchase days over the horizon.
    pub expected_purchases: f64,
    /// Sum of values; `None`: nobody has one.
    pub clv: Option<i64>,
    /// Interval of the sum; `None` also where amounts vary so widely that the sum has no variance.
    pub interval: Option<(i64, i64)>,
}

/// Customers counted by what is expected of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Of whom something is expected.
    pub(super) n_customers: u64,
    /// With a value.
    pub(super) n_valued: u64,
    /// Without one, because a sale lacks its cost.
    pub(super) n_without_margin: u64,
    /// With a value of 0 or less.
    pub(super) n_not_positive: u64,
    /// Repeat buyers whose net revenue of repeat purchases is not above zero: they have the population's mean.
    pub(super) n_mean_spend: u64,
}

/// Marks a customer of whom nothing is expected.
const NOBODY: (u32, u32) = (u32::MAX, u32::MAX);

/// Forecasts of all customers.
#[derive(Debug)]
pub struct Lifetimes {
    /// That of all, then one for each group that has its own.
    forecasts: Vec<Forecast>,
    /// By customer: which forecast, and the place in it.
    places: Vec<(u32, u32)>,
    margins: Margins,
    units: Units,
    /// Name of the timing model.
    model: &'static str,
    column: String,
    labels: Vec<Option<String>>,
}

impl Lifetimes {
    pub(super) fn new(
        context: &Context,
        features: &Features,
        population: &Population,
        all: Fitted,
        grouped: Grouped,
        margins: Margins,
    ) -> Self {
        let config = &context.config.clv;
        let terms = Terms {
            horizon_days: config.horizon_days,
            discount_rate: config.discount_rate,
            interval: config.interval,
        };
        let model = all.timing.timing.model().name();
        let Grouped { groups, column, labels } = grouped;
        let mut members: Vec<(Fitted, Vec<usize>)> = Vec::new();
        let mut has_own = vec![false; population.customers.len()];
        for group in groups {
            let Ok(fitted) = group.fitted else { continue };
            group
                .places
                .iter()
                .filter_map(|place| has_own.get_mut(*place).map(|own| *own = true))
                .for_each(drop);
            members.push((fitted, group.places));
        }
        let pooled = has_own.iter().enumerate().filter_map(|(place, own)| (!own).then_some(place)).collect();
        members.insert(0, (all, pooled));
        let forecast = |(fitted, places): &(Fitted, Vec<usize>)| {
            let histories = Histories::of(&population.only(places).histories, config.unit_days);
            Forecast::new(&fitted.timing, fitted.spend.as_ref().ok(), &histories, &terms)
        };
        let forecasts: Vec<Forecast> = members.par_iter().map(forecast).collect();
        let mut places = vec![NOBODY; features.customer_id.len()];
        for (number, (_, members)) in (0_u32..).zip(&members) {
            for (place, member) in (0_u32..).zip(members) {
                let customer = population.customers.get(*member).copied().unwrap_or(u32::MAX);
                places.get_mut(customer as usize).into_iter().for_each(|of| *of = (number, place));
            }
        }
        Self { forecasts, places, margins, units: context.units.clone(), model, column, labels }
    }

    /// Name of the timing model that is used for all.
    #[must_use]
    pub const fn model(&self) -> &'static str {
        self.model
    }

    /// `margin` or `net_revenue`.
    #[must_use]
    pub const fn worth(&self) -> &'static str {
        match self.margins.value {
            ClvValue::Margin => c::MARGIN,
            ClvValue::NetRevenue => c::NET_REVENUE,
        }
    }

    /// The column of `clv.segment_by` and each customer's value of it; empty without.
    #[must_use]
    pub fn groups(&self) -> (&str, &[Option<String>]) {
        (&self.column, &self.labels)
    }

    /// The forecast of a customer, the place in it, what is known of the spend, and the part of net revenue that remains.
    fn known(&self, features: &Features, customer: usize) -> Result<Option<Known<'_>>> {
        let (number, place) = self.places.get(customer).copied().unwrap_or(NOBODY);
        let (Some(forecast), Some(sums)) =
            (self.forecasts.get(number as usize), features.total.get(customer))
        else {
            return Ok(None);
        };
        let total = repeat_spend(features, u32::try_from(customer).unwrap_or(u32::MAX), &self.units)?;
        Ok(Some(Known {
            number: number as usize,
            forecast,
            place: place as usize,
            spend: Spend { x: sums.n_active_days.saturating_sub(1), total },
            rate: self.margins.rate(sums, &self.units)?,
        }))
    }

    /// What is expected of a customer; `None` of one who never bought.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn life(&self, features: &Features, customer: usize) -> Result<Option<Life>> {
        let Some(known) = self.known(features, customer)? else { return Ok(None) };
        let rate = known.rate.unwrap_or(0.0);
        let Some(outlook) = known.forecast.customer(known.place, known.spend, rate) else { return Ok(None) };
        let minor = |major: f64| minor(major, &self.units);
        let valued = outlook.money.filter(|_| known.rate.is_some());
        let wait = outlook.next_purchase_days.filter(|days| days.is_finite());
        #[expect(clippy::cast_possible_truncation, reason = "days of a horizon")]
        let next_purchase_day = wait.map(|days| features.as_of.saturating_add(days.ceil().max(1.0) as i32));
        Ok(Some(Life {
            p_alive: outlook.p_alive,
            expected_purchases: outlook.expected_purchases,
            expected_value: outlook.money.and_then(|money| minor(money.expected_value)),
            clv: valued.and_then(|money| minor(money.clv)),
            clv_low: valued.and_then(|money| minor(money.clv_low)),
            clv_high: valued.and_then(|money| minor(money.clv_high)),
            clv_infinite: valued.and_then(|money| minor(money.clv_infinite?)),
            next_purchase_day,
        }))
    }

    /// The value of every customer over the horizon, in minor units.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn values(&self, features: &Features) -> Result<Vec<Option<i64>>> {
        let value = |customer| Ok(self.life(features, customer)?.and_then(|life| life.clv));
        (0..features.customer_id.len()).into_par_iter().map(value).collect()
    }

    /// What is expected of several customers together, in the order given. Fits of groups know nothing of each other, so
    /// that the variances of their sums add up.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn together(&self, features: &Features, customers: impl Iterator<Item = usize>) -> Result<Together> {
        let mut members: Vec<Vec<(usize, Spend, f64)>> = vec![Vec::new(); self.forecasts.len()];
        let mut together = Together::default();
        for customer in customers {
            let Some(known) = self.known(features, customer)? else { continue };
            together.n_customers += 1;
            match known.rate {
                Some(rate) => {
                    let of_forecast = members.get_mut(known.number);
                    of_forecast.into_iter().for_each(|of| of.push((known.place, known.spend, rate)));
                }
                None => {
                    let outlook = known.forecast.customer(known.place, known.spend, 0.0);
                    together.expected_purchases += outlook.map_or(0.0, |outlook| outlook.expected_purchases);
                }
            }
        }
        let (mut clv, mut square, mut has_interval) = (None, 0.0, true);
        for (forecast, members) in self.forecasts.iter().zip(members) {
            if members.is_empty() {
                continue;
            }
            let total = forecast.total(members.into_iter());
            together.expected_purchases += total.expected_purchases;
            let Some(value) = total.clv else { continue };
            together.n_valued += total.n_customers;
            clv = Some(clv.unwrap_or(0.0) + value);
            match total.interval {
                Some((low, high)) => square += ((high - low) / 2.0).powi(2),
                None => has_interval = false,
            }
        }
        together.clv = clv.and_then(|clv| minor(clv, &self.units));
        let half = square.sqrt();
        together.interval = clv
            .filter(|_| has_interval)
            .and_then(|clv| Some((minor(clv - half, &self.units)?, minor(clv + half, &self.units)?)));
        Ok(together)
    }

    /// Counts customers by what is expected of them.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn count(&self, features: &Features) -> Result<Counts> {
        let of = |customer: usize| -> Result<Counts> {
            let (Some(life), Some(known)) = (self.life(features, customer)?, self.known(features, customer)?)
            else {
                return Ok(Counts::default());
            };
            Ok(Counts {
                n_customers: 1,
                n_valued: u64::from(life.clv.is_some()),
                n_without_margin: u64::from(known.rate.is_none()),
                n_not_positive: u64::from(life.clv.is_some_and(|clv| clv <= 0)),
                n_mean_spend: u64::from(known.spend.x > 0 && !known.spend.is_known()),
            })
        };
        let add = |a: Counts, b: Counts| Counts {
            n_customers: a.n_customers + b.n_customers,
            n_valued: a.n_valued + b.n_valued,
            n_without_margin: a.n_without_margin + b.n_without_margin,
            n_not_positive: a.n_not_positive + b.n_not_positive,
            n_mean_spend: a.n_mean_spend + b.n_mean_spend,
        };
        (0..features.customer_id.len())
            .into_par_iter()
            .map(of)
            .try_reduce(Counts::default, |a, b| Ok(add(a, b)))
    }
}

/// A customer of whom something is expected.
struct Known<'a> {
    number: usize,
    forecast: &'a Forecast,
    place: usize,
    spend: Spend,
    rate: Option<f64>,
}

/// Major units in minor ones, rounded half away from zero; `None` where they fit no column of money.
fn minor(major: f64, units: &Units) -> Option<i64> {
    let minor = (major * 10_f64.powi(i32::try_from(units.exponent).unwrap_or(0))).round();
    #[expect(clippy::cast_possible_truncation, reason = "inside the range of 64 bits")]
    (minor.abs() < 10_f64.powi(i32::from(DECIMAL_PRECISION))).then_some(minor as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_rounded_to_minor_units_and_never_out_of_range() {
        let euro = Units { currency: "EUR".to_owned(), exponent: 2 };
        assert_eq!(minor(1.005_1, &euro), Some(101));
        assert_eq!(minor(-12.344, &euro), Some(-1234));
        assert_eq!(minor(9.99e15, &euro), Some(999_000_000_000_000_000));
        for out in [1e16, -1e16, f64::INFINITY, f64::NAN] {
            assert_eq!(minor(out, &euro), None);
        }
        let yen = Units { currency: "JPY".to_owned(), exponent: 0 };
        assert_eq!(minor(1234.5, &yen), Some(1235));
    }
}
