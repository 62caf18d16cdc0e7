//! `[campaign.send]`.

use super::{integer, text};
use crate::config::check::Checked;
use crate::config::{SendOn, Trigger};

/// When a campaign's customers are addressed.
pub(super) fn send(campaign: &Checked) -> SendOn {
    SendOn {
        trigger: match text(campaign, "campaign[].send.trigger").as_str() {
            "first_purchase" => Trigger::FirstPurchase,
            "last_purchase" => Trigger::LastPurchase,
            "expected_next_purchase" => Trigger::ExpectedNextPurchase,
            _ => Trigger::None,
        },
        offset_days: integer(campaign, "campaign[].send.offset_days"),
        expiry_days: integer(campaign, "campaign[].send.expiry_days"),
    }
}
