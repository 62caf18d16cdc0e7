//! `[campaign.send]`.

use super::{integer, text};
use crate::config::check::Checked;
use crate::config::{Timing, Trigger};

/// When a campaign's customers are due.
pub(super) fn send(campaign: &Checked) -> Timing {
    Timing {
        trigger: match text(campaign, "campaign[].send.trigger").as_str() {
            "tier_check" => Trigger::TierCheck,
            "first_purchase" => Trigger::FirstPurchase,
            "last_purchase" => Trigger::LastPurchase,
            "expected_next_purchase" => Trigger::ExpectedNextPurchase,
            _ => Trigger::None,
        },
        offset_days: integer(campaign, "campaign[].send.offset_days"),
        expiry_days: integer(campaign, "campaign[].send.expiry_days"),
    }
}
