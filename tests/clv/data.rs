//! The CDNOW sample as histories, and simulated customers.

use std::collections::BTreeMap;

use clienting::kernel::calendar::parse_day;
use clienting::kernel::clv::histories::History;
use clienting::kernel::clv::spend::Spend;

/// Purchase days of each customer with their amounts in cents, days by number.
pub(crate) fn cdnow() -> Vec<BTreeMap<i32, i64>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sample_data/cdnow.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut customers: BTreeMap<&str, BTreeMap<i32, i64>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let cents = cells[3].replace('.', "").parse::<i64>().unwrap();
        let day = parse_day(cells[1].as_bytes()).unwrap();
        *customers.entry(cells[0]).or_default().entry(day).or_default() += cents;
    }
    customers.into_values().collect()
}

/// The last day of CDNOW's calibration.
pub(crate) const CALIBRATION_END: &str = "1997-09-30";

pub(crate) fn day(text: &str) -> i32 {
    parse_day(text.as_bytes()).unwrap()
}

/// What is known of a customer on a day; `None` of whom nothing is.
pub(crate) fn history(days: &BTreeMap<i32, i64>, end: i32) -> Option<History> {
    let known: Vec<i32> = days.range(..=end).map(|(day, _)| *day).collect();
    let (first, last) = (*known.first()?, *known.last()?);
    let days = |from: i32, to: i32| u32::try_from(to - from).unwrap();
    Some(History {
        x: u32::try_from(known.len() - 1).unwrap(),
        recency: days(first, last),
        age: days(first, end),
    })
}

pub(crate) fn spend(days: &BTreeMap<i32, i64>, end: i32) -> Option<Spend> {
    let amounts: Vec<i64> = days.range(..=end).map(|(_, cents)| *cents).collect();
    let repeat: i64 = amounts.iter().skip(1).sum();
    let total = f64::from(i32::try_from(repeat).unwrap()) / 100.0;
    Some(Spend { x: u32::try_from(amounts.len().checked_sub(1)?).unwrap(), total })
}

/// Histories of the sample at the end of calibration.
pub(crate) fn calibration() -> Vec<History> {
    cdnow().iter().filter_map(|days| history(days, day(CALIBRATION_END))).collect()
}
