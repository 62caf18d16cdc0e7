//! What a purchase is worth: the Gamma-Gamma model (Fader, Hardie and Lee 2005). A customer's amounts are gamma distributed
//! with shape `p` and a rate that is gamma distributed among customers, `(q, gamma)`, and independent of how often they buy.

use libm::lgamma;
use rayon::prelude::*;
use statrs::function::gamma::digamma;

use super::fit::{Maximum, PART, Unfit, maximise};
use super::likelihood::{LogLikelihood, MOST_PARAMS, Slope, as_f64, sum};

/// Least `q − 1` at which a mean still is one.
const LEAST_ABOVE_ONE: f64 = 1e-3;

/// Repeat purchases of a customer: how many, and their amounts added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spend {
    /// Repeat purchase days.
    pub x: u32,
    /// Sum of the amounts, `x` times the mean amount `z`, in major units; what is not positive counts as not known.
    pub total: f64,
}

impl Spend {
    /// Whether it takes part: at least one purchase, and an amount above zero.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.x > 0 && self.total > 0.0
    }
}

/// The model with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaGamma {
    /// Shape of a customer's amounts.
    pub p: f64,
    /// Shape of the rate's distribution; above 1.
    pub q: f64,
    /// Rate of the rate's distribution, in major units of money.
    pub gamma: f64,
}

impl GammaGamma {
    /// Shape and scale of what is known of a customer: `p x + q` and `gamma + x z`; of whom nothing is known: `q`, `gamma`.
    #[must_use]
    pub fn known_of(&self, spend: Spend) -> (f64, f64) {
        if spend.is_known() {
            (self.p * f64::from(spend.x) + self.q, self.gamma + spend.total)
        } else {
            (self.q, self.gamma)
        }
    }

    /// Expected amount of a purchase; the population's mean of whom nothing is known.
    #[must_use]
    pub fn expected(&self, spend: Spend) -> f64 {
        let (shape, scale) = self.known_of(spend);
        self.p * scale / (shape - 1.0)
    }

    /// The log-likelihood of a mean amount `z` of `x` purchases.
    #[must_use]
    pub fn log_likelihood(&self, x: u32, z: f64) -> f64 {
        let Self { p, q, gamma } = *self;
        let x = f64::from(x);
        let px = p * x;
        lgamma(px + q) - lgamma(px) - lgamma(q) + q * gamma.ln() + (px - 1.0) * z.ln() + px * x.ln()
            - (px + q) * (gamma + x * z).ln()
    }
}

/// Customers with the same count.
struct Group {
    n: f64,
    x: f64,
    /// Sum of `ln(x z)`.
    ln_totals: f64,
}

/// The likelihood of a population, at `ln p`, `ln(q − 1)`, `ln gamma`.
struct Likelihood {
    /// By count ascending.
    groups: Vec<Group>,
    /// Totals, by count and then size, with the place of their group.
    totals: Vec<(f64, u32)>,
    /// `Σ (ln x − ln total)`: what no parameter changes.
    constant: f64,
}

impl Likelihood {
    /// Spends come sorted by count and then size.
    fn new(spends: &[Spend]) -> Self {
        let mut groups = Vec::new();
        let mut totals = Vec::with_capacity(spends.len());
        let mut constant = 0.0;
        for (place, same) in (0_u32..).zip(spends.chunk_by(|a, b| a.x == b.x)) {
            let Some(x) = same.first().map(|spend| f64::from(spend.x)) else { continue };
            let ln_totals: f64 = same.iter().map(|spend| spend.total.ln()).sum();
            constant += as_f64(same.len()) * x.ln() - ln_totals;
            groups.push(Group { n: as_f64(same.len()), x, ln_totals });
            totals.extend(same.iter().map(|spend| (spend.total, place)));
        }
        Self { groups, totals, constant }
    }
}

impl LogLikelihood for Likelihood {
    fn n_params(&self) -> usize {
        3
    }

    fn n_observations(&self) -> f64 {
        as_f64(self.totals.len())
    }

