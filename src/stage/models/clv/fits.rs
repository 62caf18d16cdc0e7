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

    /// The models by log-likelihood, the greatest first, equal ones as they were tried.
    fn best_first(&self) -> Vec<Model> {
        let mut trials: Vec<&Trial> =
            self.trials.iter().filter(|trial| trial.log_likelihood.is_finite()).collect();
        trials.sort_by(|a, b| b.log_likelihood.total_cmp(&a.log_likelihood));
        trials.into_iter().map(|trial| trial.model).collect()
    }
}

/// The model that is used, its fit on everything, and why it is this one.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) fitted: Fitted,
    pub(super) why: String,
}

/// Fits the model that the config names, or that does best on the held-out days among those whose dropout everything that
/// is known tells from slow buying; where none does, the best. Without such days, the one of the greatest log-likelihood.
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
    let tried = trials.map(Trials::best_first).unwrap_or_default();
    let (timing, why) = match (models, tried.as_slice()) {
        ([named], _) => (fit_timing(*named, &histories)?, "the config names it".to_owned()),
        (_, [best, next @ ..]) => {
            let (timing, not_told) = first_told(*best, next, &histories)?;
            let names: Vec<&str> = not_told.iter().map(|model| model.name()).collect();
            let passed_over = match names.as_slice() {
                [] => String::new(),
                names => format!("; over all days dropout cannot be told by {}", names.join(", ")),
            };
            let why = format!(
                "the greatest log-likelihood of the held-out days among {}{passed_over}",
                listed(trials.iter().flat_map(|trials| &trials.trials))
            );
            (timing, why)
        }
        (_, []) => {
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

/// The fit of the first model whose dropout is identified, with those that were passed over; of none, that of the best.
fn first_told(best: Model, next: &[Model], histories: &Histories) -> Result<(TimingFit, Vec<Model>), Unfit> {
    let first = fit_timing(best, histories);
    if first.as_ref().is_ok_and(|first| first.dropout_identified) {
        return first.map(|first| (first, Vec::new()));
    }
    let mut not_told = vec![best];
    for &model in next {
        match fit_timing(model, histories) {
            Ok(timing) if timing.dropout_identified => return Ok((timing, not_told)),
            _ => not_told.push(model),
        }
    }
    first.map(|first| (first, Vec::new()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clv::spend::Spend;

    /// Splitmix64, as a fraction of one.
    fn draw(state: &mut u64) -> f64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// A third who seldom comes a second time, and two thirds who stay: dropout from the first purchase on explains that,
    /// dropout after repeat purchases does not.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days of a year")]
    fn once_or_always() -> Population {
        let (mut population, mut state) = (Population::default(), 1);
        for customer in 0..600_u32 {
            let age = 200 + customer % 100;
            let leaves = [0.0, 0.0, 0.0, 0.05, 0.9, 0.98][customer as usize % 6];
            let mut log = || draw(&mut state).max(1e-9).ln();
            let rate = -(log() + log()) / 60.0;
            let (mut at, mut x, mut last) = (0.0, 0, 0);
            while draw(&mut state) >= leaves {
                at -= draw(&mut state).max(1e-9).ln() / rate;
                if at >= f64::from(age + 1) {
                    break;
                }
                if at as u32 > last {
                    (x, last) = (x + 1, at as u32);
                }
            }
            population.customers.push(customer);
            population.histories.push(History { x, age, recency: last });
            population.spends.push(Spend { x, total: f64::from(x * (10 + customer % 7)) });
        }
        population
    }

    fn trials(models: &[(Model, f64)], population: &Population) -> Trials {
        let histories = Histories::of(&population.histories, 1);
        let trial = |(model, log_likelihood): &(Model, f64)| Trial {
            model: *model,
            timing: fit_timing(*model, &histories).unwrap(),
            log_likelihood: *log_likelihood,
            expected: Vec::new(),
        };
        Trials { trials: models.iter().map(trial).collect(), ..Trials::default() }
    }

    #[test]
    fn a_model_that_cannot_tell_dropout_gives_way_to_the_next_best_that_can() {
        use Model::{BgNbd, MbgNbd};
        let population = once_or_always();
        let chosen = |models: &[Model], scores: &[(Model, f64)]| {
            choose(models, Some(&trials(scores, &population)), &population, 1).unwrap()
        };
        let next = chosen(&Model::WITH_DROPOUT, &[(BgNbd, -100.0), (MbgNbd, -120.0)]);
        assert_eq!((next.fitted.timing.model, next.fitted.timing.dropout_identified), (MbgNbd, true));
        assert!(next.why.ends_with("over all days dropout cannot be told by bg_nbd"), "{}", next.why);
        // The best one is asked first, whichever was tried first; what the scores do not tell takes no part.
        let best = chosen(&Model::WITH_DROPOUT, &[(BgNbd, -120.0), (MbgNbd, -100.0)]);
        assert_eq!(best.fitted.timing.model, MbgNbd);
        assert!(!best.why.contains("cannot be told"), "{}", best.why);
        // Where none can, and where the config names one, it stays, as the NBD.
        for models in [&Model::WITH_DROPOUT[..], &[BgNbd]] {
            let none = chosen(models, &[(BgNbd, -100.0), (MbgNbd, f64::NAN)]);
            assert_eq!((none.fitted.timing.model, none.fitted.timing.dropout_identified), (BgNbd, false));
        }
    }
}
