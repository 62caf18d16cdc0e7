//! Texts of days and times as local time in the project's zone.

use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};

use super::{DAY_MS, Settings, day_of};
use crate::config::DateFormat;
use crate::kernel::calendar::{self, Moment};

impl Settings {
    /// A text as local time in the project's zone. A day without a time of day is that business day in any zone.
    pub(super) fn moment(&self, text: &str, format: &DateFormat, years: &RangeInclusive<i32>) -> Option<i64> {
        let (moment, has_time) = match format {
            DateFormat::Auto => {
                (calendar::parse_moment_in(text.as_bytes(), years.clone())?, text.contains(':'))
            }
            DateFormat::Pattern(pattern) => parse_pattern(pattern, text, years)?,
        };
        let local_ms = i64::from(moment.day) * DAY_MS + i64::from(moment.ms_of_day);
        if let Some(offset) = moment.offset_seconds {
            return to_zone(local_ms - i64::from(offset) * 1000, &self.project_zone, years);
        }
        match &self.source_zone {
            Some(zone) if has_time => {
                let zoned = civil(local_ms)?.to_zoned(zone.clone()).ok()?;
                to_zone(zoned.timestamp().as_millisecond(), &self.project_zone, years)
            }
            _ => Some(local_ms),
        }
    }
}

/// UTC milliseconds as local milliseconds of a zone; `None` where that leaves the years of the contract.
fn to_zone(utc_ms: i64, zone: &TimeZone, years: &RangeInclusive<i32>) -> Option<i64> {
    let instant = jiff::Timestamp::from_millisecond(utc_ms).ok()?;
    let local_ms = utc_ms + i64::from(zone.to_offset(instant).seconds()) * 1000;
    let (year, ..) = calendar::civil_from_day(day_of(local_ms));
    years.contains(&year).then_some(local_ms)
}

fn civil(local_ms: i64) -> Option<DateTime> {
    let instant = jiff::Timestamp::from_millisecond(local_ms).ok()?;
    Some(Offset::UTC.to_datetime(instant))
}

/// A text by a strftime pattern, and whether it had a time of day.
fn parse_pattern(pattern: &str, text: &str, years: &RangeInclusive<i32>) -> Option<(Moment, bool)> {
    let parsed = strtime::parse(pattern, text).ok()?;
    let date: Date = parsed.to_date().ok()?;
    let has_time = parsed.hour().is_some();
    let time = if has_time { parsed.to_time().ok()? } else { Time::midnight() };
    if !years.contains(&i32::from(date.year())) {
        return None;
    }
    let day = calendar::day_from_civil(
        i32::from(date.year()),
        u32::try_from(date.month()).ok()?,
        u32::try_from(date.day()).ok()?,
    )?;
    let seconds = u32::try_from(i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60).ok()?
        + u32::try_from(time.second()).ok()?;
    let ms_of_day = seconds * 1000 + u32::try_from(time.millisecond()).ok()?;
    let offset_seconds = parsed.offset().map(Offset::seconds);
    Some((Moment { day, ms_of_day, offset_seconds }, has_time))
}
