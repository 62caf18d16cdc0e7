//! `[clv]`: lifetime value.

/// Model of when customers buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClvModel {
    /// The one that foretells the held-out days best.
    Auto,
    /// BG/NBD.
    BgNbd,
    /// MBG/NBD.
    MbgNbd,
    /// Pareto/NBD.
    ParetoNbd,
    /// No lifetime value.
    None,
}

/// What a purchase is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClvValue {
    /// Net revenue less cost, where the cost is known of nearly all sales.
    Margin,
    /// Net revenue.
    NetRevenue,
}

/// `[clv]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Clv {
    /// Model of when customers buy.
    pub model: ClvModel,
    /// Days of one time unit of the models, at least 1.
    pub unit_days: u32,
    /// Days that `clv` looks ahead, at least 1.
    pub horizon_days: u32,
    /// Of a year, in [0, 1].
    pub discount_rate: f64,
    /// What a purchase is worth.
    pub value: ClvValue,
    /// Last days that models are tried on; 0 = a quarter of the observed span, at most 182.
    pub holdout_days: u32,
    /// Width of the intervals, in (0, 1).
    pub interval: f64,
    /// Column whose values have fits of their own; empty = one fit for all.
    pub segment_by: String,
}
