//! Days, months and times of the proleptic Gregorian calendar. A day is the number of days since 1970-01-01,
//! a month the number of months since 1970-01.
//!
//! Day numbers follow Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", sections
//! `days_from_civil` and `civil_from_days`: years start on 1 March, so that the leap day is a year's last,
//! and repeat in eras of 400 years.

use std::ops::RangeInclusive;

/// Years that exports may name; other years are a fault, because they are typing errors and placeholders.
pub const YEARS: RangeInclusive<i32> = 1970..=2100;
/// Years that a birth date may name: most customers were born before the years that sales lie in.
pub const BIRTH_YEARS: RangeInclusive<i32> = 1850..=2100;
/// Days in 400 years.
const ERA_DAYS: i32 = 146_097;
/// Days from 0000-03-01 to 1970-01-01, less four eras.
const EPOCH_DAY_OF_ERA: i32 = 719_468 - 4 * ERA_DAYS;

/// A point in time as an export writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Days since 1970-01-01, as written: not moved by the offset.
    pub day: i32,
    /// Milliseconds since the day's midnight, below 86,400,000; 0 where only a day was written.
    pub ms_of_day: u32,
    /// Seconds that the written time is ahead of UTC; `None`: no offset was written. Only times have one.
    pub offset_seconds: Option<i32>,
}

/// The day number of a date, or `None` for an impossible date (2026-02-30) and beyond the range of `i32`.
#[must_use]
pub fn day_from_civil(year: i32, month: u32, day: u32) -> Option<i32> {
    if day < 1 || day > days_in_month(year, month)? {
        return None;
    }
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let months_since_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * months_since_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from((era - 4) * i64::from(ERA_DAYS) + day_of_era - i64::from(EPOCH_DAY_OF_ERA)).ok()
}

/// Year, month (1..=12) and day of month (1..=31) of any day number.
#[must_use]
pub fn civil_from_day(day: i32) -> (i32, u32, u32) {
    // The era is taken before the shift to March, so that no day number overflows.
    let shifted = day.rem_euclid(ERA_DAYS) + EPOCH_DAY_OF_ERA;
    let era = day.div_euclid(ERA_DAYS) + 4 + shifted / ERA_DAYS;
    let day_of_era = shifted % ERA_DAYS;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i32::from(month <= 2);
    (year, month.unsigned_abs(), day_of_month.unsigned_abs())
}

/// Months since 1970-01 of the month in which the day lies; negative before.
#[must_use]
pub fn month_index(day: i32) -> i32 {
    let (year, month, _) = civil_from_day(day);
    (year - 1970) * 12 + month.cast_signed() - 1
}

/// First day of a month; beyond the days that `i32` counts, the nearest of them.
#[must_use]
pub fn month_start(month_index: i32) -> i32 {
    let (year, month) = civil_month(month_index);
    day_from_civil(year, month, 1).unwrap_or(if month_index < 0 { i32::MIN } else { i32::MAX })
}

/// Day of the month, 1..=31.
#[must_use]
pub fn day_of_month(day: i32) -> u32 {
    civil_from_day(day).2
}

/// `2026-10`; of four digits in the years 0..=9999.
#[must_use]
pub fn month_label(month_index: i32) -> String {
    let (year, month) = civil_month(month_index);
    format!("{year:04}-{month:02}")
}

