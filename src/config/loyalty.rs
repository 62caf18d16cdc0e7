//! `[[loyalty]]`: programmes with their rules, in units of their basis.

use std::path::PathBuf;

use crate::kernel::loyalty::{Downgrade, Jump, Role, Validity, Window};

/// What a programme does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgrammeKind {
    /// Has members with tiers.
    Base,
    /// Lifts the best of a tier into the next.
    Mini,
}

/// What is earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Net revenue.
    SpendNet,
    /// Net revenue times points.
    PointsEarned,
    /// Days with a purchase or a visit.
    Visits,
    /// Days with a purchase.
    PurchaseDays,
}

impl Basis {
    /// Its name in config and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpendNet => "spend_net",
            Self::PointsEarned => "points_earned",
            Self::Visits => "visits",
            Self::PurchaseDays => "purchase_days",
        }
    }
}

/// `[[loyalty.tier]]`; amounts in units of the basis times ten to the power of [`Loyalty::exponent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoyaltyTier {
    /// Its name.
    pub name: String,
    /// Metric from which it is reached.
    pub threshold: i64,
    /// Metric from which it is kept.
    pub renewal_threshold: i64,
}

/// A tier given by hand: `[[loyalty.manual]]`, or a row of `manual_file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoyaltyManual {
    /// Customer.
    pub customer_id: String,
    /// Name of the tier.
    pub tier: String,
    /// First day; `None`: from the enrolment.
    pub since: Option<i32>,
    /// Last day.
    pub until: i32,
    /// Floor or fixed.
    pub role: Role,
}

/// `[[loyalty]]`: a programme, or its rules from a day on where several have one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Loyalty {
    /// Name of the programme.
    pub name: String,
    /// What it does.
    pub kind: ProgrammeKind,
    /// The programme that a mini programme without tiers lifts in; empty for all others.
    pub base: String,
    /// Days within which campaigns of the programme, and of those that lift in it, contact a customer once.
    pub slot_days: u32,
    /// What is earned.
    pub basis: Basis,
    /// Decimals of amounts of the basis.
    pub exponent: u32,
    /// Points for one minor unit of the currency, in the programme's units; 1 for all other bases.
    pub points: i64,
    /// Months after which points expire; 0: never.
    pub points_expiry_months: i32,
    /// First day of the rules; `None`: always.
    pub effective_from: Option<i32>,
    /// Ascending; the first has the threshold 0.
    pub tiers: Vec<LoyaltyTier>,
    /// Days that count for upgrades.
    pub window: Window,
    /// When a tier is checked.
    pub validity: Validity,
    /// Months that a period lasts at least.
    pub min_duration_months: i32,
    /// Whether the day of an upgrade counts for the renewal.
    pub count_upgrade_day: bool,
    /// Days after the check in which a tier can still be kept.
    pub grace_days: i32,
    /// Where those fall who do not keep their tier.
    pub downgrade: Downgrade,
    /// How far a day may lift.
    pub jump: Jump,
    /// Days after an upgrade up to which a return takes it back.
    pub reversal_days: i32,
    /// Product lines that earn nothing.
    pub excluded_lines: Vec<String>,
    /// Tiers given by hand.
    pub manual: Vec<LoyaltyManual>,
    /// A file of them.
    pub manual_file: Option<PathBuf>,
    /// Greatest share of the next threshold that a candidate of a mini programme misses.
    pub mini_gap: f64,
    /// Top share by expected margin.
    pub mini_share: f64,
    /// Probability from which a bonus would be a gift.
    pub mini_reach_below: f64,
    /// What the bonus of one candidate costs at most, in minor units; `None`: not known.
    pub mini_bonus: Option<i64>,
    /// Years of the finite value of a tier.
    pub value_years: u32,
    /// Discount rate a year.
    pub discount_rate: f64,
}

/// The rules of a programme that are in force on a day: the newest that have begun; before the first begin, those that stand
/// first. `None`: there is no such programme.
#[must_use]
pub fn in_force<'a>(programmes: &'a [Loyalty], name: &str, as_of: i32) -> Option<&'a Loyalty> {
    let mut of_name = programmes.iter().filter(|one| one.name == name);
    let begun = of_name.clone().filter(|one| one.effective_from.is_none_or(|day| day <= as_of));
    begun.max_by_key(|one| one.effective_from).or_else(|| of_name.next())
}
