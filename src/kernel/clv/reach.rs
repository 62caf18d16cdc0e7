//! Discounted expected purchases of all time to come.
//!
//! Given alive, purchases arrive at time `v` with intensity `E[λ · P(still a customer at v)]`. With `v = A y` for the BG/NBD
//! and MBG/NBD this is `k/A · E_p[(1 + p y)^−(k+1)]`, and with `v = (beta + T) y` for the Pareto/NBD `k/A · (1 + y)^−s`: what
//! depends on `y` depends on the count only, so that it is tabulated once for all customers with that count. The discounted
//! integral over `ln y` is taken by the trapezoidal rule, which for such integrands converges like `e^(−π²/step)`.

use super::timing::{Alive, Model};

/// Step in `ln y`; `e^(−π²/0.3)` is 5e-15.
const STEP: f64 = 0.3;
/// `ln y` below which the integrand, which falls like `y`, no longer counts.
const FROM: f64 = -36.0;
/// Exponent beyond which a discount factor no longer counts.
const MOST: f64 = 745.0;

/// Intensities of purchases, by the logarithm of time.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    alive: &'a Alive,
    /// `y` and `STEP · y · intensity(y)`, where the intensity is in purchases for `k/A = 1`.
    points: Vec<(f64, f64)>,
}

/// Points reach up to `ln y = 60`: `delta · A` down to 1e-23 is served.
const POINTS: u32 = 320;

impl<'a> Reach<'a> {
    /// Tabulates the intensity of customers with a count.
    #[must_use]
    pub fn new(alive: &'a Alive) -> Self {
        let s = alive.timing.params().get(2).copied().unwrap_or_default();
        let intensity = |y: f64| match (&alive.dropout, alive.timing.model()) {
            (Some(dropout), _) => dropout.mean(|p| (-(alive.k + 1.0) * (p * y).ln_1p()).exp()),
            (None, Model::ParetoNbd) => (-s * y.ln_1p()).exp(),
            (None, _) => 1.0,
        };
        let point = |number: u32| {
            let y = (FROM + STEP * f64::from(number)).exp();
            (y, STEP * y * intensity(y))
        };
        Self { alive, points: (0..POINTS).map(point).collect() }
    }

    /// Discounted expected purchases of a customer who is one, after an observation of `t` units, at a continuous rate of
    /// `delta > 0` a unit.
    #[must_use]
    pub fn discounted(&self, t: f64, delta: f64) -> f64 {
        let timing = &self.alive.timing;
        let exposure = self.alive.exposure(t);
        // Time in which `y` is measured.
        let scale = match timing.model() {
            Model::ParetoNbd => timing.params()[3] + t,
            Model::BgNbd | Model::MbgNbd => exposure,
            Model::Nbd => return self.alive.k / (exposure * delta),
        };
        let rate = delta * scale;
        let counted = self.points.iter().take_while(|(y, _)| rate * y < MOST);
        let sum: f64 = counted.map(|(y, weight)| weight * (-rate * y).exp()).sum();
        self.alive.k * scale / exposure * sum
    }
}
