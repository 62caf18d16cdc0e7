//! What models of lifetime value are fitted on, beside the sums: where each customer stood when the held-out days began,
//! and as many days before; the net revenue of the first purchase day; how many bought on each day.

use std::collections::BTreeMap;

use super::super::ingest::ledger::Ledger;
use super::super::summarise;
use crate::config::{Clv, ClvModel};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::calendar::month_index;
use crate::run::context::Context;

/// Longest holdout that is taken unasked.
const MAX_HOLDOUT_DAYS: i32 = 182;
/// Part of the observed span that is held out unasked.
const HOLDOUT_PART: i32 = 4;

/// Where a customer stood at the end of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Purchase days so far.
    pub n_active_days: u32,
    /// The last of them; not meant where there is none.
    pub last_day: i32,
    /// Net revenue so far, refunds before the first purchase among it.
    pub net_revenue: i64,
}

/// Days that are held out, and where customers stood before them; vectors are by customer.
#[derive(Debug)]
pub struct Held {
    /// Last day before them.
    pub calibration_end: i32,
    /// Their number, at least 1.
    pub days: i32,
    /// At the end of `calibration_end`.
    pub calibrated: Vec<Standing>,
    /// As many days before.
    pub before: Vec<Standing>,
}

/// What lifetime value is fitted on; vectors are by customer.
#[derive(Debug, Default)]
pub struct Lifetime {
    /// First purchase day of all; `None`: nobody bought.
    pub first_day: Option<i32>,
    /// Net revenue of the first purchase day; 0 without one. Empty where no model is asked for.
    pub first_day_net: Vec<i64>,
    /// `None`: nothing is held out, because the span is too short or no model is asked for.
    pub held: Option<Held>,
    /// Customers who bought, by day; days without any are absent.
    pub n_active_by_day: BTreeMap<i32, u64>,
}

/// Days whose evenings are remembered, ascending: as long before the end of the calibration as that lies before
/// `as_of`, and that end; `None`: nothing is held out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edges(pub(super) Option<[i32; 2]>);

impl Edges {
    /// The days that the config wants to be remembered.
    pub(super) fn of(clv: &Clv, first_day: Option<i32>, as_of: i32) -> Self {
        let Some(first_day) = first_day.filter(|_| clv.model != ClvModel::None) else { return Self(None) };
        let held = match i32::try_from(clv.holdout_days) {
            Ok(0) | Err(_) => ((as_of - first_day) / HOLDOUT_PART).min(MAX_HOLDOUT_DAYS),
            Ok(days) => days,
        };
        let end = as_of - held;
        Self((held > 0 && end >= first_day).then_some([end - held, end]))
    }

    /// The day after each.
    pub(super) fn first_after(self) -> impl Iterator<Item = i32> {
        self.0.into_iter().flatten().map(|edge| edge + 1)
    }

    /// Of which of them all months before are added when this month comes: it has the day after, or lies later.
    pub(super) fn due(self, month: i32) -> [bool; 2] {
        self.0.map_or([false; 2], |edges| edges.map(|edge| month_index(edge + 1) <= month))
    }

    /// Of which of them days of a piece, in the month of the day after, belong to what is remembered.
    pub(super) fn within(self, month: i32, piece: (i32, i32)) -> [bool; 2] {
        self.0.map_or([false; 2], |edges| edges.map(|edge| month_index(edge + 1) == month && piece.0 <= edge))
    }
}

/// The first day on which somebody bought, not after `as_of`.
///
/// # Errors
/// `Io`.
pub(super) fn first_day(context: &Context, ledger: &Ledger, as_of: i32) -> Result<Option<i32>> {
    for &month in ledger.months.range(..=month_index(as_of)).map(|(month, _)| month) {
        let batches = summarise::read_columns_by_key(context, month, &[c::FIRST_DAY])?;
        let mut first = None;
        for batch in &batches {
            first = read::days(batch, c::FIRST_DAY)?.iter().flatten().chain(first).min();
        }
        if first.is_some() {
            return Ok(first.filter(|day| *day <= as_of));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClvValue;
    use crate::kernel::calendar::day_from_civil;

    fn edges(holdout_days: u32, first_day: Option<i32>, as_of: i32) -> Option<[i32; 2]> {
        let clv = Clv {
            model: ClvModel::Auto,
            unit_days: 7,
            horizon_days: 365,
            discount_rate: 0.1,
            value: ClvValue::Margin,
            holdout_days,
            interval: 0.8,
            segment_by: String::new(),
        };
        let none = Clv { model: ClvModel::None, ..clv.clone() };
        assert_eq!(Edges::of(&none, first_day, as_of).0, None);
        Edges::of(&clv, first_day, as_of).0
    }

    #[test]
    fn a_quarter_of_the_span_is_held_out_and_half_a_year_at_most() {
        assert_eq!(edges(0, None, 100), None);
        assert_eq!(edges(0, Some(97), 100), None, "a quarter of three days is none");
        assert_eq!(edges(0, Some(96), 100), Some([98, 99]));
        assert_eq!(edges(0, Some(-700), 27), Some([27 - 362, 27 - 181]));
        assert_eq!(edges(0, Some(-5000), 27), Some([27 - 364, 27 - 182]));
        assert_eq!(edges(60, Some(-5000), 0), Some([-120, -60]));
        assert_eq!(edges(60, Some(-60), 0), Some([-120, -60]));
        assert_eq!(edges(60, Some(-59), 0), None, "nobody had bought before");
    }

    #[test]
    fn months_before_the_day_after_are_added_whole_and_days_of_its_own_by_one() {
        let day = |month, day| day_from_civil(2026, month, day).unwrap();
        let month = |month| month_index(day(month, 1));
        let edges = Edges(Some([day(1, 31), day(3, 10)]));
        assert_eq!(edges.due(month(1)), [false, false]);
        assert_eq!(edges.due(month(2)), [true, false]);
        assert_eq!(edges.due(month(3)), [true, true]);
        assert_eq!(edges.due(month(5)), [true, true]);
        // The end of January is a whole month; of March, ten days.
        assert_eq!(edges.within(month(2), (day(2, 1), day(2, 28))), [false, false]);
        assert_eq!(edges.within(month(3), (day(3, 1), day(3, 31))), [false, true]);
        assert_eq!(edges.within(month(3), (day(3, 11), day(3, 31))), [false, false]);
        assert_eq!(edges.within(month(1), (day(1, 1), day(1, 31))), [false, false]);
    }
}
