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

/// Values from which on only those near the cuts are ordered.
const MANY: usize = 1 << 16;
/// Buckets that many values are counted in.
const BUCKETS: usize = 4096;
/// Values that one task counts.
const TASK_VALUES: usize = 1 << 18;

/// Quantile scores of a population; `values` are finite.
#[must_use]
pub fn quantile_scores(values: &[f64], bins: u8, direction: Direction) -> Vec<u8> {
    let ranks = ranks(values.len(), bins);
    let cuts = if values.len() < MANY {
        let mut places: Vec<i64> = values.iter().map(|value| worst_first(*value, direction)).collect();
        quantile_cuts(&mut places, &ranks)
    } else {
        let (mut places, ranks) = near(values, direction, &ranks);
        quantile_cuts(&mut places, &ranks)
    };
    values.par_iter().map(|value| score(&cuts, worst_first(*value, direction))).collect()
}

/// How many with a strictly worse value each score above the first needs, as far as so many can be worse.
fn ranks(n: usize, bins: u8) -> Vec<usize> {
    let bins = usize::from(bins);
    (1..bins).map(|steps| (steps * n).div_ceil(bins)).take_while(|n_worse| *n_worse < n).collect()
}

/// The places of values that cuts can lie on, and the ranks that the cuts have among these. Values are counted in buckets
/// of equal width: a cut lies in the bucket that its rank falls into, or, where all others there are equal, on the first
/// value of the next bucket that has any.
fn near(values: &[f64], direction: Direction, ranks: &[usize]) -> (Vec<i64>, Vec<usize>) {
    let widen = |(low, high): (f64, f64), value: &f64| (low.min(*value), high.max(*value));
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) =
        values.par_iter().fold(|| none, widen).reduce(|| none, |a, b| (a.0.min(b.0), a.1.max(b.1)));
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let scale = (BUCKETS - 1) as f64 / (high - low);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the buckets, whatever comes"
    )]
    let bucket = |value: f64| {
        let from_low = (((value - low) * scale) as usize).min(BUCKETS - 1);
        match direction {
            Direction::MoreIsBetter => from_low,
            Direction::LessIsBetter => BUCKETS - 1 - from_low,
        }
    };
    let count = |some: &[f64]| {
        let mut counts = vec![0_usize; BUCKETS];
        some.iter().for_each(|value| counts.get_mut(bucket(*value)).into_iter().for_each(|n| *n += 1));
        counts
    };
    let add = |mut counts: Vec<usize>, others: Vec<usize>| {
        counts.iter_mut().zip(others).for_each(|(n, other)| *n += other);
        counts
    };
    let counts = values.par_chunks(TASK_VALUES).map(count).reduce(|| vec![0; BUCKETS], add);
    let mut is_near = vec![false; BUCKETS];
    let (mut n_before, mut next, mut is_next) = (0, ranks.iter().peekable(), false);
    for (n, is_near) in counts.iter().zip(&mut is_near).filter(|(n, _)| **n > 0) {
        *is_near = std::mem::take(&mut is_next);
        while next.next_if(|rank| **rank < n_before + n).is_some() {
            (*is_near, is_next) = (true, true);
        }
        n_before += n;
    }
    let (mut n_before, mut n_left_out, mut next) = (0, 0, ranks.iter().peekable());
    let mut among = Vec::with_capacity(ranks.len());
    for (n, is_near) in counts.iter().zip(&is_near) {
        while let Some(rank) = next.next_if(|rank| **rank < n_before + n) {
            among.push(rank - n_left_out);
        }
        n_before += n;
        n_left_out += if *is_near { 0 } else { *n };
    }
    let wanted = values.par_iter().filter(|value| is_near.get(bucket(**value)) == Some(&true));
    (wanted.map(|value| worst_first(*value, direction)).collect(), among)
}

/// Quantile scores inside each group of customers with equal `groups`.
#[must_use]
pub fn nested_scores(values: &[f64], groups: &[u16], bins: u8, direction: Direction) -> Vec<u8> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let group = |index: usize| groups.get(index).copied().unwrap_or_default();
    let place = |index: usize| worst_first(values.get(index).copied().unwrap_or_default(), direction);
    order.sort_by_key(|&index| group(index));
    let mut scores = vec![0; values.len()];
    for members in order.chunk_by(|&a, &b| group(a) == group(b)) {
        let mut places: Vec<i64> = members.iter().map(|&index| place(index)).collect();
        let cuts = quantile_cuts(&mut places, &ranks(members.len(), bins));
        for &index in members {
            scores.get_mut(index).into_iter().for_each(|slot| *slot = score(&cuts, place(index)));
        }
    }
    scores
}

