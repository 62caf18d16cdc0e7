//! The ceiling on retention spend: to keep a customer costs at most what winning an equal one costs (customers.md 8.1).
//! Amounts are minor units of one currency.

use std::ops::Range;

use crate::kernel::calendar::{add_months, month_index, month_start};

const YEAR_MONTHS: i32 = 12;

/// A band of customers by expected value, from its bound up to that of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Least value of its customers, inclusive.
    pub min_value: i64,
    /// What winning one of them costs.
    pub acquisition_cost: i64,
}

/// What winning a customer costs, by value band with fixed bounds (customers.md R-1). The costs are given: what was spent
/// on acquisition is in no export, so that they are not worked out here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Of customers below the lowest band, and of those whose value is not known; `None`: not known.
    pub overall: Option<i64>,
    /// Strictly ascending by `min_value`.
    pub bands: Vec<Band>,
}

impl Costs {
    /// Whether nothing is known of any customer.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.overall.is_none() && self.bands.is_empty()
    }

    /// Number of the band of a value from 1 on; 0 below the lowest, and for a value that is not known.
    #[must_use]
    pub fn number(&self, value: Option<i64>) -> usize {
        value.map_or(0, |value| self.bands.partition_point(|band| band.min_value <= value))
    }

    /// The band of a number; `None` for 0.
    #[must_use]
    pub fn band(&self, number: usize) -> Option<&Band> {
        self.bands.get(number.checked_sub(1)?)
    }

    /// The ceiling of customers of a band: its acquisition cost. The second bound, uplift in retention times value,
    /// needs a randomised estimate of the uplift; there is none, which the basis [`CAC_ONLY`] says. `None`: not known.
    #[must_use]
    pub fn ceiling(&self, number: usize) -> Option<i64> {
        self.band(number).map_or(self.overall, |band| Some(band.acquisition_cost))
    }
}

/// Name of the basis of ceilings that are an acquisition cost and nothing else.
pub const CAC_ONLY: &str = "cac_only";

/// What may be spent on one customer in its budget year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Most that may be spent; `None`: not known, and everything is allowed.
    pub ceiling: Option<i64>,
    /// What was spent, at least 0.
    pub spent: i64,
}

impl Budget {
    /// What is left, at least 0; `None` without a ceiling.
    #[must_use]
    pub fn left(&self) -> Option<i64> {
        self.ceiling.map(|ceiling| ceiling.saturating_sub(self.spent).max(0))
    }

    /// Whether spending this much at worst stays within the ceiling, inclusive. What costs nothing always does.
    #[must_use]
    pub fn allows(&self, worst_cost: i64) -> bool {
        let within = |ceiling: i64| i128::from(self.spent) + i128::from(worst_cost) <= i128::from(ceiling);
        worst_cost <= 0 || self.ceiling.is_none_or(within)
    }
}

/// Over which year spend is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetYear {
    /// From 1 January.
    Calendar,
    /// From a day of the customer's own, as often as it returns.
    Anniversary,
}

