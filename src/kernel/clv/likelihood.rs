//! Log-likelihoods with their gradients, summed over distinct histories: BG/NBD, MBG/NBD and NBD.
//!
//! All models are asked at the logarithms of their parameters, so that every point is allowed and a change of the unit of
//! time is a shift.

use rayon::prelude::*;

use super::histories::{Histories, Tuple};

/// Most parameters that a model has.
pub const MOST_PARAMS: usize = 4;
/// Histories that one task adds up; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 4096;

/// A log-likelihood and its slope by each parameter; what a model has fewer stays 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slope {
    /// The log-likelihood; not finite where a point lies so far out that it cannot be told.
    pub value: f64,
    /// By the logarithms of the parameters.
    pub gradient: [f64; MOST_PARAMS],
}

impl Slope {
    fn add(&mut self, other: &Self, weight: f64) {
        self.value += weight * other.value;
        self.gradient.iter_mut().zip(other.gradient).for_each(|(sum, part)| *sum += weight * part);
    }

    /// The slope by the logarithms, of one by the parameters themselves.
    #[must_use]
    pub fn by_logs(mut self, params: &[f64]) -> Self {
        self.gradient.iter_mut().zip(params).for_each(|(slope, param)| *slope *= param);
        self
    }
}

/// Something whose largest value [`super::fit`] finds.
pub trait LogLikelihood: Sync {
    /// Parameters, at most [`MOST_PARAMS`].
    fn n_params(&self) -> usize;
    /// What the log-likelihood is the sum of: customers.
    fn n_observations(&self) -> f64;
    /// The log-likelihood at parameters given by their logarithms.
    fn at(&self, log_params: &[f64]) -> Slope;
}

/// Adds the slopes of items in their order, whatever the number of threads.
pub fn sum<T: Sync>(items: &[T], slope: impl Fn(&T) -> (f64, Slope) + Sync) -> Slope {
    let chunks: Vec<Slope> = items
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut total = Slope::default();
            for item in chunk {
                let (weight, slope) = slope(item);
                total.add(&slope, weight);
            }
            total
        })
        .collect();
    let mut total = Slope::default();
    chunks.iter().for_each(|chunk| total.add(chunk, 1.0));
    total
}

/// `ln(shift + day)` and `1 / (shift + day)` by day, in units of time.
pub(super) struct Shifted {
    pub(super) ln: Vec<f64>,
    pub(super) inverse: Vec<f64>,
}

impl Shifted {
    pub(super) fn new(shift: f64, histories: &Histories) -> Self {
        let (_, most) = histories.most();
        let values = || (0..=most).map(|day| shift + histories.units(day));
        Self { ln: values().map(f64::ln).collect(), inverse: values().map(|value| 1.0 / value).collect() }
    }
}

/// Sums over `j < x` of `of(j)`, by `x` from 0 to `most`. Differences of logarithms of gamma functions are taken so: by
/// subtraction they would lose all digits where a parameter is large (analytics.md, section 10).
pub(super) fn prefix_sums(most: u32, of: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut sums = Vec::with_capacity(most as usize + 1);
    let mut total = 0.0;
    for j in 0..=most {
        sums.push(total);
        total += of(f64::from(j));
    }
    sums
}

/// `ln(1 + e^v)`.
pub(super) fn softplus(v: f64) -> f64 {
    if v > 0.0 { v + (-v).exp().ln_1p() } else { v.exp().ln_1p() }
}

/// `1 / (1 + e^−v)`.
pub(super) fn sigmoid(v: f64) -> f64 {
    if v >= 0.0 {
        1.0 / (1.0 + (-v).exp())
    } else {
        let e = v.exp();
        e / (1.0 + e)
    }
}

/// The NBD: purchases at a rate that is gamma distributed among customers, who never drop out. Parameters `r`, `alpha`.
pub struct Nbd<'a> {
    /// The customers.
    pub histories: &'a Histories,
}

impl LogLikelihood for Nbd<'_> {
    fn n_params(&self) -> usize {
        2
    }

    fn n_observations(&self) -> f64 {
        n_customers(self.histories)
    }

    fn at(&self, log_params: &[f64]) -> Slope {
        let [r, alpha] = [0, 1].map(|i| log_params[i].exp());
        let (most_x, _) = self.histories.most();
        let rising = prefix_sums(most_x, |j| (r + j).ln());
        let by_r = prefix_sums(most_x, |j| 1.0 / (r + j));
        let shifted = Shifted::new(alpha, self.histories);
        let ln_alpha = log_params[1];
        sum(self.histories.tuples(), |tuple| {
            let (x, age, _) = places(tuple);
            let k = r + f64::from(tuple.history.x);
            let mut slope =
                Slope { value: rising[x] + r * ln_alpha - k * shifted.ln[age], ..Slope::default() };
            slope.gradient[0] = by_r[x] + ln_alpha - shifted.ln[age];
            slope.gradient[1] = r / alpha - k * shifted.inverse[age];
            (f64::from(tuple.n), slope.by_logs(&[r, alpha]))
        })
    }
}

