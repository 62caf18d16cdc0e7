//! The timing models of one customer: whether still a customer, purchases to come, purchases in all.
//!
//! Formulas and their numbers: analytics.md, sections 1 to 3 and 10. With `k = r + x` and `A = alpha + T`, a customer who has
//! not dropped out buys at a gamma distributed rate of shape `k` and rate `A`, and independently
//! - BG/NBD and MBG/NBD: drops out after a purchase with a probability `p` that is beta distributed, `(a, b + x)` and
//!   `(a, b + x + 1)`;
//! - Pareto/NBD: has a remaining lifetime with `P(> τ) = ((beta + T) / (beta + T + τ))^s`;
//! - NBD: never drops out.
//!
//! Means over `p` are Gauss–Jacobi quadratures: with them there is no hypergeometric function, no special case at `a = 1`
//! and no logarithm of a negative number.

use super::jacobi::Nodes;
use super::likelihood::{sigmoid, softplus};
use super::pareto::{ln_difference, ln_tail};

/// Nodes for means over the dropout probability, and for customers who buy very often.
const NODES: usize = 32;
const MORE_NODES: usize = 64;
/// Repeat purchases from which on [`MORE_NODES`] are taken.
const MANY: u32 = 200;

/// A model of purchase timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Model {
    /// Fader, Hardie and Lee 2005.
    BgNbd,
    /// Batislam, Denizel and Filiztekin 2007.
    MbgNbd,
    /// Schmittlein, Morrison and Colombo 1987.
    ParetoNbd,
    /// Ehrenberg 1959: nobody drops out.
    Nbd,
}

impl Model {
    /// Those with dropout, in the order in which ties between them are broken.
    pub const WITH_DROPOUT: [Self; 3] = [Self::BgNbd, Self::MbgNbd, Self::ParetoNbd];

    /// As configs and tables call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BgNbd => "bg_nbd",
            Self::MbgNbd => "mbg_nbd",
            Self::ParetoNbd => "pareto_nbd",
            Self::Nbd => "nbd",
        }
    }

    /// Its parameters, in their order.
    #[must_use]
    pub const fn param_names(self) -> &'static [&'static str] {
        match self {
            Self::BgNbd | Self::MbgNbd => &["r", "alpha", "a", "b"],
            Self::ParetoNbd => &["r", "alpha", "s", "beta"],
            Self::Nbd => &["r", "alpha"],
        }
    }

    /// How many.
    #[must_use]
    pub const fn n_params(self) -> usize {
        self.param_names().len()
    }
}

/// A model with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    model: Model,
    unit_days: f64,
    /// `r`, `alpha`, then `a`, `b` or `s`, `beta`; 0 where the model has none.
    params: [f64; 4],
}

