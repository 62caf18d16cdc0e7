//! Distribution of the money of the purchases to come, in multiples of the scale `gamma + x z` of what is known of a
//! customer: a mixture, over how many purchases come, of beta prime distributions.

use rayon::prelude::*;
use statrs::function::gamma::digamma;

use super::counts::{Counts, count_at};
use super::doubt::POINTS;
use super::likelihood::softplus;
use super::spend::{GammaGamma, Spend};

/// Points of the grid at most.
const MOST: f64 = 400.0;
/// Distance of its points, in standard deviations of the narrowest distribution.
const STEP: f64 = 0.5;
/// Standard deviations that the grid reaches beyond the smallest and the largest number of purchases, and the share that
/// the tails, which are exponential in the logarithm, may keep beyond it.
const REACH: f64 = 5.0;
const LN_BEYOND: f64 = 10.0;

/// Distribution functions of the sum of `n` amounts, of customers with one count.
#[derive(Debug)]
pub struct Worths {
    /// Logarithms of the values of the grid, evenly spaced.
    grid: Vec<f64>,
    /// By point of doubt, place of the count (from 1) and point of the grid.
    tables: Vec<Vec<Vec<f64>>>,
}

impl Worths {
    /// Tabulates sums of up to `n_places` places of counts. At a point of doubt the scale differs from that at the maximum
    /// by a ratio, which is taken at the mean amount.
    #[must_use]
    pub fn new(model: &GammaGamma, doubts: &[GammaGamma; POINTS], x: u32, n_places: usize) -> Self {
        let mean = model.expected(Spend { x: 0, total: 0.0 });
        let spend = Spend { x, total: mean * f64::from(x) };
        let (shape, scale) = model.known_of(spend);
        let centre = |n: f64| digamma(model.p * n) - digamma(shape);
        let spread = |n: f64| (trigamma(model.p * n) + trigamma(shape)).sqrt();
        let most = count_at(n_places.max(2) - 1);
        let from = centre(1.0) - (REACH * spread(1.0)).max(LN_BEYOND / model.p);
        let to = centre(most) + (REACH * spread(most)).max(LN_BEYOND / shape);
        let n = points(from, to, spread(most));
        let step = (to - from) / f64::from(n);
        let grid: Vec<f64> = (0..=n).map(|j| from + step * f64::from(j)).collect();
        let table = |doubt: &GammaGamma| -> Vec<Vec<f64>> {
            let (shape, doubted) = doubt.known_of(spend);
            let shift = (doubted / scale).ln();
            // ln w and ln(1 + w) of each point.
            let points: Vec<(f64, f64)> = grid.iter().map(|y| (y - shift, softplus(y - shift))).collect();
            (1..n_places).map(|place| cumulative(doubt.p * count_at(place), shape, &points, step)).collect()
        };
        Self { tables: doubts.par_iter().map(table).collect(), grid }
    }

    /// The distribution of customers who are that still, from the distribution of their purchases at each point of doubt.
    #[must_use]
    pub fn of(&self, counts: &[Counts]) -> Worth<'_> {
        let mix = |point: usize| {
            let (p, table) = (&counts[point].p, &self.tables[point]);
            let none = p.first().copied().unwrap_or(1.0);
            let mut below = vec![none; self.grid.len()];
            for (p, row) in p.iter().skip(1).zip(table) {
                below.iter_mut().zip(row).for_each(|(sum, cell)| *sum += p * cell);
            }
            (none, below)
        };
        Worth { grid: &self.grid, below: std::array::from_fn(mix) }
    }
}

/// Distribution of the money of customers with one count and age, given that they still are customers.
#[derive(Debug)]
pub struct Worth<'a> {
    grid: &'a [f64],
    /// By point of doubt: the probability of no purchase, and of less than each value of the grid.
    below: [(f64, Vec<f64>); POINTS],
}

