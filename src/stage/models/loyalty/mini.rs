//! Chances of members to reach the next tier, and who of them a mini programme lifts.

use rayon::prelude::*;

use super::plan::Plan;
use super::{Inputs, Member, Tally, YEAR_MONTHS, months_after, outlook};
use crate::kernel::loyalty::NEVER;
use crate::kernel::loyalty::mini::{Limits, Near, candidates, reach};
use crate::kernel::markov::counts::with_gone;

/// Months ahead for which chances are told apart.
const LONGEST_MONTHS: i32 = 20 * YEAR_MONTHS;
/// Name of what stands in for an expected margin.
const NET_OF_A_YEAR: &str = crate::contract::column::NET_REVENUE_365;

/// What one member can be expected to do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chance {
    /// Margin expected of the next year.
    pub expected: Option<i64>,
    /// Probability to reach the next tier without help.
    pub reach: Option<f64>,
    /// Place of the mini programme that lifts the member; `None`: none does.
    pub mini: Option<usize>,
}

/// Name of what [`Chance::expected`] is.
#[must_use]
pub(super) fn basis<'a>(inputs: &Inputs<'a>) -> &'a str {
    inputs.expected.map_or(NET_OF_A_YEAR, |(name, _)| name)
}

/// Chances of every member. A member is a candidate of the first mini programme of the config that takes it, and whose bonus
/// its retention ceiling still allows; the top share is taken among all members of one tier.
pub(super) fn chances(plan: &Plan, members: &[Member], tally: &Tally, inputs: &Inputs<'_>) -> Vec<Chance> {
    let expected = |row: u32| match inputs.expected {
        Some((_, expected)) => expected.get(row as usize).copied().flatten(),
        None => inputs.features.net_year.get(row as usize).copied(),
    };
    let of_reach = reaches(plan, tally);
    let as_of = inputs.features.as_of;
    let ends: Vec<i32> = (1..LONGEST_MONTHS).map(|n| months_after(as_of, n)).collect();
    let chance = |member: &Member| Chance {
        expected: expected(member.row),
        reach: member.standing.tier.filter(|_| member.standing.to_next.is_some()).and_then(|tier| {
            let n_months = match member.standing.check {
                NEVER => YEAR_MONTHS,
                check => (1..LONGEST_MONTHS)
                    .zip(&ends)
                    .find(|(_, end)| **end >= check)
                    .map_or(LONGEST_MONTHS, |(n, _)| n),
            };
            of_reach(tier, n_months)
        }),
        mini: None,
    };
    let mut chances: Vec<Chance> = members.par_iter().map(chance).collect();
    let n_tiers = if plan.minis.is_empty() { 0 } else { plan.n_current };
    for tier in 0..n_tiers {
        let in_tier: Vec<usize> = members
            .iter()
            .enumerate()
            .filter(|(_, member)| member.standing.tier.map(usize::from) == Some(tier))
            .map(|(at, _)| at)
            .collect();
        let near = |at: &usize| {
            let (standing, chance) = (members.get(*at).map(|one| one.standing), chances.get(*at));
            Near {
                to_next: standing.and_then(|standing| standing.to_next),
                next_threshold: standing.and_then(|standing| standing.next_threshold),
                expected: chance.and_then(|chance| chance.expected),
                reach: chance.and_then(|chance| chance.reach),
            }
        };
        let near: Vec<Near> = in_tier.iter().map(near).collect();
        for (number, mini) in plan.minis.iter().enumerate() {
            let limits =
                Limits { gap: mini.mini_gap, share: mini.mini_share, reach_below: mini.mini_reach_below };
            // A bonus that is more than what retention may still cost is offered to nobody (customers.md 7.5).
            let is_affordable = |at: usize| match (inputs.ceilings, mini.mini_bonus, members.get(at)) {
                (Some(ceilings), Some(bonus), Some(member)) => {
                    ceilings.budget(member.row as usize).allows(bonus)
                }
                _ => true,
            };
            for (at, _) in in_tier.iter().zip(candidates(&near, limits)).filter(|(_, is)| *is) {
                if let Some(chance) = chances.get_mut(*at).filter(|_| is_affordable(*at)) {
                    chance.mini = chance.mini.or(Some(number));
                }
            }
        }
    }
    chances
}

/// Probability to reach a tier above within so many months, by the pooled matrices of the last year.
fn reaches(plan: &Plan, tally: &Tally) -> impl Fn(u8, i32) -> Option<f64> {
    let counts = outlook::pooled_months(tally);
    let is_seen: Vec<bool> = counts.iter().map(|row| row.iter().sum::<f64>() > 0.0).collect();
    let matrix = with_gone(&counts);
    let top = plan.n_current;
    // By tier and months: few, and the same for many members.
    let longest = LONGEST_MONTHS;
    let known: Vec<Vec<f64>> = (0..top)
        .map(|tier| {
            (0..=longest)
                .map(|n| reach(&matrix, tier, &(tier + 1..top), u32::try_from(n).unwrap_or(0)))
                .collect()
        })
        .collect();
    move |tier, n_months| {
        let tier = usize::from(tier);
        let seen = is_seen.get(tier).copied().unwrap_or(false);
        let at = usize::try_from(n_months.min(longest)).unwrap_or(0);
        known.get(tier).filter(|_| seen)?.get(at).copied()
    }
}
