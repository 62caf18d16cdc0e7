//! What the moves of a programme say of the months to come: members by tier, and what a tier is worth.

use super::plan::Plan;
use super::{Inputs, Member, Tally, YEAR_MONTHS, months_after};
use crate::config::Loyalty;
use crate::kernel::calendar::add_months;
use crate::kernel::loyalty::moves::Moves;
use crate::kernel::loyalty::{Downgrade, Validity, Window};
use crate::kernel::markov::counts::with_gone;
use crate::kernel::markov::resample::{Counts, History, Stream, forecast, interval, path, pooled, replicate};
use crate::kernel::markov::{Chain, Matrix};

/// Resampled histories.
const N_REPLICATES: u64 = 1_000;
/// Share of them that an interval holds.
const WIDTH: f64 = 0.95;
/// Seeds of the streams of random numbers: fixed, so that the same counts give the same intervals.
const SEED_OF_FORECAST: u64 = 0x7469_6572_666f_7265;
const SEED_OF_VALUE: u64 = 0x7469_6572_7661_6c75;

/// One tier on one day to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// The day.
    pub day: i32,
    /// Number of the tier.
    pub tier: u8,
    /// Members.
    pub n: f64,
    /// Interval.
    pub range: (f64, f64),
}

/// A value with its interval, in minor units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranged {
    /// The value.
    pub value: f64,
    /// Interval.
    pub range: (f64, f64),
}

/// What a member of a tier is worth, in minor units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worths {
    /// Number of the tier.
    pub tier: u8,
    /// Members.
    pub n: i64,
    /// Of a year; `None` with all that follows: nobody was seen in the tier.
    pub yearly: Option<f64>,
    /// Over some years.
    pub finite: Option<Ranged>,
    /// Without end.
    pub infinite: Option<Ranged>,
    /// Years as a member.
    pub years: Option<f64>,
    /// What all members would be worth more if the tier were given up.
    pub ending: Option<f64>,
}

/// What is to come.
#[derive(Debug, Default)]
pub struct Outlook {
    /// By day and tier; none without a whole month.
    pub forecast: Vec<Expected>,
    /// By tier; none without a whole month.
    pub worths: Vec<Worths>,
    /// Whether values rest on years; else on months.
    pub by_year: bool,
    /// For each year of the counts, what its pooled months would give in twelve steps, by tier from and to.
    pub powers: Vec<Matrix>,
}

/// Moves of members of a period: rows are tiers, the last column is for those who left.
#[expect(clippy::cast_precision_loss, reason = "counts of customers are far below 2^53")]
fn moves_of(moves: &Moves, period: usize) -> Counts {
    let n = moves.n_tiers();
    let row = |from: usize| (0..=n).map(|to| moves.cell(period, from, to).n as f64).collect();
    (0..n).map(row).collect()
}

/// Who joined in a period, by tier.
#[expect(clippy::cast_precision_loss, reason = "counts of customers are far below 2^53")]
fn joins_of(moves: &Moves, period: usize) -> Counts {
    let n = moves.n_tiers();
    vec![(0..n).map(|to| moves.cell(period, n, to).n as f64).collect()]
}

/// The last twelve months of the counts, or as many as there are.
fn last_months(moves: &Moves) -> std::ops::Range<usize> {
    let n = moves.periods().len();
    n.saturating_sub(usize::try_from(YEAR_MONTHS).unwrap_or(0))..n
}

/// Counts of the last twelve months together.
pub(super) fn pooled_months(tally: &Tally) -> Counts {
    let months: Vec<Counts> =
        last_months(&tally.months).map(|period| moves_of(&tally.months, period)).collect();
    if months.is_empty() {
        vec![vec![0.0; tally.months.n_tiers() + 1]; tally.months.n_tiers()]
    } else {
        pooled(&months)
    }
}

