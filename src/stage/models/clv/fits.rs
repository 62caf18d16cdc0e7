//! Which model, with which parameters: tried on the held-out days, then fitted on everything.

use super::population::Population;
use crate::config::ClvModel;
use crate::kernel::clv::fit::{TimingFit, Unfit, fit_timing, log_likelihood};
use crate::kernel::clv::forecast::expected_purchases;
use crate::kernel::clv::histories::{Histories, History};
use crate::kernel::clv::spend::{SpendFit, fit_spend};
use crate::kernel::clv::timing::Model;
use crate::stage::features::{Features, Held};

/// Customers and repeat buyers below which a value of `clv.segment_by` has no fit of its own: four parameters of timing and
/// three of spend are told from no fewer.
pub(super) const MIN_CUSTOMERS: usize = 100;
pub(super) const MIN_REPEATERS: usize = 30;

/// A model of timing and one of spend, each as far as it could be fitted.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) timing: TimingFit,
    pub(super) spend: Result<SpendFit, Unfit>,
}

/// What a model says of the held-out days.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) model: Model,
    /// Fitted on what was before them.
    pub(super) timing: TimingFit,
    /// Log-likelihood of what came, given what was before.
    pub(super) log_likelihood: f64,
    /// Expected purchases by customer of the calibration.
    pub(super) expected: Vec<f64>,
}

/// Every model that was asked for, tried on the held-out days.
#[derive(Debug, Default)]
pub(super) struct Trials {
    pub(super) calibrated: Population,
    /// Those that could be fitted.
    pub(super) trials: Vec<Trial>,
    /// Why the others could not.
    pub(super) unfit: Vec<(Model, Unfit)>,
    pub(super) spend: Option<Result<SpendFit, Unfit>>,
}

/// The models that a config asks for.
pub(super) fn asked(model: ClvModel) -> Vec<Model> {
    match model {
        ClvModel::None => Vec::new(),
        ClvModel::Auto => Model::WITH_DROPOUT.to_vec(),
        ClvModel::BgNbd => vec![Model::BgNbd],
        ClvModel::MbgNbd => vec![Model::MbgNbd],
        ClvModel::ParetoNbd => vec![Model::ParetoNbd],
    }
}

impl Trials {
    /// Fits the models on what was before the held-out days and asks them what came.
    pub(super) fn of(
        models: &[Model],
        features: &Features,
        held: &Held,
        calibrated: Population,
        unit_days: u32,
    ) -> Self {
        let before = Histories::of(&calibrated.histories, unit_days);
        let then: Vec<History> = calibrated
            .customers
            .iter()
            .filter_map(|customer| {
                let sums = features.total.get(*customer as usize)?;
                let (first, last) = sums.days?;
                let days = |n: i32| u32::try_from(n).unwrap_or(0);
                let x = sums.n_active_days.saturating_sub(1);
                Some(History { x, age: days(features.as_of - first), recency: days(last - first) })
            })
            .collect();
        let then = Histories::of(&then, unit_days);
        let (mut trials, mut unfit) = (Vec::new(), Vec::new());
        for &model in models {
            let timing = match fit_timing(model, &before) {
                Ok(timing) => timing,
                Err(why) => {
                    unfit.push((model, why));
                    continue;
                }
            };
            let by_tuple =
                expected_purchases(&timing.timing, &before, u32::try_from(held.days).unwrap_or_default());
            let expected = |tuple: &u32| by_tuple.get(*tuple as usize).copied().unwrap_or_default();
            trials.push(Trial {
                model,
                log_likelihood: log_likelihood(&timing.timing, &then)
                    - log_likelihood(&timing.timing, &before),
                expected: before.tuple_of().iter().map(expected).collect(),
                timing,
            });
        }
        let spend = (!trials.is_empty()).then(|| fit_spend(&calibrated.spends));
        Self { calibrated, trials, unfit, spend }
    }

    /// The model of the greatest log-likelihood, the first of equal ones.
    fn best(&self) -> Option<&Trial> {
        let mut best: Option<&Trial> = None;
        for trial in self.trials.iter().filter(|trial| trial.log_likelihood.is_finite()) {
            if best.is_none_or(|best| trial.log_likelihood > best.log_likelihood) {
                best = Some(trial);
            }
        }
        best
    }
}

/// The model that is used, its fit on everything, and why it is this one.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) fitted: Fitted,
    pub(super) why: String,
}

/// Fits the model that the config names, or that does best on the held-out days; without such days, the one of the
/// greatest log-likelihood.
///
/// # Errors
/// [`Unfit`] of the model, or of the last that was tried.
pub(super) fn choose(
    models: &[Model],
    trials: Option<&Trials>,
    population: &Population,
    unit_days: u32,
) -> Result<Chosen, Unfit> {
    let histories = Histories::of(&population.histories, unit_days);
    let (timing, why) = match (models, trials.and_then(Trials::best)) {
        ([named], _) => (fit_timing(*named, &histories)?, "the config names it".to_owned()),
        (_, Some(best)) => {
            let why = format!(
                "the greatest log-likelihood of the held-out days among {}",
                listed(trials.iter().flat_map(|trials| &trials.trials))
            );
            (fit_timing(best.model, &histories)?, why)
        }
        _ => {
            let mut best: Result<TimingFit, Unfit> = Err(Unfit::TooFewHistories);
            for &model in models {
                best = match (best, fit_timing(model, &histories)) {
                    (Ok(best), Ok(next)) if next.maximum.log_likelihood > best.maximum.log_likelihood => {
                        Ok(next)
                    }
                    (Ok(best), _) => Ok(best),
                    (Err(_), next) => next,
                };
            }
            (best?, "the greatest log-likelihood: no days could be held out to try the models on".to_owned())
        }
    };
    Ok(Chosen { fitted: Fitted { timing, spend: fit_spend(&population.spends) }, why })
}

fn listed<'a>(trials: impl Iterator<Item = &'a Trial>) -> String {
    let each = trials.map(|trial| format!("{} {:.3}", trial.model.name(), trial.log_likelihood));
    each.collect::<Vec<_>>().join(", ")
}

/// Fits the chosen model on one value of `clv.segment_by`.
///
/// # Errors
/// Why the value has the fit of all.
pub(super) fn fit_group(model: Model, group: &Population, unit_days: u32) -> Result<Fitted, String> {
    let n_repeaters = group.n_repeaters();
    if group.customers.len() < MIN_CUSTOMERS || n_repeaters < MIN_REPEATERS {
        return Err(format!(
            "fewer than {MIN_CUSTOMERS} customers or {MIN_REPEATERS} repeat buyers: {} and {n_repeaters}",
            group.customers.len()
        ));
    }
    let timing = fit_timing(model, &Histories::of(&group.histories, unit_days))
        .map_err(|why| why.text().to_owned())?;
    if !timing.dropout_identified {
        return Err("its dropout cannot be told from slow buying".to_owned());
    }
    let spend = fit_spend(&group.spends).map_err(|why| why.text().to_owned())?;
    Ok(Fitted { timing, spend: Ok(spend) })
}
