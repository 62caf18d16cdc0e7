//! Distribution of the money of the purchases to come, in multiples of the scale `gamma + x z` of what is known of a
//! customer: a mixture, over how many purchases come, of beta prime distributions.

use rayon::prelude::*;
use statrs::function::beta::checked_beta_reg;
use statrs::function::gamma::digamma;

use super::counts::{Counts, count_at};
use super::doubt::POINTS;
use super::spend::{GammaGamma, Spend};

/// Points of a distribution function, evenly in the logarithm of the value.
const GRID: usize = 64;
/// Standard deviations that the grid reaches beyond the smallest and the largest number of purchases.
const REACH: f64 = 5.0;

/// Distribution functions of the sum of `n` amounts, of customers with one count.
#[derive(Debug)]
pub struct Worths {
    /// Logarithms of the values of the grid.
    grid: Vec<f64>,
    /// By point of doubt, place of the count (from 1) and point of the grid.
    tables: Vec<Vec<[f64; GRID]>>,
}

impl Worths {
    /// Tabulates sums of up to `n_places` places of counts. At a point of doubt the scale differs from that at the maximum
    /// by a ratio, which is taken at the mean amount.
    #[must_use]
    pub fn new(model: &GammaGamma, doubts: &[GammaGamma; POINTS], x: u32, n_places: usize) -> Self {
        let mean = model.expected(Spend { x: 0, total: 0.0 });
        let spend = Spend { x, total: mean * f64::from(x) };
        let (shape, scale) = model.known_of(spend);
        let ends = |n: f64| {
            let centre = digamma(model.p * n) - digamma(shape);
            let spread = REACH * (trigamma(model.p * n) + trigamma(shape)).sqrt();
            (centre - spread, centre + spread)
        };
        let from = ends(1.0).0;
        let to = ends(count_at(n_places.max(2) - 1)).1;
        let step = (to - from) / super::likelihood::as_f64(GRID - 1);
        let grid: Vec<f64> = (0..GRID).map(|j| from + step * super::likelihood::as_f64(j)).collect();
        let tables = doubts.par_iter().map(|doubt| {
            let (shape, doubted) = doubt.known_of(spend);
            let ratio = doubted / scale;
            let row = |place: usize| {
                let first = doubt.p * count_at(place);
                let mut row = [1.0; GRID];
                for (cell, ln_value) in row.iter_mut().zip(&grid) {
                    // w / (1 + w) is beta distributed.
                    let odds = ln_value.exp() / ratio;
                    *cell = checked_beta_reg(first, shape, odds / (1.0 + odds)).unwrap_or(1.0);
                    if *cell >= 1.0 - 1e-12 {
                        break;
                    }
                }
                row
            };
            (1..n_places).into_par_iter().map(row).collect()
        });
        let tables = tables.collect();
        Self { grid, tables }
    }

    /// The distribution of customers who are that still, from the distribution of their purchases at each point of doubt.
    #[must_use]
    pub fn of(&self, counts: &[Counts]) -> Worth<'_> {
        let mix = |point: usize| {
            let (p, table) = (&counts[point].p, &self.tables[point]);
            let none = p.first().copied().unwrap_or(1.0);
            let mut below = [none; GRID];
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
    below: [(f64, [f64; GRID]); POINTS],
}

impl Worth<'_> {
    /// The value below which the money of a customer stays with a given probability, when `p_alive` at each point of doubt is
    /// the probability of still being one; 0 where no purchase is as likely as that.
    #[must_use]
    pub fn quantile(&self, p_alive: &[f64; POINTS], probability: f64) -> f64 {
        let mix = |of: &dyn Fn(&(f64, [f64; GRID])) -> f64| {
            let parts = self.below.iter().zip(p_alive).map(|(below, alive)| 1.0 - alive + alive * of(below));
            parts.sum::<f64>() / super::likelihood::as_f64(POINTS)
        };
        let none = mix(&|(none, _)| *none);
        if probability <= none {
            return 0.0;
        }
        let at = |j: usize| mix(&|(_, below)| below[j]);
        let (mut low, mut high) = (0, GRID);
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
            GRID => value(GRID - 1),
            j => {
                let (before, here) = (at(j - 1), at(j));
                let share = (probability - before) / (here - before);
                (self.grid[j - 1] + share * (self.grid[j] - self.grid[j - 1])).exp()
            }
        }
    }
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
