//! The texts and numbers of `[[loyalty]]`: windows, validities, amounts in units of a basis.

use super::Basis;
use crate::kernel::calendar::day_from_civil;
use crate::kernel::loyalty::{Validity, Window};
use crate::kernel::number::{DecimalSeparator, parse_decimal};

/// Most days of a rolling window.
const MAX_DAYS: i32 = 36_525;

/// Month and day of `MM-DD`; 02-29 is one.
fn month_and_day(text: &str) -> Option<(u32, u32)> {
    let (month, day) = text.split_once('-')?;
    let is_plain = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let (month, day) =
        (is_plain(month).then(|| month.parse().ok())??, is_plain(day).then(|| day.parse().ok())??);
    day_from_civil(2000, month, day).map(|_| (month, day))
}

/// `rolling_days:N`, `calendar_year:MM-DD`, `anniversary_year` or `lifetime`.
#[must_use]
pub fn window(text: &str) -> Option<Window> {
    if let Some(days) = text.strip_prefix("rolling_days:") {
        let days: i32 = days.parse().ok()?;
        return (1..=MAX_DAYS).contains(&days).then_some(Window::RollingDays(days));
    }
    if let Some(first) = text.strip_prefix("calendar_year:") {
        return month_and_day(first).map(|(month, day)| Window::CalendarYear { month, day });
    }
    match text {
        "anniversary_year" => Some(Window::AnniversaryYear),
        "lifetime" => Some(Window::Lifetime),
        _ => None,
    }
}

/// `next_anniversary` or `fixed:MM-DD`.
#[must_use]
pub fn validity(text: &str) -> Option<Validity> {
    if text == "next_anniversary" {
        return Some(Validity::NextAnniversary);
    }
    month_and_day(text.strip_prefix("fixed:")?).map(|(month, day)| Validity::Fixed { month, day })
}

/// The basis of a name.
#[must_use]
pub fn basis(name: &str) -> Basis {
    match name {
        "points_earned" => Basis::PointsEarned,
        "visits" => Basis::Visits,
        "purchase_days" => Basis::PurchaseDays,
        _ => Basis::SpendNet,
    }
}

/// Decimals of a number as it is written shortest.
#[must_use]
pub fn decimals(number: f64) -> u32 {
    let text = number.to_string();
    text.split_once('.').map_or(0, |(_, decimals)| u32::try_from(decimals.len()).unwrap_or(u32::MAX))
}

/// Decimals of amounts of a basis.
#[must_use]
pub fn exponent(basis: Basis, points_per_unit: f64, currency_exponent: u32) -> u32 {
    match basis {
        Basis::SpendNet => currency_exponent,
        Basis::PointsEarned => currency_exponent + decimals(points_per_unit).min(4),
        Basis::Visits | Basis::PurchaseDays => 0,
    }
}

/// A number times ten to the power of `exponent`, exactly as it is written; `None` where it has more decimals.
#[must_use]
pub fn scaled(number: f64, exponent: u32) -> Option<i64> {
    // The shortest text of a double is what was typed, up to 15 digits.
    let text = number.to_string();
    let decimals = decimals(number);
    let parsed = parse_decimal(text.as_bytes(), decimals.min(6), DecimalSeparator::Point).ok()?;
    let more = exponent.checked_sub(decimals)?;
    parsed.checked_mul(10_i64.checked_pow(more)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_validities() {
        assert_eq!(window("rolling_days:365"), Some(Window::RollingDays(365)));
        assert_eq!(window("calendar_year:02-29"), Some(Window::CalendarYear { month: 2, day: 29 }));
        assert_eq!(window("anniversary_year"), Some(Window::AnniversaryYear));
        assert_eq!(window("lifetime"), Some(Window::Lifetime));
        assert_eq!(validity("next_anniversary"), Some(Validity::NextAnniversary));
        assert_eq!(validity("fixed:12-31"), Some(Validity::Fixed { month: 12, day: 31 }));
        for text in
            ["", "rolling_days:0", "rolling_days:x", "calendar_year:13-01", "calendar_year:2-1", "year"]
        {
            assert_eq!(window(text), None, "{text}");
        }
        for text in ["", "fixed:02-30", "fixed", "12-31"] {
            assert_eq!(validity(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(scaled(500.0, 2), Some(50_000));
        assert_eq!(scaled(0.1, 2), Some(10));
        assert_eq!(scaled(19.99, 2), Some(1_999));
        assert_eq!(scaled(19.999, 2), None);
        assert_eq!(scaled(3.0, 0), Some(3));
        assert_eq!(exponent(Basis::PointsEarned, 1.5, 2), 3);
        assert_eq!(exponent(Basis::Visits, 1.0, 2), 0);
    }
}
