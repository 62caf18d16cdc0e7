//! Days as numbers: all that the generator needs of a calendar, without a time zone.

/// Days from 1970-01-01 to a date of the Gregorian calendar, for the years 1 to 9999.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
pub(super) const fn day_of(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day number: the inverse of [`day_of`], `civil_from_days` of the same source.
pub(super) const fn civil(day: i32) -> (i32, i32, i32) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

/// The weekday of a day number, 0 for Monday to 6 for Sunday; 1970-01-01 was a Thursday.
pub(super) fn weekday(day: i32) -> usize {
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

/// A date as `2026-03-14`.
pub(super) fn date_text(day: i32) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A local time as `2026-03-14 15:42:07`.
pub(super) fn time_text(day: i32, second: u32) -> String {
    format!("{} {:02}:{:02}:{:02}", date_text(day), second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        assert_eq!(day_of(1970, 1, 1), 0);
        assert_eq!(day_of(2000, 2, 29), 11_016);
        assert_eq!(day_of(2024, 11, 1), 20_028);
        assert!((-800_000..800_000).all(|day| {
            let (year, month, of_month) = civil(day);
            day_of(year, month, of_month) == day
        }));
    }

    #[test]
    fn times_are_written_with_leading_zeros() {
        let day = day_of(2026, 3, 7);
        assert_eq!(time_text(day, 9 * 3_600 + 5 * 60 + 3), "2026-03-07 09:05:03");
        assert_eq!(weekday(day), 5);
    }
}
