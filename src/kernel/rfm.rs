//! Recency, frequency and monetary scores, 1 = worst … bins = best.
//!
//! Quantile scores: `1 + floor(bins × (customers with a strictly worse value) ÷ customers)`; so equal values get equal
//! scores, a score depends on values only, and the best score need not occur. Fixed cuts: `1 + number of cuts ≤ value`,
//! for recency `bins − number of cuts ≤ days`.

use rayon::prelude::*;

/// Whether more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Orders, money.
    MoreIsBetter,
    /// Days since the last purchase.
    LessIsBetter,
}

/// Quantile scores of a population; `values` are finite.
#[must_use]
pub fn quantile_scores(values: &[f64], bins: u8, direction: Direction) -> Vec<u8> {
    let members: Vec<usize> = (0..values.len()).collect();
    let mut scores = vec![0; values.len()];
    score_members(values, &members, bins, direction, &mut scores);
    scores
}

/// Quantile scores inside each group of customers with equal `groups`.
#[must_use]
pub fn nested_scores(values: &[f64], groups: &[u16], bins: u8, direction: Direction) -> Vec<u8> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let group = |index: usize| groups.get(index).copied().unwrap_or_default();
    order.sort_by_key(|&index| group(index));
    let mut scores = vec![0; values.len()];
    for members in order.chunk_by(|&a, &b| group(a) == group(b)) {
        score_members(values, members, bins, direction, &mut scores);
    }
    scores
}

fn score_members(values: &[f64], members: &[usize], bins: u8, direction: Direction, scores: &mut [u8]) {
    let mut worst_first: Vec<(i64, usize)> = members
        .iter()
        .map(|&index| {
            let place = place(values.get(index).copied().unwrap_or_default());
            match direction {
                Direction::MoreIsBetter => (place, index),
                Direction::LessIsBetter => (!place, index),
            }
        })
        .collect();
    worst_first.par_sort_unstable();
    let mut n_worse = 0;
    for ties in worst_first.chunk_by(|a, b| a.0 == b.0) {
        let score = 1 + usize::from(bins) * n_worse / members.len();
        for (_, index) in ties {
            if let Some(slot) = scores.get_mut(*index) {
                *slot = u8::try_from(score).unwrap_or(bins);
            }
        }
        n_worse += ties.len();
    }
}

/// A whole number that orders floats as [`f64::total_cmp`] does.
const fn place(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    // The bits of a negative number rise as it falls; its sign apart they are turned.
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// Scores by fixed ascending cuts.
#[must_use]
pub fn fixed_scores(values: &[f64], cuts: &[f64], direction: Direction) -> Vec<u8> {
    let score = |value: &f64| {
        let below = cuts.partition_point(|cut| cut <= value);
        let score = match direction {
            Direction::MoreIsBetter => 1 + below,
            Direction::LessIsBetter => 1 + cuts.len() - below,
        };
        u8::try_from(score).unwrap_or(u8::MAX)
    };
    values.iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_stand_together_as_in_section_9() {
        let frequency = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 10.0];
        assert_eq!(quantile_scores(&frequency, 5, Direction::MoreIsBetter), [1, 1, 1, 1, 1, 1, 4, 4, 5, 5]);
    }

    #[test]
    fn recency_turns_round() {
        assert_eq!(quantile_scores(&[10.0, 20.0, 30.0, 40.0], 4, Direction::LessIsBetter), [4, 3, 2, 1]);
        let cuts = [115.0, 181.0, 297.4, 482.0];
        let days = [205.0, 140.0, 194.0, 98.0, 132.0, 115.0];
        assert_eq!(fixed_scores(&days, &cuts, Direction::LessIsBetter), [3, 4, 3, 5, 4, 4]);
    }

    #[test]
    fn fixed_cuts_count_cuts_not_above_the_value() {
        let cuts = [4.0, 5.0, 6.0, 8.0];
        assert_eq!(
            fixed_scores(&[3.0, 4.0, 6.0, 8.0, 99.0], &cuts, Direction::MoreIsBetter),
            [1, 2, 4, 5, 5]
        );
    }

    #[test]
    fn nested_scores_are_the_quantiles_of_each_group() {
        let values = [1.0, 9.0, 2.0, 8.0, 3.0, 7.0];
        let groups = [1, 2, 1, 2, 1, 2];
        assert_eq!(nested_scores(&values, &groups, 3, Direction::MoreIsBetter), [1, 3, 2, 2, 3, 1]);
    }

    #[test]
    fn nobody_has_no_scores() {
        assert!(quantile_scores(&[], 5, Direction::MoreIsBetter).is_empty());
        assert!(nested_scores(&[], &[], 5, Direction::MoreIsBetter).is_empty());
    }
}