/// Looks ahead from the members of today.
pub(super) fn outlook(plan: &Plan, members: &[Member], tally: &Tally, inputs: &Inputs<'_>) -> Outlook {
    let n_tiers = plan.tiers.len();
    let mut start = vec![0_i64; n_tiers];
    for tier in members.iter().filter_map(|member| member.standing.tier) {
        start.get_mut(usize::from(tier)).into_iter().for_each(|n| *n += 1);
    }
    let months = last_months(&tally.months);
    if months.is_empty() {
        return Outlook::default();
    }
    // Years in which nobody was a member at the start say nothing of moves.
    let years: Vec<usize> = (0..tally.years.periods().len())
        .filter(|period| moves_of(&tally.years, *period).iter().flatten().sum::<f64>() > 0.0)
        .collect();
    let by_year = !years.is_empty();
    let (moves, periods) =
        if by_year { (&tally.years, years) } else { (&tally.months, months.collect::<Vec<usize>>()) };
    let powers = (0..tally.years.periods().len()).map(|year| power_of_year(tally, year)).collect();
    Outlook {
        forecast: members_to_come(&start, tally, inputs.features.as_of),
        worths: worths(plan, &start, moves, &periods, by_year),
        by_year,
        powers,
    }
}

/// The pooled months of a year, in twelve steps.
fn power_of_year(tally: &Tally, year: usize) -> Matrix {
    let Some((first, last)) = tally.years.periods().get(year).copied() else { return Matrix::identity(0) };
    let inside = |(from, to): &(i32, i32)| *from >= first && *to <= last;
    let months: Vec<Counts> = (0..tally.months.periods().len())
        .filter(|period| tally.months.periods().get(*period).is_some_and(inside))
        .map(|period| moves_of(&tally.months, period))
        .collect();
    with_gone(&pooled(&months)).power(YEAR_MONTHS.unsigned_abs())
}

#[expect(clippy::cast_precision_loss, reason = "counts of customers are far below 2^53")]
fn members_to_come(start: &[i64], tally: &Tally, as_of: i32) -> Vec<Expected> {
    let months = last_months(&tally.months);
    let history = History {
        moves: months.clone().map(|period| moves_of(&tally.months, period)).collect(),
        joins: months.map(|period| joins_of(&tally.months, period)).collect(),
    };
    let start: Vec<f64> = start.iter().map(|n| *n as f64).collect();
    let n_months = usize::try_from(YEAR_MONTHS).unwrap_or(0);
    let expected = forecast(&start, &history, n_months);
    let paths: Vec<Vec<Vec<f64>>> = (0..N_REPLICATES)
        .map(|number| path(&start, &history, n_months, &mut Stream::new(SEED_OF_FORECAST, number)))
        .collect();
    let mut all = Vec::new();
    for (place, (ahead, members)) in (1..).zip(&expected).enumerate() {
        for (tier, n) in members.iter().enumerate() {
            let drawn = paths.iter().filter_map(|path| path.get(place)?.get(tier).copied()).collect();
            let day = months_after(as_of, ahead);
            let tier = u8::try_from(tier).unwrap_or(u8::MAX);
            all.push(Expected { day, tier, n: *n, range: interval(drawn, WIDTH).unwrap_or((*n, *n)) });
        }
    }
    all
}

/// Mean worth of those in each cell, of a year.
#[expect(clippy::cast_precision_loss, reason = "sums of money as doubles")]
fn worth_of_cells(moves: &Moves, periods: &[usize]) -> Counts {
    let n = moves.n_tiers();
    let cell = |from: usize, to: usize| {
        let cells = periods.iter().map(|period| moves.cell(*period, from, to));
        let (n, worth) = cells.fold((0, 0), |sum, cell| (sum.0 + cell.n, sum.1 + cell.worth));
        if n > 0 { worth as f64 / n as f64 } else { 0.0 }
    };
    (0..n).map(|from| (0..=n).map(|to| cell(from, to)).collect()).collect()
}

/// The chain of counts: what a state brings is the mean of its cells. A state without a count keeps its members, who
/// bring what those of the next lower state do.
fn chain(counts: &Counts, worth: &Counts, per_year: f64, discount: f64) -> Chain {
    let mut rewards: Vec<f64> = Vec::with_capacity(counts.len() + 1);
    for (row, worth) in counts.iter().zip(worth) {
        let n: f64 = row.iter().sum();
        let sum: f64 = row.iter().zip(worth).map(|(n, worth)| n * worth).sum();
        rewards.push(if n > 0.0 { sum / n / per_year } else { rewards.last().copied().unwrap_or(0.0) });
    }
    rewards.push(0.0);
    Chain { moves: with_gone(counts), rewards, discount }
}

