//! The Pareto/NBD (Schmittlein, Morrison and Colombo 1987): purchases at a gamma distributed rate until an exponential
//! lifetime ends, whose rate is gamma distributed too. Parameters `r`, `alpha`, `s`, `beta`.

use rayon::prelude::*;

use super::histories::{Histories, Tuple};
use super::hypergeometric::Hypergeometric;
use super::likelihood::{
    LogLikelihood, MOST_PARAMS, Shifted, Slope, n_customers, places, prefix_sums, sigmoid, softplus, sum,
};

/// `ln ∫_τ^∞ (α+u)^−(r+x) (β+u)^−(s+1) du` with its slopes by `r`, `alpha`, `s`, `beta`.
///
/// The integral is `₂F₁(w, k; w+1; z) / (w (M+τ)^w)` (analytics.md, section 3; `w = r+s+x`), which Euler's transform turns
/// into `₂F₁(1, b; w+1; z)` with `b` and `z` positive and `z < 1`: nothing in it can overflow, and it is real for all
/// parameters. At `alpha = beta` the hypergeometric factor is 1.
#[must_use]
pub fn ln_tail(params: [f64; MOST_PARAMS], x: f64, tau: f64) -> (f64, [f64; MOST_PARAMS]) {
    let [r, alpha, s, beta] = params;
    let (k, w) = (r + x, r + s + x);
    let (by_alpha, by_beta) = (1.0 / (alpha + tau), 1.0 / (beta + tau));
    let (ln_alpha, ln_beta) = ((alpha + tau).ln(), (beta + tau).ln());
    if alpha >= beta {
        let z = (alpha - beta) * by_alpha;
        let f = Hypergeometric::new(k, w + 1.0, z);
        let value = -s * ln_beta - k * ln_alpha - w.ln() + f.ln;
        let common = f.by_c - 1.0 / w;
        let gradient = [
            -ln_alpha + f.by_b + common,
            -k * by_alpha + f.by_z * (beta + tau) * by_alpha * by_alpha,
            -ln_beta + common,
            -s * by_beta - f.by_z * by_alpha,
        ];
        (value, gradient)
    } else {
        let z = (beta - alpha) * by_beta;
        let f = Hypergeometric::new(s + 1.0, w + 1.0, z);
        let value = -(k - 1.0) * ln_alpha - (s + 1.0) * ln_beta - w.ln() + f.ln;
        let common = f.by_c - 1.0 / w;
        let gradient = [
            -ln_alpha + common,
            -(k - 1.0) * by_alpha - f.by_z * by_beta,
            -ln_beta + f.by_b + common,
            -(s + 1.0) * by_beta + f.by_z * (alpha + tau) * by_beta * by_beta,
        ];
        (value, gradient)
    }
}

/// `ln(e^l1 − e^l2)` for `l1 ≥ l2`; minus infinity where they are equal.
#[must_use]
pub fn ln_difference(l1: f64, l2: f64) -> f64 {
    if l2 < l1 { l1 + (-(l2 - l1).exp_m1()).ln() } else { f64::NEG_INFINITY }
}

/// The likelihood of a population.
pub struct ParetoNbd<'a> {
    histories: &'a Histories,
    /// Distinct pairs of a count and a day, on which all that is costly depends; ascending.
    pairs: Vec<(u32, u32)>,
    /// Tuples with the places in `pairs` of their recency and age.
    tuples: Vec<(Tuple, u32, u32)>,
}

impl<'a> ParetoNbd<'a> {
    /// Finds the distinct pairs of the histories.
    #[must_use]
    pub fn new(histories: &'a Histories) -> Self {
        let both = |tuple: &Tuple| {
            let history = tuple.history;
            [(history.x, history.recency), (history.x, history.age)]
        };
        let mut pairs: Vec<(u32, u32)> = histories.tuples().iter().flat_map(both).collect();
        pairs.par_sort_unstable();
        pairs.dedup();
        let place = |pair| u32::try_from(pairs.partition_point(|known| *known < pair)).unwrap_or(u32::MAX);
        let tuples = histories.tuples().par_iter().map(|tuple| {
            let [recency, age] = both(tuple).map(place);
            (*tuple, recency, age)
        });
        let tuples = tuples.collect();
        Self { histories, pairs, tuples }
    }
}

impl LogLikelihood for ParetoNbd<'_> {
    fn n_params(&self) -> usize {
        4
    }

    fn n_observations(&self) -> f64 {
        n_customers(self.histories)
    }

    fn at(&self, log_params: &[f64]) -> Slope {
        let params = [0, 1, 2, 3].map(|i: usize| log_params[i].exp());
        let [r, alpha, s, beta] = params;
        let [_, ln_alpha, ln_s, ln_beta] = [0, 1, 2, 3].map(|i: usize| log_params[i]);
        let (most_x, _) = self.histories.most();
        let rising = prefix_sums(most_x, |j| (r + j).ln());
        let by_r = prefix_sums(most_x, |j| 1.0 / (r + j));
        let (buying, living) = (Shifted::new(alpha, self.histories), Shifted::new(beta, self.histories));
        let tail = |(x, day): &(u32, u32)| ln_tail(params, f64::from(*x), self.histories.units(*day));
        let tails: Vec<(f64, [f64; MOST_PARAMS])> =
            self.pairs.par_iter().with_min_len(256).map(tail).collect();
        sum(&self.tuples, |(tuple, recency, age)| {
            let (x, day, _) = places(tuple);
            let k = r + f64::from(tuple.history.x);
            let (from, from_slopes) = &tails[*recency as usize];
            let (to, to_slopes) = &tails[*age as usize];
            let alive = -k * buying.ln[day] - s * living.ln[day];
            let odds = ln_s + ln_difference(*from, *to) - alive;
            let left = sigmoid(odds);
            let stays = 1.0 - left;
            let mut slope = Slope {
                value: rising[x] + r * ln_alpha + s * ln_beta + alive + softplus(odds),
                gradient: [
                    by_r[x] + ln_alpha - stays * buying.ln[day],
                    r / alpha - stays * k * buying.inverse[day],
                    ln_beta - stays * living.ln[day] + left / s,
                    s / beta - stays * s * living.inverse[day],
                ],
            };
            // Of the logarithm of a difference; nothing if there is none.
            let ratio = (to - from).exp();
            if left > 0.0 && ratio < 1.0 {
                let share = left / (1.0 - ratio);
                let slopes = from_slopes.iter().zip(to_slopes).map(|(from, to)| share * (from - ratio * to));
                slope.gradient.iter_mut().zip(slopes).for_each(|(sum, part)| *sum += part);
            }
            (f64::from(tuple.n), slope.by_logs(&params))
        })
    }
}
