//! `[campaign.send]`: when customers are due.

/// What makes a customer due for a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Nothing: everybody is due.
    None,
    /// The check date of the tier.
    TierCheck,
    /// The last purchase.
    LastPurchase,
    /// The first purchase.
    FirstPurchase,
    /// The day by which the next purchase is expected.
    ExpectedNextPurchase,
}

impl Trigger {
    /// Its name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::TierCheck => "tier_check",
            Self::LastPurchase => "last_purchase",
            Self::FirstPurchase => "first_purchase",
            Self::ExpectedNextPurchase => "expected_next_purchase",
        }
    }
}

/// `campaign.send`: when a customer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The day that is counted from.
    pub trigger: Trigger,
    /// Days from it to the day of sending; negative: before it.
    pub offset_days: i32,
    /// Days after that day on which the customer can still be listed.
    pub expiry_days: i32,
}
