//! The shifted-beta-geometric model of contracts (Fader and Hardie 2007): at each renewal a customer leaves with a probability
//! that is beta distributed among customers, `(alpha, beta)`.

use super::fit::{Maximum, Unfit, maximise};
use super::hypergeometric::Hypergeometric;
use super::likelihood::{LogLikelihood, Slope};

/// The model with its parameters, both positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShiftedBetaGeometric {
    /// Of leaving.
    pub alpha: f64,
    /// Of staying.
    pub beta: f64,
}

impl ShiftedBetaGeometric {
    /// Share of those who were there for renewal `t` (from 1) and renewed.
    #[must_use]
    pub fn retention(&self, t: u32) -> f64 {
        let stays = self.beta + f64::from(t) - 1.0;
        stays / (self.alpha + stays)
    }

    /// Share of a cohort that is left after `t` renewals.
    #[must_use]
    pub fn survival(&self, t: u32) -> f64 {
        (1..=t).map(|t| self.retention(t)).product()
    }

    /// Discounted expected lifetime of a new customer, the first period among it, at a rate of `d > 0` a period.
    #[must_use]
    pub fn lifetime(&self, d: f64) -> f64 {
        Hypergeometric::new(self.beta, self.alpha + self.beta, 1.0 / (1.0 + d)).ln.exp()
    }

    /// Discounted expected residual lifetime just before renewal `n` (from 1), at a rate of `d > 0` a period.
    #[must_use]
    pub fn residual_lifetime(&self, n: u32, d: f64) -> f64 {
        let beta = self.beta + f64::from(n);
        self.retention(n) * Hypergeometric::new(beta, self.alpha + beta, 1.0 / (1.0 + d)).ln.exp()
    }
}

/// Customers at the start and after each renewal.
struct Cohort<'a>(&'a [f64]);

impl LogLikelihood for Cohort<'_> {
    fn n_params(&self) -> usize {
        2
    }

    fn n_observations(&self) -> f64 {
        self.0.first().copied().unwrap_or_default()
    }

    fn at(&self, log_params: &[f64]) -> Slope {
        let [alpha, beta] = [0, 1].map(|i: usize| log_params[i].exp());
        let mut slope = Slope::default();
        // At each renewal everybody who is there stays or leaves: the product of the conditional probabilities is the
        // likelihood.
        let mut renewals = 0.0;
        for pair in self.0.windows(2) {
            let &[before, after] = pair else { continue };
            let (lost, stays) = (before - after, beta + renewals);
            let whole = alpha + stays;
            slope.value += lost * (alpha / whole).ln() + after * (stays / whole).ln();
            slope.gradient[0] += lost / alpha - before / whole;
            slope.gradient[1] += after / stays - before / whole;
            renewals += 1.0;
        }
        slope.by_logs(&[alpha, beta])
    }
}

/// Fits the model to a cohort: its size, and how many were left after each renewal, never more than before.
///
/// # Errors
/// [`Unfit`]: fewer than two renewals, or a likelihood without a maximum, as where nobody left.
pub fn fit(survivors: &[f64]) -> Result<(ShiftedBetaGeometric, Maximum), Unfit> {
    if survivors.len() < 3
        || survivors.iter().any(|n| !n.is_finite())
        || !survivors.is_sorted_by(|a, b| a >= b)
    {
        return Err(Unfit::TooFewHistories);
    }
    let starts =
        [[1.0, 1.0], [0.5, 3.0], [3.0, 10.0]].map(|start: [f64; 2]| start.iter().map(|v| v.ln()).collect());
    let maximum = maximise(&Cohort(survivors), None, &starts).filter(|found| found.converged);
    let maximum = maximum.ok_or(Unfit::NoMaximum)?;
    let [alpha, beta] = [0, 1].map(|i: usize| maximum.log_params[i].exp());
    Ok((ShiftedBetaGeometric { alpha, beta }, maximum))
}