/// `2026-10-31`; of four digits in the years 0..=9999.
#[must_use]
pub fn day_label(day: i32) -> String {
    let (year, month, day) = civil_from_day(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day number of exactly `YYYY-MM-DD`. `None` for any other text, impossible days and years outside
/// 1970..=2100.
#[must_use]
pub fn parse_day(text: &[u8]) -> Option<i32> {
    parse_day_in(text, YEARS)
}

/// [`parse_day`] for other years.
#[must_use]
pub fn parse_day_in(text: &[u8], years: RangeInclusive<i32>) -> Option<i32> {
    let mut rest = text;
    let day = take_day(&mut rest, &years)?;
    (rest.is_empty() && text.len() == 10).then_some(day)
}

/// The same day `n` months later (earlier if negative), or the last day of that month if it has no such day
/// (customers.md, section 0). Always to be taken from the original day: chained, 31 drifts to 28. Beyond the
/// days that `i32` counts, the nearest of them.
#[must_use]
pub fn add_months(day: i32, n: i32) -> i32 {
    let target = month_index(day).saturating_add(n);
    let (year, month) = civil_month(target);
    let last = days_in_month(year, month).unwrap_or(28);
    let day = day_from_civil(year, month, day_of_month(day).min(last));
    day.unwrap_or(if target < 0 { i32::MIN } else { i32::MAX })
}

/// Reads the `auto` date format: `YYYY-MM-DD` or `YYYYMMDD`; optionally `T` or one space and
/// `HH:MM[:SS[.fraction]]`; after a time optionally `Z` or an offset below 24 hours, `+HH:MM`, `+HHMM` or
/// `+HH`.
///
/// Fractions are cut to milliseconds, not rounded, so that no time moves to the next day. A text of at most
/// ten bytes holds a day only. `None` for anything else, impossible days, impossible times (24:00, second 60)
/// and years outside 1970..=2100.
#[must_use]
pub fn parse_moment(text: &[u8]) -> Option<Moment> {
    parse_moment_in(text, YEARS)
}

/// [`parse_moment`] for other years.
#[must_use]
pub fn parse_moment_in(text: &[u8], years: RangeInclusive<i32>) -> Option<Moment> {
    let mut rest = text;
    let day = take_day(&mut rest, &years)?;
    if rest.is_empty() {
        return Some(Moment { day, ms_of_day: 0, offset_seconds: None });
    }
    if !take(&mut rest, b'T') && !take(&mut rest, b' ') {
        return None;
    }
    let hour = take_number(&mut rest, 2)?;
    let minute = take(&mut rest, b':').then(|| take_number(&mut rest, 2))??;
    let (mut second, mut ms) = (0, 0);
    if take(&mut rest, b':') {
        second = take_number(&mut rest, 2)?;
        if take(&mut rest, b'.') {
            ms = take_fraction_ms(&mut rest)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset_seconds = if rest.is_empty() { None } else { Some(take_offset_seconds(&mut rest)?) };
    let ms_of_day = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    rest.is_empty().then_some(Moment { day, ms_of_day, offset_seconds })
}

/// Reads local times one after another, quickly where they come in order: the last day is remembered as it was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalTimes {
    /// A day as text, and its number.
    last: Option<([u8; 10], i32)>,
}

impl LocalTimes {
    /// Day and milliseconds of the day that [`parse_moment`] gives; `None` where that gives none, or an offset.
    #[inline]
    pub fn read(&mut self, text: &[u8]) -> Option<(i32, u32)> {
        let ms_of_day = match text.get(10..) {
            Some([]) => Some(0),
            Some([b' ' | b'T', time @ ..]) => time.try_into().ok().and_then(ms_of),
            _ => None,
        };
        let (Some(ms_of_day), Some(written)) = (ms_of_day, text.first_chunk::<10>()) else {
            let moment = parse_moment(text).filter(|moment| moment.offset_seconds.is_none())?;
            return Some((moment.day, moment.ms_of_day));
        };
        let day = match self.last {
            Some((last, day)) if last == *written => day,
            _ => parse_day(written)?,
        };
        self.last = Some((*written, day));
        Some((day, ms_of_day))
    }
}

/// Milliseconds since midnight of `HH:MM:SS`; `None` for any other text and impossible times.
#[inline]
fn ms_of(text: [u8; 8]) -> Option<u32> {
    // Digits become 0 to 9, colons 0. Added to what is less than 10, 0x76 leaves the highest bit clear; to a colon, 0x7F.
    const WRITTEN: u64 = u64::from_le_bytes(*b"00:00:00");
    const ROOM: u64 = u64::from_le_bytes([0x76, 0x76, 0x7F, 0x76, 0x76, 0x7F, 0x76, 0x76]);
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    let values = u64::from_le_bytes(text) ^ WRITTEN;
    if (values | values.wrapping_add(ROOM)) & HIGHEST != 0 {
        return None;
    }
    let [h1, h0, _, m1, m0, _, s1, s0] = values.to_le_bytes().map(u32::from);
    let (hour, minute, second) = (h1 * 10 + h0, m1 * 10 + m0, s1 * 10 + s0);
    (hour <= 23 && minute <= 59 && second <= 59).then_some(((hour * 60 + minute) * 60 + second) * 1000)
}

/// Year and month (1..=12) of any month number.
fn civil_month(month_index: i32) -> (i32, u32) {
    (1970 + month_index.div_euclid(12), month_index.rem_euclid(12).unsigned_abs() + 1)
}

/// 28..=31, or `None` for a month outside 1..=12.
fn days_in_month(year: i32, month: u32) -> Option<u32> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Takes `YYYY-MM-DD` or `YYYYMMDD` with one of the years from the front.
fn take_day(rest: &mut &[u8], years: &RangeInclusive<i32>) -> Option<i32> {
    let year = take_number(rest, 4)?.cast_signed();
    let dashes = take(rest, b'-');
    let month = take_number(rest, 2)?;
    if dashes && !take(rest, b'-') {
        return None;
    }
    let day = take_number(rest, 2)?;
    if years.contains(&year) { day_from_civil(year, month, day) } else { None }
}

/// Takes all digits from the front, at least one, as a decimal fraction of a second.
fn take_fraction_ms(rest: &mut &[u8]) -> Option<u32> {
    let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, tail) = rest.split_at_checked(n_digits)?;
    *rest = tail;
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0'));
    let ms = padded.take(3).fold(0, |ms, digit| ms * 10 + u32::from(digit - b'0'));
    (n_digits > 0).then_some(ms)
}

fn take_offset_seconds(rest: &mut &[u8]) -> Option<i32> {
    if take(rest, b'Z') {
        return Some(0);
    }
    let west = take(rest, b'-');
    if !west && !take(rest, b'+') {
        return None;
    }
    let hours = take_number(rest, 2)?;
    let colon = take(rest, b':');
    let minutes = if rest.is_empty() && !colon { 0 } else { take_number(rest, 2)? };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 3600 + minutes * 60).cast_signed();
    Some(if west { -seconds } else { seconds })
}

/// Takes exactly `n_digits` digits from the front.
fn take_number(rest: &mut &[u8], n_digits: usize) -> Option<u32> {
    let (digits, tail) = rest.split_at_checked(n_digits)?;
    *rest = tail;
    let mut value = 0;
    for digit in digits {
        value = digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))?;
    }
    Some(value)
}