impl Worth<'_> {
    /// The value below which the money of a customer stays with a given probability, when `p_alive` at each point of doubt is
    /// the probability of still being one; 0 where no purchase is as likely as that.
    #[must_use]
    pub fn quantile(&self, p_alive: &[f64; POINTS], probability: f64) -> f64 {
        let mix = |given_alive: &mut dyn Iterator<Item = f64>| {
            let parts = given_alive.zip(p_alive).map(|(below, alive)| 1.0 - alive + alive * below);
            parts.sum::<f64>() / super::likelihood::as_f64(POINTS)
        };
        let none = mix(&mut self.below.iter().map(|(none, _)| *none));
        if probability <= none {
            return 0.0;
        }
        let at = |j: usize| mix(&mut self.below.iter().map(|(_, below)| below[j]));
        let n = self.grid.len();
        let (mut low, mut high) = (0, n);
        while low < high {
            let middle = usize::midpoint(low, high);
            if at(middle) < probability {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let value = |j: usize| self.grid[j].exp();
        match low {
            0 => value(0) * (probability - none) / (at(0) - none),
            j if j == n => value(n - 1),
            j => {
                let (before, here) = (at(j - 1), at(j));
                let share = (probability - before) / (here - before);
                (self.grid[j - 1] + share * (self.grid[j] - self.grid[j - 1])).exp()
            }
        }
    }
}

/// Steps of a grid, as many as the narrowest distribution asks for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 16 and 400")]
fn points(from: f64, to: f64, narrowest: f64) -> u32 {
    (((to - from) / (STEP * narrowest)).ceil().min(MOST) as u32).max(16)
}

/// Distribution function of the logarithm of a beta prime variate with two shapes at evenly spaced points, which reach over
/// all of it: the trapezoidal rule with the first term of Euler and Maclaurin's correction, since the slope of the density
/// is known.
fn cumulative(first: f64, second: f64, points: &[(f64, f64)], step: f64) -> Vec<f64> {
    let ln_density = |(y, ln_one_more): &(f64, f64)| first * y - (first + second) * ln_one_more;
    let most = points.iter().map(ln_density).fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    let mut before = None;
    let mut below: Vec<f64> = points
        .iter()
        .map(|point| {
            let density = (ln_density(point) - most).exp();
            let slope = density * (first - (first + second) * (point.0 - point.1).exp());
            if let Some((density_before, slope_before)) = before {
                let area: f64 =
                    0.5 * step * (density_before + density) - step * step / 12.0 * (slope - slope_before);
                sum += area.max(0.0);
            }
            before = Some((density, slope));
            sum
        })
        .collect();
    // A distribution so far out that nothing of it is left says that sums are certainly smaller.
    below.iter_mut().for_each(|part| *part = if sum > 0.0 { *part / sum } else { 1.0 });
    below
}

/// The second derivative of `ln Γ`, to a thousandth, which is enough for the width of a grid.
fn trigamma(z: f64) -> f64 {
    let (mut z, mut sum) = (z, 0.0);
    while z < 4.0 {
        sum += 1.0 / (z * z);
        z += 1.0;
    }
    sum + 1.0 / z + 0.5 / (z * z) + 1.0 / (6.0 * z * z * z)
}

#[cfg(test)]
mod tests {
    use statrs::function::beta::beta_reg;

    use super::{Worths, count_at};
    use crate::kernel::clv::spend::GammaGamma;

    #[test]
    fn sums_of_amounts_are_beta_prime_distributed() {
        for (p, q, x) in [(6.25, 3.74, 0), (6.25, 3.74, 12), (0.4, 2.5, 1), (3.0, 1.2, 0), (2.0, 9.0, 150)] {
            let model = GammaGamma { p, q, gamma: 15.0 };
            let worths = Worths::new(&model, &[model; 8], x, 30);
            for (place, row) in (1..).zip(&worths.tables[0]) {
                for (y, found) in worths.grid.iter().zip(row) {
                    let odds = y.exp();
                    let wanted = beta_reg(p * count_at(place), p * f64::from(x) + q, odds / (1.0 + odds));
                    assert!(
                        (found - wanted).abs() < 5e-4,
                        "{p} {q} {x}, {place} at {odds}: {found} {wanted}"
                    );
                }
            }
        }
    }
}
