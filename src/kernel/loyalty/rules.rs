//! Days and thresholds of a set of rules.

use super::{NEVER, Rules, Validity, Window};
use crate::kernel::calendar::{add_months, civil_from_day, day_from_civil};

/// The day of a year; 29 February is 28 February where the year has none.
fn day_of_year(year: i32, month: u32, day: u32) -> i32 {
    (1..=day).rev().find_map(|day| day_from_civil(year, month, day)).unwrap_or(NEVER)
}

/// The last `month`-`day` not after `day_of`.
fn last_of_year(on: i32, month: u32, day: u32) -> i32 {
    let (year, ..) = civil_from_day(on);
    let this = day_of_year(year, month, day);
    if this <= on { this } else { day_of_year(year - 1, month, day) }
}

/// The first `month`-`day` not before a day.
fn first_of_year(from: i32, month: u32, day: u32) -> i32 {
    let (year, ..) = civil_from_day(from);
    let this = day_of_year(year, month, day);
    if this >= from { this } else { day_of_year(year + 1, month, day) }
}

/// Anniversaries that lie before a day, roughly: whole years by the calendar, less one.
fn years_between(from: i32, to: i32) -> i32 {
    (civil_from_day(to).0 - civil_from_day(from).0 - 1).max(0)
}

/// The first anniversary of `enrolled` not before a day.
fn anniversary_from(enrolled: i32, from: i32) -> i32 {
    let years = years_between(enrolled, from);
    (years..years + 3).map(|year| add_months(enrolled, 12 * year)).find(|day| *day >= from).unwrap_or(NEVER)
}

impl Rules {
    /// Place of the highest tier that a metric reaches; 0 where it reaches none.
    pub(super) fn reached(&self, metric: i64) -> usize {
        self.tiers.partition_point(|tier| tier.threshold <= metric).saturating_sub(1)
    }

    pub(super) fn threshold(&self, place: usize) -> i64 {
        self.tiers.get(place).map_or(i64::MAX, |tier| tier.threshold)
    }

    pub(super) fn renewal_threshold(&self, place: usize) -> i64 {
        self.tiers.get(place).map_or(i64::MAX, |tier| tier.renewal_threshold)
    }

    /// Number of the tier at a place.
    pub(super) fn id(&self, place: usize) -> u8 {
        self.tiers.get(place).map_or(u8::MAX, |tier| tier.id)
    }

    /// First day of the upgrade window that ends on a day.
    pub(super) fn window_start(&self, on: i32, enrolled: i32) -> i32 {
        match self.window {
            Window::RollingDays(days) => on.saturating_sub(days).saturating_add(1),
            Window::CalendarYear { month, day } => last_of_year(on, month, day),
            Window::AnniversaryYear => {
                let years = years_between(enrolled, on);
                // From the day of enrolment: chained, 29 February would drift to 28.
                let days = (years..years + 3).map(|year| add_months(enrolled, 12 * year));
                days.take_while(|day| *day <= on).last().unwrap_or(enrolled)
            }
            Window::Lifetime => i32::MIN,
        }
    }

    /// First day after `on` on which a window begins anew; [`NEVER`] for windows that move by the day, or never.
    pub(super) fn next_window(&self, on: i32, enrolled: i32) -> i32 {
        let after = on.saturating_add(1);
        match self.window {
            Window::RollingDays(_) | Window::Lifetime => NEVER,
            Window::CalendarYear { month, day } => first_of_year(after, month, day),
            Window::AnniversaryYear => anniversary_from(enrolled, after),
        }
    }

    /// Check date of a period that began on `start`, the `n_renewals`-th renewal of one that began on `anchor`. Months
    /// are counted from the anchor: chained, 31 would drift to 28.
    pub(super) fn check_date(&self, start: i32, anchor: i32, n_renewals: i32, enrolled: i32) -> i32 {
        let earliest = || add_months(start, self.min_duration_months).max(start.saturating_add(1));
        match self.validity {
            Validity::Months(0) => NEVER,
            Validity::Months(months) => {
                let months = months.max(self.min_duration_months);
                add_months(anchor, months.saturating_mul(n_renewals.saturating_add(1)))
            }
            Validity::NextAnniversary => anniversary_from(enrolled, earliest()),
            Validity::Fixed { month, day } => first_of_year(earliest(), month, day),
        }
    }
}
