//! Parameters of largest likelihood, and how well they are known.

use std::convert::Infallible;

use basin::{Bfgs, CostFunction, Executor, FirstOrderState, Gradient, HagerZhang};

use super::histories::Histories;
use super::likelihood::{BetaGeometric, LogLikelihood, Nbd, Slope};
use super::matrix::Matrix;
use super::pareto::ParetoNbd;
use super::timing::{Model, Timing};

/// Iterations of one search at most; searches that end well take 15 to 60.
const MOST_ITERATIONS: u64 = 400;
/// A search from a start is rough first, on a part of the population: the best is followed to the end on all of it.
const ROUGH: f64 = 1e-3;
/// Distinct histories, or customers with a spend, of that part.
pub(super) const PART: usize = 8192;
/// Slope of the mean log-likelihood by the logarithm of a parameter at which a search ends.
const FINE: f64 = 1e-9;
/// Slope up to which a result counts as a maximum.
const CONVERGED: f64 = 1e-6;
/// Step in the logarithm of a parameter for second differences of the gradient.
const STEP: f64 = 1e-4;
/// Largest logarithm of a parameter, by size, at which the models' expectations keep their digits.
const MOST_LOG: f64 = 25.0;
/// Largest logarithm of the shape of dropout, `s` or `a`: beyond, all customers drop out alike, and nothing but rounding
/// tells one shape from another.
const MOST_LOG_SHAPE: f64 = 13.8;
/// What two more parameters must bring, in log-likelihood, to be believed in: Akaike's criterion.
const GAIN_OF_DROPOUT: f64 = 2.0;

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Nobody bought on two days.
    NoRepeatBuyers,
    /// Too few differ for the number of parameters.
    TooFewHistories,
    /// The search found no maximum.
    NoMaximum,
    /// The mean of a purchase's amount is not finite: `q ≤ 1` in the Gamma-Gamma model.
    NoMeanSpend,
}

impl Unfit {
    /// In words, for a message.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoRepeatBuyers => "nobody bought on two days",
            Self::TooFewHistories => "too few customers differ in what they bought when",
            Self::NoMaximum => "the likelihood has no maximum",
            Self::NoMeanSpend => "amounts vary so widely that they have no mean (q ≤ 1)",
        }
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Maximum {
    /// Logarithms of the parameters.
    pub log_params: Vec<f64>,
    /// The log-likelihood there.
    pub log_likelihood: f64,
    /// Largest slope of the mean log-likelihood by the logarithm of a parameter, by size.
    pub gradient_norm: f64,
    /// Whether that is as good as zero.
    pub converged: bool,
    /// Hessian of the negative log-likelihood by the logarithms.
    pub hessian: Matrix,
    /// Its condition number.
    pub condition: f64,
    /// Covariance of the logarithms of the parameters: the inverse of the Hessian; `None` where it is not positive definite.
    pub covariance: Option<Matrix>,
    /// Starts.
    pub n_starts: usize,
    /// Evaluations of the whole likelihood with its gradient.
    pub n_evaluations: u64,
}

struct Negative<'a, L> {
    likelihood: &'a L,
    n: f64,
}

impl<L: LogLikelihood> Negative<'_, L> {
    fn slope(&self, log_params: &[f64]) -> (f64, Vec<f64>) {
        let Slope { value, gradient } = self.likelihood.at(log_params);
        let gradient = gradient.iter().take(log_params.len()).map(|slope| -slope / self.n).collect();
        (-value / self.n, gradient)
    }
}

impl<L: LogLikelihood> CostFunction for Negative<'_, L> {
    type Param = Vec<f64>;
    type Output = f64;
    type Error = Infallible;

    fn cost(&self, log_params: &Vec<f64>) -> Result<f64, Infallible> {
        Ok(self.slope(log_params).0)
    }
}

impl<L: LogLikelihood> Gradient for Negative<'_, L> {
    type Gradient = Vec<f64>;

    fn gradient(&self, log_params: &Vec<f64>) -> Result<Vec<f64>, Infallible> {
        Ok(self.slope(log_params).1)
    }

    fn cost_and_gradient(&self, log_params: &Vec<f64>) -> Result<(f64, Vec<f64>), Infallible> {
        Ok(self.slope(log_params))
    }
}

/// One search: where it ended, its cost and its evaluations.
fn search<L: LogLikelihood>(likelihood: &L, start: &[f64], tolerance: f64) -> (Vec<f64>, f64, u64) {
    let n = likelihood.n_observations();
    let bfgs = Bfgs::with_line_search(HagerZhang::new()).with_absolute_gradient_tolerance(tolerance);
    let state = FirstOrderState::new(start.to_vec());
    match Executor::new(Negative { likelihood, n }, bfgs, state).max_iter(MOST_ITERATIONS).run() {
        Ok(result) => (result.best_param().clone(), result.best_cost(), result.cost_evals()),
        Err(impossible) => match impossible {},
    }
}

