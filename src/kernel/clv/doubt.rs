//! Parameters as they might be as well: eight equally likely sets that stand for what the data leave open.
//!
//! With `L Lᵀ` the covariance of the logarithms of the parameters, point `k` lies at `θ + L ε_k`, where `ε` runs through the
//! rows of an 8 × 7 Hadamard design: every one of seven parameters is ±1, any two are uncorrelated. So the eight points have
//! exactly the mean and the covariance of the estimates, four of the timing and three of the spend, and a result that is
//! linear in them has exactly the variance that the delta method gives; one that is not is averaged over.

//!
//! What the data leave wholly open is taken to be known to a factor of `e²`, as if by a prior of that width: a parameter that
//! could be anything would say nothing of what comes.

use super::fit::{Maximum, TimingFit};
use super::matrix::Matrix;
use super::spend::{GammaGamma, SpendFit, model_at};
use super::timing::Timing;

/// Precision of the logarithm of a parameter that is added to that of the data: standard deviation 2.
const PRECISION: f64 = 0.25;

/// Points.
pub const POINTS: usize = 8;

/// The sign of a parameter (0 to 6) at a point.
fn sign(point: usize, parameter: usize) -> f64 {
    if (point & (parameter + 1)).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// Logarithms of the parameters at a point; those of the maximum where the search ended at no maximum.
fn moved(maximum: &Maximum, point: usize, first_parameter: usize) -> Vec<f64> {
    let covariance = maximum.hessian.with_diagonal_plus(PRECISION).inverse();
    let Some(lower) = covariance.as_ref().and_then(Matrix::cholesky) else {
        return maximum.log_params.clone();
    };
    let of = |row: usize| -> f64 {
        (0..=row).map(|column| lower.at(row, column) * sign(point, first_parameter + column)).sum()
    };
    maximum.log_params.iter().enumerate().map(|(row, at)| at + of(row)).collect()
}

/// The timing model at each point.
#[must_use]
pub fn timings(fit: &TimingFit) -> [Timing; POINTS] {
    std::array::from_fn(|point| {
        let params: Vec<f64> = moved(&fit.maximum, point, 0).iter().map(|log| log.exp()).collect();
        Timing::new(fit.timing.model(), &params, fit.timing.unit_days())
    })
}

/// The spend model at each point.
#[must_use]
pub fn spends(fit: &SpendFit) -> [GammaGamma; POINTS] {
    std::array::from_fn(|point| model_at(&moved(&fit.maximum, point, 4)))
}
