//! `[retention]`, and what contacts of campaigns cost.

use super::{text, value_of};
use crate::config::check::Checked;
use crate::config::loyalty_rules::scaled;
use crate::config::value::Value;
use crate::config::{CampaignCosts, Retention};
use crate::kernel::retention::{Band, BudgetYear, Costs};

/// What keeping a customer may cost.
pub(super) fn retention(root: &Checked, exponent: u32) -> Retention {
    let band = |band: &Checked| Band {
        min_value: amount(band, "retention.band[].min_value", exponent).unwrap_or(0),
        acquisition_cost: amount(band, "retention.band[].acquisition_cost", exponent).unwrap_or(0),
    };
    Retention {
        costs: Costs {
            overall: amount(root, "retention.acquisition_cost", exponent).filter(|cost| *cost > 0),
            bands: root.array("retention.band[]").iter().map(band).collect(),
        },
        budget_year: match text(root, "retention.budget_year").as_str() {
            "anniversary" => BudgetYear::Anniversary,
            _ => BudgetYear::Calendar,
        },
    }
}

/// What listing a customer for a campaign costs.
pub(super) fn costs(campaign: &Checked, exponent: u32) -> CampaignCosts {
    CampaignCosts {
        contact: amount(campaign, "campaign[].cost_per_contact", exponent).unwrap_or(0),
        offer: amount(campaign, "campaign[].offer_cost", exponent),
    }
}

/// An amount in minor units; checked before.
fn amount(section: &Checked, path: &str, exponent: u32) -> Option<i64> {
    match value_of(section, path) {
        Some(Value::Number(number)) => scaled(number, exponent),
        _ => None,
    }
}