/// The largest likelihood from several starts, which are told apart on a part of the population, if one is given; `None`
/// if none of them leads to a finite one.
#[must_use]
pub fn maximise<L: LogLikelihood>(likelihood: &L, part: Option<&L>, starts: &[Vec<f64>]) -> Option<Maximum> {
    let n = likelihood.n_observations();
    let mut n_evaluations = 0;
    let mut best: Option<(Vec<f64>, f64)> = None;
    for start in starts {
        let (params, cost, evaluations) = search(part.unwrap_or(likelihood), start, ROUGH);
        n_evaluations += if part.is_some() { 0 } else { evaluations };
        if cost.is_finite() && best.as_ref().is_none_or(|(_, least)| cost < *least) {
            best = Some((params, cost));
        }
    }
    let (mut log_params, _, evaluations) = search(likelihood, &best?.0, FINE);
    n_evaluations += evaluations;
    let size = |slope: &Slope| slope.gradient.iter().fold(0.0_f64, |most, part| most.max(part.abs())) / n;
    let mut slope = likelihood.at(&log_params);
    let hessian = hessian(likelihood, &log_params);
    // Newton's steps with one Hessian take off what the search left: its end then does not depend on its start.
    if let Some(factor) = hessian.cholesky() {
        for _ in 0..4 {
            let gradient: Vec<f64> = slope.gradient.iter().take(log_params.len()).copied().collect();
            let moved: Vec<f64> =
                log_params.iter().zip(factor.solve_factored(&gradient)).map(|(at, step)| at + step).collect();
            let there = likelihood.at(&moved);
            n_evaluations += 1;
            let is_nearer = size(&there) < size(&slope);
            if !is_nearer {
                break;
            }
            (log_params, slope) = (moved, there);
        }
    }
    let gradient_norm = size(&slope);
    // Parameters that run off without end are no maximum, however small the slope has become there.
    let is_finite = slope.value.is_finite()
        && gradient_norm.is_finite()
        && log_params.iter().all(|log| log.abs() <= MOST_LOG);
    is_finite.then(|| Maximum {
        log_likelihood: slope.value,
        gradient_norm,
        converged: gradient_norm < CONVERGED,
        condition: hessian.condition(),
        covariance: hessian.inverse(),
        hessian,
        n_starts: starts.len(),
        n_evaluations: n_evaluations + 2 * log_params.len() as u64 + 1,
        log_params,
    })
}

/// Hessian of the negative log-likelihood by the logarithms of the parameters: central differences of the gradient.
fn hessian<L: LogLikelihood>(likelihood: &L, log_params: &[f64]) -> Matrix {
    let n = log_params.len();
    let mut hessian = Matrix::zeros(n);
    let mut rows = Vec::with_capacity(n);
    for of in 0..n {
        let at = |step: f64| {
            let mut moved = log_params.to_vec();
            moved[of] += step;
            likelihood.at(&moved).gradient
        };
        let (above, below) = (at(STEP), at(-STEP));
        rows.push((0..n).map(|by| (below[by] - above[by]) / (2.0 * STEP)).collect::<Vec<f64>>());
    }
    for (row, slopes) in rows.iter().enumerate() {
        for (column, mirrored) in rows.iter().enumerate() {
            hessian.set(row, column, 0.5 * (slopes[column] + mirrored[row]));
        }
    }
    hessian
}

/// A timing model with its parameters and how far they can be trusted.
#[derive(Clone, Debug)]
pub struct TimingFit {
    /// The model that was asked for.
    pub model: Model,
    /// What to predict with: the model, or the NBD where dropout is not identified.
    pub timing: Timing,
    /// Largest log-likelihood of [`Self::timing`].
    pub maximum: Maximum,
    /// Largest log-likelihood of the model that was asked for, as far as the search came.
    pub log_likelihood: f64,
    /// Largest log-likelihood of the NBD, the limit without dropout.
    pub nbd_log_likelihood: f64,
    /// Whether the data tell dropout from slow buying: the model converged to a maximum with a definite Hessian that
    /// beats the NBD by at least 2 in log-likelihood, as Akaike's criterion asks of two more parameters.
    pub dropout_identified: bool,
    /// Customers.
    pub n_customers: u64,
    /// Distinct histories.
    pub n_distinct: usize,
}

impl TimingFit {
    /// Standard errors of the parameters of [`Self::timing`]; `None` where the Hessian is not definite.
    #[must_use]
    pub fn std_errors(&self) -> Option<Vec<f64>> {
        let covariance = self.maximum.covariance.as_ref()?;
        let params = self.timing.params();
        Some((0..params.len()).map(|i| params[i] * covariance.at(i, i).sqrt()).collect())
    }
}

