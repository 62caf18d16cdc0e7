//! `[retention]`, and what contacts of campaigns cost.

use crate::kernel::retention::{BudgetYear, Costs};

/// `[retention]`: what keeping a customer may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What winning a customer costs, in minor units.
    pub costs: Costs,
    /// Over which year spend is summed.
    pub budget_year: BudgetYear,
}

/// What listing one customer for a campaign costs, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CampaignCosts {
    /// `cost_per_contact`.
    pub contact: i64,
    /// `offer_cost`: what the offer costs at worst; `None`: not set.
    pub offer: Option<i64>,
}