impl Timing {
    /// Parameters in the order of [`Model::param_names`], positive, in units of `unit_days`; missing ones count as 0.
    #[must_use]
    pub fn new(model: Model, params: &[f64], unit_days: f64) -> Self {
        let mut all = [0.0; 4];
        all.iter_mut().zip(params).for_each(|(to, from)| *to = *from);
        Self { model, unit_days, params: all }
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> Model {
        self.model
    }

    /// Its parameters, in the order of [`Model::param_names`].
    #[must_use]
    pub fn params(&self) -> &[f64] {
        &self.params[..self.model.n_params()]
    }

    /// Days of a unit of time.
    #[must_use]
    pub const fn unit_days(&self) -> f64 {
        self.unit_days
    }

    /// The log-likelihood of one history.
    #[must_use]
    pub fn log_likelihood(&self, x: u32, t_x: f64, t: f64) -> f64 {
        let [r, alpha, a, b] = self.params;
        let k = r + f64::from(x);
        let rising: f64 = (0..x).map(|j| (r + f64::from(j)).ln()).sum::<f64>() + r * alpha.ln();
        let alive = -k * (alpha + t).ln();
        let stays = |times: u32| (0..times).map(|j| -(a / (b + f64::from(j))).ln_1p()).sum::<f64>();
        match self.model {
            Model::Nbd => rising + alive,
            Model::BgNbd => rising + alive + stays(x) + softplus(self.ln_odds_lost(x, t_x, t)),
            Model::MbgNbd => rising + alive + stays(x + 1) + softplus(self.ln_odds_lost(x, t_x, t)),
            Model::ParetoNbd => {
                let (s, beta) = (a, b);
                let alive = alive - s * (beta + t).ln();
                rising + s * beta.ln() + alive + softplus(self.ln_odds_lost(x, t_x, t))
            }
        }
    }

    /// Logarithm of the odds of having dropped out by the end of observation; minus infinity: certainly not.
    fn ln_odds_lost(&self, x: u32, t_x: f64, t: f64) -> f64 {
        let lost = Lost::new(self, x);
        lost.ln_odds(lost.mark(t_x), lost.mark(t), lost.still(t))
    }

    /// Probability of not having dropped out by the end of observation.
    #[must_use]
    pub fn p_alive(&self, x: u32, t_x: f64, t: f64) -> f64 {
        sigmoid(-self.ln_odds_lost(x, t_x, t))
    }

    /// The customers with a count, given that they have not dropped out.
    #[must_use]
    pub fn alive(&self, x: u32) -> Alive {
        let [r, _, a, b] = self.params;
        let n = if x >= MANY { MORE_NODES } else { NODES };
        let first = match self.model {
            Model::BgNbd => Some(0.0),
            Model::MbgNbd => Some(1.0),
            Model::ParetoNbd | Model::Nbd => None,
        };
        let dropout = first.map(|first| Dropout::new((a, b + f64::from(x) + first), n));
        Alive { timing: *self, k: r + f64::from(x), dropout }
    }

    /// Expected purchases in `ahead` units after the end of observation.
    #[must_use]
    pub fn conditional_expectation(&self, x: u32, t_x: f64, t: f64, ahead: f64) -> f64 {
        self.p_alive(x, t_x, t) * self.alive(x).expected(t, ahead)
    }

    /// Discounted expected purchases of all time to come at a continuous rate of `delta` a unit, `delta > 0`: DERT, or DET for
    /// a new customer.
    #[must_use]
    pub fn discounted_expectation(&self, x: u32, t_x: f64, t: f64, delta: f64) -> f64 {
        self.p_alive(x, t_x, t) * super::reach::Reach::new(&self.alive(x), delta).discounted(t)
    }

    /// A customer on the day of the first purchase.
    #[must_use]
    pub fn newcomer(&self) -> Newcomer {
        // A customer of the MBG/NBD may be lost at once.
        let stays = match self.model {
            Model::MbgNbd => self.params[3] / (self.params[2] + self.params[3]),
            Model::BgNbd | Model::ParetoNbd | Model::Nbd => 1.0,
        };
        Newcomer { stays, alive: self.alive(0) }
    }
}

/// A customer on the day of the first purchase.
#[derive(Clone, Debug)]
pub struct Newcomer {
    stays: f64,
    alive: Alive,
}

impl Newcomer {
    /// Expected repeat purchases in the first `t` units.
    #[must_use]
    pub fn expected(&self, t: f64) -> f64 {
        self.stays * self.alive.expected(0.0, t)
    }

    /// Distribution of the repeat purchases in the first `t` units.
    #[must_use]
    pub fn counts(&self, t: f64) -> super::counts::Counts {
        let mut counts = self.alive.counts(0.0, t);
        counts.p.iter_mut().for_each(|p| *p *= self.stays);
        counts.p.iter_mut().take(1).for_each(|none| *none += 1.0 - self.stays);
        counts.mean *= self.stays;
        counts.mean_square *= self.stays;
        counts
    }
}

/// The odds of having dropped out, of customers with the same count: what is costly depends on one day only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    timing: Timing,
    x: f64,
    k: f64,
    /// Logarithm of what stands before the times; minus infinity where nobody can have dropped out.
    ln_before: f64,
}

