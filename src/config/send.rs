//! `[campaign.send]`: on which day customers are addressed.

/// The day that sending is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The day of the run.
    None,
    /// The first purchase.
    FirstPurchase,
    /// The last purchase.
    LastPurchase,
    /// The purchase that is expected next.
    ExpectedNextPurchase,
}

/// `[campaign.send]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOn {
    /// The day that it is counted from.
    pub trigger: Trigger,
    /// Days after it; negative: before.
    pub offset_days: i32,
    /// Days that sending may come late.
    pub expiry_days: i32,
}