/// Takes `byte` from the front if it stands there.
fn take(rest: &mut &[u8], byte: u8) -> bool {
    match rest.split_first() {
        Some((&first, tail)) if first == byte => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_days() {
        for (day, civil) in
            [(0, (1970, 1, 1)), (-1, (1969, 12, 31)), (-719_468, (0, 3, 1)), (11_016, (2000, 2, 29))]
        {
            assert_eq!(civil_from_day(day), civil);
            assert_eq!(day_from_civil(civil.0, civil.1, civil.2), Some(day));
        }
        for day in [i32::MIN, i32::MAX] {
            let (year, month, of_month) = civil_from_day(day);
            assert_eq!(day_from_civil(year, month, of_month), Some(day));
        }
        for (year, month, day) in [(2026, 2, 30), (2100, 2, 29), (2026, 0, 1), (2026, 13, 1), (2026, 1, 0)] {
            assert_eq!(day_from_civil(year, month, day), None);
        }
        assert_eq!(day_from_civil(i32::MAX, 12, 31), None);
    }

    #[test]
    fn months() {
        let day = day_from_civil(2026, 10, 31).unwrap_or_default();
        assert_eq!((month_index(day), month_index(-1), day_of_month(day)), (681, -1, 31));
        assert_eq!((month_label(681), day_label(day)), ("2026-10".into(), "2026-10-31".into()));
        assert_eq!((month_start(681), month_start(-1), month_start(0)), (day - 30, -31, 0));
        assert_eq!((month_start(i32::MAX), month_start(i32::MIN)), (i32::MAX, i32::MIN));
    }

    #[test]
    fn only_full_days_are_days() {
        assert_eq!(parse_day(b"1970-01-02"), Some(1));
        assert_eq!(parse_day(b"2100-12-31").map(day_label).as_deref(), Some("2100-12-31"));
        for text in [
            "1969-12-31",
            "2101-01-01",
            "2026-02-29",
            "20260101",
            "2026-1-01",
            "2026-01-01 ",
            "",
            "+026-01-01",
        ] {
            assert_eq!(parse_day(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn moments() {
        let moment = |text: &str| {
            let moment = parse_moment(text.as_bytes());
            let local = moment.filter(|moment| moment.offset_seconds.is_none());
            let read = LocalTimes::default().read(text.as_bytes());
            assert_eq!(read, local.map(|moment| (moment.day, moment.ms_of_day)), "{text}");
            moment.map(|m| (m.day, m.ms_of_day, m.offset_seconds))
        };
        assert_eq!(moment("19700102"), Some((1, 0, None)));
        assert_eq!(moment("1970-01-02"), Some((1, 0, None)));
        assert_eq!(moment("1970-01-01 00:01"), Some((0, 60_000, None)));
        assert_eq!(moment("19700101T23:59:59.9999999Z"), Some((0, 86_399_999, Some(0))));
        assert_eq!(moment("1970-01-01T00:00:01.5+02:30"), Some((0, 1_500, Some(9_000))));
        assert_eq!(moment("1970-01-01T00:00-0330"), Some((0, 0, Some(-12_600))));
        assert_eq!(moment("1970-01-01T00:00:00+14"), Some((0, 0, Some(50_400))));
        assert_eq!(moment("2026-01-01T23:59:59"), Some((20_454, 86_399_000, None)));
        let not =
            ["", "2026-02-30", "2026-1-1", "2026-0101", "202601-01", "2026-01-01T", "2026-01-01  10:00"];
        let time = [
            "24:00",
            "24:00:00",
            "10:60",
            "10:60:00",
            "10:00:60",
            "10:0a:00",
            "10-00:00",
            "10",
            "1000",
            "10:00:",
            "10:00:00.",
            "10:00.5",
            "10:00z",
            "10:00 Z",
        ];
        let offset = [
            "10:00+",
            "10:00+1",
            "10:00+01:",
            "10:00+24",
            "10:00+01:60",
            "10:00+01000",
            "10:00Z1",
            "10:00:00,5",
        ];
        let times = time.into_iter().chain(offset).map(|time| format!("2026-01-01T{time}"));
        for text in not.into_iter().map(str::to_owned).chain(times).chain(["2026-01-01Z".to_owned()]) {
            assert_eq!(moment(&text), None, "{text}");
        }
    }
}