impl BudgetYear {
    /// The year that holds `as_of`, half-open. Anniversaries are taken from the original day (customers.md, section 0), also
    /// one after `as_of`; whoever has none has calendar years.
    #[must_use]
    pub fn around(self, as_of: i32, own_day: Option<i32>) -> Range<i32> {
        let months = match own_day.filter(|_| self == Self::Anniversary) {
            Some(day) => (day, month_index(as_of) - month_index(day)),
            None => (month_start(0), month_index(as_of)),
        };
        let (day, n_months) = months;
        let start = |year: i32| add_months(day, year.saturating_mul(YEAR_MONTHS));
        let year = n_months.div_euclid(YEAR_MONTHS);
        // In the month of the anniversary the day itself decides.
        let year = if start(year) > as_of { year - 1 } else { year };
        start(year)..start(year + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::calendar::{civil_from_day, day_from_civil};

    fn day(year: i32, month: u32, day: u32) -> i32 {
        day_from_civil(year, month, day).unwrap()
    }

    fn costs() -> Costs {
        // Band B of the example: 9,600.00 were spent to win 120 customers.
        let b = Band { min_value: 10_000, acquisition_cost: 960_000 / 120 };
        Costs { overall: None, bands: vec![b, Band { min_value: 50_000, acquisition_cost: 15_000 }] }
    }

    #[test]
    fn the_example_of_r_3() {
        let costs = costs();
        let ceiling = costs.ceiling(costs.number(Some(20_000)));
        assert_eq!(ceiling, Some(8_000));
        let before = Budget { ceiling, spent: 4_620 };
        assert_eq!(before.left(), Some(3_380));
        assert!(before.allows(2_500));
        let after = Budget { spent: before.spent + 2_500, ..before };
        assert_eq!(after.left(), Some(880));
        assert!(!after.allows(1_000));
        assert!(after.allows(880), "up to the ceiling");
    }

    #[test]
    fn bands_have_fixed_bounds_and_what_is_not_known_refuses_nobody() {
        let costs = costs();
        let numbers = [None, Some(-1), Some(9_999), Some(10_000), Some(49_999), Some(50_000), Some(i64::MAX)];
        assert_eq!(numbers.map(|value| costs.number(value)), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!([0, 1, 2].map(|number| costs.ceiling(number)), [None, Some(8_000), Some(15_000)]);
        let overall = Costs { overall: Some(500), ..costs };
        assert_eq!(overall.ceiling(0), Some(500));
        assert!(Costs::default().is_empty() && !overall.is_empty());
        let unknown = Budget { ceiling: None, spent: i64::MAX };
        assert!(unknown.allows(i64::MAX));
        assert_eq!(unknown.left(), None);
        let overspent = Budget { ceiling: Some(100), spent: 200 };
        assert_eq!((overspent.left(), overspent.allows(1), overspent.allows(0)), (Some(0), false, true));
    }

    #[test]
    fn years_of_the_calendar_and_of_a_customer() {
        let (new_year, next) = (day(2026, 1, 1), day(2027, 1, 1));
        for as_of in [new_year, day(2026, 7, 3), next - 1] {
            assert_eq!(BudgetYear::Calendar.around(as_of, Some(day(2020, 5, 5))), new_year..next);
            assert_eq!(BudgetYear::Anniversary.around(as_of, None), new_year..next);
        }
        let leap = Some(day(2024, 2, 29));
        let around = |as_of| BudgetYear::Anniversary.around(as_of, leap);
        assert_eq!(around(day(2025, 2, 27)), day(2024, 2, 29)..day(2025, 2, 28));
        assert_eq!(around(day(2025, 2, 28)), day(2025, 2, 28)..day(2026, 2, 28));
        assert_eq!(around(day(2028, 2, 28)), day(2027, 2, 28)..day(2028, 2, 29));
        assert_eq!(around(day(2023, 12, 1)), day(2023, 2, 28)..day(2024, 2, 29), "before it");
    }

    proptest! {
        /// A slow second way: day by day back to the last day that is an anniversary.
        #[test]
        fn a_year_holds_its_day_and_begins_at_an_anniversary(own in -20_000..40_000_i32, as_of in 0..40_000_i32) {
            let year = BudgetYear::Anniversary.around(as_of, Some(own));
            prop_assert!(year.contains(&as_of));
            prop_assert!((365..=366).contains(&(year.end - year.start)));
            let (_, own_month, own_day) = civil_from_day(own);
            let is_anniversary = |at: i32| {
                let (_, month, day) = civil_from_day(at);
                let (_, next_month, _) = civil_from_day(at + 1);
                month == own_month && (day == own_day || (day < own_day && next_month != month))
            };
            let mut start = as_of;
            while !is_anniversary(start) {
                start -= 1;
            }
            prop_assert_eq!(year.start, start);
        }

        /// However amounts come, what is allowed never passes the ceiling, and what is refused would.
        #[test]
        fn what_is_allowed_stays_within_the_ceiling(
            ceiling in 0..5_000_i64, costs in prop::collection::vec(0..2_000_i64, 0..30),
        ) {
            let mut budget = Budget { ceiling: Some(ceiling), spent: 0 };
            for cost in costs {
                let left = ceiling - budget.spent;
                prop_assert_eq!(budget.left(), Some(left));
                prop_assert_eq!(budget.allows(cost), cost <= left);
                if budget.allows(cost) {
                    budget.spent += cost;
                }
                prop_assert!(budget.spent <= ceiling);
            }
        }

        /// The band of a value is the last whose bound it reaches, told one by one.
        #[test]
        fn a_value_is_in_the_last_band_that_it_reaches(
            bounds in prop::collection::btree_set(0..1_000_i64, 0..6), value in prop::option::of(-50..1_100_i64),
        ) {
            let bands: Vec<Band> = bounds.into_iter().zip(100..)
                .map(|(min_value, acquisition_cost)| Band { min_value, acquisition_cost }).collect();
            let costs = Costs { overall: Some(7), bands };
            let mut plain = Some(7);
            for band in &costs.bands {
                if value.is_some_and(|value| value >= band.min_value) {
                    plain = Some(band.acquisition_cost);
                }
            }
            prop_assert_eq!(costs.ceiling(costs.number(value)), plain);
        }
    }
}