fn worths(plan: &Plan, start: &[i64], moves: &Moves, periods: &[usize], by_year: bool) -> Vec<Worths> {
    let Some(newest) = plan.newest() else { return Vec::new() };
    let (per_year, discount, n_steps) = if by_year {
        (1.0, newest.discount_rate, newest.value_years)
    } else {
        let months = f64::from(YEAR_MONTHS);
        let monthly = (1.0 + newest.discount_rate).powf(1.0 / months) - 1.0;
        (months, monthly, newest.value_years * YEAR_MONTHS.unsigned_abs())
    };
    let history: Vec<Counts> = periods.iter().map(|period| moves_of(moves, *period)).collect();
    let worth = worth_of_cells(moves, periods);
    let counts = pooled(&history);
    let seen = chain(&counts, &worth, per_year, discount);
    let drawn: Vec<(Vec<f64>, Option<Vec<f64>>)> = (0..N_REPLICATES)
        .map(|number| {
            let counts = replicate(&history, &mut Stream::new(SEED_OF_VALUE, number));
            let chain = chain(&counts, &worth, per_year, discount);
            (chain.finite_value(n_steps), chain.infinite_value())
        })
        .collect();
    let (finite, infinite) = (seen.finite_value(n_steps), seen.infinite_value());
    let periods_there = seen.expected_periods(&[plan.tiers.len()]);
    let of = |tier: usize| {
        let n = start.get(tier).copied().unwrap_or(0);
        let is_seen = counts.get(tier).is_some_and(|row| row.iter().sum::<f64>() > 0.0);
        let at = |values: &[f64]| values.get(tier).copied();
        let ranged = |value: Option<f64>, drawn: Vec<f64>| {
            let value = value.filter(|_| is_seen)?;
            Some(Ranged { value, range: interval(drawn, WIDTH).unwrap_or((value, value)) })
        };
        Worths {
            tier: u8::try_from(tier).unwrap_or(u8::MAX),
            n,
            yearly: at(&seen.rewards).filter(|_| is_seen).map(|reward| reward * per_year),
            finite: ranged(at(&finite), drawn.iter().filter_map(|(finite, _)| at(finite)).collect()),
            infinite: ranged(
                infinite.as_deref().and_then(at),
                drawn.iter().filter_map(|(_, infinite)| infinite.as_deref().and_then(at)).collect(),
            ),
            years: periods_there.as_deref().and_then(at).filter(|_| is_seen).map(|n| n / per_year),
            ending: ending(&seen, infinite.as_deref(), start, tier).filter(|_| is_seen),
        }
    };
    (0..plan.tiers.len()).map(of).collect()
}

/// What all members together would be worth more if whoever is in a tier, or comes into it, were given up.
#[expect(clippy::cast_precision_loss, reason = "counts of customers are far below 2^53")]
fn ending(seen: &Chain, infinite: Option<&[f64]>, start: &[i64], tier: usize) -> Option<f64> {
    let without = seen.ended(&[tier]).infinite_value()?;
    let change =
        without.iter().zip(infinite?).zip(start).map(|((without, with), n)| (without - with) * *n as f64);
    Some(change.sum())
}

/// Whether a tier that is lost is reached again on the next day by what had led to it.
pub(super) fn bounces(rules: &Loyalty) -> bool {
    let (Window::RollingDays(days), Validity::Months(months)) = (rules.window, rules.validity) else {
        return rules.window == Window::Lifetime
            && rules.validity != Validity::Months(0)
            && rules.downgrade != Downgrade::Lowest;
    };
    if months == 0 || rules.downgrade == Downgrade::Lowest {
        return false;
    }
    let months = months.max(rules.min_duration_months);
    // The shortest such period of four years.
    let shortest = (0..1_461).map(|day| add_months(day, months) - day).min().unwrap_or(0);
    days > shortest.saturating_add(rules.grace_days)
}
