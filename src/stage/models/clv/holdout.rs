//! What the models, and two plain rules beside them, said of the held-out days, and what came.

use std::collections::BTreeMap;

use super::fits::{Trial, Trials};
use super::population::Population;
use crate::config::Rfm;
use crate::contract::Units;
use crate::error::Result;
use crate::kernel::accuracy::{Errors, Ranking, errors, ranking};
use crate::kernel::clv::spend::GammaGamma;
use crate::stage::features::{Features, Held, Standing, Sums, too_large};
use crate::stage::models::rfm::{self, Scored};

/// Customers of one model with one number of repeat purchases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldoutRow {
    /// The model.
    pub model: &'static str,
    /// Repeat purchase days when the held-out days began.
    pub x: u32,
    /// Customers.
    pub n_customers: i64,
    /// Mean purchase days in the held-out days.
    pub actual_mean: f64,
    /// What the model expected.
    pub expected_mean: f64,
}

/// How near a model or a rule came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accuracy {
    /// Of purchase days.
    pub(super) purchases: Option<Errors>,
    /// Of net revenue, major units; `None` without a spend model.
    pub(super) value: Option<Errors>,
    /// Of customers by net revenue.
    pub(super) ranking: Option<Ranking>,
}

/// Name of the rule that everybody buys as in the days before, as many as were held out; the first purchase does not
/// repeat.
pub(super) const LAST_PERIOD: &str = "last_period_repeats";
/// Name of the rule that everybody buys at the mean rate of their RFM segment since the first purchase.
pub(super) const SEGMENT_MEAN: &str = "segment_mean";

/// What came in the held-out days, by customer of the calibration.
#[derive(Debug)]
pub(super) struct Actual {
    purchases: Vec<f64>,
    value: Vec<f64>,
}

impl Actual {
    /// Purchase days and net revenue of the held-out days.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn of(
        features: &Features,
        held: &Held,
        calibrated: &Population,
        units: &Units,
    ) -> Result<Self> {
        let (mut purchases, mut value) = (Vec::new(), Vec::new());
        for customer in &calibrated.customers {
            let place = *customer as usize;
            let (Some(sums), Some(then)) = (features.total.get(place), held.calibrated.get(place)) else {
                continue;
            };
            purchases.push(f64::from(sums.n_active_days.saturating_sub(then.n_active_days)));
            value.push(units.major(sums.net()?.checked_sub(then.net_revenue).ok_or_else(too_large)?));
        }
        Ok(Self { purchases, value })
    }

    fn judge(&self, purchases: &[f64], value: Option<&[f64]>) -> Accuracy {
        Accuracy {
            purchases: errors(&self.purchases, purchases),
            value: value.and_then(|value| errors(&self.value, value)),
            ranking: value.and_then(|value| ranking(&self.value, value)),
        }
    }

    /// How near a model came, with a spend model or without.
    pub(super) fn of_model(
        &self,
        trial: &Trial,
        calibrated: &Population,
        spend: Option<&GammaGamma>,
    ) -> Accuracy {
        let value = spend.map(|model| -> Vec<f64> {
            let each = trial.expected.iter().zip(&calibrated.spends);
            each.map(|(purchases, spend)| purchases * model.expected(*spend)).collect()
        });
        self.judge(&trial.expected, value.as_deref())
    }
}

/// Rows of the table for every model, by model and count.
pub(super) fn rows(trials: &Trials, actual: &Actual) -> Vec<HoldoutRow> {
    let mut rows = Vec::new();
    for trial in &trials.trials {
        let mut by_x: BTreeMap<u32, (i64, f64, f64)> = BTreeMap::new();
        let customers = trials.calibrated.histories.iter().zip(&actual.purchases).zip(&trial.expected);
        for ((history, actual), expected) in customers {
            let sums = by_x.entry(history.x).or_default();
            *sums = (sums.0 + 1, sums.1 + actual, sums.2 + expected);
        }
        #[expect(clippy::cast_precision_loss, reason = "customers are fewer than 2^53")]
        let row = |(x, (n, actual, expected)): (u32, (i64, f64, f64))| HoldoutRow {
            model: trial.model.name(),
            x,
            n_customers: n,
            actual_mean: actual / n as f64,
            expected_mean: expected / n as f64,
        };
        rows.extend(by_x.into_iter().map(row));
    }
    rows.sort_by(|a, b| (a.model, a.x).cmp(&(b.model, b.x)));
    rows
}

