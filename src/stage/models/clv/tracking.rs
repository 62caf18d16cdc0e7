//! Repeat purchases week by week: what came, and what a model expects of customers of whom only the first day is known.

use std::collections::BTreeMap;

use crate::kernel::clv::timing::Timing;
use crate::stage::features::Features;

/// Days of a week.
const WEEK_DAYS: i32 = 7;

/// One week of one model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackingRow {
    /// The model.
    pub model: &'static str,
    /// Weeks since the first purchase day of all, the first is 1.
    pub week: i64,
    /// Its last day.
    pub last_day: i32,
    /// Repeat purchase days in it.
    pub actual: i64,
    /// What the model expects.
    pub expected: f64,
    /// Both since the first week.
    pub cumulative_actual: i64,
    /// See above.
    pub cumulative_expected: f64,
}

/// Every whole week up to `as_of`, of the models by name. Ages count the last day of a week whole, as the published
/// tracking plots do.
pub(super) fn rows(features: &Features, models: &[(&'static str, Timing)]) -> Vec<TrackingRow> {
    let Some(origin) = features.lifetime.first_day else { return Vec::new() };
    let n_weeks = (features.as_of - origin + 1) / WEEK_DAYS;
    let mut n_first: BTreeMap<i32, i64> = BTreeMap::new();
    for (first, _) in features.total.iter().filter_map(|sums| sums.days) {
        *n_first.entry(first).or_default() += 1;
    }
    let mut by_week: Vec<i64> = vec![0; usize::try_from(n_weeks).unwrap_or_default()];
    let mut add = |day: i32, n: i64| {
        let week = usize::try_from((day - origin) / WEEK_DAYS).unwrap_or(usize::MAX);
        by_week.get_mut(week).into_iter().for_each(|sum| *sum += n);
    };
    features
        .lifetime
        .n_active_by_day
        .iter()
        .for_each(|(day, n)| add(*day, i64::try_from(*n).unwrap_or(i64::MAX)));
    n_first.iter().for_each(|(day, n)| add(*day, -n));
    let mut rows: Vec<TrackingRow> = Vec::new();
    for (model, timing) in models {
        let newcomer = timing.newcomer();
        let by_age: Vec<f64> = (0..=features.as_of - origin + 1)
            .map(|age| newcomer.expected(f64::from(age) / timing.unit_days()))
            .collect();
        let (mut actual_before, mut expected_before) = (0, 0.0);
        for (week, actual) in (1_i32..).zip(&by_week) {
            let last_day = origin + WEEK_DAYS * week - 1;
            let expected_of = |(first, n): (&i32, &i64)| {
                let age = usize::try_from(last_day + 1 - first).ok().and_then(|age| by_age.get(age));
                #[expect(clippy::cast_precision_loss, reason = "customers are fewer than 2^53")]
                age.map_or(0.0, |expected| *n as f64 * expected)
            };
            let cumulative_expected: f64 = n_first.range(..=last_day).map(expected_of).sum();
            let cumulative_actual = actual_before + actual;
            rows.push(TrackingRow {
                model,
                week: i64::from(week),
                last_day,
                actual: *actual,
                expected: cumulative_expected - expected_before,
                cumulative_actual,
                cumulative_expected,
            });
            (actual_before, expected_before) = (cumulative_actual, cumulative_expected);
        }
    }
    rows.sort_by(|a, b| (a.model, a.week).cmp(&(b.model, b.week)));
    rows
}