/// BG/NBD (Fader, Hardie and Lee 2005) and MBG/NBD (Batislam, Denizel and Filiztekin 2007): as the NBD, but after each
/// purchase a customer drops out with a probability that is beta distributed among customers; in the MBG/NBD after the
/// first one too. Parameters `r`, `alpha`, `a`, `b`.
pub struct BetaGeometric<'a> {
    /// The customers.
    pub histories: &'a Histories,
    /// Whether a customer may drop out after the first purchase already: MBG/NBD.
    pub from_first: bool,
}

/// What depends on the count only.
struct ByCount {
    /// `ln Γ(r + x) / Γ(r) + ln B(a, b + d) / B(a, b)`, where `d` are the times the customer stayed.
    rising: Vec<f64>,
    /// Its slopes by `r`, `a` and `b`.
    slopes: [Vec<f64>; 3],
}

impl LogLikelihood for BetaGeometric<'_> {
    fn n_params(&self) -> usize {
        4
    }

    fn n_observations(&self) -> f64 {
        n_customers(self.histories)
    }

    fn at(&self, log_params: &[f64]) -> Slope {
        let [r, alpha, a, b] = [0, 1, 2, 3].map(|i| log_params[i].exp());
        let [ln_alpha, ln_a] = [log_params[1], log_params[2]];
        let by_count = self.by_count(r, a, b);
        let shifted = Shifted::new(alpha, self.histories);
        let first = f64::from(u8::from(self.from_first));
        // ln of the number that stands below `a` in the odds of having dropped out.
        let (most_x, _) = self.histories.most();
        let below: Vec<f64> = (0..=most_x).map(|x| b + f64::from(x) + first - 1.0).collect();
        let ln_below: Vec<f64> = below.iter().map(|value| value.ln()).collect();
        sum(self.histories.tuples(), |tuple| {
            let (x, age, recency) = places(tuple);
            let k = r + f64::from(tuple.history.x);
            let mut slope = Slope {
                value: by_count.rising[x] + r * ln_alpha - k * shifted.ln[age],
                gradient: [
                    by_count.slopes[0][x] + ln_alpha - shifted.ln[age],
                    r / alpha - k * shifted.inverse[age],
                    by_count.slopes[1][x],
                    by_count.slopes[2][x],
                ],
            };
            if x > 0 || self.from_first {
                let longer = shifted.ln[age] - shifted.ln[recency];
                let odds = ln_a - ln_below[x] + k * longer;
                // One exponential for both: of having dropped out, and of the logarithm of the sum.
                let small = (-odds.abs()).exp();
                let left = if odds > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
                slope.value += odds.max(0.0) + small.ln_1p();
                slope.gradient[0] += left * longer;
                slope.gradient[1] += left * k * (shifted.inverse[age] - shifted.inverse[recency]);
                slope.gradient[2] += left / a;
                slope.gradient[3] -= left / below[x];
            }
            (f64::from(tuple.n), slope.by_logs(&[r, alpha, a, b]))
        })
    }
}

impl BetaGeometric<'_> {
    fn by_count(&self, r: f64, a: f64, b: f64) -> ByCount {
        let (most_x, _) = self.histories.most();
        let extra = usize::from(self.from_first);
        let most_stays = most_x + u32::from(self.from_first);
        let rising = prefix_sums(most_x, |j| (r + j).ln());
        let stays = prefix_sums(most_stays, |j| (a / (b + j)).ln_1p());
        let by_a = prefix_sums(most_stays, |j| 1.0 / (a + b + j));
        let by_b = prefix_sums(most_stays, |j| a / ((b + j) * (a + b + j)));
        ByCount {
            rising: rising.iter().zip(&stays[extra..]).map(|(rising, stays)| rising - stays).collect(),
            slopes: [
                prefix_sums(most_x, |j| 1.0 / (r + j)),
                by_a[extra..].iter().map(|slope| -slope).collect(),
                by_b[extra..].to_vec(),
            ],
        }
    }
}

/// Places of a history in tables by count and by day.
pub(super) fn places(tuple: &Tuple) -> (usize, usize, usize) {
    let history = tuple.history;
    (history.x as usize, history.age as usize, history.recency as usize)
}

/// Customers, as a number to divide by.
pub(super) fn n_customers(histories: &Histories) -> f64 {
    histories.tuples().iter().map(|tuple| f64::from(tuple.n)).sum()
}

/// A number of customers as a float; exact below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "numbers of customers are far below 2⁵³")]
pub(super) const fn as_f64(n: usize) -> f64 {
    n as f64
}
