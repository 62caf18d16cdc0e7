//! The mini programme: who stands so near below a tier, and is worth so much, that a bonus should lift them into it.

use std::ops::Range;

use crate::kernel::markov::Matrix;

/// A member as the mini programme sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// What is missing for the next tier; `None` at the top, or gone.
    pub to_next: Option<i64>,
    /// Threshold of the next tier.
    pub next_threshold: Option<i64>,
    /// Margin expected, in minor units; `None`: not known.
    pub expected: Option<i64>,
    /// Probability to reach the next tier without help; `None`: not known, which counts as below any limit.
    pub reach: Option<f64>,
}

/// Limits of the mini programme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Greatest share of the next threshold that may be missing.
    pub gap: f64,
    /// Share of members that stands at the top by expected margin.
    pub share: f64,
    /// Probability from which a bonus would be a gift.
    pub reach_below: f64,
}

/// Who is a candidate. The top share is taken among all who are members of a tier with one above it, and those equal to
/// the last of the top are in it, so that a verdict depends on values only.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among members, and a share in millionths"
)]
pub fn candidates(members: &[Near], limits: Limits) -> Vec<bool> {
    let mut margins: Vec<i64> =
        members.iter().filter(|one| one.to_next.is_some()).filter_map(|one| one.expected).collect();
    let n_top = (limits.share * margins.len() as f64).ceil() as usize;
    margins.sort_unstable_by(|a, b| b.cmp(a));
    let least = n_top.checked_sub(1).and_then(|last| margins.get(last)).copied();
    let is_candidate = |one: &Near| {
        let (Some(missing), Some(threshold)) = (one.to_next, one.next_threshold) else { return false };
        // In millionths, so that a share of the threshold counts as inclusive as it is written.
        let gap = (limits.gap * 1e6).round() as i128;
        let is_near = missing > 0 && i128::from(missing) * 1_000_000 <= gap * i128::from(threshold);
        let is_top = least.zip(one.expected).is_some_and(|(least, expected)| expected >= least);
        is_near && is_top && one.reach.is_none_or(|reach| reach < limits.reach_below)
    };
    members.iter().map(is_candidate).collect()
}

/// Probability to be in one of the states `targets` at the end of any of `n_periods` periods: they are made ends. With
/// tiers as states, ascending, the targets are those from the next tier on.
#[must_use]
pub fn reach(moves: &Matrix, from: usize, targets: &Range<usize>, n_periods: u32) -> f64 {
    let n = moves.n();
    let mut ends = moves.clone();
    for state in targets.clone() {
        (0..n).for_each(|to| ends.set(state, to, if to == state { 1.0 } else { 0.0 }));
    }
    let mut members: Vec<f64> = (0..n).map(|state| if state == from { 1.0 } else { 0.0 }).collect();
    for _ in 0..n_periods {
        members = ends.after(&members);
    }
    members.get(targets.clone()).unwrap_or_default().iter().sum::<f64>().clamp(0.0, 1.0)
}
