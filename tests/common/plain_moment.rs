//! A slow and plain second reader of days and times: the shape by comparing texts, the values by jiff.

use std::ops::RangeInclusive;

use clienting::kernel::calendar::Moment;
use jiff::civil::{Date, Time, date};

/// The text with every digit as 0.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// The digits from one place to another, counted among digits only.
fn number(text: &str, from: usize, to: usize) -> i16 {
    let digits: String = text.chars().filter(char::is_ascii_digit).take(to).skip(from).collect();
    digits.parse().unwrap_or_default()
}

/// As `parse_moment_in` reads.
pub(crate) fn slow_moment(text: &[u8], years: &RangeInclusive<i32>) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok()?;
    let is_day = |n_bytes: &usize| {
        text.get(..*n_bytes).is_some_and(|day| ["0000-00-00", "00000000"].contains(&shape(day).as_str()))
    };
    let (day, rest) = text.split_at([10, 8].into_iter().find(is_day)?);
    let small = |text: &str, from| i8::try_from(number(text, from, from + 2)).ok();
    let civil = Date::new(number(day, 0, 4), small(day, 4)?, small(day, 6)?).ok()?;
    if !years.contains(&i32::from(civil.year())) {
        return None;
    }
    let day = date(1970, 1, 1).until(civil).ok()?.get_days();
    if rest.is_empty() {
        return Some(Moment { day, ms_of_day: 0, offset_seconds: None });
    }
    let rest = rest.strip_prefix(['T', ' '])?;
    let (time, offset) = rest.split_at(rest.find(['Z', '+', '-']).unwrap_or(rest.len()));
    let (clock, fraction) = match time.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (time, None),
    };
    let clock_is_right = match shape(clock).as_str() {
        "00:00" => fraction.is_none(),
        "00:00:00" => {
            fraction.is_none_or(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()))
        }
        _ => false,
    };
    if !clock_is_right
        || !["", "Z", "+00", "+0000", "+00:00"].contains(&shape(offset).replace('-', "+").as_str())
    {
        return None;
    }
    let ms = number(&format!("{}000", fraction.unwrap_or_default()), 0, 3);
    let time =
        Time::new(small(clock, 0)?, small(clock, 2)?, small(clock, 4)?, i32::from(ms) * 1_000_000).ok()?;
    let since_midnight = Time::midnight().duration_until(time);
    let offset_seconds = match (offset.chars().next(), number(offset, 0, 2), number(offset, 2, 4)) {
        (None, ..) => None,
        (Some(sign), 0..24, 0..60) => {
            let seconds = i32::from(number(offset, 0, 2)) * 3_600 + i32::from(number(offset, 2, 4)) * 60;
            Some(if sign == '-' { -seconds } else { seconds })
        }
        _ => return None,
    };
    Some(Moment { day, ms_of_day: u32::try_from(since_midnight.as_millis()).ok()?, offset_seconds })
}