impl Lost {
    pub(super) fn new(timing: &Timing, x: u32) -> Self {
        let [r, _, a, b] = timing.params;
        let count = f64::from(x);
        let ln_before = match timing.model {
            Model::Nbd => f64::NEG_INFINITY,
            Model::BgNbd if x == 0 => f64::NEG_INFINITY,
            Model::BgNbd => a.ln() - (b + count - 1.0).ln(),
            Model::MbgNbd => a.ln() - (b + count).ln(),
            Model::ParetoNbd => a.ln(),
        };
        Self { timing: *timing, x: count, k: r + count, ln_before }
    }

    /// What the odds need of the day of the last purchase and of the end of observation.
    pub(super) fn mark(&self, at: f64) -> f64 {
        match self.timing.model {
            Model::Nbd => 0.0,
            Model::BgNbd | Model::MbgNbd => self.k * (self.timing.params[1] + at).ln(),
            Model::ParetoNbd => ln_tail(self.timing.params, self.x, at).0,
        }
    }

    /// What the odds need of the end of observation besides; 0 but for the Pareto/NBD.
    pub(super) fn still(&self, t: f64) -> f64 {
        let [_, alpha, s, beta] = self.timing.params;
        match self.timing.model {
            Model::ParetoNbd => self.k * (alpha + t).ln() + s * (beta + t).ln(),
            Model::BgNbd | Model::MbgNbd | Model::Nbd => 0.0,
        }
    }

    /// Logarithm of the odds, from the marks of the last purchase and of the end, and from [`Self::still`] of the end.
    pub(super) fn ln_odds(&self, last: f64, end: f64, still: f64) -> f64 {
        match self.timing.model {
            Model::ParetoNbd => self.ln_before + ln_difference(last, end) + still,
            Model::BgNbd | Model::MbgNbd | Model::Nbd => self.ln_before + end - last,
        }
    }
}

/// Customers with `x` repeat purchases who have not dropped out.
#[derive(Clone, Debug)]
pub struct Alive {
    pub(super) timing: Timing,
    /// Shape of the rate's distribution: `r + x`.
    pub(super) k: f64,
    /// The dropout probability after a purchase; `None` where that is not how customers leave.
    pub(super) dropout: Option<Dropout>,
}

/// A beta distributed probability of dropping out after a purchase.
#[derive(Clone, Debug)]
pub(super) struct Dropout {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) nodes: Nodes,
}

impl Dropout {
    pub(super) fn new((a, b): (f64, f64), n: usize) -> Self {
        Self { a, b, nodes: Nodes::beta(a, b, n) }
    }
}

impl Alive {
    /// Rate of the rate's distribution: `alpha + T`.
    pub(super) fn exposure(&self, t: f64) -> f64 {
        self.timing.params[1] + t
    }

    /// Expected purchases in `ahead` units after an observation of `t` units.
    #[must_use]
    pub fn expected(&self, t: f64, ahead: f64) -> f64 {
        let exposure = self.exposure(t);
        let ratio = ahead / exposure;
        match (&self.dropout, self.timing.model) {
            (Some(dropout), _) => dropout.nodes.mean(|p| {
                let y = p * ratio;
                // Below that the quotient is its limit to the last digit.
                if y < 1e-280 { self.k * ratio } else { -(-self.k * y.ln_1p()).exp_m1() / p }
            }),
            (None, Model::ParetoNbd) => {
                let [_, _, s, beta] = self.timing.params;
                let living = beta + t;
                let y = (ahead / living).ln_1p();
                self.k * living / exposure * y * decayed((s - 1.0) * y)
            }
            (None, _) => self.k * ratio,
        }
    }

    /// Units after which a customer who is one with probability `p_alive` has bought again with probability one half, not
    /// counting dropout before that purchase; `None` if that never comes.
    #[must_use]
    pub fn median_wait(&self, t: f64, p_alive: f64) -> Option<f64> {
        if p_alive <= 0.5 {
            return None;
        }
        let stays = (-0.5 / p_alive).ln_1p();
        let wait = self.exposure(t) * (-stays / self.k).exp_m1();
        wait.is_finite().then_some(wait)
    }
}

/// `(1 − e^−y) / y`, 1 at 0.
fn decayed(y: f64) -> f64 {
    if y.abs() < 1e-300 { 1.0 } else { -(-y).exp_m1() / y }
}
