//! Days and times equal those of the second reader, which takes their values from jiff.

#![no_main]

#[path = "../../tests/common/plain_moment.rs"]
mod plain_moment;

use clienting::kernel::calendar::{
    BIRTH_YEARS, YEARS, civil_from_day, day_from_civil, day_label, parse_day_in, parse_moment_in,
};
use libfuzzer_sys::fuzz_target;
use plain_moment::slow_moment;

fuzz_target!(|text: &[u8]| {
    for years in [YEARS, BIRTH_YEARS] {
        let moment = parse_moment_in(text, years.clone());
        assert_eq!(moment, slow_moment(text, &years));
        let day = moment.filter(|_| text.len() == 10).map(|moment| moment.day);
        assert_eq!(parse_day_in(text, years.clone()), day);
        if let Some(moment) = moment {
            assert_eq!(parse_day_in(day_label(moment.day).as_bytes(), years), Some(moment.day));
        }
    }
    if let Some(bytes) = text.first_chunk() {
        let day = i32::from_le_bytes(*bytes);
        let (year, month, of_month) = civil_from_day(day);
        assert_eq!(day_from_civil(year, month, of_month), Some(day));
        // jiff counts the years -9999 to 9999.
        if let Ok(year) = i16::try_from(year)
            && (-9_999..=9_999).contains(&year)
        {
            let date = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(day);
            let civil = (date.year(), u32::try_from(date.month()), u32::try_from(date.day()));
            assert_eq!(civil, (year, Ok(month), Ok(of_month)));
        }
    }
});
