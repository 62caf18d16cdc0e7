//! What remains of net revenue.

use super::population::Population;
use crate::config::ClvValue;
use crate::contract::Units;
use crate::error::{Result, Warning};
use crate::stage::features::{Features, Sums};

/// Share of sale rows that may lack their cost.
const MAX_COST_MISSING: f64 = 0.01;

/// What a purchase is worth, and to whom that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Margins {
    /// What is taken.
    pub(super) value: ClvValue,
    /// Sale rows without cost, as a share of all; `None`: there are none at all.
    pub(super) cost_missing: Option<f64>,
    /// Margin of all customers whose cost is known, as a share of their net revenue; 1 for net revenue.
    pub(super) base_rate: f64,
    /// Average net revenue of a repeat purchase day, major units; at least 0.
    pub(super) purchase: f64,
}

impl Margins {
    /// Decides what is taken.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn of(wanted: ClvValue, features: &Features, population: &Population) -> Result<Self> {
        let (mut n_sales, mut n_missing, mut margin, mut net) = (0_u64, 0_u64, 0_i128, 0_i128);
        for sums in &features.total {
            n_sales += u64::from(sums.n_rows.saturating_sub(sums.n_refund_rows));
            n_missing += u64::from(sums.n_cost_missing);
            if let Some(own) = sums.margin()? {
                margin += i128::from(own);
                net += i128::from(sums.net()?);
            }
        }
        let (n_repeats, total) = population
            .spends
            .iter()
            .fold((0_u64, 0.0), |(n, total), spend| (n + u64::from(spend.x), total + spend.total));
        #[expect(clippy::cast_precision_loss, reason = "shares and an average")]
        let found = Self {
            value: wanted,
            cost_missing: (n_sales > 0).then(|| n_missing as f64 / n_sales as f64),
            base_rate: margin as f64 / net as f64,
            purchase: if n_repeats > 0 { (total / n_repeats as f64).max(0.0) } else { 0.0 },
        };
        let is_known = found.cost_missing.is_some_and(|share| share <= MAX_COST_MISSING) && net > 0;
        let margin = wanted == ClvValue::Margin && is_known;
        let base_rate = if margin { found.base_rate } else { 1.0 };
        Ok(Self { value: if margin { ClvValue::Margin } else { ClvValue::NetRevenue }, base_rate, ..found })
    }

    /// What a customer's purchases leave of net revenue: own margin and that of one average purchase at the rate of all,
    /// as a share of both net revenues; the rate of all where more was given back than bought. `None`: a sale lacks its
    /// cost.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn rate(&self, sums: &Sums, units: &Units) -> Result<Option<f64>> {
        if self.value == ClvValue::NetRevenue {
            return Ok(Some(1.0));
        }
        let Some(margin) = sums.margin()? else { return Ok(None) };
        let own = units.major(sums.net()?);
        let rate = (units.major(margin) + self.base_rate * self.purchase) / (own + self.purchase);
        Ok(Some(if own >= 0.0 && rate.is_finite() { rate } else { self.base_rate }))
    }

    /// Why net revenue is taken where margin was asked for.
    pub(super) fn warning(&self, wanted: ClvValue) -> Option<Warning> {
        if wanted == self.value {
            return None;
        }
        let what = match self.cost_missing {
            Some(share) if share > MAX_COST_MISSING => {
                format!("{:.1} % of the sale rows lack their cost", share * 100.0)
            }
            _ => "net revenue as a whole is not above zero".to_owned(),
        };
        let hint = "map cost in [source.columns], or set clv.value = \"net_revenue\"";
        Some(
            Warning::new("clv_without_margin", format!("lifetime value is net revenue, not margin: {what}"))
                .hint(hint),
        )
    }
}