/// The least place that has as many before it as each rank says, ascending; scores that nobody gets are left out at the end,
/// and have the cut of the next where others get a better one. The order of `places` is lost.
fn quantile_cuts(places: &mut [i64], ranks: &[usize]) -> Vec<i64> {
    let mut cuts = Vec::with_capacity(ranks.len());
    let mut known: Option<(usize, Option<i64>)> = None;
    for &n_worse in ranks {
        let from = match known {
            Some((last, cut)) if last == n_worse => {
                cuts.extend(cut);
                continue;
            }
            Some((last, _)) => last,
            None => 0,
        };
        let Some(rest) = places.get_mut(from..).filter(|rest| n_worse - from < rest.len()) else { break };
        let (before, at, after) = rest.select_nth_unstable(n_worse - from);
        let at = *at;
        // Whoever stands there has all before it behind only if none of them is its equal; else the next value does.
        let cut = match before.iter().max() {
            Some(nearest) if *nearest == at => after.iter().filter(|place| **place > at).min().copied(),
            _ => Some(at),
        };
        cuts.extend(cut);
        known = Some((n_worse, cut));
    }
    cuts
}

fn score(cuts: &[i64], place: i64) -> u8 {
    let n_reached = cuts.iter().filter(|cut| **cut <= place).count();
    u8::try_from(1 + n_reached).unwrap_or(u8::MAX)
}

/// A whole number that rises from the worst value to the best.
const fn worst_first(value: f64, direction: Direction) -> i64 {
    match direction {
        Direction::MoreIsBetter => place(value),
        Direction::LessIsBetter => !place(value),
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
    use proptest::collection::vec;
    use proptest::prelude::*;

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

    /// As the definition reads.
    fn plain(values: &[f64], bins: u8, direction: Direction) -> Vec<u8> {
        let is_worse = |a: f64, b: f64| match direction {
            Direction::MoreIsBetter => a < b,
            Direction::LessIsBetter => a > b,
        };
        let n_worse = |value: f64| values.iter().filter(|other| is_worse(**other, value)).count();
        let score = |value: &f64| 1 + usize::from(bins) * n_worse(*value) / values.len();
        values.iter().map(|value| u8::try_from(score(value)).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn cuts_score_as_counting_does(values in vec((0_u8..12).prop_map(|n| f64::from(n) - 5.0), 0..60), bins in 2_u8..11) {
            for direction in [Direction::MoreIsBetter, Direction::LessIsBetter] {
                prop_assert_eq!(quantile_scores(&values, bins, direction), plain(&values, bins, direction));
                let groups: Vec<u16> = (0..3).cycle().take(values.len()).collect();
                let nested = nested_scores(&values, &groups, bins, direction);
                for group in 0..3 {
                    let of_group = |all: &[f64]| all.iter().skip(group).step_by(3).copied().collect::<Vec<f64>>();
                    let scores: Vec<u8> = nested.iter().skip(group).step_by(3).copied().collect();
                    prop_assert_eq!(scores, plain(&of_group(&values), bins, direction));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn cuts_of_many_are_found_among_those_near_them(
            values in vec(prop_oneof![
                (0_u8..4).prop_map(f64::from),
                (0_u16..400).prop_map(|n| f64::from(n) / 8.0 - 20.0),
                Just(0.0), Just(-0.0), Just(1e12), Just(-1e300), Just(f64::MAX),
            ], 1..200),
            bins in 2_u8..11,
        ) {
            for direction in [Direction::MoreIsBetter, Direction::LessIsBetter] {
                let ranks = ranks(values.len(), bins);
                let mut all: Vec<i64> = values.iter().map(|value| worst_first(*value, direction)).collect();
                let (mut some, among) = near(&values, direction, &ranks);
                prop_assert!(some.len() <= all.len());
                prop_assert_eq!(quantile_cuts(&mut some, &among), quantile_cuts(&mut all, &ranks));
            }
        }
    }

    #[test]
    fn scores_of_many_are_those_of_counting() {
        let n = u32::try_from(MANY).unwrap() + 17;
        // Many ties among the least, a long tail.
        let value = |number: u32| f64::from(number.wrapping_mul(2_654_435_761) >> 8);
        let values: Vec<f64> = (0..n).map(value).map(|value| (value / 5e6).floor().powi(3)).collect();
        for direction in [Direction::MoreIsBetter, Direction::LessIsBetter] {
            let mut sorted: Vec<i64> = values.iter().map(|value| worst_first(*value, direction)).collect();
            sorted.sort_unstable();
            let n_worse =
                |value: &f64| sorted.partition_point(|place| *place < worst_first(*value, direction));
            let plain =
                values.iter().map(|value| u8::try_from(1 + 5 * n_worse(value) / values.len()).unwrap());
            assert!(quantile_scores(&values, 5, direction).into_iter().eq(plain));
        }
    }

    #[test]
    fn nobody_has_no_scores() {
        assert!(quantile_scores(&[], 5, Direction::MoreIsBetter).is_empty());
        assert!(nested_scores(&[], &[], 5, Direction::MoreIsBetter).is_empty());
    }
}