/// Fits a timing model to a population.
///
/// # Errors
/// [`Unfit`]: nobody bought twice, all histories are alike, or the likelihood has no maximum even without dropout.
pub fn fit_timing(model: Model, histories: &Histories) -> Result<TimingFit, Unfit> {
    if histories.n_repeaters() == 0 {
        return Err(Unfit::NoRepeatBuyers);
    }
    if histories.tuples().len() <= model.n_params() {
        return Err(Unfit::TooFewHistories);
    }
    let exposure: f64 =
        histories.tuples().iter().map(|tuple| f64::from(tuple.n) * histories.units(tuple.history.age)).sum();
    let rate = histories.n_repeats() / exposure;
    let (_, most_age) = histories.most();
    let span = histories.units(most_age);
    let nbd_starts: Vec<Vec<f64>> =
        [0.3, 1.0, 3.0].iter().map(|r: &f64| vec![r.ln(), (r / rate).ln()]).collect();
    let thinned = histories.thinned(PART);
    let part = thinned.as_ref();
    let nbd_part = part.map(|histories| Nbd { histories });
    let nbd = maximise(&Nbd { histories }, nbd_part.as_ref(), &nbd_starts);
    let geometric = |from_first: bool| {
        let of = |histories| BetaGeometric { histories, from_first };
        maximise(&of(histories), part.map(of).as_ref(), &starts_bg(nbd.as_ref(), rate))
    };
    let found = match model {
        Model::Nbd => None,
        Model::BgNbd => geometric(false),
        Model::MbgNbd => geometric(true),
        Model::ParetoNbd => {
            let starts = starts_pareto(nbd.as_ref(), rate, span);
            maximise(&ParetoNbd::new(histories), part.map(ParetoNbd::new).as_ref(), &starts)
        }
    };
    let nbd_log_likelihood = nbd.as_ref().map_or(f64::NEG_INFINITY, |nbd| nbd.log_likelihood);
    let log_likelihood = found.as_ref().map_or(nbd_log_likelihood, |found| found.log_likelihood);
    let is_identified = |found: &Maximum| {
        let gain = found.log_likelihood - nbd_log_likelihood;
        let ends = found.log_params.get(2).is_some_and(|log| *log <= MOST_LOG_SHAPE);
        found.converged && found.covariance.is_some() && gain >= GAIN_OF_DROPOUT && ends
    };
    let identified = found.filter(is_identified).map(|found| (model, found));
    let dropout_identified = identified.is_some();
    let nbd = nbd.filter(|nbd| nbd.converged && nbd.covariance.is_some()).map(|nbd| (Model::Nbd, nbd));
    let (used, maximum) = identified.or(nbd).ok_or(Unfit::NoMaximum)?;
    let params: Vec<f64> = maximum.log_params.iter().map(|log| log.exp()).collect();
    Ok(TimingFit {
        model,
        timing: Timing::new(used, &params, histories.unit_days()),
        maximum,
        log_likelihood,
        nbd_log_likelihood,
        dropout_identified,
        n_customers: histories.n_customers(),
        n_distinct: histories.tuples().len(),
    })
}

/// Starts of the models with dropout after purchases: beside the NBD, and on both sides of what is usual.
fn starts_bg(nbd: Option<&Maximum>, rate: f64) -> Vec<Vec<f64>> {
    let beside = nbd.map_or((0.5, 0.5 / rate), |nbd| (nbd.log_params[0].exp(), nbd.log_params[1].exp()));
    [(beside.0, beside.1, 0.8, 3.0), (1.0, 0.5 / rate, 1.0, 1.0), (beside.0, beside.1, 0.3, 10.0)]
        .iter()
        .map(|(r, alpha, a, b)| [*r, *alpha, *a, *b].iter().map(|value: &f64| value.ln()).collect())
        .collect()
}

/// Starts of the Pareto/NBD: half of the customers lost within half of the span, within all of it, and later.
fn starts_pareto(nbd: Option<&Maximum>, rate: f64, span: f64) -> Vec<Vec<f64>> {
    let beside = nbd.map_or((0.5, 0.5 / rate), |nbd| (nbd.log_params[0].exp(), nbd.log_params[1].exp()));
    [
        (beside.0, beside.1, 0.6, 0.5 * span),
        (1.0, 0.5 / rate, 1.0, span),
        (beside.0, beside.1, 1.0, 5.0 * span),
    ]
    .iter()
    .map(|(r, alpha, s, beta)| [*r, *alpha, *s, *beta].iter().map(|value: &f64| value.ln()).collect())
    .collect()
}

/// The log-likelihood of a population under given parameters.
#[must_use]
pub fn log_likelihood(timing: &Timing, histories: &Histories) -> f64 {
    let log_params: Vec<f64> = timing.params().iter().map(|param| param.ln()).collect();
    let slope = match timing.model() {
        Model::Nbd => Nbd { histories }.at(&log_params),
        Model::BgNbd => BetaGeometric { histories, from_first: false }.at(&log_params),
        Model::MbgNbd => BetaGeometric { histories, from_first: true }.at(&log_params),
        Model::ParetoNbd => ParetoNbd::new(histories).at(&log_params),
    };
    slope.value
}
