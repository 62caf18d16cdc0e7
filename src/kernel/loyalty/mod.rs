//! Loyalty tiers: one member's standing and log of events, from the days on which something was earned or returned.
//!
//! The rules are those of customers.md, section 7: thresholds are inclusive; status rests on what was earned in the
//! upgrade window, never on a balance; a period is renewed by what was earned in it, without the day of the upgrade that
//! began it; a return soon after an upgrade takes the upgrade back. [`run`] goes from one day on which anything can
//! happen to the next, so that it costs events and not days, and is a function of its arguments alone: what it says of a
//! day does not depend on `as_of` or on later days.
//!
//! Amounts are integers in units of the basis: minor units of the currency, scaled points, visits or days. They
//! saturate at the range of 64 bits.

mod engine;
mod history;
mod log;
pub mod mini;
pub mod moves;
pub mod points;
mod rules;
#[cfg(test)]
mod tests;

pub use self::engine::{needed_from, resume, run};
pub use self::history::Room;
pub use self::log::{Event, EventKind, Standing, tier_on};

/// Stands for a check date that never comes.
pub const NEVER: i32 = i32::MAX;

/// A programme: its rules, each set from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programme {
    /// Ascending by `from`, at least one.
    pub versions: Vec<Rules>,
}

/// The rules of a programme from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// First day; `i32::MIN`: always.
    pub from: i32,
    /// Ascending by threshold; the first is the base, which everybody has.
    pub tiers: Vec<Tier>,
    /// Over which days the metric counts for upgrades.
    pub window: Window,
    /// How long a tier is held before it is checked.
    pub validity: Validity,
    /// Months that a period lasts at least.
    pub min_duration_months: i32,
    /// Whether the day of an upgrade counts for the renewal of the period that it began.
    pub count_upgrade_day: bool,
    /// Days after the check in which the tier can still be kept.
    pub grace_days: i32,
    /// Where those fall who do not keep their tier.
    pub downgrade: Downgrade,
    /// Whether a day may lift by several tiers.
    pub jump: Jump,
    /// Days after an upgrade up to which a return takes it back.
    pub reversal_days: i32,
}

/// A tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its number in the programme, the same in all versions.
    pub id: u8,
    /// Metric from which it is reached, inclusive.
    pub threshold: i64,
    /// Metric from which it is kept, inclusive.
    pub renewal_threshold: i64,
}

/// Days whose metric counts for upgrades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// So many days up to and including the day.
    RollingDays(i32),
    /// Since the last such day of the year; 29 February is 28 February in other years.
    CalendarYear {
        /// 1..=12.
        month: u32,
        /// 1..=31.
        day: u32,
    },
    /// Since the last anniversary of the enrolment.
    AnniversaryYear,
    /// All days since the enrolment.
    Lifetime,
}

/// When a tier is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// So many months after the start of the tier; 0: never.
    Months(i32),
    /// At the next anniversary of the enrolment.
    NextAnniversary,
    /// At the next such day of the year.
    Fixed {
        /// 1..=12.
        month: u32,
        /// 1..=31.
        day: u32,
    },
}

/// Where those fall who do not keep their tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downgrade {
    /// To the next lower one.
    OneDown,
    /// To the highest one that the metric of the period or of the window reaches, below the one lost.
    Eligible,
    /// To the base; what was earned before counts no more.
    Lowest,
}

/// How far a day may lift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// To the highest tier that is reached.
    Multi,
    /// By one tier a day.
    One,
}

/// A tier given by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manual {
    /// First day.
    pub since: i32,
    /// Last day.
    pub until: i32,
    /// Number of the tier.
    pub tier: u8,
    /// Whether it is a floor or the tier itself.
    pub role: Role,
}

/// What a tier given by hand does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The tier is this one or higher.
    Floor,
    /// The tier is this one.
    Fixed,
    /// A floor that nobody gave by hand: what was published before customers became one.
    Published,
}

/// What one day brought, in units of the basis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// The day.
    pub day: i32,
    /// Earned, at least 0.
    pub earned: i64,
    /// Taken back on this day, at most 0.
    pub returned: i64,
}

/// One member of a programme.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Day of enrolment; days before it do not count.
    pub enrolled: i32,
    /// Day from which the customer is gone.
    pub left: Option<i32>,
    /// Days with facts, ascending, one a day, for each version of the rules: their bases may differ. Where there are
    /// fewer slices than versions, the last serves for the rest.
    pub facts: &'a [&'a [Fact]],
    /// Tiers given by hand, ascending, without common days.
    pub manual: &'a [Manual],
}