/// What both rules said, by name.
///
/// # Errors
/// `SumOutOfRange`.
pub(super) fn baselines(
    config: &Rfm,
    features: &Features,
    held: &Held,
    calibrated: &Population,
    actual: &Actual,
    units: &Units,
) -> Result<[(&'static str, Accuracy); 2]> {
    let (last_purchases, last_value) = last_period(features, held, calibrated, units)?;
    let (mean_purchases, mean_value) = segment_means(config, features, held, calibrated, units)?;
    Ok([
        (LAST_PERIOD, actual.judge(&last_purchases, Some(&last_value))),
        (SEGMENT_MEAN, actual.judge(&mean_purchases, Some(&mean_value))),
    ])
}

/// Repeat purchase days and their net revenue in the days before the held-out ones.
fn last_period(
    features: &Features,
    held: &Held,
    calibrated: &Population,
    units: &Units,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut purchases, mut value) = (Vec::new(), Vec::new());
    for (customer, (history, spend)) in
        calibrated.customers.iter().zip(calibrated.histories.iter().zip(&calibrated.spends))
    {
        let place = *customer as usize;
        let before = held.before.get(place).copied().unwrap_or_default();
        let first_net = features.lifetime.first_day_net.get(place).copied().unwrap_or(0);
        if before.n_active_days == 0 {
            purchases.push(f64::from(history.x));
            value.push(spend.total);
            continue;
        }
        let then = before.net_revenue.checked_sub(first_net).ok_or_else(too_large)?;
        purchases.push(f64::from((history.x + 1).saturating_sub(before.n_active_days)));
        value.push(spend.total - units.major(then));
    }
    Ok((purchases, value))
}

/// Held-out days at the mean rate of each customer's RFM segment when they began. Scores are those of the config over
/// all that was bought by then; orders count as purchase days, and margin as net revenue.
fn segment_means(
    config: &Rfm,
    features: &Features,
    held: &Held,
    calibrated: &Population,
    units: &Units,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let sums = |(standing, total): (&Standing, &Sums)| Sums {
        n_orders: standing.n_active_days,
        n_active_days: standing.n_active_days,
        revenue: standing.net_revenue,
        days: total.days.filter(|_| standing.n_active_days > 0).map(|(first, _)| (first, standing.last_day)),
        ..Sums::NONE
    };
    let then: Vec<Sums> = held.calibrated.iter().zip(&features.total).map(sums).collect();
    let scored: Scored = rfm::score_all(config, units, &then, held.calibration_end)?;
    let names: Vec<Option<&str>> =
        scored.cells().map(|cell| cell.map(|cell| cell.segment.as_str())).collect();
    let name = |customer: u32| names.get(customer as usize).copied().flatten();
    let mut by_name: BTreeMap<Option<&str>, [f64; 3]> = BTreeMap::new();
    for (customer, (history, spend)) in
        calibrated.customers.iter().zip(calibrated.histories.iter().zip(&calibrated.spends))
    {
        let known = by_name.entry(name(*customer)).or_default();
        let own = [f64::from(history.x), spend.total, f64::from(history.age)];
        known.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    let of = |customer: u32, what: usize| {
        let sums = by_name.get(&name(customer)).copied().unwrap_or_default();
        match sums {
            [.., age] if age > 0.0 => {
                sums.get(what).copied().unwrap_or_default() / age * f64::from(held.days)
            }
            _ => 0.0,
        }
    };
    let all = |what: usize| calibrated.customers.iter().map(|customer| of(*customer, what)).collect();
    Ok((all(0), all(1)))
}