    fn at(&self, log_params: &[f64]) -> Slope {
        let [p, above_one, gamma] = [0, 1, 2].map(|i: usize| log_params[i].exp());
        let q = 1.0 + above_one;
        let shapes: Vec<f64> = self.groups.iter().map(|group| p * group.x + q).collect();
        let mut slope = sum(&self.totals, |(total, group)| {
            let place = *group as usize;
            let shape = shapes[place];
            let whole = gamma + total;
            let ln_whole = whole.ln();
            let gradient = [-self.groups[place].x * ln_whole, -ln_whole, -shape / whole, 0.0];
            (1.0, Slope { value: -shape * ln_whole, gradient })
        });
        let ln_gamma = log_params[2];
        slope.value += self.constant;
        for (group, shape) in self.groups.iter().zip(&shapes) {
            let Group { n, x, ln_totals } = *group;
            let (px, at_shape) = (p * x, digamma(*shape));
            slope.value += n * (lgamma(*shape) - lgamma(px) - lgamma(q) + q * ln_gamma) + px * ln_totals;
            slope.gradient[0] += x * (n * (at_shape - digamma(px)) + ln_totals);
            slope.gradient[1] += n * (at_shape - digamma(q) + ln_gamma);
            slope.gradient[2] += n * q / gamma;
        }
        let by = [p, above_one, gamma, 0.0];
        debug_assert!(by.len() == MOST_PARAMS);
        slope.by_logs(&by)
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct SpendFit {
    /// Model and parameters.
    pub model: GammaGamma,
    /// Where the search ended; its parameters are `ln p`, `ln(q − 1)`, `ln gamma`. It may not have converged: where customers
    /// hardly differ, or their own amounts hardly vary, shapes grow without end while expectations stay what they are.
    pub maximum: Maximum,
    /// Customers who took part.
    pub n_customers: usize,
}

impl SpendFit {
    /// Names of the parameters.
    pub const PARAM_NAMES: [&'static str; 3] = ["p", "q", "gamma"];

    /// The parameters, in the order of [`Self::PARAM_NAMES`].
    #[must_use]
    pub const fn params(&self) -> [f64; 3] {
        [self.model.p, self.model.q, self.model.gamma]
    }

    /// Their standard errors; `None` where the Hessian is not definite.
    #[must_use]
    pub fn std_errors(&self) -> Option<[f64; 3]> {
        let covariance = self.maximum.covariance.as_ref()?;
        let by_log = [self.model.p, self.model.q - 1.0, self.model.gamma];
        Some([0, 1, 2].map(|i| by_log[i] * covariance.at(i, i).sqrt()))
    }
}

/// The model at a point of the search.
#[must_use]
pub fn model_at(log_params: &[f64]) -> GammaGamma {
    GammaGamma { p: log_params[0].exp(), q: 1.0 + log_params[1].exp(), gamma: log_params[2].exp() }
}

/// Fits the model to those whose spend is known.
///
/// # Errors
/// [`Unfit`]: nobody bought twice, fewer than four did, no likelihood is finite, or the largest has amounts without a mean.
pub fn fit_spend(spends: &[Spend]) -> Result<SpendFit, Unfit> {
    let mut known: Vec<Spend> = spends.iter().filter(|spend| spend.is_known()).copied().collect();
    known.par_sort_unstable_by(|a, b| a.x.cmp(&b.x).then(a.total.total_cmp(&b.total)));
    let n_customers = known.len();
    if n_customers == 0 {
        return Err(Unfit::NoRepeatBuyers);
    }
    if n_customers <= 3 {
        return Err(Unfit::TooFewHistories);
    }
    let step = n_customers.div_ceil(PART);
    let part =
        (step > 1).then(|| Likelihood::new(&known.iter().step_by(step).copied().collect::<Vec<Spend>>()));
    let likelihood = Likelihood::new(&known);
    let mean = {
        let (sum, n) = likelihood.totals.iter().fold((0.0, 0.0), |(sum, n), (total, group)| {
            (sum + total / likelihood.groups[*group as usize].x, n + 1.0)
        });
        sum / n
    };
    // The population's mean p γ / (q − 1) at what was seen.
    let start = |p: f64, above_one: f64| vec![p.ln(), above_one.ln(), (mean * above_one / p).ln()];
    let starts = [start(4.0, 3.0), start(1.0, 2.0), start(15.0, 5.0)];
    let maximum = maximise(&likelihood, part.as_ref(), &starts).ok_or(Unfit::NoMaximum)?;
    let model = model_at(&maximum.log_params);
    if model.q - 1.0 < LEAST_ABOVE_ONE {
        return Err(Unfit::NoMeanSpend);
    }
    Ok(SpendFit { model, maximum, n_customers })
}
