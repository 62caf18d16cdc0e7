//! The Pareto/NBD (Schmittlein, Morrison and Colombo 1987): purchases at a gamma distributed rate until an exponential
//! lifetime ends, whose rate is gamma distributed too. Parameters `r`, `alpha`, `s`, `beta`.

use rayon::prelude::*;

use super::histories::{Histories, Tuple};
use super::hypergeometric::Fraction;
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
    let [_, alpha, _, beta] = params;
    let terms = |shifted: f64| (shifted.ln(), 1.0 / shifted);
    Tails::new(params, x, tau).at(terms(alpha + tau), terms(beta + tau))
}

/// The integrals of one count, from all days on.
struct Tails {
    params: [f64; MOST_PARAMS],
    x: f64,
    fraction: Fraction,
}

impl Tails {
    /// For every `τ` from `least` on.
    fn new(params: [f64; MOST_PARAMS], x: f64, least: f64) -> Self {
        let [r, alpha, s, beta] = params;
        let b = if alpha >= beta { r + x } else { s + 1.0 };
        let most = (alpha - beta).abs() / (alpha.max(beta) + least);
        Self { params, x, fraction: Fraction::new(b, r + s + x + 1.0, most) }
    }

    /// The integral from `τ` on, given `ln` and inverse of `α+τ` and of `β+τ`.
    fn at(&self, buying: (f64, f64), living: (f64, f64)) -> (f64, [f64; MOST_PARAMS]) {
        let [r, alpha, s, beta] = self.params;
        let (k, w) = (r + self.x, r + s + self.x);
        let ((ln_alpha, by_alpha), (ln_beta, by_beta)) = (buying, living);
        if alpha >= beta {
            let f = self.fraction.at((alpha - beta) * by_alpha);
            let value = -s * ln_beta - k * ln_alpha - w.ln() + f.ln;
            let common = f.by_c - 1.0 / w;
            let gradient = [
                -ln_alpha + f.by_b + common,
                -k * by_alpha + f.by_z * by_alpha * by_alpha / by_beta,
                -ln_beta + common,
                -s * by_beta - f.by_z * by_alpha,
            ];
            (value, gradient)
        } else {
            let f = self.fraction.at((beta - alpha) * by_beta);
            let value = -(k - 1.0) * ln_alpha - (s + 1.0) * ln_beta - w.ln() + f.ln;
            let common = f.by_c - 1.0 / w;
            let gradient = [
                -ln_alpha + common,
                -(k - 1.0) * by_alpha - f.by_z * by_beta,
                -ln_beta + f.by_b + common,
                -(s + 1.0) * by_beta + f.by_z * by_beta * by_beta / by_alpha,
            ];
            (value, gradient)
        }
    }
}

/// `ln(e^l1 − e^l2)` for `l1 ≥ l2`; minus infinity where they are equal.
#[must_use]
pub fn ln_difference(l1: f64, l2: f64) -> f64 {
    if l2 < l1 { l1 + (-(l2 - l1).exp_m1()).ln() } else { f64::NEG_INFINITY }
}

/// `E / (1 + E)` and `ln(1 + E)` for `E = e^ln_first · part`, `part` between 0 and 1.
fn odds_of(ln_first: f64, part: f64) -> (f64, f64) {
    /// Beyond, `E` is told by its logarithm.
    const LARGE: f64 = 500.0;
    if ln_first < LARGE {
        let odds = ln_first.exp() * part;
        (odds / (1.0 + odds), odds.ln_1p())
    } else {
        let ln_odds = ln_first + part.ln();
        (sigmoid(ln_odds), softplus(ln_odds))
    }
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
        let terms = |shifted: &Shifted, day: u32| (shifted.ln[day as usize], shifted.inverse[day as usize]);
        let of_count = |pairs: &[(u32, u32)]| {
            let first = pairs.first().copied().unwrap_or_default();
            let tails = Tails::new(params, f64::from(first.0), self.histories.units(first.1));
            let tail = |(_, day): &(u32, u32)| tails.at(terms(&buying, *day), terms(&living, *day));
            pairs.iter().map(tail).collect::<Vec<_>>()
        };
        let tails: Vec<(f64, [f64; MOST_PARAMS])> =
            self.pairs.par_chunk_by(|a, b| a.0 == b.0).flat_map_iter(of_count).collect();
        sum(&self.tuples, |(tuple, recency, age)| {
            let (x, day, _) = places(tuple);
            let k = r + f64::from(tuple.history.x);
            let (from, from_slopes) = &tails[*recency as usize];
            let (to, to_slopes) = &tails[*age as usize];
            let alive = -k * buying.ln[day] - s * living.ln[day];
            // The difference of the integrals is the first times `1 − ratio`.
            let less = (to - from).exp_m1().min(0.0);
            let (left, more) = odds_of(ln_s + from - alive, -less);
            let stays = 1.0 - left;
            let mut slope = Slope {
                value: rising[x] + r * ln_alpha + s * ln_beta + alive + more,
                gradient: [
                    by_r[x] + ln_alpha - stays * buying.ln[day],
                    r / alpha - stays * k * buying.inverse[day],
                    ln_beta - stays * living.ln[day] + left / s,
                    s / beta - stays * s * living.inverse[day],
                ],
            };
            // Of the logarithm of a difference; nothing if there is none.
            let ratio = 1.0 + less;
            if left > 0.0 && less < 0.0 {
                let share = left / -less;
                let slopes = from_slopes.iter().zip(to_slopes).map(|(from, to)| share * (from - ratio * to));
                slope.gradient.iter_mut().zip(slopes).for_each(|(sum, part)| *sum += part);
            }
            (f64::from(tuple.n), slope.by_logs(&params))
        })
    }
}
