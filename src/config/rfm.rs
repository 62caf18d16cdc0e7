//! `[rfm]`: scores for recency, frequency and monetary value.

/// What frequency counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// Orders.
    Orders,
    /// Purchase days.
    PurchaseDays,
}

/// What monetary sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monetary {
    /// Revenue and refunds.
    NetRevenue,
    /// Net revenue without cost.
    Margin,
    /// Net revenue per order.
    AverageOrder,
}

/// How F and M are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RfmMethod {
    /// Each measure alone.
    Independent,
    /// F inside each R, M inside each R×F.
    Nested,
}

/// `[rfm]`.
#[derive(Clone, Debug)]
pub struct Rfm {
    /// 2..=10.
    pub bins: u8,
    /// 0 = all history.
    pub window_days: u32,
    /// What frequency counts.
    pub frequency: Frequency,
    /// What monetary sums.
    pub monetary: Monetary,
    /// Independent or nested.
    pub method: RfmMethod,
    /// Fixed cuts in days since the last purchase, ascending, bins − 1 of them.
    pub cuts_r: Option<Vec<f64>>,
    /// Fixed cuts of the frequency.
    pub cuts_f: Option<Vec<f64>>,
    /// Fixed cuts of the monetary value in major units.
    pub cuts_m: Option<Vec<f64>>,
    /// Named ranges, first match wins.
    pub segments: Vec<RfmSegment>,
    /// Whether `segments` are the ten of the default (then scaled when bins is not 5).
    pub default_segments: bool,
}

/// `[[rfm.segment]]`: inclusive score ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RfmSegment {
    /// Its name.
    pub name: String,
    /// Range of R.
    pub r: (u8, u8),
    /// Range of F.
    pub f: (u8, u8),
    /// Range of M.
    pub m: (u8, u8),
}
