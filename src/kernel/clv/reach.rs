//! Discounted expected purchases of all time to come.
//!
//! Given alive, purchases arrive at time `v` with intensity `E[λ · P(still a customer at v)]`. With `v = A y` for the BG/NBD
//! and MBG/NBD this is `k/A · E_p[(1 + p y)^−(k+1)]`, and with `v = (beta + T) y` for the Pareto/NBD `k/A · (1 + y)^−s`: what
//! depends on `y` depends on the count only, so that it is tabulated once for all customers with that count. The discounted
//! integral over `ln y` is taken by the trapezoidal rule, which for such integrands converges like `e^(−π²/step)`.

use super::jacobi::Nodes;
use super::timing::{Alive, Model};

/// Step in `ln y`; `e^(−π²/0.45)` is 3e-10.
const STEP: f64 = 0.45;
/// `ln y` below which the integrand, which falls like `y`, no longer counts.
const FROM: f64 = -28.0;
/// Points at most.
const POINTS: u32 = 400;
/// Nodes over the dropout probability: far ahead only the smallest ones count.
const NODES: usize = 96;
/// Exponent beyond which a discount factor no longer counts.
const MOST: f64 = 745.0;

/// Intensities of purchases, by the logarithm of time.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    alive: &'a Alive,
    /// `y` and `STEP · y · intensity(y)`, where the intensity is in purchases for `k/A = 1`.
    points: Vec<(f64, f64)>,
    delta: f64,
}

impl<'a> Reach<'a> {
    /// Tabulates the intensity of customers with a count; `delta` is the continuous rate of discount a unit, above 0.
    #[must_use]
    pub fn new(alive: &'a Alive, delta: f64) -> Self {
        let finer = alive.dropout.as_ref().map(|dropout| Nodes::beta(dropout.a, dropout.b, NODES));
        let s = alive.timing.params().get(2).copied().unwrap_or_default();
        let intensity = |y: f64| match (&finer, alive.timing.model()) {
            (Some(nodes), _) => nodes.mean(|p| (-(alive.k + 1.0) * (p * y).ln_1p()).exp()),
            (None, Model::ParetoNbd) => (-s * y.ln_1p()).exp(),
            (None, _) => 1.0,
        };
        let point = |number: u32| {
            let y = (FROM + STEP * f64::from(number)).exp();
            (y, STEP * y * intensity(y))
        };
        // Nobody's time is measured in less than that of a new customer.
        let least = delta * Self::scale(alive, 0.0);
        let points = (0..POINTS).map(point).take_while(|(y, _)| least * y < MOST).collect();
        Self { alive, points, delta }
    }

    /// Time in which `y` is measured.
    fn scale(alive: &Alive, t: f64) -> f64 {
        match (alive.timing.model(), alive.timing.params()) {
            (Model::ParetoNbd, [.., beta]) => beta + t,
            _ => alive.exposure(t),
        }
    }

    /// Discounted expected purchases of a customer who is one, after an observation of `t` units.
    #[must_use]
    pub fn discounted(&self, t: f64) -> f64 {
        let exposure = self.alive.exposure(t);
        if self.alive.timing.model() == Model::Nbd {
            return self.alive.k / (exposure * self.delta);
        }
        let scale = Self::scale(self.alive, t);
        let rate = self.delta * scale;
        let counted = self.points.iter().take_while(|(y, _)| rate * y < MOST);
        let sum: f64 = counted.map(|(y, weight)| weight * (-rate * y).exp()).sum();
        self.alive.k * scale / exposure * sum
    }
}
